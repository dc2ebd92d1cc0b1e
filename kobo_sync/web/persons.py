"""The rights of participants, for administrators: what is held about one as a file, and their erasure, confirmed by typing the code again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from flask import Flask, Response, render_template, request

from kobo_sync.desk import schedules
from kobo_sync.desk.runs import Order
from kobo_sync.errors import KoboSyncError
from kobo_sync.language.catalogue import t
from kobo_sync.mission.mission import Mission
from kobo_sync.mission.run_log import recorded
from kobo_sync.model import Report
from kobo_sync.steps import person as step
from kobo_sync.web.site import Answer, administrators, person, site
from kobo_sync.web.texts import with_cure


def add_to(app: Flask) -> None:
    """Add these pages; codes come by POST, so that addresses and logs keep none."""
    app.add_url_rule("/personnes", "persons", persons)
    app.add_url_rule("/personnes/donnees", "held_about", held_about, methods=["POST"])
    app.add_url_rule("/personnes/effacer", "erase_person", erase_person, methods=["POST"])


@administrators
def persons() -> Answer:
    """Where one asks for either."""
    return _page()


@administrators
def held_about() -> Answer:
    """All that is held about a participant, as a zip."""
    code = request.form.get("code", "").strip()
    try:
        with _own_mission() as mission:
            name, content, _ = step.dossier_of(mission, code)
    except KoboSyncError as error:
        return _page(with_cure(error.message, error.hint), code), 400
    answer = Response(content, mimetype="application/zip")
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer


@administrators
def erase_person() -> Answer:
    """Erase a participant here, and where it is ticked on the server; the documents are made anew by a job that follows."""
    code, upstream = request.form.get("code", "").strip(), "upstream" in request.form
    if not code or code != request.form.get("again", "").strip():
        return _page(t("The two codes are not the same: nothing was erased."), code), 400
    try:
        with _own_mission() as mission:
            order = Order("person", person().username)
            report = recorded(
                mission, "person", lambda opened: step.erase_all(opened, code, upstream=upstream, rebuild=False), order
            )
    except KoboSyncError as error:
        return _page(with_cure(error.message, error.hint), code), 409
    desk, now = site().mission.desk, site().clock()
    for job in ("build", "deliver"):
        schedules.wish(desk, job, origin="person", asked_by=person().username, now=now)
    site().wake()
    return _page(report=report)


@contextmanager
def _own_mission() -> Iterator[Mission]:
    """The mission opened for this request alone: what it does is done in this person's name."""
    mission = replace(site().mission, doer=person().username, form_faults={}, zone_answers={}, _clients={})
    try:
        yield mission
    finally:
        mission.close()


def _page(refusal: str = "", code: str = "", report: Report | None = None) -> str:
    shown: dict[str, Any] = {"refusal": refusal, "code": code, "report": report}
    return render_template("persons.html", waits=step.waits_upstream(site().mission), **shown)
