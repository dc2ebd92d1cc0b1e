"""Sentences of the papers are chosen by their figures: none, one, two, many, not told, equal, falling. Part 8, A25 and A26."""

from __future__ import annotations

import pytest

from kobo_sync.analysis.populations import Told
from kobo_sync.deliverables import evaluation_sentences, letterhead, sentences
from kobo_sync.language import typography

MINUS, NB, NN = "\u2212", typography.NBSP, typography.NNBSP


@pytest.mark.parametrize(
    ("n", "quota", "rate", "text"),
    [
        (Told(24), 25, f"96{NN}%", f"96{NN}% du quota"),
        (Told(27), 25, f"108{NN}%", f"108{NN}% du quota"),
        (Told(55), 75, f"49{NN}%", f"49{NN}% des places prévues occupées, zone par zone"),
        (Told(74), 75, f"97{NN}%", f"97{NN}% des places prévues occupées, zone par zone"),
        (Told(0), 25, f"0{NN}%", f"0{NN}% du quota"),
        (Told(2, hidden=True), 25, "–", ""),
        (Told(5), 0, "–", ""),
    ],
)
def test_a_rate_that_is_not_the_quotient_says_its_rule(n: Told, quota: int, rate: str, text: str) -> None:
    assert sentences.quota_label(n, quota, rate) == text


@pytest.mark.parametrize(
    ("n_before", "n_pairs", "text"),
    [
        (12, 0, "Sur 12 tests avant la formation, aucun n’a de test après de la même personne."),
        (3, 1, f"Sur 3 tests avant la formation, un seul a un test après de la même personne (attrition : 67{NN}%)."),
        (25, 2, f"Sur 25 tests avant la formation, 2 ont un test après de la même personne (attrition : 92{NN}%)."),
        (9, 9, f"Chaque personne testée avant la formation l’a été aussi après (9 tests, attrition : 0{NN}%)."),
    ],
)
def test_attrition(n_before: int, n_pairs: int, text: str) -> None:
    assert evaluation_sentences.attrition_words(n_before, n_pairs) == text


@pytest.mark.parametrize(
    ("before", "after", "moved", "text"),
    [
        ("60 %", "86 %", "+26,0", "Score moyen : **60 %** avant, **86 %** après (n = 24 tests appariés), soit une évolution de **+26,0 points**"),
        ("60 %", "62 %", "+1,5", "Score moyen : **60 %** avant, **62 %** après (n = 24 tests appariés), soit une évolution de **+1,5 point**"),
        ("60 %", "60 %", "0,0", "Score moyen : **60 %** avant comme après (n = 24 tests appariés), sans évolution"),
        ("64 %", "40 %", f"{MINUS}24,0", "Score moyen : **64 %** avant, **40 %** après (n = 24 tests appariés), soit un recul de **24,0 points**"),
    ],
)  # fmt: skip
def test_a_score_rises_stays_or_falls(before: str, after: str, moved: str, text: str) -> None:
    assert evaluation_sentences.evolution_words(before, after, moved, "n = 24") == text


@pytest.mark.parametrize(
    ("gain", "change", "shown", "text"),
    [
        (0.52, 20.0, "0,52", "Gain de classe : 0,52 (moyen selon les repères de Hake)"),
        (0.1, 4.0, "0,10", "Gain de classe : 0,10 (faible selon les repères de Hake)"),
        (0.8, 30.0, "0,80", "Gain de classe : 0,80 (élevé selon les repères de Hake)"),
        (0.0, 0.0, "0,00", "Gain de classe : 0,00 (nul)"),
        (None, 0.0, "–", "Tout était juste avant la formation : il n’y a pas de gain à mesurer"),
        (-1.06, -30.0, f"{MINUS}1,06", "Le score recule : il n’y a pas de gain à mesurer"),
        (None, -30.0, "–", "Le score recule : il n’y a pas de gain à mesurer"),
    ],
)
def test_a_decline_is_no_gain(gain: float | None, change: float, shown: str, text: str) -> None:
    assert evaluation_sentences.gain_words(gain, change, shown) == text


def test_persons_who_move_are_counted_in_words_and_nobody_is_left_out() -> None:
    words = evaluation_sentences.moves_words
    assert words(12, 3, 4) == "12 personnes progressent, 3 personnes reculent et 4 personnes gardent leur score"
    assert words(1, 0, 1) == "1 personne progresse et 1 personne garde son score"
    assert words(0, 9, 0) == "9 personnes reculent"


def test_a_rate_above_one_is_commented() -> None:
    assert evaluation_sentences.rates_words([0.9, 1.0]) == ""
    assert "plus de réponses que de personnes présentes" in evaluation_sentences.rates_words([0.9, 2.5])


def test_few_answers_are_called_few_and_many_are_not() -> None:
    assert evaluation_sentences.uncertainty_words(25).startswith("Avec si peu de réponses")
    assert evaluation_sentences.uncertainty_words(67) == "L’indice ne sert jamais à classer les zones."


def test_a_number_that_is_not_told_is_said_not_to_be() -> None:
    assert [letterhead.n_is(n) for n in ("25", f"≈{NB}25", f"≥{NB}48", "–")] == [
        "n = 25",
        f"n ≈{NB}25",
        f"n ≥{NB}48",
        "n non publié",
    ]


@pytest.mark.parametrize(
    ("first", "figure"),
    [
        ([], ("–", "premier besoin")),
        (["Eau"], ("Eau", "premier besoin")),
        (["Eau", "École"], ("Eau et École", "premiers besoins, ex æquo")),
        (["Transport scolaire des filles", "Sage-femme au centre de santé", "Eau"], ("3", "besoins à la première place, ex æquo")),
    ],
)  # fmt: skip
def test_all_needs_of_the_first_rank_are_named_or_counted(first: list[str], figure: tuple[str, str]) -> None:
    """Part 8, A24: four needs shared rank 1 and one was called the first."""
    assert sentences.first_need_figure(first) == figure


def test_a_place_that_a_tie_fills_says_with_whom() -> None:
    """Part 8, A24: three of four first needs became first, second, third."""
    words = sentences.needs_of_rank
    four = {1: ["A", "B", "C", "D"], 5: ["E"]}
    assert [words(four, rank) for rank in range(1, 7)] == [
        "A, B, C et D (ex æquo)",
        "ex æquo au rang 1",
        "ex æquo au rang 1",
        "ex æquo au rang 1",
        "E",
        "–",
    ]
    assert [words({1: ["A"], 2: ["B", "C"]}, rank) for rank in (1, 2, 3)] == [
        "A",
        "B et C (ex æquo)",
        "ex æquo au rang 2",
    ]
    assert words({}, 1) == "–"


def test_common_priorities_beyond_five_say_why() -> None:
    """Part 8, A24: « 8 priorités communes parmi les cinq premiers »."""
    words = sentences.common_needs_words
    assert words(list("ABC")).endswith("parmi les cinq premiers besoins de chaque groupe.")
    assert words(list("ABCDEFGH"), tied=True).endswith(
        "Les besoins ex æquo à la cinquième place comptent tous parmi les cinq premiers."
    )
    assert "figure parmi" in words(["A"]) and words([]).startswith("Aucun besoin") and "ne peuvent pas" in words(None)


def test_a_share_among_those_of_known_sex_says_so() -> None:
    assert "(40\u202f% de celles dont le sexe est connu)" in sentences.sexes_words(4, 6, 0.4, all_known=False)
    assert "(40\u202f%) et 6 hommes" in sentences.sexes_words(4, 6, 0.4)
