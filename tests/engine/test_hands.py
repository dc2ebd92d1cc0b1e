"""The processes that pieces are carried out in, played by a few lines: kept, asked to stop, ended, replaced."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from conftest import REPO
from engine_cluster import until

from kobo_sync.engine import hands
from kobo_sync.engine.hands import HandDied, Hands, OverTime

PLAY = """
import json, os, sys
for line in sys.stdin:
    order = json.loads(line)
    if order.get("stop"):
        answer = {"outcome": "stopped"}
    elif order["do"] == "die":
        os._exit(9)
    elif order["do"] == "last":
        continue  # until it is asked to stop
    else:
        answer = {"outcome": "done", "pid": os.getpid(), "rss_mb": order.get("mb", 0)}
    print(json.dumps(answer), flush=True)
"""


def _with_hands(act: Callable[[Hands], Awaitable[Any]], code: str = PLAY) -> Any:
    async def run() -> Any:
        own = Hands([sys.executable, "-c", code], os.environ)
        try:
            return await act(own)
        finally:
            await own.let_go(all_of_them=True)

    with ThreadPoolExecutor(1) as aside:  # a browser of another test in this process may have the main thread's loop
        return aside.submit(lambda: asyncio.run(run())).result()


def test_a_hand_is_kept_for_the_next_piece_until_it_has_grown() -> None:
    async def act(own: Hands) -> list[int]:
        orders = ({"do": "it"}, {"do": "it", "mb": hands.MOST_MB + 1}, {"do": "it"})
        return [(await own.carry_out(order, 60))["pid"] for order in orders]

    first, second, third = _with_hands(act)
    assert first == second != third


def test_two_pieces_at_once_have_two_hands() -> None:
    async def act(own: Hands) -> list[dict[str, Any]]:
        return list(await asyncio.gather(*(own.carry_out({"do": "it"}, 60) for _ in range(2))))

    one, other = _with_hands(act)
    assert one["pid"] != other["pid"]


def test_a_process_that_dies_is_told_and_the_next_piece_has_another() -> None:
    async def act(own: Hands) -> dict[str, Any]:
        with pytest.raises(HandDied):
            await own.carry_out({"do": "die"}, 60)
        return await own.carry_out({"do": "it"}, 60)

    assert _with_hands(act)["outcome"] == "done"


def test_one_that_died_between_two_pieces_is_no_piece_s_death() -> None:
    async def act(own: Hands) -> list[int]:
        await own.begin()
        (idle,) = own._idle
        first = (await own.carry_out({"do": "it"}, 60))["pid"]
        idle.process.kill()
        await idle.process.wait()
        return [first, idle.process.pid, (await own.carry_out({"do": "it"}, 60))["pid"]]

    first, begun, second = _with_hands(act)
    assert first == begun != second


def test_what_takes_too_long_is_asked_to_stop_and_then_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    async def asked(own: Hands) -> dict[str, Any]:
        return await own.carry_out({"do": "last"}, 0.1)

    assert _with_hands(asked) == {"outcome": "stopped", "over_time": True}
    monkeypatch.setattr(hands, "GRACE_S", 0.1)

    async def ended(own: Hands) -> None:
        with pytest.raises(OverTime):
            await own.carry_out({"do": "last"}, 0.1)

    _with_hands(ended, "import sys, time\nfor line in sys.stdin: time.sleep(0.01)")


def test_a_worker_that_stops_asks_its_hands() -> None:
    async def act(own: Hands) -> dict[str, Any]:
        working = asyncio.create_task(own.carry_out({"do": "last"}, 60))
        while not own._busy:
            await asyncio.sleep(0)
        own.stop()
        return await working

    assert _with_hands(act)["outcome"] == "stopped"


def test_a_real_hand_ends_with_its_input() -> None:
    code = "from kobo_sync.service.hand import main; main()"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(REPO), os.environ.get("PYTHONPATH", "")])}
    hand = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
    assert hand.stdin and hand.stdout
    hand.stdin.write(b'{"folder": "/nowhere", "piece": {"mission": "m", "stage": "digest"}, "is_again": false}\n')
    hand.stdin.flush()
    assert b'"outcome": "failed"' in hand.stdout.readline()
    hand.stdin.close()
    until(lambda: hand.poll() is not None, 30, "it ends")
    hand.stdout.close()
