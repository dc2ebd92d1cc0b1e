"""What is built is called in the language of the documents; a change of language leaves no file under the names of before."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import ATTENDED
from docx import Document as open_docx
from test_build import NAMES, built  # noqa: F401

from kobo_sync.errors import DocumentError
from kobo_sync.steps.deliver import UNFINISHED, deliver
from kobo_sync.steps.export import export
from kobo_sync.steps.purging.places import NOMINATIVE_PATHS
from kobo_sync.steps.report_upload import name_of

FRENCH = re.compile(
    r"presence|rapport|neuf|donnees|fiche|besoins|feuille|changements|outils|plan-de|nominatif\b|corrige|liste-|cles|lisez"
)
LANGUAGE = 'languages = ["fr", "ar"]\n'


def names(folder: Path) -> set[str]:
    files = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    return {str(path) for path in files if not path.parts[0].startswith(".")}


def write_in(root: Path, language: str) -> None:
    toml = ATTENDED + NAMES
    assert LANGUAGE in toml
    (root / "config" / "mission.toml").write_text(
        toml.replace(LANGUAGE, f'{LANGUAGE}documents = "{language}"\n'), "utf-8"
    )


@pytest.mark.parametrize("language", ["en", "ar"])
def test_documents_in_another_language_have_its_names_and_none_of_before(
    built: SimpleNamespace,  # noqa: F811
    language: str,
) -> None:
    deliver(built.mission)
    for shape in ("csv", "geojson", "xlsx"):
        export(built.mission, shape)
        export(built.mission, shape, nominative=True)
    assert {
        "nord/outils-andragogiques/6-texte-de-consentement.docx",
        "nord-nominatif.zip",
        "donnees/lisez-moi.txt",
    } <= names(built.out)
    report = built.out / "mission" / "rapport-final.docx"
    document = open_docx(str(report))
    document.paragraphs[-1].add_run(" Written by the consultant.")
    document.save(str(report))
    edited = report.read_bytes()
    (built.out / "donnees" / "rapport de stage.txt").write_text("somebody's own", "utf-8")

    write_in(built.root, language)
    mission, _ = built.again("NOR-03")
    assert name_of(mission) == "final-report.docx"
    deliver(mission, final=True, despite=UNFINISHED)
    for shape in ("csv", "geojson", "xlsx"):
        export(mission, shape)
        export(mission, shape, nominative=True)
    there = names(built.out)
    assert {name for name in there if FRENCH.search(name)} == {"donnees/rapport de stage.txt"}
    assert not (built.out / "donnees-nominatif").exists()
    assert {
        "nord/attendance-list.docx",
        "nord/attendance-list.pdf",
        "nord/zone-sheet.pdf",
        "nord/data.xlsx",
        "nord/tools/6-consent-texts.docx",
        "nord/tools/questionnaires/personnes-fr.docx",
        "mission/final-report.docx",
        "mission/changes.docx",
        "nord-nominative.zip",
        "data/read-me.txt",
        "data/data.geojson",
        "data-nominative/keys.csv",
    } <= there
    text = "\n".join(p.text for p in open_docx(str(built.out / "mission" / "final-report.docx")).paragraphs)
    assert "Written by the consultant." in text
    assert edited in {path.read_bytes() for path in (built.out / ".sauvegardes").rglob("*") if path.is_file()}
    nominative = {path for pattern in NOMINATIVE_PATHS for path in built.out.glob(pattern)}
    assert {built.out / "nord-nominative.zip", built.out / "data-nominative" / "personnes.csv"} <= nominative

    write_in(built.root, "fr")
    built.again()
    assert "mission/rapport-final.docx" in names(built.out) and "mission/final-report.docx" not in names(built.out)
    assert name_of(built.mission) == "rapport-final.docx"


def test_a_final_delivery_in_another_language_waits_for_its_build(built: SimpleNamespace) -> None:  # noqa: F811
    """Its PDFs, set anew, would bear other names than those of before, which said draft and went along."""
    deliver(built.mission, final=True, despite=UNFINISHED)
    before = {path: path.read_bytes() for path in built.out.glob("*.zip")}
    write_in(built.root, "ar")
    mission = type(built.mission)(built.mission.workspace, built.mission.environ, built.mission.clock)
    with pytest.raises(DocumentError, match="the documents of nord were built in another language"):
        deliver(mission, final=True, despite=UNFINISHED)
    assert {path: path.read_bytes() for path in built.out.glob("*.zip")} == before
    mission.close()
    (built.out / "nord" / "liste-presence.pdf").write_bytes(b"%PDF of somebody's own")
    mission, _ = built.again("NOR-03")
    deliver(mission, final=True, despite=UNFINISHED)
    zips = {path.name: zipfile.ZipFile(path).namelist() for path in built.out.glob("*.zip")}
    assert "attendance-list.pdf" in zips["nord-nominative.zip"] and "final-report.pdf" in zips["mission.zip"]
    assert not [name for listed in zips.values() for name in listed if FRENCH.search(name)]
    kept = [path.read_bytes() for path in (built.out / ".sauvegardes").rglob("*") if path.is_file()]
    assert b"%PDF of somebody's own" in kept

    # English and Arabic documents are called alike: the manifest knows what they are written in, and with which digits.
    for language, digits in (("en", "latin"), ("ar", "arabic")):
        write_in(built.root, language)
        other = type(built.mission)(built.mission.workspace, built.mission.environ, built.mission.clock)
        settings = other.config.mission.model_copy(update={"digits": digits})
        other.__dict__["config"] = other.config.model_copy(update={"mission": settings})
        with pytest.raises(DocumentError, match="the documents of nord were built in another language"):
            deliver(other, final=True, despite=UNFINISHED)
        other.close()


def test_until_it_is_built_anew_the_report_is_the_one_that_lies_there(built: SimpleNamespace) -> None:  # noqa: F811
    write_in(built.root, "en")
    fresh = built.mission.workspace.config({})
    assert fresh.mission.document_language.code == "en"
    assert name_of(SimpleNamespace(workspace=built.mission.workspace, config=fresh)) == "rapport-final.docx"  # type: ignore[arg-type]
