"""A new mission's folder: the packaged starter of its kind, in the languages, with the zones and groups that it is to have."""

from __future__ import annotations

import csv
import io
import re
import secrets
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal, get_args

import tomlkit

from kobo_sync.config.comments import with_comments
from kobo_sync.config.config import parse_config
from kobo_sync.config.doors import CENTRAL
from kobo_sync.config.files import MISSION_FILE, ZONES_FILE
from kobo_sync.config.list_editing import Rows, csv_text, rows_of
from kobo_sync.config.lists import read_csv
from kobo_sync.config.zone_prefixes import COLUMN, prefixes, with_prefixes
from kobo_sync.config.zones import is_reserved
from kobo_sync.errors import ConfigError
from kobo_sync.forms.tailoring import tailored
from kobo_sync.forms.uploaded_lists import uploaded_list
from kobo_sync.language.catalogue import later, t
from kobo_sync.language.speaking import LANGUAGES, Code, speaking
from kobo_sync.workspace.reading import read_content
from kobo_sync.workspace.writing import write_atomic

Template = Literal["training", "survey", "distribution", "empty"]
TEMPLATES: tuple[Template, ...] = get_args(Template)
LAUNCHERS = {"linux": "kobo-sync.desktop", "darwin": "kobo-sync.command", "win32": "kobo-sync.bat"}  # to double-click
RENAMED = {"gitignore": ".gitignore"}  # a real .gitignore would hide files from the package
STARTER_ZONES = (frozenset({"zone_a", "zone_b"}), frozenset({"site_a", "site_b"}))
STARTER_DAYS = (date(2025, 3, 4), date(2025, 3, 5))  # of every template, until somebody writes the mission's own
_SERVERS = {"kf.kobotoolbox.org": "https://kc.kobotoolbox.org", "eu.kobotoolbox.org": "https://kc-eu.kobotoolbox.org"}
_TITLES: Mapping[Template, str] = {  # what a mission is called until somebody writes its own: it stands in documents
    "training": later("My mission"),
    "survey": later("My survey"),
    "distribution": later("My distribution"),
    "empty": later("My mission"),
}
_ORGANISATION = later("My organisation")
_COMMENTED = (MISSION_FILE, "config/secrets.env.example", "config/demo.toml")
_GUIDE = re.compile(r"docs/guide\.(\w+)\.md")
_ABOUT_EXPORTS = "exports/README.md"


@dataclass(frozen=True)
class NewMission:
    """What a mission is begun with; what is left empty stays as the starter of its *template* has it.

    *documents* is what its papers are written in, *languages* its forms', the first of them the phones' default. *zones*
    are names, or *zones_csv* is the text of a list; *groups* map a name to the persons expected per zone (None: the
    starter's number). *kf* is the server's address, and *project* the number of the project where it is ODK Central;
    *kc* is where phones send, guessed for KoboToolbox's public servers.
    """

    template: Template = "training"
    documents: Code = "fr"
    languages: Sequence[Code] = ()
    title: str = ""
    timezone: str = ""
    starts_on: date | None = None
    ends_on: date | None = None
    zones: Sequence[str] = ()
    zones_csv: str = ""
    groups: Mapping[str, int | None] = field(default_factory=dict)
    organisations: Sequence[str] = ()
    kf: str = ""
    kc: str = ""
    project: int | None = None

    @property
    def form_languages(self) -> list[Code]:
        """The languages of its forms: those named, else the documents', and Arabic beside French."""
        return list(dict.fromkeys(self.languages)) or [self.documents, *(("ar",) if self.documents == "fr" else ())]


def init(folder: Path, new: NewMission | None = None) -> list[str]:
    """Write the starter, made *new*'s own, into *folder*, which must be new or empty; returns the relative paths written.

    The mission's code is drawn from the folder's name, its id by chance: two missions on one account are never taken for
    each other. All is read and checked before the first file is written.
    Raises: ConfigError when something lies there already, or what is asked for makes no mission; StoreError when the disk refuses.
    """
    new = new or NewMission()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError("the folder is not empty", file=str(folder), hint="name a new folder; nothing was written")
    for names, file in ((new.zones, ZONES_FILE), (new.groups, MISSION_FILE), (new.organisations, MISSION_FILE)):
        if not all(name.strip() for name in names):
            raise ConfigError("one of the names is empty", file=file, hint="write a name, or leave it out")
    contents = _contents(new)
    if MISSION_FILE not in contents:
        raise ConfigError("the starter is incomplete", file=MISSION_FILE, hint="install kobo-sync again")
    starter = contents[ZONES_FILE].decode()
    contents[ZONES_FILE] = (_with_prefixes(new.zones_csv, starter) if new.zones_csv else _zones(new, starter)).encode()
    contents[MISSION_FILE] = _settings(new, contents[MISSION_FILE].decode(), folder.resolve().name).encode()
    lists = {name: content.decode() for name, content in contents.items() if name.endswith(".csv")}
    settings = contents[MISSION_FILE].decode()
    config = parse_config(settings, lists, {})
    groups = {group.code: group.label for group in config.groups} if new.groups else None
    for form in config.forms.values():
        name, title = f"forms/{form.file}", form.titles[new.form_languages[0]]
        contents[name] = tailored(contents[name], new.form_languages, title, groups)
    with speaking(new.documents):
        for name in contents.keys() & set(_COMMENTED):
            contents[name] = with_comments(contents[name].decode(), t).encode()
        contents[_ABOUT_EXPORTS] = _translated_paragraphs(contents[_ABOUT_EXPORTS].decode()).encode()
    for name, content in contents.items():
        write_atomic(folder / name, content)
        if name in LAUNCHERS.values():
            (folder / name).chmod(0o755)
    (folder / "forms" / "media").mkdir(parents=True, exist_ok=True)
    return sorted(contents)


def _translated_paragraphs(text: str) -> str:
    paragraphs = [" ".join(each.split()) for each in text.split("\n\n")]
    return "\n\n".join(each if each.startswith("#") else t(each) for each in paragraphs) + "\n"


def zones_file(path: Path) -> str:
    """The text of a list of zones that somebody has, CSV or workbook, read as the pages read one that is handed in.

    Raises: ConfigError when it cannot be read, or is no list of zones.
    """
    content = read_content(path, str(path))
    try:
        rows = uploaded_list(content, ZONES_FILE, Rows((), {})).rows
    except ConfigError as error:
        raise ConfigError(error.fault, file=str(path), key=error.key, hint=error.hint) from error
    return csv_text(rows.columns, rows.by_code.values())


def is_starters(zones_csv: str) -> bool:
    """Whether a list of zones is still one that `init` wrote without being told any."""
    return frozenset(row["code"] for row in read_csv(zones_csv, ZONES_FILE, required=("code",))) in STARTER_ZONES


def server_for_phones(kf: str) -> str:
    """Where phones of the server at *kf* send; empty for one that the program cannot know."""
    host = re.sub(r"^https?://", "", kf).strip("/")
    if host in _SERVERS:
        return _SERVERS[host]
    return re.sub(r"^(https?://)kf([.-])", r"\1kc\2", kf.rstrip("/")) if re.match(r"https?://kf[.-]", kf) else ""


def central_project(address: str) -> tuple[str, int] | None:
    """The server and the project's number of a project's page on ODK Central, as a browser shows its address; None for any other."""
    page = re.fullmatch(r"(https?://[^/?#\s]+)/?#?/projects/([1-9]\d{0,8})(?:/.*)?", address.strip())
    return (page[1], int(page[2])) if page else None


def _contents(new: NewMission) -> dict[str, bytes]:
    """The starter's files by the path that they are to have in the mission's folder."""
    starter = resources.files("kobo_sync") / "starter"
    shared = [(name, source) for name, source in _files(starter, "") if name.partition("/")[0] not in TEMPLATES]
    own = _files(starter / new.template, "")
    languages = {new.documents, *new.form_languages}
    others = set(LAUNCHERS.values()) - {LAUNCHERS.get(sys.platform, "")}
    shared = [(name, source) for name, source in shared if name not in others]
    read = {RENAMED.get(name, name): source.read_bytes() for name, source in (*shared, *own)}
    return {name: read[name] for name in read if not (guide := _GUIDE.fullmatch(name)) or guide[1] in languages}


def _files(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    files = []
    for item in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if item.is_dir():
            files += _files(item, f"{prefix}{item.name}/")
        elif not item.name.endswith(".pyc"):
            files.append((f"{prefix}{item.name}", item))
    return files


def _settings(new: NewMission, starter: str, folder: str) -> str:
    """The starter's settings with what is *new*, and with a code and an id of their own."""
    drawn = secrets.token_hex(4)
    code = f"{_ascii(folder, '-')[:30].strip('-') or 'mission'}-{drawn[:4]}"
    document: Any = tomlkit.parse(starter.replace('code = "ma-mission"', f'code = "{code}"\nid = "{drawn}"', 1))
    _keep_languages(document, [*new.form_languages, new.documents])
    mission = document["mission"]
    mission["languages"], mission["documents"] = list(new.form_languages), new.documents
    with speaking(new.documents):
        mission["title"] = t(_TITLES[new.template])
        for organisation in document["organisations"]:
            organisation["name"] = t(_ORGANISATION)
    for key in ("title", "timezone"):
        if value := getattr(new, key):
            mission[key] = value
    if new.starts_on or new.ends_on:
        mission["starts_on"] = new.starts_on or new.ends_on
        mission["ends_on"] = new.ends_on or new.starts_on
    if new.organisations:
        document["organisations"] = _tables(document["organisations"], [{"name": name} for name in new.organisations])
    if new.groups and "groups" in document:
        label, starters = new.form_languages[0], next(iter(document["quotas"]["default"].values()))
        codes = _codes(list(new.groups), "group")
        groups = [{"code": code, "label": _inline({label: name})} for name, code in zip(new.groups, codes, strict=True)]
        document["groups"] = _tables(document["groups"], groups)
        quota = tomlkit.table()
        for code, n_expected in zip(codes, new.groups.values(), strict=True):
            quota.add(code, starters if n_expected is None else n_expected)
        quota.add(tomlkit.nl())
        document["quotas"]["default"] = quota
    if new.project:
        server = tomlkit.table()
        server.update({"kind": CENTRAL, "url": new.kf.rstrip("/"), "project": new.project})
        server.add(tomlkit.nl())
        document["server"] = server
    elif new.kf:
        document["server"]["kf"] = new.kf.rstrip("/")
        document["server"]["kc"] = (new.kc or server_for_phones(new.kf)).rstrip("/")
    return tomlkit.dumps(document)


def _keep_languages(settings: Any, languages: Sequence[Code]) -> None:
    """Take the labels in other languages out of *settings*, wherever they stand."""
    for key, value in list(settings.items() if isinstance(settings, dict) else enumerate(settings)):
        if isinstance(value, dict) and value and set(value) <= set(LANGUAGES):
            kept, before = _inline({code: label for code, label in value.items() if code in languages}), settings[key]
            kept.trivia.comment_ws, kept.trivia.comment = before.trivia.comment_ws, before.trivia.comment
            settings[key] = kept  # anew: taken out of the old one, labels leave their blanks
        elif isinstance(value, dict | list):
            _keep_languages(value, languages)


def _tables(before: Any, rows: Sequence[Mapping[str, Any]]) -> Any:
    """An array of tables, its first one with the remark that stood *before*."""
    tables = tomlkit.aot()
    for row in rows:
        table = tomlkit.table()
        for key, value in row.items():
            table.add(key, value)
        table.add(tomlkit.nl())
        tables.append(table)
    if remark := before[0].trivia.comment:
        tables[0].comment(remark.lstrip("# "))
        tables[0].trivia.comment_ws = "  "  # as remarks stand, which are translated
    return tables


def _inline(labels: Mapping[str, str]) -> Any:
    table = tomlkit.inline_table()
    table.update(labels)
    return table


def _zones(new: NewMission, starter: str) -> str:
    """config/zones.csv: the starter's rows, or one for each of the zones named, a day each from the first one on."""
    rows = list(csv.DictReader(io.StringIO(starter)))
    columns = [c for c in rows[0] if not c.startswith("label_") or c[6:] in new.form_languages]
    if new.zones:
        codes = _codes(new.zones, "zone")
        names = zip(new.zones, codes, prefixes(codes), strict=True)
        rows = [
            {"code": code, "prefix": prefix, **{c: name for c in columns if c.startswith("label_")}}
            for name, code, prefix in names
        ]
    if new.starts_on and "training_on" in columns:
        last = new.ends_on or new.starts_on
        for n, row in enumerate(rows):
            day = new.starts_on + timedelta(days=n)
            row["training_on"] = day.isoformat() if day <= last else ""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _with_prefixes(zones_csv: str, starter: str) -> str:
    """A list of zones that somebody has, as it is; where the starter's forms make codes of a zone's prefix, and it lacks some, with them."""
    if COLUMN not in starter.partition("\n")[0].split(","):
        return zones_csv
    rows, given = with_prefixes(rows_of(zones_csv, ZONES_FILE))
    return csv_text(rows.columns, rows.by_code.values()) if given else zones_csv


def _codes(names: Sequence[str], kind: str) -> list[str]:
    """A code for each of *names*, drawn from it; one that has no Latin letter, or gives a code that another has, is numbered."""
    codes: list[str] = []
    for number, name in enumerate(names, 1):
        code = _ascii(name, "_")[:40].strip("_") or f"{kind}_{number}"
        codes.append(f"{kind}_{number}" if code in codes or is_reserved(code) else code)
    return codes


def _ascii(name: str, separator: str) -> str:
    """*name* in small Latin letters without accents and digits, all else a *separator*."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c)).lower()
    return re.sub(r"[^a-z0-9]+", separator, plain).strip(separator)
