"""Templates in the language of the documents: packaged ones, and the mission's own before them."""

from __future__ import annotations

import io
from pathlib import Path

from docx import Document as open_docx

from kobo_sync.config.file_names import REPORT
from kobo_sync.language.speaking import LANGUAGES
from kobo_sync.steps.init import init
from kobo_sync.workspace.folders import find
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


def test_a_template_may_be_called_in_either_language_and_the_document_is_called_in_its_own() -> None:
    french, english = "outils-andragogiques/1-plan-de-seance.docx", "tools/1-session-plan.docx"
    packaged = {french: b"fr", f"en/{french}": b"en", "rapport-final.docx": b"fr"}
    assert in_language(packaged, {}, "en") == {english: b"en", "final-report.docx": b"fr"}
    assert in_language(packaged, {english: b"ours"}, "fr") == {french: b"ours", "rapport-final.docx": b"fr"}
    assert in_language(packaged, {"ar/tools/1-session-plan.docx": b"ours"}, "ar")[english] == b"ours"
    own = {"final-report.docx": b"in English", "rapport-final.docx": b"in French"}
    assert in_language(packaged, own, "en")["final-report.docx"] == b"in English"
    assert in_language(packaged, own, "fr")["rapport-final.docx"] == b"in French"
    assert in_language(packaged, {"outils-andragogiques/conte.docx": b"ours"}, "en")["tools/conte.docx"] == b"ours"


def test_a_new_mission_has_the_report_of_its_language(tmp_path: Path) -> None:
    init(tmp_path / "mission")
    workspace = find(tmp_path / "mission")
    titles = {
        language: open_docx(io.BytesIO(workspace.templates(language)[REPORT.in_language(language)])).paragraphs[0].text
        for language in LANGUAGES
    }
    assert titles == {
        "fr": "Rapport final de la mission",
        "en": "Final report of the mission",
        "ar": "التقرير النهائي للمهمة",
    }
