"""French numbers, dates and spaces; writings told apart."""

from __future__ import annotations

from datetime import date, time

import pytest

from kobo_sync.documents.script import is_arabic, pieces
from kobo_sync.language import typography
from kobo_sync.language.clean_text import clean

NB, NN = "\u00a0", "\u202f"


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (1234567.891, 2, f"1{NN}234{NN}567,89"),
        (92.5, 0, "93"),
        (0.125, 2, "0,13"),
        (-3.6, 0, "\u22124"),
        (-0.2, 0, "0"),
        (None, 1, "–"),
        (float("nan"), 1, "–"),
        (0, 1, "0,0"),
    ],
)
def test_numbers(value: float | None, digits: int, text: str) -> None:
    assert typography.number(value, digits) == text


@pytest.mark.parametrize("n", [7, 8, 16, 40, 67, 200, 999])
def test_every_share_of_persons_rounds_halves_away_from_zero(n: int) -> None:
    """Part 8, A21: 57.5 % stood as 57 and as 58 in one paper, because a float times 100 is a little less."""
    for part in range(n + 1):
        whole = (200 * part + n) // (2 * n)
        tenths = (2000 * part + n) // (2 * n)
        assert typography.percent(part / n) == f"{whole}{NN}%"
        assert typography.percent(part / n, 1) == f"{tenths // 10},{tenths % 10}{NN}%"
        assert typography.points(100 * part / n) == f"{whole}{NN}%"
        before = part // 2  # item points, from two shares
        up = (200 * (part - before) + n) // (2 * n)
        assert typography.signed(100 * (part / n - before / n)) == (f"+{up}" if up else "0")


def test_signed_percent_and_p() -> None:
    assert typography.signed(12.34, 1) == "+12,3"
    assert typography.signed(0) == "0"
    assert typography.signed(-5) == "\u22125"
    assert typography.percent(0.925) == f"93{NN}%"
    assert typography.percent(None) == "–"
    assert typography.p_value(0.0001) == f"p{NN}<{NN}0,001"
    assert typography.p_value(0.0416) == f"p{NN}={NN}0,042"


def test_days_hours_and_spans() -> None:
    assert typography.day(date(2025, 2, 1)) == f"1er{NB}février{NB}2025"
    assert typography.day(date(2025, 2, 11), weekday=True) == f"mardi 11{NB}février{NB}2025"
    assert typography.span(date(2025, 2, 11), date(2025, 2, 13)) == f"11 au 13{NB}février{NB}2025"
    assert typography.span(date(2025, 1, 31), date(2025, 2, 1)) == f"31{NB}janvier{NB}2025 au 1er{NB}février{NB}2025"
    assert typography.hour(time(9, 0)) == f"9{NN}h"
    assert typography.duration(450) == f"7{NN}h{NN}30"


def test_spaces_are_set_once_and_stay() -> None:
    text = typography.spaced("Oui ; non ? « Ensemble, Avançons » : 96 % à 9:30, l'eau")
    assert text == f"Oui{NN}; non{NN}? «{NB}Ensemble, Avançons{NB}»{NB}: 96{NN}% à 9:30, l’eau"
    assert typography.spaced(text) == text
    assert typography.spaced("https://exemple.org/a?b") == "https://exemple.org/a?b"


def test_elision_and_lists() -> None:
    assert [typography.FORMS["of"](name) for name in ("Midelt", "Azilal")] == ["de Midelt", "d’Azilal"]
    assert typography.listing(["a", "b", "c"]) == "a, b et c"
    assert typography.listing([]) == ""


@pytest.mark.parametrize(
    "text", ["Le module : شكرا جزيلا au formateur", "ⴰⵣⵓⵍ ⴼⵍⵍⴰⵡⵏ, bonjour", "plain", "", "٠٦١٢ نعم (2025)"]
)
def test_pieces_join_to_the_text(text: str) -> None:
    assert "".join(piece for _, piece in pieces(text)) == text


def test_writings_are_told_apart() -> None:
    assert [script for script, _ in pieces("a شكرا b ⴰⵣⵓⵍ")] == ["latin", "arabic", "latin", "tifinagh"]
    assert is_arabic("نعم OK")
    assert not is_arabic("OK, merci beaucoup نعم")
    assert not is_arabic("123")


def test_forbidden_characters_go() -> None:
    assert clean("a\x00b\x0bc\ud800d\u202ee\r\nf\tg") == "abcde\nf\tg"
