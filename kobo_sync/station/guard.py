"""What the station remembers of those who knock: which nonces were used, and who gave wrong passwords; both within bounds."""

from __future__ import annotations

import ipaddress
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass

NONCE_IDLE_S = 600.0  # a nonce dies so long after it was given, or used last,
NONCE_LIFE_S = 3600.0  # and so long after it was given, used or not
NONCES_MOST = 10_000
WINDOW = 64  # counts may come out of order by so many: phones send several requests at once
FREE_TRIES, FREE_TRIES_OF_ADDRESS = 4, 20  # wrong passwords that cost no wait
LONGEST_WAIT_S = 60.0
FORGOTTEN_S = 3600.0  # after so long without a wrong password all is as before
FAILURES_MOST = 20_000


@dataclass
class _Use:
    username: str
    issued_at: float
    used_at: float
    highest: int
    mask: int  # bit n: the count *highest* - n was used


class Nonces:
    """The nonces that were used with a right password: each count of each once, so that no header opens twice.

    Times are in seconds. Of nonces that had to be forgotten none is believed any more.
    """

    def __init__(self) -> None:
        self._uses: OrderedDict[str, _Use] = OrderedDict()
        self._floor = float("-inf")  # nonces that were given before are not believed
        self._lock = threading.Lock()

    def is_proven(self, nonce: str, username: str) -> bool:
        """Whether *username* has shown the right password with this nonce."""
        with self._lock:
            use = self._uses.get(nonce)
        return use is not None and use.username == username

    def use(self, nonce: str, username: str, count: str, issued_at: float, now: float) -> bool:
        """Note the use of a nonce; False when it is too old or *count* (hexadecimal) was used already."""
        if not re.fullmatch(r"[0-9a-fA-F]{1,8}", count):
            return False
        number = int(count, 16)
        with self._lock:
            use = self._uses.get(nonce)
            since = max(issued_at, use.used_at if use else issued_at)
            too_old = now - since > NONCE_IDLE_S or now - issued_at > NONCE_LIFE_S or issued_at > now + NONCE_IDLE_S
            if too_old or (use is None and issued_at <= self._floor) or (use and use.username != username):
                return False
            if use is None:
                self._uses[nonce] = _Use(username, issued_at, now, number, 1)
                self._shrink()
                return True
            return self._count(use, number, now)

    def _count(self, use: _Use, number: int, now: float) -> bool:
        if number > use.highest:
            use.mask = (use.mask << min(number - use.highest, WINDOW) | 1) & ((1 << WINDOW) - 1)
            use.highest = number
        else:
            bit = use.highest - number
            if bit >= WINDOW or use.mask >> bit & 1:
                return False
            use.mask |= 1 << bit
        use.used_at = now
        return True

    def _shrink(self) -> None:
        while len(self._uses) > NONCES_MOST:
            _, oldest = self._uses.popitem(last=False)
            self._floor = max(self._floor, oldest.issued_at)


class Delays:
    """Waits that grow with the wrong passwords of one account from one address, and of one address for all accounts.

    Whether the account exists makes no difference. Nobody waits for what another address did.
    """

    def __init__(self) -> None:
        self._failures: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()  # → how many, when last
        self._lock = threading.Lock()

    def wait_s(self, username: str, address: str, now: float) -> int:
        """Whole seconds until another try is looked at; 0: at once."""
        with self._lock:
            waits = [
                self._left((username[:64], _network(address)), FREE_TRIES, now),
                self._left(("", _network(address)), FREE_TRIES_OF_ADDRESS, now),
            ]
        left = max(waits)
        return int(left) + 1 if left > 0 else 0

    def _left(self, key: tuple[str, str], free: int, now: float) -> float:
        n, last = self._failures.get(key, (0, now))
        if not 0 <= now - last < FORGOTTEN_S or n <= free:
            return 0
        return float(min(LONGEST_WAIT_S, 2.0 ** min(n - free, 10))) - (now - last)

    def note(self, username: str, address: str, now: float) -> None:
        """A wrong password."""
        with self._lock:
            for key in ((username[:64], _network(address)), ("", _network(address))):
                n, last = self._failures.pop(key, (0, now))
                self._failures[key] = (n + 1 if 0 <= now - last < FORGOTTEN_S else 1, now)
            while len(self._failures) > FAILURES_MOST:
                self._failures.popitem(last=False)

    def forgive(self, username: str, address: str) -> None:
        """A right password: the account's failures from there are forgotten."""
        with self._lock:
            self._failures.pop((username[:64], _network(address)), None)


def _network(address: str) -> str:
    """The address, of IPv6 its first half: one machine has all of the rest."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ip) if ip.version == 4 else str(ipaddress.ip_network(f"{address.partition('%')[0]}/64", strict=False))
