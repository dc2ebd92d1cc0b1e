"""Rows that the fast decoders refuse, told apart from their neighbours: one odd row must not cost its page.

A lone surrogate, bytes that are no UTF-8, NaN, ten thousand brackets: whatever a row holds, its page is cut at its
commas by counting brackets alone, and the row stands for itself.
"""

from __future__ import annotations

import hashlib
import re
from typing import Literal

import msgspec

from kobo_sync.rows.bodies import unexpected

SET_ASIDE_CAUSE = "_set_aside"  # the key of what stands for a row that its server cannot give: why it cannot
SetAsideCause = Literal["", "failing", "doubled"]
MOST_ID = 2**63 - 1  # what a database's integer holds
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[{}\[\],]', re.DOTALL)
_COUNT = re.compile(rb'"count"\s*:\s*(\d{1,18})\b')


class _Identity(msgspec.Struct):
    number: msgspec.Raw = msgspec.field(name="_id", default=msgspec.Raw())
    uuid: msgspec.Raw = msgspec.field(name="_uuid", default=msgspec.Raw())


_IDENTITY = msgspec.json.Decoder(_Identity)


def cut(body: bytes) -> tuple[int, list[bytes]]:
    """(count, rows) of a page, each row's bytes as they came. Raises: KoboUnexpected when it is no whole page."""
    depth, start, key = 0, -1, b""
    count, rows, has_results = 0, list[bytes](), False
    for token in _TOKEN.finditer(body):
        text, place = token[0], token.start()
        if start >= 0 and depth == 2 and text in (b",", b"]"):
            rows.append(body[start:place].strip())
            start = token.end() if text == b"," else -1
        if text[:1] == b'"':
            if depth == 1:
                key = text if body[token.end() :].lstrip()[:1] == b":" else key
                if text == b'"count"' and (number := _COUNT.match(body, place)):
                    count = int(number[1])
        elif text in (b"{", b"["):
            depth += 1
            if depth == 2 and text == b"[" and key == b'"results"':
                start, has_results = token.end(), True
        elif text in (b"}", b"]"):
            depth -= 1
    rows = [row for row in rows if row]
    if depth or not has_results or not body.lstrip().startswith(b"{"):
        unexpected("not a page of submissions", body)
    return count, rows


def is_row(raw: bytes) -> bool:
    """Whether these bytes may be a submission's, however odd."""
    return b'"_id"' in raw or b'"_uuid"' in raw


def id_of(raw: bytes) -> int:
    """The id of a row, whatever else it holds; one below zero that stands in for an id which is no number we can keep.

    The stand-in is the same wherever the server lists the row: it comes from its ``_id`` and ``_uuid`` as they are written.
    """
    try:
        identity = _IDENTITY.decode(raw)
        number, uuid = bytes(identity.number), bytes(identity.uuid)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        number, uuid = (_member(raw, key) for key in (b'"_id"', b'"_uuid"'))
    if number.isdigit() and len(number) < 20 and int(number) <= MOST_ID:
        return int(number)
    return -1 - int.from_bytes(hashlib.sha256(number + b" " + (uuid or raw)).digest()[:6])


def _member(raw: bytes, key: bytes) -> bytes:
    """The text of a plain value of the row itself: not of what is nested in it; empty when there is none."""
    depth = 0
    for token in _TOKEN.finditer(raw):
        if token[0] in (b"{", b"["):
            depth += 1
        elif token[0] in (b"}", b"]"):
            depth -= 1
        elif depth == 1 and token[0] == key:
            value = re.compile(rb'\s*:\s*("(?:[^"\\]++|\\.)*+"|[^\s,{}\[\]]+)', re.DOTALL).match(raw, token.end())
            if value:
                return value[1]
    return b""
