"""Who is erased is erased at this workspace's own field station too: what was relayed, what waits, what others said, the phones' list, the room."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from conftest import Field, field_in
from test_purge_unmasks_nobody import person, written

from kobo_sync.errors import KoboRejected
from kobo_sync.mission.mission import Mission
from kobo_sync.station.database import Database, store_blob
from kobo_sync.station.outbox import Outbox
from kobo_sync.steps.person import NobodyThere, erase
from kobo_sync.steps.pull import pull
from kobo_sync.steps.relay import forget, relay

HERS = re.compile(rb"qwortalub|zzyxien|61239988|nor-01\b", re.IGNORECASE)
HER = {"nom": "Qwortalub", "prenom": "Zzyxien", "telephone": "0661239988"}
SAID = "Merci à Zzyxien Qwortalub, 06 61 23 99 88, & à tous"


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[Field, Field]]:
    """KoboToolbox with its mission, and the room whose station lies in that mission's folder; their projects have the same uids."""
    with field_in(tmp_path / "kobo", written) as kobo:
        with field_in(tmp_path / "room", written, kobo.mission.workspace.station_database) as room:
            yield kobo, room


def relayed_and_pulled(kobo: Field) -> Mission:
    mission = kobo.reopen()
    relay(mission)
    pull(mission)
    return mission


def bytes_of(state: Path) -> list[str]:
    """The files of the state folder in which she is told of."""
    return [path.name for path in sorted(state.rglob("*")) if path.is_file() and HERS.search(path.read_bytes())]


def test_nobody_erased_stays_at_the_station_or_comes_back_from_it(both: tuple[Field, Field]) -> None:
    kobo, room = both
    hers = room.submit("personnes", person(1, **HER))
    room.submit("personnes", person(2, nom="Qwortalub"))  # her brother
    room.submit("avis", {"zone": "nord", "fort": SAID})
    relayed_and_pulled(kobo)
    room.submit("personnes", person(1, **HER, note="corrigé"), edits=hers)
    room.submit("visites", {"zone": "nord", "personne": "NOR-01"})
    room.submit("avis", {"zone": "nord", "fort": f"Et encore : {SAID}"})
    mission = kobo.reopen()
    state = mission.workspace.state
    (state / "room").mkdir()
    (state / "room" / "mirror.sqlite").write_text("Zzyxien Qwortalub")
    assert {"station.sqlite-wal", "mirror.sqlite"} <= set(bytes_of(state))
    report = erase(mission, "NOR-01", rebuild=False)
    assert report.counts["station"] == 2
    (told,) = (each.message for each in report.findings if each.where == "the field station")
    assert told == "2 rows of others named this person: taken out here"
    mission.close()
    # Her brother has her family name; whoever spoke of her speaks of nobody now.
    left = {line for path in state.glob("*.sqlite*") for line in re.findall(rb"(?i)zzyxien|61239988|nor-01\b", path.read_bytes())}  # fmt: skip
    assert not left and not (state / "room").exists()
    mission = relayed_and_pulled(kobo)
    table = mission.store.read_table(mission.tables["personnes"][0])
    assert list(table["nom"].dropna()) == ["Qwortalub"] and list(table["code"].dropna()) == ["NOR-02"]
    texts = list(mission.store.read_table(mission.tables["avis"][0])["fort"].dropna())
    assert sorted(texts) == ["Et encore : Merci à [nom masqué], [numéro masqué], & à tous", "Merci à [nom masqué], [numéro masqué], & à tous"]  # fmt: skip
    with closing(Outbox(mission.workspace.station_database)) as outbox:
        assert all(each.is_balanced and not each.n_waiting for each in outbox.totals())
    with pytest.raises(NobodyThere):
        erase(mission, "NOR-01")
    with pytest.raises(KoboRejected, match="exists"):  # a phone that sends it once more
        room.submit("personnes", person(1, **HER), instance_id=hers)


def test_who_is_at_the_station_alone_is_erased_there(both: tuple[Field, Field]) -> None:
    kobo, room = both
    room.submit("personnes", person(1, **HER))
    mission = kobo.reopen()
    pull(mission)
    assert erase(mission, "NOR-01", rebuild=False).counts["station"] == 1
    mission.close()
    assert not bytes_of(mission.workspace.state)


def test_the_list_on_the_rooms_phones_is_without_them(both: tuple[Field, Field]) -> None:
    kobo, room = both
    room.submit("personnes", person(1, **HER))
    mission = relayed_and_pulled(kobo)
    roster = mission.config.roster
    assert roster is not None
    station = Database(mission.workspace.station_database)
    with station.writing() as connection:
        blob = store_blob(connection, b"name,label\nNOR-01,Zzyxien Qwortalub (NOR-01)\nNOR-02,Autre (NOR-02)\n")
        connection.execute(
            "INSERT INTO paired_media (asset, filename, hash, mimetype, blob) VALUES ('a', ?, 'x', 'text/csv', ?)",
            (roster.file, blob),
        )
    erase(mission, "NOR-01", rebuild=False)
    (row,) = station.reader.execute("SELECT hash, content FROM paired_media JOIN blobs ON sha = blob").fetchall()
    assert bytes(row["content"]) == b"name,label\nNOR-02,Autre (NOR-02)\n" and row["hash"] != "x"
    station.close()
    mission.close()
    assert not bytes_of(mission.workspace.state)


def test_forgetting_what_is_relayed_forgets_the_rooms_mirror_too(both: tuple[Field, Field]) -> None:
    kobo, room = both
    room.submit("personnes", person(1, **HER))
    mission = relayed_and_pulled(kobo)
    folder = mission.workspace.state / "room"
    folder.mkdir()
    (folder / "mirror.sqlite").write_text(json.dumps(HER))
    assert forget(mission).counts["forgotten"] == 1
    assert not folder.exists()
