"""Mails, to a real SMTP server with TLS: once per event, tried again when it is away, never a name in them."""

from __future__ import annotations

import email
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from conftest import Field

from kobo_sync.desk import notices, runs
from kobo_sync.desk.runs import Order
from kobo_sync.language.speaking import Code, speaking
from kobo_sync.mission.mission import Mission
from kobo_sync.mission.run_log import recorded
from kobo_sync.model import Finding
from kobo_sync.notices.messages import after_run, digest_notice, send_waiting
from kobo_sync.steps.analyse import analyse
from kobo_sync.steps.digest import _held, digest
from kobo_sync.steps.run import run
from kobo_sync.store.database import Holding


@dataclass
class Inbox:
    """What the server took, and whom it lets in."""

    mails: list[Message] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    is_full: bool = False

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.is_full:
            return "452 try later"
        self.mails.append(email.message_from_bytes(envelope.content))
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 taken"

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"sync", b"canary-password"), handled=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    pem, key = folder / "ca.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(pem)]
    subprocess.run(command, check=True, capture_output=True)
    return pem, key


def _free_port() -> int:
    with socket.create_server(("localhost", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture
def inbox(certificate: tuple[Path, Path]) -> Iterator[tuple[Inbox, int]]:
    pem, key = certificate
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem, key)
    box = Inbox()
    controller = Controller(
        box,
        hostname="localhost",
        port=_free_port(),
        tls_context=context,
        require_starttls=True,
        authenticator=box.authenticate,
        auth_required=True,
    )
    controller.start()
    yield box, controller.port
    controller.stop()


@pytest.fixture
def told(field_team: Field, inbox: tuple[Inbox, int], certificate: tuple[Path, Path]) -> Field:
    """The small mission with a mail server."""
    root = field_team.mission.workspace.root
    path = root / "config" / "mission.toml"
    text = f"""
[deliverables]
zone = ["data_quality", "attendance_list"]
[service]
public_url = "https://sync.example.org"
[notices]
staff = ["equipe@example.org"]
deliverables_to = ["programme@example.org"]
deliverables_cc = ["finances@example.org"]
[notices.smtp]
host = "localhost"
port = {inbox[1]}
username = "sync"
sender = "sync@example.org"
ca_file = "ca.pem"
"""
    path.write_text(path.read_text("utf-8") + text, "utf-8")
    (root / "ca.pem").write_bytes(certificate[0].read_bytes())
    secrets = root / "config" / "secrets.env"
    secrets.write_text("SMTP_PASSWORD=canary-password\n", "utf-8")
    secrets.chmod(0o600)
    zones = root / "config" / "zones.csv"
    zones.write_text("code,label_fr,training_on\nnord,Nord,2025-02-11\nsud,Sud,2025-02-12\n", "utf-8")
    return field_team


FAILURE = {
    "error": "GET https://kf.example.org/api answered 502: the server cannot answer now (an HTML page)",
    "hint": "check the address, the network and that the server is up",
}


def _fail(mission: Mission, now: Any) -> None:
    run_id = runs.start_run(mission.desk, "pull", Order(), now, "here", 1)
    runs.end_run(mission.desk, run_id, now, "failed", FAILURE)
    after_run(mission, "pull", now)


def _text(mail: Message) -> str:
    part = next(part for part in mail.walk() if part.get_content_type() == "text/plain")
    return part.get_payload(decode=True).decode()  # type: ignore[union-attr]


def _subject(mail: Message) -> str:
    return str(email.header.make_header(email.header.decode_header(mail["Subject"])))


def test_a_job_that_failed_twice_is_told_once_until_it_works_again(told: Field, inbox: tuple[Inbox, int]) -> None:
    mission, now = told.reopen(), told.clock()
    for expected in (0, 1, 1, 1):
        _fail(mission, now)
        send_waiting(mission, now)
        assert len(inbox[0].mails) == expected
    # Part 8, B31: mails are French throughout, errors and cures too.
    text = _text(inbox[0].mails[0]).replace("\u00a0", " ")
    assert "Ce qui s’est passé : GET https://kf.example.org/api : réponse 502 : le serveur ne peut pas répondre" in text
    assert "Remède : vérifier l’adresse, le réseau, et que le serveur est en marche" in text
    assert "(une page HTML)" in text and "échec" in _subject(inbox[0].mails[0])
    well = runs.start_run(mission.desk, "pull", Order(), now, "here", 1)
    runs.end_run(mission.desk, well, now, "done", {})
    after_run(mission, "pull", now)
    for _ in range(2):
        _fail(mission, now)
    assert send_waiting(mission, now) == 1 and len(inbox[0].mails) == 2


def test_a_mail_server_that_is_away_is_tried_again_and_the_mail_comes_once(
    told: Field, inbox: tuple[Inbox, int]
) -> None:
    mission, now = told.reopen(), told.clock()
    inbox[0].is_full = True
    for _ in range(2):
        _fail(mission, now)
    assert send_waiting(mission, now) == 0 and send_waiting(mission, now) == 0
    (notice,) = notices.last_notices(mission.desk)
    assert notice.n_tries == 1 and "does not take" in notice.error and "canary" not in notice.error
    inbox[0].is_full = False
    assert send_waiting(mission, now + timedelta(seconds=30)) == 0
    assert send_waiting(mission, now + timedelta(minutes=2)) == 1
    assert send_waiting(mission, now + timedelta(days=3)) == 0 and len(inbox[0].mails) == 1


def test_a_wrong_password_is_said_without_it(told: Field, inbox: tuple[Inbox, int]) -> None:
    secrets = told.mission.workspace.root / "config" / "secrets.env"
    secrets.write_text("SMTP_PASSWORD=canary-wrong\n", "utf-8")
    mission, now = told.reopen(), told.clock()
    for _ in range(2):
        _fail(mission, now)
    assert send_waiting(mission, now) == 0 and inbox[0].mails == []
    (notice,) = notices.last_notices(mission.desk)
    assert "SMTP_PASSWORD" in notice.error and "canary" not in notice.error


def test_a_certificate_of_nobody_is_not_trusted(told: Field, inbox: tuple[Inbox, int]) -> None:
    path = told.mission.workspace.root / "config" / "mission.toml"
    path.write_text(path.read_text("utf-8").replace('ca_file = "ca.pem"\n', ""), "utf-8")
    mission, now = told.reopen(), told.clock()
    for _ in range(2):
        _fail(mission, now)
    assert send_waiting(mission, now) == 0 and inbox[0].mails == []


def test_a_gap_is_told_once_a_day(told: Field, inbox: tuple[Inbox, int]) -> None:
    mission, now = told.reopen(), told.clock()

    def act(opened: Mission) -> Any:
        finding = Finding(
            "PULL004", "error", "visites", "the server holds 9 submissions, the mirror 8", "", form_id="visites"
        )
        return opened.report("pull", now, {}, [finding], [])

    for hours in (0, 1, 25):
        recorded(told.reopen(), "pull", act)
        after_run(mission, "pull", now + timedelta(hours=hours))
        send_waiting(mission, now + timedelta(hours=hours))
    assert [_subject(mail) for mail in inbox[0].mails] == ["Données incomplètes : Visites"] * 2
    text = _text(inbox[0].mails[0]).replace("\u00a0", " ")
    assert "- Comptes différents du serveur (PULL004) : le serveur a 9 soumissions, la copie d’ici 8\r\n" in text
    assert "pour le formulaire « Visites » :" in text


def test_a_quota_in_danger_then_reached_on_the_training_day(told: Field, inbox: tuple[Inbox, int]) -> None:
    settings = told.mission.workspace.root / "config" / "mission.toml"
    text = settings.read_text("utf-8")
    settings.write_text(text.replace("[forms.visites]\n", '[forms.visites]\nrole = "attendance"\n'), "utf-8")
    mission = told.reopen()
    analyse(mission)
    for hour in (8, 9, 10):  # 9, 10, 11 by Morocco's clock of 2025
        after_run(mission, "pull", told.clock().replace(hour=hour))
    assert [notice.subject for notice in notices.last_notices(mission.desk)] == ["Nord : quota en danger (0 / 3)"]
    snapshot = mission.desk.snapshot("dashboard")
    assert snapshot is not None
    snapshot[0]["zones"][0] |= {"n_present": 3}
    mission.desk.put_snapshot("dashboard", snapshot[0], "x", told.clock())
    for _ in range(2):
        after_run(mission, "pull", told.clock().replace(hour=12))
    assert send_waiting(mission, told.clock().replace(hour=12)) == 2
    assert {_subject(mail) for mail in inbox[0].mails} == {
        "Nord : quota en danger (0 / 3)",
        "Nord : quota atteint (3 / 3)",
    }
    assert any(": aucune personne présente pour un quota de 3." in _text(mail) for mail in inbox[0].mails)


def test_deliverables_ready_are_told_with_a_link_once_and_no_name(told: Field, inbox: tuple[Inbox, int]) -> None:
    told.person("N1", nom="CANARI")
    mission = told.reopen()
    recorded(mission, "run", run)
    for _ in range(2):
        after_run(mission, "run", told.clock())
    send_waiting(mission, told.clock())
    (mail,) = inbox[0].mails
    assert inbox[0].recipients == [["programme@example.org", "finances@example.org"]]
    assert mail["Cc"] == "finances@example.org" and "https://sync.example.org/livrables" in _text(mail)
    assert "CANARI" not in mail.as_string() and not mail.is_multipart()


def test_attached_bundles_hold_no_nominative_file(told: Field, inbox: tuple[Inbox, int]) -> None:
    path = told.mission.workspace.root / "config" / "mission.toml"
    path.write_text(path.read_text("utf-8").replace("[notices]\n", "[notices]\nattach = true\n"), "utf-8")
    told.person("N1", nom="CANARI")
    mission = told.reopen()
    recorded(mission, "run", run)
    after_run(mission, "run", told.clock())
    send_waiting(mission, told.clock())
    (mail,) = inbox[0].mails
    names = [part.get_filename() for part in mail.walk() if part.get_filename()]
    assert names == ["nord.zip", "sud.zip"]


def test_rows_of_people_are_mailed_only_where_the_config_says_so(told: Field, inbox: tuple[Inbox, int]) -> None:
    """Part 7, A4: who gets a mail has no account either. The other zips are attached, of these the mail gives the link."""
    path = told.mission.workspace.root / "config" / "mission.toml"
    text = path.read_text("utf-8").replace("[notices]\n", "[notices]\nattach = true\n")
    text = text.replace('"attendance_list"]', '"attendance_list", "data_workbook"]\nmission = ["final_report"]')
    path.write_text(text, "utf-8")
    told.person("N1")
    mission = told.reopen()
    recorded(mission, "run", run)
    after_run(mission, "run", told.clock())
    send_waiting(mission, told.clock())
    (mail,) = inbox[0].mails
    assert [part.get_filename() for part in mail.walk() if part.get_filename()] == ["mission.zip"]
    assert "https://sync.example.org/livrables" in _text(
        next(part for part in mail.walk() if part.get_content_type() == "text/plain")
    )
    path.write_text(f"{text}\n[privacy]\nshare_pseudonymised = true\n", "utf-8")
    mission = told.reopen()
    told.person("N2")
    recorded(mission, "run", run)
    after_run(mission, "run", told.clock())
    send_waiting(mission, told.clock())
    names = [part.get_filename() for part in inbox[0].mails[-1].walk() if part.get_filename()]
    assert names == ["mission.zip", "nord.zip", "sud.zip"]


def test_the_week_is_told_once(told: Field, inbox: tuple[Inbox, int]) -> None:
    mission = told.reopen()
    assert digest(mission).counts == {"raised": 1} and digest(mission).counts == {"raised": 0}
    send_waiting(mission, told.clock())
    (mail,) = inbox[0].mails
    assert "Bilan de la semaine 7" in _subject(mail) and "- Visites : jamais relevé" in _text(mail)


@pytest.mark.parametrize(
    ("here", "there", "missing", "words"),
    [
        (0, 0, 0, "aucune soumission ici, autant sur le serveur, aucun fichier manquant"),
        (1, 1, 1, "1 soumission ici, autant sur le serveur, 1 fichier manquant"),
        (2, 3, 2, "2 soumissions ici, 3 sur le serveur, 2 fichiers manquants"),
        (5, None, 0, "jamais relevé"),
    ],
)
def test_the_week_counts_in_words(here: int, there: int | None, missing: int, words: str) -> None:
    """Part 8, B31: plural forms at nothing, one and two."""
    assert _held(Holding("x", here, 0, missing, missing, 0, there, None, None)) == words


def test_lines_of_an_arabic_mail_run_from_the_right_also_those_that_begin_with_a_latin_name(field_team: Field) -> None:
    lines = ["Nord: 0 / 3", "", "الجنوب: 2 / 3"]
    marks: dict[Code, str] = {"ar": "\u200f", "fr": ""}
    for code, mark in marks.items():
        with speaking(code):
            told = digest_notice(field_team.mission, lines, date(2025, 2, 14)).body.split("\n")
        assert told[:4] == [f"{mark}Nord: 0 / 3", "", f"{mark}الجنوب: 2 / 3", ""] and told[4] == "-- "


def test_without_a_mail_server_nothing_is_raised(field_team: Field) -> None:
    mission = field_team.reopen()
    for _ in range(3):
        _fail(mission, field_team.clock())
    assert list(notices.last_notices(mission.desk)) == []
