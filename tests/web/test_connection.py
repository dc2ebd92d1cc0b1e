"""The server's page: an address and a token tried and kept, never shown; its projects listed and adopted."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import MISSION, TOKEN, Field
from flask import Flask
from flask.testing import FlaskClient
from web_office import PEOPLE, SENTENCE, post, token_of

from kobo_sync.config.secret_lines import is_token, with_secrets
from kobo_sync.desk import accounts, changes, runs
from kobo_sync.mission.mission import CurrentMission, Mission
from kobo_sync.service.loop import Service
from kobo_sync.web import Site, create_app
from kobo_sync.workspace.folders import Workspace

EMPTY = (
    MISSION[: MISSION.index("[forms.personnes]")]
    + '[forms]\n\n[server]\nkf = "http://127.0.0.1:1"  # ours\nkc = "http://127.0.0.1:1"\n'
)


class Newcomer:
    """A mission without forms and without a token, beside a station that has two projects."""

    def __init__(self, field: Field, folder: Path) -> None:
        self.field, self.opened = field, []  # type: tuple[Field, list[Mission]]
        (folder / "config").mkdir(parents=True)
        (folder / "forms").mkdir()
        self.workspace = Workspace(folder, folder / ".kobo_sync", folder / "exports" / "out")
        self.toml, self.secrets = folder / "config" / "mission.toml", folder / "config" / "secrets.env"
        self.toml.write_text(EMPTY, "utf-8")
        (folder / "config" / "zones.csv").write_text("code,label_fr\nnord,Nord\nsud,Sud\n", "utf-8")
        self.secrets.write_text("# ours\nHOOK_SECRET=un-long-mot\n", "utf-8")
        self.secrets.chmod(0o600)
        self.environ: dict[str, str] = {}
        self.mission = self._open()
        for username, role, names in PEOPLE:
            accounts.add_user(self.mission.desk, username, username, role, SENTENCE, names=names, now=field.clock())
        self.service = Service(self._open, field.clock)
        self.app: Flask = create_app(Site(CurrentMission(self._open), field.clock, self.service.wake))

    def _open(self) -> Mission:
        self.opened.append(Mission(self.workspace, self.environ, self.field.clock))
        return self.opened[-1]

    def client(self, username: str = "amina") -> FlaskClient:
        client = self.app.test_client()
        data = {"username": username, "password": SENTENCE, "csrf_token": token_of(client, "/connexion")}
        assert client.post("/connexion", data=data).status_code == 302
        return client

    def given(self, **more: str) -> dict[str, str]:
        return {
            "kind": "kobotoolbox",
            "preset": "own",
            "kf": self.field.url,
            "kc": self.field.url,
            "token": TOKEN,
            "act": "keep",
            **more,
        }


@pytest.fixture
def newcomer(field_team: Field, tmp_path: Path) -> Iterator[Newcomer]:
    made = Newcomer(field_team, tmp_path / "new")
    yield made
    made.service.rest()
    for each in made.opened:
        each.close()


def test_a_token_is_tried_then_kept_for_its_owner_s_eyes_and_never_shown(newcomer: Newcomer) -> None:
    client = newcomer.client()
    before = newcomer.toml.read_bytes(), newcomer.secrets.read_bytes()
    tried = post(client, "/serveur/essayer", "/serveur", **newcomer.given(act="try"))
    assert "maha" in tried.text and TOKEN not in tried.text
    assert (newcomer.toml.read_bytes(), newcomer.secrets.read_bytes()) == before
    assert post(client, "/serveur/essayer", "/serveur", **newcomer.given()).status_code == 302
    assert newcomer.secrets.read_text("utf-8") == f"# ours\nHOOK_SECRET=un-long-mot\nKOBO_TOKEN={TOKEN}\n"
    assert stat.S_IMODE(newcomer.secrets.stat().st_mode) == 0o600
    assert f'kf = "{newcomer.field.url}"  # ours' in newcomer.toml.read_text("utf-8")
    assert TOKEN not in client.get("/serveur").text and TOKEN not in client.get("/reglages").text
    noted = changes.changes(newcomer.mission.desk)
    assert [change.keys for change in noted] == [("KOBO_TOKEN",), ("server.kf", "server.kc")]
    kept = newcomer.workspace.earlier_files.folder
    assert not any(TOKEN.encode() in path.read_bytes() for path in kept.rglob("*") if path.is_file())


def test_a_wrong_token_is_kept_only_when_that_is_ticked(newcomer: Newcomer) -> None:
    client, before = newcomer.client(), newcomer.toml.read_bytes()
    refused = post(client, "/serveur/essayer", "/serveur", **newcomer.given(token="x" * 40))
    assert 'name="despite"' in refused.text and "x" * 40 not in refused.text and newcomer.toml.read_bytes() == before
    assert (
        post(client, "/serveur/essayer", "/serveur", **newcomer.given(token="x" * 40, despite="on")).status_code == 302
    )
    assert "x" * 40 in newcomer.secrets.read_text("utf-8")


def test_what_may_not_be_kept_is_told_and_nothing_is_sent(newcomer: Newcomer) -> None:
    client, before = newcomer.client(), (newcomer.toml.read_bytes(), newcomer.secrets.read_bytes())
    for more in (
        {"kf": "http://192.0.2.7"},  # the token would be seen on the way
        {"kf": "no address"},
        {"kf": "https://user:pw@example.org"},
        {"token": "two words"},
        {"token": ""},  # none was given for this address
    ):
        answer = post(client, "/serveur/essayer", "/serveur", **newcomer.given(**more))
        assert answer.status_code == 200 and 'role="alert"' in answer.text, more
        assert (newcomer.toml.read_bytes(), newcomer.secrets.read_bytes()) == before, more


def test_a_kept_token_goes_to_no_other_address(newcomer: Newcomer) -> None:
    client = newcomer.client()
    post(client, "/serveur/essayer", "/serveur", **newcomer.given(deploy_token="d" * 40))
    answer = post(client, "/serveur/essayer", "/serveur", **newcomer.given(kf="https://kf.example.org", token=""))
    assert 'role="alert"' in answer.text
    moved = newcomer.given(kf="https://127.0.0.1:9", kc="https://127.0.0.1:9", token="n" * 40, despite="on")
    assert post(client, "/serveur/essayer", "/serveur", **moved).status_code == 302
    text = newcomer.secrets.read_text("utf-8")
    assert "n" * 40 in text and TOKEN not in text and "d" * 40 not in text


def test_a_token_in_the_environment_is_not_changed_here(newcomer: Newcomer) -> None:
    newcomer.environ["KOBO_TOKEN"] = "e" * 40
    answer = post(newcomer.client(), "/serveur/essayer", "/serveur", **newcomer.given())
    assert 'role="alert"' in answer.text and "e" * 40 not in answer.text


def test_projects_are_listed_adopted_and_what_was_guessed_is_shown(newcomer: Newcomer) -> None:
    client = newcomer.client()
    post(client, "/serveur/essayer", "/serveur", **newcomer.given())
    text = client.get("/serveur/projets").text
    uid = newcomer.field.uid("personnes")
    assert "Personnes" in text and "Visites" in text and uid in text
    post(client, "/serveur/projets/adopter", "/serveur/projets", uid=uid)
    while newcomer.service.carry_out_next():
        pass
    run = runs.last_runs(newcomer.mission.desk, 1)[0]
    assert (run.job, run.status, run.asked_by) == ("adopt", "done", "amina"), run.report
    text = client.get("/serveur/projets").text
    assert "ici comme personnes" in text
    assert "sûr à 95" in text and "aucun rôle reconnu" in text
    assert (newcomer.workspace.root / "forms" / "personnes.xlsx").is_file()
    assert client.get("/formulaires/personnes").status_code == 200


def test_a_project_that_cannot_be_adopted_is_told(newcomer: Newcomer) -> None:
    client = newcomer.client()
    post(client, "/serveur/essayer", "/serveur", **newcomer.given())
    uid = newcomer.field.uid("personnes")
    (newcomer.workspace.root / "forms" / "personnes.xlsx").write_bytes(b"somebody's work")
    post(client, "/serveur/projets/adopter", "/serveur/projets", uid=uid)
    while newcomer.service.carry_out_next():
        pass
    assert "ADOPT001" in client.get("/serveur/projets").text
    assert (newcomer.workspace.root / "forms" / "personnes.xlsx").read_bytes() == b"somebody's work"


def test_only_administrators_see_and_change_the_server(newcomer: Newcomer) -> None:
    for username in ("maha", "lea", "rachid"):
        client = newcomer.client(username)
        assert client.get("/serveur").status_code == client.get("/serveur/projets").status_code == 403
        for path in ("/serveur/essayer", "/serveur/projets/adopter"):
            assert client.post(path, data={"csrf_token": token_of(client, "/compte")}).status_code == 403


def test_uids_that_are_none_are_refused(newcomer: Newcomer) -> None:
    client = newcomer.client()
    assert post(client, "/serveur/projets/adopter", "/serveur", uid="../x").status_code == 400
    assert post(client, "/serveur/essayer", "/serveur", **newcomer.given(kind="central")).status_code == 400


def test_secrets_are_changed_line_by_line() -> None:
    text = "# head\nKOBO_TOKEN=old\n\nHOOK_SECRET=h\nKOBO_TOKEN=twice\n"
    assert with_secrets(text, {"KOBO_TOKEN": "new"}) == "# head\nKOBO_TOKEN=new\n\nHOOK_SECRET=h\n"
    assert with_secrets("", {"KOBO_TOKEN": "new", "KOBO_DEPLOY_TOKEN": ""}) == "KOBO_TOKEN=new\n"
    assert is_token("a" * 40) and not is_token("a b") and not is_token('"a"') and not is_token("") and not is_token("é")
