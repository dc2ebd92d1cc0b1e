"""Missions unlike the one shipped, built whole: other words, other forms, many zones or one, most of the config left out."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from pathlib import Path

import pypdfium2
from conftest import field_in

from kobo_sync.deliverables import names
from kobo_sync.steps.build import build
from kobo_sync.steps.check import check
from kobo_sync.steps.deliver import UNFINISHED, deliver
from kobo_sync.steps.export import export
from kobo_sync.steps.pull import pull
from kobo_sync.workspace.folders import Workspace

# What only the mission of this repository says.
OURS = re.compile(
    r"plaidoyer|lobby|n[ée]gociation|karama|atdc|avançons|bertat|zaouiat|oumjniba|midelt|boulemane|\bOSC\b|\bCLD\b|09-08|maroc|douar|casablanca",
    re.IGNORECASE,
)
DELIVERABLES = '\n[deliverables]\nzone = {zone}\nmission = ["final_report"]\n'
SERVER = '\n[server]\nkf = "http://127.0.0.1:1"\nkc = "http://127.0.0.1:1"\n'

WATER = """
[mission]
code = "water-points"
title = "Managing village water points"
languages = ["en"]
starts_on = 2027-03-01
ends_on = 2027-03-20
[[groups]]
code = "committee"
label = { en = "Water committee" }
[[groups]]
code = "users"
label = { en = "Users" }
[quotas.default]
committee = 3
users = 4
[codes]
female = "w"
[forms.people]
role = "registration"
file = "people.md"
[forms.people.fields]
zone = "place"
person = "badge"
family_name = "surname"
group = "side"
sex = "gender"
[forms.came]
role = "attendance"
file = "came.md"
[forms.came.fields]
zone = "place"
person = "badge"
[forms.quiz]
role = "test"
file = "quiz.md"
[forms.quiz.fields]
zone = "place"
person = "badge"
moment = "phase"
[forms.quiz.items]
pump = { theme = "care", answer = "a" }
"""
PEOPLE = """
| survey |                                |         |              |
|        | type                           | name    | label::English (en) |
|        | select_one_from_file zones.csv | place   | Village      |
|        | text                           | badge   | Badge        |
|        | text                           | surname | Surname      |
|        | select_one side                | side    | Side         |
|        | select_one gender              | gender  | Gender       |
| choices |
|        | list_name | name      | label::English (en) |
|        | side      | committee | Committee |
|        | side      | users     | Users     |
|        | gender    | w         | Woman     |
|        | gender    | m         | Man       |
| settings |
|        | form_title | form_id | version | default_language |
|        | People     | people  | 1       | English (en)     |
"""
CAME = """
| survey |                                |       |         |
|        | type                           | name  | label::English (en) |
|        | select_one_from_file zones.csv | place | Village |
|        | text                           | badge | Badge   |
| settings |
|        | form_title | form_id | version | default_language |
|        | Came       | came    | 1       | English (en)     |
"""
QUIZ = """
| survey |                                |       |         |
|        | type                           | name  | label::English (en) |
|        | select_one_from_file zones.csv | place | Village |
|        | text                           | badge | Badge   |
|        | select_one phase               | phase | When    |
|        | select_one pump                | pump  | What keeps a pump alive? |
| choices |
|        | list_name | name   | label::English (en) |
|        | phase     | before | Before |
|        | phase     | after  | After  |
|        | pump      | a      | Grease |
|        | pump      | b      | Paint  |
| settings |
|        | form_title | form_id | version | default_language |
|        | Quiz       | quiz    | 1       | English (en)     |
"""
BARE = """
[mission]
code = "bare"
title = "A workshop"
languages = ["en"]
starts_on = 2027-03-01
ends_on = 2027-03-01
[forms.people]
file = "people.md"
"""


def _workspace(root: Path, toml: str, zones: list[tuple[str, str]], forms: dict[str, str]) -> Workspace:
    for folder in ("config", "forms"):
        (root / folder).mkdir(parents=True)
    (root / "config" / "mission.toml").write_text(toml, "utf-8")
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([("code", "label_en"), *zones])
    (root / "config" / "zones.csv").write_text(out.getvalue(), "utf-8")
    for name, text in forms.items():
        (root / "forms" / f"{name}.md").write_text(text, "utf-8")
    return Workspace(root, root / ".kobo_sync", root / "exports" / "out")


def texts(content: bytes, name: str) -> str:
    """All that a file says, and its metadata."""
    if name.endswith((".docx", ".xlsx", ".zip")):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return "\n".join(texts(archive.read(part), part) for part in archive.namelist())
    if name.endswith(".pdf"):
        document = pypdfium2.PdfDocument(content)
        pages = [page.get_textpage().get_text_range() for page in document]
        return "\n".join([*pages, *document.get_metadata_dict().values()])
    text = content.decode("utf-8", "ignore")
    # Word cuts sentences into runs.
    return text + "\n" + re.sub(r"<[^>]+>", "", text)


def test_twelve_villages_with_long_names_and_few_forms(tmp_path: Path) -> None:
    zones = [
        (f"v{k:02}", f"The {k}th village of the upper valley beyond the old mill & the “new” bridge") for k in range(12)
    ]
    asked = [name for name in names() if name not in ("final_report", "changes")]
    toml = WATER + DELIVERABLES.format(zone=asked).replace("'", '"') + SERVER

    def write(root: Path) -> Workspace:
        return _workspace(root, toml, zones, {"people": PEOPLE, "came": CAME, "quiz": QUIZ})

    with field_in(tmp_path, write) as field:
        for k in range(7):
            person = {
                "place": "v00",
                "badge": f"B{k}",
                "surname": f"Person{k}",
                "side": "users" if k % 2 else "committee",
            }
            field.submit("people", person | {"gender": "w" if k % 3 else "m"})
            field.submit("came", {"place": "v00", "badge": f"B{k}"})
            for phase, pump in (("before", "b" if k % 2 else "a"), ("after", "a")):
                field.submit("quiz", {"place": "v00", "badge": f"B{k}", "phase": phase, "pump": pump})
        mission = field.reopen()
        pull(mission)
        check(mission)
        report = build(mission)
        assert not [finding for finding in report.findings if finding.severity == "error"]
        deliver(mission)
        deliver(mission, final=True, despite=UNFINISHED)
        export(mission, "xlsx")
        out = mission.workspace.out
        assert len(list(out.glob("v*.zip"))) == 24
        for path in [path for path in out.rglob("*") if path.is_file()]:
            found = OURS.search(texts(path.read_bytes(), path.name))
            assert found is None, (path, found)
            if "nominative" not in path.name and not path.name.startswith("attendance-list"):
                assert "Person3" not in texts(path.read_bytes(), path.name), path
        sheet = texts((out / "v00" / "zone-sheet.pdf").read_bytes(), "zone-sheet.pdf")
        assert "upper valley" in sheet and len(pypdfium2.PdfDocument(out / "v00" / "zone-sheet.pdf")) == 1


def test_a_mission_with_one_zone_one_form_and_no_more(tmp_path: Path) -> None:
    asked = [name for name in names() if name not in ("final_report", "changes")]
    toml = BARE + DELIVERABLES.format(zone=asked).replace("'", '"') + SERVER

    def write(root: Path) -> Workspace:
        return _workspace(root, toml, [("only", "Salle")], {"people": PEOPLE})

    with field_in(tmp_path, write) as field:
        field.submit("people", {"place": "only", "badge": "1", "surname": "Seule", "side": "users", "gender": "w"})
        mission = field.reopen()
        pull(mission)
        report = build(mission)
        assert not [finding for finding in report.findings if finding.severity == "error"]
        deliver(mission)
        for path in [path for path in mission.workspace.out.rglob("*") if path.is_file()]:
            assert OURS.search(texts(path.read_bytes(), path.name)) is None, path
