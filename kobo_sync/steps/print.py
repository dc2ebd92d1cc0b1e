"""A form on paper: its questionnaire as Word and PDF, its codebook as Excel; from the workbook alone."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kobo_sync.config.config import Config
from kobo_sync.config.languages import language_code
from kobo_sync.deliverables.letterhead import known_logos
from kobo_sync.documents.colours import readable
from kobo_sync.documents.pdf.pages import Logo
from kobo_sync.documents.pdf.questionnaire import HOUSE, questionnaire_pdf
from kobo_sync.documents.spreadsheets.codebook import codebook_workbook
from kobo_sync.documents.word.questionnaire import questionnaire_docx
from kobo_sync.errors import FormError
from kobo_sync.forms.classes import classes, lists_of
from kobo_sync.forms.codebook import codebook
from kobo_sync.forms.paper import COPIES, paper
from kobo_sync.forms.sheets import Book, read_book
from kobo_sync.forms.wording import mission_line
from kobo_sync.forms.xlsform import form_of
from kobo_sync.language.speaking import Language, first_spoken, speaking
from kobo_sync.mission.mission import Mission, utc_now
from kobo_sync.model import Choice, Form, Report
from kobo_sync.workspace.writing import write_atomic

FOLDER = "questionnaires"


@dataclass(frozen=True)
class _Source:
    """A form with all that its paper shows."""

    form: Form
    book: Book
    lists: Mapping[str, Sequence[Choice]]
    config: Config | None


def print_form(
    mission: Mission | None, form: str, *, language: str = "", output: Path | None = None, copies: int = COPIES
) -> Report:
    """Write ``<form_id>-<language>.docx`` and ``.pdf``; *form* is a form_id of the mission, or a path to an XLSForm.

    Without *language*: the form's default one. Repeats are printed *copies* times where the form does not tell.
    Raises: FormError for a form that cannot be found or read, or a language it does not have.
    """
    started_at = _clock(mission)
    return _written(mission, "print", started_at, papers_of(mission, form, language=language, copies=copies), output)


def papers_of(mission: Mission | None, form: str, *, language: str = "", copies: int = COPIES) -> dict[str, bytes]:
    """The files that `print_form` writes, by name. Raises: as that."""
    source = _source(mission, form)
    chosen = _language(source.form, language, form)
    titles = source.config.forms[form].titles if source.config and form in source.config.forms else {}
    questionnaire = paper(source.form, source.book, chosen, source.lists, copies, titles.get(chosen, ""))
    subtitle = mission_line(source.config.mission, chosen) if source.config else ""
    author = _author(source.config)
    colour, logos = _identity(mission)
    name = f"{_file_name(source.form.form_id)}-{chosen or 'x'}"
    return {
        f"{name}.docx": questionnaire_docx(questionnaire, subtitle=subtitle, author=author, colour=colour, logos=logos),
        f"{name}.pdf": questionnaire_pdf(questionnaire, subtitle=subtitle, colour=colour, logos=logos),
    }


def print_codebook(mission: Mission | None, form: str, *, output: Path | None = None) -> Report:
    """Write ``<form_id>-codes.xlsx``: questions, choices, and what the mission makes of each answer.

    Raises: FormError for a form that cannot be found or read.
    """
    started_at = _clock(mission)
    source = _source(mission, form)
    language = (
        source.config.mission.document_language if source.config else Language(first_spoken(source.form.languages))
    )
    with speaking(language):
        content = codebook_workbook(
            codebook(source.form, source.book, source.lists, source.config), author=_author(source.config)
        )
    files = {f"{_file_name(source.form.form_id)}-codes.xlsx": content}
    return _written(mission, "print", started_at, files, output)


def _source(mission: Mission | None, form: str) -> _Source:
    config = mission.config if mission else None
    lists: dict[str, Sequence[Choice]] = dict(mission.workspace.catalogues(mission.config)) if mission else {}
    if mission and config and form in config.forms:
        file = config.forms[form].file
        content = mission.workspace.form_bytes(file)
    else:
        path = Path(form)
        if not path.is_file():
            cure = (
                f"the mission's forms are: {', '.join(config.forms)}"
                if config
                else "no mission found here (--workspace)"
            )
            raise FormError("there is no such form or file", form=form, hint=f"give a form_id or a path; {cure}")
        try:
            content, file = path.read_bytes(), path.name
        except OSError as error:
            raise FormError(f"it cannot be read: {error.strerror}", form=form, hint="check its rights") from error
        lists = {**lists, **_lists_beside(path)}
    book = read_book(content, file)
    printed = form_of(book, content, file)
    columns = {name: {c for choice in each for c in choice.extra} for name, each in lists.items()}
    asked = classes(printed, config, lists_of([printed], columns))
    people = {q.file_name for q in printed.questions if q.path in asked and asked[q.path].privacy == "nominative"}
    return _Source(printed, book, {name: each for name, each in lists.items() if name not in people}, config)


def _lists_beside(path: Path) -> dict[str, Sequence[Choice]]:
    """The CSV lists beside a form, or in a folder media/ there, as far as they have a name and a label."""
    lists: dict[str, Sequence[Choice]] = {}
    for folder in (path.parent / "media", path.parent):
        for file in sorted(folder.glob("*.csv")):
            try:
                rows = list(csv.DictReader(io.StringIO(file.read_bytes().decode("utf-8-sig"))))
            except (OSError, ValueError, csv.Error):
                continue  # what is no list is none of the form's: it prints a line to write on
            if rows and {"name", "label"} <= rows[0].keys():
                lists[file.name] = tuple(
                    Choice(
                        row["name"] or "",
                        {"": row["label"] or ""},
                        {key: value or "" for key, value in row.items() if key and key not in ("name", "label")},
                        number,
                    )
                    for number, row in enumerate(rows, 2)
                )
    return lists


def _language(form: Form, option: str, where: str) -> str:
    named = [language for language in form.languages if language]
    if not named:
        return option or "fr"
    if not option:
        return form.default_language if form.default_language in named else named[0]
    codes = {option.lower(), language_code(option).lower()}
    language = next((each for each in named if {each.lower(), each.lower().partition("-")[0]} & codes), None)
    if language is None:
        raise FormError(
            f"it has no language {option!r}", form=where, hint=f"its languages are: {', '.join(named)} (--lang)"
        )
    return language


def _author(config: Config | None) -> str:
    return ", ".join(organisation.name for organisation in config.organisations) if config else ""


def _identity(mission: Mission | None) -> tuple[str, list[Logo]]:
    """The colour and logos of the mission's papers; the house's colour without one."""
    if mission is None:
        return HOUSE, []
    identity = mission.config.identity
    language = mission.config.mission.document_language.code
    templates = mission.workspace.templates(language) if identity.logos else {}
    return readable(identity.colour), known_logos(identity, templates)


def _written(
    mission: Mission | None, step: str, started_at: datetime, files: Mapping[str, bytes], output: Path | None
) -> Report:
    folder = output or (mission.workspace.out / FOLDER if mission else Path.cwd())
    for name, content in sorted(files.items()):
        write_atomic(folder / name, content)
    lines = tuple(str(folder / name) for name in sorted(files))
    return Report(step, started_at, _clock(mission), {"files": len(files)}, (), lines)


def _clock(mission: Mission | None) -> datetime:
    return mission.clock() if mission else utc_now()


def _file_name(form_id: str) -> str:
    return re.sub(r"[^\w.-]+", "_", form_id).strip("._") or "formulaire"
