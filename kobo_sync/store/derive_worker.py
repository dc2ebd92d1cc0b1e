"""A second process that derives the pages of a first reading, while this one stores those before.

Of two processors the second would stand idle: Python runs one thread at a time, and a large first reading is all
Python and SQLite. The process is given pages and gives back what `derive` makes of them; it sees neither database
nor server. Without it (one processor, killed, out of memory) all is derived in this process.
"""

from __future__ import annotations

import gc
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import msgspec

from kobo_sync.databases.dialects import DIALECTS, Dialect
from kobo_sync.errors import KoboUnexpected
from kobo_sync.model import Form
from kobo_sync.rows.listing import Page, split_page
from kobo_sync.store.tables.derive import Derived, derive
from kobo_sync.store.tables.flatten import Flattener
from kobo_sync.store.tables.layout import FlatTable

WORTH = 5_000  # rows; fewer are read before a process has started
_MAIN = f"import sys; sys.path[:] = sys.argv[1:]; from {__name__} import serve; serve()"
_encode = msgspec.msgpack.Encoder().encode
_decode: Callable[[bytes], Derived | None] = msgspec.msgpack.Decoder(Derived | None).decode


def spare_processor() -> bool:
    """Whether a second process would have a processor to itself."""
    return len(os.sched_getaffinity(0)) > 1 if hasattr(os, "sched_getaffinity") else False


class DeriveWorker:
    """The process. `send` may be called from another thread than `take`; neither ever fails."""

    def __init__(self, tables: Sequence[FlatTable], form: Form, dialect: Dialect) -> None:
        """Start it. Raises: OSError."""
        self._connection, theirs = Pipe()
        self._sending = threading.Lock()
        self._sent: deque[Page] = deque()
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        with theirs:
            command = [sys.executable, "-c", _MAIN, *sys.path]
            out = subprocess.DEVNULL
            self._process = subprocess.Popen(command, stdin=theirs.fileno(), stdout=out, stderr=out)
        # A thread takes the answers at once: kept waiting with one, the process would take no page either.
        self._thread = threading.Thread(target=self._listen, name="kobo-sync-aside", daemon=True)
        self._thread.start()
        with suppress(OSError):
            self._connection.send_bytes(pickle.dumps((tables, form, dialect.name)))

    def _listen(self) -> None:
        with suppress(EOFError, OSError):
            while True:
                self._answers.put(self._connection.recv_bytes())
        self._answers.put(b"")

    def send(self, page: Page) -> None:
        """Have *page* derived. Waits while the process works on the page before."""
        if page.body and page.rows:
            with suppress(OSError), self._sending:
                self._connection.send_bytes(page.body)
                self._sent.append(page)

    def take(self, page: Page) -> Derived | None:
        """What became of *page*; None when it was not sent, or has to be read row by row, or the process is gone."""
        while any(sent is page for sent in self._sent):
            is_it = self._sent.popleft() is page
            answer = self._answers.get()
            if not answer:
                self._answers.put(answer)  # nothing will come any more
            elif is_it:
                return _decode(answer)
        return None

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        self._thread.join()
        with self._sending:  # a page on its way is refused at once, now that nobody takes it
            self._connection.close()


def serve() -> None:
    """Be that process: a page in, what it says out, until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that pulls
    gc.disable()  # nothing of a page is in a circle
    with suppress(EOFError, OSError), Connection(0) as connection:
        tables, form, dialect = pickle.loads(connection.recv_bytes())
        flattener = Flattener(tables, form)
        while True:
            connection.send_bytes(_encode(_derived(flattener, connection.recv_bytes(), DIALECTS[dialect])))


def _derived(flattener: Flattener, body: bytes, dialect: Dialect) -> Derived | None:
    columns = flattener.columns(body)
    if columns is not None:
        return derive(flattener, columns, dialect)
    for _, raw in split_page(body).rows:  # keys that were not known are known from now on
        with suppress(KoboUnexpected):
            flattener.decode(raw)
    return None
