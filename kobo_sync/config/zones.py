"""The zones of a mission: config/zones.csv."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING

from kobo_sync.config.file_names import DATA, NOMINATIVE
from kobo_sync.config.files import MISSION_FILE, ZONES_FILE
from kobo_sync.config.lists import labels_of, read_csv
from kobo_sync.errors import ConfigError
from kobo_sync.model import Zone

if TYPE_CHECKING:
    from kobo_sync.config.config import Config

# What else lies in exports/out/ under a name of its own.
OURS = ("mission", *DATA, "questionnaires", "badges", "enrolment", "templates", "annexes")
_OURS_BEGINNING = "as-of-"
_OF_WINDOWS = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9])", re.I)
_DAYS = ("days", "training_on")  # the columns that say when; the second is the older name, of one day
_DAYS_HINT = "write days as 2025-02-11 2025-02-12, or from the first to the last as 2025-02-11..2025-02-13"
SURVEY_ROLES = ("needs", "other")  # nothing that they give is counted by zone alone
_CODE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}", re.ASCII)


def zones_of(text: str | None, config: Config) -> list[Zone]:
    """The zones that config/zones.csv lists, in its order, with the quotas of *config*.

    A survey may have none: its documents are the mission's. Raises: ConfigError naming the row of a code that cannot be one,
    of a wrong date, of a repetition; for what cannot be without zones.
    """
    language = config.mission.languages[0]
    columns = ("code", f"label_{language}")
    rows = read_csv(text, ZONES_FILE, required=columns, may_be_empty=True) if text and text.strip() else []
    if not rows:
        _refuse_without(config)
    zones: list[Zone] = []
    rows_by_folder: dict[str, int] = {}
    for number, row in enumerate(rows, 2):
        code = row["code"]
        _check_code(code, number, rows_by_folder)
        target, quotas = config.quotas.of(code)
        labels = {
            lang: labels_of(row)[lang] for lang in [language, *config.mission.languages[1:]] if lang in labels_of(row)
        }
        extra = {k: v for k, v in row.items() if not k.startswith("label_") and k not in ("code", *_DAYS)}
        days = _zone_days(row, number, config)
        zones.append(Zone(code, labels or {language: code}, target, quotas, days, extra, dict(config.quotas.sexes)))
    return zones


def _zone_days(row: Mapping[str, str], number: int, config: Config) -> tuple[date, ...]:
    """The days of a zone, in order: of the column ``days``, else of its older name for one day."""
    column = next((name for name in _DAYS if row.get(name)), "")
    if not column:
        return ()
    text, key = row[column], f"row {number}, {column}"
    days: set[date] = set()
    for part in re.split(r"[\s,;]+", re.sub(r"\s*\.\.\s*", "..", text.strip())):
        first, _, last = part.partition("..")
        try:
            start, end = date.fromisoformat(first), date.fromisoformat(last or first)
        except ValueError as error:
            hint = "write it as 2025-02-11" if column == "training_on" else _DAYS_HINT
            raise ConfigError(f"{part!r} is not a date", file=ZONES_FILE, key=key, hint=hint) from error
        for day in (start, end):
            if not config.mission.starts_on <= day <= config.mission.ends_on:
                raise ConfigError(
                    f"{day} is outside the mission ({config.mission.starts_on} to {config.mission.ends_on})",
                    file=ZONES_FILE,
                    key=key,
                    hint=f"correct it, or mission.starts_on and mission.ends_on in {MISSION_FILE}",
                )
        if end < start:
            raise ConfigError(f"{end} is before {start}", file=ZONES_FILE, key=key, hint="write the first day first")
        days |= {start + timedelta(days=more) for more in range((end - start).days + 1)}
    return tuple(sorted(days))


def _refuse_without(config: Config) -> None:
    """Raises: ConfigError for what cannot be without zones."""
    hint = f"create the file with columns code,label_{config.mission.languages[0]} and a line per zone"
    for form_id, form in config.forms.items():
        if form.role not in SURVEY_ROLES:
            message = f"there are no zones, and the form {form_id} has the role {form.role}, which is counted by zone"
            raise ConfigError(message, file=ZONES_FILE, hint=hint)
        if "zone" in form.fields:
            message = f"there are no zones, and forms.{form_id}.fields.zone asks which one each row is of"
            raise ConfigError(message, file=ZONES_FILE, hint=hint)


def check_mapping(config: Config, form_id: str) -> None:
    """Refuse what ``forms.<form_id>.zones`` cannot mean. Raises: ConfigError."""
    form = config.forms[form_id]
    codes = [zone.code for zone in config.zones]
    if form.zones and "zone" not in form.fields:
        hint = f'write zone = "…" under [forms.{form_id}.fields]: the question whose answers these are'
        raise ConfigError("no question tells the zone", file=MISSION_FILE, key=f"forms.{form_id}.zones", hint=hint)
    meant: dict[str, tuple[str, str]] = {}
    for answer, code in form.zones.items():
        other, zone = meant.setdefault(plain(answer), (answer, code))
        if zone != code:
            raise ConfigError(
                f"{other!r} is read as the same answer, and means {zone!r}",
                file=MISSION_FILE,
                key=f"forms.{form_id}.zones.{answer}",
                hint="case, accents and spaces do not tell answers apart; let both mean one zone",
            )
        if code not in codes:
            near = get_close_matches(code, codes, n=3, cutoff=0.5) or codes[:10]
            raise ConfigError(
                f"{code!r} is the code of no zone",
                file=MISSION_FILE,
                key=f"forms.{form_id}.zones.{answer}",
                hint=f"{ZONES_FILE} has: {', '.join(near)}",
            )


def plain(text: str) -> str:
    """*text* without what people write now so, now so: case, accents, vowel signs, apostrophes, spaces."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return " ".join(bare.replace("\u0640", "").replace("’", "'").split())


def is_reserved(code: str) -> bool:
    """Whether no zone can be called *code*, on any machine."""
    try:
        _check_code(code, 0, {})
    except ConfigError:
        return True
    return False


def _check_code(code: str, row: int, rows_by_folder: dict[str, int]) -> None:
    """Refuse a code whose folder and archives would be no files of their own, on any machine; *rows_by_folder* takes it in."""
    folder = code.lower()
    if not _CODE.fullmatch(code):
        reason, cure = (
            f"{code!r} cannot be a code",
            "use a-z, 0-9, _ and -, a letter or digit first, at most 64 of them",
        )
    elif folder in OURS or folder.startswith(_OURS_BEGINNING):
        reason, cure = f"{code!r} is the name of a folder of the program's own", "give the zone another code"
    elif ending := next((each for each in NOMINATIVE if folder.endswith(each)), ""):
        reason, cure = f"{code!r} ends as nominative archives do", f"write it without {ending}"
    elif _OF_WINDOWS.fullmatch(code):
        reason, cure = (
            f"{code!r} is a device on Windows, where no folder can be called so",
            "give the zone another code",
        )
    elif folder in rows_by_folder:
        reason = f"{code!r} differs from the code in row {rows_by_folder[folder]} by capitals alone"
        cure = "give it another code: many disks would take both for one folder"
    else:
        rows_by_folder[folder] = row
        return
    raise ConfigError(reason, file=ZONES_FILE, key=f"row {row}, code", hint=cure)
