"""What is asked of KoboToolbox or a field station: projects, forms, pages of submissions; gives the nouns of `model`."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from kobo_sync.errors import KoboRefused, KoboRejected, KoboUnexpected, KoboUnreachable
from kobo_sync.kobo.paging import MIN_PAGE, PageSize, quick_turns, repeats
from kobo_sync.kobo.wire import protocol
from kobo_sync.model import Asset, Hook, MediaFile, Validation
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
from kobo_sync.transport import Answer, Stream, Transport, is_slow

READS = 3  # an answer that is no page (an error page, half a body) is asked for again so often
T = TypeVar("T")


class KoboServer:
    """One account on one server: *kf* is the API's address, *kc* the one phones use.

    It asks for *most_s* seconds from its making on at the most: whatever a server answers, a run has an end.
    Only what is safe to repeat is retried: reads, deletions, and changes that say the whole new state.
    The token goes to these two addresses and nowhere else, over plain http to this machine alone unless *plain_http*
    lets it; redirects are never followed.
    Raises (every method): KoboUnreachable after the retries, KoboRefused, KoboRejected, KoboUnexpected.
    """

    def __init__(
        self,
        kf: str,
        kc: str,
        token: str,
        *,
        timeout_s: float = 130,
        retries: int = 5,
        most_s: float = float("inf"),
        plain_http: bool = False,
        pace: Callable[[], None] = lambda: None,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.kf, self.kc = kf, kc
        self._monotonic, self._until, self._most_s = monotonic, monotonic() + most_s, most_s
        self._transport = Transport(
            f"Token {token}" if token else "",
            timeout_s=timeout_s,
            retries=retries,
            plain_http=plain_http,
            pace=pace,
            sleep=sleep,
            jitter=jitter,
            monotonic=monotonic,
        )

    def close(self) -> None:
        """Give the connections back."""
        self._transport.close()

    def traffic(self) -> tuple[int, int]:
        """(requests, bytes received as they came over the wire) so far."""
        return self._transport.n_requests, self._transport.n_bytes

    # ── accounts and projects ──

    def me(self) -> str:
        """The username that the token belongs to: the only true test of a token."""
        return protocol.parse_username(self.get(protocol.ME).body)

    def server_time(self) -> datetime | None:
        """The server's clock, from its Date header; None when it sends none."""
        text = self.get(protocol.ME).headers.get("Date", "")
        return parsedate_to_datetime(text).astimezone(UTC) if text else None

    def asset(self, asset_uid: str) -> tuple[Asset, list[MediaFile]]:
        """A project and its form media, in one request."""
        body = self.get(protocol.asset_path(asset_uid)).body
        return protocol.parse_asset(body), protocol.parse_media(body)

    def assets(self) -> list[Asset]:
        """Every survey that the account sees."""
        assets: list[Asset] = []
        limit = 100
        for start in range(0, 1_000_000, limit):
            path = protocol.assets_path("asset_type:survey", limit, start)
            page, more = protocol.parse_assets(self.get(path).body)
            if assets and page and page[0] in assets:
                raise repeats("the next projects were asked for, and the same came", path)
            assets += page
            if not more:
                break
        return assets

    def import_form(self, content: bytes, filename: str, *, name: str, into: str = "") -> str:
        """Import an XLSForm as a new project, or *into* an asset uid; returns the asset uid.

        Raises: KoboRejected with the server's reason when it refuses the form.
        """
        fields = {"name": name, "library": "false"}  # without library=false it becomes a library block [b05]
        if into:
            fields["destination"] = self.kf + protocol.asset_path(into)
        answer = self._send(
            "POST", self.kf + protocol.IMPORTS, data=fields, files={"file": (filename, content)}, retry=False
        )
        path = f"{protocol.IMPORTS}{protocol.parse_import_uid(answer.body)}/"
        for pause in self._polls():
            state = protocol.parse_import(self.get(path).body)
            if state.error:
                raise KoboRejected(
                    "the server refuses the form",
                    method="POST",
                    url=protocol.IMPORTS,
                    excerpt=state.error,
                    hint="mend the form as it says; `kobo-sync lint` finds most causes beforehand",
                )
            if state.asset_uid:
                return state.asset_uid
            self._transport.sleep(pause)
        raise KoboUnreachable("the import did not end", method="GET", url=path, hint="try again later")

    def upload_media(self, asset_uid: str, filename: str, content: bytes, mimetype: str) -> None:
        """Add a form media file; the same name must not exist [c05]."""
        fields = {
            "description": "default",  # required, any text [c10]
            "file_type": "form_media",
            "metadata": json.dumps({"filename": filename}),  # its absence is a 500 [c09]
        }
        url = self.kf + protocol.asset_path(asset_uid, "files")
        self._send("POST", url, data=fields, files={"content": (filename, content, mimetype)}, retry=False)

    def delete_media(self, asset_uid: str, file_uid: str) -> None:
        """Remove a form media file; one that is gone already is no fault."""
        self._delete(protocol.asset_path(asset_uid, "files", file_uid))

    def deploy(self, asset: Asset) -> None:
        """Publish the newest content and media to phones: a first or a real redeployment."""
        url = self.kf + protocol.asset_path(asset.asset_uid, "deployment")
        if asset.is_deployed:
            # Without version_id the server only (un)archives [c25]; with it media are published too [c31].
            self._send("PATCH", url, json={"active": True, "version_id": asset.version_id})
        else:
            self._send("POST", url, json={"active": True}, retry=False)  # active defaults to false [d08]

    def hooks(self, asset_uid: str) -> list[Hook]:
        """The project's REST services [i14]."""
        return protocol.parse_hooks(self._send("GET", self.kf + protocol.asset_path(asset_uid, "hooks")).body)

    def put_hook(self, asset_uid: str, endpoint: str, hook_uid: str = "") -> None:
        """Make our REST service of a project, or mend the one called *hook_uid* [i02]."""
        path = protocol.asset_path(asset_uid, "hooks", *([hook_uid] if hook_uid else []))
        method = "PATCH" if hook_uid else "POST"
        self._send(method, self.kf + path, json=protocol.hook_body(endpoint), retry=bool(hook_uid))

    def write_fingerprint(self, asset_uid: str, mark: Mapping[str, str]) -> None:
        """Keep *mark* in the project's settings, where it makes no new version."""
        settings = {"extra_metadata": {protocol.FINGERPRINT_KEY: dict(mark)}}
        self._send("PATCH", self.kf + protocol.asset_path(asset_uid), json={"settings": settings})

    def workbook(self, asset_uid: str) -> bytes:
        """The project's newest content as a workbook [b21]."""
        path = protocol.asset_path(asset_uid).removesuffix("/") + ".xls"
        return self._send("GET", self.kf + path, headers={"Accept": "*/*"}).body

    def pause(self, seconds: float) -> None:
        """Wait before asking again."""
        self._transport.sleep(seconds)

    def manifest(self, asset_uid: str) -> dict[str, str] | None:
        """File name → md5 of the media that phones download now; None when the form is not offered."""
        path = f"{protocol.FORM_LIST}?formID={asset_uid}"
        listed = protocol.parse_manifest_path(self.phone_file_at(path), asset_uid)
        return protocol.parse_manifest(self.phone_file_at(listed)) if listed else None

    def phone_file(self, asset_uid: str, filename: str) -> bytes | None:
        """A form media file as phones download it now; None when they are offered none of that name [e14]."""
        listed = protocol.parse_manifest_path(self.phone_file_at(f"{protocol.FORM_LIST}?formID={asset_uid}"), asset_uid)
        path = protocol.parse_manifest_links(self.phone_file_at(listed)).get(filename) if listed else None
        return self.phone_file_at(path) if path else None

    def phone_file_at(self, path: str) -> bytes:
        """What phones get at a path of the server's: formList, a form, a manifest, a medium."""
        headers = {**protocol.OPENROSA_HEADERS, "Accept": "*/*"}
        return self._send("GET", self.kc + path, headers=headers).body

    # ── submissions ──

    def pages(
        self, asset_uid: str, *, above: int, limit: int, ahead: Callable[[Page], None] = lambda page: None
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

    def light_pages(self, asset_uid: str, query: Mapping[str, Any] | None = None) -> Iterator[list[LightRow]]:
        """The light rows of the whole project, or of those that *query* finds, page by page in order of id."""
        return self._keyset(asset_uid, -1, protocol.PAGE_MAX, query or {}, LIGHT_FIELDS, _read_light, _light_ids)

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

    def rows(self, asset_uid: str, submission_ids: Sequence[int]) -> Iterator[Page]:
        """The whole rows with these ids, in pages; ids that are gone are simply absent."""
        for at in range(0, len(submission_ids), protocol.IDS_PER_QUERY):
            some = submission_ids[at : at + protocol.IDS_PER_QUERY]
            yield from self._among(asset_uid, some, (), _read_page)

    def listed(self, asset_uid: str, submission_ids: Sequence[int]) -> list[LightRow]:
        """The light rows among these ids that the server lists now."""
        light_rows: list[LightRow] = []
        for at in range(0, len(submission_ids), protocol.IDS_PER_QUERY):
            some = submission_ids[at : at + protocol.IDS_PER_QUERY]
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

    def exists(self, asset_uid: str, submission_id: int, root_uuid: str = "") -> bool:
        """Whether the row is still there, asked by itself: 404 is the proof of a deletion.

        So is another *root_uuid* under its id: a server put back from a backup gives ids anew.
        """
        try:
            body = self.get(protocol.asset_path(asset_uid, "data", str(submission_id))).body
        except KoboRejected as error:
            if error.status == 404:
                return False
            raise
        return not root_uuid or _root_of(body) in ("", root_uuid)

    def delete_submission(self, asset_uid: str, submission: int | str) -> None:
        """Delete a row by its id or root uuid; one that is gone already is no fault."""
        self._delete(protocol.asset_path(asset_uid, "data", str(submission)))

    def set_validation(self, asset_uid: str, submission_id: int, status: Validation) -> None:
        """Set a row's validation status; an empty *status* clears it."""
        url = self.kf + protocol.asset_path(asset_uid, "data", str(submission_id), "validation_status")
        if status:
            self._send("PATCH", url, json=protocol.render_validation(status))
        else:
            self._send("DELETE", url)

    def set_validations(self, asset_uid: str, submission_ids: Sequence[int], status: Validation) -> list[int]:
        """Set the status of many rows in few requests, empty clears it; returns the ids that the server has not.

        One unknown id makes the server refuse all [h09]: the list is halved until it stands alone.
        """
        if not submission_ids:
            return []
        url = self.kf + protocol.asset_path(asset_uid, "data", "validation_statuses")
        body = protocol.render_validations(submission_ids, status)
        try:
            self._send("PATCH" if status else "DELETE", url, json=body)
        except KoboRejected as error:
            if error.status not in (400, 404) or not (
                len(submission_ids) > 1 or self._is_gone(asset_uid, submission_ids)
            ):
                raise
            if len(submission_ids) == 1:
                return list(submission_ids)
            half = len(submission_ids) // 2
            parts = (submission_ids[:half], submission_ids[half:])
            return [gone for part in parts for gone in self.set_validations(asset_uid, part, status)]
        return []

    def _is_gone(self, asset_uid: str, submission_ids: Sequence[int]) -> bool:
        return not self.exists(asset_uid, submission_ids[0])

    def statuses(self, asset_uid: str, submission_ids: Sequence[int]) -> dict[int, RowStatus]:
        """The validation status of those among these ids that the server has now, and who set it."""
        statuses: list[RowStatus] = []
        for at in range(0, len(submission_ids), protocol.IDS_PER_QUERY):
            some = submission_ids[at : at + protocol.IDS_PER_QUERY]
            for page in self._among(asset_uid, some, STATUS_FIELDS, lambda answer: parse_statuses(answer.body)):
                statuses += page
        return {status.submission_id: status for status in statuses}

    def count(self, asset_uid: str) -> int:
        """How many rows the data listing holds."""
        path = protocol.data_path(asset_uid, limit=1, fields=("_id",))
        return self._page(path, _read_page)[1].count

    def download(self, url: str, start: int = 0) -> AbstractContextManager[Stream]:
        """The bytes of an attachment from byte *start* on; asked of *kf* whatever host the link names."""
        return self._transport.stream(self.kf + protocol.path_of(url), start)

    # ── one request ──

    def get(self, path: str, *, when_slow: int = 0) -> Answer:
        """GET a path of the API: the way out for what has no method here."""
        return self._send("GET", self.kf + protocol.path_of(path), when_slow=when_slow)

    def _send(self, method: str, url: str, **options: Any) -> Answer:
        if self._monotonic() > self._until:
            raise KoboUnreachable(
                f"this run has asked for more than {self._most_s / 3600:g} hours and ends here",
                hint="what was received is stored and the next run goes on; pull.most_hours sets the bound",
            )
        return self._transport.send(method, url, **options)

    def _delete(self, path: str) -> None:
        try:
            self._send("DELETE", self.kf + path)
        except KoboRejected as error:
            if error.status != 404:
                raise

    def _polls(self) -> Iterator[float]:
        """Pauses in seconds that grow from 0.05 to 2, for about two minutes."""
        pause, total = 0.05, 0.0
        while total < 120:
            yield pause
            total += pause
            pause = min(2.0, pause * 1.6)


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
