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
from kobo_sync.deliverables import sentences
from kobo_sync.documents.word import writer
from kobo_sync.language import typography
from kobo_sync.language.catalogue import later, t, tn

SMALL = 30  # persons: of fewer, one more or less moves a share by more than three points
_NOT_MEASURED = later("The mission has no form that measures it.")
_NO_EVIDENCE = later("No measure is attached to this objective: see the text of the report.")
_DAYS = {  # by whether there are several days, and whether presence is signed
    (False, True): later("Training day with a sign-in sheet."),
    (False, False): later("Training day with an attendance list."),
    (True, True): later("Training days, zone by zone, with a sign-in sheet."),
    (True, False): later("Training days, zone by zone, with an attendance list."),
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
    text = _DAYS[len(facts.config.zones) != 1, present.is_signed(facts)]
    return _where(facts, "attendance", t(text))


def _attested(facts: Facts) -> str:
    if present.is_signed(facts):
        return t("A signature attests presence, not participation.")
    return t("Presence declared by whoever keeps the list, without a signature: it says nothing of participation.")


def _test(facts: Facts) -> str:
    themes: dict[str, str] = {}
    items = 0
    for form_id in facts.config.forms_with_role("test"):
        themes |= facts.config.forms[form_id].themes
        items += len(facts.config.forms[form_id].items)
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
    if not groups:
        return _where(facts, "needs", t("The groups rank their needs on the same day, then compare them."))
    names = typography.listing(groups)
    text = t("The groups rank their needs on the same day, then compare them: {groups}.", groups=names)
    return _where(facts, "needs", text)


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
        _received("satisfaction", later("Anonymous questionnaire at the end of the day.")),
        sentences.advice,
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
        sentences.common_needs,
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
        sentences.actions,
        _always(later("Planned actions; what becomes of them is to be followed up.")),
    ),
    "smart": _Measure(
        "road_map",
        _received("road_map", later("Each action held against five criteria.")),
        sentences.complete,
        _always(later("Filled-in boxes do not say whether the objective is achievable.")),
    ),
}  # fmt: skip
