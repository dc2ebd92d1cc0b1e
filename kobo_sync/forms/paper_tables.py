"""The same few questions asked of many things, as one table: a row per thing, a column per question."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from kobo_sync.forms.paper_blocks import Answer, Ask, Block, Grid, Heading

_MOST_COLUMNS = 6
_MOST_OPTIONS = 7
_PAGE_CM = 19.5  # what columns may ask for; they are then drawn together to the page
_HEAD_CM, _MARK_CM = 3.6, 0.78
_FEWEST_GROUPS = 3
_LED = re.compile(r"^(\w{1,2})\s?[-–—=:.)]\s+\S")


def table(
    columns: Sequence[Ask], n_rows: int, words: Mapping[str, str], rows: Sequence[str] = (), condition: str = ""
) -> Grid | None:
    """The questions as a table of *n_rows*, or of *rows* with their names; None when they do not fit across a page.

    Long options are ticked by their number, and said above the table with hints and rules.
    """
    if not 0 < len(columns) <= _MOST_COLUMNS or any(_too_wide(ask) for ask in columns):
        return None
    if (_HEAD_CM if rows else 0) + sum(map(width_cm, columns)) > _PAGE_CM:
        return None
    shared = {ask.condition for ask in columns}
    condition = " · ".join(filter(None, (condition, *(shared if len(shared) == 1 else ()))))
    shown = [replace(ask, condition="" if len(shared) == 1 else ask.condition) for ask in columns]
    notes = [note for ask in shown if (note := _note(ask, words))]
    cells = tuple(replace(ask, hint="", rule="", answer=_short(ask.answer)) for ask in shown)
    return Grid(cells, len(rows) or n_rows, tuple(rows), tuple(notes), condition)


def width_cm(ask: Ask) -> float:
    """How wide a question's column would like to be."""
    answer = ask.answer
    if answer.kind in ("one", "many"):
        letters = sum(map(len, _short(answer).options))
        return max(2.0, _MARK_CM * len(answer.options) + 0.13 * max(0, letters - len(answer.options)))
    if answer.kind == "lines":
        return 2.9 if answer.lines > 1 else 2.7
    return 2.1


def column_widths(grid: Grid) -> list[float]:
    """The widths of the table's columns in proportion to each other, that of the rows' names first."""
    return [*([_HEAD_CM] if grid.rows else []), *map(width_cm, grid.columns)]


def row_height_cm(grid: Grid) -> float:
    """How high a row must be to be written in."""
    return 0.9 if any(ask.answer.kind == "lines" and ask.answer.lines > 1 for ask in grid.columns) else 0.8


def with_tables(blocks: Sequence[Block], words: Mapping[str, str]) -> list[Block]:
    """The blocks with runs of like groups (three or more: a heading and the same questions) put in one table."""
    out: list[Block] = []
    at = 0
    while at < len(blocks):
        run = _like_groups(blocks, at, words)
        grid = _of_groups(run, words) if len(run) >= _FEWEST_GROUPS else None
        if grid:
            out.append(grid)
            at += sum(1 + len(asks) for _, asks in run)
        else:
            out.append(blocks[at])
            at += 1
    return out


_Group = tuple[Heading, tuple[Ask, ...]]


def _like_groups(blocks: Sequence[Block], at: int, words: Mapping[str, str]) -> list[_Group]:
    run: list[_Group] = []
    while (group := _group(blocks, at)) is not None:
        heading, asks = group
        if run and (heading.level != run[0][0].level or _shape(asks, words) != _shape(run[0][1], words)):
            break
        if run and heading.condition != run[0][0].condition:
            break
        run.append(group)
        at += 1 + len(asks)
    return run


def _group(blocks: Sequence[Block], at: int) -> _Group | None:
    """The heading at *at* and the questions below it, when nothing else stands there."""
    heading = blocks[at] if at < len(blocks) else None
    if not isinstance(heading, Heading) or not heading.text:
        return None
    asks: list[Ask] = []
    for block in blocks[at + 1 :]:
        if isinstance(block, Heading) and block.level <= heading.level:
            break
        if not isinstance(block, Ask):
            return None
        asks.append(block)
    return (heading, tuple(asks)) if asks else None


def _shape(asks: Sequence[Ask], words: Mapping[str, str]) -> list[Ask]:
    """The questions without what differs from group to group: numbers, names, and numbers in conditions."""
    return [replace(ask, number="", name="", condition=_relative(ask.condition, asks, words)) for ask in asks]


def _relative(condition: str, asks: Sequence[Ask], words: Mapping[str, str]) -> str:
    """The condition with the group's own questions by their place."""
    for place, ask in enumerate(asks):
        called = re.escape(words["question"].format(n=ask.number))
        condition = re.sub(rf"{called}(?![\w.])", f"\0{place}\0", condition)
    return condition


def _of_groups(run: Sequence[_Group], words: Mapping[str, str]) -> Grid | None:
    heading, first = run[0]
    is_copied = len({asks[0].number for _, asks in run}) == 1  # a repeat's blank copies have the same numbers
    labels = [word.format(x=ask.label) for word in (words["column"],) for ask in first]
    columns = []
    for ask in first:
        condition = _relative(ask.condition, first, words) if not is_copied else ask.condition
        for place, label in enumerate(labels):
            condition = condition.replace(f"\0{place}\0", label)
        columns.append(replace(ask, number=ask.number if is_copied else "", condition=condition))
    rows = [title.text if is_copied else f"{_numbers(asks)} {title.text}" for title, asks in run]
    return table(columns, 0, words, rows, heading.condition)


def _numbers(asks: Sequence[Ask]) -> str:
    return f"{asks[0].number}." if len(asks) == 1 else f"{asks[0].number}–{asks[-1].number}."


# ── what fits a cell ────────────────────────────────────────────────────────


def _too_wide(ask: Ask) -> bool:
    answer = ask.answer
    if answer.kind in ("one", "many"):
        return len(answer.options) > _MOST_OPTIONS
    return answer.kind not in ("lines", "box", "date", "tick")


def _short(answer: Answer) -> Answer:
    """The answer with options short enough for a cell: their leading number where all have one, else their place."""
    if answer.kind not in ("one", "many") or _is_short(answer.options):
        return answer
    return replace(answer, options=_marks(answer.options))


def _is_short(options: Sequence[str]) -> bool:
    return sum(map(len, options)) <= 14


def _marks(options: Sequence[str]) -> tuple[str, ...]:
    led = [match[1] if (match := _LED.match(option)) else "" for option in options]
    return tuple(led) if all(led) and len(set(led)) == len(led) else tuple(map(str, range(1, len(options) + 1)))


def _note(ask: Ask, words: Mapping[str, str]) -> str:
    """What does not fit the head of a column: the hint, the rule, the options in full."""
    answer, said = ask.answer, [ask.hint, ask.rule]
    if answer.kind in ("one", "many") and not _is_short(answer.options):
        marks = _marks(answer.options)
        full = [
            o if o.startswith(m) and _LED.match(o) else f"{m} = {o}" for m, o in zip(marks, answer.options, strict=True)
        ]
        said.append(" · ".join(full))
    if answer.kind == "many":
        said.append(words["many"])
    said = [text for text in said if text]
    return f"{f'{ask.number}. ' if ask.number else ''}{ask.label} – {' '.join(said)}" if said else ""
