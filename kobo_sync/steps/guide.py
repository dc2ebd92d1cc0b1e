"""The guides that come with the program, for people who have no copy of its repository; `init` puts them into a mission."""

from __future__ import annotations

from importlib import resources

from kobo_sync.errors import ConfigError
from kobo_sync.language.speaking import Code

GUIDES = {
    "guide": "guide.{language}.md",
    "operations": "operations.md",
    "systemd": "kobo-sync.service",
    "systemd-worker": "kobo-sync-worker@.service",
}


def guide(name: str = "guide", language: Code = "fr") -> str:
    """The text of a guide: for the team in *language*, for whoever runs the program (English), or a systemd unit.

    Raises: KeyError for another *name*, ConfigError when the program was not installed whole.
    """
    file = resources.files("kobo_sync") / "starter" / "docs" / GUIDES[name].format(language=language)
    if not file.is_file():
        raise ConfigError("the guide is missing", file=file.name, hint="install kobo-sync again")
    return file.read_text("utf-8")
