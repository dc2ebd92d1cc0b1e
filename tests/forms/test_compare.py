"""Two versions of a form: each kind of difference, and what it does to answers."""

from __future__ import annotations

import pytest
from conftest import PERSONNES, VISITES

from kobo_sync.forms.compare import compare
from kobo_sync.forms.xlsform import read_form
from kobo_sync.model import Form


def _form(text: str) -> Form:
    return read_form(text.encode(), "f.md")


def _told(old: str, new: str) -> list[tuple[str, str]]:
    return [(change.kind, change.name) for change in compare(_form(old), _form(new))]


def test_equal_forms_do_not_differ() -> None:
    assert _told(PERSONNES, PERSONNES) == []


AGE = "|        | integer                        | age    | Âge                    | السن                |          | ${accord} = 'oui' |\n"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (AGE, "", [("removed", "age")]),
        (AGE, AGE + AGE.replace("| age    | Âge ", "| poids  | Kg  "), [("added", "poids")]),
        ("| age    |", "| annees |", [("renamed", "annees")]),
        ("| integer                        | age", "| date                           | age", [("retyped", "age")]),
        ("| integer                        | age", "| decimal                        | age", [("logic", "age")]),
        ("| oui_non   | non ", "| oui_non   | nsp ", [("choice removed", "oui_non"), ("choice added", "oui_non")]),
        ("Code                   |", "Code du badge          |", [("text", "code")]),
        ("label::العربية (ar)", "label::English (en)", [("language added", "en"), ("language removed", "ar")]),
        ("zones.csv", "zonage.csv", [("media added", "zonage.csv"), ("media removed", "zones.csv")]),
    ],
)
def test_each_difference_has_its_name(old: str, new: str, told: list[tuple[str, str]]) -> None:
    assert old in PERSONNES
    assert _told(PERSONNES, PERSONNES.replace(old, new)) == told


def test_moved_to_another_group_and_out_of_a_repeat() -> None:
    assert ("moved", "gps") in _told(VISITES, VISITES.replace("| lieu   ", "| endroit"))
    flat = "\n".join(line for line in VISITES.splitlines() if "begin_repeat" not in line and "end_repeat" not in line)
    assert {("repeated", "prenom"), ("repeated", "annees")} <= set(_told(VISITES, flat))


def test_a_rename_is_a_guess_and_breaking() -> None:
    (change,) = compare(_form(PERSONNES), _form(PERSONNES.replace("| age    |", "| annees |")))
    assert change.is_guess and change.is_breaking and change.before == "age"
