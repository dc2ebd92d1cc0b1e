"""The computed blocks of the final report: what ``{{bloc:…}}`` may name, each a table or a figure with its words.

Some serve reports that were begun with an older template: they hold the measures for statisticians beside the words for all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from docx.document import Document as WordDocument

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import labels, meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.focus import focus_groups
from kobo_sync.analysis.populations import What, told, told_number, zone_number
from kobo_sync.analysis.publication import present_by_sex
from kobo_sync.analysis.published_needs import printed_needs
from kobo_sync.analysis.roadmap import Action, RoadMap, road_map
from kobo_sync.analysis.turnout import Turnout, turnout
from kobo_sync.config.config import Role
from kobo_sync.deliverables import (
    evaluations,
    letterhead,
    participation,
    report_annexes,
    report_objectives,
    report_plain,
    sentences,
)
from kobo_sync.deliverables import needs as needs_paper
from kobo_sync.deliverables import road_map as road_map_paper
from kobo_sync.deliverables.live_values import live_values
from kobo_sync.documents.pdf import charts
from kobo_sync.documents.word import writer
from kobo_sync.documents.word.template import Block, Piece
from kobo_sync.language import typography
from kobo_sync.language.catalogue import later, t, tc, tn

Figures = Mapping[str, Mapping[str, str]]
# Blocks of older templates, whose place others have taken: a report without them lacks nothing.
SUPERSEDED = frozenset(("chiffres_cles", "participation", "reponses", "acquis", "satisfaction", "priorites_communes"))
_FIGURE_CM = 16.8
_MOST_ACTIONS, _MOST_BARS, _PHOTOS = 100, 40, 6
_OBJECTIVES_HINT = later(
    "By objective of the terms of reference: what was done, the evidence, the limit. [[report.objectives]] makes it a computed table."
)
_DAY_HINT = later("Course: the real programme of the day, place, persons, mood.")
_DAYS_HINT = later("Course: the real programme of the days, place, persons, mood.")
_COURSE_HINT = later("Course: what was done, where and with whom.")
_CHANGE_HINT = later("Why the planned activity was changed: what changed and why, or “no change”.")
_ALL_ZONES_HINT = later("The real programme of the days; why the planned activity was changed, zone by zone.")
# Forms of which a person fills one, or one per session: their numbers are numbers of persons.
_TOLD: dict[Role, What] = {"satisfaction": "satisfaction", "needs": "needs_rows"}
_OF_PERSONS = frozenset(("registration", "attendance", "test", "satisfaction", "needs"))


def report_blocks(facts: Facts, zones: Figures) -> dict[str, Block]:
    """Every block that the mission has something for, by its name in templates; *zones* are the `live_values` of each zone, by code."""
    left_out = needless(facts)

    def named(title: str, write: Callable[[WordDocument], None]) -> Block:
        return Block(title, write)

    blocks = {
        "chiffres_cles": named(t("key figures"), lambda d: evaluations.key_figures(d, facts)),
        "zones": named(t("zones of the mission"), partial(_zones, facts=facts, zones=zones)),
        "participation": named(t("participation"), partial(_participation, facts=facts)),
        "reponses": named(t("response rates"), lambda d: participation.rates(d, facts)),
        "acquis": named(t("learning"), lambda d: evaluations.learning_results(d, facts)),
        "acquis_par_zone": named(t("learning by zone"), partial(_learning_by_zone, facts=facts, zones=zones)),
        "satisfaction": named(t("satisfaction"), lambda d: evaluations.satisfaction_results(d, facts)),
        "paroles": named(t("what participants said"), lambda d: evaluations.words(d, facts, level=3)),
        "besoins": named(t("priority needs"), partial(_needs, facts=facts, part=needs_paper.ranking)),
        "besoins_par_groupe": named(
            t("rank by group"), partial(_needs, facts=facts, part=needs_paper.by_group_and_sex)
        ),
        "besoins_par_zone": named(t("needs by zone"), partial(_needs_by_zone, facts=facts, zones=zones)),
        "priorites_communes": named(t("common priorities"), partial(_needs, facts=facts, part=needs_paper.common)),
        "propositions": named(t("proposals"), lambda d: needs_paper.proposals(d, facts, level=3)),
        "groupes_discussion": named(t("focus groups"), partial(_discussed, facts=facts)),
        "photos": named(t("photos"), partial(_photos, facts=facts)),
        "feuille_de_route": named(t("road map"), partial(_road_map, facts=facts)),
        "donnees": named(t("where the data come from"), partial(_received, facts=facts)),
        "annexes": named(t("annexes"), partial(_annexes, facts=facts)),
        "en_bref": named(t("in short"), partial(report_plain.in_short, facts=facts)),
        "collecte": named(t("what was collected"), partial(report_plain.collected, facts=facts)),
        "limites": named(t("limits"), partial(report_plain.limits, facts=facts)),
        "beneficiaires": named(t("beneficiaries"), partial(_beneficiaries, facts=facts)),
        "acquis_en_clair": named(t("learning"), partial(report_plain.learning, facts=facts)),
        "satisfaction_en_clair": named(t("satisfaction"), partial(report_plain.satisfaction, facts=facts)),
        "cadre_commun": named(t("common priorities"), partial(report_plain.in_common, facts=facts)),
        "mesures": named(t("technical measures"), partial(report_annexes.measures, facts=facts)),
        "termes_de_reference": named(t("terms of reference"), partial(report_annexes.terms, facts=facts)),
    } | (
        {"objectifs": named(t("objectives"), partial(report_objectives.table, facts=facts))}
        if facts.config.report.objectives
        else {}
    )
    return {name: block for name, block in blocks.items() if f"bloc:{name}" not in left_out}


# What a template's mark is about: forms of one of these roles; without them it is needless.
_ABOUT: Mapping[str, tuple[Role, ...]] = {
    "bloc:chiffres_cles": ("attendance", "test", "satisfaction"),
    "bloc:en_bref": ("attendance", "test", "satisfaction", "needs", "focus_group", "road_map"),
    "bloc:collecte": ("test", "satisfaction", "needs"),
    **dict.fromkeys(
        ("bloc:participation", "bloc:beneficiaires", "texte:beneficiaires", "bloc:reponses"), ("attendance",)
    ),
    **dict.fromkeys(("bloc:acquis", "bloc:acquis_en_clair", "bloc:acquis_par_zone", "texte:acquis"), ("test",)),
    **dict.fromkeys(("bloc:satisfaction", "bloc:satisfaction_en_clair", "texte:satisfaction"), ("satisfaction",)),
    **dict.fromkeys(("bloc:besoins", "bloc:besoins_par_zone", "bloc:propositions"), ("needs",)),
    **dict.fromkeys(("bloc:groupes_discussion", "bloc:photos"), ("focus_group",)),
    **dict.fromkeys(("bloc:feuille_de_route", "texte:feuille_de_route"), ("road_map",)),
}


def needless(facts: Facts) -> frozenset[str]:
    """The marks of templates that are about what the mission has not: forms of a role, groups, open questions, a trainer."""
    config, has = facts.config, facts.config.has_role
    compares = has("needs") and needs_paper.compares_groups(facts)
    there = {
        **{mark: has(*roles) for mark, roles in _ABOUT.items()},
        **dict.fromkeys(("bloc:priorites_communes", "bloc:cadre_commun"), compares),
        "texte:besoins": compares or has("focus_group"),
        "bloc:besoins_par_groupe": has("needs") and bool(needs_paper.by_whom(facts)),
        "bloc:paroles": evaluations.asks_words(facts),
        "bloc:mesures": has("test", "satisfaction") or compares,
        "bloc:zones": bool(config.zones),
        "groupes": bool(config.groups),
        "formateur": config.has_trainer,
    }
    return frozenset(mark for mark, is_there in there.items() if not is_there)


def report_parts(facts: Facts) -> dict[str, tuple[Piece, ...]]:
    """What ``{{partie:…}}`` may name: the objectives (computed, or to be written), the course of the day zone by zone."""
    objectives = Piece("{{bloc:objectifs}}") if facts.config.report.objectives else _slot("objectifs", _OBJECTIVES_HINT)
    zones = facts.config.zones
    if len(zones) > _MOST_BARS:  # a heading and two slots each would be a book
        return {"objectifs": (objectives,), "deroulement": (_slot("deroulement", _ALL_ZONES_HINT),)}
    pieces = []
    is_training = bool(facts.config.sessions) or facts.config.has_role("attendance", "test")
    for zone in zones:
        hint = _COURSE_HINT if not is_training else _DAYS_HINT if len(zone.days) > 1 else _DAY_HINT
        pieces += [Piece(f"{{{{zone_{zone.code}}}}}", level=2)]
        pieces += [_slot(f"jour_{zone.code}", hint), _slot(f"ecart_{zone.code}", _CHANGE_HINT)]
    return {"objectifs": (objectives,), "deroulement": tuple(pieces)}


def _slot(name: str, hint: str) -> Piece:
    text = t(hint)
    return Piece(f"{{{{texte:{name}|{text}}}}}")


def report_values(facts: Facts) -> dict[str, str]:
    """What the report may cite beside `live_values`: from when its data are, and each zone by its name and day."""
    zones = {}
    for zone in facts.config.zones:
        day = [letterhead.days_of(zone)] if zone.days else []
        zones[f"zone_{zone.code}"] = t(", ").join([labels.zone(facts, zone.code), *day])
    return {"etat_des_donnees": letterhead.as_of(facts), **zones}


def acronyms_of_words(facts: Facts, words: str) -> Block:
    """The list of the acronyms that stand in *words*, those of the report."""
    explained = report_annexes.acronyms(facts)
    return Block(t("acronyms"), lambda document: report_annexes.acronym_list(document, words, explained))


def _zones(document: WordDocument, facts: Facts, zones: Figures) -> None:
    attends = facts.config.has_role("attendance")
    has_quota = attends and any(zone.target for zone in facts.config.zones)
    rows = []
    for zone in facts.config.zones:
        place = letterhead.place(replace(facts, zone=zone)).partition(t(", "))[2]
        day = letterhead.days_of(zone) if zone.days else typography.NOTHING
        came, rate = (zones[zone.code].get(key, "") for key in ("presents", "taux"))
        rows.append([labels.zone(facts, zone.code), place, day, came, typography.number(zone.target), rate])
    several = attends and len(rows) > 1
    if several:  # of one zone the mission's line would say the same again
        whole, quota = live_values(facts), sum(zone.target for zone in facts.config.zones)
        rows.append([t("Mission"), "", "", whole["presents"], typography.number(quota), whole.get("taux", "")])
    head = [t("Zone"), t("Place"), t("Date"), t("Present"), t("Quota"), t("Rate")]
    shown = [0, *(at for at in (1, 2) if any(row[at] not in ("", typography.NOTHING) for row in rows))]
    shown += [*([3] if attends else []), *([4, 5] if has_quota else [])]
    widths = [3.6, 5.4, 2.7, 1.9, 1.5, 1.7]
    spare = (sum(widths) - sum(widths[at] for at in shown)) / 2
    content = writer.Table(
        [head[at] for at in shown],
        [[row[at] for at in shown] for row in rows],
        [widths[at] + (spare if at < 2 else 0) for at in shown],
        caption=t("Zones, dates and participation") if attends else t("Zones"),
        right=[place for place, at in enumerate(shown) if at > 2],
        totals=several,
    )
    writer.table(document, content)
    if several and has_quota:
        writer.note(
            document,
            t(
                "Rate of the mission: Σ min(present, quota) / Σ quota, so that a zone too full does not hide an empty one. "
                "A person who came to two zones counts once in the total."
            ),
        )
    elif several:
        writer.note(document, t("A person who came to two zones counts once in the total."))


def _beneficiaries(document: WordDocument, facts: Facts) -> None:
    writer.paragraph(document, sentences.presence(facts))
    if people := " ".join(filter(None, (sentences.sexes(facts), sentences.whole_day(facts)))):
        writer.paragraph(document, people)
    _who_came(document, facts)


def _who_came(document: WordDocument, facts: Facts) -> None:
    participation.groups_and_sexes(document, facts)
    if letterhead.nobody_told(facts):
        return
    ages = _by_age(facts, turnout(told(facts, "registration", "attendance")))
    if ages:
        writer.table(document, ages)


def _participation(document: WordDocument, facts: Facts) -> None:
    bars = []
    for zone in facts.config.zones:
        number = zone_number(facts, zone.code, "present")
        if number.exact and zone.target:
            bars.append(charts.Bar(labels.zone(facts, zone.code), number.n, target=zone.target))
    if 0 < len(bars) <= _MOST_BARS:  # more would fill pages: the table of zones says as much
        parts = [t("{zone} {n} of {quota}", zone=bar.label, n=bar.value, quota=bar.target) for bar in bars]
        alt = t("Persons present, of the quota: {zones}", zones=t("; ").join(parts))
        picture = writer.Picture(charts.quota(bars, colour=letterhead.colour(facts)), alt, width_cm=_FIGURE_CM)
        writer.figure(document, picture, t("Persons present and quota, by zone"))
    _who_came(document, facts)


def _by_age(facts: Facts, listed: Turnout) -> writer.Table | None:
    """Age bands by sex; over the whole mission only, where cells are large enough to be worth printing."""
    counts = {code: n for code, n in listed.counts("age_band").items() if code}
    if not counts:
        return None
    names = {code: code for code in counts}
    order: list[str] = []
    for form_id in facts.config.forms_with_role("registration"):
        question = facts.config.forms[form_id].fields.get("age_band", "")
        order += [choice.name for choice in labels.choices(facts, form_id, question)]
        names |= {code: labels.choice(facts, form_id, question, code) for code in counts}
    codes = sorted(counts, key=lambda code: (order.index(code) if code in order else len(order), code))
    has_sex = present.asks(facts, "sex")
    caption = t("Persons present, by age band and by sex") if has_sex else t("Persons present, by age band")
    crosstab = present_by_sex(facts, "age_band", tuple(codes))
    return participation.by_sex(crosstab, names, t("Age band"), caption)


def _learning_by_zone(document: WordDocument, facts: Facts, zones: Figures) -> None:
    if not any(zone_number(facts, code, "pairs").n for code in zones):
        writer.paragraph(document, t("Without a paired test there is no change by zone to show."))
        return
    keys = ("tests_apparies", "score_avant", "score_apres", "evolution", "gain")
    rows = []
    whole = [("", live_values(facts))] if len(zones) > 1 else []
    for code, figures in [*zones.items(), *whole]:
        rows.append([labels.zone(facts, code) if code else t("Mission"), *(figures[key] for key in keys)])
    head = [t("Zone"), t("Paired tests"), t("Before"), t("After"), t("Change (points)"), t("Class gain")]
    content = writer.Table(
        head, rows, [5.2, 2.4, 2.0, 2.0, 2.8, 2.4], caption=t("Change by zone"), right=range(1, 6), totals=bool(whole)
    )
    writer.table(document, content)


def _needs(document: WordDocument, facts: Facts, part: Callable[..., None]) -> None:
    scores = printed_needs(facts)
    is_first = part is needs_paper.ranking
    if not scores.received:
        text = t("No data: no ranking of needs was received.")
        writer.paragraph(
            document, text if is_first else t("Without a ranking received, the groups cannot be compared.")
        )
    elif not scores.needs:
        text = t("Too few persons ranked the needs: results not published.")
        writer.paragraph(
            document, text if is_first else t("Without a published ranking, the groups cannot be compared.")
        )
    else:
        part(document, facts, scores)


def _needs_by_zone(document: WordDocument, facts: Facts, zones: Figures) -> None:
    if not printed_needs(facts).received:
        writer.paragraph(document, t("Without a ranking received, there are no needs to compare between zones."))
        return
    keys = ("reponses_besoins", "besoin_1", "besoin_2", "besoin_3")
    rows = [[labels.zone(facts, code), *(figures[key] for key in keys)] for code, figures in zones.items()]
    head = [t("Zone"), "n", t("First need"), t("Second"), t("Third")]
    content = writer.Table(head, rows, [3.2, 1.2, 4.2, 4.2, 4.2], caption=t("First needs, by zone"), right=(1,))
    writer.table(document, content)


def _discussed(document: WordDocument, facts: Facts) -> None:
    focus = focus_groups(told(facts, "focus_group"))
    if not focus.n_sessions:
        writer.paragraph(document, t("No data: no group session was received."))
        return
    needs_paper.discussed(document, facts, focus, level=3)


def _photos(document: WordDocument, facts: Facts) -> None:
    if not needs_paper.photos(document, facts, _PHOTOS):
        writer.paragraph(document, t("No data: no photo that may be circulated was received."))


def _road_map(document: WordDocument, facts: Facts) -> None:
    plan = road_map(facts)
    if not plan.actions:
        writer.paragraph(document, t("No data: no action was entered."))
    elif len(plan.actions) > _MOST_ACTIONS:
        _actions_by_need(document, facts, plan)
    else:
        _actions(document, facts, plan)


def _actions_by_need(document: WordDocument, facts: Facts, plan: RoadMap) -> None:
    """The road map of a mission of many zones: counts; each zone's own paper has the actions."""
    today = letterhead.local_day(facts, facts.as_of) if facts.as_of else None
    rows = []
    for code in dict.fromkeys(action.values["need"] for action in plan.actions):
        mine = [action for action in plan.actions if action.values["need"] == code]
        late = sum(action.overdue(today) for action in mine) if today else 0
        counts = (len(mine), len({a.zone for a in mine}), sum(a.smart_complete for a in mine), late)
        rows.append([labels.need(facts, code), *map(typography.number, counts)])
    head = [t("Need"), t("Actions"), t("Zones"), t("Complete"), t("Late")]
    caption = tn("Road map: {n} action, by need", "Road map: {n} actions, by need", len(plan.actions))
    writer.table(document, writer.Table(head, rows, [8.2, 2.2, 2.2, 2.2, 2.2], caption=caption, right=(1, 2, 3, 4)))
    writer.note(document, t("The actions in detail are in the road map of each zone."))


def _actions(document: WordDocument, facts: Facts, plan: RoadMap) -> None:
    rows = [_action(facts, number, action) for number, action in enumerate(plan.actions, 1)]
    head = [
        t("No."),
        t("Zone and need"),
        t("Objective and action"),
        t("Target and person responsible"),
        t("Due"),
        t("Indicator"),
    ]
    caption = tn("Road map: {n} action", "Road map: {n} actions", len(rows))
    content = writer.Table(head, rows, [0.9, 3.2, 5.0, 3.4, 1.9, 2.6], caption=caption, right=(0,), size=8.5)
    writer.table(document, content)


def _action(facts: Facts, number: int, action: Action) -> list[str | writer.Cell]:
    """One action in six stacked cells: so many that a page in portrait holds them."""
    values = action.values
    responsible = t(", ").join(filter(None, (values["responsible_function"], road_map_paper.group(facts, action))))
    return [
        typography.number(number),
        writer.Cell(labels.zone(facts, action.zone), below=labels.need(facts, values["need"])),
        writer.Cell(values["objective"] or values["action"], below=values["action"] if values["objective"] else ""),
        writer.Cell(
            values["target"] or t("target to be specified"), below=responsible or t("person responsible to be named")
        ),
        sentences.due_words(action, short=True),
        values["indicator"] or t("to be defined"),
    ]


def _received(document: WordDocument, facts: Facts) -> None:
    rows = []
    for form_id in facts.config.forms:
        role = facts.config.forms[form_id].role
        title = labels.form(facts, form_id)
        n = meaning.n_received(facts, form_id)
        n_usable = None if role == "other" else meaning.n_usable(facts, role, form_id)
        if (
            role in _TOLD
        ):  # « ≈ 74 » elsewhere in the report, and « ≤ 70 » here, would say more together than each alone
            near = told_number(facts, _TOLD[role]).near or 0
            n, n_usable = max(n, near if n else 0), max(n_usable or 0, near if n_usable else 0)
        of_persons = role in _OF_PERSONS
        received = letterhead.received(n) if of_persons else typography.number(n)
        used = (
            typography.NOTHING
            if n_usable is None
            else letterhead.received(n_usable)
            if of_persons
            else typography.number(n_usable)
        )
        rows.append([title, received, used, facts.form_versions.get(form_id, "") or typography.NOTHING])
    head = [t("Form"), t("Received"), t("Used"), t("Version")]
    caption = t("Submissions received and used, by form")
    writer.table(document, writer.Table(head, rows, [8.4, 2.6, 2.6, 3.4], caption=caption, right=(1, 2)))
    writer.note(document, f"{letterhead.provenance(facts, list(facts.config.forms))}.")
    if facts.fingerprint:
        writer.note(document, t("Fingerprint of the data: {digest}.", digest=facts.fingerprint))
    writer.note(document, t(letterhead.SUPPRESSION_NOTE))


def _annexes(document: WordDocument, facts: Facts) -> None:
    there, lacking = tc("an annex", "attached"), t("to be attached")
    rows = [[name, there if name in facts.annexes else lacking] for name in expected_annexes(facts)]
    for zone in facts.config.zones:
        file = f"{zone.code}.zip"
        name = t("Folder of the zone {zone} ({file})", zone=labels.zone(facts, zone.code), file=file)
        rows.append([name, tc("a folder", "attached")])
    head = [t("Annex"), t("State")]
    writer.table(document, writer.Table(head, rows, [13.4, 3.6], caption=t("Annexes of the report")))


def expected_annexes(facts: Facts) -> list[str]:
    """The annexes that the config demands, then those that staff put in exports/annexes/ besides."""
    demanded = list(facts.config.report.annexes)
    terms = facts.config.report.terms_of_reference
    demanded += [terms] if terms and terms not in demanded else []
    return [*demanded, *(name for name in sorted(facts.annexes) if name not in demanded)]
