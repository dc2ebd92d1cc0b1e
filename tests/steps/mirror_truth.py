"""The server's truth and the mirror's, row by row: what the scenarios and the kill tests compare."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from conftest import Field

from kobo_sync.kobo.server import KoboServer
from kobo_sync.mission.mission import Mission
from kobo_sync.rows.listing import parse_submission
from kobo_sync.steps.pull import pull
from kobo_sync.store import schema
from kobo_sync.store.raw_pages import RawPages
from kobo_sync.store.tables.flatten import Flattener
from kobo_sync.store.tables.layout import flat_tables
from kobo_sync.workspace.attachment_files import relative_name
from kobo_sync.workspace.folders import Workspace

State = Mapping[str, Any]


def server_state(field_team: Field, mission: Mission) -> State:
    """What the server holds, as its owner sees it: rows by root uuid (the highest id of doubles), tables, files."""
    client = KoboServer(field_team.url, field_team.kc, field_team.token)
    state: dict[str, Any] = {}
    for form_id, form in mission.forms.items():
        raws = {}
        for page in client.pages(field_team.uid(form_id), above=-1, limit=1000):
            for _, raw in page.rows:
                raws[parse_submission(raw, form_id).root_uuid] = raw
        submissions = [parse_submission(raw, form_id) for raw in raws.values()]
        flat = Flattener(flat_tables(form), form).flatten(submissions)
        state[form_id] = {
            "rows": {root: json.loads(raw) for root, raw in raws.items()},
            "tables": {name: sorted(map(repr, zip(*columns, strict=True))) for name, columns in flat.columns.items()},
            "chosen": sorted(repr(row) for columns in flat.chosen.values() for row in zip(*columns, strict=True)),
            "files": {
                (each.root_uuid, file.attachment_uid): "" if file.is_deleted else _sha(client, file.url)
                for each in submissions
                for file in each.attachments
            },
        }
    client.close()
    return state


def _sha(client: KoboServer, url: str) -> str:
    with client.download(url) as stream:
        return hashlib.sha256(b"".join(stream.chunks)).hexdigest()


def mirror_state(mission: Mission) -> State:
    """The same of the mirror: every live row as received, the tables, the current files with their bytes' hash."""
    return {form_id: _held(mission, form_id) for form_id in mission.forms}


def _held(mission: Mission, form_id: str) -> State:
    s, a = schema.submissions, schema.attachments
    tables = flat_tables(mission.forms[form_id])
    with mission.store.begin() as connection:
        bodies = RawPages(connection)
        live = (s.c.form_id == form_id) & s.c.gone_at.is_(None)
        held = connection.execute(sa.select(s).where(live)).all()
        listed = a.join(s, (a.c.form_id == s.c.form_id) & (a.c.root_uuid == s.c.root_uuid))
        files = connection.execute(sa.select(a).select_from(listed).where(live, a.c.is_current)).all()
        rows = {row.root_uuid: json.loads(bodies.row((row.body_id, row.body_at, row.body_n))) for row in held}
        flat = {}
        chosen = []
        for table in tables:
            fields = [*(name for name, _ in table.system), *(column.name for column in table.columns)]
            query = sa.select(*map(sa.column, fields)).select_from(sa.table(f"data_{table.name}"))
            flat[table.name] = sorted(repr(tuple(row)) for row in connection.execute(query))
            if any(column.many for column in table.columns):
                chosen += connection.exec_driver_sql(f'SELECT * FROM "chosen_{table.name}"').all()
    folder = mission.workspace.attachments
    return {
        "rows": rows,
        "tables": flat,
        "chosen": sorted(repr(tuple(row)) for row in chosen),
        "files": {(f.root_uuid, f.attachment_uid): "" if f.is_deleted else _on_disk(folder, f.sha256) for f in files},
    }


def _on_disk(folder: Path, sha256: str | None) -> str:
    path = folder / relative_name(sha256) if sha256 else None
    return hashlib.sha256(path.read_bytes()).hexdigest() if path and path.is_file() else "missing"


def fresh_state(field_team: Field, folder: Path) -> State:
    """The state of a new mirror after one complete pull."""
    old = field_team.mission.workspace
    workspace = Workspace(old.root, folder, folder / "out")
    server = (field_team.url, field_team.kc)
    mission = Mission(workspace, {"KOBO_TOKEN": field_team.token}, field_team.clock, server=server)
    try:
        pull(mission)
        return mirror_state(mission)
    finally:
        mission.close()
