"""All that is held about a participant as one zip to hand over: a document to read, the rows as received, their files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from kobo_sync.analysis.changes import leaves
from kobo_sync.desk.row_findings import findings_of_row
from kobo_sync.documents.word import writer
from kobo_sync.documents.word.package import zipped
from kobo_sync.language.catalogue import later, t
from kobo_sync.language.sentences import translated
from kobo_sync.language.speaking import speaking, spoken
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Choice, Form, Question
from kobo_sync.rows.listing import parse_submission
from kobo_sync.steps.personal.holdings import Holdings, items_of
from kobo_sync.store.history import Revision, revisions_of
from kobo_sync.store.row_files import files_of_row

_KINDS = {
    "new": later("received"),
    "edited": later("edited"),
    "validated": later("status changed"),
    "files": later("files changed"),
    "restored": later("restored"),
    "deleted": later("deleted"),
}
_WIDTHS = (6.5, 10.5)


def dossier(mission: Mission, held: Holdings, elsewhere: Sequence[str]) -> tuple[bytes, dict[str, int]]:
    """The zip's bytes, and how many rows, states and files are in it; *elsewhere* are the files that name the person.

    Raises: StoreError.
    """
    parts: dict[str, bytes] = {}
    counts = {"rows": 0, "states": 0, "files": 0}
    with speaking(mission.config.mission.document_language):
        paper = _Paper(mission, held.code)
        for form_id, roots in held.rows.items():
            for root_uuid in sorted(roots):
                revisions = [
                    each for each in revisions_of(mission.store, f"uuid:{root_uuid}") if each.form_id == form_id
                ]
                files = _files(mission, form_id, root_uuid)
                paper.row(form_id, root_uuid, revisions, sorted(files))
                parts |= {f"rows/{form_id}/{root_uuid}-{each.number}.json": each.raw for each in revisions if each.raw}
                parts |= {f"files/{form_id}/{root_uuid}/{name}": content for name, content in files.items()}
                counts = {"rows": counts["rows"] + 1, "states": counts["states"] + len(revisions), "files": counts["files"] + len(files)}  # fmt: skip
        for form_id, roots in held.items.items():
            for root_uuid in sorted(roots):
                items = items_of(mission, form_id, root_uuid, held.code)
                paper.items(form_id, items)
                content = json.dumps(items, ensure_ascii=False, indent=1)
                parts[f"rows/{form_id}/{root_uuid}-items.json"] = content.encode("utf-8", "surrogatepass")
        expected = [row for row in mission.expected_participants() if row.get("name") == held.code]
        paper.rest(expected, elsewhere)
        name = t("what is held about {code}", code=held.code)
        parts[f"{name}.docx"] = writer.to_bytes(paper.document, mission.clock())
    return zipped(parts), counts


def _files(mission: Mission, form_id: str, root_uuid: str) -> dict[str, bytes]:
    """Name → bytes of the files of a row that are here; two of one name are told apart."""
    files: dict[str, bytes] = {}
    for each in files_of_row(mission.store, form_id, root_uuid):
        try:
            content = mission.files.read(each.sha256) if each.sha256 else None
        except OSError:
            content = None
        if content is not None:
            name = each.filename.replace("\\", "/").rpartition("/")[2] or each.attachment_uid
            files[f"{each.sha256[:8]}-{name}" if name in files else name] = content
    return files


class _Paper:
    """The document, written in the language that is spoken."""

    def __init__(self, mission: Mission, code: str) -> None:
        self._mission = mission
        title = t("What is held about {code}", code=code)
        self.document = writer.new_document(
            title, provenance="", author="", subject=mission.config.mission.document_title
        )
        writer.title(self.document, title, mission.config.mission.document_title)
        writer.paragraph(
            self.document,
            t(
                "As of {moment}. Beside this document lie the rows as they were received, in each of their states (rows/), and the"
                " files that came with them (files/).",
                moment=mission.local(mission.clock()),
            ),
        )
        self._lists = mission.workspace.lists(mission.config, mission.forms)

    def row(self, form_id: str, root_uuid: str, revisions: Sequence[Revision], files: Sequence[str]) -> None:
        """A row: its newest answers, how it came to them, its files, and what the checks found in it."""
        form = self._mission.forms[form_id]
        writer.heading(self.document, f"{form.title} ({root_uuid[:8]}…)")
        newest = next((each.raw for each in reversed(revisions) if each.raw), b"")
        if newest:
            self._answers(form, parse_submission(newest, form_id).answers)
        for each in revisions:
            when, kind = self._mission.local(each.seen_at), t(_KINDS.get(each.kind, each.kind))
            writer.note(self.document, t("State {n}: {kind}, seen on {when}", n=each.number, kind=kind, when=when))
        if files:
            writer.note(self.document, t("Files: {names}", names=", ".join(files)))
        for finding in findings_of_row(self._mission.desk, form_id, root_uuid):
            message = translated(finding.message, spoken().code)
            writer.note(self.document, t("Finding {rule}: {message}", rule=finding.rule, message=message))

    def items(self, form_id: str, items: Sequence[Mapping[str, Any]]) -> None:
        """What a row of others says of them."""
        form = self._mission.forms[form_id]
        writer.heading(self.document, t("{form}: in a row of others", form=form.title))
        for item in items:
            self._answers(form, item)

    def rest(self, expected: Sequence[Mapping[str, str]], elsewhere: Sequence[str]) -> None:
        """The imported roster, and the files that name them."""
        for row in expected:
            writer.heading(self.document, t("Imported list of participants"))
            self._table([(key, value) for key, value in row.items() if value])
        writer.heading(self.document, t("Documents that name this person, or may"))
        for name in elsewhere:
            writer.paragraph(self.document, name)
        if not elsewhere:
            writer.paragraph(self.document, t("None."))

    def _answers(self, form: Form, answers: Mapping[str, Any]) -> None:
        questions = {question.path: question for question in form.questions}
        pairs = []
        for path, answer in leaves(answers):
            bare = "/".join(part.partition("[")[0] for part in path.split("/"))
            if not bare.startswith(("meta/", "formhub/", "__")):
                question = questions.get(bare)
                pairs.append((self._label(question, path), self._answer(form, question, answer)))
        self._table(pairs)

    def _table(self, pairs: Sequence[tuple[str, str]]) -> None:
        head = [t("Question"), t("Answer")]
        writer.table(self.document, writer.Table(head, [list(pair) for pair in pairs], _WIDTHS, explained=False))

    def _label(self, question: Question | None, path: str) -> str:
        return (self._worded(question.labels) or question.name) if question else path

    def _answer(self, form: Form, question: Question | None, answer: str) -> str:
        if question is None:
            return answer
        choices: Sequence[Choice] = form.choices.get(question.list_name) or self._lists.get(question.file_name, ())
        names = {choice.name: self._worded(choice.labels) or choice.name for choice in choices}
        if answer in names:
            return names[answer]
        codes = answer.split()
        return ", ".join(names[code] for code in codes) if codes and all(code in names for code in codes) else answer

    def _worded(self, labels: Mapping[str, str]) -> str:
        languages = self._mission.config.mission.label_languages
        return " ".join(next((labels[code] for code in languages if labels.get(code)), "").split())
