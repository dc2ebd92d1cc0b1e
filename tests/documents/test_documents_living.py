"""The living report: what people wrote survives every rebuild, what the machine wrote is brought up to date."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from docx import Document as open_docx
from docx.opc.constants import RELATIONSHIP_TYPE as RT
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.text.paragraph import Paragraph
from docx.text.run import Run
from PIL import Image

from kobo_sync.documents.word import islands, live_fields, living, writer
from kobo_sync.documents.word.living import Living
from kobo_sync.documents.word.template import Block, Content
from kobo_sync.documents.word.watermark import without_mark
from kobo_sync.errors import DocumentError

WHEN = datetime(2025, 2, 13, 17, tzinfo=UTC)


def png(shade: int, size: int = 40) -> bytes:
    out = io.BytesIO()
    Image.new("L", (size, 20), shade).save(out, "PNG")
    return out.getvalue()


def content(n: int = 72, rate: str = "96\u202f%", *, draft: bool = True) -> Content:
    def table(document: Any) -> None:
        writer.table(document, writer.Table(["Zone", "n"], [["Nord", str(n)]], [5, 2], caption="Participation"))

    def figure(document: Any) -> None:
        writer.figure(document, writer.Picture(png(n), f"n = {n}", width_cm=4), "Présents")

    def words(document: Any) -> None:
        writer.verbatims(document, ["Parole stable", "شكرا"])

    blocks = {"table": Block("tableau", table), "figure": Block("figure", figure), "paroles": Block("paroles", words)}
    return Content({"presents": str(n), "taux": rate}, blocks, WHEN, draft)


def template(*lines: str) -> bytes:
    document = writer.new_document("Modèle", provenance="{{presents}} réponses", author="")
    for line in lines:
        writer.paragraph(document, line)
    return writer.to_bytes(document, None)


LINES = (
    "Nous avons réuni {{presents}} personnes ({{taux}}).",
    "{{texte:resume|En dix lignes.}}",
    "{{bloc:table}}",
    "{{texte:suites|Et après ?}}",
    "{{bloc:figure}}",
    "{{bloc:paroles}}",
    "Fin.",
)


def begun() -> bytes:
    return living.begin(template(*LINES), content(), "modele.docx").content


def edited(held: bytes, edit: Callable[[Any], None]) -> bytes:
    document = open_docx(io.BytesIO(held))
    edit(document)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def again(held: bytes, new: Content | None = None) -> Living:
    return living.rebuild(held, new or content(75, "100\u202f%"), "rapport.docx")


def text(held: bytes) -> str:
    body = open_docx(io.BytesIO(held)).element.body
    return "\n".join(islands.plain(paragraph) for paragraph in body.iter(qn("w:p")))


def comments(held: bytes) -> list[str]:
    return [comment.text for comment in open_docx(io.BytesIO(held)).comments]


def kinds(made: Living) -> set[str]:
    return {note.kind for note in made.notes}


def in_slot(document: Any, key: str, *paragraphs: str) -> Any:
    (control,) = islands.controls(document.element.body, islands.SLOT, key)
    holder = control.find(qn("w:sdtContent"))
    for child in list(holder):
        holder.remove(child)
    for line in paragraphs:
        holder.append(document.add_paragraph(line)._p)
    return holder


def test_a_template_becomes_islands_slots_and_live_numbers() -> None:
    made = living.begin(template(*LINES), content(), "modele.docx")
    assert "Nous avons réuni 72 personnes (96\u202f%)." in text(made.content)
    assert {note.what for note in made.notes if note.kind == "empty"} == {"resume", "suites"}
    body = open_docx(io.BytesIO(made.content)).element.body
    assert [islands.tag_of(c) for c in body.iter(qn("w:sdt"))] == [
        "texte:resume",
        "bloc:table",
        "texte:suites",
        "bloc:figure",
        "bloc:paroles",
    ]
    names = {mark.get(qn("w:name")) for mark in body.iter(qn("w:bookmarkStart"))}
    assert {"k_bloc_table", "k_texte_resume"} <= names
    with zipfile.ZipFile(io.BytesIO(made.content)) as archive:
        assert b'name="taux"' in archive.read("docProps/custom.xml")
        assert "72" in "".join(re.findall(r"<w:t[^>]*>([^<]*)", archive.read("word/footer1.xml").decode()))
    assert living.begin(template(*LINES), content(), "modele.docx").content == made.content


def test_the_same_data_leave_the_bytes_untouched() -> None:
    held = edited(begun(), lambda d: in_slot(d, "resume", "Notre résumé."))
    made = again(held, content())
    assert made.content == held and not made.changed
    assert {note.what for note in made.notes} == {"suites"}
    moved = again(held)
    assert moved.changed and again(moved.content).content == moved.content
    assert not again(moved.content).changed


def test_everything_that_people_made_survives() -> None:
    kept: dict[str, bytes] = {}

    def write(document: Any) -> None:
        holder = in_slot(document, "resume", "« Nous savons à qui parler », dit-elle.", "خلاصة مفيدة")
        document.add_picture(io.BytesIO(png(200)))
        picture = document.element.body[-2]
        holder.append(picture)
        grid = document.add_table(rows=1, cols=1)
        grid.cell(0, 0).text = "Focus groupe"
        holder.append(grid._tbl)
        last = document.paragraphs[-1]._p
        section = document.add_heading("Une section ajoutée", 2)
        prose = document.add_paragraph("Hors de tout emplacement : ")
        prose.add_run("gras").bold = True
        for element in (section._p, prose._p):
            last.addprevious(element)
        document.add_comment(prose.runs, text="Vérifier avec Hassan", author="Naïma", initials="N")
        inserted = f'<w:ins {nsdecls("w")} w:id="901" w:author="Naïma" w:date="2025-02-14T09:00:00Z"><w:r><w:t>[suivi]</w:t></w:r></w:ins>'
        prose._p.append(parse_xml(inserted))
        kept["slot"], kept["prose"] = _c14n(holder), _c14n(prose._p)

    made = again(edited(begun(), write))
    assert made.changed
    document = open_docx(io.BytesIO(made.content))
    (control,) = islands.controls(document.element.body, islands.SLOT, "resume")
    assert _c14n(control.find(qn("w:sdtContent"))) == kept["slot"]
    (prose,) = [p for p in document.element.body.iter(qn("w:p")) if "Hors de tout" in islands.plain(p)]
    assert _c14n(prose) == kept["prose"]
    assert [(c.author, c.text) for c in document.comments] == [("Naïma", "Vérifier avec Hassan")]
    assert "75 personnes (100\u202f%)" in text(made.content) and "[suivi]" in text(made.content)
    with zipfile.ZipFile(io.BytesIO(made.content)) as archive:
        pictures = [archive.read(name) for name in archive.namelist() if "media/" in name]
    assert sorted(pictures) == sorted([png(75), png(200)])


def _c14n(element: Any) -> bytes:
    from lxml import etree

    twin = re.sub(rb' (id|r:embed)="[^"]*"', b"", etree.tostring(element, method="c14n"))
    return twin


def test_a_block_edited_by_hand_is_kept_and_commented_once() -> None:
    def retouch(document: Any) -> None:
        (control,) = islands.controls(document.element.body, islands.BLOCK, "paroles")
        next(control.iter(qn("w:t"))).text = "PAROLE RETOUCHÉE"
        (other,) = islands.controls(document.element.body, islands.BLOCK, "table")
        next(t for t in other.iter(qn("w:t")) if t.text == "72").text = "73 environ"

    made = again(edited(begun(), retouch))
    assert "PAROLE RETOUCHÉE" in text(made.content) and "73 environ" in text(made.content)
    assert len(comments(made.content)) == 2 and all("modifié à la main" in c for c in comments(made.content))
    third = again(made.content, content(76, "101\u202f%"))
    assert len(comments(third.content)) == 2 and "73 environ" in text(third.content)


def test_a_deleted_block_stays_deleted_and_copies_follow() -> None:
    def rearrange(document: Any) -> None:
        body = document.element.body
        (figure,) = islands.controls(body, islands.BLOCK, "figure")
        body.remove(figure)
        (table,) = islands.controls(body, islands.BLOCK, "table")
        twin = parse_xml(__import__("lxml.etree", fromlist=["etree"]).tostring(table))
        document.paragraphs[-1]._p.addprevious(twin)

    made = again(edited(begun(), rearrange))
    assert {"deleted", "updated"} <= kinds(made)
    body = open_docx(io.BytesIO(made.content)).element.body
    assert not islands.controls(body, islands.BLOCK, "figure")
    copies = islands.controls(body, islands.BLOCK, "table")
    assert ["75" in "".join(map(islands.plain, c.iter(qn("w:p")))) for c in copies] == [True, True]
    captions = re.findall(r"Tableau\s(\d)", text(made.content))
    assert captions == ["1", "2"]
    assert again(made.content).content == made.content


def test_a_figure_typed_by_hand_is_commented_when_it_goes_stale() -> None:
    def write(document: Any) -> None:
        holder = in_slot(document, "resume", "Avec 96 % de présence, 72 personnes le 72/73 et 172 autres, 96,5 %.")
        paragraph = Paragraph(next(holder.iter(qn("w:p"))), document._body)
        paragraph.add_run(" Taux : ")
        for run in live_fields.field_runs("taux", "96\u202f%", None):
            paragraph._p.append(run)

    made = again(edited(begun(), write))
    found = sorted(comments(made.content))
    assert found == [
        "À relire : « 72 » correspondait à « presents », qui vaut maintenant « 75 ».",
        "À relire : « 96\u202f% » correspondait à « taux », qui vaut maintenant « 100\u202f% ».",
    ]
    assert "Taux : 100\u202f%" in text(made.content) and "Avec 96 % de" in text(made.content)


def test_unknown_names_are_told_with_their_place_and_stay_visible() -> None:
    made = living.begin(
        template("{{taxu}} et {{ taux }}", "{{bloc:tabel}}", "{{taux}", "{{texte:é è|x}}"), content(), "m.docx"
    )
    told = [(note.kind, note.what) for note in made.notes if note.kind in ("unknown", "malformed")]
    assert told == [
        ("unknown", "taxu"),
        ("unknown", "bloc:tabel"),
        ("malformed", "{{taux}"),
        ("malformed", "texte:é è"),
    ]
    assert "paragraphe 1" in made.notes[0].where and "{{taxu}} et 96\u202f%" in text(made.content)


def test_marks_cut_over_runs_keep_their_formatting() -> None:
    document = writer.new_document("M", provenance="", author="")
    paragraph = document.add_paragraph("Il y a {{")
    paragraph.add_run(" pre").bold = True
    paragraph.add_run("sents }}").italic = True
    paragraph.add_run(" personnes.\tFin")
    made = living.begin(writer.to_bytes(document, None), content(), "m.docx")
    assert "Il y a 72 personnes." in text(made.content)


def test_an_unreadable_or_foreign_file_is_left_alone() -> None:
    with pytest.raises(DocumentError, match="no Word file"):
        living.begin(b"not a zip", content(), "m.docx")
    foreign = template("Autre chose")
    made = again(foreign)
    assert made.content == foreign and kinds(made) == {"foreign"}


def test_the_draft_mark_comes_and_goes() -> None:
    held = begun()
    with zipfile.ZipFile(io.BytesIO(held)) as archive:
        assert b"BROUILLON" in archive.read("word/header1.xml")
    final = without_mark(held)
    with zipfile.ZipFile(io.BytesIO(final)) as archive:
        assert b"BROUILLON" not in b"".join(archive.read(name) for name in archive.namelist())
    assert without_mark(final) == final and text(final) == text(held)


BOX = """<w:p {ns} xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"
 xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" xmlns:v="urn:schemas-microsoft-com:vml"><w:r>
<mc:AlternateContent><mc:Choice Requires="wps"><w:drawing><wp:inline><wp:extent cx="3000000" cy="900000"/><wp:docPr id="77" name="b"/>
<a:graphic><a:graphicData uri="http://schemas.microsoft.com/office/word/2010/wordprocessingShape"><wps:wsp><wps:cNvSpPr txBox="1"/>
<wps:spPr/><wps:txbx><w:txbxContent><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:txbxContent></wps:txbx><wps:bodyPr/></wps:wsp>
</a:graphicData></a:graphic></wp:inline></w:drawing></mc:Choice><mc:Fallback><w:pict><v:rect><v:textbox><w:txbxContent><w:p><w:r>
<w:t>{text}</w:t></w:r></w:p></w:txbxContent></v:textbox></v:rect></w:pict></mc:Fallback></mc:AlternateContent></w:r></w:p>"""


def box(text: str) -> Any:
    """A paragraph with a text box, as Word writes it: the words stand twice, once for older programs."""
    return parse_xml(BOX.format(ns=nsdecls("w", "wp", "a"), text=text))


def drawn_template(draw: Callable[[Any], None]) -> bytes:
    document = writer.new_document("Modèle", provenance="", author="")
    draw(document)
    return writer.to_bytes(document, None)


def test_marks_are_found_in_boxes_cells_headers_and_notes() -> None:
    def draw(document: Any) -> None:
        document.sections[0].header.paragraphs[0].add_run(" {{taux}}")
        writer.paragraph(document, "Début")
        last = document.paragraphs[-1]._p
        for text in ("{{presents}} personnes", "{{bloc:table}}"):
            last.addprevious(box(text))
        grid = document.add_table(1, 2)
        grid.cell(0, 0).text, grid.cell(0, 1).text = "{{bloc:paroles}}", "n = {{presents}}"
        writer.paragraph(document, "Fin")
        notes = f'<w:footnotes {nsdecls("w")}><w:footnote w:id="2"><w:p><w:r><w:t>Soit {{{{taux}}}}</w:t></w:r></w:p></w:footnote></w:footnotes>'
        kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
        part = Part(PackURI("/word/footnotes.xml"), kind, notes.encode(), document.part.package)
        document.part.relate_to(part, RT.FOOTNOTES)

    first = living.begin(drawn_template(draw), content(), "m.docx")
    assert not first.notes
    moved = again(first.content)
    for held, n, rate in ((first.content, "72", "96\u202f%"), (moved.content, "75", "100\u202f%")):
        said = text(held).split("\n")
        assert said.count(f"{n} personnes") == 2 and said.count(n) == 2 and f"n = {n}" in said
        assert "Parole stable" in said and "Début" in said and not [line for line in said if "{{" in line]
        with zipfile.ZipFile(io.BytesIO(held)) as archive:
            for name in ("word/footnotes.xml", "word/header1.xml"):
                assert rate in islands.plain(parse_xml(archive.read(name)).find(f".//{qn('w:p')}")), name
    assert again(moved.content).content == moved.content


def test_a_block_that_is_not_alone_is_told_with_its_place() -> None:
    def draw(document: Any) -> None:
        document.sections[0].header.paragraphs[0].add_run(" {{bloc:table}}")
        writer.paragraph(document, "Voir {{bloc:table}} et {{bloc:tabel}}")

    notes = living.begin(drawn_template(draw), content(), "m.docx").notes
    told = {(note.kind, note.what, note.where.partition(" :")[0]) for note in notes}
    assert told == {
        ("misplaced", "bloc:table", "paragraphe 1"),
        ("unknown", "bloc:tabel", "paragraphe 1"),
        ("misplaced", "bloc:table", "en-tête, pied ou note de page"),
    }


def test_a_stale_figure_is_found_in_cells_boxes_and_headers() -> None:
    def write(document: Any) -> None:
        last = document.paragraphs[-1]._p
        grid = document.add_table(1, 1)
        grid.cell(0, 0).text = "taux : 96 %"
        last.addprevious(grid._tbl)
        last.addprevious(box("boîte 96 %"))
        document.sections[0].header.paragraphs[0].add_run(" 96 %")

    made = again(edited(begun(), write))
    assert sorted(note.where for note in made.notes if note.kind == "stale") == [
        "« Modèle 96 % »",
        "« boîte 96 % »",
        "« taux : 96 % »",
    ]
    assert len(comments(made.content)) == 2, "a header can carry no comment"
    body = open_docx(io.BytesIO(made.content)).element.body
    inside = [mark for b in body.iter(qn("w:txbxContent")) for mark in b.iter(qn("w:commentReference"))]
    assert not inside, "nor can a text box: the comment is where it hangs"
    assert len(comments(again(made.content, content(76, "101\u202f%")).content)) == 2


def test_a_deletion_that_is_tracked_keeps_what_it_deletes() -> None:
    def write(document: Any) -> None:
        (paragraph,) = [p._p for p in document.paragraphs if "réuni" in p.text]
        gone = parse_xml(f'<w:del {nsdecls("w")} w:id="900" w:author="N" w:date="2025-02-14T09:00:00Z"/>')
        runs = list(paragraph.iter(qn("w:r")))[1:6]
        runs[0].addprevious(gone)
        for run in runs:
            gone.append(run)
            for old, new in (("w:t", "w:delText"), ("w:instrText", "w:delInstrText")):
                for node in list(run.iter(qn(old))):
                    node.tag = qn(new)

    made = again(edited(begun(), write))
    body = open_docx(io.BytesIO(made.content)).element.body
    (gone,) = body.iter(qn("w:del"))
    assert "".join(node.text for node in gone.iter(qn("w:delText"))) == "72"
    assert "Nous avons réuni  personnes (100\u202f%)." in text(made.content)


def saved_by_libreoffice(held: bytes, folder: Path) -> bytes:
    (folder / "in").mkdir(exist_ok=True)
    (folder / "in" / "r.docx").write_bytes(held)
    command = ["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless", "--convert-to"]
    command += ["docx:MS Word 2007 XML", "--outdir", str(folder), str(folder / "in" / "r.docx")]
    subprocess.run(command, capture_output=True, check=True, timeout=120)
    return (folder / "r.docx").read_bytes()


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_it_works_however_often_libreoffice_saves_the_file(tmp_path: Path) -> None:
    """Its second saving merges the pieces of a bookmark; a block in a cell has its bookmark there; others edit in between."""

    def draw(document: Any) -> None:
        writer.paragraph(document, "Avant {{presents}}")
        document.add_table(1, 1).cell(0, 0).text = "{{bloc:table}}"
        writer.paragraph(document, "Milieu")
        writer.paragraph(document, "{{bloc:paroles}}")
        writer.paragraph(document, "{{bloc:figure}}")
        writer.paragraph(document, "Fin {{taux}}.")

    held = living.begin(drawn_template(draw), content(), "m.docx").content
    for _ in range(2):
        held = saved_by_libreoffice(held, tmp_path)
    held = edited(held, lambda document: document.paragraphs[-1].add_run(" Ajouté ensuite."))
    for n in (75, 76):
        made = again(held, content(n, f"{n}\u202f%"))
        assert {note.what for note in made.notes if note.kind == "updated"} == {"table", "figure"}
        assert "kept" not in kinds(made) and not comments(made.content)
        said = text(made.content).split("\n")
        assert f"Avant {n}" in said and said.count(str(n)) == 1 and f"Fin {n}\u202f%. Ajouté ensuite." in said
        assert said.count("Parole stable") == 1 and "Milieu" in said
        held = saved_by_libreoffice(made.content, tmp_path)


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_it_works_after_libreoffice_saved_the_file(tmp_path: Path) -> None:
    def write(document: Any) -> None:
        in_slot(document, "resume", "Notre résumé à nous.", "خلاصة")
        document.paragraphs[-1].add_run(" Ajout : ")
        for run in live_fields.field_runs("taux", "96\u202f%", None):
            document.paragraphs[-1]._p.append(run)
        document.add_comment(
            [Run(document.paragraphs[-1].runs[0]._r, document.paragraphs[-1])], text="À voir", author="N"
        )

    saved = saved_by_libreoffice(edited(begun(), write), tmp_path)
    same = again(saved, content())
    assert same.content == saved
    made = again(saved)
    said = text(made.content)
    assert "75 personnes (100\u202f%)" in said and "Ajout : 100\u202f%" in said
    assert "Notre résumé à nous." in said and "خلاصة" in said and "Fin." in said
    assert "n = 72" not in made.content.decode("latin-1") and "À voir" in comments(made.content)
    assert kinds(made) >= {"updated"} and "kept" not in kinds(made)
    rows = [line for line in said.split("\n") if line in ("72", "75")]
    assert rows == ["75"]
    assert not again(made.content).changed
