"""Who may enter which mission of a federation, and as what: beside the accounts, in the federation's own desk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import cast

import sqlalchemy as sa

from kobo_sync.databases.versions import Versioned, bring_up, is_current
from kobo_sync.desk import accounts, journal, schema
from kobo_sync.desk.accounts import AccountRefused, User
from kobo_sync.desk.database import Desk, put
from kobo_sync.desk.migrations import fact
from kobo_sync.model import AccountRole

NO_ROLE = ""  # of an account that has rights in the missions named to it alone; any other role holds in all of them
FACT = "rights_version"

metadata = sa.MetaData()
rights = sa.Table(
    "mission_rights",
    metadata,
    sa.Column("username", sa.String(64), primary_key=True),
    sa.Column("mission", sa.String(64), primary_key=True),  # its folder's name
    sa.Column("role", sa.String(16), nullable=False),  # administrator, staff, consultant, reader
    sa.Column("may_see_names", sa.Boolean, nullable=False),
)


def _version(connection: sa.Connection) -> int:
    is_made = sa.inspect(connection).has_table(schema.facts.name)
    return int(fact(connection, FACT) or 0) if is_made else 0


def _record(connection: sa.Connection, version: int) -> None:
    facts = schema.facts
    connection.execute(facts.delete().where(facts.c.name == FACT))
    connection.execute(facts.insert().values(name=FACT, value=str(version)))


RIGHTS = Versioned("the rights", 1, read=_version, record=_record, create=metadata.create_all, steps={})


def bring_up_rights(desk: Desk) -> None:
    """Give a federation's *desk* the table of rights as this program has it. Raises: StoreError when it is a newer one's."""
    with desk.read() as connection:
        needs_nothing = is_current(RIGHTS, connection, "the federation's desk")
    if not needs_nothing:
        with desk.begin() as connection:
            bring_up(RIGHTS, connection, "the federation's desk")


def give(desk: Desk, username: str, mission: str, role: AccountRole, *, names: bool, now: datetime, by: str) -> None:
    """Let the account *username* enter *mission* as *role*, in place of what it may there now; *by* does so. Raises: AccountRefused."""
    if accounts.user(desk, username) is None:
        raise AccountRefused(f"there is no account {username}", hint="`kobo-sync user list` names them")
    values = {"role": role, "may_see_names": names or role in accounts.STAFF}
    with desk.begin() as connection:
        put(connection, rights, {"username": username, "mission": mission}, values)
        about = {"mission": mission, "role": role, "names": "yes" if values["may_see_names"] else "no"}
        journal.append(connection, accounts.ACCOUNT, username, by=by, now=now, change="right", **about)


def withdraw(desk: Desk, username: str, mission: str, *, now: datetime, by: str) -> bool:
    """End what *username* may in *mission* by a right of its own, as *by* wishes; False when it had none."""
    mine = (rights.c.username == username) & (rights.c.mission == mission)
    with desk.begin() as connection:
        is_ended = bool(connection.execute(rights.delete().where(mine)).rowcount)
        if is_ended:
            about = {"change": "right withdrawn", "mission": mission}
            journal.append(connection, accounts.ACCOUNT, username, by=by, now=now, **about)
    return is_ended


def rights_of(desk: Desk, username: str) -> Mapping[str, tuple[AccountRole, bool]]:
    """Mission → (role, whether nominative documents may be seen) of the rights that the account has by name."""
    query = sa.select(rights).where(rights.c.username == username).order_by(rights.c.mission)
    with desk.read() as connection:
        return {row.mission: (cast(AccountRole, row.role), row.may_see_names) for row in connection.execute(query)}


def in_mission(desk: Desk, user: User, mission: str) -> User | None:
    """The person as *mission* knows them, None for one who has no business there.

    A right in the mission itself goes before the role that an account has in all of them.
    """
    return as_in(user, rights_of(desk, user.username), mission)


def as_in(user: User, given: Mapping[str, tuple[AccountRole, bool]], mission: str) -> User | None:
    """As `in_mission`, with the rights that `rights_of` gave."""
    if mission in given:
        role, names = given[mission]
        return replace(user, role=role, may_see_names=names)
    return user if user.role != NO_ROLE else None


def users_of(desk: Desk, mission: str) -> list[User]:
    """All who may enter *mission*, as it knows them, by user name; closed accounts included."""
    with desk.read() as connection:
        rows = connection.execute(sa.select(rights).where(rights.c.mission == mission)).all()
    given = {row.username: {mission: (cast(AccountRole, row.role), bool(row.may_see_names))} for row in rows}
    pairs = [as_in(user, given.get(user.username, {}), mission) for user in accounts.users(desk)]
    return [user for user in pairs if user is not None]
