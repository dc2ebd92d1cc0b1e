"""Checks and deliverables from elsewhere: the template package of docs/plug_in installed, files of two missions, names that stay."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from invented_facts import make_facts

from kobo_sync import plug_ins
from kobo_sync.checks import checks_of
from kobo_sync.deliverables import deliverable
from kobo_sync.errors import ConfigError, DocumentError
from kobo_sync.steps.init import init

TEMPLATE = Path(__file__).parents[2] / "docs" / "plug_in"
OWN = "CODE, TITLE = {code!r}, 'Ours'\ndef check(facts):\n    return iter(())\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the template package is installed into."""
    source, target = tmp_path_factory.mktemp("source") / "plug_in", tmp_path_factory.mktemp("site")
    shutil.copytree(TEMPLATE, source)
    command = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
    ]
    command += ["--no-build-isolation", "--target", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return target


def test_the_template_package_checks_and_builds_by_the_names_of_its_entry_points(site: Path, tmp_path: Path) -> None:
    mission = tmp_path / "mission"
    init(mission)
    settings = mission / "config" / "mission.toml"
    text = settings.read_text("utf-8")
    text = text.replace("[checks]\n", '[checks]\nextra = ["short_names"]\n')
    text = text.replace('zone = ["attendance_list",', 'zone = ["presence_summary", "attendance_list",')
    settings.write_text(text, "utf-8")
    command = [sys.executable, "-m", "kobo_sync", "demo", "--workspace", str(mission)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(Path(__file__).parents[2])])}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (mission / "exports" / "demo" / "zone_a" / "presence-by-group.docx").is_file()
    assert "CHECK001" not in done.stdout


def test_an_entry_point_is_found_by_its_name_and_two_packages_that_offer_one_are_refused(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(site))
    assert deliverable("presence_summary").classification == "aggregate"
    assert [check.name for check in checks_of(["short_names"]) if check.code == "OURS001"] == ["short_names"]
    assert checks_of(["our_papers.short_names"])[-1].code == "OURS001"
    other = tmp_path / "theirs-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n", "utf-8")
    (other / "entry_points.txt").write_text("[kobo_sync.checks]\nshort_names = theirs.names\n", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match="is offered by our-papers and theirs") as refused:
        checks_of(["short_names"])
    assert "checks.extra" in str(refused.value)


def test_a_name_that_nobody_offers_says_where_it_was_looked_for() -> None:
    with pytest.raises(ConfigError, match="neither a module in the mission's folder nor installed"):
        deliverable("no_such_paper")
    with pytest.raises(ConfigError, match=r"checks\.extra"):
        checks_of(["no_such_check"])


def test_two_missions_in_one_process_have_each_their_own_module_of_one_name(tmp_path: Path) -> None:
    before, roots = list(sys.path), []
    for n in (1, 2):
        root = tmp_path / str(n)
        root.mkdir()
        (root / "our_own_check.py").write_text(OWN.format(code=f"OURS00{n}"), "utf-8")
        roots.append(root)
    try:
        served: set[str] = set()
        codes = []
        for root in (*roots, roots[0]):
            plug_ins.import_from(root, served)
            served.add(str(root))
            codes.append(checks_of(["our_own_check"])[-1].code)
        assert codes == ["OURS001", "OURS002", "OURS001"]
    finally:
        sys.path[:] = before
        sys.modules.pop("our_own_check", None)


def test_a_module_of_a_package_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking where it lies imports the package: a fault in that one ended the run, and the diagnosis with it."""
    (tmp_path / "broken_papers").mkdir()
    (tmp_path / "broken_papers" / "__init__.py").write_text("def x(:\n", "utf-8")
    (tmp_path / "broken_papers" / "summary.py").write_text("", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    for ask in (lambda name: checks_of([name]), deliverable):
        with pytest.raises(ConfigError, match=r"cannot be imported \(SyntaxError"):
            ask("broken_papers.summary")
    assert plug_ins.source_of(plug_ins.CHECKS, "broken_papers.summary") is None


@pytest.mark.parametrize(
    ("papers", "reason"),
    [
        ("['text']", "gives a str where a Document is due"),
        ("[Document('a.txt', 'text', 'public')]", "gives a.txt a str where bytes are due"),
        ("[Document('a.txt', b'x', 'secret')]", "the class 'secret', which is none of nominative"),
        ("[Document('../a.txt', b'x', 'public')]", "'../a.txt', which is no file below the set's folder"),
        ("[Document('', b'x', 'public')]", "'', which is no file below the set's folder"),
        (r"[Document('..\\a.txt', b'x', 'public')]", "which is no file below the set's folder"),
        ("[Document('Manifest.JSON', b'x', 'public')]", "'Manifest.JSON', which another file of the set has"),
        (
            "[Document(path, b'x', 'public') for path in ('a.txt', 'A.txt')]",
            "'A.txt', which another file of the set has",
        ),
        ("exit(5)", "ends the program"),
    ],
)
def test_papers_that_no_set_can_hold_are_refused(
    papers: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class that is none broke the set's manifest: no archive could be made of it any more."""
    head = (
        "from kobo_sync.model import Document\nNAME, TITLE, SCOPE, CLASS = 'unfit_papers', 'Ours', 'zone', 'public'\n"
    )
    (tmp_path / "unfit_papers.py").write_text(f"{head}def build(facts):\n    return {papers}\n", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(DocumentError) as refusal:
        deliverable("unfit_papers").build(make_facts())
    assert refusal.value.message.startswith("the deliverable unfit_papers ") and reason in refusal.value.message
    sys.modules.pop("unfit_papers")


def test_the_names_that_stay_are_there() -> None:
    rows = re.findall(r"^\| `(kobo_sync[\w.]*)` \| (.+) \|$", (TEMPLATE / "README.md").read_text("utf-8"), re.M)
    assert len(rows) > 8
    missing = [
        f"{module}.{name}"
        for module, names in rows
        for name in re.findall(r"`(\w+)`", names)
        if not hasattr(importlib.import_module(module), name)
    ]
    assert missing == []
