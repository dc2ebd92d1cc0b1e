"""A WSGI application on a port: waitress in a thread of its own."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Any

from waitress.server import create_server


class Listening:
    """An application that answers at *url* until it is stopped; also a context manager.

    *port* 0 takes a free one; requests longer than *most_bytes* are refused. Raises: OSError when the port is taken.
    """

    def __init__(self, wsgi: Any, host: str = "127.0.0.1", port: int = 0, *, threads: int = 4, most_bytes: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family)
        self._server = create_server(
            wsgi,
            sockets=[listener],
            threads=threads,
            ident="kobo-sync",
            max_request_body_size=most_bytes,
            clear_untrusted_proxy_headers=False,
            asyncore_use_poll=True,
        )
        self.port: int = int(listener.getsockname()[1])
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self.port}"
        self._thread = threading.Thread(target=self._server.run, name="kobo-sync-web", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Answer what is under way, then close the port."""
        self._server.task_dispatcher.shutdown()
        with contextlib.suppress(OSError):  # another wake-up may have run _shut, and closed the trigger, already
            self._server.trigger.pull_trigger(self._shut)
        self._thread.join(timeout=10)

    def _shut(self) -> None:
        """In the server's own thread: clients that keep a connection open do not keep the port."""
        for channel in list(self._server.active_channels.values()):
            channel.close()
        self._server.close()

    def __enter__(self) -> Listening:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
