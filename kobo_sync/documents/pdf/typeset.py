"""PDF files and pictures from a Typst template and plain data: the only user of typst; same input, same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import typst

from kobo_sync.documents.memory import give_back
from kobo_sync.errors import DocumentError
from kobo_sync.language.speaking import spoken

# The first installed of each writing; Typst takes every glyph from the first family that has it.
FONTS = (
    "Carlito", "Calibri", "Liberation Sans", "Arial", "Amiri", "Noto Naskh Arabic", "Noto Sans Arabic", "Sakkal Majalla",
    "Noto Sans Tifinagh", "Ebrima", "DejaVu Sans",
)  # fmt: skip
_PPI = 150
_REMEMBERED = 11  # papers; of a large build's most are never asked for again
_AGED = 3  # papers that each one counts for
_LONGEST = 12_000  # characters of a text: nobody reads more on a page, and Typst fails on those of 64 KiB
_HEAD = """
#let data = json(bytes(sys.inputs.data))
#set text(font: data.fonts, fallback: true, lang: data.language, dir: if data.rtl { rtl } else { ltr })
// A drawing without letters, seen from the side where lines begin.
#let mirrored(drawing) = if data.rtl { scale(x: -100%, drawing) } else { drawing }
// The side where the page's lines begin, and where they end; start and end are the text's own: a Latin name on an Arabic page.
#let lines-begin = if data.rtl { right } else { left }
#let lines-end = if data.rtl { left } else { right }
"""


def pdf(template: str, data: Mapping[str, Any], *, title: str, author: str = "") -> bytes:
    """The PDF that *template* (Typst markup) makes of ``data``, which it sees as a variable of that name.

    Texts of *data* are never read as markup. ``data.fonts`` are the installed families, Latin first; Typst brings one of its own.
    ``data.language`` and ``data.rtl`` are those of the language that is spoken.
    Raises: DocumentError when the template and the data do not fit.
    """
    head = "#set document(title: data.title, author: data.author, date: none)\n"
    return _set(head + template, {**data, "title": title, "author": author}, title, {"format": "pdf", "timestamp": 0})


def png(template: str, data: Mapping[str, Any]) -> bytes:
    """The one page that *template* makes of ``data`` as an image of 150 pixels an inch; otherwise like `pdf`."""
    return _set(template, data, "chart", {"format": "png", "ppi": _PPI})


def _set(template: str, data: Mapping[str, Any], name: str, shape: Mapping[str, Any]) -> bytes:
    here = families()
    inputs = {
        **_shortened(data),
        "fonts": [name for name in FONTS if name in here] or ["Libertinus Serif"],
        "language": spoken().code,
        "rtl": spoken().runs_right_to_left,
    }
    try:
        output = typst.Compiler((_HEAD + template).encode(), font_paths=_fonts()).compile(
            sys_inputs={"data": json.dumps(inputs, ensure_ascii=False)}, **shape
        )
    except typst.TypstError as error:
        raise DocumentError(
            f"{name!r} cannot be set: {error.message}", hint="report this with the form or list it was made from"
        ) from error
    except BaseException as error:  # a panic of the library is no Exception, and its class has no name to import
        if type(error).__name__ != "PanicException":
            raise
        raise DocumentError(  # a panic's own words quote the text that it met
            f"{name!r} cannot be set: Typst itself failed", hint="report this with the form or list it was made from"
        ) from error
    _age(_AGED - 1)
    if not isinstance(output, bytes):
        raise DocumentError(
            f"{name!r} came out as no page or several", hint="report this with the form or list it was made from"
        )
    return output


def _shortened(value: Any) -> Any:
    """*value* with every text cut where nobody would read on."""
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
    if isinstance(value, Mapping):
        return {key: _shortened(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)) and value and not (isinstance(value[0], int) and isinstance(value[-1], int)):
        return [_shortened(each) for each in value]
    return value


def forget() -> None:
    """Give up what Typst remembers of its last papers, tens of megabytes: it does so by age, ten papers old.

    Its threads have heaps of their own, which no other part of the program can use until they are given back.
    """
    _age(_REMEMBERED)
    give_back()


def _age(papers: int) -> None:
    """Set so many empty ones, a millisecond each: what Typst remembers, thirty megabytes of three papers, grows older by them."""
    for _ in range(papers):
        typst.Compiler(b"", font_paths=_fonts()).compile(format="pdf", timestamp=0)


@lru_cache(maxsize=1)
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=True, include_embedded_fonts=True)


@lru_cache(maxsize=1)
def families() -> frozenset[str]:
    """The font families that are installed, and those that Typst brings."""
    return frozenset(_fonts().families())
