"""An analysis of the same facts is made once, however many papers print it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from kobo_sync.model import Facts

P = ParamSpec("P")
R = TypeVar("R")
_MOST = 32


def once_per_facts(analyse: Callable[Concatenate[Facts, P], R]) -> Callable[Concatenate[Facts, P], R]:
    """*analyse*, remembered for the facts it was last asked about; results must not be changed by their readers.

    Facts count as the same when their rows, settings, forms and lists are the same objects: what
    differs between them (final, held files, findings) is nothing that an analysis reads.
    """
    made: OrderedDict[Hashable, tuple[Any, R]] = OrderedDict()

    @wraps(analyse)
    def remembered(facts: Facts, /, *args: P.args, **kwargs: P.kwargs) -> R:
        parts = (facts.tables, facts.config, facts.forms, facts.catalogues)
        zone = facts.zone.code if facts.zone else ""
        key = (*map(id, parts), zone, facts.as_of, args, tuple(sorted(kwargs.items())))
        if key not in made:
            # Holding the parts keeps their ids from being given to others.
            made[key] = (parts, analyse(facts, *args, **kwargs))
            if len(made) > _MOST:
                made.popitem(last=False)
        made.move_to_end(key)
        return made[key][1]

    return remembered
