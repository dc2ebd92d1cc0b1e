"""What phones sent, given out again: a type of our own, as a download, so that no browser runs it."""

from __future__ import annotations

from werkzeug.wrappers import Response

from kobo_sync.station.wire import disposition

_BEGINNINGS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"OggS", "audio/ogg"),
    (b"#!AMR", "audio/amr"),
    (b"ID3", "audio/mpeg"),
)
_BY_NAME = {
    "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "csv": "text/csv", "txt": "text/plain",
    "mp3": "audio/mpeg", "m4a": "audio/mp4", "amr": "audio/amr", "wav": "audio/wav", "ogg": "audio/ogg",
    "mp4": "video/mp4", "3gp": "video/3gpp", "webm": "video/webm",
}  # fmt: skip


def type_of(content: bytes, filename: str) -> str:
    """The type of a file, by its first bytes or else its ending; of any other kind none that a browser shows."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content[4:8] == b"ftyp":
        return _BY_NAME.get(filename.rpartition(".")[2].lower(), "video/mp4")
    by_beginning = next((mimetype for beginning, mimetype in _BEGINNINGS if content.startswith(beginning)), "")
    return by_beginning or _BY_NAME.get(filename.rpartition(".")[2].lower(), "application/octet-stream")


def as_download(answer: Response, filename: str) -> Response:
    """*answer*, saved and not shown by a browser."""
    answer.headers["Content-Disposition"] = disposition("attachment", filename)
    return answer
