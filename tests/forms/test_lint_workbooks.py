"""Workbooks as they come from the field: broken, protected, merged, huge, oddly written."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import date

import pytest
from openpyxl import Workbook

from kobo_sync.errors import FormError
from kobo_sync.forms.rules import lint
from kobo_sync.forms.xlsform import read_form
from kobo_sync.store.tables.layout import REPEAT_SYSTEM, SYSTEM

HEAD = ["type", "name", "label"]
SETTINGS = [["form_title", "form_id", "version"], ["Essai", "essai", "1"]]


def workbook(change: Callable[[Workbook], object] | None = None, **sheets: list[list[object]]) -> bytes:
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    if change:
        change(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def simple(change: Callable[[Workbook], object] | None = None) -> bytes:
    rows: list[list[object]] = [HEAD, ["text", "aa", "A"], ["text", "bb", "B"], ["text", "cc", "C"]]
    return workbook(change, survey=rows, settings=SETTINGS)  # type: ignore[arg-type]


def with_part(content: bytes, name: str) -> bytes:
    out = io.BytesIO(content)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr(name, b"x")
    return out.getvalue()


def codes(content: bytes, name: str = "essai.xlsx") -> set[str]:
    return {finding.rule for finding in lint(content, name, media={})}


def test_a_sound_workbook_has_no_finding() -> None:
    assert lint(simple(), "essai.xlsx", media={}) == ()


def test_formula_is_named_with_its_cell() -> None:
    found = lint(simple(lambda book: book["survey"].__setitem__("C3", "=1+1")), "essai.xlsx", media={})
    formula = next(finding for finding in found if finding.rule == "FORM083")
    assert formula.where == "essai.xlsx, sheet survey, cell C3"
    assert "=1+1" in formula.message


def test_merged_cells_are_named() -> None:
    found = lint(simple(lambda book: book["survey"].merge_cells("B3:C3")), "essai.xlsx", media={})
    assert [finding.where for finding in found if finding.rule == "FORM084"] == [
        "essai.xlsx, sheet survey, cells B3:C3"
    ]


def test_macros_and_links_are_told() -> None:
    messages = [
        f.message for f in lint(with_part(simple(), "xl/vbaProject.bin"), "essai.xlsm", media={}) if f.rule == "FORM085"
    ]
    linked = codes(with_part(simple(), "xl/externalLinks/externalLink1.xml"))
    assert len(messages) == 1
    assert "macros" in messages[0]
    assert "FORM085" in linked


def test_trailing_blanks_and_mixed_case() -> None:
    content = workbook(survey=[HEAD, ["text ", "aa", "A"], ["Text", "bb", "B"]], settings=SETTINGS)  # type: ignore[list-item]
    found = {finding.rule: finding for finding in lint(content, "essai.xlsx", media={})}
    assert found["FORM080"].where == "essai.xlsx, sheet survey, row 2, column type"
    assert found["FORM001"].where == "essai.xlsx, sheet survey, row 3, column type"
    assert "lower case" in found["FORM001"].message


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"", "a.xlsx", "empty"),
        (b"PK\x03\x04 broken", "a.xlsx", "cannot be read"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "a.xlsx", "password"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a.xlsx", "old .xls"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a.xls", "cannot be read"),
        (b"hello", "a.xls", "cannot be read as .xls"),
        (b"hello", "a.md", "no survey sheet"),
        (b"\xff\xfe\x00", "a.csv", "not UTF-8"),
        (b"hello", "a.docx", "not a kind of form file"),
        (b"| survey |\n| | name | label |\n| | aa | A |\n", "a.md", "no column type"),
        (b"| survey |\n| | type | name |\n", "a.md", "no question"),
    ],
)
def test_a_file_that_is_no_form_gives_one_finding_with_a_cure(content: bytes, name: str, words: str) -> None:
    found = lint(content, name, media={})
    assert [finding.rule for finding in found] == ["FORM000"]
    assert words in found[0].message
    assert found[0].hint
    with pytest.raises(FormError, match=name):
        read_form(content, name)


def test_damaged_workbooks_never_raise() -> None:
    content = simple()
    seen = [lint(content[:cut], "a.xlsx", media={}) for cut in range(1, len(content), len(content) // 40)]
    flipped = [
        lint(content[:at] + b"\x00\xff" + content[at + 2 :], "a.xlsx", media={})
        for at in range(0, len(content) - 2, 97)
    ]
    assert all(found and found[0].rule == "FORM000" for found in seen)
    assert all(isinstance(found, tuple) for found in flipped)


def test_odd_headers_and_values_are_understood() -> None:
    rows: list[list[object]] = [
        ["Type", " NAME ", "Label: English (en)", "media::image::English (en)", "Relevance", None, "default"],
        ["select1 oui_non", "aa", "A", "a.png", None, "x", True],
        ["begin group", "gg", "G", None, "${aa} = 'oui'"],
        ["date", "bb", "B", None, None, None, date(2025, 2, 11)],
        ["integer", "cc", "C", None, None, None, 3.0],
        ["end group"],
    ]
    choices: list[list[object]] = [["list name", "value", "label::English (en)"], ["oui_non", "oui", "Oui"]]
    form = read_form(workbook(survey=rows, choices=choices), "odd.xlsx")
    assert [(q.path, q.kind, q.labels, q.relevant) for q in form.questions] == [
        ("aa", "select_one", {"en": "A"}, ""),
        ("gg/bb", "date", {"en": "B"}, ""),
        ("gg/cc", "integer", {"en": "C"}, ""),
    ]
    assert form.sections[0].relevant == "${aa} = 'oui'"
    assert form.media == ("a.png",)
    assert form.choices["oui_non"][0].labels == {"en": "Oui"}
    assert form.form_id == "odd"


def test_long_lists_and_long_forms_get_advice_only() -> None:
    choices: list[list[object]] = [["list_name", "name", "label"], *(["ll", f"c{n}", f"C{n}"] for n in range(3000))]
    content = workbook(survey=[HEAD, ["select_one ll", "aa", "A"]], choices=choices, settings=SETTINGS)  # type: ignore[arg-type, list-item]
    found = lint(content, "essai.xlsx", media={})
    assert [finding.rule for finding in found] == ["FORM044"]
    assert "ll.csv" in found[0].hint


def test_deep_nesting_is_no_recursion() -> None:
    rows: list[list[object]] = [HEAD, *(["begin_group", f"g{n}", "G"] for n in range(1500))]
    assert "FORM003" in codes(workbook(survey=rows, settings=SETTINGS))  # type: ignore[arg-type]


def test_every_system_column_of_the_mirror_is_told_and_refused_by_nobody() -> None:
    columns = {name for name, _ in (*SYSTEM, *REPEAT_SYSTEM)}
    rows = "".join(f"| | text | {name} | L |\n" for name in sorted({*columns, "parent_index", "rowid"}))
    content = f"| survey |\n| | type | name | label |\n{rows}".encode()
    findings = [finding for finding in lint(content, "f.md", media={}) if finding.rule == "FORM006"]
    assert {finding.message.split("'")[1] for finding in findings} == columns
    assert {finding.severity for finding in findings} == {"info"}


@pytest.mark.parametrize("name", ["__version__", "_version_", "__version__001"])
def test_a_version_row_of_the_server_is_no_question(name: str) -> None:
    rows: list[list[object]] = [[*HEAD, "calculation"], ["text", "aa", "A"], ["calculate", name, None, "'vAbc123'"]]
    content = workbook(survey=rows, settings=SETTINGS)  # type: ignore[arg-type]
    assert [question.name for question in read_form(content, "essai.xlsx").questions] == ["aa"]
    (finding,) = lint(content, "essai.xlsx", media={})
    assert (finding.rule, finding.severity, finding.where) == (
        "FORM006",
        "info",
        "essai.xlsx, sheet survey, row 3, column name",
    )
    assert "delete the row" in finding.hint


def test_a_question_of_that_name_is_one_all_the_same() -> None:
    content = workbook(survey=[HEAD, ["text", "_version_", "Version"]], settings=SETTINGS)
    assert [question.name for question in read_form(content, "essai.xlsx").questions] == ["_version_"]


@pytest.mark.parametrize(
    "name",
    ["validation", "position", "__system", "data", "_id", "select", "été", "Жизнь", "عمر", "日本", "a.b-c", "xml", "_"],
)
def test_any_name_is_read_and_judged(name: str) -> None:
    content = f"| survey |\n| | type | name | label |\n| | text | {name} | L |\n".encode()
    assert [question.path for question in read_form(content, "f.md").questions] == [name]
    assert all(finding.hint for finding in lint(content, "f.md", media={}))
