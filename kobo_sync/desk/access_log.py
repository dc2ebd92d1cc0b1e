"""Who took which deliverable, or looked at which row with names, when: those entries of the journal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kobo_sync.desk import journal
from kobo_sync.desk.database import Desk

LOOK, DOWNLOAD = "look", "download"
SEEN_ON_PAGES = ("rows/", "qualite/")  # what is shown and not taken: a row's page and its files, two rows compared
_LINK = "(link "


@dataclass(frozen=True)
class Download:
    """One file taken: by *username*, or through the link *share_id*."""

    at: datetime
    username: str
    share_id: str
    path: str
    classification: str


def log_download(
    desk: Desk, path: str, classification: str, sha256: str, now: datetime, *, username: str = "", share_id: str = ""
) -> None:
    """Note that a file is handed out; called before the first byte leaves."""
    act = LOOK if path.startswith(SEEN_ON_PAGES) else DOWNLOAD
    about = {"class": classification, **({"sha256": sha256} if sha256 else {})}
    journal.note(desk, act, path, by=username or f"{_LINK}{share_id})", now=now, **about)


def downloads(desk: Desk, limit: int = 50) -> list[Download]:
    """The newest downloads first."""
    return [_download(each) for each in journal.entries(desk, limit, acts=(LOOK, DOWNLOAD))]


def _download(entry: journal.Entry) -> Download:
    share_id = entry.by.removeprefix(_LINK).rstrip(")") if entry.by.startswith(_LINK) else ""
    classification = entry.details.get("class", "")
    return Download(entry.at, "" if share_id else entry.by, share_id, entry.subject, classification)
