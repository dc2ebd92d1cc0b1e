"""Files as they were before somebody changed them on a page, by the SHA-256 of their bytes; for their owner's eyes alone."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from kobo_sync.workspace.writing import write_atomic

_SHA256 = re.compile(r"[0-9a-f]{64}")


class EarlierFiles:
    """The files kept in *folder*, each once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, content: bytes) -> str:
        """Keep *content*; returns its SHA-256 in hex. Raises: StoreError when the disk refuses."""
        sha256 = hashlib.sha256(content).hexdigest()
        if not self._path(sha256).exists():
            write_atomic(self._path(sha256), content, private=True)
        return sha256

    def get(self, sha256: str) -> bytes | None:
        """The bytes that were kept under that hash; None when they are gone, or are no longer those."""
        path = self._path(sha256) if _SHA256.fullmatch(sha256) else None
        content = path.read_bytes() if path and path.is_file() else None
        return content if content is not None and hashlib.sha256(content).hexdigest() == sha256 else None

    def paths(self) -> list[Path]:
        """Where each of them lies, sorted."""
        return sorted(path for path in self.folder.glob("*/*") if _SHA256.fullmatch(path.name) and path.is_file())

    def _path(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / sha256
