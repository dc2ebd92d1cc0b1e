"""Forms on paper, as files: the mission's, and any other, in a mission or without one."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pypdfium2
import pytest
from click.testing import CliRunner
from conftest import PERSONNES, REPO, Clock
from PIL import Image
from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE as IMAGE

from kobo_sync.cli.verbs import cli
from kobo_sync.errors import FormError
from kobo_sync.forms.paper import HIDDEN
from kobo_sync.mission.mission import Mission
from kobo_sync.steps.print import print_codebook, print_form
from kobo_sync.workspace.folders import Workspace


def _mission(workspace: Workspace) -> Mission:
    return Mission(workspace, {}, Clock())


def test_a_form_of_the_mission_becomes_two_files(workspace: Workspace) -> None:
    report = print_form(_mission(workspace), "personnes", language="ar")
    folder = workspace.out / "questionnaires"
    assert report.counts == {"files": 2}
    assert sorted(path.name for path in folder.iterdir()) == ["personnes-ar.docx", "personnes-ar.pdf"]
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    print_form(_mission(workspace), "personnes", language="ar")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    with zipfile.ZipFile(io.BytesIO(first["personnes-ar.docx"])) as archive:
        assert "الشمال" in archive.read("word/document.xml").decode()


def test_the_printed_form_wears_the_colour_and_the_logos_of_the_mission(workspace: Workspace) -> None:
    print_form(_mission(workspace), "personnes", language="ar")
    folder = workspace.out / "questionnaires"
    plain = pypdfium2.PdfDocument(folder / "personnes-ar.pdf")
    assert not [thing for thing in plain[0].get_objects() if thing.type == IMAGE]
    templates = workspace.root / "exports" / "templates"
    templates.mkdir(parents=True)
    Image.new("RGB", (400, 200), "teal").save(templates / "logo.png")
    settings = workspace.root / "config" / "mission.toml"
    identity = '[identity]\ncolour = "#7A1F3D"\nlogos = ["logo.png", "absent.png"]\n'
    settings.write_text(settings.read_text("utf-8") + identity, "utf-8")
    print_form(_mission(workspace), "personnes", language="ar")
    with zipfile.ZipFile(folder / "personnes-ar.docx") as archive:
        body, styles = archive.read("word/document.xml"), archive.read("word/styles.xml")
    assert body.count(b'descr="Logo : logo.png"') == 1 and b"7A1F3D" in styles and b"1F4E79" not in body + styles
    first = pypdfium2.PdfDocument(folder / "personnes-ar.pdf")[0]
    (logo,) = [thing for thing in first.get_objects() if thing.type == IMAGE]
    left, _, right, _ = logo.get_bounds()
    assert left > first.get_width() / 2 and right < first.get_width(), "an Arabic page begins on the right"


def test_the_default_language_and_an_unknown_one(workspace: Workspace) -> None:
    report = print_form(_mission(workspace), "personnes")
    assert report.lines[0].endswith("personnes-fr.docx")
    with pytest.raises(FormError, match="no language 'en'") as caught:
        print_form(_mission(workspace), "personnes", language="en")
    assert "fr, ar" in caught.value.hint


def test_a_form_that_is_not_there(workspace: Workspace) -> None:
    with pytest.raises(FormError, match="no such form") as caught:
        print_form(_mission(workspace), "absente")
    assert "personnes, visites" in caught.value.hint


def test_any_form_without_a_mission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f.md").write_text(PERSONNES, "utf-8")
    (tmp_path / "zones.csv").write_text("name,label\nn,Vallée du Nord\n", "utf-8")
    (tmp_path / "autre.csv").write_bytes(b"\xff\xfe\x00")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["print", "f.md", "--lang", "fr", "--output", "papier"])
    assert done.exit_code == 0, done.output
    with zipfile.ZipFile(tmp_path / "papier" / "personnes-fr.docx") as archive:
        assert "Vallée du Nord" in archive.read("word/document.xml").decode()


@pytest.mark.parametrize("form_id", sorted(path.stem for path in (REPO / "forms").glob("*.xlsx")))
def test_our_own_forms_are_printed_whole(own_workspace: Workspace, form_id: str) -> None:
    mission = _mission(own_workspace)
    for language in ("fr", "ar"):
        print_form(mission, form_id, language=language)
        with zipfile.ZipFile(own_workspace.out / "questionnaires" / f"{form_id}-{language}.docx") as archive:
            body = archive.read("word/document.xml").decode()
        texts = " ".join(re.findall(r"<w:t[^>]*>([^<]*)</w:t>", body))
        asked = [q for q in mission.forms[form_id].questions if q.kind not in HIDDEN and q.kind != "note"]
        assert all(" ".join(q.labels[language].split())[:8] in texts or "${" in q.labels[language] for q in asked[:3])
        assert "${" not in texts and "selected(" not in texts


def test_a_codebook(workspace: Workspace) -> None:
    report = print_codebook(_mission(workspace), "visites")
    assert (workspace.out / "questionnaires" / "visites-codes.xlsx").read_bytes().startswith(b"PK")
    assert report.counts == {"files": 1}
