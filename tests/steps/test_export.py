"""The data for analysts, read back by the readers they use: labels, dates, places, repeats, and questions asked no more."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from conftest import PERSONNES, Field

from kobo_sync.mission.mission import Mission
from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.deploy_plan import REFUSALS
from kobo_sync.steps.export import SHAPES, export
from kobo_sync.steps.pull import pull

READERS = Path(sys.prefix) / "analysts"  # make test puts pyarrow and pyreadstat here
with_readers = pytest.mark.skipif(not READERS.is_dir(), reason="make test installs pyarrow and pyreadstat")

OLD = """|        | text                           | surnom | Surnom                 | اللقب               |          |                   |
|        | integer                        | tel    | Téléphone              | الهاتف              |          |                   |
|        | integer                        | avis   | Avis                   | رأي                 |          |                   |
|        | geopoint                       | maison | Maison                 | المنزل              |          |                   |
|        | begin_repeat                   | enfant | Enfant                 | طفل                 |          |                   |
|        | text                           | petit  | Prénom                 | الاسم               |          |                   |
|        | end_repeat                     |        |                        |                     |          |                   |
"""
NEW = """|        | select_multiple langue         | parle  | Langues                | اللغات              |          |                   |
|        | date                           | le     | Date                   | التاريخ             |          |                   |
|        | dateTime                       | heure  | Heure                  | الساعة              |          |                   |
"""
LANGUAGES = """|        | langue    | zgh  | Tamazight            | ⵜⴰⵎⴰⵣⵉⵖⵜ            |
|        | langue    | ar   | Arabe                | العربية             |
"""


def _form(questions: str, version: int, choices: str = "") -> str:
    text = PERSONNES.replace("| choices |\n", f"{questions}| choices |\n").replace(
        "| settings |\n", f"{choices}| settings |\n"
    )
    return text.replace("| personnes | 1 ", f"| personnes | {version} ")


@pytest.fixture
def changed(field_team: Field) -> Iterator[Mission]:
    """A form that asked a nickname, a phone, an opinion, a house and children; then, in their place, languages and dates."""
    root = field_team.mission.workspace.root
    settings = root / "config" / "mission.toml"
    settings.write_text(
        settings.read_text("utf-8") + "\n[privacy]\nsmallest_group = 1\n", "utf-8"
    )  # two persons are few
    form = root / "forms" / "personnes.md"
    form.write_text(_form(OLD, 2), "utf-8")
    deploy(field_team.reopen())
    old = {
        "surnom": "Tata Zineb",
        "tel": 661234567,
        "avis": 4,
        "maison": "32.5 -4.75 1200 5",
        "enfant": [{"petit": "Ilyas"}],
    }
    field_team.mission = field_team.reopen()
    field_team.person("NOR-01", age=31, note="=1+1", **old)
    pull(field_team.mission)
    form.write_text(_form(NEW, 3, LANGUAGES), "utf-8")
    field_team.mission = field_team.reopen()
    deploy(field_team.mission, despite=REFUSALS)
    field_team.clock.forward(hours=1)
    new = {"parle": "zgh ar", "le": "2025-02-11", "heure": "2025-02-11T09:30:00.000+01:00"}
    field_team.person("NOR-02", age=None, note="شكرا", **new)
    mission = field_team.reopen()
    pull(mission)
    yield mission


def _rows(mission: Mission, name: str, **options: bool) -> list[dict[str, str]]:
    folder = mission.workspace.out / "csv"
    export(mission, "csv", output=folder, **options)
    path = folder / f"{name}.csv"
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline=""))) if path.is_file() else []


def test_a_question_asked_no_more_is_there_for_who_may_see_names_and_says_so(changed: Mission) -> None:
    first, second = _rows(changed, "personnes", nominative=True)
    assert (first["surnom"], first["tel"], first["avis"], first["maison_lat"]) == (
        "Tata Zineb",
        "661234567",
        "4",
        "32.5",
    )
    assert first["nom"] == "Nom NOR-01" and second["surnom"] == "" and second["parle"] == "zgh ar"
    assert list(first)[-1].startswith("maison_"), "what is asked no more stands after what is"
    (child,) = _rows(changed, "personnes__enfant", nominative=True)
    assert child["petit"] == "Ilyas" and child["root_uuid"] == first["root_uuid"]
    told = {row["Question"]: row["Libellé de la question"] for row in _rows(changed, "codes", nominative=True)}
    modes = {path.stat().st_mode & 0o777 for path in (changed.workspace.out / "csv").iterdir()}
    assert os.name == "nt" or modes == {0o600}, "for this account's eyes"
    assert told["surnom"] == "surnom (question retirée du formulaire)" and told["nom"] == "Nom"


def test_of_a_question_asked_no_more_only_small_numbers_are_pseudonymous(changed: Mission) -> None:
    first, _ = sorted(_rows(changed, "personnes"), key=lambda row: row["avis"], reverse=True)
    assert first["avis"] == "4" and first["age"] == "30-39"
    assert not {"surnom", "tel", "maison_lat", "maison_lon", "nom"} & set(first)
    assert all("petit" not in row for row in _rows(changed, "personnes__enfant"))
    told = [_rows(changed, name) for name in ("personnes", "personnes__enfant", "codes")]
    assert not any(word in str(told) for word in ("Zineb", "661234567", "32.5", "Ilyas", "Nom NOR"))


def test_the_same_data_give_the_same_files(changed: Mission, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(READERS)])
    shapes = SHAPES if READERS.is_dir() else tuple(set(SHAPES) - {"parquet", "sav"})
    for shape in (
        shape for shape in shapes if shape != "parquet"
    ):  # pandas looked for pyarrow once, when it was loaded
        made = []
        for number in range(2):
            folder = changed.workspace.out / f"{shape}-{number}"
            export(changed, shape, output=folder, nominative=True)
            made.append({path.name: path.read_bytes() for path in folder.iterdir()})
        assert made[0] == made[1] and made[0], shape


def test_stata_reads_labels_dates_and_a_column_per_choice(changed: Mission) -> None:
    export(changed, "dta", output=changed.workspace.out)
    table = pd.read_stata(changed.workspace.out / "personnes.dta")
    assert list(table["zone"]) == ["Nord", "Nord"] and list(table["groupe"]) == ["A", "A"]
    at = int(table["parle_zgh"].notna().to_numpy().argmax())
    assert sorted(table["parle_zgh"].isna()) == [False, True] and table["parle_zgh"][at] == "Oui"
    assert table["v_le"][at] == pd.Timestamp("2025-02-11") == table["heure"][at], "an hour tells who (part 7, A4)"
    with pd.read_stata(changed.workspace.out / "personnes.dta", iterator=True) as reader:
        said = reader.variable_labels()
    assert said["parle_zgh"] == "Tamazight – Langues" and said["groupe"] == "Groupe"


READ = """
import json, sys
import pandas as pd, pyreadstat
from pathlib import Path
folder = Path(sys.argv[1])
table, about = pyreadstat.read_sav(folder / "personnes.sav")
at = int(table["parle_zgh"].notna().to_numpy().argmax())
row = table.iloc[at]
parquet = pd.read_parquet(folder / "personnes.parquet")
print(json.dumps({
    "labels": about.column_names_to_labels, "values": about.variable_value_labels, "formats": about.original_variable_types,
    "row": {name: str(row[name]) for name in table}, "parquet": {name: str(parquet[name][at]) for name in parquet},
    "types": {name: str(kind) for name, kind in parquet.dtypes.items()},
}, default=str))
"""


@with_readers
def test_spss_and_parquet_are_read_by_their_own_readers(changed: Mission) -> None:
    out = changed.workspace.out
    environment = os.environ | {"PYTHONPATH": str(READERS), "KOBO_TOKEN": "t" * 40}
    held = []
    for shape in ("sav", "parquet") * 2:
        command = [sys.executable, "-m", "kobo_sync", "export", shape, "--output", str(out), "--workspace"]
        command.append(str(changed.workspace.root))
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        held.append({path.name: path.read_bytes() for path in out.glob(f"*.{shape}")})
    assert held[:2] == held[2:] and "personnes__enfant.sav" in held[0]
    read = subprocess.run(
        [sys.executable, "-c", READ, str(out)], env=environment, capture_output=True, text=True, check=True
    )
    told = json.loads(read.stdout)
    assert told["labels"]["groupe"] == "Groupe" and told["values"]["groupe"] == {"1.0": "A", "2.0": "B"}
    assert told["row"]["v_le"] == "2025-02-11" and told["formats"]["v_le"] == "DATE11"
    assert told["row"]["heure"] == "2025-02-11" and told["row"]["note"] == "شكرا"
    assert told["row"]["parle_zgh"] == "1.0" and told["parquet"]["le"].startswith("2025-02-11")
    assert told["types"]["validation"] == "str" and "nom" not in told["parquet"]


def test_places_are_longitude_then_latitude(field_team: Field) -> None:
    field_team.submit("visites", {"zone": "nord", "gps": "32.123456 -4.987654 1200 5", "membre": [{"prenom": "Ali"}]})
    field_team.submit("visites", {"zone": "sud", "gps": None, "membre": []})
    mission = field_team.reopen()
    pull(mission)
    for nominative, digits in ((False, [-4.99, 32.12]), (True, [-4.987654, 32.123456])):
        folder = mission.workspace.out / str(nominative)
        export(mission, "geojson", output=folder, nominative=nominative)
        features = json.loads((folder / "donnees.geojson").read_text("utf-8"))["features"]
        of_form = [feature for feature in features if feature["properties"]["table"] == "visites"]
        of_form.sort(key=lambda feature: feature["geometry"] is None)
        assert [f["geometry"] and f["geometry"]["coordinates"] for f in of_form] == [digits, None]
        assert ("gps_lat" in of_form[0]["properties"]) == nominative


def test_lines_and_surfaces_are_drawn_and_no_exact_position_stays_beside_them(field_team: Field) -> None:
    form = field_team.mission.workspace.root / "forms" / "personnes.md"
    asked = "".join(
        f"|        | {kind:30} | {name} | {name} | {name} |  |  |\n"
        for kind, name in (("geotrace", "piste"), ("geoshape", "champ"), ("geopoint", "maison"), ("geopoint", "puits"))
    )
    form.write_text(_form(asked, 2), "utf-8")
    deploy(field_team.reopen())
    field_team.mission = field_team.reopen()
    walked, tilled = "32.1234 -4.5678 0 0;32.2234 -4.6678 0 0", "32 -4 0 0;32 -4.5 0 0;32.5 -4.5 0 0;32 -4 0 0"
    field_team.person("NOR-01", piste=walked, maison="32.5432 -4.7543 0 0", puits="32.6543 -4.8654 0 0")
    field_team.person("NOR-02", champ=tilled, puits="32.6543 -4.8654 0 0")
    field_team.person("NOR-03", puits="32.6543 -4.8654 0 0")
    mission = field_team.reopen()
    pull(mission)
    for nominative in (False, True):
        folder = mission.workspace.out / str(nominative)
        export(mission, "geojson", output=folder, nominative=nominative)
        text = (folder / "donnees.geojson").read_text("utf-8")
        drawn = [f["geometry"] for f in json.loads(text)["features"] if f["properties"]["table"] == "personnes"]
        assert sorted(geometry["type"] for geometry in drawn) == ["LineString", "Point", "Polygon"]
        assert [exact in text for exact in ("32.1234", "32.5432", "32.6543")] == [nominative] * 3


ODD = """|        | text                           | position | Fonction             | الوظيفة             |          |                   |
|        | text                           | validation | Avis               | رأي                 |          |                   |
|        | select_one avis                | choix | Choix                   | اختيار              |          |                   |
|        | text                           | choix_libelle | Autre mot       | كلمة                |          |                   |
|        | select_one_from_file villages.csv | village | Village            | دوار                |          |                   |
|        | select_multiple besoin         | besoins | Besoins               | حاجات               |          |                   |
"""
ODD_CHOICES = """|        | avis      | o    | Oui                  | نعم                 |
|        | besoin    | eau  | Eau                  | ماء                 |
"""
DROPPED = "|        | besoin    | ecole | École               | مدرسة               |\n"


@pytest.fixture
def odd(field_team: Field) -> Iterator[Mission]:
    """Questions called like our own columns, labels from a file, and a choice that a second version has no more."""
    root = field_team.mission.workspace.root
    (root / "forms" / "media").mkdir(exist_ok=True)
    (root / "forms" / "media" / "villages.csv").write_text("name,label\nv1,Douar X\nv2,Oued Y\n", "utf-8")
    form = root / "forms" / "personnes.md"
    form.write_text(_form(ODD, 2, ODD_CHOICES + DROPPED), "utf-8")
    deploy(field_team.reopen())
    field_team.mission = field_team.reopen()
    answers = {"position": "Infirmier", "validation": "bon", "choix": "o", "choix_libelle": "mot", "village": "v2"}
    field_team.person("N1", **answers, besoins="eau ecole")
    field_team.person("N2", **answers, besoins="ecole")
    pull(field_team.reopen())
    form.write_text(_form(ODD, 3, ODD_CHOICES), "utf-8")
    mission = field_team.reopen()
    deploy(mission, despite=REFUSALS)
    pull(mission)
    yield mission


def test_every_question_has_a_column_of_its_own_and_labels_last(odd: Mission, tmp_path: Path) -> None:
    export(odd, "csv", output=tmp_path, nominative=True)
    header, first, second = csv.reader(io.StringIO((tmp_path / "personnes.csv").read_text("utf-8-sig"), newline=""))
    assert len(header) == len({name.lower() for name in header})
    row = dict(zip(header, first, strict=True))
    assert row["position"] == "Infirmier" and row["validation_2"] == "bon" and row["validation"] == ""
    assert (row["choix"], row["choix_libelle"], row["choix_libelle_2"]) == ("o", "mot", "Oui")
    assert (row["village"], row["village_libelle"]) == ("v2", "Oued Y")
    labels = [dict(zip(header, cells, strict=True))["besoins_libelle"] for cells in (first, second)]
    assert sorted(labels) == ["Eau ; École", "École"]
    assert "apostrophe" in (tmp_path / "lisez-moi.txt").read_text("utf-8-sig")


@with_readers
def test_a_choice_that_is_gone_keeps_its_column_and_label(odd: Mission, tmp_path: Path) -> None:
    export(odd, "dta", output=tmp_path, nominative=True)
    table = pd.read_stata(tmp_path / "personnes.dta", convert_categoricals=False)
    assert sorted(table["besoins_ecole"]) == [1, 1] and sorted(table["besoins_eau"]) == [0, 1]
    with pd.read_stata(tmp_path / "personnes.dta", iterator=True) as reader:
        assert reader.variable_labels()["besoins_ecole"] == "École – Besoins"


PEOPLE = {
    "by the file": ("menages.csv", "choix_m", "name,label\nm1,Zineb Marquée\nm2,Autre Marquée\n"),
    "by the question": ("liste.csv", "NomChef", "name,label\nm1,Zineb Marquée\nm2,Autre Marquée\n"),
    "by a column": ("liste.csv", "choix_m", "name,label,Téléphone\nm1,Zineb Marquée,0661\nm2,Autre Marquée,0662\n"),
    "by a name": ("liste.csv", "choix_m", "name,label\nm1,Nom N1\nm2,Autre Marquée\n"),
}


@pytest.mark.parametrize("told_by", PEOPLE)
def test_a_list_of_people_stays_codes_in_every_shape(field_team: Field, told_by: str, tmp_path: Path) -> None:
    file, question, content = PEOPLE[told_by]
    root = field_team.mission.workspace.root
    (root / "forms" / "media").mkdir(exist_ok=True)
    (root / "forms" / "media" / file).write_text(content, "utf-8")
    row = f"|        | select_one_from_file {file} | {question} | Qui | من | | |\n"
    (root / "forms" / "personnes.md").write_text(_form(row, 2), "utf-8")
    deploy(field_team.reopen(), despite=REFUSALS)
    field_team.mission = field_team.reopen()
    field_team.person("N1", **{question: "m1"})  # whose name is « Nom N1 »
    mission = field_team.reopen()
    pull(mission)
    for shape in ("csv", "dta", "xlsx", "geojson"):
        export(mission, shape, output=tmp_path / shape)
        for path in (tmp_path / shape).iterdir():
            assert b"Marqu" not in _unpacked(path), path.name
    (row,) = csv.DictReader(io.StringIO((tmp_path / "csv" / "personnes.csv").read_text("utf-8-sig"), newline=""))
    assert row[question].startswith("P-"), "a code on a list of persons is the key of that list (part 7, A4)"


def _unpacked(path: Path) -> bytes:
    if path.suffix != ".xlsx":
        return path.read_bytes()
    with zipfile.ZipFile(path) as book:
        return b"".join(map(book.read, book.namelist()))
