"""A mission made by `init` works as it is: lint, demo."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kobo_sync.errors import ConfigError
from kobo_sync.mission.mission import Mission
from kobo_sync.steps.init import init
from kobo_sync.steps.lint import lint_mission
from kobo_sync.workspace.folders import find


def test_a_new_mission_lints_clean_and_its_demo_runs(tmp_path: Path) -> None:
    written = init(tmp_path / "neuve")
    assert {"config/mission.toml", "config/zones.csv", "forms/inscription.xlsx", ".gitignore"} <= set(written)
    mission = Mission(find(tmp_path / "neuve"), {})
    assert [form.findings for form in lint_mission(mission)] == [()] * len(mission.config.forms)
    command = [sys.executable, "-m", "kobo_sync", "demo", "--workspace", str(tmp_path / "neuve")]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ}, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "neuve" / "exports" / "demo" / "zone_a.zip").is_file()


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine", "utf-8")
    with pytest.raises(ConfigError, match="not empty"):
        init(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
