"""Accounts, for administrators: who has one and may do what, closing, signing out, and links to choose a password."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, cast

from flask import Flask, abort, flash, redirect, render_template, request, url_for

from kobo_sync.desk import accounts, one_time_links, rights
from kobo_sync.desk.accounts import AccountRefused, User
from kobo_sync.documents.pdf.barcodes import qr_png
from kobo_sync.language.catalogue import t
from kobo_sync.model import AccountRole
from kobo_sync.web.site import Answer, administrators, hall, person
from kobo_sync.web.texts import translate
from kobo_sync.web.words import ROLES


def add_to(app: Flask) -> None:
    """Add these pages."""
    app.add_url_rule("/comptes", "accounts", accounts_page)
    app.add_url_rule("/comptes/<act>", "change_account", change_account, methods=["POST"])


@administrators
def accounts_page() -> Answer:
    """Every account; with several missions also what each may in which."""
    return _page()


@administrators
def change_account(act: str) -> Answer:
    """Add, change, close, open or sign out the account that the form names, or make a link for it."""
    if act not in _ACTS:
        abort(404)
    username = request.form.get("username", "").strip().lower()
    try:
        shown = _ACTS[act](username)
    except AccountRefused as error:
        sentence = translate(f"{error.message} → {error.hint}" if error.hint else error.message)
        return _page(refusal=sentence, given=request.form if act == "ajouter" else {}), 400
    if isinstance(shown, str):
        flash(shown)
        return redirect(f"{url_for('accounts')}#c-{username}")
    return _page(**shown)


def _signed() -> dict[str, Any]:
    """Who changes an account, and when."""
    return {"now": hall().clock(), "by": person().username}


def _add(username: str) -> dict[str, Any]:
    desk, role = hall().accounts, _role("role")
    name, names = request.form.get("name", "").strip()[:255], "names" in request.form
    everywhere = cast(AccountRole, rights.NO_ROLE) if role is None else role
    accounts.add_user(desk, username, name, everywhere, None, names=names, **_signed())
    return _link(username)


def _change(username: str) -> str:
    desk, role = hall().accounts, _role("role")
    name, names = request.form.get("name", "").strip()[:255], "names" in request.form
    everywhere = cast(AccountRole, rights.NO_ROLE) if role is None else role
    accounts.change_user(
        desk,
        username,
        role=everywhere,
        names=names or role in accounts.STAFF,
        name=name or username,
        **_signed(),
    )
    for mission in hall().mission_names():
        right = _role(f"role:{mission}")
        if right:
            rights.give(desk, username, mission, right, names=f"names:{mission}" in request.form, **_signed())
        else:
            rights.withdraw(desk, username, mission, **_signed())
    return t("Account {name} changed.", name=username)


def _close(username: str) -> str:
    accounts.close_user(hall().accounts, username, **_signed())
    return t("Account {name} closed: its browsers are signed out, its links have ended.", name=username)


def _open(username: str) -> str:
    accounts.open_user(hall().accounts, username, **_signed())
    return t("Account {name} opened.", name=username)


def _sign_out(username: str) -> str:
    accounts.sign_out_everywhere(hall().accounts, username)
    return t("All browsers of {name} are signed out.", name=username)


def _link(username: str) -> dict[str, Any]:
    """The one page that shows a link: its token is kept nowhere, and no mail takes it anywhere."""
    desk, public_url = hall().accounts, hall().settings.public_url
    token = one_time_links.make_link(desk, username, person().username, hall().clock())
    address = public_url + url_for("one_time_link", token=token)
    picture = base64.b64encode(qr_png(address, scale=4)).decode() if public_url else ""
    return {"link_for": username, "address": address, "picture": picture, "has_public_url": bool(public_url)}


_ACTS: dict[str, Callable[[str], str | dict[str, Any]]] = {
    "ajouter": _add,
    "changer": _change,
    "fermer": _close,
    "ouvrir": _open,
    "deconnecter": _sign_out,
    "lien": _link,
}


def _page(**more: Any) -> str:
    desk = hall().accounts
    people = accounts.users(desk)
    return render_template(
        "accounts.html",
        people=[
            (each, rights.rights_of(desk, each.username) if hall().mission_names() else {})
            for each in _open_first(people)
        ],
        n_sessions=accounts.n_sessions(desk),
        roles=ROLES,
        missions=hall().mission_names(),
        **{"given": {}, **more},
    )


def _open_first(people: list[User]) -> list[User]:
    return sorted(people, key=lambda each: (each.disabled_at is not None, each.username))


def _role(field: str) -> AccountRole | None:
    """The role that a field of the form names; None for no role, where there are several missions."""
    role = request.form.get(field, "")
    if role in ROLES:
        return cast(AccountRole, role)
    if role or not hall().mission_names():
        abort(400)
    return None
