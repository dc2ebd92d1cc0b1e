"""Synchronisations: what runs, what ran, what comes next; run now, pause, other hours."""

from __future__ import annotations

from typing import Any

from flask import Flask, abort, flash, redirect, render_template, request, url_for

from kobo_sync.config.service import JOB_NAMES
from kobo_sync.config.timetable import checked
from kobo_sync.desk import notices, runs, schedules
from kobo_sync.errors import KoboSyncError
from kobo_sync.language.catalogue import later, t, tn
from kobo_sync.language.sentences import translated
from kobo_sync.language.speaking import spoken
from kobo_sync.notices.messages import TITLES
from kobo_sync.service.hours import hours, next_runs
from kobo_sync.service.jobs import JOBS
from kobo_sync.steps.engine_status import engine_state
from kobo_sync.web.site import Answer, actors, members, moment, person, site, staff
from kobo_sync.web.words import COUNTS, DAYS, ORIGINS, PURPOSES, SEVERITIES, STAGES, STATUSES, in_words

PAGE = 30
MOST_RUNS = 2**31 - 1  # a greater number is none of the database's
BY_HAND = {
    "relay": later("Relay the station"),
    "pull": later("Pull"),
    "reconcile": later("Recount against the server"),
    "check": later("Search for faults now"),
    "build": later("Make the documents"),
    "deliver": later("Prepare the archives"),
    "run": later("Do everything"),
}
EVERY = (5, 15, 30, 60, 120, 360)


def add_to(app: Flask) -> None:
    """Add these pages."""
    app.add_url_rule("/synchronisations", "synchronisations", synchronisations)
    app.add_url_rule(f"/synchronisations/<int(max={MOST_RUNS}):run_id>", "shown_run", shown_run)
    app.add_url_rule("/synchronisations/etat.json", "state", state)
    app.add_url_rule("/synchronisations/lancer", "run_now", run_now, methods=["POST"])
    app.add_url_rule("/synchronisations/pause", "pause", pause, methods=["POST"])
    app.add_url_rule("/synchronisations/horaires", "set_hours", set_hours, methods=["POST"])


@members
def synchronisations() -> Answer:
    """The run at work, the hours of each job, and the newest runs."""
    mission, now = site().mission, site().clock()
    job = request.args.get("travail", "")
    before = max(0, min(request.args.get("avant", MOST_RUNS, type=int), MOST_RUNS))
    settings = schedules.settings(mission.desk)
    coming = next_runs(mission.config, settings, now)
    jobs = [
        {
            "name": name,
            "title": TITLES[name],
            "hours": [in_words(each) for each in hours(mission.config, settings, name)],
            "expressions": list(settings[name].expressions or ()) if name in settings else [],
            "of_config": mission.config.schedule.of(name),
            "setting": settings.get(name),
            "next_at": coming.get(name),
        }
        for name in JOB_NAMES
        if name in JOBS
    ]
    newest = runs.last_runs(mission.desk, PAGE + 1, job=job if job in TITLES else "", before=before)
    return render_template(
        "synchronisations.html",
        jobs=jobs,
        runs=[_shown(run) for run in newest[:PAGE]],
        older=newest[PAGE - 1].run_id if len(newest) > PAGE else None,
        job=job,
        titles=TITLES,
        purposes=PURPOSES,
        by_hand=BY_HAND,
        every=EVERY,
        weekdays=DAYS[1:],
        running=running_now(),
        last_run_id=newest_run_id(),
        wishes=schedules.wishes(mission.desk),
        **_engine(),
        mails=notices.last_notices(mission.desk, 8) if person().is_staff else [],
        has_mail=mission.config.notices.smtp is not None,
    )


@members
def shown_run(run_id: int) -> Answer:
    """One run in plain words: counts, findings, the error with its cure."""
    run = runs.run(site().mission.desk, run_id)
    if run is None:
        abort(404)
    return render_template(
        "run.html", run=run, origins=ORIGINS, shown=_shown(run), counts=_counts(run), severities=SEVERITIES
    )


@members
def state() -> Answer:
    """What the page asks every two seconds while a run is at work."""
    from flask import jsonify

    return jsonify(running_now() | {"waiting": len(schedules.wishes(site().mission.desk)), "last": newest_run_id()})


@actors
def run_now() -> Answer:
    """Wish for a run at once; the same wish twice is one run."""
    job, form_id = request.form.get("job", ""), request.form.get("form_id", "")
    forms = site().mission.config.forms
    if job not in JOBS or JOBS[job].has_own_page or (form_id and form_id not in forms):
        abort(400)
    is_new = schedules.wish(
        site().mission.desk, job, form_id=form_id, origin="person", asked_by=person().username, now=site().clock()
    )
    site().wake()
    title = t(TITLES[job])
    flash(
        t("“{job}” has been requested: it starts as soon as there is room.", job=title)
        if is_new
        else t("“{job}” has been requested already.", job=title)
    )
    return redirect(_back())


@staff
def pause() -> Answer:
    """Stop running a job by the clock, or go on."""
    job, paused = _job(), request.form.get("paused") == "1"
    schedules.set_paused(site().mission.desk, job, paused, person().username, site().clock())
    title = t(TITLES[job])
    flash(t("“{job}” is paused.", job=title) if paused else t("“{job}” runs on schedule again.", job=title))
    site().wake()
    return redirect(_back())


@staff
def set_hours() -> Answer:
    """Other hours for a job: every so many minutes, or each day at some hours; or those of the settings again."""
    job, kind = _job(), request.form.get("kind", "")
    expressions: list[str] | None = None
    if kind == "every":
        minutes = request.form.get("minutes", type=int) or 0
        if minutes not in EVERY:
            abort(400)
        expressions = [f"every {minutes} min"]
    elif kind == "daily":
        hour, _, minute = request.form.get("at", "").partition(":")
        day = request.form.get("weekday", "*")
        expressions = [f"{minute.lstrip('0') or '0'} {hour.lstrip('0') or '0'} * * {day}"]
    elif kind != "config":
        abort(400)
    try:
        for expression in expressions or ():
            checked(expression)
    except ValueError:
        flash(t("This time is not understood: write it like 06:30."), "error")
        return redirect(_back())
    schedules.set_expressions(site().mission.desk, job, expressions, person().username, site().clock())
    flash(t("The hours of “{job}” are changed.", job=t(TITLES[job])))
    site().wake()
    return redirect(_back())


def newest_run_id() -> int:
    """The newest run: one that began and ended between two looks of a page shows in nothing else."""
    return next((run.run_id for run in runs.last_runs(site().mission.desk, 1, with_reports=False)), 0)


def _job() -> str:
    job = request.form.get("job", "")
    if job not in JOBS or not JOBS[job].by_clock:
        abort(400)
    return job


def _back() -> str:
    from kobo_sync.web.sign_in import local_address

    return local_address(request.form.get("suite", "")) if request.form.get("suite") else url_for("synchronisations")


def running_now() -> dict[str, Any]:
    """The run at work as pages show it; its *run_id* is None when nothing is."""
    run = runs.running(site().mission.desk)
    if run is None:
        return {"run_id": None}
    return {
        "run_id": run.run_id,
        "job": run.job,
        "title": t(TITLES.get(run.job, run.job)),
        "began": moment(run.started_at),
        "what": translated(run.progress.get("what", ""), spoken().code),
        "done": run.progress.get("done", 0),
        "total": run.progress.get("total"),
    }


def _engine() -> dict[str, Any]:
    """The workers' queue for this mission: *queue* None without an engine; *queue_fault* what hinders the look."""
    try:
        return {"queue": engine_state(site().mission), "queue_fault": "", "stages": {**TITLES, **STAGES}}
    except KoboSyncError as error:
        return {"queue": None, "queue_fault": translated(error.message, spoken().code)}


def _shown(run: runs.Run) -> dict[str, Any]:
    findings = run.report.get("findings", ())
    took = (run.ended_at - run.started_at).total_seconds() if run.ended_at else None
    return {
        "run": run,
        "title": t(TITLES.get(run.job, run.job)),
        "status": t(STATUSES[run.status]),
        "tone": {
            "done": "good",
            "findings": "warn",
            "missed": "warn",
            "stopped": "warn",
            "running": "busy",
            "queued": "busy",
        }.get(run.status, "bad"),
        "took_s": took,
        "summary": t(", ").join(_counts(run)[:4]) or run.report.get("error", ""),
        "n_errors": sum(finding.get("severity") == "error" for finding in findings),
        "n_findings": len(findings),
    }


def _counts(run: runs.Run) -> list[str]:
    """What the run did, in words: only what is worth a word."""
    most: dict[tuple[str, str], int] = {}
    for key, n in run.report.get("counts", {}).items():
        whole = key if "." in key else f"{run.job}.{key}"
        words = COUNTS.get(whole) or (None if whole.startswith("check.") else COUNTS.get(key.rpartition(".")[2]))
        if words and n:
            most[words] = max(n, most.get(words, 0))
    return [tn(*words, n) for words, n in most.items()]
