"""The lint catalogue: what makes an XLSForm fail on phones, on KoboToolbox or in the analysis, with its cell and its cure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import islice
from types import MappingProxyType

from kobo_sync.errors import FormError
from kobo_sync.forms.rules import cells, keys, kobo, lists, logic, privacy, structure, texts
from kobo_sync.forms.rules.subject import CATALOGUE, Rule, read_subject
from kobo_sync.model import Finding

__all__ = ["EDITION", "RULES", "Rule", "lint"]

_MODULES = (structure, texts, logic, lists, keys, kobo, privacy, cells)  # importing a module enters its rules
RULES: Mapping[str, Rule] = MappingProxyType(dict(sorted(CATALOGUE.items())))
EDITION = 7  # raise it when a rule strikes otherwise than before: findings kept from earlier runs are then made anew
_MAX_PER_RULE = 50
_ORDER = {"error": 0, "warning": 1, "info": 2}


def lint(
    content: bytes,
    filename: str,
    *,
    media: Mapping[str, bytes],
    consents: Collection[str] = (),
    key: Mapping[str, str] | None = None,
    deploying: bool = True,
) -> tuple[Finding, ...]:
    """What is wrong with a form, by rule, then in the sheet's order; a file that is no form gives one FORM000.

    Shape: *media* are the files that phones get beside the form, by name, as they would be published; *consents*
    the questions that the config calls consent, *key* the right answers that it knows, by question. Without *deploying*, what KoboToolbox alone refuses is a warning.
    An error is what pyxform, ODK Validate, the server or phones refuse, or what loses data; nothing else is.
    A rule that strikes more than fifty times is cut short, and says so.
    Raises: nothing.
    """
    try:
        subject = read_subject(content, filename, media, consents=consents, key=key, deploying=deploying)
    except FormError as error:
        message = error.message.removeprefix(f"{filename}: ")
        return (Finding("FORM000", "error", filename, message, error.hint),)
    findings: list[Finding] = []
    for code, entry in RULES.items():
        strikes = entry.check(subject)
        first = list(islice(strikes, _MAX_PER_RULE))
        findings += first
        more = sum(1 for _ in strikes)
        if more:
            worst = min((finding.severity for finding in first), key=_ORDER.__getitem__)
            findings.append(
                Finding(code, worst, filename, f"{more} more of the same", first[0].hint, form_id=subject.form.form_id)
            )
    return tuple(findings)
