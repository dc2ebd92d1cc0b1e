"""Sheets to print and hand out: badges with bar codes, and the page that sets up an enumerator's phone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kobo_sync.documents.pdf.barcodes import code128_modules, code128_svg, qr_svg
from kobo_sync.documents.pdf.typeset import pdf
from kobo_sync.language import typography
from kobo_sync.language.catalogue import later, t
from kobo_sync.language.speaking import Code, speaking, spoken

_INNER_MM = 79.0
_MODULE_MM, _LEAST_MODULE_MM = 0.5, 0.33

_BADGES = r"""
#let w = 85.6mm
#let h = 54mm
#set page(paper: "a4", margin: 0mm)
#set text(10pt, hyphenate: false)
#let left = (210mm - 2 * w) / 2
#let top = (297mm - 5 * h) / 2
#let tick = 0.4pt + luma(120)
#let marks = {
  for x in range(3) { for y in (top - 5mm, top + 5 * h + 1mm) { place(dx: left + x * w, dy: y, line(angle: 90deg, length: 4mm, stroke: tick)) } }
  for y in range(6) { for x in (left - 5mm, left + 2 * w + 1mm) { place(dx: x, dy: top + y * h, line(length: 4mm, stroke: tick)) } }
}
#let fitted(size, body) = layout(room => {
  let s = size
  while s > 7pt and measure(text(s, body)).width > room.width { s = s - 0.5pt }
  text(s, body)
})
#let badge(b) = block(width: w, height: h, inset: (x: 3mm, y: 3mm), clip: true, {
  set align(center)
  text(7.5pt, fill: rgb("#5B6670"), b.title)
  block(spacing: 2.6mm, text(26pt, weight: "bold", fill: rgb("#1F4E79"), b.code))
  if b.blank { v(5mm); box(width: 70mm, line(length: 100%, stroke: (thickness: 0.6pt, dash: "dotted"))); v(1mm) }
  else {
    block(spacing: 1.6mm, fitted(12pt, strong(b.name)))
    if b.arabic != "" { block(spacing: 1.6mm, fitted(12pt, text(dir: direction.rtl, lang: "ar", b.arabic))) }
  }
  block(spacing: 1.4mm, text(9pt, b.place))
  if b.svg.len() > 0 { place(bottom + center, image(bytes(b.svg), format: "svg", width: b.width * 1mm, height: 11mm, fit: "stretch")) }
})
#for (n, sheet) in data.badges.chunks(10).enumerate() {
  if n > 0 { pagebreak() }
  marks
  for (i, b) in sheet.enumerate() {
    place(dx: left + calc.rem(i, 2) * w, dy: top + calc.quo(i, 2) * h, badge(b))
  }
}
"""

_ENROLMENT = r"""
#set page(paper: "a4", margin: (x: 2cm, y: 1.6cm))
#set text(11.5pt, hyphenate: false)
#set par(leading: 0.6em)
#text(9.5pt, fill: rgb("#5B6670"), data.mission)
#block(spacing: 3mm, text(20pt, weight: "bold", fill: rgb("#1F4E79"), data.heading))
#block(spacing: 3mm)[#if data.name != "" [#data.for_word #strong(data.name) #h(6mm)] #data.account_word #strong(data.user)]
#align(center, image(bytes(data.svg), format: "svg", width: 10.5cm))
#if data.warning != "" {
  block(width: 100%, inset: 3mm, stroke: 1.2pt + rgb("#B00020"), text(fill: rgb("#B00020"), weight: "bold", data.warning))
}
#v(1mm)
#grid(columns: data.steps.len() * (1fr,), column-gutter: 8mm, ..data.steps.map(column => if column.rtl {
  set text(12pt, dir: direction.rtl, lang: "ar"); set par(leading: 0.75em)
  enum(spacing: 2.4mm, ..column.steps.map(s => enum.item(s)))
} else { set text(dir: direction.ltr, lang: column.lang); enum(spacing: 2.4mm, ..column.steps.map(s => enum.item(s))) }))
#place(bottom, block(width: 100%, text(8.5pt, fill: rgb("#5B6670"), data.foot)))
"""

_STEPS = (
    later("Install KoboCollect from the Play Store, then open it."),
    later(
        "Tap “Configure with QR code”. If the app is in use already: tap the circle at the top right, then “Add project”."
    ),
    later("Point the phone's camera at the large square above."),
    later("If the app asks for a password, type the one that the team gave you: it is not in this code."),
    later("Stay connected until the forms appear under “Start new form”. Then everything works without a network."),
)
_NOTHING_TO_TYPE = later("There is nothing to type: the code holds the password already.")
_PASSWORD_STEP = 3
Secret = Literal[
    "", "password", "code"
]  # what the code of a sheet gives away: nothing, a password, the phone's whole right


@dataclass(frozen=True)
class Badge:
    """A person's badge; *name* and *arabic* are empty on one printed before the person is known."""

    code: str
    name: str = ""
    arabic: str = ""
    place: str = ""


def has_room(code: str) -> bool:
    """Whether *code* fits a badge as a bar code that a phone can read (bars of 0.33 mm at least)."""
    modules = code128_modules(code)
    return 0 < modules * _LEAST_MODULE_MM <= _INNER_MM


def badges_pdf(badges: Sequence[Badge], *, title: str) -> bytes:
    """A4 sheets of ten badges of 85.6 × 54 mm with cut marks; a code without room has no bar code.

    Raises: DocumentError.
    """
    drawn = []
    for badge in badges:
        modules = code128_modules(badge.code)
        coded = has_room(badge.code)
        drawn.append(
            {
                "title": typography.spaced(title),
                "code": badge.code,
                "name": badge.name,
                "arabic": badge.arabic,
                "place": badge.place,
                "blank": not badge.name and not badge.arabic,
                "svg": list(code128_svg(badge.code).encode()) if coded else [],
                "width": min(_MODULE_MM, _INNER_MM / modules) * modules if coded else 0,
            }
        )
    return pdf(_BADGES, {"badges": drawn}, title=f"Badges – {title}")


def enrolment_pdf(
    code: str,
    *,
    user: str,
    name: str,
    mission: str,
    server: str,
    secret: Secret = "",
    languages: Sequence[Code] = ("fr", "ar"),
) -> bytes:
    """One A4 page that sets up a phone: *code* as a large QR code, what to do in each of *languages* side by side, the page in the first.

    Raises: DocumentError.
    """
    columns = [_steps(language, types_password=not secret) for language in languages]
    with speaking(languages[0]):
        warnings = {
            "": "",
            "password": t(
                "This sheet holds a password: do not photograph it, do not put it up, do not send it; destroy it after use."
            ),
            "code": t(
                "This code is the phone’s secret: whoever scans or photographs it can send submissions. "
                "Do not put it up, do not send it; destroy it after use. If the phone is lost, have it revoked."
            ),
        }
        data = {
            "mission": typography.spaced(mission),
            "heading": t("Set up the phone"),
            "name": name,
            "user": user,
            "for_word": typography.spaced(t("For:")),
            "account_word": typography.spaced(t("Account:")),
            "svg": list(qr_svg(code).encode()),  # a picture is no text, which would be cut
            "warning": typography.spaced(warnings[secret]),
            "steps": columns,
            "foot": typography.spaced(t("Server: {server}. Give this sheet to the person named alone.", server=server)),
        }
        return pdf(_ENROLMENT, data, title=f"{t('Set up the phone')} – {user}")


def _steps(language: Code, *, types_password: bool) -> dict[str, object]:
    """What to do, told in *language*."""
    steps = list(_STEPS)
    if not types_password:
        steps[_PASSWORD_STEP] = _NOTHING_TO_TYPE
    with speaking(language):
        return {
            "rtl": spoken().runs_right_to_left,
            "lang": language,
            "steps": [typography.spaced(t(step)) for step in steps],
        }
