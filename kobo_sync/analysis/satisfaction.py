"""How participants judged the day: shares, medians, recommendation with its interval."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kobo_sync.analysis import labels, meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import memo_by_zone, memo_over_runs
from kobo_sync.analysis.quoting import shown
from kobo_sync.analysis.rates import wilson
from kobo_sync.model import Choice

_Z = 1.959963984540054
PROMOTER_FROM, DETRACTOR_UP_TO = 9, 6


@dataclass(frozen=True)
class Scale:
    """The answers to one scaled question, from the least to the most favourable.

    *counts* follow *codes* and *levels* (their labels); *median* is a place on the scale, 1..k, a half
    between two levels; *favourable_share* (0..1) is that of the levels above the middle.
    """

    question: str
    label: str
    codes: tuple[str, ...]
    levels: tuple[str, ...]
    counts: tuple[int, ...]
    n_missing: int

    @property
    def n(self) -> int:
        """Answers."""
        return sum(self.counts)

    @property
    def shares(self) -> tuple[float, ...]:
        """Share of each level, 0..1; empty without answers."""
        return tuple(count / self.n for count in self.counts) if self.n else ()

    @property
    def median(self) -> float | None:
        """The middle answer's place on the scale."""
        places = [place for place, count in enumerate(self.counts, 1) for _ in range(count)]
        return float(statistics.median(places)) if places else None

    @property
    def favourable_share(self) -> float | None:
        """The share of answers above the middle of the scale."""
        return self._above / self.n if self.n else None

    @property
    def favourable_interval(self) -> tuple[float, float] | None:
        """The 95 % interval of `favourable_share`, by Wilson; None without answers."""
        return wilson(self._above, self.n)

    @property
    def _above(self) -> int:
        middle = (len(self.counts) + 1) / 2
        return sum(count for place, count in enumerate(self.counts, 1) if place > middle)


@dataclass(frozen=True)
class Recommendation:
    """Promoters (9–10) minus detractors (0–6), in points −100..100, with its 95 % adjusted-Wald interval.

    Never to be used to rank zones. Source: Rocks, The American Statistician 70-4 (2016).
    """

    n: int
    n_missing: int
    n_promoters: int
    n_detractors: int
    score: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Satisfaction:
    """The satisfaction forms of a zone or of the mission; *n* answers."""

    n: int
    scales: tuple[Scale, ...]
    intention: Scale | None
    recommendation: Recommendation


@memo_over_runs
def satisfaction(facts: Facts) -> Satisfaction:
    """What was answered. Raises: nothing; no rows give n = 0."""
    answers, marks, n = dict[tuple[str, str], Counter[str]](), Counter[str](), 0
    for zone in answers_by_zone(facts).values():
        n += sum(zone.marks.values())
        marks.update(zone.marks)
        for form_id, by_question in zone.forms.items():
            for name, by_code in by_question.items():
                answers.setdefault((form_id, name), Counter()).update(by_code)
    scales: list[Scale] = []
    intentions: list[Scale] = []
    for form_id in facts.config.forms_with_role("satisfaction"):
        settings = facts.config.forms[form_id]
        scales += [_scale(facts, form_id, name, answers.get((form_id, name), {})) for name in settings.likert]
        if intended := settings.fields.get("intention"):
            intentions.append(_scale(facts, form_id, intended, answers.get((form_id, intended), {})))
    intentions = _merged(intentions)
    merged, intention = tuple(_merged([*scales, *intentions[1:]])), intentions[0] if intentions else None
    return Satisfaction(n, merged, intention, _recommended(marks))


def open_answers(facts: Facts) -> dict[str, tuple[str, ...]]:
    """Question label → what people wrote, word for word."""
    texts: dict[str, tuple[str, ...]] = {}
    for form_id in facts.config.forms_with_role("satisfaction"):
        for name in facts.config.forms[form_id].open_questions:
            label = labels.question(facts, form_id, name)
            texts[label] = (*texts.get(label, ()), *meaning.written(facts, form_id, name))
    return texts


def _merged(scales: Sequence[Scale]) -> list[Scale]:
    """The scales that several forms ask alike (same name, same codes) as one, so that none stands for all nor hides another."""
    merged: dict[tuple[str, tuple[str, ...]], Scale] = {}
    for scale in scales:
        key = (scale.question, scale.codes)
        first = merged.get(key)
        if first is None:
            merged[key] = scale
        else:
            counts = tuple(map(sum, zip(first.counts, scale.counts, strict=True)))
            merged[key] = replace(first, counts=counts, n_missing=first.n_missing + scale.n_missing)
    return list(merged.values())


@dataclass(frozen=True)
class ZoneAnswers:
    """What a zone answered: form → question → answer's code → how many; the marks 0..10 of the recommendation, none under an empty text."""

    forms: Mapping[str, Mapping[str, Mapping[str, int]]]
    marks: Mapping[str, int]

    @property
    def scales(self) -> dict[str, dict[str, int]]:
        """Question → answer's code → how many, over all forms."""
        scales: dict[str, dict[str, int]] = {}
        for by_question in self.forms.values():
            for name, by_code in by_question.items():
                mine = scales.setdefault(name, {})
                for code, n in by_code.items():
                    mine[code] = mine.get(code, 0) + n
        return scales

    @property
    def advice(self) -> tuple[int, int, int]:
        """Promoters, passives and detractors of the recommendation."""
        advice = _recommended(self.marks)
        passives = advice.n - advice.n_promoters - advice.n_detractors
        return advice.n_promoters, passives, advice.n_detractors


@memo_by_zone
def answers_by_zone(facts: Facts) -> Mapping[str, ZoneAnswers]:
    """What each zone answered, by the zone's code (empty: rows that say none)."""
    usable = meaning.rows(facts, "satisfaction").table
    zones = [meaning.text(zone) for zone in usable["zone"]]
    forms: dict[str, dict[str, dict[str, dict[str, int]]]] = {zone: {} for zone in sorted(set(zones))}
    for form_id in facts.config.forms_with_role("satisfaction"):
        settings = facts.config.forms[form_id]
        mine = usable["form_id"].eq(form_id).tolist()
        uuids = usable.loc[mine, "root_uuid"].tolist()
        places = [zone for zone, is_mine in zip(zones, mine, strict=True) if is_mine]
        for name in dict.fromkeys((*settings.likert, *filter(None, [settings.fields.get("intention", "")]))):
            for zone, value in zip(places, _answers(facts, form_id, name, uuids), strict=True):
                by_code = forms[zone].setdefault(form_id, {}).setdefault(name, {})
                code = meaning.text(value)
                by_code[code] = by_code.get(code, 0) + 1
    marks: dict[str, Counter[str]] = {zone: Counter() for zone in forms}
    for zone, value in zip(zones, usable["recommend"], strict=True):
        mark = _mark(value)
        marks[zone]["" if mark is None else str(mark)] += 1
    return {zone: ZoneAnswers(by_form, marks[zone]) for zone, by_form in forms.items()}


def _recommended(marks: Mapping[str, int]) -> Recommendation:
    """`recommendation` of marks that are counted."""
    return recommendation([int(mark) if mark else None for mark, n in marks.items() for _ in range(n)])


def recommendation(marks: Sequence[int | None]) -> Recommendation:
    """The index over *marks* 0..10; None and marks outside are missing.

    The interval adds ¾ promoter, ¾ detractor and 1½ neutral before Wald's formula.
    """
    marks_given = [mark for mark in marks if mark is not None and 0 <= mark <= 10]
    n = len(marks_given)
    n_missing = len(marks) - n
    promoters, detractors = sum(m >= PROMOTER_FROM for m in marks_given), sum(m <= DETRACTOR_UP_TO for m in marks_given)
    if not n:
        return Recommendation(0, n_missing, 0, 0, None, None, None)
    p, d = (promoters + 0.75) / (n + 3), (detractors + 0.75) / (n + 3)
    half = _Z * math.sqrt((p + d - (p - d) ** 2) / (n + 3))
    low, high = max(-1.0, p - d - half), min(1.0, p - d + half)
    score = 100 * (promoters - detractors) / n
    return Recommendation(n, n_missing, promoters, detractors, score, 100 * low, 100 * high)


def scale_codes(facts: Facts, form_id: str, name: str) -> list[str]:
    """The codes of a scaled question, from the least to the most favourable."""
    return [choice.name for choice in _ordered(labels.choices(facts, form_id, name))]


def _scale(facts: Facts, form_id: str, name: str, answers: Mapping[str, int]) -> Scale:
    """The scale of a question; *answers*: code → how many, none under an empty text."""
    choices = _ordered(labels.choices(facts, form_id, name))
    codes = [choice.name for choice in choices]
    unknown = sorted(set(answers) - set(codes) - {""})
    codes += [] if codes else unknown
    languages = facts.config.mission.label_languages
    levels = [labels.pick(choice.labels, languages, choice.name) for choice in choices] or [
        shown(facts, code) for code in codes
    ]
    counts = tuple(answers.get(code, 0) for code in codes)
    n_missing = sum(answers.values()) - sum(counts)
    return Scale(name, labels.question(facts, form_id, name), tuple(codes), tuple(levels), counts, n_missing)


def _answers(facts: Facts, form_id: str, name: str, uuids: Sequence[str]) -> list[object]:
    """The answer of each submission of *uuids*, None where the question or column is absent."""
    table = facts.tables.get(form_id)
    if table is None or name not in table or "root_uuid" not in table:
        return [None] * len(uuids)
    by_uuid = dict(zip(table["root_uuid"], table[name], strict=True))
    return [by_uuid.get(uuid) for uuid in uuids]


def _ordered(choices: Sequence[Choice]) -> list[Choice]:
    """Choices from the least to the most favourable: by a ``score`` column, by number, else as listed."""
    for texts in ([choice.extra.get("score", "") for choice in choices], [choice.name for choice in choices]):
        numbers = [meaning.number(text) for text in texts]
        places = [number for number in numbers if number is not None]
        if len(places) == len(choices):
            return [choices[index] for index in sorted(range(len(choices)), key=places.__getitem__)]
    return list(choices)


def _mark(value: object) -> int | None:
    number = meaning.number(value)
    return int(number) if number is not None and number.is_integer() else None
