"""The first steps without a verb: where one is, what comes next, and `open` (part 11, B9)."""

from __future__ import annotations

import os
import pty
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from conftest import Field
from federated import write_mission

from kobo_sync.steps.init import LAUNCHERS, NewMission, init
from kobo_sync.steps.pull import pull
from kobo_sync.steps.whereabouts import whereabouts
from kobo_sync.workspace.folders import Workspace, find
from kobo_sync.workspace.showing import showing, shown_at

SENTENCE = "trois chameaux sur un toit"


def _run(folder: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kobo_sync", *words]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={**os.environ, **environ}, timeout=120, check=False
    )


@contextmanager
def _open(folder: Path, *words: str, **environ: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`open` at work, and the address that it printed."""
    command = [sys.executable, "-m", "kobo_sync", "open", *words]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "KOBO_SYNC_LANG": "en", "KOBO_TOKEN": "t" * 40, **environ},
    ) as process:  # fmt: skip
        assert process.stdout and process.stderr
        line = process.stdout.readline()
        try:
            assert line.startswith("the pages: "), line + process.stderr.read()
            yield process, line.removeprefix("the pages: ").strip()
        finally:
            process.terminate()
            process.communicate(timeout=60)


# ── the command alone ──


def test_without_a_mission_it_says_how_to_make_one(tmp_path: Path) -> None:
    done = _run(tmp_path, KOBO_SYNC_LANG="en")
    assert (done.returncode, done.stderr) == (0, "")
    assert "no mission" in done.stdout and "kobo-sync init" in done.stdout and "kobo-sync adopt" in done.stdout


@pytest.mark.parametrize(("language", "words"), [("fr", "le jeton manque"), ("ar", "والرمز ناقص"), ("en", "missing")])
def test_it_speaks_the_run_s_language_in_a_terminal(tmp_path: Path, language: str, words: str) -> None:
    init(tmp_path / "m", NewMission(title="Eau"))
    controller, terminal = pty.openpty()
    try:
        environ = {**os.environ, "KOBO_SYNC_LANG": language, "KOBO_TOKEN": ""}
        command = [sys.executable, "-m", "kobo_sync"]
        child = subprocess.Popen(command, cwd=tmp_path / "m", stdout=terminal, stderr=terminal, env=environ)
        os.close(terminal)
        told = b""
        try:
            while part := os.read(controller, 65536):
                told += part
        except OSError:  # the terminal is gone with its last process
            pass
        assert child.wait(timeout=60) == 0
    finally:
        os.close(controller)
    lines = told.decode().splitlines()
    assert words in told.decode() and "Eau" in lines[0] and len(lines) <= 12
    assert ("next:" in told.decode()) == (language == "en")


def test_each_step_leads_to_the_next(field_team: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a folder that is at fault to one where nothing is left to do."""
    root, mission = field_team.mission.workspace.root, field_team.mission
    monkeypatch.delenv("KOBO_TOKEN", raising=False)
    assert "KOBO_TOKEN" in whereabouts(root)[-2]
    monkeypatch.setenv("KOBO_TOKEN", "t" * 40)
    for deployment in list(mission.store.deployments()):
        with mission.store.begin() as connection:
            connection.exec_driver_sql("DELETE FROM deployments WHERE form_id = ?", (deployment,))
    assert "kobo-sync deploy" in whereabouts(root)[-2]
    mission = field_team.reopen()
    toml = root / "config" / "mission.toml"
    text = toml.read_text("utf-8")
    toml.write_text(text + "\n[mission\n", "utf-8")
    at_fault = whereabouts(root)
    assert "cannot be opened" in at_fault[0] and "mission.toml" in at_fault[1] and " → mend that line" in at_fault[1]
    toml.write_text(text, "utf-8")


def test_what_was_pulled_and_the_running_service_are_told(field_team: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOBO_TOKEN", "t" * 40)
    workspace = field_team.mission.workspace
    assert "kobo-sync run" in whereabouts(workspace.root)[-2]
    field_team.person("NOR-01")
    pull(field_team.mission)
    lines = whereabouts(workspace.root)
    assert any(line.startswith("submissions here: 1,") for line in lines) and "kobo-sync open" in lines[-2]
    with showing(workspace) as announce:
        announce("http://127.0.0.1:8000")
        lines = whereabouts(workspace.root)
    assert "the service runs; its pages are at http://127.0.0.1:8000" in lines
    assert lines[-2] == "nothing to do: the service sees to the rest"


# ── which process shows the pages ──


def test_an_address_counts_as_long_as_its_process_lives(workspace: Workspace) -> None:
    assert shown_at(workspace) == ""
    with showing(workspace) as announce:
        assert shown_at(workspace) == ""
        announce("http://127.0.0.1:1")
        assert shown_at(workspace) == "http://127.0.0.1:1"
    assert shown_at(workspace) == ""
    (workspace.state / "pages.address").write_text("http://127.0.0.1:1\n", "ascii")  # of a process that was killed
    assert shown_at(workspace) == ""


# ── open ──


def _token_of(answer: requests.Response) -> str:
    return answer.text.partition('name="csrf_token" value="')[2].partition('"')[0]


def test_open_makes_the_first_account_and_later_leads_to_the_sign_in(workspace: Workspace) -> None:
    with _open(workspace.root, "--no-browser", "--port", "0") as (_process, address):
        assert "/acces/" in address
        visitor = requests.Session()
        page = visitor.get(address, timeout=20)
        data = {"username": "driss", "name": "Driss", "password": SENTENCE, "again": SENTENCE}
        done = visitor.post(address, data={**data, "csrf_token": _token_of(page)}, timeout=20)
        assert done.status_code == 200 and "Driss" in done.text
        assert visitor.get(re.sub("/acces/.*", "/comptes", address), timeout=20).status_code == 200
        again = _run(workspace.root, "open", "--no-browser", KOBO_SYNC_LANG="en")
        assert again.stdout.strip() == "the pages: " + re.sub("/acces/.*", "/connexion", address)
        assert "the service runs" in _run(workspace.root, KOBO_SYNC_LANG="en", KOBO_TOKEN="t" * 40).stdout
    assert shown_at(workspace) == ""


def test_two_at_once_share_one_service_and_both_links_are_good(workspace: Workspace) -> None:
    environ = {**os.environ, "KOBO_SYNC_LANG": "en", "KOBO_TOKEN": "t" * 40}
    command = [sys.executable, "-m", "kobo_sync", "open", "--no-browser", "--port", "0"]
    both = [
        subprocess.Popen(command, cwd=workspace.root, stdout=subprocess.PIPE, text=True, env=environ) for _ in range(2)
    ]
    try:
        addresses = [process.stdout.readline().split()[-1] for process in both if process.stdout]
        assert len({address.partition("/acces/")[0] for address in addresses}) == 1
        assert [requests.get(address, timeout=20).status_code for address in addresses] == [200, 200]
    finally:
        for process in both:
            process.terminate()
            process.communicate(timeout=60)


def _browser(tmp_path: Path) -> tuple[Path, Path]:
    """A browser that says what it is given, and where it says that."""
    fifo, browser = tmp_path / "asked", tmp_path / "browser"
    os.mkfifo(fifo)
    browser.write_text(f'#!/bin/sh\necho "$1" > {fifo}\n', "utf-8")
    browser.chmod(0o755)
    return browser, fifo


def _leads_to(url: str) -> tuple[Path, str]:
    """The page of this machine's at *url*, and the address that it leads to."""
    page = Path(url.removeprefix("file://"))
    assert url == page.as_uri() and page.stat().st_mode & 0o777 == 0o600
    return page, page.read_text("utf-8").partition("0; url=")[2].partition('"')[0]


def test_the_browser_is_led_to_the_address_and_no_command_line_tells_the_secret(
    workspace: Workspace, tmp_path: Path
) -> None:
    browser, fifo = _browser(tmp_path)
    with _open(workspace.root, "--port", "0", BROWSER=str(browser)) as (_process, address):
        given = fifo.read_text("utf-8").strip()
        page, leads_to = _leads_to(given)
        assert leads_to == address and address.rpartition("/")[2] not in given
        lines = b"".join(path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if _is_there(path))
        assert address.rpartition("/")[2].encode() not in lines
        assert requests.get(re.sub("/acces/.*", "/acces/wrong", address), timeout=20).status_code == 410
        assert page.exists()
        assert requests.get(address, timeout=20).status_code == 200
        assert not page.exists()
        again = _run(workspace.root, "open", "--no-browser", KOBO_SYNC_LANG="en")
        assert "/acces/" in again.stdout and not page.exists()


def _is_there(path: Path) -> bool:
    try:
        return path.read_bytes() is not None
    except OSError:  # ended meanwhile
        return False


def test_the_page_goes_with_its_service_and_one_of_a_killed_service_with_the_next(
    workspace: Workspace, tmp_path: Path
) -> None:
    browser, fifo = _browser(tmp_path)
    with _open(workspace.root, "--port", "0", BROWSER=str(browser)):
        page, _ = _leads_to(fifo.read_text("utf-8").strip())
    assert not page.exists()
    page.write_text("of a killed one", "utf-8")
    with showing(workspace):
        assert not page.exists()


def test_where_somebody_administers_the_pages_the_browser_is_given_their_address(
    workspace: Workspace, tmp_path: Path
) -> None:
    given = "--password-stdin", "--role", "administrator"
    command = [sys.executable, "-m", "kobo_sync", "user", "add", "driss", *given]
    subprocess.run(command, cwd=workspace.root, input=SENTENCE, text=True, check=True, timeout=60)
    browser, fifo = _browser(tmp_path)
    with _open(workspace.root, "--port", "0", BROWSER=str(browser)) as (_process, address):
        assert fifo.read_text("utf-8").strip() == address and address.endswith("/connexion")


# ── open, for the missions of a folder ──


def test_open_leads_to_the_pages_of_many_missions(tmp_path: Path) -> None:
    folder = tmp_path / "missions"
    for name in ("nord", "sud"):
        write_mission(folder, name)
    words = ("--workspaces", str(folder), "--no-browser")
    with _open(tmp_path, *words, "--port", "0") as (_process, address):
        visitor = requests.Session()
        data = {"username": "driss", "name": "Driss", "password": SENTENCE, "again": SENTENCE}
        page = visitor.get(address, timeout=20)
        listed = visitor.post(address, data={**data, "csrf_token": _token_of(page)}, timeout=20)
        assert listed.status_code == 200 and "/m/nord/" in listed.text and "/m/sud/" in listed.text
        again = _run(tmp_path, "open", *words, KOBO_SYNC_LANG="en")
        assert again.stdout.strip() == "the pages: " + re.sub("/acces/.*", "/connexion", address)
    done = _run(tmp_path, "open", *words, "--workspace", str(folder / "nord"), KOBO_SYNC_LANG="en")
    assert done.returncode == 2 and "not both" in done.stderr


def test_a_port_that_is_taken_is_a_message_with_its_cure(workspace: Workspace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = _run(workspace.root, "open", "--no-browser", "--port", port, KOBO_SYNC_LANG="en")
    assert done.returncode == 3 and "--port" in done.stderr and "Traceback" not in done.stderr


# ── the file for a double click ──


@pytest.mark.parametrize("platform", LAUNCHERS)
def test_init_puts_a_file_there_to_double_click(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    monkeypatch.setattr("sys.platform", platform)
    written = init(tmp_path / "m", NewMission())
    assert set(written) & set(LAUNCHERS.values()) == {LAUNCHERS[platform]}
    file = tmp_path / "m" / LAUNCHERS[platform]
    assert os.access(file, os.X_OK) and b"kobo-sync open" in file.read_bytes()
    assert find(tmp_path / "m").root == tmp_path / "m"
    assert tomllib.loads((tmp_path / "m" / "config" / "mission.toml").read_text("utf-8"))


@pytest.mark.parametrize("name", ["kobo-sync.desktop", "kobo-sync.command"])
def test_the_file_opens_the_pages_of_its_own_folder(tmp_path: Path, name: str) -> None:
    """Started from elsewhere, in a folder with a blank and an apostrophe."""
    import shlex

    import kobo_sync

    folder, tools = tmp_path / "l’eau d'ici", tmp_path / "bin"
    folder.mkdir()
    tools.mkdir()
    file = folder / name
    file.write_bytes((Path(kobo_sync.__file__).parent / "starter" / name).read_bytes())
    (tools / "kobo-sync").write_text('#!/bin/sh\necho "$1 in $PWD"\n', "utf-8")
    (tools / "kobo-sync").chmod(0o755)
    words = ["sh", str(file)]
    if name.endswith(".desktop"):
        line = next(each for each in file.read_text("utf-8").splitlines() if each.startswith("Exec="))
        words = [str(file) if each == "%k" else each for each in shlex.split(line.removeprefix("Exec="))]
    environ = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    done = subprocess.run(words, cwd="/", capture_output=True, text=True, env=environ, timeout=60, check=True)
    assert done.stdout.strip() == f"open in {folder}"
