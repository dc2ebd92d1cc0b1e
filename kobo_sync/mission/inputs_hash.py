"""A hash of all that a set of deliverables is made from: equal hash, equal files."""

from __future__ import annotations

from collections.abc import Iterable

from kobo_sync import plug_ins
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.people import names_of
from kobo_sync.analysis.persons import from_elsewhere, registered
from kobo_sync.analysis.quoting import keys_in, met
from kobo_sync.mission.facts import people_seen, rests_on, texts_of_zone, what_is_read
from kobo_sync.mission.mission import Mission
from kobo_sync.mission.own_modules import own_deliverables
from kobo_sync.model import Finding, Zone
from kobo_sync.store.zones import Mark
from kobo_sync.workspace.result_cache import digest, hashed, program

# Settings that no zone's document shows.
_UNSEEN = ("server", "pull", "schedule", "engine", "zones", "report")


class Inputs:
    """What all sets share, hashed once; `of_zone` and `of_mission` add their own."""

    def __init__(self, mission: Mission, whole: Facts) -> None:
        self._read = rests_on(mission, whole)
        parts = [what_is_read(mission, whole, _UNSEEN), program()]
        parts += [f"{name} {digest(content)}" for name, content in sorted(whole.templates.items())]
        parts += [_module(name) for name in own_deliverables(mission)]
        parts.append(digest(whole.pseudonym_key()))
        self.shared = hashed(parts)
        self._of = mission
        # By zone, as the mirror was when this was made; hashed: of many zones the texts are a quarter of all memory.
        self._met: dict[str, str] = {}
        self._came: dict[str, str] = {}
        zones: list[str] = [repr(zone) for zone in mission.config.zones]
        annexes = [f"{name} {digest(content)}" for name, content in sorted(whole.annexes.items())]
        self._mission = hashed([self.shared, mission.config.report.model_dump_json(), *zones, *annexes])

    def is_kept(self, zone: Zone, mark: Mark) -> bool:
        """Whether the zone was looked at before, with these rows and all that sets share as it is; none of it is read."""
        return self._of.workspace.cache.has(f"words-{zone.code}", hashed([self.shared, mark.fingerprint]))

    def of_zone(
        self, zone: Zone, mark: Mark, whole: Facts, findings: Iterable[Finding], facts: Facts | None = None
    ) -> str:
        """The hash for *zone*: its rows, its files that have arrived, the *findings* that concern it, what all share.

        *facts* are the zone's own where somebody has them: else what is not kept of its rows is read.
        """
        triage = {place: counts for place, counts in whole.triage.items() if place in ("", zone.code)}
        own = [repr(zone), mark.fingerprint, str(mark.seen_at), mark.files, repr(triage), *map(repr, findings)]
        return hashed(
            [self.shared, *own, self._people_met(zone, mark, whole, facts), self._visitors(zone, mark, whole, facts)]
        )

    def of_figures(self, zone: Zone | None, mark: Mark, whole: Facts) -> str:
        """The hash for what pages show of *zone* (None: of the rows in no zone): neither findings nor templates enter it."""
        own = [self._read, repr(zone), mark.state, str(mark.seen_at)]
        return hashed([*own, self._visitors(zone, mark, whole), self._people_met(zone, mark, whole)] if zone else own)

    def _people_met(self, zone: Zone, mark: Mark, whole: Facts, facts: Facts | None = None) -> str:
        """A hash of what the zone's texts say of people of whichever zone: one who registers elsewhere later is masked here too."""
        cache, name, key = self._of.workspace.cache, f"words-{zone.code}", hashed([self.shared, mark.fingerprint])
        if zone.code in self._met:
            return self._met[zone.code]
        keys = cache.get(name, key, list[str])
        if keys is None:
            keys = sorted(keys_in(texts_of_zone(self._of, zone, facts)))
            cache.put(name, key, keys)
        self._met[zone.code] = hashed(met(names_of(whole), keys))
        return self._met[zone.code]

    def _visitors(self, zone: Zone, mark: Mark, whole: Facts, facts: Facts | None = None) -> str:
        """A hash of what other zones' registrations say of those who came to this one: their traits stand in its papers."""
        cache, name, key = self._of.workspace.cache, f"visitors-{zone.code}", hashed([self.shared, mark.fingerprint])
        if zone.code in self._came:
            return self._came[zone.code]
        keys = cache.get(name, key, list[str])
        if keys is None:
            keys = sorted(people_seen(self._of, whole, zone, facts))
            cache.put(name, key, keys)
        self._came[zone.code] = hashed(map(repr, from_elsewhere(registered(whole), zone.code, keys)))
        return self._came[zone.code]

    def of_mission(self, whole: Facts, mark: Mark) -> str:
        """The hash for the mission's own set: all rows, files and findings, its zones, its annexes."""
        own = [mark.state, repr(whole.triage), *map(repr, whole.findings)]
        return hashed([self._mission, *own])


def _module(name: str) -> str:
    """The source of a mission's own deliverable."""
    path = plug_ins.source_of(plug_ins.DELIVERABLES, name)
    return f"{name} {digest(path.read_bytes())}" if path else name
