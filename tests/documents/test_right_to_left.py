"""Arabic papers run from the right: pages, tables, heads and feet, workbooks, charts; nothing in them is torn."""

from __future__ import annotations

import io
import re
import subprocess
import zipfile
from pathlib import Path

import pytest
from docx import Document as read_docx
from pypdfium2 import PdfDocument

from kobo_sync.documents.pdf import charts
from kobo_sync.documents.pdf.zone_sheet import ZoneSheet, zone_sheet
from kobo_sync.documents.spreadsheets import excel
from kobo_sync.documents.word import writer
from kobo_sync.documents.word.wordml import runs
from kobo_sync.language.speaking import Code, speaking
from kobo_sync.steps import libreoffice

TEXT_TWIPS = round(1440 * 17 / 2.54)  # an A4 page between its margins, 17 cm


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


def test_no_space_is_left_beside_an_arabic_table() -> None:
    """A narrower one stands on the left of the page in LibreOffice, and on the right in Word."""
    widths = {
        code: [int(width) for width in re.findall(r'<w:gridCol w:w="(\d+)"/>', paper(code)["word/document.xml"])[:2]]
        for code in ("fr", "ar")
    }
    assert widths["fr"] == [2268, 2268]  # 4 cm each
    assert widths["ar"][0] == widths["ar"][1] and sum(widths["ar"]) == pytest.approx(TEXT_TWIPS, abs=2)


@pytest.mark.parametrize("code", ["fr", "ar"])
def test_a_latin_name_begins_where_the_lines_of_its_page_do(code: Code, tmp_path: Path) -> None:
    table = [["groupe", "total"], ["Association Espoir", "5"], ["total", "5"]]
    with speaking(code):
        sheet = ZoneSheet(
            **{"title": "Z", "subtitle": "", "names": [], "dated": "", "author": "", "figures": [], "needs": None},
            **{"common": "", "learnt": None, "levels": [], "judged": None, "present": table, "actions": None},
            **{"chosen": [], "note": "", "draft": False, "colour": "#1F4E79"},
        )
        (tmp_path / "sheet.pdf").write_bytes(zone_sheet(sheet))
    words = ["pdftotext", "-bbox", str(tmp_path / "sheet.pdf"), "-"]
    boxes = subprocess.run(words, capture_output=True, check=True, text=True).stdout
    ((left,),) = [re.findall(r'xMin="([\d.]+)"', line) for line in boxes.splitlines() if ">Association<" in line]
    assert (float(left) > 300) == (code == "ar")  # of a page of 595 points


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


@pytest.mark.skipif(not libreoffice.installed(), reason="LibreOffice puts papers on pages")
@pytest.mark.parametrize("code", ["fr", "ar"])
def test_no_blank_page_follows_a_table_that_just_fits(code: Code) -> None:
    """What must stand behind the last table of an Arabic attendance list had a page of its own."""
    files = {}
    with speaking(code):
        for height_mm in (176, 177, 178, 178.8):  # of 179 between the margins
            document = writer.new_document("Titre", provenance="", author="", landscape=True)
            writer.table(document, writer.Table((), [["Signature"]], [20], row_cm=height_mm / 10))
            files[str(height_mm)] = writer.to_bytes(document, None)
    assert {name: len(PdfDocument(content)) for name, content in libreoffice.pdfs(files).items()} == dict.fromkeys(
        files, 1
    )
