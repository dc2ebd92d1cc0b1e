"""What happens to the stand-in's rows: sent, sent again, edited, reviewed, deleted; and how OData shows them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from central_doors import actor, allow, office
from central_problems import Json, Problem, exists_already, no_right, not_signed_in, shown, unexpected
from central_state import Form, Instance, Project, Row
from central_xforms import File, Version, child, local, odata_name

SYSTEM = (
    "submissionDate updatedAt submitterId submitterName attachmentsPresent attachmentsExpected status reviewState deviceId "
    "edits formVersion deletedAt"
).split()
REVIEWS = ("approved", "hasIssues", "rejected", "edited", None)
FILTERS = [
    "__id",
    *(f"__system/{one}" for one in ("submissionDate", "updatedAt", "deletedAt", "submitterId", "reviewState")),
]


class Sent:
    """A submission's XML, read."""

    def __init__(self, xml: bytes):
        self.xml = xml
        try:  # control characters, which XML forbids, are no reason for the real server
            root = ElementTree.fromstring(re.sub(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]", b"?", xml))
        except ElementTree.ParseError:
            root = Element("none")
        if not root.get("id"):
            field = "form ID xml attribute"
            raise Problem(400.2, f"Required parameter {field} missing.", {"field": field})
        self.root, self.form_id, self.version = root, root.get("id") or "", root.get("version") or ""

        def text(*names: str) -> str | None:
            element = child(root, *names)
            return element.text if element is not None else None

        self.deprecated, self.name = text("meta", "deprecatedID"), text("meta", "instanceName")
        self.instance_id = text("meta", "instanceID") or text("instanceID") or str(uuid.uuid4())
        if len(self.instance_id) > 64:
            raise Problem(400.13, "Length of value too long for a field")


def _stale(deprecated: str) -> Problem:
    text = (
        f"You tried to update a submission, but the copy you were editing ({deprecated}) is now out of date. Please get the "
        "new version that has been submitted, and make your edits again."
    )
    return Problem(409.9, text, {"deprecatedId": deprecated})


def accepting(form: Form, sent: Sent, *, phone: bool) -> Version:
    """The published version that *sent* names, if the form takes submissions from whoever asks."""
    version = next((one for one in form.versions if one.version == sent.version), None)
    if version is None:
        text = f"The form version specified in this submission '{sent.version}' does not exist."
        raise Problem(404.6, text, {"formVersion": sent.version})
    if form.state == "closed":
        text = (
            "This form is not currently accepting submissions. Please talk to your program staff if this is unexpected."
        )
        raise Problem(409.2, text)
    try:
        allow("submission.create", office().projects[form.project], form)
    except Problem:
        raise not_signed_in() if phone else no_right() from None
    return version


def own(form: Form, sent: Sent) -> None:
    if sent.form_id != form.xml_form_id:
        raise unexpected("form id", sent.form_id, "did not match the form ID in the URL")


def find(form: Form, instance_id: str) -> tuple[Row, Instance] | None:
    """The live row and its version of that instanceID, a newer one before an older."""
    for row in form.live:
        for instance in reversed(row.versions):
            if instance.instance_id == instance_id:
                return row, instance
    return None


def _files(
    root: Element, version: Version, arrived: Mapping[str, File], before: Mapping[str, File | None]
) -> dict[str, File | None]:
    paths = {one.path for one in version.fields if one.type == "binary"}

    def names(element: Element, path: str) -> Iterator[str]:
        for one in element:
            below = f"{path}/{local(one)}"
            if below in paths and (one.text or "").strip():
                yield (one.text or "").strip()
            yield from names(one, below)

    return {name: arrived.get(name) or before.get(name) for name in names(root, "")}


def log(form: Form, row: Row, action: str, details: Json, notes: str | None = None) -> None:
    entry = {
        "actorId": actor().id,
        "action": action,
        "acteeId": form.actee,
        "details": {**details, "submissionId": row.id, "entity": {"entityAvailable": False}},
        "loggedAt": shown(office().now()),
        "notes": notes,
        "actor": actor().api(),
    }
    row.audits.append(entry)


def _used(form: Form, instance_id: str) -> bool:
    return any(one.instance_id == instance_id for row in form.rows.values() for one in row.versions)


def _instance(sent: Sent, version: Version, device: str | None, agent: str | None) -> Instance:
    now = office().now()
    return Instance(office().next_id(), sent.instance_id, sent.xml, sent.root, actor(), now, version, device, agent)


def create(
    form: Form, sent: Sent, version: Version, files: Mapping[str, File], device: str | None, agent: str | None
) -> Row:
    if sent.instance_id in form.rows:
        raise exists_already(["formId", "instanceId", "draft"], [str(form.id), sent.instance_id, "f"], "submissions")
    if _used(form, sent.instance_id):
        raise exists_already(["instanceID"], [sent.instance_id], "submission_defs")
    instance = _instance(sent, version, device, agent)
    instance.files = _files(sent.root, version, files, {})
    row = Row(office().next_id(), sent.instance_id, [instance], instance.created_at)
    form.rows[row.root_id] = row
    log(form, row, "submission.create", {"instanceId": row.root_id, "submissionDefId": instance.id})
    return row


def edit(
    form: Form, row: Row, before: Instance, sent: Sent, version: Version, files: Mapping[str, File], **sender: Any
) -> Row:
    if _used(form, sent.instance_id):
        text = f"A resource already exists with instanceID value(s) of {sent.instance_id}."
        raise Problem(409.3, text, {"fields": "instanceID", "values": sent.instance_id})
    instance = _instance(sent, version, sender.get("device"), sender.get("agent"))
    instance.files = _files(sent.root, version, files, before.files)
    for one in row.currents:
        one.current = False
    row.versions.append(instance)
    row.updated_at, row.review = instance.created_at, "edited"
    details = {"instanceId": instance.instance_id, "submissionDefId": instance.id}
    log(form, row, "submission.update.version", details)
    return row


def receive(
    project: Project, xml: bytes, files: Mapping[str, File], device: str | None = None, agent: str | None = None
) -> Row:
    """A phone's submission: a new row, the same again with its late files, or an edit."""
    sent = Sent(xml)
    form = project.form(sent.form_id)
    version = accepting(form, sent, phone=True)
    same = find(form, sent.instance_id)
    if sent.deprecated:
        before = find(form, sent.deprecated)
        if before is None:
            text = "You tried to update an existing submission, but we can't find that submission to update"
            raise Problem(404.5, f"{text} ({sent.deprecated})", {"deprecatedId": sent.deprecated})
        if before[1].current:
            return edit(form, *before, sent, version, files, device=device, agent=agent)
        if same is None or not same[1].current:
            raise _stale(sent.deprecated)
    if same is None:
        try:
            return create(form, sent, version, files, device, agent)
        except Problem:
            raise Problem(409.18, "This submission has been deleted. You may not resubmit it.") from None
    row, instance = same
    if not instance.current:
        raise _stale("undefined")
    if instance.xml != xml:
        text = (
            "A submission already exists with this ID, but with different XML. Resubmissions to attach additional "
            "multimedia must resubmit an identical xml_submission_file."
        )
        raise Problem(409.1, text)
    instance.files |= {name: file for name, file in files.items() if name in instance.files}
    return row


def put(form: Form, row: Row, xml: bytes, agent: str | None) -> Row:
    sent = Sent(xml)
    if sent.deprecated is None:
        text = (
            "This PUT endpoint expects a deprecatedID metadata tag pointing at the current version instanceID. "
            "I cannot find that tag in your request."
        )
        raise Problem(400.19, text)
    if row.currents[0].instance_id != sent.deprecated:
        raise _stale(sent.deprecated)
    row.refuse_if_broken()
    own(form, sent)
    version = accepting(form, sent, phone=False)
    return edit(form, row, row.current, sent, version, {}, agent=agent)


def review(form: Form, row: Row, change: Json, notes: str | None) -> None:
    current = row.current
    if "reviewState" in change:
        if change["reviewState"] not in REVIEWS:
            raise unexpected("state", change["reviewState"], "not a recognized state name")
        row.review, row.updated_at = change["reviewState"], office().now()
    details = {name: change[name] for name in ("reviewState",) if name in change}
    log(form, row, "submission.update", {**details, "submissionDefId": current.id}, notes)


def delete(form: Form, row: Row) -> None:
    row.refuse_if_broken()
    row.deleted_at = office().now()
    log(form, row, "submission.delete", {"instanceId": row.root_id})


def restore(form: Form, row: Row) -> None:
    row.deleted_at = None
    log(form, row, "submission.restore", {"instanceId": row.root_id})


def newest(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row.created_at, row.id), reverse=True)


# ── OData ───────────────────────────────────────────────────────────────────


def filtered_by(row: Row) -> dict[str, Any]:
    first = row.versions[0]
    values = (row.root_id, row.created_at, row.updated_at, row.deleted_at, str(first.submitter.id), row.review)
    return dict(zip(FILTERS, values, strict=True))


def _typed(kind: str, text: str) -> Any:
    if kind == "int":
        number = re.match(r"\s*[+-]?\d+", text)  # as JavaScript reads it: `4x` is 4
        return int(number[0]) if number else None
    if kind == "decimal":
        number = re.match(r"\s*[+-]?(\d+\.?\d*|\.\d+)", text)
        return float(number[0]) if number else None
    if kind in ("geopoint", "geotrace", "geoshape"):
        points = [[float(number) for number in point.split()] for point in text.strip().strip(";").split(";")]
        places = [[point[1], point[0], *point[2:3]] for point in points]
        if kind == "geopoint":
            accuracy = points[0][3] if len(points[0]) > 3 else None
            return {"type": "Point", "coordinates": places[0], "properties": {"accuracy": accuracy}}
        return {
            "type": "LineString" if kind == "geotrace" else "Polygon",
            "coordinates": places if kind == "geotrace" else [places],
        }
    return text


def _answers(element: Element | None, path: str, version: Version, links: Json, base: str) -> Json:
    answer: Json = {}
    for field in version.fields:
        parent, _, name = field.path.rpartition("/")
        if parent != path:
            continue
        shown_name = odata_name(name)
        value = child(element, name)
        if field.type == "repeat":
            if value is not None:
                links[f"{shown_name}@odata.navigationLink"] = f"{base}/{shown_name}"
        elif field.type == "structure":
            answer[shown_name] = _answers(value, field.path, version, links, base)
        else:
            text = value.text if value is not None else None
            answer[shown_name] = _typed(field.type, text) if text else None
    return answer


def odata_row(form: Form, row: Row, instance: Instance) -> Json:
    version = form.published
    assert version is not None
    links: Json = {}
    answers = _answers(instance.root, "", version, links, f"Submissions('{quote(row.root_id, safe='')}')")
    first = row.versions[0]
    system = {
        "submissionDate": shown(row.created_at),
        "updatedAt": shown(row.updated_at),
        "submitterId": str(first.submitter.id),
        "submitterName": first.submitter.name,
        "attachmentsPresent": sum(file is not None for file in instance.files.values()),
        "attachmentsExpected": len(instance.files),
        "status": None,
        "reviewState": row.review,
        "deviceId": first.device_id,
        "edits": len(row.versions) - 1,
        "formVersion": first.form_version.version,
        "deletedAt": shown(row.deleted_at),
    }
    return {**answers, "__id": row.root_id, "__system": system, **links}


def instance_xml(
    form: Form, answers: Mapping[str, Any], instance_id: str, deprecated: str | None, version: str
) -> bytes:
    """A phone's XML of *answers*: a mapping is a group, a list a repeat, everything else text."""
    root = Element("data", {"id": form.xml_form_id, "version": version})

    def fill(element: Element, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            for one in value if isinstance(value, list) else [value]:
                below = ElementTree.SubElement(element, name)
                if isinstance(one, Mapping):
                    fill(below, one)
                elif one is not None:
                    below.text = one.isoformat() if isinstance(one, datetime) else str(one)

    meta = {
        **answers.get("meta", {}),
        "instanceID": instance_id,
        **({"deprecatedID": deprecated} if deprecated else {}),
    }
    fill(root, {**{name: value for name, value in answers.items() if name != "meta"}, "meta": meta})
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
