"""The wheel is the product: what git tracks is in it and in the sdist, and it works alone, far from this repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import threading
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from kobo_sync import __version__
from kobo_sync.language.catalogue import texts_of
from kobo_sync.steps.guide import GUIDES

ROOT = Path(__file__).parents[2]
BUILD = "import sys; from setuptools import build_meta; getattr(build_meta, sys.argv[1])(sys.argv[2])"
SENTENCE = "une phrase assez longue"


@dataclass(frozen=True)
class Release:
    """The files as built: *wheel* was made from the unpacked *sdist*, as a package index would have it made."""

    tracked: tuple[str, ...]
    sdist: Path
    wheel: Path


def _run(*command: str | Path, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """A command that knows nothing of this repository but what it is told. Raises: AssertionError when it fails."""
    env = {"PATH": os.environ["PATH"], "HOME": str(cwd), "LANG": "C.UTF-8", **environ}
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, cwd=cwd, env=env, timeout=300, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("this checkout is no git repository: nothing says which files belong to it")
    listed = _run("git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", cwd=ROOT).stdout.split("\0")
    tracked = tuple(name for name in listed if name and (ROOT / name).is_file())
    copy, built = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("built")
    for name in tracked:
        if not name.startswith("tests/"):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy / name)
    _run(sys.executable, "-c", BUILD, "build_sdist", built, cwd=copy)
    sdist = next(built.glob("*.tar.gz"))
    with tarfile.open(sdist) as archive:
        archive.extractall(built, filter="data")
    _run(sys.executable, "-c", BUILD, "build_wheel", built, cwd=built / sdist.name.removesuffix(".tar.gz"))
    return Release(tracked, sdist, next(built.glob("*.whl")))


def test_wheel_and_sdist_have_every_file_that_git_tracks_and_no_other(release: Release) -> None:
    ours = {name for name in release.tracked if name.startswith("kobo_sync/")}
    with zipfile.ZipFile(release.wheel) as wheel:
        assert {name for name in wheel.namelist() if ".dist-info/" not in name} == ours
    with tarfile.open(release.sdist) as sdist:
        inner = {member.name.partition("/")[2] for member in sdist.getmembers() if member.isfile()}
    assert {name for name in inner if name.startswith("kobo_sync/")} == ours
    assert {"README.md", "LICENSE", "pyproject.toml"} <= inner


def test_the_metadata_say_what_the_program_is(release: Release) -> None:
    with zipfile.ZipFile(release.wheel) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = wheel.read(name).decode()
    fields = dict(re.findall(r"^([A-Z][\w-]+): (.+)$", metadata.partition("\n\n")[0], re.M))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert fields["Version"] == __version__ and fields["License-File"] == "LICENSE"
    assert fields["Requires-Python"] == project["requires-python"] == ">=3.11"
    assert "# kobo-sync" in metadata and "Project-URL" not in fields
    for minor in ("3.11", "3.12", "3.13"):
        assert f"Classifier: Programming Language :: Python :: {minor}\n" in metadata


@pytest.fixture(scope="module")
def installed(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an empty environment's commands: the wheel is installed there, its libraries are this one's."""
    venv = tmp_path_factory.mktemp("elsewhere") / "venv"
    _run(sys.executable, "-m", "venv", "--without-pip", venv, cwd=venv.parent)
    python = venv / "bin" / "python"
    _run(
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--python",
        python,
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        release.wheel,
        cwd=venv.parent,
    )
    site = venv / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    assert (site / "kobo_sync" / "__init__.py").is_file()
    # A path alone: the links to this repository in that folder are not followed.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    return venv / "bin"


def test_it_works_alone_from_init_to_the_demo(installed: Path, tmp_path: Path) -> None:
    where = _run(installed / "python", "-c", "import kobo_sync; print(kobo_sync.__file__)", cwd=tmp_path).stdout
    assert where.startswith(str(installed.parent)) and str(ROOT) not in where
    command = installed / "kobo-sync"
    assert __version__ in _run(command, "--version", cwd=tmp_path).stdout
    _run(command, "init", "mission", cwd=tmp_path)
    mission = tmp_path / "mission"
    _run(command, "lint", *([] if shutil.which("java") else ["--fast"]), cwd=mission)
    _run(command, "demo", cwd=mission)
    assert (mission / "exports" / "demo" / "zone_a.zip").is_file()


def test_the_guides_come_with_it(installed: Path, tmp_path: Path) -> None:
    _run(installed / "kobo-sync", "init", "mission", cwd=tmp_path)
    for name, file in GUIDES.items():
        text = _run(installed / "kobo-sync", "guide", name, cwd=tmp_path).stdout
        assert text.strip() == (tmp_path / "mission" / "docs" / file.format(language="en")).read_text("utf-8").strip()
        assert len(text) > 500
    assert _run(installed / "kobo-sync", "guide", cwd=tmp_path).stdout.startswith("# Guide")


@contextmanager
def _pages(command: Path, mission: Path) -> Iterator[str]:
    """The address of a service that shows the mission's pages; it stops as a service manager stops it."""
    env = {"PATH": os.environ["PATH"], "HOME": str(mission), "LANG": "C.UTF-8"}
    service = subprocess.Popen(
        [command, "service", "--no-jobs", "--port", "0"], stderr=subprocess.PIPE, text=True, cwd=mission, env=env
    )
    with service:
        watch = threading.Timer(60, service.kill)  # a service that says nothing must not hold the suite
        watch.start()
        try:
            assert service.stderr is not None
            lines = iter(service.stderr.readline, "")
            yield next(line.split()[1] for line in lines if line.startswith("pages:"))
        finally:
            watch.cancel()
            service.terminate()
            service.communicate(timeout=30)


def _token(page: str) -> str:
    return page.partition('name="csrf_token" value="')[2].partition('"')[0]


def test_its_pages_open_in_each_language(installed: Path, tmp_path: Path) -> None:
    command, mission = installed / "kobo-sync", tmp_path / "mission"
    _run(command, "init", "mission", cwd=tmp_path)
    made = subprocess.run(
        [command, "user", "add", "maha", "--role", "staff", "--password-stdin"],
        input=f"{SENTENCE}\n", text=True, capture_output=True, cwd=mission, env={"PATH": os.environ["PATH"]}, timeout=60, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    with _pages(command, mission) as address, requests.Session() as browser:
        form = {"username": "maha", "password": SENTENCE}
        form["csrf_token"] = _token(browser.get(f"{address}/connexion", timeout=20).text)
        assert browser.post(f"{address}/connexion", data=form, timeout=20).status_code == 200
        for code in ("fr", "en", "ar", "fr"):
            token = _token(browser.get(f"{address}/compte", timeout=20).text)
            choice = {"language": code, "csrf_token": token}
            assert browser.post(f"{address}/langue", data=choice, timeout=20).status_code == 200
            for path, heading in (("/", "Dashboard"), ("/collecte", "Collection"), ("/reglages", "Settings")):
                page = browser.get(f"{address}{path}", timeout=20)
                assert page.status_code == 200, (code, path)
                assert f'lang="{code}"' in page.text and texts_of(code, "pages").get(heading, heading) in page.text


def test_no_statement_numbers_its_values() -> None:
    """Python 3.12 warns of ``?1`` with a tuple of values, and 3.14 refuses it; 3.11 is silent."""
    numbered = re.compile(r"[=(,]\s*\?\d")
    assert not [path.name for path in (ROOT / "kobo_sync").rglob("*.py") if numbered.search(path.read_text("utf-8"))]
