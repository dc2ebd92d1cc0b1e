"""Every data check on a mission unlike the one shipped: other zones, other words, English forms."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pandas as pd
import pytest
from in_french import in_french

from kobo_sync.analysis.facts import Facts
from kobo_sync.checks import CHECKS, ZonePart, checks_of, run_checks, run_over_zones, zone_part
from kobo_sync.checks.enumerators import statistics
from kobo_sync.checks.sheet import digest
from kobo_sync.checks.straight_lines import STORED
from kobo_sync.config.config import parse_config
from kobo_sync.errors import ConfigError
from kobo_sync.forms.xlsform import read_form
from kobo_sync.model import Finding, Question

CONFIG = """
[mission]
code = "wells"
title = "Well committees"
languages = ["en"]
timezone = "Africa/Casablanca"
starts_on = 2025-05-05
ends_on = 2025-05-09
[[sessions]]
code = "am"
label = { en = "Morning" }
[[sessions]]
code = "pm"
label = { en = "Afternoon" }
[[groups]]
code = "men"
label = { en = "Men" }
[forms.members]
role = "registration"
file = "members.md"
[forms.members.fields]
zone = "village"
consent = "agrees"
person = "card"
family_name = "surname"
given_name = "first_name"
name_ar = "arabic_name"
phone = "mobile"
group = "side"
[forms.roll]
role = "attendance"
file = "roll.md"
[forms.roll.fields]
zone = "village"
person = "card"
session = "half"
signature = "mark"
family_name = "surname"
[forms.quiz]
role = "test"
file = "quiz.md"
[forms.quiz.fields]
zone = "village"
person = "card"
moment = "when"
score = "total"
[forms.quiz.items]
q1 = { theme = "w", answer = "a" }
q2 = { theme = "w", answer = "b" }
q3 = { theme = "w", answer = "b" }
q4 = { theme = "w", answer = "b" }
q5 = { theme = "w", answer = "b" }
[forms.wells]
file = "wells.md"
[forms.wells.fields]
zone = "village"
[server]
kf = "http://127.0.0.1:1"
kc = "http://127.0.0.1:1"
[checks]
"""
ZONES = "code,label_en,lat,lon,radius_km,training_on\nkasba,Kasba,32.68,-4.73,15,2025-05-06\nagdz,Agdz,30.70,-6.45,,\n"
WELLS = b"""
| survey |
| | type | name | label | required | relevant |
| | start | start | | | |
| | end | end | | | |
| | today | today | | | |
| | text | village | Village | yes | |
| | geopoint | place | Place | | |
| | select_one pump | pump | Pump | yes | |
| | text | pump_said | Which | yes | ${pump} = 'other' |
| | integer | depth | Depth | yes | ${pump} != 'none' |
| | begin_repeat | user | User | | |
| | integer | litres | Litres | | |
| | end_repeat | | | | |
| choices |
| | list_name | name | label |
| | pump | hand | Hand |
| | pump | none | None |
| | pump | other | Other |
| settings |
| | form_title | form_id | version |
| | Wells | wells | 1 |
"""
SYSTEM = {"submitted_by": "amina", "form_version": "v1", "validation": ""}


def facts(more: str = "", *, files: dict[tuple[str, str], str] | None = None, **tables: list[dict[str, Any]]) -> Facts:
    config = parse_config(CONFIG + more, {"config/zones.csv": ZONES}, {})
    frames = {}
    for form_id in config.forms:
        rows = [
            {
                "root_uuid": f"{form_id}-{n}",
                "submission_id": n,
                "submitted_at": pd.Timestamp("2025-05-06T12:00:00Z"),
                **SYSTEM,
                "village": "kasba",
                **row,
            }
            for n, row in enumerate(tables.get(form_id, []), 1)
        ]
        frames[form_id] = pd.DataFrame(rows) if rows else pd.DataFrame({"root_uuid": [], "submission_id": []})
    for name in tables.keys() - config.forms.keys():
        frames[name] = pd.DataFrame(tables[name])
    forms = {"wells": read_form(WELLS, "wells.md")}
    return Facts(config, None, None, forms, frames, lambda *_: None, file_digests=files)


def found(given: Facts, code: str) -> list[Finding]:
    return in_french(finding for finding in run_checks(given) if finding.rule == code)


def member(**row: Any) -> dict[str, Any]:
    return {"agrees": "yes", "card": "K1", "surname": "Tazi", "first_name": "Mohamed", "side": "men", **row}


def well(**row: Any) -> dict[str, Any]:
    return {
        "start": "2025-05-06T10:00:00.000+01:00",
        "end": "2025-05-06T10:20:00.000+01:00",
        "today": "2025-05-06",
        "pump": "hand",
        "depth": 20,
        "pump_said": None,
        "place_lat": 32.68,
        "place_lon": -4.73,
        **row,
    }


def test_the_codes_are_stable_and_each_check_says_all_that_staff_need() -> None:
    assert [module.CODE for module in CHECKS] == [f"DATA{n:03}" for n in range(1, len(CHECKS) + 1)]
    given = facts(members=[member(), member(card="K2", mobile="0612345678"), member(card="K3", mobile="+212612345678")])
    twins = found(given, "DATA002")
    assert twins and all(f.why and f.hint and f.enumerator == "amina" and f.zone == "kasba" for f in twins)
    assert all(f.root_uuid.startswith("members-") and "soumission" in f.where for f in twins)
    assert "Tazi" not in str(twins) and "612345678" not in str(twins)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"surname": "TAZI", "first_name": "Mohammed"}, "nom très proche que la soumission 1"),
        ({"surname": "", "first_name": "", "arabic_name": "محمد التازي"}, "nom très proche que la soumission 1"),
        ({"surname": "tazi", "first_name": "Mohamed"}, "même nom que la soumission 1"),
        ({"surname": "Bennani", "first_name": "Ali", "mobile": "٠٦١٢٣٤٥٦٧٨"}, "même téléphone que la soumission 1"),
    ],
)
def test_duplicate_persons_over_scripts_and_spellings(row: dict[str, Any], expected: str) -> None:
    given = facts(members=[member(mobile="06 12 34 56 78"), member(card="K2", **row)])
    assert [f.message.startswith(expected) and f.severity == "warning" for f in found(given, "DATA002")] == [True]


def test_no_duplicate_where_two_persons_are_two() -> None:
    rows = [member(), member(card="K2", first_name="Hassan"), member(card="K3", village="agdz")]
    assert found(facts(members=rows), "DATA002") == []
    refused = [member(), member(card="K2", agrees="no")]
    assert found(facts(members=refused), "DATA002") == []


def test_a_person_in_two_zones_by_code_phone_or_name() -> None:
    rows = [member(mobile="0612345678"), member(card="K2", village="agdz", mobile="0612345678", first_name="X")]
    given = facts(members=rows, roll=[{"card": "K1", "half": "am", "village": "agdz"}])
    assert [(f.form_id, f.message.split(" que ")[0]) for f in found(given, "DATA005")] == [
        ("members", "même téléphone"),
        ("roll", "même code de participant"),
    ]
    same_name = found(facts(members=[member(), member(card="K2", village="agdz")]), "DATA005")
    assert [f.severity for f in same_name] == ["info"]


def test_what_worklists_know_findings_by_is_no_word_of_theirs() -> None:
    """Decisions of people stand over versions: the digests are those of when findings were French."""
    twin = member(card="K2", mobile="0612345678")
    (same,) = found(facts(members=[member(mobile="0612345678"), twin]), "DATA002")
    assert same.evidence == digest("même téléphone", "même nom")
    (away,) = found(facts(members=[member(mobile="0612345678"), {**twin, "village": "agdz"}]), "DATA005")
    assert away.evidence == digest("même téléphone et même nom complet", "kasba", "agdz")
    assert STORED == {"scale": "l’échelle", "test": "le test"}


def test_quota_under_and_over() -> None:
    given = facts("[quotas.default]\nmen = 2\n", members=[member(card=f"K{n}") for n in range(3)])
    assert {(f.zone, f.message, f.subject) for f in found(given, "DATA001")} == {
        ("kasba", "3 inscrits pour un quota de 2 : 1 de plus", "kasba/men"),
        ("agdz", "aucun inscrit pour un quota de 2 : 2 de moins", "agdz/men"),
    }


def test_the_same_person_twice_for_one_occasion() -> None:
    roll = [{"card": "K1", "half": "am"}, {"card": "K1", "half": "pm"}, {"card": "K1", "half": "am"}]
    quiz = [{"card": "K1", "when": "before"}, {"card": "K1", "when": "before"}, {"card": "", "when": "before"}]
    given = facts(members=[member(), member()], roll=roll, quiz=quiz)
    assert [f.root_uuid for f in found(given, "DATA006")] == ["members-2", "quiz-2", "roll-3"]


def test_signatures_missing_late_and_copied() -> None:
    rows = [{"card": "K1", "half": "am", "mark": name} for name in ("a.png", "b.png", None, "late.png", "a.png")]
    files = {("roll-1", "a.png"): "1" * 64, ("roll-2", "b.png"): "2" * 64, ("roll-5", "a.png"): "1" * 64}
    given = facts(roll=rows, files=files)
    assert [(f.root_uuid, f.severity) for f in found(given, "DATA007")] == [("roll-3", "warning"), ("roll-4", "info")]
    copied = found(given, "DATA008")
    assert [(f.root_uuid, f.subject, f.severity) for f in copied] == [("roll-5", "roll-1", "error")]


def test_one_half_day_only_once_the_other_was_held() -> None:
    morning = [{"card": "K1", "half": "am"}, {"card": "K2", "half": "am"}]
    assert found(facts(roll=morning), "DATA009") == []
    whole = found(facts(roll=[*morning, {"card": "K1", "half": "pm"}]), "DATA009")
    assert [(f.root_uuid, "Afternoon" in f.message) for f in whole] == [("roll-2", True)]


def test_presence_without_registration() -> None:
    roll = [
        {"card": "K1", "half": "am"},
        {"card": "K9", "half": "am"},
        {"card": "not_listed", "half": "am", "surname": "Haddou"},
        {"card": "not_listed", "half": "am", "surname": "Mohamed Tazi"},
    ]
    given = facts(members=[member()], roll=roll)
    assert [(f.root_uuid, f.severity) for f in found(given, "DATA010")] == [("roll-2", "warning"), ("roll-3", "info")]


def test_dates_outside_the_mission_the_zone_s_day_or_the_future() -> None:
    wells = [well(), well(today="2025-01-02"), well(today="2025-05-08"), well(today="2025-05-10"), well(today=None)]
    given = facts("days_before = 10\n", wells=wells)
    assert [f.root_uuid for f in found(given, "DATA011")] == ["wells-2", "wells-3", "wells-4"]
    roll = [{"card": "K1", "half": "am", "today": day} for day in ("2025-05-06", "2025-05-05")]
    assert [f.root_uuid for f in found(facts(roll=roll), "DATA011")] == ["roll-2"]
    late = {"submitted_at": pd.Timestamp("2025-05-14T12:00:00Z")}
    later = {"submitted_at": pd.Timestamp("2025-06-14T12:00:00Z")}
    assert [f.root_uuid for f in found(facts(quiz=[late, later]), "DATA011")] == ["quiz-2"]


def test_interviews_too_short_too_long_and_at_night() -> None:
    day, at = "2025-05-06T", ":00.000+01:00"
    wells = [
        well(),
        well(end=f"{day}10:01{at}"),
        well(end=f"{day}18:00{at}"),
        well(start=f"{day}23:30{at}", end=f"{day}23:50{at}"),
        well(start=f"{day}04:59:00.000Z", end=f"{day}05:10:00.000Z"),
        well(start=None),
    ]
    given = facts("minutes.wells = [5, 60]\n", wells=wells)
    assert [(f.root_uuid, f.severity) for f in found(given, "DATA012")] == [("wells-2", "warning"), ("wells-3", "info")]
    night = found(given, "DATA013")
    assert [(f.root_uuid, f.message[-5:]) for f in night] == [("wells-4", "23:30")]
    assert len(found(facts('night_to = "07:00"\n', wells=wells), "DATA013")) == 2


def test_positions_far_from_their_zone() -> None:
    wells = [
        well(),
        well(place_lat=32.9),
        well(place_lat=None),
        well(village="agdz", place_lat=30.9, place_lon=-6.45),
    ]
    given = facts("radius_km = 10\n", wells=wells)
    assert [(f.root_uuid, f.subject, f.message.split(" km")[0][-2:]) for f in found(given, "DATA014")] == [
        ("wells-4", "place", "22"),
        ("wells-2", "place", "24"),
    ]


def test_positions_in_repeats_too() -> None:
    users = [
        {"root_uuid": "wells-1", "position": n, "home_lat": lat, "home_lon": -4.73} for n, lat in ((1, 32.7), (2, 33.7))
    ]
    assert [f.subject for f in found(facts(wells=[well()], wells__user=users), "DATA014")] == ["user/home/2"]


def test_missing_answers_only_where_they_were_asked() -> None:
    wells = [
        well(),
        well(pump="none", depth=None),
        well(depth=None),
        well(pump="other"),
        well(pump=None, village=None, depth=None),
    ]
    given = facts(wells=wells, members=[member(surname=None), member(surname=None, agrees="no", card=None)])
    assert [(f.root_uuid, f.message) for f in found(given, "DATA015")] == [
        ("wells-5", "sans réponse : village, pump, depth"),
        ("members-1", "sans réponse : surname"),
        ("wells-3", "sans réponse : depth"),
        ("wells-4", "sans réponse : pump_said"),
    ]


def test_a_question_that_an_older_version_had_not_is_not_missing_there() -> None:
    wells = [well(depth=None, form_version="v0"), well(), well(depth=None)]
    assert [f.root_uuid for f in found(facts(wells=wells), "DATA015")] == ["wells-3"]
    assert len(found(facts(wells=[well(depth=None)]), "DATA015")) == 1, "one version alone proves nothing"


def test_numbers_far_from_the_others_in_forms_and_repeats() -> None:
    wells = [well(depth=10 + n % 7) for n in range(40)] + [well(depth=400), well(depth=-90)]
    litres = [{"root_uuid": f"wells-{n}", "position": 1, "litres": 20 + n % 5} for n in range(1, 30)]
    litres.append({"root_uuid": "wells-3", "position": 2, "litres": 2000})
    given = facts(wells=wells, wells__user=litres)
    assert [(f.root_uuid, f.subject) for f in found(given, "DATA016")] == [
        ("wells-3", "user/litres/2"),
        ("wells-41", "depth"),
        ("wells-42", "depth"),
    ]
    assert "400" not in str([f.message for f in found(given, "DATA016")])
    assert found(facts(wells=wells[-12:]), "DATA016") == []


@pytest.mark.parametrize(
    ("name", "label", "is_measured"),
    [
        ("numero", "Numéro imprimé sur le badge", False),
        ("menage", "No du ménage", False),
        ("q1", "Numéro de téléphone", False),
        ("depense", "Dépenses de téléphone par mois (DH)", True),
        ("prix_ref", "Prix de référence", True),
        ("airtime", "Mobile phone cost", True),
        ("q2", "ثمن الهاتف", True),
        ("x", "رقم الشارة", False),
        ("house_number", "House number", False),
        ("puits", "N° du puits", False),
        ("n_femmes", "Femmes", True),
        ("m", "N° de ménages", True),
        ("nombre_menages", "Nombre de ménages", True),
        ("orders", "How many orders?", True),
        ("annees", "Années d’expérience", True),
        ("depth", "Depth in metres", True),
    ],
)
def test_a_number_that_names_a_thing_is_no_outlier(name: str, label: str, is_measured: bool) -> None:
    """Part 8, B31: `numero`, which is printed on a badge."""
    asked = Question(path=name, name=name, kind="integer", labels={"fr": label})
    form = replace(facts().forms["wells"], questions=(asked,))
    rows = [{**well(), name: 10 + n % 7} for n in range(40)] + [{**well(), name: 400}]
    given = replace(facts(wells=rows), forms={"wells": form})
    assert [f.subject for f in found(given, "DATA016")] == [name] * is_measured


def test_the_same_answer_to_everything() -> None:
    quiz = [
        dict.fromkeys(("q1", "q2", "q3", "q4", "q5"), "b"),
        {**dict.fromkeys(("q1", "q2", "q3", "q4", "q5"), "b"), "q5": "a"},
    ]
    (alike,) = found(facts(quiz=quiz), "DATA017")
    assert (alike.root_uuid, alike.subject) == ("quiz-1", "le test")
    assert re.fullmatch(r"la même réponse aux \d+ items du test", alike.message)
    assert found(facts("straight_items = 6\n", quiz=quiz), "DATA017") == []


def test_tests_without_their_counterpart() -> None:
    quiz = [
        {"card": "K1", "when": "before"},
        {"card": "K1", "when": "after"},
        {"card": "K2", "when": "before"},
        {"card": "K3", "when": "after"},
        {"card": "", "when": "after"},
        {"card": "K4", "when": "before", "village": "agdz"},
    ]
    assert [f.root_uuid for f in found(facts(quiz=quiz), "DATA018")] == ["quiz-3", "quiz-4", "quiz-5"]
    registered = facts(quiz=quiz[:2], members=[member(card="K7")])
    assert [f.message for f in found(registered, "DATA018")] == ["le code du test n’est celui d’aucune inscription"] * 2


def test_scores_above_what_is_possible() -> None:
    given = facts('bounds = { "wells.depth" = [0, 200] }\n', quiz=[{"total": 5}, {"total": 6}], wells=[well(depth=300)])
    assert [(f.root_uuid, f.severity) for f in found(given, "DATA019")] == [("quiz-2", "error"), ("wells-1", "error")]


def test_other_answers_are_listed_without_their_words() -> None:
    given = facts(wells=[well(), well(pump="other", pump_said="une pompe solaire"), well(pump_said=None)])
    (one,) = found(given, "DATA020")
    assert (one.root_uuid, one.severity) == ("wells-2", "info") and "solaire" not in str(one)


def test_old_versions_count_only_once_the_new_one_was_out() -> None:
    def sent(version: str, hour: int) -> dict[str, Any]:
        begun = f"2025-05-06T{hour:02}:00:00.000Z"
        return well(form_version=version, start=begun, submitted_at=pd.Timestamp(begun) + pd.Timedelta(minutes=30))

    given = facts(wells=[sent("v1", 8), sent("v2", 9), sent("v1", 11), sent("v2", 12)])
    assert [f.root_uuid for f in found(given, "DATA021")] == ["wells-3"]
    deployed = replace(given, versions={"wells": ("v2", datetime(2025, 5, 6, 7, tzinfo=UTC))})
    assert [f.root_uuid for f in found(deployed, "DATA021")] == ["wells-1", "wells-3"]


def test_enumerators_who_work_unlike_the_others() -> None:
    end = {"amina": "10:20", "badr": "10:22", "chama": "10:02"}
    wells = [
        well(submitted_by=name, end=f"2025-05-06T{minute}:00.000+01:00")
        for name, minute in end.items()
        for _ in range(12)
    ]
    given = facts(wells=wells)
    assert [(f.enumerator, f.subject) for f in found(given, "DATA022")] == [("chama", "chama/fast")]
    assert [(w.enumerator, w.n, w.minutes) for w in statistics(given)][2] == ("chama", 12, 2.0)


def test_an_approved_row_that_changed_afterwards() -> None:
    rows = [well(validation="approved"), well(validation="approved"), well()]
    given = replace(facts(wells=rows), reworked={"wells-2": "u9", "wells-3": "u9"})
    assert [f.root_uuid for f in found(given, "DATA023")] == ["wells-2"]


def test_rows_that_a_reviewer_refused_are_left_alone() -> None:
    rows = [well(depth=None, validation="not_approved"), well(depth=None, validation="on_hold")]
    assert [f.root_uuid for f in found(facts(wells=rows), "DATA015")] == ["wells-2"]


OWN = """
from kobo_sync.model import Finding, Question
CODE, TITLE = "OURS001", "Too many wells"
def check(facts):
    n = len(facts.tables["wells"])
    if n > 1:
        yield Finding(CODE, "warning", "wells", f"{n} puits", "compter à nouveau", form_id="wells")
"""


def test_a_mission_adds_its_own_check_by_dotted_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wells_checks.py").write_text(OWN, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    given = facts('extra = ["wells_checks"]\n', wells=[well(), well()])
    assert [f.message for f in found(given, "OURS001")] == ["2 puits"]
    assert "OURS001" not in {check.code for check in checks_of(["wells_checks"], ["OURS001"])}
    sys.modules.pop("wells_checks")


def test_what_no_text_can_hold_is_taken_out_of_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wells_checks.py").write_text(OWN.replace("{n} puits", r"{n}\x00 puits\ud800"), "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    (finding,) = found(facts('extra = ["wells_checks"]\n', wells=[well(), well()]), "OURS001")
    assert finding.message == "2 puits"
    sys.modules.pop("wells_checks")


def test_a_check_that_would_end_the_program_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ending_check.py").write_text(OWN.replace("n = len", "raise SystemExit(5) or len"), "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    (fault,) = found(facts('extra = ["ending_check"]\n', wells=[well(), well()]), "CHECK001")
    assert "SystemExit, ligne 5, check()" in fault.message
    sys.modules.pop("ending_check")


def test_a_check_that_fails_stops_none_of_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Part 7, C14: an error of one check, ours or the mission's own, ended all."""
    (tmp_path / "failing_check.py").write_text(OWN.replace('facts.tables["wells"]', 'facts.tables["nothing"]'), "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    given = facts('extra = ["failing_check"]\n', wells=[well(), well()])
    before = [f.rule for f in run_checks(facts(wells=[well(), well()]))]
    (fault,) = found(given, "CHECK001")
    assert (
        fault.severity == "error" and "failing_check" in fault.message and "KeyError, ligne 5, check()" in fault.message
    )
    assert [f.rule for f in run_checks(given) if f.rule != "CHECK001"] == before
    sys.modules.pop("failing_check")

    def broken(_facts: object) -> object:
        raise ZeroDivisionError("une réponse")

    monkeypatch.setattr(CHECKS[0], "check", broken)
    (fault,) = found(facts(wells=[well()]), "CHECK001")
    assert CHECKS[0].CODE in fault.message and "une réponse" not in str(fault)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("", "lacks CODE, TITLE, check"),
        (OWN.replace("OURS001", "DATA001"), "another check has"),
        (OWN.replace("OURS001", "ours"), "capital letters and three digits"),
        (OWN.replace("def check", "def check:"), "cannot be imported (SyntaxError"),
        (OWN + "    yield 'text'\n", "gives a str where a Finding is due"),
        (OWN.replace("Finding(CODE", "Finding('DATA002'"), "gives a finding of rule 'DATA002'"),
        (OWN.replace('"warning"', '"fatal"'), "the severity 'fatal', which is none of error, warning, info"),
        (OWN.replace('"wells", f"{n}', '7, f"{n}'), "gives a int as where where a text is due"),
        (OWN.replace('f"{n} puits"', "None"), "gives a NoneType as message where a text is due"),
        (OWN.replace('form_id="wells"', "zone=None"), "gives a NoneType as zone where a text is due"),
        ("import sys; sys.exit(3)", "cannot be imported (SystemExit: 3)"),
        ("import nothing_of_the_kind", "needs the module 'nothing_of_the_kind'"),
        ("1 / 0", "cannot be imported (ZeroDivisionError"),
    ],
)
def test_a_broken_check_is_a_clear_error(
    source: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_check.py").write_text(source, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError) as raised:
        run_checks(facts('extra = ["broken_check"]\n', wells=[well(), well()]))
    assert reason in raised.value.message and "CODE, TITLE" in raised.value.hint
    sys.modules.pop("broken_check", None)


def test_settings_of_checks_are_judged() -> None:
    for text in ("minutes.wells = [5, 1]", 'extra = ["not a name"]', 'exclude = ["approved"]', "outlier_iqr = 0"):
        with pytest.raises(ConfigError):
            facts(text + "\n")
    for text in ("minutes.rien = [1, 5]", 'bounds = { "rien.q" = [0, 1] }'):
        with pytest.raises(ConfigError, match="no form 'rien'"):
            facts(text + "\n")
    with pytest.raises(ConfigError, match="no check"):
        run_checks(facts('off = ["DATA999"]\n'))
    with pytest.raises(ConfigError, match="nor installed"):
        run_checks(facts('extra = ["nothing_of_the_kind"]\n'))
    assert found(facts('off = ["DATA015"]\n', wells=[well(depth=None)]), "DATA015") == []


# ── zone by zone ──


def drawn(chance: Random) -> Facts:
    """Facts in which much goes wrong, within villages and across them."""
    villages = ["kasba", "agdz", "kasba", "agdz", "nowhere", None]

    def one(draw: dict[str, Any]) -> dict[str, Any]:
        version = chance.choice(["v1", "v1", "v2"])
        sent = {"submitted_by": chance.choice(["amina", "said", "hassan"]), "form_version": version}
        sent["validation"] = chance.choice(["", "", "approved", "not_approved"])
        return {"village": chance.choice(villages), **sent, **draw}

    def card() -> str:
        return chance.choice(["K1", "K2", "K3", "K4", "not_listed", ""])

    people = ["Tazi", "Tahzi", "El Amrani", "Amrani", ""]
    members = [
        one({**member(card=card(), surname=chance.choice(people)), "mobile": chance.choice(["0612345678", "07", None])})
        for _ in range(14)
    ]
    roll = [
        one({"card": card(), "half": chance.choice(["am", "pm", ""]), "mark": chance.choice(["a.png", "b.png", ""])})
        for _ in range(24)
    ]
    quiz = [
        one({"card": card(), "when": chance.choice(["before", "after"]), "total": chance.choice([0, 3, 9])})
        for _ in range(16)
    ]
    wells = [one(well(depth=chance.choice([20, 21, 22, 900, None]))) for _ in range(30)]
    files = {(f"roll-{n}", name): chance.choice("xyz") for n in range(1, 25) for name in ("a.png", "b.png")}
    made = facts(files=files, members=members, roll=roll, quiz=quiz, wells=wells)
    return replace(made, reworked={"members-3": "u", "roll-5": "u"}, versions={"roll": ("v2", None)})


@pytest.mark.parametrize("seed", range(12))
def test_zones_checked_some_at_a_time_are_the_mission_checked_at_once(seed: int) -> None:
    whole = drawn(Random(seed))
    known = [zone.code for zone in whole.config.zones]

    def part(villages: list[str] | None) -> Facts:
        tables = {}
        for name, table in whole.tables.items():
            mine = table["village"].isin(villages) if villages else ~table["village"].isin(known)
            tables[name] = table[mine].reset_index(drop=True)
        return replace(whole, tables=tables)

    at_once = run_checks(whole)
    assert len({finding.rule for finding in at_once}) > 9
    for batches in ([[code] for code in known], [known]):
        parts = [zone_part(part(batch)) for batch in (*batches, None)]
        kept = msgspec.msgpack.decode(msgspec.msgpack.encode(parts), type=list[ZonePart])
        assert run_over_zones(whole, kept) == at_once
