"""Small pictures of a PDF's first page, made once per content."""

from __future__ import annotations

import hashlib
import io
import threading
from pathlib import Path

import pypdfium2

from kobo_sync.workspace.writing import write_atomic

WIDTH_PX = 480
_ONE_AT_A_TIME = threading.Lock()  # PDFium is not made for threads


def preview(folder: Path, content: bytes) -> bytes | None:
    """The first page as a PNG of `WIDTH_PX`, kept in *folder* by the PDF's SHA-256; None when it is no PDF."""
    path = folder / f"{hashlib.sha256(content).hexdigest()}.png"
    if path.is_file():
        return path.read_bytes()
    try:
        with _ONE_AT_A_TIME, pypdfium2.PdfDocument(content) as document:
            page = document[0]
            image = page.render(scale=WIDTH_PX / page.get_width()).to_pil()
    except (pypdfium2.PdfiumError, IndexError):
        return None
    out = io.BytesIO()
    image.convert("P", palette=1, colors=64).save(out, "PNG", optimize=True)
    write_atomic(path, out.getvalue(), private=True)
    return out.getvalue()
