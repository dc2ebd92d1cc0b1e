"""A pull from ODK Central: after each thing that can happen there, no difference between the server and the mirror."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from central_field import (
    OTHER,
    PERSON,
    PHOTO,
    VISIT,
    CentralField,
    assert_same,
    central_field_in,
    history,
    mirror_truth,
    rules,
)

from kobo_sync.central.wire import protocol
from kobo_sync.model import Report
from kobo_sync.steps.pull import pull


@pytest.fixture
def there(tmp_path: Path) -> Iterator[CentralField]:
    with central_field_in(tmp_path) as field:
        yield field


@pytest.fixture(params=[True, False], ids=["quick", "complete"])
def quick(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def same_after(there: CentralField, quick: bool, **counts: int) -> Report:
    """What a pull reports, having brought the mirror to what the server holds, and found this much."""
    report = pull(there.mission, quick=quick)
    assert_same(there)
    found = {
        kind: report.counts.get(kind, 0) for kind in ("new", "edited", "validated", "restored", "deleted", "files")
    }
    assert {kind: n for kind, n in found.items() if n} == counts
    assert not report.findings
    return report


def kinds(there: CentralField, form_id: str = "personnes") -> list[str]:
    return [kind for _, _, kind in history(there.mission, form_id)]


def test_hundreds_of_rows_come_over_several_pages_and_nothing_new_costs_two_requests(
    there: CentralField, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "PAGE", 100)
    for n in range(310):
        there.person(f"N{n}")
    there.visit()
    asked = there.asked(lambda: same_after(there, False, new=311))
    assert sum("$skiptoken" in path.replace("%24", "$") for _, path in asked) == 3
    there.forward(hours=3)
    same_after(there, False)  # from here on nothing that came overlaps what is asked for next
    asked = there.asked(lambda: same_after(there, True))
    for form_id in ("personnes", "visites"):
        assert sum(f"/{form_id}" in path for _, path in asked) <= 2, asked
    assert history(there.mission, "personnes") == []


def test_a_form_without_a_row_is_asked_its_count_alone_until_one_comes(there: CentralField) -> None:
    same_after(there, False)
    there.forward(hours=3)
    asked = there.asked(lambda: same_after(there, True))
    for form_id in ("personnes", "visites"):
        assert sum(f"/{form_id}" in path for _, path in asked) <= 2, asked
    there.person()
    same_after(there, True, new=1)
    same_after(there, True)


def test_edits_and_blanked_answers(there: CentralField, quick: bool) -> None:
    one, two = there.person("N1", note="à effacer", age=7), there.person("N2")
    same_after(there, False, new=2)
    there.forward(hours=4)
    there.office.edit("personnes", one, {**PERSON, "nom": "Autre", "note": None})
    same_after(there, quick, edited=1)
    there.office.edit("personnes", two, {**PERSON, "nom": "Deux"})
    there.office.edit("personnes", two, {**PERSON, "nom": "Deux fois"})
    there.person("N3")
    there.forward(hours=4)
    same_after(there, quick, edited=1, new=1)
    same_after(there, quick)
    assert sorted(kinds(there)) == ["edited", "edited", "new", "new"]


def test_every_review_and_an_approval_that_an_edit_takes_away(there: CentralField, quick: bool) -> None:
    row, viewer = there.person(), there.office.add_user("chef@example.org", "secret", "manager")
    same_after(there, False, new=1)
    for state in ("approved", "hasIssues", "rejected", "edited", None):
        there.forward(hours=3)
        there.office.review("personnes", row, state, "vu", by=viewer)
        same_after(there, quick, validated=1)
    there.forward(hours=3)
    there.office.review("personnes", row, None)  # the same again changes its date and nothing else
    same_after(there, quick)
    there.office.review("personnes", row, "approved")
    there.forward(hours=3)
    same_after(there, quick, validated=1)
    there.office.edit("personnes", row, {**PERSON, "nom": "Repris"})
    same_after(there, quick, edited=1)
    assert next(iter(mirror_truth(there.mission, "personnes").values()))["review"] == "edited"
    assert kinds(there) == ["new", *["validated"] * 6, "edited"]


def test_deletions_and_restorations(there: CentralField, quick: bool) -> None:
    rows = [there.person(f"N{n}") for n in range(4)]
    same_after(there, False, new=4)
    for _ in range(2):  # restored ones are deleted again
        there.forward(hours=5)
        there.office.delete("personnes", rows[0])
        there.office.delete("personnes", rows[1])
        same_after(there, quick, deleted=2)
        there.forward(hours=5)
        there.office.restore("personnes", rows[0])
        there.office.restore("personnes", rows[1])
        same_after(there, quick, restored=2)
    there.office.delete("personnes", rows[2])
    there.office.delete("personnes", rows[3])
    there.office.restore("personnes", rows[3])  # nothing but the count would tell, and nothing is to be told
    same_after(there, quick, deleted=1)


def test_a_deletion_and_a_restoration_that_balance_are_seen_by_the_complete_scan(there: CentralField) -> None:
    rows = [there.person(f"N{n}") for n in range(4)]
    same_after(there, False, new=4)
    there.office.delete("personnes", rows[0])
    same_after(there, False, deleted=1)
    there.forward(hours=5)
    there.office.restore("personnes", rows[0])
    there.office.delete("personnes", rows[1])
    same_after(there, True, restored=1, deleted=1)  # the deletion leaves a date, so that the count tells of the other


def test_a_form_that_loses_all_its_rows_one_after_the_other(there: CentralField, quick: bool) -> None:
    rows = [there.person(f"N{n}") for n in range(3)]
    same_after(there, False, new=3)
    for row in rows:
        there.forward(hours=1)
        there.office.delete("personnes", row)
        same_after(there, quick, deleted=1)
    there.person("N9")
    same_after(there, quick, new=1)


def test_repeats_shrink_with_their_rows(there: CentralField, quick: bool) -> None:
    family = [{"prenom": "Awa", "annees": 3}, {"prenom": "علي"}, {"prenom": None}]
    row = there.visit(membre=family)
    same_after(there, False, new=1)
    there.forward(hours=3)
    there.office.edit("visites", row, {**VISIT, "membre": [{"prenom": "Nouveau"}, *family]})
    same_after(there, quick, edited=1)
    there.office.edit("visites", row, {**VISIT, "membre": family[1:2]})
    same_after(there, quick, edited=1)
    there.office.edit("visites", row, VISIT)
    same_after(there, quick, edited=1)


def test_files_late_replaced_cleared_and_dropped(there: CentralField) -> None:
    row = there.visit(photo="été 1 %.png")
    two = there.visit({"b.png": PHOTO}, photo="b.png")
    assert same_after(there, False, new=2).counts["files_stored"] == 1
    there.forward(hours=6)
    there.office.put_file(row, "été 1 %.png", PHOTO)
    assert same_after(there, False, files=1).counts["files_stored"] == 1
    there.office.put_file(row, "été 1 %.png", OTHER)  # no date, no count tells
    assert same_after(there, False).counts["files_stored"] == 1
    there.office.put_file(two, "b.png", None)
    same_after(there, False, files=1)
    there.office.put_file(two, "b.png", OTHER)
    assert same_after(there, False, files=1).counts["files_stored"] == 1
    there.office.edit("visites", row, {**VISIT, "photo": "été 1 %.png"})  # carried over
    same_after(there, True, edited=1)
    there.office.edit("visites", row, VISIT)  # named no more
    same_after(there, True, edited=1)


def test_a_late_file_of_a_recent_row_needs_no_complete_scan(there: CentralField) -> None:
    row = there.visit(photo="a.png")
    same_after(there, False, new=1)
    there.forward(minutes=30)
    there.office.put_file(row, "a.png", PHOTO)
    same_after(there, True, files=1)


def test_files_that_lie_in_a_storage_come_without_the_token(there: CentralField) -> None:
    row = there.visit({"a.png": PHOTO}, photo="a.png")
    there.office.on_storage = True
    assert same_after(there, False, new=1).counts["files_stored"] == 1
    same_after(there, False)  # whether it was replaced there nothing tells
    there.office.on_storage = False
    there.office.put_file(row, "a.png", OTHER)
    assert same_after(there, False).counts["files_stored"] == 1
    assert there.office.storage_requests
    assert not any("Authorization" in headers for _, headers in there.office.storage_requests)


def test_few_purged_rows_are_gone_and_many_are_doubted(there: CentralField, quick: bool) -> None:
    rows = [there.person(f"N{n}") for n in range(12)]
    same_after(there, False, new=12)
    there.forward(hours=3)
    there.office.purge("personnes", rows[0])
    same_after(there, quick, deleted=1)
    for row in rows[1:8]:
        there.office.purge("personnes", row)
    report = pull(there.mission, quick=quick)
    assert {"PULL002", "PULL004"} == set(rules(report))
    assert len(mirror_truth(there.mission, "personnes")) == 11
    report = pull(there.mission, accept_deletions=True)
    assert report.counts["deleted"] == 7
    assert_same(there)


def test_many_deletions_at_once_leave_dates_and_are_doubted_all_the_same(there: CentralField, quick: bool) -> None:
    rows = [there.person(f"N{n}") for n in range(12)]
    same_after(there, False, new=12)
    for row in rows[:8]:
        there.office.delete("personnes", row)
    report = pull(there.mission, quick=quick)
    assert {"PULL002", "PULL004"} == set(rules(report))
    assert pull(there.mission, accept_deletions=True).counts["deleted"] == 8
    assert_same(there)


def test_a_row_that_shows_up_behind_younger_ones_is_found(there: CentralField) -> None:
    first = there.person("N1")
    same_after(there, False, new=1)
    there.office.submit("personnes", {**PERSON, "code": "N2"}, at=first.created_at.replace(microsecond=0))
    same_after(there, True, new=1)


def test_every_row_is_read_again_when_asked(there: CentralField) -> None:
    for n in range(5):
        there.person(f"N{n}")
    same_after(there, False, new=5)
    asked = there.asked(lambda: pull(there.mission, full=True))
    assert sum(path.endswith(".xml") and "/submissions/" in path for _, path in asked) == 5
    assert_same(there)
    assert history(there.mission, "personnes") == []


@pytest.mark.parametrize("hours", [-7, -1, 1, 7])
def test_a_clock_that_goes_otherwise_loses_nothing(there: CentralField, hours: int) -> None:
    there.office.skew = timedelta(hours=hours)
    row = there.person("N1")
    same_after(there, False, new=1)
    there.clock.ahead += timedelta(hours=12)
    there.office.skew += timedelta(hours=12)
    there.person("N2")
    same_after(there, True, new=1)
    there.office.edit("personnes", row, {**PERSON, "nom": "Décalé"})
    same_after(there, True, edited=1)
    there.office.delete("personnes", row)
    same_after(there, True, deleted=1)
