"""The stand-in's sessions, users, projects, app users and assignments."""

from __future__ import annotations

from typing import Any

from central_doors import actor, body, extended, form_of, office, project_of, success
from central_problems import Json, Problem, exists_already, no_right, not_found, not_signed_in, shown
from central_state import VERBS, Actor, Form, Project
from flask import Blueprint, request

routes = Blueprint("accounts", __name__, url_prefix="/v1")
_ROLES = {"app-user": 2, "2": 2}
_LASTING = "9999-12-31T23:59:59.000Z"


@routes.post("/sessions")
def sign_in() -> Json:
    if office().sso:  # the door is not there, and nobody has signed in
        raise not_found()
    email, password = body().get("email"), body().get("password")
    if not email or not password:
        got = {name: value for name, value in body().items() if name in ("email", "password")}
        pairs = ", ".join(f"{name}: {got.get(name, 'undefined')}" for name in ("email", "password"))
        text = f"Required parameters missing. Expected (email, password), got ({pairs})."
        raise Problem(400.3, text, {"expected": ["email", "password"], "got": got})
    user = next((one for one in office().actors.values() if one.email == email and not one.deleted_at), None)
    if user is None or user.password != password:
        raise not_signed_in()
    user.last_login = office().now()
    token, ends = office().start_session(user)
    return {"token": token, "csrf": token[::-1], "expiresAt": shown(ends), "createdAt": shown(user.last_login)}


@routes.delete("/sessions/current")
def sign_out() -> Json:
    office().end_session(request.headers.get("Authorization", "").removeprefix("Bearer "))
    return success()


@routes.get("/users/current")
def who_am_i() -> Json:
    user = actor()
    if not user.email:
        raise not_found()
    verbs = (
        {"verbs": VERBS["admin"] if user.admin else [], "preferences": {"site": {}, "projects": {}}}
        if extended()
        else {}
    )
    return {"email": user.email, "lastLoginAt": shown(user.last_login), **user.api(), **verbs}


@routes.get("/audits")
def audits() -> list[Json]:
    """Of rows alone; for the site's administrators."""
    if not actor().admin:
        raise no_right()
    rows = [row for project in office().projects.values() for form in project.forms for row in form.rows.values()]
    action, start = request.args.get("action"), request.args.get("start", "")
    entries = [
        one for row in rows for one in row.audits if action in (None, one["action"]) and one["loggedAt"] >= start
    ]
    entries.sort(key=lambda one: str(one["loggedAt"]), reverse=True)
    first = request.args.get("offset", 0, int)
    return entries[first : first + request.args.get("limit", len(entries), int)]


# ── projects ────────────────────────────────────────────────────────────────


def _shown_project(project: Project) -> Json:
    return {
        "id": project.id,
        "name": project.name,
        "createdAt": shown(project.created_at),
        "updatedAt": shown(project.updated_at),
        "deletedAt": None,
        "archived": project.archived,
        "keyId": project.key_id,
        "description": project.description,
    }


def _with_verbs(project: Project) -> Json:
    return {**_shown_project(project), "verbs": list(actor().verbs(project))}


def _extended(project: Project) -> Json:
    live = [form for form in project.forms if form.deleted_at is None]
    entities = [one for dataset in project.datasets.values() for one in dataset.entities.values()]
    return {
        **_with_verbs(project),
        "forms": len(live),
        "appUsers": len(_app_users(project)),
        "datasets": len(project.datasets),
        "lastSubmission": shown(max((row.created_at for form in live for row in form.live), default=None)),
        "lastEntity": shown(max((one.created_at for one in entities), default=None)),
    }


@routes.get("/projects")
def list_projects() -> list[Json]:
    visible = [one for one in office().projects.values() if "project.read" in actor().verbs(one)]
    return [_extended(one) if extended() else _with_verbs(one) for one in visible]


@routes.post("/projects")
def create_project() -> Json:
    if not actor().admin:
        raise no_right()
    project = office().add_project(body().get("name", ""))
    project.description = body().get("description")
    return {**_shown_project(project), "acteeId": project.actee}


@routes.get("/projects/<p>")
def one_project(p: str) -> Json:
    project = project_of(p, "project.read")
    return _extended(project) if extended() else _shown_project(project)


@routes.patch("/projects/<p>")
def patch_project(p: str) -> Json:
    project = project_of(p, "project.update")
    for name in ("name", "description", "archived"):
        if name in body():
            setattr(project, name, body()[name])
    project.updated_at = office().now()
    return _shown_project(project)


# ── app users ───────────────────────────────────────────────────────────────


def _app_users(project: Project) -> list[Actor]:
    return [one for one in office().actors.values() if one.project == project.id and one.deleted_at is None]


def _shown_phone(user: Actor) -> Json:
    answer = {"projectId": user.project, **user.api(), "token": user.token}
    more = {"createdBy": office().admin.api(), "lastUsed": None, "properties": dict(user.properties) or None}
    return answer | (more if extended() else {})


@routes.get("/projects/<p>/app-users")
def list_app_users(p: str) -> list[Json]:
    return [_shown_phone(one) for one in reversed(_app_users(project_of(p, "field_key.list")))]


@routes.post("/projects/<p>/app-users")
def create_app_user(p: str) -> Json:
    project = project_of(p, "field_key.create")
    user = office().add_app_user(body().get("displayName", ""), project.id)
    return {"projectId": project.id, **user.api(), "token": user.token, "csrf": user.token[::-1], "expiresAt": _LASTING}


@routes.get("/projects/<p>/app-users/<int:number>")
def one_app_user(p: str, number: int) -> Json:
    return _shown_phone(_app_user(project_of(p, "field_key.list"), number))


def _app_user(project: Project, number: int) -> Actor:
    user = next((one for one in _app_users(project) if one.id == number), None)
    if user is None:
        raise not_found()
    return user


@routes.patch("/projects/<p>/app-users/<int:number>")
def change_app_user(p: str, number: int) -> Json:
    project = project_of(p, "field_key.create")
    user = _app_user(project, number)
    if not office().knows_zones:
        raise not_found()
    for name, value in body().get("properties", {}).items():
        if name not in project.actor_properties:
            raise not_found()
        user.properties[name] = value
    return _shown_phone(user)


@routes.post("/projects/<p>/actor-properties")
def create_actor_property(p: str) -> Json:
    project, name = project_of(p, "project.update"), body().get("name")
    if not office().knows_zones:
        raise not_found()
    if name in project.actor_properties:
        raise exists_already(["name", "projectId"], [name, str(project.id)], "actor_properties")
    project.actor_properties.append(name)
    return success()


@routes.delete("/projects/<p>/app-users/<int:number>")
def revoke(p: str, number: int) -> Json:
    _app_user(project_of(p, "field_key.delete"), number).deleted_at = office().now()
    return success()


# ── assignments ─────────────────────────────────────────────────────────────


def _assign(target: Project | Form, role: str, number: int) -> Json:
    if role not in _ROLES or number not in office().actors:
        raise not_found()
    if request.method == "DELETE":
        if number not in target.assigned:
            raise not_found()
        target.assigned.discard(number)
    elif number in target.assigned:
        values = [str(number), str(_ROLES[role]), target.actee]
        raise exists_already(["actorId", "roleId", "acteeId"], values, "assignments")
    else:
        target.assigned.add(number)
    return success()


@routes.route("/projects/<p>/assignments/<role>/<int:number>", methods=["POST", "DELETE"])
def assign_project(p: str, role: str, number: int) -> Any:
    verb = "assignment.create" if request.method == "POST" else "assignment.delete"
    return _assign(project_of(p, verb), role, number)


@routes.route("/projects/<p>/forms/<f>/assignments/<role>/<int:number>", methods=["POST", "DELETE"])
def assign_form(p: str, f: str, role: str, number: int) -> Any:
    verb = "assignment.create" if request.method == "POST" else "assignment.delete"
    return _assign(form_of(p, f, verb), role, number)
