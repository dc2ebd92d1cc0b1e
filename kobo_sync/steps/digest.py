"""The week in a mail: what came, how runs went, what waits for somebody."""

from __future__ import annotations

from collections import Counter
from zoneinfo import ZoneInfo

from kobo_sync.desk import runs
from kobo_sync.desk.notices import raise_notice
from kobo_sync.language import typography
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Report
from kobo_sync.notices.messages import TITLES, WEEK, digest_notice
from kobo_sync.store.database import Holding


def digest(mission: Mission) -> Report:
    """Put the week's digest on the list of mails, once per ISO week. Raises: StoreError, ConfigError."""
    started_at = mission.clock()
    today = started_at.astimezone(ZoneInfo(mission.config.mission.timezone)).date()
    lines = ["Ce qui est là :", ""]
    for holding in mission.store.holdings(list(mission.config.forms)):
        form = mission.forms.get(holding.form_id)
        lines.append(f"- {form.title if form else holding.form_id} : {_held(holding)}")
    snapshot = mission.desk.snapshot("dashboard")
    if snapshot:
        lines += ["", "Présence (personnes présentes / quota) :", ""]
        lines += [
            f"- {next(iter(place['labels'].values()), place['code'])} : {place.get('published', {}).get('present', '–')} / {place['quota']}"
            for place in snapshot[0]["zones"]
        ]
    week = [run for run in runs.last_runs(mission.desk, 2000, with_reports=False) if run.started_at > started_at - WEEK]
    ended = Counter((run.job, "échecs" if run.has_failed else "réussites") for run in week if run.ended_at)
    lines += ["", "Travaux des sept derniers jours :", ""]
    for job in dict.fromkeys(job for job, _ in sorted(ended)):
        lines.append(
            f"- {TITLES.get(job, job)} : {typography.none_or(ended[job, 'réussites'], 'réussite', none='aucune')}, {typography.none_or(ended[job, 'échecs'], 'échec')}"
        )
    lines += [] if ended else ["aucun"]
    is_new = mission.config.notices.smtp is not None and bool(mission.config.notices.staff)
    is_new = is_new and raise_notice(mission.desk, digest_notice(mission, lines, today), started_at)
    summary = (
        "the week's digest waits to be sent" if is_new else "no digest: no mail server, nobody to tell, or told already"
    )
    return mission.report("digest", started_at, {"raised": int(is_new)}, [], [summary])


def _held(holding: Holding) -> str:
    """``12 soumissions ici, autant sur le serveur, aucun fichier manquant``."""
    if holding.server_n is None:
        return "jamais relevé"
    there = "autant" if holding.server_n == holding.n_live else typography.number(holding.server_n)
    here = typography.none_or(holding.n_live, "soumission", none="aucune")
    missing = typography.none_or(holding.n_files_missing, "fichier manquant", "fichiers manquants")
    return f"{here} ici, {there} sur le serveur, {missing}"
