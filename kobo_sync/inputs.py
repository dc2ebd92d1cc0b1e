"""A hash of all that a zone's deliverables are made from: equal hash, equal files."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

from kobo_sync.facts import ZoneFacts
from kobo_sync.kept import digest, hashed, program
from kobo_sync.mission import Mission
from kobo_sync.model import Facts

# Settings that no document shows.
_UNSEEN = {"secrets", "server", "pull", "schedule", "zones", "report"}


class Inputs:
    """What all zones share, hashed once; `of_zone` adds the zone's own."""

    def __init__(self, mission: Mission, whole: Facts) -> None:
        self._files: dict[str, list[tuple[str, str]]] = {}
        for (root_uuid, filename), sha256 in mission.store.attachment_index().items():
            self._files.setdefault(root_uuid, []).append((filename, sha256))
        settings = mission.config.model_dump(mode="json", exclude=_UNSEEN)
        parts = [json.dumps(settings, sort_keys=True, ensure_ascii=False), program()]
        parts += [f"{name} {digest(content)}" for name, content in sorted(whole.templates.items())]
        parts += [f"{form_id} {form.sha256}" for form_id, form in sorted(whole.forms.items())]
        parts += [repr(item) for item in sorted(whole.catalogues.items())]
        parts += [_module(name) for name in mission.config.deliverables.zone if "." in name]
        self._shared = hashed(parts)

    def of_zone(self, zone: ZoneFacts) -> str:
        """The hash for *zone*: its rows, its files that have arrived, its findings, what all share."""
        facts = zone.facts
        files = [f"{root} {name} {sha256}" for root in zone.roots for name, sha256 in sorted(self._files.get(root, ()))]
        own = [repr(facts.zone), facts.fingerprint, str(facts.as_of), repr(facts.triage), *map(repr, facts.findings)]
        return hashed([self._shared, *own, *files])


def _module(name: str) -> str:
    """The source of a mission's own deliverable."""
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return name
    path = Path(found.origin) if found and found.origin else None
    return f"{name} {digest(path.read_bytes())}" if path and path.is_file() else name
