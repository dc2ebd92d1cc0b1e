"""Two versions of a form, question by question: what was added, removed, renamed, moved, retyped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from kobo_sync.model import Form, Question

Kind = Literal[
    "added", "removed", "renamed", "moved", "retyped", "repeated", "choice added", "choice removed", "list added",
    "list removed", "text", "logic", "language added", "language removed", "media added", "media removed",
]  # fmt: skip
BREAKING: frozenset[Kind] = frozenset({"removed", "renamed", "retyped", "repeated", "choice removed"})
METADATA = frozenset(
    {"start", "end", "today", "deviceid", "username", "audit", "phonenumber", "email", "simserial", "subscriberid"}
)
LOGIC = ("required", "relevant", "constraint", "calculation", "appearance")
_STRAIGHT = str.maketrans("‘’“”", "''\"\"")
_FREE_TEXT = frozenset({"text", "barcode", "calculate", "hidden"})
_WIDENING = frozenset(
    {
        ("integer", "decimal"),
        ("select_one", "select_multiple"),
        ("date", "dateTime"),
        ("range", "decimal"),
        ("integer", "range"),
    }
)


@dataclass(frozen=True)
class Change:
    """One difference. *name* is the question's (or list's, or file's); *detail* says from what to what.

    *before* is the name under which answers are held; *codes* are the choices that went away.
    *is_guess* marks a rename that is only likely.
    """

    kind: Kind
    name: str
    detail: str = ""
    before: str = ""
    codes: tuple[str, ...] = ()
    is_guess: bool = False

    @property
    def is_breaking(self) -> bool:
        """Whether stored answers may lose their meaning or their place."""
        return self.kind in BREAKING


def compare(old: Form, new: Form) -> tuple[Change, ...]:
    """What distinguishes *new* from *old*; metadata rows and the server's own additions do not count.

    A choice list's changes are told once per list, with the questions that use it.
    """
    before = {question.name: question for question in old.questions if _counts(question)}
    after = {question.name: question for question in new.questions if _counts(question)}
    changes = [*_languages(old, new)]
    removed = [question for name, question in before.items() if name not in after]
    fresh = [question for name, question in after.items() if name not in before]
    renamed = _renames(removed, fresh, old, new)
    for question in removed:
        other = renamed.get(question.name)
        if other:
            changes.append(Change("renamed", other.name, f"from {question.name}", question.name, is_guess=True))
        else:
            changes.append(Change("removed", question.name, question.kind, question.name))
    new_names = {other.name for other in renamed.values()}
    changes += [Change("added", question.name, question.kind) for question in fresh if question.name not in new_names]
    for name, question in before.items():
        if name in after:
            changes += _question(question, after[name])
    changes += _lists(old, new)
    changes += [Change("media added", name) for name in new.media if name not in old.media]
    changes += [Change("media removed", name) for name in old.media if name not in new.media]
    return tuple(changes)


def _counts(question: Question) -> bool:
    is_count = bool(question.origin) and question.kind == "calculate"  # the number of a repeat's items is no answer
    return question.kind not in METADATA and not is_count


def _languages(old: Form, new: Form) -> Iterator[Change]:
    for code in new.languages:
        if code not in old.languages:
            yield Change("language added", code)
    for code in old.languages:
        if code not in new.languages:
            yield Change("language removed", code)


def _renames(removed: list[Question], fresh: list[Question], old: Form, new: Form) -> dict[str, Question]:
    """Removed name → the added question that it likely became: same kind and place, same label or list."""
    renames: dict[str, Question] = {}
    for question in removed:
        candidates = [
            other
            for other in fresh
            if other.kind == question.kind and other.repeat == question.repeat and other not in renames.values()
        ]
        alike = [other for other in candidates if _same_text(question, other)]
        same_list = [other for other in candidates if question.list_name and other.list_name == question.list_name]
        neighbours = [other for other in same_list if _neighbour(question, old) == _neighbour(other, new)]
        best = alike or neighbours
        if len(best) == 1:
            renames[question.name] = best[0]
    return renames


def _same_text(one: Question, other: Question) -> bool:
    return any(text and _shown(other.labels.get(code, "")) == _shown(text) for code, text in one.labels.items())


def _neighbour(question: Question, form: Form) -> str:
    names = [q.name for q in form.questions if _counts(q)]
    at = names.index(question.name)
    return names[at - 1] if at else ""


def _question(before: Question, after: Question) -> Iterator[Change]:
    name = after.name
    if before.repeat != after.repeat:
        yield Change("repeated", name, f"from {_place(before.repeat)} to {_place(after.repeat)}", name)
    elif before.path != after.path:
        yield Change("moved", name, f"from {before.path} to {after.path}", name)
    if before.kind != after.kind:
        if (before.kind, after.kind) in _WIDENING or {before.kind, after.kind} <= _FREE_TEXT or after.kind == "text":
            yield Change("logic", name, f"type from {before.kind} to {after.kind}, which holds all answers")
        else:
            yield Change("retyped", name, f"from {before.kind} to {after.kind}", name)
    for code in sorted(before.labels.keys() & after.labels.keys()):
        if _shown(before.labels[code]) != _shown(after.labels[code]):
            yield Change("text", name, f"label in {code or 'the only language'}")
    for code in sorted(before.hints.keys() & after.hints.keys()):
        if _shown(before.hints[code]) != _shown(after.hints[code]):
            yield Change("text", name, f"hint in {code or 'the only language'}")
    for aspect in LOGIC:
        if _plain(getattr(before, aspect)) != _plain(getattr(after, aspect)):
            yield Change("logic", name, aspect)


def _place(repeat: str) -> str:
    return f"repeat {repeat}" if repeat else "outside repeats"


def _plain(expression: str) -> str:
    """Blanks, and the server's way of writing yes, make no difference."""
    text = " ".join(expression.split())
    return {"true": "yes", "true()": "yes", "TRUE": "yes", "false": "", "no": ""}.get(text, text)


def _shown(text: str) -> str:
    """A text as phones show it: the compiler writes straight quotes and single blanks."""
    return " ".join(text.translate(_STRAIGHT).split())


def _lists(old: Form, new: Form) -> Iterator[Change]:
    users = _users(new)
    for name, choices in old.choices.items():
        if name not in new.choices:
            if name in _users(old):
                yield Change("list removed", name)
            continue
        codes = {choice.name: choice for choice in choices}
        current = {choice.name: choice for choice in new.choices[name]}
        removed = tuple(code for code in codes if code not in current)
        askers = ", ".join(users.get(name, ()))
        if removed:
            yield Change(
                "choice removed", name, f"{', '.join(removed)} (asked by {askers or 'no question'})", codes=removed
            )
        added = [code for code in current if code not in codes]
        if added:
            yield Change("choice added", name, ", ".join(added))
        for code in codes.keys() & current.keys():
            if any(
                _shown(codes[code].labels.get(lang, "")) != _shown(text)
                for lang, text in current[code].labels.items()
                if lang in codes[code].labels
            ):
                yield Change("text", name, f"label of choice {code}")
    for name in new.choices:
        if name not in old.choices and name in users:
            yield Change("list added", name)


def _users(form: Form) -> Mapping[str, tuple[str, ...]]:
    lists: dict[str, tuple[str, ...]] = {}
    for question in form.questions:
        if question.list_name:
            lists[question.list_name] = (*lists.get(question.list_name, ()), question.name)
    return lists
