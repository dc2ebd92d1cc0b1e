"""Present, full day, walk-ins, quota: against values worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from invented_facts import PERSON, make_config, make_facts, table

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import quotas
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.turnout import counted, turnout

REGISTRATION = ["zone", "consentement", "code_participant", *PERSON]
PRESENCE = ["zone", "demi_journee", "participant", *PERSON, "signature"]


def person(code: str, family: str, given: str, **more: Any) -> dict[str, Any]:
    return {"zone": "bertat", "consentement": "oui", "code_participant": code, "nom": family, "prenom": given} | more


def signed(who: str, session: str = "matin", **more: Any) -> dict[str, Any]:
    return {"zone": "bertat", "demi_journee": session, "participant": who, "signature": "s.png"} | more


def facts_of(people: list[dict[str, Any]], rows: list[dict[str, Any]], **more: Any) -> Facts:
    return make_facts(tables={"inscription": table(people, REGISTRATION), "presence": table(rows, PRESENCE)}, **more)


def mission_of(people: list[dict[str, Any]], rows: list[dict[str, Any]]) -> Facts:
    return replace(facts_of(people, rows), zone=None)


def test_present_needs_one_signature_and_full_day_needs_both() -> None:
    people = [person("B1", "A", "a"), person("B2", "B", "b"), person("B3", "C", "c"), person("B4", "D", "d")]
    rows = [signed("B1"), signed("B1", "apres_midi"), signed("B2"), signed("B3", signature=None), signed("B1")]
    found = present.attendance(facts_of(people, rows))
    assert [p.code for p in found.present] == ["B1", "B2"]
    assert [p.code for p in found.full_day] == ["B1"]
    assert (found.n_present, found.n_unsigned, len(found.people)) == (2, 1, 4)


def test_a_walk_in_is_one_person_by_normalised_name() -> None:
    rows = [
        signed("hors_liste", nom="Zaïdi", prenom="Itto", sexe="f"),
        signed("hors_liste", "apres_midi", nom="ITTO", prenom="zaidi", groupe="cld"),
        signed("hors_liste", nom="Zaïdi", prenom="Moha"),
    ]
    found = present.attendance(facts_of([], rows))
    assert found.n_present == 2
    itto = next(p for p in found.people if p.traits["given_name"] in ("Itto", "zaidi"))
    assert set(itto.signatures) == {"matin", "apres_midi"}
    assert (itto.traits["sex"], itto.traits["group"], itto.registered) == ("f", "cld", False)


def test_a_walk_in_who_is_registered_counts_once() -> None:
    people = [person("B1", "El Fassi", "Naïma")]
    rows = [signed("B1"), signed("hors_liste", "apres_midi", nom="EL FASSI", prenom="Naima")]
    found = present.attendance(facts_of(people, rows))
    assert [(p.code, len(p.signatures)) for p in found.people] == [("B1", 2)]


def test_two_registered_namesakes_do_not_swallow_a_walk_in() -> None:
    people = [person("B1", "Tazi", "Hamid"), person("B2", "Tazi", "Hamid")]
    found = present.attendance(facts_of(people, [signed("hors_liste", nom="Tazi", prenom="Hamid")]))
    assert [p.registered for p in found.present] == [False]


def test_one_person_in_two_zones_counts_in_each_and_once_in_the_mission() -> None:
    rows = [signed("B1"), signed("B1", zone="oumjniba")]
    found = present.attendance(mission_of([person("B1", "Tazi", "Hamid", groupe="ed")], rows))
    assert found.counts("zone") == {"bertat": 1, "oumjniba": 1}
    assert found.n_present == 1


def test_refusals_are_counted_and_never_listed() -> None:
    found = present.attendance(facts_of([person("B1", "A", "a"), {"zone": "bertat", "consentement": "non"}], []))
    assert found.n_refused == 1
    assert [p.code for p in found.people] == ["B1"]


def test_an_overfull_zone_does_not_hide_an_empty_one() -> None:
    # 26 of 25 and 20 of 25: (25 + 20) / 50 = 0.9, where 46 / 50 = 0.92 would flatter.
    rows = [signed(f"B{i}") for i in range(26)] + [signed(f"O{i}", zone="oumjniba") for i in range(20)]
    facts = mission_of([], rows)
    found = present.attendance(facts)
    done = quotas.completion(counted(found), present.zones_of(facts))
    assert (done.n_present, done.quota, done.share) == (46, 50, pytest.approx(0.9))
    alone = quotas.completion(counted(found), [facts.config.zones[0]])
    assert alone.share == pytest.approx(26 / 25)


def test_completion_per_group_leaves_unknown_groups_out() -> None:
    people = [person(f"B{i}", f"N{i}", "x", groupe="ed" if i < 3 else "ailleurs") for i in range(5)]
    facts = facts_of(people, [signed(f"B{i}") for i in range(5)])
    found = present.attendance(facts)
    by_group = quotas.completion_by_group(counted(found), present.zones_of(facts), ["ed", "sante", "cld"])
    assert (by_group["ed"].n_present, by_group["ed"].quota, by_group["ed"].share) == (3, 9, pytest.approx(3 / 9))
    assert by_group["sante"].share == 0
    assert found.counts("group") == {"ailleurs": 2, "ed": 3}


def test_nothing_received_gives_nobody() -> None:
    facts = make_facts(tables={})
    found = present.attendance(facts)
    assert (found.n_present, found.people, found.full_day) == (0, (), ())
    assert quotas.completion(counted(found), present.zones_of(facts)).share == 0
    assert present.response_rate(0, 0) is None
    assert make_config().zones[0].target == 25


def test_a_walk_in_is_the_same_person_however_the_name_is_written() -> None:
    people = [person("B1", "El Fassi", "Naïma")]
    rows = [
        signed("B1"),
        signed("hors_liste", nom="Zaïdi", prenom="Itto"),
        signed("hors_liste", nom="Autre", prenom="Moha"),
        signed("hors_liste", "apres_midi", nom="Itto", prenom="Zaidi"),
        signed("hors_liste", nom="Naima", prenom="El Fassi"),
    ]
    keys = present.walk_in_keys(facts_of(people, rows))
    assert keys["u0002"] == keys["u0004"] != keys["u0003"] and keys["u0005"] == "B1" and len(keys) == 4


def test_whoever_counts_a_mission_counts_the_same_and_holds_no_names() -> None:
    people = [
        person("B1", "Tazi", "Hamid", groupe="ed", sexe="h", telephone="0612345678"),
        person("B2", "El Fassi", "Naïma", groupe="cld", sexe="f"),
        person("O1", "Alami", "Zineb", zone="oumjniba", groupe="cld", sexe="f"),
    ]
    rows = [
        *(signed(who, session) for who in ("B1", "B2") for session in ("matin", "apres_midi")),
        signed("B1", zone="oumjniba"),
        signed("hors_liste", nom="Zaïdi", prenom="Itto", sexe="f", groupe="cld"),
        signed("hors_liste", nom="Zaïdi", prenom="Itto", sexe="f", groupe="cld", zone="oumjniba"),
    ]
    facts = mission_of(people, rows)
    listed, came = present.attendance(facts), turnout(facts)
    for trait in ("zone", "sex", "group", "age_band"):
        assert came.counts(trait) == listed.counts(trait)
    numbers = [(each.n_present, each.n_full_day, each.n_registered, each.n_declared) for each in (listed, came)]
    assert numbers == [(3, 2, 3, 0)] * 2
    assert came == counted(listed)
    assert came.n_listed == len(listed.people)
    assert came.persons["group"] == {"ed": {"h": 1}, "cld": {"f": 2}}
    assert came.zones == {"bertat": {"ed": {"h": 1}, "cld": {"f": 2}}, "oumjniba": {"ed": {"h": 1}, "cld": {"f": 1}}}
    shares = quotas.completion_by_group(came, facts.config.zones, ("ed", "cld"))
    assert {group: done.n_present for group, done in shares.items()} == {"ed": 2, "cld": 3}
    assert not any(name in repr(came) for name in ("Tazi", "Naïma", "0612345678"))
    one = facts_of(people, rows)
    assert turnout(one) == counted(present.attendance(one))
