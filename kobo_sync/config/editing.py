"""The settings file edited by the program: what people wrote there, comments too, stays as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Table

from kobo_sync.config.files import MISSION_FILE
from kobo_sync.config.toml_values import last_in_text, take_comment_behind
from kobo_sync.errors import ConfigError


@dataclass(frozen=True)
class FormEntry:
    """A form as the settings are to name it. *comments* stand beside *role* and each of *fields*, by name; *doubts* are lines of comment."""

    form_id: str
    file: str
    role: str
    fields: Mapping[str, str] = field(default_factory=dict)
    likert: Sequence[str] = ()
    open_questions: Sequence[str] = ()
    comments: Mapping[str, str] = field(default_factory=dict)
    doubts: Sequence[str] = ()
    own_id: str = ""  # what its workbook calls itself, where that is not *form_id*


def with_forms(
    text: str,
    entries: Sequence[FormEntry],
    assets: Mapping[str, str],
    codes: Mapping[str, tuple[str | list[str], str]] | None = None,
) -> str:
    """The settings *text* with *entries* added to ``[forms]``, *assets* (form_id → asset uid) to ``[server.assets]``, *codes* (key → value, comment) put in ``[codes]``.

    Raises: ConfigError when the file is no TOML, or names one of the forms already.
    """
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise ConfigError(
            str(error), file=MISSION_FILE, hint="mend the line, or put the file back as it was"
        ) from error
    forms = _table(document, "forms")
    above = last_in_text(forms)
    comment_below = take_comment_behind(above, set_off=True) if above is not None else []
    for entry in entries:
        if entry.form_id in forms:
            raise ConfigError(
                "the settings have a form of this id already",
                file=MISSION_FILE,
                key=f"forms.{entry.form_id}",
                hint="take it out there first, with its file in forms/",
            )
        forms[entry.form_id] = _form(entry)
        forms[entry.form_id].trivia.indent = "\n"
    if (end := last_in_text(forms)) is not None:
        for each in (tomlkit.nl(), *comment_below, *([tomlkit.nl()] if comment_below else [])):
            end.add(each)
    server_assets = _table(_table(document, "server"), "assets")
    for form_id, uid in assets.items():
        server_assets[form_id] = uid
    for key, (value, comment) in (codes or {}).items():
        _table(document, "codes")[key] = tomlkit.item(value).comment(comment)
    return tomlkit.dumps(document)


def _form(entry: FormEntry) -> Table:
    table = tomlkit.table()
    table.add(
        "role",
        tomlkit.item(entry.role).comment(entry.comments.get("role", "")) if "role" in entry.comments else entry.role,
    )
    table.add("file", entry.file)
    if entry.own_id:
        table.add("form_id", entry.own_id)
    for name, questions in (("likert", entry.likert), ("open_questions", entry.open_questions)):
        if questions:
            table.add(name, list(questions))
    fields = tomlkit.table()
    for meaning, question in entry.fields.items():
        item = tomlkit.item(question)
        if meaning in entry.comments:
            item.comment(entry.comments[meaning])
        fields.add(meaning, item)
    for line in entry.doubts:
        fields.add(tomlkit.comment(line))
    table.add("fields", fields)
    return table


def _table(parent: Any, name: str) -> Any:
    """The table *name* of *parent*, made where there is none; one that stands in several places is tomlkit's proxy of all."""
    if name not in parent:
        parent[name] = tomlkit.table(is_super_table=name == "forms")
    return parent[name]
