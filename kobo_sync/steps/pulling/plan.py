"""Whether a pull may be quick or must compare everything: decided from what is known, each time with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Known:
    """What a pull knows of a form before it asks the server anything.

    *is_held* is whether any page was read before; *is_same* whether it was read from the same project;
    *complete_at* when the last complete scan began.
    """

    is_held: bool
    is_same: bool
    complete_at: datetime | None


@dataclass(frozen=True)
class PullPlan:
    """What to read: new rows always, and what changed by quick questions; or everything.

    *restart*: new rows are read from the first on, because the cursor means another project's ids.
    """

    is_complete: bool
    restart: bool
    reasons: tuple[str, ...]


def plan_pull(before: Known, now: datetime, *, quick: bool, full: bool, complete_hours: float) -> PullPlan:
    """The plan of a pull. *quick* is what was asked for, *full* that every row be read again."""
    restart = full or not before.is_held or not before.is_same
    reasons = []
    if full:
        reasons.append("every row is read again: asked for")
    if not before.is_held:
        reasons.append("nothing is held yet: every row is read")
    elif not before.is_same:
        reasons.append("another project or server than last time: every row is read")
    if not quick:
        reasons.append("complete scan: the usual way")
    elif before.complete_at is None:
        reasons.append("complete scan: there was none yet")
    elif now - before.complete_at >= timedelta(hours=complete_hours):
        reasons.append(f"complete scan: the last began more than {complete_hours:g} h ago")
    if restart or len(reasons) > 0:
        return PullPlan(True, restart, tuple(reasons))
    return PullPlan(False, False, ("quick: changes by the server's own questions",))


def doubt(listed: int, n_live: int, doubles: int, set_aside: int) -> str:
    """Why a complete scan is needed although the plan was quick; empty when the counts agree.

    *listed* is what the server counts; *doubles* the rows it lists beyond one per submission.
    """
    n_accounted = n_live + doubles + set_aside
    return (
        ""
        if listed == n_accounted
        else f"complete scan: the server lists {listed} rows, {n_accounted} are accounted for"
    )
