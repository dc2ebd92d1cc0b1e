"""What changed in a submission, revision by revision, field by field."""

from __future__ import annotations

from kobo_sync.analysis.changes import changes
from kobo_sync.desk.access_log import log_download
from kobo_sync.language.clean_text import clean
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Report, Submission
from kobo_sync.rows.listing import parse_submission
from kobo_sync.store.history import revisions_of

KINDS = {  # of revisions, as people read them
    "new": "newly received",
    "edited": "answers edited",
    "validated": "status changed",
    "files": "files changed",
    "restored": "there again",
    "deleted": "deleted there",
}


def history(mission: Mission, submission: str) -> Report:
    """Every revision of the submission with this id or uuid, and what each changed. Raises: StoreError."""
    started_at = mission.clock()
    lines: list[str] = []
    before: Submission | None = None
    revisions = revisions_of(mission.store, submission)
    for revision in revisions:
        if revision.number == 1:
            path = f"rows/{revision.form_id}/{revision.root_uuid}"  # as on the pages, where it is looked at too
            log_download(mission.desk, path, "nominative", "", started_at, username=mission.doer)
            lines.append(f"{revision.form_id}, submission {revision.root_uuid}")
            before = None
        lines.append(
            f"revision {revision.number} · {KINDS.get(revision.kind, revision.kind)} · seen {mission.local(revision.seen_at)}"
        )
        if not revision.raw:
            continue
        now = parse_submission(revision.raw, revision.form_id)
        # What people typed may turn the direction of the line, or command a terminal.
        lines += [clean(f"  {path}: {old} → {new}") for path, old, new in changes(_content(before), _content(now))]
        before = now
    if not revisions:
        lines.append(f"no submission {submission} is held")
    return mission.report("history", started_at, {"revisions": len(revisions)}, [], lines)


def _content(submission: Submission | None) -> dict[str, object]:
    """Answers, status and files as one mapping."""
    if submission is None:
        return {}
    content: dict[str, object] = dict(submission.answers)
    if submission.validation:
        content["(validation)"] = submission.validation
    for file in submission.attachments:
        content[f"(file) {file.filename}"] = "deleted on the server" if file.is_deleted else "there"
    return content
