"""Part 7, A5: the dashboard's readers see what papers print, and nothing that its zones' numbers tell by subtraction."""

from __future__ import annotations

from typing import Any

from kobo_sync.web.dashboard import for_readers


def place(code: str, *groups: tuple[int, int], **published: Any) -> dict[str, Any]:
    counted = [
        {"code": f"g{n}", "labels": {}, "quota": 9, "registered": 9, "women": women, "men": men, "other": 0}
        for n, (women, men) in enumerate(groups)
    ]
    n = sum(map(sum, groups))
    numbers = {"n_present": n, "n_registered": n, "n_full_day": n, "n_refused": 1, "n_needs": n}
    return {"code": code, "groups": counted, "needs": [{"score": 1.5}], **numbers, "published": published}


def test_a_mission_of_24_with_zones_of_2_10_and_12_does_not_give_the_2() -> None:
    zones = [place("a", (1, 1), present="–"), place("b", (5, 5), present="10"), place("c", (6, 6), present="12")]
    mission, *seen = for_readers([place("", (12, 12), present="≥\u00a022"), *zones])
    assert [each["shown_present"] for each in (mission, *seen)] == ["≥\u00a022", "–", "10", "12"]
    assert mission["groups"] == [] and all(cell == "–" for cell in seen[0]["groups"][0]["cells"])
    assert {mission["shown_registered"], mission["shown_refused"], seen[0]["shown_registered"]} == {"–"}
    assert seen[1]["groups"][0]["cells"] == ["5", "5", "10"]


def test_persons_of_no_zone_are_not_had_by_subtraction_either() -> None:
    zones = [place("a", (5, 5)), place("b", (6, 6))]
    assert for_readers([place("", (12, 11)), *zones])[0]["groups"] == []
    assert for_readers([place("", (11, 11)), *zones])[0]["groups"][0]["cells"] == ["11", "11", "22"]


def test_the_number_of_those_who_told_needs_is_not_the_needs_themselves() -> None:
    """Part 8, B31: readers read the list of needs, as the program holds it, where the number of answers belongs."""
    (seen,) = for_readers([place("", (9, 9), needs=[{"score": 1.5}], n_needs="≈\u00a020")])
    assert seen["shown_needs"] == "≈\u00a020" and seen["needs"] == [{"score": 1.5}]


def test_a_snapshot_without_a_plan_shows_no_number() -> None:
    old = {key: value for key, value in place("", (9, 9)).items() if key != "published"}
    (seen,) = for_readers([old])
    assert seen["shown_present"] == seen["shown_needs"] == "–" and seen["rates"] == [] and seen["needs"] == []
