"""Many short texts in the memory of their letters: in order, some dozens to a piece."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

_PER_PIECE = 32  # fewer take more memory, more take time to look through


@dataclass(frozen=True)
class OrderedTexts:
    """Different texts in order, a fifth of what they take one by one. *pieces*: a line break before each and after the last.

    None of them is empty or holds a character that stands before letters, digits and marks.
    """

    pieces: tuple[str, ...] = ()

    @classmethod
    def of(cls, ordered: Iterable[str]) -> OrderedTexts:
        """The texts, which are different and in order."""
        rest = iter(ordered)
        return cls(tuple("\n".join(("", *some, "")) for some in iter(lambda: tuple(islice(rest, _PER_PIECE)), ())))

    def find(self, text: str) -> int | None:
        """The place of *text* among all; -1 where it is not there and one begins with it, None where none does."""
        line = f"\n{text}"
        at = bisect_left(self.pieces, f"{line}\v")  # the first piece after the one where it would stand
        if at:
            piece = self.pieces[at - 1]
            start = piece.find(line)
            if start >= 0:
                is_whole = piece.startswith("\n", start + len(line))
                return (at - 1) * _PER_PIECE + piece.count("\n", 0, start) if is_whole else -1
        return -1 if at < len(self.pieces) and self.pieces[at].startswith(line) else None

    def __contains__(self, text: str) -> bool:
        place = self.find(text)
        return place is not None and place >= 0

    def __iter__(self) -> Iterator[str]:
        for piece in self.pieces:
            yield from piece[1:-1].split("\n")
