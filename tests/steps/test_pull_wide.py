"""Forms of more questions than a table of SQLite has columns: kept in several, read as one."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import pytest
from conftest import Field

from kobo_sync.databases.dialects import SQLITE
from kobo_sync.mission.facts import facts_of_zones, gather_facts
from kobo_sync.mission.mission import Mission
from kobo_sync.model import ELSEWHERE
from kobo_sync.steps.pull import pull, rebuild
from kobo_sync.steps.purge import purge
from kobo_sync.store.reading import stored_parts

FORM = """
| survey |
|        | type           | name   | label  |
{root}
|        | text           | zone   | Zone   |
|        | select_multiple themes | themes | Thèmes |
|        | begin_repeat   | membre | Membre |
|        | text           | prenom | Prénom |
{repeat}
|        | end_repeat     |        |        |
| choices |
|        | list_name | name | label |
|        | themes    | eau  | Eau   |
|        | themes    | sols | Sols  |
| settings |
|        | form_title | form_id | version |
|        | Visites    | visites | {version} |
"""
KINDS = ("text", "integer", "decimal", "dateTime")


def _questions(prefix: str, n: int) -> str:
    return "\n".join(f"|        | {KINDS[at % 4]} | {prefix}{at} | Question {prefix}{at} |" for at in range(n))


def _mission(field_team: Field, n_root: int, n_repeat: int, version: int = 1) -> Mission:
    path = field_team.mission.workspace.root / "forms" / "visites.md"
    text = FORM.format(root=_questions("q", n_root), repeat=_questions("m", n_repeat), version=version)
    path.write_text(text, "utf-8")
    return field_team.reopen()


def _answers(prefix: str, n: int, base: int) -> dict[str, str]:
    return {f"{prefix}{at}": str(base + at) for at in range(n) if at % 3}


def _xml(answers: Mapping[str, str]) -> str:
    return "".join(f"<{name}>{text}</{name}>" for name, text in answers.items())


def _send(field_team: Field, base: int, zone: str, n_root: int, n_repeat: int) -> None:
    members = "".join(
        f"<membre><prenom>P{n}</prenom>{_xml(_answers('m', n_repeat, base + n))}</membre>" for n in (1, 2)
    )
    field_team.phone.send(
        f"<data id='{field_team.uid('visites')}'>{_xml(_answers('q', n_root, base))}<zone>{zone}</zone>"
        f"<themes>sols eau</themes>{members}"
        f"<meta><instanceID>uuid:{base:08}-0000-4000-8000-000000000001</instanceID></meta></data>".encode(),
        {},
    )


def _shown(value: str, at: int) -> object:
    return (value, int(value), float(value), value)[at % 4]


def _has_its_answers(mission: Mission, bases: Mapping[int, str], n_root: int, n_repeat: int) -> None:
    """The tables hold what was sent, each value in its column, None where nothing was."""
    own, members = mission.tables["visites"]
    table, rows = mission.store.read_table(own), mission.store.read_table(members)
    assert [*table["zone"]] == list(bases.values()) and len(rows) == 2 * len(bases)
    for row, base in zip(table.to_dict("records"), bases, strict=True):
        expected = _answers("q", n_root, base)
        for at in range(n_root):
            name = f"q{at}"
            assert row[name] == _shown(expected[name], at) if name in expected else pd.isna(row[name])
    assert [*rows["prenom"]] == ["P1", "P2"] * len(bases)
    for index, base in enumerate(bases):
        for number in (1, 2):
            row = rows.iloc[2 * index + number - 1]
            assert row["position"] == number
            for name, value in _answers("m", n_repeat, base + number).items():
                assert row[name] == _shown(value, int(name[1:])), name


def _parts(mission: Mission, table: str = "visites") -> list[int]:
    with mission.store.begin() as connection:
        return [len(columns) for _, columns in stored_parts(connection, table)]


@pytest.mark.parametrize(("n_root", "n_repeat", "n_parts"), [(2_301, 3, (2, 1)), (10_000, 2_301, (6, 2))])
def test_a_wide_form_is_pulled_whole_and_read_as_one_table(
    field_team: Field, n_root: int, n_repeat: int, n_parts: tuple[int, int]
) -> None:
    mission = _mission(field_team, n_root, n_repeat)
    bases = {1000: "nord", 2000: "sud", 3000: "ailleurs"}
    for base, zone in bases.items():
        _send(field_team, base, zone, n_root, n_repeat)
    field_team.person("NOR-01")
    report = pull(mission)
    assert report.counts["new"] == 4 and not report.findings
    widths = _parts(mission), _parts(mission, "visites__membre")
    assert tuple(map(len, widths)) == n_parts and max(map(max, widths)) <= SQLITE.part_width
    _has_its_answers(mission, bases, n_root, n_repeat)
    assert not pull(mission).counts.get("new")
    assert rebuild(mission).counts["rebuilt"] == 4
    _has_its_answers(mission, bases, n_root, n_repeat)
    # Some columns alone, from other parts than the first.
    own = mission.tables["visites"][0]
    few = mission.store.read_table(own, only={"q2299", "zone"})
    assert [*few.columns[-2:]] == ["q2299", "zone"] and [*few["q2299"]] == ["3299", "4299", "5299"]
    assert mission.store.count_answers("visites", f"q{n_root - 1}") == (3 if (n_root - 1) % 3 else 0)
    assert mission.store.count_answers("visites", "themes", ["eau"]) == 3


def test_zones_views_deletions_and_erasure_reach_every_part(field_team: Field) -> None:
    mission = _mission(field_team, 2_301, 2_301)
    for base, zone in ((1000, "nord"), (2000, "sud"), (3000, "ailleurs")):
        _send(field_team, base, zone, 2_301, 2_301)
    pull(mission)
    facts = gather_facts(mission)
    for codes, expected in ((["nord"], ["1001"]), (["nord", "sud"], ["1001", "2001"]), ([ELSEWHERE], ["3001"])):
        tables = facts_of_zones(mission, facts, codes).tables
        assert [str(value) for value in tables["visites"]["q1"]] == expected
        assert [*tables["visites"]["q2300"]] == [str(int(value) + 2299) for value in expected]
        assert len(tables["visites__membre"]) == 2 * len(expected)
    with mission.store.begin() as connection:
        shown = [dict(row) for row in connection.exec_driver_sql("SELECT * FROM v2_visites").mappings()]
        assert [row["Thèmes"] for row in shown] == ["Sols, Eau"] * 3 and shown[0]["Question q2300"] == "3300"
        assert connection.exec_driver_sql("SELECT count(*) FROM v_visites__membre").scalar() == 6
    row = mission.store.live_marks("visites")[0]
    mission.reader().delete_submission(field_team.uid("visites"), str(row[0]))
    pull(mission, full=True)
    assert len(mission.store.read_table(mission.tables["visites"][0])) == 2
    with mission.store.begin() as connection:
        for table in ("data_visites", "data2_visites", "data_visites__membre", "data2_visites__membre"):
            n = connection.exec_driver_sql(f"SELECT count(*) FROM {table} WHERE root_uuid = ?", (row[0],)).scalar()
            assert n == 0, table
    field_team.clock.forward(days=60)
    config = mission.workspace.root / "config" / "mission.toml"
    named = '["visites.q2300", "visites.m2299"]'
    config.write_text(f"{config.read_text('utf-8')}\n[retention]\npersonal_months = 1\npersonal = {named}\n", "utf-8")
    mission = field_team.reopen()
    purge(mission)
    left = mission.store.read_table(mission.tables["visites"][0])
    assert left["q2300"].isna().all() and [*left["q1"]] == [2001, 3001]
    assert mission.store.read_table(mission.tables["visites"][1])["m2299"].isna().all()


def test_a_form_that_grows_over_the_limit_and_back_keeps_every_answer(field_team: Field) -> None:
    first = _mission(field_team, 1_800, 3)
    _send(field_team, 1000, "nord", 1_800, 3)
    pull(first)
    assert len(_parts(first)) == 1
    wide = _mission(field_team, 2_301, 3, version=2)
    table = wide.store.read_table(wide.tables["visites"][0])  # before its first pull: what is held, the rest empty
    assert [*table["q1"]] == [1001] and table["q2300"].isna().all()
    _send(field_team, 2000, "sud", 2_301, 3)
    assert pull(wide).counts["new"] == 1
    assert len(_parts(wide)) == 2
    table = wide.store.read_table(wide.tables["visites"][0])
    assert [*table["q1"]] == [1001, 2001] and [*table["q2300"]][1:] == ["4300"]
    narrow = _mission(field_team, 10, 3, version=3)
    assert not pull(narrow).findings
    table = narrow.store.read_table(narrow.tables["visites"][0])
    assert [*table["q1"]] == [1001, 2001] and [*table["q2300"]][1:] == ["4300"]


def test_a_table_that_was_made_whole_before_is_split_at_the_next_pull(field_team: Field) -> None:
    mission = _mission(field_team, 1_950, 0)
    _send(field_team, 1000, "nord", 1_950, 0)
    pull(mission)
    with mission.store.begin() as connection:  # as before: one table of all the columns
        connection.exec_driver_sql("DROP VIEW v2_visites")
        connection.exec_driver_sql("DROP TABLE data2_visites")
    pull(mission)
    assert len(_parts(mission)) == 2
    assert [*mission.store.read_table(mission.tables["visites"][0])["q1949"]] == [2949]
