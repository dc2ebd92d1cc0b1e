"""Word files: pages, tables, pictures; with `styles`, the only user of python-docx."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from docx.document import Document as WordDocument
from docx.enum.section import WD_ORIENT
from docx.image.exceptions import UnrecognizedImageError
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.oxml.shape import CT_Inline
from docx.shared import Cm

from kobo_sync.documents.legend import legend
from kobo_sync.documents.script import is_arabic
from kobo_sync.documents.word import long_tables
from kobo_sync.documents.word.package import saved, unzipped, zipped
from kobo_sync.documents.word.styles import CELL_SIZE, CELLS, blank, locale, style_id
from kobo_sync.documents.word.wordml import (
    BAND,
    INK,
    MUTED,
    PALE,
    RULE,
    TOTAL,
    W,
    end_behind_table,
    mirror_section,
    mirror_table,
    parsed,
    right_to_left,
    runs,
    space,
    sub,
    twips,
    write,
    write_field,
)
from kobo_sync.documents.word.wordml import paragraph as paragraph_xml
from kobo_sync.language import typography
from kobo_sync.language.catalogue import t
from kobo_sync.language.clean_text import clean
from kobo_sync.language.speaking import spoken

AFTER_TABLE = "Après tableau"
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
    """A table ready to write. *widths* in cm; *right* are the columns of numbers; *totals* the last rows in bold.

    *explained*: a line below says what its dashes and signs stand for; without it the caller does. *framed*: it has lines.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    widths: Sequence[float]
    caption: str = ""
    alt: str = ""
    right: Sequence[int] = ()
    totals: int = 0
    size: float = CELL_SIZE
    row_cm: float = 0
    keep_whole: bool = field(default=True)
    explained: bool = True
    framed: bool = True


MOST_OF_PROPERTY = 255

# ── the document ────────────────────────────────────────────────────────────


def new_document(
    title: str, *, provenance: str, author: str, landscape: bool = False, subject: str = "", footer_text: str = ""
) -> WordDocument:
    """An A4 document with our styles, *title* in its header, *footer_text* (else *provenance*) and page x / y in its footer.

    *provenance* is a property of the file too.
    """
    document = blank()
    section = document.sections[0]
    section.page_width, section.page_height = (Cm(29.7), Cm(21)) if landscape else (Cm(21), Cm(29.7))
    section.orientation = WD_ORIENT.LANDSCAPE if landscape else WD_ORIENT.PORTRAIT
    section.left_margin = section.right_margin = Cm(1.5 if landscape else 2.0)
    section.top_margin, section.bottom_margin = Cm(1.6), Cm(1.5)
    section.header_distance = section.footer_distance = Cm(0.7)
    core = document.core_properties
    core.title, core.author, core.last_modified_by = _property(title), _property(author), _property(author)
    core.subject, core.comments, core.language, core.revision = _property(subject), _property(provenance), locale(), 1
    core.keywords = core.category = ""
    _running(section.header.paragraphs[0], title)
    footer = section.footer.paragraphs[0]
    _running(footer, footer_text or provenance)
    footer.paragraph_format.tab_stops.add_tab_stop(Cm(_text_width_cm(document)), 2)
    write(footer._p, f"\t{t('Page')}{typography.NBSP}", size=8, color=MUTED)
    write_field(footer._p, "PAGE")
    write(footer._p, f"{typography.NNBSP}/{typography.NNBSP}", size=8, color=MUTED)
    write_field(footer._p, "NUMPAGES")
    if spoken().runs_right_to_left:
        mirror_section(section._sectPr)
        for line in (section.header.paragraphs[0], footer):
            right_to_left(line._p)
    return document


def footer_note(document: WordDocument, text: str) -> None:
    """Adds *text* above the footer's line, on every page: what must be on the paper, and would be alone on its last page."""
    line = document.sections[0].footer.paragraphs[0]
    (note,) = parsed(
        paragraph_xml(runs(typography.spaced(text), size=7.5, color=MUTED), spacing='w:before="0" w:after="40"')
    )
    line._p.addprevious(note)


def _property(text: str) -> str:
    """*text* as a property of the file: python-docx refuses more than 255 characters, and would take the document with it."""
    text = clean(text)
    return text if len(text) <= MOST_OF_PROPERTY else text[: MOST_OF_PROPERTY - 1].rstrip() + "…"


def to_bytes(document: WordDocument, when: datetime | None) -> bytes:
    """The .docx file; the same document gives the same bytes, *when* (the data's time) stands as its date."""
    moment = (when or EPOCH).astimezone(UTC).replace(tzinfo=None, microsecond=0)
    document.core_properties.created = document.core_properties.modified = moment
    for number, properties in enumerate(document.element.body.iter(qn("wp:docPr")), 1):
        properties.set("id", str(number))
    end_behind_table(document.element.body)
    return saved(document)


def coloured(archive: bytes, colour: str) -> bytes:
    """The same Word file with the mission's *colour* (``#RRGGBB``) in place of the house's ink."""
    rgb = colour.removeprefix("#").upper()
    if rgb == INK:
        return archive
    parts = unzipped(archive)
    for name in ("word/document.xml", "word/styles.xml"):
        if name in parts:
            parts[name] = parts[name].replace(INK.encode(), rgb.encode())
    return zipped(parts)


# ── blocks ──────────────────────────────────────────────────────────────────


def title(document: WordDocument, text: str, subtitle: str = "") -> None:
    """Adds the document's title, and a line below it."""
    add(document, runs(typography.spaced(text)), "Title")
    if subtitle:
        add(document, runs(typography.spaced(subtitle)), "Subtitle")


def logos(document: WordDocument, pictures: Sequence[Picture], *, rtl: bool | None = None) -> None:
    """Adds a line of logos, side by side, from the side where the page begins."""
    line = add(document, "", AFTER_TABLE, rtl=rtl)
    for number, picture in enumerate(pictures):
        if number:
            write(line, typography.NBSP * 6)
        _place(document, line, picture)


def heading(document: WordDocument, text: str, level: int = 1) -> None:
    """Adds a heading, kept with what follows."""
    add(document, runs(typography.spaced(text)), f"Heading {level}", keep_next=True)  # whatever style the template has


def paragraph(document: WordDocument, text: str, *, style: str = "Normal", keep_with_next: bool = False) -> None:
    """Adds a paragraph of ours, with the language's typography; ``**bold**`` parts are bold."""
    parts = typography.spaced(text).split("**")
    inner = "".join(runs(part, bold=index % 2 == 1) for index, part in enumerate(parts))
    add(document, inner, style, keep_next=keep_with_next, keep_lines=True)


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
        add(document, runs(line), style, rtl=is_arabic(line))


def caption(document: WordDocument, kind: str, text: str) -> None:
    """Adds a numbered caption (*kind*: Table, Figure, as the language calls them), kept with what follows."""
    marker, style = kind + typography.NBSP, style_id(document, "Caption")
    looks = document.element.body.iterfind(f"{W}p/{W}pPr/{W}pStyle")
    captions = [look.getparent().getparent() for look in looks if look.get(f"{W}val") == style]
    number = 1 + sum("".join(node.text or "" for node in p.iter(f"{W}t")).startswith(marker) for p in captions)
    add(document, runs(f"{marker}{number} – {typography.spaced(text)}"), "Caption", keep_next=True)


def figure(document: WordDocument, picture: Picture, text: str) -> None:
    """Adds a captioned figure."""
    caption(document, t("Figure"), text)
    _place(document, add(document, "", "Figure"), picture)


def table(document: WordDocument, content: Table) -> None:
    """Adds a table with a repeated header row, and a paragraph after it so that two tables never merge."""
    if content.caption:
        caption(document, t("Table"), content.caption)
    if spoken().runs_right_to_left:
        content = _as_wide_as_the_text(document, content)
    element = _empty_table(document, content, borders=RULE if content.framed else "")
    style = style_id(document, CELLS.get(content.size, CELLS[CELL_SIZE]))
    keep = content.keep_whole and len(content.rows) <= _KEEP_WHOLE
    lines = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in cells] for cells in content.rows]
    texts = (text for cells in lines for cell in cells for text in (cell.text, cell.below))
    explanation = legend(texts) if content.explained else ""
    rows = []
    if content.head:
        rows.append(_row(content, [Cell(text, bold=True) for text in content.head], style, header=True))
    for index, cells in enumerate(lines):
        is_last = index == len(lines) - 1
        is_total = index >= len(lines) - content.totals
        follows = bool(explanation) if is_last else keep or index in (0, len(lines) - 2)
        shaded = content.framed and index % 2 == 1
        rows.append(_row(content, cells, style, total=is_total, shaded=shaded, keep_next=follows))
    if any(cell.picture is not None for cells in lines for cell in cells):
        element.extend(parsed("".join(rows)))
        _place_in_cells(document, element.findall(f"{W}tr")[-len(lines) :], lines)
    else:
        long_tables.extend(document, element, rows)
    if explanation:
        add(document, runs(explanation), "Note", keep_lines=True, spacing=space(before=3, after=6))
    else:
        add(document, "", AFTER_TABLE)


def key_figures(document: WordDocument, figures: Sequence[tuple[str, str]]) -> None:
    """Adds a band of big numbers, each with what it means below."""
    width = _text_width_cm(document) / len(figures)
    each = t("; ").join(t("{what}: {number}", what=small, number=big) for big, small in figures)
    alt = typography.spaced(t("Key figures: {each}", each=each))
    content = Table(head=(), rows=(), widths=[width] * len(figures), alt=alt)
    element = _empty_table(document, content, borders="FFFFFF", border_size=24)
    cells = []
    for big, small in figures:
        lines = (
            (big, 17 if len(big) < 16 else 11, INK, True, 'w:before="100" w:after="0"'),
            (small, 8.5, "222222", False, 'w:before="0" w:after="100"'),
        )
        texts = [
            paragraph_xml(
                runs(typography.spaced(text), size=size, bold=bold, color=color),
                spacing=f'{gap} w:line="240" w:lineRule="auto"',
                align="center",
            )
            for text, size, color, bold, gap in lines
        ]
        cells.append(shell("".join(texts), width, BAND))
    element.extend(parsed(f"<w:tr><w:trPr><w:cantSplit/></w:trPr>{''.join(cells)}</w:tr>"))
    add(document, "", AFTER_TABLE)


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
    element = _empty_table(document, Table((), (), widths, alt=t("Head of the document")), borders="")
    for start in range(0, len(pairs), columns):
        line = [*pairs[start : start + columns], *[("", "")] * columns][:columns]
        cells = []
        for index, text in enumerate(text for pair in line for text in pair):
            inner = runs(typography.spaced(text), size=10, bold=index % 2 == 0)
            spacing = 'w:before="0" w:after="30" w:line="240" w:lineRule="auto"'
            block = paragraph_xml(inner, rtl=is_arabic(text) or None, spacing=spacing)
            cells.append(shell(block, widths[index], "", align="top"))
        element.extend(parsed(f"<w:tr><w:trPr><w:cantSplit/></w:trPr>{''.join(cells)}</w:tr>"))
    add(document, "", AFTER_TABLE)


def _as_wide_as_the_text(document: WordDocument, content: Table) -> Table:
    """*content* with no space beside it: LibreOffice puts a narrower table on the left of an Arabic page, Word on the right."""
    whole = _text_width_cm(document) / sum(content.widths)
    return replace(content, widths=[width * max(1, whole) for width in content.widths])


# ── tables, in raw XML: python-docx's cell(i, j) is quadratic ───────────────


def _empty_table(document: WordDocument, content: Table, *, borders: str = RULE, border_size: int = 4) -> Any:
    table = document.add_table(rows=0, cols=len(content.widths))
    table.autofit = False
    properties = table._tbl.tblPr
    if spoken().runs_right_to_left:
        mirror_table(properties)
    if borders:
        frame = OxmlElement("w:tblBorders")
        for side in ("top", "left", "bottom", "right", "insideH", "insideV"):
            sub(frame, side, val="single", sz=str(border_size), space="0", color=borders)
        after = ("w:shd", "w:tblLayout", "w:tblCellMar", "w:tblLook", "w:tblCaption", "w:tblDescription")
        properties.insert_element_before(frame, *after)
    text = typography.spaced(clean(content.alt or content.caption))
    if text:
        sub(properties, "tblCaption", val=text[:120])
        sub(properties, "tblDescription", val=text[:1000])
    for column, width in zip(table._tbl.tblGrid.findall(qn("w:gridCol")), content.widths, strict=True):
        column.set(qn("w:w"), str(twips(width)))
    return table._tbl


def _row(
    content: Table,
    cells: Sequence[Cell],
    style: str,
    *,
    header: bool = False,
    total: bool = False,
    shaded: bool = False,
    keep_next: bool = False,
) -> str:
    height = f'<w:trHeight w:val="{twips(content.row_cm)}" w:hRule="atLeast"/>' if content.row_cm and not header else ""
    properties = f"<w:cantSplit/>{height}{'<w:tblHeader/>' if header else ''}"
    background = INK if header else TOTAL if total else PALE if shaded else ""
    shells = []
    for index, (cell, width) in enumerate(zip(cells, content.widths, strict=True)):
        align = ("center" if header else "right") if index in content.right else ""
        color = "FFFFFF" if header else ""
        bold, keep = cell.bold or total, keep_next or header
        set_in = partial(_lines, size=content.size, style=style, align=align)
        lines = set_in(cell.text, bold=bold, italic=cell.italic, color=color, keep=keep)
        if cell.below:
            color = color or ("" if is_arabic(cell.below) else MUTED)
            lines += set_in(cell.below, color=color, keep=keep_next)
        shells.append(shell(lines, width, cell.fill or background))
    return f"<w:tr><w:trPr>{properties}</w:trPr>{''.join(shells)}</w:tr>"


def shell(inner: str, width_cm: float, fill: str, *, align: str = "center") -> str:
    """The XML of a table cell around the paragraphs *inner*."""
    shade = f'<w:shd w:val="clear" w:fill="{fill}"/>' if fill else ""
    width = f'<w:tcW w:w="{twips(width_cm)}" w:type="dxa"/>'
    return f'<w:tc><w:tcPr>{width}{shade}<w:vAlign w:val="{align}"/></w:tcPr>{inner}</w:tc>'


def _lines(text: str, *, size: float, style: str, align: str, keep: bool, **look: Any) -> str:
    """A paragraph of a cell per line of *text*."""
    lines = []
    for line in clean(text).split("\n"):
        arabic, mirrored = is_arabic(line), spoken().runs_right_to_left
        # Amiri's own line is 1.7 times as high as Calibri's: rows of Arabic would stand out.
        spacing = f'w:line="{round((size + 3.5) * 20)}" w:lineRule="exact"' if arabic else ""
        inner = runs(line, size=0 if size in CELLS else size, **look)
        # On a page that runs left to right Arabic keeps to its own side, whatever the column.
        side = "" if arabic and not mirrored else align
        block = paragraph_xml(inner, style=style, keep_next=keep, rtl=arabic or mirrored, spacing=spacing, align=side)
        lines.append(block)
    return "".join(lines)


# ── pictures, headers ───────────────────────────────────────────────────────


def _place(document: WordDocument, block: Any, picture: Picture, *, center: bool = False) -> None:
    """Puts the picture in the paragraph *block*; bytes that are no image leave a word instead."""
    try:
        relation, image = document.part.get_or_add_image(io.BytesIO(picture.content))
    except (UnrecognizedImageError, ValueError, KeyError, IndexError, EOFError):
        write(block, t("unreadable picture"), size=8, italic=True)
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


def _place_in_cells(document: WordDocument, rows: Sequence[Any], lines: Sequence[Sequence[Cell]]) -> None:
    for row, cells in zip(rows, lines, strict=True):
        for there, cell in zip(row.iterchildren(f"{W}tc"), cells, strict=True):
            if cell.picture is not None:
                _place(document, there.findall(f"{W}p")[-2 if cell.below else -1], cell.picture, center=True)


def add(document: WordDocument, inner: str, style: str, **look: Any) -> Any:
    """A new last paragraph around the runs *inner*; returns its element."""
    (element,) = parsed(paragraph_xml(inner, style=style_id(document, style), **look))
    body = document.element.body
    if len(body) and body[-1].tag == f"{W}sectPr":
        body[-1].addprevious(element)
    else:
        body.append(element)
    return element


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
