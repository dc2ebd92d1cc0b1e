"""The page behind a one-time link: the first administrator makes an account, everybody else chooses a password."""

from __future__ import annotations

from typing import Any

from flask import Flask, abort, current_app, make_response, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from kobo_sync.desk import accounts, one_time_links
from kobo_sync.desk.accounts import AccountRefused
from kobo_sync.desk.one_time_links import LinkEnded, OneTimeLink
from kobo_sync.language.catalogue import t
from kobo_sync.web.site import Answer, hall
from kobo_sync.web.texts import translate
from kobo_sync.workspace.showing import forget_door


def add_to(app: Flask) -> None:
    """Add this page."""
    app.add_url_rule("/acces/<token>", "one_time_link", one_time_link, methods=["GET", "POST"])


def one_time_link(token: str) -> Answer:
    """The form and its answer: signed in. An ended link says so; an address that guesses waits as one that tries passwords."""
    desk, now, address = hall().accounts, hall().clock(), request.remote_addr or "?"
    if accounts.begin_link_try(desk, address, now):
        abort(429)
    link = one_time_links.open_link(desk, token, now)
    if link is None:
        abort(410)
    accounts.end_link_try(desk, address)
    if not link.username:
        forget_door(hall().home)
    if request.method != "POST":
        return _page(link)
    password = request.form.get("password", "")
    username = request.form.get("username", "").strip().lower()
    if password != request.form.get("again", ""):
        return _page(link, t("The two passwords are not the same."), username, 400)
    try:
        if link.username:
            cookie = one_time_links.choose_password(desk, token, password, now, hall().names_at_hand())
        else:
            name = request.form.get("name", "").strip()[:255]
            cookie = one_time_links.make_first_account(
                desk, token, username, name, password, now, hall().names_at_hand()
            )
    except AccountRefused as error:
        return _page(link, translate(f"{error.message} → {error.hint}"), username, 400)
    except LinkEnded:  # used meanwhile
        abort(410)
    chosen = session.get("language")
    session.clear()
    session["token"] = cookie
    if chosen:
        session["language"] = chosen
    return redirect(url_for(str(current_app.config["HOME"])))


def _page(link: OneTimeLink, refusal: str = "", username: str = "", code: int = 200) -> Response:
    given: dict[str, Any] = {"username": username, "name": request.form.get("name", "")}
    answer = make_response(render_template("one_time_link.html", link=link, refusal=refusal, given=given), code)
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer
