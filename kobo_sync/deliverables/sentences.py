"""What the mission reached, in plain sentences that the figures choose: none, one, many, not told, equal, falling."""

from __future__ import annotations

from collections.abc import Sequence

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import labels
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.focus import focus_groups
from kobo_sync.analysis.populations import Told, told, told_number, zone_number
from kobo_sync.analysis.publication import people_heard, present_by_sex, women_share
from kobo_sync.analysis.published import PrintedChange, printed_change
from kobo_sync.analysis.published_answers import PrintedAdvice, printed_advice
from kobo_sync.analysis.published_needs import printed_needs
from kobo_sync.analysis.roadmap import road_map
from kobo_sync.analysis.suppression import THRESHOLD
from kobo_sync.deliverables import figures, letterhead
from kobo_sync.documents import french

QUOTA_RULE = "places prévues qui ont été occupées, zone par zone : une zone trop pleine n’en remplit pas une autre"
SMART_RULE = "objectif, cible, responsable, échéance et indicateur tous remplis"
FIRST_FIVE = "parmi les cinq premiers besoins de chaque groupe"
_FEW = f"moins de {THRESHOLD} personnes, ou un nombre d’où elles se déduiraient"
_MOST_NAMED = 12  # zones, needs: of more, how many


# ── who came ────────────────────────────────────────────────────────────────


def presence(facts: Facts) -> str:
    """How many came, for how many places, in which zones."""
    zones = [(labels.zone(facts, zone.code), zone_number(facts, zone.code, "present").n) for zone in facts.config.zones]
    quota = present.completion(present.attendance(facts), present.zones_of(facts)).quota
    came = [name for name, n in zones if n]
    missing = [name for name, n in zones if not n]
    return presence_words(told_number(facts, "present"), quota, figures.quota_rate(facts), came, missing)


def presence_words(number: Told, quota: int, rate: str, came: Sequence[str], missing: Sequence[str]) -> str:
    """*came* and *missing* are the zones where somebody signed, and where nobody did; *rate* the quota's as papers print it."""
    if not number.n and not number.partial:
        return "Aucune présence signée n’a été reçue."
    who = persons(number, "personne a signé", "personnes ont signé")
    if not who:
        return f"Le nombre de personnes présentes n’est pas publié ({_FEW})."
    text = f"{who} au moins une demi-journée"
    if quota:
        text += f", pour {french.count(quota, 'place prévue', 'places prévues')}"
        text += _rate_words(rate, number, quota)
    text += f", dans {_named(came, 'zone', 'zones')}" if len(came) > 1 else f", à {came[0]}" if came else ""
    text += "."
    if missing and came:
        text += f" Aucune présence signée n’a été reçue {french.of(_named(missing, 'zone', 'zones'))}."
    return text


def _rate_words(rate: str, number: Told, quota: int) -> str:
    if rate == french.NOTHING:
        return ""
    if number.exact and not number.partial and rate == french.percent(number.n / quota):
        return f" ({rate})"
    return f" (taux de remplissage : {rate}, soit les {QUOTA_RULE})"


def persons(number: Told, one: str, many: str) -> str:
    """``25 personnes``, ``environ 25 personnes``, ``au moins 48 personnes``; nothing where the number is not told."""
    if number.hidden:
        return ""
    if number.partial:
        return f"Au moins {french.count(min(number.candidates), one, many)}" if number.shown else ""
    n = number.n if number.near is None else number.near
    return ("" if number.near is None else "Environ ") + french.count(n, one, many)


def whole_day(facts: Facts) -> str:
    """How many signed every half-day; nothing where that is not told, or where there is one half-day alone."""
    full = told_number(facts, "full_day")
    if full.hidden or full.partial or len(facts.config.sessions) < 2 or not told_number(facts, "present").n:
        return ""
    if not full.n:
        return "Personne n’a signé la journée entière."
    return f"{persons(full, 'personne a signé', 'personnes ont signé')} la journée entière."


def sexes(facts: Facts) -> str:
    """Women and men among those who came; nothing where nobody did."""
    table = present_by_sex(facts, "group", tuple(group.code for group in facts.config.groups))
    number = told_number(facts, "present")
    if number.hidden or not number.n:
        return ""
    codes = facts.config.codes
    women, men = table.total(codes.female), table.total(codes.male)
    return sexes_words(women, men, women_share(facts), partial=number.partial)


def sexes_words(women: int | None, men: int | None, share: float | None, *, partial: bool = False) -> str:
    """*share* is that of women among those whose sex is known; *partial*: zones are left out."""
    if women is None or men is None:
        return f"La répartition entre femmes et hommes n’est pas publiée ({_FEW})."
    if not women and not men:
        return "Le sexe des personnes présentes n’est pas connu."
    part = f" ({french.percent(share)})" if women and share is not None else ""
    who = "Parmi les personnes des zones dont l’effectif est publié" if partial else "Parmi ces personnes"
    return f"{who} : {_none_or(women, 'femme')}{part} et {_none_or(men, 'homme')}."


def _none_or(n: int, one: str) -> str:
    return french.count(n, one) if n else f"{'aucune' if one == 'femme' else 'aucun'} {one}"


# ── what they learnt and thought ────────────────────────────────────────────


def learning(facts: Facts) -> str:
    """How the score at the test moved between the morning and the evening."""
    return learning_words(printed_change(facts), told_number(facts, "pairs"))


def learning_words(printed: PrintedChange | None, pairs: Told) -> str:
    """Rises, stays or falls as printed: a change that rounding hides is none."""
    if not pairs.n and not pairs.partial:
        return "Aucune personne n’a été testée à la fois avant et après la formation : l’évolution n’est pas connue."
    if printed is None:
        return f"Les résultats du test ne sont pas publiés ({_FEW})."
    before, after, _, _ = letterhead.scores(printed)
    who = persons(pairs, "personne testée", "personnes testées")
    among = f" ({who[:1].lower()}{who[1:]} deux fois)" if who else ""
    if before == after:
        return f"Le score moyen au test reste à {after}{among}."
    rises = printed.after > printed.before
    moved = french.number(abs(printed.change))
    about = "environ " if printed.about else ""
    unit = "point" if moved in ("0", "1") else "points"
    difference = f", soit {about}{moved} {unit} {'de plus' if rises else 'de moins'}" if moved != "0" else ""
    verb = "passe" if rises else "recule"
    return f"Le score moyen au test {verb} de {before} à {after}{among}{difference}."


def advice(facts: Facts) -> str:
    """How many would recommend the day."""
    return advice_words(printed_advice(facts), told_number(facts, "satisfaction"))


def advice_words(printed: PrintedAdvice, number: Told) -> str:
    """More high marks than low ones, as many, or fewer."""
    if not number.n and not number.partial:
        return "Aucun questionnaire de satisfaction n’a été reçu."
    if printed.score is None:
        return f"L’indice de recommandation n’est pas publié ({_FEW})."
    score = french.signed(printed.score)
    about = "environ " if printed.about else ""
    if score == french.number(0):
        compared = "Les notes hautes (9 et 10 sur 10) et les notes basses (0 à 6) se compensent"
    else:
        more = "plus" if printed.score > 0 else "moins"
        compared = f"Les notes hautes (9 et 10 sur 10) sont {more} nombreuses que les notes basses (0 à 6)"
    return f"{compared} : indice de recommandation {about}{score}, sur une échelle de −100 à +100."


# ── what they want, together ────────────────────────────────────────────────


def first_needs(facts: Facts) -> str:
    """The need that comes first, or all that share that rank."""
    printed = printed_needs(facts)
    first = [each.need.label for each in printed.needs if each.need.rank == 1]
    return first_needs_words(first, received=printed.received, published=bool(printed.needs))


def first_needs_words(first: Sequence[str], *, received: bool, published: bool) -> str:
    """*first* are the needs of rank 1."""
    if not received:
        return "Aucun classement de besoins n’a été reçu."
    if not published:
        return f"Le classement des besoins n’est pas publié ({_FEW})."
    if not first:
        return "Les personnes qui ont classé les besoins n’ont pas de groupe connu : aucun besoin ne vient en tête."
    if len(first) == 1:
        return f"Le besoin classé premier est « {first[0]} »."
    return f"{_quoted(first, 'besoin', 'besoins')} viennent en tête, ex æquo."


def common_needs(facts: Facts) -> str:
    """What all groups have among their first five, and how far they agree, in words."""
    printed = printed_needs(facts)
    common = printed.ranked.common if printed.needs else None
    names = None if common is None else [labels.need(facts, code) for code in common]
    return common_needs_words(names)


def common_needs_words(names: Sequence[str] | None) -> str:
    """*names* are the needs in common; None where that cannot be said."""
    if names is None:
        return f"Les priorités communes aux groupes ne peuvent pas s’établir : un groupe au moins a moins de {THRESHOLD} réponses publiables."
    if not names:
        return f"Aucun besoin ne figure {FIRST_FIVE}."
    verb = "figure" if len(names) == 1 else "figurent"
    return f"{_quoted(names, 'besoin', 'besoins')} {verb} {FIRST_FIVE}."


def groups_heard(facts: Facts) -> str:
    """How many focus groups were held, and with whom."""
    focus = focus_groups(told(facts, "focus_group"))
    if not focus.n_sessions:
        return "Aucune séance de groupe de discussion n’a été reçue."
    people, women, men = people_heard(facts)
    text = french.count(focus.n_sessions, "séance de groupe de discussion", "séances de groupe de discussion")
    if people:
        text += f", {french.count(people, 'participation')}"
        if women is not None and men is not None:
            text += f" ({_none_or(women, 'femme')} et {_none_or(men, 'homme')})"
    return f"{text}."


def actions(facts: Facts) -> str:
    """The actions of the road map, for how many needs."""
    plan = road_map(facts)
    return actions_words(len(plan.actions), len([code for code in plan.counts("need") if code]))


def actions_words(n: int, n_needs: int) -> str:
    """*n* actions for *n_needs* needs."""
    if not n:
        return "Aucune action n’a été saisie."
    what = french.count(n, "action est prévue", "actions sont prévues")
    return f"{what}, pour {french.count(n_needs, 'besoin')}." if n_needs else f"{what}."


def complete(facts: Facts) -> str:
    """How many of the actions are complete, and how many late."""
    plan, day = road_map(facts), letterhead.local_day(facts, facts.as_of) if facts.as_of else None
    late = len(plan.overdue(day)) if day else 0
    n_complete = sum(action.smart_complete for action in plan.actions)
    return complete_words(len(plan.actions), n_complete, late, french.day(day) if day else "")


def complete_words(n: int, n_complete: int, n_late: int, day: str) -> str:
    """Of *n* actions; *day* is that of the data."""
    if not n:
        return "Aucune action n’a été saisie."
    if n == 1:
        text = "L’action prévue est complète" if n_complete else "L’action prévue est encore incomplète"
    elif n_complete == n:
        text = "Toutes sont complètes"
    elif not n_complete:
        text = "Aucune n’est encore complète"
    else:
        verb = "est complète" if n_complete == 1 else "sont complètes"
        text = f"{french.number(n_complete)} {verb}, sur {french.number(n)}"
    text += f" ({SMART_RULE})"
    if n_late and day:
        text += f" ; {french.number(n_late)} {'est en retard' if n_late == 1 else 'sont en retard'} au {day}"
    return f"{text}."


def _named(names: Sequence[str], one: str, many: str) -> str:
    """``3 zones : A, B et C``; of many, how many; of one, its name."""
    if len(names) == 1:
        return names[0]
    counted = french.count(len(names), one, many)
    return counted if len(names) > _MOST_NAMED else f"{counted} ({french.listing(names)})"


def _quoted(names: Sequence[str], one: str, many: str) -> str:
    if len(names) > _MOST_NAMED:
        return french.count(len(names), one, many)
    return french.listing([f"« {name} »" for name in names])
