"""Part 8, A25: a number is a number in every script and with either comma, everywhere that numbers are read; what is open is told."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from invented_facts import make_facts

from kobo_sync.analysis import meaning
from kobo_sync.analysis.focus import focus_groups
from kobo_sync.analysis.needs import needs
from kobo_sync.analysis.satisfaction import satisfaction
from kobo_sync.checks import scores, unread_numbers
from kobo_sync.numbers import number_of, plain_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2,5", 2.5),
        ("2.5", 2.5),
        ("٢٫٥", 2.5),
        ("٢،٥", 2.5),
        ("٢,٥", 2.5),
        ("۲٫۵", 2.5),
        ("٢٬٥٠٠", 2500),
        ("٢٬٥٠٠٫٧٥", 2500.75),
        ("۲۵", 25),
        ("0,125", 0.125),
        ("1234,567", 1234.567),
        ("1,234,567", 1234567),
        ("1.234.567", 1234567),
        ("1,234.5", 1234.5),
        ("1.234,5", 1234.5),
        ("1.234", 1.234),
        ("12 500", 12500),
        ("12\u202f500,5", 12500.5),
        ("12'500", 12500),
        ("-3,5", -3.5),
        ("−3", -3),
        (" 7 ", 7),
        ("\u200f٧\u200e", 7),
        ("1e3", 1000),
        ("5,", 5),
    ],
)
def test_what_a_typed_number_means(text: str, number: float) -> None:
    assert number_of(text) == number
    assert plain_number(text).isascii()


@pytest.mark.parametrize(
    "text",
    [
        "1,234",
        "12,500",
        "",
        " ",
        "deux",
        "2,5,1",
        "1.2.3",
        "12,34,567",
        "nan",
        "inf",
        "1e999",
        "1_000",
        "-",
        ",",
        "٫",
        "2 5",
        "½",
        "²",
    ],
)
def test_what_is_no_number_or_may_be_two_is_not_read(text: str) -> None:
    assert number_of(text) is None


def test_analyses_and_checks_read_the_same_numbers_and_name_what_they_do_not() -> None:
    facts = make_facts(3)
    tables = dict(facts.tables)
    tables["besoins__evaluation"] = tables["besoins__evaluation"].assign(gravite="٢٫٥", menages="12,500")
    tables["satisfaction"] = tables["satisfaction"].assign(recommandation=pd.Series(["٩", "10,0", "6"], dtype=object))
    tables["focus"] = tables["focus"].assign(femmes="٤", hommes="trois")
    facts = replace(facts, tables=tables)
    need = needs(facts).needs[0]
    assert (need.severity.value, need.households.value) == (2.5, None)
    advice = satisfaction(facts).recommendation
    assert (advice.n, advice.n_promoters, advice.n_detractors) == (3, 2, 1)
    assert (focus_groups(facts).n_women, focus_groups(facts).n_men) == (12, 0)
    unread = {(f.form_id, f.subject.partition("/")[0]) for f in unread_numbers.check(facts)}
    assert unread == {("besoins", "menages"), ("focus", "hommes")}
    assert not list(scores.check(facts))
    assert meaning.number("1,234") is None
