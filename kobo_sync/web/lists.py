"""Zones and the other lists of config/, for administrators: as a table or a file handed in; what changes is shown before it is saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, abort, flash, redirect, render_template, request, url_for

from kobo_sync.config.files import ENUMERATORS_FILE, ZONES_FILE
from kobo_sync.config.list_editing import Rows, code_column, csv_text, rows_of
from kobo_sync.config.merging import changed, merge
from kobo_sync.config.zone_prefixes import COLUMN, shared_prefixes, with_prefixes
from kobo_sync.errors import ConfigError, KoboSyncError
from kobo_sync.forms.uploaded_lists import UploadedList, uploaded_list
from kobo_sync.language.catalogue import t, tn
from kobo_sync.mission.config_files import (
    FileState,
    change_file,
    check_text,
    current_file,
    earlier_file,
    lists_of,
)
from kobo_sync.store.zones import marks
from kobo_sync.web.change_settings import chosen_in, shown_clashes
from kobo_sync.web.porter import LIST_BYTES
from kobo_sync.web.setting_words import differences
from kobo_sync.web.site import Answer, administrators, person, site
from kobo_sync.web.texts import with_cure
from kobo_sync.web.uploads import takes_files

ROWS_PER_PAGE, NEW_ROWS = 50, 2
DELIMITERS = {",": "CSV", ";": "CSV ;", "\t": "CSV ⇥"}


def add_to(app: Flask) -> None:
    """Add these pages."""
    app.add_url_rule("/reglages/listes/<name>", "shown_list", shown_list, methods=["GET", "POST"])
    app.add_url_rule("/reglages/listes/<name>/fichier", "put_list", put_list, methods=["POST"])
    app.add_url_rule("/reglages/listes/<name>/telecharger", "download_list", download_list)
    app.add_url_rule("/reglages/listes/<name>/apercu", "list_preview", list_preview, methods=["GET", "POST"])


@administrators
def shown_list(name: str) -> Answer:
    """The rows of a list in a form; sent back, the page that shows what it changes."""
    path = _path(name)
    if request.method != "POST":
        return _table(current_file(site().mission, path))
    before = earlier_file(site().mission, path, request.form.get("before", ""))
    if before is None:
        now = current_file(site().mission, path)
        return _table(now, faults=[t("This form is out of date: it is shown anew, nothing was changed.")]), 409
    try:
        text = _text_given(before, request.form)
        check_text(site().mission, path, text)
    except ConfigError as error:
        return _table(before, request.form, [with_cure(error.message, error.hint)]), 400
    return _to_preview(name, before, _with_prefixes(text, path))


@takes_files(LIST_BYTES)
@administrators
def put_list(name: str) -> Answer:
    """A list handed in as a file: the page that shows what it changes."""
    path, mission = _path(name), site().mission
    now = current_file(mission, path)
    sent = request.files.get("file")
    try:
        current = rows_of(now.text, path)
        uploaded = uploaded_list(sent.read() if sent else b"", path, current)
        text = csv_text(uploaded.rows.columns, uploaded.rows.by_code.values())
        check_text(mission, path, text)
    except ConfigError as error:
        return _table(now, faults=[with_cure(error.message, error.hint)]), 400
    flash(_how_read(uploaded))
    return _to_preview(name, now, _with_prefixes(text, path))


@administrators
def download_list(name: str) -> Answer:
    """The list as a spreadsheet opens it, to be changed there and handed in again."""
    now = current_file(site().mission, _path(name))
    answer = Response(now.text.lstrip("\ufeff").encode("utf-8-sig"), mimetype="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@administrators
def list_preview(name: str) -> Answer:
    """What is added, changed and removed, with what hangs on it; confirmed, it is saved."""
    path, mission = _path(name), site().mission
    given = request.form if request.method == "POST" else request.args
    before, mine = (earlier_file(mission, path, given.get(key, "")) for key in ("before", "after"))
    if before is None or mine is None:
        flash(t("This form is out of date: it is shown anew, nothing was changed."), "error")
        return redirect(url_for("shown_list", name=name))
    if request.method != "POST":
        return _preview(before, mine)
    if _rows_of_zones(before, mine) and "sure" not in request.form:
        return _preview(before, mine, [t("Submissions name a zone that is to be removed: confirm that first.")]), 400
    seen = earlier_file(mission, path, request.form.get("seen", "")) or before
    try:
        outcome = change_file(
            mission, before, mine.values, by=person().username, chosen=chosen_in(request.form), seen=seen
        )
    except ConfigError as error:
        return _preview(before, mine, [with_cure(error.message, error.hint)]), 400
    except KoboSyncError as error:
        return _preview(before, mine, [with_cure(error.message, error.hint)]), 503
    if outcome.clashes:
        return _preview(before, mine, [t("The list was changed meanwhile: choose, then save again.")]), 409
    site().wake()
    flash(
        tn("{n} row saved.", "{n} rows saved.", len(outcome.keys))
        if outcome.keys
        else t("Nothing was different: nothing was saved.")
    )
    return redirect(url_for("shown_list", name=name))


def _path(name: str) -> str:
    path = f"config/{name}"
    if path not in lists_of(site().mission):
        abort(404)
    return path


def _with_prefixes(text: str, path: str) -> str:
    """A list of zones with letters for participants' codes where its column has none, as `init` gives them; it is told which."""
    rows = rows_of(text, path) if path == ZONES_FILE else Rows((), {})
    if COLUMN not in rows.columns:
        return text
    filled, given = with_prefixes(rows)
    if not given:
        return text
    flash(t("Letters for the codes of participants (prefix) were given to: {zones}.", zones=t(", ").join(given)))
    return FileState(path, "", text).edited({code: filled.by_code[code] for code in given})


def _to_preview(name: str, before: FileState, text: str) -> Answer:
    kept = site().mission.workspace.earlier_files.keep(text.encode())
    return redirect(url_for("list_preview", name=name, before=before.sha256, after=kept))


def _how_read(uploaded: UploadedList) -> str:
    told = t("Read as a workbook.")
    if uploaded.encoding:
        told = t("Read as {kind}, {encoding}.", kind=DELIMITERS[uploaded.delimiter], encoding=uploaded.encoding)
    if uploaded.kept:
        told += " " + t("It lacks columns that stay as they are: {columns}.", columns=t(", ").join(uploaded.kept))
    return told


# ── the table ──


def _columns(rows: Rows, path: str) -> tuple[str, ...]:
    """The list's columns, or those that a new one begins with."""
    if path == ENUMERATORS_FILE:
        return rows.columns or ("user", "name")
    labels = [f"label_{code}" for code in site().mission.config.mission.languages]
    return rows.columns or ("code", *labels, *(["days"] if path == ZONES_FILE else []))


def _text_given(before: FileState, given: Mapping[str, str]) -> str:
    """The list as the form makes it: the rows of the page changed, removed, added. Raises: ConfigError for a code that is there twice."""
    rows, key = rows_of(before.text, before.path), code_column(before.path)
    columns = _columns(rows, before.path)
    changes: dict[str, Any] = {}
    for at in _numbers(given):
        was = given.get(f"r.{at}", "")
        row = {name: given.get(f"c.{at}.{place}", "").strip() for place, name in enumerate(columns)}
        if was:
            changes.setdefault(was, None)
        if f"gone.{at}" in given or not any(row.values()):
            continue
        code = row[key]
        if changes.get(code) or (code != was and code in rows.by_code and code not in _codes_given(given)):
            raise ConfigError(f"{code!r} stands there twice", file=before.path, key=key, hint="codes must differ")
        if not code:
            raise ConfigError("the cell is empty", file=before.path, key=key, hint="give it a code")
        changes[code] = row
    text = before.text or csv_text(columns, [])
    return FileState(before.path, before.sha256, text).edited(changes)


def _codes_given(given: Mapping[str, str]) -> set[str]:
    return {given.get(f"r.{at}", "") for at in _numbers(given)}


def _numbers(given: Mapping[str, str]) -> list[int]:
    numbers = {key[2:] for key in given if key.startswith("r.")}
    return sorted(int(number) for number in numbers if number.isascii() and number.isdigit() and len(number) < 7)


def _table(state: FileState, given: Mapping[str, str] | None = None, faults: list[str] | None = None) -> str:
    try:
        rows = rows_of(state.text, state.path)
    except ConfigError as error:
        rows, faults = Rows((), {}), [*(faults or ()), with_cure(error.message, error.hint)]
    columns = _columns(rows, state.path)
    pages = -(-len(rows.by_code) // ROWS_PER_PAGE) or 1
    page = min(max(request.args.get("page", 1, type=int), 1), pages)
    first = (page - 1) * ROWS_PER_PAGE
    shown: list[dict[str, Any]] = [
        {"at": at, "code": code, "cells": [row.get(name, "") for name in columns], "is_gone": False}
        for at, (code, row) in enumerate(rows.by_code.items())
    ][first : first + ROWS_PER_PAGE]
    n = len(rows.by_code)
    shown += [{"at": n + more, "code": "", "cells": [""] * len(columns), "is_gone": False} for more in range(NEW_ROWS)]
    if given is not None:
        shown = [
            {
                "at": at,
                "code": given.get(f"r.{at}", ""),
                "cells": [given.get(f"c.{at}.{place}", "") for place in range(len(columns))],
                "is_gone": f"gone.{at}" in given,
            }
            for at in _numbers(given)
        ]
    return render_template(
        "list.html",
        name=state.path.removeprefix("config/"),
        path=state.path,
        before=state.sha256,
        columns=columns,
        rows=shown,
        n_rows=n,
        page=page,
        pages=pages,
        faults=faults or [],
        languages_of=_language_of,
    )


def _language_of(column: str) -> str:
    return column.removeprefix("label_") if column.startswith("label_") else ""


# ── the preview ──


def _preview(before: FileState, mine: FileState, faults: list[str] | None = None) -> str:
    now = current_file(site().mission, before.path)
    faults = list(faults or ())
    try:
        plan = merge(before.values, mine.values, now.values)
        theirs = now.values
    except ConfigError as error:
        plan, theirs = merge({}, {}, {}), {}
        faults.append(with_cure(error.message, error.hint))
    shown = {code: differences(before.path, code, theirs.get(code), row) for code, row in plan.changes.items()}
    return render_template(
        "list_preview.html",
        name=before.path.removeprefix("config/"),
        before=before.sha256,
        after=mine.sha256,
        seen=now.sha256,
        added=[(code, shown[code]) for code, row in plan.changes.items() if code not in theirs],
        changed=[(code, shown[code]) for code, row in plan.changes.items() if row is not None and code in theirs],
        removed=[(code, shown[code]) for code, row in plan.changes.items() if row is None],
        clashes=shown_clashes(before.path, plan.clashes),
        n_submissions=_rows_of_zones(before, mine),
        shared=_shared_prefixes(mine),
        faults=faults,
    )


def _shared_prefixes(mine: FileState) -> list[tuple[str, str]]:
    """(letters, the zones that share them): their participants would get the same codes."""
    if mine.path != ZONES_FILE:
        return []
    shared = shared_prefixes(mine.values.items())
    return [(letters, t(", ").join(codes)) for letters, codes in sorted(shared.items()) if letters]


def _rows_of_zones(before: FileState, mine: FileState) -> dict[str, int]:
    """Submissions of each zone that is to be removed and has any."""
    gone = [code for code, row in changed(before.values, mine.values).items() if row is None]
    if before.path != ZONES_FILE or not gone:
        return {}
    mission = site().mission
    _, by_zone = marks(mission.store, mission.zone_columns, [zone.code for zone in mission.config.zones])
    return {code: n for code in gone if code in by_zone and (n := sum(by_zone[code].counts.values()))}
