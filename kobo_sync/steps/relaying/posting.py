"""Records of the ledger, posted one after the other; what the server answers is noted before the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kobo_sync.errors import KoboRefused, KoboRejected, KoboUnreachable
from kobo_sync.form_server import PhoneDoor
from kobo_sync.rows.multipart import Part, batches
from kobo_sync.station.ledger import ADOPTED, RELAYED, WAITING
from kobo_sync.station.outbox import TOO_MANY, Outbox, Paired, Record, SentFile
from kobo_sync.steps.relaying.rewriting import CannotRewrite, on_its_own, same_answers

FIRST_WAIT_S, LONGEST_WAIT_S = 30.0, 3600.0
PATIENCE_S = 30.0  # how long a run waits by itself where the server says when to come again
MOST_FAILURES = 3  # in a row, of different submissions: it is the server, not what is sent
AT_THE_GATE = (None, 502, 503, 504)  # no answer, or a gateway's: the server itself may be away
MOST_WORDS = 200  # of the server's, kept with a record


class ServerAway(Exception):
    """The server is not to be reached, or not at work: the run ends, all that is left waits."""

    def __init__(self, error: KoboUnreachable) -> None:
        super().__init__(error.message)
        self.error = error


class Pace:
    """At most so many posts in a minute."""

    def __init__(
        self, per_minute: float, sleep: Callable[[float], None], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._gap_s, self._sleep, self._monotonic = 60 / per_minute, sleep, monotonic
        self._next: float | None = None

    def keep(self) -> None:
        """Wait until the next post may go."""
        now = self._monotonic()
        if self._next is not None and now < self._next:
            self._sleep(self._next - now)
            now = self._next
        self._next = now + self._gap_s


@dataclass
class Posting:
    """One run over the ledger. *due_only*: leave alone what is to be tried later.

    *project* tells the server and project where forms are called the same in every one: there goes what was filled for it
    alone. Empty where a form's uid is no other's.
    """

    outbox: Outbox
    door: PhoneDoor
    clock: Callable[[], datetime]
    pace: Pace
    paired: dict[str, Paired]
    replaced: Collection[str] = ()  # forms that a paired one took the place of
    project: str = ""
    addresses: Collection[str] | None = None  # of the forms asked for; None: all
    due_only: bool = False
    is_over: Callable[[], bool] = lambda: False
    shown: Callable[[int], None] = lambda _done: None
    n_sent: int = 0
    unpaired: dict[str, int] = field(default_factory=dict)  # address → records
    refused: set[int] = field(default_factory=set)  # the records that this run saw refused
    _offered: dict[str, bool] = field(default_factory=dict)
    _most_bytes: int = 0
    _failures: int = 0

    def run(self) -> None:
        """Post what waits, in order of arrival. Raises: ServerAway, KoboRefused (401), KoboUnexpected."""
        last = 0
        while not self.is_over():
            record = self.outbox.waiting(last, self.clock() if self.due_only else None)
            if record is None:
                return
            last = record.record_id
            if self.addresses is not None and record.address not in self.addresses:
                continue
            if not self._most_bytes:
                self._most_bytes = self._open()
            if not self._is_known(record):
                self.unpaired[record.address] = self.unpaired.get(record.address, 0) + 1
            elif self._is_free(record):
                self._relay(record)
                self.shown(self.n_sent)

    def _open(self) -> int:
        try:
            return self.door.accepted_bytes()
        except KoboUnreachable as error:
            raise ServerAway(error) from error

    def _is_known(self, record: Record) -> bool:
        """Whether the server has the form: by the pairing, else it is asked, once.

        A project that another took the place of is the mission's no more, even if it takes submissions still. Where forms
        are called the same in every project, what the server has says nothing about which of them it was filled for.
        """
        address = record.address
        if self.project:
            return address in self.paired and record.server in ("", self.project)
        if address in self.paired:
            return True
        if address in self.replaced:
            return False
        if address not in self._offered:
            try:
                self._offered[address] = self.door.offers(address)
            except KoboUnreachable as error:
                raise ServerAway(error) from error
        return self._offered[address]

    def _is_free(self, record: Record) -> bool:
        """Whether nothing must go before it: an edit waits until what it replaces is there, with its files."""
        original = self.outbox.original(record)
        return original is None or original.state == RELAYED

    def _relay(self, record: Record) -> None:
        """Post one record, again at once when a file of it came meanwhile."""
        current: Record | None = record
        while current is not None and current.state == WAITING:
            try:
                if not self._post(current):
                    return
            except KoboUnreachable as error:
                if self._waits(current, error):
                    return
            current = self.outbox.record(record.record_id)

    def _post(self, record: Record) -> bool:
        """Post all that is not there yet; False when the record was refused, or left. Raises: KoboUnreachable."""
        xml, files = self.outbox.xml(record), self.outbox.files(record)
        if not xml:
            return False
        try:
            status = self._send_all(record, xml, files)
        except LookupError:  # deleted on the station just now
            return False
        except KoboRefused as error:
            if error.status == 401:
                raise
            return self._refused(record, xml, files, error)
        except KoboRejected as error:
            return self._refused(record, xml, files, error)
        self.outbox.note_relayed(record, files, status, self.clock())
        self.n_sent += 1
        self._failures = 0
        return True

    def _send_all(self, record: Record, xml: bytes, files: Sequence[SentFile]) -> int:
        posts = batches(len(xml), [(file.name, file.size) for file in files], self._most_bytes)
        status = 0
        for number, post in enumerate(posts, 1):
            some = [files[n] for n in post]
            status = self._send(record, xml, some, is_last=number == len(posts))
        return status

    def _send(self, record: Record, xml: bytes, files: Sequence[SentFile], *, is_last: bool) -> int:
        """One post; two halves where the server finds it too long (413). What is there is noted unless it is the last."""
        parts = [Part(file.name, file.mimetype, self.outbox.content(file)) for file in files]
        self.pace.keep()
        try:
            status = self.door.post(xml, parts, is_incomplete=not is_last)
        except KoboRejected as error:
            if error.status != 413 or len(files) < 2:
                raise
            del parts
            half = len(files) // 2
            self._send(record, xml, files[:half], is_last=False)
            return self._send(record, xml, files[half:], is_last=is_last)
        if not is_last:
            self.outbox.note_files(record, files, self.clock())
        return status

    # ── when it does not go ──

    def _refused(
        self, record: Record, xml: bytes, files: Sequence[SentFile], error: KoboRejected | KoboRefused
    ) -> bool:
        """Note a refusal, unless the server has the same already, or what it says can be met. True: go on with the record."""
        status, message = error.status or 0, " ".join(error.excerpt.split())[:MOST_WORDS]
        self._failures = 0
        # A file of that name with other bytes [e56] is there as somebody else's: nothing says which is right.
        if status in (409, 410) and "ttachment" not in message and self._is_there(record, xml, files):
            self.outbox.note_relayed(record, files, status, self.clock(), "the server had it already")
            self.n_sent += 1
            return True
        if status == 404 and b"deprecatedID" in xml and self._stands_alone(record):
            try:
                self.outbox.send_as(record, on_its_own(xml, record.root_uuid), record.address)
                return True
            except CannotRewrite as reason:
                message = f"{message}; {reason}"
        code = self.door.reason(error, record.address)
        self.outbox.note_refused(record, status, message, self.clock(), code)
        self.refused.add(record.record_id)
        return False

    def _stands_alone(self, record: Record) -> bool:
        """Whether what an edit replaces can never be where the edit goes: its bytes are lost, or another project took it."""
        original = self.outbox.original(record)
        if record.kind == ADOPTED:
            return True
        places = [(each.address, each.server if self.project else "") for each in (original, record) if each]
        return len(set(places)) > 1

    def _is_there(self, record: Record, xml: bytes, files: Sequence[SentFile]) -> bool:
        """Whether the server has this very submission with its files, or the newer version of it that the ledger has.

        As far as the account sees; what it does not see is not there. Raises: KoboUnreachable.
        """
        stored = self.door.stored(record.address, record.root_uuid)
        if stored is None:
            return False
        if same_answers(stored, xml):
            return not files or {file.name for file in files} <= self.door.stored_files(
                record.address, record.root_uuid
            )
        return any(b"uuid:%b<" % uuid.encode() in stored for uuid in self.outbox.later_versions(record))

    def _waits(self, record: Record, error: KoboUnreachable) -> bool:
        """Note that it did not go; False when it may be tried again at once. Raises: ServerAway."""
        now, wait_s = self.clock(), min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(record.tries, 10))
        wait_s = max(wait_s, error.retry_after_s or 0) if error.status != TOO_MANY else error.retry_after_s or wait_s
        words = " ".join((error.excerpt or error.message).split())[:MOST_WORDS]
        self.outbox.note_failed(record, error.status, words, now + timedelta(seconds=wait_s))
        if error.status == TOO_MANY:
            if wait_s > PATIENCE_S or record.tries >= MOST_FAILURES:
                raise ServerAway(error)
            self.door.pause(wait_s)
            return False
        self._failures += 1
        if self._failures >= MOST_FAILURES:
            raise ServerAway(error)
        if error.status in AT_THE_GATE:
            self._open()
        return True
