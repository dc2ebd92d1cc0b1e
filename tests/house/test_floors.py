"""The folder says the floor: imports go down, or sideways inside a folder; no circle; pure folders do no input or output."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "kobo_sync"
# folder → the folders that its modules may import besides their own and the root's words; listed from the doors down.
# An inner folder that is named here has a floor of its own; all others belong to the folder that they lie in.
KNOWLEDGE = {"forms", "config", "rows", "store/tables"}
FOLDERS = {
    "cli": {"web", "service", "steps", "mission", "station", "desk", "engine", "workspace", "forms", "config"},
    "web": {"service", "steps", "notices", "mission", "documents", "analysis", "desk", "store", "engine", "phones", "workspace", *KNOWLEDGE},
    "service": {"steps", "notices", "mission", "desk", "store", "engine", "workspace", *KNOWLEDGE},
    "steps": {"notices", "mission", "deliverables", "checks", "documents", "analysis", "desk", "store", "station", "engine", "databases", "phones", "workspace", "kobo", *KNOWLEDGE},
    "notices": {"mission", "documents", "desk", "workspace", *KNOWLEDGE},
    "mission": {"deliverables", "checks", "analysis", "desk", "store", "databases", "workspace", "kobo", "kobo/wire", "central", "central/wire", *KNOWLEDGE},
    "deliverables": {"checks", "documents", "analysis", "store/tables", "forms", "config"},
    "checks": {"analysis", "forms", "config"},
    "documents": {"forms", "config"},
    "analysis": {"forms", "config"},
    "desk": {"store", "databases", *KNOWLEDGE},
    "store": {"databases", "rows", "store/tables"},
    "station": {"databases", "rows", "forms"},
    "engine": {"config"},
    "store/tables": {"rows", "databases"},
    "databases": set(),
    "phones": {"forms", "config", "kobo/wire"},
    "workspace": {"forms", "config"},
    "kobo": {"kobo/wire", "rows", "forms"},
    "kobo/wire": {"rows"},
    "central": {"central/wire", "rows", "forms"},
    "central/wire": {"rows"},
    "rows": set(),
    "forms": {"config"},
    "config": set(),
    "language": set(),
    "": set(),
}  # fmt: skip
PURE = {
    "deliverables",
    "checks",
    "documents",
    "analysis",
    "store/tables",
    "kobo/wire",
    "central/wire",
    "rows",
    "forms",
    "config",
}
IMPURE_MODULES = {"requests", "socket", "sqlite3", "subprocess"}
IMPURE_CALLS = {"open", "uuid4", "now", "today", "utcnow", "read_text", "write_text", "read_bytes", "write_bytes"}


@cache
def _modules() -> dict[str, Path]:
    names = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE).with_suffix("")
        parts = relative.parts[:-1] if relative.name == "__init__" and len(relative.parts) > 1 else relative.parts
        names[".".join(parts)] = path
    return names


@cache
def _folder(module: str) -> str:
    """The folder of FOLDERS that *module* lies in: the innermost that is named there. ``__main__`` is the doors' bell."""
    if module == "__main__":
        return "cli"
    parent = _modules()[module].parent.relative_to(PACKAGE)
    return next(
        (path.as_posix() for path in (parent, *parent.parents) if path != Path() and path.as_posix() in FOLDERS), ""
    )


def _runtime_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but what stands under ``if TYPE_CHECKING``: words may name each other in types."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        yield node
        yield from _runtime_nodes(node)


@cache
def _imports(path: Path) -> set[str]:
    modules = _modules()
    imported = set()
    for node in _runtime_nodes(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "kobo_sync":
            base = node.module.removeprefix("kobo_sync").lstrip(".")
            for alias in node.names:
                inner = f"{base}.{alias.name}".lstrip(".")
                imported.add(inner if inner in modules else base or "__init__")
        elif isinstance(node, ast.Import):
            imported |= {alias.name.removeprefix("kobo_sync.") for alias in node.names if "kobo_sync." in alias.name}
    return imported


def test_the_folders_are_those_of_the_package_and_few() -> None:
    assert len(FOLDERS) <= 27
    with_code = {path.parent.relative_to(PACKAGE).parts for path in PACKAGE.rglob("*.py")}
    assert {parts[0] for parts in with_code if parts} == {name for name in FOLDERS if name and "/" not in name}
    assert {path.stem for path in PACKAGE.glob("*.py")} == {
        "__init__",
        "__main__",
        "model",
        "errors",
        "form_server",
        "lazy",
        "numbers",
        "plug_ins",
        "server_kinds",
        "serving",
        "transport",
    }


def test_folders_are_listed_from_the_doors_down() -> None:
    order = list(FOLDERS)
    for folder, below in FOLDERS.items():
        assert all(order.index(folder) < order.index(name) for name in below), folder


@pytest.mark.parametrize("module", sorted(_modules()))
def test_imports_go_down_or_sideways(module: str) -> None:
    folder = _folder(module)
    allowed = {folder, "language", "", *FOLDERS[folder]}
    up = {name for name in _imports(_modules()[module]) if _folder(name) not in allowed}
    assert not up, f"{module} (in {folder or 'the root'}) may not import {sorted(up)}"


def test_client_and_station_never_meet() -> None:
    """Shared code could hide a shared mistake: the contract tests hold each against a real server's recordings."""
    for module, path in _modules().items():
        if _folder(module) in ("station", "kobo", "kobo/wire"):
            other = {"station"} if _folder(module) != "station" else {"kobo", "kobo/wire", "phones"}
            assert not {name for name in _imports(path) if _folder(name) in other}, module


def test_no_circles() -> None:
    graph = {module: _imports(path) - {module} for module, path in _modules().items()}
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " → ".join((*above[above.index(module) :], module))
        if module not in done:
            for name in sorted(graph.get(module, ())):
                visit(name, (*above, module))
            done.add(module)

    for module in graph:
        visit(module, ())
    assert done


@pytest.mark.parametrize("module", [name for name in sorted(_modules()) if _folder(name) in PURE])
def test_pure_folders_are_pure(module: str) -> None:
    impure = []
    for node in ast.walk(ast.parse(_modules()[module].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            impure += [alias.name for alias in node.names if alias.name in IMPURE_MODULES]
        elif isinstance(node, ast.ImportFrom) and node.module in IMPURE_MODULES:
            impure.append(node.module)
        elif isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            in_memory = (
                isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "Image"
            )
            if name in IMPURE_CALLS and not in_memory:
                impure.append(f"{name}() in line {node.lineno}")
    assert not impure, f"{module}: {impure}"


@pytest.mark.parametrize(
    "folder", ["analysis", "checks", "deliverables", "documents", "notices", "steps", "store", "web"]
)
def test_what_a_server_has_is_asked_and_never_which_it_is(folder: str) -> None:
    """Part 12, 1: they know neither KoboToolbox nor ODK Central, but what their kinds have (`server_kinds`)."""
    asking = [path.name for path in (PACKAGE / folder).rglob("*.py") if "is_central" in path.read_text("utf-8")]
    assert asking == []


def test_no_lazy_value_of_one_mission_waits_for_another_s() -> None:
    """Part 10: on Python 3.11 functools' own has one lock for all objects of a class; `kobo_sync.lazy` has none."""
    users = [
        path
        for path in PACKAGE.rglob("*.py")
        if path.name != "lazy.py" and re.search(r"functools import .*cached_property", path.read_text("utf-8"))
    ]
    assert not users


def test_no_two_test_modules_have_one_name() -> None:
    """A run of all tests cannot collect the second: nobody who runs a folder alone would see it."""
    names = Counter(path.name for path in Path(__file__).parents[1].rglob("test_*.py"))
    assert [name for name, n in names.items() if n > 1] == []
