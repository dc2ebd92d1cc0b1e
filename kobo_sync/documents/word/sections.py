"""The sections of a template that nothing is left of go with their headings, and the rest is numbered without a gap."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from docx.document import Document as WordDocument

from kobo_sync.documents.word import islands
from kobo_sync.documents.word.styles import heading_level
from kobo_sync.documents.word.wordml import W

_CHAPTER = re.compile(r"(\d+)(\.\s)")
_SECTION = re.compile(r"(\d+)\.(\d+)(\s)")
_ANNEX = re.compile(r"([^\W\d]+\s)(\d+)(\.\s)")  # « Annexe 3. »
_SHOWN = (f"{W}drawing", f"{W}sectPr", f"{W}sdt", f"{W}object", f"{W}pict")


def close_up(document: WordDocument, bared: Sequence[Any]) -> None:
    """Remove those of the headings *bared* that stand over nothing, and those over them that then do; number what follows anew.

    A document of which no heading goes keeps its numbers, whatever they are.
    """
    level_of = partial(heading_level, document)
    candidates = {id(heading) for heading in bared if heading is not None}
    removed = False
    for heading in reversed(list(document.element.body.iterchildren(f"{W}p"))):
        level = level_of(heading)
        if not level or id(heading) not in candidates:
            continue
        below = _own(heading, level_of)
        follower = below[-1].getnext() if below else heading.getnext()
        has_sections = follower is not None and 0 < level < level_of(follower)
        if has_sections or any(not _is_blank(element) for element in below):
            continue
        above = next(
            (each for each in heading.itersiblings(f"{W}p", preceding=True) if 0 < level_of(each) < level), None
        )
        candidates |= {id(above)} if above is not None else set()
        for element in (*below, heading):
            element.getparent().remove(element)
        removed = True
    if removed:
        _renumber(document)


def _own(heading: Any, level_of: Callable[[Any], int]) -> list[Any]:
    """What stands below *heading*, up to the next heading of any level or the end of the document."""
    below = []
    for element in heading.itersiblings():
        if level_of(element) or element.tag == f"{W}sectPr":
            break
        below.append(element)
    return below


def _is_blank(element: Any) -> bool:
    if element.tag != f"{W}p":
        return False
    return not islands.plain(element).strip() and next(element.iter(*_SHOWN), None) is None


def _renumber(document: WordDocument) -> None:
    counts: Counter[str] = Counter()
    for heading in document.element.body.iterchildren(f"{W}p"):
        if not heading_level(document, heading):
            continue
        text = islands.plain(heading)
        if match := _SECTION.match(text):
            counts["section"] += 1
            number = f"{counts['chapter']}.{counts['section']}{match[3]}"
        elif match := _CHAPTER.match(text):
            counts["chapter"] += 1
            counts["section"] = 0
            number = f"{counts['chapter']}{match[2]}"
        elif match := _ANNEX.match(text):
            counts[match[1]] += 1
            number = f"{match[1]}{counts[match[1]]}{match[3]}"
        else:
            continue
        _put(heading, match.end(), number)


def _put(heading: Any, end: int, number: str) -> None:
    """Write *number* over the first *end* characters of the heading."""
    position = 0
    for node in islands.text_nodes(heading):
        text = node.text or ""
        if position < end:
            node.text = (number if position == 0 else "") + text[max(0, end - position) :]
            node.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
        position += len(text)
