"""Whether a pull may be quick or must compare everything: decided from what is known, each time with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Find = Literal["modified", "edited", "validated", "history"]


@dataclass(frozen=True)
class Known:
    """What a pull knows of a form before it asks the server anything.

    *is_held* is whether any page was read before; *is_same* whether it was read from the same project;
    *complete_at* when the last complete scan began; *modified* the newest modification date held, empty
    where rows have none.
    """

    is_held: bool
    is_same: bool
    complete_at: datetime | None
    modified: str = ""


@dataclass(frozen=True)
class PullPlan:
    """What to read: new rows always; *finds* by which other questions changes are found; or everything.

    *restart*: new rows are read from the first on, because the cursor means another project's ids.
    """

    is_complete: bool
    restart: bool
    finds: tuple[Find, ...]
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
        return PullPlan(True, restart, (), tuple(reasons))
    if before.modified:
        return PullPlan(False, False, ("modified", "history"), ("quick: changes by their modification date",))
    return PullPlan(
        False, False, ("edited", "validated", "history"), ("quick: edits by meta/deprecatedID, statuses by their time",)
    )


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
