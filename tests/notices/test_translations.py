"""Pages and mails speak the reader's language: every sentence of the code is in the catalogue. Part 8, B31."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from kobo_sync.notices.translations import LANGUAGES, catalogue

PACKAGE = Path(__file__).parents[2] / "kobo_sync"
# What speaks to the person at the command line alone, or to a phone, never through a run's report or a page.
ELSEWHERE = {"cli", "phones", "station"}
AT_THE_COMMAND_LINE = {
    "steps/init.py",
    "steps/enrol.py",
    "steps/demo.py",
    "steps/guide.py",
    "steps/print.py",
    "steps/export.py",
}
SPEAKS = {"Finding", "Examined", "OpenDoor", "finding"}
FRENCH = re.compile(r"[«»’éèêàùçôîûœ]|\b(?:le|la|les|un|une|des|du|aucun|aucune)\b", re.I)


def _text(node: ast.expr, counter: list[int]) -> Iterator[str]:
    """The texts that an argument may be, ``{1}`` for each value."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        text, n = "", 0
        for part in node.values:
            if isinstance(part, ast.Constant):
                text += str(part.value)
            else:
                n += 1
                text += f"{{{n}}}"
        yield text
    elif isinstance(node, ast.IfExp):
        yield from _text(node.body, counter)
        yield from _text(node.orelse, counter)


def sentences() -> dict[str, str]:
    """English sentence of an error or finding → where it stands."""
    found: dict[str, str] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE)
        if relative.parts[0] in ELSEWHERE or relative.as_posix() in AT_THE_COMMAND_LINE:
            continue
        assigned: dict[str, list[ast.expr]] = {}
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                assigned.setdefault(node.targets[0].id, []).append(node.value)
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if not (
                name in SPEAKS
                or re.fullmatch(r"\w+Error|Kobo(?:Unreachable|Refused|Rejected|Unexpected)|Busy|RunStopped", name)
            ):
                continue
            for each in [
                *node.args,
                *(word.value for word in node.keywords if word.arg in ("hint", "message", "cure", "why")),
            ]:
                values = assigned.get(each.id, []) if isinstance(each, ast.Name) else [each]
                for text in (text for value in values for text in _text(value, [])):
                    if len(re.findall(r"[^\W\d_]{2,}", re.sub(r"\{\d+\}", " ", text))) >= 2 and not FRENCH.search(text):
                        found.setdefault(text, relative.as_posix())
    return found


def test_every_sentence_is_there_in_both_languages() -> None:
    texts = catalogue("messages")
    missing = {text: place for text, place in sentences().items() if text not in texts}
    assert missing == {}
    for text, by_language in texts.items():
        assert set(by_language) == set(LANGUAGES), text
        for language in LANGUAGES:
            assert sorted(set(re.findall(r"\{\d+\}", by_language[language]))) == sorted(
                set(re.findall(r"\{\d+\}", text))
            ), text
