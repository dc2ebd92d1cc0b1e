"""What people wrote, read against everybody whom the rows as received name, in all their states: the names are there for the last time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kobo_sync.analysis.people import People, asked_of_people, comparable, gathered, listed
from kobo_sync.analysis.quoting import Reader
from kobo_sync.config.config import Config
from kobo_sync.forms.classes import Asked, uses
from kobo_sync.language.speaking import speaking
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Form
from kobo_sync.store.erasure import SYSTEM, Mask, raw_rows

_WRITTEN = frozenset("text hidden string".split())
_AN_ID = re.compile(r"(?:uuid:)?[0-9a-fA-F-]{32,}")


def reader_of_rows(mission: Mission, common: frozenset[str], retired: Callable[[str], set[str]]) -> Reader:
    """A reader who knows everybody named in the rows of the mirror, tombstones, earlier states and odd rows included, and in the imported roster.

    *retired* gives the questions of a form that the settings call personal, asked or not. *common* words are nobody's
    name alone. Participant codes stay in sentences: once the names are gone they stand for nobody.
    """
    parts = [People(tuple(((row.get("label", ""),),) for row in mission.expected_participants()))]
    for form_id, form in mission.forms.items():
        asked = dict.fromkeys(retired(form_id), "") | asked_of_people(mission.config, form)
        people = gathered(asked, _answers(mission, form_id)) if asked else People()
        names = tuple(((name,),) for name in listed(mission.config, form))
        parts.append(People((*people.persons, *names), people.numbers))
    with speaking(mission.config.mission.document_language):
        return Reader(comparable(parts, common))


def _answers(mission: Mission, form_id: str) -> Iterator[Mapping[str, object]]:
    """The rows of the form and of its repeats as question → answer."""
    for raw in raw_rows(mission.store, form_id):
        try:
            yield from _flat(json.loads(raw))
        except (ValueError, AttributeError, RecursionError):
            continue  # it is no JSON object: a purge takes it whole


def _flat(row: Mapping[str, Any]) -> Iterator[Mapping[str, object]]:
    own = {}
    for key, value in row.items():
        if isinstance(value, list):
            for item in value:
                if isinstance(item, dict):
                    yield from _flat(item)
        elif key not in SYSTEM:
            own[key.rpartition("/")[2]] = value
    yield own


def mask_of(reader: Reader, form: Form, asked: Mapping[str, Asked], config: Config) -> Mask:
    """What stands for an answer in words: questions that are answered by typing, and those that are asked no more, are read.

    Codes are not, nor what names people: it is what sentences are compared with, and goes by itself.
    """
    classes = {each.name: each for each in asked.values()}
    fields = {name: meaning for meaning, name in config.forms[form.form_id].fields.items()}

    def is_read(name: str) -> bool:
        question, mine = form.question(name), classes.get(name)
        if question is None or mine is None:
            return True
        if mine.privacy == "nominative" or (mine.source == "meaning" and mine.privacy == "ordinary"):
            return False
        return question.kind in _WRITTEN or (question.kind == "calculate" and bool(uses(question)))

    read = {question.name: is_read(question.name) for question in form.questions}

    def mask(name: str, text: str) -> str:
        if not read.get(name, True) or _AN_ID.fullmatch(text):
            return text
        return reader.quoted(text, None, fields.get(name) == "responsible_function").text

    return mask
