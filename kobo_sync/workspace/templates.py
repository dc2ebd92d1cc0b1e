"""What documents are made from, in the language that they are written in: packaged templates, and the mission's own before them."""

from __future__ import annotations

from collections.abc import Mapping

from kobo_sync.config.file_names import path_in
from kobo_sync.language.speaking import LANGUAGES, Code

_FIRST: Code = "fr"  # whose templates lie beside the folders of the others


def in_language(packaged: Mapping[str, bytes], own: Mapping[str, bytes], language: Code) -> dict[str, bytes]:
    """The templates by their path, those of another *language* than French from the folder that is called by its code (``ar/``).

    The mission's *own* go before the packaged ones, whichever folder they lie in; one that is still the copy that `init`
    made of a packaged one is nobody's choice, and leaves the place to that of the language. Each is called as in *language*; of two
    own ones for the same document, the one that lies there under that name.
    """
    changed = {path: content for path, content in own.items() if packaged.get(path) != content}
    templates: dict[str, bytes] = {}
    for source in (packaged, changed):
        templates |= _named(_beside(source), language)
        templates |= _named(_below(source, language), language) if language != _FIRST else {}
    return templates


def _named(templates: Mapping[str, bytes], language: Code) -> dict[str, bytes]:
    renamed = {path_in(language, path): content for path, content in templates.items()}
    return renamed | {path: content for path, content in templates.items() if path == path_in(language, path)}


def _beside(templates: Mapping[str, bytes]) -> dict[str, bytes]:
    folders = tuple(f"{code}/" for code in LANGUAGES if code != _FIRST)
    return {path: content for path, content in templates.items() if not path.startswith(folders)}


def _below(templates: Mapping[str, bytes], language: Code) -> dict[str, bytes]:
    folder = f"{language}/"
    return {path.removeprefix(folder): content for path, content in templates.items() if path.startswith(folder)}
