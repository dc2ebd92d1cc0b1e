"""Réglages: the settings as they stand, never a secret; and the last diagnosis."""

from __future__ import annotations

from typing import Any

from flask import Flask, render_template

from kobo_sync import __version__
from kobo_sync.config.files import SECRET_NAMES
from kobo_sync.desk import runs
from kobo_sync.language.catalogue import t
from kobo_sync.web.site import Answer, actors, person, site
from kobo_sync.web.words import ROLES, setting_in_words


def add_to(app: Flask) -> None:
    """Add this page."""
    app.add_url_rule("/reglages", "settings", settings)


@actors
def settings() -> Answer:
    """Read only: the files of config/ are changed by whoever installs the product."""
    mission = site().mission
    config = mission.config
    values = config.model_dump(mode="json", exclude={"secrets", "zones"})
    examined = next(iter(runs.last_runs(mission.desk, 1, job="doctor")), None)
    return render_template(
        "settings.html",
        sections=[(name, pairs) for name, value in values.items() if (pairs := flat(value, name))],
        zones=config.zones,
        secrets=[(name, name in config.secrets) for name in SECRET_NAMES],
        examined=examined,
        users=site().users() if person().is_staff else [],
        roles=ROLES,
        version=__version__,
    )


def flat(value: Any, key: str) -> list[tuple[str, str]]:
    """(key, value in words) of the settings below *key*, keys joined by dots and numbers; what is not set is left out."""
    if isinstance(value, dict):
        return [pair for name, inner in value.items() for pair in flat(inner, f"{key}.{name}")]
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return [pair for at, item in enumerate(value, 1) for pair in flat(item, f"{key}[{at}]")]
    if value in (None, "", [], {}):
        return []
    parts = value if isinstance(value, list) else [value]
    return [(key, t(", ").join(setting_in_words(key, each) for each in parts))]
