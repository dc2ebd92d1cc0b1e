"""Word files as zip archives: the same parts give the same bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

from docx.document import Document as WordDocument
from docx.opc.pkgwriter import PackageWriter

from kobo_sync.documents.word.long_tables import with_rows


def saved(document: WordDocument) -> bytes:
    """The .docx file of *document* as it is: python-docx's own way of saving would pack every part twice."""
    package: Any = document.part.package
    for part in package.parts:
        part.before_marshal()
    unpacked, writer = _Parts(), PackageWriter  # type: Any, Any
    writer._write_content_types_stream(unpacked, package.parts)
    writer._write_pkg_rels(unpacked, package.rels)
    writer._write_parts(unpacked, package.parts)
    main = document.part.partname.membername
    unpacked.parts[main] = with_rows(unpacked.parts[main])
    return zipped(unpacked.parts)


class _Parts:
    """What python-docx writes a package to: part names and their bytes."""

    def __init__(self) -> None:
        self.parts: dict[str, bytes] = {}

    def write(self, place: Any, content: bytes) -> None:
        self.parts[place.membername] = content


def freeze(archive: bytes) -> bytes:
    """The same zip archive with sorted names and fixed dates, so that equal parts give equal bytes."""
    return zipped(unzipped(archive))


def unzipped(archive: bytes) -> dict[str, bytes]:
    """The parts of an archive by name."""
    with zipfile.ZipFile(io.BytesIO(archive)) as source:
        return {name: source.read(name) for name in source.namelist()}


def zipped(parts: Mapping[str, bytes]) -> bytes:
    """An archive of *parts*, in an order and with dates that never change."""
    first = ("[Content_Types].xml", "_rels/.rels")
    frozen = io.BytesIO()
    with zipfile.ZipFile(frozen, "w") as target:
        for name in sorted(parts, key=lambda n: (n not in first, n)):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            stored = name.endswith((".png", ".jpg", ".jpeg"))
            entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            entry.create_system = 0
            target.writestr(entry, parts[name], compresslevel=6)
    return frozen.getvalue()
