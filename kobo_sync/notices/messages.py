"""What people are told by mail, in French: failures, gaps, quotas on the training day, deliverables, the week."""

from __future__ import annotations

import hashlib
import logging
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from kobo_sync.desk import notices, runs, share_links
from kobo_sync.desk.notices import Notice
from kobo_sync.errors import KoboSyncError
from kobo_sync.language import typography
from kobo_sync.language.sentences import rule_title, translated
from kobo_sync.mission.mission import Mission
from kobo_sync.notices import mail
from kobo_sync.workspace.manifests import class_of_zip

log = logging.getLogger("kobo_sync.notices.messages")
INCOMPLETE = ("PULL001", "PULL002", "PULL004", "PULL007", "PULL009", "PULL011")
TITLES = {
    "run": "Tout faire, de la relève aux archives",
    "relay": "Transmission de la station de terrain",
    "pull": "Relève des réponses",
    "reconcile": "Recomptage avec le serveur",
    "check": "Recherche d’erreurs dans les réponses",
    "build": "Fabrication des documents",
    "deliver": "Archives à envoyer",
    "digest": "Bilan de la semaine par mail",
    "purge": "Effacement des données personnelles",
    "backup": "Sauvegarde",
    "adopt": "Reprise de projets du serveur",
    "doctor": "Diagnostic",
    "diff": "Comparaison des formulaires",
    "deploy": "Publication des formulaires",
    "roster": "Liste des participant·e·s",
    "export": "Export",
    "restore": "Restauration",
}
INTERRUPTED = {
    "lost": "a été interrompu : la machine ou le programme s’est arrêté au milieu",
    "stopped": "a été arrêté au milieu, avec le service",
    "missed": "n’a pas eu lieu : la machine ou le service était arrêté",
}
TOLD_WITHIN = timedelta(days=1)
MOST_ATTACHED_BYTES = 10_000_000


def after_run(mission: Mission, job: str, now: datetime) -> None:
    """Raise the notices that the run of *job* which just ended gives reason for. Raises: StoreError."""
    if mission.config.notices.smtp is None:
        return
    events = [*_failures(mission, job), *_gaps(mission, job, now), *_quotas(mission, now)]
    if job in ("run", "deliver"):
        events += _ready(mission)
    for notice in events:
        if (notice.to or notice.cc) and notices.raise_notice(mission.desk, notice, now):
            log.info("mail to send: %s", notice.kind)


def tell_of_interruptions(mission: Mission, now: datetime) -> None:
    """Raise a notice for each scheduled run that was cut short, or whose hour passed, since yesterday. Raises: StoreError."""
    if mission.config.notices.smtp is None:
        return
    for run in runs.cut_short_since(mission.desk, now - TOLD_WITHIN):  # asked every few seconds: no other run is read
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
    newest = streak[0]
    lines = [
        f"« {TITLES.get(job, job)} » a échoué {len(streak)} fois de suite.",
        "",
        f"Dernier essai : {_moment(mission, newest.started_at)}",
        f"Ce qui s’est passé : {translated(newest.report.get('error', ''), 'fr') or 'le programme a été interrompu'}",
        f"Remède : {translated(newest.report.get('hint') or '', 'fr') or 'voir la page Synchronisations'}",
        "",
        "Ce qui était reçu est en sûreté. Vous ne recevrez pas d’autre message tant que ce travail n’a pas réussi.",
    ]
    return [_notice(mission, f"failed:{job}:{streak[-1].run_id}", "failed", f"{TITLES.get(job, job)} : échec", lines)]


def _interruption(mission: Mission, run: runs.Run) -> Notice | None:
    slot = run.slot or run.report.get("slot")
    if slot is None:  # a person's or a command's: whoever asked for it sees it
        return None
    title = TITLES.get(run.job, run.job)
    what = INTERRUPTED[run.status]
    again = (
        "Il aura lieu à sa prochaine heure. La page Synchronisations permet de le lancer tout de suite."
        if run.slot  # its hour counts as passed
        else "Le service le rattrape dès qu’il est en marche : la page Synchronisations le montre."
    )
    lines = [f"« {title} », prévu le {_moment(mission, run.started_at)}, {what}.", "", again]
    lines += ["Ce qui était reçu est en sûreté."]
    return _notice(mission, f"interrupted:{run.run_id}", "failed", f"{title} : interrompu", lines)


def _gaps(mission: Mission, job: str, now: datetime) -> list[Notice]:
    """The mirror is not proved complete: once a day and form."""
    run = next(iter(runs.last_runs(mission.desk, 1, job=job)), None)
    lines_by_form: dict[str, list[str]] = {}
    for finding in run.report.get("findings", ()) if run else ():
        if finding.get("rule") in INCOMPLETE and finding.get("severity") == "error":
            lines_by_form.setdefault(finding.get("form_id", ""), []).append(
                f"- {rule_title(finding['rule'], 'fr')} ({finding['rule']}) : {_in_french(finding['message'], finding.get('hint', ''))}"
            )
    day = now.astimezone(ZoneInfo(mission.config.mission.timezone)).date()
    return [
        _notice(
            mission,
            f"incomplete:{form_id}:{day}",
            "incomplete",
            f"Données incomplètes : {_title(mission, form_id) or 'mission'}",
            [
                f"La relève ne prouve pas que tout est là pour {f'le formulaire « {_title(mission, form_id)} »' if form_id else 'la mission'} :",
                "",
                *lines,
                "",
                "La relève suivante réessaie.",
            ],
        )
        for form_id, lines in sorted(lines_by_form.items())
    ]


def _quotas(mission: Mission, now: datetime) -> list[Notice]:
    """On a zone's training day: the quota is reached, or in danger once `notices.quota_hour` has passed."""
    settings = mission.config.notices
    snapshot = mission.desk.snapshot("dashboard")
    if snapshot is None:
        return []
    local = now.astimezone(ZoneInfo(mission.config.mission.timezone))
    events = []
    for place in snapshot[0]["zones"]:
        if place["training_on"] != local.date().isoformat() or not place["quota"]:
            continue
        n, quota = place["n_present"], place["quota"]
        name = next(iter(place["labels"].values()), place["code"])
        if n >= quota:
            what, subject = "reached", f"{name} : quota atteint ({n} / {quota})"
        elif local.time() >= settings.quota_hour and n < settings.endangered_below * quota:
            what, subject = "endangered", f"{name} : quota en danger ({n} / {quota})"
        else:
            continue
        lines = [
            f"{name}, {typography.day(local.date())} à {local:%H:%M} : {typography.none_or(n, 'personne présente', 'personnes présentes', none='aucune')} pour un quota de {quota}.",
            "",
        ]
        lines += [_group(group) for group in place["groups"] if group["quota"]]
        events.append(_notice(mission, f"quota_{what}:{place['code']}:{local.date()}", "quota", subject, lines))
    return events


def _group(group: dict[str, Any]) -> str:
    n = group["women"] + group["men"] + group["other"]
    return f"- {next(iter(group['labels'].values()), group['code'])} : {n} / {group['quota']}"


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
    lines = [f"Les livrables de la mission « {mission.config.mission.title} » sont prêts :", ""]
    lines += [
        f"- {_place(mission, path.stem)} : {path.name} ({typography.size(path.stat().st_size)})" for path in bundles
    ]
    told = "L’archive jointe ne contient" if len(attached) == 1 else "Les archives jointes ne contiennent"
    lines += ["", f"{told} aucun fichier nominatif."] if attached else []
    lines += ["", _where(mission)] if len(attached) < len(bundles) else []
    subject = f"Livrables prêts : {mission.config.mission.title}"
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
    subject = f"Bilan de la semaine {week} : {mission.config.mission.title}"
    return _notice(mission, f"digest:{year}-{week:02}", "digest", subject, lines)


# ── words ──


def _notice(mission: Mission, event: str, kind: str, subject: str, lines: list[str]) -> Notice:
    return Notice(event, kind, subject, _signed(mission, lines), tuple(mission.config.notices.staff))


def _signed(mission: Mission, lines: list[str]) -> str:
    return "\n".join(
        [*lines, "", "-- ", f"kobo-sync, {mission.config.mission.title}", mission.config.service.public_url]
    )


def _title(mission: Mission, form_id: str) -> str:
    """A form as people call it."""
    form = mission.forms.get(form_id)
    return form.title if form else form_id


def _in_french(message: str, cure: str) -> str:
    return " → ".join(translated(part, "fr") for part in (message, cure) if part)


def _where(mission: Mission) -> str:
    url = mission.config.service.public_url
    return f"À télécharger : {url}/livrables" if url else "À télécharger sur la page Livrables."


def _place(mission: Mission, code: str) -> str:
    zone = mission.config.zone(code)
    return zone.name if zone else "Mission"


def _moment(mission: Mission, moment: datetime) -> str:
    local = moment.astimezone(ZoneInfo(mission.config.mission.timezone))
    return f"{typography.day(local.date())} à {local:%H:%M}"


WEEK = timedelta(days=7)
