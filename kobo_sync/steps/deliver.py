"""The zips that are sent: per zone one without any nominative file, one with the nominative files alone."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kobo_sync.errors import DocumentError
from kobo_sync.mission import Mission
from kobo_sync.model import Finding, Report
from kobo_sync.steps.build import MANIFEST
from kobo_sync.workspace import write_atomic

EPOCH = (1980, 1, 1, 0, 0, 0)  # same files, same bytes
NOMINATIVE = "-nominatif"


def deliver(mission: Mission) -> Report:
    """Zip what `build` made of each zone; a file that was edited since is taken as it is, and said.

    Raises: DocumentError when a zone was never built.
    """
    started_at = mission.clock()
    findings: list[Finding] = []
    lines = []
    for zone in mission.config.zones:
        folder = mission.workspace.out / zone.code
        said, files = _read_folder(folder)
        findings += [
            _edited(zone.code, name)
            for name, content in files.items()
            if _sha256(content) != said["files"][name]["sha256"]
        ]
        for suffix, nominative in (("", False), (NOMINATIVE, True)):
            chosen = {
                name: content
                for name, content in files.items()
                if (said["files"][name]["class"] == "nominative") == nominative
            }
            target = mission.workspace.out / f"{zone.code}{suffix}.zip"
            write_atomic(target, zip_bytes(said, chosen))
            lines.append(f"{target.name}: {len(chosen)} files")
    return mission.report("deliver", started_at, {"zips": len(lines)}, findings, lines)


def zip_bytes(said: Mapping[str, Any], files: Mapping[str, bytes]) -> bytes:
    """A zip of *files* with a MANIFEST.json of just these, as reproducible bytes."""
    listed = {
        name: {**said["files"][name], "sha256": _sha256(content), "bytes": len(content)}
        for name, content in sorted(files.items())
    }
    text = json.dumps({**said, "files": listed}, ensure_ascii=False, indent=2) + "\n"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in [(MANIFEST, text.encode()), *sorted(files.items())]:
            info = zipfile.ZipInfo(name, EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
    return out.getvalue()


def _read_folder(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    try:
        said = json.loads((folder / MANIFEST).read_bytes())
        return said, {name: (folder / name).read_bytes() for name in said["files"]}
    except (OSError, ValueError, KeyError) as error:
        raise DocumentError(
            f"{folder} holds no complete set of deliverables", hint="run `kobo-sync build` first"
        ) from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _edited(zone: str, name: str) -> Finding:
    return Finding(
        "DELIVER001",
        "info",
        f"{zone}/{name}",
        "the file was edited since it was built; it is delivered as edited",
        "`kobo-sync build` would replace it",
        zone=zone,
    )
