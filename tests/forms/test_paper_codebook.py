"""The codebook: every question with its meaning, and where its answers go."""

from __future__ import annotations

import io

import openpyxl
from conftest import MISSION, PERSONNES, ZONES

from kobo_sync.analysis.meaning import MEANINGS
from kobo_sync.analysis.roadmap import FIELDS
from kobo_sync.config.config import parse_config
from kobo_sync.deliverables import names
from kobo_sync.documents.spreadsheets.codebook import codebook_workbook
from kobo_sync.forms.codebook import DELIVERABLES, INDICATORS, Codebook, codebook
from kobo_sync.forms.sheets import read_book
from kobo_sync.forms.xlsform import form_of
from kobo_sync.model import Choice


def _codebook() -> Codebook:
    content = PERSONNES.encode()
    book = read_book(content, "personnes.md")
    config = parse_config(MISSION, {"config/zones.csv": ZONES}, {})
    return codebook(form_of(book, content, "x.md"), book, {"zones.csv": (Choice("nord", {"fr": "Nord"}),)}, config)


def test_an_entry_tells_meaning_and_use() -> None:
    made = _codebook()
    group = next(entry for entry in made.entries if entry.name == "groupe")
    assert (group.meaning, group.kind, group.options, group.required) == ("group", "select_one", "groupe", True)
    assert "present:group" in group.indicators and group.deliverables.split(", ")[0::3] == [
        "attendance_list",
        "data_workbook",
    ]
    name = next(entry for entry in made.entries if entry.name == "nom")
    assert name.deliverables == "attendance_list"  # names stay out of the pseudonymised workbook
    assert {option.list_name for option in made.options} == {"zones.csv", "oui_non", "groupe"}


def test_the_workbook_has_both_sheets() -> None:
    content = codebook_workbook(_codebook())
    assert content == codebook_workbook(_codebook())
    book = openpyxl.load_workbook(io.BytesIO(content))
    assert book.sheetnames == ["Questions", "Choix"]
    cells = {str(cell.value) for row in book["Questions"].iter_rows() for cell in row}
    assert {"${accord} = 'oui'", "Libellé (arabe)", "الاسم", "family_name"} <= cells


def test_the_declared_uses_exist() -> None:
    known = {(role, meaning) for role, meanings in MEANINGS.items() for meaning in meanings}
    listed = {("test", "item"), ("satisfaction", "likert")}
    assert set(INDICATORS) <= known | listed | {("road_map", meaning) for meaning in FIELDS}
    assert {name for used in DELIVERABLES.values() for name in used} <= set(names())
