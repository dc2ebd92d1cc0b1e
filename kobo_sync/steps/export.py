"""The mirror's tables for analysts, pseudonymised unless asked otherwise: CSV, Excel, Parquet, SPSS, Stata, GeoJSON."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

from kobo_sync.analysis import labels
from kobo_sync.analysis.facts import Facts
from kobo_sync.config.file_names import DATA, NOMINATIVE, FileName
from kobo_sync.deliverables.data_sheet import lists_people
from kobo_sync.deliverables.data_workbook import (
    codebook_sheet,
    data_sheets,
    data_workbook,
    keys_sheet,
    read_me_lines,
    steps_lines,
)
from kobo_sync.desk import access_log
from kobo_sync.documents.spreadsheets import tabular
from kobo_sync.documents.spreadsheets.excel import Sheet
from kobo_sync.forms.classes import PLACES
from kobo_sync.language.catalogue import later, t
from kobo_sync.language.speaking import speaking
from kobo_sync.mission.facts import gather_facts
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Finding, Report
from kobo_sync.store.tables.layout import free_name
from kobo_sync.workspace.private import private_folder
from kobo_sync.workspace.scratch import FOR_SPSS, scratch_folder
from kobo_sync.workspace.writing import remove, write_atomic

log = logging.getLogger("kobo_sync")
SHAPES = ("csv", "xlsx", "parquet", "sav", "dta", "geojson")
_WORKBOOK, _DRAWINGS = FileName("donnees.xlsx", "data.xlsx"), FileName("donnees.geojson", "data.geojson")
_KEYS, _READ_ME = FileName("cles", "keys"), FileName("lisez-moi.txt", "read-me.txt")
_NAMED = (*_WORKBOOK, *_DRAWINGS, *_READ_ME, *(f"{name}.csv" for name in _KEYS))
_SAV_DATE = slice(92, 109)  # of the file's header: when it was written
_LONGEST_PART = 100  # of a line of the log
_ROUNDED = later("{file} – positions are rounded to about a kilometre.")
_ABOUT_A_KILOMETRE, _EXACT = 2, 7  # digits of a coordinate
_DRAWN = {"geotrace": "LineString", "start-geotrace": "LineString", "geoshape": "Polygon", "start-geoshape": "Polygon"}


def export(
    mission: Mission, shape: str, *, output: Path | None = None, nominative: bool = False, asked_by: str = ""
) -> Report:
    """Write a file per form and repeat (one in all for xlsx and geojson) and the codebook; *shape* is one of `SHAPES`.

    *nominative* keeps names, phones and positions: who asked (*asked_by* an account, else the user of this machine), when,
    and for which forms and zones stands in the log of downloads before the first file does.
    Raises: DocumentError when the format needs a package that is not installed; StoreError, KoboSyncError.
    """
    started_at = mission.clock()
    facts = gather_facts(mission)
    with speaking(mission.config.mission.document_language):
        files = _files(facts, shape, nominative)
    if nominative:
        _note_who_asked(mission, facts, shape, files, asked_by)
    ending = NOMINATIVE.of(mission.config) if nominative else ""
    folder = output or mission.workspace.out / f"{DATA.of(mission.config)}{ending}"
    if nominative and output is None:
        private_folder(folder)
    for name, content in files.items():
        write_atomic(folder / name, content, private=nominative)
    if output is None:
        _remove_earlier(mission, files, nominative)
    findings = []
    if nominative:
        log.warning("export: %d nominative files written to %s", len(files), folder)
        findings.append(
            Finding(
                "EXPORT001",
                "warning",
                str(folder),
                f"{len(files)} files that name people were written",
                "keep them apart, send them to nobody who need not know, delete them when done",
            )
        )
    rows = sum(len(table) for table in facts.tables.values())
    lines = [f"{folder / name}: {len(content)} bytes" for name, content in sorted(files.items())]
    return mission.report("export", started_at, {"files": len(files), "rows": rows}, findings, lines)


def _remove_earlier(mission: Mission, names: Collection[str], nominative: bool) -> None:
    """Take away what exports left while documents were in another language; what people put there stays."""
    for data, ending in zip(DATA, NOMINATIVE, strict=True):
        folder = mission.workspace.out / f"{data}{ending if nominative else ''}"
        if data != DATA.of(mission.config) and folder.is_dir():
            for name in (*names, *_NAMED):
                remove(folder / name)
            with contextlib.suppress(OSError):  # not empty
                folder.rmdir()


def _note_who_asked(mission: Mission, facts: Facts, shape: str, files: Mapping[str, bytes], asked_by: str) -> None:
    digest = hashlib.sha256(b"".join(files[name] for name in sorted(files))).hexdigest()
    codes = ", ".join(zone.code for zone in facts.config.zones)
    zones = codes if len(codes) <= _LONGEST_PART else f"all {len(facts.config.zones)} zones"
    who = asked_by or mission.doer
    lines = [""]
    for form_id in facts.config.forms:  # the log's lines are short, a mission may have many forms
        longer = f"{lines[-1]}, {form_id}".removeprefix(", ")
        lines[-1:] = [longer] if len(longer) <= _LONGEST_PART else [lines[-1], form_id]
    for forms in lines:
        what = f"export {shape} · {forms} · {zones}"
        access_log.log_download(mission.desk, what, "nominative", digest, mission.clock(), username=who)


def _files(facts: Facts, shape: str, nominative: bool) -> dict[str, bytes]:
    if shape == "xlsx":
        return {_WORKBOOK.of(facts.config): data_workbook(facts, nominative=nominative)}
    if shape == "geojson":
        return _geojson(facts, nominative=nominative)
    sheets, told = data_sheets(facts, nominative=nominative)
    writers: dict[str, Callable[[Sheet], bytes]] = {
        "csv": tabular.csv_bytes,
        "parquet": tabular.parquet_bytes,
        "dta": lambda sheet: tabular.stata_bytes(
            sheet, _codes(facts, sheet, "select_one"), _codes(facts, sheet, "select_multiple"), facts.as_of
        ),
        "sav": lambda sheet: _spss_bytes(facts, sheet),
    }
    files = {f"{sheet.name}.{shape}": writers[shape](sheet) for sheet in sheets}
    used_names = {sheet.name.lower() for sheet in sheets}  # a form may be called so
    files[f"{free_name('codes', used_names)}.csv"] = tabular.csv_bytes(codebook_sheet(facts, sheets))
    if nominative:
        files[f"{free_name(_KEYS.of(facts.config), used_names)}.csv"] = tabular.csv_bytes(keys_sheet(facts))
    lines = [*read_me_lines(facts, told, nominative=nominative), *([] if nominative else steps_lines(told))]
    files[_READ_ME.of(facts.config)] = ("\n".join(lines) + "\n").encode("utf-8-sig")
    return files


def _geojson(facts: Facts, *, nominative: bool) -> dict[str, bytes]:
    """A position says who; GeoJSON exists for positions, so each row draws one, rounded to about a kilometre.

    One that the config calls nominative is not drawn.
    """
    sheets, told = data_sheets(facts, nominative=nominative, places=True)
    drawings, shown = [], []
    for sheet in sheets:
        form = facts.forms.get(facts.form_of(sheet.name))
        questions = {column.name: form.question(column.question) for column in sheet.columns} if form else {}
        drawn = {name: _DRAWN[q.kind] for name, q in questions.items() if q is not None and q.kind in _DRAWN}
        drawings.append(tabular.geometries(sheet, drawn, _EXACT if nominative else _ABOUT_A_KILOMETRE))
        places = {name for name, q in questions.items() if q is not None and q.kind in PLACES and not nominative}
        shown.append(_without(sheet, places))
    files = {_DRAWINGS.of(facts.config): tabular.geojson_bytes(shown, drawings)}
    if not nominative:
        lines = [
            *read_me_lines(facts, told, nominative=False),
            *steps_lines(told),
            t(_ROUNDED, file=_DRAWINGS.of(facts.config)),
        ]
        files[_READ_ME.of(facts.config)] = ("\n".join(lines) + "\n").encode("utf-8-sig")
    return files


def _without(sheet: Sheet, names: Collection[str]) -> Sheet:
    places = [at for at, column in enumerate(sheet.columns) if column.name not in names]
    rows = [[row[at] for at in places] for row in sheet.rows]
    return replace(sheet, columns=[sheet.columns[at] for at in places], rows=rows)


def _codes(facts: Facts, sheet: Sheet, kind: str) -> dict[str, dict[str, str]]:
    """Column → choice → label, of the columns of *sheet* whose question is of *kind* (``select_one``, ``select_multiple``)."""
    form_id = facts.form_of(sheet.name)
    form = facts.forms.get(form_id)
    codes = {}
    for column in sheet.columns:
        question = form.question(column.question) if form and not column.labels_of else None
        if question is not None and question.kind.startswith(kind) and not lists_people(facts, form_id, question):
            choices = labels.all_choices(facts, form_id, question.name)
            codes[column.name] = {c.name: labels.choice(facts, form_id, question.name, c.name) for c in choices}
    return codes


def _spss_bytes(facts: Facts, sheet: Sheet) -> bytes:
    """An SPSS file with variable and value labels. Raises: DocumentError without pyreadstat."""
    tabular.needs("pyreadstat", "sav")
    one, several = _codes(facts, sheet, "select_one"), _codes(facts, sheet, "select_multiple")
    table, options = tabular.spss_table(sheet, one, several)
    with scratch_folder(FOR_SPSS) as folder:
        path = folder / "table.sav"
        importlib.import_module("pyreadstat").write_sav(table, str(path), **options)
        content = bytearray(path.read_bytes())
    content[_SAV_DATE] = b"01 Jan 8000:00:00"
    return bytes(content)
