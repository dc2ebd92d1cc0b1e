"""How each enumerator works: how many rows, how long an interview takes, how many answers are missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from kobo_sync.lazy import np

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True)
class Work:
    """One enumerator's rows of one form. *minutes*: median length of an interview, None when it is not known.

    *missing_share* is 0..1 of all answers asked; *n_days* the days with rows; *busiest* the rows of the fullest day.
    """

    form_id: str
    enumerator: str
    n: int
    n_days: int
    busiest: int
    minutes: float | None
    missing_share: float


def works(
    form_id: str,
    enumerators: list[str],
    days: npt.NDArray[np.datetime64],
    minutes: npt.NDArray[np.float64],
    missing: npt.NDArray[np.float64],
) -> list[Work]:
    """The work of each enumerator, by name; rows of nobody are left out.

    Shape: one element per row; *missing* is each row's share of empty answers.
    """
    rows: dict[str, list[int]] = {}
    for at, name in enumerate(enumerators):
        if name:
            rows.setdefault(name, []).append(at)
    return [_work(form_id, name, np.array(rows[name]), days, minutes, missing) for name in sorted(rows)]


def _work(
    form_id: str,
    name: str,
    rows: npt.NDArray[np.intp],
    days: npt.NDArray[np.datetime64],
    minutes: npt.NDArray[np.float64],
    missing: npt.NDArray[np.float64],
) -> Work:
    took = minutes[rows]
    took = took[~np.isnan(took)]
    _, counts = np.unique(days[rows][~np.isnat(days[rows])], return_counts=True)
    return Work(
        form_id,
        name,
        len(rows),
        len(counts),
        int(counts.max()) if len(counts) else 0,
        float(np.median(took)) if len(took) else None,
        float(missing[rows].mean()),
    )


def unlike_others(works: list[Work], *, fewest: int, factor: float) -> Iterator[tuple[Work, Mapping[str, float]]]:
    """Who works unlike the others: (work, figure → how many times the others' median it is).

    Figures: ``fast`` (their minutes over his), ``slow``, ``missing``, ``busy``. Only those with *fewest* rows
    count, and two others at least are needed to compare with.
    """
    counted = [work for work in works if work.n >= fewest]
    for work in counted:
        others = [other for other in counted if other is not work]
        if len(others) < 2:
            continue
        odd: dict[str, float] = {}
        timed = [other.minutes for other in others if other.minutes]
        if work.minutes is not None and timed:
            usual = median(timed)
            odd["fast"], odd["slow"] = usual / max(work.minutes, 0.01), work.minutes / usual
        odd["missing"] = (work.missing_share + 0.01) / (median(other.missing_share for other in others) + 0.01)
        odd["busy"] = work.busiest / max(median(other.busiest for other in others), 1)
        odd = {name: times for name, times in odd.items() if times > factor}
        if odd:
            yield work, odd
