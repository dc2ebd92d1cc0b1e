"""A form's rows as the checks read them: columns by meaning, and findings that say who sent what from where."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from kobo_sync.analysis import meaning
from kobo_sync.analysis.days import RowDays, local_days, row_days
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import memo_in_process
from kobo_sync.analysis.row_zones import reader_of, zones_in
from kobo_sync.config.config import Config, FormSettings, Role
from kobo_sync.forms.zone_answers import ZoneReader
from kobo_sync.lazy import cached_property, np, pd
from kobo_sync.model import Finding, Form, Severity

if TYPE_CHECKING:
    import numpy.typing as npt

Mask: TypeAlias = "npt.NDArray[np.bool_]"


@dataclass(frozen=True)
class Sheet:
    """The rows of one form that no reviewer refused, by id; *repeats* are its repeats' tables by name.

    Every column is a list as long as the sheet: a check reads the few that it needs, once.
    """

    form_id: str
    config: Config
    form: Form | None
    table: pd.DataFrame
    repeats: dict[str, pd.DataFrame] = field(default_factory=dict)
    zone_reader: ZoneReader | None = None

    def __len__(self) -> int:
        return len(self.table)

    @property
    def settings(self) -> FormSettings:
        """What the config says of the form."""
        return self.config.forms[self.form_id]

    # ── columns ──

    def has(self, meaning: str) -> bool:
        """Whether a question of the table carries *meaning*."""
        return self.settings.fields.get(meaning, "") in self.table

    def column(self, question: str) -> list[str]:
        """The answers to a question as stripped text; missing ones, and those of a missing question, are empty."""
        return texts(self.table, question)

    def answers(self, meaning: str) -> list[str]:
        """The answers to the question that carries *meaning*."""
        return self.column(self.settings.fields.get(meaning, ""))

    def questions(self, *kinds: str) -> list[str]:
        """The names of the questions of these kinds that stand in the table, in the form's order."""
        if self.form is None:
            return [kind for kind in kinds if kind in self.table]
        return [q.name for q in self.form.questions if q.kind in kinds and not q.repeat and q.name in self.table]

    def moments(self, kind: str) -> pd.Series:
        """What the phone noted as ``start``, ``end`` or ``today``, as aware UTC times; NaT when it did not."""
        if kind not in self._moments:
            names = self.questions(kind)
            text = pd.Series(self.column(names[0]) if names else [""] * len(self), dtype=object)
            moments = pd.to_datetime(text.where(text != "", None), utc=True, errors="coerce", format="ISO8601")
            self._moments[kind] = moments
        return self._moments[kind]

    @cached_property
    def _moments(self) -> dict[str, pd.Series]:
        return {}

    @cached_property
    def consented(self) -> Mask:
        """Rows whose consent was given; all of them where the form asks none."""
        if not self.has("consent"):
            return np.ones(len(self), dtype=bool)
        return np.array([answer == self.config.codes.yes for answer in self.answers("consent")], dtype=bool)

    @cached_property
    def proved(self) -> Mask:
        """Of an attendance form the rows that do not say that their person was absent."""
        if self.settings.proof != "answer":
            return np.ones(len(self), dtype=bool)
        return np.array([answer in self.config.present_codes for answer in self.answers("present")], dtype=bool)

    @cached_property
    def zones(self) -> list[str]:
        """The code of the zone that each row says; where it means none of the mission's, what was answered."""
        if self.zone_reader is None:
            return self.answers("zone")
        return [_text(zone) for zone in zones_in(self.zone_reader, self.table, self.repeats.values()).tolist()]

    @property
    def says_zone(self) -> bool:
        """Whether a question of the form, or of a repeat of it, tells the zone."""
        name = self.settings.fields.get("zone", "")
        return bool(name) and any(name in table for table in (self.table, *self.repeats.values()))

    @cached_property
    def _known_zones(self) -> frozenset[str]:
        """A finding of an unknown zone belongs to the mission: no zone's paper would show it."""
        return frozenset(zone.code for zone in self.config.zones)

    @cached_property
    def enumerators(self) -> list[str]:
        """Who filled the row: the answer that means ``enumerator``, else the phone's user name, else the account that sent it.

        The account comes last: of what a field station relayed it is the relay's, for everybody.
        """
        names = [self.settings.fields.get("enumerator", ""), *self.questions("username"), "submitted_by"]
        columns = [self.column(name) for name in names if name in self.table]
        return (
            [next(filter(None, answers), "") for answers in zip(*columns, strict=True)] if columns else [""] * len(self)
        )

    @cached_property
    def roots(self) -> list[str]:
        """The rows' root uuids."""
        return self.column("root_uuid")

    @cached_property
    def ids(self) -> list[str]:
        """What people know the rows by: their numbers on the server, or where it gives none the beginnings of their uuids."""
        if self.config.server.features.numbers_rows:
            return self.column("submission_id")
        return [f"{root[:8]}…" for root in self.roots]

    @cached_property
    def places(self) -> dict[str, int]:
        """Root uuid → place in the sheet."""
        return {root: at for at, root in enumerate(self.roots)}

    @cached_property
    def days(self) -> npt.NDArray[np.datetime64]:
        """The local day that each row is about: its ``day``, else what the phone noted, else when it was received."""
        return self._row_days.days

    @cached_property
    def has_own_day(self) -> Mask:
        """Rows that say their day themselves; the others only when they were received."""
        return self._row_days.own

    @cached_property
    def _row_days(self) -> RowDays:
        return row_days(self.table, self.form, self.settings.fields.get("day", ""), self.config)

    @cached_property
    def received(self) -> pd.Series:
        """When each row reached the server, aware UTC."""
        if "submitted_at" not in self.table:
            return pd.Series([pd.NaT] * len(self), dtype="datetime64[ns, UTC]")
        return pd.to_datetime(self.table["submitted_at"], utc=True, errors="coerce")

    @cached_property
    def received_on(self) -> npt.NDArray[np.datetime64]:
        """The local day on which each row reached the server."""
        return local_days(self.received, self.config)

    # ── findings ──

    def finding(
        self,
        at: int,
        code: str,
        severity: Severity,
        message: str,
        *,
        why: str,
        hint: str,
        subject: str = "",
        evidence: Sequence[object] = (),
        other: tuple[Sheet, int] | None = None,
    ) -> Finding:
        """A finding about the row at place *at*. *evidence* is what it rests on: only a digest of it is kept.

        *other* is the row that it is compared with, and its sheet.
        """
        return Finding(
            code,
            severity,
            f"{self.form_id}, submission {self.ids[at]}",
            message,
            hint,
            zone=self.zones[at] if self.zones[at] in self._known_zones else "",
            form_id=self.form_id,
            root_uuid=self.roots[at],
            enumerator=self.enumerators[at],
            why=why,
            subject=subject,
            evidence=digest(*evidence),
            other_row=f"{other[0].form_id}/{other[0].roots[other[1]]}" if other else "",
        )


def digest(*parts: object) -> str:
    """A short hash of *parts*, from which an answer cannot be read back by looking; empty without parts."""
    text = "\x1f".join(map(str, parts))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16] if parts else ""


def texts(table: pd.DataFrame, name: str) -> list[str]:
    """The column as stripped text; missing cells, and a missing column, are empty."""
    if not name or name not in table:
        return [""] * len(table)
    return [_text(value) for value in table[name].tolist()]


def numbers(table: pd.DataFrame, name: str) -> npt.NDArray[np.float64]:
    """The column as numbers, as analyses read them; what is none is NaN."""
    if not name or name not in table:
        return np.full(len(table), np.nan)
    return meaning.numbers(table[name])


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    return "" if value is None or value is pd.NA or value != value else str(value)


@memo_in_process
def sheet(facts: Facts, form_id: str) -> Sheet:
    """The rows of a form as the checks read them; none when its table is missing."""
    table = facts.tables.get(form_id)
    if table is None:
        table = pd.DataFrame({"root_uuid": [], "submission_id": []})
    # Neither costs a copy where nothing is to be done: the tables of a mission are large.
    if "validation" in table and (refused := table["validation"].eq("not_approved")).any():
        table = table[~refused]
    if "submission_id" in table and not table["submission_id"].is_monotonic_increasing:
        table = table.sort_values("submission_id", kind="stable")
    own = f"{form_id}__"
    repeats = {name.removeprefix(own): facts.tables[name] for name in facts.tables if name.startswith(own)}
    form, reader = facts.forms.get(form_id), reader_of(facts, form_id)
    return Sheet(form_id, facts.config, form, table.reset_index(drop=True), repeats, reader)


def sheets(facts: Facts, *roles: Role) -> Iterator[Sheet]:
    """The sheets that have rows, of the forms with these roles (of all forms without any), in the config's order."""
    for form_id, settings in facts.config.forms.items():
        if not roles or settings.role in roles:
            rows = sheet(facts, form_id)
            if len(rows):
                yield rows


def registrations(facts: Facts) -> list[Sheet]:
    """The sheets of the registration forms, the roster's first."""
    roster = facts.config.roster.form if facts.config.roster else ""
    forms = dict.fromkeys([roster, *facts.config.forms_with_role("registration")])
    return [rows for form_id in forms if form_id and len(rows := sheet(facts, form_id))]
