"""Runs and elements of a Word file in raw XML: direction, font and language follow the writing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

from docx.oxml import parse_xml
from lxml import etree

from kobo_sync.documents.script import pieces, reads_left_to_right
from kobo_sync.language.clean_text import clean
from kobo_sync.language.speaking import spoken

LATIN_FONT = "Calibri"
ARABIC_FONT = "Amiri"
TIFINAGH_FONT = "Noto Sans Tifinagh"
INK, MUTED, RULE, PALE, TOTAL, BAND = "1F4E79", "5B6670", "B8C2CC", "F5F7F9", "E3EAF1", "E8EFF6"
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
# 06 •• •• 67, −1 234,5, 9:30, 11/02/2025, 96%
_NUMBER = re.compile(r"((?:\u200e?[+\u2212])?\d(?:[\d.,:/\u202f•]*[\d•]|[\s•]+[\d•]+)*%?)")
_BREAKS = re.compile(r"([\n\t])")
_FONTS = {
    script: f'<w:rFonts w:ascii="{font}" w:hAnsi="{font}" w:cs="{font}"/>'
    for script, font in (("arabic", ARABIC_FONT), ("tifinagh", TIFINAGH_FONT))
}
_XML_SPACE = "{http://www.w3.org/XML/1998/namespace}space"


def sub(parent: Any, tag: str, **attributes: str) -> Any:
    """A new last child ``w:tag`` of *parent* with ``w:`` attributes."""
    return etree.SubElement(parent, W + tag, {W + name: value for name, value in attributes.items()})


def twips(cm: float) -> int:
    """Centimetres as twentieths of a point."""
    return round(cm * 566.93)


def arabic_size(size: float) -> int:
    """The half points of Arabic beside Latin of *size* points: Amiri is drawn smaller than Calibri."""
    return round((size + 1) * 2)


def write(block: Any, text: str, **look: Any) -> None:
    """Adds *text* to the ``w:p`` *block*; *look* as in `runs`."""
    block.extend(parsed(runs(text, **look)))


def runs(
    text: str, *, size: float = 0, bold: bool = False, italic: bool = False, color: str = "", rtl: bool | None = None
) -> str:
    """The XML of *text*, one run per script; *size* in points, 0 for the style's own.

    *rtl*: on a page that runs right to left, marks, numbers and spaces run with it; None: as the spoken language does.
    """
    rtl = spoken().runs_right_to_left if rtl is None else rtl
    elements = []
    for script, piece in _numbers_apart(text) if rtl else pieces(clean(text)):
        properties = [_FONTS.get(script, "")]
        if bold:
            properties.append("<w:b/><w:bCs/>")
        if italic:
            properties.append("<w:i/>")
        if color:
            properties.append(f'<w:color w:val="{color}"/>')
        if size:
            complex_size = arabic_size(size) if script == "arabic" else round(size * 2)
            properties.append(f'<w:sz w:val="{round(size * 2)}"/><w:szCs w:val="{complex_size}"/>')
        if script == "arabic":
            properties.append('<w:rtl/><w:lang w:bidi="ar-MA"/>')
        elif rtl and script != "number" and not any(c.isascii() and c.isalpha() for c in piece):
            properties.append("<w:rtl/>")
        look = "".join(properties)
        elements.append(f"<w:r>{look and f'<w:rPr>{look}</w:rPr>'}{_text(piece)}</w:r>")
    return "".join(elements)


def _numbers_apart(text: str) -> Iterator[tuple[str, str]]:
    """The pieces of a text on a page that runs right to left, numbers apart: among Arabic Word would write them in digits of its own choice."""
    for script, piece in pieces(clean(text)):
        if script == "latin" and reads_left_to_right(piece):
            yield script, piece
            continue
        for at, part in enumerate(_NUMBER.split(piece)):
            if part:
                yield "number" if at % 2 else script, part


def paragraph(
    inner: str,
    *,
    style: str = "",
    keep_next: bool = False,
    keep_lines: bool = False,
    tabs: str = "",
    rtl: bool | None = None,
    spacing: str = "",
    indent_cm: float = 0,
    align: str = "",
) -> str:
    """The XML of a paragraph around the runs *inner*; *spacing* are attributes of ``w:spacing``, as `space` makes them.

    *rtl*: it runs right to left; None: as the spoken language does. *align* ``left`` is where lines begin, ``right`` where they end.
    """
    rtl = spoken().runs_right_to_left if rtl is None else rtl
    properties = [
        f'<w:pStyle w:val="{style}"/>' if style else "",
        "<w:keepNext/>" if keep_next else "",
        "<w:keepLines/>" if keep_lines else "",
        f"<w:tabs>{tabs}</w:tabs>" if tabs else "",
        "<w:bidi/>" if rtl else "",
        f"<w:spacing {spacing}/>" if spacing else "",
        f'<w:ind w:left="{twips(indent_cm)}"/>' if indent_cm else "",
        f'<w:jc w:val="{align}"/>' if align else "",
    ]
    look = "".join(properties)
    return f"<w:p>{look and f'<w:pPr>{look}</w:pPr>'}{inner}</w:p>"


def space(before: float | None = None, after: float | None = None, line: float = 0) -> str:
    """Attributes of ``w:spacing`` in points; *line* fixes the height of a line."""
    attributes = [
        f'w:before="{round(before * 20)}"' if before is not None else "",
        f'w:after="{round(after * 20)}"' if after is not None else "",
        f'w:line="{round(line * 20)}" w:lineRule="exact"' if line else "",
    ]
    return " ".join(filter(None, attributes))


def parsed(xml: str) -> list[Any]:
    """The elements that *xml*, in the prefix ``w``, is made of; python-docx's own classes."""
    return list(parse_xml(f'<w:body xmlns:w="{W[1:-1]}">{xml}</w:body>')) if xml else []


def end_behind_table(body: Any) -> None:
    """Shrinks the empty paragraph that must stand behind a table at the end of *body*, and keeps the table's last row with it.

    With a height of its own it alone filled one page more where the table just fitted. Word keeps them together, LibreOffice does not.
    """
    blocks = [each for each in body if each.tag != f"{W}sectPr"][-2:]
    if len(blocks) < 2 or blocks[0].tag != f"{W}tbl" or blocks[1].tag != f"{W}p" or blocks[1].find(f"{W}r") is not None:
        return
    table, last = blocks
    looks = last.get_or_add_pPr()
    is_rtl = looks.find(f"{W}bidi") is not None
    (shrunk,) = parsed(paragraph("", style=looks.style or "", rtl=is_rtl, spacing=space(0, 0, line=0.05)))
    last.getparent().replace(last, shrunk)
    for row in table.findall(f"{W}tr")[-1:]:
        for block in row.iter(f"{W}p"):
            block.get_or_add_pPr().keepNext_val = True


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
            sub(run, "t").text = "1"
        else:
            sub(run, "fldChar", fldCharType=kind)


def mirror_section(section_properties: Any) -> None:
    """Makes the pages of a section (``w:sectPr``, python-docx's element) run right to left."""
    section_properties.insert_element_before(section_properties.makeelement(f"{W}bidi"), "w:rtlGutter", "w:docGrid")


def mirror_table(table_properties: Any) -> None:
    """Makes the columns of a table (``w:tblPr``, python-docx's element) begin on the right."""
    after = (
        "w:tblStyleRowBandSize",
        "w:tblStyleColBandSize",
        "w:tblW",
        "w:jc",
        "w:tblBorders",
        "w:tblLayout",
        "w:tblLook",
    )
    table_properties.insert_element_before(table_properties.makeelement(f"{W}bidiVisual"), *after)


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


def _text(piece: str) -> str:
    """Text with its line ends and tabs as Word writes them."""
    parts = []
    for part in _BREAKS.split(piece):
        if part == "\n":
            parts.append("<w:br/>")
        elif part == "\t":
            parts.append("<w:tab/>")
        elif part:
            edge = ' xml:space="preserve"' if part[0].isspace() or part[-1].isspace() else ""
            parts.append(f"<w:t{edge}>{escape(part)}</w:t>")
    return "".join(parts)
