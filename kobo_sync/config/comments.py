"""The comments of a settings file, which the program's people read in their language; what is set stays as it is.

A paragraph is comment lines below each other; a remark stands behind a setting, also behind one that is commented out.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator

WIDTH = 120
_REMARK_AT = 35  # the column that remarks stand at, where the setting leaves room
_SETTING = re.compile(r'#? ?(\[|["\w.-]+ ?=)')
_PROSE = re.compile(r"# (?P<text>\S.*)")
_REMARK = re.compile(r"(?P<setting>.*\S)  +# (?P<text>.+)")


def comments_of(text: str) -> list[str]:
    """The paragraphs and remarks of a settings file, in its order, each on one line."""
    texts: list[str] = []

    def listed(text: str) -> str:
        texts.append(text)
        return text

    with_comments(text, listed)
    return texts


def with_comments(text: str, translated: Callable[[str], str]) -> str:
    """The settings file with its paragraphs and remarks *translated*; paragraphs are wrapped at `WIDTH` characters."""
    return "\n".join(_lines([*text.splitlines(), ""], translated))


def _lines(lines: list[str], translated: Callable[[str], str]) -> Iterator[str]:
    paragraph: list[str] = []
    for line in lines:
        prose = _PROSE.fullmatch(line)
        if prose and not _SETTING.match(line):
            paragraph.append(prose["text"])
            continue
        if paragraph:
            told = translated(" ".join(paragraph))
            yield from textwrap.wrap(told, WIDTH, initial_indent="# ", subsequent_indent="# ", break_long_words=False)
            paragraph = []
        remark = _REMARK.fullmatch(line)
        if remark and _SETTING.match(line):
            yield f"{remark['setting']:<{_REMARK_AT - 2}}  # {translated(remark['text'])}"
        else:
            yield line
