"""Part 8, A21: a score is rounded alike in tables, figures, on the zone sheet and on the dashboard."""

from __future__ import annotations

import io
import re

import pytest
from docx import Document as open_docx
from invented_facts import make_facts, make_tables
from test_presence_words import words_of

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.overview import dashboard
from kobo_sync.analysis.published import printed_change
from kobo_sync.analysis.published_needs import printed_needs
from kobo_sync.deliverables import figures, letterhead, needs, report_annexes, result_sheets, zone_sheet
from kobo_sync.language import typography


def at_a_half() -> Facts:
    """Three groups of sixteen: transport has 18 points of each, 1.125."""
    tables = make_tables(60, 1, "bertat")
    ballots = ["transport ambulance internat"] * 6 + ["ambulance internat medicaments"] * 10
    rows = tables["besoins"].iloc[:48].copy()
    rows["classement"] = ballots * 3
    rows["groupe"] = ["ed"] * 16 + ["sante"] * 16 + ["cld"] * 16
    rows["sexe"] = ["f", "h"] * 24
    return make_facts(60, tables=tables | {"besoins": rows})


def test_a_score_at_a_half_is_one_number_everywhere() -> None:
    facts = at_a_half()
    printed = {each.need.code: each.score for each in printed_needs(facts).needs}
    assert (printed["transport"], printed_needs(facts).digits) == (1.125, 2)
    paper = words_of(facts, needs)
    assert "1,13" in paper
    assert "1,12" not in paper + alternative_texts(needs.build(facts)[0].content)
    on_sheet = {label: shown for label, _, _, shown in zone_sheet._needs(facts, printed_needs(facts))}
    assert on_sheet["Transport scolaire"] == "1,13"
    on_page = dashboard(facts, [facts])["zones"][0]["published"]["needs"]
    assert {each["label"]: each["score"] for each in on_page}["Transport scolaire"] == 1.13


def alternative_texts(content: bytes) -> str:
    body = open_docx(io.BytesIO(content)).element.body
    return re.sub("[\u00a0\u202f]", " ", " ".join(each.get("descr", "") for each in body.iter("{*}docPr")))


@pytest.mark.parametrize(("n", "seed"), [(12, 1), (12, 3), (20, 1)])
def test_a_change_rounded_to_the_point_has_no_decimals_anywhere(n: int, seed: int) -> None:
    """Of a rounded number of pairs, tables say +34 and 0,7: so must the annex and the workbook, not +34,0 and 0,71."""
    facts = make_facts(n, seed=seed)
    printed = printed_change(facts)
    assert printed is not None and not printed.exact
    *_, change, gain = letterhead.scores(printed)
    cells = {name: value for name, value, _ in figures.printed_figures(facts)}
    assert (cells["change"], cells["gain"]) == (change, gain)
    annex = dict(tuple(row[:2]) for row in report_annexes._measures(facts))
    assert annex["Évolution moyenne, en points"] == change
    assert annex["Gain de classe ⟨g⟩"] == gain


def test_a_score_of_one_decimal_has_one_in_the_workbook() -> None:
    """Of a rounded number of respondents the paper says 0,9: not 0,90 in the cells."""
    facts = next(each for each in map(make_facts, range(12, 40)) if printed_needs(each).digits == 1)
    first = printed_needs(facts).needs[0]
    cells = {name: value for name, value, _ in figures.printed_figures(facts)}
    assert cells[f"need_score:{first.need.code}"] == typography.number(first.score, 1)
    columns = result_sheets._ranking(facts, printed_needs(facts)).columns
    assert {column.name: column.kind for column in columns}["Score (0–3)"] == "tenth"
