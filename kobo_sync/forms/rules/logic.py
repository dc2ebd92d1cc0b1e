"""Rules on expressions: references, compared codes, columns of lists, XPath."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kobo_sync.forms.headers import TRANSLATED
from kobo_sync.forms.headers import column as meaning
from kobo_sync.forms.rules.subject import EXPRESSIONS, REFERENCE, Fault, Line, Subject, Table, guess, rule
from kobo_sync.model import Severity

_COMPARED = re.compile(r"\$\{\s*([^}]+?)\s*\}\s*!?=\s*(['\"])(.*?)\2|(['\"])([^'\"]*)\4\s*!?=\s*\$\{\s*([^}]+?)\s*\}")
_SELECTED = re.compile(r"selected\(\s*(?:\$\{\s*([^}]+?)\s*\}|(\.))\s*,\s*(['\"])(.*?)\3\s*\)")
_SELF = re.compile(r"(?<![\w.])\.\s*!?=\s*(['\"])(.*?)\1")
_INSTANCE = re.compile(
    r"instance\(\s*['\"]([^'\"]+)['\"]\s*\)\s*/root/item(?:\[((?:[^\[\]]|\[[^\]]*\])*)\])?(?:/([\w.-]+))?"
)
_ANY_INSTANCE = re.compile(r"instance\(\s*['\"]([^'\"]+)['\"]\s*\)")
_PULLDATA = re.compile(r"pulldata\(\s*['\"]([^'\"]+)['\"]\s*,\s*['\"]([^'\"]+)['\"]\s*,\s*['\"]([^'\"]+)['\"]")
_WORD = re.compile(r"(?<![\w./$:@-])([A-Za-z_][\w.-]*)(?![\w:.-])(?!\s*\()")
_OPERATORS = frozenset("and or div mod true false yes no".split())


@rule("FORM030", "error", "pyxform")
def known_references(subject: Subject) -> Iterator[Fault]:
    """${name} names a question of this form, in every cell that is read."""
    for line in (*subject.survey, *subject.choices, subject.settings):
        for header, text in line.raw.items():
            is_read = line.sheet == "survey" or meaning(header).name in TRANSLATED
            for name in dict.fromkeys(REFERENCE.findall(text)):
                if name not in subject.by_name and name != "instanceID":  # which every form has
                    place = f"{subject.at(line)}, column {header}"
                    message, hint = f"${{{name}}} is no question of this form", guess(name, subject.by_name)
                    yield place, message, f"{hint}correct the name", "error" if is_read else "warning"


@rule("FORM031", "warning", "advice")
def known_choices(subject: Subject) -> Iterator[Fault]:
    """A code that an expression compares with a question is one of that question's choices."""
    for line in subject.survey:
        for column in EXPRESSIONS:
            for name, value in _comparisons(line, line.cells.get(column, "")):
                question = subject.by_name.get(name)
                codes = subject.values(question) if question else None
                if codes and value and value not in codes:
                    message = f"{value!r} is not a choice of {name!r}, so this is never true"
                    yield subject.at(line, column), message, f"{guess(value, codes)}use a code of its list"


def _comparisons(line: Line, text: str) -> Iterator[tuple[str, str]]:
    for match in _COMPARED.finditer(text):
        yield (match[1], match[3]) if match[1] else (match[6], match[5])
    for match in _SELECTED.finditer(text):
        yield (match[1] or line.name, match[4])
    for match in _SELF.finditer(text):
        yield line.name, match[2]


@rule("FORM032", "warning", "advice")
def filter_columns(subject: Subject) -> Iterator[Fault]:
    """A choice_filter uses columns that the list has."""
    for line in subject.questions:
        text = line.cells.get("choice_filter", "")
        if not text:
            continue
        columns: frozenset[str] = subject.choice_columns
        where = "the choices sheet"
        if line.kind.file_name:
            table = subject.tables.get(line.kind.file_name)
            if table is None or table.fault:
                continue
            columns, where = frozenset(table.header), line.kind.file_name
        elif line.kind.kind == "select_one_external":
            continue
        for name in _words(text):
            if name not in columns:
                hint = f"{guess(name, columns)}add the column, or write ${{{name}}} for a question"
                yield subject.at(line, "choice_filter"), f"{where} has no column {name!r}", hint


@rule("FORM033", "error", "validate")
def instance_columns(subject: Subject) -> Iterator[Fault]:
    """instance() and pulldata() name a list that the form has, and its columns."""
    for line in subject.survey:
        for column in (*EXPRESSIONS, "default"):
            text = line.cells.get(column, "")
            for name in dict.fromkeys(_ANY_INSTANCE.findall(text)):
                if name not in subject.instances:
                    hint = f"{guess(name, subject.instances)}add a select_one_from_file {name}.csv or a csv-external called {name}"
                    # A calculation with a trigger is not worked out when the form opens: ODK Validate lets it pass.
                    severity: Severity = "warning" if line.cells.get("trigger") else "error"
                    yield subject.at(line, column), f"there is no instance {name!r}", hint, severity
            for name, words in _used_columns(text):
                table = subject.instances.get(name)
                columns = _columns_of(subject, name, table)
                for word in words:
                    if columns and word not in columns:
                        yield (
                            subject.at(line, column),
                            f"{name!r} has no column {word!r}",
                            f"{guess(word, columns)}correct the name",
                            "warning",
                        )


def _used_columns(text: str) -> Iterator[tuple[str, list[str]]]:
    for match in _INSTANCE.finditer(text):
        yield match[1], [*_words(match[2] or ""), *([match[3]] if match[3] else [])]
    for match in _PULLDATA.finditer(text):
        yield match[1].removesuffix(".csv"), [match[2], match[3]]


def _columns_of(subject: Subject, name: str, table: Table | None) -> frozenset[str]:
    if table is not None:
        return frozenset() if table.fault else frozenset(table.header)
    return subject.choice_columns | {"itextId"} if name in subject.form.choices else frozenset()


def _words(text: str) -> list[str]:
    """The bare words of an expression that can only be columns: no function, operator, text or reference."""
    text = re.sub(r"'[^']*'|\"[^\"]*\"", "''", text)
    text = re.sub(r"\$\{[^}]*\}|instance\([^)]*\)[/\w.-]*|current\(\)[/\w.-]*", "''", text)
    return [word for word in dict.fromkeys(_WORD.findall(text)) if word not in _OPERATORS]


@rule("FORM034", "error", "validate")
def xpath(subject: Subject) -> Iterator[Fault]:
    """Expressions are XPath: one =, and / or in words, brackets and quotes in pairs."""
    for line in subject.survey:
        for column in EXPRESSIONS:
            text = line.cells.get(column, "")
            fault = _xpath_fault(text) if text else ""
            if fault:
                yield subject.at(line, column), fault, "correct the expression; ODK Validate shows the exact place"


def _xpath_fault(text: str) -> str:
    code = re.sub(r"'[^']*'|\"[^\"]*\"", "''", text)
    for sign, cure in (("==", "="), ("&&", "and"), ("||", "or"), ("<>", "!=")):
        if sign in code:
            return f"{sign!r} is not XPath; write {cure}"
    if code.replace("''", "").count("'") or code.count('"'):
        return "a quote is not closed"
    depth: list[str] = []
    for char in code:
        if char in "([{":
            depth.append(char)
        elif char in ")]}" and (not depth or depth.pop() + char not in ("()", "[]", "{}")):
            return f"{char!r} closes nothing"
    return f"{depth[-1]!r} is not closed" if depth else ""


@rule("FORM035", "error", "validate")
def acyclic(subject: Subject) -> Iterator[Fault]:
    """No calculation needs its own result, directly or through others."""
    needs = {
        line.name: [
            name
            for name in REFERENCE.findall(line.cells.get("calculation", ""))
            if "last-saved" not in line.cells["calculation"]
        ]
        for line in subject.questions
        if line.name and line.cells.get("calculation")
    }
    done: set[str] = set()
    for start in needs:
        trail = _cycle(start, needs, done)
        if trail:
            circle = " → ".join(trail)
            yield (
                subject.at(subject.by_name[start], "calculation"),
                f"the calculation needs itself: {circle}",
                "break the circle",
            )


def _cycle(start: str, needs: dict[str, list[str]], done: set[str]) -> list[str]:
    """The circle that *start* is on, or nothing; *done* are names whose circles are known."""
    stack = [(start, iter(needs[start]))]
    path = [start]
    while stack:
        name, rest = stack[-1]
        for following in rest:
            if following == start:
                done.update(path)
                return [*path, start]
            if following in needs and following not in done and following not in path:
                path.append(following)
                stack.append((following, iter(needs[following])))
                break
        else:
            done.add(name)
            path.pop()
            stack.pop()
    return []


@rule("FORM036", "warning", "advice")
def defaults(subject: Subject) -> Iterator[Fault]:
    """A fixed default is an answer that the question accepts."""
    for line in subject.questions:
        text = line.cells.get("default", "")
        if not text or re.search(r"[$(]", text):
            continue
        codes = subject.values(line)
        default_codes = text.split() if line.kind.kind.startswith(("select_multiple", "rank")) else [text]
        unknown = [code for code in default_codes if codes and code not in codes]
        if unknown:
            hint = f"{guess(unknown[0], codes or ())}use a code of the list, not its label"
            yield subject.at(line, "default"), f"{unknown[0]!r} is not a choice of {line.name!r}", hint
        elif line.kind.kind == "integer" and not re.fullmatch(r"-?\d+", text):
            yield subject.at(line, "default"), f"{text!r} is not a whole number", "write digits only"
        elif line.kind.kind == "decimal" and not re.fullmatch(r"-?\d+(\.\d+)?", text):
            yield subject.at(line, "default"), f"{text!r} is not a number", "write digits, with a point"
        elif line.kind.kind == "date" and not re.fullmatch(r"\d{4}-\d\d-\d\d( 00:00:00)?", text):
            yield subject.at(line, "default"), f"{text!r} is not a date", "write it as 2025-02-11, or today()"


@rule("FORM037", "warning", "advice")
def outside_repeat(subject: Subject) -> Iterator[Fault]:
    """A question of a repeat is used outside of it only through sum(), count(), join() and the like."""
    repeats = {s.name for s in subject.form.repeats}
    for line in subject.survey:
        for column in EXPRESSIONS:
            text = line.cells.get(column, "")
            if not text or re.search(
                r"\b(sum|count|count-non-empty|min|max|join|indexed-repeat|position|selected-at)\(|\[", text
            ):
                continue
            for name in REFERENCE.findall(text):
                question = subject.by_name.get(name)
                inside = [part for part in question.parents if part in repeats] if question else []
                if inside and inside[-1] not in line.parents and line.name != inside[-1]:
                    message = f"{name!r} is inside the repeat {inside[-1]!r}: which of its items is meant?"
                    yield (
                        subject.at(line, column),
                        message,
                        f"use sum(${{{name}}}), join(' ', ${{{name}}}) or indexed-repeat()",
                    )


@rule("FORM038", "warning", "advice")
def position_in_repeat(subject: Subject) -> Iterator[Fault]:
    """position(..) stands directly in its repeat: in a group of it, .. is the group, and the number is always 1."""
    repeats = {section.name for section in subject.form.repeats}
    for line in subject.survey:
        for column in (*EXPRESSIONS, "default"):
            if not re.search(r"position\(\s*\.\.\s*\)", line.cells.get(column, "")):
                continue
            if not line.parents or line.parents[-1] not in repeats:
                inside = any(name in repeats for name in line.parents)
                depth = len(line.parents) - max(
                    (n for n, name in enumerate(line.parents) if name in repeats), default=0
                )
                cure = f"write position({'/'.join(['..'] * depth)})" if inside else "move it into a repeat"
                yield subject.at(line, column), "position(..) counts nothing here: its parent is no repeat", cure
