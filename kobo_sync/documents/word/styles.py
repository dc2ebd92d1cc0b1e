"""Our styles on python-docx's template, and what the template carries for nothing taken out."""

from __future__ import annotations

import io
import re
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from docx import Document as new_docx
from docx.document import Document as WordDocument
from docx.enum.text import WD_TAB_ALIGNMENT, WD_TAB_LEADER
from docx.oxml import parse_xml
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor
from lxml import etree

from kobo_sync.documents.word.wordml import ARABIC_FONT, INK, LATIN_FONT, MUTED, TIFINAGH_FONT, W, arabic_size, sub
from kobo_sync.language.speaking import LANGUAGES, spoken

CELL_SIZE = 9.0  # points
CELLS = {CELL_SIZE: "Cellule", 8.5: "Cellule serrée"}  # by size: a table's cell says only what differs from its style
_LOCALES = {"fr": "fr-FR", "en": "en-GB", "ar": "ar-MA"}
_ids: WeakKeyDictionary[Any, dict[str, str]] = WeakKeyDictionary()  # of each open document
_levels: WeakKeyDictionary[Any, dict[str, int]] = WeakKeyDictionary()
# What Word takes when a font is not installed; every Windows has these.
_SUBSTITUTES = {ARABIC_FONT: "Sakkal Majalla", TIFINAGH_FONT: "Ebrima"}

_NEEDED = (
    "Normal", "Heading 1", "Heading 2", "Heading 3", "Title", "Subtitle", "Caption", "List Bullet", "List Number", "Note", "Figure",
    "Après tableau", "toc 1", "toc 2", *CELLS.values(),
)  # fmt: skip


def blank() -> WordDocument:
    """An empty document with our styles, language and fonts."""
    return new_docx(io.BytesIO(_dressed(locale())))


def locale() -> str:
    """The language that is spoken, as Word knows it."""
    return _LOCALES[spoken().code]


@lru_cache(maxsize=len(LANGUAGES))
def _dressed(locale: str) -> bytes:
    document = new_docx()
    _trim_template(document)
    _set_language(document, locale)
    _set_styles(document)
    _substitute_fonts(document)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def style_id(document: WordDocument, name: str) -> str:
    """The id of the style called *name*, which differs from it in files that a French or Arabic Word made."""
    key = name.lower()
    ids = _ids.setdefault(document.part, {})
    if key not in ids:
        for style in document.styles.element.findall(f"{W}style"):
            called = style.find(f"{W}name")
            if called is not None:
                ids[str(called.get(f"{W}val")).lower()] = str(style.get(f"{W}styleId"))
    return ids.get(key, "")


def heading_level(document: WordDocument, element: Any) -> int:
    """The level of *element* as a heading, by the name of its style, which is the same in the Word of every language; else 0."""
    style = element.find(f"{W}pPr/{W}pStyle") if element.tag == f"{W}p" else None
    if style is None:
        return 0
    called, levels = str(style.get(f"{W}val")), _levels.setdefault(document.part, {})
    if called not in levels:
        names = (each.find(f"{W}name") for each in document.styles.element if each.get(f"{W}styleId") == called)
        name = next((str(each.get(f"{W}val")) for each in names if each is not None), called)
        level = re.fullmatch(r"(?:heading|titre)\s*(\d)", name, re.I)
        levels[called] = int(level[1]) if level else 0
    return levels[called]


def complete(document: WordDocument) -> None:
    """Lends *document*, which people made, the styles that our blocks need and it lacks; its own stay as they are."""
    names = {style.name for style in document.styles}
    missing = [name for name in _NEEDED if name not in names]
    ids = {style.style_id for style in document.styles}
    for style in (parse_xml(_lent()[name]) for name in missing):
        if style.get(qn("w:styleId")) not in ids:
            document.styles.element.append(style)


@lru_cache(maxsize=1)
def _lent() -> dict[str, bytes]:
    """Our styles by name, as they stand in a file."""
    styles = blank().styles
    return {name: etree.tostring(styles[name].element) for name in _NEEDED}


def _trim_template(document: WordDocument) -> None:
    """Drops what python-docx's template carries for nothing, and leaves Word's compatibility mode."""
    for relations in (document.part.rels, document.part.package.rels):
        for key, relation in list(relations.items()):
            if relation.reltype.endswith(("/thumbnail", "/stylesWithEffects")):
                del relations[key]
    styles = document.styles.element
    for style in list(styles.findall(qn("w:style"))):
        if style.get(qn("w:type")) == "table" and style.get(qn("w:styleId")) not in ("TableNormal", "TableGrid"):
            styles.remove(style)
    settings = document.settings.element
    for setting in settings.iter(qn("w:compatSetting")):
        if setting.get(qn("w:name")) == "compatibilityMode":
            setting.set(qn("w:val"), "15")
    for zoom in settings.iter(qn("w:zoom")):
        zoom.set(qn("w:percent"), "100")


def _set_language(document: WordDocument, locale: str) -> None:
    language = next(document.styles.element.iter(qn("w:lang")))
    language.set(qn("w:val"), locale if not locale.startswith("ar") else "fr-FR")  # of what is not Arabic
    language.set(qn("w:bidi"), "ar-MA")


def _set_styles(document: WordDocument) -> None:
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = LATIN_FONT, Pt(10.5)
    normal.paragraph_format.space_after, normal.paragraph_format.line_spacing = Pt(6), 1.1
    normal.paragraph_format.widow_control = True
    normal.element.rPr.rFonts.set(qn("w:cs"), ARABIC_FONT)
    sizes = {
        "Title": (24, 0, 2),
        "Subtitle": (11.5, 0, 8),
        "Heading 1": (15, 14, 4),
        "Heading 2": (12.5, 10, 3),
        "Heading 3": (11, 8, 2),
    }
    for name, (size, before, after) in sizes.items():
        style = document.styles[name]
        style.font.size, style.font.bold, style.font.italic = Pt(size), name != "Subtitle", False
        style.font.color.rgb = RGBColor.from_string(MUTED if name == "Subtitle" else INK)
        style.paragraph_format.space_before, style.paragraph_format.space_after = Pt(before), Pt(after)
        style.paragraph_format.keep_with_next = True
        _plain_font(style)
    _extra_styles(document)


def _extra_styles(document: WordDocument) -> None:
    caption_style = document.styles["Caption"]
    caption_style.font.size, caption_style.font.bold, caption_style.font.italic = Pt(9), False, True
    caption_style.font.color.rgb = RGBColor.from_string(MUTED)
    caption_style.paragraph_format.keep_with_next = True
    caption_style.paragraph_format.space_before, caption_style.paragraph_format.space_after = Pt(8), Pt(3)
    spaced = {"Note": (8.5, 6), "Figure": (10.5, 6), "Après tableau": (4, 2)}
    for name, (size, after) in (spaced | {name: (size, 0.5) for size, name in CELLS.items()}).items():
        style = document.styles.add_style(name, 1)
        style.base_style = document.styles["Normal"]
        style.font.size = Pt(size)
        style.paragraph_format.space_after, style.paragraph_format.line_spacing = Pt(after), 1.0
        if name == "Note":
            style.font.color.rgb = RGBColor.from_string(MUTED)
        if name in CELLS.values():
            style.paragraph_format.space_before = Pt(after)
            sub(style.element.rPr, "szCs", val=str(arabic_size(size)))
    for level in (1, 2):  # of the table of contents: the page number on the right, dots before it
        style = document.styles.add_style(f"toc {level}", 1)
        style.base_style = document.styles["Normal"]
        style.paragraph_format.left_indent, style.paragraph_format.space_after = Cm(0.6 * (level - 1)), Pt(3)
        style.paragraph_format.tab_stops.add_tab_stop(Cm(17), WD_TAB_ALIGNMENT.RIGHT, WD_TAB_LEADER.DOTS)


def _plain_font(style: Any) -> None:
    """Names our font in *style*, without the theme's fonts and Word's rule under titles."""
    fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
    for attribute in list(fonts.attrib):
        del fonts.attrib[attribute]
    for attribute, name in (("ascii", LATIN_FONT), ("hAnsi", LATIN_FONT), ("cs", ARABIC_FONT)):
        fonts.set(qn(f"w:{attribute}"), name)
    for rule in list(style.element.iter(qn("w:pBdr"))):
        rule.getparent().remove(rule)
    for spacing in list(style.element.rPr.findall(qn("w:spacing"))):
        style.element.rPr.remove(spacing)


def _substitute_fonts(document: WordDocument) -> None:
    part = next((r.target_part for r in document.part.rels.values() if r.reltype.endswith("/fontTable")), None)
    if part is None:
        return
    root = etree.fromstring(part.blob)
    font_names = {font.get(f"{W}name") for font in root}
    for name, substitute in sorted(_SUBSTITUTES.items()):
        if name not in font_names:
            sub(sub(root, "font", name=name), "altName", val=substitute)
    part._blob = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
