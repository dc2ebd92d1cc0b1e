"""What changed since the last build: receipts and figures per zone, before and now; for the team."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kobo_sync.analysis import labels
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.suppression import THRESHOLD
from kobo_sync.config.file_names import FileName
from kobo_sync.deliverables import letterhead
from kobo_sync.deliverables.live_values import ANSWERED
from kobo_sync.documents.word import writer
from kobo_sync.language import typography
from kobo_sync.language.catalogue import later, t
from kobo_sync.model import Class, Document, Manifest

NAME = "changes"
TITLE = later("What changed")
CLASS: Class = "internal"
PATH = FileName("changements.docx", "changes.docx")

_NAMES = {
    "presents": later("Persons present"),
    "taux": later("Quota rate"),
    "femmes": later("Women"),
    "hommes": later("Men"),
    "part_femmes": later("Share of women"),
    "journee_entiere": later("Whole day signed"),
    "tests_apparies": later("Paired tests"),
    "score_avant": later("Score before"),
    "score_apres": later("Score after"),
    "evolution": later("Change of the score"),
    "gain": later("Class gain"),
    "reponses_satisfaction": later("Satisfaction answers"),
    "recommandation": later("Recommendation"),
    "reponses_besoins": later("Answers on needs"),
    "besoin_1": later("First need"),
    "besoin_2": later("Second need"),
    "besoin_3": later("Third need"),
    "accord": later("Agreement between groups"),
    "priorites_communes": later("Common priorities"),
    "actions": later("Planned actions"),
    "actions_completes": later("Complete actions"),
    "actions_en_retard": later("Late actions"),
}

# Numbers of persons, and the figures that rest on them: before and after of two builds that differ by one person tell that person.
_RESTING = {
    "presents": ("taux", "femmes", "hommes", "part_femmes", "journee_entiere"),
    "femmes": ("part_femmes",),
    "hommes": ("part_femmes",),
    "journee_entiere": (),
    "tests_apparies": ("score_avant", "score_apres", "evolution", "gain"),
    "reponses_satisfaction": ("recommandation",),
    "reponses_besoins": ("accord",),
}


@dataclass(frozen=True)
class Change:
    """One zone's manifest before (None for a first build) and now."""

    zone: str
    before: Manifest | None
    now: Manifest


def changes_paper(facts: Facts, changes: Sequence[Change]) -> Document:
    """The page: a table per zone that was rebuilt; a zone built for the first time says so."""
    document = letterhead.open_paper(facts, t(TITLE), list(facts.config.forms))
    subtitle = t("{action} · internal document", action=letterhead.action(facts))
    writer.title(document, t("What changed since the last build"), subtitle)
    if not changes:
        writer.paragraph(document, t("No zone changed."))
    for change in changes:
        writer.heading(document, labels.zone(facts, change.zone))
        if change.before is None:
            writer.paragraph(document, t("First build of this zone."))
            continue
        rows = _rows(change.before, change.now)
        if rows:
            head = [t("What"), t("Before"), t("Now")]
            caption = t("Changes of the zone {zone}", zone=labels.zone(facts, change.zone))
            writer.table(document, writer.Table(head, rows, [7.0, 5.0, 5.0], caption=caption))
        else:
            same = change.before.fingerprint == change.now.fingerprint
            writer.paragraph(
                document,
                t("Neither what was received nor the figures changed: a template, a setting or the program did.")
                if same
                else t("Answers changed, but no published figure did."),
            )
    return letterhead.close_paper(facts, document, PATH.of(facts.config), CLASS)


def differs(before: Manifest, now: Manifest) -> bool:
    """Whether there is anything to tell of a zone: also answers that changed no figure as it is published."""
    return before.fingerprint != now.fingerprint or bool(_rows(before, now))


def _rows(before: Manifest, now: Manifest) -> list[list[str]]:
    return [
        *_differing(before.submissions, now.submissions, _received),
        *_figures(before.figures, now.figures),
        *_differing(before.form_versions, now.form_versions, _version),
    ]


def _received(form_id: str) -> str:
    return t("Submissions received, rounded up to tens: {form}", form=form_id)


def _version(form_id: str) -> str:
    return t("Version of the form {form}", form=form_id)


def _figures(before: Mapping[str, str], now: Mapping[str, str]) -> list[list[str]]:
    """The figures that changed; of numbers that differ by one or two persons, and of what rests on them, only that they did."""
    few = set(few_apart(before, now))
    few |= {resting for name in few for resting in _RESTING.get(name, ())}
    rows, difference = [], t("difference of fewer than {threshold} persons", threshold=THRESHOLD)
    for name in dict.fromkeys([*now, *before]):
        for row in _differing(
            {name: before.get(name, typography.NOTHING)}, {name: now.get(name, typography.NOTHING)}, _title
        ):
            rows.append([row[0], typography.NOTHING, difference] if name in few else row)
    return rows


def few_apart(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The numbers of persons, by the names of their figures, that differ by one or two between two sets."""
    numbers = [*_RESTING, *sorted(name for name in now if name.startswith(ANSWERED))]
    return [name for name in numbers if _differ_by_few(before.get(name, ""), now.get(name, ""))]


def _title(name: str) -> str:
    return t(_NAMES[name]) if name in _NAMES else ""


def _differ_by_few(before: str, now: str) -> bool:
    numbers = [re.sub(r"\D", "", text) for text in (before, now)]
    return all(numbers) and 0 < abs(int(numbers[0]) - int(numbers[1])) < THRESHOLD


def _differing(before: Mapping[str, object], now: Mapping[str, object], title: Callable[[str], str]) -> list[list[str]]:
    """A row per entry that is other than it was: its title (none: not told), before, now."""
    rows = []
    for key in dict.fromkeys([*now, *before]):
        old, new = str(before.get(key, typography.NOTHING)), str(now.get(key, typography.NOTHING))
        if title(key) and old != new:
            rows.append([typography.spaced(title(key)), old, new])
    return rows
