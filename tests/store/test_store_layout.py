"""A form's flat tables and a submission's rows in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from conftest import VISITES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kobo_sync.forms.xlsform import read_form
from kobo_sync.model import Form, Question
from kobo_sync.rows.listing import parse_submission
from kobo_sync.store.tables.flatten import Flattened, Flattener, Placed
from kobo_sync.store.tables.layout import SYSTEM, FlatTable, flat_tables, merge_tables

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


HEAD = {
    "_id": 7,
    "_uuid": "u",
    "meta/rootUuid": "uuid:r",
    "_submission_time": "2025-02-11T00:00:00",
    "_submitted_by": "maha",
    "__version__": "v1",
    "_validation_status": {},
    "_attachments": [],
    "_geolocation": [None, None],
    "_tags": [],
    "formhub/uuid": "x",
    "_status": "submitted_via_web",
    "_xform_id_string": "f",
}


def _flattened(answers: dict[str, Any], form: Form, tables: Sequence[FlatTable] = ()) -> Flattened:
    """What becomes of a row, the same by place and key by key."""
    raw = json.dumps({**HEAD, **answers}).encode()
    flattener = Flattener(tables or flat_tables(form), form)
    by_key = flattener.flatten([parse_submission(raw, form.form_id)])
    flattener.decode(raw)  # its keys, where they were not known
    placed = flattener.decode(raw)
    assert isinstance(placed, Placed)
    assert flattener.flatten([placed]) == by_key
    return by_key


def _rows(answers: dict[str, Any], form: Form, name: str) -> list[dict[str, Any]]:
    (table,) = [table for table in flat_tables(form) if table.name == name]
    names = [*(system for system, _ in table.system), *(column.name for column in table.columns)]
    return [dict(zip(names, row, strict=True)) for row in zip(*_flattened(answers, form).columns[name], strict=True)]


def test_names_taken_by_the_system_or_by_case_get_a_suffix() -> None:
    tables = flat_tables(read_form(ODD.encode(), "odd.md"))
    assert [column.name for column in tables[0].columns] == ["root_uuid_2", "nom", "Nom_2"]
    assert [table.name for table in tables] == ["odd", "odd__menage", "odd__membre"]


def test_nested_repeats_keep_their_parent_and_a_position_of_their_own() -> None:
    form = read_form(ODD.encode(), "odd.md")
    inner = "menage/membre"
    answers = {
        "menage": [
            {inner: [{f"{inner}/age": "3"}, {f"{inner}/age": "4"}]},
            {inner: [{f"{inner}/age": "٥"}]},
        ]
    }
    rows = _rows(answers, form, "odd__membre")
    assert [(row["parent_position"], row["position"], row["age"]) for row in rows] == [(1, 1, 3), (1, 2, 4), (2, 3, 5)]


def test_a_question_that_moved_between_groups_stays_in_its_column() -> None:
    form = read_form(VISITES.encode(), "visites.md")
    (row,) = _rows({"ailleurs/zone": "nord", "lieu/gps": "31.5 -5.25 1200.0 4"}, form, "visites")
    assert (row["zone"], row["gps_lat"], row["gps_lon"], row["gps_alt"], row["gps_acc"]) == (
        "nord",
        31.5,
        -5.25,
        1200.0,
        4.0,
    )


def test_answers_that_do_not_fit_are_named_and_left_empty() -> None:
    form = read_form(VISITES.encode(), "visites.md")
    answers = {"membre": [{"membre/annees": "douze"}, {"membre/annees": "12"}], "lieu/gps": "ici", "inconnu": "x"}
    flattened = _flattened(answers, form)
    assert flattened.misfits == {"annees", "gps"} and flattened.unknown == {"inconnu"}
    assert [row["annees"] for row in _rows(answers, form, "visites__membre")] == [None, 12]


def test_numbers_typed_in_another_script_or_with_a_comma_fit() -> None:
    """Part 8, A25: the flat tables read what analyses read; a fraction is no whole number, and « 1,234 » is open."""
    form = read_form(VISITES.encode(), "visites.md")
    typed = ["٢٬٥٠٠", "۱۲", "2,5", "1,234", "12,0", "007"]
    answers = {"membre": [{"membre/annees": text} for text in typed]}
    assert [row["annees"] for row in _rows(answers, form, "visites__membre")] == [2500, 12, None, None, None, 7]
    assert _flattened(answers, form).misfits == {"annees"}


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
    flat = _flattened({"themes": "eau sols", "ordre": "sols eau"}, read_form(MANY.encode(), "many.md"))
    assert [*zip(*flat.chosen["many"], strict=True)] == [
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


KINDS = """
| survey |                        |         |        |
|        | type                   | name    | label  |
|        | begin_group            | a       | A      |
|        | integer                | entier  | Entier |
|        | decimal                | decimal | Déc.   |
|        | geopoint               | point   | Point  |
|        | note                   | avis    | Avis   |
|        | acknowledge            | vu      | Vu     |
|        | end_group              |         |        |
|        | audit                  | audit   |        |
|        | start-geopoint         | depart  |        |
|        | select_multiple themes | themes  | Thèmes |
|        | begin_repeat           | menage  | Ménage |
|        | text                   | nom     | Nom    |
|        | begin_repeat           | membre  | Membre |
|        | integer                | age     | Âge    |
|        | rank themes            | ordre   | Ordre  |
|        | end_repeat             |         |        |
|        | end_repeat             |         |        |
| choices |
|        | list_name | name | label |
|        | themes    | eau  | Eau   |
|        | themes    | sols | Sols  |
"""
TEXTS = st.sampled_from(
    (
        "",
        " ",
        "12",
        "-7",
        "1_0",
        "٥",
        "9" * 19,
        "9" * 400,
        "1.5",
        "1e3",
        "nan",
        "inf",
        "31.5 -5.1 0 4",
        "31.5 x",
        "eau sols",
    )
) | st.text(max_size=8)
MEMBERS = st.lists(
    st.fixed_dictionaries({}, optional={"menage/membre/age": TEXTS, "menage/membre/ordre": TEXTS}), max_size=3
)
ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(
            ("a/entier", "a/decimal", "a/point", "a/vu", "a/avis", "depart", "themes", "meta/audit"), TEXTS
        ),
        **dict.fromkeys(("entier", "ailleurs/point", "inconnu"), TEXTS),
        "menage": st.lists(
            st.fixed_dictionaries({}, optional={"menage/nom": TEXTS, "menage/membre": MEMBERS, "menage/x/nom": TEXTS}),
            max_size=3,
        ),
        "vieux/inconnus": st.lists(st.fixed_dictionaries({"vieux/inconnus/x": TEXTS}), max_size=2),
    },
)


@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(ANSWERS, min_size=1, max_size=4))
def test_by_place_and_key_by_key_any_rows_become_the_same(many: list[dict[str, Any]]) -> None:
    form = read_form(KINDS.encode(), "kinds.md")
    flattener = Flattener(flat_tables(form), form)
    for answers in many:  # a question stands in one group of a row
        for moved, usual in (("entier", "a/entier"), ("ailleurs/point", "a/point")):
            if moved in answers:
                answers.pop(usual, None)
        for each in answers.get("menage", ()):
            if "menage/x/nom" in each:
                each.pop("menage/nom", None)
    raws = [
        json.dumps({**HEAD, "_id": n, "_uuid": f"u{n}", "meta/rootUuid": f"r{n}", **a}).encode()
        for n, a in enumerate(many)
    ]
    for raw in raws:
        flattener.decode(raw)
    placed = [flattener.decode(raw) for raw in raws]
    assert all(isinstance(each, Placed) for each in placed)
    assert flattener.flatten(placed) == flattener.flatten(parse_submission(raw, form.form_id) for raw in raws)


def test_acknowledgements_have_a_column_and_silent_things_are_no_surprise() -> None:
    form = read_form(KINDS.encode(), "kinds.md")
    flat = _flattened({"a/vu": "OK", "meta/audit": "audit.csv", "depart": "31.5 -5.1 0 4"}, form)
    assert flat.unknown == set()
    (row,) = _rows({"a/vu": "OK", "meta/audit": "audit.csv", "depart": "31.5 -5.1 0 4"}, form, form.form_id)
    assert (row["vu"], row["depart_lat"], row["depart_acc"]) == ("OK", 31.5, 4.0)


def test_what_is_no_text_is_read_key_by_key_and_nothing_is_rounded() -> None:
    form = read_form(KINDS.encode(), "kinds.md")
    flattener = Flattener(flat_tables(form), form)
    raw = json.dumps({**HEAD, "a/entier": 12, "a/vu": 2**70, "a/decimal": 1.5}).encode()
    row = flattener.decode(raw)
    assert not isinstance(row, Placed)
    values = [value for (value,) in flattener.flatten([row]).columns[form.form_id]]
    assert {12, str(2**70), 1.5} <= set(values)


def test_what_a_phone_writes_under_a_key_of_the_server_is_an_answer_where_a_question_asks_for_it() -> None:
    form = read_form(KINDS.encode(), "kinds.md")
    names = ("__version__", "formhub/uuid", "_id", "_status", "_tags")
    asked = tuple(Question(name, name.rpartition("/")[2], "text") for name in names)
    form = replace(form, questions=(*form.questions, *asked))
    flattener = Flattener(flat_tables(form), form)
    for answers in ({}, {"a/entier": 12}):  # by place, and key by key
        row = flattener.decode(json.dumps({**HEAD, **answers}).encode())
        assert isinstance(row, Placed) == (not answers)
        columns = [*(name for name, _ in SYSTEM), *(column.name for column in flattener.tables[0].columns)]
        values = dict(zip(columns, (value for (value,) in flattener.flatten([row]).columns["kinds"]), strict=True))
        shown = [values[name] for name in ("__version__", "uuid", "_id", "_status", "_tags", "submission_id")]
        assert shown == ["v1", "x", None, None, None, 7]


@pytest.mark.parametrize(
    "key",
    ["__version__", "_version_", "g/_version_", "_version__001", "meta/audit", "meta/x", "formhub/uuid", "_edited"],
)
def test_what_servers_and_phones_add_is_no_unknown_question(key: str) -> None:
    form = read_form(MANY.encode(), "many.md")
    assert _flattened({key: "x"}, form).unknown == set()
    assert _flattened({f"{key}_x": "x"}, form).unknown == ({f"{key}_x"} if "/" not in key else _unknown_of(f"{key}_x"))


def _unknown_of(key: str) -> set[str]:
    return set() if key.startswith(("meta/", "formhub/")) else {key.rpartition("/")[2]}


TWICE = """
| survey |                        |        |        |
|        | type                   | name   | label  |
|        | begin_group            | a      | A      |
|        | text                   | nom    | Nom    |
|        | geopoint               | lieu   | Lieu   |
|        | end_group              |        |        |
|        | begin_group            | b      | B      |
|        | integer                | nom    | Nombre |
|        | geopoint               | lieu   | Lieu   |
|        | end_group              |        |        |
"""


def test_questions_of_one_name_in_two_groups_keep_their_own_answers() -> None:
    form = read_form(TWICE.encode(), "twice.md")
    answers = {"a/nom": "Ali", "b/nom": "3", "a/lieu": "1 2 3 4", "b/lieu": "5 6 7 8"}
    (row,) = _rows(answers, form, "twice")
    assert (row["nom"], row["nom_2"], row["lieu_lat"], row["lieu_lat_2"]) == ("Ali", 3, 1.0, 5.0)
    (row,) = _rows({"c/nom": "Ali"}, form, "twice")  # of a version in which the group was another
    assert (row["nom"], row["nom_2"]) == ("Ali", None)
