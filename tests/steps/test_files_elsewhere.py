"""Attached files in a shared folder or in S3: kept once, read for papers, missed when they are lost, erased for good. Part 10, 1."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Field

from kobo_sync.errors import ConfigError, StoreError
from kobo_sync.mission.facts import gather_facts
from kobo_sync.mission.mission import Mission
from kobo_sync.steps.backup import backup
from kobo_sync.steps.doctor import doctor
from kobo_sync.steps.pull import pull
from kobo_sync.steps.purge import purge
from kobo_sync.workspace.attachment_files import MARK, attachment_files, relative_name

PHOTO, OTHER = (b"\x89PNG\r\n\x1a\n" + mark * 400 for mark in (b"a", b"b"))
SHA = hashlib.sha256(PHOTO).hexdigest()
KEYS = {"FILES_KEY": "cle", "FILES_SECRET": "motdepasse-du-depot"}


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that speaks as S3 does; its address. It has the bucket ``mission``."""
    pytest.importorskip("moto", reason="moto's server is not installed")
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    log = (tmp_path_factory.mktemp("s3") / "log").open("w+")
    command = [sys.executable, "-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(command, stdout=log, stderr=log) as server:
        address = ""
        while not address:
            text = Path(log.name).read_text("utf-8")
            assert server.poll() is None, text
            address = next((word for word in text.split() if word.startswith("http://127.0.0.1:")), "")
            time.sleep(0.05)
        request = urllib.request.Request(
            f"{address}/mission",
            method="PUT",
            headers={"Authorization": "AWS4-HMAC-SHA256 Credential=a/20250101/us-east-1/s3/aws4_request"},
        )
        urllib.request.urlopen(request).close()
        yield address
        server.terminate()
    log.close()


def _at(field: Field, url: str, endpoint: str = "", more: str = "") -> Mission:
    path = field.mission.workspace.root / "config" / "mission.toml"
    text = path.read_text("utf-8").partition("\n[files]")[0]
    path.write_text(f'{text}\n[files]\nurl = "{url}"\nendpoint = "{endpoint}"\n{more}', "utf-8")
    mission = field.reopen()
    mission.environ.update(KEYS)  # type: ignore[attr-defined]
    return mission


def _visit(field: Field, content: bytes, name: str = "p.png") -> str:
    return field.submit("visites", {"zone": "nord", "photo": name}, files={name: (content, "image/png")})


def _names(mission: Mission) -> list[str]:
    system = mission.files._system  # type: ignore[union-attr]
    return sorted(name for name in system.find("mission/essai") if not name.endswith(f"/{MARK}"))


def test_files_are_kept_in_s3_once_and_read_from_there(field_team: Field, s3: str) -> None:
    mission = _at(field_team, "s3://mission/essai", s3)
    root = _visit(field_team, PHOTO)
    _visit(field_team, PHOTO, "autre.png")  # the same bytes twice
    report = pull(mission)
    assert report.counts["files_stored"] == 2 and not report.has_errors
    assert _names(mission) == [f"mission/essai/{relative_name(SHA)}"]
    assert not [path for path in mission.workspace.attachments.rglob("*") if path.is_file()]  # no second copy here
    assert gather_facts(mission).attachment(root, "p.png") == PHOTO
    assert pull(mission, full=True).counts.get("files_stored", 0) == 0
    (finding,) = backup(mission).findings
    assert finding.rule == "BACKUP001" and "motdepasse" not in str(finding)


def test_a_file_that_the_storage_lost_is_told_and_had_again(field_team: Field, s3: str) -> None:
    mission = _at(field_team, "s3://mission/essai", s3)
    root = _visit(field_team, OTHER)
    pull(mission)
    digest = hashlib.sha256(OTHER).hexdigest()
    mission.files.remove(digest)
    assert (
        gather_facts(mission).attachment(root, "p.png") is None
    )  # a paper goes without it, as without any damaged file
    report = pull(mission)
    assert [finding.rule for finding in report.findings] == ["PULL015"] and report.counts["files_stored"] == 1
    assert gather_facts(mission).attachment(root, "p.png") == OTHER
    assert not pull(mission).findings


def test_what_purge_erased_is_not_missed(field_team: Field, s3: str) -> None:
    mission = _at(field_team, "s3://mission/essai", s3, "\n[retention]\nfiles_months = 1\n")
    _visit(field_team, PHOTO)
    pull(mission)
    field_team.clock.forward(days=90)
    assert purge(mission).counts["files"] == 1
    assert f"mission/essai/{relative_name(SHA)}" not in _names(mission)
    report = pull(mission)
    assert not report.findings and report.counts.get("files_stored", 0) == 0


@pytest.mark.parametrize(
    ("url", "endpoint", "words"),
    [("s3://absent/essai", "", "make the bucket"), ("s3://mission/essai", "http://127.0.0.1:1", "look at files.url")],
)
def test_storage_that_refuses_loses_nothing(field_team: Field, s3: str, url: str, endpoint: str, words: str) -> None:
    _visit(field_team, PHOTO)
    mission = _at(field_team, url, endpoint or s3)
    try:
        (finding,) = (report := pull(mission)).findings
        told = f"{finding.rule} {finding.message} {finding.hint}"
        assert report.counts["new"] == 1 and "PULL016" in told  # the rows came
    except StoreError as error:
        told = str(error)
    assert words in told and "motdepasse" not in told
    mission = _at(field_team, "s3://mission/autre", s3)
    assert pull(mission).counts["files_stored"] == 1  # what came is still here, and sent now


def test_a_folder_beside_the_mission_is_the_same_wherever_a_verb_is_run(
    field_team: Field, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _visit(field_team, PHOTO)
    mission = _at(field_team, "../commun")
    pull(mission)
    assert (mission.workspace.root.parent / "commun" / relative_name(SHA)).read_bytes() == PHOTO
    monkeypatch.chdir(tmp_path)
    report = pull(_at(field_team, "../commun"))
    assert not report.counts.get("files_stored") and not report.findings


def test_a_shared_folder(field_team: Field, tmp_path: Path) -> None:
    folder = tmp_path / "partage"
    mission = _at(field_team, folder.as_posix())
    root = _visit(field_team, PHOTO)
    pull(mission)
    assert (folder / relative_name(SHA)).read_bytes() == PHOTO == gather_facts(mission).attachment(root, "p.png")


@pytest.mark.parametrize("url", ["s3:///essai", "rien://seau/essai"])
def test_an_address_that_is_none(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"files\.url"):
        attachment_files(tmp_path, url).read(SHA)


def test_a_shared_folder_that_is_not_mounted_is_no_lost_files(field_team: Field, tmp_path: Path) -> None:
    """Its mount point is there and empty: rows come, nothing is written below it, no paper goes without its files, no purge is for show."""
    folder, mounted = tmp_path / "partage", tmp_path / "le-disque"
    mission = _at(field_team, folder.as_posix(), "", "\n[retention]\nfiles_months = 1\n")
    root = _visit(field_team, PHOTO)
    pull(mission)
    folder.rename(mounted)
    folder.mkdir()
    _visit(field_team, OTHER, "autre.png")
    report = pull(mission)
    (finding,) = report.findings
    assert (finding.rule, report.counts["new"]) == ("PULL016", 1) and str(folder) in finding.message
    assert any("not mounted" in each.message and each.severity == "error" for each in doctor(mission).findings)
    assert not list(folder.iterdir())
    field_team.clock.forward(days=90)
    for act in (lambda: gather_facts(mission).attachment(root, "p.png"), lambda: purge(mission)):
        with pytest.raises(StoreError, match="not mounted"):
            act()
    folder.rmdir()
    mounted.rename(folder)
    report = pull(mission)
    assert not report.findings and report.counts["files_stored"] == 1
    assert gather_facts(mission).attachment(root, "p.png") == PHOTO
    assert purge(mission).counts["files"] == 2 and not pull(mission).findings


@pytest.mark.parametrize("how", ["copied without the mark", "begun anew"])
def test_another_place_for_files_is_taken_once_somebody_says_so(field_team: Field, tmp_path: Path, how: str) -> None:
    first, second = tmp_path / "un", tmp_path / "deux"
    root = _visit(field_team, PHOTO)
    pull(_at(field_team, first.as_posix()))
    mission = _at(field_team, second.as_posix())
    assert [finding.rule for finding in pull(mission).findings] == ["PULL016"]
    if how == "begun anew":
        second.mkdir()
        (second / MARK).touch()
    else:
        shutil.copytree(first, second, ignore=shutil.ignore_patterns(MARK))
    report = pull(mission)
    assert [finding.rule for finding in report.findings] == (["PULL015"] if how == "begun anew" else [])
    assert gather_facts(mission).attachment(root, "p.png") == PHOTO
    assert (second / MARK).exists() and not pull(mission).findings


def test_a_file_that_a_shared_folder_lost_is_told_and_had_again(field_team: Field, tmp_path: Path) -> None:
    mission = _at(field_team, (tmp_path / "partage").as_posix())
    _visit(field_team, PHOTO)
    pull(mission)
    (tmp_path / "partage" / relative_name(SHA)).unlink()
    report = pull(mission)
    assert [finding.rule for finding in report.findings] == ["PULL015"] and report.counts["files_stored"] == 1


def test_s3_at_another_address_is_no_lost_files(field_team: Field, s3: str) -> None:
    root = _visit(field_team, PHOTO)
    pull(_at(field_team, "s3://mission/essai", s3))
    mission = _at(field_team, "s3://mission/faute-de-frappe", s3)
    assert [finding.rule for finding in pull(mission).findings] == ["PULL016"]
    with pytest.raises(StoreError, match="another place"):
        gather_facts(mission).attachment(root, "p.png")
    assert not pull(_at(field_team, "s3://mission/essai", s3)).findings
