"""What was changed in settings and lists on these pages: who, when, what, before and after; each can be taken back."""

from __future__ import annotations

from typing import Any

from flask import Flask, abort, flash, redirect, render_template, request, url_for

from kobo_sync.desk.changes import Change, change, changes, taken_back
from kobo_sync.errors import ConfigError, KoboSyncError
from kobo_sync.language.catalogue import t
from kobo_sync.mission.config_files import states_of, take_back
from kobo_sync.web.setting_words import differences
from kobo_sync.web.site import Answer, administrators, person, site
from kobo_sync.web.texts import with_cure

PAGE = 20
CONFIG = "config"  # what is changed of forms and of the report is told, and taken back, on their own pages
MOST = 2**31 - 1


def add_to(app: Flask) -> None:
    """Add these pages."""
    app.add_url_rule("/reglages/changements", "setting_changes", setting_changes)
    app.add_url_rule("/reglages/changements/reprendre", "undo_change", undo_change, methods=["POST"])


@administrators
def setting_changes() -> Answer:
    """The newest changes."""
    return _page()


@administrators
def undo_change() -> Answer:
    """Take one change back, which is a change too."""
    mission = site().mission
    asked = change(mission.desk, min(request.form.get("change_id", 0, type=int), MOST))
    if asked is None or not asked.path.startswith(f"{CONFIG}/") or asked.before_sha256 == asked.after_sha256:
        abort(404)
    try:
        keys = take_back(mission, asked, by=person().username)
    except ConfigError as error:
        return _page(with_cure(error.message, error.hint)), 409
    except KoboSyncError as error:
        return _page(with_cure(error.message, error.hint)), 503
    site().wake()
    flash(t("The change is taken back.") if keys else t("It is as it was before this change already."))
    return redirect(url_for("setting_changes"))


def _page(refusal: str = "") -> str:
    desk = site().mission.desk
    before = max(0, min(request.args.get("avant", MOST, type=int), MOST))
    newest = changes(desk, PAGE + 1, folder=CONFIG, before=before)
    return render_template(
        "changes.html",
        changes=[_shown(each) for each in newest[:PAGE]],
        older=newest[PAGE - 1].change_id if len(newest) > PAGE else None,
        undone=taken_back(desk),
        refusal=refusal,
    )


def _shown(each: Change) -> dict[str, Any]:
    try:
        before, after = states_of(site().mission, each)
        was, became = before.values, after.values
    except ConfigError as error:
        return {"change": each, "lines": [], "fault": with_cure(error.message, error.hint)}
    lines = [line for key in each.keys for line in differences(each.path, key, was.get(key), became.get(key))]
    return {"change": each, "lines": lines, "fault": ""}
