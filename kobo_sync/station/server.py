"""The station on a port."""

from __future__ import annotations

import ssl

from kobo_sync.serving import Listening
from kobo_sync.station.app import Station
from kobo_sync.station.wire import MAX_BODY


def serve(
    station: Station, host: str = "127.0.0.1", port: int = 0, *, threads: int = 4, tls: ssl.SSLContext | None = None
) -> Listening:
    """Serve *station* at *host*; *port* 0 takes a free one; with *tls* under TLS alone. Raises: OSError when the port is taken."""
    return Listening(station.wsgi(), host, port, threads=threads, most_bytes=MAX_BODY, porter=station.admit, tls=tls)
