"""The sentences of the code that pages and mails may show, read from its source: what the catalogue must have."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "kobo_sync"
# What speaks to a phone or on paper, never through a run's report or a page.
ELSEWHERE = {"phones", "station", "documents/spreadsheets/codebook.py", "documents/word/living.py"}
# Modules in which every sentence is told, however it gets into a message: a table, a variable, a part of another.
WHOLLY = (
    "checks/",
    "cli/",
    "databases/refusals.py",
    "databases/versions.py",
    "config/complaints.py",
    "config/config.py",
    "config/lists.py",
    "config/timetable.py",
    "config/zones.py",
    "errors.py",
    "forms/chosen.py",
    "forms/compare.py",
    "forms/complaints.py",
    "forms/rules/",
    "forms/sheets.py",
    "forms/unpacking.py",
    "kobo/server.py",
    "kobo/transport.py",
    "kobo/wire/protocol.py",
    "mission/",
    "steps/",
    "analysis/roster.py",
    "analysis/roster_sheet.py",
    "store/migrations.py",
    "desk/migrations.py",
    "store/erasure.py",
    "desk/accounts.py",
    "desk/one_time_links.py",
    "config/passwords.py",
    "workspace/archive.py",
    "workspace/folders.py",
    "workspace/reading.py",
)
CATALOGUED = ("t", "tn", "tc", "later", "later_n")  # texts that the catalogue has by themselves
SPEAKS = {"Finding", "Examined", "OpenDoor", "finding", "Fault", "refuse", "unexpected"}
RAISED = re.compile(r"\w+Error|Kobo(?:Unreachable|Refused|Rejected|Unexpected)|Busy|RunStopped")
FRENCH = re.compile(
    r"[«»’éèêàùçôîûœ]|\b(?:le|la|les|un|une|des|du|elle|aucune?|ou|dans|sur|est|que|trop|nom|tous|corriger|refus|sans)\b(?! of)",
    re.I,
)
WORD = re.compile(r"[^\W\d_]{2,}")
SLOT = re.compile(r"\{\d+\}")
SPOKEN = re.compile(r"[^\W\d_]{2,}\S*\s+\S|\}\s+[^\W\d_]{2,}")  # words in a row, or a value and what is said of it
# Strings with blanks in these modules that no person reads: lists of words, SQL, regular expressions, names of fonts.
CODE = re.compile(
    r"^(?:PRAGMA|SELECT|DELETE|INSERT|UPDATE|CREATE|DROP|ALTER|VACUUM|ATTACH|FROM|import|BEGIN|COMMIT|status =)\b"
    r"|[\\|]|^Value error|^code = |%\(asctime|^service\.host, |^(?:code participant|family name|given name|nom complet|nom de famille|nom et prenom|name ar|nom ar|nom arabe|nom en arabe)$|^\W*$|Noto |DejaVu|Sakkal"
    r"|^(?:start |image |geo|integer |deviceid |text hidden|_id |family_name |sex age|zone consent|note )"
    r"|ODK Validate Errors|strftime|datetime64|__gte:|^form_id, |^status = |^- "
)


def sentences() -> dict[str, str]:
    """Sentence → the module that says it, ``{1}``, ``{2}`` where values stand."""
    told: dict[str, str] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name in ELSEWHERE or name.partition("/")[0] in ELSEWHERE:
            continue
        tree = ast.parse(path.read_text("utf-8"))
        for text in _wholly(tree) if name.startswith(WHOLLY) else _passed_on(tree):
            if _is_sentence(text):
                told.setdefault(text, name)
    return told


def is_french(text: str) -> bool:
    """Whether a sentence of the code is French already, so that Arabic alone is due."""
    return bool(FRENCH.search(SLOT.sub(" ", text))) and not re.search(r"\bthe\b", text)


def _is_sentence(text: str) -> bool:
    bare = SLOT.sub(" ", text)
    return len(WORD.findall(bare)) >= 2 and bool(SPOKEN.search(text)) and not CODE.search(text)


def _wholly(tree: ast.Module) -> Iterator[str]:
    """Every text of a module, but for docstrings, logs, and what stands in a text already read."""
    told: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            told.add(id(node.value))
        elif isinstance(node, ast.Call) and _name(node) in (
            "split",
            "compile",
            "text",
            "info",
            "warning",
            "debug",
            "error",
            *CATALOGUED,
        ):
            told |= {id(each) for each in ast.walk(node)}
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in ("TITLE", "STORED"):
            told |= {id(each) for each in ast.walk(node)}  # for lists of checks; for digests
        elif isinstance(node, ast.JoinedStr):
            told |= {id(part) for part in node.values if isinstance(part, ast.Constant)}
            told |= {id(each) for part in node.values if _choices(part) for each in ast.walk(part)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in told:
            yield from _texts(node)


def _passed_on(tree: ast.Module) -> Iterator[str]:
    """The texts given to what makes errors and findings, directly, through a name or out of a table."""
    assigned: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            for name in target.elts if isinstance(target, ast.Tuple) else [target]:
                assigned.setdefault(getattr(name, "id", ""), []).append(node.value)

    def values(node: ast.expr) -> Iterator[ast.expr]:
        if isinstance(node, ast.Call) and _name(node) == "format" and isinstance(node.func, ast.Attribute):
            yield from values(node.func.value)
        elif isinstance(node, ast.Subscript):
            yield from values(node.value)
        elif isinstance(node, ast.Dict | ast.Tuple):
            for each in node.values if isinstance(node, ast.Dict) else node.elts:
                yield from values(each)
        elif isinstance(node, ast.Name):
            for each in assigned.pop(node.id, []):  # once is enough, and no name leads back to itself
                yield from values(each)
        else:
            yield node

    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (_name(node) in SPEAKS or RAISED.fullmatch(_name(node))):
            for each in (
                *node.args,
                *(word.value for word in node.keywords if word.arg not in ("file", "key", "form")),
            ):
                for value in values(each):
                    yield from _texts(value)
    for node in ast.walk(tree):  # the cure that is put to an error on its way
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "attr", "") == "hint":
            for value in values(node.value):
                yield from _texts(value)


def _name(node: ast.Call) -> str:
    return str(getattr(node.func, "id", getattr(node.func, "attr", "")))


def _texts(node: ast.expr) -> Iterator[str]:
    """The texts that an expression may be; a choice of words inside one gives a text each."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield _trimmed(_numbered(node.value) if _FORMATTED.search(node.value) else node.value)
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
    elif isinstance(node, ast.JoinedStr):
        for parts in product(*map(_parts, node.values)):
            numbers = iter(range(1, 20))
            yield _trimmed("".join(f"{{{next(numbers)}}}" if part is None else part for part in parts))


_FORMATTED = re.compile(r"(?<!\{)\{(?:[a-z_]+|:[^{}]+)\}(?!\})")


def _numbered(text: str) -> str:
    """What ``str.format`` is given, its fields numbered."""
    numbers = iter(range(1, 20))
    return _FORMATTED.sub(lambda _: f"{{{next(numbers)}}}", text).replace("{{", "{").replace("}}", "}")


def _trimmed(text: str) -> str:
    """Without the mark of a line, and what joins it to the sentence before or behind it."""
    return text.strip(" ;,").removesuffix(":").lstrip("! ✓✗")


def _parts(part: ast.expr) -> list[str | None]:
    """What a part of an f-string may be; None stands for a value."""
    if isinstance(part, ast.Constant):
        return [str(part.value)]
    return [*_choices(part)] or [None]


def _choices(part: ast.expr) -> list[str]:
    """The words among which a placeholder chooses (or a plural's ending); none where it stands for a value."""
    node = part.value if isinstance(part, ast.FormattedValue) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) and isinstance(node.left, ast.Constant):
        return ["", str(node.left.value)]
    if not isinstance(node, ast.IfExp):
        return []
    ends = [end.value for end in (node.body, node.orelse) if isinstance(end, ast.Constant)]
    return [str(end) for end in ends] if len(ends) == 2 else []
