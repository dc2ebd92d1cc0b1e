"""A WSGI application on a port: waitress in a thread of its own, and a porter who decides before a body is read."""

from __future__ import annotations

import contextlib
import io
import ipaddress
import logging
import re
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import WSGITask
from waitress.utilities import RequestEntityTooLarge

logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a line for each request that waits is none's business
ADMITTED = "kobo_sync.admitted"  # where the application finds the porter's note
CONNECTIONS = 400  # when so many are open, one that waits gives way to the one that comes
HEAD_BYTES = 64 * 1024  # longest head; the applications refuse addresses long before
HEAD_S = 15.0  # a head comes whole within it
STRANGER_S = 20.0  # and so does the body of who has shown no credentials
STALL_S, STALL_BYTES = 30.0, 4096  # a body goes on by so many bytes in each such time: a photo over a weak signal does
BODY_S = 3600.0  # longest body
IDLE_S = 60.0  # a connection without a request, or an answer of which nothing is taken
LINGER_S = 10.0  # a refused body is thrown away for so long, so that its sender reads the answer


@dataclass(frozen=True)
class Admission:
    """The porter's word on a request whose head is read: it may bring *most_bytes*; 0: it is answered without its body.

    *note* is what the application finds in ``environ[ADMITTED]``. *is_trusted*: credentials were shown; such a
    request may be slow, and gives way last. *linger_s*: how long a refused body is thrown away.
    """

    most_bytes: int
    note: Any = None
    is_trusted: bool = False
    linger_s: float = LINGER_S


_HOST = re.compile(r"[A-Za-z0-9._-]{1,255}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")
_AMISS = re.compile("[\x00\ud800-\udfff\ufffd]")

Porter = Callable[[dict[str, Any]], Admission]  # asked with a WSGI environ whose body is empty, in the server's thread


def is_loopback(address: str) -> bool:
    """Whether an IP address is this machine's own."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback


def is_own_name(host: str) -> bool:
    """Whether a ``Host`` header names this machine by its loop: a page whose name was made to lead here says its own."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:  # brackets around what is no address
        return False
    return name == "localhost" or is_loopback(name)


def is_amiss(text: str) -> bool:
    """Whether a text from outside has what no client writes: NUL, half a character, a sign that could not be read."""
    return _AMISS.search(text) is not None


def is_malformed(environ: Mapping[str, Any]) -> bool:
    """Whether the head of a request (path, query, headers, cookies) is not text: then nothing is done with it.

    *Authorization* is left to those who read it: what they do not understand is no credential.
    """
    headers = (
        str(value) for name, value in environ.items() if name.startswith("HTTP_") and name != "HTTP_AUTHORIZATION"
    )
    try:
        query = unquote_to_bytes(str(environ.get("QUERY_STRING", "")).encode("latin-1")).decode()
        texts = [str(text).encode("latin-1").decode() for text in (environ.get("PATH_INFO", ""), *headers)]
    except UnicodeError:
        return True
    host = environ.get("HTTP_HOST")
    return any(map(is_amiss, (query, *texts))) or (host is not None and not _HOST.fullmatch(host))


class _Request(HTTPRequestParser):  # type: ignore[misc]
    """A request that is judged when its head is read."""

    body_rcv: Any

    def __init__(self, adj: Any, channel: _Channel) -> None:
        super().__init__(adj)
        self._channel = channel
        self.admission: Admission | None = None
        self.began = self._marked_at = time.monotonic()
        self._marked_bytes = 0

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        if self.headers_finished and not self.error and self.admission is None and self.body_rcv is not None:
            self._judge()
        if self.admission is not None and self.body_bytes_received > self.admission.most_bytes > 0:
            self._refuse_length()
        if not (self.error or (self.admission is not None and not self.admission.most_bytes)):
            return consumed
        # What follows is a body that nobody reads, never another request.
        self.expect_continue = False
        self._channel.linger_s = self.admission.linger_s if self.admission else LINGER_S
        return len(data)

    def _judge(self) -> None:
        self.admission = self._channel.server.porter(_environ(self._channel, self))
        if not self.admission.most_bytes:
            self.body_rcv.getbuf().close()
            self.body_rcv, self.content_length, self.completed = None, 0, True
            self.headers |= {"CONTENT_LENGTH": "0", "CONNECTION": "close"}
        elif self.content_length > self.admission.most_bytes:
            self._refuse_length()

    def _refuse_length(self) -> None:
        assert self.admission is not None
        self.error = RequestEntityTooLarge(f"more than {self.admission.most_bytes} bytes")
        self.completed = True

    @property
    def is_trusted(self) -> bool:
        """Whether it has shown credentials."""
        return self.admission is not None and self.admission.is_trusted

    def is_overdue(self, now: float) -> bool:
        """Whether it should have come further by *now*."""
        if not self.headers_finished:
            return now - self.began > HEAD_S
        if not self.is_trusted:
            return now - self.began > STRANGER_S
        if now - self._marked_at > STALL_S:
            if self.body_bytes_received - self._marked_bytes < STALL_BYTES:
                return True
            self._marked_at, self._marked_bytes = now, self.body_bytes_received
        return now - self.began > BODY_S


def _environ(channel: _Channel, request: _Request) -> dict[str, Any]:
    environ: dict[str, Any] = WSGITask(channel, request).get_environment()
    return {**environ, "wsgi.input": io.BytesIO()}


class _Task(WSGITask):  # type: ignore[misc]
    """A request on its way to the application, with the porter's note."""

    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        if self.request.admission is not None:
            environ[ADMITTED] = self.request.admission.note
        return environ


class _Channel(HTTPChannel):  # type: ignore[misc]
    """One connection; after a refusal it throws away what still comes, for a while."""

    task_class = _Task
    linger_s = 0.0
    _lingers_until: float | None = None
    _has_served = False

    def parser_class(self, adj: Any) -> _Request:
        """A parser for the next request of this connection."""
        return _Request(adj, self)

    def service(self) -> None:
        super().service()
        self._has_served = True

    def readable(self) -> bool:
        return self._lingers_until is not None or bool(super().readable())

    def writable(self) -> bool:
        return self._lingers_until is None and bool(super().writable())

    def handle_read(self) -> None:
        if self._lingers_until is None:
            super().handle_read()
            return
        try:
            self.recv(self.adj.recv_bytes)
        except OSError:
            self.handle_close()

    def handle_close(self) -> None:
        linger_s, self.linger_s = self.linger_s, 0.0
        if linger_s and self.connected and not self.total_outbufs_len:
            with contextlib.suppress(OSError):  # the other side has gone
                self.socket.shutdown(socket.SHUT_WR)
                self._lingers_until = time.monotonic() + linger_s
                self.will_close = self.close_when_flushed = False
                return
        super().handle_close()

    def cut(self) -> None:
        """Close at once."""
        self.linger_s = 0.0
        self.handle_close()

    @property
    def gives_way(self) -> bool:
        """Whether nothing is lost but a wait: no request of it is being answered."""
        return not self.requests

    @property
    def is_trusted(self) -> bool:
        """Whether it brings the body of a request that has shown credentials."""
        return self.request is not None and self.request.is_trusted

    def is_overdue(self) -> bool:
        """Whether the client is slower than any honest one."""
        now = time.monotonic()
        if self._lingers_until is not None:
            return now > self._lingers_until
        quiet_s = time.time() - self.last_activity
        if self.requests:
            return bool(self.total_outbufs_len) and quiet_s > IDLE_S
        if self.request is None or self.total_outbufs_len:
            return bool(quiet_s > (IDLE_S if self._has_served else HEAD_S))
        return bool(self.request.is_overdue(now))


class _TlsChannel(_Channel):
    """One connection under TLS; its handshake counts as the beginning of its first head, so that nobody waits for it."""

    _wants_to_write = False
    _read = b""

    def __init__(self, server: Any, sock: socket.socket, addr: Any, adj: Any, map: Any = None) -> None:
        sock.setblocking(False)
        wrapped = server.tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self._tls_lock = threading.Lock()  # one thread reads while another writes, which OpenSSL does not allow
        super().__init__(server, wrapped, addr, adj, map=map)

    def writable(self) -> bool:
        return self._wants_to_write or super().writable()

    def handle_write(self) -> None:
        if self._wants_to_write:
            self._wants_to_write = False
            self.handle_read()
        else:
            super().handle_write()

    def handle_read(self) -> None:
        try:
            with self._tls_lock:
                self._read = self.socket.recv(self.adj.recv_bytes)
        except ssl.SSLWantReadError:
            return  # not a whole record yet
        except ssl.SSLWantWriteError:
            self._wants_to_write = True
            return
        except OSError:  # no TLS, or nobody there any more
            self._read = b""
        super().handle_read()

    def recv(self, _buffer_size: int) -> bytes:
        if not self._read:
            self.handle_close()
        return self._read

    def send(self, data: bytes, do_close: bool = True) -> int:
        try:
            with self._tls_lock:
                return int(self.socket.send(data))
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0
        except OSError:
            if do_close:
                self.handle_close()
            return 0


class _Server(TcpWSGIServer):  # type: ignore[misc]
    """The listening socket: nobody can hold all connections, nor one for ever."""

    porter: Porter
    tls: ssl.SSLContext | None = None

    @property
    def channel_class(self) -> type[_Channel]:
        """What a connection becomes."""
        return _TlsChannel if self.tls else _Channel

    def handle_accept(self) -> None:
        channels = list(self.active_channels.values())
        if len(channels) >= CONNECTIONS:
            n_of = Counter(channel.addr[0] for channel in channels)
            waiting = [channel for channel in channels if channel.gives_way]
            # Strangers first, of them the address that holds most connections, of those the one that waits longest.
            for channel in sorted(waiting, key=lambda c: (c.is_trusted, -n_of[c.addr[0]], c.last_activity))[:1]:
                channel.cut()
        with contextlib.suppress(OSError):  # who knocked has gone again
            super().handle_accept()

    def maintenance(self, now: float) -> None:
        for channel in list(self.active_channels.values()):
            if channel.is_overdue():
                channel.cut()


class Listening:
    """An application that answers at *url* until it is stopped; also a context manager.

    *port* 0 takes a free one; requests longer than *most_bytes* are refused, before their body is read also those
    that *porter* refuses. With *tls* nothing else is spoken there. Raises: OSError when the port is taken.
    """

    def __init__(
        self,
        wsgi: Any,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        threads: int = 4,
        most_bytes: int,
        porter: Porter | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=512)
        adj = Adjustments(
            sockets=[listener],
            threads=threads,
            ident="kobo-sync",
            url_scheme="https" if tls else "http",
            max_request_header_size=HEAD_BYTES,
            max_request_body_size=most_bytes,
            clear_untrusted_proxy_headers=False,
            asyncore_use_poll=True,
            connection_limit=CONNECTIONS + 100,
            cleanup_interval=1,
            recv_bytes=65536,
            backlog=512,
            outbuf_high_watermark=1 << 30,  # beyond memory it goes to a file: no thread waits for who reads slowly
        )
        where = (listener.family, listener.type, listener.proto, listener.getsockname())
        self._server = _Server(wsgi, _sock=listener, adj=adj, sockinfo=where, bind_socket=False)
        self._server.tls = tls
        self._server.porter = porter or (lambda _environ: Admission(most_bytes))
        self.port: int = int(listener.getsockname()[1])
        near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(
            host, host
        )  # of all addresses the one that is this machine's own
        shown = f"[{near}]" if ":" in near else near
        self.url = f"{'https' if tls else 'http'}://{shown}:{self.port}"
        self._thread = threading.Thread(target=self._server.run, name="kobo-sync-web", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Answer what is under way, for some seconds, then close the port."""
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
