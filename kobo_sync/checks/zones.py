"""Rows whose zone the config does not know: they reach no zone's deliverables."""

from __future__ import annotations

from collections.abc import Iterator

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.row_zones import answered
from kobo_sync.checks.sheet import Sheet, sheets
from kobo_sync.model import Finding

CODE = "DATA003"
TITLE = "Zone unknown to the config"
ALONE = True


def check(facts: Facts) -> Iterator[Finding]:
    """One finding per row, naming the submission and what it answered; and per row whose items say several zones."""
    codes = {zone.code for zone in facts.config.zones}
    for sheet in sheets(facts):
        if not sheet.says_zone:
            continue
        yield from _of_several(sheet)
        for at, zone in enumerate(sheet.zones):
            if zone in codes:
                continue
            yield sheet.finding(
                at,
                CODE,
                "warning",
                f"the zone “{zone[:40]}” is not in config/zones.csv" if zone else "the zone is missing",
                why="without a known zone the submission enters the deliverables of no zone",
                hint="correct the answer on the server, add the zone to config/zones.csv, or say which zone it means under "
                f"[forms.{sheet.form_id}.zones] in config/mission.toml",
                evidence=[zone],
            )


def _of_several(sheet: Sheet) -> Iterator[Finding]:
    """Submissions whose items, of a repeat that asks for the zone, say several."""
    reader, places = sheet.zone_reader, sheet.places
    if reader is None or reader.question in sheet.table:
        return
    items = next(table for table in sheet.repeats.values() if reader.question in table)
    said: dict[str, list[str]] = {}
    rows = answered(items, reader.question)
    for root, answer in zip(rows["root_uuid"].tolist(), rows[reader.question].tolist(), strict=True):
        said.setdefault(root, []).append(reader.code(answer))
    for root, zones in said.items():
        if len(set(zones)) > 1 and root in places:
            others = ", ".join(f"“{zone[:40]}”" for zone in dict.fromkeys(zones) if zone != zones[0])
            yield sheet.finding(
                places[root],
                CODE,
                "warning",
                f"the items say several zones: the first “{zones[0][:40]}”, others {others}",
                why="the whole submission enters the deliverables of the first zone alone",
                hint="correct the answers on the server, or ask for the zone outside of the repeat",
                subject="several",
                evidence=zones,
            )
