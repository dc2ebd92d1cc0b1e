"""What our own PDFs share: colours, footer, draft mark, and texts that keep their direction."""

from __future__ import annotations

from collections.abc import Sequence

from kobo_sync.documents.script import is_arabic, is_straight
from kobo_sync.language.catalogue import t
from kobo_sync.language.clean_text import clean

Logo = tuple[str, bytes]  # the text that stands for it, and the picture

LOGOS = r"""
#let logos(high) = data.at("logos", default: ()).map(logo => box(height: high, image(bytes(logo.png), height: 100%, alt: logo.alt))).join(h(10pt))
"""

# A text is ``(s: …, rtl: …, ltr: …)`` so that each keeps its own direction.
DIRECTIONS = r"""
#let show-text(x) = if x.rtl { text(lang: "ar", dir: rtl, x.s) } else if x.ltr { text(dir: ltr, x.s) } else { x.s }
"""

HEAD = (
    LOGOS
    + DIRECTIONS
    + r"""
#let d = data
#let ink = rgb(d.colour)
#let soft = ink.lighten(90%)
#let muted = rgb("#5b6670")
#let rule = rgb("#b8c2cc")
#let white-text(x) = text(fill: white, weight: "bold", show-text(x))
#let foot = { set text(7.5pt, fill: muted); grid(columns: (1fr, auto), column-gutter: 10pt, d.dated,
  context [#d.page_word #counter(page).display()~/~#counter(page).final().first()]) }
#let mark = if d.draft { rotate(-45deg, text(90pt, fill: rgb("#ececec"), weight: "bold", d.draft_word)) }
#set text(region: "MA", fill: rgb("#222222"))
// Arabic letters reach further below and above their line.
#set par(leading: if d.rtl { .85em } else { .52em })
#show heading.where(level: 1): it => block(below: if d.rtl { 12pt } else { 6pt }, text(19pt, fill: ink, weight: "bold", it.body))
"""
)


# Fills that print and every eye keep apart: ``hatched(fill, "dense" | "wide" | "")``, ``dotted(fill)``.
HATCHES = r"""
#let hatched(fill, hatch) = if hatch == "" { fill } else {
  let step = if hatch == "dense" { 3.4pt } else { 6pt }
  tiling(size: (step, step), {
    place(rect(width: step, height: step, fill: fill))
    for k in (-1, 0, 1) { place(line(start: (k * step, step), end: ((k + 1) * step, 0pt), stroke: .7pt + white)) }
  })
}
#let dotted(fill) = tiling(size: (3.4pt, 3.4pt), { place(rect(width: 3.4pt, height: 3.4pt, fill: fill)); place(dx: 1pt, dy: 1pt, circle(radius: .7pt, fill: white)) })
"""


def say(text: str) -> dict[str, object]:
    """A text with its direction, as the sources above expect it."""
    return {"s": clean(text), "rtl": is_arabic(text), "ltr": is_straight(text)}


def page_words() -> dict[str, str]:
    """What `HEAD` writes on each page."""
    return {"page_word": t("Page"), "draft_word": t("DRAFT")}


def shown_logos(logos: Sequence[Logo]) -> list[dict[str, object]]:
    """Logos as `LOGOS` expects them."""
    return [{"alt": alt, "png": list(content)} for alt, content in logos]
