"""The forms that a browser may fill, each with all that its page needs, put together once per content."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from kobo_sync.station.access import may_submit
from kobo_sync.station.browser.transform import browser_form
from kobo_sync.station.database import Database, Row, load_blob, one

EDITION = "1"  # raised when the same XForm gives another page
_ROOT_ID = re.compile(rb"<(?:\w+:)?instance\b[^>]*>\s*<[^>]*?\sid=\"([^\"]+)\"")
_MOST_CACHED = 24
LONG_LIST = 200  # lines: nobody scrolls so far on a phone
Media = Mapping[str, str]  # file name → md5


@dataclass(frozen=True)
class Offered:
    """An open form: *asset_uid* names it to phones, *form_id* to people; *mark* changes with its form and media."""

    asset_uid: str
    form_id: str
    title: str
    xform_md5: str
    media: Media
    mark: str


_OPEN = (
    "SELECT asset, version_id, md5, title, name FROM deployments WHERE active"
    " AND asset NOT IN (SELECT ifnull(replaces, '') FROM pairings) ORDER BY pk"
)


def offered(db: Database, username: str) -> list[Offered]:
    """The forms that *username* may send to, in the order of their deployment."""
    rows = db.reader.execute(_OPEN).fetchall()
    return [_offered(db, row) for row in rows if may_submit(db.reader, row["asset"], username, "add_submissions")]


def is_open(db: Database, name: str) -> bool:
    """Whether an active form has that id, or that asset uid."""
    return _row_of(db, name, db.reader.execute(_OPEN).fetchall()) is not None


def form_named(db: Database, username: str, name: str) -> Offered | None:
    """The form of that asset uid or id, when *username* may send to it; of two with the same id the younger."""
    rows = reversed(db.reader.execute(_OPEN).fetchall())
    may = [row for row in rows if may_submit(db.reader, row["asset"], username, "add_submissions")]
    row = _row_of(db, name, may)
    return _offered(db, row) if row is not None else None


def _row_of(db: Database, name: str, rows: Sequence[Row]) -> Row | None:
    by_uid = next((row for row in rows if row["asset"] == name), None)
    return by_uid or next(
        (row for row in rows if _form_id(db, row["asset"], row["version_id"], row["md5"]) == name), None
    )


@lru_cache(maxsize=256)
def _form_id(db: Database, asset: str, version_id: str, _md5: str) -> str:
    """The id that the mission gives a paired form, or the form's own workbook; without one that of the XForm, which KoboToolbox makes its uid.

    Read once per content: workbook and XForm of a large form are megabytes.
    """
    pairing = one(db.reader, "SELECT form_id FROM pairings WHERE asset = ?", asset)
    if pairing is not None:
        return str(pairing["form_id"])
    version = one(db.reader, "SELECT sheets FROM versions WHERE uid = ?", version_id)
    settings = (json.loads((version["sheets"] if version else "") or "{}").get("settings") or [{}])[0]
    own = settings.get("form_id") or settings.get("id_string")
    row = None if own else one(db.reader, "SELECT xform FROM deployments WHERE asset = ?", asset)
    named = _ROOT_ID.search(bytes(row["xform"])) if row is not None else None
    return str(own or (named[1].decode("utf-8", "replace") if named else asset))


def _offered(db: Database, row: Row) -> Offered:
    files = db.reader.execute("SELECT filename, md5 FROM published WHERE asset = ? ORDER BY id", (row["asset"],))
    media = {file["filename"]: file["md5"] for file in files}
    text = json.dumps([EDITION, row["md5"], sorted(media.items())])
    mark = hashlib.sha256(text.encode()).hexdigest()[:20]
    form_id = _form_id(db, row["asset"], row["version_id"], row["md5"])
    return Offered(row["asset"], form_id, row["title"] or row["name"], row["md5"], media, mark)


def media_file(db: Database, form: Offered, filename: str) -> bytes | None:
    """A file of the form, None when it has none of that name."""
    file = one(db.reader, "SELECT blob FROM published WHERE asset = ? AND filename = ?", form.asset_uid, filename)
    return load_blob(db.reader, file["blob"]) if file is not None else None


class Papers:
    """What the pages of forms are given, as gzipped JSON: each content transformed once, one at a time."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._ready: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, form: Offered) -> bytes:
        """The paper of *form*. Raises: Untransformable."""
        key = (form.asset_uid, form.mark)
        with self._lock:
            paper = self._ready.pop(key, None) or self._made(form)
            self._ready[key] = paper
            while len(self._ready) > _MOST_CACHED:
                self._ready.popitem(last=False)
        return paper

    def _long_lists(self, form: Offered) -> list[str]:
        lists = [name for name in form.media if name.lower().endswith((".csv", ".xml", ".geojson"))]
        return [name for name in lists if (media_file(self._db, form, name) or b"").count(b"\n") > LONG_LIST]

    def _made(self, form: Offered) -> bytes:
        row = one(self._db.reader, "SELECT xform FROM deployments WHERE asset = ?", form.asset_uid)
        assert row is not None
        media = {name: f"/f/{form.asset_uid}/media/{quote(name)}?v={md5}" for name, md5 in form.media.items()}
        made = browser_form(bytes(row["xform"]), media, self._long_lists(form))
        paper = {
            "uid": form.asset_uid,
            "id": form.form_id,
            "title": form.title,
            "mark": form.mark,
            "form": made.form,
            "model": made.model,
            "languages": made.languages,
            "language": made.default_language,
            "media": media,
        }
        return gzip.compress(json.dumps(paper, ensure_ascii=False, separators=(",", ":")).encode(), 6, mtime=0)
