"""Data checks over the whole mirror: what they find goes to the worklist and, when asked, on hold on the server."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from kobo_sync.analysis.facts import Facts
from kobo_sync.desk.holds import Hold, HoldPlan, holds_of, plan_holds, put_holds
from kobo_sync.desk.worklist import OPEN, evidence_of, key_of, refresh
from kobo_sync.form_server import FormServer
from kobo_sync.mission.facts import gather_facts, gather_marks
from kobo_sync.mission.findings import findings_by_zone, with_states
from kobo_sync.mission.freshness import forms_behind, note_checked
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Finding, Report
from kobo_sync.steps.elsewhere import rows_from_elsewhere
from kobo_sync.steps.form_faults import one_at_a_time
from kobo_sync.steps.projects import find_assets

NOT_WRITTEN = "CHECK003"
OTHER_SERVER = (
    "write the earlier address or project back into config/mission.toml; if the same submissions have a new address, run `kobo-sync pull`"
    " first"
)
BATCH = 100  # rows whose status is changed at once: a killed run leaves no more in doubt


def check(mission: Mission, *, write_back: bool = False, dry_run: bool = False) -> Report:
    """What the checks find in the data held now, false alarms left out; the worklist is brought up to date.

    With *write_back* rows with open findings of the rules of ``checks.hold`` are put on hold on the server, and
    released when the findings are closed; a status that somebody else set stays. *dry_run* changes nothing.
    Raises: StoreError, ConfigError, FormError; with *write_back* KoboError.
    """
    started_at = mission.clock()
    marks = gather_marks(mission)
    facts = gather_facts(mission, marks=marks)
    findings = findings_by_zone(mission, lambda: gather_facts(mission, marks=marks, named_only=True), facts, marks)
    counts = Counter(finding.rule for finding in findings)
    lines = [f"{rule}: {n}" for rule, n in sorted(counts.items())] or ["nothing found"]
    behind = forms_behind(mission)
    if behind:
        write_back = False
        lines.append("the worklist and what is on hold were left as they are")
    elif not dry_run:
        note_checked(mission)
        tally = refresh(mission.desk, findings, mission.clock())
        counts.update({"new": tally.new, "reopened": tally.reopened, "closed": tally.closed, "open": tally.open})
        lines.append(
            f"worklist: {tally.new} new, {tally.reopened} reopened, {tally.closed} closed; {tally.open} open in all"
        )
    facts = with_states(mission, facts, findings)
    n_alarms = sum(states.get("false_alarm", 0) for states in facts.triage.values())
    if n_alarms:
        counts["false_alarms"] = n_alarms
        lines.append(f"{n_alarms} false alarms are not shown")
    faults: list[Finding] = []
    if write_back:
        lines += _write_back(mission, facts, counts, faults, dry_run=dry_run)
    return mission.report("check", started_at, counts, [*facts.findings, *_told_behind(behind), *faults], lines)


def _told_behind(form_ids: Sequence[str]) -> Iterator[Finding]:
    if form_ids:
        yield Finding(
            "CHECK002",
            "warning",
            "worklist",
            f"this machine's mirror is older than the one that was checked last: {', '.join(form_ids)}; "
            "the worklist was left as it is",
            "run `kobo-sync pull` here first, and look at both machines' clocks; with STORE_URL all machines have one mirror",
        )


# ── write-back ──────────────────────────────────────────────────────────────


def due_holds(facts: Facts) -> dict[str, list[Hold]]:
    """form_id → the rows that open findings of the configured rules want on hold, with the reason."""
    rules = set(facts.config.checks.hold)
    asking: dict[tuple[str, str], list[Finding]] = {}
    for finding in facts.findings:
        if finding.rule in rules and finding.severity != "info" and finding.state in OPEN and finding.root_uuid:
            asking.setdefault((finding.form_id, finding.root_uuid), []).append(finding)
    holds: dict[str, list[Hold]] = {}
    asked = {form_id for form_id, _ in asking}
    for form_id in facts.forms:
        if form_id not in asked:
            continue
        table = facts.tables[form_id]
        for root in table["root_uuid"]:
            findings = asking.get((form_id, root))
            if findings:
                reason = "; ".join(f"{finding.rule}: {finding.message}" for finding in findings)
                holds.setdefault(form_id, []).append(
                    Hold(form_id, root, "", "placing", reason[:2000], _evidence(findings))
                )
    return holds


def _evidence(findings: Sequence[Finding]) -> str:
    text = "\n".join(sorted(f"{key_of(finding)} {evidence_of(finding)}" for finding in findings))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _write_back(
    mission: Mission, facts: Facts, counts: Counter[str], faults: list[Finding], *, dry_run: bool
) -> list[str]:
    """Put rows on hold and release them; forms that the server does not give are told in *faults*. Returns lines for people."""
    client = mission.deployer()
    due = due_holds(facts)
    placed = {form_id: holds_of(mission.desk, form_id) for form_id in facts.forms}
    concerned = [form_id for form_id in facts.forms if due.get(form_id) or placed[form_id]]
    lines: list[str] = []
    counts.update({"held": 0, "released": 0, "left": 0})
    if concerned and (origin := rows_from_elsewhere(mission, concerned)):
        # Asked there, rows of the first project look deleted: their holds would be forgotten, and stay for ever.
        faults.append(_not_written("server", f"nothing was put on hold or released: {origin}", OTHER_SERVER))
    elif concerned:
        me = client.me()
        uids = find_assets(mission, client, concerned, findings=faults)
        faults += _not_seen([form_id for form_id in concerned if form_id not in uids], faults)
        for form_id, asset_uid in uids.items():
            with one_at_a_time(form_id, NOT_WRITTEN, faults, client):
                server_keys = mission.store.server_keys(form_id, [hold.root_uuid for hold in due.get(form_id, ())])
                wishes = [replace(hold, server_key=server_keys[hold.root_uuid]) for hold in due.get(form_id, ())]
                asked = sorted({hold.server_key for hold in (*wishes, *placed[form_id])})
                plan = plan_holds(wishes, placed[form_id], client.statuses(asset_uid, asked), me)
                if not dry_run:
                    _apply(mission, client, asset_uid, plan)
                lines += _said(plan)
                counts.update({"held": len(plan.place), "released": len(plan.release), "left": len(plan.left)})
    verb = "would be put" if dry_run else "put"
    return [
        *lines,
        f"{counts['held']} {verb} on hold, {counts['released']} released, {counts['left']} left as somebody decided",
    ]


def _not_seen(form_ids: Sequence[str], told: Sequence[Finding]) -> list[Finding]:
    """Of each form that the account does not see, and of which nothing is *told* yet, that it waits."""
    message = "what is to be put on hold or released waits: the account does not see the form on the server"
    hint = "look at the server's address and project in config/mission.toml, and at the account's rights"
    already = {finding.form_id for finding in told}
    return [_not_written(form_id, message, hint, form_id) for form_id in form_ids if form_id not in already]


def _not_written(where: str, message: str, hint: str, form_id: str = "") -> Finding:
    return Finding(NOT_WRITTEN, "error", where, message, hint, form_id=form_id)


def _said(plan: HoldPlan) -> Iterator[str]:
    for hold in plan.place:
        yield f"  {hold.form_id}, submission {hold.server_key}: on hold ({hold.reason})"
    for hold in plan.release:
        yield f"  {hold.form_id}, submission {hold.server_key}: released"


def _apply(mission: Mission, client: FormServer, asset_uid: str, plan: HoldPlan) -> None:
    """Carry out *plan*: each batch is noted before and after the server is asked."""
    put_holds(mission.desk, plan.note, mission.clock())
    for holds, status, done in ((plan.place, "on_hold", "placed"), (plan.release, "", "released")):
        for at in range(0, len(holds), BATCH):
            some = holds[at : at + BATCH]
            put_holds(mission.desk, some, mission.clock())
            reasons = {hold.server_key: hold.reason for hold in some}
            missing = client.set_validations(asset_uid, list(reasons), status, reasons)  # type: ignore[arg-type]
            after: Mapping[str, str] = dict.fromkeys(missing, "released")
            changed = [replace(hold, state=after.get(hold.server_key, done)) for hold in some]  # type: ignore[arg-type]
            put_holds(mission.desk, changed, mission.clock())
