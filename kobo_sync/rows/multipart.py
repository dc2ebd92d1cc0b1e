"""A submission as phones post it: multipart/form-data, each part byte for byte, names as they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

XML_PART, INCOMPLETE = "xml_submission_file", "*isIncomplete*"  # as the OpenRosa submission API calls them
MOST_FILES = 99  # to a post: KoboToolbox takes a hundred, the XML counted
_PART_BYTES = 200  # what a part has besides its name and its content, at the most


@dataclass(frozen=True)
class Part:
    """A file of a submission; *name* is the one that the XML says."""

    name: str
    mimetype: str
    content: bytes


def encode(xml: bytes, files: Sequence[Part], *, is_incomplete: bool) -> tuple[str, bytes]:
    """(Content-Type, body); the same submission gives the same bytes. *is_incomplete*: more files follow."""
    parts = [(XML_PART, "submission.xml", "text/xml", xml)]
    parts += [(part.name, part.name, part.mimetype, part.content) for part in files]
    chunks = [
        f"Content-Disposition: form-data; name={_quoted(key)}; filename={_quoted(name)}\r\n"
        f"Content-Type: {mimetype}\r\n\r\n".encode()
        + content
        for key, name, mimetype, content in parts
    ]
    if is_incomplete:
        chunks.append(f"Content-Disposition: form-data; name={_quoted(INCOMPLETE)}\r\n\r\nyes".encode())
    boundary = _boundary(chunks)
    body = b"".join(b"--%s\r\n%s\r\n" % (boundary, chunk) for chunk in chunks) + b"--%s--\r\n" % boundary
    return f"multipart/form-data; boundary={boundary.decode('ascii')}", body


def _quoted(name: str) -> str:
    """*name* between quotes: UTF-8 as it is, as phones write it; quotes and backslashes as servers read them back."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(sign for sign in escaped if sign.isprintable()) + '"'


def _boundary(chunks: Iterable[bytes]) -> bytes:
    """A line that none of *chunks* has."""
    chunks = list(chunks)
    digest = hashlib.sha256(b"".join(chunks)).hexdigest()
    while any(digest.encode() in chunk for chunk in chunks):
        digest = hashlib.sha256(digest.encode()).hexdigest()
    return digest.encode()


def batches(xml_bytes: int, files: Sequence[tuple[str, int]], most_bytes: int) -> list[list[int]]:
    """The files of a submission, by their numbers, in posts that a server of this limit accepts; one post at least.

    *files* are (name, bytes). Each post has the XML too; a file that is too large by itself travels alone: the limit is
    what a server asks for, not what it refuses [e58].
    """
    room = most_bytes - xml_bytes - 2 * _PART_BYTES
    posts: list[list[int]] = [[]]
    left = room
    for number, (name, size) in enumerate(files):
        need = size + 2 * len(name.encode()) + _PART_BYTES
        if posts[-1] and (need > left or len(posts[-1]) == MOST_FILES):
            posts.append([])
            left = room
        posts[-1].append(number)
        left -= need
    return posts
