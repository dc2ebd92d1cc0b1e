"""XLSForm workbook → Form: what it asks, in what order, with which lists and files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from kobo_sync.config.languages import language_code
from kobo_sync.errors import FormError
from kobo_sync.forms.anonymity import is_anonymous
from kobo_sync.forms.headers import (
    EXPRESSIONS,
    MEDIA_COLUMNS,
    TRANSLATED,
    Column,
    SurveyType,
    clean,
    column,
    expression,
    is_disabled,
    survey_type,
)
from kobo_sync.forms.kobo_types import written_out
from kobo_sync.forms.sheets import Book, Row, Sheet, read_book
from kobo_sync.model import Choice, Form, Question, Section

# The version row that KoboToolbox wrote into workbooks for years, and metadata that phones make: no question of the form.
_SERVER_ROWS = re.compile(r"__?version__?(\d{3})?|(meta|formhub)/\w+")
OTHER = "other"  # the code that or_other adds to a list
OTHER_WORDS = {  # language → label of that code, and what is asked then
    "fr": ("Autre", "autre, préciser"),
    "en": ("Other", "specify other"),
    "ar": ("أخرى", "أخرى، حدد"),
    "es": ("Otro", "otro, especificar"),
    "pt": ("Outro", "outro, especificar"),
}
_ONE_REFERENCE = re.compile(r"\$\{\s*(last-saved#)?[^{}\s]+\s*\}")
_PULLDATA = re.compile(r"""(?:pulldata|search)\(\s*['"]([^'"]+)['"]""")


def read_form(content: bytes, filename: str) -> Form:
    """The form in a workbook: what it asks, in what order, with which lists and files.

    Raises: FormError when the file cannot be read, or has no survey sheet with rows.
    """
    return form_of(read_book(content, filename), content, filename)


def form_of(book: Book, content: bytes, filename: str) -> Form:
    """The form in sheets already read from *content*. Raises: FormError without a filled survey sheet."""
    survey = book.survey
    if survey is None:
        names = ", ".join(sheet.name for sheet in book.sheets) or "none"
        raise FormError(
            f"there is no survey sheet (sheets: {names})",
            form=filename,
            hint="name the sheet with the questions: survey",
        )
    if not survey.rows:
        raise FormError(
            "the survey sheet has no question",
            form=filename,
            hint="write type, name and label in row 1, questions below",
        )
    if "type" not in {column(header).name for header in survey.header}:
        raise FormError(
            "the survey sheet has no column type", form=filename, hint="write type, name and label in row 1"
        )
    book = written_out(book)
    survey = book.survey or survey
    settings = _settings(book)
    walked = _walk(survey)
    choices = _choices(book.sheet("choices"))
    for question in walked.questions:
        if question.origin and question.kind == "text":
            _add_other(choices, walked, question.origin)
    form_id = settings.get("form_id") or PurePath(filename).stem
    form = Form(
        form_id=form_id,
        version=settings.get("version", ""),
        title=settings.get("form_title") or form_id,
        default_language=language_code(settings.get("default_language", "")),
        languages=_languages(survey, book.sheet("choices")),
        questions=tuple(walked.questions),
        sections=tuple(walked.sections),
        choices=choices,
        media=_media(book, walked.questions),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    return replace(form, is_anonymous=is_anonymous(form))


def is_encrypted(book: Book) -> bool:
    """Whether phones encrypt what they send, so that a server can hand out ciphertext only."""
    return bool(_settings(book).get("public_key"))


@dataclass
class _Walked:
    questions: list[Question] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)


def _walk(survey: Sheet) -> _Walked:
    """Questions and sections with their paths; an end without a beginning is left to the lint rules."""
    columns = [column(header) for header in survey.header]
    walked = _Walked()
    stack: list[tuple[str, str]] = []  # (name, kind) of what is open
    for row in survey.rows:
        cells = _plain(row, columns)
        kind = survey_type(cells.get("type", ""))
        if is_disabled(cells):
            continue
        if kind.kind.startswith("end_"):
            if stack:
                stack.pop()
            continue
        name = cells.get("name", "")
        if not kind.kind or (not name and not kind.kind.startswith("begin_")) or is_server_row(kind.kind, name):
            continue
        parents = [part for part, _ in stack if part]
        repeat = _innermost_repeat(stack)
        path = "/".join([*parents, name] if name else parents)
        if kind.kind.startswith("begin_"):
            section = kind.kind.removeprefix("begin_")
            if name:
                labels, relevant = _translated(row, columns, "label"), cells.get("relevant", "")
                walked.sections.append(Section(path, name, section, labels, relevant, repeat, row.number))
                if section == "repeat" and _is_counted(cells.get("repeat_count", "")):
                    walked.questions.append(_count(path, name, cells["repeat_count"], repeat, row.number))
            stack.append((name, section))
            continue
        question = _question(row, columns, cells, kind, path, repeat)
        walked.questions.append(question)
        if kind.or_other:
            walked.questions.append(_other(question))
    return walked


def _question(
    row: Row, columns: Iterable[Column], cells: Mapping[str, str], kind: SurveyType, path: str, repeat: str
) -> Question:
    return Question(
        path=path,
        name=cells["name"],
        kind=kind.kind.removesuffix("_from_file"),
        labels=_translated(row, columns, "label"),
        hints=_translated(row, columns, "hint"),
        list_name=kind.list_name,
        file_name=kind.file_name,
        required=cells.get("required", ""),
        relevant=cells.get("relevant", ""),
        constraint=cells.get("constraint", ""),
        calculation=cells.get("calculation", ""),
        appearance=cells.get("appearance", ""),
        repeat=repeat,
        sheet_row=row.number,
        parameters=cells.get("parameters", ""),
    )


def is_server_row(kind: str, name: str) -> bool:
    """Whether a row of the sheet is one that KoboToolbox writes itself: a calculation, never a question of anybody's."""
    return kind == "calculate" and bool(_SERVER_ROWS.fullmatch(name))


def _is_counted(repeat_count: str) -> bool:
    """Whether pyxform makes a question of its own for the number of a repeat's items: not for a plain ``${question}``."""
    return bool(repeat_count) and not _ONE_REFERENCE.fullmatch(repeat_count)


def _count(path: str, name: str, repeat_count: str, repeat: str, sheet_row: int) -> Question:
    """The calculation ``<repeat>_count`` that pyxform puts before a repeat; every phone sends it."""
    return Question(
        f"{path}_count",
        f"{name}_count",
        "calculate",
        calculation=repeat_count,
        repeat=repeat,
        sheet_row=sheet_row,
        origin=name,
    )


def _other(select: Question) -> Question:
    """The text ``<select>_other`` that pyxform puts behind a select with or_other, labelled after it."""
    labels = {
        language: f"{label} ({OTHER_WORDS.get(language.partition('-')[0], OTHER_WORDS['en'])[1]})"
        for language, label in select.labels.items()
        if label
    }
    return Question(
        f"{select.path}_other",
        f"{select.name}_other",
        "text",
        labels,
        relevant=f"selected(${{{select.name}}}, '{OTHER}')",
        repeat=select.repeat,
        sheet_row=select.sheet_row,
        origin=select.name,
    )


def _add_other(choices: dict[str, tuple[Choice, ...]], walked: _Walked, name: str) -> None:
    """Give the list of select *name* the choice that or_other adds, in each language that its choices have."""
    select = next(question for question in walked.questions if question.name == name)
    items = choices.get(select.list_name, ())
    if items and all(item.name != OTHER for item in items):
        languages = dict.fromkeys(language for item in items for language in item.labels) or {"": None}
        labels = {lang: OTHER_WORDS.get(lang.partition("-")[0], OTHER_WORDS["en"])[0] for lang in languages}
        choices[select.list_name] = (*items, Choice(OTHER, labels))


def _innermost_repeat(stack: list[tuple[str, str]]) -> str:
    last = max((index for index, (_, kind) in enumerate(stack) if kind == "repeat"), default=-1)
    return "/".join(name for name, _ in stack[: last + 1] if name)


def _choices(sheet: Sheet | None) -> dict[str, tuple[Choice, ...]]:
    lists: dict[str, list[Choice]] = {}
    if sheet is None:
        return {}
    columns = [column(header) for header in sheet.header]
    own_columns = {"list_name", "name", *TRANSLATED}
    for row in sheet.rows:
        cells = _plain(row, columns)
        if cells.get("list_name") and cells.get("name"):
            extra = {
                c.header: clean(row.cells[c.header])
                for c in columns
                if c.name not in own_columns and c.header in row.cells
            }
            lists.setdefault(cells["list_name"], []).append(
                Choice(cells["name"], _translated(row, columns, "label"), extra, row.number)
            )
    return {name: tuple(items) for name, items in lists.items()}


def _settings(book: Book) -> dict[str, str]:
    sheet = book.sheet("settings")
    if sheet is None or not sheet.rows:
        return {}
    return _plain(sheet.rows[0], [column(header) for header in sheet.header])


def _languages(survey: Sheet, choices: Sheet | None) -> tuple[str, ...]:
    headers = [*survey.header, *(choices.header if choices else ())]
    return tuple(dict.fromkeys(c.language for c in map(column, headers) if c.name in TRANSLATED))


def _media(book: Book, questions: Iterable[Question]) -> tuple[str, ...]:
    names: set[str] = set()
    for question in questions:
        if question.file_name:
            names.add(question.file_name)
        if question.kind in ("csv-external", "xml-external"):
            names.add(f"{question.name}.{question.kind.removesuffix('-external')}")
        if question.kind == "select_one_external":
            names.add("itemsets.csv")
    for sheet in (book.survey, book.sheet("choices")):
        if sheet is None:
            continue
        pictures = [header for header in sheet.header if column(header).name in MEDIA_COLUMNS]
        for row in sheet.rows:
            names.update(clean(row.cells[header]) for header in pictures if header in row.cells)
            for text in row.cells.values():
                names.update(_as_csv(name) for name in _PULLDATA.findall(text))
    return tuple(sorted(names))


def _as_csv(name: str) -> str:
    return name if name.lower().endswith(".csv") else f"{name}.csv"


def _plain(row: Row, columns: Iterable[Column]) -> dict[str, str]:
    """The cells of columns without a language, by canonical name; expressions as pyxform takes them."""
    return {
        c.name: (expression if c.name in EXPRESSIONS else clean)(row.cells[c.header])
        for c in columns
        if not c.language and c.header in row.cells
    }


def _translated(row: Row, columns: Iterable[Column], name: str) -> dict[str, str]:
    return {c.language: clean(row.cells[c.header]) for c in columns if c.name == name and c.header in row.cells}
