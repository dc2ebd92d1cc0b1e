"""Numbers, days, hours, lists and counted things in three languages."""

from __future__ import annotations

from datetime import date, time

import pytest

from kobo_sync.language import typography
from kobo_sync.language.speaking import Code, Language, first_spoken, speaking

NB, NN, LRM = "\u00a0", "\u202f", "\u200e"


@pytest.mark.parametrize(
    ("language", "number", "share", "day", "span", "hour", "duration", "size"),
    [
        (Language("fr"), f"\u22121{NN}234,5", f"96{NN}%", f"1er{NB}mars{NB}2025", f"1er au 3{NB}mars{NB}2025", f"12{NN}h{NN}30", f"3{NN}h{NN}30", f"3,4{NB}Mo"),
        (Language("en"), "\u22121,234.5", "96%", f"1{NB}March{NB}2025", f"1 to 3{NB}March{NB}2025", "12:30", f"3{NB}h{NB}30{NB}min", f"3.4{NB}MB"),
        (Language("ar"), f"{LRM}\u22121{NN}234,5", "96%", f"1{NB}مارس{NB}2025", f"من 1 إلى 3{NB}مارس{NB}2025", "12:30", f"3{NB}ساعات و30{NB}دقيقة", f"3,4{NB}ميغابايت"),
        (Language("ar", "arabic"), f"{LRM}\u2212١٬٢٣٤٫٥", "٩٦٪", f"١{NB}مارس{NB}٢٠٢٥", f"من ١ إلى ٣{NB}مارس{NB}٢٠٢٥", "١٢:٣٠", f"٣{NB}ساعات و٣٠{NB}دقيقة", f"٣٫٤{NB}ميغابايت"),
    ],
)  # fmt: skip
def test_each_language_sets_them_its_own_way(
    language: Language, number: str, share: str, day: str, span: str, hour: str, duration: str, size: str
) -> None:
    with speaking(language):
        assert typography.number(-1234.5, 1) == number
        assert typography.percent(0.96) == share
        assert typography.day(date(2025, 3, 1)) == day
        assert typography.span(date(2025, 3, 1), date(2025, 3, 3)) == span
        assert typography.hour(time(12, 30)) == hour
        assert typography.duration(210) == duration
        assert typography.size(3_400_000) == size


@pytest.mark.parametrize(("code", "text"), [("fr", "a, b et c"), ("en", "a, b and c"), ("ar", "a و\u00a0b و\u00a0c")])
def test_lists(code: Code, text: str) -> None:
    with speaking(code):
        assert typography.listing(["a", "b", "c"]) == text
        assert typography.listing(["a"]) == "a"
        assert typography.listing([]) == ""


def test_a_language_ends_with_its_block() -> None:
    with speaking("ar"):
        with speaking("en"):
            assert typography.number(0.5, 1) == "0.5"
        assert typography.number(0.5, 1) == "0,5"
    assert typography.percent(0.5) == f"50{NN}%"


@pytest.mark.parametrize(
    ("codes", "language"),
    [(["fr_MA.UTF-8"], "fr"), (["es", "ar-MA"], "ar"), (["C.UTF-8"], "en"), (["arz"], "en"), ([], "en")],
)
def test_the_first_language_that_the_program_speaks(codes: list[str], language: str) -> None:
    assert first_spoken(codes) == language
