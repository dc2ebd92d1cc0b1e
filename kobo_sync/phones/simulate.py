"""Plausible submissions: a form, a seeded Random and what is given become answers, then the XML that a phone sends."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any
from xml.etree.ElementTree import Element, tostring

from defusedxml.ElementTree import fromstring

from kobo_sync.forms.expression import Unsupported, evaluate, is_true, text_of
from kobo_sync.model import Choice, Form, Question

Answers = dict[str, Any]  # question path → text; repeat path → list of Answers
_SILENT = frozenset({"note", "audit", "trigger", "acknowledge"})
_QUOTED = re.compile(r"'([^']*)'")
UNANSWERED = 0.35  # of the optional questions
_POSITION = " position"  # no question can be called that
_FILES = frozenset({"image", "audio", "video", "file", "background-audio"})


@dataclass(frozen=True)
class Sample:
    """What answers are drawn from.

    *inputs* maps a question's name to its answer (None: leave it empty), a repeat's name to a list of
    such mappings; *lists* a file name to its items; *texts* a question's name to sentences;
    *weights* a choice list's name to the relative frequency of its choices.
    """

    inputs: Mapping[str, Any] = field(default_factory=dict)
    lists: Mapping[str, Sequence[Choice]] = field(default_factory=dict)
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    weights: Mapping[str, Sequence[float]] = field(default_factory=dict)


def draw_answers(form: Form, rng: Random, sample: Sample) -> Answers:
    """Answers to every relevant question, in the form's order; keys are paths, as in Kobo's data."""
    return _draw(form, rng, sample, "", sample.inputs, {})


def _draw(
    form: Form, rng: Random, sample: Sample, repeat: str, inputs: Mapping[str, Any], context: dict[str, str]
) -> Answers:
    answers: Answers = {}
    drawn: set[str] = set()
    for question in form.questions:
        inner = _inner_repeat(form, question, repeat)
        if inner and inner not in drawn:
            drawn.add(inner)
            items = inputs.get(inner.rpartition("/")[2], [{}] if _holds(form, inner, context) else [])
            answers[inner] = [
                _draw(form, rng, sample, inner, item, {**context, _POSITION: str(at)})
                for at, item in enumerate(items, 1)
            ]
        if question.repeat != repeat or question.kind in _SILENT:
            continue
        if not _is_shown(form, question, context):
            continue
        value = _answer(form, question, rng, sample, inputs, context)
        if value:
            answers[question.path] = context[question.name] = value
    return answers


def _inner_repeat(form: Form, question: Question, repeat: str) -> str:
    """The repeat just inside *repeat* that holds *question*, or an empty text."""
    inside = [s.path for s in form.repeats if s.parent == repeat and f"{question.repeat}/".startswith(f"{s.path}/")]
    return inside[0] if question.repeat != repeat and inside else ""


def _is_shown(form: Form, question: Question, context: Mapping[str, str]) -> bool:
    return _holds(form, question.path.rpartition("/")[0], context) and _true(question.relevant, context)


def _holds(form: Form, path: str, context: Mapping[str, str]) -> bool:
    """Whether the section at *path* and all around it are relevant."""
    return all(_true(s.relevant, context) for s in form.sections if f"{path}/".startswith(f"{s.path}/"))


def _true(expression: str, context: Mapping[str, str]) -> bool:
    try:
        return not expression or is_true(evaluate(expression, context))
    except Unsupported:
        return True


def _answer(
    form: Form, question: Question, rng: Random, sample: Sample, inputs: Mapping[str, Any], context: Mapping[str, str]
) -> str | None:
    if question.calculation:  # also where people see it: a consent that the roster knows
        try:
            return text_of(evaluate(_with_position(question.calculation, context), context, lists=_instances(sample)))
        except Unsupported:
            pass
    if question.name in inputs:
        value = inputs[question.name]
        return None if value is None else str(value)
    if question.kind == "calculate":
        return None
    if question.kind in _FILES or (
        not question.required and (question.name not in sample.texts and question.kind == "text")
    ):
        return None
    if not question.required and rng.random() < UNANSWERED:
        return None
    return _random_answer(form, question, rng, sample)


def _with_position(calculation: str, context: Mapping[str, str]) -> str:
    return calculation.replace("position(..)", context.get(_POSITION, "1"))


def _instances(sample: Sample) -> dict[str, list[dict[str, str]]]:
    return {
        name.rpartition(".")[0]: [
            {"name": c.name, "label": next(iter(c.labels.values()), c.name), **c.extra} for c in choices
        ]
        for name, choices in sample.lists.items()
    }


def _random_answer(form: Form, question: Question, rng: Random, sample: Sample) -> str | None:
    kind = question.kind
    if kind in ("select_one", "select_multiple", "rank"):
        choices = sample.lists.get(question.file_name) or form.choices.get(question.list_name, ())
        codes = [choice.name for choice in choices]
        if not codes:
            return None
        if kind == "select_one":
            weights = sample.weights.get(question.list_name)
            return rng.choices(codes, weights if weights and len(weights) == len(codes) else None)[0]
        if kind == "rank":
            rng.shuffle(codes)
            return " ".join(codes)
        return " ".join(code for code in codes if rng.random() < 0.4) or codes[0]
    if kind in ("integer", "range"):
        return str(rng.randint(1, 5))
    if kind == "decimal":
        return f"{rng.uniform(1, 50):.1f}"
    if kind == "text":
        return rng.choice(sample.texts[question.name]) if question.name in sample.texts else "…"
    return None


def instance_xml(xform: str, answers: Answers, *, instance_id: str, deprecated_id: str = "") -> bytes:
    """The submission as a phone writes it: the form's own instance, filled in; unanswered elements stay empty.

    *xform* is what the server offers; ids are bare uuids.
    """
    root = _primary_instance(xform)
    _fill(root, "", {**_constants(xform, root.tag), **answers})
    meta = next((child for child in root if child.tag == "meta"), None)
    if meta is None:
        meta = Element("meta")
        root.append(meta)
    for name, value in (("instanceID", instance_id), ("deprecatedID", deprecated_id)):
        for old in [child for child in meta if child.tag == name]:
            meta.remove(old)
        if value:
            element = Element(name)
            element.text = f"uuid:{value}"
            meta.append(element)
    xml: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return xml


def _constants(xform: str, root: str) -> Answers:
    """What the server lets the phone compute by itself: ``__version__`` and the like, plain quoted texts."""
    constants: Answers = {}
    for element in fromstring(xform).iter():
        match = _QUOTED.fullmatch(element.get("calculate", "")) if _local(element.tag) == "bind" else None
        if match:
            constants[element.get("nodeset", "").removeprefix(f"/{root}/")] = match[1]
    return constants


def _primary_instance(xform: str) -> Element:
    document = fromstring(xform)
    for element in document.iter():
        if _local(element.tag) == "instance" and len(element) and not element.get("id"):
            return _plain(copy.deepcopy(element[0]))
    raise ValueError("the form has no primary instance")


def _plain(element: Element) -> Element:
    """The element without namespaces or repeat templates."""
    plain = Element(_local(element.tag), {k: v for k, v in element.attrib.items() if not k.startswith("{")})
    plain.text = element.text if element.text and element.text.strip() else None
    tags = set()
    for child in element:
        is_template = any(key.endswith("}template") for key in child.attrib)
        if is_template and _local(child.tag) in tags:
            continue
        tags.add(_local(child.tag))
        plain.append(_plain(child))
    return plain


def _fill(element: Element, path: str, answers: Answers) -> None:
    done: set[str] = set()
    for child in list(element):
        inner = f"{path}/{child.tag}" if path else child.tag
        value = answers.get(inner)
        if isinstance(value, list):
            at = list(element).index(child)
            element.remove(child)
            if inner in done:
                continue
            done.add(inner)
            for offset, item in enumerate(value):
                copied = copy.deepcopy(child)
                _fill(copied, inner, item)
                element.insert(at + offset, copied)
        elif len(child):
            _fill(child, inner, answers)
        elif value is not None:
            child.text = str(value)


def _local(tag: Any) -> str:
    return str(tag).rpartition("}")[2]
