"""Links that work once: the first administrator makes an account behind one, everybody else chooses a password."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from kobo_sync.desk import accounts, journal, schema
from kobo_sync.desk.accounts import AccountRefused
from kobo_sync.desk.database import Desk
from kobo_sync.errors import KoboSyncError

FIRST = ""  # in place of a user name: the link makes the first administrator
LIFE, FIRST_LIFE = timedelta(hours=24), timedelta(hours=1)

L, U, S = schema.one_time_links, schema.users, schema.sessions


@dataclass(frozen=True)
class OneTimeLink:
    """A link that is open: for the account *username*, or the first administrator's (`FIRST`); the token itself is not kept."""

    username: str
    name: str
    expires_at: datetime


class LinkEnded(KoboSyncError):
    """A link that was used, has expired, or never was."""


def make_link(desk: Desk, username: str, by: str, now: datetime) -> str:
    """A link's token, shown this once; earlier links for *username* end, unless it is `FIRST`. Raises: AccountRefused for no, or a closed, account."""
    token = secrets.token_urlsafe(32)
    expires_at = now + (LIFE if username else FIRST_LIFE)
    values = {"token_sha256": accounts.digest_of(token), "username": username, "made_by": by[:64]}
    if username:
        account = accounts.user(desk, username)
        if account is None or account.disabled_at:
            raise AccountRefused(f"there is no open account {username}", hint="open it first")
    with desk.begin() as connection:
        if username:
            connection.execute(L.delete().where((L.c.username == username) & L.c.used_at.is_(None)))
        connection.execute(L.delete().where(L.c.expires_at < now))
        connection.execute(L.insert().values(**values, made_at=now, expires_at=expires_at))
        journal.append(connection, accounts.ACCOUNT, username, by=by, now=now, change="link")
    return token


def has_administrator(desk: Desk) -> bool:
    """Whether somebody may change accounts."""
    with desk.read() as connection:
        return bool(accounts.administrators(connection))


def open_link(desk: Desk, token: str, now: datetime) -> OneTimeLink | None:
    """The link with *token* as long as it can be used, else None."""
    with desk.read() as connection:
        return _open_link(connection, token, now)


def choose_password(desk: Desk, token: str, password: str, now: datetime, near: Sequence[str] = ()) -> str:
    """Use a link: its account has *password*, its browsers are signed out. Returns the token of a session.

    Raises: LinkEnded; AccountRefused for a weak password, with which the link is not used up.
    """
    link = open_link(desk, token, now)
    hashed = accounts.hashed_password(password, [link.username, link.name, *near]) if link and link.username else ""
    with desk.begin() as connection:
        username = _use(connection, token, now)
        if not hashed:
            raise LinkEnded("this link makes an account")
        connection.execute(U.update().where(U.c.username == username).values(password=hashed))
        connection.execute(S.delete().where(S.c.username == username))
        journal.append(connection, accounts.ACCOUNT, username, by=username, now=now, change="password")
        return accounts.begin_session(connection, username, now)


def make_first_account(
    desk: Desk, token: str, username: str, name: str, password: str, now: datetime, near: Sequence[str] = ()
) -> str:
    """Use the link of the first administrator: make that account. Returns the token of a session.

    Raises: LinkEnded, also where there is an administrator meanwhile; AccountRefused, with which the link is not used up.
    """
    hashed = accounts.hashed_password(password, [username, name, *near])
    with desk.begin() as connection:
        if _use(connection, token, now) != FIRST:
            raise LinkEnded("this link is for another account")
        accounts.insert_user(connection, username, name, "administrator", hashed, names=True, now=now, by=username)
        return accounts.begin_session(connection, username, now)


def _open_link(connection: sa.Connection, token: str, now: datetime) -> OneTimeLink | None:
    mine = (L.c.token_sha256 == accounts.digest_of(token)) & L.c.used_at.is_(None) & (L.c.expires_at > now)
    row = connection.execute(
        sa.select(L.c.username, L.c.expires_at, U.c.name, U.c.disabled_at)
        .outerjoin(U, U.c.username == L.c.username)
        .where(mine)
    ).first()
    if row is None or row.disabled_at is not None:
        return None
    if (row.username == FIRST and accounts.administrators(connection)) or (row.username and row.name is None):
        return None
    return OneTimeLink(row.username, row.name or "", row.expires_at)


def _use(connection: sa.Connection, token: str, now: datetime) -> str:
    """Mark the link as used, in the caller's transaction; returns whose it is. Raises: LinkEnded."""
    link = _open_link(connection, token, now)
    mine = (L.c.token_sha256 == accounts.digest_of(token)) & L.c.used_at.is_(None)
    if link is None or not connection.execute(L.update().where(mine).values(used_at=now)).rowcount:
        raise LinkEnded("this link was used, or has expired", hint="ask for a new one")
    return link.username
