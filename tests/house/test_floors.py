"""Imports go down, or sideways on one floor; the lower floors are pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "kobo_sync"
FLOORS = (
    ("model", "errors", "__init__"),
    (
        "config", "settings", "service_settings", "timetable", "forms", "kobo.protocol", "kobo.render", "kobo.simulate", "kobo.story", "kobo.drawing", "kobo.listing", "kobo.typed", "store.schema", "store.rows", "store.flatten", "store.bulk", "store.derive", "store.plan", "desk.schema", "desk",
        "checks", "analysis", "documents", "deliverables", "kobo", "store", "steps",
    ),
    ("workspace", "kept", "archive", "listening", "post", "office", "desk.database", "desk.runs", "desk.accounts", "desk.downloads", "desk.worklist", "desk.holds", "desk.shares", "desk.notices", "desk.schedules", "timezones", "kobo.client", "kobo.transport", "kobo.collect", "station", "downloads",
     "store.database", "store.zones", "store.glance", "store.bodies", "store.aside", "store.migrations", "store.load", "store.ledger", "store.flat", "store.files", "store.reconcile", "store.history", "store.approval", "store.redaction", "store.mirror"),
    ("mission", "assets", "facts", "triage", "inputs", "ledger", "reading", "absences", "past", "notify", "jobs", "hooks", "hours", "steps."),
    ("service", "web", "logs", "service_verbs", "signals", "console", "cli", "paper_verbs", "keeping_verbs", "progress", "__main__"),
)  # fmt: skip
IMPURE_MODULES = {"requests", "socket", "sqlite3", "subprocess"}
IMPURE_CALLS = {"open", "uuid4", "now", "today", "utcnow", "read_text", "write_text", "read_bytes", "write_bytes"}


def _modules() -> dict[str, Path]:
    names = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE).with_suffix("")
        parts = relative.parts[:-1] if relative.name == "__init__" and len(relative.parts) > 1 else relative.parts
        names[".".join(parts)] = path
    return names


def _floor(module: str) -> int:
    for number, names in reversed(list(enumerate(FLOORS))):
        for name in names:
            if module == name or (name.endswith(".") and module.startswith(name)):
                return number
    for number, names in enumerate(FLOORS):
        if any(module.startswith(f"{name}.") for name in names):
            return number
    raise AssertionError(f"{module} is on no floor: add it to FLOORS")


def _runtime_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but what stands under ``if TYPE_CHECKING``: words may name each other in types."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        yield node
        yield from _runtime_nodes(node)


def _imports(path: Path) -> set[str]:
    known = _modules()
    found = set()
    for node in _runtime_nodes(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("kobo_sync"):
            base = node.module.removeprefix("kobo_sync").lstrip(".")
            for alias in node.names:
                inner = f"{base}.{alias.name}".lstrip(".")
                found.add(inner if inner in known else base or "__init__")
    return found


@pytest.mark.parametrize("module", sorted(_modules()))
def test_imports_go_down_or_sideways(module: str) -> None:
    up = {name for name in _imports(_modules()[module]) if _floor(name) > _floor(module)}
    assert not up, f"{module} (floor {_floor(module)}) imports upward: {sorted(up)}"


def test_client_and_station_never_meet() -> None:
    for module, path in _modules().items():
        if module.startswith("station"):
            assert not {name for name in _imports(path) if name in ("kobo.client", "kobo.protocol")}, module
        if module == "kobo.client":
            assert not {name for name in _imports(path) if name.startswith("station")}


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


@pytest.mark.parametrize("module", [name for name in sorted(_modules()) if _floor(name) <= 1])
def test_lower_floors_are_pure(module: str) -> None:
    found = []
    for node in ast.walk(ast.parse(_modules()[module].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name in IMPURE_MODULES]
        elif isinstance(node, ast.ImportFrom) and node.module in IMPURE_MODULES:
            found.append(node.module)
        elif isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            in_memory = (
                isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "Image"
            )
            if name in IMPURE_CALLS and not in_memory:
                found.append(f"{name}() in line {node.lineno}")
    assert not found, f"{module}: {found}"
