"""A mission whose server is the stand-in ODK Central; and what the two hold, each read on its own, to be compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import sqlalchemy as sa
from central_office import ADMIN, PASSWORD, Office, central
from central_state import Actor, Form, Row
from conftest import MISSION, PERSONNES, VISITES, ZONES, write_workspace

from kobo_sync.forms.compiler import compile_form
from kobo_sync.forms.media import list_csv
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Report
from kobo_sync.rows.listing import SERVER_FIELDS, parse_submission
from kobo_sync.steps.pull import pull
from kobo_sync.store import schema
from kobo_sync.store.raw_pages import RawPages
from kobo_sync.store.tables.flatten import Flattener
from kobo_sync.store.tables.layout import flat_tables
from kobo_sync.workspace.attachment_files import relative_name
from kobo_sync.workspace.folders import Workspace

SECRETS = {"CENTRAL_EMAIL": ADMIN, "CENTRAL_PASSWORD": PASSWORD}
STATION = 'kf = "http://127.0.0.1:1"\nkc = "http://127.0.0.1:1"\n'
PERSON = {"zone": "nord", "accord": "oui", "code": "N1", "nom": "Awa", "groupe": "a"}
VISIT = {"zone": "nord", "lieu": {"gps": "31.5 -5.1 1200 4"}}
PHOTO, OTHER = b"\x89PNG\r\n\x1a\nabc", b"\x89PNG\r\n\x1a\ndefghi"
REVIEWS = {None: "", "approved": "approved", "rejected": "not_approved", "hasIssues": "on_hold", "edited": "edited"}
Truth = dict[str, Any]


class MovedClock:
    """The real time, moved on when a test says so: the stand-in's dates are real ones."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def mission_text(url: str, project: int = 1, text: str = MISSION) -> str:
    """The small mission with the stand-in at *url* as its server."""
    return text.replace(STATION, f'kind = "odk-central"\nurl = "{url}"\nproject = {project}\n')


@cache
def xform(markdown: str) -> bytes:
    """The XForm of a form written in Markdown."""
    return compile_form(markdown.encode(), "form.md", validate=False).xform.encode()


@dataclass
class CentralField:
    """The mission, its server, and a clock that both go by."""

    office: Office
    workspace: Workspace
    clock: MovedClock
    reopen: Callable[..., Mission]
    mission: Mission = field(init=False)

    def __post_init__(self) -> None:
        self.mission = self.reopen()

    def forward(self, **by: float) -> None:
        """Let time pass, here and there."""
        self.clock.ahead += timedelta(**by)
        self.office.skew = self.clock.ahead

    def deploy(self, markdown: str) -> Form:
        """Publish a form as somebody does it in the browser."""
        lists = {"zones.csv": list_csv(ZONES, "zones.csv", ["fr", "ar"]), "participants.csv": b"name,label\n"}
        media = {name: content for name, content in lists.items() if name in markdown}
        return self.office.deploy(xform(markdown), media)

    def person(self, code: str = "N1", **more: Any) -> Row:
        given = {**PERSON, "code": code, "nom": f"Nom {code}", **more}
        return self.office.submit("personnes", given)

    def visit(self, files: Mapping[str, bytes] = {}, **more: Any) -> Row:
        return self.office.submit("visites", {**VISIT, **more}, files)

    def pull(self, **how: Any) -> Report:
        return pull(self.mission, **how)

    def asked(self, act: Callable[[], object]) -> list[tuple[str, str]]:
        """The requests that *act* makes."""
        before = len(self.office.requests)
        act()
        return self.office.requests[before:]


@contextmanager
def central_field_in(folder: Path, *, forms: bool = True, text: str = MISSION) -> Iterator[CentralField]:
    """The small mission in *folder*; with *forms* they stand on the server, put there in the browser."""
    clock = MovedClock()
    opened: list[Mission] = []
    with central() as office:
        workspace = write_workspace(folder / "mission", mission_text(office.address, text=text))

        def reopen(state: Path | None = None, **secrets: str) -> Mission:
            where = workspace if state is None else Workspace(workspace.root, state, state / "out")
            opened.append(Mission(where, {**SECRETS, **secrets}, clock))
            opened[-1].reader()._transport.sleep = lambda _: None  # type: ignore[attr-defined]
            return opened[-1]

        there = CentralField(office, workspace, clock, reopen)
        if forms:
            there.deploy(PERSONNES)
            there.deploy(VISITES)
        yield there
        for mission in opened:
            mission.close()


# ── what the server holds ───────────────────────────────────────────────────


def office_truth(office: Office, form_id: str, project: int = 1) -> Truth:
    """What the office holds of a form, live rows by root uuid, without a word of the product's own."""
    return {row.root_id.removeprefix("uuid:"): _row(row) for row in office.form(form_id, project=project).live}


def _row(row: Row) -> Truth:
    current = row.current
    repeats = {one.path for one in current.form_version.fields if one.type == "repeat"}
    sender: Actor = row.versions[0].submitter
    return {
        "key": row.root_id,
        "uuid": current.instance_id.removeprefix("uuid:"),
        "version": current.root.get("version") or "",
        "review": REVIEWS[row.review],
        "by": sender.name,
        "answers": _answers(current.root, "", repeats),
        "files": {name: hashlib.sha256(file.content).hexdigest() for name, file in current.files.items() if file},
    }


def _answers(element: Element, path: str, repeats: set[str]) -> Truth:
    answers: Truth = {}
    for child in element:
        here = f"{path}/{child.tag.rpartition('}')[2]}"
        key = here[1:]
        if key.startswith("meta"):
            continue
        if here in repeats:
            inner = _answers(child, here, repeats)
            if inner:
                answers.setdefault(key, []).append(inner)
        elif len(child):
            answers |= _answers(child, here, repeats)
        elif (child.text or "").strip():
            answers[key] = child.text
    return answers


# ── what the mirror holds ───────────────────────────────────────────────────


def mirror_truth(mission: Mission, form_id: str) -> Truth:
    """The same of the mirror; its tables are held against its own rows on the way."""
    s, a = schema.submissions, schema.attachments
    live = (s.c.form_id == form_id) & s.c.gone_at.is_(None)
    with mission.store.begin() as connection:
        bodies = RawPages(connection)
        rows = connection.execute(sa.select(s).where(live)).all()
        listed = a.join(s, (a.c.form_id == s.c.form_id) & (a.c.root_uuid == s.c.root_uuid))
        files = connection.execute(sa.select(a).select_from(listed).where(live, a.c.is_current)).all()
        raws = {row.root_uuid: bodies.row((row.body_id, row.body_at, row.body_n)) for row in rows}
    assert_tables(mission, form_id, raws)
    truth: Truth = {}
    for row in rows:
        raw = json.loads(raws[row.root_uuid])
        truth[row.root_uuid] = {
            "key": row.server_key,
            "uuid": row.uuid,
            "version": row.form_version,
            "review": row.validation,
            "by": row.submitted_by,
            "answers": {
                key: value for key, value in raw.items() if key not in SERVER_FIELDS and not key.startswith("meta/")
            },
            "files": {
                each.filename: _on_disk(mission, each.sha256) for each in files if each.root_uuid == row.root_uuid
            },
        }
    return truth


def _on_disk(mission: Mission, sha256: str | None) -> str:
    path = mission.workspace.attachments / relative_name(sha256) if sha256 else None
    return hashlib.sha256(path.read_bytes()).hexdigest() if path and path.is_file() else "missing"


def assert_tables(mission: Mission, form_id: str, raws: Mapping[str, bytes]) -> None:
    """The flat tables say what the rows as received say."""
    form = mission.forms[form_id]
    flat = Flattener(flat_tables(form), form).flatten([parse_submission(raw, form_id) for raw in raws.values()])
    with mission.store.begin() as connection:
        for table in flat_tables(form):
            fields = [*(name for name, _ in table.system), *(column.name for column in table.columns)]
            query = sa.select(*map(sa.column, fields)).select_from(sa.table(f"data_{table.name}"))
            expected = sorted(map(repr, zip(*flat.columns[table.name], strict=True)))
            assert sorted(repr(tuple(row)) for row in connection.execute(query)) == expected


def assert_same(there: CentralField, mission: Mission | None = None) -> None:
    """No difference between the server and the mirror, of any form."""
    mission = mission or there.mission
    for form_id in mission.forms:
        assert mirror_truth(mission, form_id) == office_truth(there.office, form_id), form_id


def history(mission: Mission, form_id: str) -> list[tuple[str, int, str]]:
    """(root uuid, revision, kind) of all revisions kept."""
    r = schema.revisions.c
    query = sa.select(r.root_uuid, r.revision, r.kind).where(r.form_id == form_id).order_by(r.root_uuid, r.revision)
    with mission.store.begin() as connection:
        return [tuple(row) for row in connection.execute(query)]


def rules(report: Report) -> list[str]:
    """The rules of its findings."""
    return sorted(finding.rule for finding in report.findings)
