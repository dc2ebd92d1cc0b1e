"""PDF files from a Typst template and plain data: the only user of typst; same input, same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import typst

from kobo_sync.errors import DocumentError

# The first installed of each writing; Typst takes every glyph from the first family that has it.
FONTS = (
    "Carlito", "Calibri", "Liberation Sans", "Arial", "Amiri", "Noto Naskh Arabic", "Noto Sans Arabic", "Sakkal Majalla",
    "Noto Sans Tifinagh", "Ebrima", "DejaVu Sans",
)  # fmt: skip
_HEAD = """
#let data = json(bytes(sys.inputs.data))
#set document(title: data.title, author: data.author, date: none)
#set text(font: data.fonts, fallback: true)
"""


def pdf(template: str, data: Mapping[str, Any], *, title: str, author: str = "") -> bytes:
    """The PDF that *template* (Typst markup) makes of ``data``, which it sees as a variable of that name.

    Texts of *data* are never read as markup. ``data.fonts`` are the installed families, Latin first; Typst brings one of its own.
    Raises: DocumentError when the template and the data do not fit.
    """
    families = _families()
    given = {
        **data,
        "title": title,
        "author": author,
        "fonts": [name for name in FONTS if name in families] or ["Libertinus Serif"],
    }
    try:
        made = typst.Compiler((_HEAD + template).encode(), font_paths=_fonts()).compile(
            format="pdf", timestamp=0, sys_inputs={"data": json.dumps(given, ensure_ascii=False)}
        )
    except typst.TypstError as error:
        raise DocumentError(
            f"the PDF {title!r} cannot be set: {error.message}",
            hint="report this with the form or list it was made from",
        ) from error
    if not isinstance(made, bytes):
        raise DocumentError(
            f"the PDF {title!r} came out empty", hint="report this with the form or list it was made from"
        )
    return made


@lru_cache(maxsize=1)
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=True, include_embedded_fonts=True)


@lru_cache(maxsize=1)
def _families() -> frozenset[str]:
    return frozenset(_fonts().families())
