"""Conditions in words: labels in place of codes, in each language, never a crash."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kobo_sync.forms.wording import Voice, in_words, words_of

LABELS = {("accord", "oui"): "Oui", ("besoins", "eau"): "Eau potable", ("gravite", "3"): "3 – Grave"}


def _voice(language: str = "fr", **known: str) -> Voice:
    words = words_of(language)
    numbers = {"accord": "1", "besoins": "2", "gravite": "3", "age": "4"}
    return Voice(
        words, lambda n: words["question"].format(n=numbers.get(n, n)), lambda q, c: LABELS.get((q, c), ""), known
    )


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("${accord} = 'oui'", "si question 1 = « Oui »"),
        ("'oui' = ${accord}", "si question 1 = « Oui »"),
        ("18 <= ${age}", "si question 4 ≥ 18"),
        ("${gravite} >= 3", "si question 3 ≥ « 3 – Grave »"),
        ("selected(${besoins}, 'eau')", "si question 2 comprend « Eau potable »"),
        ("not(selected( ${besoins}, 'eau' ))", "si question 2 ne comprend pas « Eau potable »"),
        ("not(${accord} = 'oui')", "si question 1 ≠ « Oui »"),
        ("${age} != ''", "si question 4 est remplie"),
        ("${age} = '' or ${accord} = 'non'", "si question 4 est vide ou question 1 = « non »"),
        (
            "${age} > 17 and (${accord}='oui' or ${gravite}<2)",
            "si question 4 > 17 et (question 1 = « Oui » ou question 3 < 2)",
        ),
        ("count-selected(${besoins}) = 3", "si le nombre de réponses à la question 2 = 3"),
        ("${age} + 1 > -2", "si question 4 + 1 > −2"),
        (
            "pulldata('x', 'y', 'z', ${age}) = 1",
            "si cette condition est remplie : pulldata('x', 'y', 'z', question 4) = 1",
        ),
        ("${age} >", "si cette condition est remplie : question 4 >"),
    ],
)
def test_a_condition_is_said_in_french(expression: str, said: str) -> None:
    assert in_words(expression, _voice()) == said


def test_other_languages_and_what_a_copy_knows() -> None:
    assert in_words("${accord} = 'oui'", _voice("ar")) == "إذا كان السؤال 1 = «Oui»"
    assert in_words("${age} >= 18", _voice("ar")) == "إذا كان السؤال 4 أكبر من أو يساوي 18"
    assert in_words("${age} != ''", _voice("English")) == "if question 4 is answered"
    assert in_words("selected(${besoins}, ${besoin})", _voice(besoin="eau")).endswith("comprend « Eau potable »")
    assert words_of("ar")["dir"] == words_of("ur")["dir"] == "rtl" and words_of("xx")["dir"] == "ltr"


@given(st.text(alphabet="${}abc ()'=<>!.,+-*0123orandnot_\"", max_size=40))
def test_no_text_makes_it_stumble(expression: str) -> None:
    assert in_words(expression, _voice())
