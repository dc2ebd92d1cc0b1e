"""A set of deliverables: its manifest, and how it is put in place."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.populations import coarse
from kobo_sync.errors import DocumentError
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Document, Finding, Manifest, ManifestFile
from kobo_sync.workspace.manifests import MANIFEST, PreviousSet, manifest_bytes

MISSION_FOLDER = "mission"
NOT_BUILT = "BUILD003"


def manifest_of_set(
    facts: Facts,
    documents: Sequence[tuple[str, Document]],
    inputs_hash: str,
    figures: Mapping[str, str],
    findings: Sequence[Finding] = (),
) -> Manifest:
    """The manifest of a set: *documents* with their makers, *figures* the set's `live_values`, *findings* of no document.

    A set that lacks a document which could not be made has no hash of its inputs: the next build tries again.
    """
    failures = [finding for finding in findings if finding.rule == NOT_BUILT]
    # The mission's list of zones in the manifest of each of 1,500 would be a tenth of all memory.
    without = ("provenance", "zones") if facts.zone else ("provenance",)
    in_order = sorted(documents, key=lambda pair: pair[1].path)
    return Manifest(
        mission=facts.config.mission.code,
        zone=facts.zone.code if facts.zone else None,
        as_of=facts.as_of.isoformat() if facts.as_of else None,
        fingerprint=facts.fingerprint,
        inputs_hash="" if failures else inputs_hash,
        submissions={form_id: coarse(n) for form_id, n in facts.counts.items()},
        form_versions=facts.form_versions,
        figures={name: text for name, text in figures.items() if name not in without},
        findings=(*(finding for _, document in in_order for finding in document.findings), *failures),
        files={
            document.path: ManifestFile(
                hashlib.sha256(document.content).hexdigest(), len(document.content), document.classification, maker
            )
            for maker, document in in_order
        },
        language=facts.config.mission.document_language.as_said,
    )


def put_set(
    mission: Mission,
    folder: str,
    previous: PreviousSet,
    documents: Sequence[tuple[str, Document]],
    manifest: Manifest,
    living: Sequence[str] = (),
) -> list[Finding]:
    """Replace the folder; what people edited is set aside first, what they added stays. Returns the findings."""
    files: dict[str, bytes] = {}
    for name, document in documents:
        if document.path in files:
            raise DocumentError(
                f"two deliverables make {document.path} ({name} is the second)", hint="list each deliverable once"
            )
        files[document.path] = document.content
    findings = [finding for _, document in documents for finding in document.findings]
    for path, read in previous.files.items():
        is_ours = path in previous.listed
        if not is_ours and path not in files:
            files[path] = read()
        elif (path in living or previous.is_edited(path)) and files.get(path) != read():
            copy = mission.workspace.set_aside(folder, path, read())
            if path not in living:
                findings.append(_edited(folder, path, copy))
    files[MANIFEST] = manifest_bytes(manifest)
    if previous.changed_by(files):
        mission.workspace.replace_folder(folder, files)
    return findings


def _edited(folder: str, path: str, copy: str) -> Finding:
    return Finding(
        "BUILD001",
        "warning",
        f"{folder}/{path}",
        "the file had been changed by hand; it is replaced, its changed version is put aside",
        f"it is in {copy}",
        zone="" if folder == MISSION_FOLDER else folder,
    )


def counted(folder: str, documents: Sequence[tuple[str, Document]], counts: dict[str, int]) -> str:
    """The line of a report for a set; its files and bytes are added to *counts*."""
    counts["files"] += len(documents)
    counts["bytes"] += sum(len(document.content) for _, document in documents)
    return f"{folder}: {', '.join(sorted(document.path for _, document in documents))}"
