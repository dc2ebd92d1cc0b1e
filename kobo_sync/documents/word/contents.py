"""The table of contents of a Word file: a field that Word brings up to date, with entries that every program shows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from docx.document import Document as WordDocument
from docx.oxml.ns import qn

from kobo_sync.documents.word import islands
from kobo_sync.documents.word.styles import style_id
from kobo_sync.documents.word.wordml import W, paragraph, parsed, runs

LEVELS = (1, 2)
_IS_CONTENTS = re.compile(r"\s*TOC\b")
_INSTRUCTION = f' TOC \\o "{LEVELS[0]}-{LEVELS[-1]}" \\h \\z \\u '
_MARKS = "_Toc"  # Word's own name for the places that a table of contents points to
_FIRST_ID = 2_000_000  # of those bookmarks; the islands' own are below


@dataclass(frozen=True)
class _Entry:
    """A heading of the text: its level from 1, its words, the bookmark that the entry points to."""

    level: int
    words: str
    mark: str


_Heading = tuple[Any, int, str]  # its paragraph, level, words


def placeholder() -> list[Any]:
    """The runs of an empty field, for `refresh` to fill."""
    return list(parsed(f"<w:p>{_begin()}{_end()}</w:p>")[0])


def refresh(document: WordDocument) -> bool:
    """Fill the field with the headings of today; returns whether it changed. Where they are the same it stays as it is,
    with the page numbers that Word gave it: only Word knows them, and it is told to look at them when it opens the file.
    """
    lines = _field(document.element.body)
    if not lines:
        return False
    headings = list(_headings(document, lines))
    titles = [words for _, _, words in headings]
    if titles and titles == [_title(line) for line in lines]:
        return False
    return _rewrite(document, lines, headings, as_field=True)


def for_libreoffice(document: WordDocument) -> None:
    """Puts the entries of today in place of the field: outside of one LibreOffice works out their page numbers."""
    lines = _field(document.element.body)
    if lines:
        _rewrite(document, lines, list(_headings(document, lines)), as_field=False)


def _rewrite(document: WordDocument, lines: Sequence[Any], headings: Sequence[_Heading], *, as_field: bool) -> bool:
    entries = [_Entry(level, words, _marked(document, heading)) for heading, level, words in headings]
    if not entries:
        return False
    for element in _written(document, entries, as_field=as_field):
        lines[0].addprevious(element)
    for line in lines:
        line.getparent().remove(line)
    return True


def _field(body: Any) -> list[Any]:
    """The paragraphs that the field spans, side by side; none where the document has no such field."""
    for instruction in body.iter(f"{W}instrText"):
        if _IS_CONTENTS.match(instruction.text or ""):
            first = next(instruction.iterancestors(f"{W}p"))
            lines, depth = [first], _depth(first)
            while depth > 0:
                line = lines[-1].getnext()
                if line is None:
                    return []
                lines.append(line)
                depth += _depth(line)
            return lines
    return []


def _depth(element: Any) -> int:
    kinds = [mark.get(f"{W}fldCharType") for mark in element.iter(f"{W}fldChar")]
    return kinds.count("begin") - kinds.count("end")


def _title(line: Any) -> str:
    """The words of an entry, without its page number."""
    tab = next((node for node in line.iter(f"{W}tab") if node.getparent().tag == f"{W}r"), None)
    words = []
    for node in line.iter(f"{W}t", f"{W}tab"):
        if node is tab:
            break
        if node.tag == f"{W}t":
            words.append(node.text or "")
    return "".join(words).strip()


def _headings(document: WordDocument, lines: Sequence[Any]) -> Iterator[_Heading]:
    levels = {style_id(document, f"Heading {level}"): level for level in LEVELS}
    for look in document.element.body.iter(f"{W}pStyle"):
        level = levels.get(look.get(f"{W}val"))
        heading = look.getparent().getparent()
        words = islands.plain(heading).strip() if level else ""
        if level and words and heading not in lines:
            yield heading, level, words


def _marked(document: WordDocument, heading: Any) -> str:
    """The name of the heading's bookmark, which is put there when it has none."""
    for mark in heading.iter(f"{W}bookmarkStart"):
        if str(mark.get(f"{W}name")).startswith(_MARKS):
            return str(mark.get(f"{W}name"))
    marks = list(document.element.body.iter(f"{W}bookmarkStart"))
    names = {mark.get(f"{W}name") for mark in marks}
    ids = [int(mark.get(f"{W}id")) for mark in marks if str(mark.get(f"{W}id")).isdigit()]
    number = max(_FIRST_ID, *ids, 0) + 1
    name = next(name for n in range(1, len(marks) + 2) if (name := f"{_MARKS}{n:06d}") not in names)
    xml = f'<w:p><w:bookmarkStart w:id="{number}" w:name="{name}"/><w:bookmarkEnd w:id="{number}"/></w:p>'
    start, end = parsed(xml)[0]
    properties = heading.find(qn("w:pPr"))
    heading.insert(0 if properties is None else list(heading).index(properties) + 1, start)
    heading.append(end)
    return name


def _written(document: WordDocument, entries: Sequence[_Entry], *, as_field: bool) -> list[Any]:
    xml = []
    for number, entry in enumerate(entries):
        page = (
            f'<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText xml:space="preserve"> PAGEREF {entry.mark} \\h </w:instrText></w:r>'
            '<w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t xml:space="preserve"> </w:t></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r>'
        )
        link = f'<w:hyperlink w:anchor="{entry.mark}" w:history="1">{runs(entry.words)}<w:r><w:tab/></w:r>{page}</w:hyperlink>'
        start = _begin() if as_field and number == 0 else ""
        end = _end() if as_field and number == len(entries) - 1 else ""
        xml.append(paragraph(start + link + end, style=style_id(document, f"toc {entry.level}")))
    return parsed("".join(xml))


def _begin() -> str:
    return (
        '<w:r><w:fldChar w:fldCharType="begin" w:dirty="true"/></w:r>'
        f'<w:r><w:instrText xml:space="preserve">{_INSTRUCTION.replace(chr(34), "&quot;")}</w:instrText></w:r>'
        '<w:r><w:fldChar w:fldCharType="separate"/></w:r>'
    )


def _end() -> str:
    return '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
