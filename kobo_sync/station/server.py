"""The station on a port."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import TYPE_CHECKING

from kobo_sync.serving import Admission, Listening
from kobo_sync.station.app import OWN_API, Station
from kobo_sync.station.wire import MAX_BODY

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def serve(
    station: Station,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    threads: int = 4,
    tls: ssl.SSLContext | None = None,
    own_api: bool = False,
) -> Listening:
    """Serve *station* at *host*; *port* 0 takes a free one; with *tls* under TLS alone.

    *own_api*: the API answers at this port whatever `Station.api` says, for the process that serves and its room alone.
    Raises: OSError when the port is taken.
    """
    app, porter = station.wsgi(), station.admit
    if own_api:
        wsgi, admit = app, porter

        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            return wsgi({**environ, OWN_API: True}, start_response)

        def porter(environ: WSGIEnvironment) -> Admission:
            return admit({**environ, OWN_API: True})

    return Listening(app, host, port, threads=threads, most_bytes=MAX_BODY, porter=porter, tls=tls)
