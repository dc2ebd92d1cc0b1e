"""The final report: taken, brought back, checked, put where the next build patches it; and the final delivery with the donor's checklist."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Flask, abort, flash, redirect, render_template, request, url_for

from kobo_sync.desk import runs, schedules
from kobo_sync.desk.delivery_orders import order_delivery, ordered_delivery
from kobo_sync.errors import KoboSyncError
from kobo_sync.language.catalogue import later, t
from kobo_sync.model import Finding
from kobo_sync.steps import report_upload
from kobo_sync.steps.deliver import UNFINISHED
from kobo_sync.web.deliverables import MISSION, find_file
from kobo_sync.web.site import Answer, actors, person, site
from kobo_sync.web.synchronisations import newest_run_id, running_now
from kobo_sync.web.texts import with_cure
from kobo_sync.web.uploads import MOST_FILE, MOST_UPLOAD, takes_files
from kobo_sync.web.words import SEVERITIES

KINDS = {  # of living parts: what one is called, and what comes of it when it is missing
    "block": (later("Computed block"), later("it will not be in the report any more, and no update brings it back.")),
    "slot": (later("Place to write"), later("whether it is written is not watched any more.")),
    "number": (later("Live number"), later("this number is not brought up to date any more where it was removed.")),
}
DESPITE = {  # what comes of delivering in spite of it
    "REPORT002": later("The report is delivered with places in which nothing is written."),
    "REPORT003": later("The report is delivered although data of a zone are missing."),
    "REPORT004": later("The report is delivered without an annex that is expected."),
}
CHECKLIST = {  # what a donor asks
    "REPORT002": later("Everything that is to be written is written"),
    "REPORT003": later("Every zone has its data"),
    "REPORT004": later("Every annex is there"),
}


def add_to(app: Flask) -> None:
    """Add these pages."""
    app.add_url_rule("/livrables/rapport", "report", report)
    for path, endpoint, page in (
        ("fichier", "bring_report", bring_report),
        ("prendre", "take_report_over", take_report_over),
        ("abandonner", "discard_report", discard_report),
        ("revenir", "bring_report_back", bring_report_back),
        ("livrer", "deliver_finally", deliver_finally),
    ):
        app.add_url_rule(f"/livrables/rapport/{path}", endpoint, page, methods=["POST"])


def _of_missions_with_a_report(page: Callable[[], Answer]) -> Callable[[], Answer]:
    """404 where no report is made; what is refused is told on the report's page."""

    @wraps(page)
    def told() -> Answer:
        if "final_report" not in site().mission.config.mission_papers:
            abort(404)
        try:
            return page()
        except KoboSyncError as error:
            flash(with_cure(error.message, error.hint), "error")
        return redirect(url_for("report"))

    return told


@actors
def report() -> Answer:
    """The report here, the one that waits with all that would be missing, earlier ones, and the final delivery."""
    mission = site().mission
    if "final_report" not in mission.config.mission_papers:
        abort(404)
    waiting = report_upload.waiting(mission)
    verdict, fault = None, ""
    try:
        verdict = report_upload.check(mission, waiting) if waiting else None
    except KoboSyncError as error:
        fault = with_cure(error.message, error.hint)
    return render_template(
        "report.html",
        file=find_file(f"{MISSION}/{report_upload.name_of(mission)}"),
        waiting=waiting,
        verdict=verdict,
        fault=fault,
        kinds=KINDS,
        most_mb=MOST_FILE // 1024**2,
        earlier=report_upload.earlier_reports(mission),
        severities=SEVERITIES,
        **_delivery(),
    )


def _delivery() -> dict[str, Any]:
    """The donor's checklist as the last build found it, and what became of the newest order to deliver finally."""
    mission = site().mission
    built = mission.workspace.previous_set(MISSION)
    points: dict[str, list[Finding]] = {rule: [] for rule in UNFINISHED}
    for finding in built.manifest.findings if built.manifest else ():
        if finding.rule in points:
            points[finding.rule].append(finding)
    order, running = ordered_delivery(mission.desk), running_now()
    run = next(iter(runs.last_runs(mission.desk, 1, job="final")), None)
    is_wished = any(wish.job in ("final", "build") for wish in schedules.wishes(mission.desk))
    return {
        "points": points,
        "checklist": CHECKLIST,
        "despite": DESPITE,
        "is_built": built.manifest is not None and built.complete,
        "is_newer": built.is_edited(report_upload.name_of(mission)),
        "order": order,
        "run": run if order and run and run.ended_at and run.started_at >= order.at else None,
        "running": running,
        "is_wished": is_wished,
        "is_live": is_wished or running.get("job") in ("final", "build"),
        "last": newest_run_id(),
    }


# ── the report ──


@actors
@takes_files(MOST_UPLOAD)
@_of_missions_with_a_report
def bring_report() -> Answer:
    """Take an edited report, and check it: nothing is replaced yet."""
    file = request.files.get("report")
    if file is None or not file.filename:
        raise report_upload.ReportRefused("no file was chosen", hint="choose the report that you saved in Word")
    report_upload.bring(site().mission, file.filename, file.read(MOST_FILE), person().username)
    flash(t("The report is uploaded and checked: nothing is replaced yet."))
    return redirect(url_for("report"))


@actors
@_of_missions_with_a_report
def take_report_over() -> Answer:
    """Put the report that waits in its place; what would be missing was ticked."""
    knowingly = request.form.get("knowingly") == "1"
    mark = request.form.get("mark", "")
    report_upload.take_over(site().mission, mark, person().username, knowingly=knowingly)
    flash(t("The report has taken its place. The next making of the documents brings it up to date."))
    return redirect(url_for("report"))


@actors
@_of_missions_with_a_report
def discard_report() -> Answer:
    """Forget the report that waits."""
    report_upload.discard(site().mission, person().username)
    flash(t("The uploaded report is discarded: the one here stays."))
    return redirect(url_for("report"))


@actors
@_of_missions_with_a_report
def bring_report_back() -> Answer:
    """Let an earlier report wait, to take its place again."""
    report_upload.bring_back(site().mission, request.form.get("sha256", ""), person().username)
    flash(t("The earlier report waits now: nothing is replaced yet."))
    return redirect(url_for("report"))


# ── the final delivery ──


@actors
@_of_missions_with_a_report
def deliver_finally() -> Answer:
    """Ask for the final delivery; each point of the checklist that is to be overridden was ticked by its code."""
    mission, despite = site().mission, request.form.getlist("despite")
    if not set(despite) <= set(UNFINISHED):
        abort(400)
    if mission.workspace.previous_set(MISSION).is_edited(report_upload.name_of(mission)):
        flash(t("Make the documents first: the report was edited since."), "error")
        return redirect(url_for("report"))
    username, now = person().username, site().clock()
    order_delivery(mission.desk, despite, username, now)
    schedules.wish(mission.desk, "final", form_id="", origin="person", asked_by=username, now=now)
    site().wake()
    flash(t("The final delivery has been requested: it starts as soon as there is room."))
    return redirect(url_for("report"))
