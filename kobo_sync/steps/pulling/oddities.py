"""What a pull has to tell of a form once it is read: rows set aside, rows listed twice, answers that the tables could not hold."""

from __future__ import annotations

from collections.abc import Sequence

from kobo_sync.model import Finding
from kobo_sync.steps.pulling.form_pull import Work
from kobo_sync.store.mirror import Mirror
from kobo_sync.store.reconcile import Comparison
from kobo_sync.store.set_aside import SetAsideRow

ABSENT = ("PULL002", "PULL009")  # rows that are no longer listed, and stay
NAMED = 5  # rows that a finding names; the others are counted


def oddities(work: Work, comparison: Comparison | None, server_n: int, n_live: int) -> list[Finding]:
    """The findings of a form that was pulled; *comparison* is that of a complete scan, None where there was none."""
    mirror, form_id = work.mirror, work.form_id
    findings = misshapen(mirror)
    set_aside = mirror.rows_set_aside()
    if server_n != n_live + mirror.n_set_aside(held_too=False):
        findings.append(
            Finding(
                "PULL004",
                "error",
                form_id,
                f"the server holds {server_n} submissions, the mirror {n_live}",
                "see to PULL002 or PULL009 beside this, which says why"
                if any(finding.rule in ABSENT for finding in work.findings)
                else "run `kobo-sync pull` again; rows may have arrived meanwhile",
                form_id=form_id,
            )
        )
    findings += _not_understood(form_id, set_aside) + _listed_twice(work, comparison, set_aside)
    return sorted(findings, key=lambda finding: finding.rule)


def _not_understood(form_id: str, set_aside: Sequence[SetAsideRow]) -> list[Finding]:
    """Rows set aside; those that the server itself cannot give have another cure than waiting."""
    if not set_aside:
        return []
    names = _named([row.name for row in set_aside])
    n_stale = sum(row.is_held for row in set_aside)
    message = f"{len(set_aside)} rows could not be understood and were set aside: {names}"
    if n_stale:
        message = f"{len(set_aside)} rows could not be understood and were set aside ({n_stale} are here as of an earlier reading): {names}"
    hint = "they are kept in the table quarantine with the reason; the next pull reads them again"
    if any(row.cause for row in set_aside):
        hint = "the server itself fails to give them: edit each once more there, or ask whoever runs it; every pull asks again"
    return [Finding("PULL007", "error", form_id, message, hint, form_id=form_id)]


def _listed_twice(work: Work, comparison: Comparison | None, set_aside: Sequence[SetAsideRow]) -> list[Finding]:
    """Rows that the server lists twice: a complete scan sees all, any other reading those that were set aside for it."""
    form_id = work.form_id
    broken = [row.name for row in set_aside if row.cause == "doubled"]
    doubled = (list(comparison.doubled) if comparison else []) or broken
    n = max(comparison.n_rows - comparison.n_distinct if comparison else 0, len(broken))
    if not n:
        return []
    message = f"{n} rows are listed twice on the server"
    if doubled:
        message = f"{n} rows are listed twice on the server: {_named(doubled)}"
    hint = "two edits at once left them broken there: edit them once more on the server, and they can be read again"
    if work.client.features.counts_doubles:
        hint = "a failed request left them; the newest of each is used"
    return [Finding("PULL008", "warning", form_id, message, hint, form_id=form_id)]


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"


def misshapen(mirror: Mirror) -> list[Finding]:
    """What the flat tables could not hold as it came."""
    form_id, tally = mirror.form.form_id, mirror.tally
    rules = (
        (
            "PULL005",
            "answers to questions that forms/ does not have",
            tally.unknown,
            "they are kept in the raw data; put the form's right version in forms/ to get their columns",
        ),
        (
            "PULL006",
            "answers that are no number where one is due",
            tally.misfits,
            "they are kept in the raw data and empty in the tables; correct them on the server",
        ),
        (
            "PULL010",
            "columns whose type changed from one form version to the next",
            tally.conflicts,
            "the tables keep the wider type, so that no answer is lost; give such a question a new name",
        ),
        (
            "PULL014",
            "answers with characters that PostgreSQL cannot keep",
            tally.altered,
            "the tables show � in their place, the raw data keep the answer byte for byte; correct it on the server",
        ),
    )
    return [
        Finding(rule, "warning", form_id, f"{what}: {', '.join(sorted(names))}", hint, form_id=form_id)
        for rule, what, names, hint in rules
        if names
    ]
