"""Building and delivering: what changed and nothing else, what people wrote kept, nothing nominative in what is sent."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import openpyxl
import pytest
import sqlalchemy as sa
from conftest import ATTENDED, MISSION, Field
from docx import Document as open_docx

from kobo_sync import checks
from kobo_sync.errors import ConfigError, DocumentError, StoreError
from kobo_sync.mission import findings as findings_of_mission
from kobo_sync.mission.mission import Mission
from kobo_sync.steps import build as build_step
from kobo_sync.steps import build_worker, report_pdf, zone_worker
from kobo_sync.steps.build import build
from kobo_sync.steps.deliver import UNFINISHED, deliver
from kobo_sync.steps.export import export
from kobo_sync.steps.pull import pull
from kobo_sync.store import zones as zones_module

NAMES = """
[deliverables]
zone = ["attendance_list", "data_workbook", "zone_sheet", "training_kit"]
mission = ["final_report"]
[report]
annexes = ["tdr.pdf"]
"""


@pytest.fixture
def built(field_team: Field) -> Iterator[SimpleNamespace]:
    """Two zones, three persons, built once; ``again(person)`` registers, pulls and builds."""
    root = field_team.mission.workspace.root
    (root / "config" / "mission.toml").write_text(ATTENDED + NAMES, "utf-8")
    for code, zone in (("NOR-01", "nord"), ("NOR-02", "nord"), ("SUD-01", "sud")):
        field_team.person(code, zone)
    mission = field_team.reopen()
    pull(mission)
    report = build(mission)

    def again(code: str = "", zone: str = "nord", **options: bool) -> tuple[Mission, object]:
        if code:
            field_team.clock.forward(hours=1)
            field_team.person(code, zone)
        fresh = field_team.reopen()
        pull(fresh)
        return fresh, build(fresh, **options)

    yield SimpleNamespace(mission=mission, out=mission.workspace.out, report=report, again=again, root=root)


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rules(report: object) -> set[str]:
    return {finding.rule for finding in report.findings}  # type: ignore[attr-defined]


def report_text(out: Path) -> str:
    return "\n".join(p.text for p in open_docx(str(out / "mission" / "rapport-final.docx")).paragraphs)


def test_a_mission_of_many_zones_gives_the_same_papers(built: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many zones less is held between them: what was read for the checks goes before the first paper."""
    before = {path: content for path, (content, _) in tree(built.out).items()}
    monkeypatch.setattr(build_step, "_MANY", 1)
    shutil.rmtree(built.out)
    shutil.rmtree(built.root / ".kobo_sync" / "kept")
    built.again()
    after = {path: content for path, (content, _) in tree(built.out).items()}
    assert after == before


@pytest.mark.parametrize("works", [True, False])
def test_what_a_process_of_its_own_looks_at_first_is_not_looked_at_again(
    built: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, works: bool
) -> None:
    """Of many zones, all rows are checked by a process that ends; where it cannot, the build checks them itself."""
    before = {path: content for path, (content, _) in tree(built.out).items()}
    monkeypatch.setattr(build_worker, "WORTH", 2)
    if not works:
        monkeypatch.setattr(build_worker, "_MAIN", "raise SystemExit(1)")
        monkeypatch.setattr(zone_worker, "_MAIN", "raise SystemExit(1)")
    shutil.rmtree(built.out)
    shutil.rmtree(built.root / ".kobo_sync" / "kept")
    checked: list[object] = []
    run_over_zones = checks.run_over_zones

    def noted(*of: object) -> object:
        checked.append(of)
        return run_over_zones(*of)  # type: ignore[arg-type]

    monkeypatch.setattr(findings_of_mission, "run_over_zones", noted)
    built.again()
    assert {path: content for path, (content, _) in tree(built.out).items()} == before
    assert bool(checked) != works
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(build_worker, "look_ahead", lambda *task: asked.append(task))
    built.again()
    assert not asked


def test_of_many_zones_each_zones_rows_are_had_by_an_index(
    built: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zones_module, "_MANY", 2)
    mission, report = built.again("NOR-03")
    assert report.counts["unchanged"] == 1
    with mission.store.read() as connection:
        inspector = sa.inspect(connection)
        indexed = [
            table
            for table in inspector.get_table_names()
            if table.startswith("data_")
            and any(index["name"] == f"{table}_by_zone" for index in inspector.get_indexes(table))
        ]
    assert indexed


def test_zones_stand_in_the_order_of_the_mission_whichever_changed(built: SimpleNamespace) -> None:
    _, report = built.again("SUD-02", "sud")
    assert [line.partition(":")[0] for line in report.lines] == ["nord", "sud", "mission"]  # type: ignore[attr-defined]
    assert report.counts["unchanged"] == 1  # type: ignore[attr-defined]


def test_a_zone_that_did_not_change_is_not_rebuilt(built: SimpleNamespace) -> None:
    before = tree(built.out)
    assert {
        "nord/fiche-zone.pdf",
        "nord/liste-presence.pdf",
        "mission/rapport-final.docx",
        "mission/changements.docx",
    } <= set(before)
    _, same = built.again()
    assert same.counts["unchanged"] == 2 and tree(built.out) == before
    assert rules(same) == rules(built.report) >= {"REPORT002", "REPORT003", "REPORT004"}
    _, moved = built.again("NOR-03")
    assert moved.counts["unchanged"] == 1
    after = tree(built.out)
    assert {name for name in before if name.startswith("sud/") and before[name] != after[name]} == set()
    assert before["nord/donnees.xlsx"][0] != after["nord/donnees.xlsx"][0]
    paper = open_docx(str(built.out / "mission" / "changements.docx"))
    said = "\n".join(p.text for p in paper.paragraphs)
    # Part 7, A5: one person more is no number that the paper prints.
    assert "Des réponses ont changé" in said and not [cell for t in paper.tables for r in t.rows for cell in r.cells]


def test_a_template_that_changed_rebuilds_all(built: SimpleNamespace) -> None:
    folder = built.root / "exports" / "templates" / "outils-andragogiques"
    folder.mkdir(parents=True)
    (folder / "note.txt").write_text("Une note", "utf-8")
    _, report = built.again()
    assert report.counts["unchanged"] == 0
    assert (built.out / "nord" / "outils-andragogiques" / "note.txt").read_text("utf-8") == "Une note"


def test_what_people_wrote_is_kept_and_backed_up(built: SimpleNamespace) -> None:
    path = built.out / "mission" / "rapport-final.docx"
    document = open_docx(str(path))
    document.paragraphs[-1].add_run(" Écrit par la consultante.")
    document.save(str(path))
    edited = path.read_bytes()
    sheet = built.out / "nord" / "fiche-zone.pdf"
    sheet.write_bytes(sheet.read_bytes() + b"%note")
    (built.out / "nord" / "photo.jpg").write_bytes(b"jpg")
    built.again()
    assert path.read_bytes() == edited
    _, report = built.again("NOR-03")
    assert "Écrit par la consultante." in report_text(built.out)
    assert (built.out / "nord" / "photo.jpg").read_bytes() == b"jpg"
    aside = {p.read_bytes() for p in (built.out / ".sauvegardes").rglob("*") if p.is_file()}
    assert edited in aside and any(content.endswith(b"%note") for content in aside)
    assert "BUILD001" in rules(report)
    built.again(fresh=True)
    assert (built.out / "mission" / "rapport-final-neuf.docx").is_file() and "Écrit par" in report_text(built.out)


def test_the_zips_part_names_from_the_rest(built: SimpleNamespace) -> None:
    (built.root / "exports" / "annexes").mkdir(parents=True)
    (built.root / "exports" / "annexes" / "tdr.pdf").write_bytes(b"%PDF tdr")
    mission, report = built.again()
    assert "REPORT004" not in rules(report)
    deliver(mission)
    found = {}
    for path in sorted(built.out.glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            found[path.name] = {name: archive.read(name) for name in archive.namelist()}
    assert set(found) == {"nord.zip", "nord-nominatif.zip", "sud.zip", "sud-nominatif.zip", "mission.zip"}
    assert set(found["nord-nominatif.zip"]) == {"MANIFEST.json", "liste-presence.docx", "liste-presence.pdf"}
    assert not [name for name in found["nord.zip"] if name.startswith("liste-presence")]
    assert {"rapport-final.docx", "annexes/tdr.pdf", "MANIFEST.json"} <= set(found["mission.zip"])
    for name in ("nord.zip", "mission.zip"):
        for content in found[name].values():
            parts = [content]
            if content[:2] == b"PK":
                with zipfile.ZipFile(io.BytesIO(content)) as inner:
                    parts = [inner.read(part) for part in inner.namelist()]
            assert not any(b"Nom NOR" in part for part in parts), name
    manifest = json.loads(found["nord.zip"]["MANIFEST.json"])
    assert set(manifest["files"]) == set(found["nord.zip"]) - {"MANIFEST.json"}


def test_final_drops_the_draft_mark_and_refuses_moved_data(built: SimpleNamespace, field_team: Field) -> None:
    def marked() -> dict[str, bool]:
        found = {}
        for path in built.out.glob("*.zip"):
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    if name.endswith(".docx") and not name.startswith("outils"):
                        with zipfile.ZipFile(io.BytesIO(archive.read(name))) as inner:
                            found[f"{path.name}:{name}"] = any(
                                b"BROUILLON" in inner.read(part) for part in inner.namelist()
                            )
                    elif name.endswith(".pdf") and name != "rapport-final.pdf":
                        found[f"{path.name}:{name}"] = (
                            archive.read(name) == (built.out / path.stem.removesuffix("-nominatif") / name).read_bytes()
                        )
        return found

    deliver(built.mission)
    assert set(marked().values()) == {True}
    deliver(built.mission, final=True, despite=UNFINISHED)
    assert set(marked().values()) == {False}
    field_team.person("NOR-09")
    later = field_team.reopen()
    pull(later)
    final = {path.name: path.read_bytes() for path in built.out.glob("*.zip")}
    with pytest.raises(DocumentError, match="moved since"):
        deliver(later, final=True, despite=UNFINISHED)
    assert {path.name: path.read_bytes() for path in built.out.glob("*.zip")} == final


def test_old_documents_are_no_final_delivery_also_where_none_is_a_pdf(
    built: SimpleNamespace, field_team: Field
) -> None:
    """Part 7, C20: only sets with a PDF of ours were compared with the data."""
    config = built.root / "config" / "mission.toml"
    config.write_text(MISSION + '[deliverables]\nzone = ["data_workbook"]\nmission = ["final_report"]\n', "utf-8")
    built.again()
    field_team.person("SUD-09", "sud")
    later = field_team.reopen()
    pull(later)
    with pytest.raises(DocumentError, match="moved since"):
        deliver(later, final=True, despite=UNFINISHED)
    assert not list(built.out.glob("*.zip"))


def test_a_crash_leaves_the_old_set_whole(built: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {name: content for name, (content, _) in tree(built.out / "nord").items()}
    real = Path.replace

    def dies(self: Path, target: os.PathLike[str] | str) -> Path:
        if Path(target).name == "nord" and self.name == ".nord.new":
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", dies)
    with pytest.raises(StoreError, match="No space left"):
        built.again("NOR-03")
    monkeypatch.undo()
    held = built.mission.workspace.previous_set("nord")
    assert {name: read() for name, read in held.files.items()} == {
        n: c for n, c in before.items() if n != "MANIFEST.json"
    }
    assert not list(built.out.glob(".*"))
    _, report = built.again()
    assert report.counts["unchanged"] == 1


def test_a_report_that_is_not_asked_for_cannot_be_started(field_team: Field) -> None:
    with pytest.raises(ConfigError, match="no final report"):
        build(field_team.mission, fresh=True)


def test_the_pdf_needs_libreoffice_and_says_so(built: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_pdf.libreoffice.shutil, "which", lambda _name: None)
    with pytest.raises(DocumentError, match="LibreOffice") as caught:
        built.again(pdf=True)
    assert "Word" in caught.value.hint


@pytest.mark.parametrize("office", [True, False])
def test_the_report_that_is_delivered_at_last_has_its_pdf(
    built: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, office: bool
) -> None:
    printed: list[bytes] = []

    def pdfs(files: dict[str, bytes]) -> dict[str, bytes]:
        printed.extend(files.values())
        return dict.fromkeys(files, b"%PDF the report")

    monkeypatch.setattr(report_pdf.libreoffice, "pdfs", pdfs)
    monkeypatch.setattr(report_pdf.libreoffice, "installed", lambda: office)
    deliver(built.mission)
    assert not printed, "a draft is printed when asked: build --pdf"
    report = deliver(built.mission, final=True, despite=UNFINISHED)
    with zipfile.ZipFile(built.out / "mission.zip") as archive:
        names = archive.namelist()
        listed = json.loads(archive.read("MANIFEST.json"))["files"]
    assert ("rapport-final.pdf" in names) == office and ("DELIVER003" in rules(report)) != office
    assert set(listed) == set(names) - {"MANIFEST.json"}
    for content in printed:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert not any(b"BROUILLON" in archive.read(part) for part in archive.namelist())


def test_exports_are_pseudonymised_unless_asked(built: SimpleNamespace, caplog: pytest.LogCaptureFixture) -> None:
    made = {}
    for nominative in (False, True):
        report = export(built.mission, "csv", nominative=nominative)
        folder = built.out / ("donnees-nominatif" if nominative else "donnees")
        made[nominative] = (folder / "personnes.csv").read_text("utf-8-sig")
        assert (folder / "codes.csv").is_file()
        assert rules(report) == ({"EXPORT001"} if nominative else set())
    assert "NOR-01" not in made[False], "the code on the list of persons is its key (part 7, A4)"
    assert "Nom NOR-01" in made[True] and "nominative files" in caplog.text
    export(built.mission, "geojson")
    assert "Nom NOR" not in (built.out / "donnees" / "donnees.geojson").read_text("utf-8")


def test_one_who_registers_elsewhere_is_masked_in_every_zone(built: SimpleNamespace, field_team: Field) -> None:
    """Part 7, A2: a zone's papers were read against its own roster alone, and stayed as they were when a name came later."""
    field_team.person("SUD-09", "sud", note="merci à Zzyxien")
    built.again()
    assert "merci à Zzyxien" in _cells(built, "sud")
    field_team.person("NOR-09", nom="Zzyxien")
    built.again()
    assert "merci à [nom masqué]" in _cells(built, "sud") and "Zzyxien" not in _cells(built, "sud")
    field_team.person("NOR-10", nom="Autrement")
    _, report = built.again()
    assert "sud: unchanged" in report.lines  # type: ignore[attr-defined]


def _cells(built: SimpleNamespace, zone: str) -> str:
    book = openpyxl.load_workbook(built.out / zone / "donnees.xlsx")
    return " ".join(str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row if cell.value)


def test_a_visitor_stands_on_the_list_with_what_their_own_zone_says(built: SimpleNamespace, field_team: Field) -> None:
    """Part 8, A23: a zone's papers follow what another zone's registration says of those who came, and of nobody else."""
    who = {"zone": "sud", "accord": "oui", "code": "SUD-02", "nom": "Nom SUD-02"}
    first = field_team.submit("personnes", who | {"groupe": "a"})
    built.again()
    field_team.submit("visites", {"zone": "nord", "personne": "SUD-02"})
    built.again()
    assert _signed(built) == [("Nom NOR-01", "Groupe A"), ("Nom NOR-02", "Groupe A"), ("Nom SUD-02", "Groupe A")]
    field_team.clock.forward(hours=1)
    field_team.submit("personnes", who | {"groupe": "b"}, edits=first)
    built.again()
    assert _signed(built)[-1] == ("Nom SUD-02", "Groupe B")
    _, report = built.again("SUD-07", "sud")
    assert "nord: unchanged" in report.lines  # type: ignore[attr-defined]


def _signed(built: SimpleNamespace) -> list[tuple[str, str]]:
    document = open_docx(built.out / "nord" / "liste-presence.docx")
    head, *rows = next(t for t in document.tables if t.rows[0].cells[0].text == "N°").rows
    group = [cell.text for cell in head.cells].index("Groupe")
    cells = [[cell.text for cell in row.cells] for row in rows]
    return [(row[1].partition(" (")[0].replace("NOM", "Nom"), row[group]) for row in cells if row[1]]
