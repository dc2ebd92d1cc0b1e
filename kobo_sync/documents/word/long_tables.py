"""Long tables whose rows stand as text in the tree: as an element per cell they take ten times as much memory until the file is saved.

A document is told to hold them so (`lighten`), and only what is asked of rows there knows it: their words (`elements`), and the
file (`with_rows`). The text is a processing instruction, which goes wherever its table goes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any
from weakref import WeakSet

from docx.document import Document as WordDocument
from lxml import etree

from kobo_sync.documents.word.captions import labels
from kobo_sync.documents.word.wordml import W, parsed

_NAME = "kobo-sync-rows"
_LONG = 100  # rows: shorter tables are elements as ever
_AT_ONCE = 100  # rows in one text: so many are elements for a moment when their words are asked for
_light: WeakSet[Any] = WeakSet()  # the main parts of open documents


def lighten(document: WordDocument) -> None:
    """From now on the rows of long tables written in *document* stand there as text.

    Not where its file calls Word's elements by another prefix than ours.
    """
    if [prefix for prefix, name in document.element.nsmap.items() if name == W[1:-1]] == ["w"]:
        _light.add(document.part)


def extend(document: WordDocument, table: Any, rows: Sequence[str]) -> None:
    """Adds *rows*, the XML of each, to the ``w:tbl`` *table*; those between the first and the last as text, where it is long and *document* light.

    Where a cell begins as a caption does, its number may have to change later: such a table is one of elements.
    """
    if len(rows) <= _LONG or document.part not in _light or any(map(_may_be_caption().search, rows)):
        table.extend(parsed("".join(rows)))
        return
    table.extend(parsed(rows[0]))
    for start in range(1, len(rows) - 1, _AT_ONCE):
        table.append(etree.ProcessingInstruction(_NAME, "".join(rows[start : min(start + _AT_ONCE, len(rows) - 1)])))
    table.extend(parsed(rows[-1]))


def elements(root: Any, *tags: str, without: Callable[[Any], bool] | None = None) -> Iterator[Any]:
    """The elements of *tags* below *root* in the order of the text, with those of rows that stand there as text: to be looked at alone.

    *without*: those for which it holds are left out, and what is as text in such.
    """
    for element in root.iter(*tags, etree.ProcessingInstruction):
        if without is not None and without(element):
            continue
        if isinstance(element.tag, str):
            yield element
        elif element.target == _NAME:
            for row in parsed(element.text or ""):
                yield from row.iter(*tags)


def cleared(document: WordDocument) -> WordDocument:
    """*document*, just opened, without texts that call themselves rows: no file of ours has any."""
    for element in list(document.element.iter(etree.ProcessingInstruction)):
        if element.target == _NAME:
            element.getparent().remove(element)
    return document


def with_rows(part: bytes) -> bytes:
    """The XML of a document whose rows are what `extend` was given; of another one as it is."""
    start = f"<?{_NAME} ".encode()
    if start not in part:
        return part
    return part.replace(start, b"").replace(b"</w:tr>?>", b"</w:tr>")


@cache
def _may_be_caption() -> re.Pattern[str]:
    return re.compile(rf">(?:{'|'.join(labels())})(?:\s|<)")
