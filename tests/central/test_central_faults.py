"""ODK Central when something goes wrong on the way: nothing is lost or half taken, and the message says what to do."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from central_field import PERSON, CentralField, assert_same, central_field_in, mirror_truth, rules
from central_office import PASSWORD, VERSION_TEXT, Fault
from conftest import PERSONNES

from kobo_sync.central.asking import Asking
from kobo_sync.central.server import CentralServer
from kobo_sync.central.wire import protocol
from kobo_sync.errors import ConfigError, KoboError, KoboRefused, KoboRejected, KoboUnexpected, KoboUnreachable
from kobo_sync.mission.mission import Mission
from kobo_sync.steps.doctor import doctor
from kobo_sync.steps.pull import pull


@pytest.fixture
def there(tmp_path: Path) -> Iterator[CentralField]:
    with central_field_in(tmp_path) as field:
        yield field


def meanwhile(monkeypatch: pytest.MonkeyPatch, pattern: str, act: Callable[[], object]) -> None:
    """Once, just before a request whose path has *pattern*, something happens on the server."""
    send, waiting = Asking.send, [act]

    def sent(self: Asking, method: str, path: str, **options: object) -> object:
        if waiting and re.search(pattern, path):
            waiting.pop()()
        return send(self, method, path, **options)

    monkeypatch.setattr(Asking, "send", sent)


def n_signed_in(there: CentralField) -> int:
    return there.office.requests.count(("POST", "/v1/sessions"))


# ── sessions ──


@pytest.mark.parametrize(("pattern", "skip"), [("skiptoken", 1), (r"submissions/.*\.xml", 3), ("count=true", 0)])
def test_a_session_that_ends_midway_is_renewed_once(
    there: CentralField, pattern: str, skip: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "PAGE", 3)
    for n in range(10):
        there.person(f"N{n}")
    there.office.faults.append(Fault(pattern, "expired", skip=skip))
    assert there.pull().counts["new"] == 10
    assert n_signed_in(there) == 2
    assert_same(there)


def test_a_session_is_renewed_before_its_day_is_over(there: CentralField) -> None:
    there.pull()
    there.forward(hours=23, minutes=51)
    there.pull()
    assert n_signed_in(there) == 2


def test_a_session_that_is_refused_again_and_again_ends_the_run(there: CentralField) -> None:
    there.office.faults.append(Fault("/v1/users/current", "expired", times=-1))
    with pytest.raises(KoboRefused) as refusal:
        there.mission.reader().me()
    assert n_signed_in(there) == 2
    assert "CENTRAL_EMAIL and CENTRAL_PASSWORD" in refusal.value.hint


def test_a_wrong_password_is_said_and_nothing_is_lost(there: CentralField, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    there.person()
    there.pull()
    stranger = there.reopen(CENTRAL_PASSWORD="wrong-secret-1")
    with pytest.raises(KoboRefused) as refusal:
        pull(stranger)
    assert "CENTRAL_PASSWORD" in refusal.value.hint and refusal.value.exit_code == 5
    assert "wrong-secret-1" not in f"{refusal.value}{refusal.value.__cause__}{caplog.text}"
    assert len(mirror_truth(there.mission, "personnes")) == 1


@pytest.mark.parametrize("name", ["CENTRAL_EMAIL", "CENTRAL_PASSWORD"])
def test_a_missing_secret_is_named(there: CentralField, name: str) -> None:
    mission = Mission(there.workspace, {"CENTRAL_EMAIL": "a@b.c", "CENTRAL_PASSWORD": "x", name: ""}, there.clock)
    with pytest.raises(ConfigError) as refusal:
        mission.reader()
    assert refusal.value.key == name and "web user" in refusal.value.hint


def test_a_server_with_single_sign_on_is_refused_with_its_reason(there: CentralField) -> None:
    there.office.sso = True
    with pytest.raises(KoboRefused, match="OpenID Connect"):
        pull(there.mission)


def test_secrets_are_nowhere_on_disk_in_logs_or_errors(there: CentralField, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    there.visit({"a.png": b"x"}, photo="a.png")
    there.pull()
    tokens = [*there.office._sessions]
    there.office.faults.append(Fault("Submissions", "cut", times=-1))
    report = there.pull()
    assert rules(report) == ["PULL001", "PULL001"]
    secrets = [PASSWORD, *tokens]
    assert tokens and not any(secret in f"{report}{caplog.text}" for secret in secrets)
    on_disk = b"".join(path.read_bytes() for path in there.workspace.root.rglob("*") if path.is_file())
    assert len(on_disk) > 10_000 and not any(secret.encode() in on_disk for secret in secrets)
    there.mission.close()
    assert not any(token in there.office._sessions for token in tokens)  # ended there as well


def test_secrets_do_not_go_to_another_machine_over_plain_http(there: CentralField) -> None:
    client = CentralServer("http://192.0.2.1", 1, "a@b.c", "geheim-1")
    with pytest.raises(KoboRefused, match="plain http") as refusal:
        client.me()
    assert "geheim-1" not in str(refusal.value)


# ── answers that are none, or not whole ──


def test_a_body_that_is_cut_is_asked_for_again_and_never_believed(there: CentralField) -> None:
    for n in range(5):
        there.person(f"N{n}")
    there.office.faults += [Fault(r"personnes\.svc", "cut"), Fault(r"\.xml", "cut", times=2)]
    assert there.pull().counts["new"] == 5
    assert_same(there)
    there.office.faults.append(Fault(r"personnes\.svc", "cut", times=-1))
    report = there.pull()
    assert rules(report) == ["PULL001"] and "visites: server 0 = local 0" in "".join(report.lines)
    there.office.faults.clear()
    assert_same(there)


def test_a_page_of_html_in_place_of_an_answer_is_told(there: CentralField) -> None:
    there.person()
    there.pull()
    there.office.faults.append(Fault(r"personnes\.svc", "html", times=-1))
    report = there.pull()
    assert rules(report) == ["PULL001"] and "config/mission.toml" in report.findings[0].hint
    there.office.faults[:] = [Fault("/v1/", "html", times=-1)]
    assert rules(pull(there.reopen())) == ["PULL001", "PULL001"]
    there.office.faults.clear()
    assert not there.pull().findings
    assert_same(there)


def test_html_in_place_of_a_rows_xml_is_no_row(there: CentralField) -> None:
    row = there.person("N1")
    there.person("N2")
    there.office.faults.append(Fault(f"{row.root_id[5:]}.xml", "html"))
    report = there.pull()
    assert rules(report) == ["PULL007"]
    assert there.pull().counts["new"] == 1
    assert_same(there)


def test_a_server_that_is_no_central_says_so(tmp_path: Path, there: CentralField) -> None:
    there.office.faults.append(Fault("POST /v1/sessions", "html", times=-1))
    with pytest.raises(KoboUnexpected) as refusal:
        there.reopen().reader().me()
    assert "config/mission.toml" in refusal.value.hint


def test_a_server_that_is_away_ends_the_run(there: CentralField) -> None:
    lost = CentralServer("http://127.0.0.1:1", 1, "a@b.c", "x", sleep=lambda _: None)
    with pytest.raises(KoboUnreachable, match=r"127\.0\.0\.1:1"):
        lost.me()


# ── pages while others work ──


def test_a_row_that_a_page_names_and_that_is_purged_meanwhile_ends_no_reading(
    there: CentralField, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "PAGE", 3)
    rows = [there.person(f"N{n}") for n in range(10)]
    meanwhile(monkeypatch, "skiptoken", lambda: there.office.purge("personnes", rows[-3]))
    assert there.pull().counts["new"] == 9
    assert_same(there)


def test_rows_that_come_and_go_between_pages_are_neither_lost_nor_doubled(
    there: CentralField, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "PAGE", 3)
    rows = [there.person(f"N{n}") for n in range(10)]

    def change() -> None:
        there.person("late")
        there.office.delete("personnes", rows[0])
        there.office.edit("personnes", rows[5], {**PERSON, "nom": "Repris"})

    meanwhile(monkeypatch, "skiptoken", change)
    there.pull(quick=True)
    there.pull(quick=True)
    assert_same(there)


def test_rows_deleted_between_the_listing_and_their_xml_are_left_out(
    there: CentralField, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [there.person(f"N{n}") for n in range(6)]
    meanwhile(monkeypatch, r"\.xml", lambda: [there.office.delete("personnes", row) for row in rows])
    there.pull()
    there.pull()
    assert_same(there)


# ── which project, which form ──


def project_with_the_form(there: CentralField, n_rows: int) -> int:
    """Another project that has the form as well, with other rows."""
    other = there.office.add_project("Mission B")
    xml = there.office.form("personnes").versions[-1].xml
    there.office.deploy(xml, {"zones.csv": b"name,label\n"}, project=other.id)
    for n in range(n_rows):
        there.office.submit("personnes", {**PERSON, "code": f"B{n}"}, project=other.id)
    return other.id


def test_another_project_number_is_never_taken_for_the_same_data(there: CentralField) -> None:
    for n in range(8):
        there.person(f"A{n}")
    there.pull()
    before = mirror_truth(there.mission, "personnes")
    number = project_with_the_form(there, 2)
    config = there.workspace.root / "config" / "mission.toml"
    config.write_text(config.read_text("utf-8").replace("project = 1", f"project = {number}"), "utf-8")
    for quick in (True, False):
        mission = there.reopen()
        report = pull(mission, quick=quick)
        assert "PULL009" in rules(report) and report.counts.get("deleted", 0) == 0
        assert "--accept-deletions" not in " ".join(
            finding.hint for finding in report.findings if finding.rule == "PULL009"
        )
    assert before.items() <= mirror_truth(mission, "personnes").items()
    config.write_text(config.read_text("utf-8").replace(f"project = {number}", "project = 1"), "utf-8")
    there.mission = there.reopen()
    pull(there.mission, accept_deletions=True)
    assert_same(there)


def test_a_project_that_is_not_there_and_one_that_is_not_ours(there: CentralField) -> None:
    config = there.workspace.root / "config" / "mission.toml"
    config.write_text(config.read_text("utf-8").replace("project = 1", "project = 77"), "utf-8")
    with pytest.raises(KoboRejected) as gone:
        pull(there.reopen())
    assert gone.value.status == 404 and "server.project" in gone.value.hint
    config.write_text(config.read_text("utf-8").replace("project = 77", "project = 1"), "utf-8")
    there.office.add_user("nobody@example.org", "a long secret")
    with pytest.raises(KoboError) as refused:
        pull(there.reopen(CENTRAL_EMAIL="nobody@example.org", CENTRAL_PASSWORD="a long secret"))
    assert refused.value.status == 403


def test_a_viewer_reads_and_a_collector_is_told_what_it_lacks(there: CentralField) -> None:
    there.person()
    there.office.add_user("viewer@example.org", "a long secret", "viewer")
    there.mission = there.reopen(CENTRAL_EMAIL="viewer@example.org", CENTRAL_PASSWORD="a long secret")
    assert there.pull().counts["new"] == 1
    assert_same(there)
    there.office.add_user("filler@example.org", "a long secret", "formfill")
    report = pull(there.reopen(CENTRAL_EMAIL="filler@example.org", CENTRAL_PASSWORD="a long secret"))
    assert set(rules(report)) == {"PULL001"}
    assert len(mirror_truth(there.mission, "personnes")) == 1


def test_a_form_in_the_trash_is_told_with_its_cure_and_loses_nothing(there: CentralField) -> None:
    there.person()
    there.pull()
    there.office.form("personnes").deleted_at = there.office.now()
    report = there.pull()
    assert rules(report) == ["PULL001"]
    assert "trash" in report.findings[0].hint, report.findings
    assert len(mirror_truth(there.mission, "personnes")) == 1


def test_a_form_that_is_not_there_yet_is_no_error(there: CentralField) -> None:
    there.office.form("visites").deleted_at = there.office.now()
    report = there.pull()
    assert not report.findings and any(line.startswith("visites: not ") for line in report.lines)


def test_a_draft_that_was_never_published_is_no_error(tmp_path: Path) -> None:
    with central_field_in(tmp_path, forms=False) as there:
        from central_field import xform
        from central_forms import create

        with there.office._as(there.office.admin):
            create(there.office.projects[1], xform(PERSONNES), publish=False)
        report = there.pull()
        assert all(finding.severity != "error" for finding in report.findings), report.findings


# ── doctor ──


def told_by_doctor(there: CentralField, **secrets: str) -> str:
    report = doctor(there.reopen(**secrets))
    return "\n".join([*report.lines, *(f"{f.severity}: {f.message} {f.hint}" for f in report.findings)])


@pytest.mark.parametrize(
    ("version", "verdict"),
    [
        (VERSION_TEXT, "v2026.2"),
        (VERSION_TEXT.replace("2026.2", "2024.2"), "v2024.2 is too old"),
        (VERSION_TEXT.replace("2026.2", "2025.1"), "v2025.1 is old"),
        ("<html>hello</html>", "the server does not tell its version"),
    ],
)
def test_doctor_tells_the_version(there: CentralField, version: str, verdict: str) -> None:
    there.office.version_text = version
    assert verdict in told_by_doctor(there)


def test_doctor_tells_of_an_encrypted_an_archived_and_a_foreign_project(there: CentralField) -> None:
    assert "rights are complete" in told_by_doctor(there)
    project = there.office.projects[1]
    project.archived = True
    assert "archived" in told_by_doctor(there)
    project.key_id = 3
    assert "encrypted" in told_by_doctor(there)
    project.key_id = None
    there.office.add_user("viewer@example.org", "a long secret", "viewer")
    told = told_by_doctor(there, CENTRAL_EMAIL="viewer@example.org", CENTRAL_PASSWORD="a long secret")
    assert "lacks form.update" in told
    there.office.add_user("nobody@example.org", "a long secret")
    told = told_by_doctor(there, CENTRAL_EMAIL="nobody@example.org", CENTRAL_PASSWORD="a long secret")
    assert "cannot see it (403)" in told
    there.office.sso = True
    assert "OpenID Connect" in told_by_doctor(there)
