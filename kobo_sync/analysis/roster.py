"""Which registrations make the roster: accepted, with a code of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kobo_sync.analysis.names import is_likely_same, name_key, sound_key
from kobo_sync.config.config import Config
from kobo_sync.language.clean_text import clean
from kobo_sync.lazy import pd
from kobo_sync.model import Finding

_SHOWN = 5  # pairs that a finding names; the others are counted
_LONGEST = 200  # letters of a name on the phones' list: a phone chokes on more, and no reader of lists takes 128 KiB


@dataclass(frozen=True)
class RosterPlan:
    """The roster's rows (`forms.media.ROSTER_COLUMNS`; no phone number ever) and what was odd among the registrations."""

    rows: tuple[Mapping[str, str], ...]
    findings: tuple[Finding, ...]


def plan_roster(registrations: pd.DataFrame, config: Config, expected: Sequence[Mapping[str, str]] = ()) -> RosterPlan:
    """The accepted registrations: consent given, not refused by a reviewer, with a code of their own.

    Shape: *registrations* is the form's flat table; of two rows with one code the first received stays.
    *expected* are the rows of an imported roster: they stand until a registration takes their code, and record no consent.
    Names that are likely one person's are reported (ROSTER002), never merged.
    """
    roster = config.roster
    if roster is None:
        return RosterPlan((), ())
    fields = config.forms[roster.form].fields
    rows: list[Mapping[str, str]] = []
    findings: list[Finding] = []
    first_rows: dict[str, str] = {}
    people: list[tuple[str, str, str, str, str]] = []
    for record in registrations.sort_values("submission_id").to_dict("records"):

        def said(meaning: str, record: Mapping[Any, Any] = record) -> str:
            value = record.get(fields.get(meaning, ""))
            return "" if value is None or pd.isna(value) else str(value).strip()

        if record["validation"] == "not_approved" or ("consent" in fields and said("consent") != config.codes.yes):
            continue
        number = _number(record, config)
        code, where = said("person"), f"{roster.form}, submission {number}"
        if not code or code in first_rows:
            findings.append(_left_out(roster.form, record, number, said("zone"), code, first_rows.get(code, "")))
            continue
        first_rows[code] = number
        latin = " ".join(part for part in (said("family_name"), said("given_name")) if part)
        label = clean(" / ".join(part for part in (latin, said("name_ar")) if part)).strip()[:_LONGEST] or code
        rows.append(
            {
                "name": code,
                "label": f"{label} ({code})",
                "zone": said("zone"),
                "group": said("group"),
                "sex": said("sex"),
                "consent": said("consent"),
            }
        )
        people.append((code, latin, said("name_ar"), said("zone"), where))
    for row in expected:
        if row["name"] not in first_rows:
            rows.append({**row, "label": clean(row["label"])})
            latin, _, arabic = row["label"].removesuffix(f" ({row['name']})").partition(" / ")
            people.append((row["name"], latin, arabic, row["zone"], f"imported roster, {row['name']}"))
    rows.sort(key=lambda row: (row["zone"], row["name"]))
    return RosterPlan(tuple(rows), (*findings, *_likely_twins(people, roster.form)))


def _left_out(form_id: str, record: Mapping[Any, Any], number: str, zone: str, code: str, taken_by: str) -> Finding:
    reason = (
        f"participant code {code} stands already in submission {taken_by}" if code else "there is no participant code"
    )
    return Finding(
        "ROSTER001",
        "warning",
        f"{form_id}, submission {number}",
        f"{reason}: left out of the roster",
        "correct the code on the server; the next pull mends the roster",
        zone=zone,
        form_id=form_id,
        root_uuid=str(record["root_uuid"]),
    )


def _likely_twins(people: Sequence[tuple[str, str, str, str, str]], form_id: str) -> Iterator[Finding]:
    """One finding of all pairs of one zone that sound like one person, with the first of them; it names codes, never persons.

    Only persons with a name of the same sound are compared: a large roster has few of them.
    """
    pairs: list[tuple[str, str, str, str]] = []  # two codes, zone, where the later stands
    alike: dict[tuple[str, str], list[int]] = {}
    for at, (code, latin, arabic, zone, where) in enumerate(people):
        keys = {(zone, key(name)) for name in (latin, arabic) if name for key in (name_key, sound_key)}
        earlier = sorted({place for key in keys for place in alike.get(key, ())})
        for key in keys:
            alike.setdefault(key, []).append(at)
        for other, other_latin, other_arabic, _, _ in (people[place] for place in earlier):
            spellings = ((latin, other_latin), (arabic, other_arabic), (latin, other_arabic), (arabic, other_latin))
            if any(is_likely_same(one, two) for one, two in spellings):
                pairs.append((code, other, zone, where))
    if not pairs:
        return
    hint = "compare the two registrations; delete one on the server if it is a repetition"
    if len(pairs) == 1:
        ((code, other, zone, where),) = pairs
        message = f"{code} and {other} may be one person: their names sound alike"
        yield Finding("ROSTER002", "warning", where, message, hint, zone=zone, form_id=form_id)
        return
    shown = ", ".join(f"{code} = {other}" for code, other, _, _ in pairs[:_SHOWN]) + (
        ", …" if len(pairs) > _SHOWN else ""
    )
    message = f"{len(pairs)} pairs of participants may be one person each, their names sound alike: {shown}"
    yield Finding("ROSTER002", "warning", form_id, message, hint, form_id=form_id)


def _number(record: Mapping[Any, Any], config: Config) -> str:
    """What people call the row: its number on the server, where that gives none the beginning of its uuid."""
    return str(record["submission_id"]) if config.server.features.numbers_rows else f"{str(record['root_uuid'])[:8]}…"
