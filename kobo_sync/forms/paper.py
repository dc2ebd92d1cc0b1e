"""Form → the paper questionnaire: headings, numbered questions, boxes and lines, repeats as blank copies; no layout."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from kobo_sync.forms.details import Details, details
from kobo_sync.forms.expression import Unsupported, evaluate, text_of
from kobo_sync.forms.paper_blocks import (
    Answer,
    AnswerKind,
    Ask,
    Block,
    Heading,
    Paper,
    Text,
    with_matrices,
    without_empty,
)
from kobo_sync.forms.paper_numbers import numbers, without_number
from kobo_sync.forms.paper_tables import table, with_tables
from kobo_sync.forms.sheets import Book
from kobo_sync.forms.wording import Voice, in_words, references, words_of
from kobo_sync.forms.xlsform import OTHER
from kobo_sync.model import Choice, Form, Question, Section

HIDDEN = frozenset(
    "start end today deviceid username audit calculate hidden phonenumber email subscriberid simserial start-geopoint "
    "background-audio background-geopoint csv-external xml-external start-geotrace start-geoshape".split()
)
COPIES = 3
_MOST_COPIES = 30
_MOST_OPTIONS = 60  # a longer list is no list of boxes: a line to write the code on
_TABLE_ROWS = 8
_SIMPLE: Mapping[str, AnswerKind] = {
    "date": "date", "time": "time", "dateTime": "date_time", "datetime": "date_time", "geopoint": "place", "image": "photo",
    "audio": "file", "video": "file", "file": "file", "acknowledge": "tick", "trigger": "tick", "integer": "box",
    "decimal": "box", "barcode": "box", "range": "box",
}  # fmt: skip
_PIPE = re.compile(r"\$\{\s*(?:last-saved#)?([^}\s]+)\s*\}")
_BLANK = "………"
_ITEM_COUNT = re.compile(r"^count\(\s*instance\(\s*['\"]([\w.-]+)['\"]\s*\)/root/item\s*\)$")
_LOOKED_UP = re.compile(r"instance\(|pulldata\(|last-saved#")
_NEVER = {"false()", "false", "0", "no"}


def paper(
    form: Form,
    book: Book,
    language: str,
    lists: Mapping[str, Sequence[Choice]] | None = None,
    copies: int = COPIES,
    title: str = "",
) -> Paper:
    """The questionnaire of *form* (read from *book*) in *language*, one of ``form.languages``.

    *lists* are the items of file-based lists by file name; a list that is not there gives a dotted line.
    Calculations and metadata stay out, and so do notes that only show what a phone has computed. *title* is the form's
    in *language*, where the workbook's own is in another.
    Raises: nothing; a text missing in *language* is taken from the form's first one.
    """
    writer = _Writer(form, details(book), language, lists or {}, copies)
    blocks = with_tables(list(writer.blocks(writer.entries, 0, {})), writer.words)
    return Paper(
        form.form_id,
        form.version,
        title or form.title,
        language,
        tuple(without_empty(with_matrices(blocks))),
        writer.words,
    )


def paper_numbers(form: Form, book: Book, language: str) -> Mapping[str, str]:
    """What each question is called on its paper, by name."""
    return _Writer(form, details(book), language, {}, COPIES).numbers


# ── the walk ────────────────────────────────────────────────────────────────

_Entry = Question | Section


class _Writer:
    """One form in one language: knows its questions' numbers while it walks."""

    def __init__(
        self,
        form: Form,
        details: Mapping[int, Details],
        language: str,
        lists: Mapping[str, Sequence[Choice]],
        copies: int,
    ) -> None:
        self.form, self.details, self.language, self.lists, self.copies = form, details, language, lists, copies
        self.words = words_of(language)
        self.entries = _in_order(form)
        self.questions = {question.name: question for question in form.questions}
        numbered = [question for question in form.questions if self._is_asked(question)]
        self.by_path = numbers(numbered, self.words["letters"].split())
        # Two groups may each have a question of one name: a reference means the first.
        self.numbers = {question.name: self.by_path[question.path] for question in reversed(numbered)}
        self.unseen = {question.name for question in form.questions if self._is_unseen(question)}

    def blocks(self, entries: Sequence[_Entry], depth: int, certain: Mapping[str, str]) -> Iterator[Block]:
        """The blocks of *entries*, which stand *depth* levels deep; *certain* are values certain in this copy."""
        at, open_path = 0, ""
        while at < len(entries):
            entry = entries[at]
            if isinstance(entry, Section):
                inside = [e for e in entries[at + 1 :] if e.path.startswith(f"{entry.path}/")]
                open_path = ""
                if not _is_never(entry.relevant):
                    yield from self._section(entry, inside, depth, certain)
                    open_path = entry.path
                at += 1 + len(inside)
                continue
            block = self._question(entry, certain)
            if block is not None:
                if open_path:
                    yield Heading("", depth + 1)
                    open_path = ""
                yield block
            at += 1

    def _section(
        self, section: Section, inside: Sequence[_Entry], depth: int, certain: Mapping[str, str]
    ) -> Iterator[Block]:
        label, condition = self.text(section.labels, certain), self.condition(section.relevant, certain)
        if section.kind != "repeat":
            if label or condition:
                yield Heading(label, depth + 1, condition)
            yield from self.blocks(inside, depth + 1, certain)
            return
        items = self._items(section)
        n_copies = len(items) or self._fixed_count(section) or self.copies
        title = label or self.words["entry"]
        tabled = self._item_table(inside, items, certain) if items else self._grid(inside, max(_TABLE_ROWS, n_copies))
        if tabled:
            yield Heading(title, depth + 1, condition)
            yield from tabled
            return
        for number in range(1, n_copies + 1):
            values = self._computed(inside, number, certain)
            name = self.words["copy"].format(x=title, n=f"{number}/{n_copies}")
            note = self.words["blank_copies"] if number == 1 and not items else ""
            yield Heading(name, depth + 1, condition if number == 1 else "", note)
            yield from self.blocks(inside, depth + 1, values)

    def _question(self, question: Question, certain: Mapping[str, str]) -> Block | None:
        if question.kind in HIDDEN or _is_never(question.relevant):
            return None
        label = self.text(question.labels, certain)
        condition = self.condition(question.relevant, certain)
        if question.kind == "note":
            shown_names = (*_piped(question.labels), *references(question.relevant))
            if any(self._is_computed(name) and name not in certain for name in shown_names):
                return None
            return Text(label, condition) if label else None
        if not self._is_asked(question):
            return None
        detail = self.details.get(question.sheet_row, Details())
        hints = [self.text(question.hints, certain), self.text(detail.guidance, certain)]
        rule = self.text(detail.messages, certain)
        return Ask(
            self.by_path[question.path],
            question.name,
            without_number(label) or question.name,
            self.answer(question, detail, certain),
            " ".join(filter(None, hints)),
            is_required(question.required),
            condition,
            "" if _BLANK in rule else rule,  # it quotes what only a phone computes
        )

    # ── answers ──

    def answer(self, question: Question, detail: Details, certain: Mapping[str, str]) -> Answer:
        """Where the answer to *question* is ticked or written."""
        kind = question.kind
        if kind in ("select_one", "select_multiple", "rank", "select_one_external"):
            return self._select(question, detail, certain)
        appearance = question.appearance.split()
        if kind == "range":
            return self._range(detail)
        if kind == "image" and "signature" in appearance:
            return Answer("signature")
        if kind == "image" and {"draw", "annotate"} & set(appearance):
            return Answer("drawing")
        if kind in ("geotrace", "geoshape"):
            return Answer("lines", lines=3)
        if kind in _SIMPLE:
            return Answer(_SIMPLE[kind])
        return Answer("lines", lines=3 if "multiline" in appearance else 1)

    def _select(self, question: Question, detail: Details, certain: Mapping[str, str]) -> Answer:
        is_open = detail.or_other and question.kind != "rank"  # its code « other » is the line below the others
        choices = [choice for choice in self.choices(question) if not (is_open and choice.name == OTHER)]
        options = [self.text(choice.labels, certain) or choice.name for choice in choices]
        options = [option if option != _BLANK else _BLANK * 6 for option in options]
        if not options or len(options) > _MOST_OPTIONS:
            return Answer("lines", lines=1 if question.kind.startswith("select_one") else 2)
        if is_open:
            options.append(f"{self.words['other']} {_BLANK}{_BLANK}")
        kind: AnswerKind = "rank" if question.kind == "rank" else "many"
        if question.kind.startswith("select_one"):
            kind = "one"
        is_blank = any(option.startswith(_BLANK) for option in options)
        return Answer(kind, tuple(options), 1 if is_blank else columns_for(options))

    def _range(self, detail: Details) -> Answer:
        try:
            start, end, step = (
                float(detail.parameters.get(k, d)) for k, d in (("start", "0"), ("end", "10"), ("step", "1"))
            )
        except ValueError:
            return Answer("box")
        n_steps = (end - start) / step if step else 0
        if 0 < n_steps <= 12:
            options = tuple(text_of(round(start + index * step, 6)) for index in range(int(n_steps) + 1))
            return Answer("one", options, len(options))
        return Answer("box", unit=self.words["from_to"].format(a=text_of(start), b=text_of(end)))

    def choices(self, question: Question) -> Sequence[Choice]:
        """The items that *question* offers: its list's, or its file's when we have it."""
        return self.form.choices.get(question.list_name, ()) or self.lists.get(question.file_name, ())

    # ── texts ──

    def text(self, labels: Mapping[str, str], certain: Mapping[str, str]) -> str:
        """The label in this language without marks; what a phone would fill in is a question's number or blank."""
        label = next(
            (labels[key] for key in (self.language, self.form.default_language, *labels) if labels.get(key)), ""
        )
        return plain(_PIPE.sub(lambda match: self._filled(match[1], certain), label))

    def _filled(self, name: str, certain: Mapping[str, str]) -> str:
        if name in certain:
            return certain[name]
        return f"[{self.words['question'].format(n=self.numbers[name])}]" if name in self.numbers else _BLANK

    def condition(self, relevant: str, certain: Mapping[str, str], row: Collection[str] = ()) -> str:
        """*relevant* in words; empty when there is none, it always holds, or a phone alone can tell.

        Names in *row* stand for the row of a table.
        """
        if not relevant or relevant.strip() in ("true()", "1"):
            return ""
        unseen = self.unseen - certain.keys() - set(row)
        return in_words(relevant, Voice(self.words, self._called, self._choice_label(certain), certain, row, unseen))

    def _called(self, name: str) -> str:
        if name in self.numbers:
            return self.words["question"].format(n=self.numbers[name])
        label = self.text(self.questions[name].labels, {}) if name in self.questions else ""
        return self.words["quoted"].format(x=label) if label else self.words["calculated"].format(x=name)

    def _is_asked(self, question: Question) -> bool:
        """Whether people answer it: neither by the phone (a calculation without a trigger) nor in another row."""
        is_given = question.calculation and not self.details.get(question.sheet_row, Details()).trigger
        return _is_asked(question) and not is_given

    def _is_unseen(self, question: Question) -> bool:
        """Whether its value is looked up where paper does not reach: in lists, in what the phone saved last."""
        is_shown = bool(question.labels)
        return question.kind == "calculate" and not is_shown and bool(_LOOKED_UP.search(question.calculation))

    def _choice_label(self, certain: Mapping[str, str]) -> Callable[[str, str], str]:
        def label(name: str, code: str) -> str:
            question = self.questions.get(name)
            choice = next((c for c in self.choices(question) if c.name == code), None) if question else None
            return self.text(choice.labels, certain) or choice.name if choice else ""

        return label

    def _is_computed(self, name: str) -> bool:
        return name not in self.numbers

    # ── repeats ──

    def _items(self, section: Section) -> Sequence[Choice]:
        """The list that a repeat walks through item by item (``count(instance('besoins')/root/item)``)."""
        match = _ITEM_COUNT.match(self.details.get(section.sheet_row, Details()).repeat_count)
        items = self.lists.get(f"{match[1]}.csv", ()) if match else ()
        return items if len(items) <= _MOST_COPIES else ()

    def _fixed_count(self, section: Section) -> int:
        count = self.details.get(section.sheet_row, Details()).repeat_count
        return min(int(count), _MOST_COPIES) if count.isdigit() else 0

    def _computed(self, inside: Sequence[_Entry], number: int, certain: Mapping[str, str]) -> dict[str, str]:
        """*certain*, and what the repeat's own calculations give in copy *number* without any answer."""
        values = dict(certain)
        lists = {
            name.removesuffix(".csv"): [
                {**item.extra, "name": item.name, "label": self.text(item.labels, {})} for item in items
            ]
            for name, items in self.lists.items()
        }
        for entry in inside:
            if not isinstance(entry, Question) or entry.kind != "calculate":
                continue
            if entry.calculation.replace(" ", "") == "position(..)":
                values[entry.name] = str(number)
            elif all(name in values for name in references(entry.calculation)):
                try:
                    value = text_of(evaluate(entry.calculation, values, lists=lists))
                except Unsupported:
                    continue
                if value:
                    values[entry.name] = value
        return values

    def _item_table(
        self, inside: Sequence[_Entry], items: Sequence[Choice], certain: Mapping[str, str]
    ) -> Sequence[Block]:
        """A repeat over *items* as a table of one row each; nothing where questions differ from item to item.

        A note that differs, or the item's label, is the row's name; other notes stand above.
        """
        values = [self._computed(inside, number, certain) for number in range(1, len(items) + 1)]
        varying = {name for each in values for name in each if each[name] != values[0].get(name)}
        rows = [self.text(item.labels, {}) or item.name for item in items]
        groups = {entry.path: entry for entry in inside if isinstance(entry, Section)}
        if any(group.kind == "repeat" for group in groups.values()):
            return ()
        texts, columns = [], []
        for question in (entry for entry in inside if isinstance(entry, Question)):
            blocks = [self._question(question, each) for each in values]
            alike = {replace(b, condition="") if isinstance(b, Ask | Text) else None for b in blocks}
            shown = [block.text for block in blocks if isinstance(block, Text)]
            if len(shown) == len(items) == len(alike):
                rows = shown
            elif len(alike) > 1:
                return ()
            elif isinstance(blocks[0], Text):
                texts.append(blocks[0])
            elif isinstance(blocks[0], Ask):
                around = [group.relevant for path, group in groups.items() if question.path.startswith(f"{path}/")]
                said = [self.condition(each, certain, varying) for each in (*around, question.relevant)]
                columns.append(replace(blocks[0], condition=" · ".join(filter(None, said))))
        grid = table(columns, len(items), self.words, rows)
        return (*texts, grid) if grid else ()

    def _grid(self, inside: Sequence[_Entry], n_rows: int) -> Sequence[Block]:
        """The repeat as a table, when each of its few questions fits a cell."""
        asks = []
        for entry in inside:
            block = None if isinstance(entry, Section) else self._question(entry, {})
            if isinstance(entry, Section) or isinstance(block, Text):
                return ()
            if isinstance(block, Ask):
                asks.append(block)
        grid = table(asks, n_rows, self.words) if all(_is_short(ask) for ask in asks) else None
        return (grid,) if grid else ()


def plain(text: str) -> str:
    """A label without HTML tags and Markdown's marks, its thousands held together.

    With a plain space, ``20 000`` inside Arabic is drawn from its wrong end.
    """
    text = re.sub(r"(?<=\d) (?=\d{3}(?!\d))", "\u202f", text)
    text = re.sub(r"</?[a-zA-Z][^>]*>", "", text)
    text = re.sub(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1", r"\2", text)
    text = re.sub(r"(?<![\w*])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*])", r"\1", text)
    return re.sub(r"^#{1,6}\s+", "", text, flags=re.M).strip()


def columns_for(options: Sequence[str]) -> int:
    """In how many columns the options stand: all on one line when short, one per line when long."""
    longest, total = max(map(len, options)), sum(len(option) + 4 for option in options)
    if total <= 84 and longest * len(options) <= 110:
        return len(options)
    return 3 if longest <= 22 else 2 if longest <= 44 else 1


def _in_order(form: Form) -> list[_Entry]:
    """Questions and sections as they follow each other: a section just before the first question inside it."""
    holders = {
        "/".join(parts[:n]) for q in form.questions if (parts := q.path.split("/")) for n in range(1, len(parts))
    }
    sections = [section for section in form.sections if section.path in holders]
    entries: list[_Entry] = []
    for question in form.questions:
        while sections and question.path.startswith(f"{sections[0].path}/"):
            entries.append(sections.pop(0))
        entries.append(question)
    return entries


def _is_asked(question: Question) -> bool:
    if question.origin:  # a line stands beside the choice already, and nobody counts a repeat's copies
        return False
    # In a table-list, the row with the appearance "label" only repeats the options above the others.
    is_header = question.kind.startswith("select") and "label" in question.appearance.split()
    return (
        question.kind not in HIDDEN and question.kind != "note" and not is_header and not _is_never(question.relevant)
    )


def _is_never(relevant: str) -> bool:
    return relevant.replace(" ", "").lower() in _NEVER


def is_required(text: str) -> bool:
    """Whether a cell of the column required asks for an answer whatever the others are."""
    return text.strip().lower() in ("yes", "true", "true()", "1", "required", "oui")


def _piped(labels: Mapping[str, str]) -> list[str]:
    return [name for text in labels.values() for name in _PIPE.findall(text)]


def _is_short(ask: Ask) -> bool:
    answer = ask.answer
    if ask.condition or len(ask.label) > 60:
        return False
    return answer.kind in ("one", "many", "box", "date", "tick") or (answer.kind == "lines" and answer.lines == 1)
