"""Small cells: 1 and 2 are hidden, and cannot be worked out from the totals."""

from __future__ import annotations

import itertools
import random

import numpy as np
from scipy.optimize import linprog

from kobo_sync.analysis.suppression import hidden, hidden_over_zones, publishable, shown


def test_large_tables_are_shown_whole() -> None:
    assert shown([[6, 3], [4, 5]]) == [["6", "3", "9"], ["4", "5", "9"], ["10", "8", "18"]]


def test_a_small_cell_takes_its_neighbours_along() -> None:
    table = shown([[6, 3], [4, 3], [1, 8]])
    assert table[2][0] == "–"
    hidden_in_row = sum(cell == "–" for cell in table[2])
    hidden_in_column = sum(row[0] == "–" for row in table)
    assert hidden_in_row >= 2
    assert hidden_in_column >= 2


def test_zeros_are_printed_when_nothing_is_small() -> None:
    assert shown([[0, 3], [4, 0]])[0] == ["0", "3", "3"]


def test_empty_tables() -> None:
    assert hidden([]).shape == (1, 1)
    assert shown([[0, 0]]) == [["0", "0", "0"], ["0", "0", "0"]]
    assert publishable(3)
    assert not publishable(2)


def test_a_single_person_leaves_nothing_to_read() -> None:
    table = shown([[1, 0], [0, 0]])
    assert "1" not in itertools.chain.from_iterable(table)


def solutions(counts: list[list[int]]) -> list[list[tuple[int, ...]]]:
    """For each hidden inner cell, the values it may have given all printed cells and totals."""
    mask = hidden(counts)
    inner = np.array(counts)
    cells = [(i, j) for i in range(inner.shape[0]) for j in range(inner.shape[1]) if mask[i, j]]
    most = int(inner.sum())
    possible: list[set[int]] = [set() for _ in cells]
    for guess in itertools.product(range(min(most, 9) + 1), repeat=len(cells)):
        trial = inner.copy()
        for cell, value in zip(cells, guess, strict=True):
            trial[cell] = value
        rows = all(mask[i, -1] or trial[i].sum() == inner[i].sum() for i in range(len(inner)))
        columns = all(mask[-1, j] or trial[:, j].sum() == inner[:, j].sum() for j in range(inner.shape[1]))
        if rows and columns and (mask[-1, -1] or trial.sum() == most):
            for place, value in enumerate(guess):
                possible[place].add(value)
    return [[tuple(sorted(values)) for values in possible]]


def test_no_hidden_small_cell_can_be_worked_out_in_two_by_two_tables() -> None:
    draw = random.Random(5)
    for _ in range(60):
        counts = [[draw.randint(0, 6) for _ in range(2)] for _ in range(2)]
        mask = hidden(counts)
        for possible in solutions(counts)[0]:
            assert len(possible) > 1, (counts, mask)


def test_sums_of_several_lines_tell_nothing_either() -> None:
    """Row totals that are hidden together, and a column that is shown: a table that line by line looked safe."""
    counts = [[0, 2, 0], [2, 0, 1], [0, 2, 0], [0, 2, 1]]
    assert can_be_told(counts, []) == []


def can_be_told(counts: list[list[int]], parts: list[list[list[int]]]) -> list[tuple[int, int, int]]:
    """(table, row, column) of the small cells that linear programming finds from all that is printed; -1 is the sum."""
    tables, masks = (parts or [counts]), [hidden(part) for part in parts or [counts]]
    n_rows, n_columns = len(counts), len(counts[0])
    size = n_rows * n_columns
    known, sums = [], []

    def sum_of(chosen: list[int], i: int, j: int) -> np.ndarray:
        line = np.zeros((len(tables), n_rows, n_columns))
        line[np.ix_(chosen, range(n_rows) if i == n_rows else [i], range(n_columns) if j == n_columns else [j])] = 1
        return line.reshape(len(tables) * size)

    flat = np.array(tables, dtype=float).reshape(len(tables) * size)
    whole = hidden_over_zones(counts, parts) if parts else None
    places = list(itertools.product(range(n_rows + 1), range(n_columns + 1)))
    for i, j in places:
        chosen = [([k], masks[k]) for k in range(len(tables))]
        chosen += [(list(range(len(tables))), whole)] if whole is not None else []
        for which, mask in chosen:
            if not mask[i, j]:
                known.append(sum_of(which, i, j))
                sums.append(float(known[-1] @ flat))
    found = []
    for k, (i, j) in itertools.product(range(len(tables)), places):
        wanted = sum_of([k], i, j)
        if 0 < wanted @ flat < 3 and known:
            low = linprog(wanted, A_eq=np.array(known), b_eq=sums, bounds=(0, None))
            high = linprog(-wanted, A_eq=np.array(known), b_eq=sums, bounds=(0, None))
            if high.status == 0 and -high.fun - low.fun < 0.5:
                found.append((k, i, j))
    return found


def test_what_zones_hide_cannot_be_worked_out_from_the_missions_table() -> None:
    draw = random.Random(3)
    for _ in range(25):
        n_rows, n_columns, most = draw.randint(1, 3), draw.randint(1, 2), draw.choice((3, 5, 9))
        parts = [
            [[draw.randint(0, most) for _ in range(n_columns)] for _ in range(n_rows)]
            for _ in range(draw.randint(2, 3))
        ]
        counts = np.array(parts).sum(axis=0).tolist()
        assert can_be_told(counts, parts) == [], parts
