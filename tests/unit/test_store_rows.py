"""A form's flat tables and a submission's rows in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from conftest import VISITES

from kobo_sync.forms.xlsform import read_form
from kobo_sync.model import Submission
from kobo_sync.store.rows import FlatTable, Flattener, flat_tables, merge_tables

ODD = """
| survey |              |           |        |
|        | type         | name      | label  |
|        | text         | root_uuid | Racine |
|        | text         | nom       | Nom    |
|        | text         | Nom       | NOM    |
|        | begin_repeat | menage    | Ménage |
|        | begin_repeat | membre    | Membre |
|        | integer      | age       | Âge    |
|        | end_repeat   |           |        |
|        | end_repeat   |           |        |
"""


def _submission(answers: dict[str, Any]) -> Submission:
    return Submission(7, "f", "u", "r", datetime(2025, 2, 11, tzinfo=UTC), "maha", "v1", "", 0, answers, ())


def _rows(answers: dict[str, Any], tables: Sequence[FlatTable], name: str) -> list[dict[str, Any]]:
    (table,) = [table for table in tables if table.name == name]
    names = [*(system for system, _ in table.system), *(column.name for column in table.columns)]
    return [dict(zip(names, row, strict=True)) for row in Flattener(tables).flatten([_submission(answers)]).rows[name]]


def test_names_taken_by_the_system_or_by_case_get_a_suffix() -> None:
    tables = flat_tables(read_form(ODD.encode(), "odd.md"))
    assert [column.name for column in tables[0].columns] == ["root_uuid_2", "nom", "Nom_2"]
    assert [table.name for table in tables] == ["odd", "odd__menage", "odd__membre"]


def test_nested_repeats_keep_their_parent_and_a_position_of_their_own() -> None:
    tables = flat_tables(read_form(ODD.encode(), "odd.md"))
    inner = "menage/membre"
    answers = {
        "menage": [
            {inner: [{f"{inner}/age": "3"}, {f"{inner}/age": "4"}]},
            {inner: [{f"{inner}/age": "٥"}]},
        ]
    }
    rows = _rows(answers, tables, "odd__membre")
    assert [(row["parent_position"], row["position"], row["age"]) for row in rows] == [(1, 1, 3), (1, 2, 4), (2, 3, 5)]


def test_a_question_that_moved_between_groups_stays_in_its_column() -> None:
    tables = flat_tables(read_form(VISITES.encode(), "visites.md"))
    (row,) = _rows({"ailleurs/zone": "nord", "lieu/gps": "31.5 -5.25 1200.0 4"}, tables, "visites")
    assert (row["zone"], row["gps_lat"], row["gps_lon"], row["gps_alt"], row["gps_acc"]) == (
        "nord",
        31.5,
        -5.25,
        1200.0,
        4.0,
    )


def test_answers_that_do_not_fit_are_named_and_left_empty() -> None:
    tables = flat_tables(read_form(VISITES.encode(), "visites.md"))
    answers = {"membre": [{"membre/annees": "douze"}, {"membre/annees": "12"}], "lieu/gps": "ici", "inconnu": "x"}
    flattened = Flattener(tables).flatten([_submission(answers)])
    assert flattened.misfits == {"annees", "gps"} and flattened.unknown == {"inconnu"}
    assert [row["annees"] for row in _rows(answers, tables, "visites__membre")] == [None, 12]


MANY = """
| survey |                        |        |        |
|        | type                   | name   | label  |
|        | select_multiple themes | themes | Thèmes |
|        | rank themes            | ordre  | Ordre  |
| choices |
|        | list_name | name | label |
|        | themes    | eau  | Eau   |
|        | themes    | sols | Sols  |
"""


def test_answers_of_several_codes_are_split_with_their_rank() -> None:
    tables = flat_tables(read_form(MANY.encode(), "many.md"))
    flat = Flattener(tables).flatten([_submission({"themes": "eau sols", "ordre": "sols eau"})])
    assert flat.chosen["many"] == [
        ("r", 0, "themes", "eau", None),
        ("r", 0, "themes", "sols", None),
        ("r", 0, "ordre", "sols", 1),
        ("r", 0, "ordre", "eau", 2),
    ]


def test_a_newer_form_keeps_the_columns_of_the_older_and_names_what_changed_type() -> None:
    old = flat_tables(read_form(VISITES.encode(), "visites.md"))
    changed = VISITES.replace("| integer                               | annees", "| text   | annees").replace(
        "| image                                 | photo ", "| image | cliche "
    )
    merged, conflicts = merge_tables(old, flat_tables(read_form(changed.encode(), "visites.md")))
    assert [column.name for column in merged[0].columns][-2:] == ["cliche", "photo"]
    assert conflicts == ("annees (integer → text)",)
