"""The local day that a row is about: what it says itself, else what its phone noted, else when it was received."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from kobo_sync.analysis import meaning
from kobo_sync.config.config import Config
from kobo_sync.lazy import np, pd
from kobo_sync.model import Form
from kobo_sync.numbers import day_of

if TYPE_CHECKING:
    import numpy.typing as npt

Days: TypeAlias = "npt.NDArray[np.datetime64]"
NIGHT_ENDS = timedelta(hours=4)  # what a phone notes after midnight belongs to the day before


@dataclass(frozen=True)
class RowDays:
    """The *days* of a form's rows (NaT: nothing tells it); *own*: those that the row or its phone says, not its arrival."""

    days: Days
    own: npt.NDArray[np.bool_]


def row_days(table: pd.DataFrame, form: Form | None, question: str, config: Config) -> RowDays:
    """The local day of each row of a form's *table*; *question* is the one that asks it, empty where none does.

    An edit or a late upload changes neither the answer nor when the phone began: the day stays.
    """
    days = dates(table[question].tolist()) if question in table else _nothing(len(table))
    for kind in ("today", "start"):
        name = _first(form, kind, table)
        if not name:
            continue
        if kind == "today":
            other = dates(table[name].tolist())
        else:
            texts = pd.Series([meaning.text(value) or None for value in table[name].tolist()], dtype=object)
            other = local_days(pd.to_datetime(texts, utc=True, errors="coerce", format="ISO8601") - NIGHT_ENDS, config)
        days = np.where(np.isnat(days), other, days)
    own = ~np.isnat(days)
    if "submitted_at" in table:
        received = pd.to_datetime(table["submitted_at"], utc=True, errors="coerce")
        days = np.where(own, days, local_days(received, config))
    return RowDays(days, own)


def begun_at(table: pd.DataFrame, form: Form | None, config: Config) -> list[str]:
    """The local hour (``HH:MM``) at which the phone began each row; empty where it does not say."""
    name = _first(form, "start", table)
    if not name:
        return [""] * len(table)
    texts = pd.Series([meaning.text(value) or None for value in table[name].tolist()], dtype=object)
    moments = pd.to_datetime(texts, utc=True, errors="coerce", format="ISO8601")
    return moments.dt.tz_convert(config.mission.timezone).dt.strftime("%H:%M").fillna("").tolist()


def local_days(moments: pd.Series, config: Config) -> Days:
    """Aware moments as days in the mission's time zone."""
    local = moments.dt.tz_convert(config.mission.timezone).dt.tz_localize(None)
    return np.asarray(local.to_numpy().astype("datetime64[D]"))


def dates(answers: Sequence[object]) -> Days:
    """Answers as days; what is none is NaT."""
    return np.array([day_of(meaning.text(value)) or "NaT" for value in answers], dtype="datetime64[D]")


def _nothing(n: int) -> Days:
    return np.full(n, np.datetime64("NaT"), dtype="datetime64[D]")


def _first(form: Form | None, kind: str, table: pd.DataFrame) -> str:
    names = [q.name for q in form.questions if q.kind == kind and not q.repeat] if form else [kind]
    return next((name for name in names if name in table), "")
