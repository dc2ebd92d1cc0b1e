"""Word files: pages, tables, pictures; with `word_styles`, the only user of python-docx."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from docx import Document as new_docx
from docx.document import Document as WordDocument
from docx.enum.section import WD_ORIENT
from docx.image.exceptions import UnrecognizedImageError
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.oxml.shape import CT_Inline
from docx.shared import Cm

from kobo_sync.documents import french
from kobo_sync.documents.script import clean, is_arabic
from kobo_sync.documents.word_styles import dress
from kobo_sync.documents.wordml import (
    BAND,
    INK,
    MUTED,
    PALE,
    RULE,
    TOTAL,
    right_to_left,
    sub,
    twips,
    write,
    write_field,
)

EPOCH = datetime(1980, 1, 1, tzinfo=UTC)
_KEEP_WHOLE = 14  # a table of so many rows is never cut by a page


@dataclass(frozen=True)
class Picture:
    """Image bytes (PNG or JPEG) with the text that stands for it; *width_cm* or *height_cm* in centimetres.

    Both given: the picture fits inside, its proportions kept.
    """

    content: bytes
    alt: str
    width_cm: float = 0
    height_cm: float = 0


@dataclass(frozen=True)
class Cell:
    """A table cell: *text*, a second line *below* (smaller), or a *picture*."""

    text: str = ""
    below: str = ""
    picture: Picture | None = None
    bold: bool = False
    italic: bool = False
    fill: str = ""


@dataclass(frozen=True)
class Table:
    """A table ready to write. *widths* in cm; *right* are the columns of numbers; *totals* the last rows in bold."""

    head: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    widths: Sequence[float]
    caption: str = ""
    alt: str = ""
    right: Sequence[int] = ()
    totals: int = 0
    size: float = 9
    row_cm: float = 0
    keep_whole: bool = field(default=True)


# ── the document ────────────────────────────────────────────────────────────


def new_document(
    title: str, *, provenance: str, author: str, landscape: bool = False, subject: str = ""
) -> WordDocument:
    """An A4 document with our styles, *title* in its header, *provenance* and page x / y in its footer."""
    document = new_docx()
    dress(document)
    section = document.sections[0]
    section.page_width, section.page_height = (Cm(29.7), Cm(21)) if landscape else (Cm(21), Cm(29.7))
    section.orientation = WD_ORIENT.LANDSCAPE if landscape else WD_ORIENT.PORTRAIT
    section.left_margin = section.right_margin = Cm(1.5 if landscape else 2.0)
    section.top_margin, section.bottom_margin = Cm(1.6), Cm(1.5)
    section.header_distance = section.footer_distance = Cm(0.7)
    core = document.core_properties
    core.title, core.author, core.last_modified_by = clean(title), clean(author), clean(author)
    core.subject, core.comments, core.language, core.revision = clean(subject), clean(provenance), "fr-FR", 1
    core.keywords = core.category = ""
    _running(section.header.paragraphs[0], title)
    footer = section.footer.paragraphs[0]
    _running(footer, provenance)
    footer.paragraph_format.tab_stops.add_tab_stop(Cm(_text_width_cm(document)), 2)
    write(footer._p, f"\tPage{french.NBSP}", size=8, color=MUTED)
    write_field(footer._p, "PAGE")
    write(footer._p, f"{french.NNBSP}/{french.NNBSP}", size=8, color=MUTED)
    write_field(footer._p, "NUMPAGES")
    return document


def to_bytes(document: WordDocument, when: datetime | None) -> bytes:
    """The .docx file; the same document gives the same bytes, *when* (the data's time) stands as its date."""
    moment = (when or EPOCH).astimezone(UTC).replace(tzinfo=None, microsecond=0)
    document.core_properties.created = document.core_properties.modified = moment
    for number, properties in enumerate(document.element.body.iter(qn("wp:docPr")), 1):
        properties.set("id", str(number))
    raw = io.BytesIO()
    document.save(raw)
    return freeze(raw.getvalue())


def coloured(archive: bytes, colour: str) -> bytes:
    """The same Word file with the mission's *colour* (``#RRGGBB``) in place of the house's ink."""
    wanted = colour.removeprefix("#").upper()
    if wanted == INK:
        return archive
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            is_text = name in ("word/document.xml", "word/styles.xml")
            target.writestr(name, content.replace(INK.encode(), wanted.encode()) if is_text else content)
    return freeze(out.getvalue())


def freeze(archive: bytes) -> bytes:
    """The same zip archive with sorted names and fixed dates, so that equal parts give equal bytes."""
    first = ("[Content_Types].xml", "_rels/.rels")
    frozen = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(frozen, "w") as target:
        for name in sorted(source.namelist(), key=lambda n: (n not in first, n)):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            stored = name.endswith((".png", ".jpg", ".jpeg"))
            entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            entry.create_system = 0
            target.writestr(entry, source.read(name), compresslevel=6)
    return frozen.getvalue()


# ── blocks ──────────────────────────────────────────────────────────────────


def title(document: WordDocument, text: str, subtitle: str = "") -> None:
    """Adds the document's title, and a line below it."""
    write(document.add_paragraph(style="Title")._p, french.typography(text))
    if subtitle:
        paragraph = document.add_paragraph(style="Subtitle")
        write(paragraph._p, french.typography(subtitle))


def logos(document: WordDocument, pictures: Sequence[Picture]) -> None:
    """Adds a line of logos, side by side."""
    line = document.add_paragraph(style="Après tableau")
    for number, picture in enumerate(pictures):
        if number:
            write(line._p, french.NBSP * 6)
        _place(document, line._p, picture)


def heading(document: WordDocument, text: str, level: int = 1) -> None:
    """Adds a heading, kept with what follows."""
    write(document.add_paragraph(style=f"Heading {level}")._p, french.typography(text))


def paragraph(document: WordDocument, text: str, *, style: str = "Normal", keep_with_next: bool = False) -> None:
    """Adds a paragraph of ours: French typography applies; ``**bold**`` parts are bold."""
    added = document.add_paragraph(style=style)
    added.paragraph_format.keep_with_next = keep_with_next or None
    added.paragraph_format.keep_together = True
    for index, part in enumerate(french.typography(text).split("**")):
        write(added._p, part, bold=index % 2 == 1)


def note(document: WordDocument, text: str, *, keep_with_next: bool = False) -> None:
    """Adds a reading note: small and grey."""
    paragraph(document, text, style="Note", keep_with_next=keep_with_next)


def verbatims(document: WordDocument, texts: Sequence[str]) -> None:
    """Adds what people wrote, one bullet each, word for word, in its own direction."""
    for text in texts:
        verbatim(document, text, style="List Bullet")


def verbatim(document: WordDocument, text: str, *, style: str = "Normal") -> None:
    """Adds a text word for word, a paragraph per line, each in its own direction."""
    for line in filter(str.strip, clean(text).split("\n")):
        added = document.add_paragraph(style=style)
        if is_arabic(line):
            right_to_left(added._p)
        write(added._p, line)


def caption(document: WordDocument, kind: str, text: str) -> None:
    """Adds a numbered caption (*kind*: Tableau, Figure), kept with what follows."""
    marker = kind + french.NBSP
    number = 1 + sum(p.text.startswith(marker) for p in document.paragraphs if _style_name(p) == "Caption")
    write(document.add_paragraph(style="Caption")._p, f"{marker}{number} – {french.typography(text)}")


def figure(document: WordDocument, picture: Picture, text: str) -> None:
    """Adds a captioned figure."""
    caption(document, "Figure", text)
    added = document.add_paragraph(style="Figure")
    _place(document, added._p, picture)


def table(document: WordDocument, content: Table) -> None:
    """Adds a table with a repeated header row, and a paragraph after it so that two tables never merge."""
    if content.caption:
        caption(document, "Tableau", content.caption)
    element = _empty_table(document, content)
    keep = content.keep_whole and len(content.rows) <= _KEEP_WHOLE
    if content.head:
        _row(document, element, content, [Cell(text, bold=True) for text in content.head], header=True)
    for index, cells in enumerate(content.rows):
        as_cells = [cell if isinstance(cell, Cell) else Cell(cell) for cell in cells]
        is_last = index == len(content.rows) - 1
        is_total = index >= len(content.rows) - content.totals
        follows = not is_last and (keep or index == 0)
        _row(document, element, content, as_cells, total=is_total, shaded=index % 2 == 1, keep_next=follows)
    document.add_paragraph(style="Après tableau")


def key_figures(document: WordDocument, figures: Sequence[tuple[str, str]]) -> None:
    """Adds a band of big numbers, each with what it means below."""
    width = _text_width_cm(document) / len(figures)
    alt = french.typography("Chiffres clés : " + " ; ".join(f"{small} : {big}" for big, small in figures))
    content = Table(head=(), rows=(), widths=[width] * len(figures), alt=alt)
    element = _empty_table(document, content, borders="FFFFFF", border_size=24)
    row = sub(element, "tr")
    sub(sub(row, "trPr"), "cantSplit")
    for big, small in figures:
        cell = _cell_shell(row, width, BAND)
        for text, size, color, bold, before, after in (
            (big, 17 if len(big) < 16 else 11, INK, True, 100, 0),
            (small, 8.5, "222222", False, 0, 100),
        ):
            block = sub(cell, "p")
            properties = sub(block, "pPr")
            sub(properties, "spacing", before=str(before), after=str(after), line="240", lineRule="auto")
            sub(properties, "jc", val="center")
            write(block, french.typography(text), size=size, bold=bold, color=color)
    document.add_paragraph(style="Après tableau")


def facing(
    document: WordDocument,
    pairs: Sequence[tuple[str, str]],
    *,
    shares: Sequence[float] = (0.58, 0.42),
    label_cm: float = 2.6,
) -> None:
    """Adds a borderless grid of labelled values; *shares* of the width, one per column of pairs."""
    columns = len(shares)
    widths = [width for share in shares for width in (label_cm, _text_width_cm(document) * share - label_cm)]
    element = _empty_table(document, Table((), (), widths, alt="En-tête du document"), borders="")
    for start in range(0, len(pairs), columns):
        row = sub(element, "tr")
        sub(sub(row, "trPr"), "cantSplit")
        line = [*pairs[start : start + columns], *[("", "")] * columns][:columns]
        for index, text in enumerate(text for pair in line for text in pair):
            block = sub(_cell_shell(row, widths[index], "", align="top"), "p")
            properties = sub(block, "pPr")
            if is_arabic(text):
                sub(properties, "bidi")
            sub(properties, "spacing", before="0", after="30", line="240", lineRule="auto")
            write(block, french.typography(text), size=10, bold=index % 2 == 0)
    document.add_paragraph(style="Après tableau")


# ── tables, in raw XML: python-docx's cell(i, j) is quadratic ───────────────


def _empty_table(document: WordDocument, content: Table, *, borders: str = RULE, border_size: int = 4) -> Any:
    made = document.add_table(rows=0, cols=len(content.widths))
    made.autofit = False
    properties = made._tbl.tblPr
    if borders:
        frame = OxmlElement("w:tblBorders")
        for side in ("top", "left", "bottom", "right", "insideH", "insideV"):
            sub(frame, side, val="single", sz=str(border_size), space="0", color=borders)
        after = ("w:shd", "w:tblLayout", "w:tblCellMar", "w:tblLook", "w:tblCaption", "w:tblDescription")
        properties.insert_element_before(frame, *after)
    text = french.typography(clean(content.alt or content.caption))
    if text:
        sub(properties, "tblCaption", val=text[:120])
        sub(properties, "tblDescription", val=text[:1000])
    for column, width in zip(made._tbl.tblGrid.findall(qn("w:gridCol")), content.widths, strict=True):
        column.set(qn("w:w"), str(twips(width)))
    return made._tbl


def _row(
    document: WordDocument,
    element: Any,
    content: Table,
    cells: Sequence[Cell],
    *,
    header: bool = False,
    total: bool = False,
    shaded: bool = False,
    keep_next: bool = False,
) -> None:
    row = sub(element, "tr")
    properties = sub(row, "trPr")
    sub(properties, "cantSplit")
    if content.row_cm and not header:
        sub(properties, "trHeight", val=str(twips(content.row_cm)), hRule="atLeast")
    if header:
        sub(properties, "tblHeader")
    background = INK if header else TOTAL if total else PALE if shaded else ""
    for index, (cell, width) in enumerate(zip(cells, content.widths, strict=True)):
        shell = _cell_shell(row, width, cell.fill or background)
        align = ("center" if header else "right") if index in content.right else ""
        color = "FFFFFF" if header else ""
        bold = cell.bold or total
        _cell_line(
            shell,
            cell.text,
            content.size,
            bold=bold,
            italic=cell.italic,
            color=color,
            align=align,
            keep=keep_next or header,
        )
        if cell.picture is not None:
            _place(document, shell.findall(qn("w:p"))[-1], cell.picture, center=True)
        if cell.below:
            color = color or ("" if is_arabic(cell.below) else MUTED)
            _cell_line(shell, cell.below, content.size, color=color, align=align, keep=keep_next)


def _cell_shell(row: Any, width_cm: float, fill: str, *, align: str = "center") -> Any:
    cell = sub(row, "tc")
    properties = sub(cell, "tcPr")
    sub(properties, "tcW", w=str(twips(width_cm)), type="dxa")
    if fill:
        sub(properties, "shd", val="clear", color="auto", fill=fill)
    sub(properties, "vAlign", val=align)
    return cell


def _cell_line(
    cell: Any,
    text: str,
    size: float,
    *,
    bold: bool = False,
    italic: bool = False,
    color: str = "",
    align: str = "",
    keep: bool = False,
) -> None:
    for line in clean(text).split("\n"):
        block = sub(cell, "p")
        properties = sub(block, "pPr")
        if keep:
            sub(properties, "keepNext")
        if is_arabic(line):
            sub(properties, "bidi")
        # Amiri's own line is 1.7 times as high as Calibri's: rows of Arabic would stand out.
        height = (
            {"line": str(round((size + 2.5) * 20)), "lineRule": "exact"}
            if is_arabic(line)
            else {"line": "240", "lineRule": "auto"}
        )
        sub(properties, "spacing", before="10", after="10", **height)
        if align and not is_arabic(line):
            sub(properties, "jc", val=align)
        write(block, line, size=size, bold=bold, italic=italic, color=color)


# ── pictures, headers ───────────────────────────────────────────────────────


def _place(document: WordDocument, block: Any, picture: Picture, *, center: bool = False) -> None:
    """Puts the picture in the paragraph *block*; bytes that are no image leave a word instead."""
    try:
        relation, image = document.part.get_or_add_image(io.BytesIO(picture.content))
    except (UnrecognizedImageError, ValueError, KeyError, IndexError, EOFError):
        write(block, "image illisible", size=8, italic=True)
        return
    ratio = image.px_height / max(1, image.px_width)
    width = picture.width_cm or picture.height_cm / ratio
    if picture.height_cm and width * ratio > picture.height_cm:
        width = picture.height_cm / ratio
    inline = CT_Inline.new_pic_inline(1, relation, f"image.{image.ext}", Cm(width), Cm(width * ratio))
    inline.docPr.set("descr", clean(picture.alt))
    sub(sub(block, "r"), "drawing").append(inline)
    if center:
        sub(block.get_or_add_pPr(), "jc", val="center")


def _style_name(block: Any) -> str:
    return str(block.style.name)


def _text_width_cm(document: WordDocument) -> float:
    section = document.sections[0]
    edges = (section.page_width, section.left_margin, section.right_margin)
    width, left, right = (int(edge or 0) for edge in edges)
    return (width - left - right) / Cm(1)


def _running(target: Any, text: str) -> None:
    """Writes a header or footer line; the template's centre and right tab stops go."""
    for stops in list(target.style.element.iter(qn("w:tabs"))):
        stops.getparent().remove(stops)
    write(target._p, clean(text), size=8, color=MUTED)
