"""A workbook that somebody has just broken stops neither checks, documents nor exports: part 7, C14."""

from __future__ import annotations

import pytest
from conftest import Field

from kobo_sync.errors import FormError
from kobo_sync.steps.build import build
from kobo_sync.steps.check import check
from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.doctor import doctor
from kobo_sync.steps.export import export
from kobo_sync.steps.pull import pull


def test_a_form_is_taken_as_it_was_and_said_so(field_team: Field) -> None:
    field_team.person("NOR-01")
    field_team.submit("visites", {"zone": "nord"})
    mission = field_team.mission
    pull(mission)
    check(mission)
    path = mission.workspace.root / "forms" / "visites.md"
    well = path.read_bytes()
    path.write_text("rien qui soit un formulaire", "utf-8")
    for step in (check, build, lambda m: export(m, "csv")):
        report = step(field_team.reopen())  # type: ignore[operator]
        faults = [finding for finding in report.findings if finding.rule == "FORMS001"]
        assert [finding.where for finding in faults] == ["visites"] and report.has_errors, report.findings
    assert "form visites" in [finding.where for finding in doctor(field_team.reopen()).findings]
    with pytest.raises(FormError):
        deploy(field_team.reopen())
    again = pull(field_team.reopen())
    assert [finding.rule for finding in again.findings if finding.form_id == "visites"] == ["PULL011"]
    path.write_bytes(well)
    assert "FORMS001" not in {finding.rule for finding in check(field_team.reopen()).findings}
