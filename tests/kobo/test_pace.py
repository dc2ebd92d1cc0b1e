"""A server is asked no faster than it is let, by all who ask it together, in the order in which they came."""

from __future__ import annotations

from loopback import answer, loopback_server

from kobo_sync.kobo.pace import BURST_S, Pace, Paces
from kobo_sync.kobo.server import KoboServer


class _Time:
    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_after_a_burst_requests_go_at_the_pace_of_the_lowest_figure() -> None:
    time = _Time()
    pace = Pace(time.sleep, time).agree("a", 600).agree("b", 60).agree("c", None)
    for _ in range(70):
        pace()
    assert round(time.now - 1000) == 70 - 1 - BURST_S
    pace.agree("b", None)
    began = time.now
    for _ in range(100):
        pace()
    assert 8 <= time.now - began <= 12


def test_nobody_who_set_no_figure_waits() -> None:
    time = _Time()
    pace = Pace(time.sleep, time)
    for _ in range(1000):
        pace()
    assert not time.slept


def test_who_asks_much_holds_up_who_asks_little_by_what_is_under_way_alone() -> None:
    """Moments are given as requests come: the one who comes now waits for those before, not for those to come."""
    given: list[float] = []
    pace = Pace(given.append, lambda: 0.0).agree("a", 60)
    for _ in range(8):  # eight threads of a huge pull
        pace()
    pace()
    assert given == [float(n) for n in range(1, len(given) + 1)]


def test_a_server_has_one_pace_for_all_spellings() -> None:
    paces = Paces()
    assert paces.of("https://KF.example.org") is paces.of("https://kf.example.org:443")
    assert paces.of("https://kf.example.org") is not paces.of("http://kf.example.org")


def test_each_request_of_a_client_waits_for_its_turn() -> None:
    turns: list[int] = []
    with loopback_server(lambda handler, _: answer(handler, 200, b'{"username": "maha"}')) as (url, seen):
        client = KoboServer(url, url, "canary", pace=lambda: turns.append(1))
        client.me()
        client.me()
        client.close()
    assert len(turns) == len(seen) == 2
