"""Passwords that are tried first, and those that are not (part 7, B9)."""

from __future__ import annotations

import pytest

from kobo_sync.config.passwords import guessed_first

NEAR = ["maha", "Maha Benali", "Coopérative PADIS", "essai"]


@pytest.mark.parametrize(
    "password",
    [
        "password1234", "Motdepasse2026!", "P@ssw0rd!2026", "m0td3p4ss3-01", "azertyuiop123", "qwertyuiop12", "poiuytreza12",
        "123456789012", "0612345678000", "2025-02-11-13", "abcdefghijkl", "aaaabbbbcccc", "abcabcabcabc", "Soleil-soleil1",
        "maha.benali.1", "BENALI-2026!!", "cooperative26", "padis-essai-1", "kobo-sync-2026", "KoboToolbox12", "Mohamed123456",
        "كلمةالسر1234", "مراكش١٢٣٤٥٦٧٨", "١٢٣٤٥٦٧٨٩٠١٢", "kalimatassir12", "salamalikoum1", "ضصثقفغعهخحجد", "administrateur",
    ],
)  # fmt: skip
def test_what_is_tried_first_is_told(password: str) -> None:
    assert guessed_first(password, NEAR)


@pytest.mark.parametrize(
    "password",
    [
        "une phrase assez longue", "le chat dort au fond du jardin", "correct horse battery", "نام القط في آخر الحديقة",
        "soleil bleu sur la montagne", "bonjour maman papa ecole tortue", "a3f9c1-7be214-90cd3e", "mot de passe de cigogne",
    ],
)  # fmt: skip
def test_a_sentence_is_good_also_with_common_words_in_it(password: str) -> None:
    assert guessed_first(password, NEAR) == ""
