"""The living report: people own the Word file, the machine owns its islands and refreshes them in place."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from docx.document import Document as WordDocument
from docx.text.paragraph import Paragraph
from docx.text.run import Run
from lxml import etree

from kobo_sync.documents.word import contents, islands, live_fields, long_tables, styles, watermark
from kobo_sync.documents.word.package import saved
from kobo_sync.documents.word.report_state import State, put_state, read_state
from kobo_sync.documents.word.template import (
    TO_WRITE,
    Block,
    Content,
    Note,
    block_title,
    blocks_of,
    filled,
    opened,
    slot_key,
)
from kobo_sync.documents.word.wordml import W
from kobo_sync.documents.word.writer import EPOCH
from kobo_sync.language.arabic import Arabic
from kobo_sync.language.catalogue import t
from kobo_sync.language.english import English
from kobo_sync.language.french import French

AUTHOR, INITIALS = "kobo-sync", "KS"
_SHOWS = "//@r:embed | //@r:id | //@r:link | //@r:pict"  # how the text names what it shows
_MONTHS = "|".join((*French.months, *English.months, *Arabic.months))


@dataclass(frozen=True)
class Living:
    """A living report's bytes; *changed* is False when they are those given. *notes* tell what was done or found.

    *blocks* are those that it was begun with, or has been given since; *prose* is what people wrote in it, a line per paragraph:
    neither islands nor hints of slots.
    """

    content: bytes
    notes: tuple[Note, ...]
    changed: bool
    blocks: frozenset[str] = frozenset()
    prose: str = ""


def begin(template: bytes, content: Content, name: str) -> Living:
    """A new report from *template*; unknown marks stay visible and are noted. Raises: DocumentError."""
    blocks = {**content.blocks, **{key: block_of("") for key, block_of in content.from_words.items()}}
    # First, and not beside the report: tables of many zones fill the memory.
    places = blocks_of(template, name)
    prints = _prints_of({key: block for key, block in blocks.items() if key in places})
    document = filled(template, content, name, live=True)
    prints |= _prints_of({key: blocks[key] for key in sorted(document.placed - prints.keys())})  # those of parts
    live_fields.put_properties(document.document, content.values)
    if content.draft:
        watermark.mark(document.document)
    state = State(
        {key: prints[key] for key in sorted(document.placed)}, dict(content.values), document.hints, content.mission
    )
    _reword(document.document, content, state)
    _settle(document.document)
    put_state(document.document, state)
    notes = (*document.notes, *_empty_slots(document.document, state))
    words = _prose(document.document, state)
    return Living(saved(document.document), notes, True, frozenset(state.blocks), words)


def rebuild(previous: bytes, content: Content, name: str) -> Living:
    """The report as people left it, its islands and live numbers brought to *content*.

    An island that was typed in is kept and commented; one that was deleted stays so; a figure typed by
    hand that equals a value which has moved is commented. Equal content gives the same bytes back.
    Raises: DocumentError when *previous* is no Word file.
    """
    document = opened(previous, name)
    state = read_state(document)
    if state is None:
        return Living(previous, (Note("foreign", name, ""),), False)
    hashes = _prints_of({key: block for key, block in content.blocks.items() if key in state.blocks})
    old_values = {key: state.values[key] for key in content.values if key in state.values}
    old_values = {key: old for key, old in old_values.items() if old != content.values[key]}
    has_all_values = all(key in state.values for key in content.values)
    if (
        has_all_values
        and not old_values
        and state.mission == content.mission
        and all(state.blocks[key][1] == everything for key, (_, everything) in hashes.items())
        and not _is_reworded(document, content, state)
    ):
        return Living(previous, _empty_slots(document, state), False, frozenset(state.blocks), _prose(document, state))
    styles.complete(document)
    long_tables.lighten(document)
    notes: list[Note] = []
    there = islands.tagged(document.element.body)
    for key, block in content.blocks.items():
        notes += _patch(document, key, block, hashes.get(key, ("", "")), state, there.get(f"{islands.BLOCK}:{key}", []))
    for root in live_fields.roots(document):
        notes += [Note("refreshed", "", f"{key} × {n}") for key, n in live_fields.refresh(root, content.values).items()]
    live_fields.put_properties(document, content.values)
    notes += _stale(document, old_values, content, state)
    notes += _reword(document, content, state)
    notes += _missing_slots(content, state)
    _settle(document)
    _date_comments(document, content)
    state.values |= dict(content.values)
    state.mission = content.mission
    put_state(document, state)
    notes += _empty_slots(document, state)
    return Living(saved(document), tuple(notes), True, frozenset(state.blocks), _prose(document, state))


def reread(previous: bytes, content: Content, name: str) -> Living:
    """The report when no number moved, with what `rebuild` would note: what is made from its words alone is brought up to date.

    *content* needs no more than its *from_words* and its time. Raises: DocumentError.
    """
    document = opened(previous, name)
    state = read_state(document)
    if state is None:
        return Living(previous, (Note("foreign", name, ""),), False)
    if not _is_reworded(document, content, state):
        return Living(previous, _empty_slots(document, state), False, frozenset(state.blocks), _prose(document, state))
    styles.complete(document)
    notes = _reword(document, content, state)
    _settle(document)
    _date_comments(document, content)
    put_state(document, state)
    notes += _empty_slots(document, state)
    return Living(saved(document), tuple(notes), True, frozenset(state.blocks), _prose(document, state))


def _prose(document: WordDocument, state: State) -> str:
    body = document.element.body
    is_machines = islands.within(_machine_elements(body, state.blocks, state))
    return _words([body], is_machines)


def _words(roots: Iterable[Any], is_left_out: Callable[[Any], bool]) -> str:
    """A line per paragraph, without those for which *is_left_out* holds, and the hints of slots."""
    paragraphs = (p for root in roots for p in long_tables.elements(root, f"{W}p", without=is_left_out))
    return "\n".join(line for line in map(islands.plain, paragraphs) if not line.startswith(TO_WRITE))


def flattened(content: bytes, *, hints: bool = False) -> bytes:
    """The same text without content controls: what LibreOffice needs to show it rightly. Empty slots are left out, but with *hints*."""
    document = opened(content, "report")
    contents.for_libreoffice(document)
    body = document.element.body
    state = read_state(document) or State()
    for control in list(body.iter(f"{W}sdt")):
        kind, _, key = islands.tag_of(control).partition(":")
        is_empty = kind == islands.SLOT and not hints and not _has_prose([control], state.hints.get(key, ""))
        holder = control.find(f"{W}sdtContent")
        for child in list(holder) if holder is not None and not is_empty else ():
            control.addprevious(child)
        control.getparent().remove(control)
    return saved(document)


# ── islands ─────────────────────────────────────────────────────────────────


def _prints(content: Content) -> dict[str, tuple[str, str]]:
    """`_prints_of` the blocks of *content*."""
    return _prints_of(content.blocks)


def _prints_of(blocks: Mapping[str, Block]) -> dict[str, tuple[str, str]]:
    """Per block the hashes of its words and of everything, written on a blank document: styles of people do not count."""
    prints = {}
    document = styles.blank()
    for key, block in blocks.items():
        elements = islands.written(document, block.write)
        prints[key] = (islands.text_hash(elements), islands.full_hash(document, elements))
        for element in elements:
            element.clear()
            element.getparent().remove(element)
    return prints


def _patch(
    document: WordDocument, key: str, block: Block, hashes: tuple[str, str], state: State, copies: list[Any]
) -> list[Note]:
    """Bring the *copies* of one island to their new content; returns what happened. Of a block that is none of the report's *hashes* is not asked."""
    body = document.element.body
    before = state.blocks.get(key)
    spans: list[list[Any]] = [[control] for control in copies]
    if not copies and before is not None:
        spans = [islands.bookmark_range(body, islands.BLOCK, key, partial(_says, before[0]))]
    if before is None:
        return [Note("foreign" if any(spans) else "absent", "", key)]
    if not any(spans):
        state.blocks[key] = (before[0], hashes[1])
        return [Note("deleted", "", key)]
    notes, edited = [], False
    for span in filter(None, spans):
        # Nothing may hold what lies in the control when it is replaced: lxml takes O(rows²) otherwise.
        if islands.text_hash(islands.inner(span[0]) if copies else span) != before[0]:
            _comment(document, _first_runs(islands.inner(span[0]) if copies else span), _kept(block))
            notes.append(Note("kept", "", key))
            edited = True
        elif before[1] != hashes[1]:
            elements = islands.written(document, block.write)
            _replace(body, span, islands.wrapped(islands.BLOCK, key, block_title(block), elements), bool(copies))
            notes.append(Note("updated", "", key))
        elif not copies:
            # LibreOffice forgot the control: it is put back, for the next time that this file passes through it.
            islands.unmarked(body, islands.BLOCK, key)
            attached = [element for element in span if element.getparent() is not None]
            twins = [copy.deepcopy(element) for element in attached]
            _replace(body, attached, islands.wrapped(islands.BLOCK, key, block_title(block), twins), False)
    # The hash of the words stays that of what the machine wrote, so that a hand is seen again next time.
    if not edited or len(notes) > 1:
        state.blocks[key] = hashes
    else:
        state.blocks[key] = (before[0], hashes[1])
    return notes


def _worded(document: WordDocument, content: Content, state: State) -> dict[str, Block]:
    """The blocks that the document's words make: those of headers and of islands too, not those of what is still to be written."""
    if not content.from_words:
        return {}
    body, *edges = live_fields.roots(document)
    words = _words((body, *edges), islands.within(_machine_elements(body, content.from_words, state)))
    return {key: block_of(words) for key, block_of in content.from_words.items()}


def _is_reworded(document: WordDocument, content: Content, state: State) -> bool:
    """Whether a block that the document's words make is other than it was."""
    prints = _prints_of(_worded(document, content, state))
    return any(key in state.blocks and state.blocks[key][1] != everything for key, (_, everything) in prints.items())


def _reword(document: WordDocument, content: Content, state: State) -> list[Note]:
    """Bring the blocks that the document's words make to what these are now."""
    notes: list[Note] = []
    blocks = _worded(document, content, state)
    prints, there = _prints_of(blocks), islands.tagged(document.element.body)
    for key, block in blocks.items():
        notes += _patch(document, key, block, prints[key], state, there.get(f"{islands.BLOCK}:{key}", []))
    return notes


def _missing_slots(content: Content, state: State) -> list[Note]:
    """A note for each slot of a part of which the report has others: a zone that came after it was begun."""
    notes = []
    for pieces in content.parts.values():
        keys = [key for piece in pieces if (key := slot_key(piece.text))]
        if any(key in state.hints for key in keys):
            notes += [Note("absent", "", key) for key in keys if key not in state.hints]
    return notes


def _says(words: str, elements: Sequence[Any]) -> bool:
    return islands.text_hash(elements) == words


def _replace(body: Any, span: Sequence[Any], control: Any, is_control: bool) -> None:
    if is_control:
        # A copy keeps its own id, which must differ from that of its twins.
        old = span[0].find(f"{W}sdtPr/{W}id")
        if old is not None:
            control.find(f"{W}sdtPr/{W}id").set(f"{W}val", old.get(f"{W}val"))
        span[0].clear()  # what is left of it leaves the tree at once: with its rows it would take their square
        span[0].getparent().replace(span[0], control)
        return
    anchor = etree.Element("anchor")
    span[0].addprevious(anchor)
    for element in span:
        if element.getparent() is anchor.getparent():
            element.clear()
            element.getparent().remove(element)
    islands.unmarked(body, *islands.tag_of(control).split(":", 1))
    for element in islands.bookmarked(control):
        anchor.addprevious(element)
    anchor.getparent().remove(anchor)


def _kept(block: Block) -> str:
    return t(
        "Block “{block}” changed by hand since it was last computed: kept as it is, the new computed version is not put in. "
        "To find that: kobo-sync build --fresh.",
        block=block.title,
    )


# ── figures typed by hand ───────────────────────────────────────────────────


def _stale(document: WordDocument, old_values: dict[str, str], content: Content, state: State) -> list[Note]:
    """Comment each figure typed in prose that equals a value which has moved since."""
    patterns = {
        key: _figure(old) for key, old in old_values.items() if len(old.strip()) > 1 and any(c.isdigit() for c in old)
    }
    if not patterns:
        return []
    body, *edges = live_fields.roots(document)
    is_mine = islands.within(_machine_elements(body, [*content.blocks, *content.from_words], state))
    filled_in = {id(node): node for root in (body, *edges) for node in live_fields.shown_nodes(root)}
    notes = []
    for paragraph in [paragraph for root in (body, *edges) for paragraph in root.iter(f"{W}p")]:
        if is_mine(paragraph):
            continue
        nodes = [node for node in islands.text_nodes(paragraph) if id(node) not in filled_in]
        # A field between two texts must not join them into one figure.
        text = "".join(node.text or "" for node in nodes)
        for key, pattern in patterns.items():
            for match in pattern.finditer(text):
                runs = _carriers(body, _runs_at(nodes, match.start(), match.end()))
                words = t(
                    "To be reviewed: “{old}” was “{name}”, which is now “{new}”.",
                    old=old_values[key],
                    name=key,
                    new=content.values[key],
                )
                # Word has no comments in headers, footers and notes: there the finding alone tells.
                if not runs or _comment(document, [Run(r, Paragraph(paragraph, document._body)) for r in runs], words):
                    notes.append(Note("stale", _around(text, match.start(), match.end()), key))
    return notes


def _figure(text: str) -> re.Pattern[str]:
    """*text* as a whole figure, whatever spaces it was typed with; a day of a month or an hour is none."""
    parts = [re.escape(part) for part in re.split(r"\s+", text.strip())]
    unit = rf"(?!\s?(?:{_MONTHS}|h\b|/))" if text.strip().isdigit() else ""
    figure = r"\s*".join(parts)
    return re.compile(rf"(?<![\w.,/−-])(?<!\d\s){figure}(?![\w]|[.,]\d|\s\d){unit}")


def _machine_elements(body: Any, keys: Iterable[str], state: State) -> list[Any]:
    """Every element that is an island called one of *keys*, or part of one."""
    elements: list[Any] = []
    there = islands.tagged(body)
    for key in keys:
        controls = there.get(f"{islands.BLOCK}:{key}", [])
        if controls:
            elements += controls
        elif key in state.blocks:
            is_it = partial(_says, state.blocks[key][0])
            elements += islands.bookmark_range(body, islands.BLOCK, key, is_it)
    return elements


def _runs_at(nodes: Sequence[Any], start: int, end: int) -> list[Any]:
    position, runs = 0, []
    for node in nodes:
        length = len(node.text or "")
        if position < end and position + length > start:
            runs.append(node.getparent())
        position += length
    return runs


def _carriers(body: Any, runs: list[Any]) -> list[Any]:
    """The runs that can carry a comment: those of the text; for words in a text box, the run it hangs on."""
    if not any(ancestor is body for ancestor in runs[0].iterancestors()):
        return []
    boxes = [ancestor for ancestor in runs[0].iterancestors() if ancestor.tag == f"{W}txbxContent"]
    return [next(boxes[-1].iterancestors(f"{W}r"))] if boxes else runs


def _around(text: str, start: int, end: int) -> str:
    return f"« {' '.join(text[max(0, start - 30) : end + 30].split())} »"


# ── comments ────────────────────────────────────────────────────────────────


def _comment(document: WordDocument, runs: Sequence[Run], text: str) -> bool:
    """Add a comment of ours, once: False when the same words stand at this paragraph already, or nothing can carry it."""
    if not runs:
        return False
    paragraph = next((a for a in runs[0]._r.iterancestors() if a.tag == f"{W}p"), None)
    if paragraph is None:
        return False
    here = {mark.get(f"{W}id") for mark in paragraph.iter(f"{W}commentRangeStart", f"{W}commentReference")}
    if any(comment.text == text and str(comment.comment_id) in here for comment in document.comments):
        return False
    document.add_comment(list(runs), text=text, author=AUTHOR, initials=INITIALS)
    return True


def _first_runs(elements: Sequence[Any]) -> list[Run]:
    for element in elements:
        for paragraph in element.iter(f"{W}p"):
            runs = [run for run in paragraph.iter(f"{W}r") if run.find(f"{W}t") is not None]
            if runs:
                parent = Paragraph(paragraph, None)  # type: ignore[arg-type]
                return [Run(run, parent) for run in runs]
    return []


def _date_comments(document: WordDocument, content: Content) -> None:
    moment = (content.when or EPOCH).strftime("%Y-%m-%dT%H:%M:%SZ")
    for comment in document.comments:
        if comment.author == AUTHOR:
            comment._comment_elm.set(f"{W}date", moment)


# ── slots, saving ────────────────────────────────────────────────────


def _empty_slots(document: WordDocument, state: State) -> tuple[Note, ...]:
    """A note for each prose slot in which nobody has written yet."""
    body = document.element.body
    notes = []
    there = islands.tagged(body)
    for key, hint in sorted(state.hints.items()):
        spans = there.get(f"{islands.SLOT}:{key}") or islands.bookmark_range(
            body, islands.SLOT, key, lambda _span: False
        )
        if spans and not _has_prose(spans, hint):
            notes.append(Note("empty", hint.removeprefix("✍ "), key))
    return tuple(notes)


def _has_prose(spans: Sequence[Any], hint: str) -> bool:
    words = " ".join(islands.plain(paragraph) for element in spans for paragraph in element.iter(f"{W}p"))
    without_hint = re.sub(r"\s", "", words).replace(re.sub(r"\s", "", hint), "")
    pictures = any(True for element in spans for _ in element.iter(f"{W}drawing", f"{W}pict", f"{W}object"))
    return bool(without_hint) or pictures


def _settle(document: WordDocument) -> None:
    """Numbers of captions and pictures over the whole text; pictures that nothing shows any more are dropped."""
    body = document.element.body
    controls = [control for control in body.iter(f"{W}sdt") if islands.tag_of(control).startswith(f"{islands.BLOCK}:")]
    islands.renumber(body, islands.within(controls))
    contents.refresh(document)
    islands.fresh_picture_ids(body)
    used = set(document.element.xpath(_SHOWS))  # of the tables of many zones a text would take as much memory again
    for key, relation in list(document.part.rels.items()):
        if relation.reltype.endswith("/image") and key not in used:
            del document.part.rels[key]
