"""Part 8, A25: a number is a number in every script and with either comma, everywhere that numbers are read; what is open is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pandas as pd
import pytest
from in_french import in_french
from invented_facts import make_actions, make_facts

from kobo_sync.analysis import meaning
from kobo_sync.analysis.days import dates
from kobo_sync.analysis.focus import focus_groups
from kobo_sync.analysis.needs import needs
from kobo_sync.analysis.roadmap import road_map
from kobo_sync.analysis.satisfaction import satisfaction
from kobo_sync.checks import scores, unread_numbers
from kobo_sync.deliverables import sentences
from kobo_sync.numbers import day_of, number_of, plain_number


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


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2025-03-15", date(2025, 3, 15)),
        ("2025-03-15T09:00:00.000+01:00", date(2025, 3, 15)),
        ("٢٠٢٥-٠٣-١٥", date(2025, 3, 15)),
        ("15/03/2025", date(2025, 3, 15)),
        ("5.3.2025", date(2025, 3, 5)),
        ("١٥/٠٣/٢٠٢٥", date(2025, 3, 15)),
        ("03/15/2025", None),
        ("2025-02-30", None),
        ("15/03/25", None),
        ("15/03-2025", None),
        ("2025-03", None),
        ("mars 2025", None),
        ("", None),
    ],
)
def test_a_day_is_a_day_in_every_script_and_as_people_write_it(text: str, day: date | None) -> None:
    assert day_of(text) == day


@pytest.mark.parametrize("text", ["15/03/2025", "٢٠٢٥-٠٣-١٥"])
def test_a_deadline_typed_by_hand_is_a_deadline(text: str) -> None:
    tables = make_actions(1)
    tables["route__actions"] = tables["route__actions"].assign(echeance=text)
    facts = make_facts(tables=tables)
    (action,) = road_map(facts).actions
    assert (action.deadline, action.smart_complete) == (date(2025, 3, 15), True)
    assert action.overdue(date(2025, 3, 16))
    assert not list(unread_numbers.check(facts))


def test_a_deadline_that_nobody_can_read_is_printed_as_answered_and_told() -> None:
    tables = make_actions(1)
    tables["route__actions"] = tables["route__actions"].assign(echeance="mars 2025")
    facts = make_facts(tables=tables)
    (action,) = road_map(facts).actions
    assert (action.lacking, sentences.due_words(action)) == (("deadline",), "mars 2025")
    (finding,) = in_french(unread_numbers.check(facts))
    assert finding.message == "« echeance » : la réponse ne se lit pas comme une date"
    assert "mars" not in finding.message + finding.hint


def test_an_attendance_day_typed_by_hand_is_that_day() -> None:
    days = dates(["11/02/2025", "١١/٠٢/٢٠٢٥", "2025-02-12", None, "hier"])
    assert [str(day) for day in days] == ["2025-02-11", "2025-02-11", "2025-02-12", "NaT", "NaT"]
