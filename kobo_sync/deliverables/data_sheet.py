"""One table on its way out: its columns as they may leave, in an order that tells nothing, and what was done to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from kobo_sync.analysis import labels, meaning, quoting
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import memo_in_process
from kobo_sync.analysis.satisfaction import scale_codes
from kobo_sync.deliverables import pseudonyms
from kobo_sync.deliverables.treatment import (
    Treatment,
    classes_of,
    questions_of,
    registered_names,
    shown_choices,
    system_of,
    treatments,
)
from kobo_sync.documents.spreadsheets import excel
from kobo_sync.language.catalogue import later, t
from kobo_sync.lazy import pd
from kobo_sync.model import Question
from kobo_sync.store.tables.layout import free_name

RETIRED = later("question removed from the form")
ROW_CODE = later("row_code")  # names of columns, for programs too: letters of ASCII
_NO_DATA, _VALUE, _LABEL = later("no_data"), later("_value"), later("_label")
_UNSHOWN = ("submitted_by",)  # of the columns that every table has
_SERVERS = ("root_uuid", "submission_id")  # ids by which the server, and whoever may look there, knows the row
_SYSTEM_TITLES = {
    ROW_CODE: later("Code of the row, of these files alone"),
    "root_uuid": later("Technical identifier of the submission"),
    "submission_id": later("Number of the submission"),
    "submitted_at": later("Received on"),
    "form_version": later("Version of the form"),
    "submitted_by": later("Account that sent the submission"),
    "validation": later("Validation"),
    "parent_position": later("Position in the parent repeat"),
    "position": later("Position in the repeat"),
}
_LABEL_IN = {"fr": later("Label in French"), "en": later("Label in English"), "ar": later("Label in Arabic")}


@dataclass
class Told:
    """What was done to a sheet's columns, for its reader: names of columns, and how many cells were masked or left blank."""

    left_out: list[str] = field(default_factory=list)
    masked: dict[str, int] = field(default_factory=dict)
    coarse: list[str] = field(default_factory=list)
    coded: list[str] = field(default_factory=list)
    blanked: dict[str, int] = field(default_factory=dict)


@dataclass
class DataSheet:
    """One table on its way out; *told* takes down what is done to it."""

    facts: Facts
    form_id: str
    name: str
    table: pd.DataFrame
    told: Told
    nominative: bool
    places: bool

    def made(self, rows: Any = None) -> excel.Sheet:
        """The sheet of the table's *rows* (a mask; all of them without one), in an order that tells nothing where it must not."""
        columns, values = self._system()
        subjects = pseudonyms.groups(self.facts).subjects.get(self.name) if not self.nominative else None
        headers = {str(column).lower() for column in self.table.columns}
        for column, treatment in treatments(self.facts, self.name).items():
            question = questions_of(self.facts, self.name).get(column)
            if self._is_left_out(column, treatment):
                self.told.left_out.append(column)
                continue
            kind = _kind(question, self.table[column])
            if not self.nominative:
                kind = {"day": "date", "bands": "text"}.get(treatment.how, kind)  # type: ignore[assignment]
            cells = self._cells(column, treatment, kind, subjects, rows)
            named = question.name if question else column
            columns.append(
                excel.Column(column, _title(self.facts, self.form_id, column, question), kind, question=named)
            )
            values.append(cells)
            if codes := _scale_of(self.facts, self.form_id, question):
                header = free_name(f"{column}{t(_VALUE)}", headers)
                title = t("Value, from 1 (the least favourable) to {highest}", highest=len(codes))
                columns.append(excel.Column(header, title, "integer", width=12, question=named, labels_of=column))
                values.append([codes.index(str(cell)) + 1 if str(cell) in codes else None for cell in cells])
            if (labelled := _labels(self.facts, self.form_id, question, cells)) is not None:
                header = free_name(f"{column}{t(_LABEL)}", headers)
                title = _label_title(self.facts, self.form_id, question)
                columns.append(excel.Column(header, title, width=24, question=named, labels_of=column))
                values.append(labelled)
        if not columns:
            return excel.Sheet(self.name, [excel.Column(t(_NO_DATA), t("No data"))], [])
        lines = list(zip(*values, strict=True))
        if rows is not None:
            lines = [line for line, stays in zip(lines, rows, strict=True) if stays]
        if not self.nominative:
            lines.sort(
                key=lambda line: tuple(str(cell).zfill(12) for cell in line[:3])
            )  # by code: the order of arrival tells
        return excel.Sheet(self.name, columns, lines)

    def _is_left_out(self, column: str, treatment: Treatment) -> bool:
        if self.nominative:
            return False
        return treatment.how == "left out" or (treatment.how == "place" and not self.places)

    def _system(self) -> tuple[list[excel.Column], list[list[excel.Value]]]:
        """The columns that hold no answer; without names, codes of our own stand for the server's ids, and moments are days."""
        columns, values = [], []
        for column in system_of(self.facts, self.name):
            if column not in self.table or (column in _UNSHOWN and not self.nominative):
                continue
            if column == "submission_id" and not self.facts.config.server.features.numbers_rows:
                continue  # a number of our own: nobody knows the row by it there
            kind = _system_kind(column)
            if self.nominative or column not in _SERVERS:
                is_day = kind == "datetime" and not self.nominative
                refused = self._refused(column) if column in _UNSHOWN else [False] * len(self.table)
                shown_values = [None if no else v for v, no in zip(self.table[column], refused, strict=True)]
                cells = [_day(self.facts, v) if is_day else _plain(self.facts, v, kind) for v in shown_values]
                kind = "date" if is_day else kind
            elif column == "root_uuid":
                column = free_name(t(ROW_CODE), {str(each).lower() for each in self.table.columns})  # noqa: PLW2901
                roots = self.table["root_uuid"]
                codes = {root: pseudonyms.row_code(self.facts, self.form_id, str(root)) for root in set(roots)}
                cells = [codes[root] for root in roots]  # a submission has many rows in its repeats
            else:
                continue
            columns.append(excel.Column(column, t(_SYSTEM_TITLES.get(column, _SYSTEM_TITLES[ROW_CODE])), kind))
            values.append(cells)
        return columns, values

    def _cells(
        self, column: str, treatment: Treatment, kind: excel.Kind, subjects: Any, rows: Any
    ) -> list[excel.Value]:
        question = questions_of(self.facts, self.name).get(column)
        refused = self._refused(question.name if question else column)
        answers = [None if no else value for value, no in zip(self.table[column], refused, strict=True)]
        if self.nominative:
            return [_plain(self.facts, value, kind) for value in answers]
        if treatment.how == "day":
            cells = [_day(self.facts, value) for value in answers]
        else:
            cells = [_plain(self.facts, treatment.coarse(value), kind) for value in answers]
        if treatment.how in ("day", "bands"):
            self.told.coarse.append(column)
        if treatment.how == "coded":
            self.told.coded.append(column)
            return self._listed(question, cells) if _is_listed(treatment) else self._coded(cells)
        if treatment.trait and subjects is not None:
            cells = self._blanked(column, treatment.trait, cells, subjects, rows)
        return self._masked(column, treatment, question, cells)

    def _refused(self, named: str) -> list[bool]:
        """Per row whether nothing of this question may be told, because consent was refused."""
        settings = self.facts.config.forms[self.form_id]
        always = {settings.fields.get("zone", ""), settings.fields.get("consent", "")}
        refused = pseudonyms.refusals(self.facts, self.form_id) if named not in always else frozenset()
        if not refused or "root_uuid" not in self.table:
            return [False] * len(self.table)
        return self.table["root_uuid"].isin(refused).tolist()

    def _coded(self, cells: list[excel.Value]) -> list[excel.Value]:
        people = pseudonyms.participants(self.facts, self.form_id) if self.name == self.form_id else {}
        no_code = ("", self.facts.config.codes.not_listed)
        coded: list[excel.Value] = []
        for root, cell in zip(self.table["root_uuid"], cells, strict=True):
            who = people.get(str(root), "") or meaning.text(cell)
            is_told = cell is not None or str(root) in people
            coded.append(pseudonyms.person_code(self.facts, who) if is_told and who not in no_code else cell)
        return coded

    def _listed(self, question: Question | None, cells: list[excel.Value]) -> list[excel.Value]:
        """Codes on a list of persons: the roster's are participant codes, of another the list has codes of its own."""
        roster = self.facts.config.roster
        file = (question.file_name or question.list_name) if question else ""

        def code(each: str) -> str:
            if roster is not None and file == roster.file:
                return each if each == self.facts.config.codes.not_listed else pseudonyms.person_code(self.facts, each)
            return pseudonyms.code_of(self.facts, "P", file, each)

        return [None if cell is None else " ".join(map(code, str(cell).split())) for cell in cells]

    def _blanked(
        self, column: str, trait: str, cells: list[excel.Value], subjects: Any, rows: Any
    ) -> list[excel.Value]:
        blank = pseudonyms.groups(self.facts).blanked
        hidden = [subject is not None and trait in blank.get(subject, ()) for subject in subjects]
        n = sum(
            h and cell is not None and (rows is None or bool(rows[at]))
            for at, (h, cell) in enumerate(zip(hidden, cells, strict=True))
        )
        if n:
            self.told.blanked[column] = n
        return [None if h else cell for h, cell in zip(hidden, cells, strict=True)]

    def _masked(
        self, column: str, treatment: Treatment, question: Question | None, cells: list[excel.Value]
    ) -> list[excel.Value]:
        """The cells with what people wrote made ready to leave; of codes and numbers only what is a registered full name goes."""
        if treatment.how == "masked" or treatment.is_written:
            ready = [ready_to_leave(self.facts, cell) if isinstance(cell, str) else cell for cell in cells]
        else:
            names = registered_names(self.facts)
            offered = labels.choices_by_code(self.facts, self.form_id, question.name).keys() if question else ()
            texts = {cell for cell in cells if isinstance(cell, str)}.difference(offered)  # few values, many cells
            named = {text for text in texts if meaning.normal_name(text) in names}
            ready = [t(quoting.NAME) if cell in named else cell for cell in cells]
        n = sum(one != other for one, other in zip(cells, ready, strict=True))
        if n or treatment.how == "masked":
            self.told.masked[column] = n
        return ready


def _is_listed(treatment: Treatment) -> bool:
    return treatment.asked is not None and treatment.asked.trait == "listed"


def ready_to_leave(facts: Facts, text: str) -> str:
    """A free text as files outside of the nominative ones show it: names, numbers and addresses masked, participant codes by their own."""
    return quoting.reader_of(facts).quoted(text, _coder(facts)).text


@memo_in_process
def _coder(facts: Facts) -> Callable[[str], str]:
    """What gives the code that stands for a participant code."""
    codes = pseudonyms.participant_codes(facts)
    return lambda found: pseudonyms.person_code(facts, codes.get(found.casefold(), found))


def _labels(
    facts: Facts, form_id: str, question: Question | None, cells: list[excel.Value]
) -> list[excel.Value] | None:
    """The labels of *cells*; None when the question has no choices, or none whose labels are at hand."""
    settings = facts.config.forms[form_id]
    if question is None:
        return None
    if question.kind.startswith(("select", "rank")):
        if lists_people(facts, form_id, question) or (
            question.file_name and not labels.choice_languages(facts, form_id, question.name)
        ):
            return None
        return [_labelled(facts, form_id, question, cell) for cell in cells]
    if question.name == settings.fields.get("need"):
        return [labels.need(facts, str(cell)) if cell else None for cell in cells]
    return None


def _label_title(facts: Facts, form_id: str, question: Question | None) -> str:
    """What heads the labels of a question's choices: in which language they are, where all are in one that is named."""
    languages = labels.choice_languages(facts, form_id, question.name) if question else ()
    own = facts.config.mission.label_languages[0]
    language = next(iter(languages)) if len(languages) == 1 else "" if languages else own
    if language in _LABEL_IN:
        return t(_LABEL_IN[language])
    return t("Label ({language})", language=language) if language else t("Label")


def _scale_of(facts: Facts, form_id: str, question: Question | None) -> list[str]:
    """The codes of a scaled question, least favourable first; nothing of another one."""
    settings = facts.config.forms[form_id]
    if question is None or question.name not in (*settings.likert, settings.fields.get("intention")):
        return []
    return scale_codes(facts, form_id, question.name)


def _title(facts: Facts, form_id: str, column: str, question: Question | None) -> str:
    """The question's label; one that is asked no more says so."""
    if question is None and column in _UNSHOWN:
        return t(_SYSTEM_TITLES[column])
    if question is None and form_id in facts.forms:
        return f"{column} ({t(RETIRED)})"
    return labels.question(facts, form_id, question.name if question else column)


def _labelled(facts: Facts, form_id: str, question: Question, cell: excel.Value) -> str | None:
    if cell is None:
        return None
    if question.name == facts.config.forms[form_id].fields.get("session"):
        return labels.session(facts, str(cell))
    codes = [str(cell)] if question.kind.startswith("select_one") else str(cell).split()
    return " ; ".join(labels.choice(facts, form_id, question.name, code) for code in codes)


def lists_people(facts: Facts, form_id: str, question: Question) -> bool:
    """Whether the question's choices are persons: their labels are names."""
    return not shown_choices(classes_of(facts).get(form_id, {}), question)


def _kind(question: Question | None, values: pd.Series) -> excel.Kind:
    kind = question.kind if question else ""
    if kind in ("date", "today"):
        return "date"
    if kind in ("start", "end", "datetime", "dateTime"):
        return "datetime"
    if pd.api.types.is_integer_dtype(values):
        return "integer"
    return "decimal" if pd.api.types.is_float_dtype(values) or kind in ("decimal", "range") else "text"


def _system_kind(column: str) -> excel.Kind:
    if column == "submitted_at":
        return "datetime"
    return "integer" if column in ("submission_id", "position", "parent_position") else "text"


def _day(facts: Facts, value: object) -> excel.Value:
    """The local day of a moment; what is no moment is left out, for it could be anything."""
    moment = _plain(facts, value, "datetime")
    return moment.date() if isinstance(moment, datetime) else None


def _plain(facts: Facts, value: object, kind: excel.Kind) -> excel.Value:
    """A cell's value for Excel: times local and naive, missing as None; a date that is none stays text."""
    if meaning.is_missing(value):
        return None
    if isinstance(value, str) and kind in ("date", "datetime"):
        try:
            value = date.fromisoformat(value) if kind == "date" else datetime.fromisoformat(value)
        except ValueError:
            return value
    if isinstance(value, datetime):
        aware = value.tzinfo is not None
        local = value.astimezone(ZoneInfo(facts.config.mission.timezone)) if aware else value
        return local.replace(tzinfo=None, microsecond=0)
    if isinstance(value, str | date):
        return value
    number = float(str(value))
    return int(number) if number.is_integer() else number
