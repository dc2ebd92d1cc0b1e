"""Several missions on one port: their list, each one's pages below ``/m/<name>/``, and nothing of one to who has no right there.

A mission's pages are an application of their own, made when somebody asks for it. Before that it is decided who looks, and
as what: for who has no right in a mission it is as if there were none.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask, abort, current_app, g, jsonify, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFProtect
from werkzeug.wrappers import Response

from kobo_sync import __version__
from kobo_sync.config.service import Service
from kobo_sync.desk import rights
from kobo_sync.desk.accounts import User
from kobo_sync.desk.database import Desk
from kobo_sync.errors import KoboSyncError
from kobo_sync.language.catalogue import t
from kobo_sync.language.speaking import LANGUAGES, Code, spoken
from kobo_sync.mission.mission import CurrentMission
from kobo_sync.notices.messages import TITLES
from kobo_sync.service.logs import of_mission
from kobo_sync.service.missions import Member, Missions
from kobo_sync.serving import Admission, is_malformed
from kobo_sync.web import accounts, journal, one_time_link, sign_in
from kobo_sync.web.app import bare_app, behind_proxies, create_app, nameless
from kobo_sync.web.doors import HOOK_BYTES, age_s, figures, may_measure, unready
from kobo_sync.web.porter import porter
from kobo_sync.web.site import PERSON, Answer, Hall, Site, here, load_person, members, person
from kobo_sync.web.texts import translate
from kobo_sync.web.words import ROLES
from kobo_sync.workspace.folders import Workspace

MOST_OPEN = 24  # missions whose pages are kept open: more are opened again when somebody asks for them
FAULT = "kobo_sync.fault"  # in the environ: why the mission that was asked for cannot be shown
OPEN_DOORS = ("lien", "hook", "health", "metrics")  # of a mission: they decide by themselves who may
REFUSALS = (400, 401, 403, 404, 405, 410)
Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


@dataclass
class Front(Hall):
    """What the missions have in common: accounts, the list, the pages for signing in."""

    missions: Missions

    @property
    def clock(self) -> Callable[[], datetime]:  # type: ignore[override]
        """The federation's clock."""
        return self.missions.federation.clock

    @property
    def accounts(self) -> Desk:
        """The federation's desk."""
        return self.missions.federation.desk

    @property
    def home(self) -> Workspace:
        """The folder of the missions."""
        return self.missions.federation.home

    @property
    def settings(self) -> Service:
        """The federation's settings."""
        return self.missions.federation.settings.service

    @property
    def language(self) -> Code:
        """The program's first: the missions may have several, and strangers are not told of any."""
        return LANGUAGES[0]

    def names_at_hand(self) -> list[str]:
        """The missions' names, and the words of their titles."""
        titles = [member.state.title for member in self.missions.members() if member.state]
        return [
            *(member.name for member in self.missions.members()),
            *(word for each in titles for word in each.split()),
        ]

    def mission_names(self) -> list[str]:
        """All of them, those at fault too."""
        return [member.name for member in self.missions.members()]


def front() -> Front:
    """The surroundings of this request."""
    hall = current_app.extensions["kobo_sync"]
    assert isinstance(hall, Front)
    return hall


class ManyMissions:
    """The pages of all missions as one WSGI application; *porter* decides what each request may bring."""

    def __init__(self, missions: Missions) -> None:
        self.missions = missions
        self._federation = missions.federation
        self.front, csrf = bare_app(Front(missions), nameless)
        self.front.config["HOME"] = "start"
        add_to(self.front, csrf)
        self._porter = porter(self.front)
        self._apps: OrderedDict[str, tuple[Flask, CurrentMission]] = OrderedDict()
        self._lock, self._opening = threading.Lock(), {}  # type: tuple[threading.Lock, dict[str, threading.Lock]]
        proxies = self._federation.settings.service.trusted_proxies
        self._wsgi: Wsgi = behind_proxies(self._answer, proxies) if proxies else self._answer

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request."""
        return self._wsgi(environ, start_response)

    def porter(self, environ: dict[str, Any]) -> Admission:
        """What a request may bring, seen at its head."""
        name, rest = _parts(environ)
        if name and rest.startswith("hook/"):
            member = self.missions.member(name)
            return Admission(HOOK_BYTES if member and member.is_hook(rest.split("/")[1]) else 0)
        return self._porter(environ)

    def close(self) -> None:
        """Give back what was opened."""
        for name in list(self._apps):
            self._forget(name)

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        for key in (PERSON, FAULT):
            environ.pop(key, None)
        name, rest = _parts(environ)
        if name and rest.startswith("static/"):  # one copy for all, and it tells nothing of who is there
            return self.front({**environ, "PATH_INFO": f"/{rest}"}, start_response)
        if name and not is_malformed(environ):
            try:
                app = self._admitted(environ, name, rest)
            except KoboSyncError as error:
                environ[FAULT], app = error, None
            if app:
                inner = environ | {
                    "SCRIPT_NAME": f"{environ.get('SCRIPT_NAME', '')}/m/{name}",
                    "PATH_INFO": f"/{rest}",
                }
                with of_mission(name):
                    if environ.pop(PERSON):
                        return app(inner, start_response)
                    answer = Response.from_app(app, inner)
                if answer.status_code not in REFUSALS:
                    return answer(inner, start_response)
                answer.close()  # the front refuses in the same words whether the mission is there or not
        return self.front(environ, start_response)

    def _admitted(self, environ: dict[str, Any], name: str, rest: str) -> Flask | None:
        """The application of mission *name*, when who asks has business there; None sends them to the front. Raises: KoboSyncError."""
        member = self.missions.member(name)
        if member is None or member.fault:
            self._forget(name)
            return None
        user = None
        if rest.partition("/")[0] not in OPEN_DOORS:
            with self.front.request_context(dict(environ)):
                load_person()
                user = rights.in_mission(self._federation.desk, g.user, name) if g.user else None
            if user is None:
                return None
        app = self._app(name)
        environ[PERSON] = user
        return app

    def _app(self, name: str) -> Flask:
        """The application of mission *name*, made if need be; making one holds up nobody who wants another."""
        with self._lock:
            opening = self._opening.setdefault(name, threading.Lock())
        with opening:
            with self._lock:
                if name in self._apps:
                    self._apps.move_to_end(name)
                    return self._apps[name][0]
            current = CurrentMission(lambda: self._federation.open(name))
            app = create_app(
                Site(current, self._federation.clock, lambda: self.missions.wake(name), self._federation, name)
            )
            with self._lock:
                self._apps[name] = (app, current)
                oldest = next(iter(self._apps)) if len(self._apps) > MOST_OPEN else ""
        if oldest:
            self._forget(oldest)
        return app

    def _forget(self, name: str) -> None:
        with self._lock:
            opened = self._apps.pop(name, None)
        if opened:
            opened[1].close()


def _parts(environ: dict[str, Any]) -> tuple[str, str]:
    """(mission, the rest of the path) of an address below /m/; empty for any other."""
    path = str(environ.get("PATH_INFO", ""))
    name, slash, rest = path.removeprefix("/m/").partition("/")
    return (name, rest) if path.startswith("/m/") and slash else ("", "")


# ── the pages in common ──


def add_to(app: Flask, csrf: CSRFProtect) -> None:
    """Add the pages that the missions have in common."""
    for pages in (sign_in, one_time_link, accounts, journal):
        pages.add_to(app)
    app.add_url_rule("/", "start", start)
    app.add_url_rule("/missions", "missions", missions)
    app.add_url_rule("/health", "health", health)
    app.add_url_rule("/metrics", "metrics", metrics)
    every = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]
    for rule in ("/m/<name>", "/m/<name>/", "/m/<name>/<path:rest>"):
        app.add_url_rule(rule, "elsewhere", csrf.exempt(elsewhere), methods=every)


@members
def start() -> Answer:
    """The list; the mission itself for who has one alone."""
    visible = _visible(person())
    return redirect(f"/m/{visible[0][0].name}/" if len(visible) == 1 else url_for("missions"))


@members
def missions() -> Answer:
    """The missions where who looks has a right: the last sync, what fails, what comes next."""
    rows = [_row(member, user) for member, user in _visible(person())]
    return render_template("missions.html", rows=sorted(rows, key=lambda row: (row["rank"], row["title"])))


def _visible(user: User) -> list[tuple[Member, User]]:
    """The missions where *user* has a right, each with the person as it knows them."""
    given = rights.rights_of(front().accounts, user.username)
    pairs = [(member, rights.as_in(user, given, member.name)) for member in front().missions.members()]
    return [(member, known) for member, known in pairs if known is not None]


def _row(member: Member, user: User) -> dict[str, Any]:
    state, fault = member.state, member.fault or (member.state.lacks if member.state else None)
    failing = [t(TITLES.get(run.job, run.job)) for run in state.failing] if state else []
    tone, word = _tone(member, bool(failing))
    return {
        "name": member.name,
        "rank": ("bad", "warn", "busy", "plain", "good").index(tone),
        "title": (state.titles.get(spoken().code) or state.title) if state else member.name,
        "role": t(ROLES[user.role]),
        "tone": tone,
        "word": word,
        "state": state,
        "failing": failing,
        "fault": translate(f"{fault.message} → {fault.hint}" if fault.hint else fault.message)
        if fault and user.may_act
        else "",
        "next": t(TITLES[state.next_job]) if state and state.next_job in TITLES else "",
        "n_open": state.n_open if state and user.may_act else 0,
        "doing": t(TITLES.get(member.doing, member.doing)) if member.doing else "",
        "is_served": not member.fault,
    }


def _tone(member: Member, is_failing: bool) -> tuple[str, str]:
    """How the mission is, and in a word."""
    if member.fault:
        return "bad", t("at fault")
    if member.state is None:
        return "plain", t("not looked at yet")
    if is_failing or member.state.lacks:
        return "bad", t("a job is failing")
    if member.doing or member.state.is_running:
        return "busy", t("at work")
    if member.state.last_success is None:
        return "warn", t("nothing pulled yet")
    return "good", t("up to date")


def elsewhere(name: str, rest: str = "") -> Answer:
    """What is asked of a mission that is not there, not for who asks, or at fault: the first two are never told apart."""
    door = rest.partition("/")[0]
    fault = request.environ.get(FAULT)
    member = front().missions.member(name)
    user = rights.in_mission(front().accounts, g.user, name) if g.user else None
    if door in OPEN_DOORS:
        abort(410 if door == "lien" else 404)
    if g.user is None:
        if request.method not in ("GET", "HEAD") or request.path.endswith(".json"):
            abort(401)
        return redirect(url_for("sign_in", suite=here()))
    if user is None or member is None:
        abort(404)
    if not request.path.startswith(f"/m/{name}/"):
        return redirect(f"/m/{name}/")
    fault = member.fault or fault
    if fault is None:  # mended meanwhile
        return redirect(f"/m/{name}/")
    cure = translate(f"{fault.message} → {fault.hint}" if fault.hint else fault.message) if user.may_act else ""
    return render_template("mission_at_fault.html", name=name, cure=cure), 503


def health() -> Answer:
    """Whether the service answers, and how many of its missions; the age of the oldest last good pull. Nobody is named."""
    try:
        front().accounts.signing_key()
    except KoboSyncError:
        return unready()
    served = [member for member in front().missions.members() if not member.fault]
    successes = [member.state.last_success for member in served if member.state and member.state.last_success]
    counts = {"missions": len(front().missions.members()), "at_fault": len(front().missions.members()) - len(served)}
    oldest = age_s(min(successes, default=None), front().clock())
    return jsonify({"ready": True, "version": __version__, **counts, "last_success_age_s": oldest})


def metrics() -> Answer:
    """The figures of all missions, as of the last look at each; to this machine, or to whoever has the federation's METRICS_TOKEN."""
    if not may_measure(front().missions.federation.secrets.get("METRICS_TOKEN", "")):
        abort(404)
    there = front().missions.members()
    states = {member.name: member.state for member in there if member.state and not member.fault}
    return figures(states, front().clock(), {member.name: member.fault is None for member in there})
