"""The hook that wakes a pull: made by `deploy`, mended, fired by the server for new rows, believed in nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from conftest import Field

from kobo_sync.desk import runs, schedules
from kobo_sync.desk.schedules import Wish
from kobo_sync.errors import KoboRejected
from kobo_sync.kobo.server import KoboServer
from kobo_sync.mission.mission import CurrentMission
from kobo_sync.service.loop import Service
from kobo_sync.serving import Listening
from kobo_sync.steps.deploy import deploy
from kobo_sync.web import Site, create_app

SECRET = "un-long-mot-de-passe"


def _configure(field: Field, url: str) -> None:
    root = field.mission.workspace.root
    path = root / "config" / "mission.toml"
    text = path.read_text("utf-8").partition("\n[service]")[0]
    path.write_text(f'{text}\n[service]\npublic_url = "{url}"\n', "utf-8")
    secrets = root / "config" / "secrets.env"
    secrets.write_text(f"HOOK_SECRET={SECRET}\n", "utf-8")
    secrets.chmod(0o600)


@contextmanager
def _pages(field: Field) -> Iterator[tuple[str, Service]]:
    service = Service(field.reopen)
    app = create_app(Site(CurrentMission(field.reopen), field.clock, service.wake))
    with Listening(app, most_bytes=1_000_000) as listening:
        yield listening.url, service
    service.stop()


def _waiting(field: Field, n: int) -> list[Wish]:
    """The wishes, once *n* are there: the station tells its hooks in the background."""
    import time

    for _ in range(600):
        found = schedules.wishes(field.mission.desk)
        if len(found) >= n:
            return found
        time.sleep(0.05)
    raise AssertionError("the hook did not fire")


def test_deploy_makes_hooks_once_and_mends_them(field_team: Field) -> None:
    _configure(field_team, "https://sync.example.org")
    first = deploy(field_team.reopen())
    assert sum("hook made" in line for line in first.lines) == 2 and not first.findings
    again = deploy(field_team.reopen())
    assert not any("hook" in line for line in again.lines)
    _configure(field_team, "https://other.example.org")
    plan = deploy(field_team.reopen(), dry_run=True)
    assert sum("hook mended (dry run)" in line for line in plan.lines) == 2
    assert sum("hook mended" in line for line in deploy(field_team.reopen()).lines) == 2
    hooks = field_team.mission.deployer().hooks(field_team.uid("visites"))
    assert [hook.endpoint for hook in hooks] == [f"https://other.example.org/hook/{SECRET}/visites"]


def test_no_secret_goes_into_a_hook_over_plain_http(field_team: Field) -> None:
    """Part 7, B10."""
    _configure(field_team, "http://sync.example.org")
    report = deploy(field_team.reopen())
    assert [(finding.rule, finding.where) for finding in report.findings] == [("DEPLOY003", "service.public_url")]
    assert field_team.mission.deployer().hooks(field_team.uid("visites")) == []


def test_without_a_secret_no_hook_is_made(field_team: Field) -> None:
    assert field_team.mission.deployer().hooks(field_team.uid("visites")) == []


def test_a_refused_hook_is_a_finding_without_the_secret(field_team: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: KoboServer, asset_uid: str, endpoint: str, hook_uid: str = "") -> None:
        raise KoboRejected("no", method="POST", url="u", status=400, excerpt=endpoint)

    monkeypatch.setattr(KoboServer, "put_hook", refuse)
    _configure(field_team, "https://sync.example.org")
    report = deploy(field_team.reopen())
    assert {finding.rule for finding in report.findings} == {"DEPLOY003"} and not report.has_errors
    assert SECRET not in str(report)


def test_a_submission_wakes_a_pull_of_its_form_and_an_edit_does_not(field_team: Field) -> None:
    with _pages(field_team) as (url, service):
        _configure(field_team, url)
        deploy(field_team.reopen())
        first = field_team.person("N1")
        (wish,) = _waiting(field_team, 1)
        assert (wish.job, wish.form_id, wish.origin) == ("pull", "personnes", "hook")
        assert service.carry_out_next() and not service.carry_out_next()
        assert field_team.mission.store.holdings(["personnes"])[0].n_live == 1
        assert runs.last_runs(field_team.mission.desk, 1)[0].origin == "hook"
        given = {"zone": "nord", "accord": "oui", "code": "N1", "nom": "Autre", "groupe": "a"}
        field_team.submit("personnes", given, edits=first)
        field_team.submit("visites", {"zone": "nord", "personne": "N1"})
        assert [each.form_id for each in _waiting(field_team, 1)] == ["visites"]
