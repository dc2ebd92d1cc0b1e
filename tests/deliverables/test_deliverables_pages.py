"""Looks of the papers on their pages: part 8, B30. French and Arabic-heavy, of nobody, 3, 25 and 60 persons."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from docx import Document as open_docx
from invented_facts import make_facts
from PIL import Image, ImageDraw
from printed_pages import faults, pages_of
from test_deliverables_identity import mission_facts, templates
from test_deliverables_zone import built, words

from kobo_sync.analysis.facts import Facts
from kobo_sync.deliverables import deliverable
from kobo_sync.documents import pictures
from kobo_sync.documents.legend import legend

PAPERS = ("attendance_list", "evaluations", "needs", "road_map", "data_quality", "training_kit")
ARABIC = {
    "nom": "بن عبد الرحمن الإدريسي",
    "prenom": "فاطمة الزهراء",
    "organisation": "جمعية آباء وأولياء تلاميذ مدرسة الوحدة",
    "commune": "جماعة أيت عياش",
    "points_forts": "أعجبني العمل في مجموعات كثيرا",
    "a_ameliorer": "نريد تكوينا آخر في الترافع والتفاوض",
    "objectif": "فتح المركز الصحي خمسة أيام في الأسبوع",
    "action": "تنظيم لقاء مع المندوب الإقليمي للصحة",
    "cible": "المندوبية الإقليمية",
    "indicateur": "عدد الأيام",
    "proposition": "توفير النقل المدرسي لجميع التلاميذ",
}


def in_arabic(facts: Facts) -> Facts:
    """The same rows, what people wrote in Arabic."""
    tables = {}
    for name, rows in facts.tables.items():
        tables[name] = rows.assign(**{c: rows[c].where(rows[c].isna(), ARABIC[c]) for c in ARABIC if c in rows})
    return replace(facts, tables=tables)


@pytest.mark.skipif(
    not (shutil.which("soffice") and shutil.which("pdftotext")), reason="LibreOffice and poppler put papers on pages"
)
@pytest.mark.parametrize("arabic", [False, True])
@pytest.mark.parametrize("n", [0, 3, 25, 60])
def test_no_page_has_a_line_or_two_and_none_ends_with_a_heading(n: int, arabic: bool, tmp_path: Path) -> None:
    zone, mission = replace(make_facts(n), templates=templates()), mission_facts(n, n)
    if arabic:
        zone, mission = in_arabic(zone), in_arabic(mission)
    files = {}
    for name in PAPERS:
        files |= {path: content for path, content in built(name, zone).items() if path.endswith(".docx")}
    files["rapport-final.docx"] = deliverable("final_report").build(mission)[0].content
    told: list[str] = []
    for path, pages in pages_of(files, tmp_path).items():
        told += faults(path, files[path], pages)
    assert told == []


def test_the_legal_sentence_is_in_the_footer_of_the_attendance_list() -> None:
    document = open_docx(io.BytesIO(built("attendance_list", make_facts(25))["liste-presence.docx"]))
    footer = [p.text for p in document.sections[0].footer.paragraphs]
    assert footer[0].startswith("Protection des données") and "Page" in footer[-1]
    assert not [p.text for p in document.paragraphs if "Protection des données" in p.text]


def test_the_road_map_fits_a_page_on_paper_and_in_the_workbook() -> None:
    made = built("road_map", make_facts(25))
    for table in open_docx(io.BytesIO(made["feuille-de-route.docx"])).tables:
        assert len(table.columns) <= 7
    sheet = openpyxl.load_workbook(io.BytesIO(made["feuille-de-route.xlsx"])).worksheets[0]
    assert sheet.page_setup.orientation == "landscape" and sheet.sheet_properties.pageSetUpPr.fitToPage
    last = sheet.print_area.split("!")[-1].split(":")[-1].replace("$", "")
    assert last.startswith("J")
    head = [cell.value for cell in sheet[4]][:10]
    assert head[3:] == ["Objectif", "Action", "Cible", "Fonction responsable", "Échéance", "Indicateur", "Statut"]


def test_each_figure_is_shown_as_its_unit_is_read() -> None:
    """Persons 26, p 0,002, 57 %: in every sheet."""
    made = built("evaluations", make_facts(60))
    book = openpyxl.load_workbook(io.BytesIO(made["evaluations.xlsx"]))
    shown = {
        row[5].value: row[2].number_format
        for row in book["Indicateurs"].iter_rows()
        if isinstance(row[2].value, int | float)
    }
    assert shown["present"] == "#,##0" and "%" in shown["paired_before"]
    assert shown["gain"] == "0.00" and shown["change"].startswith("+0.0")
    assert all("0.0" not in f for name, f in shown.items() if name.startswith("present"))
    units = {row[5].value: row[3].value for row in book["Indicateurs"].iter_rows()}
    assert units["paired_before"] == "%" and "part 0–1" not in units.values()
    for cell in (c for row in book["Satisfaction"].iter_rows(min_row=2) for c in row if isinstance(c.value, float)):
        assert "%" in cell.number_format
    ranked = openpyxl.load_workbook(io.BytesIO(built("needs", make_facts(60))["besoins-prioritaires.xlsx"]))[
        "Classement"
    ]
    said = {cell.value for row in ranked.iter_rows() for cell in row}
    assert "education" not in said and "Éducation" in said


def test_dashes_and_signs_are_explained_below_their_table() -> None:
    assert legend(["25", "OSC – santé", "a ≤ b"]) == ""
    assert legend(["–"]).startswith("«\u00a0–\u00a0»\u00a0: sans objet, ou non publié (moins de 3 personnes")
    assert legend(["≤\u00a05"]) == "«\u00a0≤\u00a0»\u00a0: au plus."
    assert "car le nombre exact désignerait" in legend(["≈\u00a025"])
    assert "pour la même raison" in legend(["–", "≈\u00a025"])
    assert "plus de" in legend(["> 85 %"]) and "moins de." in legend(["< 15 %"])
    assert legend([], empty=True).startswith("Cellule vide")
    text = words(built("evaluations", make_facts(25))["evaluations.docx"])
    assert "≈" in text and "« ≈ » : arrondi" in text.replace("\u00a0", " ")
    book = openpyxl.load_workbook(io.BytesIO(built("needs", make_facts(25))["besoins-prioritaires.xlsx"]))
    assert any("au plus" in str(cell.value) for row in book["Rangs par groupe et sexe"].iter_rows() for cell in row)


def test_scaled_answers_have_a_value_beside_their_label() -> None:
    book = openpyxl.load_workbook(io.BytesIO(built("data_workbook", make_facts(25))["donnees.xlsx"]))
    head, *rows = [[cell.value for cell in row] for row in book["satisfaction"].iter_rows()][1:]
    code, value, label = (head.index(f"objectifs{end}") for end in ("", "_valeur", "_libelle"))
    pairs = {(row[value], row[label]) for row in rows if row[code] is not None}
    assert pairs <= {
        (4, "Plutôt d’accord"),
        (5, "Tout à fait d’accord"),
        (3, "Ni l’un ni l’autre"),
        (2, "Plutôt pas d’accord"),
        (1, "Pas du tout d’accord"),
    }
    assert pairs and {type(v) for v, _ in pairs} == {int}


@pytest.mark.parametrize("size", [(1600, 900), (900, 1600), (1200, 900), (300, 3000)])
def test_a_photo_fills_its_frame(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).rectangle((20, 20, size[0] - 20, size[1] - 20), fill="teal")
    out = io.BytesIO()
    image.save(out, "PNG")
    framed = pictures.photo(out.getvalue(), 1000, (4, 3))
    assert framed is not None
    with Image.open(io.BytesIO(framed)) as shown:
        assert abs(shown.width / shown.height - 4 / 3) < 0.02 and max(shown.size) <= 1000
        corners = [shown.getpixel((x, y)) for x in (1, shown.width - 2) for y in (1, shown.height - 2)]
    assert all(pixel[0] < 60 for pixel in corners)  # type: ignore[index]
