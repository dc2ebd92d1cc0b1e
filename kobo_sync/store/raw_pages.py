"""The rows as received: kept by the page as the server packed them, found again byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import sqlalchemy as sa
from zlib_ng import zlib_ng

from kobo_sync.errors import StoreError
from kobo_sync.store import schema

GZIP = 31
Garbled: type[Exception] = zlib_ng.error  # type: ignore[assignment]  # its stub calls it an instance
Place = tuple[int, int, int]  # body_id, first byte, number of bytes


def keep(connection: sa.Connection, raws: Sequence[bytes], body: bytes = b"", packed: bytes = b"") -> list[Place]:
    """Store rows and return their places, in order.

    Rows that were cut from *body* in this order, and are all or most of it, are kept as *body* itself,
    *packed* when the server compressed it; others are joined and compressed here.
    """
    if not raws:
        return []
    places = _cut(body, raws) if 2 * sum(map(len, raws)) > len(body) else None
    if places is None:
        body, packed, places, at = b"\n".join(raws), b"", [], 0
        for raw in raws:
            places.append((at, len(raw)))
            at += len(raw) + 1
    content = packed or zlib_ng.compress(body, 1, wbits=GZIP)
    body_id = connection.execute(schema.bodies.insert().values(packed=content)).inserted_primary_key[0]  # type: ignore[index]
    return [(body_id, at, n) for at, n in places]


def _cut(body: bytes, raws: Sequence[bytes]) -> list[tuple[int, int]] | None:
    first = body.find(raws[0])
    if first >= 0 and body.startswith(b",".join(raws), first):  # all of them, as the server puts them together
        lengths = list(map(len, raws))
        return list(zip(accumulate(lengths[:-1], lambda at, n: at + n + 1, initial=first), lengths, strict=True))
    places, end = [], 0
    for raw in raws:
        at = end + 1  # one comma after the row before: searching costs more than looking
        if not body.startswith(raw, at):
            at = body.find(raw, end)
        if at < 0:
            return None
        end = at + len(raw)
        places.append((at, len(raw)))
    return places


class RawPages:
    """Reads rows back; the body read last stays at hand, so rows are best asked for in order of place."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._body_id, self._body = -1, b""

    def row(self, place: Place) -> bytes:
        """A row's JSON bytes. Raises: StoreError when the file is damaged."""
        body_id, at, n = place
        if body_id != self._body_id:
            packed = self._connection.execute(
                sa.select(schema.bodies.c.packed).where(schema.bodies.c.body_id == body_id)
            ).scalar()
            try:
                self._body = zlib_ng.decompress(packed or b"", wbits=GZIP)
            except Garbled as error:
                raise StoreError(
                    "the local database is damaged: received rows cannot be read back", hint="restore a backup"
                ) from error
            self._body_id = body_id
        return self._body[at : at + n]
