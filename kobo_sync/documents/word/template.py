"""Word templates as staff write them: ``{{bloc:…}}``, ``{{texte:…|…}}`` and ``{{…}}`` become islands, slots and live numbers.

``{{partie:…}}`` stands for several paragraphs, such as a slot per zone; ``{{sommaire}}`` for the table of contents. A paragraph
with ``{{si:…}}`` is for missions that have what it names.
"""

from __future__ import annotations

import copy
import io
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from docx import Document as open_docx
from docx.document import Document as WordDocument
from docx.opc.exceptions import PackageNotFoundError
from lxml import etree

from kobo_sync.documents.word import contents, islands, live_fields, long_tables, sections, styles, writer
from kobo_sync.documents.word.wordml import W, sub, write
from kobo_sync.errors import DocumentError
from kobo_sync.language.catalogue import t

_MARK = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_LEFT = re.compile(r"\{\{|\}\}")
PART, CONTENTS = "partie", "sommaire"
TO_WRITE = "✍ "  # what the hint of a prose slot begins with
_GREY = "767676"  # light, and still read by weak eyes on white
_TEMPLATES = 64  # whose marks are remembered: zone after zone has the same

NoteKind = Literal[
    "unknown",
    "malformed",
    "misplaced",
    "kept",
    "absent",
    "deleted",
    "updated",
    "refreshed",
    "stale",
    "empty",
    "foreign",
]


@dataclass(frozen=True)
class Block:
    """A computed part of a document: its *title* in the content control, and how it is written."""

    title: str
    write: Callable[[WordDocument], None]


@dataclass(frozen=True)
class Piece:
    """A paragraph of a part: its *text*, marks included, as a template would have it; a heading of *level*, or of the template's own style."""

    text: str
    level: int = 0


@dataclass(frozen=True)
class Content:
    """What fills a template: *values* by the name in ``{{…}}``, *blocks* by the name in ``{{bloc:…}}``, *parts* in ``{{partie:…}}``.

    What is *needless* is left out: marks as a template has them (``bloc:acquis``, ``texte:acquis``, ``groupes``) of what the mission
    has not, and with them their sentences, and sections that have nothing else; what follows is numbered anew.
    *conditions* are the marks ``si:…`` that hold: they vanish, their paragraphs stay.
    *from_words* are blocks made from the words of the document itself (its acronyms), when all else stands.
    *mission* tells the document from that of another mission of the same title. *when* (the data's time) dates what is generated; *draft* puts the mark behind the pages; *logos* open the first.
    """

    values: Mapping[str, str]
    blocks: Mapping[str, Block]
    when: datetime | None = None
    draft: bool = True
    logos: Sequence[writer.Picture] = ()
    parts: Mapping[str, Sequence[Piece]] = field(default_factory=dict)
    from_words: Mapping[str, Callable[[str], Block]] = field(default_factory=dict)
    needless: frozenset[str] = frozenset()
    conditions: frozenset[str] = frozenset()
    mission: str = ""


@dataclass(frozen=True)
class Note:
    """Something to say of the filling or rebuilding: *where* is a place in the text, *what* the name or words."""

    kind: NoteKind
    where: str
    what: str


@dataclass
class Filled:
    """A template filled in memory: the blocks it has (*placed*), the values it shows, the hints of its prose slots."""

    document: WordDocument
    notes: list[Note] = field(default_factory=list)
    placed: set[str] = field(default_factory=set)
    shown: set[str] = field(default_factory=set)
    hints: dict[str, str] = field(default_factory=dict)
    bared: list[Any] = field(default_factory=list)  # headings below which something needless was left out


def opened(content: bytes, name: str) -> WordDocument:
    """The Word file *content*. Raises: DocumentError when it is none."""
    try:
        return long_tables.cleared(open_docx(io.BytesIO(content)))
    except (PackageNotFoundError, zipfile.BadZipFile, KeyError, ValueError, etree.XMLSyntaxError) as error:
        raise DocumentError(
            f"{name} is no Word file (.docx) that can be read",
            hint="open it in Word and save it as .docx, or remove it",
        ) from error


def filled(template: bytes, content: Content, name: str, *, live: bool) -> Filled:
    """The template with its marks replaced; unknown ones stay where they are and are noted with their place.

    *live*: blocks become islands and values fields, for a document that is patched later, and the rows of long tables stand as
    text until it is saved; else all is plain.
    Raises: DocumentError when *template* is no Word file.
    """
    document = opened(template, name)
    styles.complete(document)
    if live:
        long_tables.lighten(document)
    result = Filled(document)
    heading = ""
    headings: list[Any] = [None]
    for number, paragraph in enumerate(list(document.element.body.iter(f"{W}p")), 1):
        text = islands.plain(paragraph)
        if styles.heading_level(document, paragraph):
            heading = text
            headings.append(paragraph)
        if any(_name(mark) in content.needless for mark in _MARK.finditer(text)):
            _drop(paragraph)
            result.bared.append(headings[-1])
        elif _LEFT.search(text):
            _paragraph(result, paragraph, text, content, _place(number, heading, text), live)
    for root in live_fields.roots(document)[1:]:
        for paragraph in list(root.iter(f"{W}p")):
            text = islands.plain(paragraph)
            if _LEFT.search(text):
                _sentence(
                    result, paragraph, text, content, t("header, footer or footnote: “{text}”", text=_short(text)), live
                )
    sections.close_up(document, result.bared)
    contents.refresh(document)
    # Last, so that places are counted in the template as staff see it.
    if content.logos:
        for element in islands.written(document, lambda d: writer.logos(d, content.logos)):
            document.element.body.insert(0, element)
    return result


def _paragraph(result: Filled, paragraph: Any, text: str, content: Content, where: str, live: bool) -> None:
    mark = _MARK.fullmatch(text.strip())
    kind, _, rest = mark[1].partition(":") if mark else ("", "", "")
    if kind.strip() == islands.BLOCK:
        _block(result, paragraph, rest.strip(), content, where, live)
    elif kind.strip() == islands.SLOT:
        _slot(result, paragraph, rest, where, live)
    elif kind.strip() == PART and rest.strip() in content.parts:
        _part(result, paragraph, content.parts[rest.strip()], content, where, live)
    elif mark and _name(mark) in content.conditions:
        _drop(paragraph)
    elif mark and mark[1] == CONTENTS:
        _clear(paragraph)
        paragraph.extend(contents.placeholder())
    else:
        _sentence(result, paragraph, text, content, where, live)


def _name(mark: re.Match[str]) -> str:
    """A mark as `Content.needless` names it: ``bloc:acquis``, ``texte:acquis`` without its hint, ``groupes``."""
    return re.sub(r"\s*:\s*", ":", mark[1].partition("|")[0].strip(), count=1)


@lru_cache(maxsize=_TEMPLATES)
def blocks_of(template: bytes, name: str) -> frozenset[str]:
    """The names of the blocks that *template* has a place for. Raises: DocumentError when it is no Word file."""
    paragraphs = opened(template, name).element.body.iter(f"{W}p")
    marks = (_name(mark) for paragraph in paragraphs for mark in _MARK.finditer(islands.plain(paragraph)))
    return frozenset(mark.partition(":")[2] for mark in marks if mark.startswith(f"{islands.BLOCK}:"))


@lru_cache(maxsize=_TEMPLATES)
def marks_of_title(template: bytes, name: str) -> frozenset[str]:
    """The marks in the first line of *template*, as `Content.needless` has them. Raises: DocumentError when it is no Word file."""
    lines = (islands.plain(paragraph) for paragraph in opened(template, name).element.body.iter(f"{W}p"))
    return frozenset(map(_name, _MARK.finditer(next((line for line in lines if line.strip()), ""))))


def _part(result: Filled, paragraph: Any, pieces: Sequence[Piece], content: Content, where: str, live: bool) -> None:
    """Put a paragraph per piece in place of *paragraph*, then fill each as if the template had it."""
    for piece in pieces:
        twin = copy.deepcopy(paragraph)
        _clear(twin)
        write(twin, piece.text)
        if piece.level:
            twin.style = styles.style_id(result.document, f"Heading {piece.level}")
        paragraph.addprevious(twin)
        if _LEFT.search(piece.text):
            _paragraph(result, twin, piece.text, content, where, live)
    _drop(paragraph)


def _clear(paragraph: Any) -> None:
    for child in list(paragraph):
        if child.tag != f"{W}pPr":
            paragraph.remove(child)


def _block(result: Filled, paragraph: Any, key: str, content: Content, where: str, live: bool) -> None:
    late = content.from_words.get(key)
    block = content.blocks.get(key) or (late("") if late else None)
    if block is None:
        result.notes.append(Note("unknown", where, f"bloc:{key}"))
        return
    elements = islands.written(result.document, block.write)
    if live:
        result.placed.add(key)
        elements = islands.bookmarked(islands.wrapped(islands.BLOCK, key, block_title(block), elements))
    for element in elements:
        paragraph.addprevious(element)
    _drop(paragraph)


def block_title(block: Block) -> str:
    """What Word shows above an island."""
    return t("Computed – {block} (do not change)", block=block.title)


def _slot(result: Filled, paragraph: Any, rest: str, where: str, live: bool) -> None:
    key, _, hint = (part.strip() for part in rest.partition("|"))
    if not re.fullmatch(r"[\w-]+", key):
        result.notes.append(Note("malformed", where, f"texte:{key}"))
        return
    _clear(paragraph)
    hint_text = TO_WRITE + (hint or t("To be written"))
    write(paragraph, hint_text, italic=True, color=_GREY)
    result.hints[key] = hint_text
    if live:
        anchor = etree.Element("anchor")
        paragraph.addprevious(anchor)
        control = islands.wrapped(islands.SLOT, key, t("To be written – kept at every update"), [paragraph], hint=True)
        for element in islands.bookmarked(control):
            anchor.addprevious(element)
        anchor.getparent().remove(anchor)


def slot_key(text: str) -> str:
    """The name of the prose slot that *text* is the mark of, or nothing."""
    mark = _MARK.fullmatch(text.strip())
    kind, _, rest = mark[1].partition(":") if mark else ("", "", "")
    return rest.partition("|")[0].strip() if kind.strip() == islands.SLOT else ""


def _sentence(result: Filled, paragraph: Any, text: str, content: Content, where: str, live: bool) -> None:
    _explode(paragraph)
    for mark in reversed(list(_MARK.finditer(text))):
        name = mark[1]
        if _name(mark) in content.conditions:
            _put_value(paragraph, mark.start(), mark.end(), name, "", live=False)
            continue
        if name not in content.values:
            kind, _, key = (part.strip() for part in name.partition(":"))
            blocks = {**content.blocks, **content.from_words}
            is_misplaced = kind == islands.SLOT or (kind == islands.BLOCK and key in blocks)
            is_misplaced = is_misplaced or name == CONTENTS or (kind == PART and key in content.parts)
            result.notes.append(Note("misplaced" if is_misplaced else "unknown", where, name))
            continue
        result.shown.add(name)
        _put_value(paragraph, mark.start(), mark.end(), name, content.values[name], live)
    if _LEFT.search(_MARK.sub("", text)):
        result.notes.append(Note("malformed", where, _short(text)))


def _put_value(paragraph: Any, start: int, end: int, name: str, value: str, live: bool) -> None:
    """Replace characters *start*..*end* of the paragraph by a live number with the formatting of what it replaces."""
    position, inside = 0, []
    for node in islands.text_nodes(paragraph):
        length = len(node.text or "")
        if position < end and position + length > start:
            inside.append((node, position))
        position += length
    (first, first_at), (last, last_at) = inside[0], inside[-1]
    head, tail = (first.text or "")[: start - first_at], (last.text or "")[end - last_at :]
    run = first.getparent()
    properties = run.find(f"{W}rPr")
    after = run
    if live:
        runs = live_fields.field_runs(name, value, properties)
    else:
        plain_run = etree.Element(f"{W}r")
        if properties is not None:
            plain_run.append(copy.deepcopy(properties))
        runs = []
        write(holder := etree.Element(f"{W}p"), value)
        for element in list(holder):
            runs.append(element if element.find(f"{W}rPr/{W}rtl") is not None else _with(element, properties))
    tail_run = _text_run(tail, last.getparent().find(f"{W}rPr")) if tail else None
    for new in [*runs, *([tail_run] if tail_run is not None else [])]:
        after.addnext(new)
        after = new
    for node, _ in inside:
        holder = node.getparent()
        if node is first and head:
            node.text = head
            node.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
        else:
            holder.getparent().remove(holder)


def _with(run: Any, properties: Any | None) -> Any:
    if properties is not None:
        old = run.find(f"{W}rPr")
        if old is not None:
            run.remove(old)
        run.insert(0, copy.deepcopy(properties))
    return run


def _text_run(text: str, properties: Any | None) -> Any:
    run = etree.Element(f"{W}r")
    if properties is not None:
        run.append(copy.deepcopy(properties))
    node = sub(run, "t")
    node.text = text
    node.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
    return run


def _explode(paragraph: Any) -> None:
    """Cut the runs so that each holds one thing: Word cuts a mark over several runs, and puts several things in one."""
    for run in list(paragraph.iter(f"{W}r")):
        things = [child for child in run if child.tag != f"{W}rPr"]
        for thing in reversed(things[1:]):
            twin = etree.Element(f"{W}r")
            properties = run.find(f"{W}rPr")
            if properties is not None:
                twin.append(copy.deepcopy(properties))
            twin.append(thing)
            run.addnext(twin)


def _drop(paragraph: Any) -> None:
    """Remove the paragraph of a mark; a section that ends there keeps its break, a cell its last paragraph."""
    parent = paragraph.getparent()
    keeps_section = paragraph.find(f"{W}pPr/{W}sectPr") is not None
    if keeps_section or (parent.tag == f"{W}tc" and parent[-1] is paragraph):
        _clear(paragraph)
        return
    parent.remove(paragraph)


def _place(number: int, heading: str, text: str) -> str:
    if not heading or heading == text:
        return t("paragraph {n}: “{text}”", n=number, text=_short(text))
    return t("paragraph {n}, under “{heading}”: “{text}”", n=number, heading=_short(heading), text=_short(text))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:59] + "…"
