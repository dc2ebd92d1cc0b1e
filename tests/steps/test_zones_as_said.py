"""Rows whose zone is said in other words, inside a repeat, or not at all: each reaches one place, and none is lost."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from conftest import Field, field_in

from kobo_sync.errors import ConfigError
from kobo_sync.mission.facts import facts_of_zone, gather_facts, gather_marks
from kobo_sync.model import Finding
from kobo_sync.steps.analyse import analyse
from kobo_sync.steps.build import build
from kobo_sync.steps.check import check
from kobo_sync.steps.deliver import deliver
from kobo_sync.steps.export import export
from kobo_sync.steps.pull import pull
from kobo_sync.workspace.folders import Workspace

MISSION = """
[mission]
code = "visits"
title = "Visits"
languages = ["en"]
timezone = "UTC"
starts_on = 2025-02-11
ends_on = 2025-02-13
[forms.visits]
file = "visits.md"
[forms.visits.fields]
zone = "village"
[forms.visits.zones]
"Old mill" = "north"
[server]
kf = "http://127.0.0.1:1"
kc = "http://127.0.0.1:1"
[deliverables]
zone = ["data_workbook", "data_quality", "zone_sheet"]
"""
TYPED = """
| survey |         |         |                     |
|        | type    | name    | label::English (en) |
|        | text    | village | Village             |
|        | integer | rooms   | Rooms               |
| settings |
|         | form_title | form_id | version | default_language |
|         | Visits     | visits  | 1       | English (en)     |
"""
IN_A_REPEAT = TYPED.replace(
    "|        | text    | village | Village             |",
    "|        | begin_repeat | plots | Plots             |\n"
    "|        | integer | n_trees | Trees               |\n"
    "|        | text    | village | Village             |\n"
    "|        | end_repeat |    |                     |",
)


ZONES = "code,label_en\nnorth,Northern valley\nsouth,South\n"


def mission(form: str, settings: str = MISSION, zones: str | None = ZONES) -> Callable[[Path], Workspace]:
    """What writes such a mission's folder."""

    def write(root: Path) -> Workspace:
        for folder in ("config", "forms"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        (root / "config" / "mission.toml").write_text(settings, "utf-8")
        if zones is not None:
            (root / "config" / "zones.csv").write_text(zones, "utf-8")
        (root / "forms" / "visits.md").write_text(form, "utf-8")
        return Workspace(root, root / ".kobo_sync", root / "exports" / "out")

    return write


def rows(content: bytes, sheet: str, column: str) -> list[object]:
    """A column of a workbook's sheet."""
    lines = list(openpyxl.load_workbook(io.BytesIO(content))[sheet].iter_rows(values_only=True))
    head = next(at for at, line in enumerate(lines) if column in line)
    return [line[lines[head].index(column)] for line in lines[head + 1 :] if any(cell is not None for cell in line)]


def strays(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.message for finding in findings if finding.rule == "DATA003"]


def in_zone(field: Field, code: str) -> list[object]:
    content = (field.mission.workspace.out / code / "data.xlsx").read_bytes()
    return sorted(rows(content, "visits", "rooms"))  # type: ignore[type-var]


def test_what_people_type_is_their_zone_and_the_rest_is_told(tmp_path: Path, database: str) -> None:
    with field_in(tmp_path, mission(TYPED)) as field:
        typed = [" NORTHERN  valley", "north", "old MILL", "South", "Söuth", "elsewhere", None]
        for number, village in enumerate(typed, 1):
            field.submit("visits", {"village": village, "rooms": number})
        pull(field.mission)
        report = check(field.mission)
        told = sorted(strays(report.findings))
        assert told == ["the zone is missing", "the zone “elsewhere” is not in config/zones.csv"]
        assert all("[forms.visits.zones]" in each.hint for each in report.findings if each.rule == "DATA003")
        build(field.mission)
        assert in_zone(field, "north") == [1, 2, 3] and in_zone(field, "south") == [4, 5]
        marks = gather_marks(field.mission)
        whole = gather_facts(field.mission, marks=marks)
        lost = facts_of_zone(field.mission, whole, None, marks).tables["visits"]
        assert sorted(lost["rooms"]) == [6, 7]
        assert [marks.zones[code].counts["visits"] for code in ("north", "south", "")] == [3, 2, 2]
        # A spelling that nobody used before is its zone's as soon as it is pulled.
        field.submit("visits", {"village": "northern valley", "rooms": 8})
        pull(field.mission)
        build(field.mission)
        assert in_zone(field, "north") == [1, 2, 3, 8]


def test_the_first_item_of_a_repeat_that_answers_tells_the_zone(tmp_path: Path, database: str) -> None:
    with field_in(tmp_path, mission(IN_A_REPEAT)) as field:
        plots = [["north"], ["South", "north"], [None, "old mill"], ["nowhere"], []]
        for number, villages in enumerate(plots, 1):
            items = [{"village": village, "n_trees": number} for village in villages]
            field.submit("visits", {"plots": items, "rooms": number})
        pull(field.mission)
        told = strays(check(field.mission).findings)
        assert sorted(told) == [
            "the items say several zones: the first “south”, others “north”",
            "the zone is missing",
            "the zone “nowhere” is not in config/zones.csv",
        ]
        build(field.mission)
        assert in_zone(field, "north") == [1, 3] and in_zone(field, "south") == [2]
        content = (field.mission.workspace.out / "south" / "data.xlsx").read_bytes()
        assert rows(content, "visits__plots", "n_trees") == [2, 2]


# ── no zones ──

ALONE = MISSION.replace('[forms.visits.fields]\nzone = "village"\n[forms.visits.zones]\n"Old mill" = "north"\n', "")


@pytest.mark.parametrize("zones", [None, "code,label_en\n"])
def test_a_survey_of_no_zones_is_told_as_a_whole(tmp_path: Path, database: str, zones: str | None) -> None:
    with field_in(tmp_path, mission(TYPED, ALONE, zones)) as field:
        for number in range(1, 13):
            field.submit("visits", {"village": "x", "rooms": number % 4})
        for step in (pull, check, build, deliver, analyse):
            report = step(field.mission)
            assert not report.has_errors, report.findings
        out = field.mission.workspace.out
        assert sorted(path.name for path in (out / "mission").iterdir() if path.suffix != ".json") == [
            "data-quality.docx",
            "data.xlsx",
            "zone-sheet.pdf",
        ]
        sheet = ["pdftotext", str(out / "mission" / "zone-sheet.pdf"), "-"]
        page = subprocess.run(sheet, capture_output=True, text=True, check=True).stdout
        assert "Summary" in page and "n = 12" in page.replace("\u00a0", " ") and "zone" not in page.lower()
        assert [path.name for path in sorted(out.glob("*.zip"))] == ["mission.zip"]
        export(field.mission, "csv", output=tmp_path / "csv")
        assert (tmp_path / "csv" / "visits.csv").read_text("utf-8-sig").count("\n") == 13
        with pytest.raises(ConfigError, match="no zone 'north'") as refusal:
            build(field.mission, zones=["north"])
        assert "no zones" in refusal.value.hint
        snapshot = field.mission.desk.snapshot("dashboard")
        assert snapshot and snapshot[0]["zones"] == [] and snapshot[0]["mission"]["chosen"][0]["n"] == "12"


@pytest.mark.one_database
@pytest.mark.parametrize("verb", ["lint", "doctor", "build", "status"])
def test_a_training_of_no_zones_says_so_whatever_is_asked(own_workspace: Workspace, verb: str) -> None:
    (own_workspace.root / "config" / "zones.csv").write_text("code,label_fr,label_ar\n", "utf-8")
    command = [sys.executable, "-m", "kobo_sync", verb, "--workspace", str(own_workspace.root)]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"KOBO_SYNC_LANG": "en"}, check=False
    )
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode in (1, 3), said
    assert "config/zones.csv" in said and "there are no zones, and the form inscription" in said
    assert "label_fr and a line per zone" in said and "Traceback" not in said
