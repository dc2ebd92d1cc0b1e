"""What is held about a participant: their rows in every form, the rows of others that name them, their files, and where else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from kobo_sync.analysis import meaning, persons
from kobo_sync.analysis.people import People, asked_of_people, comparable, gathered
from kobo_sync.analysis.quoting import CODE, NAME, Reader
from kobo_sync.language.catalogue import t
from kobo_sync.language.speaking import speaking
from kobo_sync.mission.mission import Mission
from kobo_sync.mission.question_classes import classes_of_mission
from kobo_sync.model import Form
from kobo_sync.store.erased_rows import Change, is_shell, newest, set_aside_of, states
from kobo_sync.store.erasure import SYSTEM
from kobo_sync.store.history import revisions_of

Row = Mapping[str, Any]


@dataclass
class Holdings:
    """What the mirror and the roster hold about the participant *code*.

    *rows*: form → root uuids of rows that are theirs; *items*: of rows of others in whose repeats they stand; *set_aside*: numbers of
    rows that could not be understood and hold their code; *people*: what they are called, their numbers.
    """

    code: str
    rows: dict[str, set[str]] = field(default_factory=dict)
    items: dict[str, set[str]] = field(default_factory=dict)
    set_aside: dict[str, set[int]] = field(default_factory=dict)
    people: list[People] = field(default_factory=list)
    is_expected: bool = False

    def __bool__(self) -> bool:
        return self.is_expected or any(map(any, (self.rows.values(), self.items.values(), self.set_aside.values())))

    @property
    def root_uuids(self) -> set[str]:
        """Of all rows that are theirs."""
        return {root_uuid for roots in self.rows.values() for root_uuid in roots}


def holdings_of(mission: Mission, code: str) -> Holdings:
    """Look through every row, and the imported roster.

    Whose a row is its newest state says: an earlier one may have named somebody by mistake. One without a code is theirs where it has their name, in their zone, and nobody else who is registered there bears it.
    Raises: StoreError.
    """
    held = Holdings(code)
    expected = [row for row in mission.expected_participants() if row.get("name") == code]
    held.is_expected = bool(expected)
    held.people += [People((((name,),),)) for row in expected for name in _names(row.get("label", ""), code)]
    bearers: dict[tuple[str, str], set[str]] = {}
    for form_id, form in mission.forms.items():
        bearers_here = _bearers(mission, form_id) if mission.config.forms[form_id].role == "registration" else {}
        for name, codes in bearers_here.items():
            bearers.setdefault(name, set()).update(codes)
        _look_through(mission, form_id, form, held, lambda row, keys: _has_code(row, keys, code))
    theirs = {name for name, codes in bearers.items() if codes == {code}}
    if theirs:
        for form_id, form in mission.forms.items():
            _look_through(mission, form_id, form, held, partial(_has_name, mission, form_id, theirs))
    return held


def _bearers(mission: Mission, form_id: str) -> dict[tuple[str, str], set[str]]:
    """(zone, name) → the codes of those who are registered so."""
    fields = mission.config.forms[form_id].fields
    bearers: dict[tuple[str, str], set[str]] = {}
    with mission.store.read() as connection:
        for _root, raw in newest(connection, form_id):
            row = None if is_shell(raw) else _parsed(raw)
            bare = _bare(row or {})
            for name in _zone_and_names(bare, fields):
                bearers.setdefault(name, set()).add(meaning.text(bare.get(fields.get("person", ""))))
    return bearers


def _zone_and_names(bare: Mapping[str, object], fields: Mapping[str, str]) -> list[tuple[str, str]]:
    own = {
        each: meaning.text(bare.get(fields.get(each, ""))) for each in ("zone", "family_name", "given_name", "name_ar")
    }
    return [(own["zone"], name) for name in persons.names(own)]


def _has_name(mission: Mission, form_id: str, theirs: set[tuple[str, str]], row: Row, keys: set[str]) -> bool:
    """Whether the row names nobody by a code, and by name none but them."""
    bare, nobody = _bare(row), {"", mission.config.codes.not_listed}
    if any(meaning.text(bare.get(key)) not in nobody for key in keys):
        return False
    return bool(theirs & set(_zone_and_names(bare, mission.config.forms[form_id].fields)))


def _look_through(
    mission: Mission, form_id: str, form: Form, held: Holdings, is_theirs: Callable[[Row, set[str]], bool]
) -> None:
    asked, keys = asked_of_people(mission.config, form), person_questions(mission, form)
    own: list[Row] = []
    mine = held.rows.setdefault(form_id, set())
    with mission.store.read() as connection:
        for root_uuid, raw in newest(connection, form_id):
            row = None if is_shell(raw) else _parsed(raw)
            if row is None:
                continue
            if is_theirs(row, keys):
                mine.add(root_uuid)
            elif items := [item for item in _items(row) if _has_code(item, keys, held.code)]:
                held.items.setdefault(form_id, set()).add(root_uuid)
                own += items
        for root_uuid, _place, raw in states(connection, form_id) if mine else ():
            own += _flat(_parsed(raw) or {}) if root_uuid in mine and not is_shell(raw) else []
        told = re.compile(rf"(?<!\w){re.escape(held.code)}(?!\w)".encode())
        for number, raw in set_aside_of(connection, form_id):
            if told.search(raw):
                held.set_aside.setdefault(form_id, set()).add(number)
    if not mine:
        del held.rows[form_id]
    held.people.append(gathered(asked, [_bare(row) for row in own]))


def person_questions(mission: Mission, form: Form) -> set[str]:
    """The questions of *form* whose answer is a participant's code: what means ``person``, and what picks from the roster."""
    roster, fields = mission.config.roster, mission.config.forms[form.form_id].fields
    picks = {each.name for each in form.questions if roster and each.file_name == roster.file}
    return picks | ({fields["person"]} if "person" in fields else set())


def _names(label: str, code: str) -> list[str]:
    return [name for name in label.removesuffix(f" ({code})").split(" / ") if name]


def _parsed(raw: bytes) -> Row | None:
    try:
        row = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _has_code(row: Row, keys: set[str], code: str) -> bool:
    return any(str(value).strip() == code for key, value in row.items() if key.rpartition("/")[2] in keys)


def _items(row: Row) -> Iterator[Row]:
    """The items of the row's repeats, inner ones too."""
    for value in row.values():
        for item in value if isinstance(value, list) else ():
            if isinstance(item, dict):
                yield item
                yield from _items(item)


def items_of(mission: Mission, form_id: str, root_uuid: str, code: str) -> list[Row]:
    """The items in which a row of others names the participant, of its newest state. Raises: StoreError."""
    keys = person_questions(mission, mission.forms[form_id])
    newest = next((each.raw for each in reversed(revisions_of(mission.store, f"uuid:{root_uuid}")) if each.raw), b"")
    return [item for item in _items(_parsed(newest) or {}) if _has_code(item, keys, code)]


def _flat(row: Row) -> list[Row]:
    return [row, *_items(row)]


def _bare(row: Row) -> dict[str, object]:
    return {
        key.rpartition("/")[2]: value for key, value in row.items() if not isinstance(value, list) and key not in SYSTEM
    }


# ── read in texts ───────────────────────────────────────────────────────────


class Masks:
    """Takes the person out of texts: names and numbers as a `Reader` finds them, and the code itself."""

    def __init__(self, mission: Mission, held: Holdings, common: frozenset[str]) -> None:
        with speaking(mission.config.mission.document_language):
            self._reader = Reader(comparable(held.people, common))
            self._code_mask, self._name_mask = t(CODE), t(NAME)
        self._code = re.compile(rf"(?<![\w-]){re.escape(held.code)}(?![\w-])")
        names = (meaning.normal_name(*name) for each in held.people for names in each.persons for name in names)
        self._whole = frozenset(name for name in names if " " in name)

    def __call__(self, text: str) -> str:
        """*text* without them."""
        return self._code.sub(self._code_mask, self._reader.registered(text))

    registered = __call__  # as those ask who look through files

    def of_others(self, text: str) -> str:
        """An answer that names somebody: another may bear one of their names, so that only the whole of it is taken for them."""
        return self._name_mask if meaning.normal_name(text) in self._whole else self._code.sub(self._code_mask, text)


def change_of(mission: Mission, form: Form, held: Holdings, masks: Masks, named: set[str]) -> Change:
    """What is kept of the rows that are not theirs: their items are taken out of repeats, and they out of every text.

    The root uuids of rows that named them are added to *named*.
    """
    keys = person_questions(mission, form)
    naming = {each.name for each in classes_of_mission(mission)[form.form_id].values() if each.privacy == "nominative"}

    def without(row: Row) -> dict[str, Any]:
        clean = dict(row)
        for key, value in row.items():
            name = key.rpartition("/")[2]
            if key in SYSTEM:
                continue
            if isinstance(value, list):
                kept = [item for item in value if not (isinstance(item, dict) and _has_code(item, keys, held.code))]
                clean[key] = [without(item) if isinstance(item, dict) else item for item in kept]
            elif isinstance(value, str):
                clean[key] = masks.of_others(value) if name in naming else masks(value)
        return clean

    def change(root_uuid: str, raw: bytes) -> bytes:
        row = None if is_shell(raw) else _parsed(raw)
        clean = without(row) if row is not None else None
        if clean is None or clean == row:
            return raw
        named.add(root_uuid)
        return json.dumps(clean, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")

    return change
