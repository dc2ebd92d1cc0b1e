"""Part 11, A1 and A2: what proves presence, and a zone's several days: columns, dates, totals, hours, who was there throughout."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date
from typing import Any

import pandas as pd
import pytest
from docx import Document as open_docx
from invented_facts import PERSON, TOML, make_facts, table

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.receipts import receipts_of
from kobo_sync.checks import dates, declared_presence, half_days, nothing_counted, repeated, unregistered
from kobo_sync.config.config import Config, parse_config
from kobo_sync.deliverables import deliverable, sentences
from kobo_sync.deliverables.letterhead import held_on
from kobo_sync.deliverables.live_values import live_values
from kobo_sync.errors import ConfigError
from kobo_sync.language.speaking import speaking

COLUMNS = ["zone", "demi_journee", "participant", *PERSON, "signature", "la", "jour", "start"]
NEEDS = "code,label_fr\ntransport,Transport\n"
DAYS = ("2025-02-11", "2025-02-12")
SESSIONS = ("matin", "apres_midi")


def config_of(toml: str = TOML, days: str = " ".join(DAYS), column: str = "days") -> Config:
    zones = f"code,label_fr,{column}\nbertat,Bertat,{days}\n"
    return parse_config(toml, {"config/zones.csv": zones, "config/besoins.csv": NEEDS}, {})


def facts_of(rows: list[dict[str, Any]], toml: str = TOML, days: str = " ".join(DAYS)) -> Facts:
    """One zone of those *days*, attendance rows alone; papers in English."""
    config = config_of(toml.replace('languages = ["fr", "ar"]', 'languages = ["fr", "ar"]\ndocuments = "en"'), days)
    facts = make_facts(tables={"presence": table(rows, COLUMNS)})
    return replace(facts, config=config, zone=config.zones[0])


def row(who: str, session: str, day: str, **more: Any) -> dict[str, Any]:
    return {
        "zone": "bertat",
        "demi_journee": session,
        "participant": who,
        "signature": f"{who}.png",
        "jour": day,
    } | more


def all_of(who: str, **more: Any) -> list[dict[str, Any]]:
    return [row(who, session, day, **more) for day in DAYS for session in SESSIONS]


DATED = TOML.replace('signature = "signature"\n', 'signature = "signature"\nday = "jour"\n', 1)
ANSWERED = TOML.replace('signature = "signature"\n', 'present = "la"\nday = "jour"\n', 1)
BY_ROW = TOML.replace('signature = "signature"\n', 'day = "jour"\n', 1)


def sheet_of(facts: Facts) -> tuple[list[list[str]], str]:
    content = next(d.content for d in deliverable("attendance_list").build(facts) if d.path.endswith(".docx"))
    document = open_docx(io.BytesIO(content))
    signed = next(t for t in document.tables if t.rows[0].cells[0].text == "No.")
    text = "\n".join(p.text for p in document.paragraphs) + "\n".join(
        c.text for t in document.tables for r in t.rows for c in r.cells
    )
    return [[cell.text for cell in line.cells] for line in signed.rows], text.replace("\u00a0", " ").replace(
        "\u202f", " "
    )


# ── what proves presence ──


def test_an_answer_proves_presence_and_another_answer_absence() -> None:
    rows = [*all_of("B1", la="oui", signature=None), *all_of("B2", la="non", signature=None)]
    rows += [
        row("B3", "matin", DAYS[0], la="oui", signature=None),
        row("B3", "apres_midi", DAYS[0], la=None, signature=None),
    ]
    facts = facts_of(rows, ANSWERED)
    listed = present.attendance(facts)
    assert (listed.n_present, listed.n_full_day, listed.n_absent, listed.n_unanswered) == (2, 1, 4, 1)
    assert listed.n_rows == listed.n_counted + listed.n_absent + listed.n_unanswered == 10
    (receipt,) = receipts_of(facts, "presence")
    assert receipt.set_aside == {"absent": 4, "unanswered": 1} and receipt.used == 5
    cells, text = sheet_of(facts)
    assert cells[0][-4:] == ["Matin 11/02", "Après-midi 11/02", "Matin 12/02", "Après-midi 12/02"]
    assert cells[1][-4:] == ["present"] * 4 and not any("B2" in cell for line in cells for cell in line)
    assert "ignature" not in text.replace("Name, date and signature:", "") and "sign-in" not in text.lower()
    assert "1 of them at all sessions" in text
    with speaking(facts.config.mission.document_language):
        assert sentences.presence_rule(facts) == "at least one half-day at which the list says “present”"
    assert not list(declared_presence.check(facts))
    missing = [f for f in half_days.check(facts) if f.where.endswith("submission 9")]
    assert [f.message for f in missing] == [
        "this person was not there: Après-midi 2025-02-11, Matin 2025-02-12, Après-midi 2025-02-12"
    ] or missing


def test_codes_present_say_who_is_there() -> None:
    toml = ANSWERED.replace('"yes" = "oui"', '"yes" = "oui"\npresent = ["la", "retard"]')
    rows = [
        row("B1", "matin", DAYS[0], la="la"),
        row("B2", "matin", DAYS[0], la="retard"),
        row("B3", "matin", DAYS[0], la="oui"),
    ]
    assert present.attendance(facts_of(rows, toml)).n_present == 2


def test_answers_that_all_mean_absence_are_an_error_that_names_the_codes() -> None:
    facts = facts_of([row("B1", "matin", DAYS[0], la="1"), row("B2", "matin", DAYS[0], la="1")], ANSWERED)
    findings = [f for f in nothing_counted.check(facts) if f.severity == "error"]
    assert any(f.where.endswith("presence.fields.present") and "[codes] present" in f.hint for f in findings)


def test_who_is_said_to_be_absent_is_neither_a_stranger_nor_repeated() -> None:
    rows = [
        row("X9", "matin", DAYS[0], la="non"),
        row("B1", "matin", DAYS[0], la="non"),
        row("B1", "matin", DAYS[0], la="oui"),
    ]
    facts = facts_of(rows, ANSWERED)
    assert [f.where for f in unregistered.check(facts)] == ["presence, submission 3"]
    assert not list(repeated.check(facts))


def test_a_row_is_the_proof_where_the_config_says_so_and_the_list_tells_its_hour() -> None:
    rows = [row("B1", "matin", DAYS[0], signature=None, start="2025-02-11T09:05:00.000+01:00")]
    asked = facts_of(rows, BY_ROW)
    assert [f.where for f in declared_presence.check(asked)] == ["config/mission.toml, forms.presence.fields.signature"]
    toml = BY_ROW.replace('file = "presence.xlsx"', 'file = "presence.xlsx"\npresence_by = "row"')
    facts = replace(facts_of(rows, toml), forms={})
    assert not list(declared_presence.check(facts))
    cells, _ = sheet_of(facts)
    assert "declared present" in cells[1][-4] and "9:05" in cells[1][-4].replace("09:05", "9:05")


@pytest.mark.parametrize(
    ("proof", "lines", "key"),
    [
        ("signature", "", "forms.presence.fields.signature"),
        ("answer", "", "forms.presence.fields.present"),
        ("thumb", "", "forms.presence.presence_by"),
    ],
)
def test_a_proof_that_the_form_does_not_ask_is_refused_with_its_key(proof: str, lines: str, key: str) -> None:
    toml = BY_ROW.replace('file = "presence.xlsx"', f'file = "presence.xlsx"\npresence_by = "{proof}"{lines}')
    with pytest.raises(ConfigError) as refused:
        config_of(toml)
    assert refused.value.key == key and refused.value.hint


def test_only_attendance_forms_have_a_proof() -> None:
    with pytest.raises(ConfigError) as refused:
        config_of(TOML.replace('file = "test.xlsx"', 'file = "test.xlsx"\npresence_by = "row"'))
    assert refused.value.key == "forms.test.presence_by"


# ── days ──


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("2025-02-11", (11,)),
        ("2025-02-11 2025-02-13", (11, 13)),
        ("2025-02-13;2025-02-11", (11, 13)),
        ("2025-02-11..2025-02-13", (11, 12, 13)),
        ("2025-02-11 .. 2025-02-12", (11, 12)),
        ("", ()),
    ],
)
def test_days_are_listed_or_from_first_to_last(text: str, days: tuple[int, ...]) -> None:
    for column in ("days", "training_on"):
        assert config_of(days=text, column=column).zones[0].days == tuple(date(2025, 2, day) for day in days)


@pytest.mark.parametrize(
    "text", ["2025-02-11 demain", "2025-02-13..2025-02-11", "2025-02-10", "2025-02-11..2025-02-14", "..2025-02-12"]
)
def test_days_that_are_none_are_refused_with_the_row(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        config_of(days=text)
    assert (refused.value.file, refused.value.key) == ("config/zones.csv", "row 2, days") and refused.value.hint


def test_who_is_there_throughout_was_at_every_session_of_all_days() -> None:
    rows = [*all_of("B1"), *all_of("B2")[:3], *all_of("B3")[:2]]
    facts = facts_of(rows, DATED)
    listed = present.attendance(facts)
    assert (listed.n_present, [p.key for p in listed.full_day]) == (3, ["B1"])
    mission = present.attendance(replace(facts, zone=None))
    assert mission.n_full_day == 1
    _, text = sheet_of(facts)
    assert "3 persons present, 1 of them at all sessions" in text and "whole day" not in text
    assert "14 h over 2 days" in text or "14 hours over 2 days" in text, text


def test_a_sheet_to_sign_has_the_sessions_of_all_days_before_anybody_came() -> None:
    cells, _ = sheet_of(facts_of([], DATED))
    assert cells[0][-4:] == [
        "Signature matin 11/02",
        "Signature après-midi 11/02",
        "Signature matin 12/02",
        "Signature après-midi 12/02",
    ]


def test_five_sessions_and_more_have_a_table_per_day() -> None:
    facts = facts_of([], DATED, "2025-02-11..2025-02-13")
    content = next(d.content for d in deliverable("attendance_list").build(facts) if d.path.endswith(".docx"))
    heads = [t.rows[0].cells for t in open_docx(io.BytesIO(content)).tables if t.rows[0].cells[0].text == "No."]
    assert len(heads) == 3 and [c.text for c in heads[2]][-2:] == ["Signature matin", "Signature après-midi"]


def test_a_session_of_one_day_alone_says_the_day_by_itself() -> None:
    toml = DATED.replace('code = "matin"\n', 'code = "matin"\ndays = [1]\n').replace(
        'code = "apres_midi"\n', 'code = "apres_midi"\ndays = [2]\n'
    )
    rows = [row("B1", "matin", ""), row("B1", "apres_midi", ""), row("B2", "matin", DAYS[1])]
    listed = present.attendance(facts_of(rows, toml))
    assert [half.key for half in listed.half_days] == ["2025-02-11 matin", "2025-02-12 apres_midi"]
    assert (listed.n_present, listed.n_full_day) == (2, 1)
    with pytest.raises(ConfigError) as refused:
        config_of(toml, DAYS[0])
    assert refused.value.key == "sessions.1.days"


def test_a_mission_without_sessions_counts_days() -> None:
    toml = DATED.split("[[sessions]]")[0] + "[[groups]]" + DATED.partition("[[groups]]")[2]
    toml = toml.replace('session = "demi_journee"\n', "", 1)
    rows = [row("B1", "", DAYS[0]), row("B1", "", DAYS[1]), row("B2", "", DAYS[0])]
    facts = facts_of(rows, toml)
    listed = present.attendance(facts)
    assert (listed.n_present, listed.n_full_day) == (2, 1)
    cells, text = sheet_of(facts)
    assert cells[0][-2:] == ["Signature 11/02", "Signature 12/02"]
    assert "Hours" not in text and "half-day" not in text and "session" not in text and "1 of them every day" in text
    one_day = facts_of(rows[:1], toml, DAYS[0])
    assert not present.has_full_day(one_day) and "whole day" not in sheet_of(one_day)[1]


def test_three_sessions_a_day_are_no_half_days() -> None:
    toml = DATED.replace("[[groups]]", '[[sessions]]\ncode = "soir"\nlabel = { fr = "Soir" }\n[[groups]]', 1)
    facts = facts_of([*all_of("B1"), *all_of("B2"), *all_of("B3")], toml)
    with speaking(facts.config.mission.document_language):
        assert sentences.presence(replace(facts, zone=None)).startswith("3 persons signed at least one session")
        assert sentences.presence_rule(facts) == "at least one signed session"


def test_dates_are_checked_against_all_days_of_the_zone() -> None:
    late = {"submitted_at": pd.Timestamp("2025-02-13T20:00:00Z")}
    rows = [row(f"B{n}", "matin", f"2025-02-1{n}", **late) for n in (1, 2, 3)]
    (finding,) = dates.check(facts_of(rows, DATED))
    assert finding.message == "dated none of the zone's days (2025-02-11, 2025-02-12)" and finding.where.endswith(" 3")


def test_papers_are_dated_by_all_days() -> None:
    assert held_on(facts_of([], DATED, "2025-02-11 2025-02-13")).count("2025") == 2
    assert held_on(facts_of([], DATED)) == held_on(facts_of([], DATED, "2025-02-11..2025-02-12"))


def test_who_came_on_the_only_day_of_a_zone_beside_one_of_two_days_was_there_every_day() -> None:
    toml = DATED.split("[[sessions]]")[0] + "[[groups]]" + DATED.partition("[[groups]]")[2]
    toml = toml.replace('session = "demi_journee"\n', "", 1)
    rows = [row("B1", "", DAYS[0]), row("B1", "", DAYS[1]), row("B2", "", DAYS[0])]
    rows += [row(f"C{n}", "", DAYS[0]) | {"zone": "itzer"} for n in (1, 2, 3)]
    facts = facts_of(rows, toml)
    zones = f"code,label_fr,days\nbertat,Bertat,{' '.join(DAYS)}\nitzer,Itzer,{DAYS[0]}\n"
    config = parse_config(toml, {"config/zones.csv": zones, "config/besoins.csv": NEEDS}, {})
    listed = present.attendance(replace(facts, config=config, zone=None))
    assert (listed.n_present, listed.n_full_day) == (5, 4)


def test_where_nobody_is_told_apart_nothing_is_said_of_every_day() -> None:
    facts = facts_of([row("", "matin", DAYS[0]), row("", "matin", DAYS[1])], BY_ROW)
    assert present.has_full_day(facts)
    fields = {name: facts.config.forms["presence"].fields[name] for name in ("zone", "session", "day")}
    nameless = facts.config.forms["presence"].model_copy(update={"fields": fields})
    config = facts.config.model_copy(update={"forms": {**facts.config.forms, "presence": nameless}})
    facts = replace(facts, config=config)
    assert present.n_due(facts) == 4 and not present.has_full_day(facts)
    values = live_values(facts)
    assert "presents" in values and "journee_entiere" not in values


def test_a_mission_without_test_groups_and_trainer_has_none_of_their_figures() -> None:
    facts = facts_of([], DATED)
    bare = facts.config.model_copy(
        update={
            "groups": (),
            "sessions": (),
            "forms": {name: form for name, form in facts.config.forms.items() if form.role != "test"},
            "mission": facts.config.mission.model_copy(update={"trainer": ""}),
        }
    )
    assert {"groupes", "themes", "formateur"} <= live_values(facts).keys()
    assert not {"groupes", "themes", "formateur"} & live_values(replace(facts, config=bare)).keys()


def test_many_zones_are_counted_where_their_names_would_fill_pages() -> None:
    facts = facts_of([], DATED)
    zone = facts.config.zones[0]
    many = facts.config.model_copy(update={"zones": tuple(replace(zone, code=f"z{n}") for n in range(60))})
    with speaking(facts.config.mission.document_language):
        values = live_values(replace(facts, config=many, zone=None))
    assert values["zones"].replace("\u00a0", " ") == "60 zones" and values["lieu"] == values["zones"]
