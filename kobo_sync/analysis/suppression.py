"""Small cells: which counts an aggregate document must not print."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, TypeAlias

from kobo_sync.lazy import np

if TYPE_CHECKING:
    import numpy.typing as npt

THRESHOLD = 3
_MOST_UNKNOWN = 400

Mask: TypeAlias = "npt.NDArray[np.bool_]"


def publishable(n: int) -> bool:
    """Whether a statistic over *n* persons may be printed in an aggregate document."""
    return n >= THRESHOLD


def pinned(supports: Sequence[Collection[int]], total: int) -> list[bool]:
    """Which of several unknown whole numbers (≥ 0) a reader can work out who knows what each may be, and their sum.

    An entry of the answer is true when at most one value of that support goes with *total*.
    """
    upto = (1 << (total + 1)) - 1 if total >= 0 else 0
    sums = [1]  # sums[i]: bit s is set when the first i numbers may sum to s
    for support in supports:
        sums.append(_sums(sums[-1], support) & upto)
    after = 1
    answers: list[bool] = []
    for place in range(len(supports) - 1, -1, -1):
        # Bit total − s of *mirrored* is set when the later numbers may sum to s.
        mirrored = int(bin(after)[2:].zfill(total + 1)[::-1], 2) if total >= 0 else 0
        n_possible = sum(bool((sums[place] << value) & mirrored) for value in set(supports[place]))
        answers.append(n_possible <= 1)
        after = _sums(after, supports[place]) & upto
    return answers[::-1]


def _sums(sums: int, support: Collection[int]) -> int:
    shifted = 0
    for value in support:
        shifted |= sums << value
    return shifted


def hidden(counts: Sequence[Sequence[int]], *, besides: Mask | None = None, inside: bool = False) -> Mask:
    """Which cells to hide in a two-way table that is printed with its totals; *besides*, of the answer's shape, are hidden too.

    *inside*: when one cell that is no total must be hidden, all are. Zones that hide the same cells leave the mission its
    own: what several hide together cannot be had by subtraction.

    Shape: *counts* is rows × columns without totals; the answer is (rows + 1) × (columns + 1), the last
    row and column standing for the totals, true where the cell must not be printed.
    Rule: counts 1 and 2 are hidden; then, as long as a hidden cell can be worked out from its row or
    column (it is alone there, or the hidden ones sum to less than 3), the smallest other cell of that
    line is hidden too, totals last; likewise where several lines together tell a hidden cell. Zeros are printed
    unless a neighbour needs them.
    """
    inner = np.array([list(row) for row in counts], dtype=np.int64)
    if inner.size == 0:
        return np.zeros((inner.shape[0] + 1, 1 + (inner.shape[1] if inner.ndim == 2 else 0)), dtype=np.bool_)
    full = _with_totals(inner)
    mask: Mask = (full > 0) & (full < THRESHOLD)
    if besides is not None:
        mask |= besides
    lines = _lines(full.shape)
    while mask.any():
        if inside and mask[:-1, :-1].any():
            mask[:-1, :-1] = True
        weak = [line for line in lines if _deducible(full, mask, line)]
        if weak:
            for line in weak:
                if _deducible(full, mask, line):
                    mask[_cheapest(full, mask, line)] = True
            continue
        cells = {(i, j) for _, i, j in _told_together([mask])}
        if not _hide_beside(full, mask, cells):
            break
    return mask


def hidden_over_zones(
    counts: Sequence[Sequence[int]], parts: Sequence[Sequence[Sequence[int]]], *, inside: bool = False
) -> Mask:
    """Which cells to hide in the mission's table *counts*, whose *parts*, one per zone, are printed in the zones' own papers.

    Shape: *parts* are tables of the shape of *counts*, hidden with or without *inside*; the answer as `hidden` gives it. What zones hide may not be had by
    taking the other zones' numbers from the mission's: a cell is hidden if one zone alone hides it, or all that do hold less than 3.
    """
    tables = [np.array([list(row) for row in part], dtype=np.int64) for part in parts]
    if not tables or tables[0].size == 0:
        return hidden(counts)
    masks = np.array([hidden(part, inside=inside) for part in parts])
    hidden_sums = (np.array([_with_totals(table) for table in tables]) * masks).sum(axis=0)
    n_hiding = masks.sum(axis=0)
    weak: Mask = (n_hiding == 1) | ((n_hiding > 1) & (hidden_sums < THRESHOLD))
    mask = hidden(counts, besides=weak)
    full = _with_totals(np.array([list(row) for row in counts], dtype=np.int64))
    # Many zones leave much open, and would make the sums large.
    while masks.sum() + mask.sum() <= _MOST_UNKNOWN:
        cells = {(i, j) for k, i, j in _told_together([*masks, mask], summed=True) if k < len(parts)}
        if not _hide_beside(full, mask, cells):
            break
        mask = hidden(counts, besides=mask)
    return mask


def shown(counts: Sequence[Sequence[int]], *, mask: Mask | None = None, dash: str = "–") -> list[list[str]]:
    """The table with its totals as text, hidden cells as *dash*; shape (rows + 1) × (columns + 1)."""
    mask = hidden(counts) if mask is None else mask
    rows = [[*row, sum(row)] for row in counts]
    width = len(rows[0]) if rows else 1
    rows.append([sum(row[column] for row in rows) for column in range(width)])
    return [[dash if mask[i, j] else str(value) for j, value in enumerate(row)] for i, row in enumerate(rows)]


def _with_totals(inner: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    full = np.zeros((inner.shape[0] + 1, inner.shape[1] + 1), dtype=np.int64)
    full[:-1, :-1] = inner
    full[:-1, -1] = inner.sum(axis=1)
    full[-1, :] = full[:-1, :].sum(axis=0)
    return full


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


def _told_together(masks: Sequence[Mask], *, summed: bool = False) -> set[tuple[int, int, int]]:
    """The hidden cells (table, row, column) that follow from the sums of several lines; *summed*: the last table adds the others up."""
    hidden_cells = ((k, int(i), int(j)) for k, mask in enumerate(masks) for i, j in np.argwhere(mask))
    unknown = {cell: place for place, cell in enumerate(hidden_cells)}
    if not unknown:
        return set()
    shape = masks[0].shape
    # Each line of cells has its total at its end; a cell over the zones has the mission's.
    lines = [[(k, *cell) for cell in line] for k in range(len(masks)) for line in _lines(shape)]
    if summed:
        lines += [[(k, i, j) for k in range(len(masks))] for i in range(shape[0]) for j in range(shape[1])]
    hiding = [line for line in lines if any(cell in unknown for cell in line)]
    sums = np.zeros((len(hiding), len(unknown)))
    for number, line in enumerate(hiding):
        for cell in line:
            if cell in unknown:
                sums[number, unknown[cell]] = -1 if cell == line[-1] else 1
    # What the sums leave open is their null space: a cell that is zero in all of it can be worked out. Of many lines
    # over few cells, their triangle says the same.
    _, values, directions = np.linalg.svd(np.linalg.qr(sums, mode="r"))
    free = directions[int((values > 1e-9).sum()) :]
    return {cell for cell, place in unknown.items() if np.all(np.abs(free[:, place]) < 1e-9)}


def _hide_beside(full: npt.NDArray[np.int64], mask: Mask, derivable: set[tuple[int, int]]) -> bool:
    """Hide one cell more in a line of a cell of *derivable*; False when there is none left."""
    for line in _lines(mask.shape):
        if derivable & set(line) and not all(mask[cell] for cell in line):
            mask[_cheapest(full, mask, line)] = True
            return True
    return False


def _cheapest(full: npt.NDArray[np.int64], mask: Mask, line: list[tuple[int, int]]) -> tuple[int, int]:
    """The cell whose hiding costs least: a part before the total, a count before a zero, the smallest."""
    free = [cell for cell in line if not mask[cell]]
    return min(free, key=lambda cell: (cell == line[-1], full[cell] == 0, int(full[cell]), cell))
