"""One odd row is set aside with its reason and stops nothing, and leaves the quarantine once it comes well: part 7, C14."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from conftest import Field

from kobo_sync.kobo.server import KoboServer
from kobo_sync.model import Report
from kobo_sync.steps.pull import pull
from kobo_sync.store import schema
from kobo_sync.transport import Answer

Spoil = Callable[[bytes], bytes]


def _value(key: str, text: str) -> Spoil:
    def value(row: bytes) -> bytes:
        return re.sub(
            rb'"%s": ?("[^"]*"|\[[^\]]*\]|\{[^}]*\}|[^,}]+)' % key.encode(),
            b'"%s":%s' % (key.encode(), text.encode()),
            row,
        )

    return value


def _more(text: str) -> Spoil:
    return lambda row: row.rstrip()[:-1] + b"," + text.encode("latin-1") + b"}"


ODD: dict[str, Spoil] = {
    "a lone surrogate in an answer": _more(r'"note":"\ud800"'),
    "a lone surrogate in a key": _more(r'"\ud800":"x"'),
    "bytes that are no UTF-8": _more('"note":"\xff\xfe"'),
    "not a number": _more('"age":NaN'),
    "nested 10,000 deep": _more('"note":' + "[" * 10_000 + "]" * 10_000),
    "a moment beyond 9999 after its zone": _value("_submission_time", '"9999-12-31T23:30:00-05:00"'),
    "a day of zeros": _value("_submission_time", '"0000-00-00T00:00:00"'),
    "a moment that is none": _value("_submission_time", '"hier"'),
    "an id of 2**70": _value("_id", str(2**70)),
    "an id of 2**63": _value("_id", str(2**63)),
    "an id below zero": _value("_id", "-7"),
    "an id that is text": _value("_id", '"abc"'),
    "an id with a fraction": _value("_id", "5.5"),
    "an id that is null": _value("_id", "null"),
    "an id that is true": _value("_id", "true"),
    "no uuid": _value("_uuid", "null"),
    "a list for a uuid": _value("_uuid", "[1]"),
    "a status that is a number": _value("_validation_status", "5"),
    "attachments that are none": _value("_attachments", "7"),
}


def _spoilt(monkeypatch: pytest.MonkeyPatch, spoil: Spoil, code: str) -> None:
    """Let the row of the person *code* come as *spoil* makes it, in full and in light listings, by itself too."""
    real = KoboServer.get
    ids: set[int] = set()

    def get(client: KoboServer, path: str, **options: Any) -> Answer:
        got = real(client, path, **options)
        if "/data/?" not in path:
            return got
        page = json.loads(got.body)
        rows = []
        for row in page.get("results", ()):
            if row.get("code") == code:
                ids.add(row["_id"])
            raw = json.dumps(row).encode()
            rows.append(
                spoil(raw) if row["_id"] in ids and ("fields" not in path or spoil.__name__ == "value") else raw
            )
        body = b'{"count":%d,"results":[%s]}' % (page.get("count", len(rows)), b",".join(rows))
        return replace(got, body=body, packed=b"")

    monkeypatch.setattr(KoboServer, "get", get)


def _rules(report: Report) -> list[str]:
    return sorted(finding.rule for finding in report.findings)


def _aside(field: Field) -> list[str]:
    with field.mission.store.read() as connection:
        return list(connection.execute(sa.select(schema.quarantine.c.reason)).scalars())


@pytest.mark.parametrize("odd", ODD)
def test_one_odd_row_is_set_aside_and_the_others_are_stored(
    field_team: Field, monkeypatch: pytest.MonkeyPatch, odd: str
) -> None:
    for code in ("NOR-01", "NOR-02", "NOR-03"):
        field_team.person(code)
    field_team.submit("visites", {"zone": "nord"})
    with monkeypatch.context() as patch:
        _spoilt(patch, ODD[odd], "NOR-02")
        for _ in range(2):  # the second pull has nothing else to say
            report = pull(field_team.mission)
            assert "PULL011" not in _rules(report) and "PULL001" not in _rules(report), report.findings
            personnes, visites = field_team.mission.store.holdings(["personnes", "visites"])
            assert visites.n_live == 1
            assert (personnes.n_live, len(_aside(field_team))) in ((2, 1), (3, 0)), _aside(field_team)
            assert "PULL004" not in _rules(report), report.findings
            assert ("PULL007" in _rules(report)) == (personnes.n_live == 2)
            assert all(reason for reason in _aside(field_team))
    healed = pull(field_team.mission)
    assert not healed.findings and not _aside(field_team)
    assert [holding.n_live for holding in field_team.mission.store.holdings(["personnes"])] == [3]


@pytest.mark.parametrize("odd", ["a moment that is none", "an id that is text", "nested 10,000 deep"])
def test_a_held_row_that_comes_odd_once_leaves_the_quarantine(
    field_team: Field, monkeypatch: pytest.MonkeyPatch, odd: str
) -> None:
    """It returned unchanged, was taken for known, and stayed in quarantine for ever: "the server holds 74, the mirror 74"."""
    for code in ("NOR-01", "NOR-02", "NOR-03"):
        field_team.person(code)
    assert not pull(field_team.mission).findings
    with monkeypatch.context() as patch:
        _spoilt(patch, ODD[odd], "NOR-02")
        pull(field_team.mission, full=True)
    healed = pull(field_team.mission)
    assert not healed.findings and not _aside(field_team), healed.findings
    assert [holding.n_live for holding in field_team.mission.store.holdings(["personnes"])] == [3]


def test_a_server_that_gives_the_same_page_for_ever_is_told_from_a_long_list(
    field_team: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Part 7, C15: a cache in between made a pull ask 11,875 times without end."""
    for code in ("NOR-01", "NOR-02"):
        field_team.person(code)
    field_team.submit("visites", {"zone": "nord"})
    real, cached = KoboServer.get, dict[str, Answer]()
    asked: list[str] = []

    def get(client: KoboServer, path: str, **options: Any) -> Answer:
        asked.append(path)
        if "/data/?" not in path or field_team.uid("personnes") not in path:
            return real(client, path, **options)
        kind = "light" if "fields" in path else "full"  # the cache takes no heed of the query
        return cached.setdefault(kind, real(client, path, **options))

    monkeypatch.setattr(KoboServer, "get", get)
    report = pull(field_team.mission)
    (finding,) = [finding for finding in report.findings if finding.rule == "PULL001"]
    assert "were asked for" in finding.message and "proxy" in finding.hint and len(asked) < 30
    assert [holding.n_live for holding in field_team.mission.store.holdings(["visites"])] == [1]
