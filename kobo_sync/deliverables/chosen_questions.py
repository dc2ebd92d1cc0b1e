"""The chosen questions of a zone sheet in words: a card each, a figure per form or repeat, what the signs mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kobo_sync.analysis import labels
from kobo_sync.analysis.chosen import Bar, ChosenResult, End, Numbers, chosen, counted_forms, counted_rows, results
from kobo_sync.analysis.facts import Facts
from kobo_sync.deliverables import letterhead
from kobo_sync.documents.pdf.zone_sheet import Card
from kobo_sync.language import typography
from kobo_sync.language.catalogue import t, tn

_LONGEST = 110


def cards(facts: Facts) -> list[Card]:
    """A card per question, in the settings' order."""
    return [_card(facts, result) for result in results(facts)]


def figures(facts: Facts) -> list[tuple[str, str]]:
    """(number, what it counts) of each form, and each repeat, of which questions are shown."""
    told = []
    for form_id, repeat in counted_forms(facts):
        number = letterhead.denominator(counted_rows(facts, form_id, repeat))
        section = next((each for each in facts.forms[form_id].sections if each.path == repeat), None)
        name = _called(facts, section.labels, section.name) if section else labels.form(facts, form_id)
        told.append((number, name if section else t("submissions: {form}", form=name)))
    return told


def notes(facts: Facts) -> Iterator[str]:
    """What the signs of the cards mean, where there are any."""
    shown = results(facts)
    if shown:
        yield t("n: how many answered; of a question that is asked several times in a submission, how often.")
    ends = [each for result in shown if result.numbers for each in (result.numbers.low, result.numbers.high) if each]
    if any(each.bound for each in ends):
        yield t("“≤”, “≥”: at least three answers lie there or beyond.")


def _card(facts: Facts, result: ChosenResult) -> Card:
    name = _short(labels.question(facts, result.form_id, result.question))
    number = letterhead.n_is(letterhead.denominator(result.told))
    if result.repeat:
        repeat = _called(facts, result.repeat_labels, result.repeat)
        number = t("{n}, “{repeat}”", n=number, repeat=repeat)
    missing = ""
    if not result.told.shown:
        missing = t("Too few answers to be published.") if result.told.n else t("No answer was received.")
    bars = [_bar(facts, result, bar) for bar in result.bars]
    if result.yes:
        bars = [(_yes_label(facts, result), result.yes.drawn, letterhead.share(result.yes))]
    more = tn("and {n} other choice", "and {n} other choices", result.more) if result.more else ""
    return Card(name, typography.spaced(number), _numbers(result.numbers), bars, more, typography.spaced(missing))


def _bar(facts: Facts, result: ChosenResult, bar: Bar) -> tuple[str, float | None, str]:
    name = _called(facts, bar.labels, bar.code) if bar.code else t("Other answers")
    return _short(name), bar.share.drawn, letterhead.share(bar.share)


def _yes_label(facts: Facts, result: ChosenResult) -> str:
    """The choices that the share counts."""
    counted = next(
        each for each in chosen(facts) if (each.form_id, each.question.name) == (result.form_id, result.question)
    )
    names = [labels.choice(facts, result.form_id, result.question, code) for code in counted.of]
    return _short(typography.listing(names, "or"))


def _numbers(numbers: Numbers | None) -> list[tuple[str, str]]:
    if numbers is None:
        return []
    told = [(typography.number(numbers.mean, 1), t("mean"))]
    if numbers.median is not None:
        told.append((_number(numbers.median), t("median")))
    if numbers.low is not None and numbers.high is not None:
        told.append((_end(numbers.low, "≤"), t("lowest")))
        told.append((_end(numbers.high, "≥"), t("highest")))
    return told


def _end(end: End, sign: str) -> str:
    return f"{sign}{typography.NBSP}{_number(end.value)}" if end.bound else _number(end.value)


def _number(value: float) -> str:
    return typography.number(value, 0 if value.is_integer() else 1)


def _called(facts: Facts, names: Mapping[str, str], default: str) -> str:
    return labels.pick(names, facts.config.mission.label_languages, labels.in_words(default))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip(" ,;.") + "…"
