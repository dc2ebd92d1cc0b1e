"""One file per deliverable; a small registry.

A deliverable is a module with ``NAME, TITLE, SCOPE, CLASS`` and ``build(facts) -> list[Document]``; with ``ROLES`` it is made where the
mission has a form of one of them. `build` sees only `Facts`. A mission's own module lies in its folder, or is installed (`plug_ins`), and is named in mission.toml.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from types import ModuleType
from typing import get_args

from kobo_sync import plug_ins
from kobo_sync.analysis.facts import Facts
from kobo_sync.config.config import Role
from kobo_sync.config.file_names import FileName
from kobo_sync.config.files import MISSION_FILE
from kobo_sync.errors import ConfigError, DocumentError
from kobo_sync.language.speaking import speaking
from kobo_sync.model import Class, Document, Scope

_MANIFEST = "manifest.json"  # of the set itself, in whatever case


@dataclass(frozen=True)
class Deliverable:
    """A deliverable ready to build; *title* in English, *scope* says whether *build* wants one zone's facts.

    *roles*: what it tells of; in a mission without a form of any of them *build* makes nothing. *file_names*: what its files are called by language.
    """

    name: str
    title: str
    scope: Scope
    classification: Class
    build: Callable[[Facts], list[Document]]
    roles: tuple[Role, ...] = ()
    file_names: tuple[FileName, ...] = ()


def deliverable(name: str) -> Deliverable:
    """The deliverable called *name*: one of `names`, a module of the mission's own by its (dotted) name, or one of an
    installed package by the name of its entry point.

    Raises: ConfigError for a name that is none, or a module that is no deliverable.
    """
    if is_ours(name):
        return _checked(name, importlib.import_module(f"{__name__}.{name}"))
    try:
        module = plug_ins.module_of(plug_ins.DELIVERABLES, name)
    except plug_ins.Unusable as error:
        raise _refusal(name, str(error)) from error
    own = _checked(name, module)
    return replace(own, build=_judged(name, own.build))


def is_ours(name: str) -> bool:
    """Whether *name* is a module of this folder, and not a mission's own."""
    return any(info.name == name for info in pkgutil.iter_modules(__path__))


def names() -> list[str]:
    """The names of the deliverables that come with the product, sorted."""
    modules = sorted(info.name for info in pkgutil.iter_modules(__path__))
    return [name for name in modules if hasattr(importlib.import_module(f"{__name__}.{name}"), "build")]


def _checked(name: str, module: ModuleType) -> Deliverable:
    missing = [field for field in ("NAME", "TITLE", "SCOPE", "CLASS", "build") if not hasattr(module, field)]
    if missing:
        raise _refusal(name, f"lacks {', '.join(missing)}")
    for field, allowed in (("SCOPE", get_args(Scope)), ("CLASS", get_args(Class))):
        if getattr(module, field) not in allowed:
            raise _refusal(name, f"has {field} = {getattr(module, field)!r}, which is none of {', '.join(allowed)}")
    roles: tuple[Role, ...] = getattr(module, "ROLES", ())
    build = _in_its_language(module.build, roles)
    file_names = tuple(each for each in vars(module).values() if isinstance(each, FileName))
    return Deliverable(module.NAME, module.TITLE, module.SCOPE, module.CLASS, build, roles, file_names)


def _in_its_language(
    build: Callable[[Facts], list[Document]], roles: tuple[Role, ...]
) -> Callable[[Facts], list[Document]]:
    """*build*, speaking the language of the mission's documents; nothing where the mission has none of *roles*."""

    def speaking_build(facts: Facts) -> list[Document]:
        if roles and not facts.config.has_role(*roles):
            return []
        with speaking(facts.config.mission.document_language):
            return build(facts)

    return speaking_build


class _PaperError(Exception):
    """Papers that no set can hold; its text says why, as the end of a sentence about the deliverable."""


def _judged(name: str, build: Callable[[Facts], list[Document]]) -> Callable[[Facts], list[Document]]:
    """*build* of a mission's own, whose papers are fit to be put into a set: what is not would break it, its archive or a later run."""

    def judged_build(facts: Facts) -> list[Document]:
        try:
            documents = list(_built(build, facts))
            _judge(documents)
        except _PaperError as reason:
            hint = "docs/plug_in/README.md tells what build gives: Documents with a path, bytes and a class"
            raise DocumentError(f"the deliverable {name} {reason}", hint=hint) from reason
        return documents

    return judged_build


def _built(build: Callable[[Facts], list[Document]], facts: Facts) -> list[Document]:
    try:
        return build(facts)
    except SystemExit as error:  # it would end the run without a word
        raise _PaperError("ends the program") from error


def _judge(documents: list[Document]) -> None:
    """Raises: _PaperError for papers that a mission's own deliverable should not give."""
    paths, classes = {_MANIFEST}, get_args(Class)
    for document in documents:
        if not isinstance(document, Document):
            raise _PaperError(f"gives a {type(document).__name__} where a Document is due")
        text = str(document.path)
        path = PurePosixPath(text)
        if path.is_absolute() or ".." in path.parts or not path.name or {"\\", ":", "\0"} & set(text):
            raise _PaperError(f"gives the path {text!r}, which is no file below the set's folder")
        if str(path).casefold() in paths:
            raise _PaperError(f"gives the path {text!r}, which another file of the set has")
        if not isinstance(document.content, bytes):
            raise _PaperError(f"gives {text} a {type(document.content).__name__} where bytes are due")
        if document.classification not in classes:
            raise _PaperError(
                f"gives {text} the class {document.classification!r}, which is none of {', '.join(classes)}"
            )
        paths.add(str(path).casefold())


def _refusal(name: str, reason: str) -> ConfigError:
    all_names = ", ".join(names())
    hint = (
        f"write one of {all_names}, or the name of a module of yours (a file beside config/, or installed) "
        "with NAME, TITLE, SCOPE, CLASS and build"
    )
    return ConfigError(f"{name!r} {reason}", file=MISSION_FILE, key="deliverables", hint=hint)
