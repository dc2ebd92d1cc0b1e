"""The final report as a PDF, beside its Word file."""

from __future__ import annotations

import hashlib

from kobo_sync.model import Document, Finding
from kobo_sync.steps import libreoffice
from kobo_sync.workspace.manifests import PreviousSet


def report_pdf(previous: PreviousSet, report: Document, as_pdf: bool) -> Document | None:
    """The report's PDF: the one there is while the report is the same, a new one when it is *as_pdf*, else none."""
    path = f"{report.path.removesuffix('.docx')}.pdf"
    is_ours = path in previous.listed
    is_same = path in previous.files and previous.digest(report.path) == hashlib.sha256(report.content).hexdigest()
    if is_same and is_ours and not as_pdf:
        return Document(path, previous.files[path](), report.classification)
    if not as_pdf:
        return None
    from kobo_sync.documents.word.living import flattened

    draft = flattened(report.content, hints=True)  # what is still to be written stays in sight
    return Document(path, libreoffice.pdfs({path: draft})[path], report.classification)


def late_pdf(folder: str, path: str) -> Finding:
    """That the PDF at *path* of *folder*, made of an earlier report, is taken away."""
    return Finding(
        "REPORT009",
        "info",
        f"{folder}/{path}",
        "the report has changed: its old PDF is taken away",
        "`kobo-sync build --pdf` makes a new one",
    )
