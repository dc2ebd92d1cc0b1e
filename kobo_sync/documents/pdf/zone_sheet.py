"""The one-page zone sheet as a PDF: key figures, needs, learning, satisfaction, participation, road map, chosen questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from kobo_sync.documents.colours import ramp, tint
from kobo_sync.documents.pdf.pages import HATCHES, HEAD, Logo, page_words, say, shown_logos
from kobo_sync.documents.pdf.typeset import pdf
from kobo_sync.language.catalogue import t

Row = TypeVar("Row", bound=Sequence[Any])


@dataclass(frozen=True)
class Card:
    """A chosen question: how many answered (*number*), *numbers* (number, meaning), *bars* (label, drawn share if any, share).

    *more* says what the bars leave out; *missing* stands where nothing can be shown.
    """

    title: str
    number: str
    numbers: Sequence[tuple[str, str]]
    bars: Sequence[tuple[str, float | None, str]]
    more: str
    missing: str

    @property
    def height(self) -> float:
        """About how many lines it takes."""
        return 2.8 + len(self.title) // 55 + len(self.bars) + bool(self.more) + 2 * bool(self.numbers)


@dataclass(frozen=True)
class ZoneSheet:
    """What the sheet says; every number is text already. Shares and scores drawn are 0..1.

    *figures*: (number, meaning). *needs*: (label, below, share of the longest bar, number). *learnt*:
    (theme, before, after, change). *levels* and *judged*: (question, shares per level). *present*: a
    table with its header first and total last; *actions* a table with its header first. A part that is None is left out; where
    one has nothing to show, its *missing* text (by the part's name) stands instead.
    """

    title: str
    subtitle: str
    names: Sequence[str]
    dated: str
    author: str
    figures: Sequence[tuple[str, str]]
    needs: Sequence[tuple[str, str, float, str]] | None
    common: str
    learnt: Sequence[tuple[str, float, float, str]] | None
    levels: Sequence[str]
    judged: Sequence[tuple[str, Sequence[float]]] | None
    present: Sequence[Sequence[str]] | None
    actions: Sequence[Sequence[str]] | None
    chosen: Sequence[Card]
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
            "chosen": t("Answers"),
        },
        "subtitle": sheet.subtitle,
        "names": [say(name) for name in sheet.names],
        "dated": sheet.dated,
        "figures": [[say(big), small] for big, small in sheet.figures],
        "needs": _rows(sheet.needs, lambda row: [say(row[0]), say(row[1]), *row[2:]]),
        "common": sheet.common,
        "learnt": _rows(sheet.learnt, lambda row: [say(row[0]), *row[1:]]),
        "levels": [[say(level), *style] for level, style in zip(sheet.levels, styles, strict=True)],
        "judged": _rows(sheet.judged, lambda row: [say(row[0]), list(row[1])]),
        "present": _rows(sheet.present, lambda row: [*map(say, row)]),
        "actions": _rows(sheet.actions, lambda row: [*map(say, row)]),
        "chosen": [[_card(card) for card in column] for column in _halves(sheet.chosen)],
        "missing": sheet.missing,
        "note": sheet.note,
        "draft": sheet.draft,
        "colour": sheet.colour,
        "logos": shown_logos(sheet.logos),
        "pale": tint(sheet.colour, 0.62),
        "warm": ramp(5, sheet.colour)[0][0],
    }
    return pdf(HEAD + HATCHES + _SOURCE, data, title=sheet.title, author=sheet.author)


def _rows(rows: Sequence[Row] | None, made: Callable[[Row], list[object]]) -> list[list[object]] | None:
    return None if rows is None else [made(row) for row in rows]


def _card(card: Card) -> dict[str, object]:
    return {
        "title": say(card.title),
        "number": say(card.number),
        "numbers": [[say(number), say(meant)] for number, meant in card.numbers],
        "bars": [[say(label), drawn, say(share)] for label, drawn, share in card.bars],
        "more": card.more,
        "missing": card.missing,
    }


def _halves(cards: Sequence[Card]) -> list[list[Card]]:
    """The cards in two columns of about one height, in order."""
    whole = sum(card.height for card in cards)
    columns: list[list[Card]] = [[], []]
    above = 0.0
    for card in cards:
        columns[int(above + card.height / 2 > whole / 2)].append(card)
        above += card.height
    return [column for column in columns if column]


_SOURCE = r"""
#set page("a4", margin: (x: 15mm, top: 12mm, bottom: 15mm), footer: foot, background: mark)
#set text(size: 9.5pt)
#let beside = if d.rtl { right } else { left } // of a name in letters of the other direction too
#show heading.where(level: 2): it => block(above: if d.rtl { 12pt } else { 9pt }, below: if d.rtl { 9pt } else { 5pt }, text(11.5pt, fill: ink, weight: "bold", it.body))
#let warm = rgb(d.warm)
#let is-dark(c) = luma(c).components().first() < 58%
#let absent(key) = text(fill: muted, d.missing.at(key, default: "–"))

#let opening = grid(columns: (1fr, auto), align: (start, end + horizon), column-gutter: 10pt,
  [#heading(level: 1, d.title) #text(9.5pt, fill: muted, d.subtitle)],
  d.names.map(name => text(13pt, fill: ink, show-text(name))).join(linebreak()))

#let figures = grid(columns: d.figures.len() * (1fr,), gutter: 6pt, ..d.figures.map(pair => block(fill: soft, radius: 3pt,
  inset: 5pt, width: 100%, height: 47pt, align(center + horizon)[#text(if pair.at(0).s.len() > 14 { 11pt } else { 17pt }, weight: "bold",
  fill: ink, show-text(pair.at(0))) \ #text(8pt, pair.at(1))])))

#let needs = if d.needs == none {} else if d.needs.len() == 0 { absent("needs") } else {
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
#let learnt = if d.learnt == none {} else if d.learnt.len() == 0 { absent("learnt") } else {
  grid(columns: (1fr, wide, auto), row-gutter: 6pt, column-gutter: 7pt, align: horizon,
    ..d.learnt.map(row => (text(8.5pt, show-text(row.at(0))), dumbbell(row.at(1), row.at(2)), text(8.5pt, row.at(3)))).flatten())
  v(1pt)
  text(7.5pt, fill: muted)[#box(circle(radius: 2.4pt, fill: white, stroke: 1.2pt + warm)) #d.words.before #h(8pt)
    #box(circle(radius: 2.4pt, fill: ink)) #d.words.after · #d.words.scale]
}

#let judged = if d.judged == none {} else if d.judged.len() == 0 { absent("judged") } else {
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

#let present = if d.present != none { table(columns: (1.8fr,) + (d.present.first().len() - 1) * (1fr,), align: (x, y) => if x == 0 { beside } else { end },
  stroke: .4pt + rule, inset: 3.6pt, fill: (_, y) => if y == 0 { ink } else if y == d.present.len() - 1 { soft },
  table.header(..d.present.first().map(white-text)),
  ..d.present.slice(1).enumerate().map(((y, row)) => row.map(cell => if y == d.present.len() - 2 { strong(show-text(cell)) } else { show-text(cell) })).flatten()) }

#let actions = if d.actions == none {} else if d.actions.len() < 2 { absent("actions") } else {
  table(columns: (auto, 2.3fr, 1.5fr, 1.3fr, auto, 1.6fr), stroke: .4pt + rule, inset: 3.6pt,
    fill: (_, y) => if y == 0 { ink } else if calc.even(y) { rgb("#F5F7F9") },
    table.header(..d.actions.first().map(white-text)), ..d.actions.slice(1).flatten().map(cell => text(8.5pt, show-text(cell))))
}

#let card(c) = block(breakable: false, above: 8pt, below: 8pt, {
  text(9pt, weight: "bold", show-text(c.title))
  linebreak()
  text(7.5pt, fill: muted, show-text(c.number))
  if c.missing != "" { linebreak(); text(8pt, fill: muted, c.missing) }
  if c.numbers.len() > 0 {
    v(-3pt)
    grid(columns: c.numbers.len() * (1fr,), gutter: 4pt, ..c.numbers.enumerate().map(((place, pair)) => block(fill: soft, radius: 2pt, inset: 3pt,
      width: 100%, align(center)[#text(if place == 0 { 11pt } else { 9.5pt }, weight: "bold", fill: ink, show-text(pair.at(0))) \
        #text(7pt, show-text(pair.at(1)))])))
  }
  if c.bars.len() > 0 {
    v(-3pt)
    grid(columns: (46%, 1fr, 34pt), row-gutter: 4pt, column-gutter: 5pt, align: (end + horizon, start + horizon, start + horizon),
      ..c.bars.map(bar => (text(8pt, show-text(bar.at(0))),
        if bar.at(1) == none { line(length: 100%, stroke: (paint: rule, thickness: .6pt, dash: "dotted")) } else {
          rect(width: calc.max(.5, bar.at(1) * 100) * 1%, height: 7pt, fill: ink) },
        text(8pt, show-text(bar.at(2))))).flatten())
  }
  if c.more != "" { text(7.5pt, fill: muted, c.more) }
})

#let page-body = {
  if d.logos.len() > 0 { block(below: 5pt, logos(10mm)) }
  opening
  v(3pt)
  if d.figures.len() > 0 { figures }
  let first = (..if d.needs != none { ([#heading(level: 2, d.words.needs)
    #needs],) }, ..if d.learnt != none { ([#heading(level: 2, d.words.learnt)
    #learnt],) })
  if first.len() > 0 { grid(columns: first.len() * (1fr,), gutter: 14pt, ..first) }
  if d.judged != none {
    heading(level: 2, d.words.judged)
    judged
  }
  if d.present != none {
    heading(level: 2, d.words.present)
    present
  }
  if d.actions != none {
    heading(level: 2, d.words.actions)
    actions
  }
  if d.chosen.len() > 0 {
    heading(level: 2, d.words.chosen)
    grid(columns: d.chosen.len() * (1fr,), gutter: 14pt, ..d.chosen.map(column => column.map(card).join()))
  }
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
