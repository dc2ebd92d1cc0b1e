"""Data checks, one file each, with stable codes.

A check is a module with ``CODE``, ``TITLE`` and ``check(facts) -> Iterator[Finding]``; *facts* are the
whole mission's. Messages are for staff and stand in documents, hence in French. To add one, add its file and its name below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

from kobo_sync.checks import duplicates, mapping, quota, zones
from kobo_sync.model import Facts, Finding

CHECKS = (quota, duplicates, zones, mapping)


def run_checks(facts: Facts) -> tuple[Finding, ...]:
    """What all checks find, in a stable order: by code, zone, place."""
    found: list[Finding] = []
    for module in CHECKS:
        check = cast(Callable[[Facts], Iterator[Finding]], module.check)
        found += check(facts)
    return tuple(sorted(found, key=lambda f: (f.rule, f.zone, f.where, f.message)))
