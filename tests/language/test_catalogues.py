"""Every text of the program stands in the catalogues, in every language, and nothing else does."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from catalogues import DOMAINS, PACKAGE, TRANSLATED, current, po_file, stored, written
from harvest import FRENCH

# Fonts, styles of papers that were written before, words of Stata, regular expressions.
NAMES = re.compile(
    r"\\|(?:DejaVu|Noto|Liberation) Sans|^sans-zone$|\bthe\b|^Cellule serrée$|^Après tableau$|^array boolean"
)
# What is French because people write it so: names of columns, languages, codes and questions that are recognised.
VOCABULARIES = (
    "analysis/people.py", "analysis/quoting.py", "analysis/roster_sheet.py", "analysis/words.py",
    "config", "forms", "kobo", "language", "phones", "station", "store", "workspace", "numbers.py",
)  # fmt: skip
TRANSLATABLE = [(language, domain) for language in TRANSLATED for domain in DOMAINS]


def names(text: str) -> set[str]:
    """What is filled in for a text's braces."""
    return set(re.findall(r"(?<!\{)\{(\w+)(?::\w+)?\}(?!\})", text))


@pytest.mark.parametrize(("language", "domain"), TRANSLATABLE)
def test_every_text_is_translated_and_keeps_its_values(language: str, domain: str) -> None:
    lacking, astray = [], []
    for message in current(language, domain):
        if not message.id:
            continue
        one, many = (
            (message.id[0], message.id[-1]) if isinstance(message.id, tuple | list) else (message.id, message.id)
        )
        texts = message.string if isinstance(message.string, tuple | list) else (message.string,)
        if not all(texts):
            lacking.append(message.id)
        for text in filter(None, texts):
            if not names(text) <= names(many) | names(one) or (names(one) & names(many)) - {"n"} - names(text):
                astray.append((message.id, text))
    assert not lacking
    assert not astray, "values that the text does not have, or lacks"


@pytest.mark.parametrize(("language", "domain"), TRANSLATABLE)
def test_the_catalogues_are_those_of_the_code(language: str, domain: str) -> None:
    """`make messages` was run: no text is new, none is dead, and the program reads what the translator wrote."""
    po, mo = written(language, domain)
    path = po_file(language, domain)
    assert path.read_bytes() == po, f"run `make messages`: {path.name}"
    assert path.with_suffix(".mo").read_bytes() == mo, f"run `make messages`: {path.name}"
    assert not stored(language, domain).obsolete


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """The texts of a module but for docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "STORED":  # digests are made of it
            docstrings |= {id(each) for each in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def test_no_french_stands_in_the_code() -> None:
    """People read French from the catalogue: the code says it in English."""
    told = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE)
        if {name.parts[0], name.as_posix()} & {*VOCABULARIES}:
            continue
        told += [
            f"{name}:{line}: {text}"
            for line, text in literals(path)
            if len(re.findall(r"\w+", text)) > 1 and FRENCH.search(text) and not NAMES.search(text)
        ]
    assert not told
