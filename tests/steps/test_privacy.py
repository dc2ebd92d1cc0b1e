"""Exports that name nobody (part 7, A1, A4, A6): marked answers in every odd place, read back from every shape; codes, groups, refusals, rights."""

from __future__ import annotations

import csv
import getpass
import io
import json
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from conftest import MISSION, Field, field_in, write_workspace

from kobo_sync.desk import access_log
from kobo_sync.errors import ConfigError
from kobo_sync.mission.mission import Mission
from kobo_sync.steps.backup import backup
from kobo_sync.steps.build import build
from kobo_sync.steps.deliver import deliver
from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.doctor import doctor
from kobo_sync.steps.export import export
from kobo_sync.steps.lint import lint_mission
from kobo_sync.steps.print import print_codebook, print_form
from kobo_sync.steps.pull import pull
from kobo_sync.steps.restore import restore
from kobo_sync.workspace.folders import Workspace

SETTINGS = """
[forms.menages]
role = "other"
file = "menages.md"
[forms.menages.fields]
zone = "zone"
consent = "accord"

[forms.avis]
role = "satisfaction"
file = "avis.md"
open_questions = ["fort", "faible"]
[forms.avis.fields]
zone = "zone"

[deliverables]
zone = ["data_workbook", "data_quality", "attendance_list"]
"""
MENAGES = """
| survey |
| | type | name | label::Français (fr) | calculation | relevant |
| | username | username | | | |
| | deviceid | deviceid | | | |
| | start | start | | | |
| | select_one_from_file zones.csv | zone | Zone | | |
| | select_one oui_non | accord | D’accord ? | | |
| | text | nom_chef | Qui dirige ? | | |
| | text | q2 | رقم الهاتف | | |
| | text | numero_cin | Numéro | | |
| | calculate | salut | | concat('Mme ', ${nom_chef}) | |
| | geopoint | maison | Maison | | |
| | select_one equipe | enqueteur | Enquêteur | | |
| | integer | age | Âge | | |
| | dateTime | venu | Venu le | | |
| | text | avis | Que dites-vous ? | | |
| | integer | montant | Montant | | |
| | begin_repeat | membre | Membre | | |
| | text | nombre_jefe | Nombre | | |
| | integer | telephone | Téléphone | | |
| | integer | score | Score | | |
| | end_repeat | | | | |
| choices |
| | list_name | name | label::Français (fr) |
| | oui_non | oui | Oui |
| | oui_non | non | Non |
| | equipe | awa_marquee | Awa Marquée |
| | equipe | moussa_marquee | Moussa Marquée |
| settings |
| | form_title | form_id | version | default_language |
| | Ménages | menages | 1 | Français (fr) |
"""
AVIS = """
| survey |
| | type | name | label::Français (fr) |
| | username | username | |
| | deviceid | deviceid | |
| | note | n | Ce questionnaire est anonyme. |
| | select_one_from_file zones.csv | zone | Zone |
| | text | fort | Le mieux ? |
| | text | faible | Le moins bien ? |
| settings |
| | form_title | form_id | version | default_language |
| | Avis | avis | 1 | Français (fr) |
"""
ANSWERS = {
    "username": "agent-marque", "deviceid": "collect:marque", "zone": "nord", "accord": "oui", "nom_chef": "Zineb Marquée", "q2": "0661239999", "numero_cin": "AB129999",
    "maison": "32.123456 -4.987654 0 0", "enqueteur": "awa_marquee", "age": 34, "venu": "2025-02-11T09:31:00.000+01:00", "avis": "Appelez le 06 61 23 88 88 vite", "montant": 250,
    "start": "2025-02-11T09:31:00.000+01:00",
    "membre": [{"nombre_jefe": "Ilyas Marquée", "telephone": 661237777, "score": 3}],
}  # fmt: skip
MARKS = (
    "Marqu",
    "marqu",
    "1239999",
    "AB129999",
    "06 61 23",
    "661237777",
    "32.1234",
    "4.98765",
    "09:31",
    "agent-",
    "00000000-0000-4000",
    "Hamida",
    "NOR-0",
)


def write(root: Path) -> Workspace:
    workspace = write_workspace(root, MISSION + SETTINGS)
    (root / "forms" / "menages.md").write_text(MENAGES, "utf-8")
    (root / "forms" / "avis.md").write_text(AVIS, "utf-8")
    return workspace


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Field]:
    """A mission whose other form asks who people are under names that no meaning maps; answers by persons and one refusal."""
    with field_in(tmp_path, write) as field:
        for n in range(1, 8):
            field.person(f"NOR-0{n}", group="a" if n < 6 else "b", age=30 + n, nom="Hamida Alaoui")
        field.submit("menages", ANSWERS)
        field.submit("menages", {**ANSWERS, "accord": "non"})
        field.submit(
            "avis",
            {
                "username": "agent-marque",
                "deviceid": "collect:marque",
                "zone": "nord",
                "fort": "Hamida Alaoui",
                "faible": "rien, dit NOR-01",
            },
        )
        field.mission = field.reopen()
        pull(field.mission)
        yield field


def configured(team: Field, more: str) -> Mission:
    path = team.mission.workspace.root / "config" / "mission.toml"
    path.write_text(MISSION + SETTINGS + more, "utf-8")
    return team.reopen()


def everything(folder: Path) -> str:
    """All texts below *folder*, workbooks and zips unpacked."""
    texts = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            texts.append(_text(path.read_bytes()))
    return "\n".join(texts)


def _text(content: bytes) -> str:
    if not content.startswith(b"PK"):
        return content.decode("utf-8", "replace") + content.decode("latin-1")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return "\n".join(_text(archive.read(name)) for name in archive.namelist())


def rows(mission: Mission, name: str, **options: bool) -> list[dict[str, str]]:
    folder = mission.workspace.out / "lu"
    export(mission, "csv", output=folder, **options)
    return list(csv.DictReader(io.StringIO((folder / f"{name}.csv").read_text("utf-8-sig"), newline="")))


@pytest.mark.parametrize("shape", ["csv", "xlsx", "geojson", "dta"])
def test_no_marked_answer_leaves_in_any_shape(team: Field, tmp_path: Path, shape: str) -> None:
    export(team.mission, shape, output=tmp_path / "out")
    text = everything(tmp_path / "out")
    assert [mark for mark in MARKS if mark in text] == []
    if shape == "geojson":
        (drawn,) = [
            f
            for f in json.loads((tmp_path / "out" / "donnees.geojson").read_text("utf-8"))["features"]
            if f["geometry"]
        ]
        assert drawn["geometry"]["coordinates"] == [-4.99, 32.12]


def test_the_plain_zip_of_a_zone_holds_none_either(team: Field) -> None:
    build(team.mission)
    deliver(team.mission)
    text = _text((team.mission.workspace.out / "nord.zip").read_bytes())
    assert [mark for mark in MARKS if mark in text and mark != "Hamida"] == [] and "L-" in text


def test_free_text_leaves_masked_and_a_name_deletes_no_column(team: Field) -> None:
    (first,) = [row for row in rows(team.mission, "menages") if row["accord"] == "oui"]
    assert first["avis"] == "Appelez le [téléphone masqué] vite" and first["montant"] == "250" and first["age"] == ""
    (said,) = rows(team.mission, "avis")
    assert said["fort"] == "[nom masqué]", "one answer equal to a name must not delete a column"
    assert re.fullmatch(r"rien, dit P-[A-Z2-7]{12}", said["faible"]), (
        "the participant code is the key of the attendance list"
    )


def test_what_was_done_stands_in_the_read_me(team: Field, tmp_path: Path) -> None:
    export(team.mission, "csv", output=tmp_path)
    told = (tmp_path / "lisez-moi.txt").read_text("utf-8-sig").replace("\u00a0", " ")
    line = next(line for line in told.splitlines() if line.startswith("menages – colonnes retirées"))
    assert {"username", "deviceid", "nom_chef", "q2", "numero_cin", "salut"} <= set(re.findall(r"\w+", line))
    assert "menages – textes masqués (cellules) : avis (1)" in told and "menages – codées : enqueteur" in told
    export(team.mission, "xlsx", output=tmp_path)
    sheet = openpyxl.load_workbook(tmp_path / "donnees.xlsx")["Lisez-moi"]
    cells = [str(cell) for row in sheet.iter_rows(values_only=True) for cell in row if cell is not None]
    assert any("nom_chef" in cell for cell in cells) and "avis (1)" in cells


def test_the_config_opens_and_closes(team: Field) -> None:
    more = '\n[privacy]\nkeep = ["zone", "menages.age"]\nsmallest_group = 1\n[privacy.classes]\n"menages.q2" = "ordinary"\n"menages.montant" = "nominative"\n"menages.membre/telephone" = "ordinary"\n"menages.maison" = "nominative"\n'
    mission = configured(team, more)
    (first,) = [row for row in rows(mission, "menages") if row["accord"] == "oui"]
    assert first["q2"] == "0661239999" and "montant" not in first and first["age"] == "34"
    children = rows(mission, "menages__membre")  # the other one is of a refusal
    assert sorted(child["telephone"] for child in children) == ["", "661237777"] and "nombre_jefe" not in children[0]
    export(mission, "geojson", output=mission.workspace.out / "carte")
    assert not [
        f
        for f in json.loads((mission.workspace.out / "carte" / "donnees.geojson").read_text("utf-8"))["features"]
        if f["geometry"]
    ]
    with pytest.raises(ConfigError, match="'rien' is no question of menages"):
        export(configured(team, '\n[privacy.classes]\n"menages.rien" = "ordinary"\n'), "csv")
    with pytest.raises(ConfigError, match="'rien' is no question of menages"):
        lint_mission(team.reopen(), validate=False)


def test_codes_are_the_missions_own_stable_and_join(team: Field) -> None:
    people, members = rows(team.mission, "personnes"), rows(team.mission, "menages__membre")
    assert (
        all(re.fullmatch(r"P-[A-Z2-7]{12}", row["code"]) for row in people)
        and len({row["code"] for row in people}) == 7
    )
    assert not {"root_uuid", "submission_id", "submitted_by"} & people[0].keys()
    parents = {row["code_ligne"] for row in rows(team.mission, "menages")}
    assert {row["code_ligne"] for row in members} <= parents and all(
        re.fullmatch(r"L-[A-Z2-7]{12}", code) for code in parents
    )
    assert {row["submitted_at"] for row in people} == {"2025-02-11"}, "times to the day"
    again = rows(team.reopen(), "personnes")
    assert again == people and [row["code_ligne"] for row in people] == sorted(row["code_ligne"] for row in people)
    who = {row["code"]: row["identifiant"] for row in rows(team.mission, "cles", nominative=True)}
    assert {who[row["code"]] for row in people} == {f"NOR-0{n}" for n in range(1, 8)} and {
        who[code] for code in parents
    }
    key = team.mission.workspace.pseudonyms
    assert os.name == "nt" or key.stat().st_mode & 0o777 == 0o600
    key.write_bytes(b"k" * 32)
    assert not {row["code"] for row in rows(team.reopen(), "personnes")} & {row["code"] for row in people}
    key.write_bytes(b"short")
    with pytest.raises(Exception, match="it is no key"):
        rows(team.reopen(), "personnes")


def test_no_group_is_smaller_than_three(team: Field) -> None:
    people = rows(team.mission, "personnes")
    sizes: dict[tuple[str, ...], int] = {}
    for row in people:
        shown = tuple(row[name] for name in ("zone", "groupe", "age"))
        sizes[shown] = sizes.get(shown, 0) + 1
    assert sizes and min(sizes.values()) >= 3, "two of group b would be told"
    build(team.mission)
    told = _text((team.mission.workspace.out / "nord" / "qualite-donnees.docx").read_bytes())
    words = re.sub(r"<[^>]+>", "", told).replace("\u00a0", " ").replace("\u202f", " ")
    assert re.search(r"personnes : k = [3-7] sur 7", words) and "nom_chef*" in words and "membre/nombre_jefe*" in words
    open_mission = configured(team, "\n[privacy]\nsmallest_group = 1\n")
    build(open_mission)
    told = _text((open_mission.workspace.out / "nord" / "qualite-donnees.docx").read_bytes())
    words = re.sub(r"<[^>]+>", "", told).replace("\u00a0", " ").replace("\u202f", " ")
    assert "personnes : k = 2 sur 7" in words and "dans un groupe de moins de 3" in words


def test_a_refusal_and_an_anonymous_form_keep_no_phone(team: Field) -> None:
    """In the mirror's tables, so in all that is made of them."""
    with team.mission.store.begin() as connection:
        asked: dict[str, Any] = {
            row[0]: row[1:] for row in connection.exec_driver_sql("SELECT accord, username, deviceid FROM data_menages")
        }
        avis = connection.exec_driver_sql("SELECT submitted_by, username, deviceid FROM data_avis").all()
    assert asked == {"oui": ("agent-marque", "collect:marque"), "non": (None, None)}
    assert [tuple(row) for row in avis] == [("", None, None)]
    (refused,) = [row for row in rows(team.mission, "menages", nominative=True) if row["accord"] == "non"]
    assert {name for name, cell in refused.items() if cell} <= {
        "root_uuid", "submission_id", "submitted_at", "form_version", "zone", "zone_libelle", "accord", "accord_libelle",
    }  # fmt: skip


def test_who_asked_for_names_stands_in_the_log(team: Field) -> None:
    export(team.mission, "csv")
    assert access_log.downloads(team.mission.desk) == []
    export(team.mission, "csv", nominative=True)
    export(team.mission, "xlsx", nominative=True, asked_by="maha")
    by_account, by_user = access_log.downloads(team.mission.desk)
    assert (
        by_account.username == "maha"
        and by_user.username.startswith(getpass.getuser())
        and by_user.at == team.clock.now
    )
    assert by_user.classification == "nominative" and all(
        word in by_user.path for word in ("csv", "menages", "personnes", "nord", "sud")
    )


def test_the_log_of_a_large_mission_names_all_its_forms(team: Field) -> None:
    """The log's lines have a longest length, which PostgreSQL keeps to."""
    forms = "".join(f'[forms.formulaire_{n}]\nfile = "formulaire_{n}.md"\n' for n in range(40))
    for n in range(40):
        text = AVIS.replace("| Avis | avis |", f"| Avis | formulaire_{n} |").replace(
            "| Avis    | avis", f"| Avis | formulaire_{n}"
        )
        (team.mission.workspace.root / "forms" / f"formulaire_{n}.md").write_text(text, "utf-8")
    zones = team.mission.workspace.root / "config" / "zones.csv"
    zones.write_text(zones.read_text("utf-8") + "".join(f"zone_{n},Zone {n},,Z{n}\n" for n in range(60)), "utf-8")
    mission = configured(team, f"\n{forms}")
    export(mission, "csv", nominative=True, asked_by="maha")
    paths = [each.path for each in access_log.downloads(mission.desk)]
    assert all(len(path) <= 255 for path in paths) and all(
        any(f"formulaire_{n}" in path for path in paths) for n in range(40)
    )
    assert all("62 zones" in path for path in paths)


@pytest.mark.skipif(os.name == "nt", reason="rights of POSIX")
def test_what_names_people_and_all_state_is_its_owners_only(team: Field, tmp_path: Path) -> None:
    mission, umask = team.mission, os.umask(0o022)
    try:
        build(mission)
        deliver(mission)
        export(mission, "csv", nominative=True)
        lint_mission(mission, validate=False)
        copy = Path(backup(mission, output=tmp_path / "copies").lines[0].partition(":")[0])
        restore(copy, tmp_path / "back", force=False, now=team.clock.now)
    finally:
        os.umask(umask)
    mine = [
        mission.workspace.state,
        *mission.workspace.state.rglob("*"),
        copy,
        *copy.rglob("*"),
        *(tmp_path / "back" / ".kobo_sync").rglob("*"),
    ]
    mine += [
        path
        for path in mission.workspace.out.rglob("*")
        if "nominatif" in str(path) or path.name.startswith("liste-presence")
    ]
    mine += [
        path
        for path in (tmp_path / "back" / "exports" / "out").rglob("*")
        if "nominatif" in path.name or path.name.startswith("liste-presence")
    ]
    assert len(mine) > 40 and [str(path) for path in mine if path.stat().st_mode & 0o077] == []
    assert (mission.workspace.out / "nord" / "donnees.xlsx").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "back" / "config" / "mission.toml").stat().st_mode & 0o044
    assert (tmp_path / "back" / ".kobo_sync" / "pseudonyms.key").read_bytes() == mission.workspace.pseudonym_key(), (
        "codes stay the same"
    )


def test_lint_and_doctor_print_the_table(team: Field) -> None:
    lines = [line for form in lint_mission(team.mission, validate=False) for line in form.classes]
    assert any(
        line.startswith("menages, nominative: ") and "nom_chef?" in line and "membre/telephone?" in line
        for line in lines
    )
    assert (
        any("personnes, nominative: " in line and "code, nom" in line for line in lines)
        and "_submitted_by" in lines[-1]
    )
    assert [line for form in lint_mission(team.reopen(), validate=False) for line in form.classes] == lines, (
        "from the cache too"
    )
    assert any(
        "classes of menages: nominative: " in line and "numero_cin?" in line for line in doctor(team.mission).lines
    )


def test_lists_of_persons_reach_no_printed_form(team: Field, tmp_path: Path) -> None:
    """Part 7, A1: one in config/ did, one in forms/media/ did not; naming the question ordinary opens it."""
    root = team.mission.workspace.root
    (root / "config" / "agents.csv").write_text("code,label_fr\na1,Zineb Marquée\n", "utf-8")
    form = root / "forms" / "avis.md"
    form.write_text(
        AVIS.replace("| | text | fort", "| | select_one_from_file agents.csv | qui | Qui |\n| | text | fort"), "utf-8"
    )
    for function in (print_form, print_codebook):
        function(team.reopen(), "avis", output=tmp_path / "closed")
    assert "Marqu" not in everything(tmp_path / "closed")
    print_codebook(configured(team, '\n[privacy.classes]\n"avis.qui" = "ordinary"\n'), "avis", output=tmp_path / "open")
    assert "Zineb Marquée" in everything(tmp_path / "open")


def test_deploying_again_changes_no_code(team: Field) -> None:
    before = rows(team.mission, "personnes")
    deploy(team.reopen())
    assert rows(team.reopen(), "personnes") == before
