"""The kit and the report of a mission that is no training: what it has not is not made, what is made speaks of no training."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from docx import Document as open_docx
from docx.oxml.ns import qn
from invented_facts import TOML, make_facts
from test_papers_in_three_languages import told_in
from test_roles_decide import FORMS, facts_of, text_of, toml_without

from kobo_sync.analysis.facts import Facts
from kobo_sync.deliverables import deliverable
from kobo_sync.language.speaking import LANGUAGES, Code

OF_A_TRAINING = re.compile(
    r"formation|formateur|formé|andrago|training|trainer|trained|andrago|تكوين|المكوَّن|المكوِّن|لتعليم الكبار", re.I
)


def survey(language: Code = "en", *roles: str) -> Facts:
    """A mission that asks needs (or has *roles*), without sessions, groups or persons expected."""
    toml = toml_without(*(role for role in FORMS if role not in (roles or ("needs",))))
    toml = re.sub(r"(?ms)^\[quotas.default\].*?(?=^\[codes\])", "", toml)
    toml = re.sub(r"(?ms)^\[\[(?:sessions|groups)\]\].*?(?=^\[(?:\[groups|\[sessions|codes))", "", toml)
    toml = re.sub(
        r'(?m)^(title|programme|trainer) = ".*"$',
        lambda line: f'{line[1]} = ""' if line[1] != "title" else 'title = "X"',
        toml,
    )
    return told_in(facts_of(toml), language)


def made(facts: Facts) -> dict[str, str]:
    return {d.path: text_of(d) for d in deliverable("training_kit").build(facts) if "/questionnaires/" not in d.path}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_survey_has_the_tools_that_it_has_use_for_and_they_speak_of_no_training(language: Code) -> None:
    tools = made(survey(language))
    assert [re.sub(r".*/(\d).*", r"\1", path) for path in tools] == ["6"]
    for path, text in tools.items():
        assert not OF_A_TRAINING.search(text) and "{{" not in text, path


@pytest.mark.parametrize("language", LANGUAGES)
def test_its_final_report_speaks_of_no_training(language: Code) -> None:
    facts = replace(survey(language), zone=None, zone_sets={})
    (report,) = deliverable("final_report").build(facts)
    lines = [line for line in text_of(report).splitlines() if OF_A_TRAINING.search(line)]
    assert lines == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_attendance_list_of_a_distribution_names_no_trainer(language: Code) -> None:
    facts = survey(language, "registration", "attendance")
    assert not facts.config.has_trainer
    document = next(each for each in deliverable("attendance_list").build(facts) if each.path.endswith(".docx"))
    text = text_of(document)
    assert not OF_A_TRAINING.search(text.replace(facts.config.mission.title, "")), text
    charge = {"fr": "la personne responsable", "en": "the person in charge", "ar": "المسؤول أو المسؤولة"}[language]
    assert charge in text


def test_a_training_has_them_all() -> None:
    tools = made(make_facts_with_templates())
    assert [path.split("/")[1][:1] for path in tools] == ["1", "2", "3", "4", "6", "7", "8"]
    assert not any("{{" in text for text in tools.values())


def make_facts_with_templates() -> Facts:
    return told_in(make_facts(25), "fr")


def template(*lines: str) -> bytes:
    document, out = open_docx(), io.BytesIO()
    for line in lines:
        document.add_paragraph(line)
    document.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("toml", "lines"),
    [(TOML, ["Un jeu", "Avant le test : lire.", "Après"]), (toml_without("test"), ["Un jeu", "Après"])],
)
def test_a_paragraph_of_a_mission_s_own_tool_is_for_missions_that_have_what_it_names(
    toml: str, lines: list[str]
) -> None:
    facts = told_in(facts_of(toml), "fr")
    own = template("Un jeu", "Avant le test{{si:test}} : lire.", "{{si:test}}", "{{si : feuille_de_route}}Après")
    tools = made(replace(facts, templates={"outils-andragogiques/jeu.docx": own}))
    assert [line for line in tools["outils-andragogiques/jeu.docx"].splitlines() if line] == lines
    whole = template("Corrigé{{si:test}}", "…")
    assert len(made(replace(facts, templates={"outils-andragogiques/corrige.docx": whole}))) == (
        "test" in facts.config.forms
    )


def test_a_condition_that_does_not_exist_is_told_with_its_place() -> None:
    facts = replace(
        make_facts_with_templates(), templates={"outils-andragogiques/x.docx": template("Titre", "Un mot{{si:tset}}")}
    )
    (document,) = [d for d in deliverable("training_kit").build(facts) if d.path.endswith("x.docx")]
    (finding,) = document.findings
    assert finding.rule == "REPORT001" and "si:tset" in finding.message and "paragraphe 2" in finding.where
    facts = told_in(facts, "en")
    facts = replace(facts, templates={"tools/x.docx": template("Title", "A word{{si:tset}}")})
    (document,) = [d for d in deliverable("training_kit").build(facts) if d.path.endswith("x.docx")]
    assert "paragraph 2: “A word{{si:tset}}”" in document.findings[0].where


def own_report(style_ids: dict[str, str]) -> bytes:
    """A report that somebody wrote in Spanish, in a Word that calls the styles of headings by *style_ids*."""
    document, out = open_docx(), io.BytesIO()
    for text, level in (("1. Resumen", 1), ("{{texte:resumen|Diez líneas.}}", 0), ("2. Prueba", 1), ("{{bloc:acquis}}", 0), ("3. Necesidades", 1), ("{{bloc:besoins}}", 0), ("Anexo 1. Medidas", 1), ("{{bloc:corrige_x}}", 0), ("Anexo 2. Prueba", 1), ("{{bloc:acquis_en_clair}}", 0), ("Anexo 3. Datos", 1), ("{{bloc:donnees}}", 0)):  # fmt: skip
        document.add_paragraph(text, style=f"Heading {level}" if level else None)
    for style in document.styles.element.findall(qn("w:style")):
        style.set(qn("w:styleId"), style_ids.get(style.get(qn("w:styleId")), style.get(qn("w:styleId"))))
    for each in document.element.body.iter(qn("w:pStyle")):
        each.set(qn("w:val"), style_ids.get(each.get(qn("w:val")), each.get(qn("w:val"))))
    document.save(out)
    return out.getvalue()


@pytest.mark.parametrize("ids", [{}, {"Heading1": "1"}, {"Heading1": "Ttulo1"}], ids=["English", "Arabic", "Spanish"])
def test_the_mission_s_own_report_may_be_written_in_any_language_and_any_word(ids: dict[str, str]) -> None:
    facts = replace(facts_of(toml_without("test")), zone=None, zone_sets={})
    facts = replace(facts, templates={"final-report.docx": own_report(ids)})
    (report,) = deliverable("final_report").build(facts)
    text = text_of(report)
    assert "2. Necesidades" in text and "Prueba" not in text and "Anexo 2. Datos" in text
    (wrong,) = [finding for finding in report.findings if finding.rule == "REPORT001"]
    assert "under “Anexo 1. Medidas”" in wrong.where
    again = deliverable("final_report").build(replace(facts, previous_files={report.path: report.content}))[0]
    assert text_of(again) == text
