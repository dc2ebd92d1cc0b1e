"""A participant erased here and on ODK Central: deleted, asked for again, and not brought back by an edit or a pull."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from central_field import PERSON, CentralField, central_field_in

from kobo_sync.steps.person import erase_all
from kobo_sync.steps.pull import pull


@pytest.fixture
def there(tmp_path: Path) -> Iterator[CentralField]:
    with central_field_in(tmp_path) as field:
        yield field


def _codes(there: CentralField) -> list[str]:
    mission = there.mission
    return sorted(mission.store.read_table(mission.tables["personnes"][0])["code"])


@pytest.mark.parametrize("quick", [True, False])
def test_an_erased_person_stays_away_and_goes_upstream_when_asked(there: CentralField, quick: bool) -> None:
    mission = there.mission
    rows = [there.person(f"N{n}") for n in range(1, 4)]
    pull(mission)
    erase_all(mission, "N2", upstream=False)
    again = pull(mission, quick=quick)
    assert not again.has_errors and _codes(there) == ["N1", "N3"]
    there.office.edit("personnes", rows[1], {**PERSON, "code": "N2", "nom": "Nom N2, corrigé"})
    edited = pull(mission, quick=quick)
    assert not edited.has_errors and _codes(there) == ["N1", "N3"]
    gone = erase_all(mission, "N2", upstream=True)
    assert gone.counts["deleted"] == 1 and "PERSON002" in {finding.rule for finding in gone.findings}
    assert len(there.office.form("personnes").live) == 2
    last = pull(mission, quick=quick)
    assert last.counts["deleted"] == 1 and not last.has_errors and _codes(there) == ["N1", "N3"]
