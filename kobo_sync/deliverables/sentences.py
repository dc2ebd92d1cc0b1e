"""What the mission reached, in plain sentences that the figures choose: none, one, many, not told, equal, falling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import labels
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.focus import focus_groups
from kobo_sync.analysis.populations import Told, told, told_number, zone_number
from kobo_sync.analysis.publication import UNKNOWN, people_heard, present_by_sex
from kobo_sync.analysis.published import PrintedChange, printed_change
from kobo_sync.analysis.published_answers import PrintedAdvice, printed_advice
from kobo_sync.analysis.published_needs import printed_needs
from kobo_sync.analysis.roadmap import Action, road_map
from kobo_sync.analysis.suppression import THRESHOLD
from kobo_sync.deliverables import figures, letterhead
from kobo_sync.language import typography
from kobo_sync.language.catalogue import later, t

QUOTA_RULE = "places prévues qui ont été occupées, zone par zone : une zone trop pleine n’en remplit pas une autre"
SMART_RULE = "objectif, cible, fonction responsable, échéance et indicateur tous remplis"
TIED_FIFTH = later("Needs that share the fifth place all count among the first five.")
FIRST_FIVE = "parmi les cinq premiers besoins de chaque groupe"
_FEW = f"moins de {THRESHOLD} personnes, ou un nombre d’où elles se déduiraient"
_LONGEST_FIGURE = 60  # characters that a band of figures has room for
_FEW_ANSWERS = 30  # of fewer, the interval of a recommendation is some 35 points wide or more
_MOST_NAMED = 12  # zones, needs: of more, how many


_CAME = {  # by whether presence is signed
    True: ("personne a signé", "personnes ont signé"),
    False: ("personne a été présente", "personnes ont été présentes"),
}

# ── who came ────────────────────────────────────────────────────────────────


def presence(facts: Facts) -> str:
    """How many came, for how many places, in which zones."""
    if not facts.config.forms_with_role("attendance"):
        return "La mission n’a pas de formulaire de présence : le nombre de personnes présentes n’est pas connu."
    zones = [(labels.zone(facts, zone.code), zone_number(facts, zone.code, "present").n) for zone in facts.config.zones]
    quota = present.completion(present.attendance(facts), present.zones_of(facts)).quota
    came = [name for name, n in zones if n]
    missing = [name for name, n in zones if not n]
    number, rate = told_number(facts, "present"), figures.quota_rate(facts)
    signed, halves = present.is_signed(facts), present.is_by_half_day(facts)
    return presence_words(number, quota, rate, came, missing, signed=signed, halves=halves)


def presence_words(
    number: Told,
    quota: int,
    rate: str,
    came: Sequence[str],
    missing: Sequence[str],
    *,
    signed: bool = True,
    halves: bool = True,
) -> str:
    """*came* and *missing* are the zones where somebody was present, and where nobody was; *rate* the quota's as papers print it.

    *signed*, *halves*: whether the forms ask for a signature, and for the half-day.
    """
    if not number.n and not number.partial:
        return f"{no_presence(signed=signed)} n’a été reçue."
    who = persons(number, *_CAME[signed])
    if not who:
        return f"Le nombre de personnes présentes n’est pas publié ({_FEW})."
    text = f"{who} {'au moins une demi-journée' if halves else 'la liste de présence'}" if signed or halves else who
    if quota:
        text += f", pour {typography.count(quota, 'place prévue', 'places prévues')}"
        text += _rate_words(rate, number, quota)
    text += f", dans {_named(came, 'zone', 'zones')}" if len(came) > 1 else f", à {came[0]}" if came else ""
    text += "."
    if missing and came:
        text += f" {no_presence(signed=signed)} n’a été reçue {typography.of(_named(missing, 'zone', 'zones'))}."
    return text


def no_presence(*, signed: bool) -> str:
    """What was not received where nobody came."""
    return "Aucune présence signée" if signed else "Aucune présence"


def presence_rule(facts: Facts) -> str:
    """Who counts as present: ``au moins une demi-journée signée``."""
    if not present.is_signed(facts):
        what = "au moins une demi-journée" if present.is_by_half_day(facts) else "au moins une présence"
        return f"{what} déclarée par qui tient la liste, sans signature"
    return "au moins une demi-journée signée" if present.is_by_half_day(facts) else "une signature au moins"


def _rate_words(rate: str, number: Told, quota: int) -> str:
    if rate == typography.NOTHING:
        return ""
    if number.exact and not number.partial and rate == typography.percent(number.n / quota):
        return f" ({rate})"
    return f" (taux de remplissage : {rate}, soit les {QUOTA_RULE})"


def persons(number: Told, one: str, many: str) -> str:
    """``25 personnes``, ``environ 25 personnes``, ``au moins 48 personnes``; nothing where the number is not told."""
    if number.hidden:
        return ""
    if number.partial:
        return f"Au moins {typography.count(min(number.candidates), one, many)}" if number.shown else ""
    n = number.n if number.near is None else number.near
    return ("" if number.near is None else "Environ ") + typography.count(n, one, many)


def whole_day(facts: Facts) -> str:
    """How many signed every half-day; nothing where that is not told, or where there is one half-day alone."""
    full = told_number(facts, "full_day")
    if full.hidden or full.partial or len(facts.config.sessions) < 2 or not told_number(facts, "present").n:
        return ""
    if not present.is_by_half_day(facts):
        return ""
    signed = present.is_signed(facts)
    if not full.n:
        return f"Personne n’a {'signé' if signed else 'été présent'} la journée entière."
    return f"{persons(full, *_CAME[signed])} la journée entière."


def sexes(facts: Facts) -> str:
    """Women and men among those who came; nothing where nobody did."""
    table = present_by_sex(facts, "group", tuple(group.code for group in facts.config.groups))
    number = told_number(facts, "present")
    if number.hidden or not number.n:
        return ""
    codes = facts.config.codes
    women, men = table.total(codes.female), table.total(codes.male)
    is_known = UNKNOWN not in table.columns
    return sexes_words(women, men, women_share(facts), partial=number.partial, all_known=is_known)


def women_share(facts: Facts) -> float | None:
    """The share of women among the persons present whose sex is known, 0..1; None where it is of nobody, or would tell what is not told."""
    table = present_by_sex(facts, "group", tuple(group.code for group in facts.config.groups))
    women, men = table.total(facts.config.codes.female), table.total(facts.config.codes.male)
    return None if women is None or men is None or not women + men else women / (women + men)


def women_share_label(facts: Facts) -> str:
    """What stands below `women_share`: among whom."""
    table = present_by_sex(facts, "group", tuple(group.code for group in facts.config.groups))
    if UNKNOWN not in table.columns:
        return "part des femmes parmi les présent·e·s"
    return "part des femmes parmi les présent·e·s dont le sexe est connu"


def sexes_words(
    women: int | None, men: int | None, share: float | None, *, partial: bool = False, all_known: bool = True
) -> str:
    """*share* is that of women among those whose sex is known, which is said unless *all_known*; *partial*: zones are left out."""
    if women is None or men is None:
        return f"La répartition entre femmes et hommes n’est pas publiée ({_FEW})."
    if not women and not men:
        return "Le sexe des personnes présentes n’est pas connu."
    among = "" if all_known else " de celles dont le sexe est connu"
    part = f" ({typography.percent(share)}{among})" if women and share is not None else ""
    who = "Parmi les personnes des zones dont l’effectif est publié" if partial else "Parmi ces personnes"
    return f"{who} : {_none_or(women, 'femme')}{part} et {_none_or(men, 'homme')}."


def _none_or(n: int, one: str) -> str:
    return typography.none_or(n, one, none="aucune" if one == "femme" else "aucun")


def quota_words(facts: Facts) -> str:
    """What stands beside « present / quota »: the rate, and its rule where it is not the quotient of the two."""
    quota = present.completion(present.attendance(facts), present.zones_of(facts)).quota
    return quota_label(told_number(facts, "present"), quota, figures.quota_rate(facts))


def quota_label(number: Told, quota: int, rate: str) -> str:
    """``96 % du quota``, or ``49 % des places prévues occupées, zone par zone``; nothing where the rate is not told."""
    if rate == typography.NOTHING or not quota:
        return ""
    if number.exact and rate == typography.percent(number.n / quota):
        return f"{rate} du quota"
    return f"{rate} des places prévues occupées, zone par zone"


# ── answers and persons ─────────────────────────────────────────────────────


def attrition_words(n_before: int, n_pairs: int) -> str:
    """How many of those tested before have a test after."""
    tests = typography.count(n_before, "test")
    lost = typography.percent((n_before - n_pairs) / n_before)
    if not n_pairs:
        return f"Sur {tests} avant la formation, aucun n’a de test après de la même personne."
    if n_pairs == n_before:
        return f"Chaque personne testée avant la formation l’a été aussi après ({tests}, attrition : {lost})."
    verb = "un seul a" if n_pairs == 1 else f"{typography.number(n_pairs)} ont"
    return f"Sur {tests} avant la formation, {verb} un test après de la même personne (attrition : {lost})."


def rates_words(rates: Sequence[float]) -> str:
    """A word on rates (0..) that exceed one; nothing where none does."""
    if not any(rate > 1 for rate in rates):
        return ""
    return (
        "Un taux de plus de 100 % : plus de réponses que de personnes présentes ont été reçues. Des présences n’ont pas été "
        "signées, ou des personnes ont répondu plusieurs fois : à vérifier avant de citer ce taux."
    )


# ── what statistics say ─────────────────────────────────────────────────────


def evolution_words(before: str, after: str, moved: str, n: str) -> str:
    """The mean score and by how many points it moved, as printed; *n* as ``n = 24``."""
    if before == after and not any(digit in moved for digit in "123456789"):
        return f"Score moyen : **{after}** avant comme après ({n} tests appariés), sans évolution"
    unit = "point" if moved.strip("≈\u00a0+\u2212").split(",")[0] in ("0", "1") else "points"
    what = "recul" if "\u2212" in moved else "évolution"
    moved = moved.replace("\u2212", "")  # a decline of so much: « un recul de −20 » would be a rise
    return f"Score moyen : **{before}** avant, **{after}** après ({n} tests appariés), soit {'un' if what == 'recul' else 'une'} {what} de **{moved} {unit}**"


def gain_words(gain: float | None, change: float, shown: str) -> str:
    """Hake's gain as *shown*, with its band; there is none where the score falls, stays, or was full before.

    Source: Hake (1998): below 0.3 low, up to 0.7 medium, above high.
    """
    if change < 0:
        return "Le score recule : il n’y a pas de gain à mesurer"
    if gain is None:
        return "Tout était juste avant la formation : il n’y a pas de gain à mesurer"
    if not any(digit in shown for digit in "123456789"):
        return f"Gain de classe : {shown} (nul)"
    band = "faible" if gain < 0.3 else "moyen" if gain <= 0.7 else "élevé"
    return f"Gain de classe : {shown} ({band} selon les repères de Hake)"


def moves_words(n_up: int, n_down: int, n_same: int) -> str:
    """How many persons rose, fell and stayed; groups of nobody are left out."""
    parts = [
        typography.count(n_up, "personne progresse", "personnes progressent") if n_up else "",
        typography.count(n_down, "personne recule", "personnes reculent") if n_down else "",
        typography.count(n_same, "personne garde son score", "personnes gardent leur score") if n_same else "",
    ]
    return typography.listing([part for part in parts if part])


def uncertainty_words(n: int) -> str:
    """What must stand beside a recommendation of *n* answers."""
    few = "Avec si peu de réponses, l’incertitude est large : l" if n < _FEW_ANSWERS else "L"
    return f"{few}’indice ne sert jamais à classer les zones."


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
    moved = typography.number(abs(printed.change))
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
    score = typography.signed(printed.score)
    about = "environ " if printed.about else ""
    if score == typography.number(0):
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
    return common_needs_words(names, tied=printed.ranked.common_is_tied)


def common_needs_words(names: Sequence[str] | None, *, tied: bool = False) -> str:
    """*names* are the needs in common; None where that cannot be said. *tied*: a fifth place is shared, so that there may be more than five."""
    if names is None:
        return f"Les priorités communes aux groupes ne peuvent pas s’établir : un groupe au moins a moins de {THRESHOLD} réponses publiables."
    if not names:
        return f"Aucun besoin ne figure {FIRST_FIVE}."
    verb = "figure" if len(names) == 1 else "figurent"
    more = f" {t(TIED_FIFTH)}" if tied else ""
    return f"{_quoted(names, 'besoin', 'besoins')} {verb} {FIRST_FIVE}.{more}"


def first_need_figure(first: Sequence[str]) -> tuple[str, str]:
    """What a band of figures says of the needs of rank 1: the text, and what it is."""
    if len(first) < 2:
        return "".join(first) or typography.NOTHING, "premier besoin"
    names = typography.listing(first)
    if len(names) <= _LONGEST_FIGURE:
        return names, "premiers besoins, ex æquo"
    return typography.number(len(first)), "besoins à la première place, ex æquo"


def needs_of_rank(by_rank: Mapping[int, Sequence[str]], rank: int) -> str:
    """The need of *rank*, or all that share it; of a place that a tie fills, with whom."""
    names = by_rank.get(rank, ())
    if names:
        return names[0] if len(names) == 1 else f"{typography.listing(names)} (ex æquo)"
    above = max((each for each in by_rank if each < rank), default=0)
    if above and above + len(by_rank[above]) > rank:
        return f"ex æquo au rang {above}"
    return typography.NOTHING


def groups_heard(facts: Facts) -> str:
    """How many focus groups were held, and with whom."""
    focus = focus_groups(told(facts, "focus_group"))
    if not focus.n_sessions:
        return "Aucune séance de groupe de discussion n’a été reçue."
    people, women, men = people_heard(facts)
    text = typography.count(focus.n_sessions, "séance de groupe de discussion", "séances de groupe de discussion")
    if people:
        text += f", {typography.count(people, 'participation')}"
        if women is not None and men is not None:
            text += f" ({_none_or(women, 'femme')} et {_none_or(men, 'homme')})"
    return f"{text}."


def actions(facts: Facts) -> str:
    """The actions of the road map, for how many needs."""
    plan = road_map(facts)
    return actions_words(len(plan.actions), len([code for code in plan.counts("need") if code]))


def due_words(action: Action, *, short: bool = False) -> str:
    """When an action is due: its day, else what was answered, which nobody could read as one."""
    if action.deadline is None:
        return action.values["deadline"] or "à fixer"
    return typography.short_day(action.deadline) if short else typography.day(action.deadline)


def actions_words(n: int, n_needs: int) -> str:
    """*n* actions for *n_needs* needs."""
    if not n:
        return "Aucune action n’a été saisie."
    what = typography.count(n, "action est prévue", "actions sont prévues")
    return f"{what}, pour {typography.count(n_needs, 'besoin')}." if n_needs else f"{what}."


def complete(facts: Facts) -> str:
    """How many of the actions are complete, and how many late."""
    plan, day = road_map(facts), letterhead.local_day(facts, facts.as_of) if facts.as_of else None
    late = len(plan.overdue(day)) if day else 0
    n_complete = sum(action.smart_complete for action in plan.actions)
    return complete_words(len(plan.actions), n_complete, late, typography.day(day) if day else "")


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
        text = f"{typography.number(n_complete)} {verb}, sur {typography.number(n)}"
    text += f" ({SMART_RULE})"
    if n_late and day:
        late = typography.number(n_late) if n > 1 else "elle"
        text += f" ; {late} {'est en retard' if n_late == 1 else 'sont en retard'} au {day}"
    return f"{text}."


def _named(names: Sequence[str], one: str, many: str) -> str:
    """``3 zones : A, B et C``; of many, how many; of one, its name."""
    if len(names) == 1:
        return names[0]
    counted = typography.count(len(names), one, many)
    return counted if len(names) > _MOST_NAMED else f"{counted} ({typography.listing(names)})"


def _quoted(names: Sequence[str], one: str, many: str) -> str:
    if len(names) > _MOST_NAMED:
        return typography.count(len(names), one, many)
    return typography.listing([f"« {name} »" for name in names])
