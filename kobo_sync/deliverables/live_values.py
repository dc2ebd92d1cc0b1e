"""The numbers and names that templates may cite as ``{{…}}``: one table for reports and tools."""

from __future__ import annotations

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import labels
from kobo_sync.analysis.learning import learning
from kobo_sync.analysis.needs import needs
from kobo_sync.analysis.roadmap import road_map
from kobo_sync.analysis.satisfaction import satisfaction
from kobo_sync.analysis.suppression import publishable
from kobo_sync.deliverables import letterhead
from kobo_sync.documents import french
from kobo_sync.model import Facts

_FIRST = 3


def identity_values(facts: Facts) -> dict[str, str]:
    """Who, where, when: known before any data are."""
    mission = facts.config.mission
    zones = [labels.zone(facts, zone.code) for zone in facts.config.zones]
    return {
        "mission": mission.title,
        "programme": mission.programme or french.NOTHING,
        "formateur": mission.trainer or "…………………………",
        "organisations": french.listing([organisation.name for organisation in facts.config.organisations])
        or french.NOTHING,
        "groupes": french.listing([labels.group(facts, group.code) for group in facts.config.groups]) or french.NOTHING,
        "zones": french.listing(zones) or french.NOTHING,
        "n_zones": french.number(len(zones)),
        "zone": letterhead.place_name(facts),
        "lieu": letterhead.place(facts),
        "dates": letterhead.held_on(facts),
        "attendu": french.number(sum(zone.target for zone in present.zones_of(facts))),
    }


def live_values(facts: Facts) -> dict[str, str]:
    """`identity_values`, and every figure of the zone or mission as text; « – » for what may not or cannot be said."""
    found = identity_values(facts) | _people(facts) | _learnt(facts) | _wanted(facts)
    found["provenance"] = letterhead.provenance(facts, list(facts.config.forms))
    found["donnees_au"] = (
        french.day(letterhead.local_day(facts, facts.as_of)) if facts.as_of else french.NO_DATA.lower()
    )
    found["soumissions"] = french.number(letterhead.n_submissions(facts, facts.config.forms))
    return {name: french.typography(text) for name, text in found.items()}


def _people(facts: Facts) -> dict[str, str]:
    listed = present.attendance(facts)
    done = present.completion(listed, present.zones_of(facts))
    n = listed.n_present
    sexes = [person.traits["sex"] for person in listed.present]
    women, men = sexes.count(facts.config.codes.female), sexes.count(facts.config.codes.male)
    shown = all(k == 0 or publishable(k) for k in (women, men, len(sexes) - women - men))
    full = len({person.key for person in listed.full_day})
    return {
        "presents": letterhead.printable(n),
        "taux": french.percent(done.share) if n == 0 or publishable(n) else french.NOTHING,
        "femmes": french.number(women) if shown else french.NOTHING,
        "hommes": french.number(men) if shown else french.NOTHING,
        "part_femmes": french.percent(women / len(sexes)) if shown and sexes else french.NOTHING,
        "journee_entiere": letterhead.printable(full) if n - full == 0 or publishable(n - full) else french.NOTHING,
    }


def _learnt(facts: Facts) -> dict[str, str]:
    learnt, judged = learning(facts), satisfaction(facts)
    change, advice = learnt.change, judged.recommendation
    known = publishable(change.n)
    return {
        "tests_apparies": letterhead.printable(change.n),
        "score_avant": french.points(change.before) if known else french.NOTHING,
        "score_apres": french.points(change.after) if known else french.NOTHING,
        "evolution": french.signed(change.change, 1) if known else french.NOTHING,
        "gain": french.number(change.gain, 2) if known else french.NOTHING,
        "reponses_satisfaction": letterhead.printable(judged.n),
        "recommandation": french.signed(advice.score) if publishable(advice.n) else french.NOTHING,
    }


def _wanted(facts: Facts) -> dict[str, str]:
    ranked, plan = needs(facts), road_map(facts)
    first = [need.label for need in ranked.needs if need.rank is not None] if publishable(ranked.n) else []
    compared = ranked.groups_publishable and publishable(ranked.n)
    common = [labels.need(facts, code) for code in ranked.common or ()] if compared else []
    overdue = len(plan.overdue(letterhead.local_day(facts, facts.as_of))) if facts.as_of else 0
    return {
        "reponses_besoins": letterhead.printable(ranked.n),
        **{f"besoin_{k + 1}": first[k] if k < len(first) else french.NOTHING for k in range(_FIRST)},
        "priorites_communes": french.listing(common) or french.NOTHING,
        "n_priorites_communes": french.number(len(common)) if compared else french.NOTHING,
        "accord": french.number(ranked.agreement, 2) if compared else french.NOTHING,
        "actions": french.number(len(plan.actions)),
        "actions_completes": french.number(sum(action.smart_complete for action in plan.actions)),
        "part_smart": french.percent(plan.smart_share),
        "actions_en_retard": french.number(overdue),
    }
