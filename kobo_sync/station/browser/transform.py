"""An XForm as Enketo's engine wants it: HTML of the form and XML of its model, by Enketo's own two stylesheets.

What enketo-transformer does in JavaScript before and after them is done here, so that a phone is spared a megabyte
of script and the work itself; the functions bear the names that it gives them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

from lxml import etree

from kobo_sync.station.browser.markup import as_html

STATIC = Path(__file__).parent / "static"
MAX_XFORM = 20_000_000  # a form of two thousand questions with twenty thousand choices has a quarter of it
XFORMS = "http://www.w3.org/2002/xforms"
_NS = {"xf": XFORMS, "h": "http://www.w3.org/1999/xhtml", "orx": "http://openrosa.org/xforms"}
_MODEL = "/h:html/h:head/xf:model"
_JR = re.compile(r"jr://[\w-]+/(.+)")
_TAGGED = re.compile(r"^([^(]+)\(([^()]*)\)\s*$")
_RIGHT_TO_LEFT = frozenset("ar arc ckb dv fa he ks ku nqo ps sd syr ug ur yi".split())
_TAG_OF = {
    "arabic": "ar", "arabe": "ar", "العربية": "ar", "english": "en", "anglais": "en", "french": "fr",
    "français": "fr", "francais": "fr", "spanish": "es", "español": "es", "espagnol": "es", "portuguese": "pt",
    "português": "pt", "tamazight": "zgh", "ⵜⴰⵎⴰⵣⵉⵖⵜ": "zgh", "kurdish": "ku", "farsi": "fa", "persian": "fa",
    "swahili": "sw", "ukrainian": "uk", "russian": "ru",
}  # fmt: skip
_NAME_OF = {"ar": "العربية", "en": "English", "es": "Español", "fr": "Français", "pt": "Português", "zgh": "ⵜⴰⵎⴰⵣⵉⵖⵜ"}


class Untransformable(ValueError):
    """An XForm that Enketo's stylesheets cannot read."""


@dataclass(frozen=True)
class BrowserForm:
    """What the page makes a form of: *form* is HTML, *model* XML, *languages* the tags of its languages in order.

    *default_language* is one of them, or empty when the form has none.
    """

    form: str
    model: str
    languages: tuple[str, ...]
    default_language: str


def browser_form(xform: bytes, media: Mapping[str, str], long_lists: Collection[str] = ()) -> BrowserForm:
    """*xform* for the browser; *media* maps a file's name to its address.

    The choices of a file in *long_lists* are searched, not shown one under the other, unless the form says how.
    Raises: Untransformable.
    """
    document = _parsed(xform)
    _point_binary_defaults(document, media)
    _search_in(document, long_lists)
    _process_itemsets(document)
    page, model = _by_stylesheets(document)
    for action in ("setgeopoint", "setvalue"):
        _correct_action(page, action)
    _transform_appearances(page)
    _replace_media(page, media)
    languages, default = _replace_language_tags(page)
    _add_logo(page, media)
    etree.cleanup_namespaces(page)
    html = as_html(page.find("form"), media)
    _replace_media(model, media)
    _add_instance_id(model)
    return BrowserForm(html, etree.tostring(model.find(f"{{{XFORMS}}}model"), encoding="unicode"), languages, default)


def _parsed(xform: bytes) -> etree._Element:
    if len(xform) > MAX_XFORM:
        raise Untransformable("larger than any form")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(xform, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Untransformable("no XML") from error
    if root.getroottree().docinfo.doctype:
        raise Untransformable("a document type")
    if not root.xpath(_MODEL, namespaces=_NS):
        raise Untransformable("no XForm")
    # Lists that KoboCollect alone looks up: here they would show a choice that stands for them, or a plain field.
    if root.xpath("//xf:*[contains(@appearance, 'search(')] | //xf:input[@query]", namespaces=_NS):
        raise Untransformable("a list that only KoboCollect can search")
    return root


@cache
def _stylesheet(name: str) -> etree.XSLT:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    rules = etree.XSLTAccessControl.DENY_ALL  # neither files nor addresses, whatever a stylesheet asks
    return etree.XSLT(etree.parse(STATIC / f"{name}.xsl", parser), access_control=rules)


def _by_stylesheets(document: etree._Element) -> tuple[etree._Element, etree._Element]:
    try:
        page = _stylesheet("openrosa2html5form")(document).getroot()
        model = _stylesheet("openrosa2xmlmodel")(document).getroot()
    except etree.LxmlError as error:
        raise Untransformable("Enketo's stylesheets refuse it") from error
    if page is None or page.find("form") is None or model is None or model.find(f"{{{XFORMS}}}model") is None:
        raise Untransformable("no form in it")
    return page, model


# ── before the stylesheets ──────────────────────────────────────────────────


def _point_binary_defaults(document: etree._Element, media: Mapping[str, str]) -> None:
    """A picture that is an answer from the start is shown from where its file is."""
    for bind in document.xpath(f"{_MODEL}/xf:bind[@type='binary']", namespaces=_NS):
        path = (bind.get("nodeset") or "").strip("/").split("/")
        nodes = [
            node for node in document.xpath(f"{_MODEL}/xf:instance[1]/*", namespaces=_NS) if _local(node) == path[0]
        ]
        for name in path[1:]:
            nodes = [child for node in nodes[:1] for child in node if _local(child) == name]
        if nodes and re.match(r"[a-zA-Z]+://", nodes[0].text or ""):
            nodes[0].set("src", address_of(nodes[0].text, media))


def _search_in(document: etree._Element, long_lists: Collection[str]) -> None:
    instances = document.xpath(f"{_MODEL}/xf:instance[@src]", namespaces=_NS)
    names = {each.get("id"): each.get("src").rpartition("/")[2] for each in instances}
    for select in document.iter(f"{{{XFORMS}}}select1"):
        itemset = select.find(f"{{{XFORMS}}}itemset")
        whole = (
            re.fullmatch(r"""instance\(['"]([^'"]+)['"]\)/root/item""", itemset.get("nodeset", ""))
            if itemset is not None
            else None
        )
        if whole and names.get(whole[1]) in long_lists and not select.get("appearance"):
            select.set("appearance", "autocomplete")


def _process_itemsets(document: etree._Element) -> None:
    """Where the choices of a list and their labels are, written for the stylesheet; labels by translation copied in."""
    items_of: dict[str, list[etree._Element]] = {}
    for itemset in document.iter(f"{{{XFORMS}}}itemset"):
        value, label = (itemset.find(f"{{{XFORMS}}}{name}") for name in ("value", "label"))
        label_ref = label.get("ref", "") if label is not None else ""
        nodeset = itemset.get("nodeset", "")
        instance_id = nodeset.partition("instance(")[2].partition(")")[0].strip("'\" ")
        after = nodeset.partition(")")[2]
        if "randomize(" in nodeset:
            after = after.partition("," if "," in nodeset else ")")[0]
        path = re.sub(r"\[.*?\]", "", after.replace("/", "/xf:"))
        itext_path = f'/h:html/h:head/xf:model/xf:instance[@id="{instance_id}"]{path}'
        itemset.set("valueRef", value.get("ref", "") if value is not None else "")
        itemset.set("labelRef", label_ref)
        itemset.set("itextPath", itext_path)
        by_itext = re.search(r"itext\((.*)\)", label_ref)
        if by_itext:
            if itext_path not in items_of:
                items_of[itext_path] = _nodes(document, itext_path)
            for item in items_of[itext_path]:
                for child in item:
                    if _local(child) == by_itext[1]:
                        copy = etree.SubElement(itemset, child.tag)
                        copy.text = child.text


def _nodes(document: etree._Element, path: str) -> list[etree._Element]:
    try:
        nodes: list[etree._Element] = document.xpath(path, namespaces=_NS)
    except etree.XPathError:
        return []
    return nodes


# ── after the stylesheets ───────────────────────────────────────────────────


def _correct_action(page: etree._Element, name: str) -> None:
    """A ``setvalue`` inside a question must not be a question in a question, nor bear the name of another."""
    for node in page.xpath(f'//*[contains(@class, "question")]//label/input[@data-{name}]'):
        label = node.getparent()
        label.getparent().replace(label, node)
    for node in page.xpath(f'//label[contains(@class, "{name}")]/input[@data-{name}]'):
        same = page.xpath(
            "//*[@name=$name and (contains(../@class, 'question') or contains(../../@class, 'option-wrapper'))"
            " and not(@type='hidden')]",
            name=node.get("name"),
        )
        if same:
            for attribute in (f"data-{name}", "data-event"):
                same[0].set(attribute, node.get(attribute, attribute))
            label = node.getparent()
            label.getparent().remove(label)


def _transform_appearances(page: etree._Element) -> None:
    """Appearances as classes, in the place that the stylesheet left for them."""
    for node in page.xpath("//*[@data-appearances]"):
        is_select = node.attrib.pop("data-appearances-select-type", None) is not None
        classes: list[str] = []
        for appearance in node.attrib.pop("data-appearances").lower().split():
            classes.append(f"or-appearance-{appearance}")
            if is_select:
                classes += _deprecated(appearance)
        around = node.get("class", "").split()
        at = around.index("or-appearances-placeholder") if "or-appearances-placeholder" in around else len(around)
        node.set("class", " ".join([*around[:at], *classes, *around[at + 1 :]]))


def _deprecated(appearance: str) -> list[str]:
    if appearance == "compact" or appearance.startswith("compact-"):
        columns = appearance.removeprefix("compact-") if "-" in appearance else "or-appearance-columns-pack"
        return [columns, "or-appearance-no-buttons"]
    by_name = {"horizontal": ["or-appearance-columns"], "horizontal-compact": ["or-appearance-columns-pack"]}
    return by_name.get(appearance, [])


def _replace_media(root: etree._Element, media: Mapping[str, str]) -> None:
    for node in root.xpath("//*[@src] | //a[@href]"):
        attribute = "href" if node.tag == "a" else "src"
        node.set(attribute, address_of(node.get(attribute), media))


def address_of(source: str, media: Mapping[str, str]) -> str:
    """Where a ``jr://…`` file is served; other addresses as they are, and never a script."""
    named = _JR.match(source.strip())
    if named is None:
        is_harmless = re.match(r"(https?:|mailto:|tel:|[^:]*$|data:image/)", source.strip(), re.IGNORECASE)
        return source.strip() if is_harmless else "#"
    return media.get(named[1], quote(source.strip(), safe=":/-"))


def _add_logo(page: etree._Element, media: Mapping[str, str]) -> None:
    place = page.xpath('//*[@class="form-logo"]')
    if place and "form_logo.png" in media:
        etree.SubElement(place[0], "img", src=media["form_logo.png"], alt="")


def _replace_language_tags(page: etree._Element) -> tuple[tuple[str, ...], str]:
    """``Français (fr)`` becomes ``fr`` wherever a language is named; which direction each is written in."""
    options = page.xpath('/root/form/select[@id="form-languages"]/option')
    tags = {}
    for option in options:
        source = option.text or ""
        name, tag = _language(source)
        tags[source] = tag
        option.set("data-dir", "rtl" if _is_right_to_left(tag, _sample(page, source)) else "ltr")
        option.set("value", tag)
        option.text = name
    renamed = {source: tag for source, tag in tags.items() if source != tag}
    if renamed:
        for node in page.xpath("/root/form//*[@lang]"):
            node.set("lang", renamed.get(node.get("lang"), node.get("lang")))
    selectors = page.xpath("/root/form/*[@data-default-lang]")
    default = selectors[0].get("data-default-lang") if selectors else ""
    if selectors:
        selectors[0].set("data-default-lang", tags.get(default, default))
    if not options and _is_right_to_left("", _sample(page, "")):
        page.find("form").set("dir", "rtl")
    return tuple(tags.values()), tags.get(default, next(iter(tags.values()), ""))


def _language(source: str) -> tuple[str, str]:
    """A language's name for people, and its tag."""
    both = _TAGGED.match(source)
    if both:
        return both[1].strip(), both[2].strip()
    tag = _TAG_OF.get(source.strip().casefold(), source.strip())
    return _NAME_OF.get(tag, source.strip()), tag


def _sample(page: etree._Element, language: str) -> str:
    spans = page.xpath("/root/form//span[@lang=$lang and normalize-space()]", lang=language)
    return " ".join("".join(span.itertext()) for span in spans[:20])


def _is_right_to_left(tag: str, sample: str) -> bool:
    primary = re.split("[-_]", tag.lower())[0]
    if primary in _RIGHT_TO_LEFT or primary in _NAME_OF:
        return primary in _RIGHT_TO_LEFT
    directions = [unicodedata.bidirectional(sign) for sign in sample]
    return sum(each in ("R", "AL") for each in directions) > directions.count("L")


def _add_instance_id(model: etree._Element) -> None:
    roots = model.xpath("xf:model/xf:instance[1]/*", namespaces=_NS)
    if not roots:
        raise Untransformable("no instance")
    metas = [child for child in roots[0] if _local(child) == "meta"]
    if not any(_local(item) == "instanceID" for meta in metas for item in meta):
        meta = metas[0] if metas else etree.SubElement(roots[0], f"{{{XFORMS}}}meta")
        etree.SubElement(meta, f"{{{XFORMS}}}instanceID")


def _local(node: etree._Element) -> str:
    return etree.QName(node).localname if isinstance(node.tag, str) else ""
