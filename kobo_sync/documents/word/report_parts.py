"""What a living report that somebody brings back still holds: its islands, slots and live numbers, and what people wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docx.document import Document as WordDocument

from kobo_sync.documents.word import islands, live_fields
from kobo_sync.documents.word.report_state import State, read_state
from kobo_sync.documents.word.template import TO_WRITE, opened
from kobo_sync.documents.word.wordml import W
from kobo_sync.errors import DocumentError


@dataclass(frozen=True)
class Parts:
    """The living parts of a report, each by its key with the words that people see of it.

    *title* is the mission's, as the machine last wrote it, *mission* its id (empty in reports of older programs). *by_hand* are the keys of blocks in which somebody typed; *paragraphs* what people
    wrote, in the order of the text, without the numbers that the machine fills in.
    """

    title: str
    mission: str
    blocks: Mapping[str, str]
    slots: Mapping[str, str]
    numbers: Mapping[str, str]
    by_hand: frozenset[str]
    paragraphs: tuple[str, ...]


def parts_of(content: bytes, name: str) -> Parts | None:
    """The parts of the report *content*; None for a Word file that is no living report. Raises: DocumentError for one that cannot be read."""
    try:
        document = opened(content, name)
        state = read_state(document)
        return _parts(document, state) if state else None
    except DocumentError:
        raise
    except Exception as error:  # a damaged file meets python-docx at any place, with any error
        message = f"{name} is no Word file (.docx) that can be read"
        raise DocumentError(message, hint="open it in Word and save it as .docx, or remove it") from error


def _parts(document: WordDocument, state: State) -> Parts:
    body = document.element.body
    blocks = _places(body, islands.BLOCK, {key: words for key, (words, _) in state.blocks.items()})
    slots = _places(body, islands.SLOT, dict.fromkeys(state.hints, ""))
    fields = {name for root in live_fields.roots(document) for name in live_fields.names(root)}
    return Parts(
        state.values.get("mission", ""),
        state.mission,
        {key: _title(elements) or key for key, elements in blocks.items()},
        {key: state.hints[key].removeprefix(TO_WRITE) for key in slots},
        {key: value for key, value in sorted(state.values.items()) if key in fields},
        frozenset(key for key, elements in blocks.items() if _words_hash(elements) != state.blocks[key][0]),
        _paragraphs(body, [element for elements in blocks.values() for element in elements]),
    )


def _places(body: Any, kind: str, hashes: Mapping[str, str]) -> dict[str, list[Any]]:
    """The elements of each island by its key: its content controls, or what is between the bookmarks that LibreOffice left."""
    tagged, places = islands.tagged(body), {}
    for key, words in sorted(hashes.items()):

        def says(elements: Sequence[Any], words: str = words) -> bool:
            return islands.text_hash(elements) == words

        elements = tagged.get(f"{kind}:{key}") or islands.bookmark_range(body, kind, key, says)
        if elements:
            places[key] = elements
    return places


def _words_hash(elements: Sequence[Any]) -> str:
    """As `islands.text_hash`, of the first of an island's copies, or of all that its bookmark spans."""
    is_control = islands.tag_of(elements[0]).startswith(f"{islands.BLOCK}:")
    return islands.text_hash(islands.inner(elements[0]) if is_control else elements)


def _title(elements: Sequence[Any]) -> str:
    """What Word shows above the island."""
    alias = elements[0].find(f"{W}sdtPr/{W}alias")
    return str(alias.get(f"{W}val") or "") if alias is not None else ""


def _paragraphs(body: Any, machines: Sequence[Any]) -> tuple[str, ...]:
    is_machines = islands.within(machines)
    filled_in = {id(node): node for node in live_fields.shown_nodes(body)}  # held, so that each keeps its id
    written = []
    for paragraph in body.iter(f"{W}p"):
        if not is_machines(paragraph):
            nodes = [node for node in islands.text_nodes(paragraph) if id(node) not in filled_in]
            text = " ".join("".join(node.text or "" for node in nodes).split())
            if text and not text.startswith(TO_WRITE.strip()):
                written.append(text)
    return tuple(written)
