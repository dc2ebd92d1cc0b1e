"""Rules on the shape of a form: sheets, columns, types, names, sections."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kobo_sync.forms.compiler import known_types
from kobo_sync.forms.headers import TRANSLATED, column
from kobo_sync.forms.rules.subject import INVISIBLE, Fault, Line, Subject, guess, rule

_STYLE = re.compile(r"[a-z][a-z0-9_]{1,39}")
_LEGAL = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_SHEETS = ("survey", "choices", "settings", "entities", "external_choices", "osm")
_COLUMNS = frozenset(TRANSLATED) | frozenset(
    "type name required relevant constraint calculation appearance parameters choice_filter repeat_count default read_only "
    "trigger media save_to note comments autoplay list_name disabled bind body control instance accuracythreshold".split()
)
_KOBO_KEYS = frozenset(
    "_id _uuid _status _attachments _submission_time _geolocation _notes _tags _validation_status _submitted_by _version_ "
    "__version__ _xform_id_string _bamboo_dataset_id _supplementaldetails meta formhub instanceid instancename rootuuid "
    "deprecatedid".split()
)
_SYSTEM = frozenset(
    "submission_id root_uuid submitted_at submitted_by form_version validation parent_position position".split()
)
_YES_NO = frozenset("yes no true false true() false() ${}".split())
_MANY = 1000


@rule("FORM000", "error")
def opened(subject: Subject) -> Iterator[Fault]:
    """The file opens as a form, and pyxform and ODK Validate accept it."""
    # A file that does not open never becomes a subject: `lint` and `compile_form` report it themselves.
    yield from ()


@rule("FORM001", "error")
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


@rule("FORM002", "error")
def named(subject: Subject) -> Iterator[Fault]:
    """Every question, group and repeat has a name."""
    for line in subject.survey:
        if line.kind.kind and not line.kind.kind.startswith("end_") and not line.name:
            yield (
                subject.at(line, "name"),
                f"the {line.kind.kind} has no name",
                "give it a name in a-z, 0-9 and _",
                ("warning" if line.kind.kind == "note" else "error"),
            )


@rule("FORM003", "error")
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


@rule("FORM004", "warning")
def name_style(subject: Subject) -> Iterator[Fault]:
    """Names are 2 to 40 characters of a-z, 0-9 and _, beginning with a letter."""
    for name, line in subject.by_name.items():
        if not _LEGAL.fullmatch(name):
            yield (
                subject.at(line, "name"),
                f"{name!r} is refused by phones and servers",
                "use a-z, 0-9 and _, beginning with a letter",
                "error",
            )
        elif not _STYLE.fullmatch(name):
            hint = "use 2 to 40 of a-z, 0-9 and _; a dot is rewritten in Kobo's database, capitals differ between databases"
            yield subject.at(line, "name"), f"{name!r} travels badly", hint


@rule("FORM005", "error")
def unique_names(subject: Subject) -> Iterator[Fault]:
    """A name stands once in the whole form, groups included (KoboToolbox refuses it otherwise)."""
    seen: dict[str, Line] = {}
    for line in subject.survey:
        if not line.name or line.kind.kind.startswith("end_"):
            continue
        first = seen.setdefault(line.name.lower(), line)
        if first is not line:
            message = f"{line.name!r} is the name of row {first.number} too"
            yield subject.at(line, "name"), message, "rename one, for instance with its group as a prefix"


@rule("FORM006", "error")
def reserved_names(subject: Subject) -> Iterator[Fault]:
    """No name collides with those of KoboToolbox's records or of the local mirror."""
    for name, line in subject.by_name.items():
        if name.lower() in _KOBO_KEYS:
            yield subject.at(line, "name"), f"{name!r} is a key of KoboToolbox's records", "choose another name"
        elif name.lower() in _SYSTEM:
            yield subject.at(line, "name"), f"{name!r} is a column of the local mirror", "choose another name"


@rule("FORM007", "warning")
def empty_section(subject: Subject) -> Iterator[Fault]:
    """A group or a repeat holds at least one question."""
    for before, after in zip(subject.survey, subject.survey[1:], strict=False):
        if before.kind.kind.startswith("begin_") and after.kind.kind.startswith("end_"):
            yield subject.at(before, "type"), f"{before.name!r} holds no question", "remove its two rows, or fill it"


@rule("FORM008", "warning")
def known_columns(subject: Subject) -> Iterator[Fault]:
    """A survey column is not a misspelt one."""
    sheet = subject.book.survey
    for header in sheet.header if sheet else ():
        name = column(header).name.split("::")[0].split(":")[0]
        hint = guess(name, _COLUMNS) if name not in _COLUMNS else ""
        if hint:
            place = f"{subject.filename}, sheet survey, row 1, column {header}"
            yield place, f"the column {header!r} is unknown and has no effect", hint.strip()


@rule("FORM009", "warning")
def known_sheets(subject: Subject) -> Iterator[Fault]:
    """A sheet's name is not a misspelt one."""
    for sheet in subject.book.sheets:
        name = sheet.name.strip().lower()
        hint = guess(name, _SHEETS)
        if name not in _SHEETS and hint and not name.startswith("_") and subject.book.survey is not sheet:
            yield f"{subject.filename}, sheet {sheet.name}", f"the sheet {sheet.name!r} is not read", hint.strip()


@rule("FORM010", "error")
def one_header(subject: Subject) -> Iterator[Fault]:
    """A header stands once in its sheet."""
    for sheet in subject.book.sheets:
        if sheet.name.strip().lower() not in _SHEETS:
            continue
        for header in dict.fromkeys(h for h in sheet.header if sheet.header.count(h) > 1):
            place = f"{subject.filename}, sheet {sheet.name}, row 1, column {header}"
            yield place, "the header stands twice", "remove one of the columns, or merge them"


@rule("FORM011", "warning")
def identified(subject: Subject) -> Iterator[Fault]:
    """The settings give a form_id, a form_title and a version."""
    for name in ("form_id", "form_title", "version"):
        if not subject.settings.cells.get(name):
            yield (
                f"{subject.filename}, sheet settings, row 2, column {name}",
                f"{name} is missing",
                "write it in the settings sheet",
            )


@rule("FORM012", "info")
def reachable(subject: Subject) -> Iterator[Fault]:
    """A question can be reached: its relevance, or that of a group around it, is not always false."""
    for line in subject.survey:
        if line.kind.kind.startswith("end_"):
            continue
        text = line.cells.get("relevant", "")
        if re.fullmatch(r"\s*(false\(\)|false|no|0|1\s*=\s*2|1\s*=\s*0)\s*", text, re.IGNORECASE):
            message = f"{line.name!r} is never shown"
            yield subject.at(line, "relevant"), message, "right if it is retired and holds answers; else correct it"
        elif line.name and re.search(r"\$\{\s*" + re.escape(line.name) + r"\s*\}", text):
            yield (
                subject.at(line, "relevant"),
                f"{line.name!r} waits for its own answer",
                "refer to an earlier question",
                "error",
            )
        elif _contradiction(text):
            message = f"{line.name!r} is never shown: one answer cannot be two things"
            yield subject.at(line, "relevant"), message, "write or instead of and", "error"


def _contradiction(text: str) -> bool:
    if re.search(r"\bor\b|not\(", text):
        return False
    equal: dict[str, set[str]] = {}
    for name, value in re.findall(r"\$\{\s*([^}]+?)\s*\}\s*=\s*['\"]([^'\"]*)['\"]", text):
        equal.setdefault(name, set()).add(value)
    return any(len(values) > 1 for values in equal.values())


@rule("FORM013", "warning")
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
                f"a {kind} cannot be answered, so it blocks the form",
                "empty the cell",
                ("error" if kind == "note" else "warning"),
            )


@rule("FORM014", "error")
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


@rule("FORM015", "error")
def calculated(subject: Subject) -> Iterator[Fault]:
    """A calculate has a calculation."""
    for line in subject.questions:
        if line.kind.kind == "calculate" and not (line.cells.get("calculation") or line.cells.get("default")):
            yield (
                subject.at(line, "calculation"),
                f"{line.name!r} calculates nothing",
                "write a calculation, or remove the row",
            )


@rule("FORM016", "info")
def size(subject: Subject) -> Iterator[Fault]:
    """A form stays short enough for a phone and a person."""
    count = len(subject.questions)
    if count > _MANY:
        yield (
            f"{subject.filename}, sheet survey",
            f"{count} questions",
            "split it into several forms: phones open them faster, people finish them",
        )
