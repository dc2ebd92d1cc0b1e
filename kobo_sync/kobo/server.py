"""What is asked of KoboToolbox or a field station: projects, forms, pages of submissions; gives the nouns of `model`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeVar

from kobo_sync.errors import KoboRefused, KoboRejected, KoboUnexpected, KoboUnreachable
from kobo_sync.form_server import Examined, ListChange, Since
from kobo_sync.kobo.paging import MIN_PAGE, PageSize, quick_turns, repeats
from kobo_sync.kobo.projects import Projects
from kobo_sync.kobo.wire import protocol
from kobo_sync.model import Phone, Validation
from kobo_sync.rows.listing import (
    LIGHT_FIELDS,
    STATUS_FIELDS,
    LightRow,
    Page,
    RowStatus,
    parse_events,
    parse_head,
    parse_light_page,
    parse_statuses,
    split_page,
)
from kobo_sync.server_kinds import KOBOTOOLBOX
from kobo_sync.transport import Answer, Stream, is_slow

READS = 3  # an answer that is no page (an error page, half a body) is asked for again so often
T = TypeVar("T")


class KoboServer(Projects):
    """KoboToolbox, or a field station, as a `FormServer`: see `Asking` for the account."""

    features = KOBOTOOLBOX

    def list_codes(self, name: str) -> set[str] | None:
        """None: lists are media of their forms here."""
        return None

    def put_list(
        self, name: str, rows: Sequence[Mapping[str, str]], *, by_zone: bool = False, dry_run: bool = False
    ) -> ListChange:
        """Raises: KoboRejected: lists are media of their forms here."""
        raise KoboRejected(
            "this server keeps no lists by itself", hint="leave `roster.entities` out: the list goes with its forms"
        )

    def phones(self) -> list[Phone]:
        """None: this server knows accounts."""
        return []

    def add_phone(self, name: str, zone: str = "") -> Phone:
        """Raises: KoboRejected: this server knows accounts."""
        raise KoboRejected("this server knows accounts, not phones", hint="make the account there")

    def revoke_phone(self, key: str) -> None:
        """Nothing to revoke: this server knows accounts."""

    def examine(self) -> Iterator[Examined]:
        """Nothing but what is asked of every server."""
        return iter(())

    # ── submissions ──

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
        """Whole rows with an id above *above*, page by page in order of id; at most *limit* to a page.

        The next page is fetched while the caller works on this one; *ahead* is told of it, in the thread that
        fetches. Pages shrink when the server is slow and to keep within some megabytes.
        """

        def read(answer: Answer) -> Page:
            page = _read_page(answer)
            ahead(page)
            return page

        return self._keyset(asset_uid, above, limit, {}, (), read, lambda page: [row[0] for row in page.rows])

    def light_pages(self, asset_uid: str) -> Iterator[Sequence[LightRow]]:
        """The light rows of the whole project, page by page in order of id."""
        return self._light_pages(asset_uid, {})

    def _light_pages(self, asset_uid: str, query: Mapping[str, Any]) -> Iterator[list[LightRow]]:
        return self._keyset(asset_uid, -1, protocol.PAGE_MAX, query, LIGHT_FIELDS, _read_light, _light_ids)

    def changes(self, asset_uid: str, since: Since) -> Iterator[tuple[str, Sequence[LightRow]]]:
        """(how they were asked for, light rows) of what may have changed since then: edits and statuses.

        By their modification date where rows have one, else by the id of the version that an edit replaces and the time of a status.
        """
        queries = (
            {"modified": protocol.modified_since(since.modified)}
            if since.modified
            else {"edited": protocol.edited(), "validated": protocol.validated_since(int(since.at.timestamp()))}
        )
        for how, query in queries.items():
            yield how, [row for page in self._light_pages(asset_uid, query) for row in page]

    def _keyset(
        self,
        asset_uid: str,
        above: int,
        limit: int,
        query: Mapping[str, Any],
        fields: Sequence[str],
        parse: Callable[[Answer], T],
        ids: Callable[[T], Sequence[int]],
    ) -> Iterator[T]:
        size = PageSize(limit, light=bool(fields))

        def fetch(last: int) -> tuple[T, Sequence[int]]:
            while True:
                path = protocol.data_path(
                    asset_uid, limit=size.limit, query={**query, **protocol.after(last)}, fields=fields
                )
                try:
                    # A server that is too slow for a page is asked for less, not for the same again and again.
                    answer, page = self._page(path, parse, when_slow=2 if size.limit > MIN_PAGE else 0)
                except KoboUnreachable as error:
                    if size.limit <= MIN_PAGE or not is_slow(error):
                        raise
                    size.halve()
                    continue
                size.adapt(len(answer.body))
                return page, ids(page)

        with quick_turns(), ThreadPoolExecutor(1, "page") as ahead:
            last, (page, page_ids) = above, fetch(above)
            while page_ids:
                real_ids = [submission_id for submission_id in page_ids if submission_id >= 0]
                if min(real_ids, default=last + 1) <= last:
                    path = protocol.asset_path(asset_uid, "data")
                    raise repeats(f"rows after id {last} were asked for, and others came", path)
                last = max(real_ids, default=last)
                following = ahead.submit(fetch, last) if real_ids else None
                yield page
                page, page_ids = following.result() if following else (page, ())

    def _page(self, path: str, parse: Callable[[Answer], T], *, when_slow: int = 0) -> tuple[Answer, T]:
        for read in range(1, READS + 1):
            answer = self.get(path, when_slow=when_slow)
            try:
                return answer, parse(answer)
            except KoboUnexpected:
                if read == READS:
                    raise
                self._transport.sleep(self._transport.backoff(read))
        raise AssertionError("unreachable")  # pragma: no cover

    def rows(self, asset_uid: str, numbers: Sequence[int]) -> Iterator[Page]:
        """The whole rows with these ids, in pages; ids that are gone are simply absent."""
        for at in range(0, len(numbers), protocol.IDS_PER_QUERY):
            some = numbers[at : at + protocol.IDS_PER_QUERY]
            yield from self._among(asset_uid, some, (), _read_page)

    def listed(self, asset_uid: str, server_keys: Sequence[str]) -> list[LightRow]:
        """The light rows among these that the server lists now."""
        light_rows: list[LightRow] = []
        ids = list(map(int, server_keys))
        for at in range(0, len(ids), protocol.IDS_PER_QUERY):
            some = ids[at : at + protocol.IDS_PER_QUERY]
            for rows in self._among(asset_uid, some, LIGHT_FIELDS, _read_light):
                light_rows += rows
        return light_rows

    def _among(
        self, asset_uid: str, ids: Sequence[int], fields: Sequence[str], parse: Callable[[Answer], T]
    ) -> Iterator[T]:
        path = protocol.data_path(asset_uid, limit=protocol.PAGE_MAX, query=protocol.among(ids), fields=fields)
        try:
            _, page = self._page(path, parse, when_slow=0 if len(ids) == 1 else 2)
        except (KoboRejected, KoboUnreachable) as error:
            too_long = isinstance(error, KoboRejected) and error.status == 414
            too_slow = isinstance(error, KoboUnreachable) and is_slow(error)
            if len(ids) == 1 or not (too_long or too_slow):
                raise
            half = len(ids) // 2
            yield from self._among(asset_uid, ids[:half], fields, parse)
            yield from self._among(asset_uid, ids[half:], fields, parse)
        else:
            yield page

    def events(self, asset_uid: str, since: datetime) -> list[tuple[str, str]] | None:
        """(action, root_uuid) of edits, validations and deletions since then; None without the right to ask."""
        events: list[tuple[str, str]] = []
        limit = protocol.PAGE_MAX
        before: list[tuple[str, str]] = []
        for start in range(0, 1_000_000, limit):
            path = protocol.history_path(asset_uid, since, limit, start)
            try:
                page = list(parse_events(self.get(path).body))
            except (KoboRefused, KoboRejected):
                return None
            if page and page == before:
                raise repeats("the next events were asked for, and the same came", path)
            events += page
            before = page
            if len(page) < limit:
                break
        return events

    def exists(self, asset_uid: str, server_key: str, root_uuid: str = "") -> bool:
        """Whether the row is still there, asked by itself: 404 is the proof of a deletion.

        So is another *root_uuid* under its id: a server put back from a backup gives ids anew.
        """
        try:
            body = self.get(protocol.asset_path(asset_uid, "data", server_key)).body
        except KoboRejected as error:
            if error.status == 404:
                return False
            raise
        return not root_uuid or _root_of(body) in ("", root_uuid)

    def delete_submission(self, asset_uid: str, server_key: str) -> None:
        """Delete a row by its id or root uuid; one that is gone already is no fault."""
        self._delete(protocol.asset_path(asset_uid, "data", server_key))

    def set_validations(
        self,
        asset_uid: str,
        server_keys: Sequence[str],
        status: Validation,
        reasons: Mapping[str, str] = MappingProxyType({}),
    ) -> list[str]:
        """Set the status of many rows in few requests, empty clears it; returns those that the server has not.

        One unknown id makes the server refuse all [h09]: the list is halved until it stands alone. A status has no text here:
        the *reasons* stay with us.
        """
        if not server_keys:
            return []
        url = self.kf + protocol.asset_path(asset_uid, "data", "validation_statuses")
        body = protocol.render_validations(list(map(int, server_keys)), status)
        try:
            self._send("PATCH" if status else "DELETE", url, json=body)
        except KoboRejected as error:
            if error.status not in (400, 404) or not (len(server_keys) > 1 or self._is_gone(asset_uid, server_keys)):
                raise
            if len(server_keys) == 1:
                return list(server_keys)
            half = len(server_keys) // 2
            parts = (server_keys[:half], server_keys[half:])
            return [gone for part in parts for gone in self.set_validations(asset_uid, part, status)]
        return []

    def _is_gone(self, asset_uid: str, server_keys: Sequence[str]) -> bool:
        return not self.exists(asset_uid, server_keys[0])

    def statuses(self, asset_uid: str, server_keys: Sequence[str]) -> dict[str, RowStatus]:
        """The validation status of those among these rows that the server has now, and who set it."""
        statuses: list[RowStatus] = []
        ids = sorted(map(int, server_keys))
        for at in range(0, len(ids), protocol.IDS_PER_QUERY):
            some = ids[at : at + protocol.IDS_PER_QUERY]
            for page in self._among(asset_uid, some, STATUS_FIELDS, lambda answer: parse_statuses(answer.body)):
                statuses += page
        return {status.server_key: status for status in statuses}

    def count(self, asset_uid: str) -> int:
        """How many rows the data listing holds."""
        path = protocol.data_path(asset_uid, limit=1, fields=("_id",))
        return self._page(path, _read_page)[1].count

    def download(self, url: str, start: int = 0) -> AbstractContextManager[Stream]:
        """The bytes of an attachment from byte *start* on; asked of *kf* whatever host the link names."""
        return self._transport.stream(self.kf + protocol.path_of(url), start)

    def is_replaced(self, url: str, md5: str) -> bool:
        """Whether a file has other bytes than when it was fetched: never, a replaced one is another file here."""
        return False


def _read_page(answer: Answer) -> Page:
    page = split_page(answer.body, answer.packed)
    _ = page.digests  # here, while the caller is at work on the page before
    return page


def _read_light(answer: Answer) -> list[LightRow]:
    return parse_light_page(answer.body)


def _light_ids(rows: Sequence[LightRow]) -> list[int]:
    return [row.submission_id for row in rows]


def _root_of(body: bytes) -> str:
    """The root uuid of a row by itself; empty when it has no known shape, which proves nothing."""
    try:
        return parse_head(body).root_uuid
    except KoboUnexpected:
        return ""
