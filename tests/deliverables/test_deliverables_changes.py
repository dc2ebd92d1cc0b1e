"""Part 7, A5: what changed between two builds never tells of one or two persons."""

from __future__ import annotations

import io

from docx import Document as open_docx
from invented_facts import make_facts

from kobo_sync.deliverables.changes import Change, changes_paper
from kobo_sync.model import Manifest

FIGURES = {"presents": "25", "taux": "100 %", "tests_apparies": "20", "score_avant": "58 %", "actions": "3"}


def rows(before: dict[str, str], now: dict[str, str]) -> list[list[str]]:
    change = Change("bertat", Manifest(figures=before), Manifest(figures=now))
    paper = open_docx(io.BytesIO(changes_paper(make_facts(3), [change]).content))
    return [[cell.text for cell in row.cells] for table in paper.tables for row in table.rows[1:]]


def test_one_person_more_is_said_without_numbers_nor_what_rests_on_them() -> None:
    now = {**FIGURES, "tests_apparies": "21", "score_avant": "60 %", "actions": "4"}
    assert rows(FIGURES, now) == [
        ["Tests appariés", "–", "écart de moins de 3 personnes"],
        ["Score avant", "–", "écart de moins de 3 personnes"],
        ["Actions prévues", "3", "4"],
    ]


def test_three_persons_more_are_told() -> None:
    now = {**FIGURES, "tests_apparies": "23", "score_avant": "60 %"}
    assert rows(FIGURES, now) == [["Tests appariés", "20", "23"], ["Score avant", "58 %", "60 %"]]
