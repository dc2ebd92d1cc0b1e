"""Téléphones: those that may submit, where the server knows each by itself; one added, one revoked when it is lost."""

from __future__ import annotations

import base64
from typing import Any

from flask import Flask, abort, flash, redirect, render_template, request, url_for

from kobo_sync.desk import journal
from kobo_sync.documents.pdf.barcodes import qr_png
from kobo_sync.errors import KoboSyncError
from kobo_sync.form_server import FormServer
from kobo_sync.language.catalogue import t
from kobo_sync.language.speaking import spoken
from kobo_sync.steps.enrol import enrol_phone
from kobo_sync.steps.phones import REVOKE, goes_by_zone, server_of_phones, without_zone
from kobo_sync.web.site import Answer, person, site, staff
from kobo_sync.web.texts import translate


def add_to(app: Flask) -> None:
    """Add these pages."""
    app.add_url_rule("/telephones", "phones", phones)
    app.add_url_rule("/telephones/ajouter", "add_phone", add_phone, methods=["POST"])
    app.add_url_rule("/telephones/revoquer", "revoke_phone", revoke_phone, methods=["POST"])


@staff
def phones() -> Answer:
    """The phones of the project, as the server has them now."""
    return _page()


@staff
def add_phone() -> Answer:
    """A phone with its code, which this one page shows: it is the phone's secret."""
    name, zone = request.form.get("name", "").strip(), request.form.get("zone", "")
    mission = site().mission
    try:
        code = enrol_phone(mission, name, zone, language=spoken().code)
    except KoboSyncError as error:
        return _page(refusal=_sentence(error), given=request.form), 400
    return _page(added=name, picture=base64.b64encode(qr_png(code, scale=4)).decode())


@staff
def revoke_phone() -> Answer:
    """Let a phone submit no more; what it sent stays."""
    key = request.form.get("key", "")
    try:
        server = _server()
        phone = next((each for each in server.phones() if each.key == key), None)
        if phone:
            server.revoke_phone(key)
            journal.note(site().mission.desk, REVOKE, key, by=person().username, now=site().clock())
            flash(t("The phone {name} can send nothing more; what it sent stays.", name=phone.name))
    except KoboSyncError as error:
        return _page(refusal=_sentence(error)), 400
    return redirect(url_for("phones"))


def _server() -> FormServer:
    if not site().mission.features.knows_phones:
        abort(404)
    return server_of_phones(site().mission)


def _page(*, refusal: str = "", **more: Any) -> str:
    mission = site().mission
    try:
        there = _server().phones()
    except KoboSyncError as error:
        there, refusal = [], refusal or _sentence(error)
    return render_template(
        "phones.html",
        phones=there,
        refusal=refusal,
        zones=mission.config.zones if goes_by_zone(mission) else (),
        zone_names={zone.code: zone.name for zone in mission.config.zones},
        without_zone=set(without_zone(mission, there)),
        **{"given": {}, **more},
    )


def _sentence(error: KoboSyncError) -> str:
    return translate(f"{error.message} → {error.hint}" if error.hint else error.message)
