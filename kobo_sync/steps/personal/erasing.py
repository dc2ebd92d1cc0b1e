"""A person erased, place by place; every place can be done again, and the rows that tell who it is go last."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kobo_sync.databases.dialects import dialect_of
from kobo_sync.desk.erasure import forget_rows, mask_texts, masked_values
from kobo_sync.mission.mission import Mission
from kobo_sync.steps.personal.at_station import erase_at_station
from kobo_sync.steps.personal.holdings import Holdings, Masks, change_of
from kobo_sync.steps.purging.places import PREVIEWS, name_in, places_of, sweep_half_files, told_sets
from kobo_sync.store.attachments import note_erased
from kobo_sync.store.erased_rows import blank_set_aside, files_of_rows, set_aside_of
from kobo_sync.store.mirror import Mirror
from kobo_sync.workspace.writing import write_atomic


@dataclass
class Erased:
    """How much went where; *others*: form → how many rows of others named the person; *at_station* how many rows of others at the field station did; *documents* are the files below exports/out/ that went, *left* those that people made and that name the person."""

    counts: dict[str, int] = field(default_factory=dict)
    rows_by_form: dict[str, int] = field(default_factory=dict)
    others: dict[str, int] = field(default_factory=dict)
    at_station: int = 0
    documents: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def erase_everywhere(mission: Mission, held: Holdings, common: frozenset[str], erased: Erased) -> None:
    """Take the person out of every place of this workspace; the registrations, by which they are known, go last.

    What was done is told in *erased*, as far as it came. Raises: StoreError, ConfigError, FormError.
    """
    masks = Masks(mission, held, common)
    erased.counts["station"], erased.at_station = erase_at_station(mission, held, masks)
    _erase_documents(mission, masks, erased)
    mission.workspace.cache.clear()
    erased.counts["findings"] = forget_rows(mission.desk, held.root_uuids)
    erased.counts["texts"] = mask_texts(mission.desk, masks, with_notes=True)
    erased.counts["roster"] = _erase_from_roster(mission, held)
    erased.counts["files"] = _erase_files(mission, held)
    _erase_rows(mission, held, masks, erased)


def _erase_documents(mission: Mission, masks: Masks, erased: Erased) -> None:
    workspace = mission.workspace
    places = places_of(mission, masks, keep=(workspace.expected_roster, workspace.pseudonyms))
    issued = [path for path in places.removed if path.is_relative_to(workspace.out)]
    # A file may be called after the person: the receipt, which stays, must not say so.
    erased.documents = tuple(sorted(masks(name_in(workspace, path)) for path in issued))
    erased.left = tuple(sorted(masks(name_in(workspace, path)) for path in places.named))
    erased.counts["documents"] = len(places.removed)
    for path in places.removed:
        path.unlink(missing_ok=True)
    sweep_half_files(mission)
    shutil.rmtree(workspace.state / PREVIEWS, ignore_errors=True)
    told = told_sets(workspace)
    if told.is_file():
        content = masked_values(json.loads(told.read_bytes()), masks)
        write_atomic(told, json.dumps(content, ensure_ascii=False).encode(), private=True)


def _erase_from_roster(mission: Mission, held: Holdings) -> int:
    expected = mission.expected_participants()
    kept = [row for row in expected if row.get("name") != held.code]
    if len(kept) < len(expected):
        mission.put_expected_participants(kept)
    return len(expected) - len(kept)


def _erase_files(mission: Mission, held: Holdings) -> int:
    own: dict[str, str] = {}
    with mission.store.read() as connection:
        for form_id, roots in held.rows.items():
            own |= files_of_rows(connection, form_id, roots)
    if own:
        note_erased(mission.store, sorted(own))
    for sha256 in sorted(own):
        mission.files.remove(sha256)
    shutil.rmtree(mission.workspace.parts, ignore_errors=True)
    return len(own)


def _erase_rows(mission: Mission, held: Holdings, masks: Masks, erased: Erased) -> None:
    """Forms of registrations come last: as long as they are there, whoever was interrupted finds the others."""
    last = [form_id for form_id in mission.forms if mission.config.forms[form_id].role == "registration"]
    order = [form_id for form_id in mission.forms if form_id not in last] + last
    changed = 0
    for done, form_id in enumerate(order):
        mission.progress("person", done, len(order))
        form, roots = mission.forms[form_id], held.rows.get(form_id, set())
        with mission.store.begin() as connection:
            aside = list(set_aside_of(connection, form_id))
            named = [number for number, raw in aside if _names(masks, raw)]
            blank_set_aside(connection, form_id, sorted(held.set_aside.get(form_id, set()) | set(named)))
        others: set[str] = set()
        changed += Mirror(mission.store, form).erase(roots, change_of(mission, form, held, masks, others))
        erased.others |= {form_id: len(others)} if others else {}
        erased.rows_by_form |= {form_id: len(roots)} if roots else {}
    erased.counts |= {"rows": sum(erased.rows_by_form.values()), "states": changed}


def _names(masks: Masks, raw: bytes) -> bool:
    """Whether a row that could not be understood names the person: it is taken whole, for nobody can say what is what in it."""
    text = raw.decode("utf-8", "replace")
    return masks(text) != text


def scour(mission: Mission) -> None:
    """Write the databases anew, so that what was deleted cannot be read from the disk. Raises: StoreError."""
    for engine in (mission.store.engine, mission.desk.engine):
        dialect_of(engine).vacuum(engine)


def documents_in(receipt: Path) -> list[str]:
    """The documents that an erasure took away, as its receipt has them."""
    documents = _content(receipt).get("documents")
    return [str(name) for name in documents] if isinstance(documents, list) else []


def unfinished(folder: Path) -> list[Path]:
    """The receipts of erasures that were cut short."""
    receipts = sorted(folder.glob("person-*.json"))
    return [path for path in receipts if _content(path).get("ended_at", "") is None]


def _content(path: Path) -> Mapping[str, object]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
