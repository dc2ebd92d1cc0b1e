"""Excel files: text stays text, equal bytes, Arabic from the right."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from typing import Any

import openpyxl
import pytest

from kobo_sync.documents.spreadsheets import excel

WHEN = datetime(2025, 2, 13, 17, 5, tzinfo=UTC)
COLUMNS = (excel.Column("a", "Ce que c’est"), excel.Column("b", kind="integer"), excel.Column("c", kind="date"))


def make(rows: list[list[excel.Value]], **more: Any) -> bytes:
    return excel.workbook([excel.Sheet("Feuille", COLUMNS, rows, **more)], title="Essai", author="Karama", when=WHEN)


def read(content: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(content))["Feuille"]


def test_the_same_rows_give_the_same_bytes() -> None:
    rows: list[list[excel.Value]] = [["x", 1, date(2025, 2, 11)]]
    assert make(rows) == make(rows)


@pytest.mark.parametrize(
    "text", ['=HYPERLINK("http://x","clic")', "+1", "-1", "@SUM(A1)", "http://exemple.org", "{=1}", "0123", "\t=1"]
)
def test_text_never_becomes_a_formula_a_link_or_a_number(text: str) -> None:
    cell = read(make([[text, 1, None]]))["A3"]
    assert (cell.value, cell.data_type, cell.hyperlink) == (text, "s", None)


def test_header_is_frozen_filtered_and_explained() -> None:
    sheet = read(make([["x", 1, date(2025, 2, 11)]], intro=["Titre"]))
    assert sheet["A3"].value == "Ce que c’est"
    assert sheet["A4"].value == "a"
    assert sheet.freeze_panes == "A5"
    assert sheet.auto_filter.ref == "A4:C5"
    assert sheet["C5"].value.date() == date(2025, 2, 11)


def test_arabic_cells_read_from_the_right() -> None:
    sheet = read(make([["أعجبني العمل", 1, None], ["bonjour", 1, None]]))
    assert sheet["A3"].alignment.readingOrder == 2
    assert sheet["A4"].alignment.readingOrder == 0


def test_odd_values_are_kept_as_text() -> None:
    sheet = read(make([["x" * 40_000, 10**18, None], ["a\x00b", float("inf"), None], [None, None, None]]))
    assert sheet["A3"].value + sheet["B3"].value == "x" * 40_000, "a long text goes on in a column beside its own"
    assert sheet["B2"].value == f"{sheet['A2'].value} (suite)"
    assert sheet["C3"].value == str(10**18)
    assert (sheet["A4"].value, sheet["C4"].value) == ("ab", "inf")
    assert sheet["A5"].value is None and sheet["B5"].value is None


def test_days_before_excel_s_calendar_are_marked_text() -> None:
    days: list[excel.Value] = [
        date(1890, 5, 1),
        date(1446, 8, 12),
        datetime.fromisoformat("1900-02-28T12:00"),
        date(1900, 3, 1),
    ]
    column = excel.Column("le", kind="date")
    content = excel.workbook(
        [excel.Sheet("Feuille", [column], [[day] for day in days])], title="t", author="", when=None
    )
    cells = [cell for (cell,) in read(content)["A2:A5"]]
    assert [cell.value for cell in cells[:3]] == ["1890-05-01", "1446-08-12", "1900-02-28T12:00:00"]
    assert cells[3].value.date() == date(1900, 3, 1) and cells[3].is_date
    assert {cell.fill.fgColor.rgb for cell in cells[:3]} == {"FFFFF2CC"} != {cells[3].fill.fgColor.rgb}


def test_sheet_names_are_what_excel_allows() -> None:
    taken: set[str] = set()
    assert excel.sheet_name("a/b:c", taken) == "a-b-c"
    assert excel.sheet_name("A/B:C", taken) == "A-B-C (2)"
    long = [excel.sheet_name("x" * 40, taken) for _ in range(2)]
    assert [len(name) for name in long] == [31, 31]
    assert len(set(long)) == 2


def test_drop_downs_and_highlights() -> None:
    columns = (excel.Column("statut", choices=("à faire", "fait")),)
    sheet = excel.Sheet("Feuille", columns, [["fait"]], highlight={'=$A2="fait"': "#DDEEDD"})
    found = read(excel.workbook([sheet], title="t", author="", when=None))
    assert found.data_validations.dataValidation[0].formula1 == '"à faire,fait"'
    assert len(found.conditional_formatting) == 1


def test_no_rows_still_make_a_sheet() -> None:
    assert read(make([]))["A2"].value == "a"


def test_a_sheet_wider_than_excel_goes_on_in_another_with_the_same_keys() -> None:
    columns = [excel.Column("root_uuid"), *(excel.Column(f"q{number}") for number in range(16_500))]
    row = ["u1", *(str(number) for number in range(16_500))]
    content = excel.workbook([excel.Sheet("large", columns, [row])], title="", author="", when=None)
    cells: dict[str, str] = {}
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
    for sheet in book:
        header, values = sheet.iter_rows(values_only=True)
        assert header[0] == "root_uuid"
        cells |= dict(zip(map(str, header), map(str, values), strict=True))
    assert book.sheetnames == ["large", "large (2)"] and cells == dict(
        zip((column.name for column in columns), row, strict=True)
    )


def test_the_next_part_of_a_long_text_has_a_header_of_its_own() -> None:
    columns = [excel.Column("x"), excel.Column("x (suite)")]
    content = excel.workbook([excel.Sheet("s", columns, [["a" * 40_000, "z"]])], title="", author="", when=None)
    header = [cell.value for cell in openpyxl.load_workbook(io.BytesIO(content))["s"][1]]
    assert header == ["x", "x (suite) bis", "x (suite)"]


def test_more_rows_than_excel_holds_go_on_in_another_sheet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excel, "_MOST_ROWS", 4)  # a million real ones take a minute
    rows: list[list[excel.Value]] = [["u", number] for number in range(7)]
    sheet = excel.Sheet("s", [excel.Column("root_uuid"), excel.Column("n", kind="integer")], rows)
    book = openpyxl.load_workbook(io.BytesIO(excel.workbook([sheet], title="", author="", when=None)))
    parts = [list(part.iter_rows(values_only=True)) for part in book]
    assert [part[0] for part in parts] == [("root_uuid", "n")] * 3
    assert [row for part in parts for row in part[1:]] == [("u", number) for number in range(7)]
