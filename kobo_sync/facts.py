"""What deliverables and checks see: the mirror's tables, findings and counts, for the mission or one zone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd

from kobo_sync.mission import Mission
from kobo_sync.model import Facts, Finding, Zone
from kobo_sync.steps.pull import attachment_path
from kobo_sync.store.rows import flat_tables


def gather_facts(mission: Mission) -> Facts:
    """The whole mission's facts, read from the mirror alone.

    ``as_of`` is the newest submission or validation held; ``fingerprint`` a hash of all contents, so
    that equal data give equal stamps whichever server, machine or day they come from.
    Raises: StoreError, ConfigError, FormError.
    """
    tables: dict[str, pd.DataFrame] = {}
    moments: list[datetime] = []
    marks: dict[str, str] = {}
    for form_id, form in mission.forms.items():
        for table in flat_tables(form):
            tables[table.name] = mission.store.read_table(table)
        for root_uuid, content, _, submitted_at, validated_at in mission.store.live_marks(form_id):
            marks[root_uuid] = content
            moments += [submitted_at, datetime.fromtimestamp(validated_at, UTC)]
    return Facts(
        config=mission.config,
        zone=None,
        as_of=max(moments, default=None),
        forms=mission.forms,
        tables=tables,
        attachment=_attachments(mission),
        catalogues=mission.workspace.catalogues(mission.config),
        counts={form_id: len(tables[form_id]) for form_id in mission.forms},
        form_versions={form_id: form.version for form_id, form in mission.forms.items()},
        fingerprint=_fingerprint(marks),
    )


def with_findings(facts: Facts, findings: Sequence[Finding]) -> Facts:
    """The same facts with what the checks found."""
    return replace(facts, findings=tuple(findings))


def facts_of_zone(facts: Facts, zone: Zone, marks: Mapping[str, str]) -> Facts:
    """The rows of *zone* alone: forms by their zone question, repeats by their submission.

    Shape: *marks* maps root_uuid → content hash of the whole mission's rows.
    """
    tables: dict[str, pd.DataFrame] = {}
    roots: set[str] = set()
    for form_id in facts.forms:
        mine = _of_zone(facts.tables[form_id], facts.config.forms[form_id].fields.get("zone", ""), zone.code)
        kept = set(mine["root_uuid"])
        roots |= kept
        for name, table in facts.tables.items():
            if name == form_id:
                tables[name] = mine
            elif name.startswith(f"{form_id}__"):
                tables[name] = table[table["root_uuid"].isin(kept)].reset_index(drop=True)
    return replace(
        facts,
        zone=zone,
        tables=tables,
        findings=tuple(finding for finding in facts.findings if finding.zone in ("", zone.code)),
        counts={form_id: len(tables[form_id]) for form_id in facts.forms},
        fingerprint=_fingerprint({root: marks[root] for root in roots if root in marks}),
    )


def content_marks(mission: Mission) -> dict[str, str]:
    """root_uuid → content hash of every live row."""
    return {mark[0]: mark[1] for form_id in mission.forms for mark in mission.store.live_marks(form_id)}


def _of_zone(table: pd.DataFrame, column: str, code: str) -> pd.DataFrame:
    if column not in table:
        return table.iloc[0:0]
    return table[table[column] == code].reset_index(drop=True)


def _fingerprint(marks: Mapping[str, str]) -> str:
    text = "\n".join(f"{root} {content}" for root, content in sorted(marks.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


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
