"""Checks and deliverables that are not the product's own: modules in a mission's folder, or of an installed package.

The config names one as it is imported (``controles``, ``our_papers.summary``), or as an installed package calls it in the
group of entry points `CHECKS` or `DELIVERABLES`. What is in the mission's folder goes first.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import sys
import threading
from pathlib import Path
from types import ModuleType

CHECKS = "kobo_sync.checks"
DELIVERABLES = "kobo_sync.deliverables"
_lock = threading.Lock()


class Unusable(Exception):
    """A module that cannot be had; its text says why, as the end of a sentence about it."""


def module_of(group: str, name: str) -> ModuleType:
    """The module that the config calls *name*. Raises: Unusable with the reason."""
    dotted = dotted_name(group, name)
    try:
        return importlib.import_module(dotted)
    except ModuleNotFoundError as error:
        if error.name and not f"{dotted}.".startswith(f"{error.name}."):
            raise Unusable(f"needs the module {error.name!r}, which is not installed") from error
        raise Unusable("is neither a module in the mission's folder nor installed") from error
    except (Exception, SystemExit) as error:
        raise Unusable(f"cannot be imported ({type(error).__name__}: {error})") from error


def source_of(group: str, name: str) -> Path | None:
    """The file of the module that the config calls *name*, where it has one that can be found."""
    try:
        spec = importlib.util.find_spec(dotted_name(group, name))
    except (Exception, SystemExit):  # the package that it lies in is imported for that; `module_of` says what is wrong
        return None
    path = Path(spec.origin) if spec and spec.origin else None
    return path if path and path.is_file() else None


def dotted_name(group: str, name: str) -> str:
    """What to import for *name*: itself where there is such a module, else what an entry point of *group* names.

    Raises: Unusable when two packages offer that name, or the package that it lies in cannot be imported.
    """
    try:
        if importlib.util.find_spec(name):
            return name
    except (ImportError, ValueError, AttributeError):
        pass
    except (Exception, SystemExit) as error:  # of the package that it lies in, which is imported for that
        raise Unusable(f"cannot be imported ({type(error).__name__}: {error})") from error
    offers = sorted({(each.value, each.dist.name if each.dist else "") for each in _entry_points(group, name)})
    if len({value for value, _ in offers}) > 1:
        packages = " and ".join(package for _, package in offers)
        raise Unusable(f"is offered by {packages}; write the module's dotted name instead")
    return offers[0][0] if offers else name


def _entry_points(group: str, name: str) -> importlib.metadata.EntryPoints:
    return importlib.metadata.entry_points(group=group, name=name)


def import_from(folder: Path, others: set[str]) -> None:
    """Let modules be imported from *folder*, and no longer from those of *others* (their paths), which are forgotten with what came from there.

    Two missions may each have a ``controles.py``: a process that serves both must not take one for the other.
    """
    root = str(folder)
    with _lock:
        for other in others - {root}:
            if other in sys.path:
                sys.path.remove(other)
            for name, module in list(sys.modules.items()):
                if (getattr(module, "__file__", None) or "").startswith(other + os.sep):
                    del sys.modules[name]
        if root not in sys.path:
            sys.path.append(root)  # last, so that no file of a mission hides a module of ours
        importlib.invalidate_caches()
