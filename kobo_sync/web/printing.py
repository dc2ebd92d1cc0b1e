"""What is printed before people go to the field: badges, pages that set phones up, questionnaires; made when they are asked for."""

from __future__ import annotations

import hashlib

from flask import Flask, abort, flash, redirect, render_template, request, url_for

from kobo_sync.config.doors import leads_here
from kobo_sync.desk import access_log
from kobo_sync.errors import KoboSyncError
from kobo_sync.model import Class
from kobo_sync.steps.enrol import BLANK, account_sheet, zone_badges
from kobo_sync.steps.field_station import enumerators
from kobo_sync.steps.print import papers_of
from kobo_sync.web.deliverables import File, sent
from kobo_sync.web.site import Answer, actors, person, site
from kobo_sync.web.texts import translate, with_cure
from kobo_sync.web.words import LANGUAGES

MOST_BADGES = 500
_KINDS = ("docx", "pdf")


def add_to(app: Flask) -> None:
    """Add these pages."""
    app.add_url_rule("/livrables/imprimer", "printing", printing)
    app.add_url_rule("/livrables/imprimer/badges.pdf", "print_badges", print_badges)
    app.add_url_rule("/livrables/imprimer/badges-vierges.pdf", "print_blank_badges", print_blank_badges)
    app.add_url_rule("/livrables/imprimer/telephone.pdf", "print_account", print_account)
    app.add_url_rule("/livrables/imprimer/questionnaire", "print_questionnaire", print_questionnaire)


@actors
def printing() -> Answer:
    """What there is to print."""
    mission = site().mission
    forms = {form_id: tuple(filter(None, form.languages)) for form_id, form in mission.forms.items()}
    accounts = {} if mission.features.knows_phones or leads_here(mission.kc) else enumerators(mission)
    return render_template(
        "printing.html",
        zones=mission.config.zones,
        has_roster=mission.config.roster is not None,
        most_badges=MOST_BADGES,
        forms=forms,
        names=LANGUAGES,
        accounts=accounts,
        knows_phones=mission.features.knows_phones,
        leads_here=leads_here(mission.kc),
    )


@actors
def print_badges() -> Answer:
    """The badges of a zone's participants: for those who may see names."""
    if not person().may_see_names:
        abort(403)
    zone, mission = request.args.get("zone", ""), site().mission
    badges = zone_badges(mission, zone)
    if badges is None and mission.config.zone(zone):
        flash(translate("the roster has no participant"), "error")
        return redirect(url_for("printing"))
    return _handed_out(f"badges-{zone}.pdf", badges, "nominative")


@actors
def print_blank_badges() -> Answer:
    """Badges of codes alone, to be given out at registration."""
    zone, n = request.args.get("zone", ""), request.args.get("n", 0, type=int)
    if not 1 <= n <= MOST_BADGES:
        abort(400)
    return _handed_out(
        f"badges-{zone}-{BLANK.of(site().mission.config)}.pdf", zone_badges(site().mission, zone, n), "internal"
    )


@actors
def print_account() -> Answer:
    """The page that sets a phone up for an account; its code holds no password."""
    mission, account = site().mission, request.args.get("compte", "")
    if mission.features.knows_phones:
        abort(404)
    try:
        page = account_sheet(
            mission, account, enumerators(mission).get(account, ""), mission.config.mission.languages[0]
        )
    except KoboSyncError as error:
        flash(with_cure(error.message, error.hint), "error")
        return redirect(url_for("printing"))
    return _handed_out(f"telephone-{account}.pdf", page, "internal")


@actors
def print_questionnaire() -> Answer:
    """A form on paper, in one of its languages, as Word or PDF."""
    mission, form_id = site().mission, request.args.get("formulaire", "")
    kind, language = request.args.get("sorte", ""), request.args.get("langue", "")
    if form_id not in mission.config.forms or kind not in _KINDS:
        abort(404)
    try:
        papers = papers_of(mission, form_id, language=language)
    except KoboSyncError as error:
        flash(with_cure(error.message, error.hint), "error")
        return redirect(url_for("printing"))
    name = next(each for each in papers if each.endswith(f".{kind}"))
    return _handed_out(name, papers[name], "public")


def _handed_out(name: str, content: bytes | None, classification: Class) -> Answer:
    """The file as a download, noted before it leaves; 404 where there is none."""
    if content is None:
        abort(404)
    file = File(f"imprimer/{name}", name, classification, len(content))
    if request.method == "GET":
        sha256, username = hashlib.sha256(content).hexdigest(), person().username
        access_log.log_download(
            site().mission.desk, file.path, classification, sha256, site().clock(), username=username
        )
    return sent(file, content)
