"""An error of lint is what pyxform, ODK Validate, the server or phones refuse, or what loses data; all else stops nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import pyxform
from pyxform.xls2xform import convert
from test_lint_rules import CASES, CSV, SETTINGS

from kobo_sync.forms.rules import RULES, lint

JAR = Path(pyxform.__file__).parent / "validators" / "odk_validate" / "bin" / "ODK_Validate.jar"
# code → the worst severity that the rule gives, and why (Reason in forms/rules/subject)
TABLE = {
    "FORM000": ("error", "pyxform"),  # the file does not open, or the compiler and Validate say no
    "FORM001": ("error", "pyxform"),  # Unknown question type
    "FORM002": ("error", "pyxform"),  # Question or group with no name; notes and audits get one
    "FORM003": ("error", "pyxform"),  # Unmatched begin; another name at the end is a warning
    "FORM004": ("error", "pyxform"),  # Names must begin with a letter; other letters than those are a warning
    "FORM005": ("error", "kobotoolbox"),  # Duplicate node name, in whichever groups; capitals alone are a warning
    "FORM006": ("error", "loss"),  # the record's own key hides the answer; a name of ours is info
    "FORM007": ("error", "validate"),  # Group has no children
    "FORM008": ("warning", "advice"),
    "FORM009": ("warning", "advice"),
    "FORM010": ("error", "pyxform"),  # Duplicate column header, in a workbook
    "FORM011": ("warning", "advice"),
    "FORM012": ("error", "validate"),  # a question that waits for itself is a cycle; one never shown is a warning
    "FORM013": ("warning", "advice"),  # a required note ends a form on purpose
    "FORM014": ("warning", "advice"),  # any XPath is taken
    "FORM015": ("error", "pyxform"),  # Missing calculation
    "FORM016": ("info", "advice"),
    "FORM017": ("warning", "advice"),  # the store splits the table
    "FORM018": ("error", "kobotoolbox"),  # its compiler ends with KeyError or TypeError
    "FORM020": ("warning", "advice"),  # phones show a dash
    "FORM021": ("warning", "advice"),  # KoboToolbox makes a nameless language
    "FORM022": ("error", "kobotoolbox"),  # is specified as the default language, but …; of one language a warning
    "FORM023": ("warning", "advice"),
    "FORM024": ("error", "pyxform"),  # has no label or hint
    "FORM025": ("warning", "advice"),
    "FORM026": ("warning", "advice"),
    "FORM030": ("error", "pyxform"),  # Could not find the reference
    "FORM031": ("warning", "advice"),  # a branch that is never reached
    "FORM032": ("warning", "advice"),
    "FORM033": ("error", "validate"),  # Instance referenced by … does not exist; a missing column is a warning
    "FORM034": ("error", "validate"),  # Couldn't understand the expression
    "FORM035": ("error", "validate"),  # Cycle detected
    "FORM036": ("warning", "advice"),
    "FORM037": ("warning", "advice"),
    "FORM038": ("warning", "advice"),
    "FORM040": ("error", "pyxform"),  # List name not in choices sheet
    "FORM041": ("warning", "advice"),
    "FORM042": ("error", "pyxform"),  # Choice names must be unique
    "FORM043": ("error", "pyxform"),  # Choices must have a name; names with spaces cannot be in a select_multiple
    "FORM044": ("warning", "advice"),
    "FORM045": ("error", "phones"),  # a form without its list opens on no phone; without a picture it does
    "FORM046": ("error", "phones"),
    "FORM047": ("error", "loss"),  # two persons of one code cannot be told apart
    "FORM048": ("error", "loss"),  # a blank parts the answers of a select_multiple
    "FORM049": ("warning", "advice"),
    "FORM050": ("warning", "advice"),
    "FORM060": ("warning", "advice"),
    "FORM061": ("warning", "advice"),
    "FORM062": ("warning", "advice"),  # phones open the camera in place of the drawing
    "FORM063": ("error", "loss"),  # dropped in silence: the calculation stays empty
    "FORM064": ("error", "kobotoolbox"),  # its pyxform is older than ours
    "FORM065": ("error", "pyxform"),  # a step of zero; others are a warning
    "FORM066": ("error", "kobotoolbox"),
    "FORM067": ("warning", "advice"),
    "FORM068": ("warning", "advice"),
    "FORM070": ("warning", "advice"),
    "FORM071": ("warning", "advice"),
    "FORM072": ("warning", "advice"),
    "FORM073": ("warning", "advice"),
    "FORM080": ("warning", "advice"),
    "FORM081": ("warning", "advice"),
    "FORM082": ("warning", "advice"),
    "FORM083": ("warning", "advice"),
    "FORM084": ("warning", "advice"),
    "FORM085": ("warning", "advice"),
}
OTHERS = {  # more forms that people use and that every compiler takes
    "required note": "| survey |\n| | type | name | label | required |\n| | note | aa | A | yes |\n",
    "required as number": "| survey |\n| | type | name | label | required |\n| | text | aa | A | 1 |\n| | text | bb | B | 0 |\n",
    "typographic quotes": "| survey |\n| | type | name | label | relevant |\n| | text | aa | A | |\n| | text | bb | B | ${aa} = ’x’ |\n",
    "capitals": "| survey |\n| | type | name | label |\n| | text | aa | A |\n| | text | Aa | B |\n",
    "hint alone": "| survey |\n| | type | name | label | hint |\n| | text | aa | | H |\n",
    "typed calculation": "| survey |\n| | type | name | label | calculation |\n| | integer | aa | | 1 + 1 |\n| | text | bb | B | |\n",
    "audit without a name": "| survey |\n| | type | name | label |\n| | audit | | |\n| | text | aa | A |\n",
    "disabled row": "| survey |\n| | type | name | label | disabled |\n| | wibble | aa | A | yes |\n| | text | bb | B | |\n",
    "row of the server": "| survey |\n| | type | name | label | calculation |\n| | text | aa | A | |\n| | calculate | __version__ | | 'v' |\n",
    "instanceID": "| survey |\n| | type | name | label | calculation |\n| | note | aa | A ${instanceID} | |\n| | calculate | bb | | ${instanceID} |\n",
}  # fmt: skip


def test_every_rule_is_as_severe_as_its_reason_allows() -> None:
    assert {code: (rule.severity, rule.reason) for code, rule in RULES.items()} == TABLE
    assert all((rule.severity == "error") == (rule.reason != "advice") for rule in RULES.values())


def _accepted(forms: dict[str, str], folder: Path) -> dict[str, bool]:
    """Whether pyxform compiles each form and ODK Validate, started once for all, accepts it."""
    accepted = dict.fromkeys(forms, False)
    paths = {}
    for name, text in forms.items():
        try:
            xform = convert(text, file_type=".md").xform
        except Exception:
            continue
        path = folder / f"{len(paths)}.xml"
        path.write_text(xform, "utf-8")
        paths[str(path)] = name
    command = ["java", "-Djava.awt.headless=true", "-jar", str(JAR), *paths]
    told = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=300
    )
    for part in told.stdout.split("Validating: ")[1:]:
        accepted[paths[part.partition("\n")[0].strip()]] = "Xform is valid!" in part
    return accepted


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, bool]]:
    """Every broken and mended form of the rules, and others, with what the compilers say of it."""
    forms = {f"{code} {state}": case[at] + SETTINGS for code, case in CASES.items() for state, at in (("broken", 0), ("mended", 3))}  # fmt: skip
    forms |= {name: text + SETTINGS for name, text in OTHERS.items()}
    accepted = _accepted(forms, tmp_path_factory.mktemp("xforms"))
    return {name: (text, accepted[name]) for name, text in forms.items()}


def test_what_the_compilers_accept_is_no_error(verdicts: dict[str, tuple[str, bool]]) -> None:
    wrong = {
        name: [finding.message for finding in lint(text.encode(), "f.md", media=CSV, deploying=False) if finding.severity == "error"]
        for name, (text, is_accepted) in verdicts.items()
        if is_accepted
    }  # fmt: skip
    assert {name: messages for name, messages in wrong.items() if messages} == {}
    assert len(wrong) > 90 and not OTHERS.keys() - wrong.keys()


def test_what_the_compilers_refuse_is_an_error_of_its_rule(verdicts: dict[str, tuple[str, bool]]) -> None:
    refused = {
        name.split()[0] for name, (_, is_accepted) in verdicts.items() if name.endswith("broken") and not is_accepted
    }
    assert {code for code in refused if TABLE[code][1] not in ("pyxform", "validate")} == {
        "FORM018",
        "FORM037",
        "FORM081",
    }
    by_compiler = {code for code, (_, reason) in TABLE.items() if reason in ("pyxform", "validate") and code in CASES}
    # Their minimal forms strike at what is no more than a warning.
    assert by_compiler - refused == {"FORM010", "FORM012", "FORM033", "FORM043", "FORM065"}


def test_what_kobotoolbox_refuses_is_an_error_where_it_goes_there() -> None:
    for code in ("FORM005", "FORM006", "FORM063", "FORM064", "FORM066"):
        content = (CASES[code][0] + SETTINGS).encode()
        severities = [
            {finding.severity for finding in lint(content, "f.md", media=CSV, deploying=goes) if finding.rule == code}
            for goes in (True, False)
        ]
        assert severities == [{"error"}, {"warning"}], code


@pytest.mark.parametrize(("languages", "severity"), [(1, "warning"), (2, "error")])
def test_a_default_language_that_matches_nothing(languages: int, severity: str) -> None:
    headers = ["label::English (en)", "label::French (fr)"][:languages]
    settings = SETTINGS.replace("version    |", "version | default_language |").replace("-11 |", "-11 | English |")
    form = f"| survey |\n| | type | name | {' | '.join(headers)} |\n| | text | aa | {' | '.join('A' * languages)} |\n"
    findings = lint((form + settings).encode(), "f.md", media={})
    assert [finding.severity for finding in findings if finding.rule == "FORM022"] == [severity]


def test_the_consent_of_the_config_is_the_consent() -> None:
    form = (
        "| survey |\n| | type | name | label | relevant |\n| | select_one on | ok_pour_continuer | D’accord ? | |\n"
        "| | text | nom | Nom | ${ok_pour_continuer} = 'oui' |\n"
        "| choices |\n| | list_name | name | label |\n| | on | oui | Oui |\n" + SETTINGS
    ).encode()
    assert {f.rule for f in lint(form, "f.md", media={})} == {"FORM070"}
    assert lint(form, "f.md", media={}, consents={"ok_pour_continuer"}) == ()
    other = form.replace(b"${ok_pour_continuer} = 'oui'", b"")
    assert {f.rule for f in lint(other, "f.md", media={}, consents={"ok_pour_continuer"})} == {"FORM072"}
