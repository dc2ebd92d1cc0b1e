"""The road map: actions per need, level and kind, how complete they are, which are overdue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from kobo_sync.analysis import labels, meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import memo_over_runs
from kobo_sync.analysis.quoting import shown
from kobo_sync.lazy import np
from kobo_sync.numbers import day_of

if TYPE_CHECKING:
    import pandas as pd

FIELDS = (
    "number",
    "need",
    "objective",
    "action",
    "kind",
    "target",
    "level",
    "allies",
    "responsible_group",
    "responsible_function",
    "deadline",
    "indicator",
    "verification",
    "resources",
    "risk",
    "feasibility",
    "impact",
    "status",
)
SMART = ("objective", "target", "responsible_function", "deadline", "indicator")
_CODES = frozenset(("need", "kind", "level", "responsible_group", "feasibility", "impact", "status"))
# A status that ends an action: the choice says so in a column ``closed``, or is one of these codes.
_CLOSED = frozenset(("done", "cancelled", "closed", "fait", "termine", "abandonne", "annule"))


@dataclass(frozen=True)
class Action:
    """One action; *values* maps `FIELDS` to text (codes for choices) in which nobody is named, empty when missing."""

    zone: str
    values: Mapping[str, str]
    deadline: date | None
    closed: bool

    @property
    def smart_complete(self) -> bool:
        """All of `SMART` are filled: who is responsible is a function, a group alone answers for nothing."""
        return not self.lacking

    @property
    def lacking(self) -> tuple[str, ...]:
        """Those of `SMART` that are empty, or no date where one is due."""
        return tuple(name for name in SMART if not self.values[name] or (name == "deadline" and self.deadline is None))

    def overdue(self, as_of: date) -> bool:
        """The deadline has passed on *as_of* and the action is not closed."""
        return self.deadline is not None and self.deadline < as_of and not self.closed


@dataclass(frozen=True)
class RoadMap:
    """The actions by need (the catalogue's order), then deadline."""

    actions: tuple[Action, ...]

    @property
    def smart_share(self) -> float | None:
        """Share of complete actions, 0..1; None without actions."""
        return sum(action.smart_complete for action in self.actions) / len(self.actions) if self.actions else None

    def counts(self, name: str) -> dict[str, int]:
        """Actions per value of the field *name*, most frequent first; missing under an empty code."""
        counts: dict[str, int] = {}
        for action in self.actions:
            counts[action.values[name]] = counts.get(action.values[name], 0) + 1
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def overdue(self, as_of: date) -> tuple[Action, ...]:
        """The actions overdue on *as_of*."""
        return tuple(action for action in self.actions if action.overdue(as_of))


@memo_over_runs
def road_map(facts: Facts) -> RoadMap:
    """All actions, rows without objective nor action left out, names and numbers masked. Raises: nothing; no rows give none."""
    offered = _offered(facts)
    answered = actions(facts).actions
    return RoadMap(tuple(replace(action, values=_masked(facts, action.values, offered)) for action in answered))


def _offered(facts: Facts) -> dict[str, set[str]]:
    """The codes that the forms offer in each of `_CODES`."""
    return {
        name: {
            choice.name
            for form_id in facts.config.forms_with_role("road_map")
            for choice in labels.choices(facts, form_id, facts.config.forms[form_id].fields.get(name, ""))
        }
        for name in _CODES
    }


def _masked(facts: Facts, values: Mapping[str, str], offered: Mapping[str, set[str]]) -> dict[str, str]:
    """What people wrote without whom it names; who is responsible is a name by nature: functions and bodies stay."""
    return {
        name: text
        if not text or (name == "deadline" and day_of(text)) or text in offered.get(name, ())
        else shown(facts, text, asks_who=name == "responsible_function")
        for name, text in values.items()
    }


@memo_over_runs
def actions(facts: Facts) -> RoadMap:
    """All actions as answered. Raises: nothing; no rows give none."""
    closed = closed_codes(facts)
    answered = []
    for row in meaning.records(counted(facts)):
        values = {name: meaning.text(row[name]) for name in FIELDS}
        deadline = day_of(values["deadline"])
        answered.append(Action(meaning.text(row["zone"]), values, deadline, values["status"] in closed))
    order = {code: place for place, code in enumerate(labels.needs(facts))}
    latest = date.max
    answered.sort(key=lambda a: (order.get(a.values["need"], len(order)), a.values["need"], a.deadline or latest))
    return RoadMap(tuple(answered))


def counted(facts: Facts) -> pd.DataFrame:
    """The items of the road maps that are actions, those without objective nor action left out; shape as `meaning.detail`."""
    table = meaning.detail(facts, "road_map", FIELDS)
    is_action = [any(map(meaning.text, pair)) for pair in zip(table["objective"], table["action"], strict=True)]
    return table[np.array(is_action, dtype=bool)]


def closed_codes(facts: Facts) -> set[str]:
    """The status codes that end an action: those whose choice says ``closed``, and the usual words."""
    closed = set(_CLOSED)
    for form_id in facts.config.forms_with_role("road_map"):
        name = facts.config.forms[form_id].fields.get("status", "")
        codes = {
            choice.name: choice.extra["closed"]
            for choice in labels.choices(facts, form_id, name)
            if choice.extra.get("closed")
        }
        closed |= {
            code for code, value in codes.items() if value.casefold() in ("1", "true", "yes", facts.config.codes.yes)
        }
    return closed
