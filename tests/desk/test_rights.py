"""Who may enter which mission of a federation: a right of the mission's own goes before a role in all."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kobo_sync.databases.versions import bring_up
from kobo_sync.desk import accounts, rights
from kobo_sync.desk.accounts import AccountRefused
from kobo_sync.desk.database import Desk
from kobo_sync.errors import StoreError

NOW = datetime(2025, 2, 11, 8, tzinfo=UTC)
SENTENCE = "une phrase assez longue"


@pytest.fixture
def shared(desk: Desk) -> Desk:
    rights.bring_up_rights(desk)
    for username, role in (("maha", "staff"), ("lea", rights.NO_ROLE), ("rachid", "reader")):
        accounts.add_user(desk, username, "", role, SENTENCE, names=False, now=NOW, by="")  # type: ignore[arg-type]
    return desk


def test_rights_hold_in_their_mission_alone(shared: Desk) -> None:
    rights.give(shared, "lea", "nord", "consultant", names=True, now=NOW, by="amina")
    rights.give(shared, "rachid", "sud", "staff", names=False, now=NOW, by="amina")
    people = {each.username: each for each in accounts.users(shared)}

    def seen(username: str, mission: str) -> tuple[str, bool] | None:
        user = rights.in_mission(shared, people[username], mission)
        return (user.role, user.may_see_names) if user else None

    assert seen("lea", "nord") == ("consultant", True) and seen("lea", "sud") is None
    assert seen("rachid", "nord") == ("reader", False) and seen("rachid", "sud") == ("staff", True)
    assert seen("maha", "nord") == ("staff", True)
    assert [user.username for user in rights.users_of(shared, "nord")] == ["lea", "maha", "rachid"]
    assert [user.username for user in rights.users_of(shared, "sud")] == ["maha", "rachid"]
    assert rights.withdraw(shared, "lea", "nord", now=NOW, by="amina") and not rights.withdraw(
        shared, "lea", "nord", now=NOW, by="amina"
    )
    assert seen("lea", "nord") is None


def test_a_right_is_an_account_s(shared: Desk) -> None:
    with pytest.raises(AccountRefused, match="no account nobody"):
        rights.give(shared, "nobody", "nord", "staff", names=False, now=NOW, by="amina")


def test_a_newer_program_s_rights_are_refused_unharmed(shared: Desk) -> None:
    rights.bring_up_rights(shared)
    with shared.begin() as connection:
        rights.RIGHTS.record(connection, 2)
    with pytest.raises(StoreError, match="newer"):
        rights.bring_up_rights(shared)
    with shared.begin() as connection:
        rights.RIGHTS.record(connection, 0)
        bring_up(rights.RIGHTS, connection, "the federation's desk")
