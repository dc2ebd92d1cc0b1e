"""KoboToolbox's own rows written out as plain XLSForm: matrix, score and rank, as its compiler does before pyxform.

A workbook keeps `begin_kobomatrix`, `begin_score` and `begin_rank`, and is sent to the server as it is; the paths of
the answers are those of the rows written out. Notes that only repeat labels are left out: nothing is answered there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from kobo_sync.forms.headers import Column, clean, column, survey_type
from kobo_sync.forms.sheets import Book, Row, Sheet

MATRIX_LIST, SCORE_LIST = "kobo--matrix_list", "kobo--score-choices"
RANK_LIST, RANK_MESSAGE = "kobo--rank-items", "kobo--rank-constraint-message"
# kind of the beginning → the columns that KoboToolbox demands there
NEEDS: Mapping[str, tuple[str, ...]] = {
    "begin_kobomatrix": (MATRIX_LIST,),
    "begin_score": (SCORE_LIST,),
    "begin_rank": (RANK_LIST, RANK_MESSAGE),
}
INSIDE: Mapping[str, str] = {"begin_score": "score__row", "begin_rank": "rank__level"}  # the only rows there
KINDS = frozenset({*NEEDS, *(kind.replace("begin", "end") for kind in NEEDS), *INSIDE.values()})
_OR_OTHER = re.compile(r"\s+or[ _](specify )?other\s*$")
_AUTONAME, _AUTOVALUE = "$autoname", "$autovalue"
_LONGEST_NAME = 40

Cells = Mapping[str, str]  # canonical column → text; texts in languages under their header


def written_out(book: Book) -> Book:
    """The book with KoboToolbox's own rows as groups and selects; the same book when it has none. Raises: nothing."""
    survey = book.survey
    types = [header for header in survey.header if column(header).name == "type"][:1] if survey else []
    if survey is None or not any(
        survey_type(clean(row.cells.get(types[0], ""))).kind in KINDS for row in survey.rows if types
    ):
        return book
    rows = tuple(_Writer(survey, book.sheet("choices")).rows())
    headers = dict.fromkeys([*survey.header, *(header for row in rows for header in row.cells)])
    sheet = replace(survey, header=tuple(headers), rows=rows)
    return replace(book, sheets=tuple(sheet if each is survey else each for each in book.sheets))


class _Writer:
    """One survey sheet, written row by row; columns are added where the sheet lacks them."""

    def __init__(self, survey: Sheet, choices: Sheet | None) -> None:
        self.survey, self.choices = survey, choices
        self.columns = [column(header) for header in dict.fromkeys(survey.header)]
        self.headers = {c.name: c.header for c in reversed(self.columns) if not c.language}
        self.labels = [c for c in self.columns if c.name == "label"]
        self.names = {self.text(row, "name") for row in survey.rows}

    def rows(self) -> Iterator[Row]:
        """The sheet's rows, KoboToolbox's own ones written out."""
        rows = iter(self.survey.rows)
        for row in rows:
            kind = self.kind(row)
            if kind not in NEEDS:
                yield row
                continue
            inside, end = [], None
            for inner in rows:
                if self.kind(inner) == kind.replace("begin", "end"):
                    end = inner
                    break
                inside.append(inner)
            yield from {"begin_kobomatrix": self.matrix, "begin_score": self.score, "begin_rank": self.rank}[kind](row, inside, end)  # fmt: skip

    # ── the three ──

    def matrix(self, begin: Row, inside: Sequence[Row], end: Row | None) -> Iterator[Row]:
        """A group for each item of the list, ``<matrix>_<item>``, with a question for each row."""
        name = self.name(begin)
        for code, labels in self.items(self.text(begin, MATRIX_LIST)):
            base = f"{name}_{code}"
            yield self.row(begin, {"type": "begin_group", "name": base}, labels)  # its relevant is dropped there
            columns = [self.name(row) for row in inside]
            for row, own in zip(inside, columns, strict=True):
                cells = {
                    "type": _OR_OTHER.sub("", self.text(row, "type")),  # which is lost there too
                    "name": f"{base}_{own}",
                    "appearance": "w2",
                    **{
                        key: _renamed(self.text(row, key), base, columns)
                        for key in ("required", "relevant", "constraint")
                    },
                }
                texts = self.texts(row)
                shown = {
                    h: " – ".join(filter(None, (labels.get(h, ""), texts.get(h, "")))) for h in {**labels, **texts}
                }
                yield self.row(row, cells, shown)
            yield from self.closed(begin, end)

    def score(self, begin: Row, inside: Sequence[Row], end: Row | None) -> Iterator[Row]:
        """A group whose rows are selects over one list, below a header that nobody answers."""
        name, kind = self.name(begin), f"select_one {self.text(begin, SCORE_LIST)}".strip()
        yield self.opened(begin, name)
        yield self.row(begin, {"type": kind, "name": f"{name}_header", "appearance": "label"}, self.texts(begin))
        required = "true" if self.text(begin, "required") else ""
        for row in inside:
            if self.kind(row) != INSIDE["begin_score"]:
                yield row
                continue
            appearance = self.text(row, "appearance") or "list-nolabel"
            cells = {"type": kind, "name": self.name(row), "appearance": appearance}
            yield self.changed(row, {**cells, "required": required or self.text(row, "required")})
        yield from self.closed(begin, end)

    def rank(self, begin: Row, inside: Sequence[Row], end: Row | None) -> Iterator[Row]:
        """A group whose rows are required selects over one list, each unlike those before it."""
        kind, message = f"select_one {self.text(begin, RANK_LIST)}".strip(), self.text(begin, RANK_MESSAGE)
        yield self.opened(begin, self.name(begin))
        before: list[str] = []
        for row in inside:
            if self.kind(row) != INSIDE["begin_rank"]:
                yield row
                continue
            name = self.name(row)
            cells = {
                "type": kind,
                "name": name,
                "appearance": self.text(row, "appearance") or "minimal",
                "required": "true",
                "constraint": " and ".join(f"${{{name}}} != ${{{other}}}" for other in before),
            }
            cells |= dict.fromkeys(self.translated("constraint_message"), message)
            yield self.changed(row, cells)
            before.append(name)
        yield from self.closed(begin, end)

    # ── rows and cells ──

    def opened(self, begin: Row, name: str) -> Row:
        """The group in place of *begin*."""
        cells = {"type": "begin_group", "name": name, "appearance": "field-list", "relevant": self.text(begin, "relevant")}  # fmt: skip
        return self.row(begin, cells, self.texts(begin))

    def closed(self, begin: Row, end: Row | None) -> Iterator[Row]:
        """The end of the group; none where the sheet has none, so that lint tells."""
        if end is not None:
            yield self.row(end, {"type": "end_group"}, {})

    def row(self, source: Row, cells: Cells, texts: Cells) -> Row:
        """A row in *source*'s place with these cells alone."""
        filled = {self.headers.get(name, name): text for name, text in cells.items() if text}
        return Row(source.number, {**filled, **{header: text for header, text in texts.items() if text}})

    def changed(self, source: Row, cells: Cells) -> Row:
        """*source* with these cells in place of its own."""
        mine = {self.headers.get(name, name): text for name, text in cells.items()}
        return Row(source.number, {header: text for header, text in {**source.cells, **mine}.items() if text})

    def kind(self, row: Row) -> str:
        """The kind of a row."""
        return survey_type(self.text(row, "type")).kind

    def text(self, row: Row, name: str) -> str:
        """The cell of canonical column *name*, without outer blanks."""
        return clean(row.cells.get(self.headers.get(name, name), ""))

    def texts(self, row: Row) -> dict[str, str]:
        """The labels by header."""
        return {c.header: clean(row.cells[c.header]) for c in self.labels if c.header in row.cells}

    def translated(self, name: str) -> list[str]:
        """The headers of column *name* in each language that the labels have."""
        written = [re.split("::?", c.header)[-1].strip() for c in self.labels if c.language]
        return [f"{name}::{language}" for language in written] or [self.headers.get(name, name)]

    def name(self, row: Row) -> str:
        """The row's name; else the one that KoboToolbox gave it, or would make of its label."""
        own = self.text(row, "name") or clean(row.cells.get(_AUTONAME, ""))
        if own:
            return own
        slug = _slug(next(iter(self.texts(row).values()), "") or self.text(row, "type"))
        name, n = slug, 0
        while name in self.names:
            n += 1
            name = f"{slug}_{n:03d}"
        return name

    def items(self, list_name: str) -> Iterator[tuple[str, dict[str, str]]]:
        """Code and labels of each choice of a list; labels under the survey's headers."""
        if self.choices is None:
            return
        columns = [column(header) for header in self.choices.header]
        for row in self.choices.rows:
            cells = {c.name: clean(row.cells[c.header]) for c in columns if not c.language and c.header in row.cells}
            code = cells.get("name") or clean(row.cells.get(_AUTOVALUE, ""))
            if code and list_name and cells.get("list_name") == list_name:
                yield code, dict(self._labels_of(row, columns))

    def _labels_of(self, row: Row, columns: Iterable[Column]) -> Iterator[tuple[str, str]]:
        for c in columns:
            if c.name == "label" and c.header in row.cells:
                header = next((mine.header for mine in self.labels if mine.language == c.language), "")
                if header:
                    yield header, clean(row.cells[c.header])


def _renamed(text: str, base: str, columns: Sequence[str]) -> str:
    """The expression with each ``${column}`` of the matrix as the question of this item."""
    for name in columns:
        text = text.replace(f"${{{name}}}", f"${{{base}_{name}}}")
    return text


def _slug(label: str) -> str:
    """A name out of a label, as KoboToolbox makes it."""
    text = re.sub(r"[^a-zA-Z0-9_]+", "_", re.sub(r"\s", "_", label.strip()))
    text = text if text == "_" else text.removesuffix("_")
    if len(text) > _LONGEST_NAME:
        text = f"{text[: _LONGEST_NAME // 2]}_{text[-_LONGEST_NAME // 2 :]}"
    text = f"_{text}" if text[:1].isdigit() else text
    return re.sub("__+", "_", text) or "_"
