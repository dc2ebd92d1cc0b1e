"""What pyxform and ODK Validate say of a form, told in words of ours: what it is, how to mend it, and their own words behind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

# Of Validate's answer, what says nothing: its frame, Java's trail, and that a list follows.
_NOISE = re.compile(
    r"ODK Validate Errors|Result: Invalid|The following files|XForm is invalid|Error\(s\) in|Something broke the parser|Caused by: |"
    r"\.\.\. \d+ more|The following nodes are likely"
)
_JAVA_OBJECT = re.compile(r",? ?(Bad node: )?(org|java)\.[\w.]+@[0-9a-f]+")
_NAME = re.compile(r"\$\{[^}]+\}")
_CAUSE = re.compile(r"XPath evaluation: |Type mismatch")  # of what the line before says
_CYCLE = re.compile(r"Cycle detected")

# Their words → ours, with what is named in them, and the cure. The first that fits is told.
_KNOWN: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (re.compile(r"Unmatched 'begin_(?P<kind>\w+)'.* for the name '(?P<name>[^']*)'", re.S), "`begin_{kind}` of “{name}” has no `end_{kind}`", "write a row `end_{kind}` where it ends"),
    (re.compile(r"Unmatched 'end_(?P<kind>\w+)'", re.S), "`end_{kind}` ends nothing", "take the row out, or write a row `begin_{kind}` where it begins"),
    (re.compile(r"Unknown question type '(?P<type>[^']*)'", re.S), "“{type}” is no type of question", "write text, integer, select_one LIST, …: xlsform.org lists the types"),
    (re.compile(r"Question with no type", re.S), "a row has no type", "write one in the column type, or empty the row"),
    (re.compile(r"Question or group with no name", re.S), "a question or a group has no name", "write one in the column name"),
    (re.compile(r"'name' value '(?P<name>[^']*)' is invalid\. Questions, groups, and repeats must be unique", re.S), "the name “{name}” stands twice in one group", "give one of the two another name, and use that where it is meant"),
    (re.compile(r"the '(?P<column>[^']*)' value is invalid\. Reference variables must contain .*find the name '(?P<name>[^']*)'", re.S), "the column {column} names “{name}”, and no question is called so", "correct the name between the braces, or add that question"),
    (re.compile(r"the '(?P<column>[^']*)' value is invalid\. Reference variables must start", re.S), "the column {column} names a question in a way that cannot be read", "write a dollar sign, then the question's name between braces"),
    (re.compile(r"(?:The name '|multiple survey elements named ')(?P<name>[^']*)'", re.S), "“{name}” is named, and several questions are called so", "give each of them a name of its own"),
    (re.compile(r"List name not in (?:external )?choices sheet: (?P<list>\S+)", re.S), "the list “{list}” is not on the sheet of choices", "write its choices there, or correct its name in the column type"),
    (re.compile(r"There should be a choices sheet", re.S), "the sheet choices is missing, or one of its columns is", "make it with the columns list_name, name and label"),
    (re.compile(r"the '(?P<column>[^']*)' value is invalid\. Names must begin", re.S), "what stands in the column {column} cannot be a name", "begin it with a letter or _, go on with letters, digits, _, - and dots, without blanks"),
    (re.compile(r"Missing calculation", re.S), "a row of type calculate has no calculation", "write it in the column calculation"),
    (re.compile(r"Choice names must be unique", re.S), "a choice's name stands twice in its list", "give each choice a name of its own; where it is meant so, write allow_choice_duplicates = yes on the sheet settings"),
    (re.compile(r"Choices must have a name", re.S), "a choice has no name", "write one in the column name"),
    (re.compile(r"Choices should have a label", re.S), "a choice has no label", "write one in the column label"),
    (re.compile(r"Choice names with spaces .*\[(?P<choice>[^\]]*)\] in \[(?P<list>[^\]]*)\]", re.S), "the choice “{choice}” of the list “{list}” has a blank in its name, where several may be chosen", "write its name without blanks"),
    (re.compile(r"sheet: '(?P<sheet>[^']*)'\. Headers that are different .*found: '(?P<one>[^']*)', '(?P<other>[^']*)'", re.S), "the sheet {sheet} has two columns for one thing, {one} and {other}", "take one of the two out"),
    (re.compile(r"sheet: '(?P<sheet>[^']*)'\. One or more required column headers were not found: (?P<columns>[^.]*)", re.S), "the sheet {sheet} lacks columns that it must have: {columns}", "write them in its first row"),
    (re.compile(r"named '(?P<name>[^']*)' has no label or hint", re.S), "the question “{name}” has no label", "write one in the column label, or a hint"),
    (re.compile(r"[Pp]arameter (?P<parameter>[\w-]+) must have an integer value", re.S), "the parameter {parameter} is no whole number", "write it with digits alone"),
    (re.compile(r"For the 'range' question type", re.S), "the parameters of a question of type range do not fit together", "write for instance start=0 end=10 step=1"),
    (re.compile(r"cannot handle function '(?P<function>[^']*)'\. Requires", re.S), "the function {function} is given too few or too many values", "look at what stands between its brackets"),
    (re.compile(r"cannot handle function '(?P<function>[^']*)'", re.S), "phones know no function called {function}", "look at its spelling; docs.getodk.org lists the functions"),
    (re.compile(r"Instance referenced by instance\((?P<list>[^)]*)\).* does not exist", re.S), "the list “{list}” is read, and the form does not have it", "correct its name, or ask a question that chooses from it"),
    (re.compile(r"Encountered a problem with (?:display condition|\w+) for node \[\$\{(?P<name>[^}]*)\}\]", re.S), "an expression of “{name}” cannot be read", "look at its brackets, quotes and signs: relevant, constraint, calculation, choice_filter"),
    (re.compile(r"Cycle detected", re.S), "questions depend on each other in a circle", "take one of them out of the other's relevant, constraint or calculation"),
    (re.compile(r"Error evaluating field '(?P<name>[^']*)'", re.S), "an expression of “{name}” cannot be worked out", "try it in parts: an answer may be empty there, or a text where a number is due"),
)  # fmt: skip


def lines_of(answer: str) -> list[str]:
    """What pyxform or Validate complain about, a line each: without their frame and Java's trail, what belongs together in one."""
    lines = [_JAVA_OBJECT.sub("", line).strip().lstrip(">: ").strip() for line in answer.splitlines()]
    lines = [line for line in lines if line and not _NOISE.match(line) and not line.startswith("${tmp")]
    return list(_joined(list(dict.fromkeys(lines)))) or ["pyxform gave no reason"]


def _joined(lines: Sequence[str]) -> Iterator[str]:
    """The lines with what follows a circle (its questions) and a field that cannot be worked out (the cause) behind them."""
    held = ""
    for line in lines:
        if held and (_CAUSE.match(line) or (_CYCLE.match(held) and _NAME.fullmatch(line))):
            held += f" {line}"
            continue
        if held:
            yield held
        held = line
    if held:
        yield held


def in_our_words(line: str, speaker: str) -> tuple[str, str]:
    """(message, cure) for a complaint of *speaker*: our sentence and theirs in brackets; what is not known as it is."""
    for theirs, ours, cure in _KNOWN:
        if match := theirs.search(line):
            named = match.groupdict()
            return f"{ours.format(**named)} ({speaker}: {line})", cure.format(**named)
    return line, "correct the workbook, then lint it again"
