"""A form as people will see it before it is deployed: on paper, and in the browser, where nothing is kept or sent."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kobo_sync.errors import FormError
from kobo_sync.forms.compiler import compile_form
from kobo_sync.mission.mission import Mission
from kobo_sync.station.browser import pages
from kobo_sync.station.browser.offered import LONG_LIST
from kobo_sync.station.browser.transform import Untransformable, browser_form
from kobo_sync.station.given_files import type_of
from kobo_sync.steps.drafts import form_of_draft, media_with, workbook_of
from kobo_sync.steps.lint import LISTS
from kobo_sync.steps.print import print_form
from kobo_sync.workspace.form_drafts import Draft
from kobo_sync.workspace.result_cache import hashed
from kobo_sync.workspace.writing import write_atomic

POLICY = pages.POLICY  # of a page that shows a form


def paper_pdf(mission: Mission, draft: Draft, language: str) -> bytes:
    """The questionnaire of the draft as a PDF, as `print` makes it; kept until something that it rests on changes.

    Raises: FormError for one that cannot be read, or does not speak *language*.
    """
    key = hashed([draft.mark, language, mission.workspace.definition_hash()])
    path = mission.workspace.state_folder() / "previews" / f"{key}.pdf"
    if not path.is_file():
        form = str(mission.workspace.form_drafts.workbook(draft)) if draft.sha256 else draft.form_id
        with tempfile.TemporaryDirectory() as folder:
            print_form(mission, form, language=language, output=Path(folder))
            pdf = next(Path(folder).glob("*.pdf")).read_bytes()
        write_atomic(path, pdf, private=True)
    return path.read_bytes()


def trial(mission: Mission, draft: Draft, address_of: Callable[[str], str]) -> dict[str, Any]:
    """What the browser form's page makes a form of; *address_of* a file's name is where its bytes are (`trial_file`).

    Raises: FormError for one that cannot be compiled, or that the browser form cannot show.
    """
    form, (content, file) = form_of_draft(mission, draft), workbook_of(mission, draft)
    here = media_with(mission, draft)
    media = {name: address_of(name) for name in form.media if name in here}
    lists = [name for name in media if name.lower().endswith(LISTS) and here[name].count(b"\n") > LONG_LIST]
    xform = compile_form(content, file, validate=False).xform
    try:
        made = browser_form(xform.encode(), media, lists)
    except Untransformable as error:
        raise FormError("the browser form cannot show it", form=file, hint="try it on a phone") from error
    return {
        "uid": f"trial {draft.form_id}",
        "id": draft.form_id,
        "title": form.title,
        "mark": draft.mark,
        "form": made.form,
        "model": made.model,
        "languages": made.languages,
        "language": made.default_language,
        "media": media,
    }


def trial_file(mission: Mission, draft: Draft, name: str) -> tuple[bytes, str] | None:
    """A file that the form names, with its type; of the list of participants an invented one. None for any other name."""
    content = media_with(mission, draft).get(name) if name in form_of_draft(mission, draft).media else None
    return (content, type_of(content, name)) if content is not None else None


def built_file(name: str) -> tuple[bytes, str] | None:
    """A script or style sheet of the browser form, with its type; None for no such file."""
    content = pages.built_file(name)
    return (content, pages.TYPES[name.rpartition(".")[2]]) if content is not None else None


def edition() -> str:
    """What stands in the addresses of these files, so that a browser may keep each for ever."""
    return pages.edition()
