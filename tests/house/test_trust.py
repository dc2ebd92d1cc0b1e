"""The tables of `make trust` name tests that are there, and it fails when one does."""

from __future__ import annotations

import re
import sys
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


@pytest.mark.parametrize(("passes", "word", "code"), [(True, "one", 0), (False, "one", 1), (True, "no such row", 1)])
def test_the_program_ends_with_one_unless_all_that_was_asked_for_held(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    passes: bool,
    word: str,
    code: int,
) -> None:
    (tmp_path / "none.ini").write_text("", "utf-8")
    (tmp_path / "test_one.py").write_text(f"def test_a(): assert {passes}\n", "utf-8")
    row = trust.Row("one", (str(tmp_path / "test_one.py"), "-c", str(tmp_path / "none.ini")))
    monkeypatch.setattr(trust, "TABLES", {"Table": (row,)})
    monkeypatch.setattr(sys, "argv", ["trust.py", "--only", word])
    with pytest.raises(SystemExit) as ended:
        trust.main()
    assert ended.value.code == code
    assert ("1 passed, 0 failed" in capfd.readouterr().out) is (code == 0)


def test_every_test_that_security_md_names_is_there() -> None:
    text = (REPO / "SECURITY.md").read_text("utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert len(named) > 25
    assert [f"{file}::{name}" for file, name in named if f"def {name}(" not in (REPO / file).read_text("utf-8")] == []
