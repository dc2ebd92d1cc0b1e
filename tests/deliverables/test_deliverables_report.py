"""The final report can be handed in: part 8, B29. Cover, contents, acronyms, objectives, a part per zone, limits, annexes."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import zipfile
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from docx import Document as open_docx
from docx.document import Document as WordDocument
from invented_facts import NEEDS_CSV, TOML, ZONES, make_facts, signature_png
from printed_pages import pages_of
from test_deliverables_identity import mission_facts, templates
from test_deliverables_zone import words

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.published import printed_items
from kobo_sync.config.config import Identity, parse_config
from kobo_sync.deliverables import deliverable
from kobo_sync.deliverables.live_values import live_values
from kobo_sync.language.sentences import translated
from kobo_sync.model import Document, Finding

OLD_TEMPLATE = Path(__file__).parent / "old_templates" / "rapport-final-0.9.docx"
OBJECTIVES = """
[[report.objectives]]
text = "Développer les compétences en plaidoyer."
evidence = ["attendance", "test"]
[[report.objectives]]
text = "Créer un cadre de dialogue."
done = "Une séance commune par zone."
evidence = ["dialogue", "focus_groups"]
[[report.objectives]]
text = "Élaborer une feuille de route."
evidence = ["needs", "road_map", "smart", "satisfaction"]
[report.acronyms]
AREF = "académie régionale"
CLD = "comité local de développement"
XYZ = "sigle que personne n’emploie"
"""
TERMS = "Termes de référence\r\n1. Contexte\n· Bertat (Province de Midelt)\n\n2. Objectif : améliorer l’accès".encode()


def settled(facts: Facts, more: str = OBJECTIVES, toml: str = TOML, zones: str = ZONES) -> Facts:
    """The facts under the invented mission's settings and *more*."""
    csv = {"config/zones.csv": zones, "config/besoins.csv": NEEDS_CSV}
    return replace(facts, config=parse_config(toml + more, csv, {}))


def report(facts: Facts) -> Document:
    return deliverable("final_report").build(facts)[0]


def opened(content: bytes) -> WordDocument:
    return open_docx(io.BytesIO(content))


def tables(content: bytes) -> list[list[list[str]]]:
    """Every table's rows of cells, those in content controls too."""
    return [
        [
            [
                "\n".join("".join(t.text or "" for t in p.iter("{*}t")) for p in cell.iter("{*}p"))
                for cell in row.iter("{*}tc")
            ]
            for row in table.iter("{*}tr")
        ]
        for table in opened(content).element.body.iter("{*}tbl")
    ]


def objectives(content: bytes) -> list[list[str]]:
    """The rows of the table of objectives, none where there is no such table."""
    return next((rows[1:] for rows in tables(content) if rows[0][0].startswith("Objectif des termes")), [])


def headings(content: bytes) -> list[str]:
    return [p.text for p in opened(content).paragraphs if p.style and str(p.style.name).startswith("Heading")]


def rules(findings: tuple[Finding, ...], rule: str) -> list[str]:
    """The messages of *rule*, in French as pages and mails show them."""
    return [translated(finding.message, "fr") for finding in findings if finding.rule == rule]


def section(content: bytes, first: str, last: str) -> str:
    """The words between two headings, the first time that they stand outside the contents."""
    text = words(content)
    start = text.rindex(f"\n{first}\n")
    return text[start : text.index(f"\n{last}\n", start)]


def test_it_has_the_parts_that_a_donor_looks_for_in_order() -> None:
    content = report(settled(mission_facts(25, 24))).content
    text = "\n".join(headings(content))
    order = [
        "Sigles",
        "Résumé",
        "1. Contexte",
        "2. Méthode",
        "Limites",
        "3. Déroulement",
        "4. Bénéf",
        "5. Résultats",
        "6. Feuille",
    ]
    order += [
        "8. Recommandations",
        "Termes de référence",
        "Mesures techniques",
        "Photos",
        "Provenance",
        "Pièces jointes",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_the_contents_are_a_field_that_holds_every_heading() -> None:
    content = report(settled(mission_facts(25, 24))).content
    body = opened(content).element.body
    instructions = [node.text for node in body.iter("{*}instrText")]
    assert any(text.strip().startswith("TOC ") for text in instructions)
    entries = [
        p.text.split("\t")[0] for p in opened(content).paragraphs if p.style and p.style.name in ("toc 1", "toc 2")
    ]
    listed = [p.text for p in opened(content).paragraphs if p.style and p.style.name in ("Heading 1", "Heading 2")]
    assert entries == listed and len(entries) > 20
    marks = {
        mark.get("{http://schemas.openxmlformats.org/wordprocessingml/2006/main}name")
        for mark in body.iter("{*}bookmarkStart")
    }
    for text in instructions:
        if text.strip().startswith("PAGEREF"):
            assert text.split()[1] in marks


def test_the_contents_follow_headings_that_people_add_and_keep_the_pages_that_word_gave() -> None:
    facts = settled(mission_facts(25, 24))
    document = opened(report(facts).content)
    for paragraph in document.paragraphs:
        if paragraph.style and paragraph.style.name == "toc 1":
            (*_, last) = paragraph._p.iter("{*}t")
            last.text = "7"
    next(p for p in document.paragraphs if p.text == "8. Recommandations").insert_paragraph_before(
        "7 bis. Ajouts", "Heading 1"
    )
    out = io.BytesIO()
    document.save(out)
    more = settled(mission_facts(25, 23))
    again = opened(report(replace(more, previous_files={"rapport-final.docx": out.getvalue()})).content)
    entries = [p.text.split("\t")[0] for p in again.paragraphs if p.style and p.style.name in ("toc 1", "toc 2")]
    assert "7 bis. Ajouts" in entries and len(entries) == len(set(entries))
    same = report(replace(facts, previous_files={"rapport-final.docx": report(facts).content})).content
    assert same == report(facts).content


def test_only_the_acronyms_that_stand_in_the_report_are_explained_and_all_of_them() -> None:
    facts = settled(mission_facts(25, 24))
    first = report(facts)
    listed = section(first.content, "Sigles et acronymes", "Résumé")
    assert "comité local de développement" in listed and "IC" in listed.split("\n")
    assert "XYZ" not in listed and "AREF" not in listed
    document = opened(first.content)
    slot = next(p for p in document.paragraphs if p.text == "8. Recommandations")
    slot.insert_paragraph_before("Rencontrer l’AREF et le PNUD avant l’été.")
    out = io.BytesIO()
    document.save(out)
    again = report(replace(facts, unchanged=True, previous_files={"rapport-final.docx": out.getvalue()}))
    assert "académie régionale" in section(again.content, "Sigles et acronymes", "Résumé")
    (unexplained,) = rules(again.findings, "REPORT010")
    assert "PNUD" in unexplained and "AREF" not in unexplained


def test_each_objective_has_what_was_done_evidence_and_limit() -> None:
    content = report(settled(mission_facts(25, 24))).content
    rows = objectives(content)
    assert [row[0] for row in rows] == [o.text for o in settled(make_facts(0)).config.report.objectives]
    assert "49 personnes ont signé" in rows[0][2] and "passe de" in rows[0][2] and "groupe témoin" in rows[0][3]
    assert rows[1][1].startswith("Une séance commune par zone.")
    assert "actions sont prévues" in rows[2][2]
    assert all(all(row) for row in rows)


def test_nothing_is_said_to_be_done_that_no_data_show() -> None:
    content = report(settled(mission_facts(0, 0))).content
    rows = objectives(content)
    done = [row[1] for row in rows]
    assert done == ["", "Une séance commune par zone.", ""]
    assert "Aucune présence signée" in rows[0][2]


def test_a_mission_without_objectives_gets_a_part_to_write() -> None:
    made = report(settled(mission_facts(25, 24), ""))
    assert any("« objectifs » n’est pas rédigé" in text for text in rules(made.findings, "REPORT002"))
    assert not objectives(made.content)


@pytest.mark.parametrize("n_zones", [1, 2, 20])
def test_each_zone_has_its_own_parts_which_final_asks_for(n_zones: int) -> None:
    lines = "".join(f"zone_{k},Zone {k}\n" for k in range(n_zones))
    made = report(settled(mission_facts(0, 0), "", zones="code,label_fr\n" + lines))
    told = rules(made.findings, "REPORT002")
    for k in range(n_zones):
        assert sum(f"« jour_zone_{k} »" in text for text in told) == 1
        assert sum(f"« ecart_zone_{k} »" in text and "Raison de modification" in text for text in told) == 1


def test_what_is_to_be_written_stands_in_grey() -> None:
    content = report(settled(mission_facts(25, 24))).content
    hints = [
        p for p in opened(content).element.body.iter("{*}p") if "✍" in "".join(t.text or "" for t in p.iter("{*}t"))
    ]
    assert len(hints) > 12
    for hint in hints:
        for colour in hint.iter("{*}color"):
            red, green, blue = (colour.values()[0][at : at + 2] for at in (0, 2, 4))
            assert red == green == blue


def test_no_table_and_no_figure_stands_twice_and_measures_only_in_the_annex() -> None:
    content = report(settled(mission_facts(60, 60))).content
    shown = ["|".join(cell for row in rows for cell in row) for rows in tables(content)]
    assert [text for text, n in Counter(shown).items() if n > 1] == []
    captions = re.findall(r"(?:Tableau|Figure)\u00a0\d+ – (.*)", words(content))
    assert len(captions) == len(set(captions)) > 8
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        drawn = [archive.read(name) for name in archive.namelist() if name.startswith("word/media/")]
    assert len(drawn) == len(set(drawn))
    body = words(content)[: words(content).rindex("\nAnnexe 2.")]
    for technical in ("dz", "Wilcoxon", "Kendall", "IC à 95", "p\u202f=", "McNemar", "Hake"):
        assert technical not in body, technical
    annex = section(content, "Annexe 2. Mesures techniques", "Annexe 3. Photos")
    assert "Hake" in annex and "Kendall" in annex


def test_limits_and_definitions_stand_in_the_report_itself() -> None:
    """Part 8, A26: no caveat on the missing control group and no definitions."""
    limits = section(report(settled(mission_facts(25, 24))).content, "2.2 Limites", "3. Déroulement par zone")
    assert "groupe témoin" in limits and "Petits effectifs" in limits
    text = words(report(settled(mission_facts(25, 24))).content)
    assert "Taux de réponse : réponses divisées par personnes présentes" in text.replace("\u00a0", " ")


def test_hashes_are_in_the_annex_and_in_no_footer() -> None:
    facts = replace(settled(mission_facts(25, 24)), as_of=datetime(2025, 2, 13, 17, tzinfo=UTC))
    content = report(facts).content
    part = opened(content).sections[0]
    footer = "".join(node.text or "" for node in part.footer._element.iter("{*}t"))
    assert "empreinte" not in footer and "soumission" not in footer
    assert footer.startswith(
        "Rapport final · Données au 13 février 2025".replace("13 f", "13\u00a0f").replace("r 2025", "r\u00a02025")
    )
    assert part.different_first_page_header_footer
    assert "au aucune" not in words(report(replace(facts, as_of=None)).content)
    assert "179aed82" in section(content, "Annexe 4. Provenance des données", "Annexe 5. Pièces jointes")


def test_the_terms_of_reference_are_annexed_as_text_or_asked_for() -> None:
    facts = settled(mission_facts(25, 24))
    without = report(facts)
    assert len(rules(without.findings, "REPORT011")) == 1
    there = report(replace(facts, annexes={"termes-de-reference.txt": TERMS}))
    assert not rules(there.findings, "REPORT011")
    named = report(settled(mission_facts(25, 24), '[report]\nterms_of_reference = "cadre.txt"\n'))
    assert rules(named.findings, "REPORT004") == ["l’annexe « cadre.txt » manque"]
    assert "Bertat (Province de Midelt)" in section(
        there.content, "Annexe 1. Termes de référence", "Annexe 2. Mesures techniques"
    )
    windows = report(replace(facts, annexes={"termes-de-reference.txt": TERMS.decode().encode("cp1252")}))
    assert "améliorer l’accès" in words(windows.content)


def test_a_cover_with_logos_and_one_without() -> None:
    facts = settled(mission_facts(25, 24))
    identity = Identity(logos=["logo.png"])
    dressed = replace(
        facts,
        config=facts.config.model_copy(update={"identity": identity}),
        templates={**templates(), "logo.png": signature_png(1)},
    )
    for each, n in ((facts, 0), (dressed, 1)):
        with zipfile.ZipFile(io.BytesIO(report(each).content)) as archive:
            assert archive.read("word/document.xml").count(b"Logo : logo.png") == n


def without(facts: Facts, *forms: str) -> Facts:
    """The facts of a mission that lacks these forms."""
    toml = TOML
    for form in forms:
        toml = re.sub(rf"\[forms\.{form}\]\n.*?(?=\[forms\.(?!{form})|\[server\])", "", toml, flags=re.S)
    return settled(facts, OBJECTIVES, toml)


@pytest.mark.parametrize("role", ["test", "satisfaction", "besoins", "route", "focus"])
def test_a_mission_without_one_of_the_forms_has_a_report_all_the_same(role: str) -> None:
    made = report(without(mission_facts(25, 24), role))
    assert "49 personnes ont signé" in words(made.content) and not rules(made.findings, "REPORT001")


def test_a_report_begun_with_an_older_template_is_brought_up_to_date() -> None:
    old = {"rapport-final.docx": OLD_TEMPLATE.read_bytes()}
    begun = report(replace(settled(mission_facts(25, 24)), templates=old))
    assert not rules(begun.findings, "REPORT001") and not rules(begun.findings, "REPORT011")
    document = opened(begun.content)
    next(p for p in document.paragraphs if p.text == "8. Recommandations").insert_paragraph_before("Notre texte.")
    out = io.BytesIO()
    document.save(out)
    now = report(replace(settled(mission_facts(25, 20)), previous_files={"rapport-final.docx": out.getvalue()}))
    assert "Notre texte." in words(now.content)
    assert "45 / 50" in words(now.content).replace("\u202f", " ").replace("\u00a0", " ")
    assert not rules(now.findings, "REPORT001") and not rules(now.findings, "REPORT011")


def test_a_zone_that_joins_a_report_already_begun_is_told() -> None:
    facts = settled(mission_facts(25, 24), "")
    begun = report(facts).content
    larger = settled(mission_facts(25, 24), "", zones=ZONES + "aderj,Aderj,,Taza,Fès-Meknès,\n")
    now = report(replace(larger, previous_files={"rapport-final.docx": begun}))
    assert any("jour_aderj" in text for text in rules(now.findings, "REPORT007"))


def test_the_same_facts_give_the_same_bytes() -> None:
    assert report(settled(mission_facts(25, 24))).content == report(settled(mission_facts(25, 24))).content


def test_the_pdf_shows_the_contents_with_their_pages(tmp_path: Path) -> None:
    pages = pages_of({"r.docx": report(settled(mission_facts(25, 24))).content}, tmp_path)["r.docx"]
    contents = [line for line in pages[1].lines if re.search(r"\.{5,}\s*\d+$", line)]
    assert len(contents) > 20
    last = next(line for line in contents if line.startswith("Annexe 5"))
    number = int(re.findall(r"\d+$", last)[0])
    assert any(line.startswith("Annexe 5. Pièces jointes") for line in pages[number - 1].lines)


def test_words_of_two_zones_never_share_a_bookmark() -> None:
    """Word cuts names at 40 characters: two zones of a long common beginning would be one part."""
    lines = "".join(f"commune_rurale_de_la_haute_moulouya_{side},{side}\n" for side in ("est", "ouest"))
    content = report(settled(mission_facts(0, 0), "", zones="code,label_fr\n" + lines)).content
    names = [mark.values()[-1] for mark in opened(content).element.body.iter("{*}bookmarkStart")]
    assert len(names) == len(set(names)) and all(len(name) <= 40 for name in names)


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice saves the report here")
def test_contents_parts_and_islands_live_on_after_libreoffice_saved_the_report(tmp_path: Path) -> None:
    (tmp_path / "r.docx").write_bytes(report(settled(mission_facts(25, 24))).content)
    command = ["soffice", f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}", "--headless", "--convert-to"]
    command += ["docx:Office Open XML Text", "--outdir", str(tmp_path / "out"), str(tmp_path / "r.docx")]
    subprocess.run(command, capture_output=True, check=True, timeout=120)
    saved = (tmp_path / "out" / "r.docx").read_bytes()
    now = report(replace(settled(mission_facts(25, 20)), previous_files={"rapport-final.docx": saved}))
    assert "45 personnes ont signé" in words(now.content) and "49 personnes" not in words(now.content)
    assert len(rules(now.findings, "REPORT002")) == 16
    assert all("propositions" in text for text in rules(now.findings, "REPORT007"))
    pages = pages_of({"r.docx": now.content}, tmp_path)["r.docx"]
    contents = [line for line in pages[1].lines if re.search(r"\.{5,}\s*\d+$", line)]
    assert len(contents) > 20 and contents[0].startswith("Sigles")


def test_a_mission_of_zones_too_small_to_be_counted_prints_no_false_zero() -> None:
    """Two zones of two persons: the number is not told, and no table says that nobody came (part 8, A26)."""
    content = report(mission_facts(2, 2)).content
    text = section(content, "4. Bénéficiaires", "5. Résultats")
    assert "n’est pas publié" in text
    assert not [rows for rows in tables(content) if rows[0][:3] == ["Groupe", "Femmes", "Hommes"]]
    values = live_values(mission_facts(2, 2))
    assert (values["femmes"], values["hommes"]) == ("–", "–")
    assert live_values(mission_facts(0, 0))["femmes"] == "0"
    assert words(content).count("Trop peu de personnes ont classé les besoins") == 1


def test_the_figure_names_questions_only_where_it_draws_them() -> None:
    """Where no question's shares may be told, the figure shows themes alone, and says so."""
    caption = "Bonnes réponses avant et après, par thème puis par question"
    for n in (12, 25, 60):
        facts = make_facts(n)
        drawn = any(i.before.drawn is not None and i.after.drawn is not None for i in printed_items(facts))
        text = words(deliverable("evaluations").build(facts)[0].content)
        assert "Bonnes réponses avant et après, par thème" in text and (caption in text) == drawn


def test_papers_say_nothing_of_a_form_that_the_mission_does_not_have() -> None:
    """No test, no needs: no « 0 % » of answers to them, no empty parts."""
    for role in ("test", "besoins", "satisfaction"):
        text = words(deliverable("evaluations").build(without(make_facts(25), role))[0].content)
        label = {"test": "Test avant la formation", "besoins": "Besoins", "satisfaction": "Satisfaction"}[role]
        assert label not in text.partition("Comment lire")[0], role


def test_final_asks_for_no_comment_on_what_the_mission_did_not_ask() -> None:
    """Without a test nobody has to interpret it, and no hint of it is left in the report (part 8, B29)."""
    whole = report(settled(mission_facts(25, 24)))
    made = report(without(mission_facts(25, 24), "test", "route", "besoins", "focus"))
    for slot in ("acquis", "feuille_de_route", "besoins"):
        assert any(f"« {slot} »" in message for message in rules(whole.findings, "REPORT002"))
        assert not any(f"« {slot} »" in message for message in rules(made.findings, "REPORT002"))
    assert any("« satisfaction »" in message for message in rules(made.findings, "REPORT002"))
    assert "Interpréter : quelles notions" not in words(made.content)


def test_one_letter_is_no_acronym() -> None:
    """A group called « A » for short: « Zone A » does not use its acronym."""
    toml = TOML.replace('short = "CLD"', 'short = "A"')
    made = report(settled(mission_facts(25, 24), "", toml, ZONES.replace("Bertat", "Zone A")))
    assert "Zone A" in words(made.content)
    assert ["A", "Comités locaux de développement"] not in [row for rows in tables(made.content) for row in rows]


@pytest.mark.parametrize("sizes", [(25, 24), (60, 60)])
def test_the_annex_gives_no_more_decimals_than_the_report(sizes: tuple[int, int]) -> None:
    """Part 8, A26: « +26 » in the report is no « +26,0 » in its annex."""
    facts = mission_facts(*sizes)
    values = live_values(facts)
    measures = {
        rows[0]: rows[1] for table in tables(report(facts).content) if "Ce qu’elle dit" in table[0] for rows in table
    }
    assert measures["Évolution moyenne, en points"] == values["evolution"]
    assert measures["Gain de classe ⟨g⟩"] == values["gain"]


def test_acronyms_in_the_labels_of_groups_are_asked_for_too() -> None:
    """« OSC » stands in every table of the report: part 8, B29."""
    assert any("OSC" in text for text in rules(report(mission_facts(25, 24)).findings, "REPORT010"))
