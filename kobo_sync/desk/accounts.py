"""Who may look and act: users, passwords, signed-in browsers, and failed attempts."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import cast

import sqlalchemy as sa

from kobo_sync.config.passwords import guessed_first
from kobo_sync.databases.dialects import dialect_of
from kobo_sync.desk import journal, schema
from kobo_sync.desk.database import Desk, insert_once, put
from kobo_sync.desk.share_links import revoke_all_of
from kobo_sync.errors import KoboSyncError
from kobo_sync.model import AccountRole

USERNAME = re.compile(r"[a-z][a-z0-9._-]{1,31}")
MIN_PASSWORD = 12
MAX_PASSWORD = 256  # a longer one would only cost time
FREE_TRIES, FREE_TRIES_OF_ADDRESS = 4, 20  # wrong passwords that cost no wait
LONGEST_WAIT_S = 120.0
FORGOTTEN = timedelta(hours=1)  # after so long without a wrong password all is as before

U, S, A, L = schema.users, schema.sessions, schema.attempts, schema.one_time_links
ACCOUNT = "account"  # what the journal calls every change of one
STAFF: tuple[AccountRole, ...] = ("administrator", "staff")  # who may see nominative files without more ado


@dataclass(frozen=True)
class User:
    """A person with an account. *may_see_names*: nominative files, for staff and for consultants so named."""

    username: str
    name: str
    role: AccountRole
    may_see_names: bool
    created_at: datetime
    disabled_at: datetime | None

    @property
    def is_staff(self) -> bool:
        """Whether the person runs the service: hours, pauses, accounts' downloads."""
        return self.role in STAFF

    @property
    def is_administrator(self) -> bool:
        """Whether the person may do all that staff may, and change accounts and settings."""
        return self.role == "administrator"

    @property
    def may_act(self) -> bool:
        """Whether the person may start runs, judge findings and share documents."""
        return self.role in (*STAFF, "consultant")


class AccountRefused(KoboSyncError):
    """An account that cannot be made or changed as asked."""

    exit_code = 2


# ── users ───────────────────────────────────────────────────────────────────


def add_user(
    desk: Desk,
    username: str,
    name: str,
    role: AccountRole,
    password: str | None,
    *,
    names: bool,
    now: datetime,
    by: str,
    near: Sequence[str] = (),
) -> None:
    """Make an account; *by* is who does so, here and below. Raises: AccountRefused for a name that is taken or none, or a weak password.

    *near* are names of the mission, which are tried first as passwords. Without a password nobody signs in until one is set.
    """
    hashed = (
        _scrypt(secrets.token_urlsafe(32)) if password is None else hashed_password(password, [username, name, *near])
    )
    with desk.begin() as connection:
        insert_user(connection, username, name, role, hashed, names=names, now=now, by=by)


def insert_user(
    connection: sa.Connection,
    username: str,
    name: str,
    role: AccountRole,
    hashed: str,
    *,
    names: bool,
    now: datetime,
    by: str,
) -> None:
    """Add the account with a password of `hashed_password`. Raises: AccountRefused for a name that is taken or none."""
    if not USERNAME.fullmatch(username):
        raise AccountRefused(
            f"{username!r} cannot be a user name", hint="2 to 32 of a-z, 0-9, dot, - and _, beginning with a letter"
        )
    values = {"name": name or username, "role": role, "may_see_names": names or role in STAFF}
    values |= {"password": hashed, "created_at": now}
    if not insert_once(connection, U, {"username": username, **values}):
        raise AccountRefused(f"there is an account {username} already", hint="take another name")
    _journal(connection, username, "added", by, now, role=role, names="yes" if values["may_see_names"] else "no")


def _journal(connection: sa.Connection, username: str, change: str, by: str, now: datetime, **details: str) -> None:
    journal.append(connection, ACCOUNT, username, by=by, now=now, change=change, **details)


def set_password(desk: Desk, username: str, password: str, near: Sequence[str] = (), *, by: str, now: datetime) -> None:
    """Give an account another password, and sign its browsers out. Raises: AccountRefused; *near* as for `add_user`."""
    account = user(desk, username)
    hashed = hashed_password(password, [username, account.name if account else "", *near])
    _change(desk, username, {"password": hashed}, "password", by, now)
    end_links_of(desk, username)
    sign_out_everywhere(desk, username)


def change_user(
    desk: Desk,
    username: str,
    *,
    role: AccountRole | None = None,
    names: bool | None = None,
    name: str | None = None,
    now: datetime,
    by: str,
) -> None:
    """Change role, name, or whether nominative files may be seen, which staff may unless told otherwise. Raises: AccountRefused.

    Who may share no more has no open links either.
    """
    if role in STAFF and names is None:
        names = True
    values = {"role": role, "may_see_names": names, "name": name}
    rights = {"role": role, "names": None if names is None else "yes" if names else "no"}
    details = {key: text for key, text in rights.items() if text is not None}
    _change(
        desk,
        username,
        {key: value for key, value in values.items() if value is not None},
        "changed",
        by,
        now,
        **details,
    )
    if role == "reader":
        revoke_all_of(desk, username, now)


def close_user(desk: Desk, username: str, now: datetime, by: str) -> None:
    """Close an account, sign its browsers out and end its share links. Raises: AccountRefused."""
    _change(desk, username, {"disabled_at": now}, "closed", by, now)
    end_links_of(desk, username)
    sign_out_everywhere(desk, username)
    revoke_all_of(desk, username, now)


def open_user(desk: Desk, username: str, now: datetime, by: str) -> None:
    """Open a closed account again. Raises: AccountRefused."""
    _change(desk, username, {"disabled_at": None}, "opened", by, now)
    end_links_of(desk, username)
    sign_out_everywhere(desk, username)


def end_links_of(desk: Desk, username: str) -> None:
    """End the one-time links that let *username* choose a password."""
    with desk.begin() as connection:
        connection.execute(L.delete().where((L.c.username == username) & L.c.used_at.is_(None)))


def users(desk: Desk) -> list[User]:
    """All accounts, by user name."""
    with desk.begin() as connection:
        return [_user(row) for row in connection.execute(sa.select(U).order_by(U.c.username))]


def user(desk: Desk, username: str) -> User | None:
    """The account called *username*, or None."""
    with desk.begin() as connection:
        row = connection.execute(sa.select(U).where(U.c.username == username)).first()
    return _user(row) if row else None


def administrators(connection: sa.Connection) -> list[str]:
    """The user names of all whose open account is an administrator's."""
    open_ones = (U.c.role == "administrator") & U.c.disabled_at.is_(None)
    return list(connection.scalars(sa.select(U.c.username).where(open_ones)))


def _change(
    desk: Desk, username: str, values: dict[str, object], change: str, by: str, now: datetime, **details: str
) -> None:
    is_taken_away = values.get("role", "administrator") != "administrator" or values.get("disabled_at") is not None
    with desk.begin() as connection:
        if is_taken_away and administrators(connection) == [username]:
            raise AccountRefused(
                f"{username} is the last administrator", hint="make somebody else one first: otherwise nobody could"
            )
        if not connection.execute(U.update().where(U.c.username == username).values(**values)).rowcount:
            raise AccountRefused(f"there is no account {username}", hint="`kobo-sync user list` names them")
        _journal(connection, username, change, by, now, **details)


def hashed_password(password: str, near: Sequence[str]) -> str:
    """What is kept of a password. Raises: AccountRefused for a weak one; *near* are tried first as one, the user name its first."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise AccountRefused(
            f"the password has {len(password)} characters",
            hint=f"between {MIN_PASSWORD} and {MAX_PASSWORD}: a short sentence is easy to keep in mind",
        )
    reason = guessed_first(password, near)
    if near[0].casefold() in password.casefold():
        reason = reason or "it has the user name in it"
    if reason:
        raise AccountRefused(
            f"the password is easy to guess: {reason}",
            hint="take a short sentence of words that do not belong together",
        )
    return _scrypt(password)


@lru_cache(maxsize=1)
def _nobody() -> str:
    """Compared when there is no such user, so that the answer takes as long as for one."""
    return _scrypt(secrets.token_hex(16))


def _scrypt(password: str) -> str:
    from werkzeug.security import generate_password_hash  # here, because every verb reads this module

    return generate_password_hash(password, method="scrypt")


def _user(row: sa.Row[tuple[object, ...]]) -> User:
    return User(
        row.username,
        row.name,
        cast(AccountRole, row.role),
        bool(row.may_see_names),
        row.created_at,
        row.disabled_at,
    )


# ── signing in ──────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class SignIn:
    """How a sign-in went: *token* for the browser, or why not: ``wrong``, or ``wait`` and how many seconds."""

    user: User | None = None
    token: str = ""
    reason: str = ""
    wait_s: int = 0


def sign_in(desk: Desk, username: str, password: str, address: str, now: datetime, browser: str = "") -> SignIn:
    """Check a password as `check` does, and begin a session."""
    checked = check(desk, username, password, address, now, browser)
    if checked.user is None:
        return checked
    with desk.begin() as connection:
        return SignIn(checked.user, begin_session(connection, username, now))


def begin_session(connection: sa.Connection, username: str, now: datetime) -> str:
    """Sign a browser in; returns the token that it keeps."""
    token = secrets.token_urlsafe(32)
    values = {"token_sha256": digest_of(token), "username": username, "began_at": now, "seen_at": now}
    connection.execute(S.insert().values(**values))
    journal.append(connection, "sign_in", by=username, now=now)
    return token


def check(desk: Desk, username: str, password: str, address: str, now: datetime, browser: str = "") -> SignIn:
    """Whose password it is, without a token. Whether the name or the password was wrong is never told.

    Waits grow with the wrong passwords for one name from one address, and with those of an address for all names;
    *browser* is one that this account signed in with before: it waits for its own errors alone. While one waits
    nothing is looked at, nor does a try make the wait longer. All is the same for a name that nobody has.
    """
    from werkzeug.security import check_password_hash

    nobody = _nobody()  # made at the first sign-in, whoever tries
    keys = _keys(username, address, browser)
    wait_s = _begin_try(desk, keys, now)
    if wait_s:
        return SignIn(reason="wait", wait_s=wait_s)
    with desk.read() as connection:
        row = connection.execute(sa.select(U).where(U.c.username == username)).first()
    usable = row is not None and row.disabled_at is None
    is_right = check_password_hash(row.password if row and usable else nobody, password[:MAX_PASSWORD])
    if not (is_right and usable and row):
        return SignIn(reason="wrong")
    _undo_try(desk, keys)
    return SignIn(_user(row))


def signed_in(desk: Desk, token: str, now: datetime, *, idle: timedelta, longest: timedelta) -> User | None:
    """Who the browser with *token* is, or None when its session ended, was idle too long, or the account is closed."""
    mine = S.c.token_sha256 == digest_of(token)
    with desk.begin() as connection:
        row = connection.execute(
            sa.select(U, S.c.began_at, S.c.seen_at).join(S, S.c.username == U.c.username).where(mine)
        ).first()
        if row is None:
            return None
        # A clock that was set back must not keep a session open for ever.
        is_over = not (now - idle < row.seen_at <= now + idle and now - longest < row.began_at <= now + longest)
        if is_over or row.disabled_at is not None:
            connection.execute(S.delete().where(mine))
            return None
        if abs((now - row.seen_at).total_seconds()) >= 30:
            connection.execute(S.update().where(mine).values(seen_at=now))
    return _user(row)


def sign_out(desk: Desk, token: str) -> None:
    """End the session of one browser."""
    with desk.begin() as connection:
        connection.execute(S.delete().where(S.c.token_sha256 == digest_of(token)))


def sign_out_everywhere(desk: Desk, username: str) -> None:
    """End all sessions of an account."""
    with desk.begin() as connection:
        connection.execute(S.delete().where(S.c.username == username))


def n_sessions(desk: Desk) -> dict[str, int]:
    """User name → how many browsers are signed in."""
    query = sa.select(S.c.username, sa.func.count()).group_by(S.c.username)
    with desk.read() as connection:
        return {str(username): int(n) for username, n in connection.execute(query)}


def begin_link_try(desk: Desk, address: str, now: datetime) -> int:
    """Count the opening of a one-time link as a guess until `end_link_try`; or the seconds that *address* has still to wait."""
    return _begin_try(desk, _link_keys(address), now)


def end_link_try(desk: Desk, address: str) -> None:
    """The link was a right one."""
    _undo_try(desk, _link_keys(address))


def _link_keys(address: str) -> dict[str, int]:
    return {digest_of(f"link {_network(address)}"): FREE_TRIES_OF_ADDRESS}


def sweep(desk: Desk, before: datetime) -> None:
    """Forget sessions and attempts that ended before *before*."""
    with desk.begin() as connection:
        connection.execute(S.delete().where(S.c.seen_at < before))
        connection.execute(A.delete().where(A.c.since_at < before))


def _keys(username: str, address: str, browser: str) -> dict[str, int]:
    """What wrong passwords are counted under → how many cost no wait; hashed, so that their length is bounded."""
    if browser:
        return {digest_of(f"browser {browser} {username}"): FREE_TRIES}
    network = _network(address)
    return {digest_of(f"name {username} {network}"): FREE_TRIES, digest_of(f"address {network}"): FREE_TRIES_OF_ADDRESS}


def _network(address: str) -> str:
    """Whose tries are counted together: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ip) if ip.version == 4 else str(ipaddress.ip_network(f"{ip}/64", strict=False))


def _begin_try(desk: Desk, keys: Mapping[str, int], now: datetime) -> int:
    """Count a try as wrong until it proves right, so that many at once gain nothing; or the seconds still to wait."""
    with desk.begin() as connection:
        for key in sorted(keys):  # a row that is not there yet cannot be locked: the first tries would all be the first
            dialect_of(connection).lock(connection, f"try {key}")
        rows = connection.execute(sa.select(A).where(A.c.key.in_(list(keys))))
        counts = {row.key: (row.n, row.since_at) for row in rows if now - FORGOTTEN < row.since_at <= now}
        waits = [_wait_s(n - keys[key]) - (now - last).total_seconds() for key, (n, last) in counts.items()]
        if max(waits, default=0.0) > 0:
            return int(max(waits)) + 1
        for key in keys:
            put(connection, A, {"key": key}, {"n": counts.get(key, (0, now))[0] + 1, "since_at": now})
    return 0


def _wait_s(n_beyond: int) -> float:
    return min(LONGEST_WAIT_S, 2.0 ** min(n_beyond, 10)) if n_beyond > 0 else 0.0


def _undo_try(desk: Desk, keys: Mapping[str, int]) -> None:
    """A right password: its name's errors are forgotten; its address has one less."""
    first, *others = keys
    with desk.begin() as connection:
        connection.execute(A.delete().where(A.c.key == first))
        for key in others:
            connection.execute(A.update().where((A.c.key == key) & (A.c.n > 0)).values(n=A.c.n - 1))


def digest_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()
