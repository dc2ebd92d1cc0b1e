"""The zone that each row of a form says: by its own answer, or by the first of a repeat's items that has one."""

from __future__ import annotations

from collections.abc import Iterable

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import memo_in_process, memo_of_lists
from kobo_sync.forms.zone_answers import ZoneReader, zone_reader
from kobo_sync.lazy import pd


@memo_of_lists
def reader_of(facts: Facts, form_id: str) -> ZoneReader:
    """How the form's answers tell its zones."""
    return zone_reader(facts.config, form_id, facts.forms.get(form_id), facts.catalogues)


def says_zone(facts: Facts, form_id: str) -> bool:
    """Whether a table of the form has the question that tells the zone."""
    name = reader_of(facts, form_id).question
    return bool(name) and any(name in facts.tables[table] for table in facts.tables_of(form_id))


@memo_in_process
def row_zones(facts: Facts, form_id: str) -> pd.Series:
    """The zone's code per row of the form's table, the answer as it is where it means none; None where there is no answer."""
    return zones_in(reader_of(facts, form_id), facts.tables[form_id], _repeats(facts, form_id))


def zones_in(reader: ZoneReader, table: pd.DataFrame, repeats: Iterable[pd.DataFrame]) -> pd.Series:
    """The same of rows that are at hand; *repeats* are looked at where *table* does not have the question."""
    if reader.question in table:
        answers = table[reader.question]
        return answers if reader.is_plain else _read(reader, answers)
    for items in repeats:
        if reader.question in items:
            firsts = answered(items, reader.question).drop_duplicates("root_uuid").set_index("root_uuid")
            return _read(reader, table["root_uuid"].map(firsts[reader.question]))
    return pd.Series([None] * len(table), index=table.index, dtype=object)


def answered(items: pd.DataFrame, question: str) -> pd.DataFrame:
    """The items of a repeat that answer *question*, in their order."""
    return items[items[question].notna()].sort_values("position", kind="stable")


def _read(reader: ZoneReader, answers: pd.Series) -> pd.Series:
    codes = {answer: reader.code(answer) for answer in set(answers.dropna().tolist())}  # few answers, many rows
    return pd.Series([codes.get(answer) for answer in answers.tolist()], index=answers.index, dtype=object)


def _repeats(facts: Facts, form_id: str) -> Iterable[pd.DataFrame]:
    return (facts.tables[name] for name in facts.tables_of(form_id) if name != form_id)
