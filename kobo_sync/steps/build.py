"""Deliverables from the mirror: one folder per zone, replaced whole or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from kobo_sync.checks import run_checks
from kobo_sync.config import ZONES_FILE
from kobo_sync.deliverables import deliverable
from kobo_sync.errors import ConfigError
from kobo_sync.facts import content_marks, facts_of_zone, gather_facts, with_findings
from kobo_sync.mission import Mission
from kobo_sync.model import Document, Facts, Report, Zone

MISSION_FOLDER = "mission"
MANIFEST = "MANIFEST.json"


def build(mission: Mission, *, zones: Sequence[str] = ()) -> Report:
    """Make the deliverables of *zones* (all of them when empty) and those of the mission.

    Raises: ConfigError for an unknown zone or deliverable, DocumentError, StoreError, FormError.
    """
    started_at = mission.clock()
    config = mission.config
    chosen = [_zone(mission, code) for code in zones] if zones else config.zones
    whole = gather_facts(mission)
    whole = with_findings(whole, run_checks(whole))
    marks = content_marks(mission)
    lines, n_files, n_bytes = [], 0, 0
    sets: list[tuple[str, Facts, Sequence[str]]] = [
        (zone.code, facts_of_zone(whole, zone, marks), config.deliverables.zone) for zone in chosen
    ]
    if config.deliverables.mission and not zones:
        sets.append((MISSION_FOLDER, whole, config.deliverables.mission))
    for done, (folder, facts, names) in enumerate(sets):
        mission.progress("build", done, len(sets))
        documents = [document for name in names for document in deliverable(name).build(facts)]
        files = {document.path: document.content for document in documents}
        mission.workspace.replace_folder(folder, {**files, MANIFEST: manifest(facts, documents)})
        n_files, n_bytes = n_files + len(files), n_bytes + sum(map(len, files.values()))
        lines.append(f"{folder}: {', '.join(sorted(files))}")
    mission.progress("build", len(sets), len(sets))
    return mission.report("build", started_at, {"files": n_files, "bytes": n_bytes}, [], lines)


def manifest(facts: Facts, documents: Sequence[Document]) -> bytes:
    """What a folder or a zip holds, as JSON bytes: SHA-256 and class of each file, data as of, counts, versions."""
    said: Mapping[str, object] = {
        "mission": facts.config.mission.code,
        "zone": facts.zone.code if facts.zone else None,
        "as_of": facts.as_of.isoformat() if facts.as_of else None,
        "fingerprint": facts.fingerprint,
        "submissions": dict(sorted(facts.counts.items())),
        "form_versions": dict(sorted(facts.form_versions.items())),
        "files": {
            document.path: {
                "sha256": hashlib.sha256(document.content).hexdigest(),
                "bytes": len(document.content),
                "class": document.classification,
            }
            for document in sorted(documents, key=lambda document: document.path)
        },
    }
    return (json.dumps(said, ensure_ascii=False, indent=2) + "\n").encode()


def _zone(mission: Mission, code: str) -> Zone:
    zone = mission.config.zone(code)
    if zone is None:
        known = ", ".join(zone.code for zone in mission.config.zones)
        raise ConfigError(f"there is no zone {code!r}", file=ZONES_FILE, key="code", hint=f"the zones are: {known}")
    return zone
