"""Two files of the state folder that machines of one mission must have alike: the key of the pseudonyms, the imported roster.

Where the desk is shared it has them too: what one machine made or took in, the others have before they use it, and what
`purge` erased on one is erased on all.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kobo_sync.workspace.writing import write_atomic

if TYPE_CHECKING:
    from kobo_sync.desk.database import Desk

ERASED = b""


def bring(desk: Desk, path: Path) -> None:
    """Have *path* as the desk has it; a file that it does not know yet is given to it. Raises: StoreError."""
    here = path.read_bytes() if path.is_file() else None
    shared = desk.shared_file(path.name)
    if shared is None and here is not None:
        shared = desk.offer_shared_file(path.name, here)
    if shared == ERASED:
        path.unlink(missing_ok=True)
    elif shared is not None and shared != here:
        write_atomic(path, shared, private=True)


def share(desk: Desk, path: Path) -> None:
    """Give the desk *path* as it is now, gone if it is gone. Raises: StoreError."""
    desk.put_shared_file(path.name, path.read_bytes() if path.is_file() else ERASED)
