"""The station's certificate in the state folder: made at the first `--tls`, made again when the machine's addresses change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from kobo_sync.errors import StoreError
from kobo_sync.station.certificate import Credential, is_good_for, is_lasting, new_authority, new_certificate
from kobo_sync.workspace.private import private_folder
from kobo_sync.workspace.writing import write_atomic

FOLDER, AUTHORITY, STATION = "station-tls", "authority.pem", "station.pem"


def station_certificate(
    state: Path, title: str, addresses: Sequence[str], now: datetime
) -> tuple[Credential, Credential, Path]:
    """(certificate, its authority, the file of the certificate) for a station that answers at *addresses*.

    *title* is how phones list the authority; it lasts ten years, so that a phone trusts it once. Safe to kill:
    each file is written whole. Raises: StoreError when a file is not what was written there.
    """
    folder = private_folder(state / FOLDER)
    authority = _read(folder / AUTHORITY)
    if authority is None or not is_lasting(authority, now):
        authority = new_authority(title, now)
        write_atomic(folder / AUTHORITY, authority.pem, private=True)
    certificate = _read(folder / STATION)
    if certificate is None or not is_good_for(certificate, authority, addresses, now):
        certificate = new_certificate(authority, addresses, now)
        write_atomic(folder / STATION, certificate.pem, private=True)
    return certificate, authority, folder / STATION


def _read(path: Path) -> Credential | None:
    try:
        return Credential.read(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{path} is no certificate with its key",
            hint="restore it from a backup, or remove it: a new one is made, which phones must trust anew",
        ) from error
