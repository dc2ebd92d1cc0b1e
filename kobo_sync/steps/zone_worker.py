"""A process that makes the sets of a large mission's zones and ends, while the build that asked for them waits.

Python gives little back of what it once held: the mission's set would stand on all that its zones took. What the process has not told
when it ends, for whatever reason, the build makes itself, and then meets the same fault if there is one. It works under the lock
of that build, so it ends with it: its input is closed then.
"""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from typing import BinaryIO

import msgspec

from kobo_sync.mission.mission import Mission
from kobo_sync.model import Finding, Manifest
from kobo_sync.steps import build_worker

_MAIN = "import sys; sys.path[:] = sys.argv[1:]; from kobo_sync.steps.zone_worker_process import main; main()"
_IDLE_S = 1.0  # between two messages, until the build looks whether it is to stop
_END_S = 10.0  # a paper takes less
_encode = msgspec.json.Encoder().encode


class Order(msgspec.Struct):
    """The workspace's folders, the codes of the *zones* to make sets of, and the `state` that the build found them in."""

    root: str
    kept: str
    out: str
    zones: list[str]
    state: str


class Looked(msgspec.Struct, tag=True):
    """What all zones were before the first is made: manifests and hashes of inputs by zone, the findings of those that stay as they are."""

    sets: dict[str, Manifest]
    inputs_hashes: dict[str, str]
    previous_findings: dict[str, list[Finding]]


class ZoneSet(msgspec.Struct, tag=True):
    """A zone's set that is in place now: what the build's report says of it."""

    zone: str
    manifest: Manifest
    findings: list[Finding]
    line: str
    n_files: int
    n_bytes: int


_decode: Callable[[bytes], Looked | ZoneSet] = msgspec.json.Decoder(Looked | ZoneSet).decode


def line_of(message: Order | Looked | ZoneSet) -> bytes:
    """*message* as it goes to the other process."""
    return _encode(message) + b"\n"


def made_apart(
    mission: Mission, zones: Sequence[str], state: str, waiting: Callable[[], None]
) -> Generator[Looked | ZoneSet, None, None]:
    """Have the process make the sets of *zones*, and give what it tells, until it ends; closed before, it is ended.

    *waiting* is called every second while nothing comes. Raises: nothing of its own.
    """
    folders = mission.workspace
    order = line_of(Order(str(folders.root), str(folders.state), str(folders.out), list(zones), state))
    pipe, command = subprocess.PIPE, [sys.executable, "-c", _MAIN, *sys.path]
    environ = build_worker.environ_of(mission)
    try:
        process = subprocess.Popen(command, env=environ, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
    except OSError:
        return
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    assert process.stdin and process.stdout
    reader = threading.Thread(target=_read, args=(process.stdout, lines), name="kobo-sync-zones", daemon=True)
    try:
        reader.start()
        with suppress(OSError):
            process.stdin.write(order)
            process.stdin.flush()
        while True:
            try:
                line = lines.get(timeout=_IDLE_S)
            except queue.Empty:
                waiting()
                continue
            if not line:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_END_S)
                return
            yield _decode(line)
    except msgspec.MsgspecError:  # half a line: it was killed
        return
    finally:
        _end(process)
        reader.join()


def _read(source: BinaryIO, lines: queue.SimpleQueue[bytes]) -> None:
    with source:
        for line in source:
            lines.put(line)
    lines.put(b"")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it and wait for it: it puts no set in place any more. A set that it is putting there is put whole."""
    try:
        process.terminate()
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    finally:
        with suppress(OSError):
            process.stdin.close()  # type: ignore[union-attr]
