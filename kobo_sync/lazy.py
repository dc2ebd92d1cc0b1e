"""What is worked out, or loaded, when it is first asked for.

``cached_property``: no object waits for another's. Python 3.11 keeps one lock for a property of all objects of a class: of two missions in one process the second waited while the
first asked a slow server for the same thing. Later versions have no lock, and are taken as they are.

``np``, ``pd``: numpy and pandas take as long to load as a check, or a build of what is unchanged, takes for all else, and neither
needs them.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or sys.version_info >= (3, 12):
    from functools import cached_property
else:
    import functools

    class cached_property(functools.cached_property):
        """As `functools.cached_property`; of two threads that ask one object at once both work it out, and get one value."""

        def __get__(self, instance: Any, owner: type | None = None) -> Any:
            """The value, which is in the object's own dictionary from then on."""
            if instance is None:
                return self
            values = instance.__dict__
            if self.attrname not in values:
                values.setdefault(self.attrname, self.func(instance))
            return values[self.attrname]


class _Module:
    """A module that is loaded at the first question."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(importlib.import_module(self._name), attribute)
        setattr(self, attribute, value)
        return value


if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
else:
    np, pd = _Module("numpy"), _Module("pandas")

__all__ = ["cached_property", "np", "pd"]
