"""Numbers that live in sentences: DOCPROPERTY fields, their values in the file's custom properties."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

from docx.document import Document as WordDocument
from docx.opc.packuri import PackURI
from docx.opc.part import Part, XmlPart
from lxml import etree

from kobo_sync.documents.word.wordml import W
from kobo_sync.language.clean_text import clean

_FIELD = re.compile(r'^\s*DOCPROPERTY\s+"?([\w.-]+)"?')
_CUSTOM = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/custom-properties"
_NS = "http://schemas.openxmlformats.org/officeDocument/2006/custom-properties"
_VT = "http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes"
_TYPE = "application/vnd.openxmlformats-officedocument.custom-properties+xml"
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"


def field_runs(name: str, value: str, properties: Any | None) -> list[Any]:
    """The runs of a field that shows *value*; *properties* is the ``w:rPr`` of the text it stands in."""
    runs = []
    for kind in ("begin", "instruction", "separate", "shown", "end"):
        run = etree.Element(f"{W}r")
        if properties is not None:
            run.append(copy.deepcopy(properties))
        if kind == "instruction":
            node = etree.SubElement(run, f"{W}instrText")
            node.text = f' DOCPROPERTY "{name}" '
            node.set(_SPACE, "preserve")
        elif kind == "shown":
            node = etree.SubElement(run, f"{W}t")
            node.text = clean(value)
            node.set(_SPACE, "preserve")
        else:
            etree.SubElement(run, f"{W}fldChar", {f"{W}fldCharType": kind})
        runs.append(run)
    return runs


def roots(document: WordDocument) -> list[Any]:
    """The body, every header and footer of its sections, and the notes at the foot of pages or at the end."""
    elements = [document.element.body]
    for relation in document.part.rels.values():
        if relation.reltype.endswith(("/header", "/footer")) and not relation.is_external:
            elements.append(relation.target_part.element)
        elif relation.reltype.endswith(("/footnotes", "/endnotes")) and not relation.is_external:
            part = relation.target_part
            if not isinstance(part, XmlPart):  # python-docx keeps notes as bytes
                relation._target = part = XmlPart.load(part.partname, part.content_type, part.blob, part.package)
            elements.append(part.element)
    return elements


def refresh(root: Any, values: Mapping[str, str]) -> dict[str, int]:
    """Set what each field shows to its value; returns how many of each name were changed.

    Reads complex fields (also cut over several runs) and simple ones, as Word and LibreOffice write them.
    """
    changed: dict[str, int] = {}
    for name, nodes in _fields(root):
        text = clean(values[name]) if name in values else None
        if text is None or not nodes or "".join(node.text or "" for node in nodes) == text:
            continue
        nodes[0].text = text
        nodes[0].set(_SPACE, "preserve")
        for node in nodes[1:]:
            node.text = ""
        changed[name] = changed.get(name, 0) + 1
    return changed


def names(root: Any) -> set[str]:
    """The names of the values that fields below *root* show."""
    return {name for name, _ in _fields(root)}


def shown_nodes(paragraph: Any) -> list[Any]:
    """The text nodes of *paragraph* that fields fill: what stands there was not typed."""
    return [node for _, nodes in _fields(paragraph) for node in nodes]


def put_properties(document: WordDocument, values: Mapping[str, str]) -> None:
    """Write *values* as custom properties, in the order of their names; those of others stay as they are."""
    package = document.part.package
    part = next((r.target_part for r in package.rels.values() if r.reltype == _CUSTOM), None)
    root = (
        etree.fromstring(part.blob)
        if part is not None
        else etree.Element(f"{{{_NS}}}Properties", nsmap={None: _NS, "vt": _VT})
    )
    other_properties = [item for item in root if item.get("name") not in values]
    for item in list(root):
        root.remove(item)
    for item in other_properties:
        root.append(item)
    for name in sorted(values):
        item = etree.SubElement(
            root, f"{{{_NS}}}property", {"fmtid": "{D5CDD505-2E9C-101B-9397-08002B2CF9AE}", "name": name}
        )
        etree.SubElement(item, f"{{{_VT}}}lpwstr").text = clean(values[name])
    for number, item in enumerate(root, 2):
        item.set("pid", str(number))
    blob = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
    if part is not None:
        part._blob = blob
    else:
        package.relate_to(Part(PackURI("/docProps/custom.xml"), _TYPE, blob, package), _CUSTOM)


def _fields(root: Any) -> Iterator[tuple[str, list[Any]]]:
    """(name, text nodes shown) of each DOCPROPERTY field below *root*."""
    for simple in root.iter(f"{W}fldSimple"):
        field = _FIELD.match(simple.get(f"{W}instr") or "")
        if field:
            yield field[1], list(simple.iter(f"{W}t"))
    nodes: list[Any] = []
    instruction, phase = "", ""
    for node in root.iter(f"{W}fldChar", f"{W}instrText", f"{W}t", f"{W}p"):
        if node.tag == f"{W}p":
            instruction, phase, nodes = "", "", []
        elif node.tag == f"{W}fldChar":
            kind = node.get(f"{W}fldCharType")
            if kind == "begin":
                instruction, phase, nodes = "", "instruction", []
            elif kind == "separate":
                phase = "shown"
            else:
                field = _FIELD.match(instruction)
                if field:
                    yield field[1], nodes
                instruction, phase, nodes = "", "", []
        elif node.tag == f"{W}instrText" and phase == "instruction":
            instruction += node.text or ""
        elif node.tag == f"{W}t" and phase == "shown":
            nodes.append(node)
