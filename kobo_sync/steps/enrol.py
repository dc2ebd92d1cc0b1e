"""Phones and people made ready: settings codes for enumerators, badges for participants."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from kobo_sync.analysis.labels import pick
from kobo_sync.config.config import Config, Group
from kobo_sync.config.doors import leads_here
from kobo_sync.config.file_names import FileName
from kobo_sync.config.files import MISSION_FILE, ZONES_FILE
from kobo_sync.config.lists import read_csv
from kobo_sync.desk import journal
from kobo_sync.desk.access_log import log_download
from kobo_sync.documents.pdf.badges import Badge, badges_pdf, enrolment_pdf, has_room
from kobo_sync.documents.pdf.barcodes import qr_png
from kobo_sync.documents.script import is_arabic
from kobo_sync.errors import ConfigError
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Finding, Report, Zone
from kobo_sync.phones.enrolment import payload, settings
from kobo_sync.steps.field_station import enumerators, station_accounts
from kobo_sync.steps.phones import goes_by_zone, of_no_zone, server_of_phones
from kobo_sync.workspace.writing import write_atomic

PASSWORD = "COLLECT_PASSWORD"
ENROL = "enrol_phone"  # as the journal calls it
BLANK, _NOWHERE = FileName("vierges", "blank"), FileName("sans-zone", "without-zone")  # in the file names of badges
_USER = re.compile(r"[\w.@+-]{1,64}")


def enrol(
    mission: Mission,
    *,
    user: str = "",
    name: str = "",
    people: Path | None = None,
    zone: str = "",
    language: str = "fr",
    with_password: bool = False,
    output: Path | None = None,
) -> Report:
    """Write ``<user>.png`` (the code alone) and ``<user>.pdf`` (a page to hand out) for *user*, or each row of *people*.

    *people* is a CSV with the columns ``user`` and ``name``; on ODK Central also ``zone``, or *zone* for all: the phone's own, where
    `roster.by_zone` gives each phone the persons of its zone. The password comes from the environment only.
    Raises: ConfigError for a bad list, a name that is no account, a password that is not there, or a server's address that
    leads a phone to itself.
    """
    started_at = mission.clock()
    _refuse_own_address(mission)
    password = mission.environ.get(PASSWORD, "") if with_password else ""
    if with_password and not password:
        raise ConfigError(
            "the password is not there", file="the environment", key=PASSWORD, hint=f"set {PASSWORD} for this one run"
        )
    sheets: list[tuple[str, str, str]] = []
    zones: dict[str, str] = {}
    for account, person, own_zone in _accounts(people) if people else [(user, name, "")]:
        if not _USER.fullmatch(account):
            where = people.name if people else "USER"
            raise ConfigError(f"{account!r} is no account's name", file=where, key="user", hint=_name_cure(mission))
        sheets.append((account, person, password))
        zones[account] = own_zone or zone
    folder = output or mission.workspace.out / "enrolment"
    if mission.features.knows_phones:
        people_of_zones = [(account, person, zones[account]) for account, person, _ in sheets]
        return _enrolled(mission, started_at, people_of_zones, language, folder)
    return _written(mission, started_at, mission.kc, sheets, language, folder)


def _enrolled(
    mission: Mission, started_at: datetime, people: Sequence[tuple[str, str, str]], language: str, folder: Path
) -> Report:
    """The same where the server knows each phone by itself: its address is its secret, and nobody types a password."""
    config = mission.config.mission
    files: dict[str, bytes] = {}
    for account, person, zone in people:
        code = enrol_phone(mission, account, zone, language=language)
        files[f"{account}.png"] = qr_png(code)
        files[f"{account}.pdf"] = enrolment_pdf(
            code,
            user=account,
            name=person,
            mission=config.document_title,
            server=mission.kc,
            secret="code",
            languages=config.written_languages,
        )
    lines = _write(folder, files)
    if any(zone for _, _, zone in people) and not goes_by_zone(mission):
        lines.append(
            "the zones that were given have no effect: every phone gets the whole list; `roster.entities` and `roster.by_zone` give it by zone"
        )
    lines.append(
        "each code is the phone's secret: whoever photographs it may submit; print them, then delete these files"
    )
    findings = list(of_no_zone(mission, mission.deployer().phones())) if goes_by_zone(mission) else []
    return mission.report("enrol", started_at, {"enumerators": len(people)}, findings, lines)


def enrol_phone(mission: Mission, account: str, zone: str, *, language: str) -> str:
    """The settings code of the phone *account*, which the server knows from now on.

    Raises: ConfigError for a name that cannot be one, a zone that is missing or unknown, a server that does not know phones, and an
    address that leads a phone to itself; KoboError.
    """
    _refuse_own_address(mission)
    if not _USER.fullmatch(account):
        message, hint = (
            f"{account!r} cannot be a phone's name",
            _name_cure(mission),
        )
        raise ConfigError(message, file="USER", key="user", hint=hint)
    config, by_zone = mission.config.mission, goes_by_zone(mission)
    if zone and mission.config.zone(zone) is None:
        codes = ", ".join(item.code for item in mission.config.zones)
        raise ConfigError(f"there is no zone {zone!r}", file=ZONES_FILE, key="--zone", hint=f"the zones are: {codes}")
    if by_zone and not zone:
        codes = ", ".join(item.code for item in mission.config.zones)
        message = f"the phone {account} needs its zone: the list of participants goes to phones by zone"
        hint = f"give --zone, or the column zone: {codes}"
        raise ConfigError(message, file=MISSION_FILE, key="roster.by_zone", hint=hint)
    phone = server_of_phones(mission).add_phone(account, zone if by_zone else "")
    journal.note(
        mission.desk, ENROL, account, by=mission.doer, now=mission.clock(), **({"zone": zone} if by_zone else {})
    )
    project = config.programme or config.title
    return payload(settings(phone.server_url, "", project=project, language=language, metadata_username=account))


def _name_cure(mission: Mission) -> str:
    if mission.features.knows_phones:
        return "letters, digits and . @ + - _ only, 64 of them at the most"
    return f"write it as on {mission.features.name}"


def _refuse_own_address(mission: Mission) -> None:
    if leads_here(mission.kc):
        key = "server.url" if mission.features.has_one_address else "server.kc"
        hint = f"give [server] {key.partition('.')[2]} the address that phones reach, as http://192.168.1.10:{urlsplit(mission.kc).port or 80}"
        message = f"{mission.kc} is this machine's own address: a phone that scans it would speak to itself"
        raise ConfigError(message, file=MISSION_FILE, key=key, hint=hint)


def enrol_at_station(mission: Mission, url: str, *, language: str = "fr", output: Path | None = None) -> Report:
    """The same for every account of this workspace's own station, which phones reach at *url*; each code holds its password.

    Raises: ConfigError for an address that leads a phone to itself; StoreError.
    """
    started_at = mission.clock()
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname or leads_here(url):
        hint = "give the address that the station prints for phones, as http://192.168.1.10:8080"
        raise ConfigError(f"{url} is no address that a phone reaches", file="--station", key="ADDRESS", hint=hint)
    accounts = station_accounts(mission.workspace.state, enumerators(mission))
    sheets = [(user, each.name, each.password) for user, each in accounts.enumerators.items() if each.is_open]
    folder = output or mission.workspace.out / "enrolment"
    return _written(mission, started_at, url.rstrip("/"), sheets, language, folder)


def account_sheet(mission: Mission, account: str, name: str, language: str) -> bytes:
    """The page that sets a phone up for *account* as a PDF; its code holds no password.

    Raises: ConfigError for a name that is no account, and an address that leads a phone to itself; DocumentError.
    """
    _refuse_own_address(mission)
    if not _USER.fullmatch(account):
        message, hint = f"{account!r} is no account's name", _name_cure(mission)
        raise ConfigError(message, file="USER", key="user", hint=hint)
    return _sheet(mission, mission.kc, (account, name, ""), language)[1]


def _written(
    mission: Mission,
    started_at: datetime,
    server: str,
    sheets: Sequence[tuple[str, str, str]],
    language: str,
    folder: Path,
) -> Report:
    """Write the codes of *sheets*: account, person, password (empty: the code holds none)."""
    files: dict[str, bytes] = {}
    for sheet in sheets:
        files[f"{sheet[0]}.png"], files[f"{sheet[0]}.pdf"] = _sheet(mission, server, sheet, language)
        journal.note(mission.desk, ENROL, sheet[0], by=mission.doer, now=started_at)
    lines = _write(folder, files)
    if any(password for _, _, password in sheets):
        lines.append("these files hold a password: print them, then delete them")
    return mission.report("enrol", started_at, {"enumerators": len(sheets)}, [], lines)


def _sheet(mission: Mission, server: str, sheet: tuple[str, str, str], language: str) -> tuple[bytes, bytes]:
    """The code of *sheet* as a PNG, and the page around it as a PDF."""
    (account, person, password), config = sheet, mission.config.mission
    project = config.programme or config.title
    code = payload(settings(server, account, project=project, language=language, password=password))
    page = enrolment_pdf(
        code,
        user=account,
        name=person,
        mission=config.document_title,
        server=server,
        secret="password" if password else "",
        languages=config.written_languages,
    )
    return qr_png(code), page


def badge_sheets(mission: Mission, *, zone: str = "", n_blank: int = 0, output: Path | None = None) -> Report:
    """Write ``badges-<zone>.pdf`` for the roster's participants, or with *n_blank* badges of codes alone.

    Raises: ConfigError for an unknown zone.
    """
    started_at = mission.clock()
    config = mission.config
    if zone and config.zone(zone) is None:
        codes = ", ".join(item.code for item in config.zones)
        raise ConfigError(f"there is no zone {zone!r}", file=ZONES_FILE, key="--zone", hint=f"the zones are: {codes}")
    sheets = (
        {
            f"badges-{item.code}-{BLANK.of(config)}.pdf": blank_badges(item, n_blank)
            for item in config.zones
            if zone in ("", item.code)
        }
        if n_blank
        else participant_sheets(mission.participants().rows, config, zone)
    )
    findings = [
        Finding(
            "BADGE002", "warning", badge.code, "the code has no bar code on its badge", "use up to 15 plain letters"
        )
        for badges in sheets.values()
        for badge in badges
        if not has_room(badge.code)
    ]
    if not sheets:
        hint = "run pull, then roster; or print badges before registration with --blank N --zone CODE"
        findings.append(Finding("BADGE001", "error", zone or "all zones", "the roster has no participant", hint))
    folder = output or mission.workspace.out / "badges"
    files = {name: badges_pdf(badges, title=config.mission.title) for name, badges in sheets.items()}
    for name, content in files.items():
        classification, digest = "internal" if n_blank else "nominative", hashlib.sha256(content).hexdigest()
        log_download(mission.desk, name, classification, digest, started_at, username=mission.doer)
    lines = _write(folder, files)
    if sheets and not n_blank:
        lines.append("nominative: these files hold names; hand them over on paper only")
    n_badges = sum(map(len, sheets.values()))
    return mission.report("badges", started_at, {"badges": n_badges}, findings, lines)


def zone_badges(mission: Mission, zone: str, n_blank: int = 0) -> bytes | None:
    """The badges of one zone's participants as a PDF, or *n_blank* of codes alone; None for no such zone, or nobody in it."""
    place = mission.config.zone(zone)
    if place is None:
        return None
    if n_blank:
        return badges_pdf(blank_badges(place, n_blank), title=mission.config.mission.title)
    sheets = participant_sheets(mission.participants().rows, mission.config, zone)
    badges = next(iter(sheets.values()), [])
    return badges_pdf(badges, title=mission.config.mission.title) if badges else None


def _short(group: Group, config: Config) -> str:
    return pick(group.short, config.mission.label_languages, group.name)


def participant_sheets(rows: Sequence[Mapping[str, str]], config: Config, zone: str) -> dict[str, list[Badge]]:
    """The badges of each zone's participants, by file name, sorted by code; *rows* as the roster gives them."""
    sheets: dict[str, list[Badge]] = {}
    for row in sorted(rows, key=lambda row: (row["zone"], row["name"])):
        if zone not in ("", row["zone"]):
            continue
        label = row["label"].removesuffix(f"({row['name']})").strip()
        latin, _, arabic = label.partition(" / ") if not is_arabic(label) or " / " in label else ("", "", label)
        group, place = config.group(row["group"]), config.zone(row["zone"])
        lines = [place.name if place else row["zone"], _short(group, config) if group else row["group"]]
        badge = Badge(row["name"], latin if latin != row["name"] else "", arabic, " · ".join(filter(None, lines)))
        file = re.sub(r"[^\w-]+", "_", row["zone"]) or _NOWHERE.of(config)
        sheets.setdefault(f"badges-{file}.pdf", []).append(badge)
    return sheets


def blank_badges(zone: Zone, n_badges: int) -> list[Badge]:
    """*n_badges* badges of *zone* with codes alone: its column ``prefix``, or its code's first letters."""
    letters = "".join(character for character in zone.code if character.isalpha())
    prefix = zone.extra.get("prefix") or letters[:3].upper()
    digits = max(2, len(str(n_badges)))
    return [Badge(f"{prefix}-{number:0{digits}}", place=zone.name) for number in range(1, n_badges + 1)]


def _accounts(people: Path) -> list[tuple[str, str, str]]:
    try:
        text = people.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"it cannot be read: {error.strerror}", file=people.name, hint="check the name and its rights"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError("it is not UTF-8 text", file=people.name, hint="save it as “CSV UTF-8”") from error
    return [
        (row["user"], row.get("name", ""), row.get("zone", ""))
        for row in read_csv(text, people.name, required=("user",))
    ]


def _write(folder: Path, files: Mapping[str, bytes]) -> list[str]:
    for name, content in sorted(files.items()):
        write_atomic(folder / name, content, private=True)
    return [str(folder / name) for name in sorted(files)]
