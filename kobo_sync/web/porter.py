"""Who may send the pages what, decided before it is read: a form of one who is signed in, a sign-in, a hook's call."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from flask import Flask, abort, request
from itsdangerous import BadSignature

from kobo_sync.serving import Admission, is_amiss, is_malformed
from kobo_sync.web.doors import HOOK_BYTES, is_hook
from kobo_sync.web.uploads import MOST_UPLOAD, TOO_LARGE, may_bring_files

SIGN_IN_BYTES = 16 * 1024
FORM_BYTES = 256 * 1024  # what a form of these pages may send
LIST_BYTES = 1024 * 1024  # a list handed in as a file: some thousands of zones
_LIST = re.compile(r"/reglages/listes/[^/]+/fichier$")
_FOR_STRANGERS, _LINKS = ("/connexion", "/langue"), "/acces/"


def porter(app: Flask) -> Callable[[dict[str, Any]], Admission]:
    """The porter of *app*: only signatures are looked at here, what they say is looked up when the page is asked."""
    signer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]

    def admit(environ: dict[str, Any]) -> Admission:
        asked, path = app.request_class(environ), environ.get("PATH_INFO", "")
        if path.startswith("/hook/"):
            with app.app_context():
                return Admission(HOOK_BYTES if is_hook(path.split("/")[2]) else 0)
        if path in _FOR_STRANGERS or path.startswith(_LINKS):
            return Admission(SIGN_IN_BYTES)
        try:
            cookie = asked.cookies.get(str(app.config["SESSION_COOKIE_NAME"]), "")
            is_signed_in = "token" in signer.loads(cookie, max_age=int(app.permanent_session_lifetime.total_seconds()))
        except BadSignature:
            is_signed_in = False
        if _LIST.search(path):
            return Admission(LIST_BYTES if is_signed_in else 0, is_trusted=is_signed_in)
        return _of_member(environ, path) if is_signed_in else Admission(0)

    return admit


def _of_member(environ: dict[str, Any], path: str) -> Admission:
    """What one who is signed in may bring to *path*; a file that is too large is answered by a page, not by the bare server."""
    if not may_bring_files(path):
        return Admission(FORM_BYTES, is_trusted=True)
    length = environ.get("CONTENT_LENGTH") or "0"
    if length.isdecimal() and int(length) > MOST_UPLOAD:
        return Admission(0, note=TOO_LARGE, is_trusted=True)
    return Admission(MOST_UPLOAD, is_trusted=True)


def refuse_malformed() -> None:
    """400 for what is no text in a path, query, header, cookie or form field."""
    if is_malformed(request.environ):
        abort(400)
    if request.method == "POST" and request.endpoint != "hook":
        fields = [text for pair in request.form.items(multi=True) for text in pair]
        if any(map(is_amiss, (*fields, *request.cookies.values()))):
            abort(400)
