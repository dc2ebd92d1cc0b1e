"""What the rules look at: a workbook's rows with their meaning and their places, and the CSV files beside it."""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Literal

from kobo_sync.forms.headers import EXPRESSIONS as EXPRESSION_COLUMNS
from kobo_sync.forms.headers import (
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
from kobo_sync.forms.xlsform import form_of
from kobo_sync.lazy import cached_property
from kobo_sync.model import Finding, Form, Severity

REFERENCE = re.compile(r"\$\{\s*(?:last-saved#)?([^}]*?)\s*\}")
EXPRESSIONS = ("relevant", "constraint", "calculation", "choice_filter", "required", "read_only", "repeat_count")
TECHNICAL = ("type", "name", "list_name", "appearance", "parameters", "trigger", *EXPRESSIONS)
INVISIBLE = frozenset(
    "start end today deviceid phonenumber username email audit simserial subscriberid calculate hidden csv-external "
    "xml-external start-geopoint background-audio background-geopoint".split()
)
NO_TYPE = SurveyType("")


@dataclass(frozen=True)
class Line:
    """A row of a sheet: *cells* by canonical column (those without a language), *texts* by column and language."""

    sheet: str
    number: int
    cells: Mapping[str, str]
    texts: Mapping[tuple[str, str], str]
    raw: Mapping[str, str]
    kind: SurveyType = NO_TYPE
    parents: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name cell, or an empty text."""
        return self.cells.get("name", "")

    @property
    def is_section(self) -> bool:
        """Whether it begins or ends a group or a repeat."""
        return self.kind.kind.startswith(("begin_", "end_"))

    @property
    def is_visible(self) -> bool:
        """Whether people see it: a question or a note, neither a calculation nor metadata."""
        return bool(self.kind.kind) and not self.is_section and self.kind.kind not in INVISIBLE


@dataclass(frozen=True)
class Table:
    """A CSV file: *fault* says why it could not be read; *rows* are cells by column."""

    header: tuple[str, ...] = ()
    rows: tuple[Mapping[str, str], ...] = ()
    fault: str = ""


@dataclass(frozen=True)
class Subject:
    """One workbook under the rules; *media* are the bytes of the files that it may name.

    *deploying*: it goes to KoboToolbox as it is, so what that server alone refuses, or phones there, is an error.
    *book* has KoboToolbox's own rows written out, *as_typed* is the workbook itself. *consents* are the questions
    that the mission's config calls consent, *key* the right answers of a test that it knows: question → code.
    """

    filename: str
    book: Book
    form: Form
    media: Mapping[str, bytes]
    as_typed: Book
    consents: frozenset[str] = frozenset()
    deploying: bool = True
    key: Mapping[str, str] = field(default_factory=dict)

    @property
    def refused(self) -> Severity:
        """The severity of what pyxform and ODK Validate accept, and KoboToolbox or its phones do not."""
        return "error" if self.deploying else "warning"

    @cached_property
    def survey(self) -> tuple[Line, ...]:
        """The rows of the survey sheet, each with the sections around it."""
        return tuple(_nested(self._lines(self.book.survey, "survey")))

    @cached_property
    def typed(self) -> tuple[Line, ...]:
        """The rows of the survey sheet as people typed them, KoboToolbox's own rows too."""
        return tuple(_nested(self._lines(self.as_typed.survey, "survey")))

    @cached_property
    def questions(self) -> tuple[Line, ...]:
        """The rows that are neither the beginning nor the end of a section, and have a type."""
        return tuple(line for line in self.survey if line.kind.kind and not line.is_section)

    @cached_property
    def choices(self) -> tuple[Line, ...]:
        """The rows of the choices sheet."""
        return tuple(self._lines(self.book.sheet("choices"), "choices"))

    @cached_property
    def settings(self) -> Line:
        """The first row of the settings sheet; an empty one when there is none."""
        return next(iter(self._lines(self.book.sheet("settings"), "settings")), Line("settings", 1, {}, {}, {}))

    @cached_property
    def by_name(self) -> Mapping[str, Line]:
        """The first row of each name, sections too."""
        first_rows: dict[str, Line] = {}
        for line in self.survey:
            if line.name and not line.kind.kind.startswith("end_"):
                first_rows.setdefault(line.name, line)
        return first_rows

    @cached_property
    def choice_names(self) -> Mapping[str, frozenset[str]]:
        """The choice names of each list."""
        return {name: frozenset(choice.name for choice in items) for name, items in self.form.choices.items()}

    @cached_property
    def choice_columns(self) -> frozenset[str]:
        """The columns that an expression may use on the choices sheet."""
        sheet = self.book.sheet("choices")
        headers = sheet.header if sheet else ()
        return frozenset([*headers, *(column(header).name for header in headers), "name", "label"])

    @cached_property
    def tables(self) -> Mapping[str, Table]:
        """The CSV files at hand, by file name."""
        return {name: _read_table(content) for name, content in self.media.items() if name.lower().endswith(".csv")}

    @cached_property
    def instances(self) -> Mapping[str, Table | None]:
        """What ``instance('…')`` may name; None where the columns are those of the choices sheet or unknown."""
        names: dict[str, Table | None] = dict.fromkeys([*self.form.choices, "__last-saved", "__session"])
        for line in self.questions:
            if line.kind.file_name:
                names[PurePath(line.kind.file_name).stem] = self.tables.get(line.kind.file_name)
            elif line.kind.kind == "csv-external":
                names[line.name] = self.tables.get(f"{line.name}.csv")
            elif line.kind.kind == "xml-external":
                names[line.name] = None
        for name in self.form.media:
            names.setdefault(PurePath(name).stem, self.tables.get(name))
        return names

    def values(self, line: Line) -> frozenset[str] | None:
        """The codes that *line* can hold, or None when they are not known."""
        if line.kind.or_other:
            return None
        if line.kind.list_name:
            return self.choice_names.get(line.kind.list_name)
        table = self.tables.get(line.kind.file_name)
        key = parameters(line).get("value", "name")
        if table is None or table.fault or key not in table.header or not table.rows:
            return None
        return frozenset(row.get(key, "") for row in table.rows)

    def at(self, line: Line, name: str = "", language: str = "") -> str:
        """The place of a cell, as people find it: file, sheet, row, column as its header is written."""
        headers = self._headers.get(line.sheet, {})
        any_language = next((header for (column_name, _), header in headers.items() if column_name == name), name)
        header = headers.get((name, language), f"{name}::{language}" if language else any_language)
        column_text = f", column {header}" if name else ""
        return f"{self.filename}, sheet {line.sheet}, row {line.number}{column_text}"

    @cached_property
    def _headers(self) -> Mapping[str, Mapping[tuple[str, str], str]]:
        sheets = {
            "survey": self.book.survey,
            "choices": self.book.sheet("choices"),
            "settings": self.book.sheet("settings"),
        }
        return {
            name: {(c.name, c.language): c.header for c in map(column, sheet.header)}
            for name, sheet in sheets.items()
            if sheet
        }

    def _lines(self, sheet: Sheet | None, name: str) -> Iterator[Line]:
        if sheet is None:
            return
        columns = [column(header) for header in sheet.header]
        for row in sheet.rows:
            line = _line(row, columns, name)
            if not is_disabled(line.cells):
                yield line


def read_subject(
    content: bytes,
    filename: str,
    media: Mapping[str, bytes],
    *,
    consents: Collection[str] = (),
    key: Mapping[str, str] | None = None,
    deploying: bool = True,
) -> Subject:
    """The workbook made ready for the rules. Raises: FormError when it cannot be read as a form."""
    book = read_book(content, filename)
    form = form_of(book, content, filename)
    return Subject(filename, written_out(book), form, media, book, frozenset(consents), deploying, key or {})


def parameters(line: Line) -> dict[str, str]:
    """The parameters cell as a mapping: ``max-pixels=640`` → {"max-pixels": "640"}."""
    text = re.sub(r"\s*=\s*", "=", line.cells.get("parameters", ""))
    pairs = (part.partition("=") for part in re.split(r"[\s,;]+", text) if "=" in part)
    return {key.lower(): value for key, _, value in pairs}


def guess(word: str, names: Iterable[str]) -> str:
    """`` Did you mean 'x'?`` when *word* is close to one of *names*; else an empty text."""
    close = difflib.get_close_matches(word, sorted(set(names)), n=1, cutoff=0.75)
    return f"did you mean {close[0]!r}? " if close else ""


def _line(row: Row, columns: Iterable[Column], sheet: str) -> Line:
    cells: dict[str, str] = {}
    texts: dict[tuple[str, str], str] = {}
    for col in columns:
        if col.header not in row.cells:
            continue
        text = (expression if col.name in EXPRESSION_COLUMNS else clean)(row.cells[col.header])
        if col.name in TRANSLATED:
            texts[col.name, col.language] = text
        if not col.language:
            cells.setdefault(col.name, text)
    kind = survey_type(cells.get("type", "")) if sheet == "survey" else NO_TYPE
    return Line(sheet, row.number, cells, texts, row.cells, kind)


def _nested(lines: Iterable[Line]) -> Iterator[Line]:
    """The same rows, each knowing the names of the sections that are open."""
    stack: list[str] = []
    for line in lines:
        if line.kind.kind.startswith("end_") and stack:
            stack.pop()
        yield Line(line.sheet, line.number, line.cells, line.texts, line.raw, line.kind, tuple(stack))
        if line.kind.kind.startswith("begin_"):
            stack.append(line.name)


def _read_table(content: bytes) -> Table:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Table(fault="it is not UTF-8")
    first = text.partition("\n")[0]
    if ";" in first and "," not in first:
        return Table(fault="its columns are separated by semicolons; phones read commas only")
    try:
        reader = csv.DictReader(io.StringIO(text))
        header = tuple((name or "").strip() for name in reader.fieldnames or ())
        reader.fieldnames = list(header)
        rows = tuple(
            {k: v or "" for k, v in row.items() if isinstance(k, str) and not isinstance(v, list)} for row in reader
        )
    except csv.Error as error:
        return Table(fault=f"it cannot be read ({error})")
    return Table(header, rows)


# Why a rule is an error: who refuses such a form, or what is lost with it; the rest is advice, and stops nothing.
Reason = Literal["pyxform", "validate", "kobotoolbox", "phones", "loss", "advice"]
Check = Callable[[Subject], Iterator[Finding]]


@dataclass(frozen=True)
class Rule:
    """A rule of the catalogue: stable *code*, worst *severity* and its *reason*, one line of *doc*, and its function."""

    code: str
    severity: Severity
    reason: Reason
    doc: str
    check: Check


CATALOGUE: dict[str, Rule] = {}
Fault = tuple[str, str, str] | tuple[str, str, str, Severity]


def rule(
    code: str, severity: Severity, reason: Reason
) -> Callable[[Callable[[Subject], Iterator[Fault]]], Callable[[Subject], Iterator[Fault]]]:
    """Enter a function into the catalogue; it yields (where, message, hint[, another severity]).

    Its docstring's first line is the rule's text. *severity* is the worst that it gives, *reason* says why.
    """

    def enter(function: Callable[[Subject], Iterator[Fault]]) -> Callable[[Subject], Iterator[Fault]]:
        def check(subject: Subject) -> Iterator[Finding]:
            for where, message, hint, *other in function(subject):
                yield Finding(code, other[0] if other else severity, where, message, hint, form_id=subject.form.form_id)

        if code in CATALOGUE:
            raise ValueError(f"{code} stands twice in the catalogue")
        CATALOGUE[code] = Rule(code, severity, reason, (function.__doc__ or "").strip().partition("\n")[0], check)
        return function

    return enter
