"""Qualité: the worklist, with filters and decisions."""

from __future__ import annotations

from typing import cast

from flask import Flask, abort, flash, redirect, render_template, request, url_for

from kobo_sync.desk import access_log, worklist
from kobo_sync.errors import StoreError
from kobo_sync.language.catalogue import later, t, tn
from kobo_sync.language.rule_titles import RULE_TITLES
from kobo_sync.language.sentences import rule_title
from kobo_sync.language.speaking import spoken
from kobo_sync.web.compared_rows import compared
from kobo_sync.web.site import Answer, actors, form_title, here, members, person, site
from kobo_sync.web.texts import label
from kobo_sync.web.words import SEVERITIES

STATES = {
    "new": later("new"),
    "seen": later("seen"),
    "accepted": later("accepted"),
    "corrected": later("corrected"),
    "false_alarm": later("false alarm"),
}
KINDS = {
    "found": later("found"),
    "set": later("decided"),
    "closed": later("closed by itself"),
    "reopened": later("reopened by itself"),
}
# What people make of a finding: the state that it gets, and the words on the button.
JUDGEMENTS = {
    "seen": later("Seen"),
    "accepted": later("Accept"),
    "false_alarm": later("False alarm"),
    "corrected": later("Corrected"),
    "new": later("Reopen"),
}
FILTERS = {
    "severity": later("Severity"),
    "zone": later("Zone"),
    "form_id": later("Form"),
    "rule": later("Rule"),
    "enumerator": later("Sent by"),
}
PAGE = 50
LONGEST_NOTE = 500


def add_to(app: Flask) -> None:
    """Add these pages."""
    app.add_url_rule("/qualite", "quality", quality)
    app.add_url_rule("/qualite/<key>", "finding", finding)
    app.add_url_rule("/qualite", "judge", judge, methods=["POST"])


@members
def quality() -> Answer:
    """The findings that match the filters, fifty at a time; the open ones at first."""
    mission = site().mission
    # Accounts and what people noted are for those who act.
    filters = {name: title for name, title in FILTERS.items() if name != "enumerator" or person().may_act}
    chosen = {name: request.args[name] for name in filters if request.args.get(name)}
    state = request.args.get("etat", "open")
    states = (
        worklist.OPEN if state == "open" else () if state == "all" else (state,) if state in STATES else worklist.OPEN
    )
    items = worklist.page(mission.desk, states=states, limit=PAGE, after=request.args.get("apres", ""), **chosen)
    return render_template(
        "quality.html",
        page=items,
        chosen=chosen,
        state=state if state in (*STATES, "open", "all") else "open",
        counts=worklist.counts(mission.desk),
        states=STATES,
        judgements=JUDGEMENTS,
        severities=SEVERITIES,
        filters=filters,
        names=_names(),
        here=here(),
    )


@members
def finding(key: str) -> Answer:
    """One finding: what, why it matters, what to do, its row and the one it is compared with, and what happened to it."""
    entry = worklist.get(site().mission.desk, key)
    if entry is None:
        abort(404)
    item, events = entry
    rows, lines = (
        ((), ()) if not person().may_act else compared(site().mission, item, with_names=person().may_see_names)
    )
    if any(line.is_personal for line in lines) and person().may_see_names:
        access_log.log_download(
            site().mission.desk, f"qualite/{key}", "nominative", "", site().clock(), username=person().username
        )
    return render_template(
        "finding.html",
        rows=rows,
        lines=lines,
        item=item,
        events=events,
        states=STATES,
        judgements=JUDGEMENTS,
        severities=SEVERITIES,
        kinds=KINDS,
        names=_names(),
        here=here(),
    )


@actors
def judge() -> Answer:
    """Give the ticked findings a state, with a note."""
    from kobo_sync.web.sign_in import local_address

    state, keys = request.form.get("state", ""), request.form.getlist("key")
    onward = redirect(local_address(request.form.get("suite", "")) if request.form.get("suite") else url_for("quality"))
    if state not in STATES:
        abort(400)
    if not keys:
        flash(t("Tick the findings first."), "error")
        return onward
    note = " ".join(request.form.get("note", "").replace("\0", "").split())[:LONGEST_NOTE]
    try:
        n = worklist.set_state(
            site().mission.desk, keys, cast(worklist.State, state), person().username, note, site().clock()
        )
    except StoreError:
        flash(t("The list has changed meanwhile: load it again."), "error")
        return onward
    flash(tn("{n} finding: {state}.", "{n} findings: {state}.", n, state=t(STATES[state])))
    return onward


def _names() -> dict[str, dict[str, str]]:
    """Facet → value → what people call it."""
    mission = site().mission
    return {
        "zone": {zone.code: label(zone.labels, zone.code) for zone in mission.config.zones},
        "form_id": {form_id: form_title(form_id) for form_id in mission.forms},
        "severity": {code: t(text) for code, text in SEVERITIES.items()},
        "rule": {rule: f"{rule} {rule_title(rule, spoken().code)}".strip() for rule in RULE_TITLES},
    }
