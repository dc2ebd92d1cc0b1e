"""XLSForm expressions over given answers: what a phone would show and compute, as far as plain functions go."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence

Value = str | float | bool
_TOKEN = re.compile(
    r"\s*(?:(?P<ref>\$\{\s*(?P<name>(?:last-saved\#)?[\w.:-]+)\s*\})|(?P<text>'[^']*'|\"[^\"]*\"|‘[^’]*’)|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<op><=|>=|!=|[=<>+*(),|-])|(?P<word>[A-Za-z_][\w:.-]*)|(?P<dot>\.))"
)
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


_LOOKUP = re.compile(
    r"instance\(\s*'(?P<list>[\w-]+)'\s*\)/root/item\[\s*(?P<key>\w+)\s*=\s*(?P<value>[^\]]+)\]/(?P<column>\w+)"
)
Lists = Mapping[str, Sequence[Mapping[str, str]]]


class Unsupported(Exception):
    """The expression needs more than this evaluator knows (paths, secondary instances, dates)."""


def evaluate(expression: str, answers: Mapping[str, str], current: str = "", lists: Lists | None = None) -> Value:
    """The value of *expression*; ``${name}`` is taken from *answers* (absent = empty), ``.`` is *current*.

    What the phone saved last (``${last-saved#name}``) is another row's: only an answer of that very name stands for it.

    *lists* are the secondary instances by name (a CSV's stem), for look-ups of one cell.
    Raises: Unsupported for a construct or function beyond the plain ones.
    """
    plain = _LOOKUP.sub(lambda match: _looked_up(match, answers, current, lists or {}), expression)
    parser = _Parser(_tokens(plain), answers, current)
    value = parser.either()
    if parser.at < len(parser.tokens):
        raise Unsupported(expression)
    return value


def _looked_up(match: re.Match[str], answers: Mapping[str, str], current: str, lists: Lists) -> str:
    """The cell that a look-up names, as a quoted text; empty when no row fits, as on a phone."""
    key = text_of(evaluate(match["value"], answers, current, lists))
    for row in lists.get(match["list"], ()):
        if row.get(match["key"]) == key:
            return "'" + row.get(match["column"], "").replace("'", "’") + "'"
    return "''"


def is_true(value: Value) -> bool:
    """XPath's boolean(): an empty text, zero and false are false."""
    return value != 0 and value == value if isinstance(value, float) else bool(value)


def text_of(value: Value) -> str:
    """XPath's string(): whole numbers without a decimal point."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, float):
        if not math.isfinite(value):
            return "NaN" if math.isnan(value) else f"{'-' * (value < 0)}Infinity"
        return str(int(value)) if value == int(value) else str(value)
    return value


def _tokens(expression: str) -> list[tuple[str, str]]:
    tokens, at = [], 0
    while at < len(expression.rstrip()):
        match = _TOKEN.match(expression, at)
        if match is None:
            raise Unsupported(expression)
        kind = "ref" if match["ref"] else str(match.lastgroup)
        tokens.append((kind, match["name"] if kind == "ref" else match[kind]))
        at = match.end()
    return tokens


class _Parser:
    """Recursive descent, lowest precedence first; one pass, no tree."""

    def __init__(self, tokens: Sequence[tuple[str, str]], answers: Mapping[str, str], current: str) -> None:
        self.tokens, self.answers, self.current, self.at = tokens, answers, current, 0

    def either(self) -> Value:
        value = self.both()
        while self.takes("or"):
            right = self.both()
            value = is_true(value) or is_true(right)
        return value

    def both(self) -> Value:
        value = self.comparison()
        while self.takes("and"):
            right = self.comparison()
            value = is_true(value) and is_true(right)
        return value

    def comparison(self) -> Value:
        value = self.sum()
        while (operator := self.peek()) in ("=", "!=", "<", "<=", ">", ">="):
            self.at += 1
            right = self.sum()
            if operator in ("=", "!="):
                value = _equal(value, right) == (operator == "=")
            else:
                value = _COMPARE[operator](number_of(value), number_of(right))
        return value

    def sum(self) -> Value:
        value = self.product()
        while (operator := self.peek()) in ("+", "-"):
            self.at += 1
            right = number_of(self.product())
            value = number_of(value) + (right if operator == "+" else -right)
        return value

    def product(self) -> Value:
        value = self.atom()
        while (operator := self.peek()) in ("*", "div", "mod"):
            self.at += 1
            left, right = number_of(value), number_of(self.atom())
            if operator != "*" and right == 0:
                return float("nan")
            value = left * right if operator == "*" else left / right if operator == "div" else left % right
        return value

    def atom(self) -> Value:
        if self.at >= len(self.tokens):
            raise Unsupported("the expression ends too early")
        kind, text = self.tokens[self.at]
        self.at += 1
        if kind == "ref":
            return self.answers.get(text, "")
        if kind == "text":
            return text[1:-1]
        if kind == "number":
            return float(text)
        if kind == "dot":
            return self.current
        if text == "-":
            return -number_of(self.atom())
        if text == "(":
            value = self.either()
            self.expect(")")
            return value
        if kind == "word" and self.peek() == "(":
            return self.call(text)
        raise Unsupported(text)

    def call(self, name: str) -> Value:
        self.expect("(")
        arguments: list[Value] = []
        while not self.takes(")"):
            if arguments:
                self.expect(",")
            arguments.append(self.either())
        function = FUNCTIONS.get(name)
        if function is None:
            raise Unsupported(name)
        try:
            return function(*arguments)
        except (TypeError, IndexError, re.error) as error:
            raise Unsupported(name) from error

    def peek(self) -> str:
        return (
            self.tokens[self.at][1] if self.at < len(self.tokens) and self.tokens[self.at][0] in ("op", "word") else ""
        )

    def takes(self, word: str) -> bool:
        is_next = self.peek() == word
        self.at += is_next
        return is_next

    def expect(self, word: str) -> None:
        if not self.takes(word):
            raise Unsupported(f"{word} is missing")


def number_of(value: Value) -> float:
    """XPath's number(): NaN for what is none."""
    if isinstance(value, bool):
        return 1.0 if value else 0.0
    try:
        return float(value)
    except ValueError:
        return float("nan")


def _equal(left: Value, right: Value) -> bool:
    if isinstance(left, float) or isinstance(right, float):
        return number_of(left) == number_of(right)
    if isinstance(left, bool) or isinstance(right, bool):
        return is_true(left) == is_true(right)
    return left == right


def _translate(text: Value, old: Value, new: Value) -> str:
    olds, news = text_of(old), text_of(new)
    table = {ord(c): (news[at] if at < len(news) else None) for at, c in reversed(list(enumerate(olds)))}
    return text_of(text).translate(table)


FUNCTIONS: Mapping[str, Callable[..., Value]] = {
    "true": lambda: True,
    "false": lambda: False,
    "not": lambda value: not is_true(value),
    "boolean": is_true,
    "number": number_of,
    "int": lambda value: float(int(number_of(value))),
    "round": lambda value, digits=0.0: float(round(number_of(value), int(digits))),
    "string": text_of,
    "selected": lambda value, code: text_of(code) in text_of(value).split(),
    "count-selected": lambda value: float(len(text_of(value).split())),
    "selected-at": lambda value, at: (text_of(value).split() + [""] * 99)[int(number_of(at))],
    "string-length": lambda value: float(len(text_of(value))),
    "concat": lambda *parts: "".join(text_of(part) for part in parts),
    "if": lambda test, yes, no: yes if is_true(test) else no,
    "coalesce": lambda first, second: first if text_of(first) else second,
    "once": lambda value: value,
    "normalize-space": lambda value: " ".join(text_of(value).split()),
    "translate": _translate,
    "contains": lambda text, part: text_of(part) in text_of(text),
    "substring-after": lambda text, mark: text_of(text).partition(text_of(mark))[2],
    "substring-before": lambda text, mark: (
        text_of(text).partition(text_of(mark))[0] if text_of(mark) in text_of(text) else ""
    ),
    "starts-with": lambda text, part: text_of(text).startswith(text_of(part)),
    "regex": lambda value, pattern: re.search(text_of(pattern), text_of(value)) is not None,
}
