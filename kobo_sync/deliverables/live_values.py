"""The numbers and names that templates may cite as ``{{…}}``: one table for reports and tools."""

from __future__ import annotations

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import labels
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.learning import learning
from kobo_sync.analysis.needs import needs
from kobo_sync.analysis.publication import present_by_sex, small_zones, women_share
from kobo_sync.analysis.roadmap import road_map
from kobo_sync.analysis.satisfaction import satisfaction
from kobo_sync.analysis.suppression import publishable
from kobo_sync.deliverables import letterhead
from kobo_sync.documents import french

_FIRST = 3


def identity_values(facts: Facts) -> dict[str, str]:
    """Who, where, when: known before any data are."""
    mission = facts.config.mission
    zones = [labels.zone(facts, zone.code) for zone in facts.config.zones]
    themes: dict[str, str] = {}
    for form_id in facts.config.forms_with_role("test"):
        themes |= facts.config.forms[form_id].themes
    return {
        "mission": mission.title,
        "programme": mission.programme or french.NOTHING,
        "formateur": mission.trainer or "…………………………",
        "organisations": french.listing([organisation.name for organisation in facts.config.organisations])
        or french.NOTHING,
        "groupes": french.listing([labels.group(facts, group.code) for group in facts.config.groups]) or french.NOTHING,
        "themes": french.listing(list(themes.values())) or french.NOTHING,
        "zones": french.listing(zones) or french.NOTHING,
        "n_zones": french.number(len(zones)),
        "zone": letterhead.place_name(facts),
        "lieu": letterhead.place(facts),
        "dates": letterhead.held_on(facts),
        "attendu": french.number(sum(zone.target for zone in present.zones_of(facts))),
    }


def live_values(facts: Facts) -> dict[str, str]:
    """`identity_values`, and every figure of the zone or mission as text; « – » for what may not or cannot be said."""
    values = identity_values(facts) | _people(facts) | _learnt(facts) | _wanted(facts)
    values["provenance"] = letterhead.provenance(facts, list(facts.config.forms))
    values["donnees_au"] = (
        french.day(letterhead.local_day(facts, facts.as_of)) if facts.as_of else french.NO_DATA.lower()
    )
    values["soumissions"] = french.number(letterhead.n_submissions(facts, facts.config.forms))
    return {name: french.typography(text) for name, text in values.items()}


def _people(facts: Facts) -> dict[str, str]:
    listed = present.attendance(facts)
    done = present.completion(listed, present.zones_of(facts))
    n = listed.n_present
    is_publishable = (n == 0 or publishable(n)) and not small_zones(facts, "present")
    sexes = present_by_sex(facts, "group", tuple(group.code for group in facts.config.groups))
    women, men, share = sexes.total(facts.config.codes.female), sexes.total(facts.config.codes.male), women_share(facts)
    full = len({person.key for person in listed.full_day})
    return {
        "presents": letterhead.counted(facts, "present", n),
        "taux": french.percent(done.share) if is_publishable else french.NOTHING,
        "femmes": french.number(women),
        "hommes": french.number(men),
        "part_femmes": french.percent(share),
        "journee_entiere": letterhead.printable(full)
        if is_publishable and (n == full or publishable(n - full))
        else french.NOTHING,
    }


def _learnt(facts: Facts) -> dict[str, str]:
    learnt, judged = learning(facts), satisfaction(facts)
    change, advice = learnt.change, judged.recommendation
    is_publishable = publishable(change.n)
    return {
        "tests_apparies": letterhead.counted(facts, "pairs", change.n),
        "score_avant": french.points(change.before) if is_publishable else french.NOTHING,
        "score_apres": french.points(change.after) if is_publishable else french.NOTHING,
        "evolution": french.signed(change.change, 1) if is_publishable else french.NOTHING,
        "gain": french.number(change.gain, 2) if is_publishable else french.NOTHING,
        "reponses_satisfaction": letterhead.counted(facts, "satisfaction", judged.n),
        "recommandation": french.signed(advice.score) if publishable(advice.n) else french.NOTHING,
    }


def _wanted(facts: Facts) -> dict[str, str]:
    ranked, plan = needs(facts), road_map(facts)
    first = [need.label for need in ranked.needs if need.rank is not None] if publishable(ranked.n) else []
    compared = ranked.groups_publishable and publishable(ranked.n)
    common = [labels.need(facts, code) for code in ranked.common or ()] if compared else []
    overdue = len(plan.overdue(letterhead.local_day(facts, facts.as_of))) if facts.as_of else 0
    return {
        "reponses_besoins": letterhead.counted(facts, "needs", ranked.n),
        **{f"besoin_{k + 1}": first[k] if k < len(first) else french.NOTHING for k in range(_FIRST)},
        "priorites_communes": french.listing(common) or french.NOTHING,
        "n_priorites_communes": french.number(len(common)) if compared else french.NOTHING,
        "accord": french.number(ranked.agreement, 2) if compared else french.NOTHING,
        "actions": french.number(len(plan.actions)),
        "actions_completes": french.number(sum(action.smart_complete for action in plan.actions)),
        "part_smart": french.percent(plan.smart_share),
        "actions_en_retard": french.number(overdue),
    }
