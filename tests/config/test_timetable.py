"""Hours of jobs: cron as people know it, intervals, changes of the clock, what was missed."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kobo_sync.cli.timezones import check_rules, prefer_packaged_timezones
from kobo_sync.config.timetable import Slot, delay, due, next_at, slots, trigger
from kobo_sync.errors import ConfigError

PARIS, MOROCCO = "Europe/Paris", "Africa/Casablanca"
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def packaged_rules() -> Iterator[None]:
    before = zoneinfo.TZPATH
    prefer_packaged_timezones()
    yield
    zoneinfo.reset_tzpath(before)
    ZoneInfo.clear_cache()


@pytest.mark.parametrize(
    ("expression", "weekday"), [("0 8 * * 1", 0), ("0 8 * * 0", 6), ("0 8 * * 7", 6), ("0 8 * * fri", 4)]
)
def test_days_of_the_week_count_from_sunday_as_in_cron(expression: str, weekday: int) -> None:
    at = next_at([expression], NOON, UTC)
    assert at is not None and at.weekday() == weekday and at.hour == 8


@pytest.mark.parametrize(("field", "days"), [("1-5", {0, 1, 2, 3, 4}), ("5-7", {4, 5, 6}), ("*/2", {6, 1, 3, 5})])
def test_ranges_and_steps_of_days(field: str, days: set[int]) -> None:
    found = slots(f"0 8 * * {field}", NOON, NOON + timedelta(days=14), UTC)
    assert {slot.at.weekday() for slot in found} == days


@pytest.mark.parametrize("wrong", ["75 * * * *", "tous les jours", "* * * * 9", "every 1 s", "every 15", "a b c d e"])
def test_a_wrong_expression_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError):
        trigger(wrong, UTC)


def test_the_hour_that_the_clock_repeats_is_one_slot() -> None:
    night = list(
        slots("30 2 * * *", datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 10, 26, 12, tzinfo=UTC), ZoneInfo(PARIS))
    )
    assert [slot.name for slot in night] == ["2026-10-24T02:30", "2026-10-25T02:30", "2026-10-26T02:30"]


def test_the_hour_that_the_clock_skips_is_run_once() -> None:
    night = list(
        slots("30 2 * * *", datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 3, 30, 12, tzinfo=UTC), ZoneInfo(PARIS))
    )
    assert len(night) == 3 and len({slot.at.date() for slot in night}) == 3


def test_morocco_stays_on_utc_since_september_2026() -> None:
    check_rules(MOROCCO)
    at = next_at(["0 6 * * *"], NOON, ZoneInfo(MOROCCO))
    assert at == datetime(2026, 11, 26, 6, tzinfo=UTC)


def test_old_rules_are_refused(tmp_path: object) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kobo_sync.cli.timezones.ZoneInfo", lambda _name: ZoneInfo("Etc/GMT-1"))
        with pytest.raises(ConfigError, match="out of date"):
            check_rules(MOROCCO)
        check_rules(PARIS)


def test_a_long_sleep_is_made_up_for_by_the_newest_slot_alone() -> None:
    slot = due(["*/15 * * * *"], NOON - timedelta(days=40), NOON + timedelta(minutes=7), UTC)
    assert slot == Slot(NOON, "2026-11-25T12:00")


def test_a_rare_job_is_found_after_a_year() -> None:
    slot = due(["0 2 1 1 *"], NOON - timedelta(days=400), NOON, UTC)
    assert slot is not None and slot.name == "2026-01-01T02:00"


def test_nothing_is_due_twice() -> None:
    slot = due(["every 15 min"], NOON - timedelta(hours=1), NOON, UTC)
    assert slot is not None and due(["every 15 min"], slot.at, NOON, UTC) is None


@given(
    minutes=st.sampled_from([5, 15, 30, 60, 120]),
    after=st.integers(0, 366 * 24 * 60),
    hours=st.floats(0.1, 2000),
)
def test_what_is_due_lies_between_and_nothing_newer_does(minutes: int, after: int, hours: float) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=after)
    now = start + timedelta(hours=hours)
    slot = due([f"every {minutes} min"], start, now, UTC)
    newest = max(slots(f"every {minutes} min", max(start, now - timedelta(hours=3)), now, UTC), default=None)
    assert slot == newest or (newest is None and slot is None)


def test_the_delay_is_steady_and_bounded() -> None:
    slot = Slot(NOON, "2026-11-25T12:00")
    delays = {delay(f"mission-{n}", "pull", slot, 20).total_seconds() for n in range(50)}
    assert delay("a", "pull", slot, 20) == delay("a", "pull", slot, 20)
    assert len(delays) > 40 and all(0 <= each < 20 for each in delays)
