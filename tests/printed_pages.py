"""Word files as LibreOffice puts them on pages: the lines of each page without header and footer, for the tests of looks."""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from docx import Document as open_docx
from lxml import etree

from kobo_sync.documents.word.living import flattened
from kobo_sync.steps.libreoffice import pdfs

_XHTML = "{http://www.w3.org/1999/xhtml}"
_FEWEST = 3  # lines of a page that is worth its paper


@dataclass(frozen=True)
class Page:
    """One page: its lines of text from top to bottom, header and footer left out, and whether a picture is on it."""

    lines: tuple[str, ...]
    has_picture: bool


def pages_of(files: Mapping[str, bytes], folder: Path) -> dict[str, list[Page]]:
    """The pages of each Word file."""
    return {
        name: _pages(content, pdf, folder) for (name, content), pdf in zip(files.items(), _printed(files), strict=True)
    }


def _printed(files: Mapping[str, bytes]) -> list[bytes]:
    return list(pdfs({name: flattened(content, hints=True) for name, content in files.items()}).values())


def faults(name: str, content: bytes, pages: list[Page]) -> list[str]:
    """What is wrong with the pages of a file: nearly empty ones, headings that end a page, captions too."""
    told = []
    headings = {
        _plain(p.text)
        for p in open_docx(io.BytesIO(content)).paragraphs
        if p.style and p.style.name.startswith(("Heading", "Caption"))
    }  # type: ignore[union-attr]
    for number, page in enumerate(pages, 1):
        if number > 1 and len(page.lines) < _FEWEST and not page.has_picture:
            told.append(f"{name}, page {number} of {len(pages)}: {len(page.lines)} line(s)")
        if page.lines and _plain(page.lines[-1]) in headings and not page.has_picture:
            told.append(f"{name}, page {number}: ends with a heading")
    return told


def _pages(content: bytes, pdf: bytes, folder: Path) -> list[Page]:
    path = folder / "printed.pdf"
    path.write_bytes(pdf)
    boxes = subprocess.run(["pdftotext", "-bbox-layout", str(path), "-"], capture_output=True, check=True).stdout
    listed = subprocess.run(["pdfimages", "-list", str(path)], capture_output=True, check=True, text=True).stdout
    with_picture = {int(line.split()[0]) for line in listed.splitlines()[2:]}
    running = _running(content)
    pages = []
    for number, page in enumerate(etree.fromstring(boxes).iter(f"{_XHTML}page"), 1):
        lines = [
            (float(line.get("yMin")), " ".join(word.text or "" for word in line.iter(f"{_XHTML}word")))
            for line in page.iter(f"{_XHTML}line")
        ]
        rows: dict[int, str] = {}
        for y, text in sorted(lines):
            if not any(_plain(text) in each for each in running) and not re.fullmatch(r"Page\d+/\d+", _plain(text)):
                rows[round(y / 6)] = f"{rows.get(round(y / 6), '')} {text}".strip()
        pages.append(Page(tuple(text for _, text in sorted(rows.items())), number in with_picture))
    return pages


def _running(content: bytes) -> list[str]:
    """The words of headers and footers."""
    section = open_docx(io.BytesIO(content)).sections[0]
    parts = (section.header, section.footer, section.first_page_header, section.first_page_footer)
    return [_plain("".join(node.text or "" for node in part._element.iter("{*}t"))) for part in parts]


def _plain(text: str) -> str:
    return re.sub(r"\s", "", text)
