"""What lies on disks and travels: backups and nominative zips that only the recipients' keys open, secrets out of the file."""

from __future__ import annotations

import io
import stat
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyrage
import pytest
from click.testing import CliRunner
from conftest import ATTENDED, Field

from kobo_sync.cli.verbs import cli
from kobo_sync.desk.kept_head import HEAD
from kobo_sync.errors import ConfigError, StoreError
from kobo_sync.mission.mission import Mission
from kobo_sync.steps import connect
from kobo_sync.steps.backup import backup
from kobo_sync.steps.build import build
from kobo_sync.steps.deliver import deliver
from kobo_sync.steps.doctor import doctor
from kobo_sync.steps.pull import pull
from kobo_sync.steps.restore import restore
from kobo_sync.workspace.disk_encryption import is_encrypted
from kobo_sync.workspace.encryption import encrypted, new_key

NAME = "Nom NOR-01"


@pytest.fixture
def key(tmp_path: Path) -> tuple[Path, str]:
    """A private key's file, and the recipient that goes with it."""
    file = tmp_path / "keys" / "key.txt"
    return file, new_key(file)


@pytest.fixture
def held(field_team: Field, key: tuple[Path, str]) -> Mission:
    """The small mission with a row, its config naming the recipient."""
    path = field_team.mission.workspace.root / "config" / "mission.toml"
    path.write_text(f'{ATTENDED}\n[encryption]\nrecipients = ["{key[1]}"]\n', "utf-8")
    mission = field_team.reopen()
    field_team.person("NOR-01")
    pull(mission)
    return mission


def _bytes_below(folder: Path) -> Iterator[bytes]:
    return (path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_an_encrypted_backup_is_opened_by_its_key_alone_and_is_the_mission(
    held: Mission, key: tuple[Path, str], tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    report = backup(held, output=disk, encrypt=True)
    (file,) = disk.iterdir()
    assert file.name.endswith(".tar.age") and stat.S_IMODE(file.stat().st_mode) == 0o600
    assert str(file) in report.lines[0] and report.counts["bytes"] == file.stat().st_size
    assert not any(NAME.encode() in content for content in _bytes_below(disk))
    stranger = tmp_path / "stranger.txt"
    new_key(stranger)
    for wrong, cure in (
        (None, "--key"),
        (stranger, "recipients"),
        (held.workspace.root / "config/zones.csv", "private key"),
    ):
        with pytest.raises(StoreError) as refused:
            restore(file, tmp_path / "back", force=False, now=held.clock(), key=wrong)
        assert cure in f"{refused.value.message} {refused.value.hint}"
        assert not (tmp_path / "back").exists() and not list(tmp_path.glob(".*.decrypted-*"))
    restore(file, tmp_path / "back", force=False, now=held.clock(), key=key[0])
    assert not list(tmp_path.glob(".*.decrypted-*"))
    plain = backup(held, output=tmp_path / "plain", encrypt=False)
    restore(Path(plain.lines[0].split(":")[0]), tmp_path / "back too", force=False, now=held.clock())
    one, other = (
        {
            path.relative_to(top): path.read_bytes()
            for path in top.rglob("*")
            if path.is_file() and ".sqlite" not in path.name and path.name != HEAD  # the journal names the archive
        }
        for top in (tmp_path / "back", tmp_path / "back too")
    )
    assert one == other and len(one) > 3


@pytest.mark.parametrize("harm", ["cut", "changed"])
def test_an_encrypted_backup_that_was_harmed_is_refused_and_nothing_is_put(
    held: Mission, key: tuple[Path, str], tmp_path: Path, harm: str
) -> None:
    backup(held, output=tmp_path / "disk", encrypt=True)
    (file,) = (tmp_path / "disk").iterdir()
    content = bytearray(file.read_bytes())
    if harm == "cut":
        del content[len(content) // 2 :]
    else:
        content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(StoreError, match="cannot be opened"):
        restore(file, tmp_path / "back", force=False, now=held.clock(), key=key[0])
    assert not (tmp_path / "back").exists() and not list(tmp_path.glob(".*.decrypted-*"))


def test_backups_by_the_clock_are_encrypted_where_the_config_says_so_and_thinned_out(
    field_team: Field, held: Mission, tmp_path: Path
) -> None:
    path = held.workspace.root / "config" / "mission.toml"
    path.write_text(path.read_text("utf-8") + "backups = true\n[backup]\ndaily = 1\nweekly = 1\n", "utf-8")
    disk = tmp_path / "disk"
    disk.mkdir()
    (disk / ".making-essai-20250101T000000Z.tar.age").write_bytes(b"what a killed run left")
    for _ in range(3):
        field_team.clock.forward(minutes=1)
        backup(field_team.reopen(), output=disk)
    assert [each.suffix for each in disk.iterdir()] == [".age"]


@pytest.mark.parametrize("encrypt", [False, True])
def test_a_backup_of_the_second_of_another_is_one_more_and_leaves_other_missions_alone(
    field_team: Field, held: Mission, tmp_path: Path, encrypt: bool
) -> None:
    """A run killed as it ended had its backup: the next, of the same second, was refused."""
    stick = tmp_path / "stick"  # of several missions
    stick.mkdir()
    others = stick / ".making-essai-nord-20260102T000000Z"
    others.mkdir()
    for _ in range(2):
        field_team.clock.now = datetime(2026, 1, 2, tzinfo=UTC)
        backup(field_team.reopen(), output=stick, encrypt=encrypt)
    names = sorted(path.name.removesuffix(".tar.age") for path in stick.iterdir() if path != others)
    assert names == ["essai-20260102T000001Z"] and others.is_dir()  # of a day the newest stays


def test_nominative_zips_are_for_the_recipients_and_no_open_one_stays(held: Mission, key: tuple[Path, str]) -> None:
    build(held)
    stale = held.workspace.out / "nord-nominatif.zip"
    stale.write_bytes(b"of before the recipients were named")
    deliver(held)
    sealed = held.workspace.out / "nord-nominatif.zip.age"
    assert not stale.exists() and stat.S_IMODE(sealed.stat().st_mode) == 0o600
    identity = pyrage.x25519.Identity.from_str(key[0].read_text("utf-8").splitlines()[-1])
    with zipfile.ZipFile(io.BytesIO(pyrage.decrypt(sealed.read_bytes(), [identity]))) as archive:
        assert "MANIFEST.json" in archive.namelist()
    assert zipfile.is_zipfile(held.workspace.out / "nord.zip")


@pytest.mark.parametrize(
    ("recipient", "complaint"),
    [
        ("AGE-SECRET-KEY-1QQQ", "is a private key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "is a private key"),
        ("maha@example.org", "is no public key"),
    ],
)
def test_a_recipient_that_is_none_is_refused_and_never_printed(
    field_team: Field, recipient: str, complaint: str
) -> None:
    path = field_team.mission.workspace.root / "config" / "mission.toml"
    path.write_text(f'{path.read_text("utf-8")}\n[encryption]\nrecipients = ["{recipient}"]\n', "utf-8")
    with pytest.raises(ConfigError, match=complaint) as refused:
        _ = field_team.reopen().config
    assert "encryption.recipients" in str(refused.value) and recipient not in str(refused.value)


def test_a_key_with_a_wrong_letter_and_no_key_at_all_are_told_before_anything_is_copied(
    field_team: Field, key: tuple[Path, str], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="recipient 2"):
        encrypted(b"x", [key[1], f"{key[1][:-1]}!"])
    with pytest.raises(ConfigError, match="nobody is named") as refused:
        backup(field_team.reopen(), output=tmp_path / "disk", encrypt=True)
    assert "kobo-sync key new" in (refused.value.hint or "") and not (tmp_path / "disk").exists()


def test_a_key_is_its_owner_s_alone_and_is_never_replaced(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["key", "new", str(tmp_path / "k.txt")])
    assert done.exit_code == 0 and "age1" in done.output and "SECRET" not in done.output
    assert stat.S_IMODE((tmp_path / "k.txt").stat().st_mode) == 0o600
    with pytest.raises(StoreError, match="is there already"):
        new_key(tmp_path / "k.txt")


def test_doctor_says_whether_the_disk_is_encrypted_where_the_system_can_tell(held: Mission) -> None:
    lines = [line for line in doctor(held).lines if "encryption" in line]
    expected = {True: "on an encrypted disk", False: "not encrypted", None: "cannot tell"}[
        is_encrypted(held.workspace.root)
    ]
    assert expected in lines[0] and "encrypted: 1" in lines[1]


KEYRING = """
import json, os
from pathlib import Path
from keyring.backend import KeyringBackend
class Kept(KeyringBackend):
    priority = 1
    def _all(self):
        path = os.environ["KEPT"]
        return json.loads(Path(path).read_text()) if os.path.exists(path) else {}
    def get_password(self, service, username):
        return self._all().get(f"{service} {username}")
    def set_password(self, service, username, password):
        kept = self._all() | {f"{service} {username}": password}
        Path(os.environ["KEPT"]).write_text(json.dumps(kept))
"""


def test_a_secret_moves_into_the_keyring_and_is_used_from_there(
    field_team: Field, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a keyring of the test's own: a desktop's is not here."""
    (tmp_path / "kept_keyring.py").write_text(KEYRING, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("KEPT", str(tmp_path / "kept.json"))
    import kept_keyring  # type: ignore[import-not-found]
    import keyring

    monkeypatch.setattr(keyring.core, "_keyring_backend", kept_keyring.Kept())
    root = field_team.mission.workspace.root
    secrets = root / "config" / "secrets.env"
    secrets.write_text("KOBO_TOKEN=plain-token-of-before\nSMTP_PASSWORD=other\n", "utf-8")
    secrets.chmod(0o600)
    done = CliRunner().invoke(cli, ["key", "secret", "KOBO_TOKEN", "--workspace", str(root)], input="new-secret\n")
    assert done.exit_code == 0, done.output
    assert "new-secret" not in done.output
    assert secrets.read_text("utf-8").splitlines()[1] == "SMTP_PASSWORD=other"
    assert "token" not in secrets.read_text("utf-8").lower().partition("=")[2].partition("-kobo_")[0]
    assert field_team.mission.workspace.secrets()["KOBO_TOKEN"] == "new-secret"
    lines = secrets.read_text("utf-8")
    url = field_team.url
    typed = connect.to_kobo(url, url, "t" * 40, "")
    mission = Mission(field_team.mission.workspace, {}, field_team.clock)
    connect.keep_connection(mission, typed, "amina")  # as from a page
    mission.close()
    assert secrets.read_text("utf-8").splitlines()[0] == lines.splitlines()[0] and "t" * 40 not in secrets.read_text(
        "utf-8"
    )
    assert field_team.mission.workspace.secrets()["KOBO_TOKEN"] == "t" * 40
    (tmp_path / "kept.json").unlink()
    with pytest.raises(ConfigError, match="has nothing at") as refused:
        field_team.mission.workspace.secrets()
    assert "KOBO_TOKEN" in str(refused.value) and sys.modules["kept_keyring"]
