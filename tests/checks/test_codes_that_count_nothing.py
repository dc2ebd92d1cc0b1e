"""Part 8, A22: answers in codes that the mission does not have, and rows that name nobody, are no silent zeros."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest
from in_french import in_french
from invented_facts import make_facts, make_tables

from kobo_sync.checks import nothing_counted
from kobo_sync.model import Finding


def findings_of(table: str, change: Callable[[pd.DataFrame], pd.DataFrame], n: int = 12) -> list[Finding]:
    tables = make_tables(n, 1, "bertat")
    facts = make_facts(n, tables=tables | {table: change(tables[table])})
    keys = ("fields.sex", "fields.group", "fields.person", "fields.ranking", "fields.consent")
    return in_french(each for each in nothing_counted.check(replace(facts, zone=None)) if each.where.endswith(keys))


@pytest.mark.parametrize(
    ("table", "columns", "key", "words"),
    [
        ("inscription", {"sexe": "femme"}, "sex", "aucune des 12 réponses n’est un code"),
        ("inscription", {"groupe": "education"}, "group", "aucune des 12 réponses n’est un code"),
        ("inscription", {"consentement": "accepte"}, "consent", "13 soumissions refus de consentement, sur 13"),
        ("besoins", {"classement": "xx yy zz"}, "ranking", "aucun besoin classé n’est dans la liste"),
        ("presence", {"participant": None, "nom": None, "prenom": None, "nom_ar": None}, "person", "21 passages sans code ni nom, sur 21 : une personne de plus"),
    ],
)  # fmt: skip
def test_codes_that_the_mission_does_not_have_are_told(
    table: str, columns: dict[str, str | None], key: str, words: str
) -> None:
    (each,) = findings_of(table, lambda rows: rows.assign(**columns))
    assert (each.rule, each.severity) == ("DATA025", "error")
    assert each.where == f"config/mission.toml, forms.{table}.fields.{key}"
    assert words in each.message
    assert not any(str(answer) in each.message + each.hint for answer in columns.values() if answer)


def test_ordinary_rows_a_single_refusal_and_a_third_answer_are_not() -> None:
    assert findings_of("inscription", lambda rows: rows) == []
    assert findings_of("inscription", lambda rows: rows.assign(consentement=["non"] * len(rows)).iloc[:1]) == []
    assert findings_of("inscription", lambda rows: rows.assign(sexe=["autre", *rows["sexe"][1:]])) == []


def test_one_row_without_a_name_is_a_warning() -> None:
    def first_nameless(rows: pd.DataFrame) -> pd.DataFrame:
        rows = rows.copy()
        rows.loc[0, ["participant", "nom", "prenom", "nom_ar"]] = None
        return rows

    (each,) = findings_of("presence", first_nameless)
    assert (each.severity, "1 passage sans code ni nom, sur 21 : une personne de plus" in each.message) == (
        "warning",
        True,
    )


@pytest.mark.parametrize(
    ("table", "columns", "key", "words"),
    [
        ("satisfaction", {"objectifs": "oui"}, "objectifs", "réponses hors de la liste du formulaire : 11 sur 11,"),
        ("satisfaction", {"intention": "oui"}, "intention", "réponses hors de la liste du formulaire : 11 sur 11,"),
        ("besoins__evaluation", {"besoin": "autre"}, "fields.need", "évaluations sans besoin de la liste : 77 sur 77,"),
        ("besoins__evaluation", {"besoin": None}, "fields.need", "évaluations sans besoin de la liste : 77 sur 77,"),
    ],
)  # fmt: skip
def test_ratings_that_enter_no_share_and_no_mean_are_told(
    table: str, columns: dict[str, str | None], key: str, words: str
) -> None:
    tables = make_tables(12, 1, "bertat")
    assert not told_by(tables)
    (each,) = told_by(tables | {table: tables[table].assign(**columns)})
    form = table.partition("__")[0]
    assert (each.severity, each.where) == ("error", f"config/mission.toml, forms.{form}.{key}")
    assert words in each.message


def test_one_rating_outside_the_list_is_a_warning() -> None:
    tables = make_tables(12, 1, "bertat")
    answers = tables["satisfaction"].copy()
    answers.loc[answers.index[0], "objectifs"] = "oui"
    (each,) = told_by(tables | {"satisfaction": answers})
    assert (each.severity, "1 sur 11" in each.message) == ("warning", True)


def told_by(tables: dict[str, pd.DataFrame]) -> list[Finding]:
    facts = replace(make_facts(12, tables=tables), zone=None)
    return in_french(each for each in nothing_counted.check(facts) if each.form_id in ("satisfaction", "besoins"))
