"""Who may look and act: users, passwords, signed-in browsers, and failed attempts."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import cast

import sqlalchemy as sa

from kobo_sync.desk import schema
from kobo_sync.desk.database import Desk, insert_once, put
from kobo_sync.errors import KoboSyncError
from kobo_sync.model import AccountRole

USERNAME = re.compile(r"[a-z][a-z0-9._-]{1,31}")
MIN_PASSWORD = 12
MAX_PASSWORD = 256  # a longer one would only cost time
LOCK_AFTER, LOCK_FOR = 5, timedelta(minutes=15)
ADDRESS_MOST, ADDRESS_WINDOW = 20, timedelta(minutes=15)

U, S, A = schema.users, schema.sessions, schema.attempts


@dataclass(frozen=True)
class User:
    """A person with an account. *may_see_names*: nominative files, for staff and for consultants so named."""

    username: str
    name: str
    role: AccountRole
    may_see_names: bool
    created_at: datetime
    disabled_at: datetime | None
    locked_until: datetime | None

    @property
    def is_staff(self) -> bool:
        """Whether the person runs the service: hours, pauses, accounts' downloads."""
        return self.role == "staff"

    @property
    def may_act(self) -> bool:
        """Whether the person may start runs, judge findings and share documents."""
        return self.role in ("staff", "consultant")


class AccountRefused(KoboSyncError):
    """An account that cannot be made or changed as asked."""

    exit_code = 2


# ── users ───────────────────────────────────────────────────────────────────


def add_user(
    desk: Desk, username: str, name: str, role: AccountRole, password: str, *, names: bool, now: datetime
) -> None:
    """Make an account. Raises: AccountRefused for a name that is taken or none, or a weak password."""
    if not USERNAME.fullmatch(username):
        raise AccountRefused(
            f"{username!r} cannot be a user name", hint="2 to 32 of a-z, 0-9, dot, - and _, beginning with a letter"
        )
    values = {"name": name or username, "role": role, "may_see_names": names or role == "staff"}
    values |= {"password": _hashed(password, username), "n_failures": 0, "created_at": now}
    with desk.begin() as connection:
        is_new = insert_once(connection, U, {"username": username, **values})
    if not is_new:
        raise AccountRefused(f"there is an account {username} already", hint="take another name")


def set_password(desk: Desk, username: str, password: str) -> None:
    """Give an account another password, and sign its browsers out. Raises: AccountRefused."""
    values = {"password": _hashed(password, username), "n_failures": 0, "locked_until": None}
    _change(desk, username, values)
    sign_out_everywhere(desk, username)


def change_user(
    desk: Desk, username: str, *, role: AccountRole | None = None, names: bool | None = None, name: str | None = None
) -> None:
    """Change role, name, or whether nominative files may be seen. Raises: AccountRefused."""
    values = {"role": role, "may_see_names": names, "name": name}
    _change(desk, username, {key: value for key, value in values.items() if value is not None})


def disable_user(desk: Desk, username: str, now: datetime | None) -> None:
    """Close an account (None opens it again) and sign its browsers out. Raises: AccountRefused."""
    _change(desk, username, {"disabled_at": now, "n_failures": 0, "locked_until": None})
    sign_out_everywhere(desk, username)


def users(desk: Desk) -> list[User]:
    """All accounts, by user name."""
    with desk.begin() as connection:
        return [_user(row) for row in connection.execute(sa.select(U).order_by(U.c.username))]


def user(desk: Desk, username: str) -> User | None:
    """The account called *username*, or None."""
    with desk.begin() as connection:
        row = connection.execute(sa.select(U).where(U.c.username == username)).first()
    return _user(row) if row else None


def _change(desk: Desk, username: str, values: dict[str, object]) -> None:
    with desk.begin() as connection:
        if not connection.execute(U.update().where(U.c.username == username).values(**values)).rowcount:
            raise AccountRefused(f"there is no account {username}", hint="`kobo-sync user list` names them")


def _hashed(password: str, username: str) -> str:
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise AccountRefused(
            f"the password has {len(password)} characters",
            hint=f"between {MIN_PASSWORD} and {MAX_PASSWORD}: a short sentence is easy to keep in mind",
        )
    if username.casefold() in password.casefold() or len(set(password)) < 5:
        raise AccountRefused("the password is easy to guess", hint="take a short sentence without the user name")
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
        row.locked_until,
    )


# ── signing in ──────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class SignIn:
    """How a sign-in went: *token* for the browser, or why not: ``wrong``, ``locked`` or ``busy`` (too many tries)."""

    user: User | None = None
    token: str = ""
    reason: str = ""


def sign_in(desk: Desk, username: str, password: str, address: str, now: datetime) -> SignIn:
    """Check a password as `check` does, and begin a session."""
    checked = check(desk, username, password, address, now)
    if checked.user is None:
        return checked
    token = secrets.token_urlsafe(32)
    values = {"token_sha256": _digest(token), "username": username, "began_at": now, "seen_at": now}
    with desk.begin() as connection:
        connection.execute(S.insert().values(**values))
    return SignIn(checked.user, token)


def check(desk: Desk, username: str, password: str, address: str, now: datetime) -> SignIn:
    """Whose password it is, without a token. Whether the name or the password was wrong is never told.

    Five wrong passwords lock the account for a quarter of an hour; twenty failures from one address
    within it refuse that address. Both outlive a restart.
    """
    from werkzeug.security import check_password_hash

    nobody = _nobody()  # made at the first sign-in, whoever tries
    if _failures(desk, address, now) >= ADDRESS_MOST:
        return SignIn(reason="busy")
    with desk.begin() as connection:
        row = connection.execute(sa.select(U).where(U.c.username == username)).first()
    is_locked = row is not None and row.locked_until is not None and row.locked_until > now
    usable = row is not None and row.disabled_at is None and not is_locked
    is_right = check_password_hash(row.password if row and usable else nobody, password[:MAX_PASSWORD])
    if not (is_right and usable and row):
        _note_failure(desk, username if row and not is_locked else "", address, now)
        return SignIn(reason="locked" if is_locked else "wrong")
    with desk.begin() as connection:
        connection.execute(U.update().where(U.c.username == username).values(n_failures=0, locked_until=None))
    return SignIn(_user(row))


def signed_in(desk: Desk, token: str, now: datetime, *, idle: timedelta, longest: timedelta) -> User | None:
    """Who the browser with *token* is, or None when its session ended, was idle too long, or the account is closed."""
    mine = S.c.token_sha256 == _digest(token)
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
        connection.execute(S.delete().where(S.c.token_sha256 == _digest(token)))


def sign_out_everywhere(desk: Desk, username: str) -> None:
    """End all sessions of an account."""
    with desk.begin() as connection:
        connection.execute(S.delete().where(S.c.username == username))


def sweep(desk: Desk, before: datetime) -> None:
    """Forget sessions and attempts that ended before *before*."""
    with desk.begin() as connection:
        connection.execute(S.delete().where(S.c.seen_at < before))
        connection.execute(A.delete().where(A.c.since_at < before))


def _failures(desk: Desk, address: str, now: datetime) -> int:
    with desk.begin() as connection:
        row = connection.execute(sa.select(A).where(A.c.key == address)).first()
    return row.n if row and now - ADDRESS_WINDOW < row.since_at <= now else 0


def _note_failure(desk: Desk, username: str, address: str, now: datetime) -> None:
    with desk.begin() as connection:
        row = connection.execute(sa.select(A).where(A.c.key == address)).first()
        runs_on = row is not None and now - ADDRESS_WINDOW < row.since_at <= now
        values = {"n": row.n + 1, "since_at": row.since_at} if row and runs_on else {"n": 1, "since_at": now}
        put(connection, A, {"key": address}, values)
        if username:
            connection.execute(U.update().where(U.c.username == username).values(n_failures=U.c.n_failures + 1))
            n = connection.execute(sa.select(U.c.n_failures).where(U.c.username == username)).scalar_one()
            if n >= LOCK_AFTER:
                locked = {"locked_until": now + LOCK_FOR, "n_failures": 0}
                connection.execute(U.update().where(U.c.username == username).values(**locked))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
