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
    (re.compile(r"the 'name' value 'meta' is invalid", re.S), "a question is called meta, as a part that every form has", "give it another name"),
    (re.compile(r"(?:The name '|multiple survey elements named ')(?P<name>[^']*)'", re.S), "“{name}” is named, and several questions are called so", "give each of them a name of its own"),
    (re.compile(r"List name not in (?:external )?choices sheet: (?P<list>\S+)", re.S), "the list “{list}” is not on the sheet of choices", "write its choices there, or correct its name in the column type"),
    (re.compile(r"There should be a choices sheet", re.S), "the sheet choices is missing, or one of its columns is", "make it with the columns list_name, name and label"),
    (re.compile(r"[Tt]he '(?P<column>[^']*)' value is invalid\. Names must begin", re.S), "what stands in the column {column} cannot be a name", "begin it with a letter or _, go on with letters, digits, _, - and dots, without blanks"),
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
    (re.compile(r"Choice filter not supported with or_other", re.S), "a question has or_other and a choice_filter, which do not go together", "take or_other out, and write the choice “other” and a question for its text yourself"),
    (re.compile(r"Please specify choices for this 'or other'", re.S), "a question has or_other, and its list has no choices", "write its choices on the sheet choices"),
    (re.compile(r"Audits must always be named", re.S), "a row of type audit has a name", "empty its cell in the column name"),
    (re.compile(r"To include location information in the audit", re.S), "the audit has one parameter for places and lacks others", "write location-priority, location-min-interval and location-max-age, all three"),
    (re.compile(r"Parameters must be in the form of", re.S), "the parameters are not written as name=value", "write for instance max-pixels=1024, with a blank between two"),
    (re.compile(r"accepted parameter keys for this question type are '(?P<accepted>[^']*)'.*: '(?P<rejected>[^']*)'", re.S), "this type of question has no parameter called {rejected}", "its parameters are: {accepted}"),
    (re.compile(r"The '(?P<parameter>[\w-]+)' parameter must have a numeric value", re.S), "the parameter {parameter} is no number", "write it with digits alone"),
    (re.compile(r"(?:The '(?P<parameter>[\w-]+)' parameter must be either|(?P<other>[\w-]+) must be set to true or false)", re.S), "the parameter {parameter} is neither true nor false", "write true or false"),
    (re.compile(r"'incremental' parameter may", re.S), "the parameter incremental can only be true", "write true, or take it out"),
    (re.compile(r"seed value must be|use a seed", re.S), "the parameter seed is no number, names no question, or stands without randomize=true", "write randomize=true, and for seed a number or a question"),
    (re.compile(r"the 'name' value '(?P<name>[^']*)' is invalid\. Repeat names", re.S), "the repeat “{name}” is called as another repeat, or as the form itself", "give one of the two another name, and use that where it is meant"),
    (re.compile(r"the '(?P<column>[^']*)' value is invalid\. Names used here must not", re.S), "what stands in the column {column} cannot be the name of a list of entities or of a property", "begin it with no two _, leave out dots, and call it neither name nor label"),
    (re.compile(r"must have a sheet named '(?P<sheet>[^']*)'", re.S), "the sheet {sheet} is missing, or has no rows", "give the sheet of questions that name, in small letters"),
    (re.compile(r"a sheet named '(?P<sheet>[^']*)'.*similar names were found: (?P<others>[^.]*)", re.S), "the sheet {sheet} is missing, and there is one of nearly that name: {others}", "give it that name exactly"),
    (re.compile(r"Reference variable lists must have a comma", re.S), "several questions are named without commas between them", "write a comma between two"),
    (re.compile(r"provided for sheet: '(?P<sheet>[^']*)'.*missing header row", re.S), "the sheet {sheet} has no first row with the names of its columns", "write them above the other rows: xlsform.org lists them"),
    (re.compile(r"Column headers must not be empty", re.S), "the sheet choices has a column whose name is empty or has a blank", "write its name without blanks, or delete the column"),
    (re.compile(r"not supported by this version of pyxform: (?P<columns>[^.]*)", re.S), "the sheet entities has columns that are not known: {columns}", "correct their names, or take them out"),
    (re.compile(r"add an entities sheet and", re.S), "a question has save_to, and there is no sheet entities", "declare the list on a sheet entities, or empty the column save_to"),
    (re.compile(r"'save_to' value is invalid|entity declaration is invalid|'list_name' value is invalid", re.S), "the sheet entities and the column save_to do not fit together", "read what stands in brackets: it names the column and the list"),
    (re.compile(r"'background-geopoint' questions", re.S), "a background-geopoint has a calculation, or no trigger", "empty its calculation, and name in trigger the question that starts it"),
    (re.compile(r"File name for '(?P<type>[^']*)' should end with", re.S), "the file of `{type}` has an ending that phones cannot read", "give a file that ends in .csv, .xml or .geojson"),
    (re.compile(r"Duplicate column header: (?P<column>.+)", re.S), "the column {column} stands there twice", "take one of the two out"),
    (re.compile(r"Survey cannot have an empty id_string", re.S), "the form has no id", "write one in form_id on the sheet settings"),
)  # fmt: skip
_NOT_COMPILED, _NOT_OPENED = "the form cannot be compiled as it is written", "phones could not open the form as it is written"  # fmt: skip


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
    """(message, cure) for a complaint of *speaker*: our sentence, and theirs word for word behind it, which is never translated."""
    quoted = f"({speaker}: “{line.replace('”', '’')}”)"
    for theirs, ours, cure in _KNOWN:
        if match := theirs.search(line):
            named = {name: text for name, text in match.groupdict().items() if text is not None}
            named.setdefault("parameter", named.get("other", ""))
            return f"{ours.format(**named)} {quoted}", cure.format(**named)
    return (
        f"{_NOT_OPENED if speaker.startswith('ODK') else _NOT_COMPILED} {quoted}",
        "correct the workbook, then lint it again",
    )
