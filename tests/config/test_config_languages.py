"""Languages by whatever people call them: headers without a code, the config, labels of no known language."""

from __future__ import annotations

import pytest

from kobo_sync.analysis.labels import pick
from kobo_sync.config.languages import knows_language, language_code
from kobo_sync.config.mission import Mission
from kobo_sync.forms.rules import lint
from kobo_sync.forms.xlsform import read_form


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("French", "fr"),
        ("Francais", "fr"),
        ("FRANÇAIS", "fr"),
        ("Français (fr)", "fr"),
        ("French(fr)", "fr"),
        ("French (FR)", "fr"),
        ("fr", "fr"),
        ("FR", "fr"),
        ("fra", "fr"),
        ("Français (fr-MA)", "fr-MA"),
        ("fr_FR", "fr-FR"),
        ("English", "en"),
        ("English (US)", "en"),
        ("English / Anglais", "en"),
        ("العربية", "ar"),
        ("Arabic", "ar"),
        ("Arabe (Maroc)", "ar"),
        ("Español", "es"),
        ("espanol", "es"),
        ("Swahili (swa)", "sw"),
        ("ⵜⴰⵎⴰⵣⵉⵖⵜ (zgh)", "zgh"),
        ("Amazigh", "zgh"),
        ("नेपाली", "ne"),
        ("မြန်မာ", "my"),
        ("Kreyòl ayisyen", "ht"),
        ("Langue du lieu (xyz)", "xyz"),
        ("Langue du lieu", "Langue du lieu"),
        ("default", ""),
    ],
)
def test_a_language_is_known_by_its_code_or_its_name(written: str, code: str) -> None:
    assert language_code(written) == code
    assert knows_language(written) == (written != "Langue du lieu")


MISSION = {"code": "m", "title": "M", "starts_on": "2025-02-01", "ends_on": "2025-02-20"}


def test_the_config_takes_names_for_codes() -> None:
    assert Mission(**MISSION, languages=["French", "ar", "العربية", "en"]).languages == ["fr", "ar", "en"]  # type: ignore[arg-type]


@pytest.mark.parametrize("written", ["Klingon", "fr-MA", ""])
def test_the_config_refuses_what_is_no_language_with_the_cure(written: str) -> None:
    with pytest.raises(ValueError, match="write its code, such as fr, en or ar"):
        Mission(**MISSION, languages=[written])  # type: ignore[arg-type]


def test_labels_of_a_language_that_is_not_asked_for_are_better_than_a_code() -> None:
    assert pick({"Darija": "L-ma", "ar": "ماء"}, ["fr"], "eau") == "L-ma"
    assert pick({"Darija": "L-ma", "fr": "Eau"}, ["fr"], "eau") == "Eau"
    assert pick({"ar": "ماء", "fr-MA": "Eau"}, ["fr"], "eau") == "Eau"
    assert pick({"": "Eau", "ar": "ماء"}, ["fr"], "eau") == "Eau"
    assert pick({"fr": " "}, ["fr"], "eau") == "eau"


def test_lint_says_what_a_language_is_taken_for() -> None:
    content = (
        b"| survey |\n| | type | name | label::French | label::Wobbly |\n| | text | aa | A | A |\n"
        b"| settings |\n| | form_title | form_id | version |\n| | E | e | 1 |\n"
    )
    assert read_form(content, "e.md").languages == ("fr", "Wobbly")
    findings = [f for f in lint(content, "e.md", media={}) if f.rule == "FORM023"]
    assert [(f.severity, f.hint) for f in findings] == [
        ("info", "write French (fr)"),
        ("warning", "write Wobbly (xx), with its ISO code"),
    ]
    assert "no document or export finds its labels" in findings[1].message
