"""The demo of missions unlike ours: a first zone of several days, a mission without zones."""

from __future__ import annotations

import json
from pathlib import Path

from conftest import ATTENDED, MISSION, write_workspace

from kobo_sync.mission.mission import silent
from kobo_sync.model import Report
from kobo_sync.steps.demo import demo
from kobo_sync.workspace.folders import Workspace

HOUSEHOLDS = """
| survey |         |        |                      |
|        | type    | name   | label::Français (fr) |
|        | integer | taille | Taille du ménage     |
| settings |
|        | form_title | form_id | version | default_language |
|        | Ménages    | visites | 1       | Français (fr)    |
"""


def _demo(workspace: Workspace, output: Path) -> Report:
    return demo(workspace, output, 1, progress=silent, done=lambda _name, _seconds, _report: None)


def test_people_sign_in_anew_on_each_day_of_the_room(tmp_path: Path) -> None:
    workspace = write_workspace(tmp_path / "mission", ATTENDED)
    days = "code,label_fr,label_ar,prefix,days\nnord,Nord,الشمال,NOR,2025-02-11..2025-02-13\nsud,Sud,الجنوب,SUD,2025-02-12\n"
    (workspace.root / "config" / "zones.csv").write_text(days, "utf-8")
    report = _demo(workspace, tmp_path / "out")
    assert not [finding for finding in report.findings if finding.severity == "error"]
    manifest = json.loads((tmp_path / "out" / "nord" / "MANIFEST.json").read_text("utf-8"))
    assert report.counts["relay.sent"] == 11  # three or four persons on each of three days
    assert manifest["submissions"]["visites"] == 11 - report.counts["deletions"] == 10


def test_a_mission_without_zones_has_interviews_too(tmp_path: Path) -> None:
    bare = MISSION[: MISSION.index("[[groups]]")] + (
        '[forms.visites]\nfile = "visites.md"\n[server]\nkf = "http://127.0.0.1:1"\nkc = "http://127.0.0.1:1"\n'
        '[deliverables]\nzone = ["data_quality"]\nmission = []\n'
    )
    workspace = write_workspace(tmp_path / "mission", bare)
    (workspace.root / "config" / "zones.csv").write_text("code,label_fr\n", "utf-8")
    (workspace.root / "forms" / "visites.md").write_text(HOUSEHOLDS, "utf-8")
    report = _demo(workspace, tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "mission" / "MANIFEST.json").read_text("utf-8"))
    assert manifest["submissions"]["visites"] == report.counts["submissions"] - report.counts["deletions"] == 10
