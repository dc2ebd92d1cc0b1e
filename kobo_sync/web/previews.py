"""Pictures of a PDF's pages, made once per content."""

from __future__ import annotations

import hashlib
import io
import threading
from pathlib import Path

import pypdfium2

from kobo_sync.workspace.writing import write_atomic

WIDTH_PX = 480
_ONE_AT_A_TIME = threading.Lock()  # PDFium is not made for threads


def n_pages(content: bytes) -> int:
    """How many pages a PDF has; none when it is no PDF."""
    try:
        with _ONE_AT_A_TIME, pypdfium2.PdfDocument(content) as document:
            return len(document)
    except pypdfium2.PdfiumError:
        return 0


def preview(folder: Path, content: bytes, page: int = 0, width_px: int = WIDTH_PX) -> bytes | None:
    """A page (the first is 0) as a PNG, kept in *folder* by the PDF's SHA-256; None when there is none."""
    which = "" if (page, width_px) == (0, WIDTH_PX) else f"-{page}-{width_px}"
    path = folder / f"{hashlib.sha256(content).hexdigest()}{which}.png"
    if path.is_file():
        return path.read_bytes()
    try:
        with _ONE_AT_A_TIME, pypdfium2.PdfDocument(content) as document:
            sheet = document[page]
            image = sheet.render(scale=width_px / sheet.get_width()).to_pil()
    except (pypdfium2.PdfiumError, IndexError):
        return None
    out = io.BytesIO()
    image.convert("P", palette=1, colors=64).save(out, "PNG", optimize=True)
    write_atomic(path, out.getvalue(), private=True)
    return out.getvalue()
