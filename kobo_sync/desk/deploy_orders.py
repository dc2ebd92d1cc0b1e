"""Deployments that somebody asked for on a page: of which form, and which refusals are to be overridden.

They lie among the changes (`desk.changes`): who overrode what, and when, is kept as long as these are.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from kobo_sync.desk.changes import changes, record_change
from kobo_sync.desk.database import Desk


@dataclass(frozen=True)
class DeployOrder:
    """An order: *despite* names the rules whose refusal does not count for this one deployment."""

    form_id: str
    despite: tuple[str, ...]
    by: str
    at: datetime


def order_deployment(desk: Desk, form_id: str, despite: Collection[str], by: str, now: datetime) -> None:
    """Note the order; it takes the place of an earlier one of the form."""
    record_change(desk, _path(form_id), sorted(despite), by=by, now=now, before_sha256="", after_sha256="")


def ordered_deployment(desk: Desk, form_id: str) -> DeployOrder | None:
    """The newest order of the form, or None."""
    newest = next(iter(changes(desk, 1, path=_path(form_id))), None)
    return DeployOrder(form_id, newest.keys, newest.by, newest.at) if newest else None


def _path(form_id: str) -> str:
    """What stands in place of a file's name: no file has it."""
    return f"deploy:{form_id}"
