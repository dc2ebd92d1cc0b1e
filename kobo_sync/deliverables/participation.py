"""Who answered, of those who came: response rates by form, persons present by group and by sex."""

from __future__ import annotations

from collections.abc import Mapping

from docx.document import Document as WordDocument

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import labels
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.learning import Learning
from kobo_sync.analysis.populations import What, told_number
from kobo_sync.analysis.publication import UNKNOWN, Crosstab, present_by_sex
from kobo_sync.analysis.published import learnt, response_rate
from kobo_sync.config.config import Role
from kobo_sync.deliverables import evaluation_sentences, letterhead
from kobo_sync.documents.word import writer
from kobo_sync.language.catalogue import later, t

_ANSWERS: tuple[tuple[str, What, Role], ...] = (
    (later("Test before the training"), "before", "test"),
    (later("Test after the training"), "after", "test"),
    (later("Paired tests (before and after)"), "pairs", "test"),
    (later("Satisfaction (anonymous)"), "satisfaction", "satisfaction"),
    (later("Needs"), "needs_rows", "needs"),
)


def answers(facts: Facts) -> list[tuple[str, What]]:
    """What is compared with the persons present: (label, what) of the forms that the mission has."""
    return [(t(label), what) for label, what, role in _ANSWERS if facts.config.forms_with_role(role)]


def rates(document: WordDocument, facts: Facts) -> None:
    """Adds response rates, then persons present by group and sex; without an attendance form there is nobody to compare with."""
    if not facts.config.has_role("attendance"):
        return
    rows = [
        [
            label,
            letterhead.counted(facts, what),
            letterhead.counted(facts, "present"),
            letterhead.share(response_rate(facts, what)),
        ]
        for label, what in answers(facts)
    ]
    if rows:
        head = [t("Form"), t("Answers"), t("Persons present"), t("Response rate")]
        content = writer.Table(
            head, rows, [7.0, 3.0, 3.6, 3.4], caption=t("Answers received, by form"), right=(1, 2, 3)
        )
        writer.table(document, content)
    if note := evaluation_sentences.rates_words([response_rate(facts, what).value for _, what in answers(facts)]):
        writer.note(document, note)
    groups_and_sexes(document, facts)
    before, pairs = told_number(facts, "before"), told_number(facts, "pairs")
    if before.shown and before.exact and pairs.exact and not before.partial and not pairs.partial:
        writer.paragraph(document, _attrition(before.n, pairs.n, learnt(facts)))


def _attrition(n_before: int, n_pairs: int, results: Learning) -> str:
    parts = [evaluation_sentences.attrition_words(n_before, n_pairs)]
    if results.n_duplicates:
        parts.append(t("Where a person repeated a test, the first one counts."))
    if results.n_unmatched:
        parts.append(t("A test without a participant's code cannot be paired."))
    return " ".join(parts)


def groups_and_sexes(document: WordDocument, facts: Facts) -> None:
    """Adds the persons present by group and sex; nothing of a mission where no zone may say how many came: its zeros would be false."""
    names = {code: labels.group(facts, code) for code in present.group_codes(facts)}
    if names and not letterhead.nobody_told(facts):
        has_sex = present.asks(facts, "sex")
        caption = t("Persons present, by group and by sex") if has_sex else t("Persons present, by group")
        writer.table(document, by_sex(present_by_sex(facts, "group", tuple(names)), names, t("Group"), caption))


def by_sex(crosstab: Crosstab, names: Mapping[str, str], title: str, caption: str) -> writer.Table:
    """Persons present by a trait (its codes' *names*) and sex, where it is asked; whoever has another or none is counted apart."""
    headings = [*(names.get(code, t("Other or not specified")) for code in crosstab.rows), t("Total")]
    unknown = [t("Not specified")] if UNKNOWN in crosstab.columns else []
    head = [title, t("Women"), t("Men"), *unknown, t("Total")]
    lines = [[name, *cells] for name, cells in zip(headings, crosstab.cells(), strict=True)]
    if crosstab.columns == (UNKNOWN,):
        head, lines = [title, t("Total")], [[line[0], line[-1]] for line in lines]
    widths = [7.0] + [10.0 / (len(head) - 1)] * (len(head) - 1)
    return writer.Table(head, lines, widths, caption=caption, right=range(1, len(head)), totals=1)
