"""A new mission's folder, from the packaged starter."""

from __future__ import annotations

import re
import secrets
import unicodedata
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from kobo_sync.config.files import MISSION_FILE
from kobo_sync.errors import ConfigError
from kobo_sync.workspace.writing import write_atomic

RENAMED = {"gitignore": ".gitignore"}  # a real .gitignore would hide files from the package


def init(folder: Path) -> list[str]:
    """Copy the starter into *folder*, which must be new or empty; returns the relative paths written.

    The mission's code is drawn from the folder's name, its id by chance: two missions on one account are never taken for
    each other. Raises: ConfigError when something lies there already, StoreError when the disk refuses.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError("the folder is not empty", file=str(folder), hint="name a new folder; nothing was written")
    starter = resources.files("kobo_sync") / "starter"
    written = []
    for relative, source in _files(starter, ""):
        name = RENAMED.get(relative, relative)
        content = source.read_bytes()
        write_atomic(folder / name, _identified(content, folder.resolve().name) if name == MISSION_FILE else content)
        written.append(name)
    (folder / "forms" / "media").mkdir(parents=True, exist_ok=True)
    if MISSION_FILE not in written:
        raise ConfigError("the starter is incomplete", file=MISSION_FILE, hint="install kobo-sync again")
    return sorted(written)


def _identified(content: bytes, folder: str) -> bytes:
    """The starter's settings with a code and an id of their own."""
    plain = unicodedata.normalize("NFKD", folder).encode("ascii", "ignore").decode().lower()
    code = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:30].strip("-") or "mission"
    drawn = secrets.token_hex(4)
    text = content.decode().replace('code = "ma-mission"', f'code = "{code}-{drawn[:4]}"\nid = "{drawn}"', 1)
    return text.encode()


def _files(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    files = []
    for item in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if item.is_dir():
            files += _files(item, f"{prefix}{item.name}/")
        elif not item.name.endswith(".pyc"):
            files.append((f"{prefix}{item.name}", item))
    return files
