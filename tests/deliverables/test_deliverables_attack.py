"""Part 7, A5: nothing printed in a mission's set tells of one or two persons, whatever is taken from whatever."""

from __future__ import annotations

import pytest
from attacker import Attack, truth_of
from printed_set import Printed, plain, read_set, small_mission, whole_set

from kobo_sync.analysis import populations, published, published_answers, published_needs, shares, suppression
from kobo_sync.analysis.memo import forget

MISSIONS = {1: (25, 24, 1), 2: (24, 2, 13, 25), 3: (12, 25, 2, 1)}


@pytest.mark.parametrize("seed", MISSIONS)
def test_nothing_is_recovered_from_everything_printed(seed: int) -> None:
    facts = small_mission(seed, MISSIONS[seed])
    assert Attack(read_set(whole_set(facts)), truth_of(facts)).recovered() == []


@pytest.mark.parametrize("seed", MISSIONS)
def test_nothing_is_recovered_where_one_person_came_to_all_zones(seed: int) -> None:
    """Part 8, A23: she counts once in the mission, and her zones' papers count her each."""
    facts = small_mission(seed, MISSIONS[seed], one_walk_in=True)
    assert Attack(read_set(whole_set(facts)), truth_of(facts)).recovered() == []


@pytest.mark.parametrize("seed", MISSIONS)
def test_the_attacker_recovers_what_is_not_suppressed(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same missions printed with a threshold of one person: the attack is worth something."""
    facts = small_mission(seed, MISSIONS[seed])
    for module in (suppression, populations, published, published_answers, published_needs, shares):
        monkeypatch.setattr(module, "THRESHOLD", 1)
    forget()
    recovered = Attack(read_set(whole_set(facts)), truth_of(facts)).recovered()
    monkeypatch.undo()
    forget()
    kinds = (
        "'before'",
        "'after'",
        "'favourable'",
        "'mentions'",
        "'detractors'",
        "'cell'",
        " − ",
        "gained and lost",
    )
    missed = [kind for kind in kinds if not any(kind in each for each in recovered)]
    assert len(recovered) > 100 and not missed


def _zone_of_nine() -> tuple[dict[str, Printed], str]:
    """A zone whose needs six persons ranked, three of each of two groups, beside zones of one and two persons."""
    return read_set(whole_set(small_mission(6, (1, 2, 9)))), "zonec"


def test_no_figure_is_absent_because_nobody_is_counted_in_it() -> None:
    """A zone of one person listed that person's sex and group in its workbook, without a number, and no other."""
    printed, _ = _zone_of_nine()
    names = {
        zone: [row[-1] for row in printed[zone].sheets["Indicateurs"] if str(row[-1]).startswith("present:")]
        for zone in ("zonea", "zoneb", "zonec")
    }
    assert names["zonea"] == names["zoneb"] == names["zonec"]
    assert {"present:sex:f", "present:sex:h", "present:group:cld"} <= set(names["zonea"])


def test_ranks_of_few_persons_do_not_tell_who_mentioned_what() -> None:
    """Enumerating all ballots that go with the ranks by group and sex, beside three scores, left one: all answers of six persons."""
    larger = read_set(whole_set(small_mission(8, (12, 11, 10))))["zonec"]
    for rows in (larger.table("Rang de chaque besoin")[1:], larger.sheets["Rangs par groupe et sexe"][1:]):
        cells = [plain(cell or "–") for row in rows for cell in row[-2:]]
        assert set(cells) == {"–", "≤ 5"}
    printed, zone = _zone_of_nine()
    ranked = printed[zone].table("Besoins classés")[1:]
    assert [row[0] for row in ranked] == ["1", "2 ex æquo", "2 ex æquo", "–", "–", "–", "–"]
    hidden = [row[1] for row in ranked[3:]]
    assert all(row[2] == "–" for row in ranked[3:]) and hidden == sorted(hidden)
    assert plain(printed[zone].figures["accord"]).startswith("≈")


def test_groups_whose_number_follows_from_three_at_least_are_not_named() -> None:
    """Six answers of two named groups of three at least are three each; four of one of them had come: one did not answer."""
    printed, zone = _zone_of_nine()
    assert plain(printed[zone].figures["reponses_besoins"]) == "6"
    assert not [cell for cell in printed[zone].table("Rang de chaque besoin")[0] if "OSC" in cell or "CLD" in cell]


def test_a_zone_whose_answers_are_all_left_out_does_not_say_that_nobody_answered() -> None:
    printed, _ = _zone_of_nine()
    assert printed["zoneb"].figures["reponses_besoins"] == "–"
