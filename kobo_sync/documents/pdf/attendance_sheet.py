"""The attendance sheet as a PDF: header, one line per person with signatures, totals, certification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kobo_sync.documents.pdf.pages import HEAD, Logo, page_words, say, shown_logos
from kobo_sync.documents.pdf.typeset import pdf
from kobo_sync.language import typography
from kobo_sync.language.catalogue import t


@dataclass(frozen=True)
class SignedTable:
    """The persons and their signatures, of all days or, under its *title*, of one. *widths* in cm, one per column of *head*; a row's cell is text or PNG bytes."""

    title: str
    head: Sequence[str]
    widths: Sequence[float]
    rows: Sequence[Sequence[str | bytes]]


@dataclass(frozen=True)
class AttendanceSheet:
    """What the sheet says. *facing* are labelled values; *totals* a table with its header first and its total last."""

    title: str
    heading: str
    dated: str
    author: str
    facing: Sequence[tuple[str, str]]
    tables: Sequence[SignedTable]
    remarks: str
    totals: Sequence[Sequence[str]]
    certification: Sequence[str]
    protection: str
    draft: bool
    colour: str
    logos: Sequence[Logo] = ()


def attendance_sheet(sheet: AttendanceSheet) -> bytes:
    """The PDF, landscape, the header row repeated on each page; the same bytes for the same sheet."""
    data = {
        **page_words(),
        "signed_word": typography.spaced(t("Name, date and signature:")),
        "heading": sheet.heading,
        "dated": sheet.dated,
        "facing": [[label, say(text)] for label, text in sheet.facing],
        "tables": [
            {
                "title": say(table.title) if table.title else None,
                "head": [say(text) for text in table.head],
                "widths": list(table.widths),
                "rows": [[_cell(cell) for cell in row] for row in table.rows],
            }
            for table in sheet.tables
        ],
        "remarks": sheet.remarks,
        "totals": [[say(cell) for cell in row] for row in sheet.totals],
        "certification": list(sheet.certification),
        "protection": sheet.protection,
        "draft": sheet.draft,
        "colour": sheet.colour,
        "logos": shown_logos(sheet.logos),
    }
    return pdf(HEAD + _SOURCE, data, title=sheet.title, author=sheet.author)


def _cell(cell: str | bytes) -> dict[str, object]:
    if isinstance(cell, bytes):
        return {"png": list(cell)}
    return {"lines": [say(line) for line in cell.split("\n")]}


_SOURCE = r"""
#set page("a4", flipped: true, margin: (x: 15mm, top: 13mm, bottom: 15mm), footer: foot, background: mark)
#set text(size: 8.5pt)
#let cell(x) = if "png" in x { align(center + horizon, box(height: 6.2mm, image(bytes(x.png), height: 100%, fit: "contain"))) } else {
  x.lines.map(show-text).join(linebreak()) }
#if d.logos.len() > 0 { block(below: 5pt, logos(11mm)) }
= #d.heading
#grid(columns: (auto, 1.2fr, auto, 1fr), column-gutter: 8pt, row-gutter: if d.rtl { 9pt } else { 5pt },
  ..d.facing.map(pair => (text(fill: muted, pair.at(0)), strong(show-text(pair.at(1))))).flatten())
#v(4pt)
#for t in d.tables {
  if t.title != none { block(above: 8pt, below: 4pt, sticky: true, strong(show-text(t.title))) }
  table(columns: t.widths.map(w => w * 1fr), stroke: .4pt + rule, inset: (x: 3pt, y: if d.rtl { 4pt } else { 2.5pt }), align: lines-begin + horizon,
    fill: (_, y) => if y == 0 { ink } else if calc.even(y) { rgb("#F5F7F9") },
    table.header(..t.head.map(white-text)),
    // The first cell gives each row its least height; long texts make it higher.
    ..t.rows.map(row => (box(height: 6.6mm, align(horizon, cell(row.first()))), ..row.slice(1).map(cell))).flatten())
}
#text(fill: muted, d.remarks)
#v(2pt)
#block(breakable: false, {
  table(columns: (2fr,) + (d.totals.first().len() - 1) * (1fr,), stroke: .4pt + rule, inset: 3.2pt,
    align: (x, _) => if x == 0 { lines-begin } else { lines-end },
    fill: (_, y) => if y == 0 { ink } else if y == d.totals.len() - 1 { soft },
    table.header(..d.totals.first().map(white-text)), ..d.totals.slice(1).flatten().map(show-text))
  v(3pt)
  table(columns: d.certification.len() * (1fr,), stroke: .4pt + rule, inset: 6pt, rows: 22mm,
    ..d.certification.map(line => [#line \ \ #d.signed_word]))
  v(2pt)
  text(7.5pt, fill: muted, d.protection)
})
"""
