"""A form's flat tables and a submission's rows in them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from conftest import VISITES

from kobo_sync.forms.xlsform import read_form
from kobo_sync.model import Submission
from kobo_sync.store.rows import flat_tables, flatten

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
    rows = flatten(_submission(answers), tables).rows["odd__membre"]
    assert [(row["parent_position"], row["position"], row["age"]) for row in rows] == [(1, 1, 3), (1, 2, 4), (2, 3, 5)]


def test_a_question_that_moved_between_groups_stays_in_its_column() -> None:
    tables = flat_tables(read_form(VISITES.encode(), "visites.md"))
    row = flatten(_submission({"ailleurs/zone": "nord", "lieu/gps": "31.5 -5.25 1200.0 4"}), tables).rows["visites"][0]
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
    flattened = flatten(_submission(answers), tables)
    assert flattened.misfits == {"annees", "gps"} and flattened.unknown == {"inconnu"}
    assert [row["annees"] for row in flattened.rows["visites__membre"]] == [None, 12]
