"""Rows of an old form version that were sent after phones could have the new one."""

from __future__ import annotations

from collections.abc import Iterator

from kobo_sync.analysis.facts import Facts
from kobo_sync.checks.sheet import Sheet, sheets
from kobo_sync.lazy import np, pd
from kobo_sync.model import Finding

CODE = "DATA021"
TITLE = "Old form version"


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per row begun after the version in force appeared, and made with another one.

    The version in force is the deployed one, else that of the newest row; rows of before are in order.
    """
    for sheet in sheets(facts):
        yield from in_form(facts, sheet)


def in_form(facts: Facts, sheet: Sheet) -> Iterator[Finding]:
    """The findings of one form."""
    versions = sheet.column("form_version")
    current, since = facts.versions.get(sheet.form_id, ("", None))
    if not current or current not in versions:
        versioned = [at for at, version in enumerate(versions) if version]
        current, since = (versions[versioned[-1]] if versioned else ""), None
    if current:
        yield from _old(sheet, versions, current, since)


def _old(sheet: Sheet, versions: list[str], current: str, since: object) -> Iterator[Finding]:
    others = np.array([version not in ("", current) for version in versions], dtype=bool)
    if not others.any():
        return
    begun = sheet.moments("start").fillna(sheet.received)
    first_seen = sheet.received[~others & (np.array(versions) == current)].min()
    in_force = min(first_seen, pd.Timestamp(since)) if since is not None else first_seen  # type: ignore[arg-type]
    for at in np.flatnonzero(others & np.asarray(begun > in_force, dtype=bool)):
        yield sheet.finding(
            int(at),
            CODE,
            "warning",
            "filled with an old version of the form when the new one was in use",
            why="questions or choices may be missing",
            hint="bring the form up to date on the phone (“Get blank form”)",
            evidence=[versions[at]],
        )
