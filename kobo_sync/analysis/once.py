"""An analysis of the same facts is made once, however many papers print it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from kobo_sync.model import Facts

P = ParamSpec("P")
R = TypeVar("R")
_MOST = 3  # facts: more would keep the rows of zones that are done with
_all: list[OrderedDict[Hashable, Any]] = []


def forget() -> None:
    """Give up what is remembered: the rows that it was made from are done with."""
    for made in _all:
        made.clear()


def once_per_facts(analyse: Callable[Concatenate[Facts, P], R]) -> Callable[Concatenate[Facts, P], R]:
    """*analyse*, remembered for the facts it was last asked about; results must not be changed by their readers.

    Facts count as the same when their rows, settings, forms and lists are the same objects: what
    differs between them (final, held files, findings) is nothing that an analysis reads.
    """
    made: OrderedDict[Hashable, tuple[Any, dict[Hashable, R]]] = OrderedDict()
    _all.append(made)

    @wraps(analyse)
    def remembered(facts: Facts, /, *args: P.args, **kwargs: P.kwargs) -> R:
        parts = (facts.tables, facts.config, facts.forms, facts.catalogues)
        key = (*map(id, parts), facts.zone.code if facts.zone else "", facts.as_of)
        if key not in made:
            # Holding the parts keeps their ids from being given to others.
            made[key] = (parts, {})
            if len(made) > _MOST:
                made.popitem(last=False)
        made.move_to_end(key)
        results, asked = made[key][1], (args, tuple(sorted(kwargs.items())))
        if asked not in results:
            results[asked] = analyse(facts, *args, **kwargs)
        return results[asked]

    return remembered
