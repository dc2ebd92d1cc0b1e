"""Reading and compiling XLSForms: paths, languages, files, and errors that name their row."""

from __future__ import annotations

import shutil

import pytest

from kobo_sync.config.languages import language_code
from kobo_sync.errors import FormError
from kobo_sync.forms.compiler import compile_form
from kobo_sync.forms.headers import column, survey_type
from kobo_sync.forms.sheets import as_workbook, cells_sha256
from kobo_sync.forms.xlsform import read_form

FORM = """
| survey  |
|         | type                              | name      | label::Français (fr) | label::العربية (ar) | hint::Français (fr) | relevant       | calculation                      | appearance |
|         | start                             | start     |                      |                     |                     |                |                                  |            |
|         | select_one_from_file zones.csv    | zone      | Zone                 | المنطقة             | Où ?                |                |                                  | minimal    |
|         | begin_group                       | identite  | Identité             | الهوية              |                     | ${zone} != ''  |                                  |            |
|         | text                              | nom       | Nom                  | الاسم               |                     |                |                                  |            |
|         | begin_repeat                      | enfants   | Enfants              | الأطفال             |                     |                |                                  |            |
|         | begin_group                       | un_enfant | Enfant               | طفل                 |                     |                |                                  |            |
|         | select_multiple langues           | parle     | Parle                | يتكلم               |                     |                |                                  |            |
|         | end_group                         |           |                      |                     |                     |                |                                  |            |
|         | end_repeat                        |           |                      |                     |                     |                |                                  |            |
|         | end_group                         |           |                      |                     |                     |                |                                  |            |
|         | calculate                         | prefixe   |                      |                     |                     |                | pulldata('codes', 'p', 'k', ${zone}) |        |
| choices |
|         | list_name | name | label::Français (fr) | label::العربية (ar) | region |
|         | langues   | fr   | Français             | الفرنسية            | nord   |
|         | langues   | ar   | Arabe                | العربية             | sud    |
| settings |
|         | form_title | form_id | version | default_language |
|         | Essai      | essai   | 7       | Français (fr)    |
"""


def test_form_is_read_with_paths_languages_and_files() -> None:
    form = read_form(FORM.encode(), "x.md")
    assert (form.form_id, form.title, form.version, form.default_language) == ("essai", "Essai", "7", "fr")
    assert form.languages == ("fr", "ar")
    assert [(q.path, q.kind, q.repeat) for q in form.questions] == [
        ("start", "start", ""),
        ("zone", "select_one", ""),
        ("identite/nom", "text", ""),
        ("identite/enfants/un_enfant/parle", "select_multiple", "identite/enfants"),
        ("prefixe", "calculate", ""),
    ]
    assert [(s.path, s.kind, s.parent) for s in form.sections] == [
        ("identite", "group", ""),
        ("identite/enfants", "repeat", ""),
        ("identite/enfants/un_enfant", "group", "identite/enfants"),
    ]
    assert form.media == ("codes.csv", "zones.csv")
    zone = form.question("zone")
    assert zone is not None
    assert (zone.file_name, zone.labels, zone.hints, zone.sheet_row) == (
        "zones.csv",
        {"fr": "Zone", "ar": "المنطقة"},
        {"fr": "Où ?"},
        3,
    )
    assert [(c.name, c.labels["ar"], c.extra) for c in form.choices["langues"]] == [
        ("fr", "الفرنسية", {"region": "nord"}),
        ("ar", "العربية", {"region": "sud"}),
    ]


def test_a_form_without_languages_or_id_falls_back() -> None:
    form = read_form(b"| survey |\n| | type | name | label |\n| | text | aa | A |\n", "visite.md")
    assert (form.form_id, form.title, form.languages) == ("visite", "visite", ("",))
    assert form.questions[0].labels == {"": "A"}


def test_csv_forms_are_read_like_markdown_ones() -> None:
    form = read_form(b'"survey"\n,"type","name","label"\n,"integer","aa","A"\n', "essai.csv")
    assert [(q.name, q.kind) for q in form.questions] == [("aa", "integer")]


@pytest.mark.parametrize(
    ("header", "name", "language"),
    [
        ("label::Français (fr)", "label", "fr"),
        ("Label : English", "label", "en"),
        ("media::image::العربية (ar)", "image", "ar"),
        ("constraint_message::ⵜⴰⵎⴰⵣⵉⵖⵜ (zgh)", "constraint_message", "zgh"),
        ("bind::jr:constraintMsg::Français (fr)", "constraint_message", "fr"),
        ("relevance", "relevant", ""),
        ("read only", "read_only", ""),
        ("jr:count", "repeat_count", ""),
        ("bind::relevant", "relevant", ""),
    ],
)
def test_headers(header: str, name: str, language: str) -> None:
    assert (column(header).name, column(header).language) == (name, language)


def test_types_in_any_spelling() -> None:
    assert survey_type("select all that apply from  fruits").kind == "select_multiple"
    assert survey_type("Begin  Repeat").kind == "begin_repeat"
    assert survey_type("photo").kind == "image"
    assert survey_type("select_one ville or_other") == survey_type("select one from ville or specify other")
    assert language_code("Français ( fr )") == "fr"


@pytest.mark.parametrize(
    ("row", "where"),
    [
        ("| | calculate | bb | B | |", "x.md, sheet survey, row 3"),
        ("| | text | bb | B | ${zz} = 1 |", "x.md, sheet survey, row 3"),
    ],
)
def test_pyxform_errors_name_their_row(row: str, where: str) -> None:
    form = f"| survey |\n| | type | name | label | relevant |\n| | text | aa | A | |\n{row}\n"
    with pytest.raises(FormError) as caught:
        compile_form(form.encode(), "x.md", validate=False)
    assert caught.value.findings[0].where.startswith(where)
    assert caught.value.findings[0].rule == "FORM000"
    assert caught.value.exit_code == 4


@pytest.mark.java
def test_validate_errors_name_their_row_and_no_temporary_file() -> None:
    form = "| survey |\n| | type | name | label | relevant |\n| | text | aa | A | |\n| | text | bb | B | ${aa} == 3 |\n"
    with pytest.raises(FormError) as caught:
        compile_form(form.encode(), "x.md", validate=True)
    assert [finding.where for finding in caught.value.findings] == ["x.md, sheet survey, row 3"]
    assert "tmp" not in str(caught.value)
    assert "@" not in str(caught.value)


def test_without_java_the_cure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda cmd: None)
    with pytest.raises(FormError, match="default-jre-headless"):
        compile_form(FORM.encode(), "x.md", validate=True)


def test_compiled_form_takes_its_id_from_the_file() -> None:
    compiled = compile_form(
        b"| survey |\n| | type | name | label |\n| | text | aa | A |\n", "visite.md", validate=False
    )
    assert compiled.form.form_id == "visite"
    assert 'id="visite"' in compiled.xform


def test_a_form_in_text_goes_to_the_server_as_a_workbook_that_says_the_same() -> None:
    book, name = as_workbook(FORM.encode(), "visite.v2.md")
    assert name == "visite.v2.xlsx" and book[:2] == b"PK"
    assert cells_sha256(book, name) == cells_sha256(FORM.encode(), "visite.md")
    assert read_form(book, "visite.xlsx").questions == read_form(FORM.encode(), "visite.md").questions
    table = b'survey\n,type,name,label\n,text,aa,"=1+1"\n,note,bb,007\n'
    assert cells_sha256(*as_workbook(table, "f.csv")) == cells_sha256(table, "f.csv")
    assert as_workbook(book, name) == (book, name)
    assert as_workbook(FORM.encode(), "x.md")[0] == as_workbook(FORM.encode(), "x.md")[0]
