"""Enumerators who work unlike the others: much faster, slower, busier, or with many more answers missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kobo_sync.analysis.enumerators import Work, unlike_others, works
from kobo_sync.analysis.facts import Facts
from kobo_sync.checks.durations import minutes
from kobo_sync.checks.sheet import Sheet, digest, sheets
from kobo_sync.lazy import np
from kobo_sync.model import Finding

if TYPE_CHECKING:
    import numpy.typing as npt

CODE = "DATA022"
TITLE = "Enumerator unlike the others"
_ROW = [("id", "i8"), ("who", "i8"), ("day", "M8[D]"), ("minutes", "f8"), ("missing", "f8")]
SAID = {
    "fast": "their interviews are {:.0f} times shorter than the others'",
    "slow": "their interviews are {:.0f} times longer than the others'",
    "missing": "their missing answers are {:.0f} times as many as the others'",
    "busy": "their busiest day has {:.0f} times as many submissions as the others'",
}


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per form, enumerator and figure; ``checks.enumerator_min_n`` rows and two others are needed."""
    return judged(facts, gathered(facts))


@dataclass(frozen=True)
class Part:
    """The rows of a form as far as they tell how people work.

    *rows* are the bytes of an array of: the row's id, who sent it (a place in *names*), the day, minutes (NaT and NaN where
    they are not known), the share of empty answers.
    """

    form_id: str
    names: tuple[str, ...]
    rows: bytes


def gathered(facts: Facts) -> list[Part]:
    """How the rows of *facts* were taken, form by form."""
    parts = []
    for sheet in sheets(facts):
        names = {name: place for place, name in enumerate(dict.fromkeys(sheet.enumerators))}
        rows = np.zeros(len(sheet), _ROW)
        rows["id"] = [int(each or 0) for each in sheet.column("submission_id")]
        rows["who"] = [names[name] for name in sheet.enumerators]
        rows["day"], rows["minutes"], rows["missing"] = sheet.days, minutes(sheet), _missing(sheet)
        parts.append(Part(sheet.form_id, tuple(names), rows.tobytes()))
    return parts


def judged(facts: Facts, parts: Iterable[Part]) -> Iterator[Finding]:
    """The findings of all *parts* together; *facts* give the settings."""
    checks = facts.config.checks
    forms: dict[str, list[Part]] = {}
    for part in parts:
        forms.setdefault(part.form_id, []).append(part)
    for form_id in filter(forms.__contains__, facts.config.forms):
        names = [name for part in forms[form_id] for name in part.names]
        rows = [np.frombuffer(part.rows, _ROW).copy() for part in forms[form_id]]
        for place, some in enumerate(rows):
            some["who"] += sum(len(part.names) for part in forms[form_id][:place])
        all_rows = np.concatenate(rows)
        all_rows = all_rows[np.argsort(all_rows["id"], kind="stable")]
        enumerators = [names[place] for place in all_rows["who"]]
        works_of_form = works(form_id, enumerators, all_rows["day"], all_rows["minutes"], all_rows["missing"])
        for work, odd in unlike_others(works_of_form, fewest=checks.enumerator_min_n, factor=checks.enumerator_factor):
            for figure, times in odd.items():
                yield _finding(work, figure, times)


def statistics(facts: Facts) -> list[Work]:
    """The work of every enumerator, form by form."""
    return [work for sheet in sheets(facts) for work in works_of(sheet)]


def works_of(sheet: Sheet) -> list[Work]:
    """The work of every enumerator in one form."""
    return works(sheet.form_id, sheet.enumerators, sheet.days, minutes(sheet), _missing(sheet))


def _missing(sheet: Sheet) -> npt.NDArray[np.float64]:
    """Each row's share of empty answers among the questions that people are asked."""
    form = sheet.form
    silent = ("calculate", "start", "end", "today", "deviceid", "username", "hidden", "note", "audit")
    names = [q.name for q in form.questions if q.kind not in silent and not q.repeat] if form else []
    columns = [name for name in names if name in sheet.table]
    if not columns:
        return np.zeros(len(sheet))
    return np.asarray(sheet.table[columns].isna().mean(axis=1), dtype=np.float64)


def _finding(work: Work, figure: str, times: float) -> Finding:
    return Finding(
        CODE,
        "info",
        f"{work.form_id}, {work.enumerator}",
        f"{SAID[figure].format(times)} ({work.n} soumissions)",
        "go along with the enumerator, look through some interviews together",
        form_id=work.form_id,
        enumerator=work.enumerator,
        why="so clear a difference rarely comes from the persons interviewed",
        subject=f"{work.enumerator}/{figure}",
        evidence=digest(round(times)),
    )
