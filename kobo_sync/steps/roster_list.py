"""The roster as a list that the server keeps by itself: only what differs is sent, and no form gets a new version for it."""

from __future__ import annotations

import re
from collections.abc import Collection

from kobo_sync.config.files import MISSION_FILE
from kobo_sync.errors import FormError
from kobo_sync.form_server import FormServer, ListChange
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Finding, Form
from kobo_sync.steps.elsewhere import ELSEWHERE, rows_from_elsewhere
from kobo_sync.steps.projects import Projects
from kobo_sync.steps.roster_guard import judge_codes

BY_CODE = "value=code"


def is_entity_list(mission: Mission) -> bool:
    """Whether the server keeps the roster as an entity list."""
    roster = mission.config.roster
    return bool(roster and roster.entities and mission.features.keeps_lists)


def put_entity_list(
    mission: Mission, server: FormServer, despite: Collection[str] = (), *, dry_run: bool = False
) -> tuple[ListChange, Finding | None]:
    """Bring the server's list to the roster, as far as `roster_guard` lets it; what changed, and what is to be told of it.

    A list that is not there yet is made whatever lies here: nobody can be lost from it; but names that came from another server or
    project never go to this one unless *despite* says so. Raises: KoboError, ConfigError.
    """
    origin = "" if ELSEWHERE in despite else rows_from_elsewhere(mission)
    if origin:
        message = f"the list of participants is not sent: {origin}"
        hint = f"look at `kobo-sync deploy`, which says what to do (`--despite {ELSEWHERE}` sends it all the same)"
        return ListChange(0, 0, 0), Finding(ELSEWHERE, "error", MISSION_FILE, message, hint)
    roster = mission.config.roster
    assert roster is not None
    name = _name(roster.file)
    published = server.list_codes(name)
    told = None
    if published is not None:
        uid = Projects(mission, server).uid(roster.form)
        verdict = judge_codes(mission, server, roster.form, published, uid, despite)
        told = verdict.finding
        if not verdict.may_go:
            return ListChange(0, 0, 0), told
    rows = mission.participants().rows
    return server.put_list(name, rows, by_zone=roster.by_zone, dry_run=dry_run), told


def refuse_names_for_codes(mission: Mission, form: Form) -> None:
    """See that *form* takes persons by their code: in an entity list `name` is the server's own id of a row.

    Raises: FormError naming the question.
    """
    roster = mission.config.roster
    assert roster is not None
    listed = re.compile(rf"instance\(\s*'{re.escape(_name(roster.file))}'\s*\)/root/item\[\s*name\b")
    for question in form.questions:
        by_name = question.file_name == roster.file and BY_CODE not in question.parameters.split()
        if by_name or listed.search(question.calculation) or listed.search(question.relevant):
            raise FormError(
                f"`{question.name}` takes persons by `name`, which in an entity list is the server's own id",
                form=form.form_id,
                hint=f"write {BY_CODE} under parameters and item[code = …] in expressions, or set roster.entities = false in {MISSION_FILE}",
            )


def _name(file: str) -> str:
    return file.rpartition(".")[0] or file
