"""Forms and media byte for byte as phones download them from KoboToolbox."""

from __future__ import annotations

import hashlib
import re

from kobo_sync.errors import KoboUnexpected
from kobo_sync.kobo.server import KoboServer
from kobo_sync.kobo.wire import protocol


def blank_forms(client: KoboServer) -> dict[str, protocol.BlankForm]:
    """The forms that phones of the client's account are offered, by form id [e02]. Raises: KoboError."""
    return protocol.parse_form_list(client.phone_file_at(protocol.FORM_LIST))


def download(client: KoboServer, form: protocol.BlankForm) -> tuple[bytes, dict[str, bytes]]:
    """(XForm, media by file name) [e12, e15].

    Raises: KoboUnexpected when bytes are not what formList or manifest announced; KoboError.
    """
    xform = client.phone_file_at(form.path)
    _held_against(form.hash, xform, form.path)
    media = {}
    if form.manifest:
        manifest = client.phone_file_at(form.manifest)
        md5s = protocol.parse_manifest(manifest)
        for name, path in protocol.parse_manifest_links(manifest).items():
            media[name] = client.phone_file_at(path)
            _held_against(md5s[name], media[name], path)
    return xform, media


def _held_against(md5: str, content: bytes, path: str) -> None:
    """Raises: KoboUnexpected when *content* has another md5 than was announced; a hash that is no md5 is not looked at [k11]."""
    actual = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if re.fullmatch(r"[0-9a-f]{32}", md5) and actual != md5:
        hint = "somebody may be deploying just now; try again"
        raise KoboUnexpected("a file is not what the server announced", method="GET", url=path, hint=hint)
