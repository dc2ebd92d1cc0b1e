"""Templates in the language of the documents: packaged ones, and the mission's own before them."""

from __future__ import annotations

from kobo_sync.workspace.templates import in_language

PACKAGED = {"rapport.docx": b"fr", "en/rapport.docx": b"en", "ar/rapport.docx": b"ar", "outils/plan.docx": b"plan"}


def test_each_language_has_its_own_and_shares_what_has_none() -> None:
    assert in_language(PACKAGED, {}, "fr") == {"rapport.docx": b"fr", "outils/plan.docx": b"plan"}
    assert in_language(PACKAGED, {}, "ar") == {"rapport.docx": b"ar", "outils/plan.docx": b"plan"}


def test_the_copies_that_a_new_mission_has_are_nobody_s_choice() -> None:
    assert in_language(PACKAGED, PACKAGED, "en")["rapport.docx"] == b"en"


def test_what_the_mission_wrote_goes_before_what_is_packaged_wherever_it_lies() -> None:
    assert in_language(PACKAGED, {"rapport.docx": b"ours", "logo.png": b"logo"}, "en") == {
        "rapport.docx": b"ours",
        "outils/plan.docx": b"plan",
        "logo.png": b"logo",
    }
    own = {"rapport.docx": b"ours", "en/rapport.docx": b"our own English"}
    assert in_language(PACKAGED, own, "en")["rapport.docx"] == b"our own English"
    assert in_language(PACKAGED, own, "fr")["rapport.docx"] == b"ours"
