"""The web application: its pages, its guards, its headers, and what it says when something goes wrong."""

from __future__ import annotations

import hashlib
import logging
import re
import time
from urllib.parse import urlsplit

from flask import Flask, Response, g, redirect, render_template, request, session
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response as BaseResponse

from kobo_sync.errors import KoboSyncError
from kobo_sync.mission.mission import random_uuid
from kobo_sync.notices.translations import rule_title, setting_label, translated
from kobo_sync.web import (
    collection,
    dashboard,
    deliverables,
    doors,
    forms,
    quality,
    settings,
    sign_in,
    synchronisations,
)
from kobo_sync.web.porter import refuse_malformed
from kobo_sync.web.site import Site, filters, form_title, load_person
from kobo_sync.web.texts import LANGUAGES, RIGHT_TO_LEFT, label, language, t, tn, translate

log = logging.getLogger("kobo_sync.web")
MOST_BYTES = 256 * 1024  # what a form of these pages may send
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
MENU = (
    ("dashboard", "Tableau de bord"),
    ("collection", "Collecte"),
    ("quality", "Qualité"),
    ("synchronisations", "Synchronisations"),
    ("deliverables", "Livrables"),
    ("forms", "Formulaires"),
    ("settings", "Réglages"),
)
# What pages say for each kind of error: title, then what to do.
FAULTS = {
    400: ("Demande non comprise", "Revenez à la page précédente et réessayez."),
    401: ("Session terminée", "Connectez-vous à nouveau."),
    403: ("Accès refusé", "Votre compte n’a pas ce droit. Demandez-le à l’équipe."),
    404: ("Page introuvable", "L’adresse est fausse, ou ce document n’existe plus."),
    405: ("Demande non comprise", "Revenez à la page précédente et réessayez."),
    410: ("Lien expiré", "Demandez un nouveau lien à la personne qui vous l’a envoyé."),
    413: ("Envoi trop volumineux", "Cette page n’accepte pas de fichier."),
    429: ("Trop d’essais", "Attendez une minute, puis réessayez."),
    503: ("Momentanément indisponible", "Réessayez dans une minute."),
}


def create_app(site: Site) -> Flask:
    """The pages as a WSGI application."""
    config = site.mission.config.service
    app = Flask("kobo_sync.web")
    app.extensions["kobo_sync"] = site
    is_https = config.public_url.startswith("https://")
    key = site.mission.desk.signing_key()
    # Browsers tell hosts apart, not ports: two services on one host must not take each other's cookies for theirs.
    cookie = f"kobo_sync_{hashlib.sha256(f'cookie {key}'.encode()).hexdigest()[:8]}"
    app.url_map.merge_slashes = False  # it would redirect to whatever host the request names
    app.config.update(
        SECRET_KEY=key,
        MAX_CONTENT_LENGTH=MOST_BYTES,
        SESSION_COOKIE_NAME=f"__Host-{cookie}" if is_https else cookie,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=is_https,
        SESSION_COOKIE_PATH="/",
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session, which has its own end
        WTF_CSRF_SSL_STRICT=is_https,
    )
    if config.trusted_proxies:
        n = config.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=n, x_proto=n, x_host=n)  # type: ignore[method-assign]
    app.jinja_env.filters.update(filters())
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    csrf = CSRFProtect(app)
    app.before_request(_begin)
    app.context_processor(_words)
    app.after_request(_finish)
    app.register_error_handler(CSRFError, _forged)
    app.register_error_handler(HTTPException, _fault)
    app.register_error_handler(KoboSyncError, _broken)
    app.register_error_handler(Exception, _crashed)
    for pages in (sign_in, dashboard, collection, quality, synchronisations, deliverables, forms, settings):
        pages.add_to(app)
    doors.add_to(app, csrf)
    return app


def _begin() -> BaseResponse | None:
    g.user = None
    refuse_malformed()
    astray = request.routing_exception
    if isinstance(astray, RequestRedirect):  # its own answer would lead to whatever host the request names
        return redirect(urlsplit(astray.new_url).path or "/", 308)
    request_id = request.headers.get("X-Request-ID", "")
    g.request_id = request_id if REQUEST_ID.fullmatch(request_id) else random_uuid()
    g.began = time.perf_counter()
    if request.endpoint not in ("static", "health", "metrics", "hook"):
        load_person()
    return None


def _words() -> dict[str, object]:
    from kobo_sync.web.site import site

    code, mission = language(), site().mission.config.mission
    return {
        "t": t,
        "tn": tn,
        "translate": translate,
        "rule_title": lambda rule: rule_title(rule, code),
        "setting_label": lambda key: setting_label(key, code),
        "label": label,
        "form_title": form_title,
        "language": code,
        "languages": LANGUAGES,
        "direction": "rtl" if code in RIGHT_TO_LEFT else "ltr",
        "user": g.get("user"),
        "menu": MENU,
        "mission_title": mission.titles.get(code) or mission.title,
        "timezone": site().mission.config.mission.timezone,
        "config_fault": site().current.fault,
    }


def _finish(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["X-Request-ID"] = g.get("request_id", "")
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    took_ms = round((time.perf_counter() - g.get("began", time.perf_counter())) * 1000)
    if request.endpoint not in ("static", "health", "metrics"):
        # The rule, never the address: addresses hold secrets of hooks and links.
        rule = request.url_rule.rule if request.url_rule else "-"
        about = {"request_id": g.get("request_id", ""), "status": response.status_code, "took_ms": took_ms}
        log.info("%s %s %d %d ms", request.method, rule, response.status_code, took_ms, extra=about)
    return response


# ── when something goes wrong ──


def _page(code: int, title: str, cure: str) -> tuple[str, int]:
    if g.get("user", 0) == 0:
        g.user = None
    return render_template("fault.html", title=title, cure=cure, code=code), code


def _forged(_error: CSRFError) -> tuple[str, int]:
    session.pop("csrf_token", None)
    return _page(400, t("Formulaire périmé"), t("Rechargez la page et réessayez : rien n’a été changé."))


def _fault(error: HTTPException) -> tuple[str, int] | BaseResponse:
    code = error.code or 500
    if error.response is not None or code < 400:
        return error.get_response()
    title, cure = FAULTS.get(code, ("Erreur", "Réessayez."))
    return _page(code, t(title), t(cure))


def _broken(error: KoboSyncError) -> tuple[str, int]:
    log.error("%s", error.message, extra={"request_id": g.get("request_id", "")})
    cure = translated(f"{error.message} → {error.hint}" if error.hint else error.message, language())
    return _page(503, t("Momentanément indisponible"), cure)


def _crashed(_error: Exception) -> tuple[str, int]:
    log.exception("the program itself is at fault", extra={"request_id": g.get("request_id", "")})
    return _page(
        500,
        t("Le programme est en faute"),
        t("Signalez-le à l’équipe, avec ce numéro :") + f" {g.get('request_id', '')}",
    )
