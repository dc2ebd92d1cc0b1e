"""Values that an object works out when they are first asked for; no object waits for another's.

Python 3.11 keeps one lock for a property of all objects of a class: of two missions in one process the second waited while the
first asked a slow server for the same thing. Later versions have no lock, and are taken as they are.
"""

from __future__ import annotations

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


__all__ = ["cached_property"]
