"""Labels with the little Markdown that XLSForms know, as HTML; everything else in them stays text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import escape

from lxml import etree

_OPEN, _CLOSE = "\ue000", "\ue001"  # around a number: signs of nobody's language, that stand for HTML until the end
_PLACE = re.compile(f"{_OPEN}(\\d+){_CLOSE}")
_STYLE = re.compile(r"""\sstyle=(["'])([^"']*)\1""")
_HARMLESS = re.compile(r"(https?:|mailto:|tel:|jr:|[^:]*$)", re.IGNORECASE)
MAX_LABEL = 20_000  # signs; the work for a label may grow with their square
_Sub = Callable[["re.Match[str]"], str]


def as_html(form: etree._Element, media: Mapping[str, str]) -> str:
    """The form's element as HTML, its labels and hints with their Markdown rendered."""
    pieces: list[str] = []

    def keep(html: str) -> str:
        pieces.append(html)
        return f"{_OPEN}{len(pieces) - 1}{_CLOSE}"

    for node in form.xpath('.//span[contains(@class, "or-output")]'):
        tail, node.tail = node.tail or "", None
        _replace_by_text(node, keep(etree.tostring(node, method="html", encoding="unicode")) + tail)
    for node in form.xpath('.//span[contains(@class, "question-label") or contains(@class, "or-hint")]'):
        text = "".join(node.itertext())
        rendered = markdown(text, media) if len(text) <= MAX_LABEL else text
        if rendered not in (text, escape(text, quote=False)):
            for child in list(node):
                node.remove(child)
            node.text = keep(rendered)
    html: str = etree.tostring(form, method="html", encoding="unicode", with_tail=False)
    for _ in range(2):  # a label's HTML has outputs in it
        html = _PLACE.sub(lambda found: _piece(pieces, found), html)
    return html


def _piece(pieces: list[str], found: re.Match[str]) -> str:
    number = int(found[1]) if len(found[1]) < 9 else len(pieces)
    return pieces[number] if number < len(pieces) else ""


def _replace_by_text(node: etree._Element, text: str) -> None:
    parent, before = node.getparent(), node.getprevious()
    if before is not None:
        before.tail = (before.tail or "") + text
    else:
        parent.text = (parent.text or "") + text
    parent.remove(node)


def markdown(text: str, media: Mapping[str, str]) -> str:
    """*text* with ``*``, ``_``, ``#``, lists, links and ``<span style>`` rendered as enketo-transformer does."""
    html = escape(text, quote=False)
    html = re.sub(r"&lt;\s?span([^/\n]*?)&gt;((?:(?!&lt;/).)+)&lt;/\s?span\s?&gt;", _span, html)
    for tag in ("sup", "sub"):
        html = re.sub(rf"&lt;\s?{tag}[^/\n]*?&gt;((?:(?!&lt;/).)+)&lt;/\s?{tag}\s?&gt;", rf"<{tag}>\1</{tag}>", html)
    for n, sign in enumerate("\\*_#"):
        html = html.replace(f"\\{sign}", chr(0xE010 + n))
    html = re.sub(r"__(.*?)__", r"<strong>\1</strong>", html)
    html = re.sub(r"\*\*(.*?)\*\*", r"<strong>\1</strong>", html)
    html = re.sub(r"(^|\W)_([^\s][^_\n]*)_(\W|$)", r"\1<em>\2</em>\3", html, flags=re.M)
    html = re.sub(r"\*([^\s][^*\n]*)\*", r"<em>\1</em>", html)
    html = re.sub(r"\[([^\]]*)\]\(([^)]+)\)", _anchor(media), html)
    html = re.sub(r"^\s*(#{1,6})\s?([^#][^\n]*)(\n|$)", _header, html, flags=re.M)
    html = re.sub(r"^((\*|\+|-) (.*)(\n|$))+", lambda m: f"<ul>{_items(m[0], '[*+-]')}</ul>", html, flags=re.M)
    html = re.sub(r"(\n([0-9]+\.) (.*))+$", _ordered, html, flags=re.M)
    html = re.sub(r"\n(<ul>)", r"\1", html)
    for n, sign in enumerate("\\*_#"):
        html = html.replace(chr(0xE010 + n), sign)
    html = re.sub(r"([^\n]+)\n{2,}", _paragraph, html)
    return re.sub(r"([^\n]+)\n", r"\1<br>", html)


def _span(found: re.Match[str]) -> str:
    style = _STYLE.search(found[1])
    return f'<span style="{escape(style[2])}">{found[2]}</span>' if style else f"<span>{found[2]}</span>"


def _anchor(media: Mapping[str, str]) -> _Sub:
    def link(found: re.Match[str]) -> str:
        target = found[2].strip()
        if target.startswith("jr://"):
            target = media.get(target.rpartition("/")[2], "#")
        if not _HARMLESS.match(target) or _OPEN in target:
            return found[0]
        return f'<a href="{target.replace(chr(34), "%22")}" rel="noopener" target="_blank">{found[1]}</a>'

    return link


def _header(found: re.Match[str]) -> str:
    level = len(found[1])
    return f"<h{level}>{found[2].rstrip('#')}</h{level}>"


def _items(text: str, mark: str) -> str:
    return re.sub(rf"(?:^|\n){mark}(.*)", lambda m: f"<li>{m[1].strip()}</li>", text).rstrip("\n")


def _ordered(found: re.Match[str]) -> str:
    first = re.match(r"\n?(\d+)\.", found[0])
    start = f' start="{first[1]}"' if first and first[1] != "1" else ""
    return f"<ol{start}>{_items(found[0], '[0-9]+' + re.escape('.'))}</ol>"


def _paragraph(found: re.Match[str]) -> str:
    line = found[1].strip()
    return found[1] if re.match(r"</?(ul|ol|li|h|p)", line, re.IGNORECASE) else f"<p>{line}</p>"
