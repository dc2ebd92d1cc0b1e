"""Serveur: which server the mission works with, tried before it is kept; its projects, taken into the mission."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from flask import Flask, abort, flash, redirect, render_template, request, url_for

from kobo_sync.analysis.meaning import MEANINGS
from kobo_sync.config.files import SECRETS_FILE
from kobo_sync.desk import runs, schedules
from kobo_sync.errors import KoboSyncError
from kobo_sync.forms.guessing import SURE_ENOUGH, guess
from kobo_sync.language.catalogue import t
from kobo_sync.steps import connect
from kobo_sync.steps.adopt import SeenProject
from kobo_sync.steps.init import server_for_phones
from kobo_sync.web.form_drafts import in_one
from kobo_sync.web.site import Answer, administrators, person, site
from kobo_sync.web.synchronisations import newest_run_id, running_now
from kobo_sync.web.words import CHOICES, PROJECT_STATES, SEVERITIES

PUBLIC = ("https://kf.kobotoolbox.org", "https://eu.kobotoolbox.org")
# Of a server of one's own: kf, kc, ODK Central.
EXAMPLES = ("https://kf.example.org", "https://kc.example.org", "https://central.example.org")
OWN = "own"
MOST_AT_ONCE = 50  # projects
_UID = re.compile(r"[A-Za-z0-9]{1,64}")
_FORM_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")  # by which ODK Central knows a form
MOST_DIGITS = 10  # of a project's number
LOOKED_AT = 10  # of the newest adoptions


def add_to(app: Flask) -> None:
    """Add these pages."""
    app.add_url_rule("/serveur", "connection", connection)
    app.add_url_rule("/serveur/essayer", "try_connection", try_connection, methods=["POST"])
    app.add_url_rule("/serveur/projets", "projects", projects)
    app.add_url_rule("/serveur/projets/adopter", "adopt_projects", adopt_projects, methods=["POST"])


# ── the server ──


@administrators
def connection() -> Answer:
    """The server as it is set, and whether its secrets are there."""
    server = site().mission.config.server
    if site().mission.features.signs_in:
        return _page(connect.to_central(server.url, server.project or 0))
    return _page(connect.to_kobo(server.kf, server.kc))


@administrators
def try_connection() -> Answer:
    """Try what was typed, and keep it when asked to; a secret is neither shown nor kept in the browser."""
    given = _central() if site().mission.features.signs_in else _kobo()
    try:
        trial = connect.try_connection(site().mission, given)
        is_kept = request.form.get("act") == "keep"
        if is_kept and (trial.is_known or "despite" in request.form):
            connect.keep_connection(site().mission, given, person().username)
            site().wake()
            flash(t("The server and the account are kept."))
            return redirect(url_for("connection"))
    except KoboSyncError as error:
        return _page(given, fault=in_one(error))
    return _page(given, trial=trial, was_to_be_kept=is_kept)


def _kobo() -> connect.Connection:
    form = request.form
    kind, preset = form.get("kind", ""), form.get("preset", "")
    if kind != connect.KOBO or preset not in (*PUBLIC, OWN):
        abort(400)
    kf = form.get("kf", "").strip().rstrip("/") if preset == OWN else preset
    kc = form.get("kc", "").strip().rstrip("/") if preset == OWN else ""
    tokens = [form.get(name, "").strip() for name in ("token", "deploy_token")]
    return connect.to_kobo(kf, kc or server_for_phones(kf), *tokens)


def _central() -> connect.Connection:
    form = request.form
    if form.get("kind", "") != connect.CENTRAL:
        abort(400)
    url, project = form.get("url", "").strip().rstrip("/"), form.get("project", "").strip()
    number = int(project) if project.isdecimal() and len(project) < MOST_DIGITS else 0
    return connect.to_central(url, number, form.get("email", "").strip(), form.get("password", ""))


def _page(given: connect.Connection, **found: Any) -> Answer:
    """The server's page; *found*: a fault, or a trial and whether what was tried was to be kept."""
    mission, settings = site().mission, given.settings
    return render_template(
        "connection.html" if given.kind == connect.KOBO else "central_connection.html",
        given={key.removeprefix("server."): value for key, value in settings.items()},
        kind=given.kind,
        presets=PUBLIC,
        examples=EXAMPLES,
        own=OWN,
        preset=settings.get("server.kf") if settings.get("server.kf") in PUBLIC else OWN,
        kept=[name for name in given.secrets if mission.config.secret(name)],
        in_environment=[name for name in given.secrets if mission.environ.get(name)],
        secrets_file=SECRETS_FILE,
        **{"trial": None, "was_to_be_kept": False, "fault": "", **found},
    )


# ── its projects ──


@administrators
def projects() -> Answer:
    """The projects that the account sees, and what the last adoptions took and guessed."""
    mission, fault = site().mission, ""
    seen: list[SeenProject] = []
    try:
        seen = connect.projects_there(mission)
    except KoboSyncError as error:
        fault = in_one(error)
    waiting = {wish.form_id for wish in schedules.wishes(mission.desk) if wish.job == "adopt"}
    running = running_now()
    return render_template(
        "projects.html",
        seen=seen,
        fault=fault,
        states=PROJECT_STATES,
        waiting=waiting,
        is_live=bool(waiting) or running.get("job") == "adopt",
        running=running,
        last=newest_run_id(),
        adoptions=[run for run in runs.last_runs(mission.desk, LOOKED_AT, job="adopt") if run.ended_at],
        adopted=[_guessed(form_id) for form_id in _adopted(seen) if form_id in mission.forms],
        severities=SEVERITIES,
    )


@administrators
def adopt_projects() -> Answer:
    """Ask for the adoption of the projects that were ticked, one run each."""
    uids, shape = request.form.getlist("uid"), _FORM_ID if site().mission.features.forms_have_own_ids else _UID
    if len(uids) > MOST_AT_ONCE or not all(shape.fullmatch(uid) for uid in uids):
        abort(400)
    for uid in uids:
        schedules.wish(
            site().mission.desk, "adopt", form_id=uid, origin="person", asked_by=person().username, now=site().clock()
        )
    site().wake()
    if uids:
        flash(t("The adoption has been requested: it starts as soon as there is room."))
    else:
        flash(t("No project was ticked."), "error")
    return redirect(url_for("projects"))


def _adopted(seen: Sequence[SeenProject]) -> list[str]:
    """The forms that were taken from the server: those that the settings name, or where each is called there as here, those never deployed."""
    mission = site().mission
    if not mission.features.forms_have_own_ids:
        return list(mission.config.server.assets)
    deployed = mission.store.deployments()
    return [each.form_id for each in seen if each.form_id and each.form_id not in deployed]


def _guessed(form_id: str) -> dict[str, Any]:
    """What an adopted form seems to be: its role and meanings, each with how sure that is, and what was not recognised."""
    mission = site().mission
    guessed, settings = guess(mission.forms[form_id]), mission.config.forms[form_id]
    sure = {name: pair for name, pair in guessed.fields.items() if pair[1] >= SURE_ENOUGH}
    meanings = MEANINGS.get(guessed.role, ("zone", "consent"))
    roles = CHOICES["forms.*.role"]
    return {
        "form_id": form_id,
        "role": t(roles.get(settings.role, settings.role)),
        "guessed": t(roles.get(guessed.role, guessed.role)) if guessed.confidence else "",
        "confidence": guessed.confidence,
        "fields": [(name, *sure[name]) for name in meanings if name in sure],
        "not_recognised": [name for name in meanings if name not in sure],
    }
