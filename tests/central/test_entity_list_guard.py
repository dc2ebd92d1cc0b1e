"""An entity list on ODK Central loses nobody because a machine knows less, and forms that had the roster as a file are tied to it."""

from __future__ import annotations

from pathlib import Path

from central_field import CentralField, central_field_in, rules
from conftest import MISSION
from test_central_deploy import BY_CODE, codes, listed, registered, rewrite, roster_on_phones  # noqa: F401

from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.roster import refresh_roster


def test_a_machine_that_has_pulled_nothing_empties_no_list(listed: CentralField, tmp_path: Path) -> None:  # noqa: F811
    there = listed
    registered(there, *(f"N{n}" for n in range(8)))
    refresh_roster(there.reopen())
    everybody = codes(there)
    assert len(everybody) == 8
    rewrite(there, "Personne ", "La personne ", "forms/visites.md")
    report = deploy(there.reopen(tmp_path / "another"), validate=False)
    assert codes(there) == everybody and "DEPLOY010" in rules(report)
    assert "visites: replace (the form differs)" in report.lines  # the form itself goes on
    report = refresh_roster(there.reopen(tmp_path / "a third"))
    assert codes(there) == everybody and "DEPLOY010" in rules(report)


def test_haste_takes_nobody_off_a_list(listed: CentralField) -> None:  # noqa: F811
    """Part 12: `roster --force`, which is about the time between deployments, took six of eight persons off the phones."""
    there = listed
    registered(there, *(f"N{n}" for n in range(8)))
    refresh_roster(there.reopen())
    everybody = codes(there)
    for row in there.office.form("personnes").live[:6]:
        there.office.delete("personnes", row)
    there.pull(accept_deletions=True)
    report = refresh_roster(there.reopen(), force=True)
    assert codes(there) == everybody and "DEPLOY011" in rules(report)
    deploy(there.reopen(), validate=False, despite=["DEPLOY011"])
    assert len(codes(there)) == 2


def test_a_form_that_had_the_roster_as_a_file_is_tied_to_the_list(tmp_path: Path) -> None:
    with central_field_in(tmp_path, forms=False, text=MISSION) as there:
        deploy(there.reopen(), validate=False)
        registered(there, "N1", "N2")
        refresh_roster(there.reopen())
        assert roster_on_phones(there) == ["N1", "N2"]
        settings = there.workspace.root / "config" / "mission.toml"
        settings.write_text(settings.read_text("utf-8").replace("[roster]\n", "[roster]\nentities = true\n"), "utf-8")
        (there.workspace.root / "forms" / "visites.md").write_text(BY_CODE, "utf-8")
        deploy(there.reopen(), validate=False)
        assert there.office.form("visites").versions[-1].media["participants.csv"].linked
        assert codes(there) == ["N1", "N2"]
        assert all("skip" in line for line in deploy(there.reopen(), validate=False).lines)
