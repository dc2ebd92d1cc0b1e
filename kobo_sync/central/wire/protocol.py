"""ODK Central's URLs and answers, read: with `listing` the only module that knows how the server spells things.

Marks such as [b02] name the recorded exchange with a real server (central-backend 4f5943d1) in which the fact was seen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from kobo_sync.errors import KoboUnexpected
from kobo_sync.form_server import Edit
from kobo_sync.model import Asset, MediaFile, Validation
from kobo_sync.rows.bodies import parse_object

API = "/v1"
SESSIONS, ME, VERSION_FILE = f"{API}/sessions", f"{API}/users/current", "/version.txt"
PROJECTS = f"{API}/projects"
EXTENDED = {"X-Extended-Metadata": "true"}  # verbs, counts, publish notes [b37b, m14]
EXISTS = "409.3"  # something of that name, or this very thing, is there already
NOTES = "X-Action-Notes"
MARK_KEY = "kobo_sync"
PAGE = 500
KEYS_PER_QUERY = 40  # nginx refuses request lines above 8 kB [w08, w08b]; long lists are slow as well
NO_VERSION = "___"  # how a path names the version of a form that has none
OLDEST, OLD = (
    (2024, 3),
    (2025, 3),
)  # before: no deletedAt in a filter, no hash of media; before: no list of deleted forms

STATES: Mapping[Validation, str | None] = {
    "approved": "approved",
    "not_approved": "rejected",
    "on_hold": "hasIssues",
    "": None,
}
# A review state as the mirror's rows say it.
UIDS = {
    "approved": "validation_status_approved",
    "rejected": "validation_status_not_approved",
    "hasIssues": "validation_status_on_hold",
    "edited": "edited",
}
VALIDATIONS: Mapping[str, Validation] = {
    "approved": "approved",
    "rejected": "not_approved",
    "hasIssues": "on_hold",
    "edited": "edited",
}
# What the verbs of a project's role let one do, in the words of the model.
RIGHTS = {
    "submission.list": "view_submissions",
    "form.update": "change_asset",
    "submission.update": "validate_submissions",
    "submission.delete": "delete_submissions",
    "field_key.create": "manage_asset",
}


# ── addresses ───────────────────────────────────────────────────────────────


def project_path(project: int, *parts: str) -> str:
    """The path of a project, or of something below it."""
    return "/".join((f"{PROJECTS}/{project}", *(quoted(part) for part in parts)))


def quoted(text: str) -> str:
    """*text* as one part of a path, or as a header may hold it."""
    return quote(text, safe="")


def form_path(project: int, form_id: str, *parts: str) -> str:
    """The path of a form, or of something below it; accents and spaces live [b16c]."""
    return project_path(project, "forms", form_id, *parts)


def listing_path(project: int, form_id: str, *, where: str = "", top: int | None = PAGE, count: bool = False) -> str:
    """The path of a form's first page of submissions, newest first [l08]; of all at once without *top*."""
    parameters = {} if top is None else {"$top": str(top)}
    if top != 0:
        parameters["$select"] = "__id,__system,meta"
    if count:
        parameters["$count"] = "true"
    if where:
        parameters["$filter"] = where
    return (
        f"{project_path(project, 'forms', form_id)}.svc/Submissions?{urlencode(parameters, quote_via=quote, safe='$,')}"
    )


def row_addresses(url: str, project: int, form_id: str, server_key: str) -> tuple[str, str, str]:
    """Where people see a row, where they correct it, and the table that it stands in; older servers know them after a ``#`` only."""
    table = f"{url}/#/projects/{project}/forms/{quoted(form_id)}/submissions"
    edit = f"{url}{form_path(project, form_id, 'submissions', server_key)}/edit"
    return f"{table}/{quoted(server_key)}", edit, table


def changed_since(arrived: datetime, changed: datetime) -> str:
    """The filter for all that arrived since the one moment, or was edited, reviewed or deleted since the other [f08c]."""
    first, then = _moment(arrived), _moment(changed)
    return f"__system/submissionDate ge {first} or __system/updatedAt ge {then} or __system/deletedAt ge {then}"


def among(server_keys: Sequence[str]) -> str:
    """The filter for the live rows with these ids; at most `KEYS_PER_QUERY` of them."""
    return " or ".join("__id eq '{}'".format(key.replace("'", "''")) for key in server_keys)


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def path_of(link: str) -> str:
    """The path and query of a link in an answer: its host is what the server is called, not where it was asked [w06, w07].

    Raises: KoboUnexpected when it leads out of the API.
    """
    found = re.fullmatch(r"(?:https?://[^\s/?#@\\]+)?(/v1/[^\\#\x00-\x1f\x7f]*)", link)
    if not found or "/../" in found[1]:
        raise KoboUnexpected("a link in an answer is no path of the server's", hint="check server.url")
    return found[1]


# ── answers ─────────────────────────────────────────────────────────────────


@contextmanager
def known_shape() -> Iterator[None]:
    """Raises: KoboUnexpected where an answer that is JSON is not laid out as the server's are."""
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise KoboUnexpected(
            f"the answer is not laid out as ODK Central does ({type(error).__name__})",
            hint="check that server.url is an ODK Central server",
        ) from error


def parse_list(body: bytes) -> list[Any]:
    """A JSON list. Raises: KoboUnexpected for anything else."""
    try:
        rows = json.loads(body)
    except (ValueError, RecursionError):
        rows = None
    if not isinstance(rows, list):
        raise KoboUnexpected("the answer is no JSON list", hint="check that server.url is an ODK Central server")
    return rows


@dataclass(frozen=True)
class Session:
    """A session: its token, and when it ends."""

    token: str
    expires_at: datetime


def parse_session(body: bytes) -> Session:
    """What signing in gives [a04]. Raises: KoboUnexpected."""
    data = parse_object(body)
    with known_shape():
        return Session(str(data["token"]), datetime.fromisoformat(str(data["expiresAt"])))


def parse_project(body: bytes) -> dict[str, Any]:
    """A project with its verbs [m14]. Raises: KoboUnexpected."""
    data: dict[str, Any] = parse_object(body)
    with known_shape():
        return {
            "name": str(data["name"]),
            "verbs": frozenset(map(str, data.get("verbs") or ())),
            "is_archived": bool(data.get("archived")),
            "is_encrypted": data["keyId"] is not None,
        }


def parse_projects(body: bytes) -> list[tuple[int, str]]:
    """Number and name of each project of a list [m11b]. Raises: KoboUnexpected."""
    projects = parse_list(body)
    with known_shape():
        return [(int(project["id"]), str(project["name"])) for project in projects]


def parse_edits(body: bytes) -> list[Edit]:
    """The edits of a submission, oldest first, of its versions with their submitters [f32]: the first one is no edit. Raises: KoboUnexpected."""
    versions = parse_list(body)
    with known_shape():
        edits = [
            Edit(datetime.fromisoformat(each["createdAt"]), str((each.get("submitter") or {}).get("displayName") or ""))
            for each in versions
        ]
    return sorted(edits, key=lambda edit: edit.at)[1:]


def rights_of(verbs: frozenset[str]) -> frozenset[str]:
    """The rights, as the model calls them, that these verbs give."""
    return frozenset(right for verb, right in RIGHTS.items() if verb in verbs)


def parse_form(data: Any, rights: frozenset[str] = frozenset()) -> Asset:
    """A form as an asset: what is published, and our mark in its notes [b37b]. Raises: KoboUnexpected."""
    with known_shape():
        version = str(data["version"] or "")
        created = data.get("createdBy") or {}
        is_published = data.get("publishedAt") is not None
        return Asset(
            asset_uid=str(data["xmlFormId"]),
            name=str(data.get("name") or data["xmlFormId"]),
            version_id=version,
            deployed_version=version if is_published else "",
            deployed_at=str(data.get("publishedAt") or ""),
            is_deployed=is_published,
            is_active=data.get("state") == "open",
            owner=str(created.get("displayName") or ""),
            n_submissions=int(data.get("submissions") or 0),
            fingerprint=parse_mark(data.get("publishNotes")),
            permissions=rights,
        )


def form_ids(forms: Iterable[Any]) -> set[str]:
    """What the forms of a list are called."""
    return {str(form["xmlFormId"]) for form in forms if isinstance(form, dict) and "xmlFormId" in form}


def parse_mark(notes: Any) -> dict[str, str]:
    """Our mark in the notes of a publication; empty when they say anything else."""
    try:
        mark = json.loads(str(notes or "")).get(MARK_KEY)
    except (ValueError, AttributeError, RecursionError):
        return {}
    return {str(key): str(value) for key, value in mark.items()} if isinstance(mark, dict) else {}


def render_mark(mark: Mapping[str, str]) -> dict[str, str]:
    """The header that keeps *mark* with a publication."""
    text = json.dumps({MARK_KEY: dict(mark)}, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return {NOTES: quoted(text)}


def parse_media(body: bytes) -> list[MediaFile]:
    """The media that a form asks for and that are there [c04]; md5 is empty for one that an entity list gives [i10b]."""
    with known_shape():
        return [
            MediaFile(str(row["name"]), str(row["name"]), str(row.get("hash") or ""))
            for row in parse_list(body)
            if row.get("exists")
        ]


@dataclass(frozen=True)
class Fields:
    """What the reading of a form's XML rests on: the paths of its repeats, and of the questions that hold files."""

    repeats: frozenset[str]
    files: frozenset[str]


def parse_fields(body: bytes) -> Fields:
    """The fields of a version of a form [b09]. Raises: KoboUnexpected."""
    with known_shape():
        rows = [(str(row["path"]).strip("/"), row["type"], row.get("binary")) for row in parse_list(body)]
    return Fields(
        frozenset(path for path, kind, _ in rows if kind == "repeat"),
        frozenset(path for path, _, is_file in rows if is_file),
    )


def parse_version(text: str) -> tuple[int, int] | None:
    """(year, number) of the server's release in version.txt [w03]; None where it says none."""
    named = re.search(r"server \(v(\d{4})\.(\d+)", text)
    return (int(named[1]), int(named[2])) if named else None
