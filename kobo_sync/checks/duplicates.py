"""The same person registered twice: same phone, or same name in one zone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from kobo_sync.analysis.names import name_key, phone_key
from kobo_sync.model import Facts, Finding

CODE = "DATA002"
TITLE = "Duplicate person"


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per registration that repeats an earlier one; it names submissions, never persons."""
    roster = facts.config.roster
    if roster is None:
        return
    fields = facts.config.forms[roster.form].fields
    table = facts.tables[roster.form].sort_values("submission_id")
    seen: dict[tuple[str, str, str], list[Mapping[Any, Any]]] = defaultdict(list)
    reported: set[tuple[str, str]] = set()
    for record in table.to_dict("records"):
        zone = _said(record, fields.get("zone"))
        name = name_key(" ".join((_said(record, fields.get("family_name")), _said(record, fields.get("given_name")))))
        phone = phone_key(_said(record, fields.get("phone")))
        for reason, key in (("même nom", (zone, name)), ("même téléphone", ("", phone))):
            if not key[1]:
                continue
            for earlier in seen[(reason, *key)]:
                pair = (str(earlier["root_uuid"]), str(record["root_uuid"]))
                if pair not in reported:
                    reported.add(pair)
                    yield _finding(roster.form, zone, record, earlier, reason)
            seen[(reason, *key)].append(record)


def _said(record: Mapping[Any, Any], column: str | None) -> str:
    value = record.get(column)
    return value.strip() if isinstance(value, str) else ""


def _finding(form_id: str, zone: str, record: Mapping[Any, Any], earlier: Mapping[Any, Any], reason: str) -> Finding:
    return Finding(
        CODE,
        "warning",
        f"{form_id}, submission {record['submission_id']}",
        f"{reason} que la soumission {earlier['submission_id']} : comptée deux fois, la personne fausse le quota",
        "comparer les deux ; supprimer l’une sur le serveur, ou laisser les deux si ce sont deux personnes",
        zone=zone,
        form_id=form_id,
        root_uuid=str(record["root_uuid"]),
    )
