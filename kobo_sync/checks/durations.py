"""Interviews that took too little time to be asked, or so long that the form was left open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kobo_sync.analysis.facts import Facts
from kobo_sync.checks.sheet import Sheet, sheets
from kobo_sync.lazy import np
from kobo_sync.model import Finding

if TYPE_CHECKING:
    import numpy.typing as npt

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
                f"interview too {'short' if short else 'long'}: {_plain(took[at])} min, {_plain(low)} to {_plain(high)} min are due",
                why="too short, the questions were not read out; too long, the form was left open",
                hint="speak with the enumerator; take the interview again if it was not held",
                evidence=[round(float(took[at]), 1)],
            )


def minutes(sheet: Sheet) -> npt.NDArray[np.float64]:
    """Minutes from the phone's start to its end; NaN where either is missing."""
    took = sheet.moments("end") - sheet.moments("start")
    return np.asarray(took.dt.total_seconds(), dtype=np.float64) / 60


def _plain(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
