"""The journal, for administrators: who did what when, and whether that still is what was written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, render_template, request

from kobo_sync.desk import journal
from kobo_sync.desk.database import Desk
from kobo_sync.desk.journal import Entry, Head
from kobo_sync.language.catalogue import later, t
from kobo_sync.model import Report
from kobo_sync.notices.messages import TITLES
from kobo_sync.steps.audit import heads_at_hand, verified
from kobo_sync.steps.enrol import ENROL
from kobo_sync.steps.person import ERASE, SHOW, UPSTREAM
from kobo_sync.steps.phones import REVOKE
from kobo_sync.web.site import Answer, Site, administrators, hall
from kobo_sync.web.words import ORIGINS

PAGE = 50
MOST = 2**62
ACTS: Mapping[str, str] = {
    **TITLES,
    "look": later("Look at answers with names"),
    "download": later("File taken"),
    "share": later("Link to a document made"),
    "unshare": later("Link to a document ended"),
    "change": later("Change of settings, lists, forms or report"),
    "account": later("Change of an account"),
    "sign_in": later("Sign-in"),
    "erase": later("Data erased for good"),
    ENROL: later("Phone enrolled"),
    REVOKE: later("Right of a phone ended"),
    SHOW: later("All that is held about a person handed out"),
    ERASE: later("Person erased"),
    UPSTREAM: later("Rows deleted on the server"),
    "move": later("Move to another database"),
}


def add_to(app: Flask) -> None:
    """Add this page."""
    app.add_url_rule("/journal", "journal", journal_page)


@administrators
def journal_page() -> Answer:
    """The newest entries, of a day or later, of somebody, of one act; the chain verified on request."""
    desk, timezone = _desk(), _timezone()
    chosen = {
        "depuis": request.args.get("depuis", ""),
        "par": request.args.get("par", ""),
        "acte": request.args.get("acte", ""),
    }
    before = max(0, min(request.args.get("avant", MOST, type=int), MOST))
    acts = [chosen["acte"]] if chosen["acte"] else []
    since = _since(chosen["depuis"], timezone)
    newest = journal.entries(desk, PAGE + 1, since=since, by=chosen["par"], acts=acts, before=before)
    return render_template(
        "journal.html",
        rows=[_row(entry) for entry in newest[:PAGE]],
        older=newest[PAGE - 1].number if len(newest) > PAGE else None,
        chosen=chosen,
        doers={by: _who(by) for by in journal.doers(desk)},
        acts={act: _act(act) for act in journal.acts_there(desk)},
        head=journal.head(desk),
        verdict=_verdict(desk) if "verifier" in request.args else None,
        timezone=timezone,
    )


def _desk() -> Desk:
    """The mission's own journal; where several missions share their accounts, that of the accounts on the pages in common."""
    here = hall()
    return here.mission.desk if isinstance(here, Site) else here.accounts


def _timezone() -> str:
    here = hall()
    return here.mission.config.mission.timezone if isinstance(here, Site) else "UTC"


def _verdict(desk: Desk) -> Report:
    here = hall()
    heads: dict[str, Head] = heads_at_hand(here.mission) if isinstance(here, Site) else {}
    return verified(desk, heads, here.clock)


def _since(day: str, timezone: str) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(day), time(), ZoneInfo(timezone)).astimezone(UTC)
    except ValueError:
        return None


def _row(entry: Entry) -> dict[str, Any]:
    details = [f"{key}={value}" for key, value in entry.details.items() if value]
    return {"entry": entry, "who": _who(entry.by), "act": _act(entry.act), "details": details}


def _act(act: str) -> str:
    return t(ACTS[act]) if act in ACTS else act


def _who(by: str) -> str:
    """An account, or whoever had a command line; what is no person in words."""
    if by.startswith("(link "):
        return t("share link")
    return t(ORIGINS[by[1:-1]]) if by[1:-1] in ORIGINS and by.startswith("(") else by
