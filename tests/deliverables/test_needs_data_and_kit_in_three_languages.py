"""Needs, road map, data, their quality and the kit in English and Arabic: no French is left, and the figures are the French ones."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from docx.oxml.ns import qn
from invented_facts import make_config, make_facts, make_forms
from language.harvest import FRENCH
from lxml import etree

from kobo_sync.analysis import labels
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.quoting import shown
from kobo_sync.deliverables import deliverable, result_sheets
from kobo_sync.deliverables.data_workbook import data_workbook
from kobo_sync.language.speaking import Code, speaking
from kobo_sync.workspace.templates import in_language

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "kobo_sync" / "starter" / "exports" / "templates", ROOT / "exports" / "templates")
KIT = "outils-andragogiques"


def in_their_language(language: Code, n: int = 25) -> Facts:
    facts = make_facts(n)
    mission = facts.config.mission.model_copy(update={"documents": language})
    templates = {
        path.relative_to(FOLDERS[0]).as_posix(): path.read_bytes() for path in sorted(FOLDERS[0].rglob("*.docx"))
    }
    return replace(
        facts,
        config=facts.config.model_copy(update={"mission": mission}),
        templates=in_language(templates, {}, language),
    )


def paragraphs(content: bytes) -> Iterator[str]:
    """The texts of a Word file, those of heads and feet too."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            if re.fullmatch(r"word/(document|header\d*|footer\d*)\.xml", name):
                for block in etree.fromstring(archive.read(name)).iter(qn("w:p")):
                    yield "".join(node.text or "" for node in block.iter(qn("w:t")))


def cells(content: bytes) -> Iterator[Any]:
    book = openpyxl.load_workbook(io.BytesIO(content))
    for sheet in book:
        yield sheet.title
        yield from (value for row in sheet.iter_rows(values_only=True) for value in row if value is not None)


def peoples(facts: Facts) -> list[str]:
    """What people wrote, and what the mission calls its things: longest first."""
    mission, texts = facts.config.mission, set[str]()
    texts |= {mission.title, mission.programme, *(each.name for each in facts.config.organisations)}
    texts |= {text for each in facts.config.groups for text in each.short.values()}
    for labelled in (*(each.label for each in facts.config.groups), *(each.label for each in facts.config.sessions)):
        texts |= set(labelled.values())
    for settings in facts.config.forms.values():
        texts |= {*(text for each in settings.themes.values() for text in each.values()), *settings.fields.values()}
    for form in facts.forms.values():
        texts |= {form.title, form.form_id}
        for question in form.questions:
            texts |= {question.name, question.path, *question.labels.values(), *question.hints.values()}
        for choices in form.choices.values():
            texts |= {text for choice in choices for text in (choice.name, *choice.labels.values())}
    for choices in facts.catalogues.values():
        texts |= {text for choice in choices for text in (*choice.labels.values(), *choice.extra.values())}
    for table in facts.tables.values():
        for column in table.columns:
            texts |= {column, *(value for value in table[column] if isinstance(value, str))}
    texts |= {value for zone in facts.config.zones for value in zone.extra.values()}
    return sorted({plain(text) for text in texts if len(text) > 1}, key=len, reverse=True)


def plain(text: str) -> str:
    """*text* without what typography does to it."""
    return re.sub(r"\s*([:;?!%])", r"\1", text.replace("’", "'"))


def french_in(texts: list[str], facts: Facts) -> list[str]:
    """The texts that are French, what people wrote and names of columns aside."""
    theirs = re.compile("|".join(rf"(?<![^\Wو]){re.escape(each)}(?!\w)" for each in peoples(facts)))
    found = []
    for text in dict.fromkeys(texts):
        bare = re.sub(r"\w+_\w+|[«»·]", " ", theirs.sub(" ", plain(text)))
        if FRENCH.search(bare):
            found.append(text)
    return found


def papers(facts: Facts, name: str) -> Mapping[str, bytes]:
    return {each.path: each.content for each in deliverable(name).build(facts)}


def texts_of(content: Mapping[str, bytes]) -> list[str]:
    texts: list[str] = []
    for path, each in content.items():
        if "/questionnaires/" not in path:  # they have the language of their form
            read = paragraphs(each) if path.endswith(".docx") else cells(each)
            texts += [text for text in read if isinstance(text, str)]
    return texts


EXPECTED = {
    ("needs", "en"): ("Priority needs – Bertat", "What the groups have in common", "Mean score of the groups, from 0 to 3 (n", "24 participations: 15 women and 9 men", "Ranks by group and sex"),
    ("needs", "ar"): ("الحاجات ذات الأولوية – برطات", "ما تشترك فيه المجموعات", "24 مشاركة: 15 امرأة و9 رجال", "(جلستان", "الرتب حسب المجموعة والجنس"),
    ("road_map", "en"): ("Road map – Bertat", "Breakdown of the actions", "late on 11\u00a0February\u00a02025", "Evidence: ", "Choose the status in the list"),
    ("road_map", "ar"): ("خارطة الطريق – برطات", "توزيع الإجراءات", "متأخرة في 11\u00a0فبراير\u00a02025", "الإثبات: ", "اختاروا الحالة من اللائحة"),
    ("data_quality", "en"): ("Data quality – Bertat", "submissions received", "after 22 answers left blank", "Left out of the deliverables by their status: not approved."),
    ("data_quality", "ar"): ("جودة المعطيات – برطات", "إرساليات واردة", "بعد ترك 22 جواباً فارغاً", "بسبب حالتها: غير مصادق عليها."),
    ("data_workbook", "en"): ("Read me", "Label of the question", "Pseudonymised data – Bertat", "column “"),
    ("data_workbook", "ar"): ("اقرؤوني", "نص السؤال", "معطيات بأسماء مستعارة – برطات", "التسمية (ar)"),
    ("training_kit", "en"): ("Session plan of the day", "Round of introductions", "Key: not to be handed out before the final test", "Course of the session"),
    ("training_kit", "ar"): ("خطة حصة اليوم", "جولة تعارف", "الصباح (من 9:00 إلى 12:30)", "سير الحصة"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "language"), EXPECTED)
def test_a_paper_is_wholly_in_its_language(name: str, language: Code) -> None:
    facts = in_their_language(language)
    texts = texts_of(papers(facts, name))
    assert french_in(texts, facts) == []
    whole = "\n".join(texts)
    for words in EXPECTED[name, language]:
        assert words in whole, words
    if language == "ar":
        assert re.findall(r"\b(?:the|of|and|is|not|by)\b", "\n".join(t for t in texts if len(t) < 80)) == []


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("n", [0, 1, 2, 4])
def test_what_says_that_little_or_nothing_came_is_in_its_language_too(language: Code, n: int) -> None:
    facts = in_their_language(language, n)
    for name in ("needs", "road_map", "data_quality", "data_workbook"):
        assert french_in(texts_of(papers(facts, name)), facts) == [], name


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_workbooks_have_the_same_figures_in_every_language(language: Code) -> None:
    def figures(spoken: Code) -> list[float]:
        facts = in_their_language(spoken)
        with speaking(spoken):
            books = [
                result_sheets.needs_workbook(facts, ["besoins"]),
                result_sheets.evaluation_workbook(facts, ["test"]),
                data_workbook(facts, nominative=True),
                *(content for path, content in papers(facts, "road_map").items() if path.endswith(".xlsx")),
            ]
        return [value for book in books for value in cells(book) if isinstance(value, int | float)]

    assert figures(language) == figures("fr") != []


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("name", ["needs", "data_quality"])
def test_the_tables_have_the_same_figures_in_every_language(name: str, language: Code) -> None:
    def figures(spoken: Code) -> list[list[str]]:
        (content,) = (c for path, c in papers(in_their_language(spoken), name).items() if path.endswith(".docx"))
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            body = etree.fromstring(archive.read("word/document.xml"))
        texts = ["".join(node.text or "" for node in cell.iter(qn("w:t"))) for cell in body.iter(qn("w:tc"))]
        return [re.findall(r"\d+", text) for text in texts if re.search(r"\d", text)]

    assert figures(language) == figures("fr") != []


def test_the_evaluations_workbook_names_its_figures() -> None:
    facts = in_their_language("en")
    with speaking("en"):
        texts = [text for text in cells(result_sheets.evaluation_workbook(facts, ["test"])) if isinstance(text, str)]
    assert french_in(texts, facts) == []
    assert {"Indicators", "Right answer before"} <= {re.sub(" – .*", "", text) for text in texts}
    assert "Persons present – sex: Femme" in texts


# ── the kit's tools ──


def marks(content: bytes) -> list[str]:
    return sorted(mark for text in paragraphs(content) for mark in re.findall(r"\{\{.*?\}\}", text))


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("folder", FOLDERS, ids=["packaged", "ours"])
def test_every_tool_has_a_twin_with_the_same_marks(folder: Path, language: str) -> None:
    tools = sorted((folder / KIT).glob("*.docx"))
    twins = {path.name: path.read_bytes() for path in (folder / language / KIT).glob("*.docx")}
    assert [path.name for path in tools] == sorted(twins) != []
    for path in tools:
        assert marks(twins[path.name]) == marks(path.read_bytes()), path.name
        texts = [re.sub(r"\{\{.*?\}\}|[«»’·]", " ", text) for text in paragraphs(twins[path.name])]
        assert [text for text in texts if FRENCH.search(text)] == [], path.name
        if language == "ar":
            assert [text for text in texts if re.search(r"[A-Za-z]{2}", text)] == [], path.name


def test_an_arabic_tool_runs_from_right_to_left() -> None:
    for path in (FOLDERS[0] / "ar" / KIT).glob("*.docx"):
        with zipfile.ZipFile(path) as archive:
            body = etree.fromstring(archive.read("word/document.xml"))
        assert all(block.find(f"{qn('w:pPr')}/{qn('w:bidi')}") is not None for block in body.iter(qn("w:p")))
        assert all(table.find(qn("w:bidiVisual")) is not None for table in body.iter(qn("w:tblPr")))
        assert body.find(f".//{qn('w:sectPr')}/{qn('w:bidi')}") is not None


# ── labels and what people wrote ──


def test_the_column_of_labels_says_in_which_language_they_are() -> None:
    def heads(language: Code, called: str) -> set[str]:
        facts = in_their_language(language)
        forms = {}
        for form_id, form in facts.forms.items():
            choices = {
                name: tuple(replace(c, labels=dict.fromkeys([called], next(iter(c.labels.values())))) for c in each)
                for name, each in form.choices.items()
            }
            forms[form_id] = replace(form, choices=choices)
        content = papers(replace(facts, forms=forms), "data_workbook")[
            "donnees.xlsx" if language == "fr" else "data.xlsx"
        ]
        book = openpyxl.load_workbook(io.BytesIO(content))
        (head,) = ([cell.value for cell in row] for row in book["satisfaction"].iter_rows(min_row=1, max_row=1))
        return {text for text in head if str(text).startswith(("Libellé", "Label", "التسمية"))}

    assert heads("fr", "fr") == {"Libellé en français"}
    assert "Libellé en anglais" in heads("fr", "en")
    assert "Label in French" in heads("en", "fr")
    assert "التسمية بالإنجليزية" in heads("ar", "en")
    assert "Libellé (es)" in heads("fr", "es")
    assert "Libellé" in heads("fr", "")


@pytest.mark.parametrize(
    ("language", "told"),
    [("fr", "Appelez [nom masqué] au [téléphone masqué]"), ("en", "Appelez [name masked] au [phone masked]"), ("ar", "Appelez [اسم محجوب] au [هاتف محجوب]")],
)  # fmt: skip
def test_a_mask_is_in_the_documents_language_and_is_no_word_of_anybody(language: Code, told: str) -> None:
    facts = make_facts(25)
    person = facts.tables["inscription"].iloc[0]
    with speaking(language):
        once = shown(facts, f"Appelez {person['prenom']} {person['nom']} au 0661 23 45 67")
        assert once == told
        assert shown(facts, once) == told


def test_a_short_name_in_another_writing_leaves_its_place_to_the_label() -> None:
    facts = in_their_language("ar")
    cld = next(group for group in facts.config.groups if group.code == "cld")
    arabic = cld.model_copy(update={"label": {**cld.label, "ar": "لجان التنمية"}})
    config = facts.config.model_copy(update={"groups": [arabic]})
    assert labels.group(replace(facts, config=config), "cld", short=True) == "لجان التنمية"
    french = config.model_copy(update={"mission": make_config().mission})
    assert labels.group(replace(facts, config=french), "cld", short=True) == "CLD"


def test_the_key_numbers_its_questions_whatever_languages_a_form_has() -> None:
    facts = in_their_language("fr", 0)
    form = make_forms()["test"]
    questions = tuple(
        replace(
            question, labels={"ar": f"سؤال {question.name}"} if question.kind.startswith("select") else question.labels
        )
        for question in form.questions
    )
    arabic = replace(form, languages=("ar",), questions=questions)
    facts = replace(facts, forms={**facts.forms, "test": arabic})
    texts = [text for text in paragraphs(papers(facts, "training_kit")[f"{KIT}/7-corrige-du-test.docx"]) if text]
    assert "1" in texts and "Plaidoyer" in texts
