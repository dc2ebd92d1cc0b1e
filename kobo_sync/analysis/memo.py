"""Memoised analyses: once per facts in this process, and for a whole mission over runs, by an on-disk cache, whole or zone by zone."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, get_args, get_type_hints

from kobo_sync.analysis.facts import Facts
from kobo_sync.language.speaking import spoken
from kobo_sync.model import ELSEWHERE

if TYPE_CHECKING:
    import pandas as pd

P = ParamSpec("P")
R = TypeVar("R")
V = TypeVar("V")
_MOST = 3  # facts: more would keep the rows of zones that are done with
_FEW = 8  # zones that are read anew by themselves, or a tenth of the mission's: for more, all rows are read
Parts = Mapping[str, tuple[str, Mapping[str, V]]]  # zone → the state of its rows, and what they give
_all: list[OrderedDict[Hashable, Any]] = []


class AnalysisCache(Protocol):
    """What earlier runs found in a whole mission, for as long as the forms that it was read from are as they were."""

    def get(self, name: str, kind: Any) -> tuple[Any, Collection[str]] | None:
        """The value of that name, of type *kind*, and the forms that it rests on; None when a form has changed since."""

    def put(self, name: str, value: object, forms: Collection[str]) -> None:
        """Keep it for the next run."""

    def parts(self, name: str, kind: Any) -> tuple[Collection[str], Parts[Any]]:
        """The forms that what was kept zone by zone rests on, and that, `packed`, each value of type *kind*; nothing of either where nothing is."""

    def packed(self, values: Mapping[str, Any], kind: Any) -> Mapping[str, Any]:
        """*values*, each of type *kind*, in the little room that they take on disk: one is made anew whenever it is asked for."""

    def put_parts(self, name: str, forms: Collection[str], parts: Parts[Any]) -> None:
        """Keep it for the next run."""

    def state(self, zone: str, forms: Collection[str]) -> str:
        """A hash of what the zone's rows of *forms* look like; empty where it has no row of any form."""

    def tables(self, zones: Sequence[str]) -> Mapping[str, pd.DataFrame]:
        """The rows of these zones, or of `ELSEWHERE` alone."""

    def together(self, zones: Collection[str]) -> Iterable[Sequence[str]]:
        """*zones*, so many at a time as their rows are read together: of all, the rows would fill the memory."""


class _Reading(threading.local):
    """What the analyses under way have read, the innermost last."""

    def __init__(self) -> None:
        self.forms: list[set[str]] = []


_reading = _Reading()


def note(*forms: str) -> None:
    """Say that rows of *forms* are looked at: the analysis that is under way rests on them."""
    if _reading.forms:
        _reading.forms[-1].update(forms)


@contextmanager
def _noted() -> Iterator[set[str]]:
    forms: set[str] = set()
    _reading.forms.append(forms)
    try:
        yield forms
    finally:
        _reading.forms.pop()


def forget() -> None:
    """Give up what is remembered: the rows that it was made from are done with."""
    for results in _all:
        results.clear()


def memo_in_process(analyse: Callable[Concatenate[Facts, P], R]) -> Callable[Concatenate[Facts, P], R]:
    """*analyse*, remembered for the facts it was last asked about; results must not be changed by their readers.

    Facts count as the same when their rows, settings, forms and lists are the same objects: what
    differs between them (final, held files, findings) is nothing that an analysis reads.
    """
    by_facts: OrderedDict[Hashable, tuple[Any, dict[Hashable, tuple[R, set[str]]]]] = OrderedDict()
    _all.append(by_facts)

    @wraps(analyse)
    def remembered(facts: Facts, /, *args: P.args, **kwargs: P.kwargs) -> R:
        parts = (facts.tables, facts.config, facts.forms, facts.catalogues, facts.earlier_choices)
        key = (*map(id, parts), facts.zone.code if facts.zone else "", facts.as_of, spoken())
        if key not in by_facts:
            # Holding the parts keeps their ids from being given to others.
            by_facts[key] = (parts, {})
            if len(by_facts) > _MOST:
                by_facts.popitem(last=False)
        by_facts.move_to_end(key)
        results, arguments = by_facts[key][1], (args, tuple(sorted(kwargs.items())))
        if arguments not in results:
            with _noted() as forms:
                value = analyse(facts, *args, **kwargs)
            results[arguments] = value, forms
        value, forms = results[arguments]
        note(*forms)  # propagates the dependencies to the caller
        return value

    return remembered


def memo_of_lists(analyse: Callable[Concatenate[Facts, P], R]) -> Callable[Concatenate[Facts, P], R]:
    """*analyse*, which reads settings, forms and lists but no rows, remembered for those that it was last asked about, zone after zone.

    A list of a thousand zones is not to be gone through for each of them. Results must not be changed by their readers.
    """
    last: list[tuple[Hashable, Any, dict[Hashable, R]]] = []

    @wraps(analyse)
    def remembered(facts: Facts, /, *args: P.args, **kwargs: P.kwargs) -> R:
        parts = (facts.config, facts.forms, facts.catalogues, facts.earlier_choices)
        key = (*map(id, parts), spoken())
        latest = last[0] if last else None  # another mission's thread may put its own there meanwhile
        if latest is None or latest[0] != key:
            latest = (key, parts, {})  # holding the parts keeps their ids from being given to others
            last[:] = [latest]
        results, arguments = latest[2], (args, tuple(sorted(kwargs.items())))
        if arguments not in results:
            results[arguments] = analyse(facts, *args, **kwargs)
        return results[arguments]

    return remembered


def memo_over_runs(analyse: Callable[Concatenate[Facts, P], R]) -> Callable[Concatenate[Facts, P], R]:
    """`memo_in_process`, and for a whole mission cached on disk until a form that it read changes.

    *analyse* says the type of what it gives, made of dataclasses, tuples, mappings, texts and numbers. It reads rows by
    ``facts.tables``, and else nothing but settings, forms and lists.
    """

    @memo_in_process
    @wraps(analyse)
    def memoised(facts: Facts, /, *args: P.args, **kwargs: P.kwargs) -> R:
        memory = _memory(facts)
        if memory is None:
            return analyse(facts, *args, **kwargs)
        name, kind = _name(analyse, args, kwargs), get_type_hints(analyse)["return"]
        cached = memory.get(name, kind)
        if cached is None:
            with _noted() as forms:
                cached = analyse(facts, *args, **kwargs), forms
            memory.put(name, *cached)
        value: R = cached[0]
        note(*cached[1])
        return value

    return memoised


def memo_by_zone(
    analyse: Callable[Concatenate[Facts, P], Mapping[str, V]],
    *,
    others: Callable[[Facts], Mapping[str, str]] = lambda _: {},
) -> Callable[Concatenate[Facts, P], Mapping[str, V]]:
    """`memo_over_runs` for what zones give one by one, by the zone that rows say: of a whole mission those that changed are read again.

    What a zone gives rests on its own rows, and on what *others* says for it, as a hash, of other zones' rows. Zones come in order.
    """

    @memo_in_process
    @wraps(analyse)
    def memoised(facts: Facts, /, *args: P.args, **kwargs: P.kwargs) -> Mapping[str, V]:
        memory = _memory(facts)

        def results_of(tables: Mapping[str, pd.DataFrame]) -> Mapping[str, V]:
            return analyse(replace(facts, tables=tables), *args, **kwargs)

        if memory is None:
            by_zone = results_of(facts.tables)
        else:
            name, kind = _name(analyse, args, kwargs), get_type_hints(analyse)["return"]
            by_zone = _kept_by_zone(facts, memory, name, get_args(kind)[1], others(facts), results_of)
        return by_zone if isinstance(by_zone, _ByZone) else {zone: by_zone[zone] for zone in sorted(by_zone)}

    return memoised


def _kept_by_zone(
    facts: Facts,
    memory: AnalysisCache,
    name: str,
    kind: Any,
    others: Mapping[str, str],
    results_of: Callable[[Mapping[str, pd.DataFrame]], Mapping[str, V]],
) -> Mapping[str, V]:
    """What *results_of* gives in the rows of each zone: kept where they are as they were, else worked out, and kept."""
    zones = {zone.code for zone in facts.config.zones}
    strays = " ".join(f"{zone} {text}" for zone, text in sorted(others.items()) if zone not in zones)

    def state(zone: str, forms: Collection[str]) -> str:
        return f"{memory.state(zone, forms)} {others.get(zone, '') if zone in zones else strays}"

    forms, kept = memory.parts(name, kind)
    parts = {zone: part for zone, part in kept.items() if part[0] == state(zone, forms)}
    due = [zone.code for zone in facts.config.zones if zone.code not in parts]
    if due or ELSEWHERE not in parts:
        new: dict[str, Mapping[str, V]] = {}
        with _noted() as read:
            for some in [due] if len(due) <= _few(zones) else memory.together(due):
                fresh = results_of(memory.tables(some)) if some else {}
                new |= {zone: memory.packed({zone: fresh[zone]} if zone in fresh else {}, kind) for zone in some}
            if ELSEWHERE not in parts:
                fresh = results_of(memory.tables([ELSEWHERE])) if memory.state(ELSEWHERE, ()) else {}
                new[ELSEWHERE] = memory.packed(fresh, kind)
            if zones & {*new.get(ELSEWHERE, ())}:  # a row says a zone in another spelling: it cannot be told apart
                return results_of(facts.tables)
        forms = {*forms, *read}
        parts = {zone: (state(zone, forms), value) for zone, (_, value) in parts.items()}
        parts |= {zone: (state(zone, forms), value) for zone, value in new.items()}
        memory.put_parts(name, forms, parts)
    note(*forms)
    return _ByZone({zone: part for _, part in parts.values() for zone in part})


def _few(zones: Collection[str]) -> int:
    return max(_FEW, len(zones) // 10)


class _ByZone(Mapping[str, V]):
    """What each zone gave, by zone in order: made anew, from what its part holds `packed`, whenever it is asked for."""

    def __init__(self, part_of: Mapping[str, Mapping[str, V]]) -> None:
        self._part_of = {zone: part_of[zone] for zone in sorted(part_of)}

    def __getitem__(self, zone: str) -> V:
        return self._part_of[zone][zone]

    def __contains__(self, zone: object) -> bool:
        return zone in self._part_of

    def __iter__(self) -> Iterator[str]:
        return iter(self._part_of)

    def __len__(self) -> int:
        return len(self._part_of)


def _memory(facts: Facts) -> AnalysisCache | None:
    """What earlier runs found, where *facts* are those of a whole mission."""
    return getattr(facts.tables, "memory", None) if facts.zone is None else None


def _name(analyse: Callable[..., object], args: Sequence[object], kwargs: Mapping[str, object]) -> str:
    """The analysis, what it is asked, and in which language it answers."""
    own = f"{analyse.__module__.rpartition('.')[2]}.{analyse.__qualname__}"
    return " ".join(
        [own, spoken().code, *map(repr, args), *(f"{key}={value!r}" for key, value in sorted(kwargs.items()))]
    )
