"""Single values of the settings file changed by the program: all else that people wrote there stays as it is."""

from __future__ import annotations

from collections.abc import Mapping

import tomlkit
from tomlkit.exceptions import TOMLKitError

from kobo_sync.config.files import MISSION_FILE
from kobo_sync.errors import ConfigError


def with_values(text: str, values: Mapping[str, str]) -> str:
    """The settings *text* with each of *values* (``server.kf`` → its value) in place of what stands there.

    Raises: ConfigError when the file is no TOML, or has no such table.
    """
    try:
        document = tomlkit.parse(text)
        for key, value in values.items():
            *tables, name = key.split(".")
            table = document
            for each in tables:
                table = table[each]
            if table.get(name) != value:
                table[name] = value
    except (TOMLKitError, KeyError) as error:
        hint = "mend the line, or put the file back as it was"
        raise ConfigError(str(error), file=MISSION_FILE, hint=hint) from error
    return tomlkit.dumps(document)
