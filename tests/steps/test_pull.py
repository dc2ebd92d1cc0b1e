"""A pull, edge to edge: what changes on the server is what changes here."""

from __future__ import annotations

import json
import re

import pytest
import sqlalchemy as sa
from conftest import Field
from page_size import ask_for

from kobo_sync.errors import KoboRefused, KoboUnreachable
from kobo_sync.mission.facts import gather_facts
from kobo_sync.mission.mission import Mission
from kobo_sync.steps.pull import pull
from kobo_sync.store import schema
from kobo_sync.store.raw_pages import RawPages
from kobo_sync.store.tables.layout import flat_tables
from kobo_sync.workspace.attachment_files import relative_name

PHOTO = b"\x89PNG\r\n\x1a\nabc"


def _table(mission: Mission, form_id: str, at: int = 0) -> list[dict[str, object]]:
    return mission.store.read_table(flat_tables(mission.forms[form_id])[at]).to_dict("records")


def test_new_rows_arrive_typed_and_counted(field_team: Field) -> None:
    field_team.person("NOR-01", age=41)
    field_team.person("SUD-01", zone="sud")
    report = pull(field_team.mission)
    assert report.counts["new"] == 2
    assert "personnes: server 2 = local 2" in report.lines[0]
    first, second = _table(field_team.mission, "personnes")
    assert (first["code"], first["age"], first["zone"]) == ("NOR-01", 41, "nord")
    assert second["age"] is None
    assert not report.has_errors


def test_a_second_pull_changes_nothing(field_team: Field) -> None:
    field_team.person("NOR-01")
    pull(field_team.mission)
    report = pull(field_team.mission)
    assert [report.counts.get(kind, 0) for kind in ("new", "edited", "deleted", "validated")] == [0, 0, 0, 0]


def test_edits_blank_answers_and_keep_their_history(field_team: Field) -> None:
    first = field_team.submit(
        "personnes", {"zone": "nord", "accord": "oui", "code": "N1", "nom": "X", "groupe": "a", "note": "à effacer"}
    )
    pull(field_team.mission)
    field_team.clock.forward(hours=5)
    field_team.submit(
        "personnes",
        {"zone": "nord", "accord": "oui", "code": "N1", "nom": "Y", "groupe": "a", "note": None},
        edits=first,
    )
    report = pull(field_team.mission)
    assert report.counts["edited"] == 1
    (row,) = _table(field_team.mission, "personnes")
    assert (row["nom"], row["note"], row["root_uuid"]) == ("Y", None, first)
    with field_team.mission.store.begin() as connection:
        kinds = (
            connection.execute(sa.select(schema.revisions.c.kind).order_by(schema.revisions.c.revision)).scalars().all()
        )
        r = schema.revisions.c
        place = connection.execute(sa.select(r.body_id, r.body_at, r.body_n).order_by(r.revision)).first()
        raw = RawPages(connection).row((place[0], place[1], place[2]))
    assert kinds == ["new", "edited"]
    assert json.loads(raw)["note"] == "à effacer"


def test_deletions_leave_a_tombstone_and_a_resubmission_restores(field_team: Field) -> None:
    gone = field_team.person("NOR-01")
    field_team.person("NOR-02")
    pull(field_team.mission)
    field_team.mission.reader().delete_submission(field_team.uid("personnes"), str(gone))
    report = pull(field_team.mission)
    assert report.counts["deleted"] == 1 and "server 1 = local 1" in report.lines[0]
    assert [row["code"] for row in _table(field_team.mission, "personnes")] == ["NOR-02"]
    field_team.submit(
        "personnes", {"zone": "nord", "accord": "oui", "code": "NOR-01", "nom": "Nom", "groupe": "a"}, instance_id=gone
    )
    report = pull(field_team.mission)
    assert report.counts["restored"] == 1 and "server 2 = local 2" in report.lines[0]


def test_a_big_drop_is_not_taken_for_deletions(field_team: Field) -> None:
    roots = [field_team.person(f"NOR-{n:02}") for n in range(10)]
    pull(field_team.mission)
    for root in roots[:8]:
        field_team.mission.reader().delete_submission(field_team.uid("personnes"), str(root))
    report = pull(field_team.mission)
    assert [finding.rule for finding in report.findings] == ["PULL002", "PULL004"]
    assert len(_table(field_team.mission, "personnes")) == 10
    report = pull(field_team.mission, accept_deletions=True)
    assert report.counts["deleted"] == 8 and not report.findings


def test_validation_is_seen_set_and_cleared(field_team: Field) -> None:
    field_team.person("NOR-01")
    pull(field_team.mission)
    uid = field_team.uid("personnes")
    (row,) = _table(field_team.mission, "personnes")
    client = field_team.mission.reader()
    client.set_validations(uid, [str(int(str(row["submission_id"])))], "on_hold")
    field_team.clock.forward(hours=3)
    assert pull(field_team.mission).counts["validated"] == 1
    assert _table(field_team.mission, "personnes")[0]["validation"] == "on_hold"
    client.set_validations(uid, [str(int(str(row["submission_id"])))], "")
    assert pull(field_team.mission).counts["validated"] == 1
    assert _table(field_team.mission, "personnes")[0]["validation"] == ""


def test_repeats_become_rows_and_shrink_with_an_edit(field_team: Field) -> None:
    given = {"zone": "nord", "gps": "31.5 -5.1 1200 4", "membre": [{"prenom": "Awa", "annees": 3}, {"prenom": "علي"}]}
    first = field_team.submit("visites", given)
    pull(field_team.mission)
    assert [row["prenom"] for row in _table(field_team.mission, "visites", 1)] == ["Awa", "علي"]
    assert _table(field_team.mission, "visites")[0]["gps_lat"] == 31.5
    field_team.submit("visites", {**given, "membre": [{"prenom": "Awa"}]}, edits=first)
    pull(field_team.mission)
    assert [(row["prenom"], row["position"]) for row in _table(field_team.mission, "visites", 1)] == [("Awa", 1)]


def test_files_are_kept_by_content_and_late_ones_fetched(field_team: Field) -> None:
    given = {"zone": "nord", "photo": "été 1.png"}
    root = field_team.submit("visites", given)
    report = pull(field_team.mission)
    assert report.counts["files_missing"] == 0 and report.counts.get("files_stored", 0) == 0
    field_team.submit("visites", given, files={"été 1.png": (PHOTO, "image/png")}, instance_id=root)
    field_team.clock.forward(hours=4)
    report = pull(field_team.mission)
    assert (report.counts["files"], report.counts["files_stored"]) == (1, 1)
    (digest,) = field_team.mission.store.attachment_index().values()
    assert (field_team.mission.workspace.attachments / relative_name(digest)).read_bytes() == PHOTO
    known = gather_facts(field_team.mission).file_digests or {}
    alone = gather_facts(field_team.mission).file_digests
    assert alone is not None
    assert {key: alone[key] for key in known} == dict(known) == {next(iter(known)): digest}
    assert ("nobody", "none.jpg") not in alone


def test_unknown_questions_are_kept_and_said(field_team: Field) -> None:
    field_team.person("NOR-01")
    xml = (
        f"<data id='{field_team.uid('personnes')}'><zone>nord</zone><surprise>ici</surprise>"
        "<age>douze</age><meta><instanceID>uuid:22222222-0000-4000-8000-000000000001</instanceID></meta></data>"
    )
    field_team.phone.send(xml.encode(), {})
    report = pull(field_team.mission)
    rules = {finding.rule: finding for finding in report.findings}
    assert "surprise" in rules["PULL005"].message and "ici" not in str(rules)
    assert "age" in rules["PULL006"].message and "douze" not in str(rules)
    assert report.counts["new"] == 2


def test_a_row_that_cannot_be_understood_is_set_aside_and_the_rest_goes_on(field_team: Field) -> None:
    for n in range(3):
        field_team.person(f"NOR-{n:02}")

    def change(before: str, after: str) -> None:
        with field_team.station.db.writing() as connection:
            connection.execute("UPDATE submissions SET head = replace(head, ?, ?) WHERE id = 2", (before, after))

    change('"_submission_time":"2025-', '"_submission_time":"hier-')
    report = pull(field_team.mission)
    assert report.counts["new"] == 2 and report.counts["quarantined"] == 1
    assert {finding.rule for finding in report.findings} == {"PULL007"} and "hier" not in str(report.findings)
    assert re.search(r"set aside: (uuid:)?[0-9a-f-]{36}$", report.findings[0].message), report.findings
    with field_team.mission.store.begin() as connection:
        kept = connection.exec_driver_sql("SELECT submission_id, reason FROM quarantine").one()
    assert tuple(kept) == (2, "a row of personnes has no known shape (ValueError)")
    again = pull(field_team.mission)
    assert {finding.rule for finding in again.findings} == {"PULL007"}
    change('"_submission_time":"hier-', '"_submission_time":"2025-')
    healed = pull(field_team.mission)
    assert healed.counts["new"] == 1 and not healed.findings
    assert [row["code"] for row in _table(field_team.mission, "personnes")] == ["NOR-00", "NOR-01", "NOR-02"]


def test_a_wrong_token_is_said_and_nothing_is_lost(field_team: Field) -> None:
    field_team.person("NOR-01")
    pull(field_team.mission)
    stranger = Mission(
        field_team.mission.workspace, {"KOBO_TOKEN": "wrong"}, field_team.clock, server=(field_team.url, field_team.url)
    )
    with pytest.raises(KoboRefused) as refusal:
        stranger.reader().me()
    assert "KOBO_TOKEN" in refusal.value.hint and "wrong" not in str(refusal.value)
    with pytest.raises(KoboRefused):
        pull(stranger)
    assert len(_table(field_team.mission, "personnes")) == 1
    stranger.close()


def test_an_unreachable_server_ends_the_run_with_a_cure(field_team: Field) -> None:
    lost = Mission(
        field_team.mission.workspace,
        {"KOBO_TOKEN": "x"},
        field_team.clock,
        server=("http://127.0.0.1:1", "http://127.0.0.1:1"),
    )
    lost.reader()._transport.sleep = lambda _seconds: None
    with pytest.raises(KoboUnreachable) as failure:
        lost.reader().me()
    assert "127.0.0.1:1" in str(failure.value) and failure.value.exit_code == 5
    lost.close()


def test_a_pull_that_dies_between_pages_is_finished_by_the_next(field_team: Field) -> None:
    """Killed between rows and the end of the run: what was committed is not asked twice, nothing is skipped."""
    for n in range(6):
        field_team.person(f"NOR-{n:02}")

    class Killed(BaseException):
        pass

    mission = field_team.reopen()
    calls = iter(range(100))

    def die(*_: object) -> None:
        if next(calls) == 1:
            raise Killed

    ask_for(mission, 2)
    client = mission.reader()
    get = client.get

    def failing(path: str, **options: int) -> object:
        if "/data/" in path:
            die()
        return get(path, **options)

    client.get = failing  # type: ignore[method-assign,assignment]
    with pytest.raises(Killed):
        pull(mission)
    assert len(_table(mission, "personnes")) == 2
    report = pull(field_team.reopen())
    assert "personnes: server 6 = local 6" in report.lines[0]
