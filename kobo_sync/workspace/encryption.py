"""Files encrypted by age (age-encryption.org/v1) to the recipients that the config names: who has one of their keys can open them.

Library: pyrage, of `pip install 'kobo-sync[encrypt]'`; whatever speaks age opens the files as well (``age -d -i key.txt FILE``).
"""

from __future__ import annotations

import os
import tarfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from kobo_sync.config.files import MISSION_FILE
from kobo_sync.errors import ConfigError, StoreError, disk_error
from kobo_sync.workspace.writing import write_atomic

if TYPE_CHECKING:
    from types import ModuleType

SUFFIX = ".age"
ARCHIVE = ".tar.age"  # a folder
HALF_MADE = ".making-"  # how the name of a backup begins until it is whole


def new_key(path: Path) -> str:
    """Write a new private key to *path* (mode 600), which must not be there; returns the recipient that goes with it. Raises: StoreError."""
    key = _library().x25519.Identity.generate()
    recipient = str(key.to_public())
    if path.exists():
        raise StoreError(f"{path} is there already", hint="name a new file: a key that is lost opens nothing any more")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, f"# public key: {recipient}\n{key}\n".encode(), private=True)
    except OSError as error:
        raise disk_error(error, path) from error
    return recipient


def recipients_of(names: Sequence[str]) -> list[Any]:
    """What pyrage encrypts to: ``age1…`` and ``ssh-ed25519 …`` keys. Raises: ConfigError that says which one is at fault."""
    library, recipients = _library(), []
    for place, name in enumerate(names, 1):
        kind = library.ssh if name.startswith("ssh-") else library.x25519
        try:
            recipients.append(kind.Recipient.from_str(name))
        except library.RecipientError as error:
            raise ConfigError(
                f"recipient {place} is no public key: {error}",
                file=MISSION_FILE,
                key="encryption.recipients",
                hint="write what `kobo-sync key new FILE` printed (age1…), or a line of ssh-ed25519; never a private key",
            ) from error
    if not recipients:
        raise ConfigError(
            "nobody is named who could open it",
            file=MISSION_FILE,
            key="encryption.recipients",
            hint='make a key with `kobo-sync key new FILE`, and write recipients = ["age1…"] under [encryption]',
        )
    return recipients


def encrypted(content: bytes, names: Sequence[str]) -> bytes:
    """*content* for the recipients *names*. Raises: ConfigError."""
    sealed: bytes = _library().encrypt(content, recipients_of(names))
    return sealed


def encrypt_folder(folder: Path, target: Path, names: Sequence[str]) -> int:
    """Write all of *folder* as one encrypted tar to *target*, which appears whole; returns its bytes. Raises: StoreError, ConfigError."""
    recipients = recipients_of(names)
    draft = target.with_name(f"{HALF_MADE}{target.name}")
    faults: list[BaseException] = []
    out, into = os.pipe()

    def pack() -> None:
        try:
            with os.fdopen(into, "wb") as pipe, tarfile.open(fileobj=pipe, mode="w|") as tar:
                for path in sorted(folder.rglob("*")):
                    tar.add(path, str(path.relative_to(folder)), recursive=False)
        except BaseException as error:
            faults.append(error)

    packing = threading.Thread(target=pack)
    try:
        with os.fdopen(out, "rb") as pipe, _private(draft) as file:
            packing.start()
            try:
                _library().encrypt_io(pipe, file, recipients)
            finally:
                pipe.close()  # whoever packs is let go
                packing.join()
            file.flush()
            os.fsync(file.fileno())
        if faults:
            raise faults[0]
        draft.replace(target)
    except OSError as error:
        raise disk_error(error, target) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return target.stat().st_size


def decrypt_folder(archive: Path, key: Path | None, folder: Path) -> None:
    """Unpack *archive* into *folder* with the private key in the file *key*.

    Raises: StoreError when the key opens it not, or the archive was damaged or cut: *folder* then holds nothing that may be used.
    """
    library, keys = _library(), _keys(key)
    out, into = os.pipe()
    faults: list[BaseException] = []

    def open_up() -> None:
        try:
            with archive.open("rb") as sealed, os.fdopen(into, "wb") as pipe:
                library.decrypt_io(sealed, pipe, keys)
        except BaseException as error:
            faults.append(error)

    opening = threading.Thread(target=open_up)
    opening.start()
    fault: BaseException | None = None
    try:
        with os.fdopen(out, "rb") as pipe:
            try:
                with tarfile.open(fileobj=pipe, mode="r|") as tar:
                    tar.extractall(folder, filter="data")
                while pipe.read(1 << 20):  # to the end: what was cut off is seen there
                    pass
            except (tarfile.TarError, OSError) as error:
                fault = error
    finally:
        opening.join()
    if isinstance(fault, OSError):  # the disk's: whoever decrypts then found nobody to read it
        raise disk_error(fault, folder) from fault
    if faults:
        raise StoreError(
            f"{archive.name} cannot be opened: {faults[0]}",
            hint="give the key of one of its recipients; if it is the right one, the file is damaged: take another backup",
        ) from faults[0]
    if fault:
        raise StoreError(f"{archive.name} is no archive: {fault}", hint="take another backup") from fault


def _keys(path: Path | None) -> list[Any]:
    """The private keys in file *path*, as age-keygen, `new_key` or ssh-keygen write them."""
    library = _library()
    if path is None:
        raise StoreError("the backup is encrypted", hint="give the private key: `kobo-sync restore BACKUP --key FILE`")
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"the key {path} cannot be read", hint="name the file that holds the private key") from error
    try:
        if "PRIVATE KEY-----" in text:
            return [library.ssh.Identity.from_buffer(text.encode())]
        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        return [library.x25519.Identity.from_str(line) for line in lines]
    except library.IdentityError as error:
        raise StoreError(
            f"{path} holds no private key",
            hint="name the file that `kobo-sync key new` or age-keygen wrote, or an ssh key without a passphrase",
        ) from error


def _private(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _library() -> ModuleType:
    try:
        import pyrage
    except ImportError as error:
        raise ConfigError(
            "encryption needs what is not installed here",
            file=MISSION_FILE,
            key="encryption.recipients",
            hint="install it: `pip install 'kobo-sync[encrypt]'`",
        ) from error
    library: ModuleType = pyrage
    return library
