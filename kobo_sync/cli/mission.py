"""The verbs of a mission as a whole: made, examined, shown."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kobo_sync.cli.tongue import decimals, language, told
from kobo_sync.cli.verb import FOLDER, SEE_EXIT_CODES, as_one_json, cli, in_workspace, verb

if TYPE_CHECKING:
    from kobo_sync.mission.federation import Federation
    from kobo_sync.mission.mission import Mission
    from kobo_sync.model import Report


@cli.command(name="adopt", epilog=SEE_EXIT_CODES)
@click.argument("projects", nargs=-1)
@click.option("--no-pull", is_flag=True, help="Leave the submissions for a later pull.")
@in_workspace
@as_one_json
def adopt_command(projects: tuple[str, ...], no_pull: bool, workspace: Path | None, as_json: bool) -> None:
    """Take projects of the server into the mission, or list them.

    PROJECTS are uids or names. Downloads forms and media, writes their settings with what each question seems to mean, and
    pulls the submissions. Nothing is changed on the server, and phones see no new version.
    """
    from kobo_sync.cli.console import print_report, print_reports_as_json
    from kobo_sync.cli.progress import Bars
    from kobo_sync.mission.mission import open_mission
    from kobo_sync.mission.run_log import recorded
    from kobo_sync.steps.adopt import adopt, projects_of_account
    from kobo_sync.steps.adopt_days import set_days
    from kobo_sync.steps.pull import pull

    with open_mission(workspace) as mission:
        report = (
            recorded(mission, "adopt", lambda opened: adopt(opened, projects))
            if projects
            else projects_of_account(mission)
        )
    reports = {"adopt": report}
    if not as_json:
        print_report(report, as_json=False)
    if projects and not no_pull and report.counts["projects"]:
        with Bars(shown=not as_json) as bars, open_mission(workspace, bars.show) as mission:
            reports["pull"] = recorded(mission, "pull", pull)
            days = set_days(mission)
        if days.lines:
            reports["days"] = days
        if not as_json:
            print_report(reports["pull"], as_json=False)
            print_report(days, as_json=False)
    if as_json:
        print_reports_as_json(reports)
    sys.exit(1 if any(each.has_errors for each in reports.values()) else 0)


@cli.command(name="guide", epilog=SEE_EXIT_CODES)
@click.argument("name", type=click.Choice(["guide", "operations", "systemd", "systemd-worker"]), default="guide")
def guide_command(name: str) -> None:
    """Show the guide for the team, or the operations guide (English).

    NAME is guide (the default; in the language of this command), operations, systemd or systemd-worker: the units that start service and workers with the machine.
    """
    from kobo_sync.steps.guide import guide

    click.echo_via_pager(guide(name, language()))


@verb(name="doctor")
def doctor_command(mission: Mission) -> Report:
    """Examine all that a run needs, each with its cure.

    Config, forms, Java, fonts, disk, databases, clock, server, token, rights.
    """
    from kobo_sync.steps.doctor import doctor

    return doctor(mission)


def _status_of_all(federation: Federation, *, as_json: bool) -> None:
    from kobo_sync.cli.console import print_report
    from kobo_sync.steps.status_of_all import status_of_all

    report, exit_code = status_of_all(federation)
    print_report(report, as_json=as_json)
    sys.exit(exit_code)


@verb(name="status", over_all=_status_of_all)
def status_command(mission: Mission) -> Report:
    """Show what the mirror holds per form, and how the last runs went.

    Times are those of the mission's time zone. With --workspaces: a line per mission, and the exit code of the worst.
    """
    from kobo_sync.steps.status import status

    return status(mission)


_STAGES = {  # of the demo, as they are told; its report has them by these keys
    "deploy": "forms deployed",
    "registrations": "people registered by phone",
    "first pull": "registrations pulled",
    "roster": "list of participants published",
    "station pair": "station paired with the server",
    "room_day": "the first zone’s day, in browsers without the Internet",
    "room_interviews": "the first zone’s interviews, in browsers without the Internet",
    "relay": "what the station received relayed",
    "training days": "the other zones’ days, by phone",
    "interviews": "the other zones’ interviews, by phone",
    "run": "everything pulled, checked and put into documents",
    "pull": "submissions pulled",
    "check": "data checked",
    "analyse": "figures worked out",
    "build": "documents built",
    "deliver": "archives made",
}


@cli.command(name="demo", epilog=SEE_EXIT_CODES)
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same files.")
@click.option(
    "--output",
    type=FOLDER,
    help="Where to work (default: exports/demo in the mission's folder).",
)
@in_workspace
@as_one_json
def demo_command(seed: int, output: Path | None, workspace: Path | None, as_json: bool) -> None:
    """Show the whole product on invented data.

    A station, phones, the days of the mission, a pull, checks, deliverables; your own data are left alone.
    """
    from kobo_sync.cli.console import print_finding, print_report, say, summary
    from kobo_sync.cli.progress import Bars
    from kobo_sync.mission.mission import silent
    from kobo_sync.steps.demo import demo
    from kobo_sync.workspace.folders import find

    began = time.perf_counter()
    root = find(workspace or Path.cwd())
    target = output or root.root / "exports" / "demo"

    def done(name: str, seconds: float, report: Report | None) -> None:
        if not as_json:
            took = f"{decimals(f'{seconds:6.1f}')} s  " if not name.startswith(" ") else " " * 12
            click.echo(f"{took}{told(_STAGES.get(name.strip(), name))}{summary(report)}")

    with Bars(shown=not as_json) as bars:
        report = demo(root, target, seed, progress=bars.show if not as_json else silent, done=done)
    if as_json:
        print_report(report, as_json=True)
    else:
        for line in report.lines:
            say(f"  {line}")
        for finding in report.findings:
            if finding.severity == "error":  # why it ends with code 1
                print_finding(finding)
        say(f"{len(report.lines)} files in {target!s}, {time.perf_counter() - began:.1f} s in all")
    sys.exit(1 if report.has_errors else 0)
