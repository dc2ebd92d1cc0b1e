"""Each rule of the lint catalogue strikes its minimal form, at its cell, and leaves the mended form alone."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from kobo_sync.forms.rules import RULES, lint
from kobo_sync.model import Finding

SETTINGS = """
| settings |
|          | form_title | form_id | version    |
|          | Essai      | essai   | 2025-02-11 |
"""
CHOICES = """
| choices |
|         | list_name | name | label |
|         | oui_non   | oui  | Oui   |
|         | oui_non   | non  | Non   |
"""
CSV = {"zones.csv": b"name,label,prefix\nbertat,Bertat,BER\n"}


def run(form: str, media: Mapping[str, bytes] | None = None, *, settings: str = SETTINGS) -> tuple[Finding, ...]:
    return lint((form + settings).encode(), "essai.md", media=CSV if media is None else media)


def survey(columns: str, *rows: str) -> str:
    return "\n".join(["| survey |", f"| | {columns} |", *(f"| | {row} |" for row in rows), ""])


ASK = "select_one oui_non | suite | Suite ?"
TEXT = "type | name | label"
# code → (form that breaks the rule, place named, words of the message, the same form mended)
CASES: dict[str, tuple[str, str, str, str]] = {
    "FORM001": (survey(TEXT, "txt | aa | A"), "row 2, column type", "not a type", survey(TEXT, "text | aa | A")),
    "FORM002": (survey(TEXT, "text |  | A"), "row 2, column name", "no name", survey(TEXT, "text | aa | A")),
    "FORM003": (
        survey(TEXT, "begin_group | gg | G", "text | aa | A"),
        "row 2, column type",
        "never ends",
        survey(TEXT, "begin_group | gg | G", "text | aa | A", "end_group | gg | "),
    ),
    "FORM004": (survey(TEXT, "text | Âge | A"), "row 2, column name", "refused", survey(TEXT, "text | age | A")),
    "FORM005": (
        survey(TEXT, "begin_group | gg | G", "text | aa | A", "end_group | | ", "text | aa | B"),
        "row 5, column name",
        "row 3",
        survey(TEXT, "begin_group | gg | G", "text | aa | A", "end_group | | ", "text | bb | B"),
    ),
    "FORM006": (survey(TEXT, "text | _status | A"), "row 2, column name", "key of Kobo", survey(TEXT, "text | statut | A")),
    "FORM007": (
        survey(TEXT, "begin_group | gg | G", "end_group | | ", "text | aa | A"),
        "row 2, column type",
        "no question",
        survey(TEXT, "begin_group | gg | G", "text | aa | A", "end_group | | "),
    ),
    "FORM008": (
        survey(f"{TEXT} | relevent", "text | aa | A | "),
        "row 1, column relevent",
        "no effect",
        survey(f"{TEXT} | relevant", "text | aa | A | "),
    ),
    "FORM009": (
        survey(TEXT, "text | aa | A") + "| choice |\n| | list_name | name |\n| | ll | xx |\n",
        "sheet choice",
        "not read",
        survey(TEXT, "text | aa | A") + "| _choice |\n| | list_name | name |\n| | ll | xx |\n",
    ),
    "FORM010": (
        survey(f"{TEXT} | label", "text | aa | A | B"),
        "row 1, column label",
        "twice",
        survey(f"{TEXT} | hint", "text | aa | A | B"),
    ),
    "FORM012": (
        survey(f"{TEXT} | relevant", f"{ASK} | ", "text | aa | A | ${suite} = 'oui' and ${suite} = 'non'") + CHOICES,
        "row 3, column relevant",
        "never shown",
        survey(f"{TEXT} | relevant", f"{ASK} | ", "text | aa | A | ${suite} = 'oui' or ${suite} = 'non'") + CHOICES,
    ),
    "FORM013": (
        survey(f"{TEXT} | required", "note | aa | A | yes"),
        "row 2, column required",
        "cannot be answered",
        survey(f"{TEXT} | required", "text | aa | A | yes"),
    ),
    "FORM014": (
        survey(f"{TEXT} | required", "text | aa | A | peut-être"),
        "row 2, column required",
        "neither yes nor no",
        survey(f"{TEXT} | required", "text | bb | B | ", "text | aa | A | ${bb} = 'x'"),
    ),
    "FORM015": (
        survey(f"{TEXT} | calculation", "calculate | aa |  | "),
        "row 2, column calculation",
        "calculates nothing",
        survey(f"{TEXT} | calculation", "calculate | aa |  | 1 + 1"),
    ),
    "FORM016": (
        survey(TEXT, *(f"text | q{n:04} | Q" for n in range(1001))),
        "sheet survey",
        "1001 questions",
        survey(TEXT, *(f"text | q{n:04} | Q" for n in range(20))),
    ),
    "FORM017": (
        survey(TEXT, *(f"geopoint | q{n:04} | Q" for n in range(487))),
        "sheet survey",
        "the form needs 1954 columns",
        survey(TEXT, *(f"geopoint | q{n:04} | Q" for n in range(480)), "begin_repeat | rr | R", "geopoint | pp | P", "end_repeat | | "),
    ),
    "FORM018": (
        survey(f"{TEXT} | kobo--rank-items", "begin_rank | rr | R | oui_non", "rank__level | aa | 1er | ", "end_rank | | | ") + CHOICES,
        "row 2, column kobo--rank-constraint-message",
        "needs kobo--rank-constraint-message",
        survey(f"{TEXT} | kobo--rank-items | kobo--rank-constraint-message", "begin_rank | rr | R | oui_non | Non !",
               "rank__level | aa | 1er | | ", "end_rank | | | | ") + CHOICES,
    ),
    "FORM020": (
        survey("type | name | label::Français (fr) | label::العربية (ar)", "text | aa | Nom | "),
        "row 2, column label::العربية (ar)",
        "no label in 'ar'",
        survey("type | name | label::Français (fr) | label::العربية (ar)", "text | aa | Thé | شاي"),
    ),
    "FORM021": (
        survey("type | name | label::Français (fr) | hint", "text | aa | A | B"),
        "row 1, column hint",
        "no language",
        survey("type | name | label::Français (fr) | hint::Français (fr)", "text | aa | A | B"),
    ),
    "FORM023": (
        survey("type | name | label::Darija", "text | aa | A"),
        "row 1",
        "no code",
        survey("type | name | label::Français (fr)", "text | aa | A"),
    ),
    "FORM024": (survey(TEXT, "text | aa | "), "row 2, column label", "no label", survey(TEXT, "text | aa | A")),
    "FORM025": (
        survey(f"{TEXT} | constraint", "integer | aa | A | . > 0"),
        "row 2, column constraint",
        "without a word",
        survey(f"{TEXT} | constraint | constraint_message", "integer | aa | A | . > 0 | Plus de 0"),
    ),
    "FORM026": (
        survey("type | name | label::Français (fr) | label::العربية (ar)", "text | aa | A | ا", "note | bb | ${aa} ? | ؟"),
        "row 3, column label",
        "fr: aa; ar: none",
        survey("type | name | label::Français (fr) | label::العربية (ar)", "text | aa | A | ا", "note | bb | ${aa} ? | ${aa} ؟"),
    ),
    "FORM030": (
        survey(f"{TEXT} | relevant", "text | ville | A | ", "text | bb | B | ${vile} = 'x'"),
        "row 3, column relevant",
        "no question of this form",
        survey(f"{TEXT} | relevant", "text | ville | A | ", "text | bb | B | ${ville} = 'x'"),
    ),
    "FORM031": (
        survey(f"{TEXT} | relevant", f"{ASK} | ", "text | aa | A | ${suite} = 'yes'") + CHOICES,
        "row 3, column relevant",
        "'yes' is not a choice of 'suite'",
        survey(f"{TEXT} | relevant", f"{ASK} | ", "text | aa | A | selected(${suite}, 'oui')") + CHOICES,
    ),
    "FORM032": (
        survey(f"{TEXT} | choice_filter", "select_one_from_file zones.csv | aa | A | prefixe = 'BER'"),
        "row 2, column choice_filter",
        "no column 'prefixe'",
        survey(f"{TEXT} | choice_filter", "select_one_from_file zones.csv | aa | A | prefix = 'BER'"),
    ),
    "FORM033": (
        survey(f"{TEXT} | calculation", "select_one_from_file zones.csv | aa | A | ",
               "calculate | bb | | instance('zones')/root/item[name = ${aa}]/province"),
        "row 3, column calculation",
        "no column 'province'",
        survey(f"{TEXT} | calculation", "select_one_from_file zones.csv | aa | A | ",
               "calculate | bb | | instance('zones')/root/item[name = selected-at(${aa}, 0)]/prefix"),
    ),
    "FORM034": (
        survey(f"{TEXT} | relevant", "text | aa | A | ", "text | bb | B | ${aa} == 'x'"),
        "row 3, column relevant",
        "write =",
        survey(f"{TEXT} | relevant", "text | aa | A | ", "text | bb | B | ${aa} = 'x == y'"),
    ),
    "FORM035": (
        survey(f"{TEXT} | calculation", "calculate | aa | | ${bb} + 1", "calculate | bb | | ${cc}", "calculate | cc | | ${aa}"),
        "row 2, column calculation",
        "aa → bb → cc → aa",
        survey(f"{TEXT} | calculation", "calculate | aa | | ${bb} + 1", "calculate | bb | | ${cc}", "calculate | cc | | 1"),
    ),
    "FORM036": (
        survey(f"{TEXT} | default", f"{ASK} | Oui") + CHOICES,
        "row 2, column default",
        "'Oui' is not a choice",
        survey(f"{TEXT} | default", f"{ASK} | oui") + CHOICES,
    ),
    "FORM037": (
        survey(f"{TEXT} | calculation", "begin_repeat | rr | R | ", "integer | aa | A | ", "end_repeat | | | ", "calculate | bb | | ${aa} * 2"),
        "row 5, column calculation",
        "inside the repeat 'rr'",
        survey(f"{TEXT} | calculation", "begin_repeat | rr | R | ", "integer | aa | A | ", "end_repeat | | | ", "calculate | bb | | sum(${aa}) * 2"),
    ),
    "FORM038": (
        survey(f"{TEXT} | calculation", "begin_repeat | rr | R | ", "begin_group | gg | G | ", "calculate | nn | | position(..)",
               "text | aa | A | ", "end_group | | | ", "end_repeat | | | "),
        "row 4, column calculation",
        "its parent is no repeat",
        survey(f"{TEXT} | calculation", "begin_repeat | rr | R | ", "calculate | nn | | position(..)", "begin_group | gg | G | ",
               "calculate | mm | | position(../..)", "text | aa | A | ", "end_group | | | ", "end_repeat | | | "),
    ),
    "FORM040": (survey(TEXT, "select_one oui_nom | aa | A") + CHOICES, "row 2, column type", "no list 'oui_nom'", survey(TEXT, ASK) + CHOICES),
    "FORM041": (survey(TEXT, "text | aa | A") + CHOICES, "sheet choices, row 2", "no question uses", survey(TEXT, ASK) + CHOICES),
    "FORM042": (
        survey(TEXT, ASK) + CHOICES + "| | oui_non | oui | Encore |\n",
        "sheet choices, row 4, column name",
        "row 2",
        survey(TEXT, ASK) + CHOICES + "| | oui_non | nsp | Ne sait pas |\n",
    ),
    "FORM043": (
        survey(TEXT, ASK) + CHOICES + "| | oui_non | ne sait | Ne sait |\n",
        "sheet choices, row 4, column name",
        "holds a blank",
        survey(TEXT, ASK) + CHOICES + "| | oui_non | ne_sait | Ne sait |\n",
    ),
    "FORM044": (
        survey(TEXT, ASK) + CHOICES + "".join(f"| | oui_non | c{n} | C |\n" for n in range(1001)),
        "sheet choices, row 2",
        "1003 choices",
        survey(TEXT, ASK) + CHOICES,
    ),
    "FORM045": (
        survey(TEXT, "select_one_from_file zone.csv | aa | A"),
        "row 2, column type",
        "zone.csv is missing",
        survey(TEXT, "select_one_from_file zones.csv | aa | A"),
    ),
    "FORM049": (
        survey(TEXT, "select_one oui_non or_other | aa | A") + CHOICES,
        "row 2, column type",
        "Other",
        survey(TEXT, ASK) + CHOICES,
    ),
    "FORM060": (
        survey(f"{TEXT} | appearance", "text | aa | A | multilign"),
        "row 2, column appearance",
        "phones ignore it",
        survey(f"{TEXT} | appearance", "text | aa | A | multiline w4"),
    ),
    "FORM061": (
        survey(f"{TEXT} | parameters", "image | aa | A | "),
        "row 2, column parameters",
        "full size",
        survey(f"{TEXT} | parameters", "image | aa | A | max-pixels=640"),
    ),
    "FORM062": (
        survey(f"{TEXT} | appearance | parameters", "image | aa | A | signature w2 | max-pixels=640"),
        "row 2, column appearance",
        "only alone",
        survey(f"{TEXT} | appearance | parameters", "image | aa | A | draw | max-pixels=640"),
    ),
    "FORM063": (
        survey(f"{TEXT} | trigger", "text | aa | A | ", "text | bb | B | ", "text | cc | C | ${aa},${bb}"),
        "row 4, column trigger",
        "dropped",
        survey(f"{TEXT} | trigger", "text | aa | A | ", "text | bb | B | ", "text | cc | C | ${aa}"),
    ),
    "FORM064": (
        survey(f"{TEXT} | parameters", "range | aa | A | start=0 end=10 step=1 tick_interval=2"),
        "row 2, column parameters",
        "refuses tick_interval",
        survey(f"{TEXT} | parameters", "range | aa | A | start=0 end=10 step=1"),
    ),
    "FORM065": (
        survey(f"{TEXT} | parameters", "range | aa | A | start=0 end=10 step=3"),
        "row 2, column parameters",
        "step of 3",
        survey(f"{TEXT} | parameters", "range | aa | A | start=0 end=1 step=0.1"),
    ),
    "FORM066": (
        survey(TEXT, "text | aa | A") + "| entities |\n| | list_name | label |\n| | arbres | A |\n",
        "sheet entities",
        "refuses entities",
        survey(TEXT, "text | aa | A"),
    ),
    "FORM068": (
        survey(f"{TEXT} | instance::x", "text | aa | A | B"),
        "row 1, column instance::x",
        "as a translation",
        survey(f"{TEXT} | bind::x", "text | aa | A | B"),
    ),
    "FORM070": (
        survey(TEXT, "text | nom | Nom", "select_one oui_non | consentement | D’accord ?") + CHOICES,
        "row 2, column name",
        "before any consent",
        survey(f"{TEXT} | relevant", "select_one oui_non | consentement | D’accord ? | ", "text | nom | Nom | ${consentement} = 'oui'") + CHOICES,
    ),
    "FORM071": (survey(TEXT, "text | cin | CIN"), "row 2, column name", "identity number", survey(TEXT, "text | medecin | M")),
    "FORM072": (
        survey(TEXT, "select_one oui_non | consentement | D’accord ?", "text | nom | Nom") + CHOICES,
        "row 3, column relevant",
        "people who refused",
        survey(f"{TEXT} | relevant", "select_one oui_non | consentement | D’accord ? | ", "begin_group | gg | G | ${consentement} = 'oui'",
               "text | nom | Nom | ", "end_group | | | ") + CHOICES,
    ),
    "FORM073": (
        survey(TEXT, "deviceid | deviceid | ", "note | n1 | Ce questionnaire est anonyme.", "text | avis | Avis"),
        "row 2, column type",
        "promises to be anonymous",
        survey(TEXT, "deviceid | deviceid | ", "note | n1 | Ce questionnaire n’est pas anonyme.", "text | avis | Avis"),
    ),
    "FORM081": (
        survey(f"{TEXT} | relevant", "text | aa | A | ", "text | bb | B | ${aa}\u00a0= 'x'"),
        "row 3, column relevant",
        "no-break space",
        survey(f"{TEXT} | relevant", "text | aa | A\u00a0? | ", "text | bb | B | ${aa} = 'x'"),
    ),
    "FORM082": (
        survey(f"{TEXT} | relevant", "text | aa | A | ", "text | bb | B | ${aa} = ‘x’"),
        "row 3, column relevant",
        "not a quote",
        survey(f"{TEXT} | relevant", "text | aa | L’âge | ", "text | bb | B | ${aa} = 'l’âge'"),
    ),
}  # fmt: skip
# Rules whose fault lies outside the sheets' text: settings, CSV files, the workbook itself.
ELSEWHERE = {
    "FORM000",
    "FORM011",
    "FORM022",
    "FORM046",
    "FORM050",  # test_lint_keys
    "FORM047",
    "FORM048",
    "FORM067",
    "FORM080",
    "FORM083",
    "FORM084",
    "FORM085",
}


@pytest.mark.parametrize("code", CASES)
def test_rule_strikes_at_its_cell_with_a_cure(code: str) -> None:
    broken, where, message, _ = CASES[code]
    found = [finding for finding in run(broken) if finding.rule == code]
    assert found, f"{code} is silent"
    assert where in found[0].where
    assert found[0].where.startswith("essai.md")
    assert message in found[0].message
    assert found[0].hint


@pytest.mark.parametrize("code", CASES)
def test_rule_is_silent_on_the_mended_form(code: str) -> None:
    mended = CASES[code][3]
    assert [finding.message for finding in run(mended) if finding.rule == code] == []


def test_every_rule_has_a_case_and_a_line_of_text() -> None:
    assert set(RULES) == set(CASES) | ELSEWHERE
    assert all(rule.doc.endswith(".") and rule.code == code for code, rule in RULES.items())


def test_settings_without_identity() -> None:
    found = run(survey(TEXT, "text | aa | A"), settings="")
    assert [finding.where for finding in found if finding.rule == "FORM011"] == [
        f"essai.md, sheet settings, row 2, column {name}" for name in ("form_id", "form_title", "version")
    ]


def test_default_language_must_be_written_as_in_the_columns() -> None:
    form = survey("type | name | label::Français (fr)", "text | aa | A")
    wrong = SETTINGS.replace("version    |", "version | default_language |").replace(
        "2025-02-11 |", "2025-02-11 | francais |"
    )
    found = [finding for finding in run(form, settings=wrong) if finding.rule == "FORM022"]
    assert len(found) == 1
    assert "Français (fr)" in found[0].hint
    assert not [f for f in run(form, settings=wrong.replace("francais", "Français (fr)")) if f.rule == "FORM022"]


def test_encryption_is_told() -> None:
    coded = SETTINGS.replace("version    |", "version | public_key |").replace("2025-02-11 |", "2025-02-11 | MIIB |")
    assert "FORM067" in {finding.rule for finding in run(survey(TEXT, "text | aa | A"), settings=coded)}


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (b"", "FORM046", "empty"),
        (b"code,nom\nx,X\n", "FORM046", "column 'name' is missing"),
        (b"name;label\nx;X\n", "FORM046", "semicolons"),
        (b"name,label\n", "FORM046", "no row"),
        (b"name,label\n\xe9,X\n", "FORM046", "not UTF-8"),
        (b"name,label\nx,X\nx,Y\n", "FORM047", "already in row 2"),
        (b"name,label\n,X\n", "FORM047", "empty"),
        ("name,label\nété,X\n".encode(), "FORM048", "ASCII"),
        (b"name,label\na b,X\n", "FORM048", "blanks"),
    ],
)
def test_faulty_csv(content: bytes, code: str, message: str) -> None:
    form = survey(TEXT, "select_one_from_file zones.csv | zone | Zone")
    found = [finding for finding in run(form, {"zones.csv": content}) if finding.rule == code]
    assert found
    assert "zones.csv" in found[0].where
    assert message in found[0].message


def test_names_of_places_are_no_personal_data() -> None:
    form = survey(TEXT, "text | village_name | Village", "text | nom_ecole | École", "text | prenom | Prénom")
    assert [finding.message.split()[0] for finding in run(form) if finding.rule == "FORM070"] == ["'prenom'"]


def test_csv_columns_may_be_named_in_parameters() -> None:
    form = survey(f"{TEXT} | parameters", "select_one_from_file zones.csv | zone | Zone | value=code label=nom")
    assert run(form, {"zones.csv": b"code,nom\nx,X\n"}) == ()


def test_a_rule_that_strikes_often_is_cut_short() -> None:
    form = survey(TEXT, *(f"text | q{n:03} | " for n in range(80)))
    found = [finding for finding in run(form) if finding.rule == "FORM024"]
    assert len(found) == 51
    assert found[-1].message == "30 more of the same"


def test_the_same_form_gives_the_same_findings() -> None:
    form = CASES["FORM020"][0] + CHOICES
    assert run(form) == run(form)
