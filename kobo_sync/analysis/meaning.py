"""The tables of a role as one DataFrame whose columns are named by meaning."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import memo_by_zone, memo_in_process
from kobo_sync.analysis.names import name_key
from kobo_sync.analysis.row_zones import row_zones, says_zone
from kobo_sync.config.config import FormSettings, Role
from kobo_sync.lazy import np, pd
from kobo_sync.numbers import number_of

if TYPE_CHECKING:
    import numpy.typing as npt

SYSTEM = ("form_id", "root_uuid", "submission_id", "submitted_at", "submitted_by", "form_version", "validation")
_MOMENT = "submitted_at"  # to sort by alone: no object per row
_LAST = 1 << 62  # the place of what has none
IDENTITY = ("family_name", "given_name", "name_ar", "sex", "group", "organisation", "commune", "phone")
DETAIL = ("need", "severity", "households", "feasibility", "steps", "proposal")

# Every meaning that an analysis reads; a form need not declare all of them.
MEANINGS: dict[Role, tuple[str, ...]] = {
    "registration": ("zone", "consent", "person", *IDENTITY, "age_band", "function", "photo_consent"),
    "attendance": ("zone", "consent", "session", "day", "person", *IDENTITY, "signature", "present", "note"),
    "test": ("zone", "consent", "moment", "person"),
    "satisfaction": ("zone", "consent", "group", "sex", "intention", "recommend"),
    "needs": ("zone", "consent", "group", "sex", "person", "ranking", *DETAIL),
    "focus_group": ("zone", "consent", "groups", "women", "men", "themes", "agreements", "disagreements", "quotations"),
    "road_map": ("zone", "consent"),
}


@dataclass(frozen=True)
class Rows:
    """The usable rows of a role. *table*: system columns, then one column per meaning, missing ones NA.

    *n_received* counts all submissions; *refused* those without consent, by zone, and *n_rejected* those whose
    validation status ``checks.exclude`` names: both are left out of *table*.
    """

    table: pd.DataFrame
    n_received: int
    refused: Mapping[str, int]
    n_rejected: int

    @property
    def n_refused(self) -> int:
        """Submissions without consent."""
        return sum(self.refused.values())


@memo_in_process
def rows(facts: Facts, role: Role, extra: tuple[str, ...] = ()) -> Rows:
    """The rows of all forms of *role*, columns by meaning; *extra* names meanings beside `MEANINGS`.

    Shape: one row per submission, by ``submitted_at`` then ``submission_id``.
    Raises: nothing; an absent table, column or meaning gives NA.
    """
    parts = [
        _canonical(facts, form_id, MEANINGS.get(role, ("zone", "consent")) + extra)
        for form_id in facts.config.forms_with_role(role)
    ]
    table = _stack(parts, (*SYSTEM, *MEANINGS.get(role, ("zone", "consent")), *extra))
    n_received = len(table)
    rejected = table["validation"].isin(facts.config.checks.exclude)
    table = table[~rejected]
    refused = table["consent"].notna() & table["consent"].ne(facts.config.codes.yes)
    zones = Counter(map(text, table.loc[refused, "zone"])) if refused.any() else {}
    table = table[~refused].sort_values(["submitted_at", "submission_id"], kind="stable", ignore_index=True)
    return Rows(table, n_received, zones, int(rejected.sum()))


Order = tuple[int, int]  # of a row among those of its role: the microsecond when it was received, its id


def orders(table: pd.DataFrame) -> list[Order]:
    """The place of each of the `rows` among all: rows of zones that were read apart come together by it."""
    moments = pd.to_datetime(table[_MOMENT], utc=True, errors="coerce")
    received = moments.dt.as_unit("us").astype("int64").where(moments.notna(), _LAST).tolist()
    ids = (_LAST if is_missing(each) else int(each) for each in table["submission_id"].tolist())
    return list(zip(received, ids, strict=True))


@memo_by_zone
def refused_by_zone(facts: Facts, role: Role) -> Mapping[str, int]:
    """Submissions of *role* without consent, by zone."""
    return rows(facts, role).refused


def usable_by_zone(facts: Facts, role: Role) -> dict[str, int]:
    """The `rows` of *role*, by zone."""
    return {zone: sum(by_form.values()) for zone, by_form in usable_by_form(facts, role).items()}


@memo_by_zone
def usable_by_form(facts: Facts, role: Role) -> Mapping[str, Mapping[str, int]]:
    """The `rows` of *role*: zone → form → how many."""
    table = rows(facts, role).table
    zones: dict[str, dict[str, int]] = {}
    for place, form_id in zip(table["zone"].tolist(), table["form_id"].tolist(), strict=True):
        by_form = zones.setdefault(text(place), {})
        by_form[form_id] = by_form.get(form_id, 0) + 1
    return zones


@memo_in_process
def excluded(facts: Facts) -> frozenset[str]:
    """The root_uuids of the rows, of all forms, whose validation status ``checks.exclude`` names."""
    root_uuids: set[str] = set()
    for form_id in facts.config.forms:
        table = facts.tables.get(form_id)
        if table is not None and "validation" in table:
            root_uuids.update(table.loc[table["validation"].isin(facts.config.checks.exclude), "root_uuid"])
    return frozenset(root_uuids)


@memo_in_process
def detail(facts: Facts, role: Role, meanings: tuple[str, ...]) -> pd.DataFrame:
    """The repeat named by the meaning ``detail`` (or ``actions``), its parents' zone, group and sex joined.

    Shape: one row per repeat item of a usable submission; columns ``root_uuid, zone, group, sex,
    position``, then *meanings*. A form without the repeat gives one row per submission that
    answers any of *meanings* outside a repeat.
    """
    usable = rows(facts, role, ("group", "sex")).table
    parts = []
    for table, settings in _details(facts, role):
        data = {name: _column(table, name) for name in ("root_uuid", "position")}
        data |= _by_meaning(table, settings, meanings)
        parts.append(pd.DataFrame(data, index=table.index).dropna(subset=list(meanings), how="all"))
    columns = ("root_uuid", "position", *meanings)
    stacked = _stack(parts, columns)
    parents = usable[["root_uuid", "zone", "group", "sex"]].drop_duplicates("root_uuid")
    return stacked.merge(parents, on="root_uuid", how="inner", validate="m:1")


Ratings = Mapping[str, Mapping[str, Counter[float]]]  # meaning → item → each finite number that it was given, how often


def rated(facts: Facts, role: Role, item: str, ratings: tuple[str, ...]) -> dict[str, dict[str, Counter[float]]]:
    """What the items of `detail` are given as numbers; *item* is what the item means, *ratings* what the numbers do. Shape: `Ratings`."""
    whole: dict[str, dict[str, Counter[float]]] = {rating: {} for rating in ratings}
    for by_group in rated_by_zone(facts, role, item, ratings).values():
        for by_rating in by_group.values():
            for rating, by_item in by_rating.items():
                for code, answers in by_item.items():
                    whole[rating].setdefault(code, Counter()).update(answers)
    return whole


@memo_by_zone
def rated_by_zone(
    facts: Facts, role: Role, item: str, ratings: tuple[str, ...]
) -> Mapping[str, Mapping[str, Mapping[str, Mapping[str, list[float]]]]]:
    """The same by the zone and the group that the submission says, each number as it comes."""
    usable = rows(facts, role).table
    columns = (map(text, usable[name].tolist()) for name in ("zone", "group"))
    place_of = dict(zip(usable["root_uuid"].tolist(), zip(*columns, strict=True), strict=True))
    zones: dict[str, dict[str, dict[str, dict[str, list[float]]]]] = {}
    for table, settings in _details(facts, role):
        of_item = settings.fields.get(item, "")
        for rating in ratings:
            name = settings.fields.get(rating, "")
            if of_item not in table or name not in table:
                continue
            answers = numbers(table[name])
            is_rated = np.isfinite(answers)
            cells = (table[each].to_numpy(dtype=object)[is_rated].tolist() for each in ("root_uuid", of_item))
            for root, code, answer in zip(*cells, answers[is_rated].tolist(), strict=True):
                if root in place_of and not is_missing(code):
                    zone, group = place_of[root]
                    by_rating = zones.setdefault(zone, {}).setdefault(group, {})
                    by_rating.setdefault(rating, {}).setdefault(code, []).append(answer)
    return zones


def _details(facts: Facts, role: Role) -> Iterator[tuple[pd.DataFrame, FormSettings]]:
    """Of each form of *role* the table that has its items: the repeat's, else its own."""
    for form_id in facts.config.forms_with_role(role):
        settings = facts.config.forms[form_id]
        repeat = settings.fields.get("detail", "") or settings.fields.get("actions", "")
        table = facts.tables.get(f"{form_id}__{repeat}" if repeat else form_id)
        if table is not None:
            yield table, settings


def numbers(column: pd.Series) -> npt.NDArray[np.float64]:
    """The cells as numbers, NaN where there is none."""
    if pd.api.types.is_numeric_dtype(column):
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    cells = column.tolist()
    values = {cell: number(cell) for cell in set(cells)}  # few values, many cells
    return np.array([np.nan if values[cell] is None else values[cell] for cell in cells], dtype=np.float64)


def n_received(facts: Facts, form_id: str) -> int:
    """Submissions received of the form; none when its table is missing."""
    return sum(received_by_zone(facts, form_id).values())


@memo_by_zone
def received_by_zone(facts: Facts, form_id: str) -> Mapping[str, int]:
    """Submissions received of the form, by zone."""
    if form_id not in facts.tables:
        return {}
    if not says_zone(facts, form_id):
        n = len(facts.tables[form_id])
        return {"": n} if n else {}
    return Counter(map(text, row_zones(facts, form_id).tolist()))


def n_usable(facts: Facts, role: Role, form_id: str = "") -> int:
    """The `rows` of *role*, of the form alone when one is given."""
    forms = usable_by_form(facts, role).values()
    return sum(n for by_form in forms for each, n in by_form.items() if form_id in ("", each))


def written(facts: Facts, form_id: str, question: str) -> tuple[str, ...]:
    """What people wrote to an open question, word for word, in the order received; empty answers left out.

    Rows without consent or not approved are left out. The question may stand in the form or in a repeat.
    """
    role = facts.config.forms[form_id].role
    usable = set(rows(facts, role).table["root_uuid"].dropna())
    texts: list[str] = []
    for name in facts.tables_of(form_id):
        table = facts.tables[name]
        if question in table:
            answers = table[_column(table, "root_uuid").isin(usable)]
            texts += [text.strip() for text in answers[question].dropna().astype(str) if text.strip()]
    return tuple(texts)


def normal_name(*parts: object) -> str:
    """A name made comparable: no accents, no case, single spaces, words in alphabetical order.

    ``EL FASSI Naïma`` and ``naima el-fassi`` are the same person; Arabic loses its vowel signs.
    """
    return name_key(" ".join(str(part) for part in parts if not is_missing(part)).replace("\u0640", ""))


def sort_key(*parts: object) -> str:
    """A name as words to sort by: no accents, no case, no punctuation, no Arabic vowel signs."""
    text = " ".join(str(part) for part in parts if not is_missing(part))
    plain = text.casefold()
    if not plain.isascii():
        plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    return " ".join("".join(c if c.isalnum() else " " for c in plain.replace("\u0640", "")).split())


def is_missing(value: object) -> bool:
    """Whether *value* is None, NA, NaN or blank text."""
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, float):
        return value != value
    return value is None or value is pd.NA or value is pd.NaT


def text(value: object) -> str:
    """*value* as text; missing is an empty string."""
    if type(value) is str:
        return value.strip()
    return "" if is_missing(value) else str(value).strip()


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as mappings of column to value; `DataFrame.to_dict` looks at each value and takes twice as long."""
    names = [str(name) for name in table.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*(table[name].tolist() for name in names), strict=True)]


def number(value: object) -> float | None:
    """*value* as a finite number, as `numbers` reads it; None for what is missing or is none."""
    return number_of(text(value))


def _canonical(facts: Facts, form_id: str, meanings: tuple[str, ...]) -> pd.DataFrame:
    table = facts.tables.get(form_id)
    if table is None:
        return pd.DataFrame()
    columns = {"form_id": pd.Series([form_id] * len(table), index=table.index, dtype=object)}
    for name in SYSTEM[1:]:
        columns[name] = table[name] if name == _MOMENT and name in table else _column(table, name)
    columns |= _by_meaning(table, facts.config.forms[form_id], meanings)
    if "zone" in columns and says_zone(facts, form_id):
        columns["zone"] = filled(row_zones(facts, form_id))
    return pd.DataFrame(columns, index=table.index)


def _by_meaning(table: pd.DataFrame, settings: FormSettings, meanings: tuple[str, ...]) -> dict[str, pd.Series]:
    return {meaning: _column(table, settings.fields.get(meaning, "")) for meaning in dict.fromkeys(meanings)}


def _column(table: pd.DataFrame, name: str) -> pd.Series:
    """The column as objects, blank text and NaN as None; all None when the table has no such column."""
    if name not in table:
        return pd.Series([None] * len(table), index=table.index, dtype=object)
    return filled(table[name])


def filled(column: pd.Series) -> pd.Series:
    """The cells as objects, blank text and NaN as None."""
    cells = column.astype(object)
    odd = (value for value in set(cells.tolist()) if type(value) is not str or not value or value.isspace())
    blank = {value for value in odd if value is not None and is_missing(value)}
    return cells.where(cells.notna() & ~cells.isin(blank), None) if blank else cells


def _stack(parts: list[pd.DataFrame], columns: tuple[str, ...]) -> pd.DataFrame:
    filled = [part for part in parts if len(part)]
    names = list(dict.fromkeys(columns))
    if not filled:
        return pd.DataFrame({name: pd.Series([], dtype=object) for name in names})
    # A role has one form as a rule, whose columns are as they should be: each step would cost what the whole costs.
    table = filled[0].reset_index(drop=True) if len(filled) == 1 else pd.concat(filled, ignore_index=True)
    if list(table.columns) != names:
        table = table.reindex(columns=names)
    other = {name: object for name, kind in table.dtypes.items() if str(kind) != "object" and name != _MOMENT}
    return table.astype(other) if other else table
