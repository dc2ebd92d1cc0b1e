"""Small cells: 1 and 2 are hidden, and cannot be worked out from the totals."""

from __future__ import annotations

import itertools
import random

import numpy as np

from kobo_sync.analysis.suppression import hidden, publishable, shown


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
