"""The nouns of the product, frozen: what floors hand to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any, Literal

Severity = Literal["error", "warning", "info"]
Validation = Literal[
    "", "approved", "not_approved", "on_hold", "edited"
]  # edited: reworked after a decision (ODK Central)
Class = Literal["nominative", "aggregate", "pseudonymised", "public", "internal"]
Scope = Literal["zone", "mission"]
AccountRole = Literal["administrator", "staff", "consultant", "reader"]
ELSEWHERE = ""  # the zone of rows whose zone is missing, or none of the mission's


# ── forms ───────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Choice:
    """One row of the choices sheet; *extra* holds the columns that a choice_filter may use."""

    name: str
    labels: Mapping[str, str]
    extra: Mapping[str, str] = field(default_factory=dict)
    sheet_row: int = 0


@dataclass(frozen=True)
class Question:
    """One row of the survey sheet that can hold an answer, or a note.

    *path* is slash-separated from the form's root without it, as in Kobo's data keys
    (``identite/nom``). *kind* is the canonical type without its list (``select_one``, ``image``,
    ``start``, …). *labels* and *hints* map a language code (``fr``) to text; a form without
    languages uses the code ``""``. *repeat* is the path of the innermost enclosing repeat.
    *parameters* are the cell of that name (``value=code label=nom``).
    *origin* names the row that the compiler makes it for (the text of an or_other, the count of a repeat), else "".
    """

    path: str
    name: str
    kind: str
    labels: Mapping[str, str] = field(default_factory=dict)
    hints: Mapping[str, str] = field(default_factory=dict)
    list_name: str = ""
    file_name: str = ""
    required: str = ""
    relevant: str = ""
    constraint: str = ""
    calculation: str = ""
    appearance: str = ""
    repeat: str = ""
    sheet_row: int = 0
    origin: str = ""
    parameters: str = ""


@dataclass(frozen=True)
class Section:
    """A group or a repeat: *kind* is ``group`` or ``repeat``; *parent* the enclosing repeat's path."""

    path: str
    name: str
    kind: str
    labels: Mapping[str, str] = field(default_factory=dict)
    relevant: str = ""
    parent: str = ""
    sheet_row: int = 0


@dataclass(frozen=True)
class Form:
    """An XLSForm as read from its workbook.

    *languages* are codes in column order (``("fr", "ar")``); *sha256* is that of the file's bytes;
    *media* are the file names that phones must receive beside the form. *is_anonymous*: it promises so to those who answer.
    *consent* is the question that asks for it and the code of yes, as the mission has them; empty where it has none.
    """

    form_id: str
    version: str
    title: str
    default_language: str
    languages: tuple[str, ...]
    questions: tuple[Question, ...]
    sections: tuple[Section, ...]
    choices: Mapping[str, tuple[Choice, ...]]
    media: tuple[str, ...]
    sha256: str
    is_anonymous: bool = False
    consent: tuple[str, str] = ("", "")

    @property
    def repeats(self) -> tuple[Section, ...]:
        """The repeats, outer before inner."""
        return tuple(section for section in self.sections if section.kind == "repeat")

    def question(self, name: str) -> Question | None:
        """The question called *name*, or None; names are unique form-wide (Kobo demands it)."""
        return next((q for q in self.questions if q.name == name), None)


# ── server ──────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Asset:
    """A KoboToolbox project: *version_id* is its newest content, *deployed_version* what phones get.

    *fingerprint* is what our last deployment wrote in ``settings.extra_metadata``.
    """

    asset_uid: str
    name: str
    version_id: str
    deployed_version: str
    deployed_at: str
    is_deployed: bool
    is_active: bool
    owner: str = ""
    n_submissions: int = 0
    fingerprint: Mapping[str, str] = field(default_factory=dict)
    permissions: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Hook:
    """A REST service of a project: the server sends each new submission to *endpoint*."""

    hook_uid: str
    name: str
    endpoint: str
    is_active: bool
    is_ours: bool = False


@dataclass(frozen=True)
class BlankForm:
    """A form as phones are offered it: *hash* is the md5 of its XML in hex; paths are the server's own, *manifest* may be empty."""

    form_id: str
    name: str
    version: str
    hash: str
    path: str
    manifest: str


@dataclass(frozen=True)
class DownloadedForm:
    """A form byte for byte as phones download it, media by file name; what the server calls this form and this version of it."""

    xform: bytes
    media: Mapping[str, bytes]
    form_uuid: str
    version_uid: str


@dataclass(frozen=True)
class Phone:
    """A phone that a server knows by itself. *server_url* is its own address there, which is its secret: whoever has it may submit.

    *zone* is that of the rows that it gets of lists by zone; without one it gets none of them.
    """

    key: str
    name: str
    added_at: str
    last_used_at: str
    server_url: str = field(repr=False)
    zone: str = ""

    @property
    def added(self) -> datetime:
        """When it was added."""
        return datetime.fromisoformat(self.added_at)

    @property
    def last_used(self) -> datetime | None:
        """When it was seen last; None when it never was."""
        return datetime.fromisoformat(self.last_used_at) if self.last_used_at else None


@dataclass(frozen=True)
class MediaFile:
    """A form_media file of an asset; *md5* in hex."""

    uid: str
    filename: str
    md5: str


@dataclass(frozen=True)
class Attachment:
    """A file of a submission as the server lists it: no size and no hash are given."""

    attachment_uid: str
    filename: str
    question_path: str
    mimetype: str
    url: str
    is_deleted: bool = False


@dataclass(frozen=True)
class Submission:
    """One row of ``data/``. *root_uuid* never changes; *uuid* changes at each edit; both without prefix.

    *answers* keeps Kobo's keys and shape (full paths, strings, repeats as lists), without the
    server's own fields. *validation* is ``""`` when never set or cleared; *validated_by* is empty where the server does not tell.
    """

    submission_id: int
    form_id: str
    uuid: str
    root_uuid: str
    submitted_at: datetime
    submitted_by: str
    form_version: str
    validation: Validation
    validated_at: int
    answers: Mapping[str, Any]
    attachments: tuple[Attachment, ...]
    validated_by: str = ""


# ── mission ─────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Zone:
    """A zone of the mission. *target*: persons expected, 0 where none are set; *quotas* the same per group code, *sex_quotas* per sex.

    *days*: those of its activity, in order; none where the config gives it none.
    """

    code: str
    labels: Mapping[str, str]
    target: int
    quotas: Mapping[str, int]
    days: tuple[date, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)
    sex_quotas: Mapping[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The label in the documents' language."""
        return next(iter(self.labels.values()), self.code)


# ── findings, reports, documents ────────────────────────────────────────────


@dataclass(frozen=True)
class Finding:
    """A fault in forms or data: a stable *rule* code, where it is, what is wrong, how to mend it.

    *why* says what it does to the results; *enumerator* is the account or code that sent the row. *subject*
    tells apart findings of one rule in one row (or of no row): it stays when the message changes. *evidence*
    is a digest of what the finding rests on: another one makes it another matter. *state* is that of the
    worklist, empty outside of it. *other_row* is the row that it is compared with, ``form_id/root_uuid``.
    """

    rule: str
    severity: Severity
    where: str
    message: str
    hint: str = ""
    zone: str = ""
    form_id: str = ""
    root_uuid: str = ""
    enumerator: str = ""
    why: str = ""
    subject: str = ""
    evidence: str = ""
    state: str = ""
    other_row: str = ""

    def as_json(self) -> dict[str, str]:
        """The finding as plain JSON values, empty ones left out."""
        return {key: value for key, value in asdict(self).items() if value}


@dataclass(frozen=True)
class Indicator:
    """A number with its denominator; *value* is None when nothing can be computed."""

    name: str
    zone: str
    value: float | None
    unit: str
    n: int
    n_missing: int = 0


@dataclass(frozen=True)
class Document:
    """A file ready to write: *path* is relative to the zone's (or the mission's) output folder.

    *findings*: what its making brought to light, such as an unknown name in its template.
    """

    path: str
    content: bytes
    classification: Class
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class ManifestFile:
    """What a manifest says of one file: SHA-256 in hex, size in bytes, class, and the deliverable that made it."""

    sha256: str
    n_bytes: int
    classification: Class
    maker: str


@dataclass(frozen=True)
class Manifest:
    """What a set of deliverables was made from and holds; *files* by path below the set's folder.

    *inputs_hash* is of all that the set was made from, *fingerprint* of its rows; *submissions* counts them per
    form, to the ten above: the exact number would tell who did not answer; *figures* are the set's live values as they are printed;
    *language* is what they and the documents are written in (``ar``, ``ar arabic`` with those digits), empty in manifests of before.
    """

    mission: str = ""
    zone: str | None = None
    as_of: str | None = None
    fingerprint: str = ""
    inputs_hash: str = ""
    submissions: Mapping[str, int] = field(default_factory=dict)
    form_versions: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    files: Mapping[str, ManifestFile] = field(default_factory=dict)
    language: str = ""


@dataclass(frozen=True)
class Report:
    """What a step did: *counts* by name, *findings*, and *lines* for people; times are aware UTC."""

    step: str
    started_at: datetime
    ended_at: datetime
    counts: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    lines: tuple[str, ...] = ()

    @property
    def has_errors(self) -> bool:
        """Whether a finding is of severity error (exit code 1)."""
        return any(finding.severity == "error" for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return {
            "step": self.step,
            "started_at": self.started_at.isoformat(),
            "ended_at": self.ended_at.isoformat(),
            "counts": dict(self.counts),
            "findings": [finding.as_json() for finding in self.findings],
            "lines": list(self.lines),
        }
