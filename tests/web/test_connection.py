"""The server's page: an address and a token tried and kept, never shown; its projects listed and adopted."""

from __future__ import annotations

import stat
from pathlib import Path

from conftest import TOKEN
from web_office import post, token_of
from web_workshop import Workshop

from kobo_sync.config.secret_lines import is_token, with_secrets
from kobo_sync.desk import changes, runs
from kobo_sync.mission.config_files import alone, take_back


def _given(newcomer: Workshop, **more: str) -> dict[str, str]:
    url = newcomer.field.url
    return {"kind": "kobotoolbox", "preset": "own", "kf": url, "kc": url, "token": TOKEN, "act": "keep", **more}


def _toml(newcomer: Workshop) -> Path:
    return newcomer.root / "config" / "mission.toml"


def _secrets(newcomer: Workshop) -> Path:
    return newcomer.root / "config" / "secrets.env"


def test_a_token_is_tried_then_kept_for_its_owner_s_eyes_and_never_shown(newcomer: Workshop) -> None:
    client = newcomer.client()
    before = _toml(newcomer).read_bytes(), _secrets(newcomer).read_bytes()
    tried = post(client, "/serveur/essayer", "/serveur", **_given(newcomer, act="try"))
    assert "maha" in tried.text and TOKEN not in tried.text
    assert (_toml(newcomer).read_bytes(), _secrets(newcomer).read_bytes()) == before
    assert post(client, "/serveur/essayer", "/serveur", **_given(newcomer)).status_code == 302
    assert _secrets(newcomer).read_text("utf-8") == f"# ours\nHOOK_SECRET=un-long-mot\nKOBO_TOKEN={TOKEN}\n"
    assert stat.S_IMODE(_secrets(newcomer).stat().st_mode) == 0o600
    assert f'kf = "{newcomer.field.url}"  # ours' in _toml(newcomer).read_text("utf-8")
    assert TOKEN not in client.get("/serveur").text and TOKEN not in client.get("/reglages").text
    noted = changes.changes(newcomer.mission.desk)
    assert [change.keys for change in noted] == [("KOBO_TOKEN",), ("server.kf", "server.kc")]
    kept = newcomer.mission.workspace.earlier_files.folder
    assert not any(TOKEN.encode() in path.read_bytes() for path in kept.rglob("*") if path.is_file())


def test_a_wrong_token_is_kept_only_when_that_is_ticked(newcomer: Workshop) -> None:
    client, before = newcomer.client(), _toml(newcomer).read_bytes()
    refused = post(client, "/serveur/essayer", "/serveur", **_given(newcomer, token="x" * 40))
    assert 'name="despite"' in refused.text and "x" * 40 not in refused.text and _toml(newcomer).read_bytes() == before
    assert (
        post(client, "/serveur/essayer", "/serveur", **_given(newcomer, token="x" * 40, despite="on")).status_code
        == 302
    )
    assert "x" * 40 in _secrets(newcomer).read_text("utf-8")


def test_what_may_not_be_kept_is_told_and_nothing_is_sent(newcomer: Workshop) -> None:
    client, before = newcomer.client(), (_toml(newcomer).read_bytes(), _secrets(newcomer).read_bytes())
    for more in (
        {"kf": "http://192.0.2.7"},  # the token would be seen on the way
        {"kf": "no address"},
        {"kf": "https://user:pw@example.org"},
        {"token": "two words"},
        {"token": ""},  # none was given for this address
    ):
        answer = post(client, "/serveur/essayer", "/serveur", **_given(newcomer, **more))
        assert answer.status_code == 200 and 'role="alert"' in answer.text, more
        assert (_toml(newcomer).read_bytes(), _secrets(newcomer).read_bytes()) == before, more


def test_a_kept_token_goes_to_no_other_address(newcomer: Workshop) -> None:
    client = newcomer.client()
    post(client, "/serveur/essayer", "/serveur", **_given(newcomer, deploy_token="d" * 40))
    answer = post(client, "/serveur/essayer", "/serveur", **_given(newcomer, kf="https://kf.example.org", token=""))
    assert 'role="alert"' in answer.text
    moved = _given(newcomer, kf="https://127.0.0.1:9", kc="https://127.0.0.1:9", token="n" * 40, despite="on")
    assert post(client, "/serveur/essayer", "/serveur", **moved).status_code == 302
    text = _secrets(newcomer).read_text("utf-8")
    assert "n" * 40 in text and TOKEN not in text and "d" * 40 not in text


def test_a_token_in_the_environment_is_not_changed_here(newcomer: Workshop) -> None:
    newcomer.environ["KOBO_TOKEN"] = "e" * 40
    answer = post(newcomer.client(), "/serveur/essayer", "/serveur", **_given(newcomer))
    assert 'role="alert"' in answer.text and "e" * 40 not in answer.text


def test_projects_are_listed_adopted_and_what_was_guessed_is_shown(newcomer: Workshop) -> None:
    client = newcomer.client()
    post(client, "/serveur/essayer", "/serveur", **_given(newcomer))
    text = client.get("/serveur/projets").text
    uid = newcomer.field.uid("personnes")
    assert "Personnes" in text and "Visites" in text and uid in text
    post(client, "/serveur/projets/adopter", "/serveur/projets", uid=uid)
    newcomer.carry_out_all()
    run = runs.last_runs(newcomer.mission.desk, 1)[0]
    assert (run.job, run.status, run.asked_by) == ("adopt", "done", "amina"), run.report
    text = client.get("/serveur/projets").text
    assert "ici comme personnes" in text
    assert "sûr à 95" in text and "aucun rôle reconnu" in text
    assert (newcomer.root / "forms" / "personnes.xlsx").is_file()
    assert client.get("/formulaires/personnes").status_code == 200


def test_a_project_that_cannot_be_adopted_is_told(newcomer: Workshop) -> None:
    client = newcomer.client()
    post(client, "/serveur/essayer", "/serveur", **_given(newcomer))
    uid = newcomer.field.uid("personnes")
    (newcomer.root / "forms" / "personnes.xlsx").write_bytes(b"somebody's work")
    post(client, "/serveur/projets/adopter", "/serveur/projets", uid=uid)
    newcomer.carry_out_all()
    assert "ADOPT001" in client.get("/serveur/projets").text
    assert (newcomer.root / "forms" / "personnes.xlsx").read_bytes() == b"somebody's work"


def test_only_administrators_see_and_change_the_server(newcomer: Workshop) -> None:
    for username in ("maha", "lea", "rachid"):
        client = newcomer.client(username)
        assert client.get("/serveur").status_code == client.get("/serveur/projets").status_code == 403
        for path in ("/serveur/essayer", "/serveur/projets/adopter"):
            assert client.post(path, data={"csrf_token": token_of(client, "/compte")}).status_code == 403


def test_uids_that_are_none_are_refused(newcomer: Workshop) -> None:
    client = newcomer.client()
    assert post(client, "/serveur/projets/adopter", "/serveur", uid="../x").status_code == 400
    assert post(client, "/serveur/essayer", "/serveur", **_given(newcomer, kind="central")).status_code == 400


def test_secrets_are_changed_line_by_line() -> None:
    text = "# head\nKOBO_TOKEN=old\n\nHOOK_SECRET=h\nKOBO_TOKEN=twice\n"
    assert with_secrets(text, {"KOBO_TOKEN": "new"}) == "# head\nKOBO_TOKEN=new\n\nHOOK_SECRET=h\n"
    assert with_secrets("", {"KOBO_TOKEN": "new", "KOBO_DEPLOY_TOKEN": ""}) == "KOBO_TOKEN=new\n"
    assert is_token("a" * 40) and not is_token("a b") and not is_token('"a"') and not is_token("") and not is_token("é")


def test_while_somebody_saves_settings_nothing_of_a_connection_is_written(newcomer: Workshop) -> None:
    client = newcomer.client()
    post(client, "/serveur/essayer", "/serveur", **_given(newcomer))
    before = _toml(newcomer).read_bytes(), _secrets(newcomer).read_bytes()
    moved = _given(newcomer, kf="https://127.0.0.1:9", kc="https://127.0.0.1:9", token="n" * 40, despite="on")
    with alone(newcomer.mission):
        answer = post(client, "/serveur/essayer", "/serveur", **moved)
    assert 'role="alert"' in answer.text
    assert (_toml(newcomer).read_bytes(), _secrets(newcomer).read_bytes()) == before
    assert post(client, "/serveur/essayer", "/serveur", **moved).status_code == 302
    change = changes.changes(newcomer.mission.desk, path="config/mission.toml")[1]
    assert change.keys == ("server.kf", "server.kc")
    assert take_back(newcomer.mission, change, by="amina") == ("server.kf", "server.kc")
    assert newcomer.field.url in _toml(newcomer).read_text("utf-8")
