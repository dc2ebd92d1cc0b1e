"""Doors for those without an account: KoboToolbox's hook, share links, health and metrics."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json

from flask import Flask, Response, abort, jsonify, request
from flask_wtf.csrf import CSRFProtect
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from kobo_sync import __version__
from kobo_sync.desk import access_log, runs, schedules, worklist
from kobo_sync.errors import KoboSyncError
from kobo_sync.store.form_status import form_statuses
from kobo_sync.web.deliverables import read_file, sent, shared_file
from kobo_sync.web.site import Answer, site

HOOK_BYTES = 128 * 1024  # far more than a submission without its files
PULLS = ("run", "pull", "reconcile")


def add_to(app: Flask, csrf: CSRFProtect) -> None:
    """Add these doors; the hook's secret stands in for the token of a form."""
    app.add_url_rule("/hook/<secret>", "hook", csrf.exempt(hook), methods=["POST"])
    app.add_url_rule("/hook/<secret>/<form_id>", "hook", csrf.exempt(hook), methods=["POST"])
    app.add_url_rule("/lien/<token>", "shared", shared)
    app.add_url_rule("/health", "health", health)
    app.add_url_rule("/metrics", "metrics", metrics)


def hook(secret: str, form_id: str = "") -> Answer:
    """Something came on the server: pull that form soon. What is sent is not believed, only a reason to look."""
    mission = site().mission
    if not is_hook(secret):
        abort(404)
    if form_id not in mission.config.forms:
        if (request.content_length or 0) > HOOK_BYTES:
            abort(413)
        form_id = _form_of(request.get_data(cache=False))
    schedules.wish(mission.desk, "pull", form_id=form_id, origin="hook", now=site().clock())
    site().wake()
    return Response(status=202)


def is_hook(secret: str) -> bool:
    """Whether it is the secret that KoboToolbox was given."""
    expected = site().mission.config.secret("HOOK_SECRET")
    digests = (hashlib.sha256(text.encode("utf-8", "replace")).digest() for text in (secret, expected))
    return bool(expected) and hmac.compare_digest(*digests)


def _form_of(body: bytes) -> str:
    """The form that a submission's JSON names by its project; empty (all forms) when it names none of ours."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    uid = payload.get("_xform_id_string") if isinstance(payload, dict) else None
    deployed = site().mission.store.deployments()
    return next((form_id for form_id, deployment in deployed.items() if deployment.asset_uid == uid), "")


def shared(token: str) -> Answer:
    """The file behind a share link; an ended link says so."""
    pair = shared_file(token)
    if pair is None:
        abort(410)
    link, file = pair
    content = read_file(file)
    digest = hashlib.sha256(content).hexdigest()
    if request.method == "GET":  # a mail program that looks at the head takes nothing
        access_log.log_download(
            site().mission.desk, file.path, file.classification, digest, site().clock(), share_id=link.share_id
        )
    answer = sent(file, content)
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer


def health() -> Answer:
    """Whether the service answers and its databases do; how old the last good pull is. No secret, no answer."""
    now = site().clock()
    try:
        success = runs.last_success(site().mission.desk, PULLS)
        site().mission.store.deployments()
    except KoboSyncError:
        answer = jsonify({"ready": False})
        answer.status_code = 503
        return answer
    age = round((now - success).total_seconds()) if success else None
    return jsonify({"ready": True, "version": __version__, "last_success_age_s": age})


def metrics() -> Answer:
    """Figures for Prometheus: to this machine, or to whoever has METRICS_TOKEN."""
    token = site().mission.config.secret("METRICS_TOKEN")
    token_sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
    is_allowed = hmac.compare_digest(token_sent.encode(), token.encode()) if token else _is_local(request.remote_addr)
    if not is_allowed:
        abort(404)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures())
    return Response(generate_latest(registry), mimetype="text/plain; version=0.0.4; charset=utf-8")


def _is_local(address: str | None) -> bool:
    try:
        return bool(address) and ipaddress.ip_address(str(address)).is_loopback
    except ValueError:
        return False


class _Figures:
    """The figures, read when asked for."""

    def collect(self) -> list[Metric]:
        mission, now = site().mission, site().clock()
        holdings = form_statuses(mission.store, list(mission.config.forms))
        metrics: list[Metric] = []

        def gauge(name: str, text: str, labels: list[str], rows: list[tuple[list[str], float]]) -> None:
            family = GaugeMetricFamily(f"kobo_sync_{name}", text, labels=labels)
            for values, value in rows:
                family.add_metric(values, value)
            metrics.append(family)

        def per_form(name: str, text: str, values: list[float | None]) -> None:
            pairs = zip(holdings, values, strict=True)
            gauge(name, text, ["form"], [([holding.form_id], value) for holding, value in pairs if value is not None])

        per_form("submissions", "Live submissions in the mirror", [h.n_live for h in holdings])
        per_form("server_submissions", "Submissions that the server counted last", [h.server_n for h in holdings])
        per_form("files_missing", "Files not received yet", [h.n_files_missing for h in holdings])
        per_form("quarantined", "Rows that could not be understood", [h.n_quarantined for h in holdings])
        ages = [(now - h.pulled_at).total_seconds() if h.pulled_at else None for h in holdings]
        per_form("pull_age_seconds", "Seconds since the last pull", ages)
        ended = runs.counts_by_status(mission.desk)
        rows = [([job, status], float(n)) for (job, status), n in sorted(ended.items())]
        gauge("runs", "Runs by job and how they ended", ["job", "status"], rows)
        states = [([state], float(n)) for state, n in worklist.counts(mission.desk).items()]
        gauge("findings", "Findings of the worklist by state", ["state"], states)
        success = runs.last_success(mission.desk, PULLS)
        if success:
            gauge(
                "last_success_age_seconds",
                "Seconds since a pull ended well",
                [],
                [([], (now - success).total_seconds())],
            )
        gauge("running", "Whether a run is at work", [], [([], float(runs.running(mission.desk) is not None))])
        return metrics
