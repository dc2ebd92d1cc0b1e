"""Names that the mission gives to themes and groups: in one language, or in several; documents in any other use what there is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from invented_facts import TOML, make_config, make_facts
from test_needs_data_and_kit_in_three_languages import in_their_language, papers, texts_of

from kobo_sync.analysis import labels
from kobo_sync.analysis.facts import Facts
from kobo_sync.deliverables import letterhead
from kobo_sync.deliverables.live_values import live_values
from kobo_sync.deliverables.report_annexes import acronyms
from kobo_sync.language.speaking import LANGUAGES, Code, speaking

BY_LANGUAGE = (
    TOML.replace('short = "CLD"', 'short = { fr = "CLD", en = "LDC" }')
    .replace('plaidoyer = "Plaidoyer"', 'plaidoyer = { fr = "Plaidoyer", en = "Advocacy", ar = "المرافعة" }')
    .replace('lobbying = "Lobbying"', 'lobbying = { ar = "كسب التأييد" }')
)


def told(language: Code, toml: str = BY_LANGUAGE) -> Facts:
    facts = in_their_language(language)
    config = make_config(toml)
    mission = config.mission.model_copy(update={"documents": language})
    return replace(facts, config=config.model_copy(update={"mission": mission}))


def test_a_theme_is_told_in_the_documents_language_else_in_the_one_there_is() -> None:
    assert list(letterhead.themes(told("fr")).values()) == ["Plaidoyer", "كسب التأييد", "Négociation"]
    assert list(letterhead.themes(told("en")).values()) == ["Advocacy", "كسب التأييد", "Négociation"]
    assert list(letterhead.themes(told("ar")).values()) == ["المرافعة", "كسب التأييد", "Négociation"]
    assert list(letterhead.themes(told("ar", TOML)).values()) == ["Plaidoyer", "Lobbying", "Négociation"]
    with speaking("en"):
        assert live_values(told("en"))["themes"] == "Advocacy, كسب التأييد and Négociation"


def test_a_short_name_too_and_it_is_the_acronym_that_the_report_explains() -> None:
    assert labels.group(told("fr"), "cld", short=True) == "CLD"
    assert labels.group(told("en"), "cld", short=True) == "LDC"
    with speaking("en"):
        assert "LDC" in acronyms(told("en")) and "CLD" not in acronyms(told("en"))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("toml", [TOML, BY_LANGUAGE], ids=["one language", "by language"])
def test_every_paper_that_names_them_is_made(language: Code, toml: str) -> None:
    facts = told(language, toml)
    theme = letterhead.themes(facts)["plaidoyer"]
    for name in ("evaluations", "training_kit"):
        assert any(theme in text for text in texts_of(papers(facts, name))), name
    assert papers(facts, "attendance_list") and papers(facts, "needs") and papers(facts, "road_map")


def test_one_text_for_all_gives_the_same_papers_as_one_in_the_documents_language() -> None:
    table = TOML.replace('plaidoyer = "Plaidoyer"', 'plaidoyer = { fr = "Plaidoyer" }')
    table = table.replace('short = "OSC ED"', 'short = { fr = "OSC ED" }')
    facts = make_facts(25)
    for name in ("evaluations", "attendance_list"):
        assert papers(facts, name) == papers(replace(facts, config=make_config(table)), name)
