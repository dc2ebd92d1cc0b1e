"""The zones that adopted forms offer: the mission's list where nobody wrote one yet, else what that list lacks."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from kobo_sync.config.config import parse_config
from kobo_sync.config.files import ZONES_FILE
from kobo_sync.errors import ConfigError
from kobo_sync.model import Choice, Finding
from kobo_sync.steps.init import is_starters

ZONES_DIFFER = "ADOPT003"
_MOST_NAMED = 10
Offered = Mapping[str, Sequence[Choice]]  # by form_id: the choices of its question for the zone


def new_zones(
    offered: Offered, lists: Mapping[str, str], text: str, codes: set[str], languages: Sequence[str]
) -> tuple[dict[str, str], list[Finding]]:
    """``config/zones.csv`` as the first form offers its zones, where it is still the starter's, and which zones of the others it lacks.

    *lists* are the files of config/ by path, *text* the settings that go with them, *codes* those of the zones there are.
    """
    written: dict[str, str] = {}
    findings = []
    for form_id, zones in offered.items():
        missing = [zone.name for zone in zones if zone.name not in codes]
        reason = ""
        if missing and not written and is_starters(lists[ZONES_FILE]):
            proposed = {ZONES_FILE: _zones_csv(zones, languages)}
            try:
                parse_config(text, {**lists, **proposed}, {})
            except ConfigError as error:
                reason = f" ({error.message})"
            else:
                written, codes = proposed, {zone.name for zone in zones}
                continue
        if missing:
            findings.append(_differing(form_id, missing, reason))
    return written, findings


def _differing(form_id: str, missing: Sequence[str], reason: str) -> Finding:
    shown = ", ".join(missing[:_MOST_NAMED]) + (", …" if len(missing) > _MOST_NAMED else "")
    message = f"it asks for {len(missing)} zones that {ZONES_FILE} does not have: {shown}{reason}"
    hint = f"add them to {ZONES_FILE}, or correct its codes: rows of an unknown zone stand in no zone's documents"
    return Finding(ZONES_DIFFER, "warning", form_id, message, hint, form_id=form_id)


def _zones_csv(zones: Sequence[Choice], languages: Sequence[str]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["code", *(f"label_{language}" for language in languages)])
    for zone in zones:
        label = next(iter(zone.labels.values()), zone.name)
        writer.writerow([zone.name, *(zone.labels.get(language) or label for language in languages)])
    return out.getvalue()
