"""Which process shows a mission's pages, and at which address: told by a lock that ends with it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from kobo_sync.errors import Busy
from kobo_sync.workspace.folders import Workspace
from kobo_sync.workspace.writing import write_atomic

_LOCK, _ADDRESS = "pages.lock", "pages.address"


@contextlib.contextmanager
def showing(workspace: Workspace) -> Iterator[Callable[[str], None]]:
    """Be the process that shows the pages; gives what tells others their address. Raises: Busy when another is it; StoreError."""
    address = workspace.state_folder() / _ADDRESS
    with workspace.exclusive(_LOCK, "another process shows the pages of this mission"):
        address.unlink(missing_ok=True)
        yield lambda url: write_atomic(address, f"{url}\n".encode("ascii"), private=True)
        address.unlink(missing_ok=True)


def shown_at(workspace: Workspace) -> str:
    """The address of the pages, as long as a process shows them; else empty. Raises: StoreError."""
    if not (workspace.state / _LOCK).is_file():
        return ""
    try:
        with workspace.exclusive(_LOCK):
            return ""
    except Busy:
        with contextlib.suppress(OSError):
            return (workspace.state / _ADDRESS).read_text("ascii").strip()
    return ""
