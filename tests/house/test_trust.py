"""The tables of `make trust` name tests that are there, and it fails when one does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import trust

REPO = Path(__file__).parents[2]


@pytest.mark.parametrize("row", [row for rows in trust.TABLES.values() for row in rows], ids=lambda row: row.promise)
def test_each_row_names_tests_that_are_there(row: trust.Row) -> None:
    assert row.tests and all((REPO / name.partition("::")[0]).exists() for name in row.tests)


@pytest.mark.parametrize(
    ("outcome", "holds"),
    [
        (trust.Outcome(5, 0, 1, 0, 1.0), True),
        (trust.Outcome(5, 1, 0, 0, 1.0), False),
        (trust.Outcome(0, 0, 3, 0, 1.0), False),  # nothing was shown
    ],
)
def test_a_row_holds_when_something_passed_and_nothing_failed(outcome: trust.Outcome, holds: bool) -> None:
    assert outcome.holds is holds


def test_a_test_that_fails_or_is_missing_makes_its_row_fall_short(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text("def test_a(): assert True\ndef test_b(): assert False\n", "utf-8")
    row = trust.Row("one of two", (str(tmp_path / "test_one.py"), "-c", str(tmp_path / "none.ini")))
    (tmp_path / "none.ini").write_text("", "utf-8")
    outcome = trust.run(row, {"PATH": "/usr/bin:/bin"})
    assert (outcome.n_passed, outcome.n_failed, outcome.holds) == (1, 1, False)


def test_every_test_that_security_md_names_is_there() -> None:
    text = (REPO / "SECURITY.md").read_text("utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert len(named) > 25
    assert [f"{file}::{name}" for file, name in named if f"def {name}(" not in (REPO / file).read_text("utf-8")] == []
