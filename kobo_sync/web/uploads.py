"""Pages that take files: how large a request each may bring, decided before a body is read.

The porter sees no more than the address, and lets bodies beyond a form's own through only where it ends in `ADDRESS_END`;
how much of that a page takes is written at the page (`takes_files`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import abort, current_app, request

from kobo_sync.serving import ADMITTED
from kobo_sync.web.site import load_person

ADDRESS_END = "/fichier"  # how the addresses end to which files are sent
MOST_UPLOAD = 17 * 1024 * 1024  # of a request with a file of `MOST_FILE`
MOST_FILE = 16 * 1024 * 1024
TOO_LARGE = "too large"  # the porter's note on what it sends away without its body
_MOST = "takes_bytes"
Page = TypeVar("Page", bound=Callable[..., Any])


def takes_files(most_bytes: int) -> Callable[[Page], Page]:
    """Let a page be sent *most_bytes*, `MOST_UPLOAD` at the most; its address ends in `ADDRESS_END`."""

    def mark(page: Page) -> Page:
        setattr(page, _MOST, min(most_bytes, MOST_UPLOAD))
        return page

    return mark


def may_bring_files(path: str) -> bool:
    """Whether files are sent to the address *path*."""
    return path.endswith(ADDRESS_END)


def admit_files() -> None:
    """Raise this request's bound to its page's own, before anything reads the body; 413 for what came without its body."""
    most_bytes = getattr(current_app.view_functions.get(request.endpoint or ""), _MOST, 0)
    if most_bytes:
        request.max_content_length = most_bytes
    if request.environ.get(ADMITTED) == TOO_LARGE or (most_bytes and (request.content_length or 0) > most_bytes):
        load_person()
        abort(413)
