"""The command line speaks the language of whoever runs it, one a run; `--json` and logs are English."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from language.harvest import FRENCH

from kobo_sync.cli.console import print_finding
from kobo_sync.model import Finding
from kobo_sync.workspace.folders import Workspace

ARABIC = re.compile(r"[\u0621-\u064a]")


def run(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "KOBO_SYNC_LANG"))}
    return subprocess.run(
        [sys.executable, "-m", "kobo_sync", *words],
        capture_output=True, text=True, encoding="utf-8", check=False, env=plain | {"PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"} | environ,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("environ", "heading"),
    [
        ({}, "Usage:"),
        ({"LANG": "C.UTF-8"}, "Usage:"),
        ({"LANG": "fr_MA.UTF-8"}, "Emploi :"),
        ({"LANG": "fr_FR.UTF-8", "LC_ALL": "en_GB.UTF-8"}, "Usage:"),
        ({"LANG": "fr_FR.UTF-8", "KOBO_SYNC_LANG": "ar"}, "الاستعمال:"),
    ],
)
def test_the_first_variable_that_is_set_decides(environ: dict[str, str], heading: str) -> None:
    assert run("--help", **environ).stdout.startswith(heading)


def words_of(text: str) -> str:
    """What is said: without options, files, names of values and quoted commands."""
    return re.sub(r"`[^`]*`|\S*[/._=]\S*|--?[a-z-]+|\b[A-Z_]{2,}\b|\[[^\]]*\]|\{[^}]*\}", " ", text)


@pytest.mark.parametrize("verb", [(), ("pull",), ("station",), ("user",), ("user", "add"), ("deliver",)])
def test_help_is_of_one_language(verb: tuple[str, ...]) -> None:
    french = run(*verb, "--help", KOBO_SYNC_LANG="fr").stdout
    assert not re.search(r"\b(?:the|and|with|this|whose)\b", words_of(french)), french
    arabic = run(*verb, "--help", KOBO_SYNC_LANG="ar").stdout
    assert not re.search(r"\b(?:the|and|with|this|whose)\b", words_of(arabic)) and ARABIC.search(arabic), arabic
    english = run(*verb, "--help").stdout
    assert not ARABIC.search(english) and not re.search(r"[éèà«»]", english)


def test_usage_errors_findings_and_reports_are_of_the_language(workspace: Workspace) -> None:
    place = ("--workspace", str(workspace.root))
    wrong = run("pull", "--nonsense", KOBO_SYNC_LANG="fr")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "Erreur\u00a0: il n’y a pas d’option '--nonsense'." in wrong.stderr and "Essayer" in wrong.stderr
    status = run("status", *place, KOBO_SYNC_LANG="fr")
    assert status.returncode == 0 and "jamais relev" in status.stdout, status
    away = run("status", "--workspace", "/nowhere", KOBO_SYNC_LANG="ar")
    assert away.returncode == 3 and away.stderr.startswith("خطأ:") and ARABIC.search(away.stderr)


def test_a_form_keeps_its_name_though_it_is_a_word_of_ours(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KOBO_SYNC_LANG", "fr")
    monkeypatch.setenv("NO_COLOR", "1")
    print_finding(Finding("PULL018", "warning", "participants", "3 rows are no longer listed, but x", ""))
    print_finding(Finding("DOCTOR001", "error", "disk", "x", ""))
    told = capsys.readouterr().err
    assert "PULL018 participants" in told and "DOCTOR001 disque" in told


def test_json_is_english_whatever_is_spoken(workspace: Workspace) -> None:
    words = ("status", "--workspace", str(workspace.root), "--json")
    lines = [json.loads(run(*words, KOBO_SYNC_LANG=code).stdout)["lines"] for code in ("en", "fr", "ar")]
    assert lines[0] == lines[1] == lines[2] and not any(map(FRENCH.search, lines[0]))


def test_english_reads_no_catalogue() -> None:
    told = "import sys, kobo_sync.cli.verbs as v; from click.testing import CliRunner as R; R().invoke(v.cli, ['--help']); print(*sys.modules)"
    environ = {"KOBO_SYNC_LANG": "en", "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    loaded = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, env=environ)
    assert "kobo_sync.cli.tongue" in loaded.stdout and "kobo_sync.language" not in loaded.stdout


def test_the_cure_of_a_failure_is_of_the_language_too(tmp_path: Path) -> None:
    """It stood in English below a French message: the arrow hid it from the catalogue."""
    wrong = run("status", "--workspace", str(tmp_path), KOBO_SYNC_LANG="fr")
    assert wrong.returncode == 3 and "→ run inside" not in wrong.stderr and "dossier" in wrong.stderr
