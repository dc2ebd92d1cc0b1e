"""Rules on the shape of a form: sheets, columns, types, names, sections."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from kobo_sync.forms.compiler import known_types
from kobo_sync.forms.headers import TRANSLATED, column
from kobo_sync.forms.kobo_types import INSIDE, NEEDS
from kobo_sync.forms.rules.subject import INVISIBLE, Fault, Line, Subject, guess, rule
from kobo_sync.forms.xlsform import is_server_row
from kobo_sync.model import Severity

_STYLE = re.compile(r"[a-z][a-z0-9_]{1,39}")
_LEGAL = re.compile(r"[^\W\d][\w.-]*")
# Letters that pyxform or the XPath of phones refuse: À to Ö, marks of their own, Hebrew, Arabic, Indic, CJK and so on.
_REFUSED = re.compile("[\u00aa-\u00ba\u00c0-\u00d7\u00f7\u0300-\u036f\u0590-\u109f\u1100-\u1dff\u2000-\uffff]")
_SHEETS = ("survey", "choices", "settings", "entities", "external_choices", "osm")
_COLUMNS = frozenset(TRANSLATED) | frozenset(
    "type name required relevant constraint calculation appearance parameters choice_filter repeat_count default read_only "
    "trigger media save_to note comments autoplay list_name disabled bind body control instance accuracythreshold".split()
)
_KOBO_KEYS = frozenset(  # as a question outside of groups would call its answer too
    "_id _uuid _status _attachments _submission_time _geolocation _notes _tags _validation_status _submitted_by "
    "_xform_id_string _bamboo_dataset_id _supplementalDetails formhub".split()
)
_SYSTEM = frozenset(
    "submission_id root_uuid submitted_at submitted_by form_version validation parent_position position".split()
)
_YES_NO = frozenset("yes no true false true() false() 1 0 ${}".split())
_GEOPOINTS = ("geopoint", "start-geopoint")
_MANY = 1000
_WIDE, _SYSTEM_COLUMNS = 1950, 6  # SQLite takes 2,000 columns in a table


@rule("FORM000", "error", "pyxform")
def opened(subject: Subject) -> Iterator[Fault]:
    """The file opens as a form, and pyxform and ODK Validate accept it."""
    # A file that does not open never becomes a subject: `lint` and `compile_form` report it themselves.
    yield from ()


@rule("FORM001", "error", "pyxform")
def known_type(subject: Subject) -> Iterator[Fault]:
    """Every row has a type that XLSForm knows, in lower case."""
    for line in subject.survey:
        text = line.cells.get("type", "")
        kind = line.kind.kind
        if not text:
            if line.name or line.texts:
                yield subject.at(line, "type"), "the type is missing", "write text, select_one <list>, note, …"
        elif kind.lower() not in known_types():
            yield (
                subject.at(line, "type"),
                f"{text!r} is not a type",
                f"{guess(kind, known_types())}see xlsform.org for the types",
            )
        else:
            head = text.split()[0]
            if head != head.lower() and not head.startswith("dateTime"):
                yield (
                    subject.at(line, "type"),
                    f"{text!r} is not in lower case",
                    f"write {text.lower() if ' ' not in text else head.lower()!r}",
                )


@rule("FORM002", "error", "pyxform")
def named(subject: Subject) -> Iterator[Fault]:
    """Every question, group and repeat has a name."""
    for line in subject.survey:
        if line.kind.kind and line.kind.kind != "audit" and not line.kind.kind.startswith("end_") and not line.name:
            yield (
                subject.at(line, "name"),
                f"the {line.kind.kind} has no name",
                "give it a name in a-z, 0-9 and _",
                ("warning" if line.kind.kind == "note" else "error"),
            )


@rule("FORM003", "error", "pyxform")
def balanced(subject: Subject) -> Iterator[Fault]:
    """Every group and repeat that begins also ends, in the right order."""
    stack: list[Line] = []
    for line in subject.survey:
        kind = line.kind.kind
        if kind.startswith("begin_"):
            stack.append(line)
        elif kind.startswith("end_"):
            if not stack:
                yield subject.at(line, "type"), f"{kind} ends nothing", "remove the row, or add the beginning above"
                continue
            begun = stack.pop()
            if begun.kind.kind.removeprefix("begin_") != kind.removeprefix("end_"):
                message = f"{kind} closes the {begun.kind.kind} of row {begun.number}"
                yield (
                    subject.at(line, "type"),
                    message,
                    f"write {begun.kind.kind.replace('begin', 'end')}, or move the row",
                )
            elif line.name and begun.name and line.name != begun.name:
                message = f"this end is called {line.name!r}, but it closes {begun.name!r} of row {begun.number}"
                yield subject.at(line, "name"), message, "correct the name, or move the row", "warning"
    for begun in stack:
        yield (
            subject.at(begun, "type"),
            f"{begun.name!r} never ends",
            f"add a row {begun.kind.kind.replace('begin', 'end')}",
        )


@rule("FORM004", "error", "pyxform")
def name_style(subject: Subject) -> Iterator[Fault]:
    """Names are 2 to 40 characters of a-z, 0-9 and _, beginning with a letter."""
    for name, line in subject.by_name.items():
        if not _LEGAL.fullmatch(name) or _REFUSED.search(name):
            yield (
                subject.at(line, "name"),
                f"{name!r} is refused by phones and servers",
                "use a-z, 0-9 and _, beginning with a letter",
            )
        elif not _STYLE.fullmatch(name) and not is_server_row(line.kind.kind, name):
            hint = "use 2 to 40 of a-z, 0-9 and _; a dot is rewritten in Kobo's database, capitals differ between databases"
            yield subject.at(line, "name"), f"{name!r} travels badly", hint, "warning"


@rule("FORM005", "error", "kobotoolbox")
def unique_names(subject: Subject) -> Iterator[Fault]:
    """A name stands once in the whole form, groups included (KoboToolbox refuses it otherwise)."""
    firsts: dict[str, Line] = {}
    for line in subject.survey:
        if not line.name or line.kind.kind.startswith("end_"):
            continue
        first = firsts.setdefault(line.name.lower(), line)
        if first is not line:
            is_same = first.name == line.name
            refused = "error" if is_same and first.parents == line.parents else subject.refused
            message = f"{line.name!r} is the name of row {first.number} too"
            if not is_same:
                message = f"{line.name!r} differs from {first.name!r} of row {first.number} by capitals alone"
            hint = "rename one, for instance with its group as a prefix"
            yield subject.at(line, "name"), message, hint, refused if is_same else "warning"


@rule("FORM006", "error", "loss")
def reserved_names(subject: Subject) -> Iterator[Fault]:
    """No question outside of groups is called like a key of KoboToolbox's records: its answers would be lost."""
    for name, line in subject.by_name.items():
        if is_server_row(line.kind.kind, name):
            message = f"{name!r} is a row that KoboToolbox writes itself; it is not read"
            yield subject.at(line, "name"), message, "delete the row: KoboToolbox adds its own", "info"
        elif name in _KOBO_KEYS and not line.parents:
            message = f"{name!r} is a key of KoboToolbox's records, which hides the answer"
            yield subject.at(line, "name"), message, "choose another name", subject.refused
        elif name.lower() in _SYSTEM:
            message = f"{name!r} is a column of every table already"
            hint = "right as it is: tables and exports give the question's column another name"
            yield subject.at(line, "name"), message, hint, "info"


@rule("FORM007", "error", "validate")
def empty_section(subject: Subject) -> Iterator[Fault]:
    """A group or a repeat holds at least one question that people see."""
    for before, after in zip(subject.survey, subject.survey[1:], strict=False):
        if before.kind.kind.startswith("begin_") and after.kind.kind.startswith("end_"):
            severity: Severity = "error" if before.kind.kind == "begin_group" else "warning"
            hint = "remove its two rows, or fill it"
            yield subject.at(before, "type"), f"{before.name!r} holds no question", hint, severity


@rule("FORM008", "warning", "advice")
def known_columns(subject: Subject) -> Iterator[Fault]:
    """A survey column is not a misspelt one."""
    sheet = subject.book.survey
    for header in sheet.header if sheet else ():
        name = column(header).name.split("::")[0].split(":")[0]
        hint = guess(name, _COLUMNS) if name not in _COLUMNS else ""
        if hint:
            place = f"{subject.filename}, sheet survey, row 1, column {header}"
            yield place, f"the column {header!r} is unknown and has no effect", hint.strip()


@rule("FORM009", "warning", "advice")
def known_sheets(subject: Subject) -> Iterator[Fault]:
    """A sheet's name is not a misspelt one."""
    for sheet in subject.book.sheets:
        name = sheet.name.strip().lower()
        hint = guess(name, _SHEETS)
        if name not in _SHEETS and hint and not name.startswith("_") and subject.book.survey is not sheet:
            yield f"{subject.filename}, sheet {sheet.name}", f"the sheet {sheet.name!r} is not read", hint.strip()


@rule("FORM010", "error", "pyxform")
def one_header(subject: Subject) -> Iterator[Fault]:
    """A header stands once in its sheet."""
    for sheet in subject.book.sheets:
        if sheet.name.strip().lower() not in _SHEETS:
            continue
        for header in dict.fromkeys(h for h in sheet.header if sheet.header.count(h) > 1):
            place = f"{subject.filename}, sheet {sheet.name}, row 1, column {header}"
            severity: Severity = subject.refused if subject.filename.lower().endswith((".md", ".csv")) else "error"
            yield place, "the header stands twice", "remove one of the columns, or merge them", severity


@rule("FORM011", "warning", "advice")
def identified(subject: Subject) -> Iterator[Fault]:
    """The settings give a form_id, a form_title and a version."""
    for name in ("form_id", "form_title", "version"):
        if not subject.settings.cells.get(name):
            yield (
                f"{subject.filename}, sheet settings, row 2, column {name}",
                f"{name} is missing",
                "write it in the settings sheet",
            )


@rule("FORM012", "error", "validate")
def reachable(subject: Subject) -> Iterator[Fault]:
    """A question can be reached: its relevance, or that of a group around it, is not always false."""
    for line in subject.survey:
        if line.kind.kind.startswith("end_"):
            continue
        text = line.cells.get("relevant", "")
        if re.fullmatch(r"\s*(false\(\)|false|no|0|1\s*=\s*2|1\s*=\s*0)\s*", text, re.IGNORECASE):
            message = f"{line.name!r} is never shown"
            hint = "right if it is retired and holds answers; else correct it"
            yield subject.at(line, "relevant"), message, hint, "info"
        elif line.name and re.search(r"\$\{\s*" + re.escape(line.name) + r"\s*\}", text):
            yield (
                subject.at(line, "relevant"),
                f"{line.name!r} waits for its own answer",
                "refer to an earlier question",
            )
        elif _contradiction(text):
            message = f"{line.name!r} is never shown: one answer cannot be two things"
            yield subject.at(line, "relevant"), message, "write `or` instead of `and`", "warning"


def _contradiction(text: str) -> bool:
    if re.search(r"\bor\b|not\(", text):
        return False
    equal: dict[str, set[str]] = {}
    for name, value in re.findall(r"\$\{\s*([^}]+?)\s*\}\s*=\s*['\"]([^'\"]*)['\"]", text):
        equal.setdefault(name, set()).add(value)
    return any(len(values) > 1 for values in equal.values())


@rule("FORM013", "warning", "advice")
def required_on_note(subject: Subject) -> Iterator[Fault]:
    """Only what can be answered is required: no note, no group, no calculation."""
    for line in subject.survey:
        text = line.cells.get("required", "")
        kind = line.kind.kind
        if (
            text
            and text.lower() not in ("no", "false", "false()")
            and (kind == "note" or line.is_section or kind in INVISIBLE)
        ):
            yield (
                subject.at(line, "required"),
                f"a {kind} cannot be answered, so nobody gets past it where it is shown",
                "empty the cell; right for a note that shall end the form",
            )


@rule("FORM014", "warning", "advice")
def required_value(subject: Subject) -> Iterator[Fault]:
    """required and read_only say yes, no, or a condition."""
    for line in subject.survey:
        for name in ("required", "read_only"):
            text = line.cells.get(name, "")
            if text and text.lower() not in _YES_NO and not re.search(r"[(${=<>]", text):
                yield (
                    subject.at(line, name),
                    f"{text!r} is neither yes nor no nor a condition",
                    "write yes, or empty the cell",
                )


@rule("FORM015", "error", "pyxform")
def calculated(subject: Subject) -> Iterator[Fault]:
    """A calculate has a calculation."""
    for line in subject.questions:
        if line.kind.kind == "calculate" and not (line.cells.get("calculation") or line.cells.get("default")):
            yield (
                subject.at(line, "calculation"),
                f"{line.name!r} calculates nothing",
                "write a calculation, or remove the row",
            )


@rule("FORM016", "info", "advice")
def size(subject: Subject) -> Iterator[Fault]:
    """A form stays short enough for a phone and a person."""
    count = len(subject.questions)
    if count > _MANY:
        yield (
            f"{subject.filename}, sheet survey",
            f"{count} questions",
            "split it into several forms: phones open them faster, people finish them",
        )


@rule("FORM017", "warning", "advice")
def width(subject: Subject) -> Iterator[Fault]:
    """A form, and each of its repeats, has few enough questions for one table of the database."""
    columns = Counter[str]()
    for question in subject.form.questions:
        columns[question.repeat] += 0 if question.kind == "note" else 4 if question.kind in _GEOPOINTS else 1
    for repeat, n in columns.items():
        if n + _SYSTEM_COLUMNS >= _WIDE:
            place = f"the repeat {repeat}" if repeat else "the form"
            message = f"{place} needs {n + _SYSTEM_COLUMNS} columns: its table in the database is split"
            yield f"{subject.filename}, sheet survey", message, "exports stay whole; split the form if it can be"


@rule("FORM018", "error", "kobotoolbox")
def kobo_rows(subject: Subject) -> Iterator[Fault]:
    """KoboToolbox's matrix, score and rank have their columns, and hold only rows of their own."""
    around: Line | None = None
    for line in subject.typed:
        kind = line.kind.kind
        for name in NEEDS.get(kind, ()):
            if not line.cells.get(name):
                yield subject.at(line, name), f"{kind} needs {name}", f"add the column {name} and fill it here"
        if kind == "begin_kobomatrix" and line.cells.get("relevant"):
            message = "KoboToolbox drops the condition of a matrix"
            yield subject.at(line, "relevant"), message, "put a group with the condition around it", "warning"
        if kind in NEEDS:
            around = line
        elif around and kind == around.kind.kind.replace("begin", "end"):
            around = None
        elif around and kind != INSIDE.get(around.kind.kind, kind):
            message = f"a {kind or 'row without a type'} cannot stand inside {around.kind.kind}"
            yield subject.at(line, "type"), message, f"write {INSIDE[around.kind.kind]}, or move the row"
