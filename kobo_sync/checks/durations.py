"""Interviews that took too little time to be asked, or so long that the form was left open."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from kobo_sync.analysis.facts import Facts
from kobo_sync.checks.sheet import Sheet, sheets
from kobo_sync.model import Finding

CODE = "DATA012"
TITLE = "Interview too short or too long"
ALONE = True


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per row outside ``checks.minutes`` of its form, or ``checks.min_minutes`` and ``max_minutes``.

    A signature is no interview: attendance may take a quarter of the least time.
    """
    checks = facts.config.checks
    for sheet in sheets(facts):
        least = checks.min_minutes / (4 if sheet.settings.role == "attendance" else 1)
        low, high = checks.minutes.get(sheet.form_id, (least, checks.max_minutes))
        took = minutes(sheet)
        for at in np.flatnonzero(sheet.consented & ((took < low) | (took > high))):
            short = took[at] < low
            yield sheet.finding(
                int(at),
                CODE,
                "warning" if short else "info",
                f"entretien {'trop court' if short else 'trop long'} : {_said(took[at])}, attendu {_said(low)} à {_said(high)}",
                why="trop court, les questions n’ont pas été lues ; trop long, le formulaire est resté ouvert",
                hint="en parler avec l’enquêteur ; reprendre l’entretien s’il n’a pas eu lieu",
                evidence=[round(float(took[at]), 1)],
            )


def minutes(sheet: Sheet) -> npt.NDArray[np.float64]:
    """Minutes from the phone's start to its end; NaN where either is missing."""
    took = sheet.moments("end") - sheet.moments("start")
    return np.asarray(took.dt.total_seconds(), dtype=np.float64) / 60


def _said(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".").replace(".", ",") + " min"
