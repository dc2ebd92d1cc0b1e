"""Data checks, one file each, with stable codes.

A check is a module with ``CODE``, ``TITLE`` and ``check(facts) -> Iterator[Finding]``; *facts* are the
whole mission's. Messages are for staff and stand in documents, hence in French, and never say an answer. To add
one, add its file here; a mission's own is named in ``checks.extra`` of its config.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from types import ModuleType
from typing import Any, cast, get_args

from kobo_sync import plug_ins
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import forget, memo_over_runs
from kobo_sync.analysis.quoting import shown
from kobo_sync.checks import enumerators, missing
from kobo_sync.checks.sheet import sheet
from kobo_sync.config.files import MISSION_FILE
from kobo_sync.errors import ConfigError, KoboSyncError, place_of
from kobo_sync.language.clean_text import clean
from kobo_sync.model import Finding, Severity

_MODULES = [importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__)]
CHECKS = tuple(sorted((module for module in _MODULES if hasattr(module, "CODE")), key=lambda module: str(module.CODE)))
_BY_CODE = {module.CODE: module for module in CHECKS}
FAULT = "CHECK001"
CODE_SHAPE = re.compile(r"[A-Z]{2,16}[0-9]{3}")


@dataclass(frozen=True)
class Check:
    """A check ready to run; *name* is the dotted name of a mission's own, empty for those of the product.

    *alone*: what it finds in a row rests on the rows of that row's zone alone, so that zones can be checked one by one;
    *in_form*: on those of its form alone.
    """

    code: str
    title: str
    find: Callable[[Facts], Iterable[Finding]]
    name: str = ""
    alone: bool = False
    in_form: bool = False


def run_checks(facts: Facts) -> tuple[Finding, ...]:
    """What all checks find, in a stable order: by code, zone, place.

    A check that fails is a finding itself (`FAULT`), and the others go on. Raises: ConfigError for a check of the
    mission's own that cannot be loaded.
    """
    findings: list[Finding] = []
    for check in checks_of(facts.config.checks.extra, facts.config.checks.off):
        findings += _findings_of(check, facts) if check.name else _guarded(check.code, lambda c=check: c.find(facts))  # type: ignore[misc]
    return ordered(findings)


def _guarded(code: str, find: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """What *find* gives; a finding of `FAULT` when it fails: one check never stops the others."""
    try:
        return list(find())
    except KoboSyncError:
        raise
    except Exception as error:
        if os.environ.get("KOBO_SYNC_DEBUG"):
            raise
        return [_fault(code, f"{type(error).__name__}, {place_of(error)}")]


def _fault(check: str, where: str) -> Finding:
    """*where* is the kind and the place of the error: its own words may quote an answer."""
    message = f"the check {check} is at fault ({where}); the others were made"
    hint = "run KOBO_SYNC_DEBUG=1 kobo-sync check, and report what it shows; [checks] off leaves it out until then"
    return Finding(FAULT, "error", check, message, hint)


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings in the stable order."""
    return tuple(sorted(findings, key=lambda f: (f.rule, f.zone, f.where, f.message)))


# ── zone by zone ────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class ZonePart:
    """What one zone's rows give to the checks: what is found in them *alone*, and what is judged with other zones'."""

    alone: tuple[Finding, ...]
    missing: tuple[missing.Part, ...]
    works: tuple[enumerators.Part, ...]


def zone_part(facts: Facts) -> ZonePart:
    """The part of the zone whose rows *facts* hold. Raises: ConfigError for a code in ``checks.off`` that is none."""
    chosen = checks_of((), facts.config.checks.off)
    alone = [
        finding
        for check in chosen
        if check.alone
        for finding in _guarded(check.code, lambda c=check: c.find(facts))  # type: ignore[misc]
    ]
    return ZonePart(ordered(alone), tuple(missing.gathered(facts)), tuple(enumerators.gathered(facts)))


def run_over_zones(whole: Facts, parts: Iterable[ZonePart]) -> tuple[Finding, ...]:
    """What `run_checks` finds in the whole mission, given the part of each zone and of the rows that are in none.

    *whole* need hold no other columns than those that the config names, that are numbers or that say when and who; what
    earlier runs found in it stands as long as the forms that it rests on do.
    """
    zone_parts = list(parts)
    findings = [finding for part in zone_parts for finding in part.alone] + run_in_forms(whole)
    for check in checks_of((), whole.config.checks.off):
        if check.code == missing.CODE:
            findings += missing.judged(each for part in zone_parts for each in part.missing)
        elif check.code == enumerators.CODE:
            findings += enumerators.judged(whole, (each for part in zone_parts for each in part.works))
        elif not check.alone and not check.in_form:
            findings += _guarded(check.code, lambda c=check: _over_zones(whole, c.code))  # type: ignore[misc]
            forget()  # of many zones what one looks at is a hundred megabytes
    return ordered(findings)


def run_in_forms(whole: Facts) -> list[Finding]:
    """The part of `run_over_zones` that looks at the rows of one form alone, form after form: of all rows those of one are enough to hold."""
    findings = []
    for form_id in whole.config.forms:
        for check in checks_of((), whole.config.checks.off):
            if check.in_form:
                findings += _guarded(check.code, lambda c=check, f=form_id: _in_form(whole, c.code, f))  # type: ignore[misc]
        forget()
    return findings


@memo_over_runs
def _over_zones(facts: Facts, code: str) -> tuple[Finding, ...]:
    return tuple(_BY_CODE[code].check(facts))


@memo_over_runs
def _in_form(facts: Facts, code: str, form_id: str) -> tuple[Finding, ...]:
    rows = sheet(facts, form_id)
    return tuple(_BY_CODE[code].in_form(facts, rows)) if len(rows) else ()


# ── the catalogue ───────────────────────────────────────────────────────────


def checks_of(extra: Iterable[str], off: Iterable[str] = ()) -> list[Check]:
    """The product's checks and a mission's own (*extra*, dotted names), without those whose code is *off*.

    Raises: ConfigError for a name that is no check, a code that is taken, or one that no check has.
    """
    checks = [_check(module) for module in CHECKS]
    for name in extra:
        check = _own(name)
        if check.code in {other.code for other in checks}:
            raise _refusal(name, f"has CODE = {check.code!r}, which another check has")
        checks.append(check)
    unknown = sorted(set(off) - {check.code for check in checks})
    if unknown:
        hint = f"the codes are: {', '.join(check.code for check in checks)}"
        raise ConfigError(f"{unknown[0]!r} is the code of no check", file=MISSION_FILE, key="checks.off", hint=hint)
    return [check for check in checks if check.code not in set(off)]


def _check(module: ModuleType, name: str = "") -> Check:
    return Check(
        module.CODE,
        module.TITLE,
        cast(Callable[[Facts], Iterator[Finding]], module.check),
        name,
        alone=not name and getattr(module, "ALONE", False),
        in_form=not name and hasattr(module, "in_form"),
    )


def _own(name: str) -> Check:
    try:
        module = plug_ins.module_of(plug_ins.CHECKS, name)
    except plug_ins.Unusable as error:
        raise _refusal(name, str(error)) from error
    missing = [field for field in ("CODE", "TITLE", "check") if not hasattr(module, field)]
    if missing:
        raise _refusal(name, f"lacks {', '.join(missing)}")
    if not isinstance(module.CODE, str) or not CODE_SHAPE.fullmatch(module.CODE):
        raise _refusal(name, f"has CODE = {module.CODE!r}; a code is capital letters and three digits, as OURS001")
    return _check(module, name)


def _findings_of(check: Check, facts: Facts) -> list[Finding]:
    """What a mission's own check finds, or that it failed, with the line but no answer. Raises: ConfigError when it gives no findings."""
    try:
        findings = list(check.find(facts))
    except (Exception, SystemExit) as error:
        if os.environ.get("KOBO_SYNC_DEBUG"):
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        return [_fault(check.name, f"{type(error).__name__}, line {last.lineno}, {last.name}()")]
    for finding in findings:
        if not isinstance(finding, Finding):
            raise _refusal(check.name, f"gives a {type(finding).__name__} where a Finding is due")
        if finding.rule != check.code:
            raise _refusal(check.name, f"gives a finding of rule {finding.rule!r}; its CODE is {check.code!r}")
        if finding.severity not in get_args(Severity):
            allowed = ", ".join(get_args(Severity))
            raise _refusal(check.name, f"gives the severity {finding.severity!r}, which is none of {allowed}")
        for field in fields(finding):
            value = getattr(finding, field.name)
            if not isinstance(value, str):
                raise _refusal(check.name, f"gives a {type(value).__name__} as {field.name} where a text is due")
    return [_masked(facts, finding) for finding in findings]


def _masked(facts: Facts, finding: Finding) -> Finding:
    """The finding of a mission's own check, which may quote what people wrote, without whom that names and what no text can hold."""
    cleaned: dict[str, Any] = {field.name: clean(getattr(finding, field.name)) for field in fields(finding)}
    finding = replace(finding, **cleaned)
    where, message, hint, why = (
        shown(facts, text) for text in (finding.where, finding.message, finding.hint, finding.why)
    )
    return replace(finding, where=where, message=message, hint=hint, why=why)


def _refusal(name: str, reason: str) -> ConfigError:
    hint = "it must be a module with CODE, TITLE and check(facts) that gives Findings; CONTRIBUTING.md has the recipe"
    return ConfigError(f"the check {name!r} {reason}", file=MISSION_FILE, key="checks.extra", hint=hint)
