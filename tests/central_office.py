"""A stand-in ODK Central on loopback, for tests: `with central() as office:`.

It answers as the contract (central/contract.md) and its recordings say; `tests/central/test_stand_in.py` holds it
against them. Its state is in memory; what tests do to it beside HTTP are the methods of `Office`, which are not
counted in `office.requests`.
"""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import central_accounts
import central_forms
import central_lists
import central_rows
import central_submissions
from central_doors import Fault, make_app
from central_state import Actor, Entity, Form, Project, Row
from central_xforms import File
from flask import Response, g
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request

__all__ = ["Fault", "File", "Office", "central"]
ADMIN, PASSWORD = "admin@example.org", "central-proofs-2026"
VERSION_TEXT = "versions:\n0000000 (v2026.2.2)\n 4f5943d server (v2026.2.2-3-g4f5943d)\n"
_LETTERS = string.ascii_letters + string.digits


def new_token() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(64))


class Office:
    """The server's state, switches and helpers. Project 1 is there; *address* is set while it listens."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.address = ""
        self.domain = "https://central.example.org"  # what its links say, never the Host header
        self.version_text = VERSION_TEXT
        self.sso = False
        self.knows_zones = False  # properties of app users and lists that go by them: from v2026.2 on
        self.on_storage = False  # files lie in a storage like S3: 307
        self.skew = timedelta()  # of the server's clock, Date header and all
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str]] = []  # (method, path with its query), in order
        self.storage_requests: list[tuple[str, dict[str, str]]] = []  # (path, headers)
        self.storage_address = ""
        self._stored: dict[str, File] = {}
        self._ids, self._project_ids = count(5), count(1)
        self._sessions: dict[str, tuple[Actor, datetime]] = {}
        self.actors: dict[int, Actor] = {}
        self.admin = self.add_user(ADMIN, PASSWORD, admin=True)
        self.projects: dict[int, Project] = {}
        self.add_project("Mission A")
        self.app = make_app(self)
        for module in (central_accounts, central_forms, central_lists, central_submissions):
            self.app.register_blueprint(module.routes)

    # ── clock, names, sessions ──────────────────────────────────────────────

    def now(self) -> datetime:
        moment = datetime.now(UTC) + self.skew
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def next_id(self) -> int:
        return next(self._ids)

    def start_session(self, user: Actor) -> tuple[str, datetime]:
        token, ends = new_token(), self.now() + timedelta(hours=24)
        self._sessions[token] = user, ends
        return token, ends

    def signed_in(self, token: str) -> Actor | None:
        user, ends = self._sessions.get(token, (None, self.now()))
        return user if user and ends > self.now() and user.deleted_at is None else self.app_user(token)

    def end_session(self, token: str) -> None:
        self._sessions.pop(token, None)

    def end_sessions(self) -> None:
        """Every web user's session, as when they expire; app users stay."""
        self._sessions.clear()

    def app_user(self, token: str) -> Actor | None:
        return next((one for one in self.actors.values() if one.token == token and not one.deleted_at), None)

    # ── people and projects ─────────────────────────────────────────────────

    def add_user(
        self, email: str, password: str, role: str | None = None, *, project: int = 1, admin: bool = False
    ) -> Actor:
        """A web user; *role* is manager, viewer, formfill or none."""
        user = Actor(self.next_id(), email, self.now(), email=email, password=password, admin=admin)
        if role:
            user.roles[project] = role
        self.actors[user.id] = user
        return user

    def add_project(self, name: str) -> Project:
        project = Project(next(self._project_ids), name, self.now())
        self.projects[project.id] = project
        return project

    def phone(self, name: str = "Tablette 1", *, project: int = 1) -> Actor:
        """An app user assigned to the whole project; its door is `/v1/key/{token}/projects/{project}`."""
        for one in self.actors.values():
            if (one.name, one.project) == (name, project) and one.deleted_at is None:
                return one
        user = self.add_app_user(name, project)
        self.projects[project].assigned.add(user.id)
        return user

    def add_app_user(self, name: str, project: int) -> Actor:
        user = Actor(self.next_id(), name, self.now(), project=project, token=new_token())
        self.actors[user.id] = user
        return user

    @contextmanager
    def _as(self, user: Actor) -> Iterator[None]:
        with self.lock, self.app.app_context():
            g.actor = user
            yield

    # ── forms and lists ─────────────────────────────────────────────────────

    def form(self, form_id: str, *, project: int = 1) -> Form:
        return self.projects[project].form(form_id)

    def draft(self, form_id: str, xml: bytes, *, project: int = 1) -> None:
        """A draft of a form that is there, as somebody leaves it in the browser."""
        with self._as(self.admin):
            central_forms.set_draft(self.form(form_id, project=project), xml, ignore=True)

    def deploy(
        self, xml: bytes | str, media: Mapping[str, bytes] = {}, *, notes: str | None = None, project: int = 1
    ) -> Form:
        """A form, or its next version, published with its media as somebody does it in the browser."""
        content, home = xml.encode() if isinstance(xml, str) else xml, self.projects[project]
        with self._as(self.admin):
            form_id = central_forms.Version(content).xml_form_id
            form = next((one for one in home.forms if one.xml_form_id == form_id and not one.deleted_at), None)
            if form is None:
                form = central_forms.create(home, content, publish=False)
            else:
                central_forms.set_draft(form, content, ignore=True)
            assert form.draft is not None
            for name, file in media.items():
                slot = form.draft.media[name]
                slot.file, slot.linked, slot.updated_at = File(file, "text/csv"), False, self.now()
            central_forms.publish_draft(home, form, notes)
        return form

    def entities(self, dataset: str, *, project: int = 1) -> list[Entity]:
        """The live ones, newest first."""
        return self.projects[project].datasets[dataset].live

    # ── rows, as phones and reviewers treat them ────────────────────────────

    def submit(
        self,
        form_id: str,
        answers: Mapping[str, Any] | bytes,
        files: Mapping[str, bytes] = {},
        *,
        instance_id: str | None = None,
        version: str | None = None,
        phone: Actor | None = None,
        at: datetime | None = None,
        project: int = 1,
    ) -> Row:
        """A phone's new row, of answers (groups as mappings, repeats as lists) or of XML as it is.

        Raises `Problem` where the real server refuses. *at* is its submissionDate, for rows that show up late.
        """
        form, xml = self.form(form_id, project=project), answers
        if not isinstance(xml, bytes):
            name = instance_id or f"uuid:{uuid4()}"
            xml = central_rows.instance_xml(form, xml, name, None, version or form.versions[-1].version)
        with self._as(phone or self.phone(project=project)):
            row = central_rows.receive(self.projects[project], xml, _files(files), "collect:abc", "org.odk.collect")
        row.created_at = at or row.created_at
        return row

    def edit(
        self,
        form_id: str,
        row: Row,
        answers: Mapping[str, Any],
        files: Mapping[str, bytes] = {},
        *,
        phone: Actor | None = None,
    ) -> Row:
        """The row with other answers, sent again as an edit of its current version (of a broken row's first: the cure)."""
        form, new = self.form(form_id), f"uuid:{uuid4()}"
        xml = central_rows.instance_xml(form, answers, new, row.currents[0].instance_id, form.versions[-1].version)
        with self._as(phone or self.phone()):
            return central_rows.receive(
                self.projects[form.project], xml, _files(files), "collect:abc", "org.odk.collect"
            )

    def break_row(self, form_id: str, row: Row, answers: Mapping[str, Any]) -> None:
        """Two edits at once: the row has two current versions from now on, until an edit names one of them."""
        before = row.versions[-1].instance_id
        self.edit(form_id, row, answers)
        first = row.versions[-1]
        first.current = False
        next(one for one in row.versions if one.instance_id == before).current = True
        self.edit(form_id, row, answers)
        first.current = True

    def review(
        self, form_id: str, row: Row, state: str | None, notes: str | None = None, *, by: Actor | None = None
    ) -> None:
        with self._as(by or self.admin):
            central_rows.review(self.form(form_id), row, {"reviewState": state}, notes)

    def delete(self, form_id: str, row: Row) -> None:
        with self._as(self.admin):
            central_rows.delete(self.form(form_id), row)

    def restore(self, form_id: str, row: Row) -> None:
        with self._as(self.admin):
            central_rows.restore(self.form(form_id), row)

    def purge(self, form_id: str, row: Row) -> None:
        """The row is nowhere any more."""
        del self.form(form_id).rows[row.root_id]

    def put_file(self, row: Row, name: str, content: bytes | None, kind: str = "image/jpeg") -> None:
        """A late or another file of the row's current version; none: cleared. No date of the row tells of it."""
        assert name in row.current.files, f"the row's XML names no {name}"
        row.current.files[name] = None if content is None else File(content, kind)

    # ── the storage beside ──────────────────────────────────────────────────

    def store_away(self, file: File) -> str:
        self._stored[file.md5] = file
        return f"{self.storage_address}/odk/blob-{file.md5}?X-Amz-Expires=60"

    def storage(self, environ: dict[str, Any], start: Any) -> Any:
        """The storage's own server: it knows no ETag, and says no to whoever brings the Central token."""
        asked = Request(environ)
        self.storage_requests.append((asked.path, dict(asked.headers)))
        file = self._stored.get(asked.path.rpartition("-")[2])
        if file is None or "Authorization" in asked.headers:
            return Response("<Error><Code>InvalidArgument</Code></Error>", 400, mimetype="application/xml")(
                environ, start
            )
        return Response(file.content, content_type=file.kind)(environ, start)


def _files(files: Mapping[str, bytes]) -> dict[str, File]:
    return {name: File(content, "image/jpeg") for name, content in files.items()}


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        pass

    def send_response(self, code: int, message: str | None = None) -> None:
        self.send_response_only(code, message)  # the app says the date, by the server's own clock


@contextmanager
def _serving(app: Any) -> Iterator[str]:
    server: BaseWSGIServer = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def central() -> Iterator[Office]:
    """The office while it listens; `office.address` is its base."""
    office = Office()
    with _serving(office.app) as office.address, _serving(office.storage) as office.storage_address:
        yield office
