"""The lint verb: any workbook, three shapes, and nothing done twice."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest
from conftest import PERSONNES, REPO, Field

from kobo_sync.errors import FormError
from kobo_sync.forms import compiler
from kobo_sync.forms.rules import RULES
from kobo_sync.steps import lint as step
from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.lint import judge, lint_files, lint_mission, sarif
from kobo_sync.workspace.folders import Workspace


def _run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kobo_sync", "lint", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPO)},
    )


def test_a_file_outside_any_mission_is_judged_with_its_cells(tmp_path: Path) -> None:
    (tmp_path / "f.md").write_text(
        PERSONNES.replace("${accord} = 'oui' |\n|        | text", "${acord} = 'oui' |\n|        | text", 1), "utf-8"
    )
    (tmp_path / "zones.csv").write_text("name,label\nnord,Nord\n", "utf-8")
    done = _run("f.md", "--json", cwd=tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    (finding,) = [f for f in json.loads(done.stdout) if f["rule"] == "FORM030"]
    assert (
        "row 4" in finding["where"]
        and "relevant" in finding["where"]
        and "acord" in finding["message"]
        and finding["hint"]
    )


def test_sarif_names_every_rule_and_place(tmp_path: Path) -> None:
    path = tmp_path / "f.md"
    path.write_text(PERSONNES.replace("| نعم ", "|     "), "utf-8")
    (tmp_path / "zones.csv").write_text("name,label\nnord,Nord\n", "utf-8")
    told = sarif(lint_files([path], None, validate=False))
    run = told["runs"][0]
    assert told["version"] == "2.1.0" and {rule["id"] for rule in run["tool"]["driver"]["rules"]} == set(RULES)
    assert any(result["ruleId"] == "FORM020" and result["level"] == "warning" for result in run["results"])


def test_an_unchanged_form_is_not_judged_again(
    workspace: Workspace, field_team: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = lint_mission(field_team.reopen())
    monkeypatch.setattr(step, "judge", lambda *_, **__: pytest.fail("judged again"))
    monkeypatch.setattr(compiler, "compile_form", lambda *_, **__: pytest.fail("compiled again"))
    again = lint_mission(field_team.reopen())
    assert all(form.cached for form in again) and [f.findings for f in again] == [f.findings for f in first]


def test_a_damaged_cache_is_no_cache(tmp_path: Path) -> None:
    content = PERSONNES.encode()
    media = {"zones.csv": b"name,label\nnord,Nord\n"}
    first = judge(content, "f.md", media, tmp_path, validate=False)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(b"[{")
    again = judge(content, "f.md", media, tmp_path, validate=False)
    assert not again.cached and again.findings == first.findings


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("faux.xlsx", b"PK\x03\x04 nothing"),
        ("vide.xlsx", b""),
        ("texte.xls", b"hello"),
        ("chiffre.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600 + "EncryptedPackage".encode("utf-16-le")),
        ("form.pdf", b"%PDF"),
        ("latin.csv", "é".encode("latin-1")),
    ],
)
def test_what_is_no_form_gets_a_finding_with_a_cure(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    done = _run(name, "--fast", cwd=tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "FORM000" in done.stderr and "→" in done.stderr


def test_an_empty_form_is_said_to_be_empty(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "survey"
    book.active.append(["type", "name", "label"])
    out = io.BytesIO()
    book.save(out)
    (tmp_path / "vide.xlsx").write_bytes(out.getvalue())
    (form,) = lint_files([tmp_path / "vide.xlsx"], None)
    assert form.findings[0].rule == "FORM000" and "no question" in form.findings[0].message


def test_the_gate_keeps_a_form_in_error_from_the_server(field_team: Field) -> None:
    path = field_team.mission.workspace.root / "forms" / "personnes.md"
    path.write_text(PERSONNES.replace("${accord}", "${acord}", 1), "utf-8")
    before = field_team.mission.deployer().asset(field_team.uid("personnes"))[0].version_id
    with pytest.raises(FormError) as failure:
        deploy(field_team.reopen())
    assert {finding.rule for finding in failure.value.findings} == {"FORM000", "FORM030"}
    assert field_team.mission.deployer().asset(field_team.uid("personnes"))[0].version_id == before
