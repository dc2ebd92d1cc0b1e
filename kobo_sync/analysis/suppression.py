"""Small cells: which counts an aggregate document must not print."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

THRESHOLD = 3

Mask = npt.NDArray[np.bool_]


def publishable(n: int) -> bool:
    """Whether a statistic over *n* persons may be printed in an aggregate document."""
    return n >= THRESHOLD


def hidden(counts: Sequence[Sequence[int]]) -> Mask:
    """Which cells to hide in a two-way table that is printed with its totals.

    Shape: *counts* is rows × columns without totals; the answer is (rows + 1) × (columns + 1), the last
    row and column standing for the totals, true where the cell must not be printed.
    Rule: counts 1 and 2 are hidden; then, as long as a hidden cell can be worked out from its row or
    column (it is alone there, or the hidden ones sum to less than 3), the smallest other cell of that
    line is hidden too, totals last. Zeros are printed unless a neighbour needs them.
    """
    inner = np.array([list(row) for row in counts], dtype=np.int64)
    if inner.size == 0:
        return np.zeros((inner.shape[0] + 1, 1 + (inner.shape[1] if inner.ndim == 2 else 0)), dtype=np.bool_)
    full = np.zeros((inner.shape[0] + 1, inner.shape[1] + 1), dtype=np.int64)
    full[:-1, :-1] = inner
    full[:-1, -1] = inner.sum(axis=1)
    full[-1, :] = full[:-1, :].sum(axis=0)
    mask: Mask = (full > 0) & (full < THRESHOLD)
    while True:
        weak = [line for line in _lines(full.shape) if _deducible(full, mask, line)]
        if not weak:
            return mask
        for line in weak:
            if _deducible(full, mask, line):
                mask[_cheapest(full, mask, line)] = True


def shown(counts: Sequence[Sequence[int]], *, dash: str = "–") -> list[list[str]]:
    """The table with its totals as text, hidden cells as *dash*; shape (rows + 1) × (columns + 1)."""
    mask = hidden(counts)
    rows = [[*row, sum(row)] for row in counts]
    width = len(rows[0]) if rows else 1
    rows.append([sum(row[column] for row in rows) for column in range(width)])
    return [[dash if mask[i, j] else str(value) for j, value in enumerate(row)] for i, row in enumerate(rows)]


def _lines(shape: tuple[int, ...]) -> list[list[tuple[int, int]]]:
    n_rows, n_columns = shape
    rows = [[(i, j) for j in range(n_columns)] for i in range(n_rows)]
    columns = [[(i, j) for i in range(n_rows)] for j in range(n_columns)]
    return rows + columns


def _deducible(full: npt.NDArray[np.int64], mask: Mask, line: list[tuple[int, int]]) -> bool:
    """Whether the hidden cells of *line* can be worked out, and another one is left to hide.

    A line whose total is hidden has an unknown more: one hidden part beside it is enough.
    """
    masked = [cell for cell in line if mask[cell]]
    if not masked or len(masked) == len(line):
        return False
    if len(masked) == 1:
        return True
    parts = [cell for cell in masked if cell != line[-1]]
    total_hidden = len(parts) < len(masked)
    return not total_hidden and sum(int(full[cell]) for cell in parts) < THRESHOLD


def _cheapest(full: npt.NDArray[np.int64], mask: Mask, line: list[tuple[int, int]]) -> tuple[int, int]:
    """The cell whose hiding costs least: a part before the total, a count before a zero, the smallest."""
    free = [cell for cell in line if not mask[cell]]
    return min(free, key=lambda cell: (cell == line[-1], full[cell] == 0, int(full[cell]), cell))
