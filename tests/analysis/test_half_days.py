"""Part 8, A22: what a signature stands for: its half-day of its day; presence where no signature is asked; no zero without a word."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from docx import Document as open_docx
from in_french import in_french
from invented_facts import PERSON, TOML, make_facts, table

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis.facts import Facts
from kobo_sync.checks import declared_presence, nothing_counted
from kobo_sync.config.config import parse_config
from kobo_sync.deliverables import deliverable

COLUMNS = ["zone", "demi_journee", "participant", *PERSON, "signature", "jour", "start"]
NEEDS = "code,label_fr\ntransport,Transport\n"
SESSIONS = ("matin", "apres_midi")


def facts_of(
    rows: list[dict[str, Any]], *, trained: str = "", fields: str = "", without: tuple[str, ...] = (), toml: str = TOML
) -> Facts:
    """A zone trained on *trained*; attendance fields as *fields* say, those named in *without* mapped to nothing."""
    head, _, rest = toml.partition("[forms.presence.fields]\n")
    own, _, others = rest.partition("[forms.test]")
    lines = [line for line in own.splitlines() if line.split(" = ")[0] not in without]
    text = "\n".join([head + "[forms.presence.fields]", *lines, fields, "[forms.test]" + others])
    zones = f"code,label_fr,training_on\nbertat,Bertat,{trained}\n"
    config = parse_config(text, {"config/zones.csv": zones, "config/besoins.csv": NEEDS}, {})
    facts = make_facts(tables={"presence": table(rows, COLUMNS)})
    return replace(facts, config=config, zone=config.zones[0])


def row(who: str, session: str = "matin", **more: Any) -> dict[str, Any]:
    return {"zone": "bertat", "demi_journee": session, "participant": who, "signature": f"{who}-{session}.png"} | more


def two_days(**day_of: str) -> list[dict[str, Any]]:
    """Nine persons on the first day and eight on the second, both half-days: 34 signatures."""
    days = (("2025-02-11", 9), ("2025-02-12", 8))
    return [
        row(f"B{n}", session, **{name: f"{day}{tail}" for name, tail in day_of.items()})
        for day, people in days
        for session in SESSIONS
        for n in range(people)
    ]


@pytest.mark.parametrize("trained", ["", "2025-02-11"])
@pytest.mark.parametrize(("day_of", "fields"), [({"jour": ""}, 'day = "jour"'), ({"start": "T09:00:00.000+01:00"}, "")])
def test_a_second_day_overwrites_no_signature(trained: str, day_of: dict[str, str], fields: str) -> None:
    facts = facts_of(two_days(**day_of), trained=trained, fields=fields)
    if "start" in day_of:
        facts = replace(facts, forms={})
    listed = present.attendance(facts)
    assert (listed.n_present, listed.n_full_day, listed.n_counted, listed.n_repeated) == (9, 9, 34, 0)
    assert [half.key for half in listed.half_days] == [f"2025-02-{d} {s}" for d in (11, 12) for s in SESSIONS]
    content = next(d.content for d in deliverable("attendance_list").build(facts) if d.path.endswith(".docx"))
    head = next(t for t in open_docx(io.BytesIO(content)).tables if t.rows[0].cells[0].text == "N°").rows[0]
    assert [cell.text for cell in head.cells][7:] == [
        f"Signature {name} {day}/02" for day in (11, 12) for name in ("matin", "après-midi")
    ]


def test_three_days_have_a_table_each() -> None:
    rows = [row(f"B{n}", s, jour=f"2025-02-1{d}") for d in (1, 2, 3) for s in SESSIONS for n in range(3)]
    facts = facts_of(rows, fields='day = "jour"')
    documents = {d.path.rpartition(".")[2]: d.content for d in deliverable("attendance_list").build(facts)}
    tables = open_docx(io.BytesIO(documents["docx"])).tables
    signed = [[cell.text for cell in t.rows[0].cells] for t in tables if t.rows[0].cells[0].text == "N°"]
    assert len(signed) == 3 and all(head[7:] == ["Signature matin", "Signature après-midi"] for head in signed)
    assert documents["pdf"].startswith(b"%PDF")


def test_a_late_row_makes_no_second_day() -> None:
    """Typed the next day, begun after midnight, received a week later: all belong to the zone's one day."""
    rows = [row(f"B{n}", s, jour="2025-02-11") for s in SESSIONS for n in range(5)]
    rows += [row("B9", jour="2025-02-12"), row("B0", jour="2025-02-12", signature="again.png")]
    listed = present.attendance(facts_of(rows, trained="2025-02-11", fields='day = "jour"'))
    assert {half.day for half in listed.half_days} == {""}
    assert (listed.n_present, listed.n_counted, listed.n_repeated) == (6, 11, 1)
    signatures = next(p for p in listed.people if p.code == "B0").signatures
    assert signatures["matin"].filename == "B0-matin.png", "the first counts, as DATA006 says"
    night = [row("B1", start="2025-02-11T09:00:00+01:00"), row("B1", "apres_midi", start="2025-02-12T00:30:00+01:00")]
    by_phone = present.attendance(replace(facts_of(night), forms={}))
    assert ({half.day for half in by_phone.half_days}, by_phone.n_full_day) == ({""}, 1)


def test_half_days_of_two_days_make_no_full_day() -> None:
    rows = [row(f"B{n}", "matin", jour="2025-02-11") for n in range(3)]
    rows += [row(f"B{n}", "matin", jour="2025-02-12") for n in range(3)]
    rows += [row("B7", "matin", jour="2025-02-11"), row("B7", "apres_midi", jour="2025-02-12")]
    listed = present.attendance(facts_of(rows, fields='day = "jour"'))
    assert (listed.n_present, listed.n_full_day) == (4, 0)


def test_without_a_signature_question_a_row_is_presence_and_it_is_said() -> None:
    rows = [row("B1", signature=None), row("B1", "apres_midi", signature=None), row("B2", "soir", signature=None)]
    facts = facts_of(rows, without=("signature",))
    listed = present.attendance(facts)
    assert (listed.n_present, listed.n_full_day, listed.n_declared, listed.n_no_session) == (1, 1, 2, 1)
    (said,) = in_french(declared_presence.check(facts))
    assert (said.rule, said.severity) == ("DATA026", "warning") and "2 passages" in said.message
    content = next(d.content for d in deliverable("attendance_list").build(facts) if d.path.endswith(".docx"))
    document = open_docx(io.BytesIO(content))
    assert "2 présences déclarées sans signature" in "\n".join(p.text for p in document.paragraphs)
    assert any(cell.text == "présence déclarée" for t in document.tables for r in t.rows for cell in r.cells)
    assert not list(declared_presence.check(facts_of([row("B1")])))


def test_where_the_form_asks_no_half_day_any_row_is_presence() -> None:
    listed = present.attendance(facts_of([row("B1", signature=None)], without=("signature", "session")))
    assert (listed.n_present, listed.n_full_day) == (1, 1)  # all that was asked of them
    signed = present.attendance(facts_of([row("B1", ""), row("B2", "", signature=None)], without=("session",)))
    assert (signed.n_present, signed.n_unsigned) == (1, 1)


@pytest.mark.parametrize(
    ("rows", "key", "said"),
    [
        ([row("B1", signature=None)] * 3, "signature", "3 soumissions sans signature, sur 3 : aucune ne compte"),
        ([row("B1", "AM")], "session", "1 soumission d’une demi-journée inconnue, sur 1 : aucune ne compte"),
        ([row("B1") | {"zone": "Bertat"}], "zone", "aucune zone de la mission n’est dite (1 soumission)"),
    ],
)
def test_rows_that_all_count_for_nothing_are_an_error_that_says_how_to_mend(
    rows: list[dict[str, Any]], key: str, said: str
) -> None:
    found = [f for f in in_french(nothing_counted.check(facts_of(rows))) if f.severity == "error"]
    assert any(f.message.startswith(said) and f.where.endswith(f"presence.fields.{key}") and f.hint for f in found), (
        found
    )


def test_no_role_is_silent_about_rows_that_yield_nothing() -> None:
    facts = make_facts(25)
    tables = dict(facts.tables)
    tables["test"] = tables["test"].assign(moment="pre")
    tables["besoins"] = tables["besoins"].assign(groupe="osc")
    tables["satisfaction"] = tables["satisfaction"].drop(
        columns=["objectifs", "contenu", "methodes", "langue", "intention", "recommandation"]
    )
    tables["route__actions"] = tables["route__actions"].assign(objectif=None, action=None)
    tables["focus"] = tables["focus"].drop(columns=["femmes"])
    tables["inscription"] = tables["inscription"].drop(columns=["groupe"])
    errors = {f.form_id for f in nothing_counted.check(replace(facts, tables=tables)) if f.severity == "error"}
    assert errors == {"test", "besoins", "satisfaction", "route", "focus", "inscription"}
    assert not [f for f in nothing_counted.check(facts) if f.severity == "error"]
