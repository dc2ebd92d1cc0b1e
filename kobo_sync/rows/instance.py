"""A submission's XML, read as KoboToolbox reads it: identity, answers by path, named files."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INSTRUCTION = re.compile(r"\s*(<\?xml\s[^>]*\?>\s*)?(<!--.*?-->\s*)*<\?(?!xml\s)", re.DOTALL)
_MAX_DEPTH = 100
MAX_XML = 10_000_000  # answers are text: photos travel beside them; what the station says it takes
MAX_ID = 249  # characters that a real server keeps
MAX_ELEMENTS = 50_000  # a household of fifty with a hundred questions each has a tenth of it
CORRUPTED = "File likely corrupted during transmission, please try later."
UNSUPPORTED = "Submission rejected: the form contains unsupported or invisible characters."
_TOO_MUCH = "Submission rejected: it is larger than any form's answers. Delete it on the phone and fill the form again."


class Malformed(ValueError):
    """XML that cannot be a submission; its text is what KoboToolbox answers [e31, e32, e60]."""


class TooMuch(Malformed):
    """XML larger than any form's answers."""


@dataclass(frozen=True)
class Instance:
    """A submission as sent. Uuids are bare (no ``uuid:``), *uuid* may be missing; *deprecated* is ``""`` unless an edit.

    *root_uuid* is what ``meta/rootUuid`` says, ``""`` where the submission does not: its own uuid is the root then.
    """

    root: Element
    form_id: str
    form_uuid: str
    uuid: str
    deprecated: str
    submission_date: str
    root_uuid: str


def read_instance(xml: bytes) -> Instance:
    """The submission in *xml*.

    Raises: Malformed; also for entity declarations, which no phone sends and which can blow up memory. TooMuch, before
    anything is read.
    """
    # An element has one sign or two that open a tag, an attribute one of these: counted, not parsed.
    if len(xml) > MAX_XML or xml.count(b"<") > 2 * MAX_ELEMENTS or xml.count(b"=") > 2 * MAX_ELEMENTS:
        raise TooMuch(_TOO_MUCH)
    try:
        text = xml.decode()  # whatever the declaration says
    except UnicodeDecodeError as error:
        raise Malformed(CORRUPTED) from error
    if _NO_XML.search(text):
        raise Malformed(UNSUPPORTED)
    if _INSTRUCTION.match(text):
        raise Malformed("Improperly formatted XML.")  # a real server breaks over it
    try:
        root: Element = fromstring(text, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise Malformed("Improperly formatted XML.") from error
    if sum(1 for _ in root.iter()) > MAX_ELEMENTS:
        raise TooMuch(_TOO_MUCH)
    if _depth(root) > _MAX_DEPTH:
        raise Malformed("Improperly formatted XML.")
    meta = {}
    for child in root:
        if local(child.tag) == "meta":
            meta = {local(item.tag): (item.text or "").strip() for item in child}
    uuid = without_prefix(meta.get("instanceID", "") or root.get("instanceID", ""))
    if len(uuid) > MAX_ID:
        raise Malformed(f"Submission rejected: its instance ID is longer than {MAX_ID} characters.")
    form_uuid = next(
        ((item.text or "").strip() for child in root if local(child.tag) == "formhub" for item in child if local(item.tag) == "uuid"),
        "",
    )  # fmt: skip
    return Instance(
        root=root,
        form_id=root.get("id", ""),
        form_uuid=form_uuid,
        uuid=uuid,
        deprecated=without_prefix(meta.get("deprecatedID", "")),
        submission_date=root.get("submissionDate", ""),
        root_uuid=without_prefix(meta.get("rootUuid", "")),
    )


def answers(instance: Instance, repeats: Collection[str]) -> dict[str, Any]:
    """The row's answers: flat slash-separated keys, strings; empty ones absent [e64].

    *repeats* are the form's repeat paths: those are always lists, their keys carry the full path.
    """
    return _fields(instance.root, "", repeats)


def _fields(node: Element, prefix: str, repeats: Collection[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for child in node:
        if not isinstance(child.tag, str):
            continue
        path = f"{prefix}{local(child.tag)}"
        if path in repeats:
            item = _fields(child, f"{path}/", repeats)
            if item:  # a blank repeat instance disappears [e64]
                fields.setdefault(path, []).append(item)
        elif len(child):
            fields.update(_fields(child, f"{path}/", repeats))
        elif child.text and child.text.strip():
            fields[path] = child.text
    return fields


def without_prefix(uuid: str) -> str:
    """*uuid* without its ``uuid:`` prefix."""
    return uuid.strip().removeprefix("uuid:")


def local(tag: Any) -> str:
    """A tag's name without its namespace."""
    return str(tag).rsplit("}", 1)[-1]


def leaves(instance: Instance, repeats: Collection[str]) -> dict[str, str]:
    """Text → the path of the first answer that says it, repeats indexed from 1 (``membre[2]/photo``)."""
    paths: dict[str, str] = {}
    for path, text in _leaves(instance.root, "", "", repeats):
        paths.setdefault(text, path)
    return paths


def _leaves(node: Element, prefix: str, label_prefix: str, repeats: Collection[str]) -> Iterator[tuple[str, str]]:
    counts: dict[str, int] = {}
    for child in node:
        if not isinstance(child.tag, str):
            continue
        name = local(child.tag)
        path, label = f"{prefix}{name}", f"{label_prefix}{name}"
        if path in repeats:
            counts[path] = counts.get(path, 0) + 1
            label += f"[{counts[path]}]"
        if len(child):
            yield from _leaves(child, f"{path}/", f"{label}/", repeats)
        elif child.text and child.text.strip():
            yield label, child.text.strip()


def _depth(root: Element) -> int:
    depth, level = 0, [root]
    while level:
        depth, level = depth + 1, [child for node in level for child in node]
    return depth
