"""The rows of long tables stand as text until a report is saved: the file, its hashes and what people wrote in it are those of elements."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from docx import Document as open_docx
from docx.oxml.ns import qn
from lxml import etree

from kobo_sync.documents.word import islands, living, long_tables, writer
from kobo_sync.documents.word.living import Living
from kobo_sync.documents.word.template import Block, Content
from kobo_sync.language.speaking import speaking

WHEN = datetime(2025, 2, 13, 17, tzinfo=UTC)
ROWS = 250
LINES = (
    "Personnes : {{presents}}.",
    "{{bloc:zones}}",
    "{{bloc:besoins}}",
    "{{texte:suites|Et après ?}}",
    "{{bloc:sigles}}",
)


def cells(number: int) -> list[str | writer.Cell]:
    """One row: what XML escapes, Arabic, several lines, spaces at the ends, a second line, an acronym in one row alone."""
    name = writer.Cell(f"Zone « {number} » & <fils> ", below=f"قرية {number}", fill="FFEECC" if number % 7 == 0 else "")
    return [
        name,
        f"première\nseconde\t{number}",
        "ONG" if number == 200 else "–" if number % 3 else "شكرا ?>",
        str(number),
    ]


def block(n: int, text: str = "", *, totals: int = 1) -> Block:
    """A table of `ROWS` rows under a caption; *n* and *text* stand in its middle."""

    def write(document: Any) -> None:
        rows = [cells(number) for number in range(ROWS)]
        rows[ROWS // 2] = [text or "au milieu", "", "", str(n)]
        head = ["Zone", "Lieu", "Sigle", "n"]
        caption = "Zones, dates et participation"
        writer.table(document, writer.Table(head, rows, [5, 4, 3, 2], caption=caption, right=(3,), totals=totals))

    return Block("tableau", write)


def acronyms(words: str) -> Block:
    """What stands in the words of all tables: so much that it is a long table itself."""
    listed = [[f"sigle {number}", "oui" if "ONG" in words else "non"] for number in range(150 if "ONG" in words else 1)]
    return Block("sigles", lambda document: writer.table(document, writer.Table((), listed, [5, 5], alt="Sigles")))


def content(n: int = 72, text: str = "") -> Content:
    blocks = {"zones": block(n, text), "besoins": block(n, totals=0)}
    return Content({"presents": str(n)}, blocks, WHEN, from_words={"sigles": acronyms})


def template() -> bytes:
    document = writer.new_document("Modèle", provenance="", author="")
    for line in LINES:
        writer.paragraph(document, line)
    return writer.to_bytes(document, None)


def begun(text: str = "") -> Living:
    return living.begin(template(), content(text=text), "modele.docx")


def retouched(report: bytes) -> bytes:
    """The report after somebody typed in a row in the middle of its second table, and below it."""
    document = open_docx(io.BytesIO(report))
    (control,) = islands.controls(document.element.body, islands.BLOCK, "besoins")
    next(node for node in control.iter(qn("w:t")) if node.text == "ONG").text = "ONG locale"
    document.add_paragraph("Nous étions 72.")
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


@pytest.fixture
def language(request: pytest.FixtureRequest) -> Iterator[None]:
    with speaking(request.param):
        yield


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("fr", ""),
        ("fr", "Tableau\u00a03 – de la zone"),
        ("ar", ""),
        ("ar", "جدول\u00a02 – المنطقة"),
        ("en", "Table 7 – of the zone"),
    ],
    indirect=["language"],
)
@pytest.mark.usefixtures("language")
def test_a_report_is_the_same_whether_rows_are_text_or_elements(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    new, lines = content(75, text), "Nous étions 72."

    def reports() -> list[Living]:
        first = begun(text)
        by_hand = retouched(first.content)
        return [first, *(living.rebuild(each, new, "rapport.docx") for each in (first.content, by_hand))]

    as_text = reports()
    monkeypatch.setattr(long_tables, "_LONG", ROWS * 2)
    assert as_text == reports()
    assert lines in as_text[2].prose and "ONG" not in as_text[0].prose
    notes = [(note.kind, note.what) for note in as_text[2].notes if note.kind in ("kept", "updated")]
    assert notes == [("updated", "zones"), ("kept", "besoins")]


@pytest.mark.parametrize("language", ["fr", "ar", "en"], indirect=True)
@pytest.mark.usefixtures("language")
def test_rows_as_text_take_no_elements_and_are_whole_in_the_file() -> None:
    document = writer.new_document("Rapport", provenance="", author="")
    long_tables.lighten(document)
    block(72).write(document)
    (table,) = document.element.body.iter(qn("w:tbl"))
    assert len(table.findall(qn("w:tr"))) == 2  # the head and the last row
    words = [islands.plain(p) for p in long_tables.elements(table, qn("w:p"))]
    with zipfile.ZipFile(io.BytesIO(writer.to_bytes(document, WHEN))) as archive:
        (there,) = etree.fromstring(archive.read("word/document.xml")).iter(qn("w:tbl"))
    assert len(there.findall(qn("w:tr"))) == ROWS + 1
    assert [islands.plain(p) for p in there.iter(qn("w:p"))] == words
    assert islands.text_hash([there]) == islands.text_hash([table])


def test_a_text_that_calls_itself_rows_in_a_file_that_people_hand_in_is_none() -> None:
    document = open_docx(io.BytesIO(begun().content))
    document.element.body.insert(0, etree.ProcessingInstruction("kobo-sync-rows", "<w:tr><broken"))
    out = io.BytesIO()
    document.save(out)
    report = living.rebuild(out.getvalue(), content(75), "rapport.docx")
    assert {note.what for note in report.notes if note.kind == "updated"} == {"zones", "besoins"}
    assert b"broken" not in zipfile.ZipFile(io.BytesIO(report.content)).read("word/document.xml")


def test_a_file_of_another_prefix_holds_its_rows_as_elements() -> None:
    document = writer.new_document("Rapport", provenance="", author="")
    parts = zipfile.ZipFile(io.BytesIO(writer.to_bytes(document, WHEN)))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        for name in parts.namelist():
            content_of = parts.read(name)
            if name == "word/document.xml":
                content_of = (
                    content_of.replace(b"<w:", b"<x:")
                    .replace(b"</w:", b"</x:")
                    .replace(b" w:", b" x:")
                    .replace(b"xmlns:w=", b"xmlns:x=")
                )
            target.writestr(name, content_of)
    other = open_docx(io.BytesIO(out.getvalue()))
    long_tables.lighten(other)
    block(72).write(other)
    (table,) = other.element.body.iter(qn("w:tbl"))
    assert len(table.findall(qn("w:tr"))) == ROWS + 1
