"""What the stand-in ODK Central remembers: projects, forms with their versions, rows, entity lists, people."""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

Json = dict[str, Any]

_APP_USER = {"open_form.read", "submission.create"}
_VIEWER = (
    "project.read form.list form.read submission.read submission.list dataset.list entity.list dataset.read "
    "entity.read actor_property.list"
).split()
_MANAGER = (
    "project.read project.update project.delete form.create form.delete form.list form.read form.update "
    "submission.create submission.read submission.list field_key.create field_key.delete field_key.list "
    "assignment.list assignment.create assignment.delete public_link.create public_link.list public_link.read "
    "public_link.update public_link.delete session.end form.restore dataset.list entity.list dataset.read entity.read "
    "entity.create entity.update dataset.update entity.delete submission.update dataset.create submission.delete "
    "submission.restore entity.restore dataset.delete actor_property.list actor_property.update field_key.update"
).split()
VERBS = {
    "viewer": _VIEWER,
    "manager": _MANAGER,
    "formfill": ["project.read", "open_form.list", "open_form.read", "submission.create"],
    "admin": [*_MANAGER, "project.create", "audit.read", "config.read", "user.list", "user.read"],
}


class Problem(Exception):
    """An answer that is an error; *code* 500 has no code in its JSON, as a bug of the real server."""

    def __init__(self, code: float, message: str, details: Json | None = None):
        super().__init__(message)
        self.code, self.message, self.details = code, message, details

    @property
    def status(self) -> int:
        return int(self.code)

    def json(self) -> Json:
        if self.code == 500:
            return {"message": self.message}
        return {"message": self.message, "code": self.code} | ({"details": self.details} if self.details else {})


def not_found() -> Problem:
    return Problem(404.1, "Could not find the resource you were looking for.")


def no_right() -> Problem:
    return Problem(403.1, "The authentication you provided does not have rights to perform that action.")


def not_signed_in() -> Problem:
    return Problem(401.2, "Could not authenticate with the provided credentials.")


def broken() -> Problem:
    return Problem(500, "Internal Server Error")


def unexpected(name: str, value: Any, reason: str) -> Problem:
    details = {"field": name, "value": value, "reason": reason}
    return Problem(400.8, f"Unexpected {name} value {value}; {reason}", details)


def wrong_type(name: str, expected: str) -> Problem:
    details = {"field": name, "expected": expected}
    return Problem(400.11, f"Invalid input data type: expected ({name}) to be ({expected})", details)


def exists_already(fields: list[str], values: list[str], table: str) -> Problem:
    message = f"A resource already exists with {','.join(fields)} value(s) of {','.join(values)}."
    return Problem(409.3, message, {"fields": fields, "values": values, "table": table})


def shown(moment: datetime | None) -> str | None:
    return moment and moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


@dataclass
class Actor:
    """A web user (*email*; *role* per project; *admin* of the site) or an app user (*token*, *project*)."""

    id: int
    name: str
    created_at: datetime
    email: str = ""
    password: str = ""
    admin: bool = False
    roles: dict[int, str] = field(default_factory=dict)
    project: int = 0
    token: str = ""
    deleted_at: datetime | None = None
    last_login: datetime | None = None

    def api(self) -> Json:
        return {
            "id": self.id,
            "type": "user" if self.email else "field_key",
            "displayName": self.name,
            "createdAt": shown(self.created_at),
            "updatedAt": None,
            "deletedAt": shown(self.deleted_at),
        }

    def verbs(self, project: Project, form: Form | None = None) -> Iterable[str]:
        if self.email:
            return (
                VERBS["admin" if self.admin else self.roles[project.id]]
                if self.admin or project.id in self.roles
                else ()
            )
        assigned = project.assigned | (form.assigned if form else set())
        return _APP_USER if self.id in assigned else ()


@dataclass
class File:
    content: bytes
    kind: str = "application/octet-stream"

    @property
    def md5(self) -> str:
        return hashlib.md5(self.content).hexdigest()


# ── XML ─────────────────────────────────────────────────────────────────────


def local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def child(element: Element | None, *names: str) -> Element | None:
    for name in names:
        element = next((c for c in element if local(c) == name), None) if element is not None else None
    return element


def attribute(element: Element, name: str) -> str | None:
    return next((value for key, value in element.attrib.items() if key.rpartition("}")[2] == name), None)


def odata_name(name: str) -> str:
    sane = re.sub(r"[^a-zA-Z0-9_]", "_", name)
    return f"_{sane}" if re.match(r"[0-9]", sane) else sane


@dataclass
class Field:
    path: str
    type: str
    select_multiple: bool = False

    def api(self, odata: bool = False) -> Json:
        path = "/".join(odata_name(part) for part in self.path.split("/")) if odata else self.path
        binary, several = self.type == "binary" or None, self.select_multiple or None
        return {
            "path": path,
            "name": path.rpartition("/")[2],
            "type": self.type,
            "binary": binary,
            "selectMultiple": several,
        }


@dataclass
class Media:
    """A file that a form asks for; it comes from *file* or from the entity list of its name (*linked*)."""

    name: str
    type: str = "file"
    file: File | None = None
    linked: bool = False
    updated_at: datetime | None = None

    def api(self, whole: bool = True) -> Json:
        answer: Json = {"name": self.name, "type": self.type}
        if whole:  # what PATCH answers is not read again: no hash
            answer["hash"] = self.file.md5 if self.file else None
        answer |= {
            "exists": bool(self.file) or self.linked,
            "blobExists": bool(self.file),
            "datasetExists": self.linked,
        }
        if self.updated_at:
            answer["updatedAt"] = shown(self.updated_at)
        return answer | ({"size": len(self.file.content)} if self.file else {})


class Version:
    """One version of a form, read from its XForm; published when *published_at* is set."""

    def __init__(self, xml: bytes):
        self.xml = xml
        try:
            tree = ElementTree.fromstring(xml)
        except ElementTree.ParseError:
            tree = Element("none")
        model, body = child(tree, "head", "model"), child(tree, "body")
        main = child(model, "instance")
        self.root = next(iter(main), None) if main is not None else None
        if self.root is None or not self.root.get("id"):
            raise Problem(400.2, "Required parameter formId missing.", {"field": "formId"})
        self.xml_form_id = self.root.get("id") or ""
        if re.search(r"\.(xlsx?|xml)$", self.xml_form_id):
            reason = (
                "The Form ID cannot end in .xls, .xlsx, or .xml. Please either specify an allowed ID in the form itself, "
                "or rename the file (eg change form.xls.xls to form.xls)."
            )
            raise unexpected("formId", self.xml_form_id, reason)
        self.version = attribute(self.root, "version") or ""
        title = child(tree, "head", "title")
        self.title = title.text if title is not None else None
        self.fields = list(_fields(self.root, model, body))
        if not any(one.path.endswith("/meta") for one in self.fields):
            raise Problem(400.27, "The form does not contain a 'meta' group.")
        self.media = {one.name: one for one in _media(tree)}
        self.published_at: datetime | None = None
        self.publisher: Actor | None = None
        self.notes: str | None = None
        self.token: str | None = secrets.token_urlsafe(48)[:64]

    def named(self, version: str) -> Version:
        """The same with another version written into its XML, and the same files."""
        opening = re.compile(rb"(<(?:\w+:)?instance\b[^>]*>\s*)(<[^\s/>]+)([^>]*)", re.S)
        text = version.encode().replace(b"&", b"&amp;").replace(b'"', b"&quot;")

        def rewritten(match: re.Match[bytes]) -> bytes:
            rest, found = re.subn(rb'(\sversion=)(["\']).*?\2', lambda m: m[1] + b'"' + text + b'"', match[3], count=1)
            return match[1] + match[2] + (rest if found else b' version="' + text + b'"' + match[3])

        copy = Version(opening.sub(rewritten, self.xml, count=1))
        copy.media, copy.token = self.media, self.token
        return copy


def _fields(root: Element, model: Element | None, body: Element | None) -> Iterable[Field]:
    top = f"/{local(root)}"
    binds = {
        b.get("nodeset", ""): b.get("type", "string")
        for b in (model if model is not None else ())
        if local(b) == "bind"
    }
    controls = list(body.iter()) if body is not None else []
    repeats = {c.get("nodeset") for c in controls if local(c) == "repeat"}
    several = {c.get("ref") for c in controls if local(c) == "select"}
    seen: set[str] = set()

    def walk(element: Element, path: str) -> Iterable[Field]:
        for one in element:
            below = f"{path}/{local(one)}"
            if below in seen:  # a repeat's template and its first instance
                continue
            seen.add(below)
            whole = top + below
            kind = "repeat" if whole in repeats else "structure" if len(one) else binds.get(whole, "unknown")
            yield Field(below, kind, whole in several)
            yield from walk(one, below)

    return walk(root, "")


def _media(tree: Element) -> Iterable[Media]:
    pattern = re.compile(r"jr://(?:images|audio|video|file|file-csv)/([^/]+)")
    kinds = {"image": "image", "audio": "audio", "video": "video", "big-image": "image"}
    for one in tree.iter():
        address = pattern.fullmatch((one.get("src") or "").strip()) if local(one) == "instance" else None
        label = (
            pattern.fullmatch((one.text or "").strip()) if local(one) == "value" and one.get("form") in kinds else None
        )
        search = re.match(r"\s*(?:\w+\s+)?search\s*\(\s*[\"']([^\"']+)", one.get("appearance") or "")
        if address:
            yield Media(address[1])
        if label:
            yield Media(label[1], kinds[one.get("form", "")])
        if search:
            yield Media(search[1] if search[1].endswith(".csv") else f"{search[1]}.csv")


# ── rows ────────────────────────────────────────────────────────────────────


@dataclass
class Instance:
    """One version of a row: the XML as sent, and the files that it names."""

    id: int
    instance_id: str
    xml: bytes
    submitter: Actor
    created_at: datetime
    form_version: Version
    device_id: str | None = None
    user_agent: str | None = None
    files: dict[str, File | None] = field(default_factory=dict)
    current: bool = True

    def __post_init__(self) -> None:
        self.root = ElementTree.fromstring(self.xml)
        name = child(self.root, "meta", "instanceName")
        self.name = name.text if name is not None else None

    def api(self, extended: bool = False) -> Json:
        answer = {
            "submitterId": self.submitter.id,
            "createdAt": shown(self.created_at),
            "instanceName": self.name,
            "instanceId": self.instance_id,
            "current": self.current,
            "deviceId": self.device_id,
            "userAgent": self.user_agent,
        }
        return answer | (
            {"submitter": self.submitter.api(), "formVersion": self.form_version.version} if extended else {}
        )


@dataclass
class Row:
    """A submission: *root_id* never changes; more than one current version is how two edits at once leave it."""

    id: int
    root_id: str
    versions: list[Instance]
    created_at: datetime
    updated_at: datetime | None = None
    deleted_at: datetime | None = None
    review: str | None = None
    comments: list[Json] = field(default_factory=list)
    audits: list[Json] = field(default_factory=list)

    @property
    def currents(self) -> list[Instance]:
        return [one for one in self.versions if one.current]

    @property
    def current(self) -> Instance:
        if len(self.currents) > 1:
            raise broken()
        return self.currents[0]

    def api(self, extended: bool = False) -> Json:
        first = self.versions[0]
        answer = {
            "instanceId": self.root_id,
            "submitterId": first.submitter.id,
            "deviceId": first.device_id,
            "createdAt": shown(self.created_at),
            "updatedAt": shown(self.updated_at),
            "reviewState": self.review,
            "userAgent": first.user_agent,
            "deletedAt": shown(self.deleted_at),
        }
        return answer | ({"submitter": first.submitter.api()} if extended else {})


# ── forms, projects, lists ──────────────────────────────────────────────────


@dataclass
class Form:
    id: int
    project: int
    xml_form_id: str
    created_at: datetime
    created_by: Actor
    state: str = "open"
    updated_at: datetime | None = None
    deleted_at: datetime | None = None
    versions: list[Version] = field(default_factory=list)
    draft: Version | None = None
    rows: dict[str, Row] = field(default_factory=dict)
    assigned: set[int] = field(default_factory=set)
    actee: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def published(self) -> Version | None:
        return self.versions[-1] if self.versions else None

    @property
    def live(self) -> list[Row]:
        return [row for row in self.rows.values() if row.deleted_at is None]

    def api(self, version: Version) -> Json:
        digest: Callable[[str], str] = lambda name: hashlib.new(name, version.xml).hexdigest()  # noqa: E731
        return {
            "projectId": self.project,
            "xmlFormId": self.xml_form_id,
            "state": self.state,
            "enketoId": None,
            "enketoOnceId": None,
            "createdAt": shown(self.created_at),
            "updatedAt": shown(self.updated_at),
            "webformsEnabled": True,
            "keyId": None,
            "version": version.version,
            "hash": digest("md5"),
            "sha": digest("sha1"),
            "sha256": digest("sha256"),
            "draftToken": version.token,
            "publishedAt": shown(version.published_at),
            "name": version.title,
        }


@dataclass
class Entity:
    uuid: str
    label: str
    data: dict[str, str]
    creator: Actor
    created_at: datetime
    version: int = 1
    updated_at: datetime | None = None
    deleted_at: datetime | None = None


@dataclass
class Dataset:
    name: str
    project: int
    created_at: datetime
    properties: dict[str, datetime] = field(default_factory=dict)
    entities: dict[str, Entity] = field(default_factory=dict)

    @property
    def live(self) -> list[Entity]:
        """Newest first, as everywhere."""
        return [one for one in reversed(self.entities.values()) if one.deleted_at is None]


@dataclass
class Project:
    id: int
    name: str
    created_at: datetime
    description: str | None = None
    archived: bool | None = None
    key_id: int | None = None
    updated_at: datetime | None = None
    forms: list[Form] = field(default_factory=list)
    datasets: dict[str, Dataset] = field(default_factory=dict)
    assigned: set[int] = field(default_factory=set)
    actee: str = field(default_factory=lambda: str(uuid.uuid4()))

    def form(self, xml_form_id: str) -> Form:
        for one in self.forms:
            if one.xml_form_id == xml_form_id and one.deleted_at is None:
                return one
        raise not_found()
