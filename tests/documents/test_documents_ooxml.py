"""Every Word and Excel file is sound: by the OpenXML schemas, by its structure, and by Microsoft's SDK where it is installed."""

from __future__ import annotations

import io
import json
import posixpath
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from invented_facts import make_facts
from lxml import etree
from openxml_audit import OpenXmlValidator
from test_documents_living import begun

from kobo_sync.deliverables import deliverable

NODE = Path(sys.prefix) / "node" / "node_modules" / ".bin"  # where `make test` puts it
VALIDATOR = shutil.which("ooxml-validator") or shutil.which("ooxml-validator", path=str(NODE))
TEMPLATES = Path(__file__).parents[2] / "kobo_sync" / "starter" / "exports" / "templates"


def documents(n: int, *, kit: bool = True) -> dict[str, bytes]:
    templates = {str(p.relative_to(TEMPLATES)): p.read_bytes() for p in sorted(TEMPLATES.rglob("*.docx"))}
    facts = replace(make_facts(n), templates=templates)
    names = ("attendance_list", "evaluations", "needs", "road_map", "data_workbook", "data_quality", "training_kit")
    names = names if kit else names[:-1]
    found = [document for name in names for document in deliverable(name).build(facts)]
    found += deliverable("final_report").build(replace(facts, zone=None))
    return {document.path: document.content for document in found if document.path.endswith(("docx", "xlsx"))} | {
        "vivant.docx": begun()
    }


@pytest.mark.parametrize("n", [0, 25])
def test_parts_are_well_formed_named_and_reachable(n: int) -> None:
    made = documents(n)
    assert len(made) > 15
    for path, content in made.items():
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = set(archive.namelist())
            types = etree.fromstring(archive.read("[Content_Types].xml"))
            parts = {item.get("PartName") for item in types} | {None}
            endings = {item.get("Extension") for item in types}
            for name in names - {"[Content_Types].xml"}:
                assert f"/{name}" in parts or name.rpartition(".")[2] in endings, (path, name)
                if name.endswith((".xml", ".rels")):
                    root = etree.fromstring(archive.read(name))
                if name.endswith(".rels"):
                    base = posixpath.dirname(posixpath.dirname(name))
                    for relation in root:
                        if relation.get("TargetMode") != "External":
                            target = posixpath.normpath(posixpath.join("/", base, relation.get("Target"))).lstrip("/")
                            assert target in names, (path, name, target)
            if path.endswith(".docx"):
                body = etree.fromstring(archive.read("word/document.xml"))
                for tag, key in (("{*}docPr", "id"), ("{*}bookmarkStart", "{*}id")):
                    found = [
                        node.get(key) or next((v for k, v in node.attrib.items() if k.endswith("}id")), "")
                        for node in body.iter(tag)
                    ]
                    assert len(found) == len(set(found)), (path, tag)


@pytest.mark.parametrize("n", [0, 3, 25])
def test_the_schemas_find_no_error(n: int, tmp_path: Path) -> None:
    validator = OpenXmlValidator()
    faults = {}
    for number, (path, content) in enumerate(documents(n, kit=n == 25).items()):
        file = tmp_path / f"{number}{Path(path).suffix}"
        file.write_bytes(content)
        faults[path] = [error.description for error in validator.validate(file).errors]
    assert not {path: found[:3] for path, found in faults.items() if found}


def test_the_schemas_would_find_an_error(tmp_path: Path) -> None:
    """What is out of order, unknown or misspelt is told: an empty list means something."""
    sound = documents(3, kit=False)["evaluations.docx"]
    for number, (right, wrong) in enumerate(
        ((b"<w:keepNext/>", b"<w:foo/>"), (b'w:val="center"', b'w:val="middle"'), (b"<w:pPr>", b"<w:pPr><w:rPr/>"))
    ):
        file = tmp_path / f"{number}.docx"
        with zipfile.ZipFile(io.BytesIO(sound)) as source, zipfile.ZipFile(file, "w") as target:
            for name in source.namelist():
                part = source.read(name)
                target.writestr(name, part.replace(right, wrong, 1) if name == "word/document.xml" else part)
        assert OpenXmlValidator().validate(file).errors, wrong


@pytest.mark.skipif(VALIDATOR is None, reason="ooxml-validator is not installed (npm)")
def test_the_openxml_sdk_finds_no_error(tmp_path: Path) -> None:
    assert VALIDATOR is not None
    faults = {}
    for number, (path, content) in enumerate(documents(25).items()):
        file = tmp_path / f"{number}{Path(path).suffix}"
        file.write_bytes(content)
        done = subprocess.run([VALIDATOR, str(file)], capture_output=True, text=True, check=False)
        said = json.loads(done.stdout)
        if not said["ok"]:
            faults[path] = said["errors"][:2]
    assert not faults
