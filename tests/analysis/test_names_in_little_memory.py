"""What is held of everybody in little memory says what sets and dictionaries of them would."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kobo_sync.analysis import persons
from kobo_sync.analysis.everybody import Everybody
from kobo_sync.analysis.ordered_texts import OrderedTexts
from kobo_sync.analysis.people import GLUED, Names, People, comparable, together
from kobo_sync.analysis.persons import TRAITS, Bearers, Person

LETTERS = ("a", "ab", "b", "ey", "m", "z", "ع", "علي", "~")
TEXTS = sorted({one + two + three for one in LETTERS for two in LETTERS for three in ("", *LETTERS)})


@pytest.mark.parametrize("n", (0, 1, 31, 32, 33, 64, len(TEXTS)))
def test_texts_in_order_are_looked_up_as_in_a_list(n: int) -> None:
    texts = TEXTS[:n]
    ordered = OrderedTexts.of(texts)
    assert list(ordered) == texts
    for text in (*TEXTS, *LETTERS, "aa~", "ی", "", "zzzz"):
        begins = any(each.startswith(text) for each in texts)
        assert ordered.find(text) == (texts.index(text) if text in texts else -1 if begins else None), text
        assert (text in ordered) == (text in texts)


FIRST = People(
    ((("Alaoui", "Fatima"), ("فاطمة العلوي",)), (("Tazi", "Driss"),)), ("0612345678", "AB123456"), ("BER-01",)
)
SECOND = People(((("Alaoui", "Hamid"),), (("Fatima Tazi",),)), ("0612345678", "0700000000"), ("BER-02",))


def told(names: Names) -> dict[str, tuple[int, list[int]]]:
    return {word: (names.told_by(word) or 0, list(names.persons_of(word))) for word in names.words}


def test_names_of_two_parts_together_are_those_of_all() -> None:
    common = frozenset({"tazi"})
    parts = together([comparable([part], frozenset({"tazi"})) for part in (FIRST, People(), SECOND)], common)
    whole = comparable([FIRST, SECOND], common)
    assert parts == whole
    assert told(parts) == told(whole)
    assert told(whole)["alaoui"][1] == [1, 3]
    assert told(whole)["fatima"][1] == [1, 4]
    assert told(whole)["alaouifatima"] == (GLUED, [])
    assert list(whole.phones) == ["612345678", "700000000"]
    assert list(whole.codes) == ["ber-01", "ber-02"]
    assert whole.told_by("alaouif") == 0
    assert whole.told_by("benjelloun") is None
    assert list(whole.persons_of("benjelloun")) == []
    assert whole.has_number("612345678")
    assert not whole.has_number("alaoui")


def person(key: str, zone: str = "n", **traits: str) -> Person:
    return Person(key, zone, key, True, dict.fromkeys(TRAITS, "") | traits, {}, zone)


MANY = [
    person("N-1", family_name="Alaoui", given_name='Fatima "Zohra"', name_ar="فاطمة"),
    person("N-2", family_name="Fatima", given_name="Alaoui", zone="s"),
    person("N-3", family_name="El\nFassi\udcff", name_ar="El Fassi"),
    person("N-4", family_name="Tazi", name_ar="Tazi"),
    replace(person("N-1", family_name="Later"), zone="s"),
]


def test_everybody_is_as_they_were_registered_the_first_of_a_code() -> None:
    orders = [(2, 0), (1, 0), (4, 0), (5, 0), (3, 0)]
    everybody = Everybody(zip(orders, MANY, strict=True))
    assert list(everybody.items()) == [(each.key, each) for each in (MANY[1], MANY[0], MANY[2], MANY[3])]
    assert list(map(repr, everybody.values())) == list(map(repr, (MANY[1], MANY[0], MANY[2], MANY[3])))
    assert "N-5" not in everybody
    assert everybody.get("N-5") is None


@pytest.mark.parametrize("alike", (False, True))
def test_bearers_of_a_name_are_those_who_have_it_also_where_all_names_have_one_number(
    alike: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if alike:
        monkeypatch.setattr(persons, "_first", lambda name: 0)
    everybody = {each.key: each for each in MANY[:4]}
    bearers: dict[str, list[Person]] = {}
    for each in everybody.values():
        for name in each.names:
            bearers.setdefault(name, []).append(each)
    assert {name: Bearers(everybody).of(name) for name in bearers} == bearers
    assert Bearers(everybody).of("nobody") == []
