"""A mission's own checks and deliverables: modules in its folder, which can be imported once it is opened."""

from __future__ import annotations

import sys

from kobo_sync.deliverables import is_ours
from kobo_sync.mission.mission import Mission


def own_deliverables(mission: Mission) -> list[str]:
    """The deliverables in the config that are the mission's own, by module name."""
    settings = mission.config.deliverables
    return [name for name in (*settings.zone, *settings.mission) if not is_ours(name)]


def let_import_own_modules(mission: Mission) -> None:
    """Let the mission's folder be imported from, when its config names a module of its own."""
    root = str(mission.workspace.root)
    if root not in sys.path and (mission.config.checks.extra or own_deliverables(mission)):
        sys.path.append(root)  # last, so that no file of a mission hides a module of ours
