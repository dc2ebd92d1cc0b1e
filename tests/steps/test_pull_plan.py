"""Quick or complete: each decision and its reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kobo_sync.steps.pulling.plan import Known, doubt, plan_pull

NOW = datetime(2025, 2, 12, 8, tzinfo=UTC)
RECENT = NOW - timedelta(hours=3)


@pytest.mark.parametrize(
    ("known", "quick", "full", "is_complete", "restart", "said"),
    [
        (Known(False, True, None), True, False, True, True, "nothing is held"),
        (Known(True, False, RECENT), True, False, True, True, "another project"),
        (Known(True, True, None), True, False, True, False, "there was none"),
        (Known(True, True, NOW - timedelta(hours=25)), True, False, True, False, "more than 24 h"),
        (Known(True, True, RECENT), False, False, True, False, "usual way"),
        (Known(True, True, RECENT), True, True, True, True, "asked for"),
        (Known(True, True, RECENT), True, False, False, False, "the server's own questions"),
    ],
)
def test_each_plan_has_its_reason(
    known: Known, quick: bool, full: bool, is_complete: bool, restart: bool, said: str
) -> None:
    plan = plan_pull(known, NOW, quick=quick, full=full, complete_hours=24)
    assert (plan.is_complete, plan.restart) == (is_complete, restart)
    assert said in " ".join(plan.reasons)


def test_counts_that_disagree_leave_a_doubt() -> None:
    assert doubt(10, 8, 1, 1) == ""
    assert "lists 11 rows, 10 are" in doubt(11, 8, 1, 1)
