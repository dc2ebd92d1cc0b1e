"""Réglages: the settings as they stand, never a secret; and the last diagnosis."""

from __future__ import annotations

from flask import Flask, render_template

from kobo_sync import __version__
from kobo_sync.config.files import SECRET_NAMES
from kobo_sync.desk import runs
from kobo_sync.mission.config_files import lists_of
from kobo_sync.web.setting_fields import PARTS
from kobo_sync.web.setting_words import flat
from kobo_sync.web.site import Answer, actors, person, site
from kobo_sync.web.words import ROLES


def add_to(app: Flask) -> None:
    """Add this page."""
    app.add_url_rule("/reglages", "settings", settings)


@actors
def settings() -> Answer:
    """As they are; administrators find here where they are changed."""
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
        changeable=PARTS if person().is_administrator else {},
        lists=[path.removeprefix("config/") for path in lists_of(mission)],
        version=__version__,
    )
