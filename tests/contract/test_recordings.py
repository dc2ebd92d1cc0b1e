"""Each recorded exchange with a real server, sent to a station: same status, headers that matter, same shape."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kobo_recordings import USERS, Clock, Exchange, Replay, differences, load, outline

from kobo_sync.station import Account, Station, serve

# Recordings that are not kept here, and why; every other one of a real server's is replayed below.
NOT_SERVED = {
    "a01_environment": "settings of the web interface",
    "b42_service_usage": "quotas of a hosted server",
    "e57_row_same_name": "the attachments before and after, without the row; e56 says it",
    "f51_accept_html": "a page for browsers",
    "h60_asset_summary_fields": "a table made from several answers",
    "i03_submit_triggers_hook": "a submission; what it sent to the hook is tested on the station",
    "i04_hook_logs_blocked": "the station keeps no log of calls",
    "i05_submit_triggers_hook": "as i03",
    "i06_hook_payload": "what the receiver got",
    "i07_edit_does_it_trigger": "as i03",
    "i08_hook_logs": "as i04",
    "i12_submit_for_hooks": "as i03",
    "i13_hook_payloads": "what the receiver got",
    "i14_hooks_list": "counts of calls",
    "i15_hook_logs_failing": "as i04",
    "i2*": "a port where nobody listens",
    "j*": "exports are made by kobo-sync itself",
    "k*": "paired data: kobo-sync publishes lists as CSV media",
    "l01_no_throttle": "sixty times the same answer",
    "p*": "rows left behind by a bug of the server (no rollback of MongoDB)",
    "t*": "timings",
}
# Lists that count what the steps above made, or the readings that the real server writes in its history.
OTHER_COUNT = {
    "b40_assets_deployed",
    "f53_long_in_query",
    "f60_query_empty_attachments",
    "h39_history",
    "h53_history_add",
    "m21_data_viewer",
    "m26b_history_owner_query",
    "m26c_history_asc",
    "m51_data_superuser",
}
STEPS = load()
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"


@pytest.fixture(scope="module")
def exchanges(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Exchange]]:
    chance, clock = random.Random(7), Clock()
    accounts = [Account(name, "secret", f"token-of-{name}", is_superuser=name == "admin") for name in USERS]

    def new_uid(prefix: str) -> str:
        return prefix + "".join(chance.choices(_ALPHABET, k=22 - (len(prefix) if len(prefix) == 1 else 1)))

    def new_uuid() -> str:
        text = f"{chance.getrandbits(128):032x}"
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))

    path: Path = tmp_path_factory.mktemp("station") / "station.sqlite"
    station = Station(path, accounts=accounts, clock=clock, new_uid=new_uid, new_uuid=new_uuid)
    with serve(station) as running:
        yield Replay(running.url, clock.set).run(STEPS)
    station.close()


@pytest.mark.parametrize("step", [item["step"] for item in STEPS])
def test_the_station_answers_as_the_real_server(step: str, exchanges: dict[str, Exchange]) -> None:
    exchange = exchanges[step]
    recorded = exchange.recorded
    assert exchange.status == recorded.get("status", 200), exchange.body
    if "headers" in recorded:
        assert _headers(exchange.headers) == _headers(recorded["headers"])
    if step in OTHER_COUNT:
        exchange.body["count"] = recorded["body"]["count"]
    assert list(_compared(recorded["body"], exchange.body)) == []


def test_the_table_names_only_what_is_not_replayed() -> None:
    replayed = {item["step"] for item in STEPS}
    prefixes = tuple(name.rstrip("*") for name in NOT_SERVED)
    assert len(replayed) > 300
    assert not [step for step in replayed if step.startswith(prefixes)]


def _headers(headers: dict[str, str]) -> dict[str, str]:
    """The headers that a client may rely on, with what differs by nature taken out."""
    found = {key.lower(): value for key, value in headers.items()}
    kept = {name: found[name] for name in _EXACT if name in found}
    if "www-authenticate" in found:
        kept["www-authenticate"] = re.sub(r'(nonce|opaque)="[^"]*"', r"\1", found["www-authenticate"])
    if "content-disposition" in found:
        # The real server shows attachments inline, of another host than its pages; the station has one (part 7, B10).
        kept["content-disposition"] = found["content-disposition"].partition(";")[0].replace("inline", "attachment")
    if "content-range" in found:
        kept["content-range"] = found["content-range"].partition("/")[0]
    if "location" in found:
        kept["location"] = re.sub(r"https?://[^/]+|/[^/]{20,}", "", found["location"])
    kept |= {name: "there" for name in ("etag", "last-modified") if name in found}
    return kept


_EXACT = ("content-type", "x-openrosa-version", "x-openrosa-accept-content-length", "x-kobonaut")


def _compared(recorded: Any, said: Any) -> Iterator[str]:
    if isinstance(recorded, dict) and recorded.get("_binary"):
        if not said:
            yield "no bytes"
    elif recorded is None:
        if said:
            yield f"a body where there was none: {said!r:.80}"
    elif isinstance(recorded, str):
        if recorded.startswith("<?xml") and isinstance(said, str):
            yield from (f"only in one: {path}" for path in sorted(outline(recorded) ^ outline(said)))
        elif "<html" in recorded.lower():
            if not isinstance(said, str) or "<html" not in said:
                yield "no page"
        elif recorded.strip() and not said:
            yield "no text"
    else:
        yield from differences(recorded, said)
