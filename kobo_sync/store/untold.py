"""What pulls noticed of a form and did not live to tell: kept with the rows that it is about, until a pull ends."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from kobo_sync.store import schema
from kobo_sync.store.submissions import Tally

KINDS = ("unknown", "misfits", "conflicts", "altered")


class Untold:
    """The names that *tally* gathers of *form_id*; every method works within the caller's transaction."""

    def __init__(self, form_id: str, tally: Tally) -> None:
        self._name, self._tally, self._kept = f"untold {form_id}", tally, self._names(tally)

    def resume(self, connection: sa.Connection) -> None:
        """Add what a pull that was cut short had noticed."""
        facts = schema.facts
        text = connection.execute(sa.select(facts.c.value).where(facts.c.name == self._name)).scalar()
        kept: Mapping[str, Sequence[str]] = json.loads(text) if text else {}
        for kind in KINDS:
            getattr(self._tally, kind).update(kept.get(kind, ()))
        self._kept = self._names(self._tally)

    def keep(self, connection: sa.Connection) -> None:
        """Write what was noticed since, if anything was."""
        names = self._names(self._tally)
        if names != self._kept:
            self.forget(connection)
            connection.execute(schema.facts.insert().values(name=self._name, value=json.dumps(names)))
            self._kept = names

    def forget(self, connection: sa.Connection) -> None:
        """It was told."""
        connection.execute(schema.facts.delete().where(schema.facts.c.name == self._name))

    @staticmethod
    def _names(tally: Tally) -> dict[str, list[str]]:
        return {kind: sorted(getattr(tally, kind)) for kind in KINDS}
