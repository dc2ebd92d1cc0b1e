"""The seven questionnaires of the mission: complete in both languages, clean under lint, pyxform and ODK Validate."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pytest
from openpyxl import load_workbook

from kobo_sync.config.config import Config
from kobo_sync.forms.compiler import compile_form
from kobo_sync.forms.expression import evaluate, is_true, text_of
from kobo_sync.forms.media import roster_csv
from kobo_sync.forms.rules import lint
from kobo_sync.forms.sheets import read_book
from kobo_sync.forms.xlsform import read_form
from kobo_sync.model import Choice, Form
from kobo_sync.phones.simulate import Sample, draw_answers
from kobo_sync.workspace.folders import Workspace

REPO = Path(__file__).parents[2]
FILES = sorted((REPO / "forms").glob("*.xlsx"))
PERSON = {"name": "BER-01", "label": "Alaoui Amina / أمينة العلوي", "zone": "bertat", "group": "cld", "sex": "f"}
workspace = Workspace(REPO, REPO / ".kobo_sync", REPO / "exports" / "out")


@pytest.fixture(scope="module")
def config() -> Config:
    return workspace.config({})


@pytest.fixture(scope="module")
def media(config: Config) -> dict[str, bytes]:
    lists = {name: workspace.media_bytes(name, config) for name in ("zones.csv", "besoins.csv")}
    return lists | {"participants.csv": roster_csv([PERSON])}


@pytest.fixture(scope="module")
def forms() -> dict[str, Form]:
    return {path.stem: read_form(path.read_bytes(), path.name) for path in FILES}


def test_every_form_of_the_config_is_there(config: Config, forms: dict[str, Form]) -> None:
    assert set(forms) == set(config.forms)
    assert len(forms) == 7


@pytest.mark.java
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_form_compiles_without_a_warning(path: Path) -> None:
    compiled = compile_form(path.read_bytes(), path.name, validate=True)
    assert compiled.warnings == ()
    assert compiled.form.form_id == path.stem


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_form_lints_clean(path: Path, media: dict[str, bytes]) -> None:
    assert lint(path.read_bytes(), path.name, media=media) == ()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_text_stands_in_french_and_arabic(path: Path, forms: dict[str, Form]) -> None:
    form = forms[path.stem]
    assert form.languages == ("fr", "ar")
    texts = [labels for q in form.questions for labels in (q.labels, q.hints) if labels]
    texts += [s.labels for s in form.sections if s.labels] + [
        c.labels for items in form.choices.values() for c in items
    ]
    assert all(set(labels) == {"fr", "ar"} for labels in texts)
    spoken = [labels["ar"] for labels in texts if not re.fullmatch(r"[\W\d]*|\W*\$\{.*", labels["ar"])]
    assert all(re.search("[\u0600-\u06ff]", text) for text in spoken)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_constraint_and_required_question_explains_itself(path: Path) -> None:
    sheet = load_workbook(path)["survey"]
    rows = list(sheet.iter_rows(values_only=True))
    header = [str(cell) for cell in rows[0]]
    for row in rows[1:]:
        cells = dict(zip(header, row, strict=True))
        for column, message in (("constraint", "constraint_message"), ("required", "required_message")):
            if cells.get(column):
                assert cells[f"{message}::Français (fr)"], cells["name"]
                assert cells[f"{message}::العربية (ar)"], cells["name"]


def test_fields_of_the_config_are_questions(config: Config, forms: dict[str, Form]) -> None:
    missing = {}
    for form_id, settings in config.forms.items():
        form = forms[form_id]
        names = {q.name for q in form.questions} | {s.name for s in form.sections}
        wanted = [*settings.fields.values(), *settings.likert, *settings.open_questions, *settings.items]
        missing[form_id] = [name for name in wanted if name not in names]
    assert missing == {form_id: [] for form_id in config.forms}


def test_codes_of_the_config_are_choices(config: Config, forms: dict[str, Form]) -> None:
    def codes(form_id: str, name: str) -> set[str]:
        question = forms[form_id].question(name)
        assert question is not None
        return {choice.name for choice in forms[form_id].choices[question.list_name]}

    groups = {group.code for group in config.groups}
    assert codes("inscription", "groupe") == codes("presence", "groupe") == codes("satisfaction", "groupe") == groups
    assert codes("inscription", "sexe") == {config.codes.female, config.codes.male}
    assert codes("inscription", "consentement") >= {config.codes.yes}
    assert codes("test", "moment") == {config.codes.before, config.codes.after}
    assert codes("presence", "demi_journee") == {session.code for session in config.sessions}
    assert config.codes.not_listed in codes("presence", "mode_identification")


def test_the_key_is_among_the_choices_and_not_on_the_phone(config: Config, forms: dict[str, Form]) -> None:
    form = forms["test"]
    items = config.forms["test"].items
    assert len(items) == 10
    for name, item in items.items():
        question = form.question(name)
        assert question is not None
        assert item.answer in {choice.name for choice in form.choices[question.list_name]}
        assert not question.constraint
        assert not any(f"${{{name}}}" in (q.calculation + q.relevant + q.constraint) for q in form.questions)
    # No column beside list, code and labels could mark the right answer.
    assert not any(choice.extra for choices in form.choices.values() for choice in choices)


def test_refusals_are_still_submitted(forms: dict[str, Form]) -> None:
    """What asks of the person hangs on the consent; attendance has one screen, so its parts do (part 8, B28)."""
    for form_id in set(forms) - {"feuille_route", "presence"}:
        form = forms[form_id]
        consent = form.question("consentement")
        assert consent is not None
        after = [s for s in form.sections if s.sheet_row > consent.sheet_row and "/" not in s.path]
        assert after
        assert all("${consentement} = 'oui'" in section.relevant for section in after), form_id
    presence = forms["presence"]
    gated = {"identite": next(s.relevant for s in presence.sections if s.name == "identite")}
    gated |= {q.name: q.relevant for q in presence.questions if q.name in ("signature", "remarque")}
    assert "${consentement} = 'oui'" in gated["identite"] and gated["signature"] == "${consentement} = 'oui'"
    assert gated["remarque"] == "${signature} != ''"


def _presence(forms: dict[str, Form], roster: list[dict[str, str]], **inputs: str | None) -> dict[str, str]:
    """What a phone with *roster* records of one signature, by question name."""
    people = tuple(Choice(row["name"], {"": row["label"]}, row) for row in roster)
    given = {"zone": "bertat", "jour": "2025-02-11", "demi_journee": "matin", "signature": "s.png", **inputs}
    answers = draw_answers(forms["presence"], Random(1), Sample(given, {"participants.csv": people}))
    return {path.rpartition("/")[2]: value for path, value in answers.items()}


def test_consent_of_the_registration_is_carried_over(forms: dict[str, Form]) -> None:
    """Part 8, B28: who consented at registration is not asked again; everybody else is; a refusal keeps no other datum."""
    roster = [{**PERSON, "consent": "oui"}, {**PERSON, "name": "BER-02", "consent": ""}]
    listed = {"mode_identification": "liste", "accord_demande": None}
    registered = _presence(forms, roster, **{**listed, "personne_liste": "BER-01"})
    assert registered["consentement"] == "oui" and registered["signature"] and "accord_demande" not in registered
    prepared = {**listed, "personne_liste": "BER-02"}  # on a list that staff prepared: no consent is on record
    assert "signature" not in _presence(forms, roster, **prepared)
    asked = _presence(forms, roster, **{**prepared, "accord_demande": "oui"})
    assert (asked["accord_demande"], asked["consentement"]) == ("oui", "oui") and asked["signature"]
    unknown = _presence(forms, roster, mode_identification="badge", badge="BER-77", accord_demande="oui")
    assert (unknown["participant"], unknown["consentement"]) == ("BER-77", "oui")
    walk_in = _presence(forms, roster, mode_identification="hors_liste", accord_demande="oui", nom="Alami", prenom="A")
    assert (walk_in["participant"], walk_in["consentement"], walk_in["nom"]) == ("hors_liste", "oui", "Alami")
    refused = _presence(forms, roster, mode_identification="refus", personne_liste="BER-01", nom="Alami")
    assert refused["consentement"] == "non"
    assert not {"participant", "personne_liste", "nom", "signature", "badge"} & refused.keys()
    old_list = [{k: v for k, v in PERSON.items() if k != "consent"}]  # a phone that has not fetched the new list yet
    assert "consentement" not in _presence(forms, old_list, **{**listed, "personne_liste": "BER-01"})


def test_a_signature_takes_ten_actions(forms: dict[str, Form]) -> None:
    """Part 8, B28: opening the form (2), what has no default, a turn per screen, sending; it was fifteen.

    An answer chosen is one action, a person three (open the list, type, choose), a signature three (open, draw, keep).
    """
    form, book = forms["presence"], read_book((REPO / "forms" / "presence.xlsx").read_bytes(), "presence.xlsx")
    sheet = book.survey
    assert sheet is not None
    defaulted = {row.cells["name"] for row in sheet.rows if row.cells.get("default")}
    context = {
        "mode_identification": "liste",
        "personne_liste": "BER-01",
        "participant": "BER-01",
        "consentement": "oui",
    }
    context |= {"accord_inscription": "oui", "nom_inscrit": "A"}
    sections = {section.path: section.relevant for section in form.sections}

    def shown(relevant: str) -> bool:
        return not relevant or is_true(evaluate(relevant, context))

    asked = [
        q
        for q in form.questions
        if q.required == "yes" and not q.calculation and q.name not in defaulted and shown(q.relevant)
        and all(shown(relevant) for path, relevant in sections.items() if q.path.startswith(f"{path}/"))
    ]  # fmt: skip
    assert [question.name for question in asked] == ["personne_liste", "signature"]
    screens = [s for s in form.sections if "/" not in s.path]
    assert len(screens) == 1
    assert 2 + 3 + 3 + len(screens) + 1 == 10


def test_the_phone_says_which_sessions_it_has_signed(forms: dict[str, Form]) -> None:
    """Part 8, B28: of this phone, zone and day alone, for it knows no other; from row to row through what was saved last."""
    relevant = {q.name: q.relevant for q in forms["presence"].questions if q.kind == "note"}
    calculations = {q.name: q.calculation for q in forms["presence"].questions}
    saved: dict[str, str] = {}

    def sign(code: str, session: str, day: str = "2025-02-11", zone: str = "bertat") -> set[str]:
        """Sign on the phone; returns the notes that its enumerator saw."""
        mode = "hors_liste" if code == "hors_liste" else "liste"
        row = {"participant": code, "demi_journee": session, "jour": day, "zone": zone, "consentement": "oui"}
        context = {**row, "mode_identification": mode, **saved}
        shown = {name for name in relevant if "deja" in name or "note_signe" in name}
        shown = {name for name in shown if is_true(evaluate(relevant[name], context))}
        for name in ("signatures_du_jour", "signatures_comptees"):
            row[name] = text_of(evaluate(calculations[name], context))
        saved.clear()
        saved.update({f"last-saved#{name}": value for name, value in row.items()})
        return shown

    assert sign("BER-01", "matin") == set()
    assert sign("BER-02", "matin") == set()
    assert sign("BER-01", "matin") == {"note_deja_signe"}
    assert saved["last-saved#signatures_comptees"] == "3"
    assert sign("hors_liste", "apres_midi") == set() == sign("hors_liste", "apres_midi"), "two persons"
    assert sign("BER-02", "apres_midi") == {"note_signe_matin"}
    assert saved["last-saved#signatures_comptees"] == "3"
    assert sign("BER-02", "matin", zone="oumjniba") == set()
    assert sign("BER-02", "matin", day="2025-02-12") == set()
    assert saved["last-saved#signatures_du_jour"] == "matin:BER-02"


def test_needs_ask_details_of_those_chosen(forms: dict[str, Form]) -> None:
    """Part 8, B28: nothing is asked of the other nine; the ratings of a need stay in the row of that need."""
    needs = tuple(Choice(f"n{at}", {"": f"N {at}"}, {"order": str(at)}) for at in range(1, 13))
    given = {"besoins_retenus": "n2 n5 n9", "rangement": "2 1 3", "consentement": "oui"}
    given["evaluation"] = [{"gravite": 4, "faisabilite": 2, "menages": 10} for _ in needs]  # type: ignore[assignment]
    answers = draw_answers(forms["besoins"], Random(1), Sample(given, {"besoins.csv": needs}))
    rows = answers["evaluation"]
    rated = [row["evaluation/besoin"] for row in rows if "evaluation/details/gravite" in row]
    assert len(rows) == 12 and rated == ["n2", "n5", "n9"]
    assert answers["ordre/classement"] == "n5 n2 n9"


def test_an_action_has_a_responsible_group_and_function(forms: dict[str, Form]) -> None:
    """Part 8, A25: what SMART counts is what the form requires."""
    for name in ("groupe_responsable", "fonction_responsable"):
        question = forms["feuille_route"].question(name)
        assert question is not None and question.required == "yes"


VERBAL_NOUNS = ("مسح", "كتابة", "لقاء،", "مراسلة،", "إيداع")


def test_texts_are_plain_and_of_one_kind(forms: dict[str, Form]) -> None:
    """Part 8, B28: « Comment retrouver la personne ? »; SMART explained; the law as 09.08 in Arabic; verbs where one is asked."""
    texts = {
        (form_id, language): [
            labels.get(language, "") for q in form.questions for labels in (q.labels, q.hints) if labels
        ] + [c.labels.get(language, "") for items in form.choices.values() for c in items]
        for form_id, form in forms.items()
        for language in ("fr", "ar")
    }  # fmt: skip
    for form_id in ("presence", "test"):
        question = forms[form_id].question("mode_identification")
        assert question is not None and question.labels["fr"] == "Comment retrouver la personne ?"
    for (form_id, language), spoken in texts.items():
        whole = "\n".join(spoken)
        if language == "ar":
            assert "09-08" not in whole and "ذكي" not in whole, form_id
            assert not re.search(r"^(?:اكتب|اختر|ضع|حدد|أجب|تحقق|امسح|اقرأ)\s", whole, re.M), (
                form_id
            )  # to one, elsewhere to many
        else:
            assert not re.search(r"^(?:Scanner|Saisir|Cocher|Choisir|Écrire|Lire|Vérifier)\b", whole, re.M), form_id
    smart = forms["feuille_route"].question("objectif")
    action = forms["feuille_route"].question("action")
    assert smart is not None and "محدّداً، قابلاً للقياس" in smart.hints["ar"]
    assert action is not None and not any(noun in action.hints["ar"] for noun in VERBAL_NOUNS)


def test_signature_stands_alone_and_small(forms: dict[str, Form]) -> None:
    signature = forms["presence"].question("signature")
    compiled = compile_form((REPO / "forms" / "presence.xlsx").read_bytes(), "presence.xlsx", validate=False)
    assert signature is not None
    assert signature.appearance == "signature"
    assert re.search(r'orx:max-pixels="640"', compiled.xform)


def test_satisfaction_is_anonymous(forms: dict[str, Form]) -> None:
    names = {question.name for question in forms["satisfaction"].questions}
    kinds = {question.kind for question in forms["satisfaction"].questions}
    assert not names & {"participant", "badge", "nom", "prenom", "telephone", "signature"}
    assert not kinds & {"audit", "image", "geopoint", "barcode"}
