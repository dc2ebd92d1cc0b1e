"""The andragogical kit of the day: tools from Word templates, questionnaires and test key from the forms."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import memo_of_lists
from kobo_sync.config.config import FormSettings
from kobo_sync.config.file_names import TOOLS
from kobo_sync.deliverables import letterhead
from kobo_sync.deliverables.kit_blocks import kit_blocks, needless
from kobo_sync.deliverables.live_values import conditions, identity_values
from kobo_sync.documents.pdf.pages import Logo
from kobo_sync.documents.word import writer
from kobo_sync.documents.word.questionnaire import questionnaire_docx
from kobo_sync.documents.word.template import Content, Note, blocks_of, filled, marks_of_title
from kobo_sync.forms.paper import paper
from kobo_sync.forms.sheets import Book
from kobo_sync.forms.wording import mission_line
from kobo_sync.language import typography
from kobo_sync.language.catalogue import later
from kobo_sync.language.speaking import Language, spoken
from kobo_sync.model import Choice, Class, Document, Finding, Form, Scope

NAME = "training_kit"
TITLE = later("Andragogical tools")
SCOPE: Scope = "zone"
CLASS: Class = "public"
FOLDER, QUESTIONNAIRES = TOOLS, "questionnaires"


class _Tool(NamedTuple):
    """A filled template: its bytes, what was noted, and the values that it shows."""

    content: bytes
    notes: tuple[Note, ...]
    shown: Mapping[str, str]


# Most tools name no zone: made once, they serve all. Keyed by template, settings and forms; a few versions each.
_made: dict[str, list[_Tool]] = {}
_MOST_MADE = 64


def build(facts: Facts) -> list[Document]:
    """Every template of the folder `TOOLS` that is about what the mission has filled, and each form on paper in its languages.

    A file that staff add to the templates' folder becomes a tool; one that is no Word file is passed on as it is.
    Raises: DocumentError for a template that is no Word file though it is called .docx.
    """
    documents = []
    folder = FOLDER.of(facts.config)
    for path, template in sorted(facts.templates.items()):
        if path.startswith(f"{folder}/"):
            if path.endswith(".docx"):
                places, lacking = blocks_of(template, path), needless(facts)
                if places and all(f"bloc:{place}" in lacking for place in places):
                    continue  # all that it would show is of what the mission has not
                if conditions(facts, hold=False) & marks_of_title(template, path):
                    continue
                tool = _tool(facts, path, template)
                documents.append(Document(path, tool.content, CLASS, _findings(path, tool.notes)))
            else:
                documents.append(Document(path, template, CLASS))
    author = letterhead.organisers(facts) if facts.config.organisations else ""
    for form_id, form in facts.forms.items():
        settings = facts.config.forms[form_id]
        for language in form.languages:
            content = _questionnaire(facts, form, settings, language, author)
            if content:
                name = f"{folder}/{QUESTIONNAIRES}/{form_id}-{language or 'x'}.docx"
                documents.append(Document(name, content, CLASS))
    return documents


def _tool(facts: Facts, path: str, template: bytes) -> _Tool:
    values = {name: typography.spaced(text) for name, text in identity_values(facts).items()}
    logos = [hashlib.sha256(facts.templates.get(name, b"")).hexdigest() for name in facts.config.identity.logos]
    forms = [f"{form_id} {form.sha256} {form.version}" for form_id, form in sorted(facts.forms.items())]
    zone = facts.zone
    expected = [repr((len(zone.days), zone.target, dict(zone.quotas)))] if zone else []
    mark = "\n".join(
        [
            path,
            hashlib.sha256(template).hexdigest(),
            _settings_hash(facts),
            *logos,
            *forms,
            *expected,
        ]
    )
    key = hashlib.sha256(mark.encode("utf-8", "surrogatepass")).hexdigest()
    for tool in _made.get(key, ()):
        if all(values.get(name) == text for name, text in tool.shown.items()):
            return tool
    content = Content(
        values,
        kit_blocks(facts),
        logos=letterhead.logos(facts),
        needless=needless(facts) | conditions(facts, hold=False),
        conditions=conditions(facts, hold=True),
    )
    document = filled(template, content, path, live=False)
    filled_in = writer.coloured(writer.to_bytes(document.document, None), letterhead.colour(facts))
    tool = _Tool(filled_in, tuple(document.notes), {name: values[name] for name in document.shown})
    if len(_made) >= _MOST_MADE:
        _made.clear()
    _made[key] = [tool, *_made.get(key, [])[:3]]
    return tool


@memo_of_lists
def _settings_hash(facts: Facts) -> str:
    return hashlib.sha256(
        facts.config.model_dump_json(exclude={"secrets"}).encode("utf-8", "surrogatepass")
    ).hexdigest()


def _findings(path: str, notes: tuple[Note, ...]) -> tuple[Finding, ...]:
    findings = []
    for note in notes:
        if note.kind in ("unknown", "malformed", "misplaced"):
            message = f"the template names “{note.what}”, which does not exist, is written wrongly or does not stand alone in its paragraph"
            hint = f"correct exports/templates/{path}; docs/operations.md lists the names"
            findings.append(Finding("REPORT001", "error", f"{path}, {note.where}", message, hint))
    return tuple(dict.fromkeys(findings))


def _questionnaire(facts: Facts, form: Form, settings: FormSettings, language: str, author: str) -> bytes:
    if settings.file not in facts.books:
        return b""
    lists = tuple(sorted(facts.catalogues.items()))
    logos = tuple(letterhead.page_logos(facts))
    return _printed(
        form.sha256,
        form.form_id,
        language,
        settings.titles.get(language, ""),
        mission_line(facts.config.mission, language),
        author,
        letterhead.colour(facts),
        logos,
        spoken(),
        _Lazy(form, facts.books, settings.file, lists),
    )


class _Lazy:
    """What a questionnaire is made from; equal for the cache whatever the object, as its hash is in the other keys."""

    def __init__(
        self, form: Form, books: Mapping[str, Book], file: str, lists: tuple[tuple[str, tuple[Choice, ...]], ...]
    ) -> None:
        self.form, self.books, self.file, self.lists = form, books, file, lists

    def __hash__(self) -> int:
        return hash(self.file)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Lazy) and (self.file, self.lists) == (other.file, other.lists)


@lru_cache(maxsize=64)
def _printed(
    _sha256: str,
    _form_id: str,
    language: str,
    title: str,
    subtitle: str,
    author: str,
    colour: str,
    logos: tuple[Logo, ...],
    _spoken: Language,
    source: _Lazy,
) -> bytes:
    """A questionnaire depends on no zone: made once per form and language."""
    questionnaire = paper(source.form, source.books[source.file], language, dict(source.lists), title=title)
    return questionnaire_docx(questionnaire, subtitle=subtitle, author=author, colour=colour, logos=logos)
