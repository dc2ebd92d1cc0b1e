"""The same scenes on a real KoboToolbox, named by KOBO_LIVE_…: both kinds of pull, a new mirror, and what plain requests say.

KOBO_LIVE_KF, KOBO_LIVE_KC: the two addresses. KOBO_LIVE_USER, KOBO_LIVE_PASSWORD, KOBO_LIVE_TOKEN: an account that may
make projects; they are deleted afterwards. KOBO_LIVE_READER, KOBO_LIVE_READER_TOKEN: another account.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
import requests
from conftest import MISSION, Clock, Field, write_workspace
from mirror_scenes import ANYWHERE, Scene, Steps
from mirror_truth import fresh_state, mirror_state, server_state

from kobo_sync.mission.mission import Mission
from kobo_sync.model import Report
from kobo_sync.phones.collect import Phone
from kobo_sync.station import Station
from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.pull import pull
from kobo_sync.workspace.folders import Workspace

NAMES = ("KF", "KC", "USER", "PASSWORD", "TOKEN", "READER", "READER_TOKEN")
SETTINGS = {name: os.environ.get(f"KOBO_LIVE_{name}", "") for name in NAMES}

if not all(SETTINGS.values()):
    pytest.skip("no real KoboToolbox is named by KOBO_LIVE_…", allow_module_level=True)
pytestmark = pytest.mark.live


class RealClock(Clock):
    """The server's time passes by itself."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)

    def forward(self, **by: float) -> None:
        """Nobody can move it."""


@contextmanager
def live_field(folder: Path) -> Iterator[Field]:
    """The small mission as projects of their own on the real server; rows are read again only where something says so."""
    code = f"essai-{uuid.uuid4().hex[:12]}"
    text = MISSION.replace('code = "essai"', f'code = "{code}"') + "\n[pull]\noverlap_minutes = 0\n"
    workspace, clock = write_workspace(folder / "mission", text), RealClock()
    server, opened = (SETTINGS["KF"], SETTINGS["KC"]), []

    def reopen() -> Mission:
        opened.append(Mission(workspace, {"KOBO_TOKEN": SETTINGS["TOKEN"]}, clock, server=server))
        return opened[-1]

    phone = Phone(SETTINGS["KC"], SETTINGS["USER"], SETTINGS["PASSWORD"])
    mission = reopen()
    deploy(mission)
    field = Field(
        mission,
        cast(Station, None),
        SETTINGS["KF"],
        clock,
        phone,
        reopen,
        lambda: str(uuid.uuid4()),
        kc=SETTINGS["KC"],
        token=SETTINGS["TOKEN"],
        reader=(SETTINGS["READER"], SETTINGS["READER_TOKEN"]),
    )
    try:
        yield field
    finally:
        for deployment in reopen().store.deployments().values():
            for token in (SETTINGS["TOKEN"], SETTINGS["READER_TOKEN"]):  # whoever owns it now
                _asked("DELETE", f"{SETTINGS['KF']}/api/v2/assets/{deployment.asset_uid}/", token=token)
        phone.close()
        for each in opened:
            each.close()


def _asked(method: str, url: str, *, token: str = "", **said: object) -> requests.Response:
    headers = {"Authorization": f"Token {token or SETTINGS['TOKEN']}", "Accept": "application/json"}
    how = {"params" if method == "GET" else "json": said}
    return requests.request(method, url, headers=headers, timeout=120, **how)  # type: ignore[arg-type]


def plain_rows(field: Field, form_id: str) -> dict[str, object]:
    """Every row as plain requests get it, by offset and in the server's own order: no code of the product."""
    rows: dict[str, object] = {}
    start = 0
    while True:
        answer = _asked("GET", f"{field.url}/api/v2/assets/{field.uid(form_id)}/data/", start=start, limit=3)
        answer.raise_for_status()
        page = answer.json()
        rows |= {row["meta/rootUuid"].removeprefix("uuid:"): row for row in page["results"]}
        start += len(page["results"])
        if not page["results"]:
            assert start == page["count"]
            return rows


def ownership_passes(scene: Scene) -> Steps:
    """The project goes to another account and its rows are keyed and moved by the server's own tasks."""
    field, uid = scene.field, scene.field.uid("visites")
    scene.visit(photo="a.png", files={"a.png": (b"\x89PNG\r\n\x1a\nabc", "image/png")})
    scene.visit()
    yield ""
    kf, to = f"{field.url}/api/v2", SETTINGS["READER"]
    invite = _asked("POST", f"{kf}/project-ownership/invites/", recipient=f"{kf}/users/{to}/", assets=[uid]).json()
    _asked("PATCH", invite["url"], token=SETTINGS["READER_TOKEN"], status="accepted").raise_for_status()
    yield "some"
    while _asked("GET", invite["url"]).json()["status"] not in ("complete", "failed"):
        time.sleep(1)  # the server's own tasks
    yield "blind"
    scene.visit()
    yield ""


LIVE: tuple[Callable[[Scene], Steps], ...] = (*ANYWHERE, ownership_passes)


def _pulled(scene: Scene, workspace: Workspace, *, quick: bool) -> tuple[Report, dict[str, object]]:
    server = (scene.field.url, scene.field.kc)
    token = scene.token or scene.field.token
    mission = Mission(workspace, {"KOBO_TOKEN": token}, scene.field.clock, server=server)
    try:
        return pull(mission, quick=quick), dict(mirror_state(mission))
    finally:
        mission.close()


@pytest.mark.parametrize("scene_of", LIVE, ids=lambda scene_of: scene_of.__name__)
def test_a_real_server_is_followed(scene_of: Callable[[Scene], Steps], tmp_path: Path) -> None:
    with live_field(tmp_path) as field:
        scene = Scene(field)
        own = field.mission.workspace
        beside = Workspace(own.root, tmp_path / "quick", tmp_path / "quick" / "out")
        before: dict[str, object] | None = None
        for at, asks in enumerate(scene_of(scene)):
            quick_report, quick = _pulled(scene, beside, quick=asks == "")
            scene.report, held = _pulled(scene, own, quick=False)
            assert quick == held, f"step {at}: the quick pull differs"
            if asks == "held":
                assert held == before
            if asks in ("held", "some"):
                continue
            assert held == server_state(field, field.mission)
            for form_id in field.mission.forms:
                assert held[form_id]["rows"] == plain_rows(field, form_id)  # type: ignore[index]
            assert fresh_state(field, tmp_path / f"fresh{at}") == held
            for report in (quick_report, scene.report):
                assert "PULL004" not in {finding.rule for finding in report.findings}
            before = held
