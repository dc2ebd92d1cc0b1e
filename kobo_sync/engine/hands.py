"""The processes that a worker's pieces are carried out in: one piece at a time each, ended with the worker, whatever ends it.

A process, not a thread: the steps use what a process has once (memory that Python does not give back, collector and
signals, caches of the run, a GIL that lxml and typst hold for seconds: the worker's beat would stand still), and a
piece that must end can be ended.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

MOST_PIECES = 200  # of one hand
MOST_MB = 500  # a hand that holds more is replaced after its piece
IDLE_S = 60.0
GRACE_S = 60.0  # from being asked to stop to being ended
_LINE = 64 * 1024 * 1024


class HandDied(Exception):
    """The process ended in the middle of its piece."""


class OverTime(Exception):
    """The piece took longer than it may, and its process was ended."""


class _Hand:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.n_pieces = 0
        self.idle_since = 0.0

    def tell(self, message: Mapping[str, Any]) -> None:
        if self.process.stdin and not self.process.stdin.is_closing():
            self.process.stdin.write(json.dumps(message).encode() + b"\n")

    async def answer(self) -> dict[str, Any]:
        assert self.process.stdout
        line = await self.process.stdout.readline()
        if not line.endswith(b"\n"):
            raise HandDied
        return dict(json.loads(line))


class Hands:
    """As many processes as pieces are at work, kept for the next; *command* starts one."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        self._command, self._env = command, env
        self._idle: list[_Hand] = []
        self._busy: set[_Hand] = set()
        self._stopping = False

    async def begin(self) -> None:
        """Start one beforehand: whoever starts a worker has something to do, most likely."""
        with suppress(OSError):  # the first piece tells it
            hand = await self._new()
            hand.idle_since = asyncio.get_running_loop().time()
            self._idle.append(hand)

    async def carry_out(self, order: Mapping[str, Any], most_s: float) -> dict[str, Any]:
        """What the process answers to *order*. Raises: HandDied, OverTime."""
        self._idle = [
            each for each in self._idle if each.process.returncode is None
        ]  # one may have died since: of no piece
        hand = self._idle.pop() if self._idle else await self._new()
        self._busy.add(hand)
        try:
            hand.tell(order)
            if self._stopping:  # asked while the process was being started
                hand.tell({"stop": True})
            answer = await self._within(hand, most_s)
        except BaseException:
            await self._end(hand)
            raise
        finally:
            self._busy.discard(hand)
        hand.n_pieces += 1
        if hand.n_pieces >= MOST_PIECES or answer.get("rss_mb", 0) > MOST_MB:
            await self._end(hand)
        else:
            hand.idle_since = asyncio.get_running_loop().time()
            self._idle.append(hand)
        return answer

    async def _within(self, hand: _Hand, most_s: float) -> dict[str, Any]:
        reading = asyncio.ensure_future(hand.answer())
        done, _ = await asyncio.wait({reading}, timeout=most_s)
        if not done:
            hand.tell({"stop": True})
            done, _ = await asyncio.wait({reading}, timeout=GRACE_S)
            if not done:
                reading.cancel()
                raise OverTime
            if not reading.exception():
                return {**reading.result(), "over_time": True}
        return reading.result()

    def stop(self) -> None:
        """Ask every process at work, or about to be, to stop at its next safe point."""
        self._stopping = True
        for hand in self._busy:
            hand.tell({"stop": True})

    async def let_go(self, *, all_of_them: bool = False) -> None:
        """End the idle ones that have been so for a while: their memory goes back."""
        now = asyncio.get_running_loop().time()
        for hand in [each for each in self._idle if all_of_them or now - each.idle_since > IDLE_S]:
            self._idle.remove(hand)
            await self._end(hand)

    async def _new(self) -> _Hand:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            env=dict(self._env),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE,
        )
        return _Hand(process)

    async def _end(self, hand: _Hand) -> None:
        if hand.process.returncode is None:
            hand.process.kill()  # idle, or not to be stopped otherwise: what it stored is safe
        await hand.process.wait()
