"""Signing in and out, the language, and one's own password."""

from __future__ import annotations

import secrets
from datetime import timedelta
from urllib.parse import urlsplit

from flask import Flask, current_app, flash, g, make_response, redirect, render_template, request, session, url_for
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.wrappers import Response

from kobo_sync.desk import accounts
from kobo_sync.language.catalogue import later, later_n, t, tn
from kobo_sync.language.speaking import LANGUAGES
from kobo_sync.web.site import Answer, hall, members, person
from kobo_sync.web.words import ROLES

REFUSALS = {"wrong": later("Wrong name or password."), "old": later("The current password is wrong.")}
WAIT = later_n("Too many tries. Wait {n} second, then try again.", "Too many tries. Wait {n} seconds, then try again.")
BROWSER_DAYS = 180  # how long a browser is known after its last good sign-in
MOST_NAMES = 8  # of one browser


def add_to(app: Flask) -> None:
    """Add these pages."""
    app.add_url_rule("/connexion", "sign_in", sign_in, methods=["GET", "POST"])
    app.add_url_rule("/deconnexion", "sign_out", sign_out, methods=["POST"])
    app.add_url_rule("/langue", "choose_language", choose_language, methods=["POST"])
    app.add_url_rule("/compte", "account", account, methods=["GET", "POST"])


def _refusal(reason: str, wait_s: int) -> str:
    return tn(*WAIT, wait_s) if wait_s else t(REFUSALS[reason])


def sign_in() -> Answer:
    """The form, and its answer; the session that was there before is not taken over."""
    onward = local_address(request.values.get("suite", ""))
    if request.method in ("GET", "HEAD"):  # who only looks has not tried
        if g.user is not None:
            return redirect(onward)
        return render_template("sign_in.html", suite=onward, ended=g.get("session_ended", False))
    now, desk = hall().clock(), hall().accounts
    accounts.sweep(desk, now - timedelta(days=2))
    username = request.form.get("username", "").strip().lower()
    browser, names = known_browser()
    password, address = request.form.get("password", ""), request.remote_addr or "?"
    tried = accounts.sign_in(desk, username, password, address, now, browser if username in names else "")
    if tried.user is None:
        refusal = _refusal(tried.reason, tried.wait_s)
        page = render_template("sign_in.html", suite=onward, refusal=refusal, username=username)
        answer = make_response(page, 429 if tried.wait_s else 401)
        if tried.wait_s:
            answer.headers["Retry-After"] = str(tried.wait_s)
        return answer
    chosen = session.get("language")
    session.clear()
    session["token"] = tried.token
    if chosen:
        session["language"] = chosen
    answer = make_response(redirect(onward))
    _remember_browser(answer, browser, [username, *(name for name in names if name != username)])
    return answer


def sign_out() -> Answer:
    """End this browser's session, on the desk too: a copied cookie is worth nothing afterwards."""
    token, chosen = session.get("token"), session.get("language")
    if isinstance(token, str):
        accounts.sign_out(hall().accounts, token)
    session.clear()
    if chosen:
        session["language"] = chosen
    return redirect(url_for("sign_in"))


def choose_language() -> Answer:
    """Show the pages in another language from now on."""
    chosen = request.form.get("language", "")
    if chosen in LANGUAGES:
        session["language"] = chosen
    return redirect(local_address(request.form.get("suite", "")))


@members
def account() -> Answer:
    """One's own account: role, rights, and another password."""
    if request.method == "POST":
        now, desk, user = hall().clock(), hall().accounts, person()
        # Whoever is signed in waits for errors of this session alone.
        browser, old = str(session.get("token", "")), request.form.get("old", "")
        checked = accounts.check(desk, user.username, old, request.remote_addr or "?", now, browser)
        if checked.user is None:
            flash(_refusal("old", checked.wait_s), "error")
            return render_template("account.html", roles=ROLES), 429 if checked.wait_s else 400
        try:
            new, near = request.form.get("new", ""), hall().names_at_hand()
            accounts.set_password(desk, user.username, new, near, by=user.username, now=now)
        except accounts.AccountRefused:
            flash(
                t(
                    "New password refused: at least 12 characters, no name, no date and no common password."
                    " A short sentence will do."
                ),
                "error",
            )
            return render_template("account.html", roles=ROLES), 400
        session.clear()
        flash(t("Password changed. Sign in again."))
        return redirect(url_for("sign_in"))
    return render_template("account.html", roles=ROLES)


# ── browsers that are known ──


def known_browser() -> tuple[str, list[str]]:
    """What this browser is called, and the accounts that signed in with it; a new name and none for a new one.

    The cookie opens nothing: it says whose wrong passwords make this browser wait, its own and nobody else's.
    """
    cookie = request.cookies.get(browser_cookie(), "")
    try:
        browser, names = _browser_signer().loads(cookie, max_age=BROWSER_DAYS * 86400)
    except (BadSignature, ValueError, TypeError):
        return secrets.token_urlsafe(12), []
    return str(browser), [str(name) for name in names]


def browser_cookie() -> str:
    """The name of the cookie by which a browser is known."""
    return f"{current_app.config['SESSION_COOKIE_NAME']}_known"


def _browser_signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(hall().accounts.signing_key(), salt="known browser")


def _remember_browser(answer: Response, browser: str, names: list[str]) -> None:
    answer.set_cookie(
        browser_cookie(),
        str(_browser_signer().dumps([browser, names[:MOST_NAMES]])),
        max_age=BROWSER_DAYS * 86400,
        secure=bool(current_app.config["SESSION_COOKIE_SECURE"]),
        httponly=True,
        samesite="Lax",
    )


def local_address(address: str) -> str:
    """*address* when it is a path of this site, else the start page: nobody is sent elsewhere."""
    parts = urlsplit(address)
    is_ours = (
        not parts.scheme and not parts.netloc and address.startswith("/") and not address.startswith(("//", "/\\"))
    )
    return address if is_ours and "\\" not in address else url_for(str(current_app.config["HOME"]))
