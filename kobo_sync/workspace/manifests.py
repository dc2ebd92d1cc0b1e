"""MANIFEST.json, as bytes and back: what a folder or a zip of deliverables says of itself."""

from __future__ import annotations

import json

import msgspec

from kobo_sync.model import Class, Finding, Manifest, ManifestFile, Severity


class _File(msgspec.Struct):
    sha256: str
    bytes: int
    classification: Class = msgspec.field(name="class")
    by: str = ""


class _Manifest(msgspec.Struct):
    mission: str = ""
    zone: str | None = None
    as_of: str | None = None
    fingerprint: str = ""
    inputs: str = ""
    submissions: dict[str, int] = {}
    form_versions: dict[str, str] = {}
    figures: dict[str, str] = {}
    findings: list[tuple[str, Severity, str, str, str]] = []
    files: dict[str, _File] = {}


def manifest_of(content: bytes) -> Manifest | None:
    """The manifest that MANIFEST.json says; None when it is damaged or of another shape."""
    try:
        read = msgspec.json.decode(content, type=_Manifest)
    except msgspec.MsgspecError:
        return None
    zone = read.zone or ""
    return Manifest(
        read.mission,
        read.zone,
        read.as_of,
        read.fingerprint,
        read.inputs,
        read.submissions,
        read.form_versions,
        read.figures,
        tuple(Finding(*finding, zone=zone) for finding in read.findings),
        {
            path: ManifestFile(file.sha256, file.bytes, file.classification, file.by)
            for path, file in read.files.items()
        },
    )


def manifest_bytes(manifest: Manifest, *, for_others: bool = False) -> bytes:
    """MANIFEST.json of *manifest*; *for_others* leaves out what only the next build needs."""
    entries: dict[str, object] = {
        "mission": manifest.mission,
        "zone": manifest.zone,
        "as_of": manifest.as_of,
        "fingerprint": manifest.fingerprint,
        "inputs": manifest.inputs_hash,
        "submissions": dict(sorted(manifest.submissions.items())),
        "form_versions": dict(sorted(manifest.form_versions.items())),
        "figures": dict(manifest.figures),
        "findings": [[f.rule, f.severity, f.where, f.message, f.hint] for f in manifest.findings],
        "files": {
            path: {"sha256": file.sha256, "bytes": file.n_bytes, "class": file.classification, "by": file.maker}
            for path, file in sorted(manifest.files.items())
        },
    }
    if for_others:
        del entries["inputs"], entries["findings"]
    return (json.dumps(entries, ensure_ascii=False, indent=2) + "\n").encode()
