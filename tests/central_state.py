"""What the stand-in ODK Central remembers: projects, forms with their versions, rows, entity lists, people."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from xml.etree.ElementTree import Element

from central_problems import Json, broken, not_found, shown
from central_xforms import File, Version, child

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
_SITE = (
    "config.read project.create user.create user.list user.password.invalidate user.read user.update role.create "
    "role.update role.delete user.delete audit.read backup.run config.set analytics.read"
).split()
VERBS = {
    "viewer": _VIEWER,
    "manager": _MANAGER,
    "formfill": ["project.read", "open_form.list", "open_form.read", "submission.create"],
    "admin": [*_MANAGER, *_SITE],
}


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
    properties: dict[str, str] = field(default_factory=dict)  # of an app user
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


# ── rows ────────────────────────────────────────────────────────────────────


@dataclass
class Instance:
    """One version of a row: the XML as sent, and the files that it names."""

    id: int
    instance_id: str
    xml: bytes
    root: Element
    submitter: Actor
    created_at: datetime
    form_version: Version
    device_id: str | None = None
    user_agent: str | None = None
    files: dict[str, File | None] = field(default_factory=dict)
    current: bool = True

    @property
    def name(self) -> str | None:
        element = child(self.root, "meta", "instanceName")
        return element.text if element is not None else None

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
        self.refuse_if_broken()
        return self.currents[0]

    def refuse_if_broken(self) -> None:
        if len(self.currents) > 1:
            raise broken()

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
            "hash": hashlib.md5(version.xml).hexdigest(),
            "sha": hashlib.sha1(version.xml).hexdigest(),
            "sha256": hashlib.sha256(version.xml).hexdigest(),
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
    received: Json  # what the last write said
    version: int = 1
    updated_at: datetime | None = None
    deleted_at: datetime | None = None


@dataclass
class Dataset:
    name: str
    project: int
    created_at: datetime
    properties: dict[str, datetime] = field(default_factory=dict)
    access_filter: Json | None = None
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
    actor_properties: list[str] = field(default_factory=list)
    assigned: set[int] = field(default_factory=set)
    actee: str = field(default_factory=lambda: str(uuid.uuid4()))

    def form(self, xml_form_id: str) -> Form:
        for one in self.forms:
            if one.xml_form_id == xml_form_id and one.deleted_at is None:
                return one
        raise not_found()
