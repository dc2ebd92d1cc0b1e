"""A mirror in PostgreSQL: odd characters, long names, wide tables, and every way in which a server refuses. Part 10, 1."""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from kobo_sync.databases import engines
from kobo_sync.databases.dialects import POSTGRESQL, SQLITE
from kobo_sync.databases.engines import Address
from kobo_sync.desk.database import Desk
from kobo_sync.errors import ConfigError, StoreError
from kobo_sync.forms.xlsform import read_form
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Form
from kobo_sync.rows.listing import Page, split_page
from kobo_sync.store.database import Store
from kobo_sync.store.migrations import MIRROR
from kobo_sync.store.mirror import Mirror
from kobo_sync.store.submissions import Tally
from kobo_sync.workspace.folders import Workspace

pytestmark = [pytest.mark.postgres, pytest.mark.one_database]
NOW = datetime(2025, 2, 12, tzinfo=UTC)
FORM = """
| survey |
|        | type | name | label |
|        | text | note | Note |
|        | integer | age | Âge |
|        | dateTime | moment | Moment |
| settings |
|        | form_title | form_id |
|        | Essai | essai |
"""


@pytest.fixture
def address(postgres: str) -> Address:
    return Address(postgres, f"store_{secrets.token_hex(6)}", "STORE_URL")


@pytest.fixture
def store(address: Address) -> Iterator[Store]:
    opened = Store(address)
    yield opened
    opened.close()


def _form(text: str = FORM) -> Form:
    return read_form(text.encode(), "essai.md")


def _page(*answers: dict[str, object], first: int = 1) -> Page:
    rows = [
        {
            "_id": number,
            "_uuid": f"00000000-0000-4000-8000-{number:012}",
            "_submission_time": "2025-02-11T10:00:00",
            "_xform_id_string": "essai",
            "__version__": "1",
            **each,
        }
        for number, each in enumerate(answers, first)
    ]
    return split_page(json.dumps({"count": len(rows), "next": None, "previous": None, "results": rows}).encode())


def _filled(store: Store, page: Page, form: Form | None = None) -> Mirror:
    mirror = Mirror(store, form or _form(), Tally())
    mirror.prepare()
    mirror.write_page(page, NOW, advance=True)
    mirror.index()
    return mirror


# ── what it holds ──


@pytest.mark.parametrize(
    "text", ["tab\tline\nreturn\r back\\slash \\N \\.", "٤ عربية ⵜⴰⵎⴰⵣⵉⵖⵜ 🌱", "", "\\x00", "{}", "'\"%s %(a)s ?"]
)
def test_every_text_comes_back_as_it_was(store: Store, text: str) -> None:
    mirror = _filled(store, _page({"note": text, "age": "7"}, {"age": "8"}))
    table = store.read_table(store.tables(mirror.form)[0])
    notes = [None if note is None else note for note in table["note"]]
    assert notes == [text or None, None] or notes == [text, None]
    assert table["age"].tolist() == [7, 8] and not mirror.tally.altered
    assert store.count_answers("essai", "age") == 2


def test_what_it_cannot_keep_is_shown_told_and_stays_in_the_rows_as_received(store: Store, tmp_path: Path) -> None:
    page = _page({"note": "avant\0après"}, {"note": "bien"})
    mirror = _filled(store, page)
    assert store.read_table(store.tables(mirror.form)[0])["note"].tolist() == ["avant\ufffdaprès", "bien"]
    assert mirror.tally.altered == {"note"}
    with store.read() as connection:
        from kobo_sync.store.erasure import raw_rows

        assert connection and page.rows[0][1] in list(raw_rows(store, "essai"))
    here = Store(tmp_path / "mirror.sqlite")
    assert _filled(here, page).tally.altered == set()
    assert here.read_table(here.tables(mirror.form)[0])["note"][0] == "avant\0après"
    here.close()


def test_names_longer_than_it_takes_and_labels_of_whole_sentences(store: Store) -> None:
    long_name = "question_" + "a" * 70
    label = "Dans quelle mesure êtes-vous d’accord avec ce que la formation vous a apporté"
    text = FORM.replace(
        "|        | integer",
        f"|        | text | {long_name}_1 | {label} un ? |\n|        | text | {long_name}_2 | {label} deux ? |\n|        | integer",
    )
    form = _form(text)
    _filled(
        store, _page({f"{long_name}_1": "un", f"{long_name}_2": "deux", "moment": "2025-02-11T10:00:00+01:00"}), form
    )
    table = store.read_table(store.tables(form)[0])
    assert table[f"{long_name}_1"].tolist() == ["un"] and table[f"{long_name}_2"].tolist() == ["deux"]
    with store.read() as connection:
        (row,) = connection.exec_driver_sql("SELECT * FROM v_essai").mappings().all()
    assert "2025-02-11T09:00:00Z" in row.values() and {"un", "deux"} <= set(row.values())
    assert all(len(name.encode()) <= 63 for name in row)


def test_a_moment_that_is_none_breaks_no_view(store: Store) -> None:
    _filled(store, _page({"moment": "hier"}, {"moment": "2025-02-30T10:00:00Z"}))
    with store.read() as connection:
        rows = connection.exec_driver_sql('SELECT "Moment", "Moment (UTC)" FROM v_essai ORDER BY 1').all()
    assert [tuple(row) for row in rows] == [("2025-02-30T10:00:00Z", None), ("hier", None)]


def test_rows_as_wide_as_a_form_can_be_fit(store: Store) -> None:
    questions = "".join(f"|        | text | q{n} | Q{n} |\n" for n in range(1_200))
    form = _form(FORM.replace("|        | integer", questions + "|        | integer"))
    answers = {f"q{n}": f"réponse de vingt-cinq {n}" for n in range(1_200)}
    _filled(store, _page(answers), form)
    table = store.read_table(store.tables(form)[0])
    assert table["q0"][0] == "réponse de vingt-cinq 0" and table["q1199"][0] == "réponse de vingt-cinq 1199"
    assert POSTGRESQL.part_width * 25 < 8_000 < SQLITE.part_width * 25


# ── how it refuses ──


@pytest.mark.parametrize(
    ("url", "error", "words"),
    [
        ("rien", ConfigError, "no database that can be used"),
        ("mysql://u:motdepasse@h/b", ConfigError, "no database that can be used"),
        ("sqlite:////tmp/x", ConfigError, "no database that can be used"),
        ("postgresql://u:motdepasse@127.0.0.1", ConfigError, "no database that can be used"),
        ("postgresql://u:motdepasse@127.0.0.1:1/b", StoreError, "look that the database server runs"),
        ("postgres://u:motdepasse@127.0.0.1:1/b", StoreError, "look that the database server runs"),
        ("postgresql://u:motdepasse@nulle-part.invalid/b", StoreError, "look that the database server runs"),
    ],
)
def test_a_wrong_address_is_told_without_its_password(url: str, error: type[Exception], words: str) -> None:
    for open_one in (Store, Desk):
        with pytest.raises(error) as refused:
            open_one(Address(url, "kobo_essai", "STORE_URL"))
        assert words in str(refused.value) and "motdepasse" not in str(refused.value)


def test_a_database_or_user_that_is_not_there(address: Address) -> None:
    for url in (address.url.replace("/postgres?", "/absente?"), address.url.replace("//desk@", "//personne@")):
        with pytest.raises(StoreError, match="createdb"):
            Store(Address(url, address.schema, "STORE_URL"))


def test_a_server_that_is_too_old(address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "OLDEST_SERVER", 99)
    with pytest.raises(StoreError, match="needs 99 or later"):
        Store(address)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_keeps_not_every_letter(address: Address, encoding: str) -> None:
    name = f"lettres_{secrets.token_hex(4)}"
    with psycopg.connect(address.url.replace("postgresql+psycopg", "postgresql"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'")
    for open_one in (Store, Desk):
        with pytest.raises(StoreError, match=f"kept in {encoding}") as refused:
            open_one(Address(address.url.replace("/postgres?", f"/{name}?"), address.schema, "STORE_URL"))
        assert "createdb --encoding UTF8" in str(refused.value.hint)


def test_a_user_without_the_right(address: Address) -> None:
    role = f"lecteur_{secrets.token_hex(4)}"
    server = address.url.replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN")
    other = Address(address.url.replace("//desk@", f"//{role}@"), address.schema, "STORE_URL")
    with pytest.raises(StoreError, match="GRANT CREATE"):
        Store(other)
    Store(address).close()
    with pytest.raises(StoreError, match="GRANT CREATE"):  # the schema is there, and another's
        Store(other)
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"GRANT USAGE ON SCHEMA {address.schema} TO {role}")
        admin.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {address.schema} TO {role}")
    reading = Store(other)
    with pytest.raises(StoreError, match="permission denied"):
        _filled(reading, _page({"note": "x"}))
    reading.close()


def test_a_copy_that_only_reads(address: Address) -> None:
    Store(address).close()
    reading = Store(
        Address(f"{address.url}&options=-c%20default_transaction_read_only%3Don", address.schema, "STORE_URL")
    )
    with pytest.raises(StoreError, match="a copy that only reads"):
        _filled(reading, _page({"note": "x"}))
    reading.close()


def _renumber(store: Store, version: int) -> None:
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE facts SET value = %s WHERE name = 'schema_version'", (str(version),))


def test_of_two_versions_on_one_database_the_older_writes_no_more(
    address: Address, store: Store, tmp_path: Path
) -> None:
    here = Store(tmp_path / "mirror.sqlite")
    for opened in (store, here):
        mirror = _filled(opened, _page({"note": "avant"}))
        with opened.engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE facts SET value = '{MIRROR.version + 1}' WHERE name = 'schema_version'")
        with pytest.raises(StoreError, match="newer kobo-sync while this one worked"):
            mirror.write_page(_page({"note": "après"}, first=2), NOW, advance=True)
        assert opened.holdings(["essai"])[0].n_live == 1  # what is read still can be
    with pytest.raises(StoreError, match="was written by a newer kobo-sync"):
        Store(address)
    here.close()


def test_a_connection_lost_in_the_middle_of_a_page_loses_nothing(store: Store, address: Address) -> None:
    mirror = _filled(store, _page({"note": "un"}))
    insert = store.dialect.insert
    server = address.url.replace("postgresql+psycopg", "postgresql")

    def is_cut(connection: Any, inserts: Any) -> None:
        backend = connection.connection.dbapi_connection.info.backend_pid
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(%s)", (backend,))
        insert(connection, inserts)

    store.dialect.insert = is_cut  # type: ignore[method-assign]
    try:
        with pytest.raises(StoreError, match="nothing that was stored is lost"):
            mirror.write_page(_page({"note": "deux"}, {"note": "trois"}, first=2), NOW, advance=True)
    finally:
        del store.dialect.insert
    assert (mirror.cursor().last_id, mirror.cursor().n_live) == (1, 1)
    mirror.write_page(_page({"note": "deux"}, {"note": "trois"}, first=2), NOW, advance=True)  # connected anew
    assert (mirror.cursor().last_id, mirror.cursor().n_live) == (3, 3) and mirror.n_set_aside() == 0


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system tells of no lost machine sooner")
def test_a_server_that_goes_without_a_word_is_given_up_within_minutes(postgres: str) -> None:
    """The system's own patience is two hours: the connection over the network asks for less."""
    (folder,) = parse_qs(urlsplit(postgres).query)["host"]
    with socket.create_server(("127.0.0.1", 0)) as door, socket.socket(socket.AF_UNIX) as server:
        server.connect(f"{folder}/.s.PGSQL.5432")
        port = door.getsockname()[1]

        def pass_on() -> None:
            client, _ = door.accept()
            with client:
                back = threading.Thread(target=_pass_on, args=(server, client))
                back.start()
                _pass_on(client, server)
                back.join()

        between = threading.Thread(target=pass_on)
        between.start()
        address = Address(f"postgresql://desk@127.0.0.1:{port}/postgres", "", "STORE_URL")
        engine = engines.server_engine(address, "the database")
        with engine.connect() as connection:
            number = connection.connection.driver_connection.fileno()  # type: ignore[union-attr]
            with socket.socket(fileno=os.dup(number)) as link:
                asked = [
                    link.getsockopt(socket.IPPROTO_TCP, option)
                    for option in (
                        socket.TCP_KEEPIDLE,
                        socket.TCP_KEEPINTVL,
                        socket.TCP_KEEPCNT,
                        socket.TCP_USER_TIMEOUT,
                    )
                ]
                assert link.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        engine.dispose()
        between.join()
    idle_s, interval_s, times, unanswered_ms = asked
    assert idle_s + interval_s * times <= 120 and 0 < unanswered_ms <= 120_000


def test_a_row_that_came_meanwhile_does_not_spoil_a_first_reading(store: Store) -> None:
    """Two machines read one form for the first time: the index says what is there already, and the page is read row by row."""
    one, other = Mirror(store, _form()), Mirror(store, _form())
    one.prepare(), other.prepare()
    page = _page({"note": "un"}, {"note": "deux"})
    one.write_page(page, NOW, advance=True)
    with store.begin() as connection:  # as if the other had looked before the first wrote
        connection.exec_driver_sql("UPDATE submissions SET submission_id = submission_id + 100")
    other.write_page(page, NOW, advance=True)
    assert other.recount_live() == 2 and other.n_set_aside() == 0


@pytest.mark.parametrize("mission_id", ["", "engine", "x-desk"])
def test_an_id_that_tells_no_mission_apart_is_refused(workspace: Workspace, mission_id: str, postgres: str) -> None:
    path = workspace.root / "config" / "mission.toml"
    path.write_text(path.read_text("utf-8").replace("[mission]\n", f'[mission]\nid = "{mission_id}"\n', 1), "utf-8")
    with pytest.raises(ConfigError, match=r"mission\.id") as refused:
        Mission(workspace, {"STORE_URL": postgres}).store  # noqa: B018
    assert 'write id = "' in str(refused.value)
