"""The one-page zone sheet as a PDF: key figures, needs, learning, satisfaction, participation, road map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from kobo_sync.documents.colours import ramp, tint
from kobo_sync.documents.pdf.pages import HATCHES, HEAD, Logo, page_words, say, shown_logos
from kobo_sync.documents.pdf.typeset import pdf
from kobo_sync.language.catalogue import t


@dataclass(frozen=True)
class ZoneSheet:
    """What the sheet says; every number is text already. Shares and scores drawn are 0..1.

    *figures*: (number, meaning). *needs*: (label, below, share of the longest bar, number). *learnt*:
    (theme, before, after, change). *levels* and *judged*: (question, shares per level). *present*: a
    table with its header first and total last; *actions* a table with its header first. Where a part
    has nothing to show, its *missing* text (by the part's name) stands instead.
    """

    title: str
    subtitle: str
    names: Sequence[str]
    dated: str
    author: str
    figures: Sequence[tuple[str, str]]
    needs: Sequence[tuple[str, str, float, str]]
    common: str
    learnt: Sequence[tuple[str, float, float, str]]
    levels: Sequence[str]
    judged: Sequence[tuple[str, Sequence[float]]]
    present: Sequence[Sequence[str]]
    actions: Sequence[Sequence[str]]
    note: str
    draft: bool
    colour: str
    logos: Sequence[Logo] = ()
    missing: dict[str, str] = field(default_factory=dict)


def zone_sheet(sheet: ZoneSheet) -> bytes:
    """The PDF: always one page (what is too long is drawn smaller), the same bytes for the same sheet."""
    styles = ramp(len(sheet.levels), sheet.colour)
    data = {
        **page_words(),
        "words": {
            "needs": t("Priority needs"),
            "learnt": t("Learning: before and after, by theme"),
            "before": t("before"),
            "after": t("after"),
            "scale": t("scale from 0 to 100% of right answers"),
            "judged": t("Satisfaction (in % of the answers)"),
            "present": t("Participation"),
            "actions": t("Road map"),
        },
        "subtitle": sheet.subtitle,
        "names": [say(name) for name in sheet.names],
        "dated": sheet.dated,
        "figures": [[say(big), small] for big, small in sheet.figures],
        "needs": [[say(label), say(below), share, number] for label, below, share, number in sheet.needs],
        "common": sheet.common,
        "learnt": [[say(theme), before, after, change] for theme, before, after, change in sheet.learnt],
        "levels": [[say(level), *style] for level, style in zip(sheet.levels, styles, strict=True)],
        "judged": [[say(label), list(shares)] for label, shares in sheet.judged],
        "present": [[say(cell) for cell in row] for row in sheet.present],
        "actions": [[say(cell) for cell in row] for row in sheet.actions],
        "missing": sheet.missing,
        "note": sheet.note,
        "draft": sheet.draft,
        "colour": sheet.colour,
        "logos": shown_logos(sheet.logos),
        "pale": tint(sheet.colour, 0.62),
        "warm": ramp(5, sheet.colour)[0][0],
    }
    return pdf(HEAD + HATCHES + _SOURCE, data, title=sheet.title, author=sheet.author)


_SOURCE = r"""
#set page("a4", margin: (x: 15mm, top: 12mm, bottom: 15mm), footer: foot, background: mark)
#set text(size: 9.5pt)
#show heading.where(level: 2): it => block(above: 9pt, below: 5pt, text(11.5pt, fill: ink, weight: "bold", it.body))
#let warm = rgb(d.warm)
#let is-dark(c) = luma(c).components().first() < 58%
#let absent(key) = text(fill: muted, d.missing.at(key, default: "–"))

#let opening = grid(columns: (1fr, auto), align: (start, end + horizon), column-gutter: 10pt,
  [#heading(level: 1, d.title) #text(9.5pt, fill: muted, d.subtitle)],
  d.names.map(name => text(13pt, fill: ink, show-text(name))).join(linebreak()))

#let figures = grid(columns: d.figures.len() * (1fr,), gutter: 6pt, ..d.figures.map(pair => block(fill: soft, radius: 3pt,
  inset: 5pt, width: 100%, height: 47pt, align(center + horizon)[#text(if pair.at(0).s.len() > 14 { 11pt } else { 17pt }, weight: "bold",
  fill: ink, show-text(pair.at(0))) \ #text(8pt, pair.at(1))])))

#let needs = if d.needs.len() == 0 { absent("needs") } else {
  grid(columns: (50%, 1fr, auto), row-gutter: 6.5pt, column-gutter: 6pt, align: (end + horizon, start + horizon, start + horizon),
    ..d.needs.enumerate().map(((place, need)) => (
      { text(8.5pt, show-text(need.at(0))); if need.at(1).s != "" { linebreak(); text(8.5pt, fill: muted, show-text(need.at(1))) } },
      rect(width: calc.max(1, need.at(2) * 100) * 1%, height: 8pt, fill: if place < 3 { ink } else { dotted(rgb(d.pale)) }),
      text(8.5pt, need.at(3)))).flatten())
  if d.common != "" { v(2pt); text(8.5pt, d.common) }
}

#let wide = 120pt
#let dumbbell(before, after) = mirrored(box(width: wide, height: 9pt, {
  set text(dir: ltr)
  place(line(start: (0pt, 4.5pt), end: (wide, 4.5pt), stroke: .4pt + rgb("#d9dee2")))
  place(line(start: (before * wide, 4.5pt), end: (after * wide, 4.5pt), stroke: 2.6pt + rgb("#b9c2ca")))
  place(dx: before * wide - 3.2pt, dy: 1.3pt, circle(radius: 3.2pt, fill: white, stroke: 1.4pt + warm))
  place(dx: after * wide - 3.2pt, dy: 1.3pt, circle(radius: 3.2pt, fill: ink))
}))
#let learnt = if d.learnt.len() == 0 { absent("learnt") } else {
  grid(columns: (1fr, wide, auto), row-gutter: 6pt, column-gutter: 7pt, align: horizon,
    ..d.learnt.map(row => (text(8.5pt, show-text(row.at(0))), dumbbell(row.at(1), row.at(2)), text(8.5pt, row.at(3)))).flatten())
  v(1pt)
  text(7.5pt, fill: muted)[#box(circle(radius: 2.4pt, fill: white, stroke: 1.2pt + warm)) #d.words.before #h(8pt)
    #box(circle(radius: 2.4pt, fill: ink)) #d.words.after · #d.words.scale]
}

#let judged = if d.judged.len() == 0 { absent("judged") } else {
  grid(columns: (38%, 1fr), row-gutter: 3pt, column-gutter: 6pt, align: (end + horizon, start + horizon),
    ..d.judged.map(row => (text(8.5pt, show-text(row.at(0))),
      if row.at(1).len() == 0 { text(8pt, fill: muted, "–") } else {
        let shares = row.at(1).enumerate().filter(((k, share)) => share > 0)
        grid(columns: shares.map(((k, share)) => share * 1fr), rows: 10.5pt, ..shares.map(((k, share)) => {
          let fill = rgb(d.levels.at(k).at(1))
          block(width: 100%, height: 100%, fill: hatched(fill, d.levels.at(k).at(2)), stroke: .5pt + white, if share >= .06 {
            let said = text(7pt, fill: if is-dark(fill) { white } else { black }, str(calc.round(share * 100 + 1e-9)))
            align(center + horizon, box(fill: fill, inset: (x: 1.5pt, y: 1pt), radius: 1.5pt, said))
          })
        }))
      })).flatten())
  v(1pt)
  align(center, text(7.5pt, d.levels.map(level => box(grid(columns: 2, column-gutter: 2pt, align: horizon,
    box(width: 7pt, height: 7pt, stroke: .4pt + muted, fill: hatched(rgb(level.at(1)), level.at(2))), show-text(level.at(0))))).join(h(9pt))))
}

#let present = table(columns: (1.8fr,) + (d.present.first().len() - 1) * (1fr,), align: (x, y) => if x == 0 { start } else { end },
  stroke: .4pt + rule, inset: 3.6pt, fill: (_, y) => if y == 0 { ink } else if y == d.present.len() - 1 { soft },
  table.header(..d.present.first().map(white-text)),
  ..d.present.slice(1).enumerate().map(((y, row)) => row.map(cell => if y == d.present.len() - 2 { strong(show-text(cell)) } else { show-text(cell) })).flatten())

#let actions = if d.actions.len() < 2 { absent("actions") } else {
  table(columns: (auto, 2.3fr, 1.5fr, 1.3fr, auto, 1.6fr), stroke: .4pt + rule, inset: 3.6pt,
    fill: (_, y) => if y == 0 { ink } else if calc.even(y) { rgb("#F5F7F9") },
    table.header(..d.actions.first().map(white-text)), ..d.actions.slice(1).flatten().map(cell => text(8.5pt, show-text(cell))))
}

#let page-body = {
  if d.logos.len() > 0 { block(below: 5pt, logos(10mm)) }
  opening
  v(3pt)
  figures
  grid(columns: (1fr, 1fr), gutter: 14pt, [#heading(level: 2, d.words.needs)
    #needs], [#heading(level: 2, d.words.learnt)
    #learnt])
  heading(level: 2, d.words.judged)
  judged
  heading(level: 2, d.words.present)
  present
  heading(level: 2, d.words.actions)
  actions
  v(2pt)
  text(7.5pt, fill: muted, d.note)
}
#layout(size => {
  let natural = measure(page-body, width: size.width)
  if natural.height <= size.height { page-body } else {
    // Narrower lines grow longer: a few steps find the scale at which the whole fits.
    let factor = size.height / natural.height
    for _ in range(6) {
      let tried = measure(page-body, width: size.width / factor)
      if tried.height * factor > size.height { factor = factor * .96 } else { break }
    }
    scale(x: factor * 100%, y: factor * 100%, origin: top + start, reflow: true, block(width: size.width / factor, page-body))
  }
})
"""
