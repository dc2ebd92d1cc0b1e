"""Signing in and out, the language, and one's own password."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from flask import Flask, flash, g, redirect, render_template, request, session, url_for

from kobo_sync.desk import accounts
from kobo_sync.web.site import Answer, members, person, site
from kobo_sync.web.texts import LANGUAGES, t
from kobo_sync.web.words import ROLES

REFUSALS = {
    "wrong": "Nom ou mot de passe incorrect.",
    "locked": "Compte bloqué un quart d’heure après cinq erreurs. Réessayez plus tard.",
    "busy": "Trop d’essais depuis cette adresse. Attendez un quart d’heure.",
}


def add_to(app: Flask) -> None:
    """Add these pages."""
    app.add_url_rule("/connexion", "sign_in", sign_in, methods=["GET", "POST"])
    app.add_url_rule("/deconnexion", "sign_out", sign_out, methods=["POST"])
    app.add_url_rule("/langue", "choose_language", choose_language, methods=["POST"])
    app.add_url_rule("/compte", "account", account, methods=["GET", "POST"])


def sign_in() -> Answer:
    """The form, and its answer; the session that was there before is not taken over."""
    onward = local_address(request.values.get("suite", ""))
    if request.method == "GET":
        if g.user is not None:
            return redirect(onward)
        return render_template("sign_in.html", suite=onward, ended=g.get("session_ended", False))
    now, desk = site().clock(), site().mission.desk
    accounts.sweep(desk, now - timedelta(days=2))
    username = request.form.get("username", "").strip().lower()
    tried = accounts.sign_in(desk, username, request.form.get("password", ""), request.remote_addr or "?", now)
    if tried.user is None:
        status = 429 if tried.reason == "busy" else 401
        page = render_template("sign_in.html", suite=onward, refusal=t(REFUSALS[tried.reason]), username=username)
        return page, status
    chosen = session.get("language")
    session.clear()
    session["token"] = tried.token
    if chosen:
        session["language"] = chosen
    return redirect(onward)


def sign_out() -> Answer:
    """End this browser's session, on the desk too: a copied cookie is worth nothing afterwards."""
    token, chosen = session.get("token"), session.get("language")
    if isinstance(token, str):
        accounts.sign_out(site().mission.desk, token)
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
        now, desk, user = site().clock(), site().mission.desk, person()
        checked = accounts.check(desk, user.username, request.form.get("old", ""), request.remote_addr or "?", now)
        if checked.user is None:
            flash(t("Le mot de passe actuel est faux."), "error")
            return render_template("account.html", roles=ROLES), 400
        try:
            accounts.set_password(desk, user.username, request.form.get("new", ""))
        except accounts.AccountRefused:
            flash(
                t("Nouveau mot de passe refusé : au moins 12 caractères, sans votre nom. Une courte phrase convient."),
                "error",
            )
            return render_template("account.html", roles=ROLES), 400
        session.clear()
        flash(t("Mot de passe changé. Connectez-vous à nouveau."))
        return redirect(url_for("sign_in"))
    return render_template("account.html", roles=ROLES)


def local_address(address: str) -> str:
    """*address* when it is a path of this site, else the dashboard: nobody is sent elsewhere."""
    parts = urlsplit(address)
    is_ours = (
        not parts.scheme and not parts.netloc and address.startswith("/") and not address.startswith(("//", "/\\"))
    )
    return address if is_ours and "\\" not in address else url_for("dashboard")
