"""Chosen questions counted as a sheet may print them: numbers, shares and bars, each with how many answered it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kobo_sync.analysis import labels, meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import memo_in_process
from kobo_sync.analysis.populations import Told, beside
from kobo_sync.analysis.shares import NOT_TOLD, Share, share
from kobo_sync.analysis.suppression import THRESHOLD, hidden, publishable
from kobo_sync.config.zone_sheet import ShownAs
from kobo_sync.forms.chosen import Chosen, chosen_questions
from kobo_sync.forms.classes import classes, lists_of
from kobo_sync.lazy import np, pd

SPREAD_FROM = 10  # answers: of fewer, a median and its ends would tell each one's
MOST_BARS = 8


@dataclass(frozen=True)
class End:
    """The lowest or highest answer; *bound*: it is one that at least three give or go beyond, the ends themselves being too few."""

    value: float
    bound: bool


@dataclass(frozen=True)
class Numbers:
    """A number's answers; all but the *mean* are None of few answers."""

    mean: float
    median: float | None = None
    low: End | None = None
    high: End | None = None


@dataclass(frozen=True)
class Bar:
    """A choice and the share of answers that have it; *labels* by language, none of what no list knows."""

    code: str
    labels: Mapping[str, str]
    share: Share


@dataclass(frozen=True)
class ChosenResult:
    """A question's answers as they may be printed; *told* counts them: submissions, or in a repeat its items (*repeat*, by its name).

    One of *numbers*, *yes* and *bars* is there, if anything may be told; *more* choices are left out of the bars.
    """

    form_id: str
    question: str
    labels: Mapping[str, str]
    repeat: str
    repeat_labels: Mapping[str, str]
    shown_as: ShownAs
    told: Told
    numbers: Numbers | None = None
    yes: Share | None = None
    bars: tuple[Bar, ...] = ()
    more: int = 0


@memo_in_process
def chosen(facts: Facts) -> tuple[Chosen, ...]:
    """The questions that the sheet shows (`forms.chosen`), of the forms that are there."""
    if not (facts.config.zone_sheet.questions or facts.config.is_survey):
        return ()  # nothing is asked of each question's class
    lists = lists_of(facts.forms.values(), labels.list_columns(facts))
    asked = {form_id: classes(form, facts.config, lists) for form_id, form in facts.forms.items()}
    return chosen_questions(facts.config, facts.forms, asked)


@memo_in_process
def results(facts: Facts) -> tuple[ChosenResult, ...]:
    """Each of `chosen` over the usable rows of the zone, or of the mission: not those without consent, nor those that ``checks.exclude`` names.

    What is told of one question is never so near to what is told of another of the same rows that the difference is one or two.
    """
    numbers: dict[tuple[str, str], list[Told]] = {}
    counted = []
    for each in chosen(facts):
        key = (each.form_id, each.question.repeat)
        if key not in numbers:
            numbers[key] = [counted_rows(facts, *key)]
        answers = _answers(facts, each)
        told = beside(len(answers), numbers[key])
        if answers["root_uuid"].nunique() < THRESHOLD and len(answers):
            told = Told(len(answers), hidden=True)  # of one or two submissions, however many items they have
        if told.exact:
            numbers[key].append(told)
        counted.append(_result(facts, each, answers, told))
    return tuple(counted)


def counted_forms(facts: Facts) -> list[tuple[str, str]]:
    """(form_id, path of a repeat or "") of which the sheet shows questions."""
    return [*dict.fromkeys((each.form_id, each.question.repeat) for each in chosen(facts))]


def counted_rows(facts: Facts, form_id: str, repeat: str) -> Told:
    """How many usable submissions a form has, or usable items its *repeat* (a path), as it may be told."""
    table = _usable(facts, form_id, repeat)
    if len(table) and table["root_uuid"].nunique() < THRESHOLD:
        return Told(len(table), hidden=True)
    return beside(len(table), ())


def _usable(facts: Facts, form_id: str, repeat: str) -> pd.DataFrame:
    """The rows of a form's table, or of a repeat's, that count."""
    table = facts.tables.get(f"{form_id}__{repeat.rpartition('/')[2]}" if repeat else form_id)
    if table is None:
        return pd.DataFrame({"root_uuid": []})
    rows = meaning.rows(facts, facts.config.forms[form_id].role).table
    return table[table["root_uuid"].isin(rows.loc[rows["form_id"].eq(form_id), "root_uuid"])]


def _answers(facts: Facts, each: Chosen) -> pd.DataFrame:
    """``root_uuid`` and ``answer`` of the usable rows that answer the question."""
    table = _usable(facts, each.form_id, each.question.repeat)
    same = [
        other.path
        for other in facts.forms[each.form_id].questions
        if other.name == each.question.name and other.repeat == each.question.repeat and other.kind != "note"
    ]
    at = same.index(each.question.path)  # of several of one name each has a column of its own
    column = each.question.name if not at else f"{each.question.name}_{at + 1}"
    if column not in table:
        return pd.DataFrame({"root_uuid": [], "answer": []})
    answers = pd.DataFrame({"root_uuid": table["root_uuid"], "answer": meaning.filled(table[column])})
    answers = answers[answers["answer"].notna()]
    if each.shown_as == "number":
        answers = answers.assign(answer=meaning.numbers(answers["answer"]))
        answers = answers[np.isfinite(answers["answer"].astype(float))]
    return answers


def _result(facts: Facts, each: Chosen, answers: pd.DataFrame, told: Told) -> ChosenResult:
    form, question = facts.forms[each.form_id], each.question
    section = next((each for each in form.sections if each.path == question.repeat), None)
    numbers = yes = None
    bars: list[Bar] = []
    if told.shown and each.shown_as == "number":
        numbers = _numbers(answers)
    elif told.shown and each.shown_as == "share":
        n_yes = sum(bool({*str(answer).split()} & {*each.of}) for answer in answers["answer"])
        yes = share(n_yes, told)
    elif told.shown:
        bars = _bars(facts, each, answers, told)
    shown = sorted(bars, key=lambda bar: -(bar.share.drawn or 0))[:MOST_BARS]
    return ChosenResult(
        each.form_id,
        question.name,
        question.labels,
        section.name if section else "",
        section.labels if section else {},
        each.shown_as,
        told,
        numbers,
        yes,
        tuple(bar for bar in bars if bar in shown),
        len(bars) - len(shown),
    )


def _numbers(answers: pd.DataFrame) -> Numbers:
    values = answers["answer"].astype(float)
    mean = float(values.mean())
    if len(values) < SPREAD_FROM:
        return Numbers(mean)
    ordered = answers.assign(answer=values).sort_values("answer", kind="stable")
    return Numbers(mean, float(values.median()), _end(ordered), _end(ordered[::-1]))


def _end(ordered: pd.DataFrame) -> End:
    """The first of *ordered* answers that at least three submissions give, or go beyond."""
    first = float(ordered["answer"].iloc[0])
    one_each = ordered.drop_duplicates("root_uuid")["answer"]
    third = float(one_each.iloc[THRESHOLD - 1])
    return End(third, third != first)


def _bars(facts: Facts, each: Chosen, answers: pd.DataFrame, told: Told) -> list[Bar]:
    offered = labels.all_choices(facts, each.form_id, each.question.name)
    texts = {choice.name: choice.labels for choice in offered}
    is_one = each.question.kind == "select_one"
    counts = dict.fromkeys(texts, 0)
    for answer in answers["answer"]:
        for code in dict.fromkeys([str(answer)] if is_one else str(answer).split()):
            known = code if code in texts else ""  # what no list knows may be somebody's own words
            counts[known] = counts.get(known, 0) + 1
    shares = [share(n, told) for n in counts.values()]
    if is_one and told.exact:
        shares = _of_one(list(counts.values()), told)
    return [Bar(code, texts.get(code, {}), printed) for code, printed in zip(counts, shares, strict=True)]


def _of_one(counts: Sequence[int], told: Told) -> list[Share]:
    """Shares that add up to all answers: a small one is hidden, and with it what would tell it; where all are, the largest is a band."""
    mask = hidden([counts])[0]
    if mask[-1]:
        return [NOT_TOLD] * len(counts)
    largest = max(counts)
    is_alone = all(hides or not n for n, hides in zip(counts, mask[:-1], strict=True))
    printed = [NOT_TOLD if hides else Share("", n / told.n, (n,)) for n, hides in zip(counts, mask[:-1], strict=True)]
    if is_alone and publishable(largest):
        band = share(largest, told)
        return [band if n == largest and band.sign == ">" else own for n, own in zip(counts, printed, strict=True)]
    return printed
