"""PDF of Word files that people edited, by LibreOffice when it is there; one start for the whole batch."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping

from kobo_sync.errors import DocumentError
from kobo_sync.workspace.scratch import FOR_LIBREOFFICE, scratch_folder

_TIMEOUT_S = 180
_NAMES = ("soffice", "libreoffice")
_MISSING_HINT = "install LibreOffice (Debian: apt install libreoffice-writer-nogui), or save the file as PDF in Word"


def installed() -> bool:
    """Whether LibreOffice can be called."""
    return any(shutil.which(name) for name in _NAMES)


def pdfs(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The PDF of each Word file, by the same names; LibreOffice stamps the hour, so bytes differ each time.

    Raises: DocumentError when LibreOffice is absent, fails, or takes longer than three minutes.
    """
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        raise DocumentError(
            "a PDF of an edited Word file needs LibreOffice, which is not installed", hint=_MISSING_HINT
        )
    with scratch_folder(FOR_LIBREOFFICE) as folder:
        sources = []
        for number, content in enumerate(files.values()):
            source = folder / f"{number}.docx"
            source.write_bytes(content)
            sources.append(str(source))
        # A profile of its own: a LibreOffice that is open on the desktop would otherwise take the call and do nothing.
        command = [program, f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless", "--norestore"]
        command += ["--convert-to", "pdf", "--outdir", str(folder), *sources]
        try:
            subprocess.run(command, capture_output=True, check=True, timeout=_TIMEOUT_S)
            return {name: (folder / f"{number}.pdf").read_bytes() for number, name in enumerate(files)}
        except (OSError, subprocess.SubprocessError) as error:
            raise DocumentError(
                "LibreOffice could not make the PDF", hint="open the file in Word and save it as PDF"
            ) from error
