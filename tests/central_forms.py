"""The stand-in's forms: drafts, publishing, media, versions, the trash, and what phones read of them."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, unquote

from central_doors import (
    actor,
    allow,
    body,
    download,
    escaped,
    extended,
    form_of,
    office,
    on,
    openrosa,
    project_of,
    success,
)
from central_lists import phones_csv
from central_problems import Json, Problem, exists_already, not_found, shown, unexpected
from central_state import Form, Project
from central_xforms import File, Media, Version
from flask import Blueprint, Response, request

routes = Blueprint("forms", __name__, url_prefix="/v1/projects/<p>")
_EXCEL = ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "application/vnd.ms-excel")
_STATES = {"received": None, "hasIssues": "hasIssues", "edited": "edited"}


# ── what happens to forms ───────────────────────────────────────────────────


def _warned(warning: str, details: Any) -> Problem:
    text = (
        "The Form is valid, but with warnings. Please check the warnings and if they are acceptable resubmit with "
        "?ignoreWarnings=true"
    )
    return Problem(400.16, text, {"warnings": {"workflowWarnings": [{"type": warning, "details": details}]}})


def _linked(project: Project, media: Iterable[Media]) -> None:
    for one in media:
        one.linked = one.type == "file" and one.name.removesuffix(".csv") in project.datasets


def create(project: Project, xml: bytes, *, publish: bool, notes: str | None = None, ignore: bool = False) -> Form:
    version = Version(xml)
    form_id = version.xml_form_id
    same = [one for one in project.forms if one.xml_form_id == form_id]
    if any(one.deleted_at for one in same) and not ignore:
        raise _warned("deletedFormExists", {"xmlFormId": form_id})
    if any(one.deleted_at is None for one in same):
        raise exists_already(["projectId", "xmlFormId"], [str(project.id), form_id], "forms")
    _linked(project, version.media.values())
    form = Form(office().next_id(), project.id, form_id, office().now(), actor(), draft=version)
    if publish:
        publish_draft(project, form, notes)
        version.published_at, form.updated_at = form.created_at, None
    project.forms.append(form)
    return form


def publish_draft(project: Project, form: Form, notes: str | None) -> None:
    draft = form.draft
    if draft is None:
        raise not_found()
    for other in project.forms:
        if other.xml_form_id == form.xml_form_id and any(v.version == draft.version for v in other.versions):
            text = (
                f"You tried to publish the form '{form.xml_form_id}' with version '{draft.version}', but a published form "
                "has already existed in this project with those identifiers."
            )
            raise Problem(409.6, text, {"xmlFormId": form.xml_form_id, "version": draft.version})
    draft.published_at = form.updated_at = office().now()
    draft.token, draft.notes, draft.publisher = None, notes, actor()
    form.versions.append(draft)
    form.draft = None


def _compare(form: Form, version: Version, ignore: bool) -> None:
    """All published versions count for the types, the last one for what is gone."""
    before = {one.path: one.type for each in form.versions for one in each.fields}
    for one in version.fields:
        old = before.get(one.path, one.type)
        if old != one.type and (one.type != "string" or old in ("structure", "repeat")):
            text = (
                f"The form you have uploaded attempts to change the type of the field at {one.path}. In a previous version, "
                f'it had the type "{old}". Please either return that field to its previous type, or rename the field so it '
                "lives at a new path."
            )
            raise Problem(400.17, text, {"path": one.path, "type": old})
    paths = {one.path for one in version.fields}
    gone = [f.path.rpartition("/")[2] for f in (form.published.fields if form.published else ()) if f.path not in paths]
    if gone and not ignore:
        raise _warned("structureChanged", gone)


def set_draft(form: Form, xml: bytes, *, ignore: bool = False) -> None:
    version = Version(xml)
    if version.xml_form_id != form.xml_form_id:
        raise unexpected("xmlFormId", version.xml_form_id, "does not match the form you are updating")
    _compare(form, version, ignore)
    before = form.draft or form.published
    for name, media in (before.media if before else {}).items():
        if name in version.media and version.media[name].type == media.type:
            version.media[name] = copy.copy(media)
    version.token = form.draft.token if form.draft else version.token
    form.draft, form.updated_at = version, office().now()


def _notes() -> str | None:
    notes = request.headers.get("X-Action-Notes")
    return unquote(notes)[:8000] if notes is not None else None


@routes.post("/forms")
def create_form(p: str) -> Json:
    project = project_of(p, "form.create")
    if request.mimetype in _EXCEL:
        raise Problem(502.2, "The XLSForm conversion service could not be contacted.")
    form = create(project, request.get_data(), publish=on("publish"), notes=_notes(), ignore=on("ignoreWarnings"))
    return form.api(form.published or form.draft)  # type: ignore[arg-type]


@routes.post("/forms/<f>/draft")
def post_draft(p: str, f: str) -> Json:
    form = form_of(p, f, "form.update")
    xml = request.get_data()
    if not request.headers.get("Content-Type"):  # the real server asks for the head alone
        if form.published is None:
            raise not_found()
        xml = form.published.xml
    set_draft(form, xml, ignore=on("ignoreWarnings"))
    return success()


@routes.delete("/forms/<f>/draft")
def delete_draft(p: str, f: str) -> Json:
    form = form_of(p, f, "form.update")
    if form.published is None:
        text = (
            "Could not delete draft, because the form has not been published. Either delete the whole form, "
            "or replace the draft."
        )
        raise Problem(409.7, text)
    if form.draft is None:
        raise not_found()
    form.draft = None
    return success()


@routes.post("/forms/<f>/draft/publish")
def publish(p: str, f: str) -> Json:
    form = form_of(p, f, "form.update")
    draft = form.draft
    if request.args.get("version") and draft is not None:
        form.draft = draft.named(request.args["version"])
    try:
        publish_draft(project_of(p), form, _notes())
    except Problem:
        form.draft = draft
        raise
    return success()


# ── reading ─────────────────────────────────────────────────────────────────


def _statistics(form: Form, version: Version) -> Json:
    live = form.live
    states = {name: sum(row.review == state for row in live) for name, state in _STATES.items()}
    return {
        "submissions": len(live),
        "entityRelated": False,
        "reviewStates": states,
        "lastSubmission": shown(max((row.created_at for row in live), default=None)),
        "excelContentType": None,
        "publicLinks": 0,
        "createdBy": form.created_by.api(),
    }


def _shown_form(form: Form, version: Version) -> Json:
    answer = form.api(version)
    if extended():
        answer |= _statistics(form, version)
        if "form.update" in actor().verbs(office().projects[form.project], form):
            answer["publishNotes"] = version.notes
    return answer


@routes.get("/forms")
def list_forms(p: str) -> list[Json]:
    project = project_of(p, "form.list open_form.list")
    answer = []
    for form in project.forms:
        version = form.published or form.draft
        if version is not None and bool(form.deleted_at) == on("deleted"):
            item = form.api(version) | (_statistics(form, version) if extended() else {})
            answer.append(item | ({"deletedAt": shown(form.deleted_at), "id": form.id} if form.deleted_at else {}))
    return sorted(answer, key=lambda item: item["name"] or item["xmlFormId"])


@routes.patch("/forms/<f>")
def patch_form(p: str, f: str) -> Json:
    form = form_of(p, f, "form.update")
    state = body().get("state", form.state)
    if state not in ("open", "closing", "closed"):
        raise unexpected("state", state, "not a recognized state name")
    form.state, form.updated_at = state, office().now()
    return form.api(form.published or form.draft)  # type: ignore[arg-type]


@routes.delete("/forms/<f>")
def delete_form(p: str, f: str) -> Json:
    form_of(p, f, "form.delete").deleted_at = office().now()
    return success()


@routes.post("/forms/<number>/restore")
def restore_form(p: str, number: str) -> Json:
    project = project_of(p, "form.restore")
    form = next((one for one in project.forms if str(one.id) == number and one.deleted_at), None)
    if form is None:
        raise not_found()
    if any(one.xml_form_id == form.xml_form_id and one.deleted_at is None for one in project.forms):
        raise exists_already(["projectId", "xmlFormId"], [str(project.id), form.xml_form_id], "forms")
    form.deleted_at = None
    return success()


@routes.get("/forms/<f>/versions")
def list_versions(p: str, f: str) -> list[Json]:
    form = form_of(p, f, "form.read open_form.read")
    answer = []
    for version in reversed(form.versions):
        item = form.api(version)
        if extended():
            publisher = version.publisher.api() if version.publisher else None
            item |= {"excelContentType": None, "publishedBy": publisher, "publishNotes": version.notes}
        answer.append(item)
    return answer


def _instance(p: str, f: str, v: str | None) -> tuple[Form, Version]:
    """The form and the version that an address names: `/draft`, `/versions/V`, or what is published (else the draft)."""
    form = form_of(p, f)
    if v is not None:
        version = next((one for one in form.versions if one.version == v), None)
    else:
        version = form.draft if "/draft" in request.path.rpartition(f)[2] else form.published or form.draft
    if version is None:
        raise not_found()
    closed = form.state == "closed"
    needed = "form.update" if version.published_at is None else "form.read" if closed else "form.read open_form.read"
    allow(needed, office().projects[form.project], form)
    return form, version


def _each(rule: str) -> Any:
    """One route for the published version, the draft and each old version."""

    def register(view: Any) -> Any:
        for middle in ("", "/draft", "/versions/<v>"):
            routes.add_url_rule(f"/forms/<f>{middle}{rule}", f"{view.__name__}{middle[:6]}", view)
        return view

    return register


@_each("")
def one_form(p: str, f: str, v: str | None = None) -> Json:
    return _shown_form(*_instance(p, f, v))


@_each(".xml")
def form_xml(p: str, f: str, v: str | None = None) -> Response:
    return Response(_instance(p, f, v)[1].xml, content_type="application/xml; charset=utf-8")


@_each("/fields")
def form_fields(p: str, f: str, v: str | None = None) -> list[Json]:
    return [one.api(on("odata")) for one in _instance(p, f, v)[1].fields]


@_each("/attachments")
def list_media(p: str, f: str, v: str | None = None) -> list[Json]:
    return [one.api() for one in sorted(_instance(p, f, v)[1].media.values(), key=lambda one: one.name)]


def _content(project: Project, media: Media) -> File | None:
    return phones_csv(project, media.name.removesuffix(".csv")) if media.linked else media.file


@_each("/attachments/<name>")
def get_media(p: str, f: str, name: str, v: str | None = None) -> Response:
    media = _instance(p, f, v)[1].media.get(name)
    file = media and _content(project_of(p), media)
    if file is None:
        raise not_found()
    return download(name, file)


# ── media of a draft ────────────────────────────────────────────────────────


def _slot(p: str, f: str, name: str) -> Media:
    draft = form_of(p, f, "form.update").draft
    if draft is None or name not in draft.media:
        raise not_found()
    return draft.media[name]


@routes.post("/forms/<f>/draft/attachments/<name>")
def post_media(p: str, f: str, name: str) -> Json:
    media = _slot(p, f, name)
    media.file = File(request.get_data(), request.headers.get("Content-Type") or "text/csv")
    media.linked, media.updated_at = False, office().now()
    return media.api()


@routes.delete("/forms/<f>/draft/attachments/<name>")
def clear_media(p: str, f: str, name: str) -> Json:
    media = _slot(p, f, name)
    if media.file is None and not media.linked:
        raise not_found()
    media.file, media.linked, media.updated_at = None, False, office().now()
    return success()


@routes.patch("/forms/<f>/draft/attachments/<name>")
def link_media(p: str, f: str, name: str) -> Json:
    media = _slot(p, f, name)
    if name.removesuffix(".csv") not in project_of(p).datasets:
        raise not_found()
    media.file, media.linked, media.updated_at = None, bool(body().get("dataset")), office().now()
    return media.api(whole=False)


# ── phones ──────────────────────────────────────────────────────────────────


@routes.get("/formList")
def form_list(p: str) -> Response:
    project = project_of(p)
    base = office().domain + request.environ["central.path"].rstrip("/").rpartition("/")[0]
    only = request.args.get("formID")
    items = []
    for form in sorted(project.forms, key=lambda one: (one.published and one.published.title) or one.xml_form_id):
        version = form.published
        readable = {"form.read", "open_form.read"} & set(actor().verbs(project, form))
        if not (version and readable and form.state == "open" and form.deleted_at is None):
            continue
        if only in (None, form.xml_form_id):
            items.append(_listed(form, version, f"{base}/forms/{quote(form.xml_form_id, safe='')}"))
    return openrosa(
        '<?xml version="1.0" encoding="UTF-8"?>\n  <xforms xmlns="http://openrosa.org/xforms/xformsList">\n'
        f"{''.join(items)}  </xforms>"
    )


def _listed(form: Form, version: Version, address: str) -> str:
    manifest = f"      <manifestUrl>{address}/manifest</manifestUrl>\n" if version.media else ""
    return (
        f"    <xform>\n      <formID>{escaped(form.xml_form_id)}</formID>\n"
        f"      <name>{escaped(version.title or form.xml_form_id)}</name>\n"
        f"      <version>{escaped(version.version)}</version>\n      <hash>md5:{form.api(version)['hash']}</hash>\n"
        f"      <downloadUrl>{address}.xml</downloadUrl>\n{manifest}    </xform>\n"
    )


@_each("/manifest")
def manifest(p: str, f: str, v: str | None = None) -> Response:
    _, version = _instance(p, f, v)
    base = office().domain + request.environ["central.path"].rpartition("/")[0]
    lists = base.partition("/forms/")[0] + "/datasets/"
    items = []
    for media in version.media.values():
        file = _content(project_of(p), media)
        if file is None:
            continue
        kind = ' type="entityList"' if media.linked else ""
        integrity = f"      <integrityUrl>{lists}{quote(media.name.removesuffix('.csv'))}/integrity</integrityUrl>\n"
        items.append(
            f"    <mediaFile{kind}>\n"
            f"      <filename>{escaped(media.name)}</filename>\n      <hash>md5:{file.md5}</hash>\n"
            f"      <downloadUrl>{base}/attachments/{quote(media.name, safe='')}</downloadUrl>\n"
            f"{integrity if media.linked else ''}    </mediaFile>\n"
        )
    return openrosa(
        '<?xml version="1.0" encoding="UTF-8"?>\n  <manifest xmlns="http://openrosa.org/xforms/xformsManifest">\n'
        f"{''.join(items)}  </manifest>"
    )
