"""A family name of a single letter is a slip of the thumb."""

from __future__ import annotations

from collections.abc import Iterator

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.meaning import rows
from kobo_sync.model import Finding

CODE = "OURS001"
TITLE = "Family name of a single letter"


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per registration; the message says where, never what was answered."""
    registered = rows(facts, "registration").table
    short = registered[registered["family_name"].str.strip().str.len() == 1]
    for row in short.itertuples():
        yield Finding(
            CODE,
            "warning",
            f"{row.form_id}, {row.root_uuid}",
            "the family name has a single letter",
            hint="correct it in KoboToolbox; the next pull closes this",
            zone=row.zone,
            form_id=row.form_id,
            root_uuid=row.root_uuid,
        )
