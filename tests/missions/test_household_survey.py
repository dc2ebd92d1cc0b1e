"""A household survey from lint to delivery: no training, no roster, zones by what people call them, repeats inside repeats."""

from __future__ import annotations

import csv
import io
import re
import shutil
import statistics
import subprocess
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import openpyxl
import pytest
from conftest import Clock
from docx import Document as open_docx

from kobo_sync.mission.mission import Mission
from kobo_sync.model import Report
from kobo_sync.phones.collect import Phone
from kobo_sync.phones.simulate import instance_xml
from kobo_sync.station import Account, Station, serve
from kobo_sync.steps.analyse import analyse
from kobo_sync.steps.build import build
from kobo_sync.steps.check import check
from kobo_sync.steps.deliver import deliver
from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.export import export
from kobo_sync.steps.lint import lint_mission
from kobo_sync.steps.pull import pull
from kobo_sync.workspace.folders import Workspace

FOLDER = Path(__file__).parent / "household_survey"
TOKEN = "t" * 40
N_HOUSEHOLDS = 300
COMMUNITIES = {"1": "north", "2": "north", "3": "south", "4": "south", "5": "east", "6": ""}  # 6 is in no zone
FRENCH = re.compile(
    r"[«»]|\b(?:le|les|des|du|une|avec|pour|sans|aucune?|données|réponses?|ligne|feuille|présence|personnes|n’a|où)\b",
    re.I,
)
TRAINING = re.compile(
    r"\b(?:attendance|attended|sessions?|tests?|training|trained|trainer|participants?|quotas?|half-days?|signed|"
    r"registrations?|registered|road map|satisfaction|learning|focus groups?|roster|walk-ins?)\b",
    re.I,
)

Household = dict[str, Any]


def drawn() -> list[Household]:
    """Three hundred households, a few of which refuse; every tenth does not know the minutes."""
    draw = Random(11)
    households = []
    for number in range(N_HOUSEHOLDS):
        community = "6" if number in (40, 170) else "12345"[number % 5]
        household: Household = {"community": community, "consent": "2" if number % 50 == 7 else "1"}
        if household["consent"] == "1":
            household |= {
                "head_name": f"Head {number}",
                "n_rooms": 9 if number == 25 else draw.randint(1, 4),
                "water_source": draw.choices("1234", (5, 3, 2, 1))[0] if number != 33 else "5",
                "water_minutes": None if number % 10 == 3 else draw.randint(0, 90),
                "assets": [code for code in "1234" if draw.random() < 0.4] or ["1"],
                "latrine": draw.choices("12", (2, 1))[0],
                "members": [member(draw) for _ in range(draw.randint(1, 7))],
            }
        households.append(household)
    return households


def member(draw: Random) -> dict[str, Any]:
    age = draw.randint(0, 80)
    return {
        "age": age,
        "sex": draw.choice("12"),
        "school": draw.choices("12", (4, 1))[0] if 6 <= age <= 17 else None,
        "illnesses": [
            {"illness": draw.choice("123"), "days_ill": draw.randint(1, 10), "care": draw.choice("123")}
            for _ in range(draw.choices((0, 1, 2), (6, 3, 1))[0])
        ],
    }


def answers_of(household: Household) -> dict[str, Any]:
    """What the phone fills in, by path."""
    answers: dict[str, Any] = {"place/community": household["community"], "consent": household["consent"]}
    if household["consent"] != "1":
        return answers | {"household/members": []}
    answers |= {f"household/{name}": household[name] for name in ("head_name", "n_rooms", "water_source", "latrine")}
    answers["household/water_minutes"] = household["water_minutes"]
    answers["household/assets"] = " ".join(household["assets"])
    own = "household/members"
    answers[own] = [
        {
            f"{own}/age": one["age"],
            f"{own}/sex": one["sex"],
            f"{own}/school": one["school"],
            f"{own}/illnesses": [
                {f"{own}/illnesses/{name}": value for name, value in illness.items()} for illness in one["illnesses"]
            ],
        }
        for one in household["members"]
    ]
    return answers


@dataclass
class Survey:
    """The mission after its run: what was sent, and what each step said."""

    mission: Mission
    households: list[Household]
    reports: dict[str, Report]

    @property
    def out(self) -> Path:
        return self.mission.workspace.out

    def agreed(self, zone: str) -> list[Household]:
        """The households of a zone that agreed to be asked."""
        return [h for h in self.households if COMMUNITIES[h["community"]] == zone and h["consent"] == "1"]


@contextmanager
def mission_in(root: Path) -> Iterator[tuple[Mission, Phone]]:
    """The survey's mission with a server of its own."""
    shutil.copytree(FOLDER, root)
    as_workbook(root / "forms" / "households.md")
    workspace = Workspace(root, root / ".kobo_sync", root / "exports" / "out")
    clock, uids, uuids = Clock(), count(1), count(1)
    clock.forward(days=27)
    station = Station(
        root.parent / "server.sqlite",
        accounts=[Account("ana", "secret", TOKEN)],
        clock=clock,
        new_uid=lambda prefix: f"{prefix}{next(uids):0{22 - len(prefix)}}",
        new_uuid=lambda: f"11111111-1111-4111-8111-{next(uuids):012}",
    )
    with serve(station) as running:
        mission = Mission(workspace, {"KOBO_TOKEN": TOKEN}, clock, server=(running.url, running.url))
        phone = Phone(running.url, "ana", "secret")
        yield mission, phone
        phone.close()
        mission.close()
    station.close()


def as_workbook(path: Path) -> None:
    """The form as its makers hand it out: an XLSX."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    sheet: Any = None
    for line in path.read_text("utf-8").splitlines():
        first, *cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if first:
            sheet = book.create_sheet(first)
        else:
            sheet.append([cell or None for cell in cells])
    book.save(path.with_suffix(".xlsx"))


def send(mission: Mission, phone: Phone, households: list[Household]) -> None:
    (offered,) = phone.forms()
    xform = phone.xform(offered)
    for number, household in enumerate(households, 1):
        xml = instance_xml(xform, answers_of(household), instance_id=f"00000000-0000-4000-8000-{number:012}")
        phone.send(xml, {})


@pytest.fixture
def survey(tmp_path: Path) -> Iterator[Survey]:
    """The survey, from lint to delivery."""
    households = drawn()
    with mission_in(tmp_path / "mission") as (mission, phone):
        linted = lint_mission(mission, validate=False)
        assert [each.file for each in linted] == ["households.xlsx"]
        assert not [finding for each in linted for finding in each.findings if finding.severity == "error"]
        reports = {"deploy": deploy(mission)}
        send(mission, phone, households)
        for step in (pull, check, build, deliver, analyse):
            reports[step.__name__] = step(mission)
        yield Survey(mission, households, reports)


def sheet_text(path: Path) -> str:
    """What the PDF says, in lines."""
    return subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, check=True, text=True).stdout


def texts_of(content: bytes, name: str) -> str:
    """All that a paper says."""
    if name.endswith(".xlsx"):
        book = openpyxl.load_workbook(io.BytesIO(content))
        cells = (cell for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row)
        return "\n".join([*book.sheetnames, *(cell for cell in cells if isinstance(cell, str))])
    if name.endswith(".docx"):
        paper = open_docx(io.BytesIO(content))
        cells = [cell.text for table in paper.tables for row in table.rows for cell in row.cells]
        ends = [
            p.text for section in paper.sections for part in (section.header, section.footer) for p in part.paragraphs
        ]
        return "\n".join([*(p.text for p in paper.paragraphs), *cells, *ends])
    return subprocess.run(["pdftotext", "-", "-"], input=content, capture_output=True, check=True).stdout.decode()


def every_row_arrives_and_the_two_of_no_zone_are_told(survey: Survey) -> None:
    assert survey.reports["pull"].counts["new"] == N_HOUSEHOLDS
    strays = [each for each in survey.reports["check"].findings if each.rule == "DATA003"]
    assert len(strays) == 2
    assert all("“6”" in each.message and "[forms.households.zones]" in each.hint for each in strays)
    rules = {each.rule for each in survey.reports["check"].findings if each.severity == "error"}
    assert rules == set()


def each_zone_has_its_rows_whatever_they_call_it(survey: Survey) -> None:
    for zone in ("north", "south", "east"):
        book = openpyxl.load_workbook(survey.out / zone / "data.xlsx")
        rows = list(book["households"].iter_rows(values_only=True))
        head = next(at for at, row in enumerate(rows) if "community" in row)
        column = rows[head].index("community")
        communities = Counter(row[column] for row in rows[head + 1 :] if row[column] in COMMUNITIES)
        wanted = Counter(h["community"] for h in survey.households if COMMUNITIES[h["community"]] == zone)
        assert communities == wanted


def the_sheet_says_what_a_recount_says(survey: Survey) -> None:
    for zone in ("north", "south", "east"):
        households = survey.agreed(zone)
        n = len(households)
        said = " ".join(sheet_text(survey.out / zone / "zone-sheet.pdf").split())
        assert f"n = {n}" in said
        sources = Counter(h["water_source"] for h in households)
        for code, label in {"1": "Piped water", "2": "Protected well", "3": "River or spring"}.items():
            assert re.search(rf"{label} {percent(sources[code], n)}", said), (zone, label)
        assert f"Yes {percent(sum(h['latrine'] == '1' for h in households), n)}" in said
        minutes = [h["water_minutes"] for h in households if h["water_minutes"] is not None]
        assert f"n = {len(minutes)}" in said
        assert f"{statistics.fmean(minutes):.1f}" in said
        members = [one for h in households for one in h["members"]]
        pupils = [one["school"] for one in members if one["school"]]
        assert f"n = {len(pupils)}, “Members of the household”" in said
        illnesses = [each for one in members for each in one["illnesses"]]
        assert f"n = {len(illnesses)}, “Illnesses in the last two weeks”" in said
        assert f"{statistics.fmean(each['days_ill'] for each in illnesses):.1f}" in said
        cared = sum(each["care"] in "12" for each in illnesses)
        assert f"Nurse or doctor or Health promoter {percent(cared, len(illnesses))}" in said


def percent(k: int, n: int) -> str:
    return f"{int(100 * k / n + 0.5)}%"


def what_one_household_alone_answers_is_not_told(survey: Survey) -> None:
    assert survey.households[25]["n_rooms"] == 9  # the only one
    (zone,) = {COMMUNITIES[survey.households[25]["community"]]}
    said = sheet_text(survey.out / zone / "zone-sheet.pdf")
    assert re.search(r"≥\s*4\b", said)
    (zone,) = {COMMUNITIES[survey.households[33]["community"]]}  # the only one with rain water
    line = next(line for line in sheet_text(survey.out / zone / "zone-sheet.pdf").splitlines() if "Rain water" in line)
    assert "Rain water" in line and not re.search(r"Rain water\s+\d", line)


def no_paper_speaks_french_or_of_training(survey: Survey) -> None:
    papers = 0
    for path in sorted(survey.out.glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if not name.endswith((".docx", ".pdf", ".xlsx")):
                    continue
                text = texts_of(archive.read(name), name)
                assert not FRENCH.findall(text), (path.name, name, FRENCH.findall(text))
                assert not TRAINING.findall(text), (path.name, name, TRAINING.findall(text))
                papers += 1
    assert papers >= 6
    quality = survey.out / "north" / "data-quality.docx"
    text = texts_of(quality.read_bytes(), quality.name)
    assert not FRENCH.findall(text), FRENCH.findall(text)
    assert not TRAINING.findall(text), TRAINING.findall(text)
    n, n_refused = (
        len(survey.agreed("north")),
        sum(h["consent"] == "2" for h in survey.households if COMMUNITIES[h["community"]] == "north"),
    )
    paper = open_docx(quality)
    row = next(row for table in paper.tables for row in table.rows if row.cells[0].text == "Household questionnaire")
    assert [cell.text for cell in row.cells[1:5]] == [str(n + n_refused), str(n_refused), "0", str(n)]


def the_exports_are_what_was_sent(survey: Survey, folder: Path) -> None:
    export(survey.mission, "csv", nominative=True, output=folder)
    files = {path.stem: list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig")))) for path in folder.glob("*.csv")}
    sent = {f"00000000-0000-4000-8000-{number:012}": h for number, h in enumerate(survey.households, 1)}
    rows = {row["root_uuid"]: row for row in files["households"]}
    assert rows.keys() == sent.keys()
    for root, household in sent.items():
        if household["consent"] == "1":
            row = rows[root]
            for name in ("community", "head_name", "n_rooms", "water_source", "latrine"):
                assert row[name] == str(household[name])
            assert row["water_minutes"] == (
                "" if household["water_minutes"] is None else str(household["water_minutes"])
            )
            assert row["assets"] == " ".join(household["assets"])
    members = Counter(
        (root, str(one["age"]), one["sex"], one["school"] or "")
        for root, household in sent.items()
        for one in household.get("members", ())
    )
    exported = Counter((r["root_uuid"], r["age"], r["sex"], r["school"]) for r in files["households__members"])
    assert exported == members
    illnesses = Counter(
        (root, each["illness"], str(each["days_ill"]), each["care"])
        for root, household in sent.items()
        for one in household.get("members", ())
        for each in one["illnesses"]
    )
    exported = Counter((r["root_uuid"], r["illness"], r["days_ill"], r["care"]) for r in files["households__illnesses"])
    assert exported == illnesses


def the_pages_have_the_same_figures(survey: Survey) -> None:
    snapshot = survey.mission.desk.snapshot("dashboard")
    assert snapshot is not None
    north = next(place for place in snapshot[0]["zones"] if place["code"] == "north")
    water = next(each for each in north["chosen"] if each["question"] == "water_source")
    households = survey.agreed("north")
    assert water["n"] == str(len(households))
    piped = next(bar for bar in water["bars"] if bar["labels"]["en"] == "Piped water")
    assert piped["share"] == ["", pytest.approx(sum(h["water_source"] == "1" for h in households) / len(households))]


def test_a_household_survey_from_lint_to_delivery(survey: Survey, tmp_path: Path) -> None:
    every_row_arrives_and_the_two_of_no_zone_are_told(survey)
    each_zone_has_its_rows_whatever_they_call_it(survey)
    the_sheet_says_what_a_recount_says(survey)
    what_one_household_alone_answers_is_not_told(survey)
    no_paper_speaks_french_or_of_training(survey)
    the_exports_are_what_was_sent(survey, tmp_path / "csv")
    the_pages_have_the_same_figures(survey)
