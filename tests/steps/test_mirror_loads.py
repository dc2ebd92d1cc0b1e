"""A first reading appends its rows unseen, and ends as if each had been looked up; older files are brought up."""

from __future__ import annotations

import json
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import PERSONNES, VISITES, Field
from mirror_truth import mirror_state

from kobo_sync.errors import StoreError
from kobo_sync.forms.xlsform import read_form
from kobo_sync.rows.listing import Page, split_page
from kobo_sync.steps.history import history
from kobo_sync.steps.pull import pull
from kobo_sync.store import bulk_load, schema
from kobo_sync.store.database import Store, open_store
from kobo_sync.store.mirror import Mirror

NOW = datetime(2025, 2, 12, tzinfo=UTC)
PEOPLE, VISITS = read_form(PERSONNES.encode(), "personnes.md"), read_form(VISITES.encode(), "visites.md")
PHOTO = b"\x89PNG\r\n\x1a\nabc"


def _page(*rows: tuple[int, str], of: str = "code") -> Page:
    """A page of rows (id, root uuid), each with an answer and a file of its own."""
    results = [
        {
            "_id": submission_id,
            "_uuid": f"{root}-{submission_id}",
            "meta/rootUuid": root,
            "_submission_time": "2025-02-11T08:00:00",
            of: f"{root}{submission_id}",
            "_attachments": [{"uid": f"att{submission_id}", "media_file_basename": "a.png", "download_url": "x"}],
        }
        for submission_id, root in rows
    ]
    return split_page(json.dumps({"count": len(rows), "results": results}).encode())


PAGES = (_page((1, "a"), (2, "b"), (3, "c")), _page((4, "d"), (5, "b"), (6, "e"), (7, "e")), _page((9, "a")))


def _held(store: Store) -> dict[str, list[Any]]:
    """All that is held, but for the numbers of rows."""
    tables = ("submissions", "attachments", "revisions", "cursors", "data_personnes", "data_visites", "facts")
    found: dict[str, list[Any]] = {}
    with store.begin() as connection:
        for table in tables:
            rows = connection.exec_driver_sql(f"SELECT * FROM {table}").mappings()
            found[table] = sorted(
                repr({key: value for key, value in row.items() if key not in ("row_id", "body_id", "body_at")})
                for row in rows
            )
        indexes = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
        found["indexes"] = sorted(indexes.scalars())
    return found


def _mirror(path: Path, *, reopened: bool = False) -> Mirror:
    mirror = Mirror(open_store(path), PEOPLE)
    other = Mirror(mirror.store, VISITS)
    if not reopened:
        other.prepare()
    mirror.prepare()
    return mirror


def _disturbed(mirror: Mirror) -> dict[str, list[Any]]:
    held = _held(mirror.store)
    mirror.store.close()
    # A row that was held before is a revision, one met in a first reading is not: the rest is the same.
    held["revisions"] = []
    held["submissions"] = [row.partition("'revision'")[0] for row in held["submissions"]]
    return held


def test_doubles_over_the_pages_of_a_first_reading_end_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = _mirror(tmp_path / "fast.sqlite")
    for page in PAGES:
        fast.write_page(page, NOW, advance=True)
    with fast.store.begin() as connection:
        assert bulk_load.loading(connection, "personnes") == "personnes"
    fast.index()
    assert (fast.tally.counts["new"], fast.tally.counts["doubles"], fast.cursor().n_live) == (5, 3, 5)
    monkeypatch.setattr(bulk_load, "may_load", lambda *_: False)
    slow = _mirror(tmp_path / "slow.sqlite")
    for page in PAGES:
        slow.write_page(page, NOW, advance=True)
    slow.index()
    assert slow.cursor().n_live == 5
    with fast.store.begin() as connection:
        codes = connection.exec_driver_sql("SELECT code FROM data_personnes ORDER BY code").scalars().all()
        files = connection.exec_driver_sql("SELECT attachment_uid FROM attachments ORDER BY 1").scalars().all()
    assert codes == ["a9", "b5", "c3", "d4", "e7"] and files == ["att3", "att4", "att5", "att7", "att9"]
    one, other = _disturbed(fast), _disturbed(slow)
    one.pop("attachments"), other.pop("attachments")  # the lower double's file was listed once, and is no longer
    assert one == other


def test_the_log_is_copied_behind_the_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = _mirror(tmp_path / "plain.sqlite")
    for page in PAGES:
        plain.write_page(page, NOW, advance=True)
    plain.index()
    monkeypatch.setattr("kobo_sync.store.mirror.FLUSHED_BYTES", -1)
    behind = _mirror(tmp_path / "behind.sqlite")
    for page in PAGES:
        behind.write_page(page, NOW, advance=True)
    behind.index()
    for _ in range(2):  # the one under way since the last page, and one that sees all
        thread = behind.store.flush_behind()
        assert thread
        thread.join()
    shutil.copy(tmp_path / "behind.sqlite", tmp_path / "file-alone.sqlite")  # without its log
    assert Mirror(open_store(tmp_path / "file-alone.sqlite"), PEOPLE).recount_live() == 5
    assert _disturbed(behind) == _disturbed(plain)


@pytest.mark.parametrize("other_first", [False, True])
def test_a_first_reading_that_was_killed_goes_on_or_is_put_in_order(tmp_path: Path, other_first: bool) -> None:
    path = tmp_path / "mirror.sqlite"
    killed = _mirror(path)
    killed.write_page(PAGES[0], NOW, advance=True)
    killed.write_page(PAGES[1], NOW, advance=True)
    killed.store.close()
    if other_first:
        store = open_store(path)
        visits = Mirror(store, VISITS)
        visits.prepare()
        visits.write_page(_page((20, "v"), of="zone"), NOW, advance=True)
        visits.index()
        store.close()
    again = _mirror(path, reopened=True)
    again.write_page(_page((7, "e")), NOW, advance=True)  # the overlap
    again.write_page(PAGES[2], NOW, advance=True)
    again.index()
    with again.store.begin() as connection:
        codes = connection.exec_driver_sql("SELECT code FROM data_personnes ORDER BY code").scalars().all()
        assert bulk_load.loading(connection, "personnes") is None
    assert codes == ["a9", "b5", "c3", "d4", "e7"] and again.recount_live() == again.cursor().n_live == 5
    assert {"submissions_by_root", "attachments_by_file"} <= set(_held(again.store)["indexes"])
    again.store.close()


def test_a_small_form_in_a_large_mirror_is_looked_up_row_by_row(tmp_path: Path) -> None:
    mirror = _mirror(tmp_path / "mirror.sqlite")
    mirror.write_page(_page(*((n, f"r{n}") for n in range(1, 60))), NOW, advance=True)
    mirror.index()
    visits = Mirror(mirror.store, VISITS)
    visits.write_page(_page((70, "v"), of="zone"), NOW, advance=True)
    with mirror.store.begin() as connection:
        assert bulk_load.loading(connection, "personnes") is None
    mirror.store.close()


OLDER = """
CREATE TABLE submissions_2 (form_id VARCHAR NOT NULL, root_uuid VARCHAR NOT NULL, submission_id BIGINT NOT NULL, uuid VARCHAR NOT NULL, submitted_at VARCHAR(32) NOT NULL, submitted_by VARCHAR NOT NULL, form_version VARCHAR NOT NULL, validation VARCHAR NOT NULL, validated_at BIGINT NOT NULL, signature VARCHAR NOT NULL, raw_sha256 BLOB NOT NULL, content_sha256 VARCHAR NOT NULL, body_id INTEGER NOT NULL, body_at INTEGER NOT NULL, body_n INTEGER NOT NULL, revision INTEGER NOT NULL, first_seen_at VARCHAR(32) NOT NULL, changed_at VARCHAR(32) NOT NULL, missed_at VARCHAR(32), gone_at VARCHAR(32), PRIMARY KEY (form_id, root_uuid));
CREATE TABLE attachments_2 (form_id VARCHAR NOT NULL, root_uuid VARCHAR NOT NULL, attachment_uid VARCHAR NOT NULL, filename VARCHAR NOT NULL, question_path VARCHAR NOT NULL, mimetype VARCHAR NOT NULL, url VARCHAR NOT NULL, is_deleted BOOLEAN NOT NULL, is_current BOOLEAN NOT NULL, sha256 VARCHAR, sniffed VARCHAR, n_bytes BIGINT, stored_at VARCHAR(32), error TEXT, PRIMARY KEY (form_id, root_uuid, attachment_uid));
"""


def _as_version_2(path: Path) -> None:
    """Rewrite a mirror as version 2 had it."""
    file = sqlite3.connect(path)
    file.executescript(OLDER)
    for table in ("submissions", "attachments"):
        names = ", ".join(row[1] for row in file.execute(f"PRAGMA table_info({table}_2)"))
        file.execute(f"INSERT INTO {table}_2 ({names}) SELECT {names} FROM {table} ORDER BY root_uuid DESC")
        file.execute(f"DROP TABLE {table}")
        file.execute(f"ALTER TABLE {table}_2 RENAME TO {table}")
    file.execute("CREATE INDEX submissions_by_id ON submissions (form_id, submission_id)")
    file.execute("CREATE INDEX attachments_wanted ON attachments (form_id) WHERE sha256 IS NULL")
    short = "substr(signature, 1, instr(signature, ' /') - 1)"
    file.execute(f"UPDATE submissions SET signature = {short} WHERE signature LIKE '% /%'")
    file.execute("UPDATE facts SET value = '2' WHERE name = 'schema_version'")
    file.commit()
    file.close()


def test_a_file_of_version_2_keeps_all_it_holds(field_team: Field) -> None:
    first = field_team.person("N1", note="avant")
    gone = field_team.person("N2")
    field_team.submit("visites", {"zone": "nord", "photo": "a.png"}, files={"a.png": (PHOTO, "image/png")})
    pull(field_team.mission)
    field_team.clock.forward(hours=2)
    given = {"zone": "nord", "accord": "oui", "code": "N1", "nom": "B", "groupe": "a", "note": None}
    field_team.submit("personnes", given, edits=first)
    field_team.mission.reader().delete_submission(field_team.uid("personnes"), str(gone))
    pull(field_team.mission)
    before, told = mirror_state(field_team.mission), history(field_team.mission, first).lines
    path = field_team.mission.workspace.database
    field_team.mission.close()
    _as_version_2(path)
    mission = field_team.reopen()
    assert mirror_state(mission) == before and history(mission, first).lines == told
    field_team.clock.forward(hours=2)
    field_team.person("N3")
    report = pull(mission)
    assert report.counts["new"] == 1 and not report.has_errors
    assert not report.counts.get("edited") and not report.counts.get("files")
    said = pull(mission, explain=True).lines
    assert [line for line in said if "light scan" in line and "0 differ" not in line] == []
    with mission.store.begin() as connection:
        version = connection.exec_driver_sql("SELECT value FROM facts WHERE name = 'schema_version'").scalar()
    assert version == str(schema.VERSION)


@pytest.mark.parametrize(("version", "said"), [("1", "trial version"), ("99", "update kobo-sync")])
def test_a_file_that_cannot_be_brought_up_is_left_alone(tmp_path: Path, version: str, said: str) -> None:
    path = tmp_path / "mirror.sqlite"
    open_store(path).close()
    file = sqlite3.connect(path)
    file.execute("UPDATE facts SET value = ?", (version,))
    file.commit()
    file.close()
    before = path.read_bytes()
    with pytest.raises(StoreError) as refusal:
        open_store(path)
    assert said in f"{refusal.value.message} {refusal.value.hint}" and path.read_bytes() == before
