"""A submission's page: its answers, files, findings and history; what tells of persons for those alone who may see names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from flask import Flask, Response, abort, flash, redirect, render_template, request, url_for

from kobo_sync.analysis.changes import changes
from kobo_sync.desk import access_log
from kobo_sync.desk.row_findings import findings_of_row
from kobo_sync.desk.worklist import Item
from kobo_sync.errors import ConfigError, KoboError
from kobo_sync.form_server import Edit
from kobo_sync.language.catalogue import later, t
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Submission
from kobo_sync.rows.listing import parse_submission
from kobo_sync.steps.row_edits import edits_of_row
from kobo_sync.store.history import Revision, revisions_of
from kobo_sync.store.row_files import RowFile, files_of_row
from kobo_sync.web.answer_sheet import sheet
from kobo_sync.web.compared_rows import Line, Questions, Row, row_of, side_by_side
from kobo_sync.web.quality import STATES
from kobo_sync.web.site import Answer, actors, person, site
from kobo_sync.web.texts import with_cure
from kobo_sync.web.words import SEVERITIES

PICTURES = ("image/jpeg", "image/png", "image/gif", "image/webp")  # what a browser shows and no script hides in
MOST_BESIDE = 3  # other rows
REVISIONS = {
    "new": later("received"),
    "edited": later("edited"),
    "validated": later("status changed"),
    "files": later("files changed"),
    "restored": later("restored"),
    "deleted": later("deleted"),
}
STATUSES = {
    "approved": later("approved"),
    "not_approved": later("not approved"),
    "on_hold": later("on hold"),
    "edited": later("edited after a decision"),
    "": later("no status"),
}


@dataclass(frozen=True)
class Change:
    """A revision: what kind, when it was seen here, and a line (before, after) per answer that it changed.

    *by* and *at*: who sent it or set the *status*, and when, where the server tells that.
    """

    number: int
    kind: str
    seen_at: datetime
    lines: tuple[Line, ...]
    by: str = ""
    at: datetime | None = None
    status: str = ""


@dataclass(frozen=True)
class Comparison:
    """Another row that a finding compares this one with, this one first, and a line per question that one of them answers."""

    finding: Item
    rows: tuple[Row, ...]
    lines: tuple[Line, ...]


def add_to(app: Flask) -> None:
    """Add these pages."""
    app.add_url_rule("/lignes", "find_submission", find_submission, methods=["POST"])
    app.add_url_rule("/lignes/<form_id>/<root_uuid>", "submission", submission)
    app.add_url_rule("/lignes/<form_id>/<root_uuid>/fichier/<uid>", "row_file", row_file)


@actors
def find_submission() -> Answer:
    """Lead to the row with this number or id; it comes by POST, so that addresses and logs keep nothing of what was typed."""
    revisions = revisions_of(site().mission.store, request.form.get("row", "").strip())
    if not revisions:
        flash(t("No submission has this number or id."), "error")
        return redirect(url_for("collection"))
    return redirect(url_for("submission", form_id=revisions[0].form_id, root_uuid=revisions[0].root_uuid))


@actors
def submission(form_id: str, root_uuid: str) -> Answer:
    """The page of one row, deleted ones too; of an erased one there is nothing."""
    mission, with_names = site().mission, person().may_see_names
    revisions = _revisions(form_id, root_uuid)
    last = next((each for each in reversed(revisions) if each.raw), None)
    if last is None:
        abort(404)
    newest = parse_submission(last.raw, form_id)
    questions = Questions(mission, [form_id])
    findings = findings_of_row(mission.desk, form_id, root_uuid)
    is_deleted = not revisions[-1].raw
    compared = [] if is_deleted else _compared(mission, (form_id, root_uuid), findings, with_names=with_names)
    if with_names:
        for form, root in [
            (form_id, root_uuid),
            *((each.rows[1].form_id, each.rows[1].root_uuid) for each in compared),
        ]:
            _log(f"rows/{form}/{root}")
    edits, fault = _edits(form_id, root_uuid, newest.submitted_at) if "serveur" in request.args else (None, "")
    return render_template(
        "submission.html",
        edits=edits,
        fault=fault,
        form_id=form_id,
        row=row_of(mission, form_id, root_uuid, newest),
        is_deleted=is_deleted,
        status=STATUSES.get(newest.validation, ""),
        blocks=sheet(newest.answers, questions, with_names=with_names),
        files=files_of_row(mission.store, form_id, root_uuid),
        pictures=PICTURES,
        findings=findings,
        compared=compared,
        history=_history(revisions, questions, with_names=with_names),
        revisions=REVISIONS,
        statuses=STATUSES,
        severities=SEVERITIES,
        states=STATES,
    )


def _edits(form_id: str, root_uuid: str, since: datetime) -> tuple[list[Edit], str]:
    """Who edited the row, as the server tells it now, and why it does not tell."""
    try:
        return edits_of_row(site().mission, form_id, root_uuid, since), ""
    except (KoboError, ConfigError) as error:
        return [], with_cure(error.message, error.hint)


def _compared(
    mission: Mission, place: tuple[str, str], findings: tuple[Item, ...], *, with_names: bool
) -> list[Comparison]:
    """The row at *place* beside each other one that its findings name, at most `MOST_BESIDE` of them."""
    beside: dict[tuple[str, str], Item] = {}
    for item in findings:
        form_id, _, root_uuid = item.other_row.partition("/")
        for other in ((form_id, root_uuid), (item.form_id, item.root_uuid)):
            if item.other_row and other != place:
                beside.setdefault(other, item)
    return [
        Comparison(item, *side_by_side(mission, [place, other], with_names=with_names))
        for other, item in list(beside.items())[:MOST_BESIDE]
    ]


@actors
def row_file(form_id: str, root_uuid: str, uid: str) -> Answer:
    """A file's bytes, for those who may see names; pictures are shown, anything else is saved."""
    if not person().may_see_names:
        abort(403)
    mission = site().mission
    file = next((each for each in files_of_row(mission.store, form_id, root_uuid) if each.attachment_uid == uid), None)
    if file is None or not file.sha256 or not _revisions(form_id, root_uuid):
        abort(404)
    try:
        content = mission.files.read(file.sha256)
    except OSError:
        abort(404)
    if request.method == "GET":
        _log(f"rows/{form_id}/{root_uuid}/{uid}", file.sha256)
    return _sent(file, content)


def _sent(file: RowFile, content: bytes) -> Response:
    is_picture = file.kind in PICTURES
    answer = Response(content, mimetype=file.kind if is_picture else "application/octet-stream")
    answer.headers.set("Content-Disposition", "inline" if is_picture else "attachment", filename=file.filename)
    return answer


def _revisions(form_id: str, root_uuid: str) -> list[Revision]:
    every = revisions_of(site().mission.store, f"uuid:{root_uuid}")
    return [each for each in every if (each.form_id, each.root_uuid) == (form_id, root_uuid)]


def _log(path: str, sha256: str = "") -> None:
    access_log.log_download(site().mission.desk, path, "nominative", sha256, site().clock(), username=person().username)


def _history(revisions: list[Revision], questions: Questions, *, with_names: bool) -> list[Change]:
    """The newest first; the first revision changes nothing."""
    history: list[Change] = []
    before: Submission | None = None
    for revision in revisions:
        now = parse_submission(revision.raw, revision.form_id) if revision.raw else None
        changed = changes(before.answers, now.answers) if before and now else []
        lines = tuple(
            questions.line(path, tuple(texts), with_names=with_names)
            for path, *texts in changed
            if not questions.is_hidden(path)
        )
        change = Change(revision.number, revision.kind, revision.seen_at, lines)
        if now and now.validation != (before.validation if before else ""):
            at = datetime.fromtimestamp(now.validated_at, UTC) if now.validated_at else None
            change = replace(change, by=now.validated_by, at=at, status=STATUSES.get(now.validation, ""))
        elif now and revision.kind == "new":
            change = replace(change, by=now.submitted_by, at=now.submitted_at)
        history.append(change)
        before = now or before
    return history[::-1]
