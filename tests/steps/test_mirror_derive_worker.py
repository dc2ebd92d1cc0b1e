"""A large first reading has its pages derived by a second process, and ends as if there were none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import REPO, VISITES, Field
from page_size import ask_for
from shared_databases import place

from kobo_sync.databases.dialects import SQLITE
from kobo_sync.errors import KoboUnreachable
from kobo_sync.forms.xlsform import read_form
from kobo_sync.kobo.server import KoboServer
from kobo_sync.rows.listing import Page, split_page
from kobo_sync.steps.pull import pull
from kobo_sync.store.database import Store, open_store
from kobo_sync.store.derive_worker import DeriveWorker
from kobo_sync.store.mirror import Mirror
from kobo_sync.store.tables.layout import flat_tables

NOW = datetime(2025, 2, 12, tzinfo=UTC)
VISITS = read_form(VISITES.encode(), "visites.md")
TABLES = ("submissions", "attachments", "data_visites", "data_visites__membre", "cursors")


def _row(n: int, **more: Any) -> dict[str, Any]:
    return {
        "_id": n,
        "_uuid": f"u{n}",
        "meta/rootUuid": f"uuid:r{n}",
        "_submission_time": "2025-02-11T08:00:00",
        "zone": "nord",
        "lieu/gps": "31.5 -5.25 0 0",
        "photo": "a.png",
        "membre": [{"membre/prenom": f"Élève {at}", "membre/annees": str(at)} for at in range(n % 4)],
        "_attachments": [{"uid": f"att{n}", "media_file_basename": "a.png", "download_url": "x"}] * (n % 3 > 0),
        **more,
    }


def _page(*rows: dict[str, Any]) -> Page:
    return split_page(json.dumps({"count": 40, "results": rows}, ensure_ascii=False).encode())


PAGES = (
    _page(*(_row(n) for n in range(1, 10))),
    _page(*(_row(n) for n in range(10, 20))),
    _page(_row(20), _row(21, retirée="oui"), _row(22)),  # a question that the form no longer has
    _page(_row(23, retirée="non"), _row(24)),
    _page(_row(25, photo=12), _row(26, membre=[{"membre/annees": "deux"}])),  # neither a text nor a number
    _page(_row(27), _row(27)),  # listed twice
    _page(*(_row(n) for n in range(28, 40))),
)


@pytest.fixture
def helped(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[DeriveWorker]]:
    """Have every first reading helped; gives the processes that did."""
    helpers: list[DeriveWorker] = []

    class Seen(DeriveWorker):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.taken = 0
            helpers.append(self)

        def take(self, page: Page) -> Any:
            derived = super().take(page)
            self.taken += derived is not None
            return derived

    monkeypatch.setattr("kobo_sync.store.mirror.WORTH", 1)
    monkeypatch.setattr("kobo_sync.store.flat_tables.spare_processor", lambda: True)
    monkeypatch.setattr("kobo_sync.store.flat_tables.DeriveWorker", Seen)
    yield helpers
    assert all(helper._process.returncode is not None for helper in helpers), "a process was left behind"


def _held(store: Store) -> dict[str, list[str]]:
    with store.begin() as connection:
        return {
            table: [repr(dict(row)) for row in connection.exec_driver_sql(f"SELECT * FROM {table}").mappings()]
            for table in TABLES
        }


def _read(path: Path, pages: Sequence[Page], *, end_before: int = 0) -> tuple[dict[str, list[str]], Mirror]:
    """Read as a pull does, each page known while the one before is written."""
    mirror = Mirror(open_store(place(path)), VISITS)
    mirror.prepare()
    for at, page in enumerate(pages, 1):
        if at == end_before:
            aside = mirror._flat._aside
            assert aside
            aside._process.kill()
            aside._process.wait()
        following = pages[at] if at < len(pages) else None
        mirror.write_page(page, NOW, advance=True)
        if following:
            mirror.ahead(following)
    mirror.index()
    held = _held(mirror.store)
    mirror.store.close()
    return held, mirror


def test_a_helped_reading_ends_as_one_alone(
    tmp_path: Path, helped: list[DeriveWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_help, mirror = _read(tmp_path / "with.sqlite", PAGES)
    assert [helper.taken for helper in helped] == [4]  # not the first, nor those with unknown keys or odd values
    monkeypatch.setattr("kobo_sync.store.mirror.WORTH", 1_000)
    alone, other = _read(tmp_path / "alone.sqlite", PAGES)
    assert len(helped) == 1
    assert with_help == alone and len(alone["data_visites"]) == 39
    assert mirror.tally == other.tally and mirror.tally.unknown == {"retirée"} and mirror.tally.misfits == {"annees"}


@pytest.mark.parametrize("at", [2, 4, 7])
def test_its_death_changes_nothing(tmp_path: Path, helped: list[DeriveWorker], at: int) -> None:
    undisturbed, _ = _read(tmp_path / "one.sqlite", PAGES)
    bereft, _ = _read(tmp_path / "two.sqlite", PAGES, end_before=at)
    assert len(helped) == 2 and bereft == undisturbed


def test_a_pull_is_helped_and_its_tables_are_those_of_a_rebuild(field_team: Field, helped: list[DeriveWorker]) -> None:
    for n in range(60):
        field_team.submit("visites", {"zone": "nord", "membre": [{"prenom": f"Élève {n}", "annees": n}] * (n % 3)})
    ask_for(field_team.mission, 25)
    turns = sys.getswitchinterval()
    pull(field_team.mission, form_ids=["visites"])
    assert sys.getswitchinterval() == turns
    assert [helper.taken > 0 for helper in helped] == [True]
    pulled = _held(field_team.mission.store)
    Mirror(field_team.mission.store, field_team.mission.forms["visites"]).rebuild()
    assert {table: sorted(rows) for table, rows in pulled.items()} == {
        table: sorted(rows) for table, rows in _held(field_team.mission.store).items()
    }


def test_a_pull_that_fails_in_between_leaves_no_process(
    field_team: Field, helped: list[DeriveWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(30):
        field_team.person(f"c{n}")
    ask_for(field_team.mission, 10)
    pages = KoboServer.pages

    def broken(*arguments: Any, **options: Any) -> Iterator[Page]:
        for n, page in enumerate(pages(*arguments, **options)):
            if n == 2:
                raise KoboUnreachable("gone", method="GET", url="/")
            yield page

    def gone(_client: KoboServer) -> str:
        raise KoboUnreachable("gone", method="GET", url="/")

    monkeypatch.setattr(KoboServer, "pages", broken)
    monkeypatch.setattr(KoboServer, "me", gone)  # the whole server: one project alone would be a finding
    with pytest.raises(KoboUnreachable):
        pull(field_team.mission, form_ids=["personnes"])
    assert len(helped) == 1


def test_an_empty_page_is_no_work() -> None:
    helper = DeriveWorker(flat_tables(VISITS), VISITS, SQLITE)
    for page in (_page(), PAGES[0]):  # the last one that a server gives is empty
        helper.send(page)
    assert helper.take(_page()) is None and helper.take(PAGES[0]) is not None
    helper.close()


ORPHAN = """
import sys, time
from kobo_sync.forms.xlsform import read_form
from kobo_sync.databases.dialects import SQLITE
from kobo_sync.store.derive_worker import DeriveWorker
from kobo_sync.store.tables.layout import flat_tables
form = read_form(sys.stdin.buffer.read(), "visites.md")
print(DeriveWorker(flat_tables(form), form, SQLITE)._process.pid, flush=True)
time.sleep(60)
"""


def test_it_ends_with_the_process_that_pulls(tmp_path: Path) -> None:
    pulling = subprocess.Popen(
        [sys.executable, "-c", ORPHAN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPO)},
    )
    assert pulling.stdin and pulling.stdout
    pulling.stdin.write(VISITES.encode())
    pulling.stdin.close()
    helper = int(pulling.stdout.readline())
    pulling.kill()
    pulling.wait()
    pulling.stdout.close()
    for _ in range(200):
        try:
            os.kill(helper, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("the second process outlives the first")
