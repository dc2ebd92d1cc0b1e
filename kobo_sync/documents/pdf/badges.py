"""Sheets to print and hand out: badges with bar codes, and the page that sets up an enumerator's phone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kobo_sync.documents.pdf.barcodes import code128_modules, code128_svg, qr_svg
from kobo_sync.documents.pdf.typeset import pdf
from kobo_sync.language import typography

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
  if b.svg != "" { place(bottom + center, image(bytes(b.svg), format: "svg", width: b.width * 1mm, height: 11mm, fit: "stretch")) }
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
#set text(11.5pt, lang: "fr", dir: ltr, hyphenate: false)
#set par(leading: 0.6em)
#text(9.5pt, fill: rgb("#5B6670"), data.mission)
#block(spacing: 3mm, text(20pt, weight: "bold", fill: rgb("#1F4E79"), data.heading))
#block(spacing: 3mm)[#if data.name != "" [Pour : #strong(data.name) #h(6mm)] Compte : #strong(data.user)]
#align(center, image(bytes(data.svg), format: "svg", width: 10.5cm))
#if data.warning != "" {
  block(width: 100%, inset: 3mm, stroke: 1.2pt + rgb("#B00020"), text(fill: rgb("#B00020"), weight: "bold", data.warning))
}
#v(1mm)
#grid(columns: (1fr, 1fr), column-gutter: 8mm,
  enum(spacing: 2.4mm, ..data.steps.map(s => enum.item(s))),
  { set text(12pt, dir: direction.rtl, lang: "ar"); set par(leading: 0.75em)
    enum(spacing: 2.4mm, ..data.steps_ar.map(s => enum.item(s))) })
#place(bottom, block(width: 100%, text(8.5pt, fill: rgb("#5B6670"), data.foot)))
"""

_STEPS = (
    "Installez KoboCollect depuis le Play Store, puis ouvrez-le.",
    "Touchez « Configurer avec un code QR ». Si l’application sert déjà : touchez le rond en haut à droite, puis « Ajouter un projet ».",
    "Visez le grand carré ci-dessus avec l’appareil photo du téléphone.",
    "{password}",
    "Restez connecté jusqu’à ce que les formulaires paraissent dans « Remplir un formulaire ». Ensuite, tout marche sans réseau.",
)
_STEPS_AR = (
    "ثبّتوا تطبيق KoboCollect من متجر Play ثم افتحوه.",
    "اختاروا «الإعداد برمز QR». إذا كان التطبيق مستعملاً من قبل: المسوا الدائرة في الأعلى ثم «إضافة مشروع».",
    "وجّهوا كاميرا الهاتف نحو المربع الكبير أعلاه.",
    "{password}",
    "ابقوا متصلين بالإنترنت حتى تظهر الاستمارات، ثم يمكنكم العمل بدون شبكة.",
)
_PASSWORD = (
    "Si l’application demande un mot de passe, tapez celui que l’équipe vous a donné : il n’est pas dans ce code.",
    "إذا طلب التطبيق كلمة السر، فاكتبوا التي أعطاكم إياها الفريق: ليست في هذا الرمز.",
)
_NO_PASSWORD = (
    "Il n’y a rien à taper : le code contient déjà le mot de passe.",
    "لا حاجة لكتابة شيء: الرمز يتضمن كلمة السر.",
)
_WARNING = "Cette feuille contient un mot de passe : ne la photographiez pas, ne l’affichez pas, ne l’envoyez pas ; détruisez-la après usage."


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
                "svg": code128_svg(badge.code) if coded else "",
                "width": min(_MODULE_MM, _INNER_MM / modules) * modules if coded else 0,
            }
        )
    return pdf(_BADGES, {"badges": drawn}, title=f"Badges – {title}")


def enrolment_pdf(code: str, *, user: str, name: str, mission: str, server: str, with_password: bool) -> bytes:
    """One A4 page that sets up a phone: *code* as a large QR code, what to do in French and Arabic.

    Raises: DocumentError.
    """
    says = _NO_PASSWORD if with_password else _PASSWORD
    data = {
        "mission": typography.spaced(mission),
        "heading": "Configurer le téléphone",
        "name": name,
        "user": user,
        "svg": qr_svg(code),
        "warning": typography.spaced(_WARNING) if with_password else "",
        "steps": [typography.spaced(step.format(password=says[0])) for step in _STEPS],
        "steps_ar": [step.format(password=says[1]) for step in _STEPS_AR],
        "foot": f"Serveur : {server}. Donnez cette feuille à la seule personne nommée.",
    }
    return pdf(_ENROLMENT, data, title=f"Configurer le téléphone – {user}")
