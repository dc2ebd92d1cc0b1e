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
                f"la zone « {said} » n’est pas dans config/zones.csv"
                if isinstance(said, str) and said
                else "la zone manque",
                "corriger la réponse sur le serveur, ou ajouter la zone à config/zones.csv",
                form_id=form_id,
                root_uuid=str(record["root_uuid"]),
            )
