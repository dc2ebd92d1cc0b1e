"""Final deliveries that somebody asked for on a page, and which refusals were to be overridden; kept among the changes, as deployments are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from kobo_sync.desk.changes import changes, record_change
from kobo_sync.desk.database import Desk

_PATH = "deliver:final"  # what stands in place of a file's name: no file has it


@dataclass(frozen=True)
class DeliveryOrder:
    """An order: *despite* names the rules whose refusal does not count for this one delivery."""

    despite: tuple[str, ...]
    by: str
    at: datetime


def order_delivery(desk: Desk, despite: Collection[str], by: str, now: datetime) -> None:
    """Note the order; it takes the place of an earlier one."""
    record_change(desk, _PATH, sorted(despite), by=by, now=now, before_sha256="", after_sha256="")


def ordered_delivery(desk: Desk) -> DeliveryOrder | None:
    """The newest order, or None."""
    newest = next(iter(changes(desk, 1, path=_PATH)), None)
    return DeliveryOrder(newest.keys, newest.by, newest.at) if newest else None
