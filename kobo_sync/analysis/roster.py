"""Which registrations make the roster: accepted, with a code of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from kobo_sync.config import Config
from kobo_sync.model import Finding


@dataclass(frozen=True)
class RosterPlan:
    """The roster's rows (`forms.media.ROSTER_COLUMNS`; no phone number ever) and what was odd among the registrations."""

    rows: tuple[Mapping[str, str], ...]
    findings: tuple[Finding, ...]


def plan_roster(registrations: pd.DataFrame, config: Config) -> RosterPlan:
    """The accepted registrations: consent given, not refused by a reviewer, with a code of their own.

    Shape: *registrations* is the form's flat table; of two rows with one code the first received stays.
    """
    roster = config.roster
    if roster is None:
        return RosterPlan((), ())
    fields = config.forms[roster.form].fields
    rows: list[Mapping[str, str]] = []
    findings: list[Finding] = []
    seen: dict[str, str] = {}
    for record in registrations.sort_values("submission_id").to_dict("records"):

        def said(meaning: str, record: Mapping[Any, Any] = record) -> str:
            value = record.get(fields.get(meaning, ""))
            return "" if value is None or pd.isna(value) else str(value).strip()

        if record["validation"] == "not_approved" or ("consent" in fields and said("consent") != config.codes.yes):
            continue
        code, where = said("person"), f"{roster.form}, submission {record['submission_id']}"
        if not code or code in seen:
            reason = (
                f"participant code {code} stands already in submission {seen[code]}"
                if code
                else "there is no participant code"
            )
            findings.append(
                Finding(
                    "ROSTER001",
                    "warning",
                    where,
                    f"{reason}: left out of the roster",
                    "correct the code on the server; the next pull mends the roster",
                    zone=said("zone"),
                    form_id=roster.form,
                    root_uuid=str(record["root_uuid"]),
                )
            )
            continue
        seen[code] = str(record["submission_id"])
        latin = " ".join(part for part in (said("family_name"), said("given_name")) if part)
        label = " / ".join(part for part in (latin, said("name_ar")) if part) or code
        rows.append(
            {
                "name": code,
                "label": f"{label} ({code})",
                "zone": said("zone"),
                "group": said("group"),
                "sex": said("sex"),
            }
        )
    rows.sort(key=lambda row: (row["zone"], row["name"]))
    return RosterPlan(tuple(rows), tuple(findings))
