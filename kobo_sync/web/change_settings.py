"""Settings changed in forms, by administrators: what is wrong is told beside its field, what somebody else changed meanwhile is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from flask import Flask, abort, flash, redirect, render_template, request, url_for

from kobo_sync.config.complaints import MISSING
from kobo_sync.config.files import MISSION_FILE
from kobo_sync.config.merging import Choice, Clash, Values
from kobo_sync.config.service import JOB_NAMES
from kobo_sync.desk import schedules
from kobo_sync.errors import ConfigError, KoboSyncError
from kobo_sync.language.catalogue import t, tn
from kobo_sync.language.sentences import general_key, setting_label
from kobo_sync.language.speaking import NAMES, spoken
from kobo_sync.mission.config_files import FileState, change_file, current_file, earlier_file, who_changed
from kobo_sync.web.setting_fields import (
    PARTS,
    Field,
    Part,
    RowFields,
    given_of,
    part_of,
    row_numbers,
    rows_given,
    values_given,
)
from kobo_sync.web.setting_words import differences
from kobo_sync.web.site import Answer, administrators, moment, person, site
from kobo_sync.web.texts import label, with_cure
from kobo_sync.web.words import CHOICES, in_words

Faults = dict[str, list[str]]  # a field's key, or nothing for the whole form → sentences

EXAMPLES = ("30 18 * * *", "0 7 * * 1", "*/15 7-21 * * *", "every 30 min")  # hours of jobs


def add_to(app: Flask) -> None:
    """Add these pages."""
    app.add_url_rule("/reglages/modifier/<part>", "change_settings", change_settings, methods=["GET", "POST"])


@administrators
def change_settings(part: str) -> Answer:
    """One part of the settings in a form; sent back, it is saved, or told what hinders that."""
    if part not in PARTS:
        abort(404)
    now = current_file(site().mission, MISSION_FILE)
    if request.method != "POST":
        return _page(part, now)
    before = earlier_file(site().mission, MISSION_FILE, request.form.get("before", ""))
    if before is None or not before.text:
        return _page(
            part, now, faults={"": [t("This form is out of date: it is shown anew, nothing was changed.")]}
        ), 409
    return _saved(part, before)


def _saved(name: str, before: FileState) -> Answer:
    mission, part = site().mission, _part(name, before)
    mine = values_given(part, before.values, request.form)
    shown: dict[str, Any] = {"given": request.form}
    twice = _said_twice(part, mine)
    if twice:
        return _page(name, before, faults=twice, **shown), 400
    seen = earlier_file(mission, MISSION_FILE, request.form.get("seen", "")) or before
    try:
        outcome = change_file(mission, before, mine, by=person().username, chosen=chosen_in(request.form), seen=seen)
    except ConfigError as error:
        return _page(name, before, faults=_faults(part, before, (error, *error.others)), **shown), 400
    except KoboSyncError as error:
        return _page(name, before, faults={"": [with_cure(error.message, error.hint)]}, **shown), 503
    if outcome.clashes:
        return _page(name, before, clashes=outcome.clashes, seen=outcome.now, **shown), 409
    _end_other_hours(outcome.keys)
    flash(
        tn("{n} setting saved.", "{n} settings saved.", len(outcome.keys))
        if outcome.keys
        else t("Nothing was different: nothing was saved.")
    )
    return redirect(url_for("change_settings", part=name, page=request.args.get("page")))


def chosen_in(form: Mapping[str, str]) -> dict[str, Choice]:
    """What was chosen for each key that two people changed."""
    choices = {key.removeprefix("choice:"): choice for key, choice in form.items() if key.startswith("choice:")}
    return {key: cast(Choice, choice) for key, choice in choices.items() if choice in ("mine", "theirs")}


def shown_clashes(path: str, clashes: Iterable[Clash]) -> list[dict[str, Any]]:
    """Each as the page asks about it: what mine and theirs make of it, and whose theirs is."""
    shown = []
    for each in clashes:
        change = who_changed(site().mission, path, each.key, each.theirs)
        whose = (
            t("{name} saved this on {when}:", name=change.by, when=moment(change.at))
            if change
            else t("This was changed in the file by hand:")
        )
        lines = {
            side: differences(path, each.key, each.before, value)
            for side, value in (("theirs", each.theirs), ("mine", each.mine))
        }
        shown.append(
            {"key": each.key, "label": setting_label(each.key, spoken().code) or each.key, "whose": whose, **lines}
        )
    return shown


def _part(name: str, state: FileState) -> Part:
    return part_of(name, site().mission.config, state.values, request.args.get("page", 1, type=int))


def _said_twice(part: Part, mine: Values) -> Faults:
    """Persons of a zone in all and per group too: one of the two counts."""
    tables = [row[0].key for _, row in part.grid.rows if row]
    sentence = t("Write one number in all, or numbers per group, not both.")
    return {key: [sentence] for key in tables if key in mine and any(other.startswith(f"{key}.") for other in mine)}


def _faults(part: Part, before: FileState, errors: Iterable[ConfigError]) -> Faults:
    """Sentences by the field that they are about."""
    faults: Faults = {}
    for error in errors:
        rows = next((each for each in part.rows if error.key.startswith(f"{each.key}.")), None)
        key = _key_in_rows(rows, before, error.key) if rows else _key_of(part, error.key)
        if key and error.fault == MISSING:  # a key of a file is nothing to who fills a form
            sentence = t("This may not be empty.")
        else:
            sentence = with_cure(error.fault if key else error.message, error.hint)
        faults.setdefault(key, []).append(sentence)
    return faults


def _key_of(part: Part, key: str) -> str:
    """The field of a fault at *key*, which may be one of its lines; empty where none is on the page."""
    keys = {each.key for each in part.all_fields}
    whole, _, at = key.rpartition(".")
    return key if key in keys else whole if whole in keys and at.isdigit() else ""


def _key_in_rows(rows: RowFields, before: FileState, key: str) -> str:
    """The field of a fault in the row of that number among those that stay."""
    at, _, column = key.removeprefix(f"{rows.key}.").partition(".")
    numbers = [number for number, _ in rows_given(rows, before.values.get(rows.key) or [], request.form)]
    if not at.isdigit() or int(at) >= len(numbers):
        return rows.key
    columns = [each.key for each in rows.columns]
    named = next(
        (each for each in columns if f"{column}.".startswith(f"{each}.") or each.startswith(f"{column}.")), columns[0]
    )
    return f"{rows.key}.{numbers[int(at)]}.{named}"


def _end_other_hours(keys: Iterable[str]) -> None:
    """Hours that are saved here hold: those that staff set on the page of synchronisations end."""
    mission = site().mission
    set_there = schedules.settings(mission.desk)
    for job in (key.removeprefix("schedule.") for key in keys if key.startswith("schedule.")):
        if job in set_there and set_there[job].expressions is not None:
            schedules.set_expressions(mission.desk, job, None, person().username, site().clock())
    site().wake()


# ── the page ──


def _page(
    name: str,
    before: FileState,
    *,
    given: Mapping[str, str] | None = None,
    faults: Faults | None = None,
    clashes: Iterable[Clash] = (),
    seen: FileState | None = None,
) -> str:
    part, faults = _part(name, before), faults or {}
    shown = given or given_of(part, before.values)
    inputs = {each.key: _shown(each, each.key, shown, faults) for each in part.all_fields}
    return render_template(
        "change_settings.html",
        parts=PARTS,
        part=name,
        before=before.sha256,
        seen=seen.sha256 if seen else "",
        fields=[inputs[each.key] for each in part.fields],
        rows=[_shown_rows(each, shown, faults) for each in part.rows],
        grid=part.grid,
        heads=[_head(each) for each in part.grid.heads],
        grid_rows=[(_zone(code), [inputs[each.key] for each in row]) for code, row in part.grid.rows],
        page=min(max(request.args.get("page", 1, type=int), 1), part.grid.pages),
        faults=faults.get("", []),
        examples=[(each, in_words(each)) for each in EXAMPLES],
        n_faults=sum(map(len, faults.values())),
        clashes=shown_clashes(MISSION_FILE, clashes),
    )


def _shown(each: Field, name: str, given: Mapping[str, str], faults: Faults) -> dict[str, Any]:
    general = general_key(name)
    return {
        "name": name,
        "kind": each.kind,
        "label": _field_label(name),
        "text": given.get(name, ""),
        "default": each.text(each.default) if each.kind not in ("choice", "yes") else "",
        "choices": [
            (code, t(CHOICES[general][code]) if code else t("as the mission’s first language")) for code in each.choices
        ],
        "faults": faults.get(name, []),
        "note": _note(name),
    }


def _shown_rows(rows: RowFields, given: Mapping[str, str], faults: Faults) -> dict[str, Any]:
    items = [
        {
            "name": f"{rows.key}.{at}",
            "code": given.get(f"{rows.key}.{at}", ""),
            "is_gone": f"{rows.key}.{at}.gone" in given,
            "cells": [_shown(each, f"{rows.key}.{at}.{each.key}", given, faults) for each in rows.columns],
        }
        for at in row_numbers(rows, given)
    ]
    title = setting_label(rows.key, spoken().code)
    return {"key": rows.key, "title": title, "items": items, "faults": faults.get(rows.key, [])}


def _field_label(name: str) -> str:
    """What the setting decides, with the language, form or sex that it is of."""
    last = name.rpartition(".")[2]
    told = setting_label(name, spoken().code)
    if ".label." in name or name.startswith("mission.titles."):
        return f"{told} ({NAMES.get(last, last)})"
    if name.startswith(("retention.answers_months.", "quotas.sexes.")):
        return f"{told} ({last})"
    return told


def _note(name: str) -> str:
    """What is to be known of a field besides its name."""
    job = name.removeprefix("schedule.")
    if job not in JOB_NAMES:
        return ""
    mission = site().mission
    own = schedules.settings(mission.desk).get(job)
    if own and own.expressions is not None:
        hours = t(", ").join(map(in_words, own.expressions)) or "–"
        return t(
            "{name} set other hours on the page Synchronisations: {hours}. They hold until hours are saved here.",
            name=own.changed_by,
            hours=hours,
        )
    return t(", ").join(map(in_words, mission.config.schedule.of(job)))


def _head(group: str) -> str:
    found = site().mission.config.group(group)
    return (label(found.short) or label(found.label, group)) if found else t("In all")


def _zone(code: str) -> str:
    zone = site().mission.config.zone(code)
    return label(zone.labels, code) if zone else t("All zones, unless otherwise below")
