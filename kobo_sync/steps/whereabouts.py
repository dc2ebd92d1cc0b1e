"""Where one is and what to do next, for somebody who typed the command alone."""

from __future__ import annotations

import os
from pathlib import Path

from kobo_sync.config.files import SECRETS_FILE
from kobo_sync.desk import worklist
from kobo_sync.errors import ConfigError, KoboSyncError
from kobo_sync.mission.mission import Mission
from kobo_sync.workspace.folders import find
from kobo_sync.workspace.secret_files import with_secret_files
from kobo_sync.workspace.showing import shown_at

HELP = "all verbs: `kobo-sync --help`"


def whereabouts(folder: Path) -> list[str]:
    """At most twelve lines on the mission that holds *folder*: what it is, how it stands, and the next step. Raises: nothing of ours."""
    try:
        workspace = find(folder)
    except ConfigError:
        return [
            f"there is no mission in {folder} or above it",
            "next: `kobo-sync init FOLDER` makes one; `kobo-sync init FOLDER --template empty`, then `kobo-sync adopt` in it, takes over"
            " what is on KoboToolbox already",
            HELP,
        ]
    except KoboSyncError as error:
        return _fault(error)
    mission = Mission(workspace, with_secret_files(os.environ))
    try:
        return [*_lines(mission), HELP]
    except KoboSyncError as error:
        return [f"the mission in {workspace.root!s} cannot be opened", *_fault(error), HELP]
    finally:
        mission.close()


def _fault(error: KoboSyncError) -> list[str]:
    return [f"{error.message} → {error.hint}" if error.hint else error.message]


def _lines(mission: Mission) -> list[str]:
    config, pages = mission.config, shown_at(mission.workspace)
    holdings = mission.store.holdings(list(config.forms))
    moments = [holding.pulled_at for holding in holdings if holding.pulled_at]
    n_open = sum(n for state, n in worklist.counts(mission.desk).items() if state in worklist.OPEN)
    n_rows = sum(holding.n_live for holding in holdings)
    has_token = mission.is_own_station or all(map(config.secret, mission.features.secrets))
    lines = [
        f"the mission “{config.mission.title}” in {mission.workspace.root!s}",
        _of_server(mission, has_token=has_token),
        f"submissions here: {n_rows}, last pulled on {mission.local(max(moments))}"
        if moments
        else "nothing has been pulled yet",
        *([f"findings to deal with: {n_open}"] if n_open else []),
        f"the service runs; its pages are at {pages}" if pages else "the service does not run here",
    ]
    undeployed = config.forms.keys() - mission.store.deployments().keys() - mission.adopted.keys()
    if mission.features.signs_in and not has_token:
        return [
            *lines,
            f"next: write CENTRAL_EMAIL=… and CENTRAL_PASSWORD=… into {SECRETS_FILE} (mode 600): a web user of the project",
        ]
    return [*lines, _next(has_token, bool(config.forms), len(undeployed), bool(moments), n_open, pages)]


def _of_server(mission: Mission, *, has_token: bool) -> str:
    if mission.features.signs_in:
        return f"the server is {mission.kf}; the account is {'there' if has_token else 'missing'}"
    return f"the server is {mission.kf}; the token is {'there' if has_token else 'missing'}"


def _next(has_token: bool, has_forms: bool, n_undeployed: int, is_pulled: bool, n_open: int, pages: str) -> str:
    if not has_token:
        return f"next: write KOBO_TOKEN=… into {SECRETS_FILE} (mode 600); KoboToolbox shows it under Account → Security → API key"
    if not has_forms:
        return "next: `kobo-sync adopt` lists the projects of the account, to take over"
    if n_undeployed:
        return (
            f"next: forms that are not on the server: {n_undeployed}; `kobo-sync deploy` puts them there, or `kobo-sync adopt` takes"
            " over those that are there already"
        )
    if not is_pulled:
        return "next: `kobo-sync run` pulls, checks and makes the documents"
    if n_open and pages:
        return "next: deal with the findings, on the page Quality"
    if not pages:
        return "next: `kobo-sync open` starts the service and shows the pages"
    return "nothing to do: the service sees to the rest"
