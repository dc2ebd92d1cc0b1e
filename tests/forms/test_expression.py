"""XLSForm expressions, evaluated as a phone would."""

from __future__ import annotations

import pytest

from kobo_sync.forms.expression import Unsupported, evaluate, is_true, text_of

KNOWN = {"accord": "oui", "n": "12", "besoins": "eau route ecole", "vide": ""}
LISTS = {"zones": [{"name": "nord", "prefix": "NOR"}]}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("${accord} = 'oui'", "true"),
        ("${accord} != 'oui' or ${n} > 11", "true"),
        ("${n} >= 12 and not(${absent} = '')", "false"),
        ("selected(${besoins}, 'route')", "true"),
        ("count-selected(${besoins}) = 3", "true"),
        ("selected-at(${besoins}, 2)", "ecole"),
        ("if(${n} < 10, '0', '')", ""),
        ("concat('BER', '-', if(${n} < 10, '0', ''), ${n})", "BER-12"),
        ("translate('٠٦ ١٢', '٠١٢٣٤٥٦٧٨٩ ', '0123456789')", "0612"),
        ("2 + 3 * 4 - 1", "13"),
        ("7 mod 4 = 3 and 9 div 2 = 4.5", "true"),
        ("regex('BER-07', '^[A-Z]{3}-[0-9]{2}$')", "true"),
        ("substring-after('+212661', '+212')", "661"),
        ("coalesce(${vide}, ${accord})", "oui"),
        ("string-length('ⵜⴰⵎ') = 3", "true"),
        ("instance('zones')/root/item[name = 'nord']/prefix", "NOR"),
        ("instance('zones')/root/item[name = ${accord}]/prefix", ""),
        ("${n} = 12.0", "true"),
        ("'' < 1", "false"),
    ],
)
def test_values_are_those_of_a_phone(expression: str, value: str) -> None:
    assert text_of(evaluate(expression, KNOWN, lists=LISTS)) == value


@pytest.mark.parametrize("expression", ["count(${membre})", "/data/x", "${a} = ", "today() > 3", "1 1", "(1", "'open"])
def test_what_it_does_not_know_it_says(expression: str) -> None:
    with pytest.raises(Unsupported):
        evaluate(expression, KNOWN)


@pytest.mark.parametrize(
    ("value", "text"), [(float("nan"), "NaN"), (float("inf"), "Infinity"), (float("-inf"), "-Infinity"), (2.0, "2")]
)
def test_numbers_that_are_none_have_a_text(value: float, text: str) -> None:
    assert text_of(value) == text


def test_truth_is_xpath_s() -> None:
    assert not is_true("") and is_true("0") and not is_true(0.0) and not is_true(float("nan"))
