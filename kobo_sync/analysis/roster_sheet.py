"""A roster that staff prepared in a spreadsheet: read, validated, as the rows that phones will show."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping

from kobo_sync.analysis.names import name_key
from kobo_sync.config.config import Config
from kobo_sync.errors import FormError
from kobo_sync.forms.sheets import Row, read_book
from kobo_sync.model import Finding

HEADERS: Mapping[str, tuple[str, ...]] = {
    "code": ("code", "code participant", "badge", "numero", "n"),
    "family_name": ("nom", "nom de famille", "family name", "nom et prenom", "nom complet", "name"),
    "given_name": ("prenom", "given name"),
    "name_ar": ("nom ar", "nom arabe", "nom en arabe", "name ar", "الاسم"),
    "zone": ("zone", "lieu"),
    "group": ("groupe", "group"),
    "sex": ("sexe", "sex", "genre"),
}
NEEDED = ("code", "family_name", "zone")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_WOMEN, _MEN = frozenset({"f", "femme", "femmes", "w", "woman"}), frozenset({"h", "m", "homme", "hommes", "man"})


def read_roster(content: bytes, filename: str, config: Config) -> tuple[list[dict[str, str]], list[Finding]]:
    """The roster's rows (``name`` = code, ``label``, ``zone``, ``group``, ``sex``) and what is wrong with the sheet.

    Zones, groups and sexes may be written as codes or in words. A row at fault gives an error with its
    place; nobody's name is told.
    Raises: FormError when the file is no readable sheet, or lacks a column.
    """
    rows = _rows(content, filename)
    columns = _columns(rows, filename)
    zones = {name_key(text): zone.code for zone in config.zones for text in (zone.code, *zone.labels.values())}
    groups = {
        name_key(text): g.code for g in config.groups for text in (g.code, *g.short.values(), *g.label.values()) if text
    }
    people: list[dict[str, str]] = []
    findings: list[Finding] = []
    rows_by_code: dict[str, int] = {}
    for row in rows:
        cells = {meaning: _plain(row.cells.get(header, "")) for meaning, header in columns.items()}
        if not any(cells.values()):
            continue

        def fault(meaning: str, message: str, hint: str, row: Row = row) -> None:
            where = f"{filename}, row {row.number}, {columns.get(meaning, meaning)}"
            findings.append(Finding("ROSTER003", "error", where, message, hint))

        code = cells["code"].upper()
        if not _CODE.fullmatch(code):
            fault("code", "the code is missing or has odd characters", "write letters, digits, - and _, such as ABC-07")
        elif code in rows_by_code:
            fault("code", f"{code} stands already in row {rows_by_code[code]}", "give each person a code of their own")
        rows_by_code.setdefault(code, row.number)
        if not cells["family_name"] and not cells.get("name_ar"):
            fault("family_name", "the name is missing", "write at least the family name")
        zone = _known(cells["zone"], zones, fault, "zone", [z.code for z in config.zones])
        group = _known(cells.get("group", ""), groups, fault, "group", [g.code for g in config.groups], optional=True)
        latin = " ".join(part for part in (cells["family_name"], cells.get("given_name", "")) if part)
        label = " / ".join(part for part in (latin, cells.get("name_ar", "")) if part)
        people.append(
            {
                "name": code,
                "label": f"{label} ({code})",
                "zone": zone,
                "group": group,
                "sex": _sex(cells.get("sex", ""), config),
            }
        )
    if not people:
        findings.append(
            Finding("ROSTER003", "error", filename, "there is no row below the header", "add one line per person")
        )
    return people, findings


def _rows(content: bytes, filename: str) -> list[Row]:
    if not filename.lower().endswith(".csv"):
        book = read_book(content, filename)
        return list(book.sheets[0].rows) if book.sheets else []
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormError("the text is not UTF-8", form=filename, hint="save it as “CSV UTF-8”") from error
    first = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ",")
    try:
        return [
            Row(number, {k: v or "" for k, v in row.items() if isinstance(k, str)})
            for number, row in enumerate(reader, 2)
        ]
    except csv.Error as error:
        raise FormError(f"the text cannot be read ({error})", form=filename, hint="close the quotes there") from error


def _columns(rows: list[Row], filename: str) -> dict[str, str]:
    """Meaning → the sheet's own header."""
    headers = {name_key(header): header for row in rows for header in row.cells}
    columns = {}
    for meaning, names in HEADERS.items():
        for name in names:
            if name_key(name) in headers:
                columns[meaning] = headers[name_key(name)]
                break
    for meaning in NEEDED:
        if meaning not in columns and rows:
            raise FormError(
                f"there is no column {HEADERS[meaning][0]!r}",
                form=filename,
                hint="name the columns in row 1: code, nom, prénom, nom_ar, zone, groupe, sexe",
            )
    return columns


def _plain(text: str) -> str:
    return " ".join(text.split())


def _known(
    text: str,
    codes: Mapping[str, str],
    fault: Callable[[str, str, str], None],
    meaning: str,
    accepted: list[str],
    *,
    optional: bool = False,
) -> str:
    code = codes.get(name_key(text), "")
    if not code and not (optional and not text):
        fault(
            meaning,
            f"{text!r} is no {meaning} of this mission" if text else f"the {meaning} is missing",
            f"write one of: {', '.join(accepted)}",
        )
    return code


def _sex(text: str, config: Config) -> str:
    word = name_key(text)
    if word in _WOMEN or word == name_key(config.codes.female):
        return config.codes.female
    return config.codes.male if word in _MEN or word == name_key(config.codes.male) else ""
