"""Tables for analysts: typed, labelled, harmless in a spreadsheet, the same bytes each time."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, date, datetime

import pandas as pd
import pytest

from kobo_sync.documents.spreadsheets import tabular
from kobo_sync.documents.spreadsheets.excel import Column, Sheet

WHEN = datetime(2025, 2, 13, tzinfo=UTC)
SHEET = Sheet(
    "visites",
    [
        Column("zone", "Zone"),
        Column("zone_libelle", "Libellé", labels_of="zone"),
        Column("end", "Fin", "datetime"),
        Column("n", "Nombre", "integer"),
        Column("gps_lat", kind="decimal"),
        Column("gps_lon", kind="decimal"),
        Column("mot", "Un mot"),
    ],
    [
        ["nord", "Nord", datetime.fromisoformat("2025-02-11T09:00"), 3, 32.123456, -4.98765, '=HYPERLINK("x")'],
        ["sud", "Sud", None, None, None, None, "شكرا\nbien"],
    ],
)
CODES = {"zone": {"nord": "Nord", "sud": "Sud"}}


def test_csv_cells_never_become_formulas() -> None:
    content = tabular.csv_bytes(SHEET)
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert rows[0][:2] == ["zone", "zone_libelle"]
    assert rows[1][-1].startswith("'=") and rows[1][2] == "2025-02-11 09:00:00" and rows[1][5] == "-4.98765"
    assert rows[2][3] == "" and rows[2][-1] == "شكرا\nbien"


RISKY = [
    "=1+1",
    "@SUM(A1)",
    "\n=1",
    " \t =cmd|' /C calc'!A0",
    "-2+3+cmd",
    "+A1",
    "'=1",
    "＝1",
    "\u200b=1",
    "--x",
    "+ =1",
]
SAFE = ["+212612345678", "+212 6 12-34-56-78", "-", "--", "-3,5", "+1", "0612", "- ", "a=b", "'a", "مرحبا"]


@pytest.mark.parametrize("answer", RISKY + SAFE)
def test_the_guard_of_csv_cells_is_reversible_and_spares_phones(answer: str) -> None:
    sheet = Sheet("s", [Column("mot")], [[answer]])
    (_, (cell,)) = csv.reader(io.StringIO(tabular.csv_bytes(sheet).decode("utf-8-sig"), newline=""))
    assert cell == (f"'{answer}" if answer in RISKY else answer)
    back = cell[1:] if re.match(r"'['\s\u200b\u200e\u200f\ufeff]*[=+\-@＝＋－＠]", cell) else cell
    assert back == answer


def test_codes_that_nobody_knows_any_more_keep_their_column() -> None:
    sheet = Sheet("s", [Column("besoins")], [["eau ecole"], ["ecole"], [None]])
    table = tabular.coded(sheet, {}, {"besoins": {"eau": "Eau"}}).table
    assert list(table["besoins_eau"]) == [1, 0, pd.NA] and list(table["besoins_ecole"]) == [1, 1, pd.NA]


def test_stata_has_numbers_with_labels_and_is_reproducible(tmp_path: object) -> None:
    content = tabular.stata_bytes(SHEET, CODES, {}, WHEN)
    assert content == tabular.stata_bytes(SHEET, CODES, {}, WHEN)
    table = pd.read_stata(io.BytesIO(content), convert_categoricals=True)
    assert list(table["zone"]) == ["Nord", "Sud"] and "zone_libelle" not in table
    assert table["v_end"][0] == pd.Timestamp("2025-02-11 09:00") and table["mot"][1] == "شكرا\nbien"
    with pd.read_stata(io.BytesIO(content), iterator=True) as reader:
        assert reader.variable_labels()["n"] == "Nombre"


def test_geojson_rounds_positions() -> None:
    told = json.loads(tabular.geojson_bytes([SHEET], [tabular.geometries(SHEET, {}, 2)]))
    first, second = told["features"]
    assert first["geometry"] == {"type": "Point", "coordinates": [-4.99, 32.12]}
    assert second["geometry"] is None and first["properties"]["table"] == SHEET.name


@pytest.mark.parametrize(
    ("kind", "answer", "drawn"),
    [
        ("LineString", "32.1 -5.0 0 0;32.2 -5.1 0 0; 32.3 -5.2 0 0", [[-5.0, 32.1], [-5.1, 32.2], [-5.2, 32.3]]),
        ("LineString", "32.101 -5.001 0 0;32.102 -5.002 0 0", [-5.0, 32.1]),  # about a kilometre: one point
        ("LineString", "32.1 -5 0 0;nord;;99 5 0 0;32.2 -5 0 0", [[-5.0, 32.1], [-5.0, 32.2]]),
        ("Polygon", "0 0 0 0;0 2 0 0;2 2 0 0;0 0 0 0", [[[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 0.0]]]),
        ("Polygon", "0 0;2 2;0 2", [[[2.0, 0.0], [2.0, 2.0], [0.0, 0.0], [2.0, 0.0]]]),  # was drawn with the clock
        ("Polygon", "0 0;1 1;0 0", [[0.0, 0.0], [1.0, 1.0]]),
        ("Polygon", "", None),
        ("LineString", None, None),
    ],
)
def test_geojson_draws_lines_and_surfaces(kind: str, answer: str | None, drawn: object) -> None:
    sheet = Sheet("sentiers", [Column("nom"), Column("trace")], [["un", answer]])
    (geometry,) = tabular.geometries(sheet, {"trace": kind}, 2)
    assert (geometry and geometry["coordinates"]) == drawn


def test_an_empty_table_still_has_its_header() -> None:
    empty = Sheet("vide", [Column("zone"), Column("le", kind="date"), Column("n", kind="integer")], [])
    assert tabular.csv_bytes(empty).decode("utf-8-sig") == "zone,le,n\r\n"
    assert tabular.stata_bytes(empty, {}, {}, None)
    assert json.loads(tabular.geojson_bytes([empty], [[]]))["features"] == []


def test_a_missing_package_is_told_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tabular.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(tabular.DocumentError, match="needs pyarrow") as caught:
        tabular.parquet_bytes(SHEET)
    assert "kobo-sync[export]" in caught.value.hint


def test_dates_that_are_none_stay_text() -> None:
    sheet = Sheet("x", [Column("le", kind="date")], [[date(2025, 1, 2)], ["bientôt"]])
    assert list(tabular.frame(sheet)["le"]) == ["2025-01-02", "bientôt"]


def test_names_fit_the_bytes_of_spss_and_the_letters_of_stata() -> None:
    sheet = Sheet(
        "s", [Column("名" * 40), Column("名" * 40 + "二"), Column("aª"), Column("ب" * 40)], [["1", "2", "3", "4"]]
    )
    names = list(tabular.coded(sheet, {}, {}).table)
    assert names == ["名" * 21, "名" * 20 + "_2", "a_", "ب" * 32]
    assert all(len(name.encode()) <= 64 for name in names)
    assert list(pd.read_stata(io.BytesIO(tabular.stata_bytes(sheet, {}, {}, WHEN)))) == names


def test_stata_takes_more_variables_than_its_usual_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tabular, "_MOST_STATA_118", 6)  # 32,768 real ones take pandas a minute
    content = tabular.stata_bytes(Sheet("s", [Column(f"q{n}") for n in range(7)], [["1"] * 7]), {}, {}, WHEN)
    assert content.startswith(b"<stata_dta><header><release>119</release>")


def test_a_question_called_like_a_coordinate_or_like_the_table_hides_nothing() -> None:
    columns = [
        Column("gps_lat", question="gps_lat"),
        Column("gps_lat_2", kind="decimal", question="gps"),
        Column("gps_lon", kind="decimal", question="gps"),
        Column("table", question="table"),
    ]
    sheet = Sheet("visites", columns, [["ici", 32.1, -4.9, "ronde"]])
    feature = json.loads(tabular.geojson_bytes([sheet], [tabular.geometries(sheet, {}, 7)]))["features"][0]
    assert feature["geometry"] == {"type": "Point", "coordinates": [-4.9, 32.1]}
    assert (feature["properties"]["table"], feature["properties"]["table_2"]) == ("visites", "ronde")
