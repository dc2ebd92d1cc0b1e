"""Whatever happens on the server, the mirror says the same after the next pull, row by row, and so does a new one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Field
from mirror_scenes import ANYWHERE, INSIDE, Scene, Steps
from mirror_truth import fresh_state, mirror_state, server_state

from kobo_sync.mission.mission import Mission
from kobo_sync.model import Report
from kobo_sync.steps.pull import pull


def _pull(s: Scene, *, quick: bool) -> Report:
    if not s.token:
        return pull(s.field.mission, quick=quick)
    server = (s.field.url, s.field.url)
    reader = Mission(s.field.mission.workspace, {"KOBO_TOKEN": s.token}, s.field.clock, server=server)
    try:
        return pull(reader, quick=quick)
    finally:
        reader.close()


@pytest.mark.parametrize("quick", [False, True], ids=["complete", "quick"])
@pytest.mark.parametrize("scenario", (*ANYWHERE, *INSIDE), ids=lambda scenario: scenario.__name__)
def test_the_mirror_follows(field_team: Field, scenario: Callable[[Scene], Steps], quick: bool, tmp_path: Path) -> None:
    scene = Scene(field_team)
    before = None
    for at, asks in enumerate(scenario(scene)):
        field_team.clock.forward(minutes=5)
        scene.report = _pull(scene, quick=quick and asks == "")
        held = mirror_state(field_team.mission)
        if asks == "held":
            assert held == before
        if asks in ("held", "some"):
            continue
        truth = server_state(field_team, field_team.mission)
        assert held == truth
        assert fresh_state(field_team, tmp_path / f"fresh{at}") == held
        assert "PULL004" not in {finding.rule for finding in scene.report.findings}
        before = held
    if not scene.token:
        report = pull(field_team.mission, full=True)
        assert mirror_state(field_team.mission) == before
        assert not report.counts.get("edited") and not report.counts.get("new")
