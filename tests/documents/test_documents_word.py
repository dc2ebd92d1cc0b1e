"""Word files: equal bytes, valid order of elements, directions, headers, pictures."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest
from docx import Document as open_docx
from docx.document import Document as WordDocument
from docx.oxml.ns import qn
from docx.shared import Pt
from invented_facts import signature_png
from lxml import etree

from kobo_sync.documents.word import writer
from kobo_sync.documents.word.styles import complete
from kobo_sync.documents.word.wordml import TIFINAGH_FONT

WHEN = datetime(2025, 2, 13, 17, 5, tzinfo=UTC)
_PROPERTY_ORDER = [
    "pStyle",
    "keepNext",
    "keepLines",
    "pageBreakBefore",
    "widowControl",
    "numPr",
    "tabs",
    "bidi",
    "spacing",
    "ind",
    "jc",
]


def make(**more: Any) -> WordDocument:
    return writer.new_document(
        "Essai – Bertat", provenance="Données au 13 février 2025 · 3 soumissions", author="Karama", **more
    )


def body(document: WordDocument) -> Any:
    return open_docx(io.BytesIO(writer.to_bytes(document, WHEN))).element.body


def fill(document: WordDocument) -> WordDocument:
    writer.title(document, "Titre", "sous-titre")
    writer.heading(document, "Un")
    writer.paragraph(document, "Du **gras** : oui")
    writer.verbatims(document, ["bonjour", "أعجبني العمل", "ligne 1\nligne 2\x00"])
    picture = writer.Picture(signature_png(1), "Signature de A", width_cm=3, height_cm=0.7)
    rows = [["1", writer.Cell("A", below="أ"), writer.Cell(picture=picture)], ["2", "ب", "x & <y>"]]
    writer.table(document, writer.Table(["N°", "Nom", "Signature"], rows, [1, 5, 4], caption="Liste", right=(0,)))
    writer.figure(document, picture, "Courbe")
    writer.key_figures(document, [("25", "présent·e·s"), ("96 %", "taux")])
    writer.facing(document, [("Lieu", "Bertat"), ("Date", "11"), ("Seul", "x")])
    return document


def test_the_same_document_gives_the_same_bytes() -> None:
    first, second = (writer.to_bytes(fill(make()), WHEN) for _ in range(2))
    assert first == second
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist()[0] == "[Content_Types].xml"
        assert not any("thumbnail" in name for name in archive.namelist())


def test_properties_carry_title_and_the_time_of_the_data() -> None:
    core = open_docx(io.BytesIO(writer.to_bytes(make(), WHEN))).core_properties
    assert (core.title, core.author) == ("Essai – Bertat", "Karama")
    assert core.created == core.modified
    assert core.modified is not None and core.modified.replace(tzinfo=UTC) == WHEN
    assert writer.to_bytes(make(), None)


def test_arabic_runs_right_to_left_and_tifinagh_has_its_font() -> None:
    document = make()
    writer.verbatims(document, ["أعجبني العمل", "merci beaucoup شكرا", "ⴰⵣⵓⵍ"])
    arabic, mixed, tifinagh = body(document).findall(qn("w:p"))[-3:]
    assert arabic.find(qn("w:pPr")).find(qn("w:bidi")) is not None
    assert arabic.find(qn("w:pPr")).find(qn("w:jc")) is None
    assert all(run.find(qn("w:rPr")).find(qn("w:rtl")) is not None for run in arabic.findall(qn("w:r")))
    assert mixed.find(qn("w:pPr")).find(qn("w:bidi")) is None
    assert len(mixed.findall(qn("w:r"))) == 2
    assert tifinagh.find(qn("w:r")).find(qn("w:rPr")).find(qn("w:rFonts")).get(qn("w:ascii")) == TIFINAGH_FONT


def test_tables_repeat_their_header_and_never_cut_a_row() -> None:
    tables = body(fill(make())).findall(qn("w:tbl"))
    rows = tables[0].findall(qn("w:tr"))
    assert rows[0].find(qn("w:trPr")).find(qn("w:tblHeader")) is not None
    assert all(row.find(qn("w:trPr")).find(qn("w:cantSplit")) is not None for row in rows)
    assert tables[0].tblPr.find(qn("w:tblCaption")).get(qn("w:val")) == "Liste"
    assert all(table.getnext().tag == qn("w:p") for table in tables)


@pytest.mark.parametrize("size", [9, 8.5, 7.5])
def test_a_cell_says_only_what_its_style_does_not(size: float) -> None:
    document = make()
    writer.table(document, writer.Table(["Nom"], [["A"], ["أمينة"]], [5], size=size))
    written = open_docx(io.BytesIO(writer.to_bytes(document, WHEN)))
    latin, arabic = (cells[0].paragraphs[0] for cells in (row.cells for row in written.tables[0].rows[1:]))
    runs = [latin.runs[0], arabic.runs[0]]
    own = [run.font.size.pt if run.font.size else None for run in runs]
    assert own == ([size] * 2 if size == 7.5 else [None] * 2)
    assert (own[0] or latin.style.font.size.pt) == size
    drawn = runs[1]._r.rPr.find(qn("w:szCs"))  # Arabic is a point larger, whoever says so
    drawn = arabic.style.element.rPr.find(qn("w:szCs")) if drawn is None else drawn
    assert float(drawn.get(qn("w:val"))) / 2 == size + 1


def test_a_document_of_people_is_lent_the_styles_of_cells() -> None:
    theirs = open_docx()
    complete(theirs)
    writer.table(theirs, writer.Table(["Nom"], [["A"]], [5]))
    assert [p.style.name for row in theirs.tables[0].rows for p in row.cells[0].paragraphs] == ["Cellule"] * 2
    theirs.styles["Cellule"].font.size = Pt(14)
    complete(theirs)
    assert theirs.styles["Cellule"].font.size == Pt(14), "what people changed stays"


def test_spaces_at_the_edges_of_a_text_are_kept() -> None:
    document = make()
    writer.verbatim(document, " avant et après ")
    writer.verbatim(document, "rien au bord")
    assert [p.text for p in open_docx(io.BytesIO(writer.to_bytes(document, WHEN))).paragraphs] == [
        " avant et après ",
        "rien au bord",
    ]


def test_paragraph_properties_keep_the_order_of_the_schema() -> None:
    for properties in body(fill(make())).iter(qn("w:pPr")):
        names = [etree.QName(child).localname for child in properties]
        known = [_PROPERTY_ORDER.index(name) for name in names]
        assert known == sorted(known), names


def test_pictures_fit_their_box_and_say_what_they_show() -> None:
    found = body(fill(make()))
    drawings = list(found.iter(qn("wp:docPr")))
    assert [drawing.get("descr") for drawing in drawings] == ["Signature de A", "Signature de A"]
    assert len({drawing.get("id") for drawing in drawings}) == 2
    extent = next(found.iter(qn("wp:extent")))
    assert int(extent.get("cx")) <= 3 * 360_000 + 1
    assert int(extent.get("cy")) <= 0.7 * 360_000 + 1


def test_a_picture_that_is_none_leaves_a_word() -> None:
    document = make()
    writer.figure(document, writer.Picture(b"not an image", "x", width_cm=3), "Courbe")
    assert "image illisible" in "".join(node.text or "" for node in body(document).iter(qn("w:t")))


def test_captions_are_numbered_by_kind() -> None:
    document = make()
    for _ in range(2):
        writer.caption(document, "Tableau", "a")
    writer.caption(document, "Figure", "b")
    texts = [p.text for p in document.paragraphs if p.style is not None and p.style.name == "Caption"]
    assert [text.split("\u00a0")[1][0] for text in texts] == ["1", "2", "1"]


def test_headings_and_captions_stay_with_what_follows() -> None:
    styles = make().styles
    for name in ("Heading 1", "Heading 2", "Caption", "Title"):
        assert styles[name].paragraph_format.keep_with_next is True


def test_landscape_and_footer_fields() -> None:
    document = make(landscape=True)
    section = document.sections[0]
    assert section.page_width is not None and section.page_height is not None
    assert section.page_width > section.page_height
    shown = etree.tostring(section.footer._element, encoding="unicode")
    assert " PAGE " in shown
    assert " NUMPAGES " in shown
    assert "3 soumissions" in shown


def test_long_tables_are_linear() -> None:
    document = make()
    writer.table(document, writer.Table(["a"] * 9, [["x"] * 9] * 300, [2] * 9))
    assert len(body(document).find(qn("w:tbl")).findall(qn("w:tr"))) == 301
