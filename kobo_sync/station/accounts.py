"""The accounts of a station as they are kept between its starts: made once, each with a secret of its own."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kobo_sync.errors import StoreError
from kobo_sync.station.auth import Account

ADMINISTRATION = "administration"  # the account of the API, which phones never see
CONSONANTS, VOWELS = "bdfgklmnprstvz", "aeiou"
PARTS, SYLLABLES = 4, 2  # of a password: 49 bits, read aloud and typed on a phone
PIN_DIGITS = 6
UNNAMED = re.compile(r"enqueteur\d+")  # accounts of a mission that names nobody


@dataclass(frozen=True)
class Enumerator:
    """Somebody who collects: what sheets call them, and the password of their phone."""

    name: str
    password: str = field(repr=False)
    is_open: bool = True


@dataclass(frozen=True)
class StationAccounts:
    """Who may speak to a station: *enumerators* by account name, the administration's *token*, the *pin* of browser forms."""

    enumerators: Mapping[str, Enumerator]
    token: str = field(repr=False)
    pin: str = field(repr=False)

    @classmethod
    def new(cls) -> StationAccounts:
        """Nobody yet but the administration."""
        return cls({}, secrets.token_urlsafe(32), new_pin())

    @classmethod
    def read(cls, content: bytes, file: str) -> StationAccounts:
        """What `dump` wrote. Raises: StoreError naming *file*."""
        try:
            data = json.loads(content)
            people = {
                str(user): Enumerator(str(each["name"]), str(each["password"]), bool(each.get("open", True)))
                for user, each in data["enumerators"].items()
            }
            accounts = cls(people, str(data["token"]), str(data["pin"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(
                f"{file} is damaged: it holds no accounts",
                hint="restore it from a backup; or remove it: new passwords are made, and phones must be set up again",
            ) from error
        if len(accounts.token) < 20 or not all(each.password for each in people.values()):
            raise StoreError(f"{file} holds an empty password or a short token", hint="restore it from a backup")
        return accounts

    def dump(self) -> bytes:
        """The accounts as they are kept."""
        people = {
            user: {"name": each.name, "password": each.password, **({} if each.is_open else {"open": False})}
            for user, each in self.enumerators.items()
        }
        data = {"enumerators": people, "pin": self.pin, "token": self.token}
        return (json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode()

    def with_enumerators(self, names: Mapping[str, str]) -> StationAccounts:
        """The same with an account for each of *names* (account → person); those that exist keep their password.

        Of the others those of nobody's name stay as they are, the rest are closed.
        """
        people = {
            user: each if UNNAMED.fullmatch(user) else replace(each, is_open=False)
            for user, each in self.enumerators.items()
            if user not in names
        }
        people = {
            user: Enumerator(name, self.enumerators[user].password if user in self.enumerators else new_password())
            for user, name in names.items()
        } | people
        return replace(self, enumerators=people)

    def with_new_pin(self) -> StationAccounts:
        """The same with another PIN: who signed in with the old one signs in again."""
        return replace(self, pin=new_pin())

    @property
    def accounts(self) -> list[Account]:
        """As `Station` takes them."""
        phones = [Account(user, each.password) for user, each in self.enumerators.items() if each.is_open]
        return [*phones, Account(ADMINISTRATION, "", self.token, is_superuser=True)]


def new_password() -> str:
    """Four short words without a meaning: ``bako-tiru-mesa-lifo``."""
    pick = secrets.SystemRandom().choice
    words = ("".join(pick(CONSONANTS) + pick(VOWELS) for _ in range(SYLLABLES)) for _ in range(PARTS))
    return "-".join(words)


def new_pin() -> str:
    """Six digits, for one event."""
    return f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}}"
