"""Which settings are changed in forms, how each is written in its field, and what a form that comes back makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from math import isfinite
from typing import Any, Literal

from kobo_sync.config.checks_and_keeping import Backup, Retention
from kobo_sync.config.config import Config
from kobo_sync.config.merging import Values
from kobo_sync.config.mission import Mission
from kobo_sync.config.service import JOB_NAMES, Notices, Schedule
from kobo_sync.language.catalogue import later
from kobo_sync.language.speaking import LANGUAGES
from kobo_sync.web.words import CHOICES

Kind = Literal["text", "date", "hour", "whole", "number", "choice", "yes", "lines", "wholes"]
Given = Mapping[str, str]  # what a browser sent: field → text
ZONES_PER_PAGE = 50
NEW_ROWS = 2  # blank ones at the end, for what is added
PARTS = {
    "mission": later("Mission and dates"),
    "demi-journees": later("Half-days"),
    "quotas": later("Groups and quotas"),
    "avis": later("Notices by mail"),
    "horaires": later("Hours of the jobs"),
    "conservation": later("Keeping and erasing"),
}


@dataclass(frozen=True)
class Field:
    """A setting in a form; *default* holds where the file has none."""

    key: str
    kind: Kind = "text"
    default: Any = None
    choices: tuple[str, ...] = ()

    def text(self, value: Any) -> str:
        """How *value* stands in the field."""
        shown = self.default if value is None and self.kind in ("choice", "yes") else value
        if self.kind == "yes":
            return "1" if shown else ""
        if shown is None:
            return ""
        if isinstance(shown, list):
            return ("\n" if self.kind == "lines" else " ").join(map(str, shown))
        if isinstance(shown, time):
            return f"{shown:%H:%M}"
        return str(shown)

    def value(self, text: str) -> Any:
        """What *text* means; what cannot mean anything stays text, for whoever reads the settings to refuse; None for none."""
        clean = text.strip()
        if self.kind == "yes":
            return bool(clean)
        if not clean:
            return None
        if self.kind == "lines":
            return [line.strip() for line in clean.splitlines() if line.strip()]
        if self.kind == "wholes":
            return [_number(part, int) for part in clean.replace(",", " ").replace("،", " ").split()]
        if self.kind == "date":
            return _read(date.fromisoformat, clean)
        if self.kind in ("whole", "number"):
            return _number(clean, int if self.kind == "whole" else float)
        return clean

    def changed(self, value: Any, given: str) -> Any:
        """*value* as the field says now; as it was where the text is the same."""
        text = "\n".join(given.split("\r\n")).strip()
        return value if text == self.text(value).strip() else self.value(text)


@dataclass(frozen=True)
class RowFields:
    """An array of tables in a form: a row for each, told apart by the first of *columns*."""

    key: str
    columns: tuple[Field, ...]


@dataclass(frozen=True)
class Grid:
    """Fields as a table: *heads* above, a name before each row."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Field, ...]], ...]
    pages: int = 1


@dataclass(frozen=True)
class Part:
    """What stands on one page of settings."""

    fields: tuple[Field, ...] = ()
    rows: tuple[RowFields, ...] = ()
    grid: Grid = field(default_factory=lambda: Grid((), ()))

    @property
    def all_fields(self) -> tuple[Field, ...]:
        """Those of the table too."""
        return (*self.fields, *(each for _, row in self.grid.rows for each in row))


def part_of(name: str, config: Config, values: Values, page: int = 1) -> Part:
    """The fields of the part called *name*, for a mission of these settings; *page* of its zones."""
    languages = tuple(dict.fromkeys([*config.mission.languages, *LANGUAGES]))
    if name == "mission":
        texts = [Field(f"mission.{key}") for key in ("programme", "trainer", "data_law", "timezone")]
        titles = [Field(f"mission.titles.{code}") for code in languages[1:]]
        days = [Field(f"mission.{key}", "date") for key in ("starts_on", "ends_on")]
        chosen = [_choice("mission.documents", Mission), _choice("mission.digits", Mission)]
        rows = RowFields("organisations", (Field("name"),))
        return Part((Field("mission.title"), *titles, *days, *texts, *chosen), (rows,))
    if name == "demi-journees":
        hours = (Field("starts", "hour"), Field("ends", "hour"), Field("days", "wholes"))
        return Part(rows=(RowFields("sessions", (Field("code"), *_labels(config, values, "sessions"), *hours)),))
    if name == "quotas":
        groups = RowFields("groups", (Field("code"), *_short(config, values), *_labels(config, values, "groups")))
        sexes = tuple(Field(f"quotas.sexes.{code}", "whole") for code in (config.codes.female, config.codes.male))
        return Part(sexes, (groups,), _quotas(config, values, page))
    if name == "avis":
        people = [Field(f"notices.{key}", "lines") for key in ("staff", "deliverables_to", "deliverables_cc")]
        below = Field("notices.endangered_below", "number", _default(Notices, "endangered_below"))
        hour = Field("notices.quota_hour", "hour", _default(Notices, "quota_hour"))
        return Part((*people, Field("notices.attach", "yes", False), hour, below))
    if name == "horaires":
        numbers = [Field(f"schedule.{key}", "number", _default(Schedule, key)) for key in ("jitter_s", "grace_minutes")]
        return Part((*(Field(f"schedule.{job}", "lines") for job in JOB_NAMES), *numbers))
    kept = [Field(f"retention.{key}", "whole", _default(Retention, key)) for key in ("files_months", "personal_months")]
    answers = [Field(f"retention.answers_months.{form_id}", "whole") for form_id in config.forms]
    backups = [Field(f"backup.{key}", "whole", _default(Backup, key)) for key in ("daily", "weekly")]
    return Part((*kept, Field("retention.personal", "lines"), *answers, *backups))


def values_given(part: Part, before: Values, given: Given) -> dict[str, Any]:
    """The settings *before* as a form that came back makes them; of fields that it has not, they stay."""
    mine = dict(before)
    for each in part.all_fields:
        if each.key in given or each.kind == "yes":
            mine[each.key] = each.changed(before.get(each.key), given.get(each.key, ""))
    for rows in part.rows:
        mine[rows.key] = [row for _, row in rows_given(rows, before.get(rows.key) or [], given)] or None
    return {key: value for key, value in mine.items() if value is not None}


def rows_given(rows: RowFields, before: list[dict[str, Any]], given: Given) -> list[tuple[int, dict[str, Any]]]:
    """(its number in the form, the row) of each row that stays or is new."""
    known = {str(row.get(rows.columns[0].key)): row for row in before}
    found = []
    for at in row_numbers(rows, given):
        code = given.get(f"{rows.key}.{at}", "")
        own = (
            before[at] if at < len(before) else {}
        )  # two rows of one code, of a file edited by hand, are told apart by place
        row = _nested_copy(own if own and str(own.get(rows.columns[0].key)) == code else known.get(code, {}))
        for column in rows.columns:
            *tables, name = column.key.split(".")
            table = row
            for each in tables:
                table = table.setdefault(each, {})
            value = column.changed(table.get(name), given.get(f"{rows.key}.{at}.{column.key}", ""))
            table.pop(name, None) if value is None else table.__setitem__(name, value)
        bare = {key: value for key, value in row.items() if value != {}}
        if bare and f"{rows.key}.{at}.gone" not in given:
            found.append((at, bare))
    return found


def row_numbers(rows: RowFields, given: Given) -> list[int]:
    """The numbers of the rows that the form has, the last ones for what is added."""
    numbers = {key.split(".")[1] for key in given if key.startswith(f"{rows.key}.")}
    return sorted(int(number) for number in numbers if number.isascii() and number.isdigit() and len(number) < 5)


def given_of(part: Part, values: Values) -> dict[str, str]:
    """What a form that shows *values* would send unchanged, blank rows for new ones at its end."""
    given = {each.key: each.text(values.get(each.key)) for each in part.all_fields}
    for rows in part.rows:
        present = list(values.get(rows.key) or [])
        for at, row in enumerate([*present, *({} for _ in range(NEW_ROWS))]):
            given[f"{rows.key}.{at}"] = str(row.get(rows.columns[0].key, ""))
            for column in rows.columns:
                *tables, name = column.key.split(".")
                table = row
                for each in tables:
                    table = table.get(each, {})
                given[f"{rows.key}.{at}.{column.key}"] = column.text(table.get(name))
    return given


def _labels(config: Config, values: Values, key: str) -> tuple[Field, ...]:
    written = [language for row in values.get(key) or [] for language in row.get("label", {})]
    return tuple(Field(f"label.{code}") for code in dict.fromkeys([*config.mission.languages, *written]))


def _short(config: Config, values: Values) -> tuple[Field, ...]:
    """The groups' short name, or names by language; none where the file has it now so, now so: a field is one of the two."""
    written = [row["short"] for row in values.get("groups") or [] if "short" in row]
    by_language = [each for each in written if isinstance(each, dict)]
    if not by_language:
        return (Field("short"),)
    codes = dict.fromkeys([*config.mission.languages, *(code for each in by_language for code in each)])
    return tuple(Field(f"short.{code}") for code in codes) if len(by_language) == len(written) else ()


def _quotas(config: Config, values: Values, page: int) -> Grid:
    """A row for all zones and one for each: persons per group, or in all where there are no groups or the file has it so."""
    groups = [group.code for group in config.groups]
    tables = ["quotas.default", *(f"quotas.zones.{zone.code}" for zone in config.zones)]
    in_all = not groups or any(key in values for key in tables)
    pages = -(-len(config.zones) // ZONES_PER_PAGE) or 1
    first = (min(max(page, 1), pages) - 1) * ZONES_PER_PAGE
    shown = [
        ("", tables[0]),
        *((zone.code, f"quotas.zones.{zone.code}") for zone in config.zones[first : first + ZONES_PER_PAGE]),
    ]
    rows = tuple(
        (name, (*([Field(key, "whole")] if in_all else []), *(Field(f"{key}.{group}", "whole") for group in groups)))
        for name, key in shown
    )
    return Grid((*([""] if in_all else []), *groups), rows, pages)


def _choice(key: str, model: type[Any]) -> Field:
    """A field with the codes that the program has words for; an empty one where nothing holds without."""
    default = _default(model, key.rpartition(".")[2])
    return Field(key, "choice", default, (*([""] if default is None else []), *CHOICES[key]))


def _default(model: type[Any], name: str) -> Any:
    return model.model_fields[name].default


def _number(text: str, kind: type[int] | type[float]) -> Any:
    """A number as people type it; what is none stays text."""
    plain = text.replace(",", ".").replace("٫", ".")
    for read in (int, float) if kind is int else (float,):
        number = _read(read, plain)
        if not isinstance(number, str) and isfinite(number):
            return number
    return text


def _read(read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text)
    except ValueError:
        return text


def _nested_copy(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _nested_copy(value) if isinstance(value, Mapping) else value for key, value in row.items()}
