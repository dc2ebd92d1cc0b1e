"""What the machine last wrote in a living report, kept in a part of the Word file itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from docx.document import Document as WordDocument
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from lxml import etree

_STATE = "urn:kobo-sync:living-report:1"
_CUSTOM_XML = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/customXml"
_CUSTOM_XML_PROPS = f"{_CUSTOM_XML}Props"
_PROPS_TYPE = "application/vnd.openxmlformats-officedocument.customXmlProperties+xml"
# Word wants each custom part to have an id of its own; ours is the same in every report.
_PROPS = (
    b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    b'<ds:datastoreItem xmlns:ds="http://schemas.openxmlformats.org/officeDocument/2006/customXml" '
    b'ds:itemID="{7D1B7C0E-5A52-4E0B-9C55-2F6A3B0C1D4E}"><ds:schemaRefs/></ds:datastoreItem>'
)


@dataclass
class State:
    """What the machine last wrote: per block the hashes of its words and of everything, values, hints of slots; for which *mission*."""

    blocks: dict[str, tuple[str, str]] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    hints: dict[str, str] = field(default_factory=dict)
    mission: str = ""


def read_state(document: WordDocument) -> State | None:
    """What the machine last wrote; None in a file that is no living report."""
    part = _state_part(document)
    if part is None:
        return None
    try:
        state = json.loads("".join(etree.fromstring(part.blob).itertext()))
        blocks = {key: (words, everything) for key, (words, everything) in state["blocks"].items()}
        return State(blocks, dict(state["values"]), dict(state["hints"]), str(state.get("mission", "")))
    except (ValueError, KeyError, TypeError, AttributeError, etree.XMLSyntaxError):
        return None


def put_state(document: WordDocument, state: State) -> None:
    """Keeps *state* in the file."""
    root = etree.Element(f"{{{_STATE}}}state", nsmap={None: _STATE})
    state_json = {"blocks": state.blocks, "values": state.values, "hints": state.hints, "mission": state.mission}
    root.text = json.dumps(state_json, ensure_ascii=True, sort_keys=True)
    blob = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
    part = _state_part(document)
    if part is None:
        part = Part(_free_name(document, "item"), "application/xml", blob, document.part.package)
        document.part.relate_to(part, _CUSTOM_XML)
    part._blob = blob
    if not any(relation.reltype == _CUSTOM_XML_PROPS for relation in part.rels.values()):
        props = Part(_free_name(document, "itemProps"), _PROPS_TYPE, _PROPS, document.part.package)
        part.relate_to(props, _CUSTOM_XML_PROPS)


def _free_name(document: WordDocument, kind: str) -> PackURI:
    part_names = {str(part.partname) for part in document.part.package.iter_parts()}
    number = next(n for n in range(1, 1000) if f"/customXml/{kind}{n}.xml" not in part_names)
    return PackURI(f"/customXml/{kind}{number}.xml")


def _state_part(document: WordDocument) -> Any | None:
    for relation in document.part.rels.values():
        if relation.reltype == _CUSTOM_XML and _STATE.encode() in relation.target_part.blob:
            return relation.target_part
    return None
