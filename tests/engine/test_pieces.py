"""Pieces of a mission's work: who may work beside whom, what waits for what, what a job is made of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from conftest import MISSION, ZONES, Field

from kobo_sync.config.config import parse_config
from kobo_sync.desk import pieces, runs
from kobo_sync.desk.database import Desk
from kobo_sync.desk.pieces import STILL_S, StillWatch, exclude, name_of, take_piece
from kobo_sync.desk.runs import Order
from kobo_sync.engine.pieces import Piece, piece_of
from kobo_sync.errors import Busy, RunStopped
from kobo_sync.mission.mission import Mission
from kobo_sync.mission.run_log import end_dead_runs, recorded, recorded_piece
from kobo_sync.model import Report
from kobo_sync.service import stages
from kobo_sync.service.stages import STAGES, carry_out, first_pieces

NOW = datetime(2026, 11, 25, 6, tzinfo=UTC)
CONFIG = parse_config(MISSION, {"config/zones.csv": ZONES}, {})


def _take(desk: Desk, name: str, holder: str, watch: StillWatch | None = None) -> None:
    take_piece(desk, name, holder, "office", 1, NOW, watch or StillWatch())


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ("build nord", "build sud", False),
        ("build nord", "build", True),
        ("build nord", "pull visites", False),
        ("pull visites", "run", True),
        ("check", "checking", False),
    ],
)
def test_who_excludes_whom(one: str, other: str, apart: bool) -> None:
    assert exclude(one, other) is exclude(other, one) is apart


def test_names_of_leases_fit_and_stay_apart() -> None:
    long = [name_of("pull", "projet_" * 9 + str(n)) for n in range(3)]
    assert len({*long}) == 3 and all(len(name) <= 32 for name in long) and name_of("build") == "build"


def test_pieces_that_do_not_touch_stand_beside_each_other_and_others_do_not(desk: Desk) -> None:
    _take(desk, "build nord", "one")
    _take(desk, "build sud", "two")
    with pytest.raises(Busy, match="office"):
        _take(desk, "build", "three")
    assert set(pieces.leases(desk)) == {"build nord", "build sud"}
    for name, holder in (("build nord", "one"), ("build sud", "two")):
        pieces.give_back(desk, name, holder)
    _take(desk, "build", "three")


def test_what_the_queue_gives_to_one_is_taken_over_and_the_one_before_is_told(desk: Desk) -> None:
    _take(desk, "build nord", "dead")
    _take(desk, "build nord", "alive")
    assert not runs.beat(desk, "dead", 0, {}, "build nord") and runs.beat(desk, "alive", 0, {}, "build nord")


def test_a_dead_machine_s_piece_holds_the_whole_back_for_a_moment_only(desk: Desk) -> None:
    now = [0.0]
    watch = StillWatch(lambda: now[0])
    _take(desk, "build nord", "dead")
    with pytest.raises(Busy):
        _take(desk, "build", "set", watch)
    now[0] += STILL_S
    _take(desk, "build", "set", watch)
    assert set(pieces.leases(desk)) == {"build"}


def test_a_verb_by_hand_respects_pieces_at_work_and_takes_over_dead_ones(desk: Desk) -> None:
    _take(desk, "pull visites", "far")

    def beats(_seconds: float) -> None:
        assert runs.beat(desk, "far", 0, {}, "pull visites")

    with pytest.raises(Busy, match="office"):
        pieces.refuse_beside_pieces(desk, wait=beats)
    told = count()
    pieces.refuse_beside_pieces(desk, wait=lambda _: None, monotonic=lambda: float(next(told)))
    assert pieces.leases(desk) == {}


def test_runs_of_pieces_are_recorded_beside_each_other(field_team: Field) -> None:
    mission = field_team.mission

    def said(opened: Mission) -> Report:
        return opened.report("pull", opened.clock(), {}, [], [])

    def outer(opened: Mission) -> Report:
        assert end_dead_runs(field_team.reopen()) == 0  # it lives
        with pytest.raises(Busy):
            recorded(field_team.reopen(), "purge", said)
        return said(opened)

    recorded_piece(mission, "pull", outer, Order(), "pull visites")
    assert [run.status for run in runs.last_runs(mission.desk)] == ["done"]
    assert recorded(mission, "purge", said) and pieces.leases(mission.desk) == {}


def test_the_ledger_forgets_pieces_that_went_well_and_keeps_hours_failures_and_the_newest(desk: Desk) -> None:
    orders = [
        Order("schedule"),
        Order("schedule"),
        Order("schedule", "", "s", NOW),
        Order("person", "maha"),
        Order("schedule"),
    ]
    for order, status in zip(orders, ("done", "failed", "done", "done", "done"), strict=True):
        runs.end_run(desk, runs.start_run(desk, "pull", order, NOW, "a", 1), NOW, status, {})
    assert pieces.forget_runs_before(desk, NOW + timedelta(days=8)) == 1
    assert [run.status for run in runs.last_runs(desk)] == ["done", "done", "done", "failed"]


# ── jobs ──


def test_a_run_is_pulls_then_checks_then_zones_then_the_set_then_archives() -> None:
    made = first_pieces(CONFIG, "run", Order("schedule", "", "2026-11-25T06:00", NOW), "", NOW)
    assert [(piece.stage, piece.part) for piece in made] == [
        ("reconcile", "personnes"),
        ("reconcile", "visites"),
        ("review", ""),
    ]
    assert made[-1].rest == ("plan", "set", "deliver") and made[0].rest == ("review",)
    assert made[0].due_by == (NOW + timedelta(minutes=CONFIG.schedule.grace_minutes)).isoformat()
    assert piece_of(made[0].arguments) == made[0]
    assert piece_of({**made[0].arguments, "of a newer program": 1}) == made[0]


def test_pulls_take_few_places_of_a_server_each_project_always_the_same() -> None:
    twice = [first_pieces(CONFIG, job, Order(), "", NOW) for job in ("pull", "reconcile")]
    assert [piece.lock for piece in twice[0]] == [piece.lock for piece in twice[1]]
    assert {piece.lock.rpartition(" ")[0] for piece in twice[0]} == {"127.0.0.1:1"}


def test_the_older_name_of_a_server_s_places_is_taken_and_the_newer_goes_before_it() -> None:
    zones = {"config/zones.csv": ZONES}
    older = parse_config(f"{MISSION}\n[engine]\nper_server = 7\n", zones, {})
    newer = MISSION.replace("[server]", "[server]\nat_once = 1")
    assert (CONFIG.at_once, older.at_once) == (2, 7)
    assert parse_config(f"{newer}\n[engine]\nper_server = 7\n", zones, {}).at_once == 1
    places = {piece.lock for piece in first_pieces(CONFIG, "pull", Order(), "", NOW, 1)}
    assert places == {"127.0.0.1:1 0"}


def test_a_piece_has_as_many_zones_as_take_some_seconds_and_every_worker_has_some() -> None:
    assert stages._together(300, 0.75) == 4 and stages._together(300, 0.01) == stages.MOST_TOGETHER
    assert stages._together(60, 0.2) == 4 and stages._together(10, 0.2) == 1 and stages._together(0, 9.0) == 1


def test_what_a_zone_takes_is_what_the_last_runs_took(field_team: Field) -> None:
    mission = field_team.mission
    assert stages._zone_s(mission) == stages.GUESS_S
    field_team.person("NOR-01")
    assert carry_out(mission, Piece("essai", "pull", "personnes"), is_again=False).outcome == "done"
    run_id = runs.start_run(mission.desk, "build", Order(), mission.clock(), "here", 1)
    report = {
        "lines": ["nord: a.docx", "sud: unchanged", "mission: b.docx", "2 of 3 zones to build, then the mission's set"]
    }
    runs.end_run(mission.desk, run_id, mission.clock() + timedelta(seconds=4), "done", report)
    assert stages._zone_s(mission) == pytest.approx(4)


def test_persons_come_before_the_clock_and_missions_take_turns() -> None:
    clock, person = (Piece("m", "zone", "z", origin=origin, rank=3) for origin in ("schedule", "person"))
    assert person.priority > clock.priority > Piece("m", "zone", "y", rank=4).priority
    assert Piece("m", "zone", "z").lock != Piece("m", "zone", "y").lock
    assert Piece("m", "plan").lock == Piece("m", "set").lock == Piece("m", "deliver").lock


def test_every_job_has_its_stages() -> None:
    from kobo_sync.service.jobs import JOBS

    for job in JOBS:
        for piece in first_pieces(CONFIG, job, Order(), "", NOW):
            assert piece.stage in STAGES or piece.stage == "plan"
            assert {*piece.rest} <= {*STAGES, "plan"}


def test_a_piece_that_waited_too_long_is_noted_as_missed(field_team: Field) -> None:
    mission = field_team.mission
    late = Piece("essai", "digest", due_by=(mission.clock() - timedelta(hours=1)).isoformat())
    assert carry_out(mission, late, is_again=False).outcome == "missed"
    assert [(run.job, run.status) for run in runs.last_runs(mission.desk)] == [("digest", "missed")]


def test_a_pull_that_brought_something_is_followed_and_one_that_was_begun_before_too(field_team: Field) -> None:
    field_team.person("NOR-01")
    mission = field_team.mission
    first = carry_out(mission, Piece("essai", "pull", "personnes"), is_again=False)
    assert [piece.stage for piece in first.following] == ["follow"]
    assert carry_out(mission, first.following[0], is_again=False).outcome == "done"
    assert carry_out(mission, Piece("essai", "pull", "personnes"), is_again=False).following == ()
    assert carry_out(mission, Piece("essai", "pull", "personnes"), is_again=True).following


def test_failures_and_stops_are_answers_and_recorded(field_team: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    mission = field_team.mission
    assert carry_out(mission, Piece("essai", "zone", "mars"), is_again=False).outcome == "failed"
    assert carry_out(mission, Piece("essai", "of a newer program"), is_again=False).outcome == "failed"

    def stopped(_mission: Mission, _part: str) -> Report:
        raise RunStopped("stopped, as asked")

    monkeypatch.setitem(stages.STAGES, "digest", stages.Stage("digest", "digest", stopped))  # type: ignore[index]
    assert carry_out(mission, Piece("essai", "digest"), is_again=False).outcome == "stopped"
    assert [run.status for run in runs.last_runs(mission.desk)] == ["stopped", "failed"]
