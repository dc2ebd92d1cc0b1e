"""Part 8, A26: what is not there, or not told, is said in words that stand."""

from __future__ import annotations

import io

import openpyxl
from invented_facts import make_facts
from test_presence_words import words_of

from kobo_sync.deliverables import data_quality, evaluations, needs


def test_the_quality_paper_of_no_data_says_that_none_came() -> None:
    text = words_of(make_facts(0), data_quality)
    assert "Aucune donnée n’a été reçue ; empreinte du contenu" in text
    assert "arrêtées au aucune" not in text


def test_a_number_that_is_not_told_is_no_dash_after_an_equals_sign() -> None:
    for n in (7, 10, 25):
        assert "n = –" not in words_of(make_facts(n, seed=0), needs)
    assert "n non publié" in words_of(make_facts(10, seed=0), needs)


def test_a_workbook_shows_a_small_p_and_the_quota_s_rate_as_numbers() -> None:
    workbook = next(each.content for each in evaluations.build(make_facts(60)) if each.path.endswith(".xlsx"))
    rows = {row[5].value: row[2] for row in openpyxl.load_workbook(io.BytesIO(workbook))["Indicateurs"].iter_rows()}
    assert isinstance(rows["quota_completion"].value, float)
    assert rows["quota_completion"].number_format.endswith("%")
    assert rows["t_p"].value < 0.001
    shown = rows["t_p"].number_format.partition(";")[0]
    assert shown == '[<0.001]"<\u202f0,001"'  # the cell's own digits would read « < 0,000 »
    headings = openpyxl.load_workbook(io.BytesIO(needs.build(make_facts(10, seed=0))[1].content))
    assert not any("n = –" in str(cell.value) for sheet in headings for row in sheet.iter_rows() for cell in row)
