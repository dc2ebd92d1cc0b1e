"""What all verbs share: the group that they join, their common options, and how a step becomes a command.

Modules of this folder import what is heavy (the mission, tables, documents) inside the verb that needs it: `--help`
and completion wait for none of it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kobo_sync import __version__
from kobo_sync.cli.tongue import Command, Context

if TYPE_CHECKING:
    from kobo_sync.mission.federation import Federation
    from kobo_sync.mission.mission import Mission
    from kobo_sync.model import Report

TASKS = {  # module of this folder → the heading of its verbs in `--help`, in order
    "beginning": "A mission",
    "mission": "A mission",
    "forms": "Forms",
    "collection": "Collection",
    "station": "Collection",
    "data": "Data",
    "documents": "Documents",
    "opening": "Service",
    "service": "Service",
    "worker": "Service",
    "keeping": "Keeping and erasing",
    "keys": "Keeping and erasing",
}
EXIT_CODES = {
    0: "done",
    1: "done, with findings of severity error",
    2: "wrong use of the command",
    3: "a setting is missing or wrong",
    4: "a form cannot be read, compiled or deployed",
    5: "the server cannot be reached, refuses, or answers oddly",
    6: "the local database or disk refuses",
    7: "a deliverable cannot be built",
    70: "the program itself is at fault: please report it",
    130: "ended by Ctrl-C; 143 by SIGTERM: run it again, it goes on from there",
}
SEE_EXIT_CODES = "Exit codes: kobo-sync --help."
FOLDER = click.Path(file_okay=False, path_type=Path)
in_workspace = click.option("--workspace", type=FOLDER, help="The mission's folder (default: this one or above).")
in_workspaces = click.option(
    "--workspaces", type=FOLDER, help="A folder of many missions' folders, in place of --workspace."
)
as_one_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")


def _first_line(command: click.Command) -> str:
    return (command.help or "").partition("\n")[0]


class Day(click.DateTime):
    """A day as people type it, or a moment where *formats* have hours; what is none is told with an example."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The moment that *value* says. Raises: click.BadParameter."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            message = f"{value!r} is no day; write it as 2025-02-11"
            raise click.BadParameter(message, ctx=ctx, param=param) from error


class Group(click.Group):
    """A verb that has verbs of its own, each listed with the whole first line of its help."""

    context_class = Context
    command_class = Command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _first_line(command)) for name, command in sorted(self.commands.items())])


class _Verbs(click.Group):
    """A group that lists its verbs by task, each with the whole first line of its help, and what exit codes mean."""

    context_class = Context
    command_class = Command
    group_class = Group

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs under the headings of TASKS."""
        lines: dict[str, list[tuple[str, str]]] = {heading: [] for heading in TASKS.values()}
        for name, command in self.commands.items():
            task = command.callback.__module__.rpartition(".")[2] if command.callback else ""
            lines[TASKS[task]].append((name, _first_line(command)))
        for heading, rows in lines.items():
            with formatter.section(heading):
                formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the exit codes, which stand here alone."""
        with formatter.section("Exit codes (the same for every verb)"):
            formatter.write_dl([(f"{code:3}", meaning) for code, meaning in EXIT_CODES.items()])


@click.group(cls=_Verbs, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kobo-sync")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Forms to KoboToolbox or ODK Central, submissions to a local mirror, deliverables per zone.

    A mission is a folder with config/, forms/ and exports/; run the verbs inside it, or name it with
    --workspace. Without a verb: where one is, and what comes next. The usual order: doctor, deploy, then run (or service, which runs by the clock).
    """
    import logging

    from kobo_sync.cli.console import print_anything
    from kobo_sync.cli.signals import is_no_interruption
    from kobo_sync.cli.timezones import prefer_packaged_timezones

    print_anything()
    prefer_packaged_timezones()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for handler in logging.root.handlers:
        handler.addFilter(is_no_interruption)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    if ctx.invoked_subcommand is None:
        from kobo_sync.cli.console import say
        from kobo_sync.steps.whereabouts import whereabouts

        for line in whereabouts(Path.cwd()):
            say(line)


def verb(
    step: str = "", over_all: Callable[..., None] | None = None, **settings: Any
) -> Callable[[Callable[..., Any]], click.Command]:
    """A command with --workspace and --json; with *step* it runs alone in the workspace and is recorded.

    *over_all* makes it one with --workspaces too, and does it for all missions: it takes the federation, *as_json* and
    the command's own options, prints and exits.
    """

    also: Callable[[Callable[..., Any]], Callable[..., Any]] = in_workspaces if over_all else _unchanged

    def decorate(act: Callable[..., Any]) -> click.Command:
        @cli.command(epilog=SEE_EXIT_CODES, **settings)
        @in_workspace
        @also
        @as_one_json
        @wraps(act)
        def command(workspace: Path | None, as_json: bool, workspaces: Path | None = None, **options: Any) -> None:
            from kobo_sync.cli.progress import Bars
            from kobo_sync.mission.mission import open_mission

            if workspaces is not None and over_all:
                with federation_in(workspace, workspaces) as federation:
                    over_all(federation, as_json=as_json, **options)
                return
            with Bars(shown=not as_json) as bars, open_mission(workspace, bars.show) as mission:
                report = (
                    _recorded(mission, step, lambda opened: act(opened, **options), is_dry=bool(options.get("dry_run")))
                    if step
                    else act(mission, **options)
                )
            if report is not None:
                leave_with(report, as_json=as_json)

        return command

    return decorate


def _unchanged(command: Callable[..., Any]) -> Callable[..., Any]:
    return command


@contextmanager
def federation_in(workspace: Path | None, workspaces: Path) -> Iterator[Federation]:
    """The missions in the folder *workspaces*. Raises: click.UsageError when *workspace* is given too; ConfigError."""
    import os

    from kobo_sync.mission.federation import Federation
    from kobo_sync.workspace.secret_files import with_secret_files

    if workspace is not None:
        raise click.UsageError("give --workspace for one mission or --workspaces for many, not both")
    federation = Federation(workspaces, with_secret_files(os.environ))
    try:
        yield federation
    finally:
        federation.close()


def leave_with(report: Report, *, as_json: bool) -> None:
    """Print *report* and exit: 1 when a finding of it is an error, else 0."""
    from kobo_sync.cli.console import print_report

    print_report(report, as_json=as_json)
    sys.exit(1 if report.has_errors else 0)


def refuse_unknown_forms(mission: Mission, form_ids: tuple[str, ...]) -> None:
    """Raises: click.BadParameter when the mission has no form of one of these ids."""
    for form_id in form_ids:
        if form_id not in mission.config.forms:
            names = ", ".join(mission.config.forms)
            raise click.BadParameter(f"there is no form {form_id!r}; the forms are: {names}", param_hint="FORM_IDS")


def _recorded(mission: Mission, step: str, act: Callable[[Mission], Report], *, is_dry: bool) -> Report:
    from kobo_sync.desk.runs import Order
    from kobo_sync.mission.run_log import recorded

    return recorded(mission, step, act, Order(is_dry=is_dry))
