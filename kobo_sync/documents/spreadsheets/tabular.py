"""Tables for analysts: CSV, Parquet, Stata and GeoJSON bytes from sheets; the same bytes each time."""

from __future__ import annotations

import csv
import importlib.util
import io
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from kobo_sync.documents.spreadsheets.excel import Figure, Kind, Sheet, Value
from kobo_sync.errors import DocumentError
from kobo_sync.language.clean_text import clean
from kobo_sync.lazy import pd

Geometry = dict[str, Any]
# What a spreadsheet may take for a formula, spaces and apostrophes before it included; not numbers, phones or a dash alone.
_FORMULA = re.compile(r"['\s\u200b\u200e\u200f\ufeff]*[=+\-@＝＋－＠\t\r]")
_HARMLESS = re.compile(r"[+-]?[\d\s().,/-]*|-+")
# Words that Stata and SPSS keep for themselves, among those that a question could be called.
_RESERVED = frozenset(
    "array boolean break byte case catch class complex const continue default delete do double else end enum export external float "
    "for function global goto if in inline int local long null protected short using virtual with all and by eq ge gt le lt ne not or to".split()
)
_LONGEST_NAME, _LONGEST_LABEL, _LONGEST_CODE, _SAV_LABEL_BYTES = 32, 80, 30_000, 120
_SAV_NAME_BYTES, _MOST_STATA_118 = 64, 32_767  # bytes of a name; variables of a file of the usual version
_UNNAMABLE = re.compile(r"\W|[\u0080-\u00bf×÷]")  # Stata takes no letter below À
_YES_NO = {0: "Non", 1: "Oui"}
_EPOCH = datetime(1980, 1, 1, tzinfo=UTC)
Codes = Mapping[str, Mapping[str, str]]


def needs(module: str, shape: str) -> None:
    """Nothing when *module* is installed. Raises: DocumentError that says how to install it."""
    if importlib.util.find_spec(module) is None:
        raise DocumentError(
            f"the format {shape} needs {module}, which is not installed", hint="pip install 'kobo-sync[export]'"
        )


def csv_bytes(sheet: Sheet) -> bytes:
    """Comma-separated UTF-8 with a mark that spreadsheets know; a cell that could start a formula starts with ``'``.

    To have such an answer back: of a cell that begins with ``'`` and then, after spaces or more ``'``, with one of
    ``= + - @``, take away the first ``'``. Numbers, phone numbers (``+212…``) and a dash alone are left as they are.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([column.name for column in sheet.columns])
    for row in sheet.rows:
        writer.writerow([_csv_cell(value) for value in row])
    return out.getvalue().encode("utf-8-sig")


def frame(sheet: Sheet) -> pd.DataFrame:
    """The sheet as a DataFrame typed by its columns; missing stays missing."""
    data: dict[str, Any] = {}
    for index, column in enumerate(sheet.columns):
        values: list[Any] = [row[index] for row in sheet.rows]
        if column.kind == "integer" and all(v is None or isinstance(v, int) for v in values):
            data[column.name] = pd.array(values, dtype="Int64")
        elif column.kind in ("integer", "decimal") and all(v is None or isinstance(v, int | float) for v in values):
            data[column.name] = pd.array(values, dtype="Float64")
        elif column.kind in ("date", "datetime") and all(v is None or isinstance(v, date) for v in values):
            # Readers of other programs know microseconds; pandas would choose its unit by the values.
            data[column.name] = pd.to_datetime(pd.Series(values, dtype=object)).astype("datetime64[us]")
        else:
            data[column.name] = pd.Series([None if v is None else clean(str(v)) for v in values], dtype=object)
    return pd.DataFrame(data)


def parquet_bytes(sheet: Sheet) -> bytes:
    """A Parquet file; each column's title is in the file's metadata. Raises: DocumentError without pyarrow."""
    needs("pyarrow", "parquet")
    out = io.BytesIO()
    table = frame(sheet)
    for name in table.select_dtypes("object"):
        table[name] = table[name].astype("str")  # so that a column without an answer is one of text all the same
    table.attrs = {"titles": {column.name: column.title for column in sheet.columns}}
    table.to_parquet(out, engine="pyarrow", index=False)
    return out.getvalue()


@dataclass(frozen=True)
class Coded:
    """A table for statistics programs: name → *titles*, *kinds*; name → number → label in *labels*."""

    table: pd.DataFrame
    titles: Mapping[str, str]
    labels: Mapping[str, Mapping[int, str]]
    kinds: Mapping[str, Kind]


def coded(sheet: Sheet, codes: Codes, several: Codes) -> Coded:
    """Choices as numbers from 1 with their labels, short unique names, no label columns.

    *codes*: question → choice → label in order; *several* the same of questions that take several choices: after the
    answer as it is stands a column for each choice, 1 where it was chosen, 0 where others were, missing without answer.
    """
    plain = frame(sheet)
    data: dict[str, Any] = {}
    titles: dict[str, str] = {}
    labels: dict[str, Mapping[int, str]] = {}
    kinds: dict[str, Kind] = {}
    names: set[str] = set()  # in lower case

    def add(name: str, title: str, values: Any, kind: Kind, value_labels: Mapping[int, str] | None = None) -> None:
        short = _short_name(name, names)
        data[short], titles[short], kinds[short] = values, clean(title)[:_LONGEST_LABEL], kind
        if value_labels:
            labels[short] = {number: clean(text)[:_LONGEST_CODE] for number, text in value_labels.items()}

    for column in sheet.columns:
        if column.labels_of:
            continue
        title, choices, many = column.title or column.name, codes.get(column.name, {}), several.get(column.name, {})
        values = [None if pd.isna(value) else str(value) for value in plain[column.name]]
        if choices and all(value is None or value in choices for value in values):
            places = {code: number for number, code in enumerate(choices, 1)}
            numbers: list[Any] = [None if v is None else places[v] for v in values]
            add(
                column.name,
                title,
                pd.array(numbers, dtype="Int64"),
                "integer",
                {places[code]: text or code for code, text in choices.items()},
            )
        else:
            add(column.name, title, plain[column.name], column.kind if plain[column.name].dtype != object else "text")
        answered = {code for value in values if value for code in value.split()} if column.name in several else set()
        unlisted = {code: code for code in sorted(answered - set(many))}  # nobody knows their labels any more
        for code, text in {**many, **unlisted}.items():
            chosen: list[Any] = [None if v is None else int(code in v.split()) for v in values]
            add(
                f"{column.name}_{code}",
                f"{text or code} – {title}",
                pd.array(chosen, dtype="Int64"),
                "integer",
                _YES_NO,
            )
    return Coded(pd.DataFrame(data), titles, labels, kinds)


def stata_bytes(sheet: Sheet, codes: Codes, several: Codes, when: datetime | None) -> bytes:
    """A Stata 14+ file with variable and value labels, dated by the data."""
    coding = coded(sheet, codes, several)
    table = coding.table
    dates: Any = {
        name: "td" if kind == "date" else "tc" for name, kind in coding.kinds.items() if _is_time(table[name])
    }
    for name in table.columns:
        if table[name].dtype == object:
            table[name] = ["" if value is None else value for value in table[name]]
        elif not _is_time(table[name]):
            table[name] = table[name].astype("float64")
    named: Any = coding.labels
    titles: Any = coding.titles
    out = io.BytesIO()
    moment = (when or _EPOCH).astimezone(UTC).replace(tzinfo=None, microsecond=0)
    long = [name for name in table.columns if table[name].dtype == object and table[name].str.len().max() > 2000]
    version: Any = 118 if len(table.columns) <= _MOST_STATA_118 else 119
    table.to_stata(
        out, write_index=False, version=version, time_stamp=moment, convert_dates=dates, variable_labels=titles,
        value_labels=named, convert_strl=long,
    )  # fmt: skip
    return out.getvalue()


def spss_table(sheet: Sheet, codes: Codes, several: Codes) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The table as SPSS takes it, and what `pyreadstat.write_sav` is told of its labels and formats."""
    coding = coded(sheet, codes, several)
    table, formats = coding.table, {}
    for name, kind in coding.kinds.items():
        if kind == "date" and _is_time(table[name]) and table[name].notna().any():
            table[name] = pd.Series([None if pd.isna(v) else v.date() for v in table[name]], dtype=object)
        elif str(table[name].dtype) in ("Int64", "Float64"):
            table[name] = table[name].astype("float64")
            formats[name] = "F11.0" if kind == "integer" else "F14.6"
    labels = {
        name: {number: _cut(text, _SAV_LABEL_BYTES) for number, text in value_labels.items()}
        for name, value_labels in coding.labels.items()
    }
    options = {"column_labels": dict(coding.titles), "variable_value_labels": labels, "variable_format": formats}
    return table, options


def _is_time(values: pd.Series) -> bool:
    return bool(pd.api.types.is_datetime64_any_dtype(values))


def _cut(text: str, most: int) -> str:
    """*text* in at most *most* bytes of UTF-8, no letter cut in two."""
    return text.encode()[:most].decode("utf-8", "ignore")


def geojson_bytes(sheets: Sequence[Sheet], geometries: Sequence[Sequence[Geometry | None]]) -> bytes:
    """Every row of *sheets* as a feature; *geometries* gives each row's in the same order, None where there is none."""
    features = []
    for sheet, mine in zip(sheets, geometries, strict=True):
        names = _property_names([column.name for column in sheet.columns])
        for row, geometry in zip(sheet.rows, mine, strict=True):
            properties = {name: _json_value(value) for name, value in zip(names, row, strict=True) if value is not None}
            features.append({"type": "Feature", "geometry": geometry, "properties": {"table": sheet.name} | properties})
    text = json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False, indent=1)
    return (text + "\n").encode("utf-8", "replace")


def geometries(sheet: Sheet, drawn: Mapping[str, str], digits: int) -> list[Geometry | None]:
    """What each row draws, its coordinates rounded to *digits*.

    A row draws the first of its answers that is a position: a point (``_lat`` and ``_lon``), or a column of *drawn*, which
    names those of lines (``LineString``) and surfaces (``Polygon``). What rounding makes one point is a point.
    """
    latitudes, longitudes = _coordinates(sheet, "lat"), _coordinates(sheet, "lon")
    points = {at: longitudes[position] for position, at in latitudes.items() if position in longitudes}
    places: list[tuple[str, int, int]] = []  # what is drawn, and the columns that say where
    for at, column in enumerate(sheet.columns):
        if column.name in drawn:
            places.append((drawn[column.name], at, at))
        elif at in points:
            places.append(("Point", at, points[at]))
    drawn_rows = []
    for row in sheet.rows:
        answers = ((kind, row[at] if at == other else [(row[at], row[other])]) for kind, at, other in places)
        shapes = (_geometry(kind, _corners(answer, digits)) for kind, answer in answers)
        drawn_rows.append(next(filter(None, shapes), None))
    return drawn_rows


def _coordinates(sheet: Sheet, part: str) -> dict[str, int]:
    """Position → its column of latitudes (``lat``) or longitudes (``lon``); a question that is called so but is text is none."""
    by_name: dict[str, int] = {}
    by_question: dict[str, int] = {}
    for at, column in enumerate(sheet.columns):
        match = re.fullmatch(rf"(.+)_{part}(_\d+)?", column.name) if column.kind != "text" else None
        if match and match[1] == column.question:
            by_question[match[1]] = at
        elif match and not match[2]:
            by_name[match[1]] = at
    return by_name | by_question


def _property_names(names: Sequence[str]) -> list[str]:
    """The columns' names as a feature has them: ``table`` says which table it is of, a question of that name gets a number."""
    number = next(number for number in itertools.count(2) if f"table_{number}" not in names)
    return [f"table_{number}" if name == "table" else name for name in names]


def _corners(answer: Any, digits: int) -> list[list[float]]:
    """[longitude, latitude] of each corner of an answer (``lat lon alt acc;…``, or pairs of numbers), no corner twice in a row."""
    pairs = [part.split()[:2] for part in answer.split(";")] if isinstance(answer, str) else answer or []
    corners: list[list[float]] = []
    for pair in pairs:
        try:
            lat, lon = (round(float(number), digits) for number in pair)
        except (TypeError, ValueError):
            continue
        if abs(lat) <= 90 and abs(lon) <= 180 and [lon, lat] != (corners[-1] if corners else None):
            corners.append([lon, lat])
    return corners


def _geometry(kind: str, corners: list[list[float]]) -> Geometry | None:
    """The geometry of *corners*, as rich as they allow; the outer ring of a surface runs against the clock (RFC 7946)."""
    if not corners:
        return None
    if kind == "Polygon" and corners[0] == corners[-1] and len(corners) > 1:
        corners = corners[:-1]
    if len(corners) == 1:
        return {"type": "Point", "coordinates": corners[0]}
    if kind != "Polygon" or len(corners) == 2:
        return {"type": "LineString", "coordinates": corners}
    after = [*corners[1:], corners[0]]
    clockwise = sum((x2 - x1) * (y2 + y1) for (x1, y1), (x2, y2) in zip(corners, after, strict=True)) > 0
    ring = corners[::-1] if clockwise else corners
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}


def _csv_cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, Figure):
        return str(value.value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    text = clean(str(value))
    is_risky = isinstance(value, str) and _FORMULA.match(text) and not _HARMLESS.fullmatch(text)
    return f"'{text}" if is_risky else text


def _json_value(value: Value) -> str | int | float | None:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Figure):
        return value.value
    return clean(value) if isinstance(value, str) else value


def _short_name(name: str, names: set[str]) -> str:
    """A name as statistics programs allow: letters, digits, _; at most 32, in 64 bytes; unlike *names*, to which it is added."""
    base = _cut(_UNNAMABLE.sub("_", name)[:_LONGEST_NAME], _SAV_NAME_BYTES) or "v"
    is_free = base[0].isalpha() and base.lower() not in _RESERVED and not re.fullmatch(r"str\d+", base.lower())
    base = base if is_free else _cut(f"v_{base}"[:_LONGEST_NAME], _SAV_NAME_BYTES)
    candidate, number = base, 2
    while candidate.lower() in names:
        suffix = f"_{number}"
        start = _cut(base[: _LONGEST_NAME - len(suffix)], _SAV_NAME_BYTES - len(suffix))
        candidate, number = start + suffix, number + 1
    names.add(candidate.lower())
    return candidate
