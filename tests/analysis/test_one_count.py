"""Part 8, A23: every place that counts persons counts the same ones, whichever zones they came to; recounted by hand."""

from __future__ import annotations

import io
import itertools
import random
from dataclasses import dataclass, replace
from typing import Any

import pytest
from docx import Document as open_docx
from in_french import in_french
from invented_facts import PERSON, make_facts, table

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis.by_zone import zone_views
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.indicators import indicators
from kobo_sync.analysis.overview import dashboard
from kobo_sync.analysis.populations import numbers_by_zone, told_number
from kobo_sync.analysis.publication import present_by_sex
from kobo_sync.checks import quota, two_zones
from kobo_sync.deliverables import deliverable

ZONES, GROUPS = ("bertat", "oumjniba"), ("ed", "sante", "cld")
REGISTRATION = ["zone", "consentement", "code_participant", *PERSON]
PRESENCE = ["zone", "demi_journee", "participant", *PERSON, "consentement", "signature"]


@dataclass(frozen=True)
class Someone:
    """A real person. *home*: where they are registered, empty for nowhere; *visits*: (zone, half-day) that they signed."""

    number: int
    home: str
    sex: str
    group: str
    phone: str
    visits: tuple[tuple[str, str], ...]

    @property
    def identity(self) -> dict[str, Any]:
        name = {"nom": f"Famille{self.number}", "prenom": f"Prénom{self.number}"}
        return name | {"sexe": self.sex, "groupe": self.group, "telephone": self.phone or None}


def people(seed: int) -> list[Someone]:
    draw = random.Random(seed)
    sessions = ("matin", "apres_midi")
    everybody = []
    for number in range(draw.randint(0, 60)):
        home = draw.choice((*ZONES, *ZONES, ""))
        visits = [
            place for place in itertools.product(ZONES, sessions) if draw.random() < (0.7 if place[0] == home else 0.2)
        ]
        phone = f"06{number:08d}" if draw.random() < 0.5 else ""
        everybody.append(Someone(number, home, draw.choice("fh"), draw.choice(GROUPS), phone, tuple(visits)))
    return everybody


def mission(everybody: list[Someone], seed: int) -> Facts:
    draw = random.Random(seed)
    registrations: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for someone in everybody:
        code = f"P-{someone.number:02d}"
        if someone.home:
            own = {"zone": someone.home, "consentement": "oui", "code_participant": code} | someone.identity
            # Now and then a second registration of the code, in another zone and with other traits: the first counts.
            again = own | {"zone": draw.choice(ZONES), "sexe": "h", "groupe": "ed"}
            registrations += [own, again] if draw.random() < 0.1 else [own]
        for zone, session in someone.visits:
            row = {"zone": zone, "demi_journee": session, "consentement": "oui", "signature": "s.png"}
            by_code = someone.home and draw.random() < 0.8
            who = {"participant": code} if by_code else {"participant": "hors_liste"} | someone.identity
            rows += [row | who] * (2 if draw.random() < 0.1 else 1)
        rows.append({"zone": draw.choice(ZONES), "demi_journee": "matin", "participant": code, "consentement": "non"})
    registrations += [{"zone": draw.choice(ZONES), "consentement": "non"} for _ in range(draw.randint(0, 3))]
    tables = {"inscription": table(registrations, REGISTRATION), "presence": table(rows, PRESENCE)}
    return replace(make_facts(tables=tables), zone=None)


@pytest.mark.parametrize("seed", range(12))
def test_every_total_is_that_of_a_recount(seed: int) -> None:
    everybody = people(seed)
    facts = mission(everybody, seed)
    views = zone_views(facts)
    page = dashboard(facts, views.values())
    for at, zone in enumerate((None, *ZONES)):
        here = views[zone] if zone else facts
        came = [one for one in everybody if any(zone in (None, place) for place, _ in one.visits)]
        homes = [one for one in everybody if one.home and zone in (None, one.home)]
        full = [
            one
            for one in everybody
            if any({(z, "matin"), (z, "apres_midi")} <= set(one.visits) for z in ZONES if zone in (None, z))
        ]
        listed = present.attendance(here)
        assert (listed.n_present, listed.n_full_day, listed.n_registered) == (len(came), len(full), len(homes))
        values = {each.name: each.value for each in indicators(here)}
        place = [page["mission"], *page["zones"]][at]
        assert values["present"] == place["n_present"] == len(came) and place["n_full_day"] == len(full)
        assert sum(g["women"] + g["men"] + g["other"] for g in place["groups"]) == len(came)
        cells = present_by_sex(here, "group", GROUPS)
        counted = present_by_sex(facts, "group", GROUPS) if zone is None else cells
        assert sum(map(sum, counted.counts)) == (len(came) if zone else told_number(facts, "present").n)
        for code in GROUPS:
            n = sum(one.group == code for one in came)
            assert values.get(f"present:group:{code}", 0) == n, (zone, code)
            assert next(g["women"] + g["men"] for g in place["groups"] if g["code"] == code) == n
            assert next(g["registered"] for g in place["groups"] if g["code"] == code) == sum(
                one.group == code for one in homes
            )
        for code in "fh":
            assert values.get(f"present:sex:{code}", 0) == sum(one.sex == code for one in came), (zone, code)
        if zone:
            assert (
                numbers_by_zone(facts, "present").get(zone, 0)
                == numbers_by_zone(here, "present").get(zone, 0)
                == len(came)
            )
            assert numbers_by_zone(facts, "registered").get(zone, 0) == len(homes)


@pytest.mark.parametrize("seed", range(3))
def test_the_list_names_everybody_who_came_with_their_traits(seed: int) -> None:
    everybody = people(seed)
    for zone, here in zone_views(mission(everybody, seed)).items():
        came = [one for one in everybody if any(place == zone for place, _ in one.visits)]
        content = next(d.content for d in deliverable("attendance_list").build(here) if d.path.endswith(".docx"))
        tables = [[[cell.text for cell in row.cells] for row in t.rows] for t in open_docx(io.BytesIO(content)).tables]
        signed = next(rows for rows in tables if rows[0][:2] == ["N°", "Nom et prénom"])
        for one in came:
            (row,) = [row for row in signed if f"FAMILLE{one.number} " in row[1]]
            assert row[2] == one.sex.upper() and row[4], row[1]
            if one.home and one.home != zone:
                assert {"bertat": "Bertat", "oumjniba": "Oumjniba"}[one.home] in row[1]
        totals = next(rows for rows in tables if rows[0][0] == "Groupe")[-1]
        assert totals[1:5] == [str(sum(o.sex == s for o in came)) for s in "fh"] + ["0", str(len(came))]


def test_who_is_registered_in_a_zone_that_is_left_out_counts_with_their_traits_elsewhere() -> None:
    """A zone of two persons is left out of the mission's papers; one of them came to the other zone, whose paper counts her."""
    everybody = [Someone(n, "bertat", "f", "cld", "", (("bertat", "matin"),)) for n in range(10)]
    everybody += [
        Someone(n, "oumjniba", "f", "cld", "", (("bertat", "matin"), ("oumjniba", "matin"))) for n in (10, 11)
    ]
    facts = mission(everybody, 99)
    table_ = present_by_sex(facts, "group", GROUPS)
    assert table_.rows == GROUPS and table_.total("f") == 12


def by_phone(zone: str, **more: Any) -> dict[str, Any]:
    who = {"nom": "Zaïdi", "prenom": "Itto", "sexe": "f", "groupe": "cld"}
    return {"zone": zone, "demi_journee": "matin", "participant": "hors_liste", "signature": "s.png"} | who | more


@pytest.mark.parametrize(
    ("here", "there", "n", "severities"),
    [
        ({}, {}, 1, ["info"]),
        ({"telephone": "0611223344"}, {"telephone": "+212 6 11 22 33 44", "groupe": "ed"}, 1, ["info"]),
        ({"telephone": "0611223344"}, {"telephone": "0699887766"}, 2, []),
        ({}, {"sexe": "h"}, 2, []),
        ({}, {"groupe": "ed"}, 2, ["warning"]),
        ({"sexe": None, "groupe": None}, {}, 2, ["warning"]),
        ({"prenom": None}, {"prenom": None}, 2, ["warning"]),
        ({"nom_ar": "إيطو الزايدي"}, {"nom": None, "prenom": None, "nom_ar": "إيطو الزايدي"}, 1, ["info"]),
    ],
)
def test_a_namesake_of_another_zone_is_one_person_only_where_the_answers_say_so(
    here: dict[str, Any], there: dict[str, Any], n: int, severities: list[str]
) -> None:
    rows = [by_phone("bertat", **here), by_phone("oumjniba", **there)]
    tables = {"inscription": table([], REGISTRATION), "presence": table(rows, PRESENCE)}
    facts = replace(make_facts(tables=tables), zone=None)
    assert present.attendance(facts).n_present == n
    assert [f.severity for f in two_zones.check(facts)] == severities


def test_a_walk_in_who_is_registered_in_another_zone_is_known_there() -> None:
    own = (
        {"zone": "oumjniba", "consentement": "oui", "code_participant": "OUM-01"}
        | by_phone("oumjniba")
        | {"commune": "Oum"}
    )
    rows = [by_phone("bertat"), by_phone("bertat", demi_journee="apres_midi", sexe=None, groupe=None)]
    tables = {"inscription": table([own], REGISTRATION), "presence": table(rows, PRESENCE)}
    facts = replace(make_facts(tables=tables), zone=None)
    (visitor,) = present.attendance(zone_views(facts)["bertat"]).present
    assert (visitor.key, visitor.home, visitor.traits["commune"], len(visitor.signatures)) == (
        "OUM-01",
        "oumjniba",
        "Oum",
        2,
    )


def test_the_quota_check_counts_registered_persons_as_the_papers_do() -> None:
    everybody = people(5)
    facts = mission(everybody, 5)
    for zone, here in zone_views(facts).items():
        counts = {
            code: sum(p.registered and p.traits["group"] == code for p in present.attendance(here).people)
            for code in GROUPS
        }
        said = {f.subject: f.message for f in in_french(quota.check(facts)) if f.zone == zone}
        assert all(
            said[f"{zone}/{code}"].startswith(f"{n} inscrits") for code, n in counts.items() if f"{zone}/{code}" in said
        )
