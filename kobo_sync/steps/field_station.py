"""What makes a station a mission's own: accounts that last, and its forms before the phones without anybody's deploying."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

from kobo_sync.config.files import ENUMERATORS_FILE
from kobo_sync.config.station import named_enumerators
from kobo_sync.errors import KoboSyncError
from kobo_sync.forms.media import mimetype
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Finding, Report
from kobo_sync.station.accounts import StationAccounts
from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.projects import Projects
from kobo_sync.workspace.folders import STATION_ACCOUNTS
from kobo_sync.workspace.private import private_folder
from kobo_sync.workspace.writing import write_atomic


def station_accounts(state: Path, names: Mapping[str, str], *, fresh_pin: bool = False) -> StationAccounts:
    """The accounts in the state folder, made at the first asking; who is new among *names* (account → person) gets one.

    Nobody's password changes. An account that *names* has no more is closed, and has its password again when the name
    comes back; those made where nobody was named stay open: phones are set up with them. Raises: StoreError.
    """
    path = private_folder(state) / STATION_ACCOUNTS
    before = StationAccounts.read(path.read_bytes(), str(path)) if path.exists() else None
    accounts = (before or StationAccounts.new()).with_enumerators(names)
    if fresh_pin:
        accounts = accounts.with_new_pin()
    if accounts != before:
        write_atomic(path, accounts.dump(), private=True)
    return accounts


def enumerators(mission: Mission) -> dict[str, str]:
    """Account → person of those who collect: config/enumerators.csv (``user``, ``name``), or as many as the config says.

    Raises: ConfigError naming file and row.
    """
    text = mission.workspace.optional_text(ENUMERATORS_FILE)
    if not text.strip():
        return default_enumerators(mission.config.station.enumerators)
    return named_enumerators(text)


def default_enumerators(n: int) -> dict[str, str]:
    """``enqueteur1`` and so on, for a mission that names nobody."""
    return {f"enqueteur{number}": "" for number in range(1, n + 1)}


def publish_forms(room: Mission, paired: Collection[str]) -> Report:
    """Bring the station's forms to what lies in forms/ and config/, those *paired* aside; one at fault does not stop the others.

    *room* is the mission with the station as its server. Raises: KoboUnreachable.
    """
    started_at = room.clock()
    findings: list[Finding] = []
    lines: list[str] = []
    counts = {"served": 0, "failed": 0}
    has_java = shutil.which("java") is not None  # a laptop in the field may lack it: rules and pyxform judge alone
    for form_id in room.config.forms:
        if form_id in paired:
            counts["served"] += 1
            continue
        try:
            report = deploy(room, form_ids=[form_id], validate=has_java)
        except KoboSyncError as error:
            counts["failed"] += 1
            findings.append(Finding("STATION001", "error", form_id, error.message, error.hint, form_id=form_id))
            continue
        findings += report.findings
        lines += report.lines
        counts["served"] += 1
    return room.report("station", started_at, counts, findings, lines)


def put_list(room: Mission, file: str, content: bytes) -> None:
    """Put a list before the phones, in each form of the roster's that has another one now. Safe to kill and repeat.

    Raises: KoboError.
    """
    client = room.kobo()
    projects = Projects(room, client)
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    for form_id in room.config.roster.media_of if room.config.roster else ():
        uid = projects.uid(form_id)
        if not uid:
            continue
        asset, media = client.asset(uid)
        current = next((each for each in media if each.filename == file), None)
        if current is None or current.md5 != md5:
            if current is not None:
                client.delete_media(uid, current.uid)
            client.upload_media(uid, file, content, mimetype(file))
            client.deploy(asset)
        elif (client.manifest(uid) or {}).get(file) != md5:
            client.deploy(asset)  # a run before this one was cut short
