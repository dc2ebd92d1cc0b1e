"""What became of every row received: one table received = used + each reason why rows are set aside. It always adds up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kobo_sync.analysis import attendance, learning, meaning, needs, persons, roadmap
from kobo_sync.analysis.chosen import chosen
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import memo_in_process
from kobo_sync.language.catalogue import later_n

if TYPE_CHECKING:
    import pandas as pd

Reason = Literal[
    "rejected",
    "refused",
    "absent",
    "unsigned",
    "no_session",
    "no_moment",
    "unanswered",
    "repeated",
]
REASONS: Mapping[Reason, tuple[str, str]] = {  # one, many
    "rejected": later_n("set aside by its status", "set aside by their status"),
    "refused": later_n("refusal of consent", "refusals of consent"),
    "absent": later_n("that says the person was absent", "that say the person was absent"),
    "unsigned": later_n("without a signature", "without a signature"),
    "no_session": later_n("of an unknown half-day", "of an unknown half-day"),
    "no_moment": later_n("neither before nor after", "neither before nor after"),
    "unanswered": later_n("without an answer that counts", "without an answer that counts"),
    "repeated": later_n(
        "repeated by the same person, the first one counts", "repeated by the same person, the first one counts"
    ),
}


@dataclass(frozen=True)
class Receipt:
    """The rows of a form (or the items of its repeat *table*): *received* = *used* + all of *set_aside*, by reason.

    *used* are those that enter a figure.
    """

    form_id: str
    table: str
    received: int
    used: int
    set_aside: Mapping[Reason, int]


def receipts(facts: Facts) -> tuple[Receipt, ...]:
    """What became of the rows of each form that has figures, by its role or by chosen questions, in the config's order.

    A road map's actions come after its rows.
    """
    return tuple(each for form_id in facts.config.forms for each in receipts_of(facts, form_id))


@memo_in_process
def receipts_of(facts: Facts, form_id: str) -> tuple[Receipt, ...]:
    """What became of the rows of one form, and of the actions in them."""
    settings = facts.config.forms[form_id]
    if settings.role not in meaning.MEANINGS and all(each.form_id != form_id for each in chosen(facts)):
        return ()
    actions = f"{form_id}__{settings.fields.get('actions', '')}"
    if settings.role == "road_map" and actions in facts.tables:
        return (_rows(facts, form_id), _actions(facts, form_id, actions))
    return (_rows(facts, form_id),)


def _rows(facts: Facts, form_id: str) -> Receipt:
    table = facts.tables.get(form_id)
    fates = _fates(facts, form_id)
    roots = _roots(table) if table is not None and "root_uuid" in table else []
    received = len(roots)
    counts = Counter(fates[root] for root in roots if root in fates)
    return Receipt(form_id, form_id, received, received - counts.total(), _in_order(counts))


def _fates(facts: Facts, form_id: str) -> dict[str, Reason]:
    """The rows of a form that are set aside: root_uuid → the first reason that holds."""
    table, settings = facts.tables.get(form_id), facts.config.forms[form_id]
    fates: dict[str, Reason] = {}
    if table is None or not len(table):
        return fates
    roots = _roots(table)
    usable = meaning.rows(facts, settings.role).table
    kept = set(_roots(usable[usable["form_id"].eq(form_id)]))
    statuses = table["validation"].isin(facts.config.checks.exclude) if "validation" in table else [False] * len(table)
    rejected = {root for root, is_out in zip(roots, statuses, strict=True) if is_out}
    aside = _aside(facts, form_id)
    for root in roots:
        if root in rejected:
            fates[root] = "rejected"
        elif root not in kept:
            fates[root] = "refused"
        elif root in aside:
            fates[root] = aside[root]
    return fates


def _roots(table: pd.DataFrame) -> list[str]:
    return [meaning.text(root) for root in table["root_uuid"].tolist()]


def _aside(facts: Facts, form_id: str) -> Mapping[str, Reason]:
    role = facts.config.forms[form_id].role
    if role == "registration":
        return persons.set_aside(facts)  # type: ignore[return-value]
    if role == "attendance":
        return attendance.set_aside(facts)  # type: ignore[return-value]
    if role == "test":
        return learning.set_aside(facts)  # type: ignore[return-value]
    if role == "needs":
        return dict.fromkeys(needs.unanswered(facts), "unanswered")
    if role == "road_map":
        with_actions = {meaning.text(root) for root in roadmap.counted(facts)["root_uuid"]}
        rows = meaning.rows(facts, role).table["root_uuid"].map(meaning.text)
        return {root: "unanswered" for root in rows if root not in with_actions}
    return {}


def _actions(facts: Facts, form_id: str, name: str) -> Receipt:
    """The actions of a road map: those of rows that are set aside are so for their reason."""
    fates, table = _fates(facts, form_id), facts.tables[name]
    counted = {
        (meaning.text(root), meaning.text(at))
        for root, at in roadmap.counted(facts)[["root_uuid", "position"]].itertuples(index=False)
    }
    counts: Counter[Reason] = Counter()
    for root, at in zip(table["root_uuid"].map(meaning.text), table["position"].map(meaning.text), strict=True):
        if (root, at) not in counted:
            fate = fates.get(root, "unanswered")
            counts[fate] += 1
    return Receipt(form_id, name, len(table), len(table) - counts.total(), _in_order(counts))


def _in_order(counts: Counter[Reason]) -> dict[Reason, int]:
    return {reason: counts[reason] for reason in REASONS if counts[reason]}
