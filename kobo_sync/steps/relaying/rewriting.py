"""Submissions written anew where the phone's own bytes cannot be taken by KoboToolbox; all else stays byte for byte."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape, quoteattr

from kobo_sync.rows.instance import Instance, Malformed, local, read_instance

_PROLOG = rb"(?:\xef\xbb\xbf)?\s*(?:<\?[^>]*\?>\s*|<!--.*?-->\s*)*"
_ROOT = re.compile(_PROLOG + rb"<([^\s/>]+)((?:\s+[^\s=/>]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*\s*/?>)", re.S)
_FORM_UUID = re.compile(rb"(<(?:\w+:)?formhub\b[^>]*>\s*<(?:\w+:)?uuid\b[^>]*>)[^<]*(</)")
_DEPRECATED = re.compile(rb"<(\w+:)?deprecatedID\b[^>]*>[^<]*</(?:\w+:)?deprecatedID\s*>")


class CannotRewrite(ValueError):
    """The submission is written in a way that this module does not change safely."""


def readdressed(xml: bytes, asset: str, version: str, form_uuid: str) -> bytes:
    """*xml* for the form *asset* of that version: id and version of the root, and ``formhub/uuid``; the instanceID stays.

    Raises: CannotRewrite.
    """

    def rewrite(content: bytes) -> bytes:
        root = _ROOT.match(content)
        if root is None:
            raise CannotRewrite("its root element cannot be read")
        name, rest = root[1], root[2]
        for key, value in (("id", asset), ("version", version)):
            rest = _with_attribute(rest, key, value)
        start, end = root.start(1), root.end(2)
        new_name = asset.encode() if re.search(rb"\bid\s*=\s*[\"']" + re.escape(name) + rb"[\"']", root[2]) else name
        inner = re.sub(rb"</" + re.escape(name) + rb"(\s*>\s*)$", rb"</" + new_name + rb"\1", content[end:])
        return (
            content[:start]
            + new_name
            + rest
            + _FORM_UUID.sub(lambda match: match[1] + escape(form_uuid).encode() + match[2], inner, count=1)
        )

    before, after = _checked(xml, rewrite)
    if after.form_id != asset or after.form_uuid not in ("", form_uuid) or after.uuid != before.uuid:
        raise CannotRewrite("it does not name its form as phones do")
    return rewrite(xml)


def on_its_own(xml: bytes, root_uuid: str) -> bytes:
    """An edit as a submission of its own, under the identity of what it replaced: KoboToolbox takes ``rootUuid`` for the root.

    Raises: CannotRewrite.
    """

    def rewrite(content: bytes) -> bytes:
        if b"rootUuid" in content:
            return _DEPRECATED.sub(b"", content)
        root = f"rootUuid>uuid:{escape(root_uuid)}</".encode()
        return _DEPRECATED.sub(lambda match: b"<%b%b%brootUuid>" % (match[1] or b"", root, match[1] or b""), content, 1)

    before, after = _checked(xml, rewrite)
    if after.deprecated or after.uuid != before.uuid or after.root_uuid != root_uuid:
        raise CannotRewrite("its meta block is not written as phones write it")
    return rewrite(xml)


def _with_attribute(rest: bytes, key: str, value: str) -> bytes:
    written = f" {key}={quoteattr(value)}".encode()
    found = re.compile(rb"\s+" + key.encode() + rb"\s*=\s*(?:\"[^\"]*\"|'[^']*')")
    return found.sub(lambda _: written, rest, count=1) if found.search(rest) else written + rest


def _checked(xml: bytes, rewrite: Callable[[bytes], bytes]) -> tuple[Instance, Instance]:
    """The submission as it was and as it becomes. Raises: CannotRewrite when an answer would change."""
    try:
        before, after = read_instance(xml), read_instance(rewrite(xml))
    except Malformed as error:
        raise CannotRewrite("it cannot be read") from error
    if _answers(before) != _answers(after):
        raise CannotRewrite("answers would change with it")
    return before, after


def same_answers(one: bytes, other: bytes) -> bool:
    """Whether two submissions bear one instanceID and say the same: ids of form, version and earlier versions aside."""
    try:
        first, second = read_instance(one), read_instance(other)
    except Malformed:
        return False
    return first.uuid == second.uuid and _answers(first) == _answers(second)


def _answers(instance: Instance) -> list[tuple[str, str]]:
    """(path, text) of each answer, in the document's order."""
    return [
        answer
        for child in instance.root
        if local(child.tag) not in ("formhub", "meta")
        for answer in _leaves(child, local(child.tag))
    ]


def _leaves(node: Element, path: str) -> Iterator[tuple[str, str]]:
    for child in node:
        yield from _leaves(child, f"{path}/{local(child.tag)}")
    if len(node) == 0 and node.text and node.text.strip():
        yield path, node.text.strip()
