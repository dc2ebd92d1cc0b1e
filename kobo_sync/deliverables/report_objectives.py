"""The objectives of the terms of reference: what was done for each, what shows it, what that does not say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from docx.document import Document as WordDocument

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import labels, meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.populations import told_number
from kobo_sync.config.config import Role
from kobo_sync.config.report import Evidence, Objective
from kobo_sync.deliverables import letterhead, plan_sentences, sentences
from kobo_sync.documents.word import writer
from kobo_sync.language import typography
from kobo_sync.language.catalogue import later, later_n, t, tn

SMALL = 30  # persons: of fewer, one more or less moves a share by more than three points
_NOT_MEASURED = later("The mission has no form that measures it.")
_NO_EVIDENCE = later("No measure is attached to this objective: see the text of the report.")
_DAYS = {  # by whether there are several zones, or several days in one, and whether presence is signed
    ("day", True): later("Training day with a sign-in sheet."),
    ("day", False): later("Training day with an attendance list."),
    ("days", True): later("Training days with a sign-in sheet."),
    ("days", False): later("Training days with an attendance list."),
    ("zones", True): later("Training days, zone by zone, with a sign-in sheet."),
    ("zones", False): later("Training days, zone by zone, with an attendance list."),
}


@dataclass(frozen=True)
class _Measure:
    """What the forms of *role* say of an objective: what was *done*, the *evidence*, what it does not say (*limit*)."""

    role: Role
    done: Callable[[Facts], str]
    evidence: Callable[[Facts], str]
    limit: Callable[[Facts], str]


def table(document: WordDocument, facts: Facts) -> None:
    """Adds a row per objective of the mission's settings."""
    rows = [_row(facts, objective) for objective in facts.config.report.objectives]
    head = [t("Objective of the terms of reference"), t("What was done"), t("Evidence"), t("Limit")]
    caption = t("From objectives to evidence")
    content = writer.Table(head, rows, [4.1, 4.1, 5.0, 3.8], caption=caption, size=8.5, keep_whole=False)
    writer.table(document, content)


def _row(facts: Facts, objective: Objective) -> list[str | writer.Cell]:
    parts = [_parts(facts, name) for name in objective.evidence]
    columns = [list(dict.fromkeys(filter(None, column))) for column in zip(*parts, strict=True)] or [[], [], []]
    done = [objective.done, *columns[0]]
    cells = [done, columns[1] or [t(_NO_EVIDENCE)], columns[2]]
    texts = [typography.spaced("\n".join(filter(None, texts))) for texts in cells]
    return [writer.Cell(objective.text, bold=True), *texts]


def _parts(facts: Facts, name: Evidence) -> tuple[str, str, str]:
    """What was done, the evidence, its limit; of a form that the mission does not have, that it has none."""
    measure = _MEASURES[name]
    if not facts.config.forms_with_role(measure.role):
        return "", t(_NOT_MEASURED), ""
    return measure.done(facts), measure.evidence(facts), measure.limit(facts)


def _joined(*parts: Callable[[Facts], str]) -> Callable[[Facts], str]:
    return lambda facts: " ".join(filter(None, (part(facts) for part in parts)))


def _always(text: str) -> Callable[[Facts], str]:
    return lambda _: t(text)


def _received(role: Role, text: str) -> Callable[[Facts], str]:
    return lambda facts: _where(facts, role, t(text))


def _where(facts: Facts, role: Role, text: str) -> str:
    """*text*, where anything of *role* came in at all: nothing is said to be done that no data show."""
    return text if any(meaning.n_received(facts, form_id) for form_id in facts.config.forms_with_role(role)) else ""


def _days(facts: Facts) -> str:
    when = "zones" if len(facts.config.zones) != 1 else "days" if present.spans_days(facts) else "day"
    text = _DAYS[when, present.is_signed(facts)]
    return _where(facts, "attendance", t(text))


def _attested(facts: Facts) -> str:
    if present.is_signed(facts):
        return t("A signature attests presence, not participation.")
    return t("Presence declared by whoever keeps the list, without a signature: it says nothing of participation.")


def _questionnaire(facts: Facts) -> str:
    text = letterhead.by_days(
        facts,
        later("Anonymous questionnaire at the end of the day."),
        later("Anonymous questionnaire at the end of the training."),
    )
    return _where(facts, "satisfaction", text)


def _opinion(facts: Facts) -> str:
    """The recommendation, where it is asked; else how many answered."""
    if facts.config.asks("recommend", "satisfaction"):
        return sentences.advice(facts)
    return sentences.persons(told_number(facts, "satisfaction"), later_n("{n} answer.", "{n} answers."))


def _test(facts: Facts) -> str:
    themes = letterhead.themes(facts)
    items = sum(len(facts.config.forms[form_id].items) for form_id in facts.config.forms_with_role("test"))
    about = f" ({typography.listing(list(themes.values()))})" if themes else ""
    text = (
        tn(
            "Training and a test of {n} question, the same before and after{about}.",
            "Training and a test of {n} questions, the same before and after{about}.",
            items,
            about=about,
        )
        if items
        else t("Training and a test, the same before and after{about}.", about=about)
    )
    return _where(facts, "test", text)


def _dialogue(facts: Facts) -> str:
    groups = [labels.group(facts, group.code) for group in facts.config.groups]
    if len(groups) < 2:
        return ""
    names = typography.listing(groups)
    text = t("The groups rank their needs on the same day, then compare them: {groups}.", groups=names)
    return _where(facts, "needs", text)


def _in_common(facts: Facts) -> str:
    return sentences.common_needs(facts) if len(facts.config.groups) > 1 else t(_NOT_MEASURED)


def small_number(facts: Facts) -> str:
    """That the test rests on few persons, where it does."""
    pairs = told_number(facts, "pairs")
    n = pairs.n if pairs.near is None else pairs.near
    if not pairs.shown or n >= SMALL:
        return ""
    return t("Fewer than {n} persons tested twice: to be read with caution.", n=SMALL)


_MEASURES: dict[Evidence, _Measure] = {
    "attendance": _Measure(
        "attendance",
        _days,
        _joined(sentences.presence, sentences.sexes),
        _attested,
    ),
    "test": _Measure(
        "test",
        _test,
        sentences.learning,
        _joined(_always(later("Without a control group: a change, which does not prove an impact.")), small_number),
    ),
    "satisfaction": _Measure(
        "satisfaction",
        _questionnaire,
        _opinion,
        _always(later("An opinion given on the spot: it says nothing of the use that will be made of the training.")),
    ),
    "needs": _Measure(
        "needs",
        _received("needs", later("Ranking of the needs by the persons present.")),
        sentences.first_needs,
        _always(later("The choice of those who came, not of the whole population.")),
    ),
    "dialogue": _Measure(
        "needs",
        _dialogue,
        _in_common,
        _always(later("A common priority is not yet a common commitment.")),
    ),
    "focus_groups": _Measure(
        "focus_group",
        _received("focus_group", later("Focus groups.")),
        sentences.groups_heard,
        _always(later("What groups said: it cannot be counted by person.")),
    ),
    "road_map": _Measure(
        "road_map",
        _received("road_map", later("Road map written in the session.")),
        plan_sentences.actions,
        _always(later("Planned actions; what becomes of them is to be followed up.")),
    ),
    "smart": _Measure(
        "road_map",
        _received("road_map", later("Each action held against five criteria.")),
        plan_sentences.complete,
        _always(later("Filled-in boxes do not say whether the objective is achievable.")),
    ),
}  # fmt: skip
