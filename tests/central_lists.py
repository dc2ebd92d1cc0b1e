"""The stand-in's entity lists: what is written to them, read from them, and handed to phones."""

from __future__ import annotations

import csv
import io
import re
import uuid
from typing import Any

from central_doors import actor, body, download, extended, office, on, project_of, success
from central_odata import Filter, page
from central_problems import Json, Problem, exists_already, not_found, shown, unexpected, wrong_type
from central_state import Dataset, Entity, Project
from central_xforms import File, odata_name
from flask import Blueprint, Response, request

routes = Blueprint("lists", __name__, url_prefix="/v1/projects/<p>/datasets")
_NAME = re.compile(r"(?!__)[^\W\d][\w.-]*")
_V4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.I)
_FIELDS = ("createdAt", "updatedAt", "deletedAt", "creatorId")


def _csv(head: list[str], rows: list[list[Any]]) -> bytes:
    target = io.StringIO()
    csv.writer(target, lineterminator="\n").writerows([head, *rows])
    return target.getvalue().encode()


def phones_csv(project: Project, name: str) -> File | None:
    """What a phone gets for the linked media file of that list."""
    dataset = project.datasets.get(name)
    if dataset is None:
        return None
    properties = list(dataset.properties)
    rules = (dataset.access_filter or {}).get("rules", []) if actor().token else []
    shown = [
        e
        for e in dataset.live
        if all(e.data.get(rule["datasetProperty"]) == actor().properties.get(rule["actorProperty"]) for rule in rules)
    ]
    rows = [[e.uuid, e.label, e.version, *(e.data.get(one, "") for one in properties)] for e in shown]
    return File(_csv(["name", "label", "__version", *properties], rows), "text/csv; charset=utf-8")


def _dataset(p: str, name: str, verb: str) -> Dataset:
    project = project_of(p)
    if name not in project.datasets:
        raise not_found()
    project_of(p, verb)
    return project.datasets[name]


def _shown_dataset(dataset: Dataset) -> Json:
    project = office().projects[dataset.project]
    linked: dict[str, list[Json]] = {"linkedForms": [], "draftLinkedForms": []}
    for form in project.forms:
        for kind, version in (("linkedForms", form.published), ("draftLinkedForms", form.draft)):
            if version and any(m.linked and m.name == f"{dataset.name}.csv" for m in version.media.values()):
                linked[kind].append({"xmlFormId": form.xml_form_id, "name": version.title})
    properties = [
        {"name": one, "publishedAt": shown(at), "odataName": odata_name(one), "forms": []}
        for one, at in dataset.properties.items()
    ]
    return {
        **_named(dataset),
        "lastUpdate": shown(dataset.created_at),
        "linkedForms": linked["linkedForms"],
        "sourceForms": [],
        "draftLinkedForms": linked["draftLinkedForms"],
        "draftSourceForms": [],
        "properties": properties,
        **({"accessFilter": dataset.access_filter} if office().knows_zones else {}),
    }


def _named(dataset: Dataset) -> Json:
    return {
        "name": dataset.name,
        "createdAt": shown(dataset.created_at),
        "projectId": dataset.project,
        "approvalRequired": False,
        "ownerOnly": False,
        "deletedAt": None,
    }


@routes.get("")
def list_datasets(p: str) -> list[Json]:
    listed = []
    for one in project_of(p, "dataset.list").datasets.values():
        last = shown(max((entity.created_at for entity in one.live), default=None))
        more = {"entities": len(one.live), "lastEntity": last, "conflicts": 0} if extended() else {}
        listed.append({**_named(one), **more})
    return listed


@routes.post("")
def create_dataset(p: str) -> Json:
    project, name = project_of(p, "dataset.create"), body().get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise unexpected("name", name, "This is not a valid dataset name.")
    for current in project.datasets:
        if current == name:
            raise exists_already(["name", "projectId"], [name, str(project.id)], "datasets")
        if current.lower() == name.lower():
            text = f"A dataset named '{current}' exists and you provided '{name}' with the same name but different capitalization."
            raise Problem(409.16, text, {"current": current, "provided": name})
    project.datasets[name] = Dataset(name, project.id, office().now())
    return _shown_dataset(project.datasets[name])


@routes.get("/<d>")
def one_dataset(p: str, d: str) -> Json:
    return _shown_dataset(_dataset(p, d, "dataset.read"))


@routes.patch("/<d>")
def change_dataset(p: str, d: str) -> Json:
    dataset = _dataset(p, d, "dataset.update")
    if office().knows_zones and "accessFilter" in body():
        dataset.access_filter = body()["accessFilter"]
    return _shown_dataset(dataset)


@routes.post("/<d>/properties")
def create_property(p: str, d: str) -> Json:
    dataset, name = _dataset(p, d, "dataset.update"), body().get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name.lower() in ("name", "label"):
        raise unexpected("name", name, "This is not a valid property name.")
    if name in dataset.properties:
        raise exists_already(["name", "datasetId"], [name, "1"], "ds_properties")
    dataset.properties[name] = office().now()
    return success()


# ── entities ────────────────────────────────────────────────────────────────


def _checked(dataset: Dataset, given: Json, *, new: bool) -> tuple[str, str | None, dict[str, str]]:
    """The uuid, label and data of an entity as sent."""
    name, label, data = given.get("uuid", str(uuid.uuid4())), given.get("label"), given.get("data", {})
    if not isinstance(name, str) or not _V4.fullmatch(name):
        raise wrong_type("uuid", "valid version 4 UUID")
    if new and label is None:
        raise Problem(400.2, "Required parameter label missing.", {"field": "label"})
    if label is not None and not isinstance(label, str):
        raise wrong_type("label", "string")
    if label is not None and not label.strip():
        raise unexpected("label", "(empty string)", "Label cannot be blank.")
    for key, value in data.items():
        if not isinstance(value, str):
            raise wrong_type(key, "string")
        if key not in dataset.properties:
            reason = f"You specified the dataset property [{key}] which does not exist."
            raise Problem(400.28, f"The entity is invalid. {reason}", {"reason": reason})
    return name.lower(), label, data


def _shown_entity(entity: Entity) -> Json:
    return {
        "uuid": entity.uuid,
        "creatorId": entity.creator.id,
        "conflict": None,
        "createdAt": shown(entity.created_at),
        "updatedAt": shown(entity.updated_at),
        "deletedAt": shown(entity.deleted_at),
        "currentVersion": {
            "current": True,
            "label": entity.label,
            "creatorId": entity.creator.id,
            "userAgent": request.headers.get("User-Agent"),
            "data": entity.data,
            "version": entity.version,
            "baseVersion": entity.version - 1 or None,
            "dataReceived": entity.received,
            "conflictingProperties": None,
            "createdAt": shown(entity.updated_at or entity.created_at),
            "branchId": None,
            "trunkVersion": None,
            "branchBaseVersion": None,
        },
    }


@routes.post("/<d>/entities")
def create_entities(p: str, d: str) -> Json:
    dataset, given = _dataset(p, d, "entity.create"), body()
    if given.get("entities") == []:
        details = {"expected": ["entities: [...]"], "actual": ["empty array"]}
        raise Problem(400.31, "Expected parameters: (entities: [...]). Got (empty array).", details)
    if "entities" in given and "source" not in given:
        raise Problem(400.2, "Required parameter source missing.", {"field": "source"})
    checked = [_checked(dataset, one, new=True) for one in given.get("entities", [given])]
    same = [name for name, *_ in checked if name in dataset.entities]
    deleted = [name for name in same if dataset.entities[name].deleted_at]
    if deleted:
        text = "The following UUID(s) cannot be used because they are associated with deleted Entities:"
        raise Problem(409.19, f"{text} ({', '.join(deleted)}).", {"entityUuids": deleted})
    if same:
        raise exists_already(["uuid"], same[:1], "entities")
    now = office().now()
    for name, label, data in checked:
        dataset.entities[name] = Entity(name, label or "", dict(data), actor(), now, {**data, "label": label})
    return success() if "entities" in given else _shown_entity(dataset.entities[checked[0][0]])


def _entity(p: str, d: str, name: str, verb: str, *, deleted: bool = False) -> Entity:
    entity = _dataset(p, d, verb).entities.get(name)
    if entity is None or bool(entity.deleted_at) != deleted:
        raise not_found()
    return entity


@routes.get("/<d>/entities")
def list_entities(p: str, d: str) -> list[Json]:
    dataset = _dataset(p, d, "entity.list")
    listed = [_shown_entity(e) for e in reversed(dataset.entities.values()) if bool(e.deleted_at) == on("deleted")]
    for one in listed:
        del one["currentVersion"]["data"], one["currentVersion"]["dataReceived"]
    return listed


@routes.get("/<d>/entities/<name>")
def one_entity(p: str, d: str, name: str) -> Json:
    return _shown_entity(_entity(p, d, name, "entity.read"))


@routes.patch("/<d>/entities/<name>")
def update_entity(p: str, d: str, name: str) -> Json:
    entity, given = _entity(p, d, name, "entity.update"), body()
    provided = request.args.get("baseVersion")
    told = provided or "undefined"
    if provided != str(entity.version) and not on("force"):
        text = (
            f"Current version of the Entity is '{entity.version}' and you provided '{told}'. Please correct the version "
            "number or pass '?force=true' in the URL to forcefully update the Entity."
        )
        raise Problem(409.15, text, {"current": str(entity.version), **({"provided": provided} if provided else {})})
    _, label, data = _checked(_dataset(p, d, "entity.update"), {**given, "uuid": entity.uuid}, new=False)
    entity.label, entity.data = label or entity.label, {**entity.data, **data}
    entity.version, entity.updated_at = entity.version + 1, office().now()
    entity.received = {**data, **({"label": label} if label else {})}
    return _shown_entity(entity)


@routes.delete("/<d>/entities/<name>")
def delete_entity(p: str, d: str, name: str) -> Json:
    _entity(p, d, name, "entity.delete").deleted_at = office().now()
    return success()


@routes.post("/<d>/entities/<name>/restore")
def restore_entity(p: str, d: str, name: str) -> Json:
    _entity(p, d, name, "entity.restore", deleted=True).deleted_at = None
    return success()


@routes.post("/<d>/entities/bulk-<any('delete', 'restore'):what>")
def bulk(p: str, d: str, what: str) -> Json:
    entities, deleting = _dataset(p, d, f"entity.{what}").entities, what == "delete"
    ids = [entities[one] for one in body().get("ids", []) if one in entities]
    struck = [one for one in ids if (one.deleted_at is None) == deleting]
    for one in struck:
        one.deleted_at = office().now() if deleting else None
    return {"count": len(struck)}


# ── reading ─────────────────────────────────────────────────────────────────


def _origin(e: Entity) -> list[Any]:
    return [shown(e.created_at), e.creator.id, e.creator.name, e.version - 1, shown(e.updated_at), e.version]


@routes.get("/<d>/entities.csv")
def entities_csv(p: str, d: str) -> Response:
    dataset = _dataset(p, d, "entity.list")
    own = list(dataset.properties)
    head = [
        "__id",
        "label",
        *own,
        "__createdAt",
        "__creatorId",
        "__creatorName",
        "__updates",
        "__updatedAt",
        "__version",
    ]
    rows = [[e.uuid, e.label, *(e.data.get(one, "") for one in own), *_origin(e)] for e in dataset.live]
    return download(f"{d}.csv", File(_csv(head, rows), "text/csv; charset=utf-8"))


@routes.get("/<d>.svc/Entities")
def odata_entities(p: str, d: str) -> Json:
    dataset = _dataset(p, d, "entity.list")
    keep = Filter(request.args.get("$filter"), [*(f"__system/{one}" for one in _FIELDS), "__id"])

    def kept(e: Entity) -> bool:
        values = (e.created_at, e.updated_at, e.deleted_at, str(e.creator.id))
        named = {f"__system/{one}": value for one, value in zip(_FIELDS, values, strict=True)}
        return keep({**named, "__id": e.uuid}) and (keep.names_deleted or e.deleted_at is None)

    def row(e: Entity) -> Json:
        system = {
            "createdAt": shown(e.created_at),
            "creatorId": str(e.creator.id),
            "creatorName": e.creator.name,
            "updates": e.version - 1,
            "updatedAt": shown(e.updated_at),
            "version": e.version,
            "conflict": None,
        }
        data = {odata_name(one): e.data.get(one, "") for one in dataset.properties}
        return {"__id": e.uuid, "label": e.label, "__system": system, **data}

    entries = [(e.uuid, e) for e in reversed(dataset.entities.values()) if kept(e)]
    return page(entries, "uuid", row, "Entities")
