"""XLSForm workbook ↔ Form and XForm: the only module that knows pyxform."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePath
from typing import Any

from kobo_sync.errors import FormError
from kobo_sync.forms.sheets import Book, Row, Sheet, read_book
from kobo_sync.model import Choice, Finding, Form, Question, Section

TRANSLATED = (
    "label",
    "hint",
    "guidance_hint",
    "constraint_message",
    "required_message",
    "image",
    "big-image",
    "audio",
    "video",
)
MEDIA_COLUMNS = ("image", "big-image", "audio", "video")
COMPILE_RULE = "FORM000"
_COLUMN_ALIASES = {
    "relevance": "relevant", "caption": "label", "command": "type", "tag": "name", "value": "name", "calculate": "calculation",
    "readonly": "read_only", "constraining_message": "constraint_message", "requiredmsg": "required_message",
    "count": "repeat_count", "jr:count": "repeat_count", "list": "list_name", "set_form_title": "form_title",
    "title": "form_title", "set_form_id": "form_id", "id_string": "form_id", "bind::jr:constraintmsg": "constraint_message",
    "bind::jr:requiredmsg": "required_message", "control::appearance": "appearance", "body::appearance": "appearance",
}  # fmt: skip
_TYPE_ALIASES = {
    "imei": "deviceid", "photo": "image", "int": "integer", "string": "text", "gps": "geopoint", "location": "geopoint",
    "datetime": "dateTime", "select1": "select_one", "select one": "select_one", "select one from": "select_one",
    "add select one prompt using": "select_one", "select all that apply from": "select_multiple",
    "select all that apply": "select_multiple", "select multiple": "select_multiple", "select multiple from": "select_multiple",
    "add select multiple prompt using": "select_multiple", "select one from file": "select_one_from_file",
    "select multiple from file": "select_multiple_from_file", "select one external": "select_one_external",
    "begin group": "begin_group", "end group": "end_group", "begin repeat": "begin_repeat", "end repeat": "end_repeat",
    "begin lgroup": "begin_repeat", "end lgroup": "end_repeat", "begin looped group": "begin_repeat",
    "end looped group": "end_repeat", "device id": "deviceid", "phone number": "phonenumber", "get phone number": "phonenumber",
    "start time": "start", "get start time": "start", "end time": "end", "get end time": "end", "get today": "today",
}  # fmt: skip
_SELECTS = (
    "select_one",
    "select_multiple",
    "rank",
    "select_one_from_file",
    "select_multiple_from_file",
    "select_one_external",
)
_PULLDATA = re.compile(r"""(?:pulldata|search)\(\s*['"]([^'"]+)['"]""")
_ROW = re.compile(r"\[row : (\d+)\]")
_SHEET = re.compile(r"'(survey|choices|settings|entities|external_choices)' sheet")
_NOISE = re.compile(r"ODK Validate Errors|Result: Invalid|The following files|XForm is invalid|Error\(s\) in|\$\{tmp")
_JAVA_OBJECT = re.compile(r",? ?(Bad node: )?(org|java)\.[\w.]+@[0-9a-f]+")
_TOKEN = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True)
class Compiled:
    """A form with the XForm that phones read, and what pyxform and ODK Validate warned about."""

    form: Form
    xform: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """A header as understood: canonical *name*, *language* code ("" when none), the *header* as written."""

    name: str
    language: str
    header: str


@dataclass(frozen=True)
class SurveyType:
    """A cell of the type column: canonical *kind*, its list or file, and whether *or_other* follows."""

    kind: str
    list_name: str = ""
    file_name: str = ""
    or_other: bool = False


@lru_cache(maxsize=4096)
def column(header: str) -> Column:
    """The meaning of a header: ``Label::Français (fr)`` → label, fr; single colons count where two are missing."""
    plain = " ".join(header.split())
    key = _snake(plain)
    if key in _COLUMN_ALIASES:
        return Column(_COLUMN_ALIASES[key], "", header)
    parts = [part.strip() for part in plain.split("::" if "::" in plain else ":")]
    if len(parts) > 1 and parts[0].lower() in ("media", "bind", "body", "control"):
        parts = parts[1:] if parts[0].lower() == "media" else [parts[1].removeprefix("jr:"), *parts[2:]]
    name = _snake(parts[0])
    name = _COLUMN_ALIASES.get(name, name)
    name = {"constraintmsg": "constraint_message", "requiredmsg": "required_message"}.get(name, name)
    if len(parts) > 1 and name in TRANSLATED:
        return Column(name, language_code(parts[1]), header)
    return Column(name if len(parts) == 1 else key, "", header)


def language_code(text: str) -> str:
    """``Français (fr)`` → ``fr``; a language without a code keeps its whole name; ``default`` is none."""
    match = re.search(r"\(\s*([A-Za-z]{2,3}(?:-[A-Za-z0-9]+)*)\s*\)\s*$", text)
    if match:
        return match[1]
    return "" if text.strip().lower() == "default" else text.strip()


def survey_type(text: str) -> SurveyType:
    """The canonical type of a survey row, in whatever case and spacing it was typed."""
    words = " ".join(text.split())
    or_other = bool(re.search(r"\s(or_other|or specify other)$", words))
    words = re.sub(r"\s(or_other|or specify other)$", "", words)
    lower = words.lower()
    if match := re.match(r"(begin|end)[ _]loop\b", lower):
        return SurveyType(f"{match[1]}_group", list_name=words.rpartition(" over ")[2] if " over " in words else "")
    if lower in _TYPE_ALIASES or " " not in words:
        return SurveyType(_TYPE_ALIASES.get(lower, "dateTime" if lower == "datetime" else lower), or_other=or_other)
    head, _, tail = words.rpartition(" ")
    kind = _TYPE_ALIASES.get(head.lower(), head.lower())
    if kind not in _SELECTS:  # a list name with a space, or a type that nobody knows
        head, _, tail = words.partition(" ")
        kind = _TYPE_ALIASES.get(head.lower(), head.lower())
    if kind.endswith("_from_file"):
        return SurveyType(kind, file_name=tail, or_other=or_other)
    if kind in _SELECTS or kind == "osm":
        return SurveyType(kind, list_name=tail, or_other=or_other)
    return SurveyType(lower, or_other=or_other)


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
    settings = _settings(book)
    walked = _walk(survey)
    choices = _choices(book.sheet("choices"))
    form_id = settings.get("form_id") or PurePath(filename).stem
    return Form(
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


@lru_cache(maxsize=1)
def known_types() -> frozenset[str]:
    """Every type of row that pyxform knows, in lower case."""
    from pyxform.question_type_dictionary import QUESTION_TYPE_DICT  # half a second to load, for lint alone

    return frozenset(
        {name.lower() for name in QUESTION_TYPE_DICT}
        | {*_SELECTS, *(kind.lower() for kind in _TYPE_ALIASES.values())}
        | {"csv-external", "xml-external", "begin_loop", "end_loop", "note", "range", "hidden", "image", "email", "osm"}
    )


def compile_form(content: bytes, filename: str, *, validate: bool) -> Compiled:
    """The form with its XForm; *validate* also runs ODK Validate, which needs Java.

    Raises: FormError with one finding per complaint, naming sheet and row where pyxform or Validate tells them.
    """
    # Half a second to load: what only reads a form does without.
    from pyxform.errors import PyXFormError
    from pyxform.validators.odk_validate import ODKValidateError
    from pyxform.xls2json_backends import Definition
    from pyxform.xls2xform import convert

    form = read_form(content, filename)
    path = PurePath(filename)
    definition = Definition(data=io.BytesIO(content), file_type=None, file_path_stem=path.stem)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # openpyxl tells of Excel features that hold no text
            result = convert(definition, validate=validate, file_type=path.suffix.lower())
    except OSError as error:
        raise FormError(
            "ODK Validate cannot run: Java is missing",
            form=filename,
            hint="install default-jre-headless, or compile without Validate",
        ) from error
    except (PyXFormError, ODKValidateError) as error:
        findings = _complaints(str(error), getattr(error, "context", {}), form, filename)
        raise FormError(
            findings[0].message, form=findings[0].where, findings=findings, hint=findings[0].hint
        ) from error
    except Exception as error:  # pyxform answers some odd cells with a bare TypeError, KeyError or RecursionError
        raise FormError(
            f"pyxform cannot compile it ({type(error).__name__})",
            form=filename,
            hint="run kobo-sync lint and mend what it finds",
        ) from error
    late = [text for text in result.warnings if "took to long" in text or "Bad return code" in text]
    if late:
        raise FormError(
            "ODK Validate did not finish", form=filename, hint="try again on an idle machine; split a very large form"
        )
    return Compiled(form, result.xform, tuple(result.warnings))


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
        if kind.kind in ("end_group", "end_repeat"):
            if stack:
                stack.pop()
            continue
        name = cells.get("name", "")
        if not kind.kind or (not name and not kind.kind.startswith("begin_")):
            continue
        parents = [part for part, _ in stack if part]
        repeat = _innermost_repeat(stack)
        path = "/".join([*parents, name] if name else parents)
        if kind.kind.startswith("begin_"):
            section = kind.kind.removeprefix("begin_")
            if name:
                walked.sections.append(
                    Section(
                        path,
                        name,
                        section,
                        _translated(row, columns, "label"),
                        cells.get("relevant", ""),
                        repeat,
                        row.number,
                    )
                )
            stack.append((name, section))
            continue
        walked.questions.append(_question(row, columns, cells, kind, path, repeat))
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
    )


def _innermost_repeat(stack: list[tuple[str, str]]) -> str:
    last = max((index for index, (_, kind) in enumerate(stack) if kind == "repeat"), default=-1)
    return "/".join(name for name, _ in stack[: last + 1] if name)


def _choices(sheet: Sheet | None) -> dict[str, tuple[Choice, ...]]:
    lists: dict[str, list[Choice]] = {}
    if sheet is None:
        return {}
    columns = [column(header) for header in sheet.header]
    known = {"list_name", "name", *TRANSLATED}
    for row in sheet.rows:
        cells = _plain(row, columns)
        if cells.get("list_name") and cells.get("name"):
            extra = {
                c.header: clean(row.cells[c.header]) for c in columns if c.name not in known and c.header in row.cells
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
                names.update(_as_csv(found) for found in _PULLDATA.findall(text))
    return tuple(sorted(names))


def _as_csv(name: str) -> str:
    return name if name.lower().endswith(".csv") else f"{name}.csv"


def _plain(row: Row, columns: Iterable[Column]) -> dict[str, str]:
    """The cells of columns without a language, by canonical name."""
    return {c.name: clean(row.cells[c.header]) for c in columns if not c.language and c.header in row.cells}


def _translated(row: Row, columns: Iterable[Column], name: str) -> dict[str, str]:
    return {c.language: clean(row.cells[c.header]) for c in columns if c.name == name and c.header in row.cells}


def clean(text: str) -> str:
    """The text as pyxform takes it: no outer blanks, no-break spaces as plain ones."""
    return text.replace("\xa0", " ").strip()


def _snake(text: str) -> str:
    return "_".join(text.split()).lower()


def _complaints(text: str, context: Mapping[str, Any], form: Form, filename: str) -> list[Finding]:
    """One finding per line of pyxform's or Validate's answer; a question's name leads to its row."""
    # Validate's own frame, and what changes from run to run (temporary file, Java object), say nothing.
    lines = [_JAVA_OBJECT.sub("", line).strip().lstrip(">: ").strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not _NOISE.match(line)]
    findings = []
    for line in dict.fromkeys(lines or ["pyxform gave no reason"]):
        row, sheet = _ROW.search(line), _SHEET.search(line)
        number = row[1] if row else str(context.get("row", "") or "")
        place = sheet[1] if sheet else str(context.get("sheet", "") or ("survey" if number else ""))
        name = _TOKEN.search(line)
        question = form.question(name[1]) if name and not number else None
        if question:
            number, place = str(question.sheet_row), "survey"
        where = ", ".join([filename, *([f"sheet {place}"] if place else []), *([f"row {number}"] if number else [])])
        message = _ROW.sub("", line).strip()
        findings.append(
            Finding(
                COMPILE_RULE, "error", where, message, "correct the workbook, then lint it again", form_id=form.form_id
            )
        )
    return findings
