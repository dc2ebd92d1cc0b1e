"""The README tells the truth: every verb, code and dependency."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from pydantic import BaseModel

from kobo_sync import errors
from kobo_sync.cli.verbs import cli
from kobo_sync.config.config import Config

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
DISTRIBUTIONS = {
    "zlib_ng": "zlib-ng",
    "docx": "python-docx",
    "PIL": "pillow",
    "flask_wtf": "flask-wtf",
    "prometheus_client": "prometheus-client",
}


def test_every_verb_is_in_the_readme_and_has_help() -> None:
    told = set(re.findall(r"^\| `([a-z]+)` \|", README, re.M))
    assert told == set(cli.commands)
    for command in cli.commands.values():
        assert command.help and "Exit codes" in (command.epilog or "")


def test_every_exit_code_is_in_the_readme() -> None:
    codes = {
        error.exit_code
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, errors.KoboSyncError)
    }
    assert codes | {0, 1, 2} == {int(code) for code in re.findall(r"^\| (\d) \|", README, re.M)}


def test_every_import_is_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = [name for extra, names in project["optional-dependencies"].items() if extra != "test" for name in names]
    declared = {re.split(r"[<>=\[]", name)[0] for name in (*project["dependencies"], *extras)}
    found = set()
    for path in (ROOT / "kobo_sync").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            found |= {name.partition(".")[0] for name in names}
    third = {
        DISTRIBUTIONS.get(name, name)
        for name in found - set(sys.stdlib_module_names) - {"kobo_sync", "__future__", "_typeshed", "msvcrt", ""}
    }
    assert third <= declared, sorted(third - declared)


def test_the_lock_has_hashes_and_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    assert "://" not in lock
    pinned = [line for line in lock.splitlines() if re.match(r"[a-z]", line)]
    assert len(pinned) > 30 and lock.count("--hash=sha256:") >= len(pinned)


def test_functions_and_files_stay_readable() -> None:
    long = []
    for path in (ROOT / "kobo_sync").rglob("*.py"):
        text = path.read_text("utf-8")
        if text.count("\n") > 450:
            long.append(f"{path.name}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= 60:
                long.append(f"{path.name}:{node.lineno} {node.name}")
    assert not long


def test_the_guides_in_docs_are_those_of_the_package() -> None:
    """A copy grows old beside the text that travels."""
    for path in (ROOT / "kobo_sync" / "starter" / "docs").iterdir():
        link = ROOT / "docs" / path.name
        assert not link.exists() or (link.is_symlink() and link.resolve() == path.resolve()), path.name


def test_every_setting_and_every_code_is_in_the_operations_guide() -> None:
    told = (ROOT / "kobo_sync" / "starter" / "docs" / "operations.md").read_text("utf-8")
    missing = [key for key in _keys(Config, "") if key not in told]
    codes = set()
    for path in (ROOT / "kobo_sync").rglob("*.py"):
        codes |= set(
            re.findall(
                r'"((?:AUDIT|DATA|PULL|DEPLOY|BUILD|REPORT|DELIVER|EXPORT|ROSTER|BACKUP|PERSON|PURGE)\d{3})"',
                path.read_text("utf-8"),
            )
        )
    assert not missing and not {code for code in codes if f"`{code}`" not in told}


def _keys(settings: type[BaseModel], prefix: str) -> list[str]:
    """The settings' own key names, inner ones included."""
    found = []
    for name, info in settings.model_fields.items():
        if not prefix and name in ("zones", "secrets"):
            continue
        inner = [
            kind
            for kind in (info.annotation, *getattr(info.annotation, "__args__", ()))
            if isinstance(kind, type) and issubclass(kind, BaseModel)
        ]
        found += [key for kind in inner for key in _keys(kind, f"{prefix}{name}.")] or [name]
    return found


def test_every_name_for_templates_is_in_the_operations_guide() -> None:
    told = (ROOT / "kobo_sync" / "starter" / "docs" / "operations.md").read_text("utf-8")
    folder = ROOT / "kobo_sync" / "deliverables"
    names = set(
        re.findall(
            r'"(\w+)": (?:named|Block)\(',
            (folder / "report_blocks.py").read_text("utf-8") + (folder / "kit_blocks.py").read_text("utf-8"),
        )
    )
    missing = {name for name in names if f"`{name}`" not in told}
    missing |= {
        name
        for name in re.findall(r'^\s+"(\w+)": ', (folder / "live_values.py").read_text("utf-8"), re.M)
        if f"`{{{{{name}}}}}`" not in told
    }
    assert len(names) > 15 and not missing


def test_nothing_else_lies_at_the_top() -> None:
    """A measurement's output was committed there once."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    folders = {path.partition("/")[0] for path in tracked if "/" in path and not path.startswith(".")}
    assert folders <= {"benchmarks", "config", "docs", "exports", "forms", "kobo_sync", "tests"}
