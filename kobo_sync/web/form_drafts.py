"""One form: what is deployed, the draft that somebody uploaded with all that is found out about it, its media, earlier versions."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Flask, abort, flash, redirect, render_template, request, url_for

from kobo_sync.desk import runs, schedules
from kobo_sync.desk.deploy_orders import order_deployment, ordered_deployment
from kobo_sync.errors import KoboSyncError
from kobo_sync.language.catalogue import t
from kobo_sync.model import Form
from kobo_sync.steps import drafts
from kobo_sync.steps.deploy_plan import REFUSALS
from kobo_sync.web.forms import state_of_form
from kobo_sync.web.site import Answer, actors, administrators, person, site
from kobo_sync.web.synchronisations import newest_run_id, running_now
from kobo_sync.web.texts import translate
from kobo_sync.web.uploads import MOST_FILE, MOST_UPLOAD, takes_files
from kobo_sync.web.words import DESPITE, FORM_STATES, LANGUAGES, SEVERITIES
from kobo_sync.workspace.form_drafts import Draft

LOOKED_AT = 20  # of the newest deployments, for that of a form


def add_to(app: Flask) -> None:
    """Add these pages."""
    app.add_url_rule("/formulaires/fichier", "new_form", new_form, methods=["POST"])
    app.add_url_rule("/formulaires/<form_id>", "form", form_page)
    for path, endpoint, page in (
        ("fichier", "upload_form", upload_form),
        ("medias/fichier", "upload_medium", upload_medium),
        ("medias", "plan_medium", plan_medium),
        ("comparer", "examine_draft", examine_draft),
        ("reprendre", "take_over", take_over),
        ("abandonner", "discard_draft", discard_draft),
        ("revenir", "roll_back", roll_back),
        ("deployer", "deploy_form", deploy_form),
    ):
        app.add_url_rule(f"/formulaires/<form_id>/{path}", endpoint, page, methods=["POST"])


def refusals_told(page: Callable[..., Answer]) -> Callable[..., Answer]:
    """A page that changes something of a form: what is refused is told on the form's page, or on that of all forms."""

    @wraps(page)
    def told(form_id: str = "") -> Answer:
        try:
            return page(form_id) if form_id else page()
        except KoboSyncError as error:
            flash(in_one(error), "error")
        is_there = form_id in site().mission.config.forms or site().mission.workspace.form_drafts.get(form_id)
        return redirect(url_for("form", form_id=form_id) if form_id and is_there else url_for("forms"))

    return told


def in_one(error: KoboSyncError) -> str:
    """What went wrong and what to do, in the browser's language."""
    return translate(f"{error.message} → {error.hint}" if error.hint else error.message)


def known_draft(form_id: str) -> Draft | None:
    """The form's draft; 404 where there is neither such a form nor a draft of one."""
    mission = site().mission
    if form_id in mission.config.forms:
        return mission.workspace.form_drafts.get(form_id)
    draft = mission.workspace.form_drafts.get(form_id) if form_id in mission.workspace.form_drafts.form_ids() else None
    if draft is None:
        abort(404)
    return draft


# ── the page ──


@actors
def form_page(form_id: str) -> Answer:
    """The form, its draft, its media, its last deployment from a page and its earlier versions."""
    draft, mission = known_draft(form_id), site().mission
    form = mission.forms.get(form_id)
    drafted = _drafted(draft)
    verdict = drafts.verdict_of(mission, draft) if draft else None
    return render_template(
        "form.html",
        form_id=form_id,
        form=form,
        deployment=mission.store.deployments().get(form_id),
        state=state_of_form(form_id) if form else "",
        states=FORM_STATES,
        names=LANGUAGES,
        draft=draft,
        drafted=drafted,
        verdict=verdict,
        media=drafts.media_table(mission, drafted or form, draft),
        most_mb=MOST_FILE // 1024**2,
        earlier=drafts.earlier_versions(mission, form_id),
        severities=SEVERITIES,
        **_deployment(form_id),
    )


def _drafted(draft: Draft | None) -> Form | None:
    """The draft as a form, where it can be read."""
    try:
        return drafts.form_of_draft(site().mission, draft) if draft else None
    except KoboSyncError:
        return None  # its findings say why


def _deployment(form_id: str) -> dict[str, Any]:
    """What became of the newest order to deploy the form, and what of it was refused; whether one waits or is at work."""
    desk = site().mission.desk
    order, running = ordered_deployment(desk, form_id), running_now()
    is_wished = any((wish.job, wish.form_id) == ("deploy", form_id) for wish in schedules.wishes(desk))
    words: dict[str, Any] = {"order": order, "run": None, "refused": [], "despite": DESPITE, "running": running}
    words |= {"is_wished": is_wished, "is_live": is_wished or running.get("job") == "deploy", "last": newest_run_id()}
    for run in runs.last_runs(desk, LOOKED_AT, job="deploy") if order else ():
        is_ours = run.report.get("error") or any(
            line.startswith(f"{form_id}: ") for line in run.report.get("lines", ())
        )
        if order and run.started_at >= order.at and run.ended_at and is_ours:
            findings = run.report.get("findings", ())
            refused = [
                each for each in findings if each["rule"] in REFUSALS and each.get("form_id", form_id) == form_id
            ]
            others = [each for each in findings if each not in refused]
            return words | {"run": run, "refused": refused, "deploy_findings": others}
    return words


# ── what changes a draft ──


@administrators
@takes_files(MOST_UPLOAD)
@refusals_told
def new_form() -> Answer:
    """Take a workbook for the form that it says it is: one of the mission's, or a new one."""
    return _uploaded("")


@administrators
@takes_files(MOST_UPLOAD)
@refusals_told
def upload_form(form_id: str) -> Answer:
    """Take a workbook as the form's draft, and judge it."""
    known_draft(form_id)
    return _uploaded(form_id)


def _uploaded(form_id: str) -> Answer:
    file = request.files.get("workbook")
    if file is None or not file.filename:
        raise drafts.DraftRefused("no file was chosen", hint="choose the form's .xlsx file")
    draft = drafts.upload(site().mission, form_id, file.filename, file.read(), person().username)
    drafts.examine(site().mission, draft)
    flash(t("The form is uploaded as a draft: nothing is changed yet."))
    return redirect(url_for("form", form_id=draft.form_id))


@administrators
@takes_files(MOST_UPLOAD)
@refusals_told
def upload_medium(form_id: str) -> Answer:
    """Take a picture, sound or list that the form names."""
    known_draft(form_id)
    file = request.files.get("medium")
    if file is None or not file.filename:
        raise drafts.DraftRefused("no file was chosen", hint="choose a picture, a sound or a list")
    name = request.form.get("name", "") or file.filename
    return _planned(drafts.stage_medium(site().mission, form_id, name, file.read(), person().username))


@administrators
@refusals_told
def plan_medium(form_id: str) -> Answer:
    """Have a file taken away when the draft is taken over, or let it stay after all."""
    known_draft(form_id)
    name, act = request.form.get("name", ""), request.form.get("act", "")
    if act == "remove":
        return _planned(drafts.stage_medium(site().mission, form_id, name, None, person().username))
    if act != "leave":
        abort(400)
    drafts.leave_medium(site().mission, form_id, name)
    draft = site().mission.workspace.form_drafts.get(form_id)
    return _planned(draft) if draft else redirect(url_for("form", form_id=form_id))


def _planned(draft: Draft) -> Answer:
    drafts.examine(site().mission, draft)
    flash(t("It is noted in the draft: nothing is changed yet."))
    return redirect(url_for("form", form_id=draft.form_id))


@administrators
@refusals_told
def examine_draft(form_id: str) -> Answer:
    """Judge and compare again: answers came, or the server was away."""
    draft = known_draft(form_id)
    if draft:
        drafts.examine(site().mission, draft)
    return redirect(url_for("form", form_id=form_id))


@administrators
@refusals_told
def take_over(form_id: str) -> Answer:
    """Put the draft into forms/; the phones know nothing of it before it is deployed."""
    known_draft(form_id)
    drafts.take_over(site().mission, form_id, request.form.get("mark", ""), person().username)
    site().wake()
    flash(t("The draft is taken over. Phones get it when it is deployed."))
    return redirect(url_for("form", form_id=form_id))


@administrators
@refusals_told
def discard_draft(form_id: str) -> Answer:
    """Forget the draft."""
    known_draft(form_id)
    drafts.discard(site().mission, form_id)
    flash(t("The draft is discarded."))
    return redirect(url_for("form", form_id=form_id) if form_id in site().mission.config.forms else url_for("forms"))


@administrators
@refusals_told
def roll_back(form_id: str) -> Answer:
    """Make an earlier version the draft."""
    known_draft(form_id)
    path, sha256 = request.form.get("path", ""), request.form.get("sha256", "")
    drafts.examine(site().mission, drafts.roll_back(site().mission, form_id, path, sha256, person().username))
    flash(t("The earlier version is a draft again: nothing is changed yet."))
    return redirect(url_for("form", form_id=form_id))


@administrators
def deploy_form(form_id: str) -> Answer:
    """Ask for the deployment of the form; each refusal that is to be overridden was ticked by its code."""
    mission, despite = site().mission, request.form.getlist("despite")
    if form_id not in mission.config.forms:
        abort(404)
    if not set(despite) <= set(REFUSALS):
        abort(400)
    order_deployment(mission.desk, form_id, despite, person().username, site().clock())
    schedules.wish(
        mission.desk, "deploy", form_id=form_id, origin="person", asked_by=person().username, now=site().clock()
    )
    site().wake()
    flash(t("The deployment has been requested: it starts as soon as there is room."))
    return redirect(url_for("form", form_id=form_id))
