"""XLSForm expressions said in words, for people who read a form on paper."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from kobo_sync.config.mission import Mission
from kobo_sync.language.speaking import spoken

_TOKEN = re.compile(
    r"\s*(?:\$\{\s*(?P<ref>[\w.:-]+)\s*\}|(?P<text>'[^']*'|\"[^\"]*\"|‘[^’]*’)|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<op><=|>=|!=|[=<>+*(),-])|(?P<word>[A-Za-z_][\w:-]*)|(?P<dot>\.))"
)
_SIGNS = {"=": "=", "!=": "≠", "<": "<", "<=": "≤", ">": ">", ">=": "≥", "+": "+", "-": "−", "*": "×"}
_OPPOSITE = {"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_MIRRORED = {"=": "=", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}

_FR = {
    "dir": "ltr", "question": "question {n}", "if": "si", "and": "et", "or": "ou", "not": "sauf si", "quoted": "« {x} »",
    "filled": "{x} est remplie", "empty": "{x} est vide", "includes": "{x} comprend {y}",
    "excludes": "{x} ne comprend pas {y}", "count": "le nombre de réponses à la {x}", "length": "la longueur de la {x}",
    "today": "aujourd’hui", "raw": "si cette condition est remplie : {x}", "calculated": "valeur calculée {x}",
    "other": "Autre (précisez)", "rank": "Numérotez de 1 (en premier) à {n}.", "many": "Plusieurs réponses possibles.",
    "from_to": "de {a} à {b}", "page": "Page", "day": "jour", "month": "mois", "year": "année", "signature": "Signature",
    "drawing": "Dessin", "photo": "Photo n°", "file": "Fichier n°", "latitude": "Latitude", "longitude": "Longitude",
    "read": "Lu", "copy": "{x} – {n}", "entry": "Fiche", "version": "version", "hour": "h",
    "how": "Cochez ○ une seule réponse, □ une ou plusieurs. Les réponses marquées * sont obligatoires. "
    "→ si… : répondez seulement dans ce cas.",
    "row": "cette ligne", "programme": "Programme « {x} »", "column": "colonne « {x} »", "letters": "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z",
    "blank_copies": "Sur le téléphone, ce bloc se répète autant de fois qu’il le faut : prenez une autre feuille si elles ne suffisent pas.",
}  # fmt: skip
_AR = {
    "dir": "rtl", "question": "السؤال {n}", "if": "إذا كان", "and": "و", "or": "أو", "not": "إلا إذا", "quoted": "«{x}»",
    "filled": "{x} غير فارغ", "empty": "{x} فارغاً", "includes": "{x} يتضمن {y}", "excludes": "{x} لا يتضمن {y}",
    "count": "عدد أجوبة {x}", "length": "طول {x}", "today": "اليوم", "raw": "إذا تحقق هذا الشرط: {x}",
    "calculated": "القيمة المحسوبة {x}", "other": "غير ذلك (حددوا)", "rank": "رقّموا من 1 (الأول) إلى {n}.",
    "many": "يمكن اختيار عدة أجوبة.", "from_to": "من {a} إلى {b}", "page": "صفحة", "day": "اليوم", "month": "الشهر",
    "year": "السنة", "signature": "التوقيع", "drawing": "رسم", "photo": "صورة رقم", "file": "ملف رقم",
    "latitude": "خط العرض", "longitude": "خط الطول", "read": "قرئ", "copy": "{x} – {n}", "entry": "بطاقة",
    "version": "نسخة", "hour": "س", "!=": "يختلف عن", "<": "أصغر من", "<=": "أصغر من أو يساوي", ">": "أكبر من",
    ">=": "أكبر من أو يساوي",
    "how": "ضعوا علامة في ○ لجواب واحد، وفي □ لجواب أو أكثر. الأجوبة المشار إليها بـ * إجبارية. "
    "← إذا كان…: أجيبوا في هذه الحالة فقط.",
    "row": "هذا السطر", "programme": "برنامج «{x}»", "column": "العمود «{x}»", "letters": "أ ب ج د هـ و ز ح ط ي ك ل م ن س ع ف ص ق ر ش ت",
    "blank_copies": "في الهاتف تتكرر هذه الفقرة حسب الحاجة: خذوا ورقة أخرى إذا لم تكفِ.",
}  # fmt: skip
_EN = {
    "dir": "ltr", "question": "question {n}", "if": "if", "and": "and", "or": "or", "not": "unless", "quoted": "“{x}”",
    "filled": "{x} is answered", "empty": "{x} is empty", "includes": "{x} includes {y}",
    "excludes": "{x} does not include {y}", "count": "the number of answers to {x}", "length": "the length of {x}",
    "today": "today", "raw": "if this holds: {x}", "calculated": "calculated value {x}", "other": "Other (specify)",
    "rank": "Number from 1 (first) to {n}.", "many": "Several answers allowed.", "from_to": "from {a} to {b}",
    "page": "Page", "day": "day", "month": "month", "year": "year", "signature": "Signature", "drawing": "Drawing",
    "photo": "Photo no.", "file": "File no.", "latitude": "Latitude", "longitude": "Longitude", "read": "Read",
    "copy": "{x} – {n}", "entry": "Entry", "version": "version", "hour": "h",
    "how": "Tick ○ one answer only, □ one or several. Answers marked * are required. → if…: answer only in that case.",
    "row": "this row", "programme": "Programme “{x}”", "column": "column “{x}”", "letters": "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z",
    "blank_copies": "On the phone this block repeats as often as needed: take another sheet if these are too few.",
}  # fmt: skip
_LANGUAGES = {
    "fr": _FR, "français": _FR, "french": _FR, "ar": _AR, "arabic": _AR, "العربية": _AR, "arabe": _AR, "en": _EN,
    "english": _EN, "anglais": _EN,
}  # fmt: skip
_RIGHT_TO_LEFT = {"fa", "ur", "he", "ps", "ckb", "sd", "ug", "yi", "dv"}


class Unsaid(Exception):
    """The expression holds something that has no plain words."""


@dataclass(frozen=True)
class Voice:
    """How a form's own things are called: *question* by its name, *choice* by question name and code.

    *certain* are values already certain where the words stand (a repeat's printed item); names in *row* stand for the
    row of a table, those in *unseen* for what a phone alone knows: what hangs on them alone is left unsaid.
    """

    words: Mapping[str, str]
    question: Callable[[str], str]
    choice: Callable[[str, str], str]
    certain: Mapping[str, str] = field(default_factory=dict)
    row: Collection[str] = ()
    unseen: Collection[str] = ()


_Node = tuple[str, tuple["_Node", ...]] | tuple[str, str]  # (kind, parts) or (kind, text)


def words_of(language: str) -> Mapping[str, str]:
    """The fixed words of a paper form in *language*, in the spoken one where we have none; its direction is always right."""
    short = language.lower().partition("-")[0]
    words = _LANGUAGES.get(language.lower()) or _LANGUAGES.get(short)
    if words:
        return words
    return {**_LANGUAGES[spoken().code], "dir": "rtl" if short in _RIGHT_TO_LEFT else "ltr"}


def mission_line(mission: Mission, language: str) -> str:
    """What the mission is called on a paper in *language*, with its programme."""
    title = mission.titles.get(language) or mission.title
    return f"{title} – {words_of(language)['programme'].format(x=mission.programme)}" if mission.programme else title


def in_words(expression: str, voice: Voice) -> str:
    """*expression* as a condition: ``si question 3 = « Oui » et question 5 ≥ 2``; its own text when it has no words.

    Empty where it hangs on what a phone alone knows.
    """
    words = voice.words
    try:
        node = _parse(expression)
        return f"{words['if']} {_say(node, voice)}" if _is_seen(node, voice) else ""
    except Unsaid:
        named = re.sub(r"\$\{\s*([^}\s]+)\s*\}", lambda reference: voice.question(reference[1]), expression)
        return words["raw"].format(x=" ".join(named.split()))


def references(expression: str) -> list[str]:
    """The names that *expression* takes values from, in order; ``last-saved#`` ones left out."""
    return list(dict.fromkeys(re.findall(r"\$\{\s*([^}#\s]+)\s*\}", expression)))


# ── expression → tree ───────────────────────────────────────────────────────


def _parse(expression: str) -> _Node:
    tokens: list[tuple[str, str]] = []
    at, end = 0, len(expression.rstrip())
    while at < end:
        match = _TOKEN.match(expression, at)
        if match is None:
            raise Unsaid(expression)
        kind = str(match.lastgroup)
        tokens.append((kind, match[kind]))
        at = match.end()
    node, rest = _level(tokens, 0)
    if rest:
        raise Unsaid(expression)
    return node


_LEVELS: Sequence[Sequence[str]] = (("or",), ("and",), tuple(_OPPOSITE), ("+", "-"), ("*", "div", "mod"))
_Tokens = Sequence[tuple[str, str]]


def _level(tokens: _Tokens, level: int) -> tuple[_Node, _Tokens]:
    """One precedence level and what is left of the tokens."""
    if level == len(_LEVELS):
        return _atom(tokens)
    node, tokens = _level(tokens, level + 1)
    while tokens and tokens[0][0] in ("op", "word") and tokens[0][1] in _LEVELS[level]:
        operator = tokens[0][1]
        right, tokens = _level(tokens[1:], level + 1)
        node = (operator, (node, right))
    return node, tokens


def _atom(tokens: _Tokens) -> tuple[_Node, _Tokens]:
    if not tokens:
        raise Unsaid("")
    (kind, text), rest = tokens[0], tokens[1:]
    if kind == "text":
        return ("text", text[1:-1]), rest
    if kind in ("ref", "number", "dot"):
        return (kind, text), rest
    if text == "(":
        node, rest = _level(rest, 0)
        return ("group", (node,)), _after(rest, ")")
    if text == "-" and rest and rest[0][0] == "number":
        return ("number", f"−{rest[0][1]}"), rest[1:]
    if kind == "word" and rest and rest[0][1] == "(":
        parts: list[_Node] = []
        rest = rest[1:]
        while rest and rest[0][1] != ")":
            if parts:
                rest = _after(rest, ",")
            part, rest = _level(rest, 0)
            parts.append(part)
        return (f"{text}()", tuple(parts)), _after(rest, ")")
    raise Unsaid(text)


def _after(tokens: _Tokens, sign: str) -> _Tokens:
    if not tokens or tokens[0] != ("op", sign):
        raise Unsaid(sign)
    return tokens[1:]


# ── tree → words ────────────────────────────────────────────────────────────


def _say(node: _Node, voice: Voice) -> str:
    kind, parts = node
    words = voice.words
    if isinstance(parts, str):
        return _value(kind, parts, voice)
    if kind in ("and", "or"):
        return f" {words[kind]} ".join(_say(part, voice) for part in parts if _is_seen(part, voice))
    if kind == "group":
        inner = parts[0]
        return f"({_say(inner, voice)})" if inner[0] in ("and", "or") else _say(inner, voice)
    if kind in _OPPOSITE:
        return _comparison(kind, parts[0], parts[1], voice)
    if kind in _SIGNS:
        return f" {_SIGNS[kind]} ".join(_say(part, voice) for part in parts)
    return _call(kind, parts, voice)


def _is_seen(node: _Node, voice: Voice) -> bool:
    """Whether people with the paper alone can tell any of it."""
    names = list(_names(node))
    return not names or not all(name in voice.unseen for name in names)


def _names(node: _Node) -> Iterator[str]:
    kind, parts = node
    if isinstance(parts, str):
        yield from (parts,) if kind == "ref" else ()
    else:
        for part in parts:
            yield from _names(part)


def _value(kind: str, text: str, voice: Voice) -> str:
    if kind == "ref" and text in voice.row:
        return voice.words["row"]
    if kind == "ref":
        return voice.words["quoted"].format(x=voice.certain[text]) if text in voice.certain else voice.question(text)
    if kind == "number":
        return text
    if kind == "text" and text:
        return voice.words["quoted"].format(x=text)
    raise Unsaid(kind)


def _comparison(operator: str, left: _Node, right: _Node, voice: Voice) -> str:
    if left[0] in ("text", "number") and right[0] not in ("text", "number"):
        left, right, operator = right, left, _MIRRORED[operator]
    subject = _say(left, voice)
    if right == ("text", "") and operator in ("=", "!="):
        return voice.words["empty" if operator == "=" else "filled"].format(x=subject)
    sign = voice.words.get(operator, _SIGNS[operator])  # in Arabic a mirrored ≥ is read as ≤: words are safer
    return f"{subject} {sign} {_answer(left, right, voice)}"


def _answer(subject: _Node, value: _Node, voice: Voice) -> str:
    """The value that a question is compared with: a choice by its label."""
    if subject[0] == "ref" and isinstance(subject[1], str):
        code = voice.certain.get(str(value[1]), "") if value[0] == "ref" else str(value[1])
        if code and value[0] in ("text", "number", "ref"):
            label = voice.choice(subject[1], code)
            if label:
                return voice.words["quoted"].format(x=label)
    return _say(value, voice)


def _call(kind: str, parts: tuple[_Node, ...], voice: Voice) -> str:
    words = voice.words
    if kind == "selected()" and len(parts) == 2:
        return words["includes"].format(x=_say(parts[0], voice), y=_answer(parts[0], parts[1], voice))
    if kind == "not()" and len(parts) == 1:
        return _negation(parts[0], voice)
    if kind in ("count-selected()", "string-length()") and len(parts) == 1:
        word = "count" if kind.startswith("count") else "length"
        return words[word].format(x=_say(parts[0], voice))
    if kind in ("today()", "now()") and not parts:
        return words["today"]
    if (
        kind in ("number()", "int()", "string()", "boolean()", "once()", "date()", "normalize-space()")
        and len(parts) == 1
    ):
        return _say(parts[0], voice)
    raise Unsaid(kind)


def _negation(node: _Node, voice: Voice) -> str:
    kind, parts = node
    if not isinstance(parts, str):
        if kind in _OPPOSITE:
            return _comparison(_OPPOSITE[kind], parts[0], parts[1], voice)
        if kind == "selected()" and len(parts) == 2:
            x, y = _say(parts[0], voice), _answer(parts[0], parts[1], voice)
            return voice.words["excludes"].format(x=x, y=y)
    return f"{voice.words['not']} {_say(node, voice)}"
