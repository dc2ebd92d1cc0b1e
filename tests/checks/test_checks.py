"""Data checks: each fault found where it is, in words for staff, without a name or a number of anybody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
from conftest import MISSION, ZONES
from in_french import in_french

from kobo_sync import checks
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.meaning import rows
from kobo_sync.analysis.roster import plan_roster
from kobo_sync.checks.sheet import sheet, texts
from kobo_sync.config.config import parse_config
from kobo_sync.deliverables.data_workbook import data_sheets
from kobo_sync.forms.xlsform import read_form
from kobo_sync.model import Finding

SYSTEM = {"submitted_by": "maha", "form_version": "v1", "validation": ""}


def run_checks(facts: Facts) -> list[Finding]:
    return in_french(checks.run_checks(facts))


def _facts(*people: dict[str, Any]) -> Facts:
    text = MISSION.replace('group = "groupe"', 'group = "groupe"\ngiven_name = "prenom"\nphone = "tel"')
    rows = [
        {
            "root_uuid": f"r{n}",
            "submission_id": n,
            **SYSTEM,
            "zone": "nord",
            "accord": "oui",
            "code": f"N{n}",
            "prenom": None,
            "tel": None,
            **person,
        }
        for n, person in enumerate(people, 1)
    ]
    columns = ["root_uuid", "submission_id", *SYSTEM, "zone", "accord", "code", "nom", "prenom", "groupe", "tel"]
    tables = {
        "personnes": pd.DataFrame(rows, columns=columns),
        "visites": pd.DataFrame(columns=["root_uuid", "submission_id", *SYSTEM, "zone"]),
    }
    return Facts(parse_config(text, {"config/zones.csv": ZONES}, {}), None, None, {}, tables, lambda *_: None)


def test_nothing_to_say_about_no_data() -> None:
    assert run_checks(_facts()) == []


def test_each_cell_says_its_own_text() -> None:
    cells = [1, 1.0, True, " a ", None, float("nan")]
    assert texts(pd.DataFrame({"x": pd.Series(cells, dtype=object)}), "x") == ["1", "1.0", "True", "a", "", ""]


def test_quota_under_and_over_per_zone_and_group() -> None:
    facts = _facts(
        *({"nom": f"P{n}", "groupe": "a"} for n in range(3)),
        {"nom": "Q", "groupe": "b"},
        {"nom": "R", "groupe": "b", "accord": "non"},
    )
    found = {(f.zone, f.where): (f.severity, f.message) for f in run_checks(facts) if f.rule == "DATA001"}
    assert found[("nord", "Nord, Groupe A")] == ("info", "3 inscrits pour un quota de 2 : 1 de plus")
    assert ("nord", "Nord, Groupe B") not in found
    assert found[("sud", "Sud, Groupe A")] == ("warning", "aucun inscrit pour un quota de 2 : 2 de moins")


def test_the_same_person_twice_by_name_or_phone() -> None:
    facts = _facts(
        {"nom": "EL AMRANI", "prenom": "Hamid", "groupe": "a"},
        {"nom": "El-Amrani", "prenom": "hamid", "groupe": "a", "zone": "sud"},
        {"nom": "el amrani", "prenom": "Hamid", "groupe": "a", "tel": "06 12 34 56 78"},
        {"nom": "Autre", "prenom": "Nom", "groupe": "b", "tel": "+212612345678"},
    )
    found = [f for f in run_checks(facts) if f.rule == "DATA002"]
    assert [(f.root_uuid, f.message.split(" : ")[0]) for f in found] == [
        ("r3", "même nom que la soumission 1"),
        ("r4", "même téléphone que la soumission 3"),
    ]
    assert "AMRANI" not in str(found).upper() and "612345678" not in str(found)


def test_a_zone_unknown_to_the_config() -> None:
    found = [
        f
        for f in run_checks(
            _facts({"nom": "P", "groupe": "a", "zone": "ouest"}, {"nom": "Q", "groupe": "a", "zone": None})
        )
        if f.rule == "DATA003"
    ]
    assert [f.message for f in found] == ["la zone « ouest » n’est pas dans config/zones.csv", "la zone manque"]


def test_a_meaning_that_no_question_carries_is_named_by_its_key() -> None:
    facts = _facts()
    form = read_form(b"| survey |\n| | type | name | label |\n| | text | zone | Zone |\n", "personnes.md")
    found = {finding.where for finding in run_checks(replace(facts, forms={"personnes": form}))}
    assert "config/mission.toml, forms.personnes.fields.given_name" in found
    assert "config/mission.toml, forms.personnes.fields.zone" not in found


def test_rows_stay_out_of_deliverables_by_their_status() -> None:
    people = [{"nom": f"P{n}", "groupe": "a", "validation": status} for n, status in enumerate(STATUSES)]
    given = _facts(*people)
    times = pd.Timestamp("2025-02-11T08:00:00Z")
    given = replace(given, tables={name: table.assign(submitted_at=times) for name, table in given.tables.items()})

    def used(*exclude: str) -> tuple[int, int, int]:
        checks = given.config.checks.model_copy(update={"exclude": list(exclude)})
        facts = replace(given, config=given.config.model_copy(update={"checks": checks}))
        found = rows(facts, "registration")
        (sheet,) = [sheet for sheet in data_sheets(facts)[0] if sheet.name.startswith("personnes")]
        return len(found.table), found.n_rejected, len(sheet.rows)

    assert given.config.checks.exclude == ["not_approved"]
    assert used("not_approved") == (3, 1, 3)
    assert used("not_approved", "on_hold") == (2, 2, 2)
    assert used() == (4, 0, 4)


STATUSES = ("", "approved", "on_hold", "not_approved")


def test_a_large_roster_is_compared_in_little_time() -> None:
    first = [f"Nom{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + n // 676)}" for n in range(4000)]
    people = [{"nom": "Mohamed"}, {"nom": "Mohammed"}] + [{"nom": name, "groupe": "a"} for name in first]
    facts = _facts(*people)
    found = plan_roster(facts.tables["personnes"], facts.config).findings
    assert "their names sound alike: N2 = N1, " in " ".join(finding.message for finding in found)


def test_who_filled_a_row_is_the_same_after_a_relay_sent_it() -> None:
    """Part 9, 3: the account is the relay's for everybody then; what the phone noted is not."""
    facts = _facts({"nom": "P"}, {"nom": "Q"}, {"nom": "R"})
    collected = facts.tables["personnes"].assign(
        username=["fatima", "moha", None], submitted_by=["fatima", "moha", "itto"]
    )
    relayed = collected.assign(submitted_by="relais")
    told = [sheet(replace(facts, tables={"personnes": each}), "personnes").enumerators for each in (collected, relayed)]
    assert told == [["fatima", "moha", "itto"], ["fatima", "moha", "relais"]]
