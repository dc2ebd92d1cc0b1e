"""Doors for those without an account: KoboToolbox's hook, share links, health and metrics."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime

from flask import Flask, Response, abort, jsonify, request
from flask_wtf.csrf import CSRFProtect

from kobo_sync import __version__
from kobo_sync.desk import access_log, schedules
from kobo_sync.errors import KoboSyncError
from kobo_sync.mission.freshness import last_collected
from kobo_sync.service.states import PULLS, State, state_of
from kobo_sync.serving import is_loopback, is_own_name
from kobo_sync.web.deliverables import read_file, sent, shared_file
from kobo_sync.web.figures import exposition
from kobo_sync.web.site import Answer, site

HOOK_BYTES = 128 * 1024  # far more than a submission without its files
PROXY_HEADERS = {"forwarded", "via", "x-real-ip"}


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
    """Whether the service answers and its databases do; how old the last good pull is. No secret, no answer.

    Of one mission among several it is for whoever may read the figures: others are not told which missions there are.
    """
    federation, now = site().federation, site().clock()
    if federation and not _may_measure():
        abort(404)
    try:
        success = last_collected(site().mission, PULLS)
        site().mission.store.deployments()
    except KoboSyncError:
        return unready()
    return jsonify({"ready": True, "version": __version__, "last_success_age_s": age_s(success, now)})


def unready() -> Response:
    """The answer of a service whose databases do not."""
    answer = jsonify({"ready": False})
    answer.status_code = 503
    return answer


def age_s(moment: datetime | None, now: datetime) -> int | None:
    """How many seconds ago *moment* was; None for none."""
    return round((now - moment).total_seconds()) if moment else None


def metrics() -> Answer:
    """Figures for Prometheus: to this machine, or to whoever has METRICS_TOKEN."""
    if not _may_measure():
        abort(404)
    mission, now = site().mission, site().clock()
    return figures({"": state_of(mission, now)}, now)


def figures(states: Mapping[str, State], now: datetime, up: Mapping[str, bool] | None = None) -> Response:
    """The figures of `exposition` as an answer."""
    return Response(exposition(states, now, up), mimetype="text/plain; version=0.0.4; charset=utf-8")


def _may_measure() -> bool:
    shared = site().federation.secrets.get("METRICS_TOKEN", "") if site().federation else ""  # type: ignore[union-attr]
    return may_measure(site().mission.config.secret("METRICS_TOKEN"), shared)


def may_measure(*tokens: str) -> bool:
    """Whether this request has one of *tokens*, or, where none is set, comes from this machine."""
    token_sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not any(tokens):
        return _is_from_here()
    return any(hmac.compare_digest(token_sent.encode(), token.encode()) for token in tokens if token)


def _is_from_here() -> bool:
    """Whether a program on this machine asks, and no reverse proxy on it, which would make everybody seem to be here.

    A proxy says that it is one, passes on by which name it was asked, or, nginx with no more than ``proxy_pass``, speaks HTTP/1.0.
    """
    names = {name.lower() for name, _value in request.headers}
    passed_on = names & PROXY_HEADERS or any(name.startswith("x-forwarded-") for name in names)
    is_direct = not passed_on and request.environ.get("SERVER_PROTOCOL") != "HTTP/1.0"
    return is_direct and is_own_name(request.host) and is_loopback(request.remote_addr or "")
