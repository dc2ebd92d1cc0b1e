"""The guides that come with the program, for people who have no copy of its repository; `init` puts them into a mission."""

from __future__ import annotations

from importlib import resources

from kobo_sync.errors import ConfigError

GUIDES = {
    "guide": "guide.fr.md",
    "operations": "operations.md",
    "systemd": "kobo-sync.service",
    "systemd-worker": "kobo-sync-worker@.service",
}


def guide(name: str = "guide") -> str:
    """The text of a guide: for the team (French), for whoever runs the program, or a systemd unit.

    Raises: KeyError for another *name*, ConfigError when the program was not installed whole.
    """
    file = resources.files("kobo_sync") / "starter" / "docs" / GUIDES[name]
    if not file.is_file():
        raise ConfigError("the guide is missing", file=GUIDES[name], hint="install kobo-sync again")
    return file.read_text("utf-8")
