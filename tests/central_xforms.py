"""What the stand-in ODK Central reads in a form's XForm: its id and version, its questions, the files it asks for."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from central_problems import Json, Problem, shown, unexpected

if TYPE_CHECKING:
    from central_state import Actor


@dataclass
class File:
    content: bytes
    kind: str = "application/octet-stream"

    @property
    def md5(self) -> str:
        return hashlib.md5(self.content).hexdigest()


# ── XML ─────────────────────────────────────────────────────────────────────


def local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def child(element: Element | None, *names: str) -> Element | None:
    for name in names:
        element = next((c for c in element if local(c) == name), None) if element is not None else None
    return element


def attribute(element: Element, name: str) -> str | None:
    return next((value for key, value in element.attrib.items() if key.rpartition("}")[2] == name), None)


def odata_name(name: str) -> str:
    sane = re.sub(r"[^a-zA-Z0-9_]", "_", name)
    return f"_{sane}" if re.match(r"[0-9]", sane) else sane


@dataclass
class Field:
    path: str
    type: str
    select_multiple: bool = False

    def api(self, odata: bool = False) -> Json:
        path = "/".join(odata_name(part) for part in self.path.split("/")) if odata else self.path
        binary, several = self.type == "binary" or None, self.select_multiple or None
        return {
            "path": path,
            "name": path.rpartition("/")[2],
            "type": self.type,
            "binary": binary,
            "selectMultiple": several,
        }


@dataclass
class Media:
    """A file that a form asks for; it comes from *file* or from the entity list of its name (*linked*)."""

    name: str
    type: str = "file"
    file: File | None = None
    linked: bool = False
    updated_at: datetime | None = None

    def api(self, whole: bool = True) -> Json:
        answer: Json = {"name": self.name, "type": self.type}
        if whole:  # what PATCH answers is not read again: no hash
            answer["hash"] = self.file.md5 if self.file else None
        answer |= {
            "exists": bool(self.file) or self.linked,
            "blobExists": bool(self.file),
            "datasetExists": self.linked,
        }
        if self.updated_at:
            answer["updatedAt"] = shown(self.updated_at)
        return answer | ({"size": len(self.file.content)} if self.file else {})


class Version:
    """One version of a form, read from its XForm; published when *published_at* is set."""

    def __init__(self, xml: bytes):
        self.xml = xml
        try:
            tree = ElementTree.fromstring(xml)
        except ElementTree.ParseError:
            tree = Element("none")
        model, body = child(tree, "head", "model"), child(tree, "body")
        main = child(model, "instance")
        self.root = next(iter(main), None) if main is not None else None
        if self.root is None or not self.root.get("id"):
            raise Problem(400.2, "Required parameter formId missing.", {"field": "formId"})
        self.xml_form_id = self.root.get("id") or ""
        if re.search(r"\.(xlsx?|xml)$", self.xml_form_id):
            reason = (
                "The Form ID cannot end in .xls, .xlsx, or .xml. Please either specify an allowed ID in the form itself, "
                "or rename the file (eg change form.xls.xls to form.xls)."
            )
            raise unexpected("formId", self.xml_form_id, reason)
        self.version = attribute(self.root, "version") or ""
        title = child(tree, "head", "title")
        self.title = title.text if title is not None else None
        self.fields = list(_fields(self.root, model, body))
        if not any(one.path.endswith("/meta") for one in self.fields):
            raise Problem(400.27, "The form does not contain a 'meta' group.")
        self.media = {one.name: one for one in _media(tree)}
        self.published_at: datetime | None = None
        self.publisher: Actor | None = None
        self.notes: str | None = None
        self.token: str | None = secrets.token_urlsafe(48)[:64]

    def named(self, version: str) -> Version:
        """The same with another version written into its XML, and the same files."""
        opening = re.compile(rb"(<(?:\w+:)?instance\b[^>]*>\s*)(<[^\s/>]+)([^>]*)", re.S)
        text = version.encode().replace(b"&", b"&amp;").replace(b'"', b"&quot;")

        def rewritten(match: re.Match[bytes]) -> bytes:
            rest, count = re.subn(rb'(\sversion=)(["\']).*?\2', lambda m: m[1] + b'"' + text + b'"', match[3], count=1)
            return match[1] + match[2] + (rest if count else match[3].rstrip() + b' version="' + text + b'"')

        copy = Version(opening.sub(rewritten, self.xml, count=1))
        copy.media, copy.token = self.media, self.token
        return copy


def _fields(root: Element, model: Element | None, body: Element | None) -> Iterable[Field]:
    top = f"/{local(root)}"
    binds = {
        b.get("nodeset", ""): b.get("type", "string")
        for b in (model if model is not None else ())
        if local(b) == "bind"
    }
    controls = list(body.iter()) if body is not None else []
    repeats = {c.get("nodeset") for c in controls if local(c) == "repeat"}
    several = {c.get("ref") for c in controls if local(c) == "select"}
    seen: set[str] = set()

    def walk(element: Element, path: str) -> Iterable[Field]:
        for one in element:
            below = f"{path}/{local(one)}"
            if below in seen:  # a repeat's template and its first instance
                continue
            seen.add(below)
            whole = top + below
            kind = "repeat" if whole in repeats else "structure" if len(one) else binds.get(whole, "unknown")
            yield Field(below, kind, whole in several)
            yield from walk(one, below)

    return walk(root, "")


def _media(tree: Element) -> Iterable[Media]:
    pattern = re.compile(r"jr://(?:images|audio|video|file|file-csv)/([^/]+)")
    kinds = {"image": "image", "audio": "audio", "video": "video", "big-image": "image"}
    for one in tree.iter():
        address = pattern.fullmatch((one.get("src") or "").strip()) if local(one) == "instance" else None
        label = (
            pattern.fullmatch((one.text or "").strip()) if local(one) == "value" and one.get("form") in kinds else None
        )
        search = re.match(r"\s*(?:\w+\s+)?search\s*\(\s*[\"']([^\"']+)", one.get("appearance") or "")
        if address:
            yield Media(address[1])
        if label:
            yield Media(label[1], kinds[one.get("form", "")])
        if search:
            yield Media(search[1] if search[1].endswith(".csv") else f"{search[1]}.csv")
