"""The week in a mail: what came, how runs went, what waits for somebody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from kobo_sync.desk import runs
from kobo_sync.desk.notices import raise_notice
from kobo_sync.language import typography
from kobo_sync.language.catalogue import t, tn
from kobo_sync.language.speaking import speaking, spoken
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Report
from kobo_sync.notices.messages import TITLES, WEEK, digest_notice
from kobo_sync.store.database import Holding


def digest(mission: Mission) -> Report:
    """Put the week's digest on the list of mails, once per ISO week. Raises: StoreError, ConfigError."""
    started_at = mission.clock()
    today = started_at.astimezone(ZoneInfo(mission.config.mission.timezone)).date()
    with speaking(mission.config.mission.document_language):
        notice = digest_notice(mission, _lines(mission, started_at), today)
    is_new = mission.config.notices.smtp is not None and bool(mission.config.notices.staff)
    is_new = is_new and raise_notice(mission.desk, notice, started_at)
    summary = (
        "the week's digest waits to be sent" if is_new else "no digest: no mail server, nobody to tell, or told already"
    )
    return mission.report("digest", started_at, {"raised": int(is_new)}, [], [summary])


def _lines(mission: Mission, now: datetime) -> list[str]:
    lines = [t("What is here:"), ""]
    for holding in mission.store.holdings(list(mission.config.forms)):
        form = mission.forms.get(holding.form_id)
        title = form.title if form else holding.form_id
        lines.append(t("- {form}: {holding}", form=title, holding=_held(holding)))
    snapshot = mission.desk.snapshot("dashboard")
    if snapshot and mission.config.has_role("attendance"):
        has_quota = any(zone.target for zone in mission.config.zones)
        lines += ["", t("Presence (persons present / quota):") if has_quota else t("Persons present:"), ""]
        lines += [_presence(place) for place in snapshot[0]["zones"]]
    week = [run for run in runs.last_runs(mission.desk, 2000, with_reports=False) if run.started_at > now - WEEK]
    ended = Counter((run.job, run.has_failed) for run in week if run.ended_at)
    lines += ["", t("Jobs of the last seven days:"), ""]
    for job in sorted({job for job, _ in ended}):
        done, failed = ended[job, False], ended[job, True]
        well = tn("{n} success", "{n} successes", done) if done else t("no success")
        ill = tn("{n} failure", "{n} failures", failed) if failed else t("no failure")
        lines.append(t("- {job}: {done}, {failed}", job=t(TITLES.get(job, job)), done=well, failed=ill))
    return lines if ended else [*lines, t("none")]


def _presence(place: Mapping[str, Any]) -> str:
    name = place["labels"].get(spoken().code) or next(iter(place["labels"].values()), place["code"])
    present = place.get("published", {}).get("present", "–")
    if not place["quota"]:
        return t("- {zone}: {present}", zone=name, present=present)
    return t("- {zone}: {present} / {quota}", zone=name, present=present, quota=place["quota"])


def _held(holding: Holding) -> str:
    """``12 submissions here, as many on the server, no missing file``."""
    if holding.server_n is None:
        return t("never pulled")
    there = t("as many") if holding.server_n == holding.n_live else typography.number(holding.server_n)
    n, n_missing = holding.n_live, holding.n_files_missing
    here = tn("{n} submission", "{n} submissions", n) if n else t("no submission")
    missing = tn("{n} missing file", "{n} missing files", n_missing) if n_missing else t("no missing file")
    return t("{here} here, {there} on the server, {missing}", here=here, there=there, missing=missing)
