"""The web application: its pages, its guards, its headers, and what it says when something goes wrong."""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, redirect, render_template, request, session, url_for
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response as BaseResponse

from kobo_sync.desk.accounts import User
from kobo_sync.desk.row_findings import n_to_deal_with
from kobo_sync.errors import KoboSyncError
from kobo_sync.language.catalogue import later, t, tc, tn
from kobo_sync.language.sentences import rule_title, setting_label, translated
from kobo_sync.language.speaking import NAMES, Language, speak, spoken
from kobo_sync.mission.mission import random_uuid
from kobo_sync.web import (
    accounts,
    change_settings,
    changes,
    collection,
    connection,
    dashboard,
    deliverables,
    doors,
    form_drafts,
    form_previews,
    forms,
    journal,
    lists,
    one_time_link,
    persons,
    phones,
    printing,
    quality,
    report,
    settings,
    sign_in,
    submission,
    synchronisations,
)
from kobo_sync.web.porter import refuse_malformed
from kobo_sync.web.site import Hall, Site, filters, form_title, here, load_person, site
from kobo_sync.web.texts import browser_language, direction, label, place, translate
from kobo_sync.web.uploads import admit_files

log = logging.getLogger("kobo_sync.web")
MOST_BYTES = 256 * 1024  # what a form of these pages may send
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Where several missions have their pages in common, endpoint → path.
SHARED = {
    "missions": "/missions",
    "sign_in": "/connexion",
    "sign_out": "/deconnexion",
    "choose_language": "/langue",
    "account": "/compte",
    "accounts": "/comptes",
}
MACHINES = ("static", "health", "metrics", "hook")  # what no person reads
MENU = (
    ("dashboard", later("Dashboard")),
    ("collection", later("Collection")),
    ("quality", later("Quality")),
    ("synchronisations", later("Synchronisations")),
    ("deliverables", later("Deliverables")),
    ("forms", later("Forms")),
    ("settings", later("Settings")),
    ("accounts", later("Accounts")),
)
# Beside those that lie below a page of the menu: path → the page that leads there.
_BELOW = {
    "/zones/": "dashboard",
    "/lignes/": "collection",
    "/serveur": "forms",
    "/telephones": "forms",
}
_MAY_OPEN: dict[str, Callable[[User], bool]] = {  # pages that not everybody may open
    "settings": lambda user: user.may_act,
    "accounts": lambda user: user.is_administrator,
}
# What pages say for each kind of error: title, then what to do.
FAULTS = {
    400: (later("Request not understood"), later("Go back to the page before and try again.")),
    401: (later("Session ended"), later("Sign in again.")),
    403: (later("Access denied"), later("Your account does not have this right. Ask the team for it.")),
    404: (later("Page not found"), later("The address is wrong, or this document is no longer there.")),
    405: (later("Request not understood"), later("Go back to the page before and try again.")),
    410: (later("This link has expired"), later("Ask the person who sent it to you for a new link.")),
    413: (later("What was sent is too large"), later("Send a smaller file: the page says how large it may be.")),
    429: (later("Too many tries"), later("Wait a minute, then try again.")),
    503: (later("Unavailable for the moment"), later("Try again in a minute.")),
}
OTHER_FAULT = (later("Error"), later("Try again."))


def create_app(site: Site) -> Flask:
    """A mission's pages as a WSGI application; those for signing in are left out where several missions share them."""
    app, csrf = bare_app(site, _words)
    of_forms = (forms, form_drafts, form_previews, connection, phones)
    of_documents = (deliverables, report, printing)
    for pages in (dashboard, collection, quality, submission, synchronisations, *of_documents, *of_forms):
        pages.add_to(app)
    for pages in (settings, change_settings, lists, changes, journal, persons):
        pages.add_to(app)
    doors.add_to(app, csrf)
    if site.federation:
        app.url_build_error_handlers.append(lambda error, endpoint, _values: SHARED.get(endpoint) or _raise(error))
    else:
        for pages in (sign_in, one_time_link, accounts):
            pages.add_to(app)
        proxies = site.settings.trusted_proxies
        if proxies:
            app.wsgi_app = behind_proxies(app.wsgi_app, proxies)  # type: ignore[method-assign]
    return app


def _raise(error: Exception) -> str:
    raise error


def behind_proxies(wsgi: Any, n: int) -> ProxyFix:
    """The application, which believes what *n* reverse proxies say of who asks."""
    return ProxyFix(wsgi, x_for=n, x_proto=n, x_host=n)


def bare_app(hall: Hall, words: Callable[[], dict[str, object]]) -> tuple[Flask, CSRFProtect]:
    """An application with all guards, headers and words, without pages; *words* are what its templates know beside those."""
    app = Flask("kobo_sync.web")
    app.extensions["kobo_sync"] = hall
    is_https = hall.settings.public_url.startswith("https://")
    key = hall.accounts.signing_key()
    # Browsers tell hosts apart, not ports: two services on one host must not take each other's cookies for theirs.
    cookie = f"kobo_sync_{hashlib.sha256(f'cookie {key}'.encode()).hexdigest()[:8]}"
    app.url_map.merge_slashes = False  # it would redirect to whatever host the request names
    app.config.update(
        HOME="dashboard",
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
    app.jinja_env.filters.update(filters())
    app.jinja_env.globals.update(t=t, tn=tn, tc=tc, later=later, translate=translate, place=place, label=label)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.before_request(_speak)  # first of all: refusals are told in the browser's language too
    app.before_request(admit_files)
    csrf = CSRFProtect(app)
    app.before_request(_begin)
    app.context_processor(_common_words)
    app.context_processor(words)
    app.after_request(_finish)
    app.teardown_request(_fall_silent)
    app.register_error_handler(CSRFError, _forged)
    app.register_error_handler(HTTPException, _fault)
    app.register_error_handler(KoboSyncError, _broken)
    app.register_error_handler(Exception, _crashed)
    return app, csrf


def _speak() -> None:
    g.spoken_before = spoken()
    if request.endpoint not in MACHINES:
        hall = current_app.extensions["kobo_sync"]
        speak(Language(browser_language(hall.language), hall.digits))


def _fall_silent(_error: BaseException | None) -> None:
    """The thread answers another browser next."""
    if "spoken_before" in g:
        speak(g.pop("spoken_before"))


def _begin() -> BaseResponse | None:
    g.user = None
    refuse_malformed()
    astray = request.routing_exception
    if isinstance(astray, RequestRedirect):  # its own answer would lead to whatever host the request names
        return redirect(urlsplit(astray.new_url).path or "/", 308)
    request_id = request.headers.get("X-Request-ID", "")
    g.request_id = request_id if REQUEST_ID.fullmatch(request_id) else random_uuid()
    g.began = time.perf_counter()
    if request.endpoint not in MACHINES:
        load_person()
    return None


def _common_words() -> dict[str, object]:
    code = spoken().code
    return {
        "rule_title": lambda rule: rule_title(rule, code),
        "setting_label": lambda key: setting_label(key, code),
        "form_title": form_title,
        "this_page": here,
        "asset": _asset,
        "language": code,
        "languages": NAMES,
        "direction": direction(),
        "user": g.get("user"),
    }


def _asset(name: str) -> str:
    """The address of a file that all pages share: one for all missions, which tells nothing of any."""
    path, hall = url_for("static", filename=name), current_app.extensions["kobo_sync"]
    return path.removeprefix(request.script_root) if isinstance(hall, Site) and hall.federation else path


def _menu(user: User | None) -> list[tuple[str, str]]:
    """The pages that *user* may open; where several missions share the accounts, the page for these is behind their list."""
    if user is None:
        return []
    shared = SHARED if site().federation else {}
    return [(name, title) for name, title in MENU if name not in shared and _MAY_OPEN.get(name, bool)(user)]


def _menu_place(menu: list[tuple[str, str]]) -> str:
    """The page of the menu that this page is, or lies below; empty for one that has no place there."""
    path = request.path
    for endpoint, _ in menu:
        at = url_for(endpoint).removeprefix(request.script_root)
        if path == at or (at != "/" and path.startswith(f"{at}/")):
            return endpoint
    return next((endpoint for start, endpoint in _BELOW.items() if path.startswith(start)), "")


def _words() -> dict[str, object]:
    """What templates know of the mission; to a stranger, one of several is neither named nor told from none."""
    if site().federation and g.get("user") is None:
        return nameless()
    mission, menu = site().mission.config.mission, _menu(g.get("user"))
    return {
        "menu": menu,
        "menu_place": _menu_place(menu),
        "home": url_for("dashboard"),
        "home_name": t("Dashboard"),
        "missions_url": SHARED["missions"] if site().federation else "",
        "mission_title": mission.titles.get(spoken().code) or mission.title,
        "n_to_deal_with": n_to_deal_with(site().mission.desk) if g.get("user") and g.user.may_act else 0,
        "timezone": mission.timezone,
        "config_fault": site().current.fault,
    }


def nameless() -> dict[str, object]:
    """What templates know where no one mission is spoken of."""
    return {"menu": (), "home": SHARED["missions"], "home_name": t("Missions"), "mission_title": t("Missions")}


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
    return _page(400, t("This form is out of date"), t("Load the page again and retry: nothing was changed."))


def _fault(error: HTTPException) -> tuple[str, int] | BaseResponse:
    code = error.code or 500
    if error.response is not None or code < 400:
        return error.get_response()
    title, cure = FAULTS.get(code, OTHER_FAULT)
    return _page(code, t(title), t(cure))


def _broken(error: KoboSyncError) -> tuple[str, int]:
    log.error("%s", error.message, extra={"request_id": g.get("request_id", "")})
    cure = translated(f"{error.message} → {error.hint}" if error.hint else error.message, spoken().code)
    return _page(503, t("Unavailable for the moment"), cure)


def _crashed(_error: Exception) -> tuple[str, int]:
    log.exception("the program itself is at fault", extra={"request_id": g.get("request_id", "")})
    return _page(
        500,
        t("The program is at fault"),
        t("Tell the team, with this number: {number}", number=g.get("request_id", "")),
    )
