"""A mission's own checks and deliverables: modules in its folder, which can be imported once it is opened."""

from __future__ import annotations

from kobo_sync import plug_ins
from kobo_sync.deliverables import is_ours
from kobo_sync.mission.mission import Mission

_served: set[str] = set()  # folders of missions that had modules of their own, in this process


def own_deliverables(mission: Mission) -> list[str]:
    """The deliverables in the config that are the mission's own, by the name that it gives them."""
    settings = mission.config.deliverables
    return [name for name in (*settings.zone, *settings.mission) if not is_ours(name)]


def let_import_own_modules(mission: Mission) -> None:
    """Let the mission's folder be imported from, when its config names a module of its own."""
    if mission.config.checks.extra or own_deliverables(mission):
        root = mission.workspace.root.resolve()
        plug_ins.import_from(root, _served)
        _served.add(str(root))
