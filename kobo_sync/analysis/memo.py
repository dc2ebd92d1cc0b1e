"""Memoised analyses: once per facts in this process, and for a whole mission over runs, by an on-disk cache."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, get_type_hints

from kobo_sync.analysis.facts import Facts
from kobo_sync.language.speaking import spoken

P = ParamSpec("P")
R = TypeVar("R")
_MOST = 3  # facts: more would keep the rows of zones that are done with
_all: list[OrderedDict[Hashable, Any]] = []


class AnalysisCache(Protocol):
    """What earlier runs found in a whole mission, for as long as the forms that it was read from are as they were."""

    def get(self, name: str, kind: Any) -> tuple[Any, Collection[str]] | None:
        """The value of that name, of type *kind*, and the forms that it rests on; None when a form has changed since."""

    def put(self, name: str, value: object, forms: Collection[str]) -> None:
        """Keep it for the next run."""


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


def memo_over_runs(analyse: Callable[Concatenate[Facts, P], R]) -> Callable[Concatenate[Facts, P], R]:
    """`memo_in_process`, and for a whole mission cached on disk until a form that it read changes.

    *analyse* says the type of what it gives, made of dataclasses, tuples, mappings, texts and numbers. It reads rows by
    ``facts.tables``, and else nothing but settings, forms and lists.
    """
    name = f"{analyse.__module__.rpartition('.')[2]}.{analyse.__qualname__}"

    @memo_in_process
    @wraps(analyse)
    def memoised(facts: Facts, /, *args: P.args, **kwargs: P.kwargs) -> R:
        memory: AnalysisCache | None = getattr(facts.tables, "memory", None) if facts.zone is None else None
        if memory is None:
            return analyse(facts, *args, **kwargs)
        name_and_arguments = " ".join(
            [name, spoken().code, *map(repr, args), *(f"{key}={value!r}" for key, value in sorted(kwargs.items()))]
        )
        cached = memory.get(name_and_arguments, get_type_hints(analyse)["return"])
        if cached is None:
            with _noted() as forms:
                cached = analyse(facts, *args, **kwargs), forms
            memory.put(name_and_arguments, *cached)
        value: R = cached[0]
        note(*cached[1])
        return value

    return memoised
