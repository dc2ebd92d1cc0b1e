"""What the job asks of a server that holds forms and their submissions: KoboToolbox, ODK Central, a field station.

A submission is known by its root uuid everywhere. Beside it stand two things of the server's own: its *server_key*, a text by which
the server is asked for it, and its number in the listing, by which pages follow one another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from kobo_sync.errors import KoboError
from kobo_sync.model import Asset, BlankForm, DownloadedForm, Hook, MediaFile, Phone, Validation
from kobo_sync.server_kinds import Features

if TYPE_CHECKING:
    from kobo_sync.rows.listing import LightRow, Page, RowStatus
    from kobo_sync.rows.multipart import Part
    from kobo_sync.transport import Stream


TRASHED = "trash"  # the code of a refusal: the form was deleted, and can be restored
OWN_LIST = ""  # the md5 of a medium that is a list which the server keeps by itself


@dataclass(frozen=True)
class Since:
    """From when on changes are asked for: a moment, and the newest modification date that is held (empty where rows have none)."""

    at: datetime
    modified: str = ""


@dataclass(frozen=True)
class Release:
    """A form with its media as they are to be published.

    *workbook* is (bytes, file name) of the XLSForm, *xform* compiles it; without *is_new_form* the form stays as it is deployed and
    its media alone change. *media* maps all file names to md5 (`OWN_LIST` for a list that the server keeps); *new_media* has the bytes of those that the server lacks,
    *stale_media* are what it has in their place. *mark* makes our mark for a version and the media that are known to be there.
    """

    form_id: str
    title: str
    version: str
    workbook: tuple[bytes, str]
    xform: Callable[[], bytes]
    is_new_form: bool
    media: Mapping[str, str]
    new_media: Mapping[str, bytes]
    stale_media: Sequence[MediaFile]
    mark: Callable[[str, str, Mapping[str, str]], dict[str, str]]  # asset uid, version, media → the mark


@dataclass(frozen=True)
class ListChange:
    """How many rows of a list were added, changed and taken out."""

    n_new: int
    n_changed: int
    n_gone: int

    def __bool__(self) -> bool:
        return bool(self.n_new or self.n_changed or self.n_gone)


@dataclass(frozen=True)
class Examined:
    """One thing about a server that doctor looked at; *cure* is empty when it is well."""

    what: str
    verdict: str
    cure: str = ""
    severe: bool = True


@dataclass(frozen=True)
class Edit:
    """An edit of a submission: when, and by which account or phone."""

    at: datetime
    by: str


class PhoneDoor(Protocol):
    """Where submissions go in as phones send them, and what is there of them already. No request is repeated here.

    Raises (every method): KoboUnreachable, KoboRefused, KoboRejected, KoboUnexpected.
    """

    kc: str

    def close(self) -> None:
        """Give the connections back."""
        ...

    def pause(self, seconds: float) -> None:
        """Wait before the next post."""
        ...

    def accepted_bytes(self) -> int:
        """How long a post the server asks for."""
        ...

    def post(self, xml: bytes, files: Sequence[Part] = (), *, is_incomplete: bool = False) -> int:
        """Post a submission with some of its files; returns the status of its receipt."""
        ...

    def offers(self, asset_uid: str) -> bool:
        """Whether the account may submit to that form."""
        ...

    def reason(self, error: KoboError, asset_uid: str) -> str:
        """The server's own code for why it refused a submission to that form; empty where the status says all."""
        ...

    def stored(self, asset_uid: str, uuid: str) -> bytes | None:
        """The XML of the newest version of a submission, by its root uuid; None when it is not to be seen."""
        ...

    def stored_files(self, asset_uid: str, uuid: str) -> set[str]:
        """The names of the files of a submission that are there."""
        ...


class FormServer(Protocol):
    """One account on one server.

    Raises (every method): KoboUnreachable after the retries, KoboRefused, KoboRejected, KoboUnexpected.
    """

    features: Features

    def close(self) -> None:
        """Give the connections back."""
        ...

    def pause(self, seconds: float) -> None:
        """Wait before asking again."""
        ...

    def traffic(self) -> tuple[int, int]:
        """(requests, bytes received as they came over the wire) so far."""
        ...

    # ── the account ──

    def me(self) -> str:
        """What the account is called: the only true test of its secret."""
        ...

    def server_time(self) -> datetime | None:
        """The server's clock; None when it sends none."""
        ...

    def examine(self) -> Iterator[Examined]:
        """What doctor looks at on this kind of server beside what it asks of each."""
        ...

    # ── forms, their versions and media ──

    def projects(self) -> list[tuple[int, str]]:
        """Number and name of each project that the account sees, where a mission is one of them; none where each form is a project."""
        ...

    def assets(self) -> list[Asset]:
        """Every form that the account sees."""
        ...

    def asset(self, asset_uid: str) -> tuple[Asset, list[MediaFile]]:
        """A form as it stands there, and its media, in one look."""
        ...

    def workbook(self, asset_uid: str) -> bytes:
        """The form's newest content as an XLSForm."""
        ...

    def n_not_sent(self, asset_uid: str) -> int:
        """How many files the rows that were listed in this run name and phones have not sent; 0 where no listing tells it."""
        ...

    def unpublished(self, asset: Asset) -> bytes | None:
        """The XForm of the draft that somebody has made of a form and not published, and that publishing ours would replace.

        None where there is no such draft, or the server keeps drafts otherwise: what differs is told by the asset's version then.
        """
        ...

    def publish(self, asset: Asset | None, release: Release, begun: Callable[[str], None]) -> str:
        """Bring a form and its media to phones; *begun* is told its asset uid before anything changes. Returns that uid.

        Each step can be cut short and the next run finishes it. Raises: FormError when the server finds fault with the form."""
        ...

    def publish_again(self, asset_uid: str) -> None:
        """Publish once more what stands there."""
        ...

    def manifest(self, asset_uid: str) -> dict[str, str] | None:
        """File name → md5 of the media that phones get now; None when the form is not offered."""
        ...

    def write_fingerprint(self, asset_uid: str, mark: Mapping[str, str]) -> None:
        """Keep our mark beside the form, where that makes no new version."""
        ...

    def phone_file(self, asset_uid: str, filename: str) -> bytes | None:
        """A medium as phones get it now; None when they are offered none of that name."""
        ...

    def medium(self, asset_uid: str, medium: MediaFile) -> bytes | None:
        """A file of the form as the project holds it, deployed or not; None when it is gone."""
        ...

    def hooks(self, asset_uid: str) -> list[Hook]:
        """What the server calls when submissions come."""
        ...

    def put_hook(self, asset_uid: str, endpoint: str, hook_uid: str = "") -> None:
        """Have the server call *endpoint* when submissions come."""
        ...

    def list_codes(self, name: str) -> set[str] | None:
        """The codes on a list that the server keeps by itself; None where there is no such list."""
        ...

    def put_list(
        self, name: str, rows: Sequence[Mapping[str, str]], *, by_zone: bool = False, dry_run: bool = False
    ) -> ListChange:
        """Bring a list that the server keeps by itself to *rows*; only what differs is sent."""
        ...

    def blank_forms(self) -> dict[str, BlankForm]:
        """The forms that phones are offered, by asset uid."""
        ...

    def download_form(self, form: BlankForm) -> DownloadedForm:
        """A form byte for byte as phones download it."""
        ...

    # ── phones, where the server knows each by itself ──

    def phones(self) -> list[Phone]:
        """The phones that may submit, by name."""
        ...

    def add_phone(self, name: str, zone: str = "") -> Phone:
        """The phone called *name*, made where there is none; of lists by zone it gets the rows of *zone*."""
        ...

    def revoke_phone(self, key: str) -> None:
        """Take a phone's right away; what it sent stays."""
        ...

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
        """Whole rows with a number above *above*, page by page in their order; at most *limit* to a page.

        *since*: changes since then will be asked for next, which a server may answer in one. *differing* picks those
        that are not held as they are listed: a server whose rows cost may leave the others out, as `Page.unchanged`. *ahead* is told of each page before it is given."""
        ...

    def changes(self, asset_uid: str, since: Since) -> Iterator[tuple[str, Sequence[LightRow]]]:
        """(how they were asked for, light rows) of what may have changed since then."""
        ...

    def events(self, asset_uid: str, since: datetime) -> list[tuple[str, str]] | None:
        """(action, root uuid) of edits, validations and deletions since then; None where that cannot be asked."""
        ...

    def edits(self, asset_uid: str, server_key: str, root_uuid: str, since: datetime) -> list[Edit]:
        """Who edited a submission, oldest first, as far as the server tells: those of its newest thousand events since then."""
        ...

    def light_pages(self, asset_uid: str) -> Iterator[Sequence[LightRow]]:
        """The light rows of all live submissions, page by page in the order of their numbers."""
        ...

    def rows(self, asset_uid: str, numbers: Sequence[int]) -> Iterator[Page]:
        """The whole rows with these numbers, as a listing of this run gave them; those that are gone are simply absent."""
        ...

    def listed(self, asset_uid: str, server_keys: Sequence[str]) -> list[LightRow]:
        """The light rows among these that the server lists now."""
        ...

    def exists(self, asset_uid: str, server_key: str, root_uuid: str = "") -> bool:
        """Whether the row is still there, asked by itself: the proof of a deletion."""
        ...

    def count(self, asset_uid: str) -> int:
        """How many live submissions the server counts."""
        ...

    def download(self, url: str, start: int = 0) -> AbstractContextManager[Stream]:
        """The bytes of a file from byte *start* on."""
        ...

    def is_replaced(self, url: str, md5: str) -> bool:
        """Whether the file has other bytes than those of *md5*, under the same name."""
        ...

    def delete_submission(self, asset_uid: str, server_key: str) -> None:
        """Delete a row; one that is gone already is no fault."""
        ...

    def statuses(self, asset_uid: str, server_keys: Sequence[str]) -> dict[str, RowStatus]:
        """The validation status of those among these rows that the server has now, and who set it."""
        ...

    def set_validations(
        self, asset_uid: str, server_keys: Sequence[str], status: Validation, reasons: Mapping[str, str] = ...
    ) -> list[str]:
        """Set the status of rows, empty clears it, with the *reasons* where the server keeps them; returns those that it has not."""
        ...
