"""The numbers and names that templates may cite as ``{{…}}``: one table for reports and tools."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import labels
from kobo_sync.analysis.chosen import counted_forms, counted_rows
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.needs import ties
from kobo_sync.analysis.populations import told_number
from kobo_sync.analysis.publication import present_by_sex
from kobo_sync.analysis.published import printed_change
from kobo_sync.analysis.published_answers import printed_advice
from kobo_sync.analysis.published_needs import printed_needs
from kobo_sync.analysis.roadmap import road_map
from kobo_sync.config.config import Role
from kobo_sync.deliverables import figures, letterhead, sentences
from kobo_sync.language import typography
from kobo_sync.language.catalogue import t

ANSWERED = "repondants:"  # before a form's id: how many answers the zone sheet's figures rest on
_FIRST = 3


_CONDITIONS: Mapping[str, Role] = {
    "si:presence": "attendance",
    "si:test": "test",
    "si:satisfaction": "satisfaction",
    "si:besoins": "needs",
    "si:groupe_de_discussion": "focus_group",
    "si:feuille_de_route": "road_map",
}


def conditions(facts: Facts, *, hold: bool) -> frozenset[str]:
    """The marks of templates that ask whether the mission has a form of a role, or sessions: those that *hold*, or the others."""
    config = facts.config
    there = {mark: config.has_role(role) for mark, role in _CONDITIONS.items()} | {"si:seances": bool(config.sessions)}
    return frozenset(mark for mark, is_there in there.items() if is_there == hold)


def identity_values(facts: Facts) -> dict[str, str]:
    """Who, where, when: known before any data are. Where no quota is set, how many are expected is a line to write on."""
    mission = facts.config.mission
    quota = sum(zone.target for zone in present.zones_of(facts))
    return {
        "mission": mission.document_title,
        "programme": mission.programme or typography.NOTHING,
        **({"formateur": mission.trainer or "…………………………"} if facts.config.has_trainer else {}),
        "organisations": typography.listing([organisation.name for organisation in facts.config.organisations])
        or typography.NOTHING,
        **_of_its_kind(facts),
        "zones": letterhead.zones_of_mission(facts) or typography.NOTHING,
        "n_zones": typography.number(len(facts.config.zones)),
        "zone": letterhead.place_name(facts),
        "lieu": letterhead.place(facts),
        "dates": letterhead.held_on(facts),
        "attendu": typography.number(quota) if quota else "…………",
    }


def _of_its_kind(facts: Facts) -> dict[str, str]:
    """Groups and themes of a test, where the mission has such."""
    groups = [labels.group(facts, group.code) for group in facts.config.groups]
    themes = list(letterhead.themes(facts).values())
    return ({"groupes": typography.listing(groups)} if groups else {}) | (
        {"themes": typography.listing(themes) or typography.NOTHING} if facts.config.has_role("test") else {}
    )


def live_values(facts: Facts) -> dict[str, str]:
    """`identity_values`, and every figure of the zone or mission as text; « – » for what may not or cannot be said.

    A figure that the mission's forms do not ask is not there.
    """
    return {name: text for values in live_values_in_turn(facts) for name, text in values.items()}


def live_values_in_turn(facts: Facts) -> Iterator[dict[str, str]]:
    """`live_values`, those of one role after the other: of many rows one role's are enough to hold."""
    has = facts.config.has_role
    parts: tuple[tuple[bool, Callable[[Facts], dict[str, str]]], ...] = (
        (True, identity_values),
        (has("attendance"), _people),
        (has("test"), _learnt),
        (has("satisfaction"), _judged),
        (has("needs"), _wanted),
        (has("road_map"), _planned),
        (True, _received),
    )
    for is_asked, values in parts:
        if is_asked:
            yield {name: typography.spaced(text) for name, text in values(facts).items()}


def _received(facts: Facts) -> dict[str, str]:
    values = {}
    for form_id, repeat in counted_forms(facts):
        values[f"{ANSWERED}{form_id}" + f"/{repeat}" * bool(repeat)] = letterhead.denominator(
            counted_rows(facts, form_id, repeat)
        )
    values["provenance"] = letterhead.provenance(facts, list(facts.config.forms))
    values["donnees_au"] = (
        typography.day(letterhead.local_day(facts, facts.as_of)) if facts.as_of else t("… (no data received)")
    )
    values["donnees_arretees"] = (
        t("Data cut-off: {day}", day=values["donnees_au"]) if facts.as_of else t("No data were received")
    )
    values["soumissions"] = letterhead.received(letterhead.n_submissions(facts, facts.config.forms))
    return values


def _people(facts: Facts) -> dict[str, str]:
    sexes = present_by_sex(facts, "group", present.group_codes(facts))
    codes, untold = facts.config.codes, letterhead.nobody_told(facts)
    women, men = (None if untold else sexes.total(code) for code in (codes.female, codes.male))
    full = told_number(facts, "full_day")
    values = {"presents": letterhead.counted(facts, "present")}
    if any(zone.target for zone in facts.config.zones):
        values["taux"] = figures.quota_rate(facts)
    if present.asks(facts, "sex"):
        values |= {"femmes": typography.number(women), "hommes": typography.number(men)}
        values["part_femmes"] = typography.percent(sentences.women_share(facts))
    if present.has_full_day(facts):
        values["journee_entiere"] = typography.NOTHING if full.partial else letterhead.denominator(full)
    return values


def _learnt(facts: Facts) -> dict[str, str]:
    before, after, moved, gain = letterhead.scores(printed_change(facts))
    return {
        "tests_apparies": letterhead.counted(facts, "pairs"),
        "score_avant": before,
        "score_apres": after,
        "evolution": moved,
        "gain": gain,
    }


def _judged(facts: Facts) -> dict[str, str]:
    advice = printed_advice(facts)
    about = "" if not advice.about else f"≈{typography.NBSP}"
    return {
        "reponses_satisfaction": letterhead.counted(facts, "satisfaction"),
        "recommandation": typography.NOTHING if advice.score is None else about + typography.signed(advice.score),
    }


def _wanted(facts: Facts) -> dict[str, str]:
    printed = printed_needs(facts)
    ranked = printed.ranked
    by_rank = {rank: [need.label for need in mine] for rank, mine in ties(each.need for each in printed.needs).items()}
    common = [labels.need(facts, code) for code in ranked.common or ()] if printed.needs else []
    compared = printed.needs and ranked.common is not None
    values = {
        "reponses_besoins": letterhead.counted(facts, "needs"),
        **{f"besoin_{rank}": sentences.needs_of_rank(by_rank, rank) for rank in range(1, _FIRST + 1)},
    }
    if len(facts.config.groups) < 2:
        return values
    return values | {
        "priorites_communes": typography.listing(common) or typography.NOTHING,
        "n_priorites_communes": typography.number(len(common)) if compared else typography.NOTHING,
        "accord": figures.agreement(printed) if printed.needs else typography.NOTHING,
    }


def _planned(facts: Facts) -> dict[str, str]:
    plan = road_map(facts)
    overdue = len(plan.overdue(letterhead.local_day(facts, facts.as_of))) if facts.as_of else 0
    return {
        "actions": typography.number(len(plan.actions)),
        "actions_completes": typography.number(sum(action.smart_complete for action in plan.actions)),
        "part_smart": typography.percent(plan.smart_share),
        "actions_en_retard": typography.number(overdue),
    }
