"""The verb that makes a mission: its questions where somebody sits at the keyboard, its options where nobody does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kobo_sync.cli.tongue import language, told
from kobo_sync.cli.verb import SEE_EXIT_CODES, Day, cli

if TYPE_CHECKING:
    from kobo_sync.steps.init import NewMission

_TEMPLATES, _LANGUAGES = ("training", "survey", "distribution", "empty"), ("fr", "en", "ar")
_DAY = Day(["%Y-%m-%d"])
_PUBLIC = "https://kf.kobotoolbox.org"


def _groups(_context: click.Context, _option: click.Parameter, values: Sequence[str]) -> dict[str, int | None]:
    """``NAME`` or ``NAME=persons per zone``."""
    groups: dict[str, int | None] = {}
    for value in values:
        name, separator, number = value.rpartition("=")
        if separator and not number.strip().isdecimal():
            raise click.BadParameter(f"{number!r} is no number of persons; write it as 'Women=12', or the name alone")
        if not (name or value).strip():
            raise click.BadParameter(f"{value!r} names no group; write it as 'Women=12', or the name alone")
        groups[(name if separator else value).strip()] = int(number) if separator else None
    return groups


@cli.command(name="init", epilog=SEE_EXIT_CODES)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--template",
    type=click.Choice(_TEMPLATES),
    help="What kind of mission it is; empty has no forms, for projects to adopt.  [default: training]",
)
@click.option("--language", "documents", type=click.Choice(_LANGUAGES), help="What documents and pages are written in.")
@click.option(
    "--form-language", "languages", multiple=True, type=click.Choice(_LANGUAGES), help="A language of the forms; the first is the phones' own."
)  # fmt: skip
@click.option("--title", help="What the mission is called.")
@click.option("--starts-on", type=_DAY, help="Its first day.", metavar="YYYY-MM-DD")
@click.option("--ends-on", type=_DAY, help="Its last day.", metavar="YYYY-MM-DD")
@click.option("--zone", "zones", multiple=True, help="The name of a zone; once for each.")
@click.option(
    "--zones-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The zones as a CSV file or a workbook: code, label_<language>, …",
)
@click.option("--group", "groups", multiple=True, callback=_groups, metavar="NAME=N", help="A group and its persons per zone; once for each.")  # fmt: skip
@click.option("--organisation", "organisations", multiple=True, help="Who signs; once for each.")
@click.option("--timezone", help="The time zone, such as Africa/Casablanca.")
@click.option("--server", "kf", help="The address of the KoboToolbox server, or of the project's page on ODK Central.")
@click.option("--project", type=click.IntRange(1), help="The project's number, where --server is an ODK Central.")
@click.option("--phones-server", "kc", help="Where phones send, for a server of your own.")
@click.option("--yes", "-y", is_flag=True, help="Ask nothing: what no option says is as the template has it.")
def init_command(folder: Path, zones_file: Path | None, yes: bool, **given: Any) -> None:
    """Make a new mission in FOLDER: config, sample forms, guides.

    It asks for what no option says, where somebody sits at the keyboard. The config is commented in the language of the documents;
    the sample forms deploy as they are.
    """
    from kobo_sync.cli.console import say
    from kobo_sync.steps import init as step

    for key in ("starts_on", "ends_on"):
        given[key] = given[key].date() if given[key] else None
    chosen = {"documents": language()} | {key: value for key, value in given.items() if value}
    new = step.NewMission(**chosen)
    if zones_file:
        new = replace(new, zones_csv=step.zones_file(zones_file))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        yes = True  # nothing is asked that would be refused
    if not yes and sys.stdin.isatty() and sys.stdout.isatty():
        new = _asked(new, given)
    if page := step.central_project(new.kf):
        new = replace(new, kf=page[0], project=new.project or page[1])
    if new.project and (not new.kf or new.kc):
        raise click.UsageError("--project is of an ODK Central: give its address with --server, and no --phones-server")
    if new.kf and not new.project and not new.kc and not step.server_for_phones(new.kf):
        raise click.UsageError(f"where phones of {new.kf} send is not known; name it with --phones-server")
    for name in step.init(folder, new):
        say(f"  {name}")
    if new.template == "empty":
        say(
            f"next: write the account's secrets into {folder!s}/config/secrets.env (see secrets.env.example), then run kobo-sync adopt there"
        )
    else:
        say(f"next: edit {folder!s}/config/mission.toml, then run kobo-sync doctor there")


def _asked(new: NewMission, given: Mapping[str, Any]) -> NewMission:
    """*new* with what was asked for at the keyboard; what was *given* is not asked."""
    from kobo_sync.steps.init import central_project, server_for_phones, zones_file

    answers: dict[str, Any] = {}

    def ask(key: str, question: str, default: str, kind: Any = None) -> Any:
        if not given.get(key):
            answers[key] = click.prompt(told(question), default=default, show_default=bool(default), type=kind)
        return answers.get(key) or given[key]

    template = ask("template", "Kind of mission", "training", click.Choice(_TEMPLATES))
    documents = ask("documents", "Language of documents and pages", new.documents, click.Choice(_LANGUAGES))
    if not given["languages"]:
        usual = ",".join(replace(new, documents=documents).form_languages)
        answers["languages"] = click.prompt(
            told("Languages of the forms, the phones' own first"), usual, value_proc=_language_list
        )
    ask("title", "Title of the mission", "")
    first: date | None = _day(answers, given, "starts_on", "First day (YYYY-MM-DD, empty: later)")
    if first:
        _day(answers, given, "ends_on", "Last day (YYYY-MM-DD)", first)
    if not given["zones"] and not new.zones_csv:
        text = click.prompt(
            told("Zones: names with commas between, or a CSV file or workbook"), default="", show_default=False
        )
        if text.strip().lower().endswith((".csv", ".xlsx", ".xls")):
            answers["zones_csv"] = zones_file(Path(text.strip()).expanduser())
        else:
            answers["zones"] = _names(text)
    if not given["groups"] and template in ("training", "distribution"):
        answers["groups"] = click.prompt(
            told("Groups and their persons per zone: Women=12, Men=10 (empty: later)"), default="", show_default=False, value_proc=_group_list
        )  # fmt: skip
    if not given["organisations"]:
        answers["organisations"] = _names(
            click.prompt(told("Organisations that sign, with commas between"), default="", show_default=False)
        )
    kf = ask("kf", "KoboToolbox server, or the address of the project's page on ODK Central", _PUBLIC)
    if not given["kc"] and not given["project"] and not central_project(kf) and not server_for_phones(kf):
        ask("kc", "Address that phones send to", "")
    return replace(new, **{key: value for key, value in answers.items() if value})


def _day(
    answers: dict[str, Any], given: Mapping[str, Any], key: str, question: str, default: date | None = None
) -> date | None:
    if not given[key]:
        text = default.isoformat() if default else ""
        answers[key] = click.prompt(told(question), default=text, show_default=bool(text), value_proc=_day_or_nothing)
    day: date | None = answers.get(key) or given[key]
    return day


def _day_or_nothing(text: str) -> date | None:
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise click.BadParameter(told(f"{text!r} is no day; write it as 2025-02-11")) from error


def _language_list(text: str) -> list[str]:
    codes = _names(text.replace(" ", ","))
    if not codes or not set(codes) <= set(_LANGUAGES):
        raise click.BadParameter(
            told("write fr, en or ar, with commas between; other languages are added to the forms by hand")
        )
    return codes


def _group_list(text: str) -> dict[str, int | None]:
    check: Callable[..., dict[str, int | None]] = _groups
    return check(None, None, _names(text))


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.replace("،", ",").split(",") if name.strip()]
