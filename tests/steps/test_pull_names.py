"""No name of a question crashes a pull or hides an answer: from the station to the tables, whatever it is called."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from xml.sax.saxutils import escape

import pytest
from conftest import Field

from kobo_sync.mission.facts import facts_of_zones, gather_facts, gather_marks
from kobo_sync.mission.mission import Mission
from kobo_sync.model import ELSEWHERE
from kobo_sync.rows.listing import SERVER_FIELDS
from kobo_sync.steps.check import check
from kobo_sync.steps.history import history
from kobo_sync.steps.pull import pull, rebuild
from kobo_sync.store.tables.layout import REPEAT_SYSTEM, SYSTEM

NAMES = [
    *("nom", "Nom", "NOM", "nom_2", "nom.2", "nom-2", "été", "Été", "naïf", "straße", "STRASSE", "Ünal", "İl"),
    *("العربية", "名前", "q" * 64, "q" * 65, "q" * 300, "a.b.c", "x-y-z", "_", "__", "_x", "f0", "f1", "s0", "a"),
    *("attachments", "results", "Page", "status", "uuid", "modified", "signature", "submitted_by_2", "rowid", "oid"),
    *("select", "order", "group", "table", "index", "null", "values", "root", "t", "l", "c", "label", "code", "data_x"),
    *("form_id", "body_id", "gone_at", "decode", "astuple", "self", "count", "page", "zone_2", "nord"),
    *(name for name, _ in (*SYSTEM, *REPEAT_SYSTEM)),
    *(name.upper() for name, _ in SYSTEM),
    *keyword.kwlist,
    *("_bamboo_dataset_id", "_xform_id", "_date_modified", "formhub", "instanceID", "rootUuid", "deprecatedID"),
    *sorted(key for key in SERVER_FIELDS if "/" not in key),
]
ROW = "|        | text | {name} | {name} |\n"
FORM = """
| survey |
|        | type                           | name   | label  |
|        | select_one_from_file zones.csv | zone   | Zone   |
{root}|        | begin_group                    | groupe | Groupe |
{group}|        | end_group                      |        |        |
|        | begin_repeat                   | membre | Membre |
{repeat}|        | end_repeat                     |        |        |
| settings |
|        | form_title | form_id | version |
|        | Visites    | visites | 2       |
"""


def _rows(names: list[str]) -> str:
    return "".join(ROW.format(name=name) for name in names)


def _xml(answers: Mapping[str, str]) -> str:
    return "".join(f"<{name}>{escape(text)}</{name}>" for name, text in answers.items())


def _mission(field_team: Field, root: list[str], group: list[str], repeat: list[str]) -> Mission:
    path = field_team.mission.workspace.root / "forms" / "visites.md"
    path.write_text(FORM.format(root=_rows(root), group=_rows(group), repeat=_rows(repeat)), "utf-8")
    return field_team.reopen()


def _send(field_team: Field, n: int, parts: tuple[list[str], list[str], list[str]]) -> None:
    root, group, repeat = (
        {name: f"{n} {place} {name}" for name in names} for place, names in zip("rgm", parts, strict=True)
    )
    field_team.phone.send(
        f"<data id='{field_team.uid('visites')}'><zone>nord</zone>{_xml(root)}<groupe>{_xml(group)}</groupe>"
        f"<membre>{_xml(repeat)}</membre><meta><instanceID>uuid:{n:08}-0000-4000-8000-000000000001</instanceID></meta>"
        "</data>".encode(),
        {},
    )


def test_answers_to_questions_of_any_name_are_in_their_column(field_team: Field) -> None:
    asked = [
        name for name in dict.fromkeys(NAMES) if name.lower() not in ("zone", "groupe", "membre", "meta", "__version__")
    ]
    root = [name for name in asked if name not in SERVER_FIELDS and name != "formhub"]
    # An element's name stands once in its group; some stand in two of them, and in the repeat.
    group = [name for name in asked if not name.startswith("q")]
    parts = (root, group, asked)
    mission = _mission(field_team, *parts)
    for n in (1, 2):
        _send(field_team, n, parts)
    report = pull(mission)
    assert not report.findings, [(finding.rule, finding.message[:200]) for finding in report.findings]
    for _ in range(2):
        own, members = mission.tables["visites"]
        table, rows = mission.store.read_table(own), mission.store.read_table(members)
        names = [column.name for column in own.columns]
        assert len({name.lower() for name in names}) == len(names)
        paths = [question.path for question in mission.forms["visites"].questions if not question.repeat]
        assert len(names) > len(paths)  # phones have another version: what it asks has its columns behind those of ours
        for name, path in zip(names, paths, strict=False):
            expected = "nord" if path == "zone" else f"{'g' if '/' in path else 'r'} {path.rpartition('/')[2]}"
            marks = ["", ""] if path == "zone" else ["1 ", "2 "]
            assert [*table[name]] == [f"{mark}{expected}" for mark in marks], (name, path)
        for column in members.columns[: len(parts[2])]:
            assert [*rows[column.name]] == [f"{n} m {column.question}" for n in (1, 2)], column.name
        with mission.store.begin() as connection:
            for view in ("v_visites", "v_visites__membre"):
                shown = connection.exec_driver_sql(f'SELECT * FROM "{view}"').mappings().all()
                assert len(shown) == 2
            assert "1 m select" in shown[0].values()
        rebuild(mission)
    check(mission)
    assert any("1" in line for line in history(mission, "1").lines)


@pytest.mark.parametrize("name", [*sorted(SERVER_FIELDS), "meta", "formhub"])
def test_a_question_called_like_a_key_of_the_server_ends_no_pull(field_team: Field, name: str) -> None:
    names = name.split("/")
    mission = _mission(field_team, [name] if len(names) == 1 else [], [], [])
    _send(field_team, 1, ([name] if name not in ("meta", "__version__") and len(names) == 1 else [], [], []))
    field_team.person("NOR-01")
    report = pull(mission)
    assert report.counts["new"] == 2 and not report.findings
    (row,) = mission.store.read_table(mission.tables["visites"][0]).to_dict("records")
    assert row["zone"] == "nord" and row["submission_id"] == 1
    if name in row and name != "formhub":
        assert row[name] is None  # the server's own value hides the answer; FORM006 says so before


HELPED = """
| survey |
|        | type                           | name   | label  | repeat_count |
|        | select_one_from_file zones.csv | zone   | Zone   |              |
|        | integer                        | n      | N      |              |
|        | select_one eaux or_other       | eau    | Eau    |              |
|        | begin_repeat                   | membre | Membre | ${n} + 1     |
|        | text                           | prenom | Prénom |              |
|        | end_repeat                     |        |        |              |
| choices |
|        | list_name | name  | label |
|        | eaux      | puits | Puits |
| settings |
|        | form_title | form_id | version |
|        | Visites    | visites | 2       |
"""


def test_what_the_compiler_and_kobotoolbox_add_to_a_form_is_known(field_team: Field) -> None:
    path = field_team.mission.workspace.root / "forms" / "visites.md"
    path.write_text(HELPED, "utf-8")
    mission = field_team.reopen()
    field_team.phone.send(
        f"<data id='{field_team.uid('visites')}'><formhub><uuid>f</uuid></formhub><zone>nord</zone><n>0</n><eau>other</eau>"
        "<eau_other>citerne</eau_other><membre_count>1</membre_count><membre><prenom>Awa</prenom></membre>"
        "<__version__>v2</__version__><_version_>v1</_version_><_version__001>v0</_version__001><meta><audit>a.csv</audit>"
        "<instanceName>Awa</instanceName><instanceID>uuid:00000001-0000-4000-8000-000000000001</instanceID></meta></data>"
        "".encode(),
        {},
    )
    report = pull(mission)
    assert report.counts["new"] == 1 and not report.findings
    (row,) = mission.store.read_table(mission.tables["visites"][0]).to_dict("records")
    assert (row["eau"], row["eau_other"], row["membre_count"], row["form_version"]) == ("other", "citerne", "1", "v2")


def test_a_zone_question_whose_column_has_another_name_still_tells_the_zone(field_team: Field) -> None:
    root = field_team.mission.workspace.root
    form = FORM.replace("| zone   |", "| validation |").format(root="", group=_rows(["nom"]), repeat=_rows(["prenom"]))
    (root / "forms" / "visites.md").write_text(form, "utf-8")
    config = (root / "config" / "mission.toml").read_text("utf-8")
    before, _, after = config.partition("[forms.visites.fields]")
    text = before + "[forms.visites.fields]" + after.replace('zone = "zone"', 'zone = "validation"', 1)
    (root / "config" / "mission.toml").write_text(text, "utf-8")
    mission = field_team.reopen()
    for n, zone in enumerate(("nord", "sud", "nord", "ailleurs"), 1):
        field_team.phone.send(
            f"<data id='{field_team.uid('visites')}'><validation>{zone}</validation><membre><prenom>P{n}</prenom></membre>"
            f"<meta><instanceID>uuid:{n:08}-0000-4000-8000-000000000001</instanceID></meta></data>".encode(),
            {},
        )
    pull(mission)
    marks, facts = gather_marks(mission), gather_facts(mission)
    assert [marks.zones[zone].counts["visites"] for zone in ("nord", "sud", ELSEWHERE)] == [2, 1, 1]
    for zones, expected in ((["nord"], ["P1", "P3"]), (["nord", "sud"], ["P1", "P2", "P3"]), ([ELSEWHERE], ["P4"])):
        assert [*facts_of_zones(mission, facts, zones).tables["visites__membre"]["prenom"]] == expected
    assert mission.store.count_answers("visites", "validation", ["nord"]) == 2
