"""What people are told by mail, in the documents' language: failures, gaps, quotas on the training day, deliverables, the week."""

from __future__ import annotations

import hashlib
import logging
import re
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from kobo_sync.desk import notices, runs, share_links
from kobo_sync.desk.notices import Notice
from kobo_sync.errors import KoboSyncError
from kobo_sync.language import typography
from kobo_sync.language.catalogue import later, t, tn
from kobo_sync.language.sentences import rule_title, translated
from kobo_sync.language.speaking import speaking, spoken
from kobo_sync.mission.mission import Mission
from kobo_sync.notices import mail
from kobo_sync.workspace.manifests import class_of_zip

log = logging.getLogger("kobo_sync.notices.messages")
RIGHT_TO_LEFT = "\u200f"  # a mark that shows nothing
INCOMPLETE = ("PULL001", "PULL002", "PULL004", "PULL007", "PULL009", "PULL011")
TITLES = {
    "run": later("Everything, from the pull to the archives"),
    "relay": later("Relay of the field station"),
    "pull": later("Pull of the answers"),
    "reconcile": later("Count against the server"),
    "check": later("Search for faults in the answers"),
    "build": later("Making of the documents"),
    "deliver": later("Archives to send"),
    "final": later("Final delivery"),
    "report": later("Report brought back"),
    "digest": later("Summary of the week by mail"),
    "purge": later("Erasure of personal data"),
    "person": later("Erasure of a person"),
    "backup": later("Backup"),
    "adopt": later("Adoption of projects of the server"),
    "doctor": later("Diagnosis"),
    "diff": later("Comparison of the forms"),
    "deploy": later("Deployment of the forms"),
    "roster": later("List of participants"),
    "export": later("Export"),
    "restore": later("Restoration"),
}
INTERRUPTED = {
    "lost": later("“{job}”, due on {moment}, was cut short: the machine or the program stopped in the middle."),
    "stopped": later("“{job}”, due on {moment}, was stopped in the middle, with the service."),
    "missed": later("“{job}”, due on {moment}, was not done: the machine or the service was off."),
}
TOLD_WITHIN = timedelta(days=1)
MOST_ATTACHED_BYTES = 10_000_000


def after_run(mission: Mission, job: str, now: datetime) -> None:
    """Raise the notices that the run of *job* which just ended gives reason for. Raises: StoreError."""
    if mission.config.notices.smtp is None:
        return
    with speaking(mission.config.mission.document_language):
        events = [*_failures(mission, job), *_gaps(mission, job, now), *_quotas(mission, now)]
        if job in ("run", "deliver", "final"):
            events += _ready(mission)
    for notice in events:
        if (notice.to or notice.cc) and notices.raise_notice(mission.desk, notice, now):
            log.info("mail to send: %s", notice.kind)


def tell_of_interruptions(mission: Mission, now: datetime) -> None:
    """Raise a notice for each scheduled run that was cut short, or whose hour passed, since yesterday. Raises: StoreError."""
    if mission.config.notices.smtp is None:
        return
    for run in runs.cut_short_since(mission.desk, now - TOLD_WITHIN):  # asked every few seconds: no other run is read
        with speaking(mission.config.mission.document_language):
            notice = _interruption(mission, run)
        if notice and (notice.to or notice.cc) and notices.raise_notice(mission.desk, notice, now):
            log.info("mail to send: %s", notice.kind)


def send_waiting(mission: Mission, now: datetime) -> int:
    """Send the mails that wait; returns how many left. One that cannot leave is tried again. Raises: StoreError."""
    smtp = mission.config.notices.smtp
    n = 0
    while smtp is not None and (notice := notices.claim(mission.desk, now)) is not None:
        try:
            files = _attachments(mission, notice)
            message = mail.message(
                smtp, notice.subject, notice.body, to=notice.to, cc=notice.cc, files=files, event=notice.event, now=now
            )
            ca_file = str(mission.workspace.root / smtp.ca_file) if smtp.ca_file else ""
            mail.send(smtp, mission.config.secret("SMTP_PASSWORD"), message, ca_file)
        except KoboSyncError as error:
            log.warning("mail not sent: %s", error.message)
            notices.not_sent(mission.desk, notice.event, " → ".join(filter(None, (error.message, error.hint))), now)
            return n
        notices.sent(mission.desk, notice.event, now)
        n += 1
    return n


def _attachments(mission: Mission, notice: Notice) -> dict[str, bytes]:
    files = {}
    for name in notice.files:
        path = mission.workspace.out / name
        if path.is_file() and _may_be_attached(mission, path):  # made anew meanwhile, or forbidden
            files[path.name] = path.read_bytes()
    return files


# ── events ──


def _failures(mission: Mission, job: str) -> list[Notice]:
    """The job failed twice in a row: told once, until it has worked again."""
    streak = []
    for run in runs.last_runs(mission.desk, 50, job=job):
        if not run.has_failed:
            break
        streak.append(run)
    if len(streak) < 2:
        return []
    newest, title = streak[0], t(TITLES.get(job, job))
    what, cure = _told(newest.report.get("error", "")), _told(newest.report.get("hint") or "")
    lines = [
        tn("“{job}” has failed {n} time in a row.", "“{job}” has failed {n} times in a row.", len(streak), job=title),
        "",
        t("Last try: {moment}", moment=_moment(mission, newest.started_at)),
        t("What happened: {what}", what=what or t("the program was interrupted")),
        t("Cure: {cure}", cure=cure or t("see the page Synchronisations")),
        "",
        t("What was received is safe. You will get no other message until this job has succeeded."),
    ]
    subject = t("{job}: failure", job=title)
    return [_notice(mission, f"failed:{job}:{streak[-1].run_id}", "failed", subject, lines)]


def _interruption(mission: Mission, run: runs.Run) -> Notice | None:
    slot = run.slot or run.report.get("slot")
    if slot is None:  # a person's or a command's: whoever asked for it sees it
        return None
    title = t(TITLES.get(run.job, run.job))
    what = t(INTERRUPTED[run.status], job=title, moment=_moment(mission, run.started_at))
    again = (
        t("It will be done at its next hour. The page Synchronisations can start it at once.")
        if run.slot  # its hour counts as passed
        else t("The service catches up with it as soon as it runs: the page Synchronisations shows it.")
    )
    lines = [what, "", again, t("What was received is safe.")]
    return _notice(mission, f"interrupted:{run.run_id}", "failed", t("{job}: interrupted", job=title), lines)


def _gaps(mission: Mission, job: str, now: datetime) -> list[Notice]:
    """The mirror is not proved complete: once a day and form."""
    run = next(iter(runs.last_runs(mission.desk, 1, job=job)), None)
    lines_by_form: dict[str, list[str]] = {}
    for finding in run.report.get("findings", ()) if run else ():
        if finding.get("rule") in INCOMPLETE and finding.get("severity") == "error":
            lines_by_form.setdefault(finding.get("form_id", ""), []).append(
                t(
                    "- {title} ({rule}): {message}",
                    title=rule_title(finding["rule"], spoken().code),
                    rule=finding["rule"],
                    message=_with_cure(finding["message"], finding.get("hint", "")),
                )
            )
    day = now.astimezone(ZoneInfo(mission.config.mission.timezone)).date()
    return [
        _notice(
            mission,
            f"incomplete:{form_id}:{day}",
            "incomplete",
            t("Incomplete data: {form}", form=_title(mission, form_id) or t("mission")),
            [
                t("The pull does not prove that all is there for the form “{form}”:", form=_title(mission, form_id))
                if form_id
                else t("The pull does not prove that all is there for the mission:"),
                "",
                *lines,
                "",
                t("The next pull tries again."),
            ],
        )
        for form_id, lines in sorted(lines_by_form.items())
    ]


def _quotas(mission: Mission, now: datetime) -> list[Notice]:
    """On a zone's days: the quota is reached, or in danger once `notices.quota_hour` has passed."""
    settings = mission.config.notices
    snapshot = mission.desk.snapshot("dashboard")
    if snapshot is None or not mission.config.has_role("attendance"):
        return []
    local = now.astimezone(ZoneInfo(mission.config.mission.timezone))
    events = []
    for place in snapshot[0]["zones"]:
        if local.date().isoformat() not in place.get("days", ()) or not place["quota"]:
            continue
        n, quota = place["n_present"], place["quota"]
        name = _label(place)
        if n >= quota:
            what, subject = "reached", t("{zone}: quota reached ({n} / {quota})", zone=name, n=n, quota=quota)
        elif local.time() >= settings.quota_hour and n < settings.endangered_below * quota:
            what, subject = "endangered", t("{zone}: quota in danger ({n} / {quota})", zone=name, n=n, quota=quota)
        else:
            continue
        present = tn("{n} person present", "{n} persons present", n) if n else t("nobody present")
        moment = _moment(mission, now)
        text = t(
            "{zone}, {moment}: {present} for a quota of {quota}.",
            zone=name,
            moment=moment,
            present=present,
            quota=quota,
        )
        lines = [text, ""]
        lines += [_group(group) for group in place["groups"] if group["quota"]]
        events.append(_notice(mission, f"quota_{what}:{place['code']}:{local.date()}", "quota", subject, lines))
    return events


def _group(group: dict[str, Any]) -> str:
    n = group["women"] + group["men"] + group["other"]
    return t("- {group}: {n} / {quota}", group=_label(group), n=n, quota=group["quota"])


def _ready(mission: Mission) -> list[Notice]:
    """New bundles lie ready: a link, or the bundles without any nominative file."""
    settings, out = mission.config.notices, mission.workspace.out
    places = [zone.code for zone in mission.config.zones] + ["mission"]
    bundles = [path for code in places if (path := out / f"{code}.zip").is_file()]
    if not bundles or not (settings.deliverables_to or settings.deliverables_cc):
        return []
    digest = hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in bundles)).hexdigest()
    fit = [path for path in bundles if settings.attach and _may_be_attached(mission, path)]
    attached = (
        tuple(path.name for path in fit) if sum(path.stat().st_size for path in fit) <= MOST_ATTACHED_BYTES else ()
    )
    lines = [t("The deliverables of the mission “{mission}” are ready:", mission=mission.config.mission.title), ""]
    lines += [
        t("- {place}: {file} ({size})", place=_place(mission, path.stem), file=path.name, size=_size(path))
        for path in bundles
    ]
    anonymous = tn(
        "The attached archive holds no nominative file.",
        "The attached archives hold no nominative file.",
        len(attached),
    )
    lines += ["", anonymous] if attached else []
    lines += ["", _where(mission)] if len(attached) < len(bundles) else []
    subject = t("Deliverables ready: {mission}", mission=mission.config.mission.title)
    return [
        Notice(
            f"ready:{digest[:32]}",
            "ready",
            subject,
            _signed(mission, lines),
            tuple(settings.deliverables_to),
            tuple(settings.deliverables_cc),
            attached,
        )
    ]


def _may_be_attached(mission: Mission, path: Path) -> bool:
    """Whether a zip may go by mail, which asks for no account either: rows of people only where the config says so."""
    return share_links.may_be_shared(class_of_zip(path), pseudonymised=mission.config.privacy.share_pseudonymised)


def digest_notice(mission: Mission, lines: list[str], on: date) -> Notice:
    """The week's digest, once per ISO week."""
    year, week, _ = on.isocalendar()
    subject = t("Summary of week {week}: {mission}", week=week, mission=mission.config.mission.title)
    return _notice(mission, f"digest:{year}-{week:02}", "digest", subject, lines)


# ── words ──


def _notice(mission: Mission, event: str, kind: str, subject: str, lines: list[str]) -> Notice:
    return Notice(event, kind, subject, _signed(mission, lines), tuple(mission.config.notices.staff))


def _signed(mission: Mission, lines: list[str]) -> str:
    if spoken().code == "ar":  # a line that begins with a Latin name would run from the left
        lines = [re.sub(r"(?m)^(?=.)", RIGHT_TO_LEFT, line) for line in lines]
    return "\n".join(
        [*lines, "", "-- ", f"kobo-sync, {mission.config.mission.title}", mission.config.service.public_url]
    )


def _title(mission: Mission, form_id: str) -> str:
    """A form as people call it."""
    form = mission.forms.get(form_id)
    return form.title if form else form_id


def _told(text: str) -> str:
    return translated(text, spoken().code)


def _with_cure(message: str, cure: str) -> str:
    return t("{message} → {cure}", message=_told(message), cure=_told(cure)) if cure else _told(message)


def _label(place: dict[str, Any]) -> str:
    """A zone or group as its mission calls it."""
    return str(place["labels"].get(spoken().code) or next(iter(place["labels"].values()), place["code"]))


def _size(path: Path) -> str:
    return typography.size(path.stat().st_size)


def _where(mission: Mission) -> str:
    public = mission.config.service.public_url
    url = f"{public}/livrables"
    return t("To download: {url}", url=url) if public else t("To download on the page Deliverables.")


def _place(mission: Mission, code: str) -> str:
    zone = mission.config.zone(code)
    return zone.name if zone else t("Mission")


def _moment(mission: Mission, moment: datetime) -> str:
    local = moment.astimezone(ZoneInfo(mission.config.mission.timezone))
    return t("{day} at {hour}", day=typography.day(local.date()), hour=local.strftime("%H:%M"))


WEEK = timedelta(days=7)
