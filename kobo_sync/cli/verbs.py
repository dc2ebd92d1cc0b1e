"""kobo-sync: each verb parses, calls its step, prints, and exits.

Steps are imported by the verb that needs them: `status` should not wait for the charts to load.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from kobo_sync import __version__
from kobo_sync.cli.console import err, escaped, out, print_finding, print_report, summary
from kobo_sync.cli.keeping import add_keeping_verbs
from kobo_sync.cli.paper import add_paper_verbs
from kobo_sync.cli.progress import Bars, lines_to
from kobo_sync.cli.service import add_service_verbs
from kobo_sync.cli.signals import StopSignal
from kobo_sync.cli.timezones import prefer_packaged_timezones
from kobo_sync.errors import ConfigError, KoboSyncError
from kobo_sync.mission.mission import Mission, open_mission, random_uuid, silent, utc_now
from kobo_sync.mission.run_log import recorded
from kobo_sync.model import Report
from kobo_sync.workspace.folders import find

EXITS = """
\b
Exit codes:
  0  done
  1  done, with findings of severity error
  2  wrong use of the command
  3  a setting is missing or wrong
  4  a form cannot be read, compiled or deployed
  5  the server cannot be reached, refuses, or answers oddly
  6  the local database or disk refuses
  7  a deliverable cannot be built
"""


@click.group(epilog=EXITS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kobo-sync")
def cli() -> None:
    """Forms to KoboToolbox, submissions to a local mirror, deliverables per zone.

    A mission is a folder with config/, forms/ and exports/; run the verbs inside it, or name it with
    --workspace. The usual order: doctor, deploy, then run (or service, which runs by the clock).
    """


def main() -> None:
    """The command's entry: failures become one message with its cure, and an exit code."""
    prefer_packaged_timezones()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    try:
        cli(standalone_mode=True)
    except KoboSyncError as error:
        err.print(f"[red]error:[/red] {escaped(error.message)}")
        if error.hint:
            err.print(f"  → {escaped(error.hint)}")
        for finding in getattr(error, "findings", ()):
            print_finding(finding)
        sys.exit(error.exit_code)
    except Exception as error:
        if os.environ.get("KOBO_SYNC_DEBUG"):
            raise
        err.print(f"[red]error:[/red] the program itself is at fault ({type(error).__name__}); what was stored is safe")
        err.print("  → set KOBO_SYNC_DEBUG=1, run it again, and report what it prints")
        sys.exit(70)


def verb(step: str = "", **settings: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """A command with --workspace and --json; with *step* it runs alone in the workspace and is recorded."""

    def decorate(act: Callable[..., Any]) -> click.Command:
        @cli.command(epilog=EXITS, **settings)
        @click.option(
            "--workspace",
            type=click.Path(file_okay=False, path_type=Path),
            help="The mission's folder (default: this one or above).",
        )
        @click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
        @wraps(act)
        def command(workspace: Path | None, as_json: bool, **options: Any) -> None:
            with Bars(err, shown=not as_json) as bars, open_mission(workspace, bars.show) as mission:
                if step:
                    report = recorded(mission, step, lambda opened: act(opened, **options))
                else:
                    report = act(mission, **options)
            if report is not None:
                print_report(report, as_json=as_json)
                sys.exit(1 if report.has_errors else 0)

        return command

    return decorate


@cli.command(name="init", epilog=EXITS)
@click.argument("folder", type=click.Path(path_type=Path))
def init_command(folder: Path) -> None:
    """Make a new mission in FOLDER: a commented config and sample forms that deploy as they are."""
    from kobo_sync.steps.init import init

    for name in init(folder):
        out.print(f"  {escaped(name)}")
    out.print(f"next: edit {escaped(str(folder))}/config/mission.toml, then run kobo-sync doctor there")


@cli.command(name="textconv", epilog=EXITS)
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
def textconv_command(file: Path) -> None:
    """Print a workbook as text, a line per cell, for git diff (see docs/operations.md)."""
    from kobo_sync.forms.sheets import read_book

    for sheet in read_book(file.read_bytes(), file.name).sheets:
        for row in sheet.rows:
            name = next((row.cells[key] for key in ("name", "form_id") if row.cells.get(key)), str(row.number))
            for header, text in row.cells.items():
                click.echo(f"{sheet.name} {name} {header}: {text}")


@cli.command(name="lint", epilog=EXITS)
@click.argument("files", nargs=-1, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--format",
    "shape",
    type=click.Choice(["text", "json", "sarif"]),
    default="text",
    show_default=True,
    help="How to print the findings.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--fast", is_flag=True, help="Leave out ODK Validate, which needs Java.")
@click.option(
    "--workspace",
    type=click.Path(file_okay=False, path_type=Path),
    help="The mission's folder (default: this one or above).",
)
def lint_command(files: tuple[Path, ...], shape: str, as_json: bool, fast: bool, workspace: Path | None) -> None:
    """Judge forms before they reach the field: the mission's own, or any XLSForm FILES (xlsx, xls, md, csv)."""
    from kobo_sync.steps.lint import lint_files, lint_mission, sarif

    if files:
        linted = lint_files(files, None, validate=not fast)
    else:
        with open_mission(workspace) as mission:
            linted = lint_mission(mission, validate=not fast)
    findings = [finding for form in linted for finding in form.findings]
    if shape == "sarif":
        click.echo(json.dumps(sarif(linted), ensure_ascii=False, indent=2))
    elif shape == "json" or as_json:
        click.echo(json.dumps([finding.as_json() for finding in findings], ensure_ascii=False, indent=2))
    else:
        for finding in findings:
            print_finding(finding)
        for form in linted:
            out.print(f"{escaped(form.file)}: {len(form.findings)} findings{' (unchanged)' if form.cached else ''}")
    sys.exit(1 if any(finding.severity == "error" for finding in findings) else 0)


@verb("deploy", name="deploy")
@click.argument("form_ids", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Print the plan; send nothing.")
@click.option("--force", is_flag=True, help="Replace a form that was changed or archived on the server.")
def deploy_command(mission: Mission, form_ids: tuple[str, ...], dry_run: bool, force: bool) -> Report:
    """Compile, validate and publish forms and their media; unchanged ones are skipped."""
    from kobo_sync.steps.deploy import deploy

    _known_forms(mission, form_ids)
    return deploy(mission, form_ids=form_ids, dry_run=dry_run, force=force)


@verb(name="diff")
@click.argument("form_ids", nargs=-1)
@click.option(
    "--against",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="Compare with this workbook, not the deployed form.",
)
def diff_command(mission: Mission, form_ids: tuple[str, ...], against: Path | None) -> Report:
    """What deploying would change, question by question, and how many stored answers each change touches."""
    from kobo_sync.steps.diff import diff

    _known_forms(mission, form_ids)
    if against and len(form_ids) != 1:
        raise click.UsageError("--against compares one form: name it")
    return diff(mission, form_ids=form_ids, against=against)


@verb("roster", name="roster")
@click.option(
    "--import",
    "imported",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="Take in a pre-printed roster (xlsx, csv) first.",
)
@click.option("--force", is_flag=True, help="Publish now, whatever the minimum time between deployments.")
@click.option("--dry-run", is_flag=True, help="Say what would be published; send nothing.")
def roster_command(mission: Mission, imported: Path | None, force: bool, dry_run: bool) -> Report:
    """Publish the accepted registrations as the list that other forms pick persons from."""
    from kobo_sync.steps.roster import import_roster, refresh_roster

    if imported:
        report = import_roster(mission, imported, dry_run=dry_run)
        if report.has_errors:
            return report
    return refresh_roster(mission, force=force, dry_run=dry_run)


@verb("pull", name="pull")
@click.argument("form_ids", nargs=-1)
@click.option("--accept-deletions", is_flag=True, help="Believe that many rows were deleted at once.")
@click.option("--quick", is_flag=True, help="Look for changes only; everything when the counts leave a doubt.")
@click.option("--full", is_flag=True, help="Read every row again.")
@click.option("--rebuild", is_flag=True, help="Ask no server: derive the tables again from the rows as received.")
@click.option("--explain", is_flag=True, help="Say how each decision was made.")
@click.option("--progress", is_flag=True, help="Print a line now and then, also where there is no terminal.")
def pull_command(mission: Mission, form_ids: tuple[str, ...], rebuild: bool, progress: bool, **how: bool) -> Report:
    """Bring the mirror to what the server holds, and prove it: server n = local n."""
    from kobo_sync.steps import pull

    _known_forms(mission, form_ids)
    if progress:
        mission.progress = lines_to(err)
    if rebuild:
        return pull.rebuild(mission, form_ids=form_ids)
    return pull.pull(mission, form_ids=form_ids, **how)


@verb(name="history")
@click.argument("submission")
def history_command(mission: Mission, submission: str) -> Report:
    """What changed in SUBMISSION (its id or uuid), revision by revision, question by question."""
    from kobo_sync.steps.history import history

    return history(mission, submission)


@verb("check", name="check")
@click.option("--write-back", is_flag=True, help="Put rows with open findings of checks.hold on hold on the server.")
@click.option("--dry-run", is_flag=True, help="Change neither the worklist nor the server.")
def check_command(mission: Mission, write_back: bool, dry_run: bool) -> Report:
    """Look for faults in the data held, and bring the worklist up to date."""
    from kobo_sync.steps.check import check

    return check(mission, write_back=write_back, dry_run=dry_run)


@verb("build", name="build")
@click.option("--zone", "zones", multiple=True, metavar="CODE", help="Only this zone; may be repeated.")
@click.option("--fresh", is_flag=True, help="Start a new final report beside the one that people write in.")
@click.option("--pdf", is_flag=True, help="Make the PDF of the final report as well (needs LibreOffice).")
@click.option("--as-of", metavar="DATE", help="From what was known at the end of that day, in a folder of its own.")
def build_command(mission: Mission, zones: tuple[str, ...], fresh: bool, pdf: bool, as_of: str | None) -> Report:
    """Make the deliverables in exports/out/: a folder per zone that changed, and one for the mission."""
    from kobo_sync.steps.as_of import build_as_of
    from kobo_sync.steps.build import build

    if as_of:
        return build_as_of(mission, as_of, lambda past: build(past, zones=zones, fresh=fresh, pdf=pdf))
    return build(mission, zones=zones, fresh=fresh, pdf=pdf)


@verb("deliver", name="deliver")
@click.option("--final", is_flag=True, help="Take the draft mark out of what is delivered.")
def deliver_command(mission: Mission, final: bool) -> Report:
    """Zip what was built: per zone one zip to send and one with the nominative files; one for the mission."""
    from kobo_sync.steps.deliver import deliver

    return deliver(mission, final=final)


@verb("export", name="export")
@click.argument("shape", type=click.Choice(["csv", "xlsx", "parquet", "sav", "dta", "geojson"]))
@click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path), help="Where to write (default: exports/out/donnees)."
)
@click.option("--nominative", is_flag=True, help="Keep names, phones and positions; this is logged.")
def export_command(mission: Mission, shape: str, output: Path | None, nominative: bool) -> Report:
    """Write the data for analysts, pseudonymised, with labels and codebook."""
    from kobo_sync.steps.export import export

    return export(mission, shape, output=output, nominative=nominative)


@verb("run", name="run")
def run_command(mission: Mission) -> Report:
    """The whole job once: pull, roster, check, build, deliver."""
    from kobo_sync.steps.run import run

    return run(mission)


@verb(name="status")
def status_command(mission: Mission) -> Report:
    """What the mirror holds per form, and how the last runs went."""
    from kobo_sync.steps.status import status

    return status(mission)


@verb(name="doctor")
def doctor_command(mission: Mission) -> Report:
    """Look at all that a run needs: config, forms, Java, fonts, disk, clock, server, token, rights."""
    from kobo_sync.steps.doctor import doctor

    return doctor(mission)


@verb(name="station")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 lets phones on the Wi-Fi in."
)
@click.option(
    "--port",
    default=8080,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--user", default="station", show_default=True, help="The account's name; its password is STATION_PASSWORD."
)
def station_command(mission: Mission, host: str, port: int, user: str) -> None:
    """Serve phones without the Internet: OpenRosa and the API that this product uses, on this machine."""
    from kobo_sync.station import Account, Station, serve

    password, token = mission.config.secret("STATION_PASSWORD"), mission.config.secret("KOBO_TOKEN")
    if not password or not token:
        raise ConfigError(
            "the station needs a password and a token",
            file="config/secrets.env",
            key="STATION_PASSWORD, KOBO_TOKEN",
            hint="write both there; the token may be any long random word",
        )
    station = Station(
        mission.workspace.station_database,
        accounts=[Account(user, password, token)],
        clock=utc_now,
        new_uid=lambda prefix: (prefix + random_uuid().replace("-", ""))[:22],
        new_uuid=random_uuid,
    )
    stop = StopSignal()
    try:
        with serve(station, host=host, port=port) as running:
            err.print(f"listening on {running.url} (Ctrl-C stops); set server.kf and server.kc to it")
            stop.wait()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise click.UsageError(
            f"cannot listen on {host}, port {port} ({reason}); give another --host or --port"
        ) from error
    finally:
        station.close()
    err.print("stopped")


@cli.command(name="demo", epilog=EXITS)
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same files.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to work (default: exports/demo in the mission's folder).",
)
@click.option(
    "--workspace",
    type=click.Path(file_okay=False, path_type=Path),
    help="The mission's folder (default: this one or above).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def demo_command(seed: int, output: Path | None, workspace: Path | None, as_json: bool) -> None:
    """Show the whole product on invented data: station, phones, three training days, deliverables."""
    from kobo_sync.steps.demo import demo

    began = time.perf_counter()
    root = find(workspace or Path.cwd())
    target = output or root.root / "exports" / "demo"

    def done(name: str, seconds: float, report: Report | None) -> None:
        if not as_json:
            took = f"{seconds:6.1f} s  " if not name.startswith(" ") else " " * 10
            out.print(f"{took}{escaped(name)}{escaped(summary(report))}")

    with Bars(err, shown=not as_json) as bars:
        report = demo(root, target, seed, progress=bars.show if not as_json else silent, done=done)
    if as_json:
        print_report(report, as_json=True)
    else:
        for line in report.lines:
            out.print(f"  {escaped(line)}")
        out.print(f"{len(report.lines)} files in {escaped(str(target))}, {time.perf_counter() - began:.1f} s in all")
    sys.exit(1 if report.has_errors else 0)


def _known_forms(mission: Mission, form_ids: tuple[str, ...]) -> None:
    for form_id in form_ids:
        if form_id not in mission.config.forms:
            known = ", ".join(mission.config.forms)
            raise click.BadParameter(f"there is no form {form_id!r}; the forms are: {known}", param_hint="FORM_IDS")


add_paper_verbs(cli, verb, print_report, EXITS)
add_keeping_verbs(cli, verb, EXITS)
add_service_verbs(cli, verb, EXITS)
