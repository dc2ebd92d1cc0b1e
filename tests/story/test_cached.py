"""What a mission's analyses found is kept until a form that they read changes, and is then what a first run would find."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from conftest import REPO

from kobo_sync.analysis import memo
from kobo_sync.analysis.facts import Facts
from kobo_sync.deliverables.live_values import live_values
from kobo_sync.deliverables.report_blocks import report_blocks
from kobo_sync.documents.word.living import _prints
from kobo_sync.documents.word.template import Content
from kobo_sync.mission.facts import gather_facts, gather_marks
from kobo_sync.mission.findings import all_findings, findings_by_zone
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Finding, Report
from kobo_sync.workspace.folders import Workspace, find
from kobo_sync.workspace.result_cache import AnalysisCache

# One answer of each form, as an edit on the server would change it.
EDITS = {
    "inscription": "UPDATE data_inscription SET sexe = CASE sexe WHEN 'femme' THEN 'homme' ELSE 'femme' END",
    "presence": "UPDATE data_presence SET signature = NULL",
    "test": "UPDATE data_test SET q01 = CASE q01 WHEN 'a' THEN 'b' ELSE 'a' END",
    "satisfaction": "UPDATE data_satisfaction SET recommandation = (recommandation + 5) % 11",
    "besoins": "UPDATE data_besoins__evaluation SET gravite = 6 - gravite",
    "focus_groupe": "UPDATE data_focus_groupe SET femmes = femmes + 4",
    "feuille_route": "UPDATE data_feuille_route__actions SET objectif = NULL, action = NULL",
}
KEPT = {
    "learning.learning", "satisfaction.satisfaction", "needs.needs", "roadmap.actions", "roadmap.road_map", "focus.focus_groups",
    "focus.photos", "persons.told_elsewhere",
    "publication.present_by_sex", "publication.people_heard", "turnout.turnout", "populations.told_number", "populations._cut",
    "published.response_rate", "published.printed_change", "published.printed_items", "published_answers.printed_scales",
    "published_answers.printed_advice", "published_needs.printed_needs", "populations.numbers_by_zone",
    "published_needs.present_by_trait", "checks._over_zones", "checks._in_form",
}  # fmt: skip
KEPT_BY_ZONE = {
    "attendance.signed_by_zone", "persons.registrations_by_zone", "persons.keys_seen", "persons.identified_by_zone",
    "learning.usable_tests", "learning.tests_by_zone", "satisfaction.answers_by_zone", "publication.texts_by_zone",
    "populations._heads_by_zone", "meaning.rated_by_zone", "meaning.refused_by_zone", "meaning.usable_by_form",
    "meaning.received_by_zone", "needs.ranked_by_zone", "duplicates.identities_by_zone", "repeated.in_form_by_zone",
}  # fmt: skip


@pytest.fixture
def state(told: tuple[Path, Report, dict[str, Report]], tmp_path: Path) -> Path:
    """A copy of the demo's mirror that was never built from."""
    folder = tmp_path / "state"
    shutil.copytree(told[0] / ".kobo_sync", folder, ignore=shutil.ignore_patterns("kept", "lock"))
    return folder


def opened(state: Path) -> Mission:
    return Mission(Workspace(find(REPO).root, state, state / "out"), {})


def shown(facts: Facts) -> dict[str, object]:
    """All figures of the mission, and a hash of each block of its report."""
    values = live_values(facts)
    zones = {zone.code: dict.fromkeys(values, "1") for zone in facts.config.zones}
    return {**values, **_prints(Content({}, report_blocks(facts, zones), facts.as_of))}


def by_zone(mission: Mission, facts: Facts) -> tuple[Finding, ...]:
    return findings_by_zone(mission, lambda: facts, facts, gather_marks(mission))


@pytest.mark.parametrize("form_id", EDITS)
def test_after_an_edit_it_is_what_a_first_run_finds(state: Path, read_whole: set[str], form_id: str) -> None:
    mission = opened(state)
    facts = gather_facts(mission, named_only=True)
    before = shown(facts), by_zone(mission, facts)
    mission.close()
    with sqlite3.connect(state / "mirror.sqlite") as db:
        table = EDITS[form_id].split()[1]
        (root,) = db.execute(f"SELECT root_uuid FROM {table} ORDER BY root_uuid LIMIT 1").fetchone()
        db.execute(f"{EDITS[form_id]} WHERE root_uuid = ?", [root])
        db.execute("UPDATE submissions SET content_sha256 = hex(randomblob(32)) WHERE root_uuid = ?", [root])
    db.close()
    read_whole.clear()
    mission = opened(state)
    facts = gather_facts(mission, named_only=True)
    after = shown(facts), by_zone(mission, facts)
    forms = {name.partition("__")[0] for name in read_whole}
    bare = replace(facts, tables=dict(facts.tables))
    assert after == (shown(bare), all_findings(mission, bare))
    assert after[0] != before[0]
    assert form_id in forms
    if form_id in ("satisfaction", "feuille_route", "focus_groupe"):
        assert forms == {form_id}
    mission.close()


def test_when_nothing_changed_nothing_is_read(state: Path, read_whole: set[str]) -> None:
    mission = opened(state)
    facts = gather_facts(mission)
    before = shown(facts), by_zone(mission, facts)
    mission.close()
    read_whole.clear()
    mission = opened(state)
    facts = gather_facts(mission)
    assert (shown(facts), by_zone(mission, facts)) == before
    assert not read_whole
    mission.close()


def test_all_that_is_kept_comes_back_as_it_was(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds: dict[str, Any] = {}
    values: dict[str, object] = {}
    monkeypatch.setattr(AnalysisCache, "get", lambda _self, name, kind: kinds.update({name: kind}))
    monkeypatch.setattr(AnalysisCache, "put", lambda _self, name, value, _forms: values.update({name: value}))
    parts_kept: dict[str, dict[str, object]] = {}
    monkeypatch.setattr(AnalysisCache, "parts", lambda _self, name, kind: kinds.update({name: kind}) or ((), {}))
    monkeypatch.setattr(AnalysisCache, "packed", lambda _self, values, kind: values)
    monkeypatch.setattr(
        AnalysisCache,
        "put_parts",
        lambda _self, name, _forms, parts: parts_kept.update(
            {f"{name} {zone}": part[1] for zone, part in parts.items()}
        ),
    )
    mission = opened(state)
    facts = gather_facts(mission)
    shown(facts)
    by_zone(mission, facts)
    mission.close()
    assert {name.partition(" ")[0] for name in values} == KEPT
    assert {name.partition(" ")[0] for name in parts_kept} == KEPT_BY_ZONE
    for name, by_zone_said in parts_kept.items():
        for value in by_zone_said.values():
            assert (
                msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=kinds[name.rpartition(" ")[0]]) == value
            ), name
    for name, value in values.items():
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=kinds[name]) == value, name


def test_analyses_rest_on_rows_settings_forms_and_lists_alone(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What else they read of the facts would not be missed by what is kept: it would be stale."""
    read_names: set[str] = set()

    def spied(self: Facts, name: str) -> Any:
        caller = sys._getframe(1).f_globals["__name__"]
        if memo._reading.forms and not name.startswith("__") and caller not in (memo.__name__, "dataclasses"):
            read_names.add(name)
        return object.__getattribute__(self, name)

    mission = opened(state)
    facts = gather_facts(mission)
    monkeypatch.setattr(Facts, "__getattribute__", spied)
    shown(facts)
    by_zone(mission, facts)
    monkeypatch.undo()
    mission.close()
    told_besides = {
        "versions",
        "file_digests",
        "reworked",
        "names",
        "registered",
    }  # by the hash of what all rests on, and by the forms' own
    methods = {"form_of", "tables_of"}  # what these read is seen here as well
    assert read_names <= {"tables", "config", "forms", "catalogues", "zone"} | told_besides | methods
