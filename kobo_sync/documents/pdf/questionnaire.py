"""A paper questionnaire as PDF, right to left where its language runs so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from kobo_sync.documents.pdf.pages import LOGOS, Logo, shown_logos
from kobo_sync.documents.pdf.typeset import pdf
from kobo_sync.documents.script import reads_left_to_right
from kobo_sync.documents.word.wordml import INK
from kobo_sync.forms.paper_blocks import Ask, Block, Grid, Heading, Matrix, Paper, Text
from kobo_sync.forms.paper_tables import column_widths, row_height_cm
from kobo_sync.language import typography

HOUSE = f"#{INK}"  # the colour of a paper that no mission dresses
_KINDS: dict[type, str] = {Heading: "heading", Text: "text", Ask: "ask", Matrix: "matrix", Grid: "grid"}

TEMPLATE = r"""
#let rtl = data.words.dir == "rtl"
#let ink = rgb(data.colour)
#let muted = rgb("#5B6670")
#set page(paper: "a4", margin: (x: 1.7cm, top: 1.5cm, bottom: 1.6cm), footer: context [
  #set text(8pt, fill: muted)
  #grid(columns: (1fr, auto), box(text(dir: direction.ltr, data.footer)),
    [#data.words.page #counter(page).display() / #counter(page).final().first()])
])
#set text(if rtl { 11pt } else { 10pt }, dir: if rtl { direction.rtl } else { direction.ltr }, lang: data.lang, hyphenate: false)
#set par(leading: if rtl { 0.75em } else { 0.55em }, spacing: 0.7em)
#let straight(ltr, body) = if rtl and ltr { align(right, { set text(dir: direction.ltr); body }) } else { body }
#let dots = box(width: 1fr, baseline: -1pt, line(length: 100%, stroke: (paint: luma(110), thickness: 0.6pt, dash: "dotted")))
#let gap(w) = box(width: w, baseline: -1pt, line(length: 100%, stroke: (paint: luma(110), thickness: 0.6pt, dash: "dotted")))
#let ring = box(baseline: 15%, circle(radius: 1.55mm, stroke: 0.7pt))
#let square_ = box(baseline: 15%, rect(width: 3.1mm, height: 3.1mm, stroke: 0.7pt))
#let rankbox = box(baseline: 22%, rect(width: 6.5mm, height: 4.4mm, stroke: 0.7pt))
#let mark(kind) = if kind == "many" { square_ } else if kind == "rank" { rankbox } else { ring }
#let arrow = if rtl { "← " } else { "→ " }
#let cond(t) = if t != "" { text(9pt, weight: "bold", fill: rgb("#9A4B00"), arrow + t) }
#let rows_(n) = for _ in range(n) { v(4.6mm); block(spacing: 0pt, width: 100%, dots); v(1.2mm) }
#let frame(h, w, label) = block(width: w, height: h, stroke: 0.6pt + luma(90), inset: 2mm, text(8pt, fill: muted, label))
#let options(a) = grid(columns: (1fr,) * a.columns, column-gutter: 3mm, row-gutter: if rtl { 2.2mm } else { 1.6mm },
  ..a.options.map(o => grid(columns: (auto, 1fr), column-gutter: 1.6mm, mark(a.kind), o)))
#let tight(a) = grid(columns: a.options.len(), column-gutter: if a.options.len() > 7 { 5.2mm } else { 8mm },
  ..a.options.map(o => [#mark(a.kind)#h(1.4mm)#o]))
#let answer(a) = {
  let w = data.words
  if a.kind in ("one", "many", "rank") {
    if a.kind == "rank" { text(8.5pt, fill: muted, a.hint); v(-0.5mm) }
    if a.kind == "many" { text(8.5pt, fill: muted, w.many); v(-0.5mm) }
    if a.columns == a.options.len() and a.options.len() > 1 { tight(a) } else { options(a) }
  } else if a.kind == "box" {
    box(rect(width: 4.6cm, height: 6mm, stroke: 0.6pt + luma(90))); h(2mm); text(8.5pt, fill: muted, a.unit)
  } else if a.kind in ("date", "date_time", "time") {
    v(2.4mm)
    if a.kind != "time" [#gap(1.2cm) / #gap(1.2cm) / #gap(1.8cm) #h(1mm) #text(8pt, fill: muted)[(#w.day / #w.month / #w.year)]]
    if a.kind != "date" [#h(4mm) #gap(1.2cm) #w.hour #gap(1.2cm)]
  } else if a.kind == "place" { v(2.4mm); [#w.latitude #gap(4cm) #h(4mm) #w.longitude #gap(4cm)] }
  else if a.kind == "signature" { frame(2.6cm, 8cm, w.signature) }
  else if a.kind == "drawing" { frame(7cm, 100%, w.drawing) }
  else if a.kind in ("photo", "file") { v(2mm); [#w.at(a.kind) #gap(4cm)] }
  else if a.kind == "tick" { [#square_ #h(1mm) #w.read] }
  else { rows_(a.lines) }
}
#let star(q) = if q.required { text(fill: rgb("#B00020"), weight: "bold", " *") }
#let question(q) = block(breakable: q.answer.options.len() > 14, spacing: 3.2mm, width: 100%,
  grid(columns: (7.5mm, 1fr), column-gutter: 1.5mm,
    text(9pt, weight: "bold", fill: ink, q.number),
    {
      if q.condition != "" { cond(q.condition); linebreak() }
      strong(q.label); star(q)
      if q.hint != "" { linebreak(); text(8.5pt, style: if rtl { "normal" } else { "italic" }, fill: muted, q.hint) }
      v(if rtl { 0.4mm } else { -0.2mm })
      answer(q.answer)
      if q.rule != "" { v(if q.answer.kind == "lines" { 0.4mm } else if rtl { 0mm } else { -0.8mm }); text(8pt, fill: muted, "• " + q.rule) }
    }))
#let ruled = (paint: rgb("#B8C2CC"), thickness: 0.6pt)
#let matrix(m) = block(spacing: 4mm, width: 100%, {
  if m.condition != "" { cond(m.condition) }
  table(columns: (7.5mm, 1fr) + (if m.options.len() > 6 { 9mm } else { 19mm },) * m.options.len(),
    stroke: ruled, inset: 2mm, align: (x, y) => if x < 2 { start + horizon } else { center + horizon },
    table.header([], [], ..m.options.map(o => text(8.5pt, o))),
    ..m.rows.map(q => (text(9pt, weight: "bold", fill: ink, q.number), [#strong(q.label)#star(q)#if q.hint != "" [\ #text(8pt, fill: muted, q.hint)]], ..m.options.map(_ => ring))).flatten())
})
#let cell(a) = if a.kind in ("one", "many") { for o in a.options [#box[#mark(a.kind)#h(0.5mm)#o] ] } else if a.kind == "tick" { square_ }
#let head(q) = {
  if q.number != "" { text(8pt, fill: ink, weight: "bold", q.number + " ") }
  strong(text(8.5pt, q.label)); star(q)
  if q.condition != "" { linebreak(); text(7.5pt, weight: "bold", fill: rgb("#9A4B00"), arrow + q.condition) }
}
#let gridded(g) = {
  if g.condition != "" { block(spacing: 2.4mm, sticky: true, cond(g.condition)) }
  for n in g.notes { block(spacing: 1.6mm, sticky: true, text(8pt, fill: muted, n)) }
  let named = g.rows.len() > 0
  block(spacing: 4mm, width: 100%, table(columns: g.widths.map(w => w * 1fr),
    rows: (auto,) + (g.row_cm * 1cm,) * g.n_rows, stroke: ruled, inset: (x: 1.5mm, y: 1mm), align: start + horizon,
    table.header(..if named { ([],) }, ..g.columns.map(head)),
    ..range(g.n_rows).map(n => (..if named { (text(8.5pt, weight: "bold", g.rows.at(n)),) }, ..g.columns.map(q => text(8pt, spacing: 60%, cell(q.answer))))).flatten()))
}

#if data.logos.len() > 0 { block(spacing: 4mm, logos(11mm)) }
#block(spacing: if rtl { 4mm } else { 2mm }, straight(data.heading_ltr, text(17pt, weight: "bold", fill: ink, data.heading)))
#if data.subtitle != "" { block(spacing: 2mm, straight(data.subtitle_ltr, text(9pt, fill: muted, data.subtitle))) }
#block(spacing: 3mm, fill: rgb("#F5F7F9"), inset: 2mm, width: 100%, text(8.5pt, data.words.how))
#for b in data.blocks {
  if b.t == "heading" {
    if b.text == "" { line(length: 100%, stroke: 0.5pt + rgb("#B8C2CC")) }
    else {
      block(above: if b.level == 1 { 5mm } else { 4mm }, below: 2.6mm, sticky: true, width: 100%,
        inset: (bottom: 1mm), stroke: if b.level == 1 { (bottom: 0.8pt + ink) } else { none },
        text(if b.level == 1 { 12.5pt } else { 11pt }, weight: "bold", fill: ink, b.text))
    }
    if b.condition != "" { block(spacing: 2.4mm, sticky: true, cond(b.condition)) }
    if b.note != "" { block(spacing: 2.4mm, sticky: true, text(8.5pt, fill: muted, b.note)) }
  } else if b.t == "text" {
    block(spacing: 3mm, width: 100%, inset: (x: 2.5mm, y: 0.8mm), stroke: (if rtl { (right: 1.6pt + rgb("#B8C2CC")) } else { (left: 1.6pt + rgb("#B8C2CC")) }),
      { if b.condition != "" { cond(b.condition); linebreak() }; b.text })
  } else if b.t == "ask" { question(b) } else if b.t == "matrix" { matrix(b) } else { gridded(b) }
}
"""


def questionnaire_pdf(paper: Paper, *, subtitle: str = "", colour: str = HOUSE, logos: Sequence[Logo] = ()) -> bytes:
    """The questionnaire as an A4 PDF, *logos* at its top; *subtitle* (the mission) stands under its title.

    Raises: DocumentError.
    """
    data = {
        "words": dict(paper.words),
        "lang": paper.language if paper.language.isalpha() and len(paper.language) in (2, 3) else "fr",
        "heading": paper.title,
        "subtitle": typography.spaced(subtitle) if paper.language == "fr" else subtitle,
        "heading_ltr": reads_left_to_right(paper.title),
        "subtitle_ltr": reads_left_to_right(subtitle),
        "colour": colour,
        "logos": shown_logos(logos),
        "footer": footer(paper),
        "blocks": [_shown(block, paper) for block in paper.blocks],
    }
    return pdf(LOGOS + TEMPLATE, data, title=paper.title)


def footer(paper: Paper) -> str:
    """The form's id and version, as they stand at the foot of each page."""
    # Beside an Arabic word, a date such as 2026-11-23 would be read from its wrong end.
    word = "" if paper.right_to_left else f"{paper.words['version']} "
    return f"{paper.form_id} · {word}{paper.version}" if paper.version else paper.form_id


def _shown(block: Block, paper: Paper) -> dict[str, Any]:
    """A block as the template reads it; French texts with French spacing, ranks with their instruction."""
    fields: dict[str, Any] = _spaced(asdict(block), paper.language == "fr")
    asks = fields.get("columns") or fields.get("rows") or ()
    for part in (fields, *asks):
        answer = part.get("answer")
        if answer:
            answer["hint"] = paper.words["rank"].format(n=len(answer["options"]))
    if isinstance(block, Grid):
        fields |= {"widths": column_widths(block), "row_cm": row_height_cm(block)}
    return {"t": _KINDS[type(block)], **fields}


def _spaced(value: Any, is_french: bool) -> Any:
    if isinstance(value, str):
        return typography.spaced(value) if is_french else value
    if isinstance(value, dict):
        return {key: _spaced(part, is_french) for key, part in value.items()}
    return [_spaced(part, is_french) for part in value] if isinstance(value, list | tuple) else value
