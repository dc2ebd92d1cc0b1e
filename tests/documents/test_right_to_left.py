"""Arabic papers run from the right: pages, tables, heads and feet, workbooks, charts; nothing in them is torn."""

from __future__ import annotations

import io
import re
import zipfile

import pytest
from docx import Document as read_docx

from kobo_sync.documents.pdf import charts
from kobo_sync.documents.spreadsheets import excel
from kobo_sync.documents.word import writer
from kobo_sync.documents.word.wordml import runs
from kobo_sync.language.speaking import Code, speaking


def paper(code: Code) -> dict[str, str]:
    """The parts of a small paper in a language."""
    with speaking(code):
        document = writer.new_document("Titre", provenance="origine", author="")
        writer.heading(document, "Titre")
        writer.paragraph(document, "Texte")
        writer.table(document, writer.Table(["A", "B"], [["a", "1"]], [4, 4], caption="Essai", right=(1,)))
        writer.facing(document, [("A", "b")])
        content = writer.to_bytes(document, None)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist() if name.endswith(".xml")}


@pytest.mark.parametrize(
    ("code", "mirrored", "locale"), [("fr", False, "fr-FR"), ("en", False, "en-GB"), ("ar", True, "ar-MA")]
)
def test_pages_paragraphs_and_tables_begin_where_the_language_does(code: Code, mirrored: bool, locale: str) -> None:
    parts = paper(code)
    body = parts["word/document.xml"]
    assert (re.search(r"<w:sectPr.*<w:bidi/>", body, re.S) is not None) == mirrored
    assert body.count("<w:bidiVisual/>") == (2 if mirrored else 0)
    paragraphs = re.findall(r"<w:p>.*?</w:p>|<w:p .*?</w:p>", body, re.S)
    assert all(("<w:bidi/>" in each) == mirrored for each in paragraphs)
    assert all(("<w:bidi/>" in parts[name]) == mirrored for name in ("word/header1.xml", "word/footer1.xml"))
    assert f"<dc:language>{locale}</dc:language>" in parts["docProps/core.xml"]
    with speaking(code):
        document = writer.new_document("T", provenance="", author="")
        writer.table(document, writer.Table(["A"], [["1"]], [4]))
        read_docx(io.BytesIO(writer.to_bytes(document, None)))


@pytest.mark.parametrize(
    ("text", "straight"),
    [
        ("المعطيات إلى غاية 13 فبراير 2025", ["13", "2025"]),
        ("06 •• •• •• 67", ["06 •• •• •• 67"]),
        ("تطوّر بـ\u200e+12,5 نقطة", ["\u200e+12,5"]),
        ("11/02/2025", ["11/02/2025"]),
        ("84%", ["84%"]),
    ],
)
def test_numbers_keep_their_digits_and_their_order(text: str, straight: list[str]) -> None:
    """Within an Arabic run Word chooses the digits, and turns what stands between two numbers."""
    with speaking("ar"):
        xml = runs(text)
    plain = [run for run in re.findall(r"<w:r>.*?</w:r>", xml) if "<w:rtl/>" not in run]
    assert ["".join(re.findall(r"<w:t[^>]*>([^<]*)</w:t>", run)) for run in plain] == straight
    assert "".join(re.findall(r"<w:t[^>]*>([^<]*)</w:t>", xml)) == text


def test_a_workbook_begins_on_the_right() -> None:
    sheet = excel.Sheet("Feuille", [excel.Column("a")], [["x"]])
    for code, mirrored in (("fr", False), ("ar", True)):
        with speaking(code):  # type: ignore[arg-type]
            content = excel.workbook([sheet], title="t", author="", when=None)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert (b'rightToLeft="1"' in archive.read("xl/worksheets/sheet1.xml")) == mirrored


def test_charts_are_drawn_from_the_right_and_remembered_by_language() -> None:
    rows = [("Objectifs", (0.2, 0.8), 25)]
    with speaking("ar"):
        arabic = charts.likert(rows, ("a", "b"))
    assert arabic != charts.likert(rows, ("a", "b"))
