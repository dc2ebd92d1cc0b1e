"""Mirror and desk from this machine's files to the database that STORE_URL names, or back: proved equal, resumed after a kill."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from kobo_sync.databases import moving
from kobo_sync.databases.engines import Address
from kobo_sync.databases.versions import Versioned
from kobo_sync.desk import journal, runs
from kobo_sync.desk import schema as desk_schema
from kobo_sync.desk.database import Desk
from kobo_sync.desk.migrations import DESK
from kobo_sync.errors import Busy, ConfigError, StoreError
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Form, Report
from kobo_sync.store import schema as store_schema
from kobo_sync.store.database import Store
from kobo_sync.store.migrations import MIRROR
from kobo_sync.store.mirror import Mirror
from kobo_sync.store.reading import table_fingerprint
from kobo_sync.workspace.private import private_file

Direction = Literal["server", "files"]
LEFT_BEHIND = ("leases", "wishes")  # what is at work or asked for at this moment: nothing is, while a mission moves


@dataclass(frozen=True)
class _Pair:
    """A database on both sides of a move."""

    name: str
    source: Store | Desk
    target: Store | Desk
    metadata: sa.MetaData
    facts: sa.Table
    versioned: Versioned[sa.Connection]

    @property
    def tables(self) -> list[sa.Table]:
        return [table for table in self.metadata.sorted_tables if table.name not in LEFT_BEHIND]

    def filled(self, connection: sa.Connection) -> list[str]:
        """The tables that have rows on the side of *connection*, but for what each knows of itself."""
        return [table.name for table in self.tables if table is not self.facts and _has_rows(connection, table)]


def move(mission: Mission, *, to: Direction) -> Report:
    """Bring mirror and desk to the server that STORE_URL names (*to* ``server``), or from there into this machine's files.

    Rows are copied in steps; a move that was cut short goes on where it was, and nobody else may use what is half filled.
    Every table is then counted and hashed on both sides; the flat tables are derived anew there, and held against those
    here. The side that was left says so, and is refused until everything is moved back: it is never moved a second time.
    Files stay where they are.
    Raises: ConfigError, StoreError; Busy when somebody works in the mission.
    """
    started_at = mission.clock()
    address = mission.shared_databases.get("mirror")
    if address is None:
        hint = "write postgresql://user:password@host/name there, and the same on every machine of this mission"
        raise ConfigError(
            "there is no database to move to or from", file="config/secrets.env", key="STORE_URL", hint=hint
        )
    lines: list[str] = []
    counts = {"rows": 0, "tables": 0}
    with mission.workspace.exclusive(), _both_sides(mission, to) as pairs:
        for pair in pairs:
            proofs = moving.move_rows(
                pair.source.engine.connect, pair.target.engine, pair.tables, pair.facts, mission.progress
            )
            counts["rows"] += sum(proof.n_target for proof in proofs)
            counts["tables"] += len(proofs)
            lines += [
                f"{pair.name}, {each.table}: {each.n_source} = {each.n_target}, {each.sha_target[:16]}"
                for each in proofs
            ]
        for pair in pairs[:1]:
            lines += _derive(mission, pair) if isinstance(pair.source, Store) else ()
        for pair in pairs:
            _close_behind(pair, to, started_at.isoformat())
            if isinstance(pair.target, Desk):
                journal.note(pair.target, "move", f"to {to}", by=mission.doer, now=mission.clock())
    lines.append(
        "the files here keep their rows, unused, until somebody is erased or a purge is due"
        if to == "server"
        else "the database there keeps its rows, out of reach of every erasure from now on: drop it once this is in use"
    )
    lines.append("set STORE_URL on every machine" if to == "server" else "take STORE_URL out of config/secrets.env")
    return mission.report("move", started_at, counts, [], lines)


@contextmanager
def _both_sides(mission: Mission, to: Direction) -> Iterator[list[_Pair]]:
    shared = mission.shared_databases
    files = {"mirror": mission.workspace.database, "desk": mission.workspace.desk_database}
    with ExitStack() as opened:

        def open_one(name: str, place: Path | Address) -> Any:
            database = (Store if name == "mirror" else Desk)(place, may_be_moving=True)
            opened.callback(database.close)
            return database

        pairs = []
        for name, metadata, facts, versioned in (
            ("mirror", store_schema.metadata, store_schema.facts, MIRROR),
            ("desk", desk_schema.metadata, desk_schema.facts, DESK),
        ):
            if shared[name].key != "STORE_URL":
                continue  # DESK_URL has it elsewhere
            places = (files[name], shared[name]) if to == "server" else (shared[name], files[name])
            source, target = open_one(name, places[0]), open_one(name, places[1])
            pairs.append(_Pair(name, source, target, metadata, facts, versioned))
        pairs = [pair for pair in pairs if _prepare(pair)]
        if not pairs:
            raise StoreError(
                "everything was moved already",
                hint="set STORE_URL on every machine" if to == "server" else "take STORE_URL out of config/secrets.env",
            )
        yield pairs


def _prepare(pair: _Pair) -> bool:
    """See that nobody works on the source, and that the target is empty, or half filled from this source.

    Returns whether anything is left to do: of two databases the first may be moved, and open, when a move is cut short.
    """
    if isinstance(pair.source, Desk) and runs.at_work(pair.source)[0]:
        raise Busy("a run is at work in this mission", hint="wait for its end, and stop the service")
    with pair.source.engine.connect() as connection:
        is_source_left = moving.fact(connection, pair.facts, moving.MOVED) is not None
        is_source_empty = not pair.filled(connection)
        if moving.fact(connection, pair.facts, moving.MOVING):
            raise StoreError(
                f"the {pair.name} to be moved is itself half filled by another move",
                hint="run that move to its end first (`kobo-sync store move --to …`)",
            )
    with pair.target.engine.begin() as connection:
        is_resumed = moving.fact(connection, pair.facts, moving.MOVING) is not None
        was_left = moving.fact(connection, pair.facts, moving.MOVED) is not None
        filled = pair.filled(connection)
        if is_source_left and not is_resumed:
            if (filled or is_source_empty) and not was_left:
                return False  # this one is moved, or there was nothing to move
            raise StoreError(
                f"the {pair.name} was moved already, and not to here",
                hint="let STORE_URL and mission.id be those of that move; what was left behind is older than what lies there",
            )
        if is_source_empty and filled:
            raise StoreError(
                f"there is no {pair.name} to be moved, and one lies where it would go",
                hint="let STORE_URL and mission.id be those of the database that holds it; nothing was changed",
            )
        if filled and not (is_resumed or was_left):
            raise StoreError(
                f"the {pair.name} to move to is not empty ({', '.join(filled)})",
                hint="move away or drop what is there: a move never mixes two missions' data",
            )
        if was_left and not is_resumed:  # what a move away from here left: older than what comes back
            for table in reversed(pair.tables):
                connection.execute(table.delete())
            pair.versioned.record(connection, pair.versioned.version)
        moving.put_fact(connection, pair.facts, moving.MOVED, None)
        moving.put_fact(connection, pair.facts, moving.MOVING, "1")
    return True


def _has_rows(connection: sa.Connection, table: sa.Table) -> bool:
    return bool(connection.execute(sa.select(sa.exists(sa.select(sa.literal(1)).select_from(table)))).scalar())


def _derive(mission: Mission, pair: _Pair) -> Iterator[str]:
    """Derive the flat tables on the other side, and hold them against those here."""
    source, target = pair.source, pair.target
    assert isinstance(source, Store) and isinstance(target, Store)
    for form in derive_tables(mission, target).values():
        for table in source.tables(form):
            with source.read() as here, target.read() as there:
                proofs = table_fingerprint(here, table), table_fingerprint(there, table)
            if proofs[0] != proofs[1]:
                raise StoreError(
                    f"the table of {table.name} differs after the move: {proofs[0][0]} rows there, {proofs[1][0]} here",
                    hint="run `kobo-sync pull --rebuild` on the side that is moved, then move again",
                )
            yield f"mirror, table of {table.name}: {proofs[0][0]} = {proofs[1][0]}, {proofs[1][1][:16]}"


def derive_tables(mission: Mission, store: Store) -> dict[str, Form]:
    """Derive the flat tables of a mirror that has rows, and no tables yet; returns the forms that have some. Raises: StoreError."""
    layouts = store_schema.flat_layouts
    with store.begin() as connection:
        stored = set(connection.execute(sa.select(layouts.c.form_id)).scalars())
        gone = stored - mission.forms.keys()  # forms that are the mission's no more: derived when they come back
        connection.execute(layouts.update().where(layouts.c.form_id.in_(gone)).values(form_sha256=""))
    forms = {form_id: form for form_id, form in mission.forms.items() if form_id in stored}
    for form in forms.values():
        Mirror(store, form).rebuild()
    return forms


def copy_to_files(mission: Mission, folder: Path) -> dict[str, Path]:
    """Those of mirror and desk that lie in PostgreSQL as SQLite files in *folder*, each as it is at one moment: name → file.

    Raises: StoreError.
    """
    files: dict[str, Path] = {}
    kinds = {"mirror": store_schema, "desk": desk_schema}
    for name in mission.shared_databases:
        source: Store | Desk = mission.store if name == "mirror" else mission.desk
        metadata, facts = kinds[name].metadata, kinds[name].facts
        files[name] = private_file(folder / f"{name}.sqlite")
        copy = Store(files[name]) if name == "mirror" else Desk(files[name])
        try:
            tables = [table for table in metadata.sorted_tables if table.name not in LEFT_BEHIND]
            with source.read() as moment:
                moving.move_rows(lambda at=moment: nullcontext(at), copy.engine, tables, facts, mission.progress)  # type: ignore[misc]
            with copy.engine.begin() as connection:
                moving.open_for_all(connection, facts)
            if isinstance(copy, Store):
                derive_tables(mission, copy)
        finally:
            copy.close()
    return files


def _close_behind(pair: _Pair, to: Direction, moment: str) -> None:
    """The old side to nobody, then the new one to everybody: killed between the two, neither is in use, and the move goes on."""
    with pair.source.engine.begin() as connection:
        moving.put_fact(connection, pair.facts, moving.MOVED, f"{to} {moment}")
    with pair.target.engine.begin() as connection:
        moving.open_for_all(connection, pair.facts)
