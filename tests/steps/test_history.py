"""Every state of a submission is kept: told field by field, and any day can be built again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from conftest import Field

from kobo_sync.cli.verbs import cli
from kobo_sync.errors import ConfigError
from kobo_sync.language.sentences import translated
from kobo_sync.mission.facts import gather_facts
from kobo_sync.steps.as_of import build_as_of
from kobo_sync.steps.build import build
from kobo_sync.steps.history import history
from kobo_sync.steps.pull import pull, rebuild

GIVEN = {"zone": "nord", "accord": "oui", "code": "N1", "nom": "X", "groupe": "a"}
PHOTO = b"\x89PNG\r\n\x1a\nabc"


def _three_days(field_team: Field) -> str:
    """Day 1: arrives. Day 2: edited and validated. Day 3: deleted."""
    first = field_team.submit("personnes", {**GIVEN, "note": "à effacer"})
    pull(field_team.mission)
    field_team.clock.forward(days=1)
    field_team.submit("personnes", {**GIVEN, "nom": "Y", "note": None}, edits=first)
    pull(field_team.mission)
    client, uid = field_team.mission.reader(), field_team.uid("personnes")
    ((row,),) = client.light_pages(uid)
    client.set_validations(uid, [str(row.submission_id)], "approved")
    pull(field_team.mission)
    field_team.clock.forward(days=1)
    client.delete_submission(uid, str(first))
    pull(field_team.mission)
    return first


def test_history_tells_each_change_of_each_answer(field_team: Field) -> None:
    root = _three_days(field_team)
    report = history(field_team.mission, root)
    assert report.counts["revisions"] == 4
    text = "\n".join(report.lines)
    assert (
        "revision 1 · newly received · seen 2025-02-11" in text
        and "revision 2 · answers edited · seen 2025-02-12" in text
    )
    assert "  nom: “X” → “Y”" in text and "  note: “à effacer” → —" in text
    assert (
        "  review status: no status → approved there" in text and "revision 4 · deleted there · seen 2025-02-13" in text
    )
    assert history(field_team.mission, "1").lines == report.lines
    assert history(field_team.mission, "unknown").lines == ("no submission unknown is held",)


def test_what_people_typed_neither_turns_a_line_nor_commands_the_terminal(field_team: Field) -> None:
    first = field_team.submit("personnes", {**GIVEN, "nom": "Awa\u202e\u2067 Tazi", "note": "a\x9bb"})
    pull(field_team.mission)
    lines = "".join(history(field_team.mission, first).lines)
    assert "nom: — → “Awa Tazi”" in lines and "note: — → “ab”" in lines
    shown = CliRunner().invoke(
        cli, ["history", "\u202eabc\x1b[31m", "--workspace", str(field_team.mission.workspace.root)]
    )
    assert "no submission abc[31m is held" in shown.output


def test_an_answer_of_several_lines_is_told_in_one(field_team: Field) -> None:
    """Told line by line, its middle was translated where it was a sentence of ours, its commas made Arabic."""
    first = field_team.submit("personnes", {**GIVEN, "note": "un, deux\nno status\ntrois"})
    pull(field_team.mission)
    (line,) = [line for line in history(field_team.mission, first).lines if line.startswith("  note: ")]
    assert line == "  note: — → “un, deux ⏎ no status ⏎ trois”"
    assert translated(line, "ar") == "  note: — ← «un, deux ⏎ no status ⏎ trois»"


def test_any_day_can_be_seen_again(field_team: Field) -> None:
    _three_days(field_team)

    def names(day: int) -> list[str]:
        facts = gather_facts(field_team.mission, as_of=datetime(2025, 2, day, 23, tzinfo=UTC))
        return [
            f"{row['nom']} {row['note']} {row['validation']}" for row in facts.tables["personnes"].to_dict("records")
        ]

    assert [names(day) for day in (10, 11, 12, 13)] == [[], ["X à effacer "], ["Y None approved"], []]


def test_files_listed_then_are_there_then(field_team: Field) -> None:
    given = {"zone": "nord", "photo": "a.png"}
    first = field_team.submit("visites", given, files={"a.png": (PHOTO, "image/png")})
    pull(field_team.mission)
    day = field_team.clock()
    field_team.clock.forward(days=1)
    field_team.submit("visites", {"zone": "nord", "photo": None}, edits=first)
    pull(field_team.mission)
    assert gather_facts(field_team.mission, as_of=day).attachment(first, "a.png") == PHOTO
    assert gather_facts(field_team.mission).attachment(first, "a.png") is None


def test_a_day_s_deliverables_lie_in_a_folder_of_their_own(field_team: Field) -> None:
    _three_days(field_team)
    build_as_of(field_team.mission, "2025-02-11", build)
    manifest = field_team.mission.workspace.out / "as-of-2025-02-11" / "nord" / "MANIFEST.json"
    assert '"personnes": 1' in manifest.read_text("utf-8")
    with pytest.raises(ConfigError, match="is no date"):
        build_as_of(field_team.mission, "yesterday", build)


def test_tables_are_derived_again_from_raw_alone(field_team: Field) -> None:
    field_team.person("N1", age=3)
    field_team.submit("visites", {"zone": "nord", "membre": [{"prenom": "Awa"}, {"prenom": "Zoé"}]})
    pull(field_team.mission)
    store = field_team.mission.store

    def tables() -> list[object]:
        with store.begin() as connection:
            names = ("data_personnes", "data_visites", "data_visites__membre")
            return [connection.exec_driver_sql(f"SELECT * FROM {name} ORDER BY 1, 2").all() for name in names]

    before = tables()
    with store.begin() as connection:
        connection.exec_driver_sql("DELETE FROM data_personnes")
        connection.exec_driver_sql("UPDATE data_visites__membre SET prenom = 'faux'")
        connection.exec_driver_sql("DROP VIEW v_visites")
        connection.exec_driver_sql("DROP TABLE data_visites")
    assert rebuild(field_team.mission).counts["rebuilt"] == 2
    assert tables() == before


def test_views_speak_the_form_s_language(field_team: Field) -> None:
    field_team.person("N1", age=3)
    pull(field_team.mission)
    with field_team.mission.store.begin() as connection:
        row = connection.exec_driver_sql('SELECT "D’accord ?", "Nom", "Groupe", "Âge" FROM v_personnes').one()
        labels = connection.exec_driver_sql(
            "SELECT label FROM labels WHERE question = 'groupe' AND code = 'a' AND language = 'ar'"
        ).scalar()
    assert tuple(row) == ("Oui", "Nom N1", "A", 3) and labels == "أ"


def test_the_verbs_speak_of_it(field_team: Field) -> None:
    root = _three_days(field_team)
    folder = str(field_team.mission.workspace.root)
    field_team.mission.close()

    def run(*words: str) -> str:
        result = CliRunner().invoke(cli, [*words, "--workspace", folder])
        assert result.exit_code == 0, result.output
        return result.output

    told = run("history", root) + run("pull", "--rebuild")
    as_json = run("status", "--json")
    assert "nom: “X” → “Y”" in told and "tables derived again from 0 submissions" in told
    assert "personnes.lag_s" in as_json


def test_a_pull_explains_itself(field_team: Field) -> None:
    field_team.person("N1")
    first = "\n".join(pull(field_team.mission, explain=True).lines)
    assert "nothing is held yet" in first and "no scan is needed" in first
    field_team.clock.forward(minutes=5)
    second = "\n".join(pull(field_team.mission, quick=True, explain=True).lines)
    assert "  edited: 0 rows listed, 0 differ" in second and "quick was enough" in second
    field_team.clock.forward(hours=25)
    assert "more than 24 h ago" in "\n".join(pull(field_team.mission, quick=True, explain=True).lines)
