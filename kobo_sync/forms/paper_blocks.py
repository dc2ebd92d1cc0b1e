"""What a paper questionnaire is made of, and how single questions come together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

AnswerKind = Literal[
    "one", "many", "rank", "lines", "box", "date", "time", "date_time", "place", "signature", "drawing", "photo", "file",
    "tick",
]  # fmt: skip
_SHORT_OPTION = 30


@dataclass(frozen=True)
class Answer:
    """Where the answer goes: *options* are labels to tick in *columns*, *lines* dotted lines, *unit* a word beside."""

    kind: AnswerKind
    options: tuple[str, ...] = ()
    columns: int = 1
    lines: int = 1
    unit: str = ""


@dataclass(frozen=True)
class Heading:
    """The title of a group; *text* is empty where a group without a label, or the end of one, only makes a break."""

    text: str
    level: int
    condition: str = ""
    note: str = ""


@dataclass(frozen=True)
class Text:
    """A note to read."""

    text: str
    condition: str = ""


@dataclass(frozen=True)
class Ask:
    """A question: *number* on paper, *name* in the form; *rule* is the message of its constraint."""

    number: str
    name: str
    label: str
    answer: Answer
    hint: str = ""
    required: bool = False
    condition: str = ""
    rule: str = ""


@dataclass(frozen=True)
class Matrix:
    """Consecutive questions over one list: a row each, a column per option."""

    options: tuple[str, ...]
    rows: tuple[Ask, ...]
    condition: str = ""


@dataclass(frozen=True)
class Grid:
    """The same short questions of many things: a column each, *n_rows* rows, blank or called *rows*.

    *notes* say above the table what has no room in it: hints, rules, what the ticks stand for.
    """

    columns: tuple[Ask, ...]
    n_rows: int
    rows: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    condition: str = ""


Block = Heading | Text | Ask | Matrix | Grid


@dataclass(frozen=True)
class Paper:
    """A questionnaire ready to lay out; *words* are the fixed words of its language, ``words["dir"]`` its direction."""

    form_id: str
    version: str
    title: str
    language: str
    blocks: tuple[Block, ...]
    words: Mapping[str, str]

    @property
    def right_to_left(self) -> bool:
        """Whether the page runs from right to left."""
        return self.words["dir"] == "rtl"


def with_matrices(blocks: Sequence[Block]) -> list[Block]:
    """The blocks with runs of questions over the same short options put in one table."""
    out: list[Block] = []
    at = 0
    while at < len(blocks):
        run = _run(blocks[at:])
        first = run[0] if run else None
        if first and len(run) > 1:
            rows = tuple(replace(ask, condition="") for ask in run)
            out.append(Matrix(first.answer.options, rows, first.condition))
            at += len(run)
        else:
            out.append(blocks[at])
            at += 1
    return out


def _run(blocks: Sequence[Block]) -> list[Ask]:
    run: list[Ask] = []
    for block in blocks:
        if not isinstance(block, Ask) or block.answer.kind != "one" or block.rule:
            break
        options = block.answer.options
        if not 2 <= len(options) <= 11 or max(map(len, options)) > _SHORT_OPTION or sum(map(len, options)) > 130:
            break
        if run and (options, block.condition) != (run[0].answer.options, run[0].condition):
            break
        run.append(block)
    return run


def without_empty(blocks: Sequence[Block]) -> Iterator[Block]:
    """The blocks without headings that nothing stands under."""
    for at, block in enumerate(blocks):
        under = _until(blocks[at + 1 :], block.level) if isinstance(block, Heading) else iter(())
        if isinstance(block, Heading) and all(isinstance(inner, Heading) for inner in under):
            continue
        yield block


def _until(blocks: Sequence[Block], level: int) -> Iterator[Block]:
    for block in blocks:
        if isinstance(block, Heading) and block.level <= level:
            return
        yield block
