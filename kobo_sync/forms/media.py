"""The CSV files that phones show as lists: published from config/, or made from accepted registrations."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from kobo_sync.config.lists import read_csv
from kobo_sync.errors import ConfigError

MIMETYPES = {
    ".csv": "text/csv",
    ".xml": "application/xml",
    ".geojson": "application/geo+json",
    ".zip": "application/zip",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
}

ROSTER_COLUMNS = ("name", "label", "zone", "group", "sex", "consent")
_JOINT = " / "


def list_csv(text: str, file: str, languages: Sequence[str]) -> bytes:
    """A list of config/ as forms select from it: ``name,label`` and every other column.

    A phone shows one label column whatever its language (``select_one_from_file``), so *label* joins
    the languages: ``Eau potable / الماء الصالح للشرب``.
    Raises: ConfigError for a fault in the list, a code that is not ASCII, or no label at all.
    """
    rows = read_csv(text, file, required=("code", f"label_{languages[0]}"))
    extra = [name for name in rows[0] if name and name != "code" and not name.startswith("label_")]
    for column in ("name", "label"):
        if column in extra:
            raise ConfigError(
                f"a list may not have a column {column}", file=file, key=column, hint="it is made from code and label_*"
            )
    published = []
    for row in rows:
        code = row["code"]
        if not code.isascii() or any(mark.isspace() for mark in code):
            raise ConfigError(f"{code!r} cannot be a code", file=file, key="code", hint="use a-z, 0-9, _ and -")
        labels = [row[f"label_{language}"] for language in languages if row.get(f"label_{language}")]
        if not labels:
            raise ConfigError(
                f"{code!r} has no label", file=file, key=f"label_{languages[0]}", hint="write how people call it"
            )
        published.append([code, _JOINT.join(dict.fromkeys(labels)), *(row[name] for name in extra)])
    return _csv_bytes(["name", "label", *extra], published)


def roster_csv(participants: Sequence[Mapping[str, str]]) -> bytes:
    """The roster that forms pick persons from, sorted by zone and name; no phone, no other datum.

    Shape: each participant maps ``name`` (the code), ``label`` (« Nom Prénom / الاسم »), ``zone``, ``group``, ``sex``,
    ``consent`` (the yes of the registration, empty where none is on record).
    """
    rows = sorted([participant.get(name, "") for name in ROSTER_COLUMNS] for participant in participants)
    rows.sort(key=lambda row: (row[2], row[0]))
    return _csv_bytes(ROSTER_COLUMNS, rows)


def entities_csv(participants: Sequence[Mapping[str, str]]) -> bytes:
    """The same as phones get it of an entity list: the code stands in ``code``, ``name`` is the server's own id."""
    rows = [
        ["…", *(person.get(name, "") for name in ("label", "name", *ROSTER_COLUMNS[2:]))] for person in participants
    ]
    return _csv_bytes(("name", "label", "code", *ROSTER_COLUMNS[2:]), rows)


def _csv_bytes(header: Iterable[str], rows: Iterable[Iterable[str]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue().encode("utf-8")


def mimetype(name: str) -> str:
    """The media type by the file's ending, among those that the server takes."""
    return MIMETYPES.get(name[name.rfind(".") :].lower(), "application/octet-stream")
