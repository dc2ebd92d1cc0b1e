"""Forms and media that somebody uploaded and nobody has taken over yet: beside forms/, for their owner's eyes alone."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from kobo_sync.errors import StoreError, disk_error
from kobo_sync.workspace.writing import write_atomic

DRAFT, VERDICT, MEDIA = "draft.json", "verdict.json", "media"


@dataclass(frozen=True)
class Draft:
    """What is to become of one form, by the account *by*.

    *file* is the workbook as its author called it, *sha256* that of its bytes; both empty where only media are to change.
    *media* maps a file's name to the SHA-256 of what is to lie in forms/media/, empty where it is to go.
    """

    form_id: str
    by: str
    at: datetime
    file: str = ""
    sha256: str = ""
    media: Mapping[str, str] = field(default_factory=dict)

    @property
    def mark(self) -> str:
        """What changes with the draft: who takes it over names the state that was looked at."""
        text = json.dumps([self.form_id, self.file, self.sha256, sorted(self.media.items())])
        return hashlib.sha256(text.encode()).hexdigest()


class FormDrafts:
    """The drafts below *folder*, one a form; *form_id* is always one that the settings allow as a key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, form_id: str) -> Draft | None:
        """The form's draft; None without one. Raises: StoreError for one that cannot be read."""
        path = self.folder / form_id / DRAFT
        try:
            data = json.loads(path.read_bytes())
            return Draft(**{**data, "at": datetime.fromisoformat(data["at"])})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path} cannot be read", hint="discard the draft, and upload the form again") from error

    def form_ids(self) -> list[str]:
        """The forms that have a draft."""
        return sorted(path.parent.name for path in self.folder.glob(f"*/{DRAFT}"))

    def workbook(self, draft: Draft) -> Path:
        """Where the draft's workbook lies; a folder `MEDIA` with its media is beside it."""
        return self.folder / draft.form_id / f"{draft.sha256}{Path(draft.file).suffix.lower()}"

    def media(self, draft: Draft) -> dict[str, bytes]:
        """The files that are to come, by name. Raises: StoreError."""
        folder = self.folder / draft.form_id / MEDIA
        try:
            return {name: (folder / name).read_bytes() for name, sha256 in draft.media.items() if sha256}
        except OSError as error:
            raise disk_error(error, folder) from error

    def put_workbook(self, form_id: str, file: str, content: bytes, by: str, at: datetime) -> Draft:
        """Make *content* the form's draft, in place of an earlier workbook; media that are to change stay so. Raises: StoreError."""
        before = self.get(form_id) or Draft(form_id, by, at)
        draft = replace(before, by=by, at=at, file=file, sha256=hashlib.sha256(content).hexdigest())
        write_atomic(self.workbook(draft), content, private=True)
        self._write(draft)
        if before.sha256 and self.workbook(before) != self.workbook(draft):
            self.workbook(before).unlink(missing_ok=True)
        return draft

    def put_medium(self, form_id: str, name: str, content: bytes | None, by: str, at: datetime) -> Draft:
        """Have the file *name* replaced by *content*, or taken away with None. Raises: StoreError."""
        before = self.get(form_id) or Draft(form_id, by, at)
        sha256 = hashlib.sha256(content).hexdigest() if content is not None else ""
        if content is not None:
            write_atomic(self.folder / form_id / MEDIA / name, content, private=True)
        draft = replace(before, by=by, at=at, media={**before.media, name: sha256})
        self._write(draft)
        return draft

    def leave_medium(self, draft: Draft, name: str) -> None:
        """Let the file *name* stay as it is in forms/media/; a draft of nothing is none. Raises: StoreError."""
        media = {each: sha256 for each, sha256 in draft.media.items() if each != name}
        if media or draft.sha256:
            self._write(replace(draft, media=media))
        else:
            self.discard(draft.form_id)

    def discard(self, form_id: str) -> None:
        """Forget the form's draft. Raises: StoreError."""
        try:
            (self.folder / form_id / DRAFT).unlink(missing_ok=True)
            shutil.rmtree(self.folder / form_id, ignore_errors=True)
        except OSError as error:
            raise disk_error(error, self.folder / form_id) from error

    def put_verdict(self, draft: Draft, verdict: Mapping[str, Any]) -> None:
        """Keep what was found out about this state of the draft, as JSON. Raises: StoreError."""
        content = json.dumps({"mark": draft.mark, **verdict}, ensure_ascii=False).encode()
        write_atomic(self.folder / draft.form_id / VERDICT, content, private=True)

    def verdict(self, draft: Draft) -> dict[str, Any] | None:
        """What was found out about the draft as it is; None where it has changed since."""
        try:
            verdict: dict[str, Any] = json.loads((self.folder / draft.form_id / VERDICT).read_bytes())
        except (OSError, ValueError):
            return None
        return verdict if verdict.get("mark") == draft.mark else None

    def _write(self, draft: Draft) -> None:
        content = json.dumps({**asdict(draft), "at": draft.at.isoformat()}, ensure_ascii=False).encode()
        write_atomic(self.folder / draft.form_id / DRAFT, content, private=True)
