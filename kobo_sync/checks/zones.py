"""Rows whose zone the config does not know: they reach no zone's deliverables."""

from __future__ import annotations

from collections.abc import Iterator

from kobo_sync.model import Facts, Finding

CODE = "DATA003"
TITLE = "Zone unknown to the config"


def check(facts: Facts) -> Iterator[Finding]:
    """One finding per row, naming the submission and the unknown code."""
    known = {zone.code for zone in facts.config.zones}
    for form_id, settings in facts.config.forms.items():
        column = settings.fields.get("zone", "")
        table = facts.tables[form_id]
        if column not in table:
            continue
        for record in table[~table[column].isin(known)].to_dict("records"):
            said = record[column]
            yield Finding(
                CODE,
                "warning",
                f"{form_id}, submission {record['submission_id']}",
                f"zone {said!r} is not in config/zones.csv" if said else "the zone is missing",
                "correct the answer on the server, or add the zone to config/zones.csv",
                form_id=form_id,
                root_uuid=str(record["root_uuid"]),
            )
