"""KoboToolbox's own rows, and what pyxform makes by itself: the Form has the questions that phones answer, at their paths."""

from __future__ import annotations

import pytest

from kobo_sync.forms.compiler import compile_form
from kobo_sync.forms.paper import paper
from kobo_sync.forms.paper_blocks import Ask
from kobo_sync.forms.rules import lint
from kobo_sync.forms.sheets import read_book
from kobo_sync.forms.xlsform import form_of, read_form
from kobo_sync.store.tables.layout import flat_tables

SETTINGS = "| settings |\n| | form_title | form_id | version |\n| | Essai | essai | 1 |\n"
CHOICES = (
    "| choices |\n| | list_name | name | label::Français (fr) |\n| | on | oui | Oui |\n| | on | non | Non |\n"
    "| | items | riz | Riz |\n| | items | ble | Blé |\n"
)
HEAD = "| survey |\n| | type | name | label::Français (fr)"


def form(columns: str, *rows: str) -> bytes:
    return ("\n".join([HEAD + columns + " |", *(f"| | {row} |" for row in rows), CHOICES]) + SETTINGS).encode()


MATRIX = form(
    " | kobo--matrix_list | required | relevant",
    "text | nom | Nom | | |",
    "begin_kobomatrix | m1 | Tableau | items | | ${nom} = 'x'",
    "select_one on or_other | aa | A ? | | true | ",
    "integer | bb | B ? | | | ${aa} = 'oui'",
    "end_kobomatrix | | | | |",
    "text | fin | Fin | | |",
)
SCORE = form(
    " | kobo--score-choices | required | relevant",
    "text | nom | Nom | | |",
    "begin score | s1 | Score | on | true | ${nom} = 'x'",
    "score__row | r1 | R1 | | | ",
    "score__row | r2 | R2 | | | ",
    "end score | | | | | ",
)
RANK = form(
    " | kobo–rank-items | kobo–rank-constraint-message",
    "begin_rank | k1 | Rang | items | Déjà choisi",
    "rank__level | n1 | 1er | | ",
    "rank__level | n2 | 2e | | ",
    "rank__level | n3 | 3e | | ",
    "end_rank | | | | ",
)


def test_a_matrix_is_a_group_of_questions_per_item() -> None:
    read = read_form(MATRIX, "f.md")
    assert [(q.path, q.kind, q.list_name, q.labels, q.required, q.relevant, q.sheet_row) for q in read.questions] == [
        ("nom", "text", "", {"fr": "Nom"}, "", "", 2),
        ("m1_riz/m1_riz_aa", "select_one", "on", {"fr": "Riz – A ?"}, "true", "", 4),
        ("m1_riz/m1_riz_bb", "integer", "", {"fr": "Riz – B ?"}, "", "${m1_riz_aa} = 'oui'", 5),
        ("m1_ble/m1_ble_aa", "select_one", "on", {"fr": "Blé – A ?"}, "true", "", 4),
        ("m1_ble/m1_ble_bb", "integer", "", {"fr": "Blé – B ?"}, "", "${m1_ble_aa} = 'oui'", 5),
        ("fin", "text", "", {"fr": "Fin"}, "", "", 7),
    ]
    assert [(section.path, section.labels) for section in read.sections] == [
        ("m1_riz", {"fr": "Riz"}),
        ("m1_ble", {"fr": "Blé"}),
    ]


def test_a_score_is_a_group_of_selects_over_its_list() -> None:
    read = read_form(SCORE, "f.md")
    assert [(q.path, q.kind, q.list_name, q.required, q.appearance) for q in read.questions[1:]] == [
        ("s1/s1_header", "select_one", "on", "", "label"),
        ("s1/r1", "select_one", "on", "true", "list-nolabel"),
        ("s1/r2", "select_one", "on", "true", "list-nolabel"),
    ]
    assert [(section.path, section.relevant) for section in read.sections] == [("s1", "${nom} = 'x'")]


def test_a_rank_is_a_group_of_selects_that_differ() -> None:
    read = read_form(RANK, "f.md")
    assert [(q.path, q.list_name, q.required, q.constraint) for q in read.questions] == [
        ("k1/n1", "items", "true", ""),
        ("k1/n2", "items", "true", "${n2} != ${n1}"),
        ("k1/n3", "items", "true", "${n3} != ${n1} and ${n3} != ${n2}"),
    ]


@pytest.mark.parametrize("content", [MATRIX, SCORE, RANK])
def test_they_compile_and_lint_refuses_nothing(content: bytes) -> None:
    assert compile_form(content, "f.md", validate=True).form.form_id == "essai"
    findings = lint(content, "f.md", media={})
    assert {(f.rule, f.severity) for f in findings} <= {
        ("FORM018", "warning"),
        ("FORM041", "warning"),
        ("FORM070", "warning"),
    }


def test_a_row_without_a_name_gets_that_of_the_server() -> None:
    content = form(
        " | kobo--score-choices | $autoname",
        "begin_score | | Votre avis | on | ",
        "score__row | | Très bien ? | | ",
        "score__row | | 2e question | | deux",
        "end_score | | | | ",
    )
    assert [q.path for q in read_form(content, "f.md").questions] == [
        "Votre_avis/Votre_avis_header",
        "Votre_avis/Tr_s_bien_",
        "Votre_avis/deux",
    ]


@pytest.mark.parametrize(
    ("rows", "place", "message"),
    [
        (
            ("begin_kobomatrix | m1 | M |", "text | aa | A |", "end_kobomatrix | | |"),
            "row 2",
            "needs kobo--matrix_list",
        ),
        (("begin_score | s1 | S |", "score__row | aa | A |", "end_score | | |"), "row 2", "needs kobo--score-choices"),
        (("begin_score | s1 | S |", "text | aa | A |", "end_score | | |"), "row 3", "cannot stand inside begin_score"),
        (("begin_rank | s1 | S |", "rank__level | aa | A |"), "row 2", "needs kobo--rank-items"),
    ],
)
def test_what_its_compiler_would_end_with_is_told(rows: tuple[str, ...], place: str, message: str) -> None:
    findings = [f for f in lint(form(" | kobo--x", *rows), "f.md", media={}) if f.rule == "FORM018"]
    assert any(place in f.where and message in f.message and f.severity == "error" for f in findings)


def test_or_other_has_its_text_behind_the_select_and_its_choice_in_the_list() -> None:
    content = form(
        "",
        "begin_repeat | rr | R",
        "select_multiple on or_other | eau | Source ?",
        "end_repeat | | ",
        "select_one items or specify other | qui | Qui ?",
        "text | fin | Fin",
    )
    read = read_form(content, "f.md")
    assert [(q.path, q.kind, q.labels, q.repeat, q.origin) for q in read.questions] == [
        ("rr/eau", "select_multiple", {"fr": "Source ?"}, "rr", ""),
        ("rr/eau_other", "text", {"fr": "Source ? (autre, préciser)"}, "rr", "eau"),
        ("qui", "select_one", {"fr": "Qui ?"}, "", ""),
        ("qui_other", "text", {"fr": "Qui ? (autre, préciser)"}, "", "qui"),
        ("fin", "text", {"fr": "Fin"}, "", ""),
    ]
    assert read.question("qui_other").relevant == "selected(${qui}, 'other')"  # type: ignore[union-attr]
    assert [(c.name, c.labels) for c in read.choices["on"]][-1] == ("other", {"fr": "Autre"})
    assert [(column.name, column.kind) for column in flat_tables(read)[0].columns] == [
        ("qui", "text"),
        ("qui_other", "text"),
        ("fin", "text"),
    ]


def test_a_list_that_has_the_code_keeps_its_own_label() -> None:
    content = form("", "select_one ll or_other | eau | Source ?").replace(b"| choices |\n| | list_name | name | label::Fran\xc3\xa7ais (fr) |\n", "| choices |\n| | list_name | name | label::Français (fr) |\n| | ll | other | Ailleurs |\n".encode())  # fmt: skip
    assert [choice.labels for choice in read_form(content, "f.md").choices["ll"]] == [{"fr": "Ailleurs"}]


@pytest.mark.parametrize(
    ("repeat_count", "helper"),
    [("${nn} + 1", True), ("3", True), ("count(${nn})", True), ("${nn}", False), ("", False)],
)
def test_the_count_of_a_repeat_is_known_as_pyxform_makes_it(repeat_count: str, helper: bool) -> None:
    content = form(
        " | repeat_count",
        "integer | nn | N | ",
        "begin_group | gg | G | ",
        f"begin_repeat | rr | R | {repeat_count}",
        "text | aa | A | ",
        "end_repeat | | | ",
        "end_group | | | ",
    )
    helpers = [q for q in read_form(content, "f.md").questions if q.origin]
    assert [(q.path, q.kind, q.repeat) for q in helpers] == ([("gg/rr_count", "calculate", "")] if helper else [])
    assert ("rr_count" in compile_form(content, "f.md", validate=False).xform) == helper


def test_a_disabled_row_is_none() -> None:
    content = form(" | disabled", "text | aa | A | yes", "text | bb | B | no")
    assert [q.name for q in read_form(content, "f.md").questions] == ["bb"]


def test_paper_asks_each_once_and_counts_nothing() -> None:
    for content, names in (
        (MATRIX, ["nom", "m1_riz_aa", "m1_riz_bb", "m1_ble_aa", "m1_ble_bb", "fin"]),
        (RANK, ["n1", "n2", "n3"]),
    ):
        book = read_book(content, "f.md")
        blocks = paper(form_of(book, content, "f.md"), book, "fr").blocks
        asks = [block for block in blocks if isinstance(block, Ask)]
        assert [ask.name for ask in asks] == names
        assert [ask.number for ask in asks] == [str(n) for n in range(1, len(names) + 1)]
    content = form("", "select_one on or_other | eau | Source ?", "text | fin | Fin")
    book = read_book(content, "f.md")
    first, second = paper(form_of(book, content, "f.md"), book, "fr").blocks
    assert isinstance(first, Ask) and len(first.answer.options) == 3 and first.answer.options[2].startswith("Autre")
    assert isinstance(second, Ask) and second.name == "fin"
