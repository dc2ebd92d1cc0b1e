"""What changed in a submission, revision by revision, field by field."""

from __future__ import annotations

from kobo_sync.analysis.changes import ABSENT, changes
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
REVIEWS = {
    "approved": "approved there",
    "not_approved": "not approved",
    "on_hold": "on hold",
    "edited": "edited after a decision",
    "": "no status",
}
FILES = {"there": "present on the server", "gone": "deleted on the server", ABSENT: "not named"}


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
        lines += _changed(before, now)
        before = now
    if not revisions:
        lines.append(f"no submission {submission} is held")
    return mission.report("history", started_at, {"revisions": len(revisions)}, [], lines)


def _changed(before: Submission | None, now: Submission) -> list[str]:
    """A line per answer, review and file that differs; answers and names of files in quotes, as nothing of them is ours."""
    answers = changes(before.answers if before else {}, now.answers)
    lines = [f"  {path}: {_quoted(old)} → {_quoted(new)}" for path, old, new in answers]
    reviews = [REVIEWS.get(each.validation, each.validation) if each else REVIEWS[""] for each in (before, now)]
    if reviews[0] != reviews[1]:
        lines.append(f"  review status: {reviews[0]} → {reviews[1]}")
    files = changes(_files(before), _files(now))
    lines += [f"  the file “{name}”: {FILES.get(old, old)} → {FILES.get(new, new)}" for name, old, new in files]
    return [clean(line) for line in lines]  # what people typed may turn the direction of a line, or command a terminal


def _quoted(answer: str) -> str:
    """An answer in one line: of several each would be told, and translated, by itself."""
    return answer if answer == ABSENT else f"“{' ⏎ '.join(answer.splitlines())}”"


def _files(submission: Submission | None) -> dict[str, str]:
    files = submission.attachments if submission else ()
    return {file.filename: "gone" if file.is_deleted else "there" for file in files}
