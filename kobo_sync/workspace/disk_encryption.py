"""Whether the disk under a folder is encrypted, where the system can tell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_BLOCK = Path("/sys/dev/block")
_MOST_LAYERS = 8


def is_encrypted(folder: Path) -> bool | None:
    """True, False, or None where this system cannot tell (containers, network folders, Windows).

    Linux: dm-crypt under the file system, or under what it lies on; macOS: FileVault.
    """
    if sys.platform == "darwin":
        return _file_vault()
    if sys.platform != "linux":
        return None
    try:
        number = folder.stat().st_dev
    except OSError:
        return None
    device = _BLOCK / f"{os.major(number)}:{os.minor(number)}"
    return _has_crypt(device, _MOST_LAYERS) if device.exists() else None


def _has_crypt(device: Path, layers: int) -> bool:
    """Whether *device*, or one that it lies on, is of dm-crypt."""
    try:
        if (device / "dm" / "uuid").read_text("ascii").startswith("CRYPT-"):
            return True
    except (OSError, UnicodeDecodeError):
        pass  # no mapped device
    under = device / "slaves"
    return layers > 0 and under.is_dir() and any(_has_crypt(each, layers - 1) for each in under.iterdir())


def _file_vault() -> bool | None:
    try:
        done = subprocess.run(["fdesetup", "status"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return "is On" in done.stdout if "FileVault is" in done.stdout else None
