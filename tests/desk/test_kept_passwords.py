"""What is kept of a password: in a process of its own, since this one's tests keep theirs cheaper."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
from kobo_sync.desk.accounts import hashed_password
print(hashed_password("une phrase assez longue", ["maha"]))
print(hashed_password("une phrase assez longue", ["maha"]))
"""


def test_a_password_is_kept_salted_and_dear_to_try() -> None:
    first, second = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    ).stdout.split()
    assert first.split("$")[0] == "scrypt:32768:8:1"  # 32 MiB for each guess
    assert first != second
