"""A room full of phones at one station: errors, submissions a second, waits and memory, beside what the disk flushes.

Usage: ``python benchmarks/station.py [--clients 30] [--each 10] [--answers 5000] [--photo 200000] [--memory 20000]
[--data DIR] [--runs 1] [--records]``. Each client signs in by Digest as KoboCollect does (HEAD, then POST), on a connection of its own, and sends
its submissions one after the other; station and clients are processes of their own. The same is done over TLS. *Waits* are from the
POST's first byte to its answer. ``flushes`` is how often a second this disk takes a file of the same size and flushes it, measured right
before: a station that writes each submission twice (log, then file) and flushes before it answers can come near half
of it. ``--memory N`` sends N more and prints the station's memory on the way (0: not measured).
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import itertools
import json
import multiprocessing
import os
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import parse_http_list, parse_keqv_list

from records import emit

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "station")]
USER, PASSWORD, TOKEN = "agent", "trois mots sans lien", "token-of-the-benchmark"
STATION = """
import sys, uuid
from datetime import UTC, datetime
from pathlib import Path
from kobo_sync.station import Account, Station, serve
from kobo_sync.station.certificate import server_context
path, user, password, token, tls = sys.argv[1:]
station = Station(
    Path(path),
    accounts=[Account(user, password), Account("administration", "", token, is_superuser=True)],
    clock=lambda: datetime.now(UTC),
    new_uid=lambda prefix: (prefix + uuid.uuid4().hex)[:22],
    new_uuid=lambda: str(uuid.uuid4()),
    url_scheme="https" if tls else "http",
)
running = serve(station, tls=server_context(Path(tls)) if tls else None)
print(running.url, flush=True)
sys.stdin.read()
"""


class Phone:
    """One client: a connection, and Digest with one nonce for as long as the server takes it."""

    def __init__(self, url: str, trusted: str) -> None:
        address = urlsplit(url)
        context = ssl.create_default_context(cafile=trusted) if trusted else None
        self._line = (
            http.client.HTTPSConnection(address.netloc, timeout=120, context=context)
            if context
            else http.client.HTTPConnection(address.netloc, timeout=120)
        )
        self._challenge: dict[str, str] = {}
        self._count = itertools.count(1)

    def _authorization(self, method: str) -> str:
        nonce, count = self._challenge["nonce"], f"{next(self._count):08x}"
        first = _md5(f"{USER}:{self._challenge['realm']}:{PASSWORD}")
        response = _md5(f"{first}:{nonce}:{count}:c0:auth:{_md5(f'{method}:/submission')}")
        return (
            f'Digest username="{USER}", realm="{self._challenge["realm"]}", nonce="{nonce}", uri="/submission",'
            f' response="{response}", qop=auth, nc={count}, cnonce="c0", algorithm="MD5"'
        )

    def _ask(self, method: str, body: bytes | None, headers: dict[str, str]) -> int:
        signed = {"Authorization": self._authorization(method)} if self._challenge else {}
        self._line.request(method, "/submission", body, {"X-OpenRosa-Version": "1.0", **headers, **signed})
        answer = self._line.getresponse()
        answer.read()
        challenge = answer.getheader("WWW-Authenticate", "")
        if answer.status == 401 and challenge.startswith("Digest "):
            self._challenge = parse_keqv_list(parse_http_list(challenge.removeprefix("Digest ")))
            self._count = itertools.count(1)
        return answer.status

    def sign_in(self) -> None:
        """HEAD until the station knows the phone."""
        while self._ask("HEAD", None, {}) == 401:
            pass

    def send(self, body: bytes, boundary: str) -> int:
        """POST one submission; signs anew when the nonce has aged."""
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        status = self._ask("POST", body, headers)
        return self._ask("POST", body, headers) if status == 401 else status


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _body(form_id: str, n_answers: int, photo: bytes) -> tuple[bytes, str]:
    boundary, key = uuid.uuid4().hex, uuid.uuid4()
    xml = f'<{form_id} id="{form_id}"><nom>{"a" * n_answers}</nom><photo>photo.jpg</photo><meta><instanceID>uuid:{key}</instanceID></meta></{form_id}>'
    parts = (
        ("xml_submission_file", "s.xml", "text/xml", xml.encode()),
        ("photo.jpg", "photo.jpg", "image/jpeg", photo),
    )
    head = '--{}\r\nContent-Disposition: form-data; name="{}"; filename="{}"\r\nContent-Type: {}\r\n\r\n'
    body = b"".join(head.format(boundary, *part[:3]).encode() + part[3] + b"\r\n" for part in parts)
    return body + f"--{boundary}--\r\n".encode(), boundary


def _room(
    url: str, trusted: str, form_id: str, clients: int, each: int, answers: int, photo: int, told: object
) -> None:
    """All clients, in a process of their own; *told* gets (seconds in all, statuses, waits in seconds)."""
    start = threading.Barrier(clients + 1)
    statuses: list[int] = []
    waits: list[float] = []

    def phone() -> None:
        line = Phone(url, trusted)
        line.sign_in()
        pictures = [os.urandom(photo) for _ in range(2)]
        start.wait()
        for n in range(each):
            body, boundary = _body(form_id, answers, os.urandom(16) + pictures[n % 2][16:])
            began = time.perf_counter()
            statuses.append(line.send(body, boundary))
            waits.append(time.perf_counter() - began)

    threads = [threading.Thread(target=phone) for _ in range(clients)]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    told.put((time.perf_counter() - began, statuses, waits))  # type: ignore[attr-defined]


def _flushes(folder: Path, size: int, seconds: float = 2.0) -> float:
    """Files of *size* bytes written and flushed a second, one after the other."""
    content, n, began = os.urandom(size), 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        with (folder / "flushed").open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        n += 1
    return n / (time.perf_counter() - began)


def _memory_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def _credential(folder: Path) -> tuple[str, str]:
    from kobo_sync.station.certificate import new_authority, new_certificate

    now = datetime.now(UTC)
    authority = new_authority("Benchmark", now)
    (folder / "station.pem").write_bytes(new_certificate(authority, ["127.0.0.1"], now).pem)
    (folder / "trusted.pem").write_bytes(authority.certificate)
    return str(folder / "station.pem"), str(folder / "trusted.pem")


def _deployed(url: str, trusted: str) -> str:
    import requests
    from station_bench import Bench

    with requests.Session() as session:
        session.trust_env, session.verify = False, trusted or True
        session.headers["Authorization"] = f"Token {TOKEN}"
        field = Bench(None, url, session)  # type: ignore[arg-type]
        field.deploy()
    return field.uid


def _measure(folder: Path, options: argparse.Namespace, tls: bool) -> None:
    folder.mkdir(parents=True)
    credential, trusted = _credential(folder) if tls else ("", "")
    flushes = _flushes(folder, options.answers + options.photo)
    words = [sys.executable, "-c", STATION, str(folder / "station.sqlite"), USER, PASSWORD, TOKEN, credential]
    child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    with child:
        assert child.stdout is not None
        url = child.stdout.readline().strip()
        form_id = _deployed(url, trusted)
        told: multiprocessing.Queue[tuple[float, list[int], list[float]]] = multiprocessing.Queue()

        def send(each: int) -> tuple[float, list[int], list[float]]:
            sizes = (options.clients, each, options.answers, options.photo)
            room = multiprocessing.Process(target=_room, args=(url, trusted, form_id, *sizes, told))
            room.start()
            result = told.get(timeout=3600)
            room.join()
            return result

        seconds, statuses, waits = send(options.each)
        cuts = statistics.quantiles(waits, n=20)
        rate = len(statuses) / seconds
        line, n_errors, median = "TLS" if tls else "plain", sum(status != 201 for status in statuses), cuts[9]
        if options.records:
            note = f"{n_errors} errors; {rate:.0f} a second, the disk flushes {flushes:.0f}: {rate / flushes:.2f}; p95 {cuts[18]:.2f} s"
            what = f"a phone waits, {line}"
            emit(what, options.run, n=options.clients * options.each, s=median, mb=_memory_mb(child.pid), note=note)
        else:
            print(
                f"| {line} | {len(statuses)} | {n_errors} | {rate:.0f} | {median * 1000:.0f} | {cuts[18] * 1000:.0f} |"
                f" {max(waits) * 1000:.0f} | {flushes:.0f} | {rate / flushes:.2f} | {_memory_mb(child.pid):.0f} |",
                flush=True,
            )
        if options.memory and not tls:
            n_parts = 8
            marks = [_memory_mb(child.pid)]
            errors = 0
            for _ in range(n_parts):
                _, statuses, _ = send(options.memory // n_parts // options.clients)
                errors += sum(status != 201 for status in statuses)
                marks.append(_memory_mb(child.pid))
            shown = ", ".join(f"{mark:.0f}" for mark in marks)
            print(f"\nmemory over {options.memory} more, in MB: {shown} (errors: {errors})\n", flush=True)
        assert child.stdin is not None
        child.stdin.close()
        child.terminate()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for name, default in (("clients", 30), ("each", 10), ("answers", 5000), ("photo", 200_000), ("memory", 20_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--data", type=Path, help="a folder on the disk to measure (default: a temporary one)")
    parser.add_argument("--records", action="store_true", help="records instead of a table, see `records`")
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args()
    if not options.records:
        shown = {name: value for name, value in vars(options).items() if name not in ("data", "records", "runs")}
        print(json.dumps(shown))
        heads = "line submissions errors a_second median_ms p95_ms longest_ms flushes_a_second ratio MB".split()
        print(f"| {' | '.join(heads).replace('_', ' ')} |\n|{'---|' * len(heads)}")
    for run in range(1, options.runs + 1):
        options.run = run
        folder = Path(tempfile.mkdtemp(dir=options.data))
        try:
            _measure(folder / "plain", options, tls=False)
            _measure(folder / "tls", options, tls=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
