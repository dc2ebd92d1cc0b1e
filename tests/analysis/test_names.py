"""Names that are one person's, however they were typed, and names that are not."""

from __future__ import annotations

import pytest

from kobo_sync.analysis.names import is_likely_same, name_key, phone_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("EL  AMRANI Hamid", "hamid El-Amrani"),
        ("Mohamed Tazi", "Mohammed Tazi"),
        ("Mohamed Tazi", "M’hamed Tazi"),
        ("Mohamed Tazi", "محمد التازي"),
        ("Fatima El Amrani", "فاطمة العمراني"),
        ("Khadija Bennani", "خديجة بناني"),
        ("Lahcen Ouchrif", "Lahsen Oushrif"),
        ("Youssef Haddou", "Yussef Hadou"),
        ("Aïcha Idrissi", "Aicha Idrissi"),
        ("Rachida Ouali", "Rashida Wali"),
        ("Driss Zeroual", "Idriss Zerwal"),
    ],
)
def test_transliterations_of_one_name(one: str, other: str) -> None:
    assert is_likely_same(one, other) and is_likely_same(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hassan Tazi", "Houcine Tazi"),
        ("Fatima Tazi", "Hamid Tazi"),
        ("Mohamed Tazi", "Mohamed Bennani"),
        ("Malika Haddou", "Malika Idrissi"),
        ("فاطمة التازي", "خديجة التازي"),
        ("", "Mohamed"),
        ("Ali", "Ila"),
    ],
)
def test_names_of_two_persons(one: str, other: str) -> None:
    assert not is_likely_same(one, other)


def test_phones_are_compared_by_their_last_nine_digits() -> None:
    assert phone_key("06 61 23 45 67") == phone_key("+212 661-234567") == phone_key("٠٦٦١٢٣٤٥٦٧") == "661234567"
    assert phone_key("12345") == "" and name_key(" ") == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("فاطمة العلوي", "فاطمه العلوي"),
        ("زينب العلوي", "زينب العلوى"),
        ("کریم", "كريم"),
        ("زينــب", "زَيْنَب"),
        ("أحمد", "احمد"),
    ],
)
def test_arabic_spelt_as_keyboards_differ_is_one_name(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


def test_other_arabic_names_stay_apart() -> None:
    assert len({name_key(name) for name in ("سمير", "سميرة", "علي", "علياء", "هدى")}) == 5
