"""What pyxform and ODK Validate refuse is told in words of ours: where, what, the cure, and their own words behind, in each language."""

from __future__ import annotations

import pytest

from kobo_sync.errors import FormError
from kobo_sync.forms.compiler import compile_form
from kobo_sync.forms.complaints import in_our_words, lines_of
from kobo_sync.language.sentences import translated
from kobo_sync.model import Finding

HEAD = "| survey |\n| | type | name | label | relevant | calculation | parameters |\n"
CHOICES = "| choices |\n| | list_name | name | label |\n| | yn | y | Yes |\n| | yn | n | No |\n"
SETTINGS = "| settings |\n| | form_id | version |\n| | f | 1 |\n"


def refusal(*rows: str, choices: str = CHOICES, validate: bool = False) -> tuple[Finding, ...]:
    text = HEAD + "".join(f"| | {row} |\n" for row in rows) + choices + SETTINGS
    with pytest.raises(FormError) as failure:
        compile_form(text.encode(), "f.md", validate=validate)
    return tuple(failure.value.findings)


PYXFORM = [
    (("begin_group | g | G", "text | a | A"), "sheet survey, row 2", "`begin_group` of “g” has no `end_group`"),
    (("text | a | A", "end_group | |"), "sheet survey, row 3", "`end_group` ends nothing"),
    (("foo | a | A",), "f.md", "“foo” is no type of question"),
    (("text | | A",), "sheet survey, row 2", "a question or a group has no name"),
    (("text | a | A", "text | a | B"), "sheet survey, row 3", "the name “a” stands twice in one group"),
    (
        ("text | a | A | ${zz} = 1",),
        "sheet survey, row 2",
        "the column relevant names “zz”, and no question is called so",
    ),
    (("select_one q | a | A",), "sheet survey, row 2", "the list “q” is not on the sheet of choices"),
    (("text | 1a b | A",), "sheet survey, row 2", "what stands in the column name cannot be a name"),
    (("calculate | a | |",), "sheet survey, row 2", "a row of type calculate has no calculation"),
    (("image | a | A | | | max-pixels=abc",), "f.md", "the parameter max-pixels is no whole number"),
    (("range | a | A | | | start=1 end=0 step=5",), "row 2", "the parameters of a question of type range do not fit"),
    (("text | a |",), "sheet survey, row 2", "the question “a” has no label"),
]


@pytest.mark.parametrize(("rows", "where", "ours"), PYXFORM, ids=[ours for _, _, ours in PYXFORM])
def test_what_pyxform_refuses(rows: tuple[str, ...], where: str, ours: str) -> None:
    finding = refusal(*rows)[0]
    assert finding.rule == "FORM000" and where in finding.where
    assert finding.message.startswith(ours) and " (pyxform: “" in finding.message
    assert finding.hint != "correct the workbook, then lint it again"
    for language in ("fr", "ar"):
        told = translated(finding.message, language)
        assert (
            ours not in told
            and told.partition("(pyxform")[2] == finding.message.partition("(pyxform")[2]
            and translated(finding.hint, language) != finding.hint
        )


@pytest.mark.parametrize(
    ("choices", "ours"),
    [
        ("| | yn | y | Again |\n", "a choice's name stands twice in its list"),
        ("| | yn | | Again |\n", "a choice has no name"),
        ("", "the sheet choices is missing"),
    ],
)
def test_what_it_refuses_of_choices(choices: str, ours: str) -> None:
    (finding,) = refusal("select_one yn | a | A", choices=CHOICES + choices if choices else "")
    assert finding.message.startswith(ours)


def test_what_validate_refuses_is_one_finding_each_with_its_row() -> None:
    (unknown,) = refusal("text | a | A", "calculate | b | | | foo(${a})", validate=True)
    assert unknown.message.startswith("phones know no function called foo (ODK Validate: “Error evaluating field 'b'")
    assert "row 3" in unknown.where and "10 more" not in unknown.message
    (circle,) = refusal("text | a | A | ${b} = 1", "text | b | B | ${a} = 1", validate=True)
    assert circle.message.startswith("questions depend on each other in a circle") and "${a} ${b}" in circle.message
    (unread,) = refusal("integer | a | A", "text | b | B | ${a} > (3", validate=True)
    assert unread.message.startswith("an expression of “b” cannot be read") and "row 3" in unread.where
    assert "mismatched brackets" in unread.message


@pytest.mark.parametrize(
    ("row", "sheets", "ours"),
    [
        ("select_one yn or_other | a | A | | | ", "filter", "a question has or_other and a choice_filter"),
        ("audit | audit_2 | | | | ", "", "a row of type audit has a name"),
        ("image | a | A | | | max-pixels 3", "", "the parameters are not written as name=value"),
        ("image | a | A | | | max-width=3", "", "this type of question has no parameter called max-width"),
        ("geopoint | a | A | | | capture-accuracy=x", "", "the parameter capture-accuracy is no number"),
        ("geopoint | a | A | | | allow-mock-accuracy=oui", "", "the parameter allow-mock-accuracy is neither"),
        ("select_one yn | a | A | | | randomize=oui", "", "the parameter randomize is neither true nor false"),
        ("select_one yn | a | A | | | seed=3", "", "the parameter seed is no number"),
        ("geotrace | a | A | | | incremental=no", "", "the parameter incremental can only be true"),
        ("text | meta | A | | | ", "", "a question is called meta"),
        ("background-geopoint | a | A | | | ", "", "a background-geopoint has a calculation, or no trigger"),
        ("select_one_from_file zones.txt | a | A | | | ", "", "the file of `select_one_from_file zones.txt` has"),
        ("text | a | A | | | ", "save_to", "a question has save_to, and there is no sheet entities"),
        ("text | a | A | | | ", "entities", "the sheet entities and the column save_to do not fit together"),
    ],
)
def test_more_that_pyxform_refuses_in_one_language(row: str, sheets: str, ours: str) -> None:
    more = {"filter": "choice_filter", "save_to": "save_to"}.get(sheets, "hint")
    text = HEAD.replace("parameters |", f"parameters | {more} |") + f"| | {row} | x |\n" + CHOICES
    text += "| entities |\n| | list_name |\n| | personnes |\n" if sheets == "entities" else ""
    with pytest.raises(FormError) as failure:
        compile_form((text + SETTINGS).encode(), "f.md", validate=False)
    (finding,) = failure.value.findings
    assert finding.message.startswith(ours), finding.message
    for language in ("fr", "ar"):
        line = f"{finding.where}: {finding.message} → {finding.hint}"
        told = translated(line, language)
        theirs = finding.message.partition("(pyxform: ")[2]
        assert theirs in told and ours not in told and finding.hint not in told


def test_what_nobody_foresaw_is_one_sentence_in_one_language_and_their_words() -> None:
    message, cure = in_our_words("Missing calculation at the file is missing: “x”, and more.", "a tool")
    assert message.startswith("a row of type calculate")
    line = "Something new (the column is missing, at 3): the file is missing"
    message, cure = in_our_words(line, "pyxform")
    assert message == f"the form cannot be compiled as it is written (pyxform: “{line}”)"
    for language, ours in (("fr", "ne peut pas être compilé"), ("ar", "لا يمكن")):
        told = translated(f"f.xlsx: {message} → {cure}", language)
        assert f"(pyxform: “{line}”)" in told and ours in told and "correct the" not in told
    assert in_our_words("New.", "ODK Validate")[0].startswith("phones could not open the form")
    assert lines_of("") == ["pyxform gave no reason"]
    assert lines_of("ODK Validate Errors:\n>> One.\n>> One.\n... 10 more\nTwo.") == ["One.", "Two."]
