"""Rules on personal data: what is asked, and whether people were asked first."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kobo_sync.forms.anonymity import TELLING, promises
from kobo_sync.forms.personal import IDENTITY, folded, names_person
from kobo_sync.forms.rules.subject import Fault, Line, Subject, rule

_CONSENT = re.compile(r"consent|accord|accept|agree|autoris|موافق")
_ASKING = ("text", "integer", "image", "date", "email", "phonenumber", "barcode", "video", "audio")


@rule("FORM070", "warning", "advice")
def consent_first(subject: Subject) -> Iterator[Fault]:
    """Personal data are asked after a question of consent."""
    for line in subject.questions:
        if _is_consent(subject, line):
            return
        if _is_personal(line):
            message = f"{line.name!r} asks personal data before any consent"
            hint = "ask a required yes/no called consentement first, and make what follows relevant to yes"
            yield subject.at(line, "name"), message, hint


@rule("FORM071", "warning", "advice")
def no_identity_number(subject: Subject) -> Iterator[Fault]:
    """No identity number is asked."""
    for line in subject.questions:
        if line.kind.kind in _ASKING and IDENTITY.search(folded(line.name)):
            yield (
                subject.at(line, "name"),
                f"{line.name!r} asks an identity number",
                "give each person a code of yours instead",
            )


@rule("FORM072", "warning", "advice")
def gated(subject: Subject) -> Iterator[Fault]:
    """Personal data are asked only of those who consent: they, or a group around them, depend on the consent."""
    consents = [
        line.name
        for line in subject.questions
        if _is_consent(subject, line) and line.kind.kind.startswith("select_one")
    ]
    if not consents:
        return
    gates = {line.name for line in subject.survey if line.kind.kind.startswith("begin_") and _depends(line, consents)}
    first = min(line.number for line in subject.questions if line.name in consents)
    for line in subject.questions:
        if (
            line.number > first
            and _is_personal(line)
            and not _depends(line, consents)
            and not gates & set(line.parents)
        ):
            message = f"{line.name!r} is asked of people who refused"
            yield subject.at(line, "relevant"), message, f"make it, or its group, relevant to ${{{consents[0]}}}"


@rule("FORM073", "warning", "advice")
def anonymous(subject: Subject) -> Iterator[Fault]:
    """A form that promises to be anonymous records nothing that says whose phone sent it, nor when it was filled in."""
    spoken = (line for line in subject.survey if line.kind.kind == "note" or line.is_section)
    promise = next((line for line in spoken if any(map(promises, line.texts.values()))), None)
    if promise is None and not promises(subject.form.title):
        return
    where = f"row {promise.number} of sheet survey" if promise else "its title"
    for line in subject.questions:
        if line.kind.kind in TELLING:
            hint = f"remove the row, or the promise in {where}"
            yield (
                subject.at(line, "type"),
                f"the form promises to be anonymous ({where}) and records {line.kind.kind}",
                hint,
            )


def _is_consent(subject: Subject, line: Line) -> bool:
    """Whether the config calls it consent; where it calls none, whether its name does."""
    if subject.consents & subject.by_name.keys():
        return line.name in subject.consents
    return line.kind.kind.startswith(("select_one", "acknowledge", "trigger")) and bool(
        _CONSENT.search(line.name.lower())
    )


def _is_personal(line: Line) -> bool:
    return line.kind.kind in _ASKING and (
        names_person(line.name, is_number=line.kind.kind == "integer")
        or "signature" in line.cells.get("appearance", "").split()
    )


def _depends(line: Line, names: list[str]) -> bool:
    return any(f"${{{name}}}" in line.cells.get("relevant", "").replace(" ", "") for name in names)
