"""Which process shows the pages of a mission, or of a folder of them, and at which address: told by a lock that ends with it."""

from __future__ import annotations

import contextlib
import html
from collections.abc import Callable, Iterator

from kobo_sync.errors import Busy
from kobo_sync.workspace.folders import Workspace
from kobo_sync.workspace.writing import write_atomic

_LOCK, _ADDRESS, _DOOR = "pages.lock", "pages.address", "open.html"


@contextlib.contextmanager
def showing(workspace: Workspace) -> Iterator[Callable[[str], None]]:
    """Be the process that shows the pages; gives what tells others their address. Raises: Busy when another is it; StoreError."""
    address = workspace.state_folder() / _ADDRESS
    with workspace.exclusive(_LOCK, "another process shows the pages of this mission"):
        address.unlink(missing_ok=True)
        forget_door(workspace)
        yield lambda url: write_atomic(address, f"{url}\n".encode("ascii"), private=True)
        address.unlink(missing_ok=True)
        forget_door(workspace)


@contextlib.contextmanager
def not_shown(workspace: Workspace) -> Iterator[None]:
    """Let nobody show the pages meanwhile: a service keeps files open, and would go on writing into those put aside. Raises: Busy."""
    try:
        with workspace.exclusive(_LOCK):
            yield
    except Busy as error:
        if not (workspace.state / _ADDRESS).is_file():
            raise
        raise Busy(
            "the service is running on this mission: it would go on with the files that are put aside",
            hint="stop the service, restore, then start it again",
        ) from error


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


def door_to(workspace: Workspace, address: str) -> str:
    """The address of a page of this machine's, for its owner's eyes alone, that leads to *address*.

    A browser is told by its command line where to go, which everybody on the machine may read: a secret does not stand there.
    Raises: StoreError.
    """
    url = html.escape(address)
    page = (
        '<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>kobo-sync</title>'
        f'<meta http-equiv="refresh" content="0; url={url}"><a href="{url}">kobo-sync</a>\n'
    )
    path = workspace.state_folder() / _DOOR
    write_atomic(path, page.encode(), private=True)
    return path.resolve().as_uri()


def forget_door(workspace: Workspace) -> None:
    """Take that page away: somebody came through it, or it leads nowhere any more."""
    with contextlib.suppress(OSError):
        (workspace.state / _DOOR).unlink(missing_ok=True)
