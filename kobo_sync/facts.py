"""What deliverables and checks see: the mirror's tables, findings and counts, for the mission or one zone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pandas as pd

from kobo_sync.analysis.by_zone import tables_by_zone
from kobo_sync.forms.sheets import Book
from kobo_sync.mission import Mission
from kobo_sync.model import Facts, Finding, Zone
from kobo_sync.store.approval import reworked
from kobo_sync.store.files import attachment_path
from kobo_sync.store.history import store_as_of


@dataclass(frozen=True)
class Mark:
    """One live row: the hash of its *content*, and when it was last sent or validated (aware UTC)."""

    root_uuid: str
    content: str
    seen_at: datetime


@contextmanager
def seen_by(mission: Mission, moment: datetime) -> Iterator[Mission]:
    """The same mission with the mirror as it was at *moment*, rebuilt in memory from the revisions."""
    past = replace(mission, _clients={})
    past.__dict__["store"] = store_as_of(mission.store, mission.forms, moment)
    try:
        yield past
    finally:
        past.close()


def gather_facts(mission: Mission, *, as_of: datetime | None = None, marks: Mapping[str, Mark] | None = None) -> Facts:
    """The whole mission's facts, read from the mirror alone; with *as_of* as it had seen the data by then.

    ``as_of`` is the newest submission or validation held; ``fingerprint`` a hash of all contents, so
    that equal data give equal stamps whichever server, machine or day they come from. *marks* spares reading
    the `content_marks` again.
    Raises: StoreError, ConfigError, FormError.
    """
    if as_of is not None:
        with seen_by(mission, as_of) as past:
            return gather_facts(past)
    tables: dict[str, pd.DataFrame] = {}
    marks = content_marks(mission) if marks is None else marks
    for form in mission.forms.values():
        for table in mission.store.tables(form):
            tables[table.name] = mission.store.read_table(table)
    return Facts(
        config=mission.config,
        zone=None,
        as_of=max((mark.seen_at for mark in marks.values()), default=None),
        forms=mission.forms,
        tables=tables,
        attachment=_attachments(mission),
        catalogues=mission.workspace.catalogues(mission.config),
        counts={form_id: len(tables[form_id]) for form_id in mission.forms},
        form_versions={form_id: form.version for form_id, form in mission.forms.items()},
        fingerprint=_fingerprint(marks.values()),
        templates=mission.workspace.templates(),
        annexes=mission.workspace.annexes(),
        books=_Books(mission),
        file_digests=mission.store.attachment_index(),
        versions={
            form_id: (deployed.version_id, deployed.deployed_at)
            for form_id, deployed in mission.store.deployments().items()
            if deployed.version_id and deployed.deployed_at
        },
        reworked=reworked(mission.store),
    )


@dataclass(frozen=True)
class ZoneFacts:
    """The facts of one zone, and the *roots* (uuids) of its rows."""

    facts: Facts
    roots: tuple[str, ...]


def facts_by_zone(facts: Facts, zones: Sequence[Zone], marks: Mapping[str, Mark]) -> Iterator[ZoneFacts]:
    """The rows of each of *zones* in turn: forms by their zone question, repeats by their submission.

    ``as_of`` is the zone's own, so that its papers do not change when another zone's data do. The rows are
    grouped once, however many zones there are, and cut out for the zones whose papers are made.
    Shape: *marks* maps root_uuid → mark of the whole mission's rows.
    """
    by_zone: dict[str, list[Finding]] = {}
    for finding in facts.findings:
        by_zone.setdefault(finding.zone, []).append(finding)
    order = {id(finding): place for place, finding in enumerate(facts.findings)}
    for zone, tables in zip(zones, tables_by_zone(facts, zones), strict=True):
        roots = [root for form_id in facts.forms for root in tables.roots(form_id)]
        mine = [marks[root] for root in roots if root in marks]
        found = [*by_zone.get("", ()), *by_zone.get(zone.code, ())]
        yield ZoneFacts(
            replace(
                facts,
                zone=zone,
                as_of=max((mark.seen_at for mark in mine), default=None),
                tables=tables,
                findings=tuple(sorted(found, key=lambda finding: order[id(finding)])),
                triage={place: counts for place, counts in facts.triage.items() if place in ("", zone.code)},
                counts={form_id: len(tables.rows(form_id)) for form_id in facts.forms},
                fingerprint=_fingerprint(mine),
            ),
            tuple(sorted(roots)),
        )


def content_marks(mission: Mission) -> dict[str, Mark]:
    """root_uuid → mark of every live row."""
    return {
        root: Mark(root, content, max(submitted_at, datetime.fromtimestamp(validated_at, UTC)))
        for form_id in mission.forms
        for root, content, _, submitted_at, validated_at in mission.store.live_marks(form_id)
    }


def _fingerprint(marks: Iterable[Mark]) -> str:
    text = "\n".join(f"{mark.root_uuid} {mark.content}" for mark in sorted(marks, key=lambda mark: mark.root_uuid))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class _Books(Mapping[str, Book]):
    """The sheets of the mission's XLSForms, read when asked for: only the printed questionnaires need them."""

    def __init__(self, mission: Mission) -> None:
        self._files = [settings.file for settings in mission.config.forms.values()]
        self._read = mission.workspace.book

    def __getitem__(self, file: str) -> Book:
        if file not in self._files:
            raise KeyError(file)
        return self._read(file)

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def _attachments(mission: Mission) -> Callable[[str, str], bytes | None]:
    index = mission.store.attachment_index()
    folder = mission.workspace.attachments

    def read(root_uuid: str, filename: str) -> bytes | None:
        digest = index.get((root_uuid, filename))
        if digest is None:
            return None
        path = attachment_path(folder, digest)
        content = path.read_bytes() if path.is_file() else None
        # A file that the disk has damaged is as good as missing: the document says so.
        return content if content is not None and hashlib.sha256(content).hexdigest() == digest else None

    return read
