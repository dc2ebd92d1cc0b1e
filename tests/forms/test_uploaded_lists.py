"""Lists as people's programs write them."""

from __future__ import annotations

import pytest

from kobo_sync.config.list_editing import Rows
from kobo_sync.errors import ConfigError
from kobo_sync.forms.uploaded_lists import uploaded_list

NOTHING = Rows((), {})


@pytest.mark.parametrize(
    ("encoding", "label", "read_as"),
    [
        ("cp1252", "Señal, über", "Windows-1252"),
        ("cp1252", "Fès-Meknès", "Windows-1256"),  # the same letters in both
        ("cp1256", "الحاجب", "Windows-1256"),
        ("utf-8", "الحاجب", "UTF-8"),
        ("utf-8-sig", "é", "UTF-8"),
        ("utf-16-le", "\ufeffé", "UTF-16"),
    ],
)
def test_letters_are_those_that_were_written(encoding: str, label: str, read_as: str) -> None:
    mark = "\ufeff" if label.startswith("\ufeff") else ""
    name = label.removeprefix(mark)
    content = f'{mark}code;label_fr\r\nx;"{name}"\r\n'.encode(encoding)
    read = uploaded_list(content, "config/zones.csv", NOTHING)
    assert read.rows.by_code["x"]["label_fr"] == name and (read.encoding, read.delimiter) == (read_as, ";")


def test_a_line_for_excel_is_no_header_and_columns_are_known_in_capitals() -> None:
    current = Rows(("code", "label_fr", "prefix"), {"a": {"code": "a", "label_fr": "A", "prefix": "AA"}})
    read = uploaded_list(b"sep=;\nCODE;Label_FR\na;B\nb;C\n", "config/zones.csv", current)
    assert read.kept == ("prefix",)
    assert read.rows.by_code == {
        "a": {"code": "a", "label_fr": "B", "prefix": "AA"},
        "b": {"code": "b", "label_fr": "C", "prefix": ""},
    }


def test_days_of_a_spreadsheet_are_days_of_zones_alone() -> None:
    text = b"code,days\na,11/2/2025 12/02/2025\n"
    assert uploaded_list(text, "config/zones.csv", NOTHING).rows.by_code["a"]["days"] == "2025-02-11 2025-02-12"
    assert uploaded_list(text, "config/besoins.csv", NOTHING).rows.by_code["a"]["days"] == "11/2/2025 12/02/2025"


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ('code,label_fr\na,A\nb,"Beni\nc,C\nd,D\n', 3),  # to the end
        ('code;label_fr\na;"A\nb;"Beni"\nc;C\n', 2),  # to the next quote
        ('code,label_fr\na,"A', 2),
    ],
)
def test_a_quote_that_swallows_rows_is_refused_with_its_row(text: str, row: int) -> None:
    with pytest.raises(ConfigError, match=f"row {row}: a quotation mark is opened there and not closed"):
        uploaded_list(text.encode(), "config/zones.csv", NOTHING)


def test_quotes_that_swallow_nothing_stay() -> None:
    text = 'code,label_fr\na,"Beni, le ""vieux""\nbourg"\nb,Tuyau 5"\nc,"C" \n'
    rows = uploaded_list(text.encode(), "config/zones.csv", NOTHING).rows.by_code
    assert [row["label_fr"] for row in rows.values()] == ['Beni, le "vieux"\nbourg', 'Tuyau 5"', "C"]


@pytest.mark.parametrize(
    ("content", "row", "cell"),
    [
        (b"code,label_fr\na,A\nb,Casablanca, Anfa\n", 3, "Anfa"),
        (b"code;label_fr;\na;Fes; Medina\n", 2, "Medina"),
    ],
)
def test_a_cell_below_no_column_is_refused_and_not_lost(content: bytes, row: int, cell: str) -> None:
    with pytest.raises(ConfigError, match=rf"row {row}: the cell '{cell}' stands below no column"):
        uploaded_list(content, "config/zones.csv", NOTHING)


def test_empty_cells_below_no_column_are_nothing() -> None:
    read = uploaded_list(b"code,label_fr,,\na,A,,\nb,B,,,,\n", "config/zones.csv", NOTHING)
    assert read.rows.columns == ("code", "label_fr")
    assert read.rows.by_code == {"a": {"code": "a", "label_fr": "A"}, "b": {"code": "b", "label_fr": "B"}}


@pytest.mark.parametrize("content", [b"", b"\x00 \r\n", b"sep=;", b"sep=;\n", b"\xef\xbb\xbfsep=,\r\n\r\n"])
def test_a_file_without_a_line_is_empty(content: bytes) -> None:
    with pytest.raises(ConfigError, match="the file that was sent is empty"):
        uploaded_list(content, "config/zones.csv", NOTHING)


def test_the_first_line_is_told_as_it_was_written() -> None:
    with pytest.raises(ConfigError) as refused:
        uploaded_list(b"name,label_fr\na,A\n", "config/zones.csv", NOTHING)
    assert refused.value.hint == "add it to the first line: 'name,label_fr'"
