"""The draft mark behind the pages of a Word file, and its removal once the document is final."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

from docx.document import Document as WordDocument
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from lxml import etree

from kobo_sync.documents.word.package import freeze
from kobo_sync.documents.word.wordml import W
from kobo_sync.language.catalogue import later, t, translations
from kobo_sync.language.speaking import LANGUAGES

TEXT = later("DRAFT")
# Word's own name for watermarks: its ribbon can remove them, and LibreOffice knows them again.
_NAME = "PowerPlusWaterMarkObject"
_HEADER = re.compile(r"word/header\d*\.xml")


def mark(document: WordDocument) -> None:
    """Put the mark behind every page; a header that has it already is left alone."""
    for number, section in enumerate(document.sections, 1):
        headers = [section.header]
        if section.different_first_page_header_footer:
            headers.append(section.first_page_header)
        for place, header in enumerate(headers):
            if (number > 1 and header.is_linked_to_previous) or _is_marked(header._element):
                continue
            header.paragraphs[0]._p.append(_shape(10 * number + place))


def without_mark(content: bytes) -> bytes:
    """The same Word file without the mark; a file that has none comes back as it is."""
    parts: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        for name in filter(_HEADER.fullmatch, names):
            root = etree.fromstring(archive.read(name))
            if _remove(root):
                parts[name] = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
        if not parts:
            return content
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as target:
            for name in names:
                target.writestr(name, parts.get(name) or archive.read(name))
    return freeze(out.getvalue())


def _is_marked(root: Any) -> bool:
    return any(_is_mark(etree.tostring(run, encoding="unicode")) for run in root.iter(f"{W}r"))


def _is_mark(run: str) -> bool:
    """Whether the XML of a run is the mark, in whatever language it was put."""
    return _NAME in run and any(translations(code).gettext(TEXT) in run for code in LANGUAGES)


def _remove(root: Any) -> bool:
    removed = False
    for run in list(root.iter(f"{W}r")):
        text = etree.tostring(run, encoding="unicode")
        if _is_mark(text) and run.getparent() is not None:
            run.getparent().remove(run)
            removed = True
    return removed


def _shape(number: int) -> Any:
    shape = (
        "position:absolute;margin-left:0;margin-top:0;width:420pt;height:105pt;rotation:315;z-index:-251658752;"
        "mso-position-horizontal:center;mso-position-horizontal-relative:margin;"
        "mso-position-vertical:center;mso-position-vertical-relative:margin"
    )
    return parse_xml(
        f"""<w:r {nsdecls("w")} xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office"><w:pict>
<v:shapetype id="_x0000_t136" coordsize="21600,21600" o:spt="136" adj="10800" path="m@7,l@8,m@5,21600l@6,21600e"><v:formulas>
<v:f eqn="sum #0 0 10800"/><v:f eqn="prod #0 2 1"/><v:f eqn="sum 21600 0 @1"/><v:f eqn="sum 0 0 @2"/><v:f eqn="sum 21600 0 @3"/>
<v:f eqn="if @0 @3 0"/><v:f eqn="if @0 21600 @1"/><v:f eqn="if @0 0 @2"/><v:f eqn="if @0 @4 21600"/></v:formulas>
<v:path textpathok="t" o:connecttype="rect"/><v:textpath on="t" fitshape="t"/></v:shapetype>
<v:shape id="{_NAME}{number}" o:spid="_x0000_s{2048 + number}" type="#_x0000_t136" alt="{t(TEXT)}" style="{shape}" o:allowincell="f"
 fillcolor="#d8d8d8" stroked="f"><v:fill opacity=".5"/><v:textpath style="font-family:&quot;Calibri&quot;;font-size:1pt" string="{t(TEXT)}"/>
</v:shape></w:pict></w:r>"""
    )
