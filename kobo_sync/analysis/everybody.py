"""Everybody registered in a mission, for those who hold a whole mission's persons: in little memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter

from kobo_sync.analysis import meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.persons import TRAITS, Person, registrations_by_zone


def everybody_in(facts: Facts) -> Mapping[str, Person]:
    """`registered_in`, each person made when asked for."""
    return Everybody(row for rows in registrations_by_zone(facts).values() for row in rows)


class Everybody(Mapping[str, Person]):
    """Registered persons by key, each as the bytes of their texts, a third of what they take: made anew whenever they are asked for."""

    def __init__(self, rows: Iterable[tuple[meaning.Order, Person]]) -> None:
        self._texts: dict[str, bytes] = {}
        packed = ((order, person.key, self._packed(person)) for order, person in rows)
        for _, key, texts in sorted(packed, key=itemgetter(0)):
            self._texts.setdefault(key, texts)

    @staticmethod
    def _packed(person: Person) -> bytes:
        texts = (person.zone, person.code, *(person.traits[trait] for trait in TRAITS))
        return json.dumps(texts, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")

    def __getitem__(self, key: str) -> Person:
        zone, code, *texts = json.loads(self._texts[key].decode("utf-8", "surrogatepass"))
        return Person(key, zone, code, True, dict(zip(TRAITS, texts, strict=True)), {}, zone)

    def __contains__(self, key: object) -> bool:
        return key in self._texts

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)
