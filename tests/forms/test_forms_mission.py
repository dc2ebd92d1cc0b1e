"""The seven questionnaires of the mission: complete in both languages, clean under lint, pyxform and ODK Validate."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from openpyxl import load_workbook

from kobo_sync.config.config import Config
from kobo_sync.forms.compiler import compile_form
from kobo_sync.forms.media import roster_csv
from kobo_sync.forms.rules import lint
from kobo_sync.forms.xlsform import read_form
from kobo_sync.model import Form
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
    for form_id in set(forms) - {"feuille_route"}:
        form = forms[form_id]
        consent = form.question("consentement")
        assert consent is not None
        after = [s for s in form.sections if s.sheet_row > consent.sheet_row and "/" not in s.path]
        assert after
        assert all("${consentement} = 'oui'" in section.relevant for section in after), form_id


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
