"""Ranks of values, equal ones sharing the mean of their places."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


def midranks(values: Sequence[float | Fraction]) -> list[float]:
    """The rank 1.. of each of *values*, smallest first; ties get the mean of the ranks that they fill."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for place in order[start : end + 1]:
            ranks[place] = (start + end) / 2 + 1
        start = end + 1
    return ranks
