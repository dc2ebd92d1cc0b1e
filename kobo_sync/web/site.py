"""What every page works with: the mission as it is now, the clock, the person who looks, and words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import wraps
from typing import Any, ParamSpec, cast
from zoneinfo import ZoneInfo

from flask import abort, current_app, g, redirect, request, session, url_for
from werkzeug.wrappers import Response

from kobo_sync.config.passwords import names_of
from kobo_sync.config.service import Service
from kobo_sync.desk import accounts, rights
from kobo_sync.desk.accounts import User
from kobo_sync.desk.database import Desk
from kobo_sync.language import typography
from kobo_sync.language.speaking import LANGUAGES, Code, Digits, spoken
from kobo_sync.mission.federation import Federation
from kobo_sync.mission.mission import CurrentMission, Mission
from kobo_sync.workspace.folders import Workspace

P = ParamSpec("P")
Answer = str | Response | tuple[str, int]


PERSON = "kobo_sync.person"  # in the environ of a mission of several: who looks, as that mission knows them


class Hall(ABC):
    """What the pages for signing in work with, of one mission or of several."""

    clock: Callable[[], datetime]

    @property
    @abstractmethod
    def accounts(self) -> Desk:
        """Where the accounts, and the key that signs cookies, lie. Raises: StoreError."""

    @property
    @abstractmethod
    def settings(self) -> Service:
        """Where the pages listen, and how long a browser stays signed in."""

    @property
    @abstractmethod
    def language(self) -> Code:
        """What pages are told in to a browser that reads none of the program's languages."""

    @property
    def digits(self) -> Digits:
        """Those that Arabic pages are written with."""
        return "latin"

    @property
    @abstractmethod
    def home(self) -> Workspace:
        """The folder of the mission, or of the missions."""

    @abstractmethod
    def names_at_hand(self) -> list[str]:
        """What is tried first as a password."""

    def mission_names(self) -> list[str]:
        """The missions in which an account may have rights of its own; none where there is one alone."""
        return []


@dataclass
class Site(Hall):
    """A mission's pages' surroundings; *wake* tells the service that a run was wished for.

    With *federation* it is *name* among several missions: accounts, sessions and the pages for them are theirs together.
    """

    current: CurrentMission
    clock: Callable[[], datetime]
    wake: Callable[[], None] = lambda: None
    federation: Federation | None = None
    name: str = ""

    @property
    def mission(self) -> Mission:
        """The mission as its files say now."""
        return self.current()

    @property
    def accounts(self) -> Desk:
        """The mission's own desk, or the federation's."""
        return self.federation.desk if self.federation else self.mission.desk

    @property
    def home(self) -> Workspace:
        """The mission's own folder, or the federation's."""
        return self.federation.home if self.federation else self.mission.workspace

    @property
    def settings(self) -> Service:
        """The mission's own settings, or the federation's."""
        return self.federation.settings.service if self.federation else self.mission.config.service

    @property
    def language(self) -> Code:
        """The documents'; the program's first to a stranger, who must not tell a mission among several from none."""
        return LANGUAGES[0] if self._is_asked_by_stranger() else self.mission.config.mission.document_language.code

    @property
    def digits(self) -> Digits:
        """The documents'; to a stranger as `language`."""
        return "latin" if self._is_asked_by_stranger() else self.mission.config.mission.digits

    def _is_asked_by_stranger(self) -> bool:
        return self.federation is not None and not request.environ.get(PERSON)

    def names_at_hand(self) -> list[str]:
        """Words of the mission."""
        return list(names_of(self.mission.config))

    def users(self) -> list[User]:
        """All accounts that may enter, as this mission knows them."""
        return rights.users_of(self.federation.desk, self.name) if self.federation else accounts.users(self.accounts)

    def user(self, username: str) -> User | None:
        """The account as this mission knows it; None for one that has no business here."""
        user = accounts.user(self.accounts, username)
        return rights.in_mission(self.accounts, user, self.name) if self.federation and user else user

    @property
    def public_url(self) -> str:
        """Under which address people reach these pages, without the last slash; empty where none is set."""
        shared = self.federation.settings.service.public_url if self.federation else ""
        return self.mission.config.service.public_url or (f"{shared}/m/{self.name}" if shared else "")


def hall() -> Hall:
    """The surroundings of this request, of one mission or of several."""
    return cast(Hall, current_app.extensions["kobo_sync"])


def site() -> Site:
    """The site of this request, of one mission."""
    return cast(Site, current_app.extensions["kobo_sync"])


def here() -> str:
    """The address of this page, as a browser would ask for it again."""
    return (request.script_root + request.full_path).rstrip("?")


def person() -> User:
    """Who looks; only behind `members`."""
    return cast(User, g.user)


def load_person() -> None:
    """Find out who looks; nobody is fine."""
    if PERSON in request.environ:
        g.user = request.environ[PERSON]
        return
    settings, token = hall().settings, session.get("token")
    g.user = None
    if isinstance(token, str):
        g.user = accounts.signed_in(
            hall().accounts,
            token,
            hall().clock(),
            idle=timedelta(minutes=settings.idle_minutes),
            longest=timedelta(hours=settings.session_hours),
        )
        if g.user is None:
            session.pop("token", None)
            g.session_ended = True


def members(page: Callable[P, Answer]) -> Callable[P, Answer]:
    """A page for people with an account; others are asked to sign in first."""

    @wraps(page)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Answer:
        if g.user is None:
            if request.method not in ("GET", "HEAD") or request.path.endswith(".json"):
                abort(401)
            return redirect(url_for("sign_in", suite=here()))
        return page(*args, **kwargs)

    return guarded


def actors(page: Callable[P, Answer]) -> Callable[P, Answer]:
    """A page for staff and consultants."""
    return _only(page, lambda user: user.may_act)


def staff(page: Callable[P, Answer]) -> Callable[P, Answer]:
    """A page for staff."""
    return _only(page, lambda user: user.is_staff)


def administrators(page: Callable[P, Answer]) -> Callable[P, Answer]:
    """A page for administrators."""
    return _only(page, lambda user: user.is_administrator)


def _only(page: Callable[P, Answer], allowed: Callable[[User], bool]) -> Callable[P, Answer]:
    @members
    @wraps(page)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Answer:
        if not allowed(person()):
            abort(403)
        return page(*args, **kwargs)

    return guarded


# ── numbers and moments as people read them ─────────────────────────────────


def local(moment: datetime) -> datetime:
    """The moment on the mission's clock."""
    return moment.astimezone(ZoneInfo(site().mission.config.mission.timezone))


def moment(value: datetime | str | None, timezone: str = "") -> str:
    """``11/02/2025 17:03``, by the mission's clock or that of *timezone*; a dash for none."""
    if not value:
        return "–"
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    there = moment.astimezone(ZoneInfo(timezone)) if timezone else local(moment)
    return typography.numerals(f"{typography.short_day(there)} {there:%H:%M}")


def day(value: date | str | None) -> str:
    """``11/02/2025``."""
    if not value:
        return "–"
    return typography.short_day(date.fromisoformat(value) if isinstance(value, str) else value)


def percent(share: float | None) -> str:
    """``97 %``; a dash for none."""
    return typography.percent(share)


def number(value: float | None, digits: int = 0) -> str:
    """``1 234`` or ``0,80``; a dash for none."""
    return typography.number(value, digits)


def size(n_bytes: int) -> str:
    """``12 ko`` or ``3,4 Mo``."""
    return typography.size(n_bytes)


def form_title(form_id: str) -> str:
    """A form as people call it, in the browser's language where the mission says how; its id for one that is gone."""
    config, form = site().mission.config.forms.get(form_id), site().mission.forms.get(form_id)
    return (config.titles.get(spoken().code, "") if config else "") or (form.title if form else form_id)


def filters() -> dict[str, Callable[..., Any]]:
    """What templates may write behind a bar."""
    return {"moment": moment, "day": day, "percent": percent, "number": number, "size": size}
