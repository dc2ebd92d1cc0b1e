"""A training of another kind from lint to delivery: two days of two sessions, presence by an answer, two groups, English and Wolof."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pypdfium2
import pytest
from conftest import Field, field_in
from docx import Document as open_docx

from kobo_sync.analysis.attendance import attendance
from kobo_sync.mission.facts import gather_facts
from kobo_sync.model import Report
from kobo_sync.steps.build import build
from kobo_sync.steps.check import check
from kobo_sync.steps.deliver import deliver
from kobo_sync.steps.lint import lint_mission
from kobo_sync.steps.pull import pull
from kobo_sync.steps.roster import refresh_roster
from kobo_sync.workspace.folders import Workspace

FOLDER = Path(__file__).parent / "water_committee"
ZONES = {"keur_soce": ("KS", 12, ("2025-02-11", "2025-02-12")), "ndiebel": ("ND", 9, ("2025-02-13", "2025-02-14"))}
THROUGHOUT = {"keur_soce": 7, "ndiebel": 5}  # persons who are at all sessions, take both quizzes and give their opinion
FRENCH = re.compile(
    r"[«»]|\b(?:avec|pour|aucune?|données|réponses?|séances?|journée|présence|présente?s?|personnes?|besoins?|feuille|inscrit|sur|zone de)\b",
    re.I,
)
ABSENT = re.compile(
    r"\bneeds?\b|borda|kendall|focus group|road map|planned action|smart\b|signature|sign-in|signed|half-days? declared",
    re.I,
)
CERTIFIED = "Name, date and signature:"  # of the trainer and the organiser, at the end of the list
PRIVACY = "Questions that say who somebody is are removed"  # names all kinds that never leave, signatures too


def copied(folder: Path) -> Workspace:
    shutil.copytree(FOLDER, folder)
    return Workspace(folder, folder / ".kobo_sync", folder / "exports" / "out")


def come(field: Field, zone: str) -> int:
    """One zone's registrations, days, quizzes and opinions; returns how many rows were sent."""
    prefix, n_registered, days = ZONES[zone]
    codes = [f"{prefix}-{n:02}" for n in range(1, n_registered + 1)]
    sent = 0

    def send(form: str, **given: object) -> None:
        nonlocal sent
        field.clock.forward(seconds=50)
        field.submit(form, {"zone": zone, "start": field.clock.now.isoformat(), **given})
        sent += 1

    def there(code: str, day: str, session: str) -> str:
        number = int(code[-2:])
        if number <= THROUGHOUT[zone]:
            return "late" if number == 1 else "yes"
        if zone == "keur_soce":
            return "yes" if number <= 10 and day == days[0] else "no"
        return "yes" if number <= 8 and (day, session) == (days[0], "morning") else "no"

    for n, code in enumerate(codes):
        who = {"surname": f"Ndiaye{n:02}", "first_name": f"Awa{n:02}", "sex": "woman" if n % 2 else "man"}
        send("participants", consent="yes", code=code, group="committee" if n < 6 else "users", **who)
    send("participants", consent="no")
    for day in days:
        field.clock.now = datetime.fromisoformat(f"{day}T09:00:00").replace(tzinfo=UTC)
        for session in ("morning", "afternoon"):
            for code in codes:
                if (zone, code) != ("keur_soce", "KS-12"):  # of her there is no row at all
                    send("attendance", day=day, session=session, participant=code, present=there(code, day, session))
        for moment, answers in (("before", "aaaa"), ("after", "abca")):
            if (moment == "before") == (day == days[0]):
                for code in codes[: THROUGHOUT[zone]]:
                    send("quiz", moment=moment, participant=code, **{f"q{n}": a for n, a in enumerate(answers, 1)})
    for n in range(THROUGHOUT[zone]):
        send(
            "feedback",
            group="committee",
            clear="yes",
            useful="rather",
            recommend=9 if n else 10,
            comment=f"More time, opinion {n}",
        )
    return sent


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Field, dict[str, Report], int]]:
    """The mission from lint to the zips, once."""
    with field_in(tmp_path_factory.mktemp("water"), copied) as field:
        assert [f for form in lint_mission(field.mission) for f in form.findings if f.severity == "error"] == []
        sent = sum(come(field, zone) for zone in ZONES)
        mission = field.reopen()
        steps = {step.__name__: step(mission) for step in (pull, refresh_roster, check, build, deliver)}
        yield field, steps, sent


def text_of(path: str, content: bytes) -> str:
    kind = path.rpartition(".")[2]
    if kind == "docx":
        opened = open_docx(io.BytesIO(content))
        lines = ("".join(t.text or "" for t in p.iter("{*}t")) for p in opened.element.body.iter("{*}p"))
    elif kind == "xlsx":
        sheets = openpyxl.load_workbook(io.BytesIO(content)).worksheets
        lines = (str(c.value) for sheet in sheets for row in sheet.iter_rows() for c in row if c.value is not None)
    elif kind == "pdf":
        lines = (page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(content))
    else:
        return ""
    return re.sub(r"[\u00a0\u202f]", " ", "\n".join(lines))


def papers(field: Field) -> dict[str, str]:
    out = field.mission.workspace.out
    files = (path for path in sorted(out.rglob("*")) if path.is_file() and path.suffix in (".docx", ".xlsx", ".pdf"))
    return {str(path.relative_to(out)): text_of(path.name, path.read_bytes()) for path in files}


def test_every_row_sent_is_here_and_counted_by_hand(told: tuple[Field, dict[str, Report], int]) -> None:
    field, steps, sent = told
    assert sum(int(re.search(r"server (\d+) = local \1 ", line)[1]) for line in steps["pull"].lines) == sent  # type: ignore[index]
    assert steps["refresh_roster"].counts["participants"] == 12 + 9
    facts = gather_facts(field.reopen())
    listed = attendance(facts)
    # Keur Socé: 7 at all 4 sessions, 3 on the first day, 1 never; Ndiébel: 5 at all, 3 at the first session, 1 never.
    assert listed.counts("zone") == {"keur_soce": 10, "ndiebel": 8} and listed.n_full_day == 7 + 5
    assert (listed.n_counted, listed.n_absent) == (7 * 4 + 3 * 2 + 5 * 4 + 3, 3 * 2 + 4 + 3 * 3 + 4)
    assert listed.n_rows == 11 * 4 + 9 * 4 and listed.n_refused == 2
    figures = json.loads((field.mission.workspace.out / "keur_soce" / "MANIFEST.json").read_bytes())["figures"]
    told_of = {name: re.sub(r"[\u00a0\u202f]", " ", text) for name, text in figures.items()}
    assert (told_of["presents"], told_of["journee_entiere"], told_of["taux"]) == ("10", "7", "83%")
    assert (told_of["tests_apparies"], told_of["score_avant"], told_of["score_apres"]) == ("7", "50%", "100%")
    assert not {name for name in told_of if "besoin" in name or name.startswith("actions") or "accord" in name}


def test_no_finding_speaks_of_what_the_mission_has_not(told: tuple[Field, dict[str, Report], int]) -> None:
    _, steps, _ = told
    rules = {finding.rule for finding in steps["check"].findings}
    assert not {"DATA007", "DATA008", "DATA025", "DATA026", "DATA010", "DATA011"} & rules, steps["check"].findings
    assert {"DATA001", "DATA009"} <= rules


def test_the_attendance_list_shows_who_is_marked_present(told: tuple[Field, dict[str, Report], int]) -> None:
    field, _, _ = told
    content = (field.mission.workspace.out / "keur_soce" / "attendance-list.docx").read_bytes()
    tables = open_docx(io.BytesIO(content)).tables
    rows = next([[c.text for c in row.cells] for row in t.rows] for t in tables if t.rows[0].cells[0].text == "No.")
    assert rows[0] == [
        "No.", "Surname and first name", "Sex", "Group",
        "Morning 11/02", "Afternoon 11/02", "Morning 12/02", "Afternoon 12/02",
    ]  # fmt: skip
    assert [row[4:].count("present") for row in rows[1:]] == [4] * 7 + [2] * 3 + [0] * 2
    groups = next([[c.text for c in row.cells] for row in t.rows] for t in tables if t.rows[0].cells[-1].text == "Rate")
    assert [row[-3:] for row in groups[1:]] == [["6", "–", "–"], ["4", "–", "–"], ["10", "12", "83%"]]
    text = papers(field)["keur_soce/attendance-list.docx"]
    assert "10 persons present, 7 of them at all sessions; 2 registered persons absent." in text
    assert "11 h over 2 days" in text and "Present" in text


def test_papers_are_english_and_speak_of_nothing_else(told: tuple[Field, dict[str, Report], int]) -> None:
    field, steps, _ = told
    made = papers(field)
    names = {path.partition("/")[2] for path in made}
    assert {
        "attendance-list.docx",
        "attendance-list.pdf",
        "evaluations.docx",
        "data.xlsx",
        "data-quality.docx",
    } <= names
    assert "priority-needs.docx" not in names and "mission/final-report.docx" in made
    for path, text in made.items():
        if "-wo." not in path:
            kept = [line for line in text.splitlines() if not line.startswith(("✍", PRIVACY, CERTIFIED))]
            lines = [line for line in kept if FRENCH.search(line) or ABSENT.search(line)]
            assert not lines, (path, lines[:6])
    assert not [f for f in steps["deliver"].findings if f.severity == "error"]


def test_the_report_says_what_the_days_were(told: tuple[Field, dict[str, Report], int]) -> None:
    field, _, _ = told
    text = papers(field)["mission/final-report.docx"]
    assert "18 persons were present at least one half-day, for 22 planned places (82%" in text
    assert "12 persons were present at all sessions." in text
    assert "11–12 February 2025" in text or "11 to 12 February 2025" in text
    chapters = list(dict.fromkeys(int(line[0]) for line in text.splitlines() if re.match(r"\d\. ", line)))
    assert chapters == list(range(1, len(chapters) + 1))


def test_the_archives_hold_what_the_manifests_say(told: tuple[Field, dict[str, Report], int]) -> None:
    field, _, _ = told
    for zone in ZONES:
        for name in (f"{zone}.zip", f"{zone}-nominative.zip"):
            with zipfile.ZipFile(field.mission.workspace.out / name) as archive:
                assert set(json.loads(archive.read("MANIFEST.json"))["files"]) == set(archive.namelist()) - {
                    "MANIFEST.json"
                }


@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice puts papers on pages")
def test_libreoffice_opens_the_papers(told: tuple[Field, dict[str, Report], int], tmp_path: Path) -> None:
    field, _, _ = told
    paper = field.mission.workspace.out / "keur_soce" / "evaluations.docx"
    command = ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--convert-to", "pdf"]
    subprocess.run([*command, "--outdir", str(tmp_path), str(paper)], check=True, capture_output=True, timeout=120)
    assert len(pypdfium2.PdfDocument((tmp_path / "evaluations.pdf").read_bytes())) >= 2
