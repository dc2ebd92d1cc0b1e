"""Rules on choices: lists of the workbook, and CSV files that phones select from."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kobo_sync.forms.kobo_types import MATRIX_LIST
from kobo_sync.forms.rules.subject import Fault, Line, Subject, guess, parameters, rule
from kobo_sync.model import Severity

_MANY = 1000


@rule("FORM040", "error", "pyxform")
def known_list(subject: Subject) -> Iterator[Fault]:
    """A select names a list of the choices sheet, or a file."""
    for line in subject.questions:
        kind = line.kind
        if kind.kind not in (
            "select_one",
            "select_multiple",
            "rank",
            "select_one_from_file",
            "select_multiple_from_file",
        ):
            continue
        if kind.file_name or (kind.list_name and kind.list_name.startswith("${")):
            continue
        if not kind.list_name:
            yield subject.at(line, "type"), f"{kind.kind} names no list", f"write {kind.kind} and the list"
        elif kind.list_name not in subject.form.choices:
            hint = f"{guess(kind.list_name, subject.form.choices)}add its rows to the choices sheet"
            yield subject.at(line, "type"), f"there is no list {kind.list_name!r}", hint


@rule("FORM041", "warning", "advice")
def orphan_list(subject: Subject) -> Iterator[Fault]:
    """Every list of the choices sheet is asked, or looked up."""
    used = {line.kind.list_name for line in subject.questions}
    used |= {line.cells.get(MATRIX_LIST, "") for line in subject.typed}
    text = " ".join(cell for line in subject.survey for cell in line.cells.values() if "instance(" in cell)
    for name, items in subject.form.choices.items():
        if name not in used and not re.search(r"instance\(\s*['\"]" + re.escape(name) + r"['\"]", text):
            place = f"{subject.filename}, sheet choices, row {items[0].sheet_row}"
            yield place, f"no question uses the list {name!r}", "remove its rows, or correct the type of a question"


@rule("FORM042", "error", "pyxform")
def unique_choices(subject: Subject) -> Iterator[Fault]:
    """A code stands once in its list."""
    allowed = subject.settings.cells.get("allow_choice_duplicates", "").lower() in ("yes", "true")
    first_rows: dict[tuple[str, str], int] = {}
    for line in subject.choices:
        key = (line.cells.get("list_name", ""), line.name)
        first = first_rows.setdefault(key, line.number)
        if all(key) and first != line.number and not allowed:
            message = f"{line.name!r} stands in the list {key[0]!r} already, in row {first}"
            yield subject.at(line, "name"), message, "give each choice its own code"


@rule("FORM043", "error", "pyxform")
def choice_codes(subject: Subject) -> Iterator[Fault]:
    """A choice has a list and a code without blanks, in ASCII."""
    lists = {
        kind: {line.kind.list_name for line in subject.questions if line.kind.kind == kind}
        for kind in ("select_multiple", "rank")
    }
    for line in subject.choices:
        name, list_name = line.name, line.cells.get("list_name", "")
        if not list_name and not name and not line.texts:
            continue
        if not list_name or not name:
            missing = "list_name" if not list_name else "name"
            severity: Severity = "warning" if not list_name else "error"  # a row without a list is read by nobody
            yield subject.at(line, missing), f"the choice has no {missing}", "fill the cell", severity
        elif re.search(r"\s", name):
            severity = subject.refused if list_name in lists["rank"] else "warning"
            severity = "error" if list_name in lists["select_multiple"] else severity
            yield (
                subject.at(line, "name"),
                f"the code {name!r} holds a blank; answers are parted by blanks",
                "write _ instead",
                severity,
            )
        elif not name.isascii():
            yield (
                subject.at(line, "name"),
                f"the code {name!r} is not ASCII",
                "use a-z, 0-9 and _; the label says it in any script",
                "warning",
            )


@rule("FORM044", "warning", "advice")
def long_list(subject: Subject) -> Iterator[Fault]:
    """A list of more than a thousand choices lives in a CSV file."""
    for name, items in subject.form.choices.items():
        if len(items) > _MANY:
            place = f"{subject.filename}, sheet choices, row {items[0].sheet_row}"
            hint = f"move it to {name}.csv (name,label) and ask select_one_from_file {name}.csv"
            yield place, f"the list {name!r} has {len(items)} choices: phones open the form slowly", hint


@rule("FORM045", "error", "phones")
def media_present(subject: Subject) -> Iterator[Fault]:
    """Every file that the form names is at hand: without its lists it opens on no phone."""
    for name in subject.form.media:
        if name not in subject.media:
            line = next((q for q in subject.questions if q.kind.file_name == name), None)
            place = subject.at(line, "type") if line else subject.filename
            hint = f"{guess(name, subject.media)}put it in config/ or forms/media/"
            is_list = name.lower().endswith((".csv", ".xml", ".geojson"))
            yield place, f"the file {name} is missing", hint, subject.refused if is_list else "warning"


@rule("FORM046", "error", "phones")
def csv_readable(subject: Subject) -> Iterator[Fault]:
    """A CSV of choices can be read, has rows and the columns that hold code and label: phones open no form otherwise."""
    for line, name in _files(subject):
        table = subject.tables.get(name)
        if table is None:
            continue
        options = parameters(line)
        needed = [options.get("value", "name"), options.get("label", "label")]
        lacking = [column for column in needed if column not in table.header]
        if table.fault:
            yield name, table.fault, "save it as UTF-8 with commas", subject.refused
        elif not table.header:
            hint = "write the header name,label and one line per choice"
            yield name, "the file is empty", hint, subject.refused
        elif lacking:
            message = f"the column {lacking[0]!r} is missing (there are: {', '.join(table.header)})"
            yield (
                f"{name}, row 1",
                message,
                f"add it, or name the columns in parameters: value=… label=… ({subject.at(line)})",
                subject.refused,
            )
        elif not table.rows:
            yield (
                name,
                "there is no row below the header",
                "right before the first registration; else fill it",
                "warning",
            )


@rule("FORM047", "error", "loss")
def csv_unique(subject: Subject) -> Iterator[Fault]:
    """A code stands once in a CSV of choices, and is not empty."""
    for line, name in _files(subject):
        for row, code, first in _keys(subject, line, name):
            if not code:
                yield f"{name}, row {row}", "the code is empty", "fill the cell, or remove the line", subject.refused
            elif first != row:
                # Filtered by an earlier answer, the two are told apart by that one.
                severity: Severity = "warning" if line.cells.get("choice_filter") else subject.refused
                message = f"{code!r} stands already in row {first}"
                yield f"{name}, row {row}", message, "give each line its own code", severity


@rule("FORM048", "error", "loss")
def csv_ascii(subject: Subject) -> Iterator[Fault]:
    """Codes in a CSV of choices are ASCII without blanks (blanks part the answers of a select_multiple)."""
    for line, name in _files(subject):
        for row, code, _ in _keys(subject, line, name):
            if not code.isascii() or re.search(r"\s", code):
                is_lost = bool(re.search(r"\s", code)) and line.kind.kind.startswith("select_multiple")
                message = f"the code {code!r} is not plain ASCII without blanks"
                yield f"{name}, row {row}", message, "use a-z, 0-9, _ and -", subject.refused if is_lost else "warning"


@rule("FORM049", "warning", "advice")
def or_other(subject: Subject) -> Iterator[Fault]:
    """or_other is not used: its « Other » is never translated."""
    for line in subject.questions:
        if line.kind.or_other:
            hint = "add a choice autre with its labels, and a text question that it makes relevant"
            yield subject.at(line, "type"), "or_other adds an English “Other” in every language", hint


def _files(subject: Subject) -> Iterator[tuple[Line, str]]:
    """The first question that selects from each file, with the file's name."""
    first_lines: dict[str, Line] = {}
    for line in subject.questions:
        if line.kind.file_name.lower().endswith(".csv"):
            first_lines.setdefault(line.kind.file_name, line)
    for name, line in first_lines.items():
        yield line, name


def _keys(subject: Subject, line: Line, name: str) -> Iterator[tuple[int, str, int]]:
    """(row, code, row where the code stands first) of a CSV."""
    table = subject.tables.get(name)
    key = parameters(line).get("value", "name")
    if table is None or table.fault or key not in table.header:
        return
    first: dict[str, int] = {}
    for row, cells in enumerate(table.rows, 2):
        code = cells.get(key, "")
        yield row, code, first.setdefault(code, row)
