"""What is to be done about holds: ours are placed and released, what somebody decided stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kobo_sync.desk.database import Desk
from kobo_sync.desk.holds import Hold, holds_of, plan_holds, put_holds
from kobo_sync.rows.listing import RowStatus

WISH = Hold("f", "r1", "1", "placing", "DATA002 : …", "e1")


def plan(wanted: list[Hold], held: list[Hold], validation: Any, by: str = "") -> dict[str, list[str]]:
    said = {} if validation is None else {"1": RowStatus("1", validation, by)}
    made = plan_holds(wanted, held, said, "robot")
    return {
        name: [hold.state for hold in getattr(made, name)]
        for name in ("place", "release", "note", "left")
        if getattr(made, name)
    }


def held(state: Any, evidence: str = "e1") -> list[Hold]:
    return [replace(WISH, state=state, evidence=evidence)]


@pytest.mark.parametrize(
    ("before", "validation", "by", "expected"),
    [
        ([], "", "", {"place": ["placing"]}),
        ([], "approved", "awa", {"left": ["placing"]}),
        ([], "on_hold", "robot", {"left": ["placing"]}),  # the account's own, but not noted: a person used it
        (held("placing"), "", "", {"place": ["placing"]}),  # died before the server was asked
        (held("placing"), "on_hold", "robot", {"note": ["placed"]}),  # died after
        (held("placed"), "on_hold", "robot", {}),
        (held("placed"), "on_hold", "awa", {"left": ["placing"], "note": ["overruled"]}),
        (held("placed"), "", "", {"left": ["placing"], "note": ["overruled"]}),  # somebody cleared it
        (held("overruled"), "", "", {"left": ["placing"]}),
        (held("overruled", "e0"), "", "", {"place": ["placing"]}),  # other findings ask anew
        (held("releasing"), "on_hold", "robot", {"note": ["placed"]}),
        (held("releasing"), "", "", {"place": ["placing"]}),
        (held("placed"), None, "", {"note": ["released"]}),  # the row is gone
    ],
)
def test_a_row_that_the_checks_want_on_hold(before: list[Hold], validation: Any, by: str, expected: Any) -> None:
    assert plan([WISH], before, validation, by) == expected


@pytest.mark.parametrize(
    ("state", "validation", "by", "expected"),
    [
        ("placed", "on_hold", "robot", {"release": ["releasing"]}),
        ("placing", "on_hold", "robot", {"release": ["releasing"]}),
        ("releasing", "on_hold", "robot", {"release": ["releasing"]}),
        ("releasing", "", "", {"note": ["released"]}),
        ("placed", "on_hold", "awa", {"note": ["released"]}),
        ("placed", "approved", "awa", {"note": ["released"]}),
        ("overruled", "on_hold", "robot", {"note": ["released"]}),
        ("placed", None, "", {"note": ["released"]}),
    ],
)
def test_a_row_whose_findings_are_closed(state: Any, validation: Any, by: str, expected: Any) -> None:
    assert plan([], held(state), validation, by) == expected


def test_holds_are_kept_with_their_reason(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk.sqlite")
    now = datetime(2025, 2, 11, tzinfo=UTC)
    put_holds(desk, [WISH, replace(WISH, root_uuid="r2", form_id="g")], now)
    put_holds(desk, [replace(WISH, state="placed")], now)
    assert holds_of(desk, "f") == [replace(WISH, state="placed")]
    put_holds(desk, [replace(WISH, state="released")], now)
    assert holds_of(desk, "f") == []
    desk.close()
