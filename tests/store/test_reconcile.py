"""A light scan compared page by page says what the whole listing held against the whole mirror would say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from shared_databases import place

from kobo_sync.rows.listing import LightRow
from kobo_sync.store import raw_pages, reconcile, schema
from kobo_sync.store.database import Store, open_store

NOW = datetime(2025, 2, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(place(tmp_path / "mirror.sqlite"))
    yield opened
    opened.close()


def drawn(rng: Random, n: int) -> list[dict[str, Any]]:
    """Rows of a mirror: roots are unique, ids need not be, some are gone or were missed."""
    ids = sorted(rng.choices(range(1, n + 3), k=n))
    return [
        {"root": f"r{root}", "id": ids[at], "signature": rng.choice("ab"), "gone": rng.random() < 0.2, "missed": rng.random() < 0.2}
        for at, root in enumerate(rng.sample(range(n + 3), n))
    ]  # fmt: skip


def fill(store: Store, rows: Sequence[dict[str, Any]], set_aside: Sequence[int]) -> None:
    """Make the mirror hold *rows*."""
    with store.begin() as connection:
        connection.execute(schema.submissions.delete())
        connection.execute(schema.quarantine.delete())
        for row in rows:
            values = {
                "form_id": "f", "root_uuid": row["root"], "submission_id": row["id"], "server_key": str(row["id"]),
                "uuid": row["root"], "submitted_at": NOW,
                "submitted_by": "", "form_version": "", "validation": "", "validated_at": 0, "signature": row["signature"],
                "raw_sha256": b"", "body_id": 1, "body_at": 0, "body_n": 0, "revision": 1, "first_seen_at": NOW, "changed_at": NOW,
                "missed_at": NOW if row["missed"] else None, "gone_at": NOW if row["gone"] else None,
            }  # fmt: skip
            connection.execute(schema.submissions.insert().values(values))
        for id_ in set_aside:
            aside = {"form_id": "f", "submission_id": id_, "raw": b"{}", "reason": "", "seen_at": NOW}
            connection.execute(schema.quarantine.insert().values(aside))


def expected(rows: Sequence[dict[str, Any]], listed: Sequence[LightRow]) -> tuple[list[int], dict[str, str], int]:
    """Ids to read, absent rows, submissions listed: the definitions, word by word."""
    live = [row for row in rows if not row["gone"]]
    pairs = {(row.submission_id, row.root_uuid) for row in listed}
    roots = {row.root_uuid for row in listed}

    def is_held(seen: LightRow) -> bool:
        mine = (seen.submission_id, seen.root_uuid, seen.signature)
        return any((row["id"], row["root"], row["signature"]) == mine and not row["missed"] for row in live)

    def is_double(seen: LightRow) -> bool:
        same = [row for row in live if row["root"] == seen.root_uuid]
        return any(row["id"] > seen.submission_id and (row["id"], row["root"]) in pairs for row in same)

    to_read = [seen.submission_id for seen in listed if not is_held(seen) and not is_double(seen)]
    return to_read, {row["root"]: str(row["id"]) for row in live if row["root"] not in roots}, len(roots)


@pytest.mark.parametrize("many", [0, 10_000])
def test_page_by_page_is_as_the_whole(store: Store, many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "MANY", many)
    for seed in range(60):
        rng = Random(seed)
        n = rng.choice((0, 1, 6, 12))
        rows = drawn(rng, n)
        ids = sorted(rng.sample(range(1, n + 6), rng.randrange(n + 5)))
        by_id = {row["id"]: row for row in rows if rng.random() < 0.8}
        listed = []
        for id_ in ids:
            like = by_id.get(id_)
            root = like["root"] if like else f"r{rng.randrange(n + 6)}"
            listed.append(LightRow(id_, root, like["signature"] if like and rng.random() < 0.7 else rng.choice("ab")))
        set_aside = sorted(rng.sample(range(1, n + 6), 2))
        fill(store, rows, set_aside)

        pages = [listed[at : at + 3] for at in range(0, len(listed), 3)]
        comparison = reconcile.reconcile(store, "f", pages)

        to_read, absent, n_distinct = expected(rows, listed)
        assert (list(comparison.to_read), dict(comparison.absent)) == (to_read, absent), seed
        assert (comparison.n_rows, comparison.n_distinct, comparison.last_id) == (
            len(listed), n_distinct, max(ids, default=-1),
        ), seed  # fmt: skip
        with store.read() as connection:
            left = set(connection.execute(sa.select(schema.quarantine.c.submission_id)).scalars())
        assert left == {id_ for id_ in set_aside if id_ in ids}, seed


def test_rows_are_cut_alike_however_the_page_was_put_together() -> None:
    raws = [b'{"_id":1}', b'{"_id":2,"a":"b"}', b'{"_id":3}']
    tight = b'{"results":[' + b",".join(raws) + b"]}"
    spaced = b'{"results": [ ' + b" ,\n ".join(raws) + b" ]}"
    for body, some in ((tight, raws), (spaced, raws), (tight, raws[1:]), (tight, [raws[0], raws[2]])):
        places = raw_pages._cut(body, some)
        assert places is not None
        assert [body[at : at + n] for at, n in places] == some
