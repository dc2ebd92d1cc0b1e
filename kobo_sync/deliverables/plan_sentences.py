"""What the mission plans, in plain sentences that the road map's figures choose: none, one, many, complete, late."""

from __future__ import annotations

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.roadmap import road_map
from kobo_sync.deliverables import letterhead
from kobo_sync.language import typography
from kobo_sync.language.catalogue import t, tn


def actions(facts: Facts) -> str:
    """The actions of the road map, for how many needs."""
    plan = road_map(facts)
    return actions_words(len(plan.actions), len([code for code in plan.counts("need") if code]))


def actions_words(n: int, n_needs: int) -> str:
    """*n* actions for *n_needs* needs."""
    if not n:
        return t("No action was entered.")
    planned = tn("{n} action is planned", "{n} actions are planned", n)
    return planned + tn(", for {n} need", ", for {n} needs", n_needs) + "." if n_needs else f"{planned}."


def complete(facts: Facts) -> str:
    """How many of the actions are complete, and how many late."""
    plan, day = road_map(facts), letterhead.local_day(facts, facts.as_of) if facts.as_of else None
    late = len(plan.overdue(day)) if day else 0
    n_complete = sum(action.smart_complete for action in plan.actions)
    return complete_words(len(plan.actions), n_complete, late, typography.day(day) if day else "")


def complete_words(n: int, n_complete: int, n_late: int, day: str) -> str:
    """Of *n* actions; *day* is that of the data."""
    if not n:
        return t("No action was entered.")
    if n == 1:
        text = t("The planned action is complete") if n_complete else t("The planned action is not yet complete")
    elif n_complete == n:
        text = t("All are complete")
    elif not n_complete:
        text = t("None is complete yet")
    else:
        text = tn("{n} is complete, of {total}", "{n} are complete, of {total}", n_complete, total=n)
    text += t(" (objective, target, responsible function, deadline and indicator all filled in)")
    if n_late and day:
        text += (
            t("; it is late as of {day}", day=day)
            if n == 1
            else tn("; {n} is late as of {day}", "; {n} are late as of {day}", n_late, day=day)
        )
    return f"{text}."
