"""Workbooks that are small and unpack to gigabytes are refused unread, with file and cure (part 7, B8)."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
import xlsxwriter

from kobo_sync.errors import FormError
from kobo_sync.forms.sheets import read_book
from kobo_sync.forms.unpacking import MOST_OLD, too_much

CELL = b'<c t="inlineStr"><is><t>note</t></is></c>'
SHEET = "xl/worksheets/sheet1.xml"


def _book(sheet: bytes = b"", **parts: bytes) -> bytes:
    source, target = io.BytesIO(), io.BytesIO()
    with xlsxwriter.Workbook(source, {"in_memory": True}) as book:
        book.add_worksheet("survey").write_row(0, 0, ["type", "name", "label"])
    with (
        zipfile.ZipFile(source) as read,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as written,
    ):
        for name in read.namelist():
            written.writestr(
                name,
                read.read(name).replace(b"</sheetData>", sheet + b"</sheetData>") if name == SHEET else read.read(name),
            )
        for name, content in parts.items():
            written.writestr(f"xl/{name}.xml", content)
    return target.getvalue()


BOMBS = {
    "rows": lambda: _book((b"<row>" + CELL * 2 + b"</row>") * 500_000),
    "empty rows": lambda: _book(b"<row/>" * 6_000_000),
    "wide": lambda: _book(b'<row><c r="A1"/><c r="XFD1" t="inlineStr"><is><t>x</t></is></c></row>' * 2000),
    "prefixed": lambda: _book(b'<x:row><x:c r="XFD1"/></x:row>' * 2000),
    "far": lambda: _book(b'<row r="99999999999">' + CELL + b"</row>"),
    "strings": lambda: _book(more=b"<si><t>a</t></si>" * 3_000_000),
    "parts": lambda: _book(**{f"part{n}": b"<a/>" for n in range(2100)}),
    "entities": lambda: _book(more=b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
    "late entities": lambda: _book(more=b"<!--" + b"x" * 5000 + b'--><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
    "other quotes": lambda: _book(b"<row><c r='A1'/><c r = 'XFD1'><v>1</v></c></row>" * 2000),
    "a letter by its number": lambda: _book(b'<row><c r="&#88;FD1"/></row>' * 2000),
    "small letters": lambda: _book(b'<row><c r="xfd1"/></row>' * 2000),
    "far in other quotes": lambda: _book(b"<row r='99999999'>" + CELL + b"</row>"),
    "wide without places": lambda: _book(b"<row>" + b"<c/>" * 20_000 + b"</row>"),
    "UTF-16": lambda: _book(more=("<a>" + "<row><c r='XFD1'/></row>" * 2000 + "</a>").encode("utf-16")),
    "torn behind them": lambda: _book(more=b"<a>" + b'<row><c r="XFD1"/></row>' * 2000 + b"<"),
    "pictures": lambda: _book(media=b"<a/>" + b"\0" * 300_000_000),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_refused_with_its_name_and_a_cure(kind: str) -> None:
    content = BOMBS[kind]()
    with pytest.raises(FormError, match=r"piege\.xlsx: the file is too large for a form") as refusal:
        read_book(content, "piege.xlsx")
    assert "select_one_from_file" in refusal.value.hint


def test_an_old_workbook_and_a_text_have_their_longest_too() -> None:
    assert too_much(b"\xd0\xcf\x11\xe0" + b"\0" * MOST_OLD)
    with pytest.raises(FormError, match="too large"):
        read_book(b"| survey |\n" * 4_000_000, "f.md")


def test_a_long_choice_list_may_be_read(tmp_path: Path) -> None:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        book.add_worksheet("survey").write_row(0, 0, ["type", "name"])
        choices = book.add_worksheet("choices")
        for n in range(30_000):
            choices.write_row(n, 0, ["douar", f"d{n}", f"Douar numéro {n}", "دوار"])
    assert not too_much(target.getvalue())
    assert not any(too_much(path.read_bytes()) for path in (Path(__file__).parents[2] / "forms").glob("*.xlsx"))


def test_a_quote_that_is_never_closed_is_told() -> None:
    with pytest.raises(FormError, match=r"f\.csv: the text cannot be read"):
        read_book(b'survey\n,"' + b"x" * 140_000, "f.csv")
