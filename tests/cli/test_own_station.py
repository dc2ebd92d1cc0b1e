"""A mission's own station: ready for phones at once, with accounts that last, and its forms without a deployment (part 9, 1)."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
import requests
from conftest import REPO, write_workspace
from requests.auth import HTTPDigestAuth

from kobo_sync.mission.mission import Mission
from kobo_sync.phones.collect import Phone
from kobo_sync.phones.simulate import Sample, draw_answers, instance_xml
from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.pull import pull
from kobo_sync.steps.relay import relay
from kobo_sync.workspace.folders import Workspace

KOBO_TOKEN = "k" * 40


@pytest.fixture
def mission(tmp_path: Path) -> Workspace:
    return write_workspace(tmp_path / "mission")


@pytest.fixture(scope="module")
def lone_station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(write_workspace(tmp_path_factory.mktemp("salle") / "mission").root) as (url, _):
        yield url


@contextmanager
def serving(folder: Path, *options: str, in_mission: bool = True, **environ: str) -> Iterator[tuple[str, list[str]]]:
    """A station in a process of its own: (address of its phones, what it printed until it was ready)."""
    words = [sys.executable, "-m", "kobo_sync", "station", *(["--workspace", str(folder)] if in_mission else []), "--port", "0", *options]  # fmt: skip
    env = {**os.environ, "PYTHONPATH": str(REPO), "KOBO_TOKEN": KOBO_TOKEN, **environ}
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=env, cwd=folder) as process:
        try:
            assert process.stderr is not None
            printed: list[str] = []
            for line in process.stderr:
                printed.append(line)
                if "this product:" in line:
                    break
            ready = next(line for line in printed if line.startswith("listening on "))
            yield ready.split()[2], printed
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()


def _accounts(state: Path) -> dict[str, Any]:
    accounts: dict[str, Any] = json.loads((state / "station-accounts.json").read_bytes())
    return accounts


def _phone(state: Path, user: str = "enqueteur1") -> HTTPDigestAuth:
    return HTTPDigestAuth(user, _accounts(state)["enumerators"][user]["password"])


def _until(holds: Callable[[], bool]) -> None:
    """Asks again until it holds; the suite's own time limit ends what never does."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_it_is_ready_for_phones_at_once_and_keeps_its_accounts(mission: Workspace) -> None:
    with serving(mission.root) as (url, printed):
        state = mission.state
        path = state / "station-accounts.json"
        accounts = _accounts(state)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600 and str(path) in "".join(printed)
        assert list(accounts["enumerators"]) == [f"enqueteur{n}" for n in range(1, 7)]
        secrets = [accounts["token"], accounts["pin"], *(each["password"] for each in accounts["enumerators"].values())]
        assert len(set(secrets)) == 8 and not any(secret in "".join(printed) for secret in secrets)
        listed = requests.get(f"{url}/formList", auth=_phone(state), timeout=20).text
        forms = dict(re.findall(r"<name>(.*?)</name>.*?<downloadUrl>(.*?)</downloadUrl>", listed, re.S))
        assert forms.keys() == {"Personnes", "Visites"}
        manifest = re.search(r"<manifestUrl>(.*?)</manifestUrl>", listed)
        assert manifest is not None
        named = requests.get(manifest[1], auth=_phone(state), timeout=20).text
        assert "zones.csv" in named
    with serving(mission.root, "--new-pin") as (url, _):
        again = _accounts(mission.state)
        assert again["pin"] != accounts["pin"] and {**again, "pin": ""} == {**accounts, "pin": ""}
        assert requests.get(f"{url}/formList", auth=_phone(mission.state), timeout=20).text.count("<xform>") == 2


def test_tokens_of_kobotoolbox_open_nothing_here_and_ours_nothing_there(mission: Workspace) -> None:
    with serving(mission.root) as (url, _):
        token = _accounts(mission.state)["token"]
        asked = requests.get(f"{url}/me/", headers={"Authorization": f"Token {token}"}, timeout=20)
        assert asked.status_code == 200
        for secret in (
            KOBO_TOKEN,
            _accounts(mission.state)["enumerators"]["enqueteur1"]["password"],
            _accounts(mission.state)["pin"],
        ):
            refused = requests.get(f"{url}/me/", headers={"Authorization": f"Token {secret}"}, timeout=20)
            assert refused.status_code == 401
        for user in ("administration", "enqueteur1"):
            auth = HTTPDigestAuth(user, KOBO_TOKEN)
            assert requests.get(f"{url}/formList", auth=auth, timeout=20).status_code == 401


def test_enumerators_of_the_list_have_accounts_of_their_own_and_who_leaves_has_none(mission: Workspace) -> None:
    people = mission.root / "config" / "enumerators.csv"
    people.write_text("user,name\nfatima,Fatima Z.\nmoha,Moha A.\n", "utf-8")
    with serving(mission.root) as (url, _):
        first = _accounts(mission.state)["enumerators"]
        assert first.keys() == {"fatima", "moha"} and first["fatima"]["name"] == "Fatima Z."
        assert requests.get(f"{url}/formList", auth=_phone(mission.state, "fatima"), timeout=20).status_code == 200
    people.write_text("user,name\nfatima,Fatima Z.\nitto,Itto\n", "utf-8")
    with serving(mission.root) as (url, _):
        second = _accounts(mission.state)["enumerators"]
        assert {user for user, each in second.items() if each.get("open", True)} == {"fatima", "itto"}
        assert second["fatima"] == first["fatima"]
        gone = HTTPDigestAuth("moha", first["moha"]["password"])
        assert requests.get(f"{url}/formList", auth=gone, timeout=20).status_code == 401


@pytest.mark.parametrize(
    ("text", "told"),
    [("user,name\nfatima,F\nfatima,G\n", "row 3"), ("user,name\nفاطمة,F\n", "row 2"), ("name\nF\n", "user")],
)
def test_a_bad_list_of_enumerators_is_told_with_its_row(mission: Workspace, text: str, told: str) -> None:
    (mission.root / "config" / "enumerators.csv").write_text(text, "utf-8")
    words = [sys.executable, "-m", "kobo_sync", "station", "--workspace", str(mission.root), "--port", "0"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3 and told in done.stderr and "config/enumerators.csv" in done.stderr


def test_a_form_saved_while_it_serves_reaches_phones_and_one_at_fault_stops_nothing(mission: Workspace) -> None:
    with serving(mission.root) as (url, _):

        def names() -> set[str]:
            listed = requests.get(f"{url}/formList", auth=_phone(mission.state), timeout=20).text
            return set(re.findall(r"<name>(.*?)</name>", listed))

        form = mission.root / "forms" / "visites.md"
        good = form.read_text("utf-8")
        form.write_text(good.replace("| Visites ", "| Visites bis "), "utf-8")
        _until(lambda: names() == {"Personnes", "Visites bis"})
    form.write_text(good.replace("| text ", "| nothing_known "), "utf-8")
    with serving(mission.root) as (url, printed):
        assert "visites" in "".join(printed) and "1 of 2 forms" in "".join(printed)
        assert names() == {"Personnes", "Visites bis"}  # as it was before


def test_a_second_one_on_the_same_data_is_refused(mission: Workspace) -> None:
    with serving(mission.root):
        words = [sys.executable, "-m", "kobo_sync", "station", "--workspace", str(mission.root), "--port", "0"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 6 and "at work here already" in done.stderr


def test_without_a_mission_it_is_a_server_of_its_own(tmp_path: Path) -> None:
    with serving(tmp_path, "--data", "données", in_mission=False) as (url, printed):
        token = json.loads((tmp_path / "données" / "station-accounts.json").read_bytes())["token"]
        asked = requests.get(f"{url}/api/v2/assets/", headers={"Authorization": f"Token {token}"}, timeout=20)
        assert asked.status_code == 200 and "no mission here" in "".join(printed)
        assert requests.get(f"{url}/salle", timeout=20).status_code == 404
        phone = _phone(tmp_path / "données")
        assert requests.get(f"{url}/formList", auth=phone, timeout=20).status_code == 200
    with serving(tmp_path, in_mission=False):
        assert (tmp_path / "station" / "station.sqlite").is_file()


def test_what_a_room_received_is_relayed_to_a_server_of_its_own(mission: Workspace, tmp_path: Path) -> None:
    """The token of `--data` was a superuser's, who may not send: every row of a relay was refused."""
    with serving(tmp_path, "--data", "server", in_mission=False) as (url, _):
        path = mission.root / "config" / "mission.toml"
        path.write_text(path.read_text("utf-8").replace("http://127.0.0.1:1", url), "utf-8")
        opened = Mission(mission, {"KOBO_TOKEN": _accounts(tmp_path / "server")["token"]})
        deploy(opened, validate=False)
        pair = [sys.executable, "-m", "kobo_sync", "station", "pair", "--workspace", str(mission.root)]
        token = {"KOBO_TOKEN": opened.environ["KOBO_TOKEN"]}
        subprocess.run(
            pair, check=True, capture_output=True, timeout=120, env={**os.environ, "PYTHONPATH": str(REPO), **token}
        )
        with serving(mission.root) as (room, _):
            user, account = next(iter(_accounts(mission.state)["enumerators"].items()))
            phone = Phone(room, user, account["password"])
            _until(lambda: len(phone.forms()) == len(opened.forms))
            uid = opened.store.deployments()["personnes"].asset_uid
            offered = next(form for form in phone.forms() if form.asset_uid == uid)
            given = {"zone": "nord", "accord": "oui", "code": "NOR-01", "nom": "Awa", "groupe": "a"}
            answers = draw_answers(opened.forms["personnes"], Random(1), Sample(given))
            phone.send(instance_xml(phone.xform(offered), answers, instance_id=str(UUID(int=1))), {})
            phone.close()
        counts = relay(opened).counts
        assert (counts["relayed"], counts["refused"], counts["waiting"]) == (1, 0, 0)
        assert pull(opened).counts["new"] == 1
        opened.close()


def test_under_tls_phones_speak_tls_and_this_product_the_loop(mission: Workspace) -> None:
    with serving(mission.root, "--tls") as (url, printed):
        text = "".join(printed)
        fingerprint = re.search(r"SHA-256: ([0-9A-F:]{95})", text)
        assert url.startswith("https://127.0.0.1:") and fingerprint
        authority = mission.state / "station-tls" / "trusted.pem"
        pem = ssl.get_server_certificate(("127.0.0.1", int(url.rpartition(":")[2])))
        assert pem.startswith("-----BEGIN")
        with requests.Session() as session:
            session.trust_env, session.verify = False, False
            with pytest.warns(Warning):
                authority.write_bytes(session.get(f"{url}/certificate.crt", timeout=20).content)
            session.verify = str(authority)
            listed = session.get(f"{url}/formList", auth=_phone(mission.state), timeout=20)
            assert listed.status_code == 200 and "https://127.0.0.1" in listed.text
        port, token = (mission.state / "station.token").read_text("ascii").split()
        asked = requests.get(f"http://127.0.0.1:{port}/me/", headers={"Authorization": f"Token {token}"}, timeout=20)
        assert asked.status_code == 200 and f"http://127.0.0.1:{port}/salle" in text


def test_the_room_is_shown_to_this_machine(mission: Workspace) -> None:
    with serving(mission.root) as (url, _):
        assert "text/html" in requests.get(f"{url}/salle", timeout=20).headers["Content-Type"]
        _until(lambda: len(requests.get(f"{url}/salle/etat", timeout=20).json()["forms"]) == 2)
        state = requests.get(f"{url}/salle/etat", timeout=20)
        board = state.json()
        assert board["pin"] == _accounts(mission.state)["pin"]
        assert [join["text"] for join in board["joins"]][1:] == [f"{url}/f/personnes", f"{url}/f/visites"]
        picture = requests.get(f"{url}/salle/codes/{board['joins'][0]['code']}", timeout=20)
        assert picture.headers["Content-Type"] == "image/svg+xml"
        again = requests.get(f"{url}/salle/etat", headers={"If-None-Match": state.headers["ETag"]}, timeout=20)
        assert again.status_code == 304
        elsewhere = requests.get(f"{url}/salle", headers={"X-Forwarded-For": "192.168.1.4"}, timeout=20)
        assert elsewhere.status_code == 404


def test_a_station_on_all_addresses_serves_its_forms_and_its_screen(mission: Workspace) -> None:
    """Part 9, 1 and 6: asked at 0.0.0.0, its own API kept the token to itself, and no form was before the phones."""
    with serving(mission.root, "--host", "0.0.0.0") as (url, printed):
        text = "".join(printed)
        assert "2 of 2 forms are before the phones" in text and "STATION001" not in text
        port = url.rpartition(":")[2]
        assert f"http://127.0.0.1:{port}/salle" in text
        _until(lambda: requests.get(f"http://127.0.0.1:{port}/salle/etat", timeout=20).json()["forms"] != [])


@pytest.mark.parametrize("path", ["/salle", "/salle/etat"])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "192.168.1.10", "127.0.0.1.evil.example", "[1.2]", ""]
)
def test_a_page_whose_name_was_made_to_lead_here_does_not_see_the_screen(
    lone_station: str, path: str, host: str
) -> None:
    """Part 9, 8: a browser of this machine asks for whatever a page of another name says; the PIN is not for it."""
    assert requests.get(f"{lone_station}{path}", headers={"Host": host}, timeout=20).status_code in (400, 404)
    port = lone_station.rpartition(":")[2]
    for own in (f"127.0.0.1:{port}", f"localhost:{port}", "LOCALHOST", "[::1]:80"):
        answer = requests.get(f"{lone_station}{path}", headers={"Host": own}, timeout=20)
        assert answer.status_code == 200


def test_another_pin_asked_for_beside_a_station_at_work_changes_nothing(mission: Workspace) -> None:
    """Part 9, 1: the file had the new PIN, the station at work the old one."""
    with serving(mission.root):
        before = _accounts(mission.state)
        words = [sys.executable, "-m", "kobo_sync", "station", "--workspace", str(mission.root), "--new-pin"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 6 and _accounts(mission.state) == before


def test_an_enumerator_added_while_it_serves_signs_in(mission: Workspace) -> None:
    """Part 9, 1: without a new start; a list at fault lets everybody go on."""
    people = mission.root / "config" / "enumerators.csv"
    people.write_text("user,name\nfatima,Fatima Z.\n", "utf-8")
    with serving(mission.root) as (url, _):

        def signs_in(user: str) -> bool:
            return requests.get(f"{url}/formList", auth=_phone(mission.state, user), timeout=20).status_code == 200

        people.write_text("user\nfatima\nfatima\n", "utf-8")
        assert signs_in("fatima")
        people.write_text("user,name\nfatima,Fatima Z.\nitto,Itto\n", "utf-8")
        _until(lambda: "itto" in _accounts(mission.state)["enumerators"] and signs_in("itto"))
        assert signs_in("fatima")


def test_a_laptop_without_java_serves_what_the_rules_find_good(mission: Workspace, tmp_path: Path) -> None:
    """Part 9, 1: not one form was before the phones."""
    (tmp_path / "bin").mkdir()
    with serving(mission.root, PATH=str(tmp_path / "bin")) as (url, printed):
        assert "2 of 2 forms" in "".join(printed)
        assert requests.get(f"{url}/formList", auth=_phone(mission.state), timeout=20).text.count("<xform>") == 2
