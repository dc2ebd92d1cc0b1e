"""The parts of a Word file that belong to the machine: where they are, how they are wrapped, whether they moved."""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain
from typing import Any

from docx.document import Document as WordDocument
from docx.oxml.ns import qn
from lxml import etree

from kobo_sync.documents.word import long_tables
from kobo_sync.documents.word.captions import caption, labels
from kobo_sync.documents.word.wordml import W, sub

BLOCK, SLOT = "bloc", "texte"
# What older programs show in place of a text box: the same words once more.
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_LONGEST_MARK = 40
_FARTHEST = 200  # elements that are read upwards for the start of an island
_EMBED = (qn("r:embed"), qn("r:id"), qn("r:link"))


def written(document: WordDocument, write: Callable[[WordDocument], None]) -> list[Any]:
    """What *write* adds at the end of *document*: top-level elements, for the caller to move to their place.

    Moving is quick; taking a large table out of the tree first is O(rows²) in lxml.
    """
    body = document.element.body
    before = list(body)
    write(document)
    # Holding both lists keeps lxml's proxies alive, so that identity is that of the element.
    before_ids = {id(element) for element in before}
    return [element for element in body if id(element) not in before_ids]


def wrapped(kind: str, key: str, title: str, elements: Sequence[Any], *, hint: bool = False) -> Any:
    """A content control around *elements*: a block is locked, a slot may be written in but not removed.

    It begins beside them in their tree: lxml needs the square of a table's rows to take it to another one.
    """
    tag = f"{kind}:{key}"
    parent = elements[0].getparent() if elements else None
    place = f"{W}sdt"
    control = etree.Element(place, nsmap={"w": W[1:-1]}) if parent is None else etree.SubElement(parent, place)
    properties = sub(control, "sdtPr")
    sub(properties, "alias", val=title)
    sub(properties, "tag", val=tag)
    sub(properties, "id", val=str(_number(tag)))
    sub(properties, "lock", val="sdtContentLocked" if kind == BLOCK else "sdtLocked")
    if hint:
        sub(properties, "showingPlcHdr")
    content = sub(control, "sdtContent")
    content.extend(elements)
    return control


def bookmarked(control: Any) -> list[Any]:
    """*control* between the two ends of its twin bookmark: LibreOffice forgets the control, and keeps the bookmark."""
    tag = tag_of(control)
    number = str(_number(f"bookmark {tag}") % 10**6)
    start = etree.Element(f"{W}bookmarkStart", {f"{W}id": number, f"{W}name": _bookmark(tag)})
    return [start, control, etree.Element(f"{W}bookmarkEnd", {f"{W}id": number})]


def tag_of(control: Any) -> str:
    """The tag of a content control, or an empty string."""
    tag = control.find(f"{W}sdtPr/{W}tag")
    return str(tag.get(f"{W}val") or "") if tag is not None else ""


def controls(body: Any, kind: str, key: str) -> list[Any]:
    """The content controls of an island, copies included, in the order of the text."""
    return tagged(body).get(f"{kind}:{key}", [])


def tagged(body: Any) -> dict[str, list[Any]]:
    """All content controls by their tag, in the order of the text."""
    controls: dict[str, list[Any]] = {}
    for control in body.iter(f"{W}sdt"):
        controls.setdefault(tag_of(control), []).append(control)
    return controls


def bookmark_range(body: Any, kind: str, key: str, is_it: Callable[[Sequence[Any]], bool]) -> list[Any]:
    """The elements side by side that the twin bookmark spans, empty when it spans none.

    LibreOffice cuts it into several of the same name, may end it in the paragraph that follows, and on its next opening
    keeps one piece alone: of the readings from there upwards and downwards, the one for which *is_it* holds.
    """
    marks = _twins(body, kind, key)
    if not marks:
        return []
    holder = _holder(body, marks)
    children = list(holder)
    places = [children.index(_top(holder, mark)) for mark in marks]
    first, last = min(places), max(places)
    upwards = ((start, end) for start in range(first, max(first - _FARTHEST, -1), -1) for end in (last + 1, last))
    downwards = ((first, end) for end in range(last + 2, min(last + _FARTHEST, len(children)) + 1))
    readings = (r for r in chain(upwards, downwards) if r[0] < r[1] and is_it(children[r[0] : r[1]]))
    start, end = next(readings, (first, last + 1))
    chosen = children[start:end]
    return chosen if any(element.tag in (f"{W}p", f"{W}tbl", f"{W}sdt") for element in chosen) else []


def unmarked(body: Any, kind: str, key: str) -> None:
    """Takes out the twin bookmark of an island, all pieces of it."""
    for mark in _twins(body, kind, key):
        mark.getparent().remove(mark)


def _twins(body: Any, kind: str, key: str) -> list[Any]:
    """The starts, then the ends, of the twin bookmark and of what LibreOffice calls its copies."""
    name = re.compile(rf"{re.escape(_bookmark(f'{kind}:{key}'))}(?:_?Copy_?\d+)?")
    starts = [mark for mark in body.iter(f"{W}bookmarkStart") if name.fullmatch(mark.get(f"{W}name") or "")]
    numbers = {mark.get(f"{W}id") for mark in starts}
    return [*starts, *(mark for mark in body.iter(f"{W}bookmarkEnd") if mark.get(f"{W}id") in numbers)]


def inner(control: Any) -> list[Any]:
    """What a content control holds."""
    content = control.find(f"{W}sdtContent")
    return [content] if content is not None else []


def text_hash(elements: Sequence[Any]) -> str:
    """A hash of the words alone: equal as long as nobody has typed in the island, whoever saved the file."""
    words: list[str] = []
    for element in elements:
        if next(element.iter(f"{W}txbxContent"), None) is not None:
            words += map(plain, element.iter(f"{W}p"))
            continue
        # A large table has thousands: one look at each.
        for node in long_tables.elements(element, f"{W}p", f"{W}t"):
            if node.tag == f"{W}p":
                words.append("")
            elif words:
                words[-1] += node.text or ""
    words = [caption().sub(r"\1", word) for word in words]
    return _digest(re.sub(r"\s", "", "".join(words)).encode())


def full_hash(document: WordDocument, elements: Sequence[Any]) -> str:
    """A hash of all that shows: words, layout, alternative texts, pictures; not of numbers that follow the place."""
    total, rels = hashlib.sha256(), document.part.rels
    for element in elements:
        plain_text = etree.tostring(element)
        if not _varies().search(plain_text):
            total.update(plain_text)
            continue
        twin = copy.deepcopy(element)
        for node in twin.iter():
            for name in _EMBED:
                if node.get(name) in rels:
                    relation = rels[node.get(name)]
                    node.set(name, _digest(relation.target_part.blob) if not relation.is_external else "")
            if node.tag == qn("wp:docPr"):
                node.attrib.pop("id", None)
        for paragraph in twin.iter(f"{W}p"):
            _set_caption_number(paragraph, 0)
        total.update(etree.tostring(twin))
    return total.hexdigest()[:16]


def renumber(body: Any, mine: Callable[[Any], bool]) -> None:
    """Number captions through the whole text; those outside islands (not *mine*) are counted, never touched."""
    counts: dict[str, int] = {}
    for paragraph in body.iter(f"{W}p"):
        match = caption().match(plain(paragraph))
        if match and next(paragraph.iterancestors(_FALLBACK), None) is None:
            counts[match[1]] = counts.get(match[1], 0) + 1
            if mine(paragraph) and int(match[3]) != counts[match[1]]:
                _set_caption_number(paragraph, counts[match[1]])


def plain(paragraph: Any) -> str:
    """The words of a paragraph (deleted ones left out, and those of a text box that hangs on it)."""
    return "".join(node.text or "" for node in text_nodes(paragraph))


def text_nodes(paragraph: Any) -> list[Any]:
    """The paragraph's own text nodes: a text box that hangs on it has paragraphs of its own."""
    nodes = list(paragraph.iter(f"{W}t"))
    if next(paragraph.iter(f"{W}txbxContent"), None) is None:
        return nodes
    return [node for node in nodes if next(node.iterancestors(f"{W}p")) is paragraph]


def fresh_picture_ids(body: Any) -> None:
    """Give pictures that share an id one of their own; the first keeps its id."""
    ids: set[str] = set()
    pictures = list(body.iter(qn("wp:docPr")))
    free = 1 + max((int(p.get("id") or 0) for p in pictures if (p.get("id") or "").isdigit()), default=0)
    for picture in pictures:
        if picture.get("id") in ids or not (picture.get("id") or "").isdigit():
            picture.set("id", str(free))
            free += 1
        ids.add(picture.get("id"))


def within(holders: Sequence[Any]) -> Callable[[Any], bool]:
    """Whether an element is one of *holders*, or lies in one: a question that is asked of each paragraph."""
    holders_by_id = {id(holder): holder for holder in holders}  # held, so that each keeps its id
    return lambda element: any(id(each) in holders_by_id for each in (element, *element.iterancestors()))


def _is_above(holder: Any, element: Any) -> bool:
    return any(ancestor is holder for ancestor in element.iterancestors())


def _set_caption_number(paragraph: Any, number: int) -> None:
    nodes = text_nodes(paragraph)
    match = caption().match("".join(node.text or "" for node in nodes))
    if match is None:
        return
    at = 0
    for node in nodes:  # in Arabic the number has a run of its own
        text, start = node.text or "", match.start(3) - at
        if 0 <= start < len(text):
            node.text = f"{text[:start]}{number}{text[start + len(match[3]) :]}"
            return
        at += len(text)


@cache
def _varies() -> re.Pattern[bytes]:
    """What a hash must see through, as it stands in XML: pictures, numbers of captions."""
    as_in_xml = b"|".join(label.encode("ascii", "xmlcharrefreplace") for label in labels())
    return re.compile(rb"r:(?:embed|id|link)=|docPr|>(?:" + as_in_xml + rb")(?:&#160;|\s|<)")


def _holder(body: Any, marks: Sequence[Any]) -> Any:
    """The cell, text box or body in which all *marks* lie."""
    tags = (f"{W}tc", f"{W}txbxContent")
    for ancestor in marks[0].iterancestors():
        if ancestor is body or (ancestor.tag in tags and all(_is_above(ancestor, mark) for mark in marks)):
            return ancestor
    return body


def _top(body: Any, node: Any) -> Any:
    for element in (node, *node.iterancestors()):
        if element.getparent() is body:
            return element
    return node


def _bookmark(tag: str) -> str:
    """Word's limit is 40 characters: of a longer name the end would be lost, and two zones' slots be one."""
    name = "k_" + re.sub(r"\W", "_", tag)
    return name if len(name) <= _LONGEST_MARK else f"{name[:31]}_{_digest(tag.encode())[:8]}"


def _number(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:7], 16) + 1


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
