"""A submission's answers as its form lays them out: under the headings of its groups, repeats as tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kobo_sync.analysis.changes import leaves
from kobo_sync.web.compared_rows import NUMBERED, Line, Questions


@dataclass(frozen=True)
class Block:
    """Answers that belong together, under the labels of the groups and repeats that they stand in, outermost first.

    Of a repeat it is a table: *columns* are its questions, *rows* its items, each with its number (``2.1``: the first within the
    second of the outer repeat) and a line per column, None where that was not answered. Elsewhere *lines* are the answers.
    """

    headings: tuple[str, ...]
    lines: tuple[Line, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, tuple[Line | None, ...]], ...] = ()


@dataclass
class _Repeat:
    columns: list[str] = field(default_factory=list)  # paths without numbers
    items: dict[str, dict[str, Line]] = field(default_factory=dict)  # number → path → answer


def sheet(answers: Mapping[str, Any], questions: Questions, *, with_names: bool) -> tuple[Block, ...]:
    """The blocks in the form's order; a repeat's table stands where its first question does, that of an inner one behind it.

    What is personal has no answer without *with_names*; what the form does not ask comes last.
    """
    texts = dict(leaves(answers))
    repeats: dict[str, _Repeat] = {}
    parts: list[str | list[Line]] = []  # the path of a repeat, or lines of one group
    headings: list[tuple[str, ...]] = []
    for path in sorted(texts, key=questions.order):
        if questions.is_hidden(path):
            continue
        bare, numbers = NUMBERED.sub("", path), [n[1:-1] for n in NUMBERED.findall(path)]
        line = questions.line(path, (texts[path],), with_names=with_names)
        if numbers:
            of_repeat = NUMBERED.sub("", path[: path.rindex("]") + 1])
            if of_repeat not in repeats:
                repeats[of_repeat] = _Repeat()
                parts.append(of_repeat)
                headings.append(questions.headings(of_repeat, is_itself=True))
            _put(repeats[of_repeat], bare, ".".join(numbers), line)
            continue
        here = questions.headings(bare)
        if not parts or isinstance(parts[-1], str) or headings[-1] != here:
            parts.append([])
            headings.append(here)
        lines = parts[-1]
        assert isinstance(lines, list)
        lines.append(line)
    return tuple(
        _table(repeats[part], part, above, questions) if isinstance(part, str) else Block(above, tuple(part))
        for part, above in zip(parts, headings, strict=True)
    )


def _put(repeat: _Repeat, path: str, number: str, line: Line) -> None:
    if path not in repeat.columns:
        repeat.columns.append(path)
    repeat.items.setdefault(number, {})[path] = line


def _table(repeat: _Repeat, of_repeat: str, headings: tuple[str, ...], questions: Questions) -> Block:
    items = sorted(repeat.items.items(), key=lambda item: [int(n) for n in re.findall(r"\d+", item[0])])
    return Block(
        headings,
        columns=tuple(questions.label_within(path, of_repeat) for path in repeat.columns),
        rows=tuple((number, tuple(lines.get(path) for path in repeat.columns)) for number, lines in items),
    )
