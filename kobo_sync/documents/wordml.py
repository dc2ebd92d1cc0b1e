"""Runs and elements of a Word file in raw XML: direction, font and language follow the writing."""

from __future__ import annotations

from typing import Any

from lxml import etree

from kobo_sync.documents.script import clean, pieces

LATIN_FONT = "Calibri"
ARABIC_FONT = "Amiri"
TIFINAGH_FONT = "Noto Sans Tifinagh"
INK, MUTED, RULE, PALE, TOTAL, BAND = "1F4E79", "5B6670", "B8C2CC", "F5F7F9", "E3EAF1", "E8EFF6"
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_XML_SPACE = "{http://www.w3.org/XML/1998/namespace}space"


def sub(parent: Any, tag: str, **attributes: str) -> Any:
    """A new last child ``w:tag`` of *parent* with ``w:`` attributes."""
    return etree.SubElement(parent, W + tag, {W + name: value for name, value in attributes.items()})


def twips(cm: float) -> int:
    """Centimetres as twentieths of a point."""
    return round(cm * 566.93)


def write(block: Any, text: str, *, size: float = 0, bold: bool = False, italic: bool = False, color: str = "") -> None:
    """Adds *text* to the ``w:p`` *block*, one run per script; *size* in points, 0 for the style's own."""
    for script, piece in pieces(clean(text)):
        run = sub(block, "r")
        properties = sub(run, "rPr")
        if script == "arabic":
            sub(properties, "rFonts", ascii=ARABIC_FONT, hAnsi=ARABIC_FONT, cs=ARABIC_FONT)
        elif script == "tifinagh":
            sub(properties, "rFonts", ascii=TIFINAGH_FONT, hAnsi=TIFINAGH_FONT, cs=TIFINAGH_FONT)
        if bold:
            sub(properties, "b")
            sub(properties, "bCs")
        if italic:
            sub(properties, "i")
        if color:
            sub(properties, "color", val=color)
        if size:
            # Amiri is drawn smaller than Calibri at the same size.
            sub(properties, "sz", val=str(round(size * 2)))
            sub(properties, "szCs", val=str(round((size + 1) * 2) if script == "arabic" else round(size * 2)))
        if script == "arabic":
            sub(properties, "rtl")
            sub(properties, "lang", bidi="ar-MA")
        _text(run, piece)


def write_field(block: Any, instruction: str) -> None:
    """Adds a field (``PAGE``, ``NUMPAGES``) in the small grey of headers and footers."""
    for kind in ("begin", "instruction", "separate", "shown", "end"):
        run = sub(block, "r")
        properties = sub(run, "rPr")
        sub(properties, "color", val=MUTED)
        sub(properties, "sz", val="16")
        if kind == "instruction":
            node = sub(run, "instrText")
            node.text = f" {instruction} "
            node.set(_XML_SPACE, "preserve")
        elif kind == "shown":
            _text(run, "1")
        else:
            sub(run, "fldChar", fldCharType=kind)


def right_to_left(block: Any) -> None:
    """Makes the python-docx paragraph element *block* run right to left; no ``w:jc``: start is then the right."""
    properties = block.get_or_add_pPr()
    after = (
        "w:adjustRightInd",
        "w:snapToGrid",
        "w:spacing",
        "w:ind",
        "w:contextualSpacing",
        "w:jc",
        "w:rPr",
        "w:sectPr",
    )
    properties.insert_element_before(etree.Element(f"{W}bidi"), *after)


def _text(run: Any, piece: str) -> None:
    for line_number, line in enumerate(piece.split("\n")):
        if line_number:
            sub(run, "br")
        for tab_number, part in enumerate(line.split("\t")):
            if tab_number:
                sub(run, "tab")
            if part:
                node = sub(run, "t")
                node.text = part
                node.set(_XML_SPACE, "preserve")
