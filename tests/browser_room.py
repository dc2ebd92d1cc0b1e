"""A station in a room, for browsers: forms deployed on it, enumerators, a PIN, and a network that can be taken away."""

from __future__ import annotations

import hashlib
import hmac
import io
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from itertools import count
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import requests
import xlsxwriter
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from kobo_sync.mission.mission import Mission
from kobo_sync.phones.drawing import photo_jpeg
from kobo_sync.serving import Listening
from kobo_sync.station import Account, Station, serve
from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.roster import import_roster
from kobo_sync.workspace.folders import Workspace

if TYPE_CHECKING:
    from conftest import Clock

REPO = Path(__file__).parent.parent
TOKEN = "t" * 40
Open = Callable[..., Page]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--disable-quic"]
SIZES: dict[str, dict[str, Any]] = {
    "small": {"viewport": {"width": 320, "height": 640}},
    "phone": {"viewport": {"width": 375, "height": 800}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2,
              "user_agent": "Mozilla/5.0 (Linux; Android 11; Pixel 5) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/90.0 Mobile"},
    "desktop": {"viewport": {"width": 1280, "height": 900}},
}  # fmt: skip
PIN = "482913"
PASSWORD = "une phrase assez longue"
PEOPLE = [
    {"code": f"BER-0{n}", "nom": name, "prenom": first, "zone": "bertat", "groupe": "osc_ed", "sexe": sex}
    for n, (name, first, sex) in enumerate(
        [("Ait Said", "Fatima", "f"), ("Ouali", "Brahim", "h"), ("Alaoui", "Khadija", "f")], 1
    )
]


@dataclass
class Room:
    """A station that listens at *url*, until it is taken away."""

    folder: Path
    station: Station
    clock: Clock
    port: int = 0
    mission: Mission | None = None
    listening: Listening | None = None
    uids: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def away(self) -> None:
        """The laptop is closed, or out of reach."""
        assert self.listening is not None
        self.listening.stop()
        self.listening = None

    def back(self) -> None:
        self.listening = serve(self.station, port=self.port)
        self.port = self.listening.port

    def api(self, method: str, path: str, **more: Any) -> requests.Response:
        headers = {"Authorization": f"Token {TOKEN}"}
        return requests.request(method, f"{self.url}/api/v2/assets/{path}", headers=headers, timeout=30, **more)

    def rows(self, uid: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.api("GET", f"{uid}/data/").json()["results"]
        return rows

    def file_of(self, row: Mapping[str, Any], name: str) -> bytes:
        (url,) = [each["download_url"] for each in row["_attachments"] if each["media_file_basename"] == name]
        return requests.get(url, headers={"Authorization": f"Token {TOKEN}"}, timeout=30).content

    def publish(self, content: bytes, media: Mapping[str, bytes] | None = None) -> str:
        """Deploy a workbook by the API; its asset's uid."""
        headers = {"Authorization": f"Token {TOKEN}"}
        sent = requests.post(
            f"{self.url}/api/v2/imports/",
            headers=headers,
            data={"name": "e.xlsx", "library": "false"},
            files={"file": ("e.xlsx", content)},
            timeout=30,
        )
        uid: str = requests.get(sent.json()["url"], headers=headers, timeout=30).json()["messages"]["created"][0]["uid"]
        for name, data in (media or {}).items():
            self.put_media(uid, name, data)
        deployed = self.api("POST", f"{uid}/deployment/", json={"active": True})
        assert deployed.status_code == 200, deployed.text
        return uid

    def put_media(self, uid: str, name: str, content: bytes) -> None:
        data = {"description": "default", "metadata": f'{{"filename": "{name}"}}', "file_type": "form_media"}
        answer = self.api("POST", f"{uid}/files/", data=data, files={"content": (name, content)})
        assert answer.status_code == 201, answer.text


def book(survey: Sequence[Mapping[str, str]], choices: Sequence[Mapping[str, str]] = (), **settings: str) -> bytes:
    """An XLSForm of these rows."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as workbook:
        for name, rows in (
            ("survey", survey),
            ("choices", choices),
            ("settings", [{"form_title": "Essai", **settings}]),
        ):
            sheet = workbook.add_worksheet(name)
            header = list(dict.fromkeys(key for row in rows for key in row))
            for n, row in enumerate([dict(zip(header, header, strict=True)), *rows]):
                for m, key in enumerate(header):
                    sheet.write_string(n, m, row.get(key, ""))
    return target.getvalue()


@contextmanager
def room_in(folder: Path, **options: Any) -> Iterator[Room]:
    """A station with the accounts of two enumerators and an administrator, and no form."""
    from conftest import Clock

    clock, uids, uuids = Clock(), count(1), count(1)
    station = new_station(folder, clock, lambda: next(uids), lambda: next(uuids), **options)
    room = Room(folder, station, clock)
    room.back()
    try:
        yield room
    finally:
        if room.mission:
            room.mission.close()
        if room.listening:
            room.listening.stop()
        room.station.close()


def new_station(folder: Path, clock: Clock, uid: Callable[[], int], uuid: Callable[[], int], **options: Any) -> Station:
    accounts = [
        Account("maha", PASSWORD, TOKEN),
        Account("chef", PASSWORD, "c" * 40, is_superuser=True),
        Account("fatima", PASSWORD),
        Account("brahim", f"{PASSWORD} aussi"),
    ]
    return Station(
        folder / "station.sqlite",
        accounts=accounts,
        clock=clock,
        new_uid=lambda prefix: f"{prefix}{uid():0{22 - len(prefix)}}",
        new_uuid=lambda: f"11111111-1111-4111-8111-{uuid():012}",
        **{"event_pin": PIN, **options},
    )


@contextmanager
def mission_room(folder: Path) -> Iterator[Room]:
    """A station with this repository's own mission deployed on it, and a roster."""
    root = folder / "mission"
    for name in ("config", "forms"):
        shutil.copytree(REPO / name, root / name)
    with xlsxwriter.Workbook(folder / "liste.xlsx") as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, list(PEOPLE[0]))
        for n, person in enumerate(PEOPLE, 1):
            sheet.write_row(n, 0, list(person.values()))
    with room_in(folder) as room:
        workspace = Workspace(root, root / ".kobo_sync", root / "exports" / "out")
        room.mission = Mission(workspace, {"KOBO_TOKEN": TOKEN}, room.clock, server=(room.url, room.url))
        taken = import_roster(room.mission, folder / "liste.xlsx")
        assert taken.counts == {"imported": len(PEOPLE)}, taken.findings
        deploy(room.mission)
        room.uids = {form_id: each.asset_uid for form_id, each in room.mission.store.deployments().items()}
        yield room


def enter(page: Page, url: str, *, pin: str = PIN, account: tuple[str, str] | None = None, lang: str = "fr") -> None:
    """Sign in on the first page."""
    page.goto(f"{url}/f/?lang={lang}")
    page.wait_for_selector("#secret")
    if account:
        page.click("form.signin button.plain")
        page.fill("#username", account[0])
    page.fill("#secret", account[1] if account else pin)
    page.press("#secret", "Enter")
    page.wait_for_selector("ul.forms, section.card:not(:has(form))")


def signed_in(context: BrowserContext, room: Room, username: str = "") -> None:
    """A session without the page: its cookie put in *context*."""
    secret = {"": PIN, "fatima": PASSWORD, "brahim": f"{PASSWORD} aussi", "maha": PASSWORD, "chef": PASSWORD}[username]
    context.add_cookies(
        [{"name": "kobo_sync_session", "value": cookie(room, username, secret), "url": f"{room.url}/f/"}]
    )


def cookie(room: Room, username: str, secret: str) -> str:
    challenge = requests.get(f"{room.url}/f/-/challenge", timeout=20).json()["challenge"]
    proof = hmac.new(secret.encode(), f"{username}:{challenge}".encode(), hashlib.sha256).hexdigest()
    answer = requests.post(
        f"{room.url}/f/-/sign-in",
        json={"username": username, "challenge": challenge, "proof": proof},
        headers={"X-Kobo-Sync": "browser"},
        timeout=20,
    )
    assert answer.status_code == 204, answer.status_code
    return answer.cookies["kobo_sync_session"]


def is_sent(page: Page, n: int) -> None:
    """Waits until the page says that *n* forms went and none waits."""
    page.wait_for_selector(f"footer:has([data-sent='{n}']):has([data-waiting='0'])")


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    if not CHROMIUM:
        pytest.skip("Chromium is not installed (Debian: apt install chromium)")
    with sync_playwright() as made:
        yield made


def _until_loaded(act: Callable[..., None]) -> Callable[..., None]:
    """A click or a key that waits until the page that it led to has its style sheets: Chromium measures it without, until then."""

    @wraps(act)
    def acted(page: Page, selector: str, *arguments: Any, **options: Any) -> None:
        act(page, selector, *arguments, **options)
        page.wait_for_load_state()

    return acted


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    opened = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Page, "click", _until_loaded(Page.click))
        patch.setattr(Page, "press", _until_loaded(Page.press))
        yield opened
    opened.close()


@pytest.fixture(scope="session")
def mission(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """The mission's seven forms, with a roster."""
    with mission_room(tmp_path_factory.mktemp("salle")) as made:
        yield made


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    """A station of its own, without forms."""
    with room_in(tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "été, صورة.jpg"
    path.write_bytes(photo_jpeg(Random(1), (2000, 1500)))
    return path


@pytest.fixture
def open_form(chromium: Browser) -> Iterator[Open]:
    """Opens a form in a context of its own, signed in; the page's errors fail the test."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def opened(
        room: Room, form: str = "", *, size: str = "desktop", lang: str = "fr", username: str = "", **more: Any
    ) -> Page:
        context = chromium.new_context(**SIZES[size], **more)
        contexts.append(context)
        signed_in(context, room, username)
        page = context.new_page()
        page.set_default_timeout(15000)
        page.on("pageerror", lambda error: faults.append(error.message))
        page.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
        page.goto(f"{room.url}/f/{form}?lang={lang}")
        if form:
            page.wait_for_selector("body[data-ready], main [role=alert], section.card")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []
