"""The worklist: findings that keep their state from run to run, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from kobo_sync.desk.database import Desk
from kobo_sync.desk.worklist import counts, get, key_of, keyed, page, refresh, set_state, states_of
from kobo_sync.errors import StoreError
from kobo_sync.model import Finding, Severity

NOW = datetime(2025, 2, 11, 18, tzinfo=UTC)
NIGHT = NOW + timedelta(hours=6)


def fault(n: int, rule: str = "DATA015", severity: Severity = "warning", **more: str) -> Finding:
    given = {"zone": "nord" if n % 2 else "sud", "form_id": "visites", "root_uuid": f"r{n}", "enumerator": "amina"}
    return Finding(
        rule, severity, f"visites, submission {n}", hint="remède", **{"message": f"message {n}", **given, **more}
    )


def test_findings_survive_and_close_and_reopen(desk: Desk) -> None:
    first, second = fault(1), fault(2)
    tally = refresh(desk, [first, second], NOW)
    assert (tally.new, tally.reopened, tally.closed, tally.open) == (2, 0, 0, 2)
    assert refresh(desk, [second, first], NIGHT) == replace(tally, new=0)
    assert set_state(desk, [key_of(first)], "seen", "maha", "", NOW) == 1
    tally = refresh(desk, [first], NIGHT)
    assert (tally.closed, tally.open) == (1, 1) and counts(desk)["corrected"] == 1
    tally = refresh(desk, [first, second], NIGHT)
    assert (tally.reopened, tally.open) == (1, 2)
    item, events = get(desk, key_of(second)) or pytest.fail("lost")
    assert item.state == "new" and [event.kind for event in events] == ["found", "closed", "reopened"]
    item, events = get(desk, key_of(first)) or pytest.fail("lost")
    assert (item.state, item.changed_by, item.changed_at) == ("seen", "maha", NOW)


def test_a_decision_stands_until_the_substance_changes(desk: Desk) -> None:
    one, two = fault(1, evidence="a"), fault(2, evidence="a")
    refresh(desk, [one, two], NOW)
    set_state(desk, [key_of(one)], "false_alarm", "maha", "deux sœurs", NOW)
    set_state(desk, [key_of(two)], "accepted", "maha", "", NOW)
    refresh(desk, [replace(one, message="autrement dit"), two], NIGHT)
    assert counts(desk) == {"new": 0, "seen": 0, "accepted": 1, "corrected": 0, "false_alarm": 1}
    refresh(desk, [], NIGHT)
    refresh(desk, [one, two], NIGHT)
    assert counts(desk)["false_alarm"] == 1
    tally = refresh(desk, [replace(one, evidence="b"), replace(two, evidence="b")], NIGHT)
    assert tally.reopened == 2 and counts(desk)["new"] == 2
    item, events = get(desk, key_of(one)) or pytest.fail("lost")
    assert item.note == "deux sœurs" and events[1].note == "deux sœurs" and events[1].by == "maha"


def test_a_decision_stands_when_a_finding_that_was_french_is_english(desk: Desk) -> None:
    """The desk of an earlier version, of findings whose evidence is their words; another number in them is another matter."""
    old = fault(1, "DATA018", message="test d’après sans test d’avant", evidence="")
    moved = fault(2, "DATA025", message="« x » n’a pas de réponses", evidence="of these words")
    other = fault(
        3, "DATA025", message="classements sans groupe de la mission : 1 sur 5, qui n’entrent dans aucun score"
    )
    refresh(desk, [old, moved, other], NOW)
    set_state(desk, [key_of(each) for each in (old, moved, other)], "accepted", "maha", "", NOW)
    today = [
        replace(old, message="a test after without a test before"),
        replace(moved, message="“x” has no answers", evidence="of those words"),
        replace(other, message="rankings without a group of the mission: 2 of 5, which enter no score"),
    ]
    assert [states_of(desk, today)[key_of(each)][1] for each in today] == ["accepted", "accepted", "new"]
    assert refresh(desk, today, NIGHT).reopened == 1
    assert [get(desk, key_of(each))[0].state for each in today] == ["accepted", "accepted", "new"]  # type: ignore[index]
    assert refresh(desk, today, NIGHT).reopened == 0 and counts(desk)["accepted"] == 2


def test_corrected_by_a_person_is_believed_until_the_next_run(desk: Desk) -> None:
    refresh(desk, [fault(1)], NOW)
    set_state(desk, [key_of(fault(1))], "corrected", "maha", "", NOW)
    assert refresh(desk, [fault(1)], NIGHT).reopened == 1


def test_states_are_read_as_a_refresh_would_set_them(desk: Desk) -> None:
    refresh(desk, [fault(1, evidence="a")], NOW)
    set_state(desk, [key_of(fault(1))], "false_alarm", "maha", "", NOW)
    said = states_of(desk, [fault(1, evidence="a"), fault(2)])
    assert [state for _, state in said.values()] == ["false_alarm", "new"]
    assert [s for _, s in states_of(desk, [fault(1, evidence="b")]).values()] == ["new"] and counts(desk)["new"] == 0


def test_pages_filters_and_counts(desk: Desk) -> None:
    found = [fault(n, "DATA016" if n % 3 else "DATA007", "error" if n % 5 == 0 else "warning") for n in range(1, 61)]
    refresh(desk, found, NOW)
    first = page(desk, limit=25)
    assert first.total == 60 and first.items[0].severity == "error" and first.items[0].root_uuid == "r60"
    second, seen = page(desk, limit=25, after=first.after), [item.key for item in first.items]
    third = page(desk, limit=25, after=second.after)
    seen += [item.key for item in (*second.items, *third.items)]
    assert third.after == "" and len(set(seen)) == 60
    north = page(desk, zone="nord", rule="DATA007")
    assert north.total == 10 == len(north.items) == north.facets["rule"]["DATA007"]
    assert north.facets["zone"] == {"nord": 10, "sud": 10} and north.facets["severity"] == {"error": 2, "warning": 8}
    set_state(desk, [item.key for item in north.items], "accepted", "maha", "", NOW)
    assert page(desk).total == 50 and page(desk, states=("accepted",)).total == 10 and page(desk, states=()).total == 60
    assert page(desk).facets["state"] == {"accepted": 10, "new": 50}
    assert page(desk, after="rubbish").total == 50 and page(desk, zone="ouest").items == ()


def test_what_cannot_be_set_changes_nothing(desk: Desk) -> None:
    refresh(desk, [fault(1)], NOW)
    with pytest.raises(StoreError):
        set_state(desk, [key_of(fault(1)), "unknown"], "seen", "maha", "", NOW)
    with pytest.raises(ValueError):
        set_state(desk, [key_of(fault(1))], "done", "maha", "", NOW)  # type: ignore[arg-type]
    assert counts(desk)["new"] == 1 and get(desk, "unknown") is None


def test_texts_that_no_database_takes_are_made_to_fit(desk: Desk) -> None:
    odd = fault(1, zone="z" * 300, enumerator="e\0\ud800" * 100)
    refresh(desk, [replace(odd, message="\ud800\0" * 5000)], NOW)
    assert page(desk).total == 1
    assert refresh(desk, [replace(odd, message="\ud800\0" * 5000)], NOW).new == 0


def test_keys_do_not_follow_the_words() -> None:
    assert key_of(fault(1)) == key_of(replace(fault(1), message="autre", zone="sud", severity="error"))
    assert key_of(fault(1)) != key_of(replace(fault(1), subject="age"))
    quota = Finding("DATA001", "warning", "Nord, A", "2 de moins")
    assert key_of(quota) != key_of(replace(quota, where="Nord, B"))
    assert len(keyed([fault(1), fault(1)])) == 2


def test_a_page_does_not_wait_for_a_refresh_at_work(desk: Desk) -> None:
    refresh(desk, [fault(1)], NOW)
    with desk.begin() as connection:  # as a long refresh holds it
        connection.execute(sa.text("UPDATE findings SET note = 'x'"))
        assert page(desk).total == 1 and counts(desk)["new"] == 1
        item, _ = get(desk, key_of(fault(1))) or pytest.fail("lost")
        assert item.note == ""
