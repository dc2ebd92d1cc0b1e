"""A `$regex` that cannot hang: patterns as Mongo and Python write them, matched in a time that grows with the text alone.

All states are followed at once, none is tried again; what needs backtracking (back references, look-around) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

MOST_STATES = 500  # of a pattern, its repetitions written out
MOST_TEXT = 20_000  # characters of an answer that are looked at
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")
_TIMES = re.compile(r"\{(\d{1,3})(?:(,)(\d{0,3}))?\}")
_SETS = "dDwWsS"
_CONTROL = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v"}

Test = Callable[[str], bool]


@dataclass
class _State:
    """One place in the pattern: where to go freely, and where after a character or at an edge that passes."""

    free: list[int] = field(default_factory=list)
    test: Test | None = None
    edge: Callable[[str, int], bool] | None = None
    onward: int = -1


class Pattern:
    """A compiled pattern. Raises: ValueError when it is none, is too long, or needs backtracking."""

    def __init__(self, text: str, options: str = "") -> None:
        self._flags = 0
        for letter in options:
            self._flags |= {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}.get(letter, 0)
        self._text, self._at = text, 0
        self._states: list[_State] = []
        start, self._end = self._either()
        if self._at < len(text):
            raise ValueError("$regex: unbalanced parenthesis")
        self._first = start

    def search(self, text: str) -> bool:
        """Whether the pattern matches somewhere in *text*, of which the beginning alone is read."""
        text = text[:MOST_TEXT]
        seen: dict[tuple[int, str], bool] = {}
        states: set[int] = set()
        for at in range(len(text) + 1):
            states = self._spread({*states, self._first}, text, at)
            if self._end in states:
                return True
            if at < len(text):
                states = {self._states[n].onward for n in states if self._passes(n, text[at], seen)}
        return False

    def _passes(self, number: int, character: str, seen: dict[tuple[int, str], bool]) -> bool:
        test = self._states[number].test
        if test is None:
            return False
        key = (number, character)
        if key not in seen:
            seen[key] = test(character)
        return seen[key]

    def _spread(self, states: set[int], text: str, at: int) -> set[int]:
        """*states* and all that are reached from them without a character."""
        waiting, reached = list(states), set(states)
        while waiting:
            state = self._states[waiting.pop()]
            onward = list(state.free)
            if state.edge is not None and state.edge(text, at):
                onward.append(state.onward)
            waiting += [n for n in onward if n not in reached]
            reached.update(onward)
        return reached

    # ── reading: each gives (first state, last state) ──

    def _new(self, **what: object) -> int:
        if len(self._states) >= MOST_STATES:
            raise ValueError("$regex: the pattern is too long")
        self._states.append(_State(**what))  # type: ignore[arg-type]
        return len(self._states) - 1

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _either(self) -> tuple[int, int]:
        first, last = self._new(), self._new()
        while True:
            start, end = self._sequence()
            self._states[first].free.append(start)
            self._states[end].free.append(last)
            if self._peek() != "|":
                return first, last
            self._at += 1

    def _sequence(self) -> tuple[int, int]:
        first = last = self._new()
        while self._peek() not in ("", "|", ")"):
            start, end = self._repeated()
            self._states[last].free.append(start)
            last = end
        return first, last

    def _repeated(self) -> tuple[int, int]:
        began = self._at
        start, end = self._one()
        ended = self._at
        least, most = self._times()
        if (least, most) == (1, 1):
            return start, end
        after = self._at
        first = last = self._new()
        for n in range(least + 1 if most is None else most):
            self._at = began
            start, end = self._one()
            assert self._at == ended
            self._states[last].free.append(start)
            onward = self._new()
            self._states[end].free.append(onward)
            if n >= least:
                self._states[last].free.append(onward)
                if most is None:
                    self._states[end].free.append(start)
            last = onward
        self._at = after
        return first, last

    def _times(self) -> tuple[int, int | None]:
        sign, match = self._peek(), _TIMES.match(self._text, self._at)
        if sign and sign in "*+?":
            self._at += 1
            least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[sign]
        elif match:
            self._at = match.end()
            least = int(match[1])
            most = least if not match[2] else int(match[3]) if match[3] else None
            if most is not None and most < least:
                raise ValueError("$regex: min repeat greater than max repeat")
        else:
            return 1, 1
        following = self._peek()
        if following == "?":  # lazy or not, it matches the same texts
            self._at += 1
        elif following and following in "*+":
            raise ValueError("$regex: multiple repeat")
        return least, most

    def _one(self) -> tuple[int, int]:
        sign = self._peek()
        if sign and sign in "*+?":
            raise ValueError("$regex: nothing to repeat")
        if sign == "(":
            return self._group()
        if sign == "[":
            match = _CLASS.match(self._text, self._at)
            if match is None:
                raise ValueError("$regex: unterminated character set")
            self._at = match.end()
            return self._character(match[0])
        self._at += 1
        if sign == "\\":
            return self._escaped()
        if sign == "^":
            many = self._flags & re.MULTILINE
            return self._edge(lambda text, at: at == 0 or (bool(many) and text[at - 1] == "\n"))
        if sign == "$":
            many = self._flags & re.MULTILINE
            return self._edge(lambda text, at: text[at:] in ("", "\n") or (bool(many) and text[at] == "\n"))
        return self._character("." if sign == "." else re.escape(sign))

    def _group(self) -> tuple[int, int]:
        self._at += 1
        if self._text.startswith("?:", self._at):
            self._at += 2
        elif self._peek() == "?":
            raise ValueError("$regex: only plain groups and (?:…) are understood")
        inner = self._either()
        if self._peek() != ")":
            raise ValueError("$regex: missing ), unterminated subpattern")
        self._at += 1
        return inner

    def _escaped(self) -> tuple[int, int]:
        sign = self._peek()
        self._at += 1
        if sign in ("b", "B"):
            return self._edge(lambda text, at: (_is_edge(text, at)) is (sign == "b"))
        if sign and sign in _SETS:
            return self._character(f"\\{sign}")
        if sign in _CONTROL:
            return self._character(re.escape(_CONTROL[sign]))
        if not sign or sign.isalnum():
            raise ValueError(f"$regex: \\{sign} is not understood")
        return self._character(re.escape(sign))

    def _character(self, text: str) -> tuple[int, int]:
        try:
            compiled = re.compile(text, self._flags)  # one character: nothing to backtrack over
        except (re.error, OverflowError) as error:
            raise ValueError(f"$regex: {error}") from error
        end = self._new()
        return self._new(test=lambda character: compiled.fullmatch(character) is not None, onward=end), end

    def _edge(self, edge: Callable[[str, int], bool]) -> tuple[int, int]:
        end = self._new()
        return self._new(edge=edge, onward=end), end


def _is_edge(text: str, at: int) -> bool:
    before, after = text[at - 1 : at] if at else "", text[at : at + 1]
    return (before.isalnum() or before == "_") is not (after.isalnum() or after == "_")
