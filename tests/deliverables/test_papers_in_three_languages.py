"""The papers speak the documents' language: whole sentences in French, English or Arabic, and the same figures."""

from __future__ import annotations

import dataclasses
import io
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from docx import Document as open_docx
from invented_facts import TOML, make_facts
from test_deliverables_identity import mission_facts, templates
from test_deliverables_report import OBJECTIVES, TERMS, settled

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.satisfaction import satisfaction
from kobo_sync.deliverables import deliverable
from kobo_sync.deliverables.changes import Change, changes_paper
from kobo_sync.deliverables.live_values import live_values
from kobo_sync.language.sentences import translated
from kobo_sync.language.speaking import Code, Language, speaking
from kobo_sync.model import Document, Manifest
from kobo_sync.workspace.templates import in_language

sys.path.insert(0, str(Path(__file__).parents[1] / "language"))
from harvest import FRENCH

LANGUAGES: tuple[Code, ...] = ("fr", "en", "ar")
LATIN = re.compile(r"[A-Za-zÀ-ÿ]{3,}")
# What Arabic papers leave in Latin letters: who invented a measure, signs, files and their names.
SPARED = re.compile(
    r"Hake|Wilcoxon-Pratt|McNemar|Wilson|Wald|Kendall|Cohen|Σ min|SMART|report\.objectives|[\w.-]+\.(?:zip|txt)|[0-9a-f]{8,}"
)


def told_in(facts: Facts, language: Code) -> Facts:
    """The facts of a mission whose documents are in *language*."""
    mission = facts.config.mission.model_copy(update={"documents": language})
    config = facts.config.model_copy(update={"mission": mission})
    return replace(facts, config=config, templates=in_language(templates(), {}, language))


def without(*forms: str) -> str:
    """The invented mission's settings without these forms."""
    return "".join(
        part
        for part in re.split(r"(?m)(?=^\[)", TOML)
        if not part.startswith(tuple(f"[forms.{name}" for name in forms))
    )


def strings(value: Any) -> Iterator[str]:
    """Every text in *value*, however deep."""
    if isinstance(value, str):
        yield value
    elif dataclasses.is_dataclass(value):
        yield from strings([getattr(value, each.name) for each in dataclasses.fields(value)])
    elif isinstance(value, dict):
        yield from strings(list(value.values()))
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from strings(each)


def labels_of(facts: Facts) -> re.Pattern[str]:
    """What the mission, its forms and its people call things: papers keep it as it is."""
    texts = set(strings(facts.config.model_dump())) | set(strings([facts.forms, facts.catalogues]))
    for table in facts.tables.values():
        texts |= {cell for column in table for cell in table[column] if isinstance(cell, str)}
    texts |= set(TERMS.decode().splitlines())
    texts |= (
        {text.lower() for text in texts}
        | {text.upper() for text in texts}
        | {part for text in texts for part in text.split("\n")}
    )
    longest_first = sorted((text for text in texts if len(text) > 2), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)))


def lines(document: Document) -> list[str]:
    """Every paragraph of a Word file, its heads, feet, alternative texts and the titles of its controls."""
    whole = open_docx(io.BytesIO(document.content))
    roots = [whole.element.body, *(part._element for s in whole.sections for part in (s.header, s.footer))]
    texts = []
    for root in roots:
        texts += ["".join(t.text or "" for t in p.iter("{*}t")) for p in root.iter("{*}p")]
        texts += [node.get("descr", "") for node in root.iter("{*}docPr")]
        texts += [value for node in root.iter("{*}alias") for value in node.attrib.values()]
    return [text.strip() for text in texts if text.strip()]


def strange(document: Document, facts: Facts, language: Code) -> list[str]:
    """The lines that are not in *language*, the mission's own words aside."""
    labels, left = labels_of(facts), []
    for line in lines(document):
        rest = labels.sub(" ", SPARED.sub(" ", line))
        if (FRENCH if language == "en" else LATIN).search(rest.replace("’s", "").replace("s’", "s")):
            left.append(line)
    return left


def figures(document: Document) -> list[list[str]]:
    """The numbers in each cell of the tables that has any, decimals with a point, whole hours without their nought minutes."""
    tables = open_docx(io.BytesIO(document.content)).element.body.iter("{*}tbl")
    cells = ["".join(t.text or "" for t in cell.iter("{*}t")) for table in tables for cell in table.iter("{*}tc")]
    numbers = (re.findall(r"\d+(?:\.\d+)?", cell.replace(",", ".").replace(":00", "")) for cell in cells)
    return [each for each in numbers if each]


def word(name: str, facts: Facts) -> Document:
    return deliverable(name).build(facts)[0]


@pytest.mark.parametrize("name", ["attendance_list", "evaluations"])
@pytest.mark.parametrize("n", [0, 1, 4, 25, 60])
def test_a_zone_s_papers_speak_one_language_and_tell_the_same_figures(name: str, n: int) -> None:
    facts = make_facts(n)
    told = {language: word(name, told_in(facts, language)) for language in LANGUAGES}
    for language in ("en", "ar"):
        assert strange(told[language], facts, language) == []
        assert figures(told[language]) == figures(told["fr"])


@pytest.mark.parametrize(
    ("name", "n", "language", "sentence"),
    [
        ("attendance_list", 25, "en", "25 persons present, 20 of them the whole day; 1 registered person absent; 1 person not on the list."),
        ("attendance_list", 25, "ar", "25 شخصاً حاضراً، منهم 20 اليوم كاملاً؛ مسجل واحد غائب؛ شخص واحد خارج اللائحة."),
        ("attendance_list", 1, "en", "1 person present, the whole day; no registered person absent."),
        ("attendance_list", 1, "ar", "شخص واحد حاضر، اليوم كاملاً؛ لا غياب بين المسجلين."),
        ("attendance_list", 0, "en", "Nobody registered; no sign-in received: a sheet to be signed."),
        ("attendance_list", 0, "ar", "لا أحد مسجل؛ لم يصل أي حضور: ورقة للتوقيع."),
        ("evaluations", 25, "en", "How to read these figures"),
        ("evaluations", 25, "ar", "كيف تُقرأ هذه الأرقام"),
        ("evaluations", 0, "en", "No data: no answer to the open questions."),
        ("evaluations", 0, "ar", "لا توجد معطيات: لا جواب عن الأسئلة المفتوحة."),
    ],
)  # fmt: skip
def test_plain_sentences_stand_in_them(name: str, n: int, language: Code, sentence: str) -> None:
    assert sentence in lines(word(name, told_in(make_facts(n), language)))


# What is told of needs and road maps has tests of its own.
FORMS = without("besoins", "route", "focus")


@pytest.mark.parametrize("sizes", [(25, 24), (12, 2), (0, 0)])
def test_the_final_report_speaks_one_language_from_its_template_to_its_last_annex(sizes: tuple[int, int]) -> None:
    facts = replace(settled(mission_facts(*sizes), "", FORMS), annexes={"tdr.txt": TERMS})
    told = {language: word("final_report", told_in(facts, language)) for language in LANGUAGES}
    for language in ("en", "ar"):
        assert strange(told[language], facts, language) == []
        assert figures(told[language]) == figures(told["fr"])
    assert "2.2 Limits" in lines(told["en"]) and "2.2 الحدود" in lines(told["ar"])
    hint = "✍ Recall the programme, the zones, the groups and the local context."
    assert hint in lines(told["en"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_its_tables_are_numbered_through_and_no_block_is_taken_for_changed_by_hand(language: Code) -> None:
    """A block whose table has another number than before is still the program's own."""
    none = told_in(settled(mission_facts(0, 0), "", FORMS), language)
    many = told_in(settled(mission_facts(60, 25), "", FORMS), language)
    first = word("final_report", none)
    again = word("final_report", replace(many, previous_files={first.path: first.content}))
    assert not [finding for finding in again.findings if finding.rule in ("REPORT005", "REPORT006")]
    for document in (first, again):
        numbers = [
            int(line[1]) for text in lines(document) if (line := re.match(r"(?:Tableau|Table|جدول)\s(\d+)\s–", text))
        ]
        assert numbers == [*range(1, len(numbers) + 1)] and len(numbers) > 4


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "Training days, zone by zone, with a sign-in sheet."),
        ("en", "The mission has no form that measures it."),
        ("ar", "أيام تكوينية، منطقة بمنطقة، مع التوقيع على الحضور."),
        ("ar", "ليس للمهمة استمارة تقيسه."),
    ],
)
def test_objectives_and_their_evidence_do_too(language: Code, sentence: str) -> None:
    facts = settled(mission_facts(25, 24), OBJECTIVES, FORMS)
    document = word("final_report", told_in(facts, language))
    assert sentence in lines(document)
    assert strange(document, facts, language) == []


def test_no_zone_with_people_is_told_to_be_empty_whichever_digits_the_mission_writes() -> None:
    """« ٠ » is nought too."""
    facts = told_in(settled(mission_facts(25, 0), "", FORMS), "ar")
    mission = facts.config.mission.model_copy(update={"digits": "arabic"})
    findings = word(
        "final_report", replace(facts, config=facts.config.model_copy(update={"mission": mission}))
    ).findings
    messages = [translated(finding.message, "fr") for finding in findings if finding.rule == "REPORT003"]
    assert "la zone أم جنيبة n’a aucune personne présente" in messages
    assert "la zone برطات n’a aucune personne présente" not in messages


@pytest.mark.parametrize(
    ("language", "row"),
    [
        ("fr", ["Tests appariés", "–", "écart de moins de 3 personnes"]),
        ("en", ["Paired tests", "–", "difference of fewer than 3 persons"]),
        ("ar", ["الاختبارات المزدوجة", "–", "فرق يقل عن 3 أشخاص"]),
    ],
)
def test_what_changed_is_told_in_the_language_of_the_documents(language: Code, row: list[str]) -> None:
    before, now = {"tests_apparies": "20", "actions": "3"}, {"tests_apparies": "21", "actions": "4"}
    facts = told_in(make_facts(3), language)
    change = Change("bertat", Manifest(figures=before), Manifest(figures=now))
    with speaking(language):
        document = changes_paper(facts, [change])
    (table,) = open_docx(io.BytesIO(document.content)).tables
    assert row in [[cell.text for cell in cells.cells] for cells in table.rows]
    assert language == "fr" or strange(document, facts, language) == []


def test_the_values_of_templates_are_told_in_it() -> None:
    facts = make_facts(0)
    with speaking("en"):
        assert live_values(told_in(facts, "en"))["donnees_arretees"] == "No data were received"
    with speaking(Language("ar")):
        assert live_values(told_in(make_facts(25), "ar"))["donnees_arretees"].startswith("المعطيات محصورة إلى غاية")


def test_the_levels_of_a_scale_are_named_in_the_documents_language() -> None:
    """They were those of the forms' first language, whatever the paper's."""
    facts = make_facts(5)
    form = facts.forms["satisfaction"]
    choices = {
        name: tuple(replace(choice, labels={**choice.labels, "ar": f"موافق {choice.name}"}) for choice in each)
        for name, each in form.choices.items()
    }
    facts = replace(facts, forms={**facts.forms, "satisfaction": replace(form, choices=choices)})
    by_language = {
        code: {level for scale in satisfaction(told_in(facts, code)).scales for level in scale.levels}
        for code in ("fr", "ar")
    }
    assert "Plutôt d’accord" in by_language["fr"]
    assert by_language["ar"] and all(level.startswith("موافق") for level in by_language["ar"])
