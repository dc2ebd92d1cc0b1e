"""The language of the command line: ``KOBO_SYNC_LANG``, else that of the machine (``LC_ALL``, ``LC_MESSAGES``, ``LANG``), else English.

What the program says is English and is translated where it is printed; `--json` and logs stay English. For English no
catalogue is read.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from kobo_sync.language.speaking import Code

_NAMED = ("KOBO_SYNC_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
_COLONS: dict[Code, str] = {"fr": "\u00a0:"}


def language() -> Code:
    """The language of this run: the first of the variables that is set decides, as for every command."""
    first = next(filter(None, map(os.environ.get, _NAMED)), "")
    if first[:2].lower() not in ("fr", "ar"):
        return "en"
    from kobo_sync.language.speaking import first_spoken

    return first_spoken([first])


def told(text: str) -> str:
    """*text*, which is English with its values in it, in the run's language as far as the catalogue knows it."""
    code = language()
    if code == "en":
        return text
    from kobo_sync.language.sentences import translated

    return "\n".join(translated(line, code) for line in text.split("\n"))


def colon() -> str:
    """What stands between a place and what is said of it."""
    return _COLONS.get(language(), ":")


def comma() -> str:
    """What stands between the items of a list."""
    return "، " if language() == "ar" else ", "


def decimals(number: str) -> str:
    """A number with decimals (``4.9``) as the run's language writes it."""
    return number if language() == "en" else number.replace(".", ",")


class Formatter(click.HelpFormatter):
    """Writes help in the run's language: a text is translated paragraph by paragraph, an option with its default apart."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write ``Usage: prog args``."""
        super().write_usage(prog, args, f"{told(prefix or 'Usage:').strip()} ")

    def write_heading(self, heading: str) -> None:
        """Write ``Options:``."""
        self.write(f"{'':>{self.current_indent}}{told(heading)}{colon()}\n")

    def write_text(self, text: str) -> None:
        """Write paragraphs."""
        if language() == "en":
            super().write_text(text)
        else:
            super().write_text("\n\n".join(told(" ".join(each.split())) for each in text.split("\n\n")))

    def write_dl(self, rows: object, col_max: int = 30, col_spacing: int = 2) -> None:
        """Write options or verbs with what they do."""
        shown = [(first, _with_notes(second)) for first, second in rows]  # type: ignore[attr-defined]
        super().write_dl(shown, col_max, col_spacing)


def _with_notes(text: str) -> str:
    """What an option does, and what click says of it in brackets: ``[default: 8080; required]``."""
    what, bracket, notes = text.partition("  [")
    if not bracket:
        return told(text)
    return f"{told(what)}  [{'; '.join(map(told, notes.removesuffix(']').split('; ')))}]"


class Context(click.Context):
    """A verb's context, whose help speaks the run's language."""

    formatter_class = Formatter


class Command(click.Command):
    """A verb."""

    context_class = Context
