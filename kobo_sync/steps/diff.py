"""A form here against the deployed one or another file, crossed with the answers already held."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from kobo_sync.errors import ConfigError, FormError
from kobo_sync.forms.compare import Change, compare
from kobo_sync.forms.xlsform import read_form
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Asset, Finding, Form, Report
from kobo_sync.steps.form_faults import one_at_a_time
from kobo_sync.steps.projects import Projects, deployed_form

NOT_COMPARED = "DIFF003"
CURES = {
    "removed": "keep the question and hide it: relevant = false()",
    "renamed": "keep the old name; change the label instead",
    "retyped": "keep the old question hidden (relevant = false()) and add a new one under another name",
    "repeated": "keep the question where it is, hidden, and add a new one in the other place",
    "choice removed": "keep the choice; to stop its use, filter it out or say so in its label",
}


def diff(mission: Mission, *, form_ids: Sequence[str] = (), against: Path | None = None) -> Report:
    """What would change if each form were deployed, and how many stored answers each change touches.

    *against* is another workbook of the same form, in place of the deployed one. A form that the server does not give is a finding,
    and the others are compared.
    Raises: FormError, ConfigError, KoboError.
    """
    started_at = mission.clock()
    ids = list(form_ids or mission.config.forms)
    if against and len(ids) != 1:
        raise ConfigError(
            "--against compares one form", file=str(against), hint="name the form: kobo-sync diff FORM --against FILE"
        )
    findings: list[Finding] = []
    lines: list[str] = []
    if against:
        _compare(mission, ids[0], _read(against), findings, lines)
    else:
        client = mission.deployer()
        projects = Projects(mission, client)
        for form_id in ids:
            with one_at_a_time(form_id, NOT_COMPARED, findings, client):
                uid = projects.uid(form_id)
                old = deployed_form(mission, form_id, uid) if uid else None
                _compare(mission, form_id, old, findings, lines)
    n_harmful = sum(finding.rule != NOT_COMPARED for finding in findings)
    return mission.report("diff", started_at, {"lines": len(lines), "harmful": n_harmful}, findings, lines)


def _compare(mission: Mission, form_id: str, old: Form | None, findings: list[Finding], lines: list[str]) -> None:
    """The form here against *old*, None when the server has none: into *lines*, and into *findings* what touches answers."""
    if old is None:
        lines.append(f"{form_id}: not on the server yet")
        return
    changes = compare(old, mission.form(form_id))
    lines += [f"{form_id}: {line}" for line in described(changes)] or [f"{form_id}: no difference"]
    findings += harm(mission, mission.form(form_id), old, changes)


def described(changes: Iterable[Change]) -> list[str]:
    """One line per change."""
    return [
        f"{change.kind} {change.name}{f': {change.detail}' if change.detail else ''}{' (a guess)' if change.is_guess else ''}"
        for change in changes
    ]


def harm(mission: Mission, new: Form, old: Form, changes: Iterable[Change]) -> list[Finding]:
    """The changes that touch answers the mirror holds: what, how many, and how to reach the aim without loss."""
    findings = []
    for change in changes:
        if not change.is_breaking:
            continue
        if change.kind == "choice removed":
            names = [question.name for question in old.questions if question.list_name == change.name]
            n = sum(mission.store.count_answers(new.form_id, name, change.codes) for name in names)
            summary = f"removing the choice {', '.join(change.codes)} of {change.name}"
        else:
            n = mission.store.count_answers(new.form_id, change.before)
            summary = {
                "removed": f"removing `{change.before}`",
                "renamed": f"renaming `{change.before}` to `{change.name}`",
            }.get(change.kind, f"changing `{change.before}` {change.detail}")
        if n:
            findings.append(
                Finding(
                    "DIFF001",
                    "error",
                    new.form_id,
                    f"{summary} orphans {n} answers",
                    CURES[change.kind],
                    form_id=new.form_id,
                )
            )
    return findings


def harm_of_replacing(mission: Mission, form_id: str, asset: Asset) -> list[Finding]:
    """What replacing the deployed form by the local one would do to stored answers, as `judged_against_deployed` says."""
    return judged_against_deployed(mission, mission.form(form_id), asset)[1]


def judged_against_deployed(mission: Mission, new: Form, asset: Asset) -> tuple[tuple[Change, ...], list[Finding]]:
    """What distinguishes *new* from the deployed form, and what putting it in that one's place would do to stored answers.

    A breaking change to a form whose submissions the mirror does not hold yet cannot be judged, and
    counts as harm. Raises: FormError, KoboError.
    """
    form_id = new.form_id
    old = deployed_form(mission, form_id, asset.asset_uid)
    changes = compare(old, new)
    breaking = [change for change in changes if change.is_breaking]
    findings = harm(mission, new, old, breaking)
    (holdings,) = mission.store.holdings([form_id])
    if breaking and not findings and holdings.n_live < asset.n_submissions:
        summary = "; ".join(described(breaking))
        findings.append(
            Finding(
                "DIFF002",
                "error",
                form_id,
                f"{summary}: the server holds {asset.n_submissions} submissions, the mirror {holdings.n_live}",
                "run `kobo-sync pull` first, then deploy again",
                form_id=form_id,
            )
        )
    return changes, findings


def _read(path: Path) -> Form:
    try:
        return read_form(path.read_bytes(), path.name)
    except OSError as error:
        raise FormError(f"it cannot be read: {error.strerror}", form=str(path), hint="check the name") from error
