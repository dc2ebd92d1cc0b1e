"""The server's page where it is ODK Central: address, project and account tried and kept, never shown; its forms adopted."""

from __future__ import annotations

import stat

from central_office import ADMIN, PASSWORD, Office
from web_office import post
from web_workshop import Workshop

from kobo_sync.desk import changes, runs

ON_CENTRAL = tuple[Workshop, Office]
NEW, ITS_PASSWORD = "autre@example.org", "une phrase à elle"


def _given(office: Office, **more: str) -> dict[str, str]:
    return {"kind": "odk-central", "url": office.address, "project": "1", "act": "keep", **more}


def _sent(workshop: Workshop, given: dict[str, str]) -> tuple[int, str]:
    answer = post(workshop.client(), "/serveur/essayer", "/serveur", **given)
    return answer.status_code, answer.text


def _files(workshop: Workshop) -> list[str]:
    return [(workshop.root / "config" / name).read_text("utf-8") for name in ("mission.toml", "secrets.env")]


def test_a_trial_lists_the_projects_and_keeps_nothing(on_central: ON_CENTRAL) -> None:
    workshop, office = on_central
    office.add_project("Mission B")
    before = _files(workshop)
    status, text = _sent(workshop, _given(office, act="try"))
    assert status == 200 and "Le serveur connaît le compte" in text
    assert "Mission A" in text and "Mission B" in text and PASSWORD not in text
    assert _files(workshop) == before


def test_another_account_and_project_are_kept_and_never_shown(on_central: ON_CENTRAL) -> None:
    workshop, office = on_central
    office.add_project("Mission B")
    office.add_user(NEW, ITS_PASSWORD, "manager", project=2)
    status, _ = _sent(workshop, _given(office, project="2", email=NEW, password=ITS_PASSWORD))
    assert status == 302
    toml, secrets = _files(workshop)
    assert "project = 2" in toml and f'url = "{office.address}"' in toml
    assert secrets == f"# ours\nCENTRAL_EMAIL={NEW}\nCENTRAL_PASSWORD={ITS_PASSWORD}\n"
    assert stat.S_IMODE((workshop.root / "config" / "secrets.env").stat().st_mode) == 0o600
    client = workshop.client()
    assert all(
        secret not in client.get(page).text for page in ("/serveur", "/reglages") for secret in (NEW, ITS_PASSWORD)
    )
    noted = {change.keys for change in changes.changes(workshop.mission.desk)}
    assert noted == {("CENTRAL_EMAIL", "CENTRAL_PASSWORD"), ("server.project",)}
    kept = workshop.mission.workspace.earlier_files.folder
    assert not any(ITS_PASSWORD.encode() in path.read_bytes() for path in kept.rglob("*") if path.is_file())


def test_another_project_of_the_server_needs_no_password_again(on_central: ON_CENTRAL) -> None:
    workshop, office = on_central
    office.add_project("Mission B")
    secrets = _files(workshop)[1]
    assert _sent(workshop, _given(office, project="2"))[0] == 302
    assert "project = 2" in _files(workshop)[0] and _files(workshop)[1] == secrets


def test_what_the_server_does_not_know_is_kept_only_when_that_is_ticked(on_central: ON_CENTRAL) -> None:
    workshop, office = on_central
    before = _files(workshop)
    for wrong in ({"project": "99"}, {"email": NEW, "password": "x"}, {"password": "faux"}):
        status, text = _sent(workshop, _given(office, **wrong))
        assert status == 200 and 'name="despite"' in text, wrong
        assert _files(workshop) == before, wrong
    assert _sent(workshop, _given(office, project="99", despite="on"))[0] == 302
    assert "project = 99" in _files(workshop)[0]


def test_the_account_goes_to_no_other_address(on_central: ON_CENTRAL) -> None:
    workshop, office = on_central
    before = _files(workshop)
    for more in (
        {"url": "https://central.example.org"},
        {"url": "https://central.example.org", "password": "p"},  # the e-mail address is missing
        {"url": "http://192.0.2.7", "email": ADMIN, "password": "p"},  # would be seen on the way
        {"url": "no address", "email": ADMIN, "password": "p"},
        {"project": "zéro"},
        {"password": " p"},
    ):
        status, text = _sent(workshop, _given(office, **more))
        assert status == 200 and 'role="alert"' in text, more
        assert _files(workshop) == before, more
    assert _sent(workshop, _given(office, kind="kobotoolbox"))[0] == 400
    moved = {"url": "https://127.0.0.1:9", "email": NEW, "password": "à elle", "despite": "on"}
    assert _sent(workshop, _given(office, **moved))[0] == 302
    assert PASSWORD not in _files(workshop)[1] and ADMIN not in _files(workshop)[1]


def test_an_account_of_the_environment_is_not_changed_here(on_central: ON_CENTRAL) -> None:
    workshop, office = on_central
    workshop.environ["CENTRAL_PASSWORD"] = PASSWORD
    status, text = _sent(workshop, _given(office, password="autre"))
    assert status == 200 and 'role="alert"' in text and PASSWORD not in text


def test_the_forms_of_the_project_are_listed_and_adopted(on_central: ON_CENTRAL) -> None:
    workshop, _ = on_central
    for name in ("personnes.md", "visites.md"):
        (workshop.root / "forms" / name).unlink()
    path = workshop.root / "config" / "mission.toml"
    text = path.read_text("utf-8")
    path.write_text(text[: text.index("[forms.personnes]")] + "[forms]\n\n" + text[text.index("[server]") :], "utf-8")
    client = workshop.client()
    assert "Personnes" in client.get("/serveur/projets").text
    post(client, "/serveur/projets/adopter", "/serveur/projets", uid="personnes")
    workshop.carry_out_all()
    run = runs.last_runs(workshop.mission.desk, 1)[0]
    assert (run.job, run.status) == ("adopt", "done"), run.report
    text = client.get("/serveur/projets").text
    assert "ici comme personnes" in text and "sûr à 95" in text


def test_the_page_of_phones_shows_each_ones_zone_and_tells_of_those_without(on_central: ON_CENTRAL) -> None:
    workshop, office = on_central
    office.phone("tablette-1").properties["zone"] = "nord"
    office.phone("tablette-2")
    assert (
        "Zone" in workshop.client().get("/telephones").text
        and "liste vide" not in workshop.client().get("/telephones").text
    )
    path = workshop.root / "config" / "mission.toml"
    text = path.read_text("utf-8").replace("[roster]\n", "[roster]\nentities = true\nby_zone = true\n")
    path.write_text(text, "utf-8")
    page = workshop.client().get("/telephones").text
    first, second = page[page.index("tablette-1") : page.index("tablette-2")], page[page.index("tablette-2") :]
    assert "<bdi>Nord" in first and "liste vide" not in first
    assert "liste vide" in second
