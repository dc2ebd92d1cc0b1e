"""What is asked of ODK Central about submissions; gives the rows that the mirror keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime
from types import MappingProxyType

from kobo_sync.central.entity_lists import EntityLists
from kobo_sync.central.wire import protocol
from kobo_sync.central.wire.listing import (
    Listed,
    Listing,
    file_names,
    form_version,
    moment_of,
    parse_listing,
    row_of,
    unreadable,
)
from kobo_sync.central.wire.protocol import Fields
from kobo_sync.errors import KoboRejected, KoboUnexpected, KoboUnreachable
from kobo_sync.form_server import Edit, Since
from kobo_sync.model import Validation
from kobo_sync.rows.listing import LightRow, Page, RowStatus
from kobo_sync.server_kinds import ODK_CENTRAL
from kobo_sync.transport import Stream

AT_ONCE = 4  # rows' XML, each a request of its own
ROWS_PER_PAGE = 100  # so many are stored together: a kill costs no more than reading them again
READS = 3  # a listing that does not add up is asked for again so often


class CentralServer(EntityLists):
    """ODK Central as a `FormServer`: see `Asking` for the account.

    Rows are known by what listings of this run showed of them: `rows` takes the numbers that those gave.
    """

    features = ODK_CENTRAL

    _form_id = ""

    def _shown(self, asset_uid: str) -> dict[int, Listed]:
        """What this run's listings showed of the form's rows, by number; that of one form at a time is kept."""
        if asset_uid != self._form_id:
            self._form_id, self._by_number = asset_uid, dict[int, Listed]()
            self._changes: tuple[datetime, list[Listed]] | None = None
            self._fields = dict[str, Fields]()
            self._doubled = set[int]()
        return self._by_number

    # ── listings ──

    def _list(self, asset_uid: str, where: str = "") -> list[Listed]:
        """All rows that a filter finds, in the order of their numbers; those of a broken submission twice [r05c].

        Pages follow one another by the last row's own place, so that none is lost or doubled while others come. When that row
        is purged meanwhile the listing ends early [q03b], and where a row is broken a page counts it twice and the last is never
        listed: so the rows are held against the count, and read without pages when they are fewer.
        """
        shown = self._shown(asset_uid)
        for read in range(READS):
            top = None if read else protocol.PAGE
            path = protocol.listing_path(self.project, asset_uid, where=where, top=top, count=True)
            rows, total = self._read_listing(asset_uid, path)
            if total is None or len({row.server_key for row in rows}) >= total or (read and _has_broken(rows)):
                break
        else:
            raise KoboUnexpected(
                f"the server counts {total} rows and lists fewer, again and again",
                url=protocol.form_path(self.project, asset_uid),
                hint="run it again; if it lasts, ask whoever runs the server",
            )
        shown.update({row.number: row for row in rows})
        self._doubled |= {number for number, n in Counter(row.number for row in rows).items() if n > 1}
        return sorted(rows, key=lambda row: row.number)

    def _read_listing(self, asset_uid: str, path: str) -> tuple[list[Listed], int | None]:
        """The rows of a listing, page after page, and how many the server counts."""
        rows: list[Listed] = []
        total = None
        while path:
            page = self._page(asset_uid, path)
            total = page.count if total is None else total
            rows += page.rows
            path = page.following if page.rows else ""
        return rows, total

    def _page(self, asset_uid: str, path: str) -> Listing:
        """A page of a listing; of a form that was never published, which has no listing [b36], one without rows."""
        try:
            return parse_listing(self.get(path, when_slow=2).body)
        except KoboRejected as error:
            if error.status != 404 or self.asset(asset_uid)[0].is_deployed:
                raise
            return Listing((), 0, "")

    def _changed(self, asset_uid: str, arrived: datetime, changed: datetime) -> list[Listed]:
        """All that arrived since the one moment, or changed since the other: one question for both."""
        rows = self._list(asset_uid, protocol.changed_since(arrived, changed))
        self._changes = (changed, rows)
        return rows

    def pages(
        self,
        asset_uid: str,
        *,
        above: int,
        limit: int,
        since: Since | None = None,
        differing: Callable[[Sequence[LightRow]], Sequence[int]] | None = None,
        ahead: Callable[[Page], None] = lambda page: None,
    ) -> Iterator[Page]:
        """Whole rows with a number above *above*, in the order of their numbers; see `FormServer.pages`."""
        self._shown(asset_uid)
        if above < 0:
            listed = self._list(asset_uid)
        else:
            arrived = moment_of(above)
            listed = self._changed(asset_uid, arrived, min(arrived, self.at_server(since.at)) if since else arrived)
        new = _distinct(row for row in listed if row.number > above and not row.deleted_at)
        yield from self._read(asset_uid, new, differing, ahead)

    def changes(self, asset_uid: str, since: Since) -> Iterator[tuple[str, Sequence[LightRow]]]:
        """Rows that were edited or reviewed since then, in the answer that told of the new ones where it was just asked for."""
        rows = self._since(asset_uid, since.at)
        yield "changed", [row.light() for row in _distinct(rows) if not row.deleted_at]

    def events(self, asset_uid: str, since: datetime) -> list[tuple[str, str]] | None:
        """The deletions since then: they leave a date."""
        return [("delete-submission", row.root_uuid) for row in self._since(asset_uid, since) if row.deleted_at]

    def _since(self, asset_uid: str, since: datetime) -> list[Listed]:
        self._shown(asset_uid)
        there = self.at_server(since)
        if self._changes and self._changes[0] <= there:
            return self._changes[1]
        return self._changed(asset_uid, there, there)

    def light_pages(self, asset_uid: str) -> Iterator[Sequence[LightRow]]:
        """All live rows, those of a broken submission twice, in the order of their numbers."""
        rows = [row.light() for row in self._list(asset_uid)]
        for at in range(0, len(rows), 1000):
            yield rows[at : at + 1000]

    def listed(self, asset_uid: str, server_keys: Sequence[str]) -> list[LightRow]:
        """The light rows among these that the server lists now."""
        light_rows: list[LightRow] = []
        for at in range(0, len(server_keys), protocol.KEYS_PER_QUERY):
            where = protocol.among(server_keys[at : at + protocol.KEYS_PER_QUERY])
            light_rows += [row.light() for row in _distinct(self._list(asset_uid, where)) if not row.deleted_at]
        return light_rows

    def edits(self, asset_uid: str, server_key: str, root_uuid: str, since: datetime) -> list[Edit]:
        """Who edited a row, oldest first."""
        path = protocol.form_path(self.project, asset_uid, "submissions", server_key, "versions")
        return protocol.parse_edits(self.get(path, headers=protocol.EXTENDED).body)

    def exists(self, asset_uid: str, server_key: str, root_uuid: str = "") -> bool:
        """Whether the row is still there, asked by itself; a broken one is (500) [r05d]."""
        try:
            self.get(protocol.form_path(self.project, asset_uid, "submissions", server_key), when_slow=1)
        except KoboRejected as error:
            if error.status == 404:
                return False
            raise
        except KoboUnreachable as error:
            if error.status != 500:
                raise
        return True

    def count(self, asset_uid: str) -> int:
        """How many live submissions the server counts, a broken one once [r05g]."""
        page = self._page(asset_uid, protocol.listing_path(self.project, asset_uid, top=0, count=True))
        if page.count is None:
            raise KoboUnexpected("the answer has no count", hint="check that server.url is an ODK Central server")
        return page.count

    def n_not_sent(self, asset_uid: str) -> int:
        """How many files the live rows that were listed in this run name and phones have not sent."""
        rows = self._shown(asset_uid).values()
        return sum(max(row.n_expected - row.n_present, 0) for row in rows if not row.deleted_at)

    # ── whole rows ──

    def rows(self, asset_uid: str, numbers: Sequence[int]) -> Iterator[Page]:
        """The whole rows with these numbers, in pages; those that are gone are simply absent."""
        shown = self._shown(asset_uid)
        yield from self._read(asset_uid, [shown[number] for number in numbers if number in shown], None, lambda _: None)

    def _read(
        self,
        asset_uid: str,
        listed: Sequence[Listed],
        differing: Callable[[Sequence[LightRow]], Sequence[int]] | None,
        ahead: Callable[[Page], None],
    ) -> Iterator[Page]:
        """Pages of these rows, whose XML is fetched some at a time, the next page while the caller works on this one.

        Rows that are held as they are listed are not fetched: their pages name them as *unchanged*.
        """
        groups = [listed[at : at + ROWS_PER_PAGE] for at in range(0, len(listed), ROWS_PER_PAGE)]
        with ThreadPoolExecutor(AT_ONCE, "row") as pool:

            def begin(group: Sequence[Listed]) -> tuple[tuple[int, ...], list[Future[bytes | None]]]:
                differ = {row.number for row in group}
                if differing is not None:
                    differ &= set(differing([row.light() for row in group]))
                unchanged = tuple(row.number for row in group if row.number not in differ)
                return unchanged, [pool.submit(self._row, asset_uid, row) for row in group if row.number in differ]

            try:
                following = begin(groups[0]) if groups else None
                for at in range(len(groups)):
                    assert following
                    unchanged, fetched = following
                    following = begin(groups[at + 1]) if at + 1 < len(groups) else None
                    rows = [(_number(raw), raw) for each in fetched if (raw := each.result()) is not None]
                    page = Page(len(listed), tuple(sorted(rows)), unchanged=unchanged)
                    ahead(page)
                    yield page
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _row(self, asset_uid: str, listed: Listed) -> bytes | None:
        """A row as the mirror keeps it; None when it is gone meanwhile."""
        path = protocol.form_path(self.project, asset_uid, "submissions", listed.server_key)
        try:
            xml = self.get(f"{path}.xml", when_slow=2).body
            fields = self._fields_of(asset_uid, form_version(xml))
            present = None
            if listed.n_present < listed.n_expected and file_names(xml, fields):
                present = self._present_files(f"{path}/attachments")
            return row_of(listed, xml, fields, f"{path}/attachments", present)
        except KoboRejected as error:
            if error.status == 404:
                return None
            raise
        except KoboUnreachable as error:
            if error.status != 500 or error.code:
                raise
            self.me()  # a server that gives nothing at all is not this row's fault
            return unreadable(listed, "doubled" if listed.number in self._doubled else "failing")
        except KoboUnexpected:
            return unreadable(listed)

    def _present_files(self, path: str) -> set[str]:
        with protocol.known_shape():
            return {str(row["name"]) for row in protocol.parse_list(self.get(path).body) if row.get("exists")}

    def _fields_of(self, asset_uid: str, version: str) -> Fields:
        fields = self._fields.get(version)
        if fields is None:
            path = protocol.form_path(self.project, asset_uid, "versions", version or protocol.NO_VERSION, "fields")
            try:
                fields = protocol.parse_fields(self.get(path).body)
            except KoboRejected as error:
                if error.status != 404:
                    raise
                # A version that the server never had: some took such submissions.
                fields = protocol.parse_fields(self.get(protocol.form_path(self.project, asset_uid, "fields")).body)
            self._fields[version] = fields
        return fields

    # ── files ──

    @contextmanager
    def download(self, url: str, start: int = 0) -> Iterator[Stream]:
        """The bytes of a file; they come whole, whatever *start* is [g04c], from elsewhere where the server keeps them there [u03]."""
        address = self.url + protocol.path_of(url)
        with ExitStack() as stack:
            yield self.signed(lambda: stack.enter_context(self._transport.stream(address, start, may_move=True)))

    def is_replaced(self, url: str, md5: str) -> bool:
        """Whether a file has other bytes than those of *md5*: its ETag tells [g04b]; where they lie elsewhere nothing does."""
        return bool(self.signed(lambda: self._transport.is_changed(self.url + protocol.path_of(url), f'"{md5}"')))

    # ── what is changed ──

    def delete_submission(self, asset_uid: str, server_key: str) -> None:
        """Delete a row; one that is gone already is no fault, but a form in the trash has its rows there."""
        try:
            self.send("DELETE", protocol.form_path(self.project, asset_uid, "submissions", server_key))
        except KoboRejected as error:
            if error.status != 404:
                raise
            self._described(asset_uid)

    def statuses(self, asset_uid: str, server_keys: Sequence[str]) -> dict[str, RowStatus]:
        """The review state of those among these rows that the server has now; who set it stands in the row's audits [h06]."""
        here = self.listed(asset_uid, server_keys)
        shown = self._shown(asset_uid)
        statuses = {}
        for row in here:
            review = shown[row.submission_id].review
            by = self._reviewer(asset_uid, row.server_key) if review else ""
            statuses[row.server_key] = RowStatus(row.server_key, protocol.VALIDATIONS.get(review, ""), by)
        return statuses

    def _reviewer(self, asset_uid: str, server_key: str) -> str:
        path = protocol.form_path(self.project, asset_uid, "submissions", server_key, "audits")
        audits = protocol.parse_list(self.get(path, headers=protocol.EXTENDED).body)
        with protocol.known_shape():
            for audit in audits:  # newest first
                if audit["action"] == "submission.update" and "reviewState" in (audit.get("details") or {}):
                    actor = audit.get("actor") or {}
                    return self.me() if audit.get("actorId") == self.my_id() else str(actor.get("displayName") or "?")
        return ""

    def set_validations(
        self,
        asset_uid: str,
        server_keys: Sequence[str],
        status: Validation,
        reasons: Mapping[str, str] = MappingProxyType({}),
    ) -> list[str]:
        """Review rows one by one, with the reason as a note of the action [h05d]; returns those that the server has not."""
        missing = []
        for server_key in server_keys:
            path = protocol.form_path(self.project, asset_uid, "submissions", server_key)
            reason = reasons.get(server_key, "")
            headers = {protocol.NOTES: protocol.quoted(reason[:1000])} if reason else {}
            try:
                self.send("PATCH", path, json={"reviewState": protocol.STATES[status]}, headers=headers)
            except KoboRejected as error:
                if error.status != 404:
                    raise
                missing.append(server_key)
        return missing


def _has_broken(rows: Sequence[Listed]) -> bool:
    """Whether some submission is listed twice: the count of a listing without pages then counts it twice as well."""
    return len({row.server_key for row in rows}) < len(rows)


def _distinct(rows: Iterator[Listed] | Sequence[Listed]) -> list[Listed]:
    """The rows, one for each submission: a broken one is listed twice."""
    return list({row.number: row for row in rows}.values())


def _number(raw: bytes) -> int:
    return int(raw[7 : raw.index(b",", 7)])  # a row is written here with its number first
