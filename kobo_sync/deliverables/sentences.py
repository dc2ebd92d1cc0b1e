"""What the mission reached, in plain sentences that the figures choose: none, one, many, not told, equal, falling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import labels, quotas
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.focus import focus_groups
from kobo_sync.analysis.populations import Told, told, told_number, zone_number
from kobo_sync.analysis.publication import UNKNOWN, people_heard, present_by_sex
from kobo_sync.analysis.published import PrintedChange, printed_change
from kobo_sync.analysis.published_answers import PrintedAdvice, printed_advice
from kobo_sync.analysis.published_needs import printed_needs
from kobo_sync.analysis.roadmap import Action
from kobo_sync.analysis.suppression import THRESHOLD
from kobo_sync.analysis.turnout import turnout
from kobo_sync.config.config import Proof
from kobo_sync.deliverables import figures, letterhead
from kobo_sync.language import typography
from kobo_sync.language.catalogue import later, later_n, t, tn
from kobo_sync.numbers import half_away

TIED_FIFTH = later("Needs that share the fifth place all count among the first five.")
_LONGEST_FIGURE = 60  # characters that a band of figures has room for
_MOST_NAMED = 12  # zones, needs: of more, how many


By = Literal[
    "half-day", "session", ""
]  # what presence is of: one of two sessions a day, another session, or nothing that is asked
_CAME: Mapping[tuple[bool, By], tuple[str, str]] = {  # by whether presence is signed, and what it is of
    (True, "half-day"): later_n("{n} person signed at least one half-day", "{n} persons signed at least one half-day"),
    (True, "session"): later_n("{n} person signed at least one session", "{n} persons signed at least one session"),
    (True, ""): later_n("{n} person signed the attendance list", "{n} persons signed the attendance list"),
    (False, "half-day"): later_n(
        "{n} person was present at least one half-day", "{n} persons were present at least one half-day"
    ),
    (False, "session"): later_n(
        "{n} person was present at one session at least", "{n} persons were present at one session at least"
    ),
    (False, ""): later_n("{n} person was present", "{n} persons were present"),
}
_WHOLE: Mapping[tuple[bool, present.Whole], tuple[str, str]] = {  # by whether presence is signed
    (True, "day"): later_n("{n} person signed the whole day.", "{n} persons signed the whole day."),
    (False, "day"): later_n("{n} person was present the whole day.", "{n} persons were present the whole day."),
    (True, "sessions"): later_n("{n} person signed all sessions.", "{n} persons signed all sessions."),
    (False, "sessions"): later_n(
        "{n} person was present at all sessions.", "{n} persons were present at all sessions."
    ),
    (True, "days"): later_n("{n} person signed every day.", "{n} persons signed every day."),
    (False, "days"): later_n("{n} person was present every day.", "{n} persons were present every day."),
}
_NOBODY_WHOLE: Mapping[tuple[bool, present.Whole], str] = {
    (True, "day"): later("Nobody signed the whole day."),
    (False, "day"): later("Nobody was present the whole day."),
    (True, "sessions"): later("Nobody signed all sessions."),
    (False, "sessions"): later("Nobody was present at all sessions."),
    (True, "days"): later("Nobody signed every day."),
    (False, "days"): later("Nobody was present every day."),
}
_RULES: Mapping[tuple[Proof, By], str] = {
    ("signature", "half-day"): later("at least one signed half-day"),
    ("signature", "session"): later("at least one signed session"),
    ("signature", ""): later("at least one signature"),
    ("answer", "half-day"): later("at least one half-day at which the list says “present”"),
    ("answer", "session"): later("at least one session at which the list says “present”"),
    ("answer", ""): later("the list says “present” at least once"),
    ("row", "half-day"): later("at least one half-day declared by whoever keeps the list, without a signature"),
    ("row", "session"): later("at least one session declared by whoever keeps the list, without a signature"),
    ("row", ""): later("at least one presence declared by whoever keeps the list, without a signature"),
}

_TESTED_TWICE = later_n("{n} person tested twice", "{n} persons tested twice")
_MORE = later_n(", that is {moved} point more", ", that is {moved} points more")
_LESS = later_n(", that is {moved} point less", ", that is {moved} points less")

# ── who came ────────────────────────────────────────────────────────────────


def presence(facts: Facts) -> str:
    """How many came, for how many places, in which zones."""
    zones = [(labels.zone(facts, zone.code), zone_number(facts, zone.code, "present").n) for zone in facts.config.zones]
    quota = quotas.completion(turnout(facts), present.zones_of(facts)).quota
    came = [name for name, n in zones if n]
    missing = [name for name, n in zones if not n]
    number, rate = told_number(facts, "present"), figures.quota_rate(facts)
    return presence_words(number, quota, rate, came, missing, signed=present.is_signed(facts), by=presence_by(facts))


def presence_by(facts: Facts) -> By:
    """What presence is of, as the attendance forms ask it."""
    if not present.is_by_half_day(facts):
        return ""
    return "half-day" if present.are_half_days(facts) else "session"


def presence_words(
    number: Told,
    quota: int,
    rate: str,
    came: Sequence[str],
    missing: Sequence[str],
    *,
    signed: bool = True,
    by: By = "half-day",
) -> str:
    """*came* and *missing* are the zones where somebody was present, and where nobody was; *rate* the quota's as papers print it.

    *signed*: whether a signature proves presence; *by*: what it is of.
    """
    if not number.n and not number.partial:
        return t("No signed presence was received.") if signed else t("No presence was received.")
    text = persons(number, _CAME[signed, by])
    if not text:
        return t("The number of persons present is not published ({why}).", why=_few())
    if quota:
        text += tn(", for {n} planned place", ", for {n} planned places", quota)
        text += _rate_words(rate, number, quota)
    if came:
        text += t(", in {zones}", zones=_zones(came)) if len(came) > 1 else t(", at {zone}", zone=came[0])
    text += "."
    if missing and came:
        zones = _zones(missing)
        text += " "
        text += (
            t("No signed presence was received from {zones}.", zones=zones)
            if signed
            else t("No presence was received from {zones}.", zones=zones)
        )
    return text


def no_presence(*, signed: bool) -> str:
    """What was not received where nobody came."""
    return t("No signed presence") if signed else t("No presence")


def presence_rule(facts: Facts) -> str:
    """Who counts as present: ``at least one signed half-day``."""
    return t(_RULES[present.proof_of(facts), presence_by(facts)])


def _rate_words(rate: str, number: Told, quota: int) -> str:
    if rate == typography.NOTHING:
        return ""
    if number.exact and not number.partial and rate == typography.percent(number.n / quota):
        return f" ({rate})"
    return t(
        " (fill rate: {rate}, that is the planned places that were taken, zone by zone: a zone too full does not fill another)",
        rate=rate,
    )


def persons(number: Told, words: tuple[str, str]) -> str:
    """``25 persons``, ``About 25 persons``, ``At least 48 persons``; nothing where the number is not told. *words* go through `tn`."""
    if number.hidden or (number.partial and not number.shown):
        return ""
    if number.partial:
        text = tn(*words, t("at least {n}", n=min(number.candidates)))
    elif number.near is not None:
        text = tn(*words, t("about {n}", n=number.near))
    else:
        text = tn(*words, number.n)
    return text[:1].upper() + text[1:]


def whole_day(facts: Facts) -> str:
    """How many were there from beginning to end; nothing where that is not told, or where there is one session alone."""
    full = told_number(facts, "full_day")
    if full.hidden or full.partial or not present.has_full_day(facts) or not told_number(facts, "present").n:
        return ""
    way = (present.is_signed(facts), present.whole(facts))
    return persons(full, _WHOLE[way]) if full.n else t(_NOBODY_WHOLE[way])


def sexes(facts: Facts) -> str:
    """Women and men among those who came; nothing where nobody did, or the mission asks no sex."""
    if not present.asks(facts, "sex"):
        return ""
    table = present_by_sex(facts, "group", present.group_codes(facts))
    number = told_number(facts, "present")
    if number.hidden or not number.n:
        return ""
    codes = facts.config.codes
    women, men = table.total(codes.female), table.total(codes.male)
    is_known = UNKNOWN not in table.columns
    return sexes_words(women, men, women_share(facts), partial=number.partial, all_known=is_known)


def women_share(facts: Facts) -> float | None:
    """The share of women among the persons present whose sex is known, 0..1; None where it is of nobody, or would tell what is not told."""
    table = present_by_sex(facts, "group", present.group_codes(facts))
    women, men = table.total(facts.config.codes.female), table.total(facts.config.codes.male)
    return None if women is None or men is None or not women + men else women / (women + men)


def women_share_label(facts: Facts) -> str:
    """What stands below `women_share`: among whom."""
    table = present_by_sex(facts, "group", present.group_codes(facts))
    if UNKNOWN not in table.columns:
        return t("share of women among those present")
    return t("share of women among those present whose sex is known")


def sexes_words(
    women: int | None, men: int | None, share: float | None, *, partial: bool = False, all_known: bool = True
) -> str:
    """*share* is that of women among those whose sex is known, which is said unless *all_known*; *partial*: zones are left out."""
    if women is None or men is None:
        return t("The numbers of women and men are not published ({why}).", why=_few())
    if not women and not men:
        return t("The sex of the persons present is not known.")
    shown = _women(women)
    if women and share is not None:
        shown += (
            f" ({typography.percent(share)})"
            if all_known
            else t(" ({share} of those whose sex is known)", share=typography.percent(share))
        )
    if partial:
        return t(
            "Among the persons of the zones whose number is published: {women} and {men}.", women=shown, men=_men(men)
        )
    return t("Among these persons: {women} and {men}.", women=shown, men=_men(men))


def _women(n: int) -> str:
    return tn("{n} woman", "{n} women", n) if n else t("no woman")


def _men(n: int) -> str:
    return tn("{n} man", "{n} men", n) if n else t("no man")


def quota_words(facts: Facts) -> str:
    """What stands beside « present / quota »: the rate, and its rule where it is not the quotient of the two."""
    quota = quotas.completion(turnout(facts), present.zones_of(facts)).quota
    return quota_label(told_number(facts, "present"), quota, figures.quota_rate(facts))


def quota_label(number: Told, quota: int, rate: str) -> str:
    """``96% of the quota``, or ``49% of the planned places taken, zone by zone``; nothing where the rate is not told."""
    if rate == typography.NOTHING or not quota:
        return ""
    if number.exact and rate == typography.percent(number.n / quota):
        return t("{rate} of the quota", rate=rate)
    return t("{rate} of the planned places taken, zone by zone", rate=rate)


# ── what they learnt and thought ────────────────────────────────────────────


def learning(facts: Facts) -> str:
    """How the score at the test moved between the morning and the evening."""
    return learning_words(printed_change(facts), told_number(facts, "pairs"))


def learning_words(printed: PrintedChange | None, pairs: Told) -> str:
    """Rises, stays or falls as printed: a change that rounding hides is none."""
    if not pairs.n and not pairs.partial:
        return t("Nobody was tested both before and after the training: the change is not known.")
    if printed is None:
        return t("The results of the test are not published ({why}).", why=_few())
    before, after, _, _ = letterhead.scores(printed)
    who = persons(pairs, _TESTED_TWICE)
    among = f" ({who[:1].lower()}{who[1:]})" if who else ""
    if before == after:
        return t("The mean score of the test stays at {after}{among}.", after=after, among=among)
    rises = printed.after > printed.before
    shown = typography.number(abs(printed.change))
    difference = ""
    if shown != typography.number(0):
        moved = t("about {n}", n=shown) if printed.about else shown
        difference = tn(*(_MORE if rises else _LESS), int(half_away(abs(printed.change))), moved=moved)
    values = {"before": before, "after": after, "among": among, "difference": difference}
    if rises:
        return t("The mean score of the test rises from {before} to {after}{among}{difference}.", **values)
    return t("The mean score of the test falls from {before} to {after}{among}{difference}.", **values)


def advice(facts: Facts) -> str:
    """How many would recommend the day."""
    return advice_words(printed_advice(facts), told_number(facts, "satisfaction"))


def advice_words(printed: PrintedAdvice, number: Told) -> str:
    """More high marks than low ones, as many, or fewer."""
    if not number.n and not number.partial:
        return t("No satisfaction questionnaire was received.")
    if printed.score is None:
        return t("The recommendation index is not published ({why}).", why=_few())
    score = typography.signed(printed.score)
    index = t("about {n}", n=score) if printed.about else score
    if score == typography.number(0):
        return t(
            "High marks (9 and 10 of 10) and low marks (0 to 6) balance: recommendation index {index}, on a scale from −100 to +100.",
            index=index,
        )
    if printed.score > 0:
        return t(
            "High marks (9 and 10 of 10) are more numerous than low marks (0 to 6): recommendation index {index}, on a scale from −100 to +100.",
            index=index,
        )
    return t(
        "High marks (9 and 10 of 10) are less numerous than low marks (0 to 6): recommendation index {index}, on a scale from −100 to +100.",
        index=index,
    )


# ── what they want, together ────────────────────────────────────────────────


def first_needs(facts: Facts) -> str:
    """The need that comes first, or all that share that rank."""
    printed = printed_needs(facts)
    first = [each.need.label for each in printed.needs if each.need.rank == 1]
    return first_needs_words(first, received=printed.received, published=bool(printed.needs))


def first_needs_words(first: Sequence[str], *, received: bool, published: bool) -> str:
    """*first* are the needs of rank 1."""
    if not received:
        return t("No ranking of needs was received.")
    if not published:
        return t("The ranking of needs is not published ({why}).", why=_few())
    if not first:
        return t("The persons who ranked the needs have no known group: no need comes first.")
    if len(first) == 1:
        return t("The need ranked first is “{need}”.", need=first[0])
    return t("{needs} come first, tied.", needs=_quoted(first))


def common_needs(facts: Facts) -> str:
    """What all groups have among their first five, and how far they agree, in words."""
    printed = printed_needs(facts)
    common = printed.ranked.common if printed.needs else None
    names = None if common is None else [labels.need(facts, code) for code in common]
    return common_needs_words(names, tied=printed.ranked.common_is_tied)


def common_needs_words(names: Sequence[str] | None, *, tied: bool = False) -> str:
    """*names* are the needs in common; None where that cannot be said. *tied*: a fifth place is shared, so that there may be more than five."""
    if names is None:
        return t(
            "Priorities common to the groups cannot be told: at least one group has fewer than {threshold} answers that may be published.",
            threshold=THRESHOLD,
        )
    if not names:
        return t("No need is among the first five needs of each group.")
    text = tn(
        "{needs} is among the first five needs of each group.",
        "{needs} are among the first five needs of each group.",
        len(names),
        needs=_quoted(names),
    )
    return f"{text} {t(TIED_FIFTH)}" if tied else text


def first_need_figure(first: Sequence[str]) -> tuple[str, str]:
    """What a band of figures says of the needs of rank 1: the text, and what it is."""
    if len(first) < 2:
        return "".join(first) or typography.NOTHING, t("first need")
    names = typography.listing(first)
    if len(names) <= _LONGEST_FIGURE:
        return names, t("first needs, tied")
    return typography.number(len(first)), t("needs in the first place, tied")


def needs_of_rank(by_rank: Mapping[int, Sequence[str]], rank: int) -> str:
    """The need of *rank*, or all that share it; of a place that a tie fills, with whom."""
    names = by_rank.get(rank, ())
    if names:
        return names[0] if len(names) == 1 else t("{needs} (tied)", needs=typography.listing(names))
    above = max((each for each in by_rank if each < rank), default=0)
    if above and above + len(by_rank[above]) > rank:
        return t("tied at rank {rank}", rank=above)
    return typography.NOTHING


def groups_heard(facts: Facts) -> str:
    """How many focus groups were held, and with whom."""
    focus = focus_groups(told(facts, "focus_group"))
    if not focus.n_sessions:
        return t("No focus group session was received.")
    people, women, men = people_heard(facts)
    text = tn("{n} focus group session", "{n} focus group sessions", focus.n_sessions)
    if people:
        text += tn(", {n} participation", ", {n} participations", people)
        if women is not None and men is not None:
            text += t(" ({women} and {men})", women=_women(women), men=_men(men))
    return f"{text}."


def due_words(action: Action, *, short: bool = False) -> str:
    """When an action is due: its day, else what was answered, which nobody could read as one."""
    if action.deadline is None:
        return action.values["deadline"] or t("to be set")
    return typography.short_day(action.deadline) if short else typography.day(action.deadline)


def _few() -> str:
    return t("fewer than {threshold} persons, or a number from which they could be derived", threshold=THRESHOLD)


def _zones(names: Sequence[str]) -> str:
    """``3 zones (A, B and C)``; of many, how many; of one, its name."""
    if len(names) == 1:
        return names[0]
    counted = tn("{n} zone", "{n} zones", len(names))
    return counted if len(names) > _MOST_NAMED else f"{counted} ({typography.listing(names)})"


def _quoted(needs: Sequence[str]) -> str:
    """The needs in quotation marks; of many, how many."""
    if len(needs) > _MOST_NAMED:
        return tn("{n} need", "{n} needs", len(needs))
    return typography.listing([t("“{name}”", name=name) for name in needs])
