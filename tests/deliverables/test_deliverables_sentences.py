"""Sentences are true of their figures: part 8, A26. Each at none, one, two, many, not told, equal, falling."""

from __future__ import annotations

import re

import pytest

from kobo_sync.analysis.populations import Told
from kobo_sync.analysis.published import PrintedChange
from kobo_sync.analysis.published_answers import PrintedAdvice
from kobo_sync.analysis.satisfaction import Recommendation
from kobo_sync.deliverables import plan_sentences, sentences


def plain(text: str) -> str:
    return re.sub(r"[\u00a0\u202f]", " ", text)


def told(n: int, **more: object) -> Told:
    return Told(n, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("number", "quota", "rate", "came", "missing", "text"),
    [
        (told(0), 75, "0 %", [], ["A", "B"], "Aucune présence signée n’a été reçue."),
        (told(2, hidden=True), 75, "–", ["A"], ["B"], "Le nombre de personnes présentes n’est pas publié"),
        (told(3), 0, "–", ["A"], [], "3 personnes ont signé au moins une demi-journée, à A."),
        (told(25), 25, "100\u202f%", ["A"], [], "pour 25 places prévues (100 %), à A."),
        (told(3), 1, "100\u202f%", ["A"], [], "pour 1 place prévue (taux de remplissage : 100 %, soit"),
        (told(55), 75, "49\u202f%", ["A", "B"], ["C"], "(taux de remplissage : 49 %, soit les places prévues qui ont été occupées"),
        (told(74), 75, "97\u202f%", ["A", "B", "C"], [], "dans 3 zones (A, B et C)."),
        (told(49), 50, "98\u202f%", ["A", "B"], ["Oumjniba"], "dans 2 zones (A et B). Aucune présence signée n’a été reçue d’Oumjniba."),
        (told(26, near=25), 25, "–", ["A"], [], "Environ 25 personnes ont signé"),
        (told(48, partial=True), 75, "–", ["A", "B"], [], "Au moins 48 personnes ont signé"),
        (told(400), 500, "80\u202f%", [f"Z{k}" for k in range(20)], [], "dans 20 zones."),
    ],
)  # fmt: skip
def test_who_came(number: Told, quota: int, rate: str, came: list[str], missing: list[str], text: str) -> None:
    assert text in plain(sentences.presence_words(number, quota, rate, came, missing))


@pytest.mark.parametrize(
    ("women", "men", "share", "text"),
    [
        (0, 0, None, "Le sexe des personnes présentes n’est pas connu."),
        (0, 25, 0.0, "Parmi ces personnes : aucune femme et 25 hommes."),
        (1, 2, 1 / 3, "Parmi ces personnes : 1 femme (33 %) et 2 hommes."),
        (35, 39, 35 / 74, "Parmi ces personnes : 35 femmes (47 %) et 39 hommes."),
        (25, 0, 1.0, "Parmi ces personnes : 25 femmes (100 %) et aucun homme."),
        (None, 39, None, "La répartition entre femmes et hommes n’est pas publiée"),
    ],
)
def test_women_and_men(women: int | None, men: int | None, share: float | None, text: str) -> None:
    assert plain(sentences.sexes_words(women, men, share)).startswith(text)


def change(before: float, after: float, *, about: bool = False) -> PrintedChange:
    return PrintedChange(before, after, after - before, None, not about, about)


@pytest.mark.parametrize(
    ("printed", "pairs", "text"),
    [
        (None, told(0), "Aucune personne n’a été testée à la fois avant et après"),
        (None, told(2, hidden=True), "Les résultats du test ne sont pas publiés"),
        (change(54, 80), told(64), "passe de 54 % à 80 % (64 personnes testées deux fois), soit 26 points de plus."),
        (change(60, 60), told(20), "Le score moyen au test reste à 60 % (20 personnes testées deux fois)."),
        (change(60.1, 60.4), told(20), "Le score moyen au test reste à 60 %"),
        (change(60.4, 60.6), told(20), "passe de 60 % à 61 % (20 personnes testées deux fois)."),
        (change(60, 61), told(20), "soit 1 point de plus."),
        (change(70, 58), told(3), "recule de 70 % à 58 % (3 personnes testées deux fois), soit 12 points de moins."),
        (change(0, 100), told(5), "passe de 0 % à 100 %"),
        (change(55, 80, about=True), told(24, near=25), "passe de ≈ 55 % à ≈ 80 % (environ 25 personnes testées deux fois), soit environ 25 points"),
    ],
)  # fmt: skip
def test_the_score_rises_stays_or_falls(printed: PrintedChange | None, pairs: Told, text: str) -> None:
    said = plain(sentences.learning_words(printed, pairs))
    assert text in said
    assert "passe de 60 % à 60 %" not in said and "–" not in said


@pytest.mark.parametrize(
    ("score", "text"),
    [(25.0, "plus nombreuses"), (-40.0, "moins nombreuses"), (0.0, "se compensent"), (0.3, "se compensent"), (None, "n’est pas publié")],
)  # fmt: skip
def test_the_advice(score: float | None, text: str) -> None:
    advice = Recommendation(20, 0, 10, 5, score, None, None)
    assert text in sentences.advice_words(PrintedAdvice(advice, told(20), score, None, None), told(20))
    none = sentences.advice_words(PrintedAdvice(advice, told(0), None, None, None), told(0))
    assert none == "Aucun questionnaire de satisfaction n’a été reçu."


def test_needs_that_share_the_first_rank_are_all_named() -> None:
    """Part 8, A24: four needs of rank 1, and one was called the first."""
    words = sentences.first_needs_words
    assert words([], received=False, published=False) == "Aucun classement de besoins n’a été reçu."
    assert "n’est pas publié" in words([], received=True, published=False)
    assert words(["Eau"], received=True, published=True) == "Le besoin classé premier est « Eau »."
    four = words(["Eau", "Route", "École", "Bus"], received=True, published=True)
    assert four == "« Eau », « Route », « École » et « Bus » viennent en tête, ex æquo."
    assert words([str(k) for k in range(20)], received=True, published=True) == "20 besoins viennent en tête, ex æquo."


def test_common_needs() -> None:
    assert (
        sentences.common_needs_words([]) == "Aucun besoin ne figure parmi les cinq premiers besoins de chaque groupe."
    )
    assert "« Eau » figure parmi" in sentences.common_needs_words(["Eau"])
    assert "« Eau » et « Bus » figurent parmi" in sentences.common_needs_words(["Eau", "Bus"])
    assert "ne peuvent pas s’établir" in sentences.common_needs_words(None)


@pytest.mark.parametrize(
    ("n", "n_complete", "n_late", "planned", "complete"),
    [
        (0, 0, 0, "Aucune action n’a été saisie.", "Aucune action n’a été saisie."),
        (1, 1, 0, "1 action est prévue, pour 1 besoin.", "L’action prévue est complète ("),
        (1, 0, 1, "1 action est prévue", "elle est en retard au 1er mars."),
        (2, 1, 0, "2 actions sont prévues", "1 est complète, sur 2 ("),
        (12, 9, 2, "12 actions sont prévues", "9 sont complètes, sur 12 ("),
        (12, 12, 0, "12 actions", "Toutes sont complètes ("),
        (12, 0, 0, "12 actions", "Aucune n’est encore complète ("),
    ],
)
def test_actions(n: int, n_complete: int, n_late: int, planned: str, complete: str) -> None:
    assert plain(plan_sentences.actions_words(n, min(n, 1))).startswith(planned)
    assert complete in plain(plan_sentences.complete_words(n, n_complete, n_late, "1er mars"))
