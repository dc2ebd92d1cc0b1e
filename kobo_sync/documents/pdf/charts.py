"""Charts as PNG bytes: readable in black and white, safe for the colour-blind, the same bytes each time."""

from __future__ import annotations

import textwrap
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec

from kobo_sync.documents.colours import BLUE, ramp, tint
from kobo_sync.documents.pdf.pages import DIRECTIONS, HATCHES, say
from kobo_sync.documents.pdf.typeset import png
from kobo_sync.language import typography
from kobo_sync.language.catalogue import t
from kobo_sync.language.clean_text import clean
from kobo_sync.language.speaking import spoken

_MOST_DRAWN = 16
_LONGEST = 84  # characters of a label: two lines
P = ParamSpec("P")


@dataclass(frozen=True)
class Bar:
    """One bar: *label*, *value*, an optional second line *below*, and whether it stands out."""

    label: str
    value: float
    below: str = ""
    strong: bool = False
    target: float | None = None


def drawn_once(draw: Callable[P, bytes]) -> Callable[P, bytes]:
    """*draw*, remembered for its last arguments: a report draws each figure to compare it, then to show it."""
    charts: OrderedDict[str, bytes] = OrderedDict()

    @wraps(draw)
    def remembered(*args: P.args, **kwargs: P.kwargs) -> bytes:
        key = repr((spoken(), args, kwargs))
        if key not in charts:
            charts[key] = draw(*args, **kwargs)
            if len(charts) > _MOST_DRAWN:
                charts.popitem(last=False)
        return charts[key]

    return remembered


@drawn_once
def likert(
    rows: Sequence[tuple[str, Sequence[float], int | str]], levels: Sequence[str], *, colour: str = BLUE
) -> bytes:
    """100 % bars, one per question: (label, shares 0..1 from the least favourable, n as it is told)."""
    rows_drawn = [
        (
            _label(f"{_short(label)} (n{typography.NBSP}{'' if str(n)[:1] in '≈≥' else '=' + typography.NBSP}{n})"),
            list(shares),
        )
        for label, shares, n in rows
    ]
    legend = [
        (say(typography.spaced(level)), *style) for level, style in zip(levels, ramp(len(levels), colour), strict=True)
    ]
    return _drawn("likert", {"rows": rows_drawn, "legend": legend, "nothing": t("no data")}, colour)


@drawn_once
def dumbbell(rows: Sequence[tuple[str, float, float]], *, colour: str = BLUE) -> bytes:
    """Before and after per line: (label, before, after), in percent 0..100."""
    rows_drawn = [
        (_label(_short(label)), before, after, t("{change} pts", change=typography.signed(after - before)))
        for label, before, after in rows
    ]
    return _drawn("dumbbell", {"rows": rows_drawn, "before": t("Before"), "after": t("After")}, colour)


@drawn_once
def ranking(bars: Sequence[Bar], *, digits: int = 2, colour: str = BLUE) -> bytes:
    """Horizontal bars from the first to the last, the strong ones full, the others dotted."""
    longest = max((bar.value for bar in bars), default=0) or 1
    rows_drawn = [
        (
            _label(_short(bar.label)),
            _label(bar.below),
            bar.value / longest,
            typography.number(bar.value, digits),
            bar.strong,
        )
        for bar in bars
    ]
    return _drawn("ranking", {"rows": rows_drawn}, colour)


@drawn_once
def quota(bars: Sequence[Bar], *, colour: str = BLUE) -> bytes:
    """Persons present against their *target*, drawn as an outline."""
    longest = max((max(bar.value, bar.target or 0) for bar in bars), default=0) or 1
    rows_drawn = [
        (
            _label(_short(bar.label)),
            bar.value / longest,
            None if bar.target is None else bar.target / longest,
            typography.number(bar.value) if bar.target is None else t("{n} / {quota}", n=bar.value, quota=bar.target),
        )
        for bar in bars
    ]
    return _drawn("quota", {"rows": rows_drawn, "present": t("Present"), "quota": t("Quota")}, colour)


def _short(text: str) -> str:
    return textwrap.shorten(clean(text), _LONGEST, placeholder="…")


def _label(text: str) -> dict[str, object]:
    return say(typography.spaced(clean(text)))


def _drawn(kind: str, data: Mapping[str, Any], colour: str) -> bytes:
    return png(
        HATCHES + DIRECTIONS + _HEAD + _BODIES[kind],
        {
            **data,
            "shares": [typography.percent(0.2 * step) for step in range(6)],
            "colour": colour,
            "pale": tint(colour, 0.62),
            "warm": ramp(5, colour)[0][0],
        },
    )


_HEAD = r"""
#let d = data
#let ink = rgb("#222222")
#let muted = rgb("#5b6670")
#let rule = rgb("#d9dee2")
#let warm = rgb(d.warm)
#let strong = rgb(d.colour)
#set page(width: 17cm, height: auto, margin: (x: 2pt, y: 3pt), fill: white)
#set text(size: 8.5pt, fill: ink)
#set par(leading: .42em, justify: false)
#let names = 6.1cm
#let wide = 10.05cm
// *body* so far from the side where lines begin.
#let at(x, dy: 0pt, body) = place(dx: if data.rtl { -x } else { x }, dy: dy, body)
#let is-dark(c) = luma(c).components().first() < 58%
#let swatch(fill, ..more) = box(baseline: 1pt, rect(width: 11pt, height: 7.5pt, fill: fill, ..more))

// One row per label: the drawing is *wide*, rows are at least *high*.
#let rows(high, drawings) = grid(columns: (names, 1fr), column-gutter: 5pt, rows: auto,
  align: (lines-end + horizon, lines-begin + horizon),
  ..drawings.map(((label, drawing)) => (block(inset: (y: 2.4pt), label), box(width: wide, height: high, drawing))).flatten())
// Lines at 0, 20, … behind *body*, their numbers below; *span* is the length of 100 %.
#let scaled(span, body, lined: true) = context {
  let high = measure(body).height
  block(height: high + 13pt, width: 100%, {
    for k in range(6) {
      let x = names + 5pt + k * 20% * span
      if lined or k == 0 { at(x, line(end: (0pt, high), stroke: .5pt + rule)) }
      at(x - 14pt, dy: high + 4pt, box(width: 28pt, align(center, text(fill: muted, d.shares.at(k)))))
    }
    at(names + 5pt, dy: high, line(end: (span, 0pt), stroke: .6pt + rule))
    body
  })
}
"""

_BODIES = {
    "likert": r"""
#{
  let styles = d.legend.map(((_, c, hatch)) => (rgb(c), hatch))
  let bar(shares) = if shares.len() == 0 { align(horizon, pad(x: 4pt, text(fill: muted, d.nothing))) } else { align(horizon, block(height: 17pt, width: 100%, {
    let left = 0
    for (k, share) in shares.enumerate() {
      if share > 0 {
        let (fill, hatch) = styles.at(k)
        at(left * wide, rect(width: share * wide, height: 17pt, fill: hatched(fill, hatch), stroke: .6pt + white))
        if share >= .06 {
          let said = text(fill: if is-dark(fill) { white } else { ink }, str(calc.round(share * 100 + 1e-9)))
          at(left * wide, box(width: share * wide, height: 17pt, align(center + horizon, box(fill: fill, inset: (x: 2pt, y: 1.5pt), radius: 2pt, said))))
        }
      }
      left = left + share
    }
  })) }
  scaled(wide, lined: false, rows(24pt, d.rows.map(row => (show-text(row.at(0)), bar(row.at(1))))))
  v(3pt)
  align(center, d.legend.map(((label, c, hatch)) => box(grid(columns: 2, column-gutter: 3pt, align: horizon, swatch(hatched(rgb(c), hatch)), show-text(label)))).join(h(13pt, weak: true)))
}
""",
    "dumbbell": r"""
#let ring = circle(radius: 3.3pt, fill: white, stroke: 1.8pt + warm)
#let disc = circle(radius: 3.9pt, fill: strong)
#{
  let span = wide / 1.09
  let high = if d.rows.len() > 8 { 16.5pt } else { 25pt }
  let drawing(before, after, change) = block(width: wide + 1cm, height: high, {
    let mid = high / 2
    at(calc.min(before, after) * 1% * span, dy: mid, line(length: calc.abs(after - before) * 1% * span, stroke: (paint: rgb("#b9c2ca"), thickness: 3.4pt, cap: "round")))
    at(before * 1% * span - 3.3pt, dy: mid - 3.3pt, ring)
    at(after * 1% * span - 3.9pt, dy: mid - 3.9pt, disc)
    at(calc.max(before, after) * 1% * span + 8pt, box(height: high, align(horizon, text(fill: muted, change))))
  })
  align(lines-end)[#box(baseline: .5pt, ring) #h(4pt)#d.before #h(12pt) #box(baseline: .5pt, disc) #h(4pt)#d.after]
  v(1pt)
  scaled(span, rows(high, d.rows.map(row => (show-text(row.at(0)), drawing(row.at(1), row.at(2), row.at(3))))))
}
""",
    "ranking": r"""
#{
  let span = wide * 88%
  let pale = dotted(rgb(d.pale))
  rows(26pt, d.rows.map(((label, below, share, number, is-strong)) => (
    { show-text(label); if below.s != "" { linebreak(); show-text(below) } },
    align(horizon, stack(dir: if data.rtl { rtl } else { ltr }, spacing: 4pt, rect(width: share * span, height: 18pt, fill: if is-strong { strong } else { pale }), block(height: 18pt, align(horizon, text(9pt, number))))))))
}
""",
    "quota": r"""
#{
  let span = wide * 84%
  let outline = (paint: ink, thickness: .9pt, dash: "dashed")
  align(lines-end)[#swatch(strong) #h(3pt)#d.present #h(12pt) #swatch(none, stroke: outline) #h(3pt)#d.quota]
  v(1pt)
  rows(29pt, d.rows.map(((label, share, target, number)) => (show-text(label), block(width: wide + 1cm, height: 29pt, {
    at(0pt, dy: 7pt, rect(width: share * span, height: 15pt, fill: strong))
    if target != none { at(0pt, dy: 4pt, rect(width: target * span, height: 21pt, stroke: outline)) }
    at(calc.max(share, if target == none { 0 } else { target }) * span + 5pt, box(height: 29pt, align(horizon, text(9pt, number))))
  }))))
}
""",
}
