"""A zone's deliverables: built at 0, 1, 3 and 25 persons, equal bytes, and nothing that should not be said."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import openpyxl
import pandas as pd
import pytest
from docx import Document as open_docx
from docx.oxml.ns import qn
from invented_facts import FAMILIES, make_config, make_facts, make_forms, signature_png, table

from kobo_sync.analysis.facts import Facts
from kobo_sync.config.config import Identity, ReportSettings
from kobo_sync.deliverables import deliverable, names
from kobo_sync.deliverables.attendance_list import masked_phone
from kobo_sync.documents.word import writer
from kobo_sync.errors import ConfigError
from kobo_sync.forms.classes import classes, erased
from kobo_sync.model import Choice, Finding, Question

ZONE = ("attendance_list", "evaluations", "needs", "road_map", "data_workbook", "data_quality", "zone_sheet")


def built(name: str, facts: Facts) -> dict[str, bytes]:
    return {document.path: document.content for document in deliverable(name).build(facts)}


@pytest.fixture
def pages() -> Callable[[bytes], list[str]]:
    """A PDF's text, page by page, where poppler is there to read it."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")

    def read(content: bytes) -> list[str]:
        done = subprocess.run(["pdftotext", "-layout", "-", "-"], input=content, capture_output=True, check=True)
        return done.stdout.decode().split("\f")[:-1]

    return read


def words(content: bytes) -> str:
    body = open_docx(io.BytesIO(content)).element.body
    return "\n".join("".join(t.text or "" for t in p.iter(qn("w:t"))) for p in body.iter(qn("w:p")))


def cells(content: bytes) -> list[Any]:
    book = openpyxl.load_workbook(io.BytesIO(content))
    return [value for sheet in book for row in sheet.iter_rows(values_only=True) for value in row if value is not None]


def test_the_registry_knows_its_own() -> None:
    assert set(ZONE) <= set(names())
    assert not {"letterhead", "result_sheets"} & set(names())
    assert deliverable("attendance_list").classification == "nominative"
    assert deliverable("kobo_sync.deliverables.needs").scope == "zone"


@pytest.mark.parametrize("name", ["inconnu", "un.module.absent", "kobo_sync.deliverables.letterhead", "json"])
def test_an_unknown_deliverable_is_refused_with_the_known_names(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        deliverable(name)
    assert "attendance_list" in caught.value.hint
    assert name in str(caught.value)


@pytest.mark.parametrize("name", ZONE)
def test_the_same_facts_give_the_same_bytes(name: str) -> None:
    assert built(name, make_facts(4)) == built(name, make_facts(4))


@pytest.mark.parametrize("name", ZONE)
@pytest.mark.parametrize("n", [0, 1])
def test_few_or_no_persons_still_build(name: str, n: int) -> None:
    documents = deliverable(name).build(make_facts(n))
    assert documents
    assert documents[0].classification == deliverable(name).classification
    assert {document.classification == "nominative" for document in documents} == {name == "attendance_list"}


@pytest.mark.parametrize("name", ZONE)
def test_absent_tables_and_columns_still_build(name: str) -> None:
    bare = {form_id: table([{}], []) for form_id in ("inscription", "presence", "test", "satisfaction", "besoins")}
    for facts in (make_facts(tables={}), make_facts(tables=bare), make_facts(tables={"besoins": pd.DataFrame()})):
        assert built(name, facts)


def test_no_data_is_said_so() -> None:
    facts = make_facts(0)
    assert "Aucune donnée" in words(built("attendance_list", facts)["liste-presence.docx"])
    assert "Aucune donnée" in words(built("evaluations", facts)["evaluations.docx"])
    assert "Aucune donnée" in words(built("needs", facts)["besoins-prioritaires.docx"])


def test_the_sheet_has_each_signature_and_two_blank_rows() -> None:
    facts = make_facts(25)
    content = built("attendance_list", facts)["liste-presence.docx"]
    document = open_docx(io.BytesIO(content))
    rows = document.element.body.findall(qn("w:tbl"))[1].findall(qn("w:tr"))
    assert len(rows) == 1 + 25 + 1 + 2
    signed = len(facts.tables["presence"])
    assert len(list(document.element.body.iter(qn("wp:inline")))) == signed
    text = words(content)
    assert "hors liste" in text
    assert "Itto" in text
    assert not re.search(r"06\d{6}", text)
    section = document.sections[0]
    assert section.page_width is not None and section.page_height is not None
    assert section.page_width > section.page_height


def test_a_late_signature_is_said_so() -> None:
    facts = make_facts(3)
    late = Facts(**{**facts.__dict__, "attachment": lambda root_uuid, filename: None})
    assert "image non reçue" in words(built("attendance_list", late)["liste-presence.docx"])


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("+212 6 61 23 45 67", "06 •• •• •• 67"),
        ("٠٦٦١٢٣٤٥٦٧", "06 •• •• •• 67"),
        ("0661234567", "06 •• •• •• 67"),
        ("12", "••"),
        ("", ""),
    ],
)
def test_phones_are_masked(typed: str, shown: str) -> None:
    assert masked_phone(typed).replace("\u00a0", " ") == shown


@pytest.mark.parametrize("name", ["evaluations", "needs", "data_workbook"])
def test_no_name_phone_or_device_outside_the_nominative_sheet(name: str) -> None:
    facts = make_facts(25)
    for path, content in built(name, facts).items():
        text = words(content) if path.endswith(".docx") else "\n".join(map(str, cells(content)))
        own = [
            f"{row.prenom} {row.nom}" for row in facts.tables["inscription"].itertuples() if isinstance(row.nom, str)
        ]
        assert not [person for person in own if person in text]
        assert "collect:abc" not in text
        assert "agent1" not in text
        assert "Zaïdi" not in text
        assert not re.search(r"\b06\d{8}\b", text)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert not [name for name in archive.namelist() if "media" in name and path.endswith(".xlsx")]


def test_the_workbook_keeps_codes_labels_and_walk_ins() -> None:
    values = cells(built("data_workbook", make_facts(25))["donnees.xlsx"])
    assert "OSC éducation" in values
    assert {"P", "L"} <= {str(value)[:1] for value in values if re.fullmatch(r"[PL]-[A-Z2-7]{12}", str(value))}
    assert not {"BER-01", "HL-01"} & set(values), "the code of the attendance list is its key (part 7, A4)"
    assert '=HYPERLINK("http://x","clic") : 50 % à revoir ?' in values
    assert not any(family in values for family in FAMILIES)


def test_of_a_long_list_the_codes_have_what_is_answered() -> None:
    """A zone's workbook among hundreds of zones is not ten times its data; a list of few choices is there as a whole."""
    facts = make_facts(3)
    zones = tuple(Choice(zone.code, zone.labels) for zone in facts.config.zones)
    book = openpyxl.load_workbook(io.BytesIO(built("data_workbook", facts)["donnees.xlsx"]))
    whole = [row for row in book["Codes"].iter_rows(values_only=True) if row[1] != "zone"]
    others = tuple(Choice(f"zone_{n}", {"fr": f"Zone {n}", "ar": f"منطقة {n}"}) for n in range(200))
    for more, expected in ((others, {"bertat"}), (others[:190], {c.name for c in (*zones, *others[:190])})):
        catalogues = {**facts.catalogues, "zones.csv": (*more[:100], *zones, *more[100:])}
        content = built("data_workbook", replace(facts, catalogues=catalogues))["donnees.xlsx"]
        book = openpyxl.load_workbook(io.BytesIO(content))
        codes = list(book["Codes"].iter_rows(values_only=True))
        rows = [row for row in codes if row[1] == "zone"]
        assert {row[4] for row in rows} == expected and "Bertat" in {row[5] for row in rows}
        assert len({row[0] for row in rows}) > 3  # forms
        assert [row for row in codes if row[1] != "zone"] == whole
        sentence = "Pour les listes de plus de 200 choix, « Codes » ne donne que les choix répondus dans ces données."
        read_me = [str(row[0]).replace("\u202f", " ").replace("\u00a0", " ") for row in book.worksheets[0].values]
        assert (sentence in read_me) == (more is others)


def test_a_looked_up_name_is_dropped_from_the_workbook() -> None:
    facts = make_facts(3)
    people = facts.tables["inscription"]
    presence = facts.tables["presence"].assign(remarque=f"{people['nom'][0]} {people['prenom'][0]}")
    values = cells(built("data_workbook", make_facts(tables={**facts.tables, "presence": presence}))["donnees.xlsx"])
    assert f"{people['nom'][0]} {people['prenom'][0]}" not in values


def test_dates_are_dates_and_sketches_never_leave() -> None:
    config = make_config()
    settings = config.forms["inscription"].model_copy(
        update={"fields": {"sketch": "croquis", "person": "badge", "phone": "tel"}}
    )
    config = config.model_copy(update={"forms": {**config.forms, "inscription": settings}})
    asked = [("croquis", "image", ""), ("badge", "barcode", ""), ("autre", "barcode", ""), ("tel_saisi", "text", "")]
    asked += [
        ("tel", "calculate", "translate(${tel_saisi}, 'a', 'b')"),
        ("nom_lu", "calculate", "instance('p')/root/item/label"),
    ]
    questions = tuple(Question(name, name, kind, calculation=calculation) for name, kind, calculation in asked)
    form = replace(make_forms()["inscription"], questions=questions)
    assert erased(classes(form, config)) == {"croquis", "autre", "tel_saisi", "tel", "nom_lu"}
    sheet = openpyxl.load_workbook(io.BytesIO(built("data_workbook", make_facts(3))["donnees.xlsx"]))["route__actions"]
    header = [cell.value for cell in sheet[2]]
    assert sheet.cell(3, header.index("echeance") + 1).value.year == 2025


def test_a_refusal_leaves_only_zone_and_consent() -> None:
    row = {"zone": "bertat", "consentement": "non", "organisation": "Association X", "code_participant": "BER-09"}
    facts = make_facts(
        tables={"inscription": table([row], ["zone", "consentement", "organisation", "code_participant"])}
    )
    values = cells(built("data_workbook", facts)["donnees.xlsx"])
    assert "non" in values
    assert "Association X" not in values
    assert "BER-09" not in values


@pytest.mark.parametrize("n", [1, 2])
def test_results_of_one_or_two_persons_are_not_published(n: int) -> None:
    facts = make_facts(n)
    evaluation = words(built("evaluations", facts)["evaluations.docx"])
    assert "non publiés" in evaluation
    assert "Score moyen" not in evaluation
    assert "Prévoir la traduction" not in evaluation
    assert "non publiés" in words(built("needs", facts)["besoins-prioritaires.docx"])


def test_groups_of_one_person_are_not_compared() -> None:
    text = words(built("needs", make_facts(3))["besoins-prioritaires.docx"])
    assert "la comparaison entre groupes n’est pas publiée" in text
    assert "W de Kendall" not in text


def test_comments_stand_word_for_word() -> None:
    text = words(built("evaluations", make_facts(25))["evaluations.docx"])
    assert '=HYPERLINK("http://x","clic") : 50 % à revoir ?' in text
    assert "أعجبني العمل في مجموعات، ونريد تكوينا آخر في الترافع" in text
    assert "ⴰⵣⵓⵍ ⴼⵍⵍⴰⵡⵏ, ⵜⴰⵏⵎⵎⵉⵔⵜ" in text


def test_the_figures_agree_with_the_analysis() -> None:
    text = words(built("evaluations", make_facts(25))["evaluations.docx"])
    assert "25\u202f/\u202f25" in text
    assert "63 → 83\u202f%" in text
    assert "jamais à classer les zones" in text
    needs = words(built("needs", make_facts(25))["besoins-prioritaires.docx"])
    assert "Transport scolaire" in needs
    assert "très fort" in needs
    assert "3 séances" in needs
    assert "Sans bus, ma fille reste à la maison." in needs


def test_the_road_map_marks_delays_and_offers_statuses() -> None:
    found = built("road_map", make_facts(25))
    text = words(found["feuille-de-route.docx"])
    assert "en retard" in text
    assert "à définir" in text
    sheet = openpyxl.load_workbook(io.BytesIO(found["feuille-de-route.xlsx"])).active
    assert sheet is not None
    assert '"À faire,En cours,Fait"' in [rule.formula1 for rule in sheet.data_validations.dataValidation]
    (formula,) = [rule.formula[0] for part in sheet.conditional_formatting for rule in part.rules]
    assert "TODAY()" in formula
    assert '"Fait"' in formula


def test_the_workbooks_name_each_number_in_french() -> None:
    evaluation = cells(built("evaluations", make_facts(25))["evaluations.xlsx"])
    assert {
        "Personnes présentes – sexe\u00a0: Femme",
        "Taux de quota – OSC santé",
        "Taux de réponse – satisfaction",
    } <= set(evaluation)
    assert "BER-01" not in evaluation and any(str(value).startswith("P-") for value in evaluation)
    ranking = cells(built("needs", make_facts(25))["besoins-prioritaires.xlsx"])
    assert "OSC ED (n = 9)" in ranking
    few = cells(built("needs", make_facts(2))["besoins-prioritaires.xlsx"])
    assert not [value for value in few if isinstance(value, int | float)]


JUNK = (
    "a\x00\x1b[0m",
    "<w:p>&amp;]]>",
    "😀👩‍👧",
    "\u202eevil\u202c",
    "x" * 3000,
    "${y} %s {{z}}",
    "\ud800bad",
    "شكرا\n\nmerci\ttab",
    "1e999",
    "nan",
)


@pytest.mark.parametrize("name", ZONE)
def test_any_answer_in_any_column_still_builds(name: str) -> None:
    facts = make_facts(6)
    junk = {
        table_name: rows.assign(
            **{
                column: [JUNK[(index + place) % len(JUNK)] if index % 2 else None for index in range(len(rows))]
                for place, column in enumerate(rows.columns)
                if column not in ("root_uuid", "submission_id", "submitted_at", "position", "parent_position")
            }
        )
        for table_name, rows in facts.tables.items()
    }
    for scope in (replace(facts, tables=junk), replace(facts, tables=junk, zone=None)):
        for path, content in built(name, scope).items():
            assert content.startswith(b"%PDF") or (words(content) if path.endswith(".docx") else cells(content))


def test_the_quality_paper_tells_findings_refusals_and_late_files() -> None:
    finding = Finding("DATA001", "error", "presence, u0001", "Deux fois la même personne", "Garder une ligne")
    facts = replace(make_facts(25), findings=(finding,), attachment=lambda root_uuid, filename: None)
    text = words(built("data_quality", facts)["qualite-donnees.docx"])
    assert "Deux fois la même personne" in text
    assert f"{len(facts.tables['presence'])}\nfichiers attendus" in text
    assert "Aucun constat" in words(built("data_quality", make_facts(0))["qualite-donnees.docx"])


@pytest.mark.parametrize("n", [0, 3, 25])
def test_the_zone_sheet_is_one_page_and_says_how_many_came(n: int, pages: Callable[[bytes], list[str]]) -> None:
    (page,) = pages(built("zone_sheet", make_facts(n))["fiche-zone.pdf"])
    assert f"{n} / 25" in page and "Bertat" in page
    assert ("Aucune donnée" in page) == (n == 0)
    (final,) = pages(built("zone_sheet", replace(make_facts(n), final=True))["fiche-zone.pdf"])
    assert "BR" in page and "BR" not in final


def test_a_full_zone_sheet_is_still_one_page(pages: Callable[[bytes], list[str]]) -> None:
    facts = make_facts(25)
    actions = facts.tables["route__actions"].assign(action="x " * 500, cible="très long " * 80)
    long = replace(facts, tables={**facts.tables, "route__actions": actions})
    assert len(pages(built("zone_sheet", long)["fiche-zone.pdf"])) == 1


def test_the_signed_list_is_a_pdf_too(pages: Callable[[bytes], list[str]]) -> None:
    text = "".join(pages(built("attendance_list", make_facts(25))["liste-presence.pdf"]))
    assert "hors liste" in text and "Itto" in text and "Certifié exact" in text
    assert not re.search(r"06\d{6}", text)


TOOL = "outils-andragogiques/1-plan.docx"


def kit_facts(*lines: str, n: int = 0) -> Facts:
    document = writer.new_document("Outil", provenance="{{organisations}}", author="")
    for line in lines:
        writer.paragraph(document, line)
    templates = {
        TOOL: writer.to_bytes(document, None),
        "outils-andragogiques/affiche.pdf": b"%PDF-1",
        "rapport-final.docx": b"x",
    }
    return replace(make_facts(n), templates=templates)


def test_the_kit_fills_the_templates_of_staff() -> None:
    marks = [
        "{{bloc:" + name + "}}"
        for name in ("programme_du_jour", "themes", "consentement", "corrige", "besoins", "effectifs")
    ]
    facts = kit_facts("Le {{dates}} à {{zone}}, {{attendu}} personnes.", *marks)
    found = built("training_kit", facts)
    assert set(found) == {TOOL, "outils-andragogiques/affiche.pdf"}
    text = words(found[TOOL])
    assert "à Bertat, 25 personnes" in text and "{{" not in text
    for theme in ("Plaidoyer", "Lobbying", "Négociation"):
        assert f"Thème\u00a0: {theme}" in text
    assert "Matin (9\u202fh – 12\u202fh\u202f30)" in text and "20\u202fmin" in text
    assert "Transport scolaire" in text and "Réponse b" in text
    assert built("training_kit", facts) == found


def test_the_kit_follows_its_zone_and_tells_unknown_names() -> None:
    facts = kit_facts("À {{zone}} : {{inconnu}}.")
    other = replace(facts, zone=facts.config.zones[1])
    assert "À Bertat" in words(built("training_kit", facts)[TOOL])
    assert "À Oumjniba" in words(built("training_kit", other)[TOOL])
    (document,) = [d for d in deliverable("training_kit").build(facts) if d.path == TOOL]
    assert [(f.rule, f.severity) for f in document.findings] == [("REPORT001", "error")]
    assert "paragraphe 1" in document.findings[0].where


def test_the_final_report_is_patched_and_says_what_a_donor_would_refuse() -> None:
    document = writer.new_document("Rapport", provenance="{{provenance}}", author="")
    for line in (
        "{{presents}} personnes, {{taux}}.",
        "{{texte:resume|Dix lignes}}",
        "{{bloc:zones}}",
        "{{bloc:feuille_de_route}}",
    ):
        writer.paragraph(document, line)
    templates = {"rapport-final.docx": writer.to_bytes(document, None)}
    facts = replace(make_facts(25), zone=None, templates=templates)
    settings = facts.config.model_copy(update={"report": ReportSettings(annexes=["tdr.pdf"])})
    facts = replace(facts, config=settings)
    (first,) = deliverable("final_report").build(facts)
    assert {finding.rule for finding in first.findings} == {"REPORT002", "REPORT003", "REPORT004"}
    assert "25 personnes, 50\u202f%." in words(first.content)
    held = replace(facts, previous_files={"rapport-final.docx": first.content})
    assert deliverable("final_report").build(held)[0].content == first.content
    fewer = replace(
        make_facts(20), zone=None, templates=templates, previous_files={"rapport-final.docx": first.content}
    )
    assert "20 personnes, 40\u202f%." in words(deliverable("final_report").build(fewer)[0].content)
    fresh = deliverable("final_report").build(replace(held, fresh=True))
    assert [d.path for d in fresh] == ["rapport-final.docx", "rapport-final-neuf.docx"]


def test_the_mission_has_its_colour_and_logos() -> None:
    facts = make_facts(3)
    config = facts.config.model_copy(update={"identity": Identity(colour="#7A1F3D", logos=["logo.png", "absent.png"])})
    dressed = replace(facts, config=config, templates={"logo.png": signature_png(1)})
    content = built("needs", dressed)["besoins-prioritaires.docx"]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        said = archive.read("word/document.xml") + archive.read("word/styles.xml")
    assert b"7A1F3D" in said and b"1F4E79" not in said and b"Logo : logo.png" in said
    assert built("zone_sheet", dressed) != built("zone_sheet", facts)


@pytest.mark.parametrize(("n", "signed", "lines"), [(0, False, 1 + 25 + 2), (3, False, 25 + 2), (3, True, 3 + 2)])
def test_the_sheet_has_a_line_for_each_person_expected_until_somebody_signed(n: int, signed: bool, lines: int) -> None:
    facts = make_facts(n)
    tables = facts.tables if signed else {**facts.tables, "presence": facts.tables["presence"].iloc[:0]}
    paper = open_docx(io.BytesIO(built("attendance_list", replace(facts, tables=tables))["liste-presence.docx"]))
    sheet = max(paper.tables, key=lambda each: len(each.columns))
    assert len(sheet.rows) == 1 + lines


def test_a_status_with_quotation_marks_leaves_the_workbook_whole() -> None:
    facts = make_facts(3)
    route = facts.forms["route"]
    said = tuple(replace(c, labels={"fr": f'{c.name}, "vraiment"'}) for c in route.choices["statut"])
    forms = {**facts.forms, "route": replace(route, choices={**route.choices, "statut": said})}
    book = openpyxl.load_workbook(io.BytesIO(built("road_map", replace(facts, forms=forms))["feuille-de-route.xlsx"]))
    rules = [rule.formula[0] for rules in book.worksheets[0].conditional_formatting for rule in rules.rules]
    assert any('$J5<>"fait, ""vraiment"""' in rule for rule in rules)
    assert not [d for d in book.worksheets[0].data_validations.dataValidation if "vraiment" in d.formula1]


def test_a_mission_without_test_or_satisfaction_form_is_not_told_of_them() -> None:
    """Part 8, A26: a paper says nothing of what the mission does not ask."""
    facts = make_facts(25)
    forms = {code: form for code, form in facts.config.forms.items() if form.role not in ("test", "satisfaction")}
    without = replace(facts, config=facts.config.model_copy(update={"forms": forms}))
    text = words(built("evaluations", without)["evaluations.docx"])
    assert "personnes présentes" in text.lower()
    for word in ("Acquis", "bonnes réponses, avant", "recommandation, de", "Tests appariés"):
        assert word not in text, word


def test_the_quality_paper_names_traits_in_french() -> None:
    """Part 8, B30: codes never raw."""
    text = words(built("data_quality", make_facts(25))["qualite-donnees.docx"])
    assert "(zone, groupe, sexe)" in text and "age_band" not in text
    assert "après 0" not in text
