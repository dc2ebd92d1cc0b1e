"""The program's texts: English in the code, French and Arabic from gettext's catalogues in ``texts/``.

``make messages`` extracts what stands in ``t``, ``tn``, ``tc`` and ``later``; `texts/<language>/LC_MESSAGES/` has a ``.po`` for each
domain, to be edited, and the ``.mo`` that it gives. A translation may set what stands in it as its language asks: ``{zone:of}``
is « de Bertat » or « d’Azilal » (`typography.FORMS`).
"""

from __future__ import annotations

import gettext
import string
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache
from importlib import resources
from typing import Any

from kobo_sync.language import typography
from kobo_sync.language.speaking import Code, spoken

DOMAINS = ("papers", "program", "pages")


def t(text: str, /, **values: object) -> str:
    """*text*, which is English, in the spoken language, ``{name}`` filled in: numbers and days as that language sets them."""
    return _filled(translations(spoken().code).gettext(text), values)


def tc(context: str, text: str, /, **values: object) -> str:
    """`t` for a text that means several things: *context* (``a form's state``) tells which."""
    return _filled(translations(spoken().code).pgettext(context, text), values)


def tn(one: str, many: str, n: float | str, /, **values: object) -> str:
    """``{n} zone`` or ``{n} zones`` in the spoken language, in the form that it has for *n*; *n* is filled in for ``{n}``.

    A number that is text (``≤ 10``, ``about 25``) takes the form of its digits, and of many things where it has none.
    """
    text = translations(spoken().code).ngettext(one, many, _quantity(n))
    return _filled(text, {"n": n, **values})


def later(text: str, /) -> str:
    """*text* as it is: it stands in a table that is made before anybody is spoken to, and goes through `t` when it is told."""
    return text


def later_n(one: str, many: str, /) -> tuple[str, str]:
    """`later` for a text that counts: both go through `tn` when they are told."""
    return one, many


@cache
def translations(code: Code) -> gettext.NullTranslations:
    """The texts of language *code* of all domains; English is what stands in the code."""
    first: gettext.NullTranslations = gettext.NullTranslations()
    for domain in reversed(DOMAINS) if code != "en" else ():
        loaded = _Translations(code, domain)
        loaded.add_fallback(first)
        first = loaded
    return first


@cache
def texts_of(code: Code, domain: str) -> Mapping[str, str]:
    """English text → its translation to *code*, of one domain; those that count are left out, and English has none."""
    return {} if code == "en" else _Translations(code, domain).texts()


class _Translations(gettext.GNUTranslations):
    """The ``.mo`` of a domain, which also tells all that it has."""

    _catalog: dict[str | tuple[str, int], str]

    def __init__(self, code: Code, domain: str) -> None:
        path = resources.files("kobo_sync.language") / "texts" / code / "LC_MESSAGES" / f"{domain}.mo"
        with path.open("rb") as file:
            super().__init__(file)

    def texts(self) -> dict[str, str]:
        """Every text by its English; neither what counts nor what has a context."""
        return {key: text for key, text in self._catalog.items() if isinstance(key, str) and key and "\x04" not in key}


def _quantity(n: float | str) -> int:
    if isinstance(n, str):
        digits = "".join(c for c in n if c.isdecimal())
        return int(digits) if digits else 100
    # French counts 1.5 as one, English as many; no other is asked.
    return int(n) if n == int(n) or spoken().code == "fr" else 2


class _Filler(string.Formatter):
    """Fills in values as the spoken language sets them."""

    def get_value(self, key: int | str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """A value by its name; numbers and days come ready to read."""
        return kwargs[str(key)]

    def format_field(self, value: Any, format_spec: str) -> str:
        """*value* as text; *format_spec* is the name of one of `typography.FORMS`."""
        text = _shown(value)
        return typography.FORMS[format_spec](text) if format_spec else text


_FILLER = _Filler()


def _filled(text: str, values: Mapping[str, object]) -> str:
    return _FILLER.vformat(text, (), values) if values else text


def _shown(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return typography.number(value) if value == int(value) else typography.number(value, 1)
    if isinstance(value, date):
        return typography.day(value.date() if isinstance(value, datetime) else value)
    return str(value)
