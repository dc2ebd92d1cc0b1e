"""The mission's final report: a living Word file from the template, and what a donor would refuse in it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from functools import partial

from kobo_sync.analysis import labels
from kobo_sync.analysis.by_zone import zone_views
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import forget
from kobo_sync.config.file_names import REPORT, FileName
from kobo_sync.deliverables import letterhead, report_annexes
from kobo_sync.deliverables.live_values import conditions, live_values, live_values_in_turn
from kobo_sync.deliverables.report_blocks import (
    SUPERSEDED,
    acronyms_of_words,
    expected_annexes,
    needless,
    report_blocks,
    report_parts,
    report_values,
)
from kobo_sync.documents.word import living, styles, writer
from kobo_sync.documents.word.template import Block, Content, Note
from kobo_sync.errors import DocumentError
from kobo_sync.language import typography
from kobo_sync.language.catalogue import later
from kobo_sync.model import Class, Document, Finding, Manifest, Scope, Severity

NAME = "final_report"
TITLE = later("Final report")
SCOPE: Scope = "mission"
CLASS: Class = "aggregate"
PATH, PDF_PATH = REPORT, FileName("rapport-final.pdf", "final-report.pdf")
FRESH_PATH = FileName("rapport-final-neuf.docx", "final-report-new.docx")

# What each note of the living report means to people: rule, severity, message, cure.
_SAID: dict[str, tuple[str, Severity, str, str]] = {
    "unknown": (
        "REPORT001",
        "error",
        "the template names “{what}”, which does not exist",
        "correct the name in exports/templates/{path}; docs/operations.md lists them",
    ),
    "malformed": (
        "REPORT001",
        "error",
        "braces that make no name: “{what}”",
        "write {{{{name}}}}, {{{{bloc:name}}}} or {{{{texte:name|hint}}}} in exports/templates/{path}",
    ),
    "misplaced": (
        "REPORT001",
        "error",
        "“{what}” must stand alone in a paragraph of the text",
        "put it alone in its paragraph, outside heads and feet of pages, in exports/templates/{path}",
    ),
    "empty": ("REPORT002", "warning", "“{what}” is not written: “{where}”", "write in {path}, then build again"),
    "kept": (
        "REPORT005",
        "warning",
        "the block “{what}” was changed by hand: kept, with a comment",
        "`kobo-sync build --fresh` gives the computed version beside it",
    ),
    "stale": (
        "REPORT006",
        "warning",
        "a figure typed by hand has changed (“{what}”): {where}",
        "read the comment in Word",
    ),
    "absent": (
        "REPORT007",
        "info",
        "the block “{what}” is not in the report",
        "`kobo-sync build --fresh` gives a report that follows today's template",
    ),
    "foreign": (
        "REPORT008",
        "warning",
        "this file is no report that kobo-sync can bring up to date: left as it is",
        "`kobo-sync build --fresh` makes a new one beside it",
    ),
}


def build(facts: Facts) -> list[Document]:
    """The report as people left it, brought up to date; a new one from the template when there is none.

    With ``facts.fresh`` a new one is made beside the old as well.
    Raises: DocumentError when the template or the held file cannot be read.
    """
    zones = _zone_sets(facts)
    path = PATH.of(facts.config)
    previous = facts.previous_files.get(PATH.among(facts.previous_files, facts.config))
    if facts.unchanged and previous is not None:
        words_alone = Content({}, {}, facts.as_of, from_words=_from_words(facts))
        living_report = living.reread(previous, words_alone, path)
        findings = (
            *_findings(facts, living_report.notes),
            *_completeness(facts, zones, living_report.blocks),
            *_unexplained(facts, living_report),
        )
        return [Document(path, _coloured(facts, living_report), CLASS, findings), *_annexes(facts)]
    content = _content(facts, zones)
    documents = []
    notes: tuple[Note, ...] = ()
    unexplained: list[Finding] = []
    blocks_there: frozenset[str] = frozenset()
    if previous is not None:
        living_report = living.rebuild(previous, content, path)
        blocks_there = living_report.blocks
        unexplained = _unexplained(facts, living_report)
        documents.append(Document(path, _coloured(facts, living_report), CLASS))
        notes = living_report.notes
    if previous is None or facts.fresh:
        template = facts.templates.get(path)
        if template is None:
            raise DocumentError(
                f"the template {path} is missing", hint=f"put it in exports/templates/{path}, or install again"
            )
        living_report = living.begin(template, content, path)
        blocks_there = blocks_there or living_report.blocks
        if previous is None:
            unexplained = _unexplained(facts, living_report)
        place = path if previous is None else FRESH_PATH.of(facts.config)
        documents.append(Document(place, _coloured(facts, living_report), CLASS))
        notes = (
            (*notes, *living_report.notes)
            if previous is None
            else (*notes, *(n for n in living_report.notes if n.kind in ("unknown", "malformed", "misplaced")))
        )
    findings = (*_findings(facts, notes), *_completeness(facts, zones, blocks_there), *unexplained)
    first = documents[0]
    return [Document(first.path, first.content, CLASS, findings), *documents[1:], *_annexes(facts)]


def _content(facts: Facts, zones: Mapping[str, Manifest]) -> Content:
    """What fills the report; *zones* are the zones' own sets."""
    return Content(
        live_values(facts) | report_values(facts),
        report_blocks(facts, {code: zone_manifest.figures for code, zone_manifest in zones.items()}),
        facts.as_of,
        not facts.final,
        letterhead.logos(facts),
        parts=report_parts(facts),
        from_words=_from_words(facts),
        needless=needless(facts) | conditions(facts, hold=False),
        conditions=conditions(facts, hold=True),
        mission=facts.config.mission.id or facts.config.mission.code,
    )


def _from_words(facts: Facts) -> dict[str, Callable[[str], Block]]:
    return {"sigles": partial(acronyms_of_words, facts)}


def _unexplained(facts: Facts, living_report: living.Living) -> list[Finding]:
    """A finding for the acronyms that people wrote in the report and that its list does not explain."""
    if "sigles" not in living_report.blocks:  # without a list there is nothing to add to
        return []
    unknown = report_annexes.unexplained(facts, living_report.prose)
    if not unknown:
        return []
    message = f"the report uses acronyms that its list does not explain: {', '.join(unknown)}"
    hint = 'add them to [report.acronyms] of config/mission.toml, like CLD = "local development committee"'
    return [Finding("REPORT010", "info", _place(facts), message, hint)]


def _place(facts: Facts) -> str:
    return f"mission/{PATH.of(facts.config)}"


def look_ahead(facts: Facts) -> None:
    """Work out what the report will say of the rows: with a memory it is kept, and they need not be held until then."""
    values: dict[str, str] = {}
    for some in live_values_in_turn(facts):
        values |= some
        forget()  # what is kept is kept: the rows that it was made from are not to be held beside the next ones'
    zones = {zone.code: dict.fromkeys(values, "") for zone in facts.config.zones}
    for block in report_blocks(facts, zones).values():
        block.write(styles.blank())
        forget()
        gc.collect(1)  # what a document leaves refers to itself


def _annexes(facts: Facts) -> list[Document]:
    return [Document(f"annexes/{name}", content, CLASS) for name, content in sorted(facts.annexes.items())]


def _coloured(facts: Facts, living_report: living.Living) -> bytes:
    """The report in the mission's colour; one that did not change keeps its bytes."""
    return (
        writer.coloured(living_report.content, letterhead.colour(facts))
        if living_report.changed
        else living_report.content
    )


def _findings(facts: Facts, notes: tuple[Note, ...]) -> list[Finding]:
    findings, path = [], PATH.of(facts.config)
    for note in notes:
        if note.kind in _SAID and not (note.kind == "absent" and note.what in SUPERSEDED):
            rule, severity, message, hint = _SAID[note.kind]
            words = {"what": note.what, "where": note.where, "path": path}
            place = f"{path}, {note.where}" if rule == "REPORT001" else _place(facts)
            findings.append(Finding(rule, severity, place, message.format(**words), hint.format(**words)))
    return list(dict.fromkeys(findings))


def _zone_sets(facts: Facts) -> Mapping[str, Manifest]:
    """What the zones' own sets say of themselves; worked out here when they were not built."""
    if facts.zone_sets:
        return facts.zone_sets
    return {
        code: Manifest(figures=live_values(here), submissions=here.counts) for code, here in zone_views(facts).items()
    }


def _completeness(facts: Facts, zones: Mapping[str, Manifest], blocks: frozenset[str]) -> list[Finding]:
    """What a donor would refuse, beside empty slots: zones without data, missing annexes.

    A report of *blocks* without the terms of reference, begun before there was a place for them, is not asked for their text.
    """
    findings = []
    for code, zone_manifest in zones.items():
        name = labels.zone(facts, code)
        empty = [form_id for form_id in facts.config.forms if not zone_manifest.submissions.get(form_id)]
        if zone_manifest.figures.get("presents") == typography.number(0):
            message = f"the zone {name} has no person present"
        elif empty:
            message = f"the zone {name} has no answer to: {', '.join(empty)}"
        else:
            continue
        hint = "fetch the data (kobo-sync pull), or give the reason in the report"
        findings.append(Finding("REPORT003", "warning", _place(facts), message, hint, zone=code))
    terms = report_annexes.terms_file(facts)
    if "termes_de_reference" in blocks and not terms:
        message = "the terms of reference are not annexed to the report"
        hint = "put them as text in exports/annexes/termes-de-reference.txt (or .docx)"
        findings.append(Finding("REPORT011", "warning", _place(facts), message, hint))
    for name in expected_annexes(facts):
        if name not in facts.annexes:
            findings.append(
                Finding(
                    "REPORT004",
                    "warning",
                    _place(facts),
                    f"the annex “{name}” is missing",
                    f"put it in exports/annexes/{name}",
                )
            )
    return findings
