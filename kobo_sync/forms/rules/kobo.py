"""Rules on what phones and KoboToolbox do with a form: appearances, parameters, features dropped or refused."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kobo_sync.forms.rules.subject import Fault, Subject, guess, parameters, rule

_SELECT = frozenset(
    "minimal autocomplete quick quickcompact compact columns columns-pack columns-flex likert label list-nolabel list image-map "
    "map no-buttons no-ticks horizontal horizontal-compact one-pile".split()
)
_APPEARANCES: dict[str, frozenset[str]] = {
    "select_one": _SELECT,
    "select_multiple": _SELECT,
    "rank": frozenset(),
    "text": frozenset("multiline numbers url masked hidden-answer thousands-sep counter".split()),
    "integer": frozenset("thousands-sep counter bearing masked numbers".split()),
    "decimal": frozenset("thousands-sep bearing masked numbers".split()),
    "date": frozenset(
        "no-calendar month-year year ethiopian coptic islamic bikram-sambat myanmar persian buddhist".split()
    ),
    "image": frozenset("signature draw annotate new new-front selfie front".split()),
    "audio": frozenset(["new"]),
    "video": frozenset("new selfie new-front".split()),
    "barcode": frozenset("front hidden-answer".split()),
    "range": frozenset("vertical no-ticks picker rating distress".split()),
    "geopoint": frozenset("maps placement-map streets satellite terrain hide-input".split()),
    "geotrace": frozenset("maps placement-map streets satellite terrain hide-input".split()),
    "geoshape": frozenset("maps placement-map streets satellite terrain hide-input".split()),
    "begin_group": frozenset("field-list table-list compact pages".split()),
    "begin_repeat": frozenset("field-list table-list compact pages".split()),
}
_FREE = re.compile(
    r"^(columns-\d+|compact-\d+|autocomplete_chars|w\d{1,2}|ex:.*|intent:.*|printer:.*|bearing|dark|no-label|horizontal.*)$"
)
_ALONE = ("signature", "draw", "annotate")
_RANGE_REFUSED = ("tick_interval", "placeholder", "tick_labelset")
_GEO_REFUSED = ("incremental", "reference-geometry")


@rule("FORM060", "warning", "advice")
def known_appearance(subject: Subject) -> Iterator[Fault]:
    """An appearance is one that this type of question has."""
    for line in subject.survey:
        kind = line.kind.kind.removesuffix("_from_file").removesuffix("_external")
        appearances = _APPEARANCES.get(kind)
        text = re.sub(r"\w+\([^)]*\)|\$\{[^}]*\}", "", line.cells.get("appearance", ""))
        for word in text.split() if appearances is not None else ():
            if word not in appearances and not _FREE.match(word):  # type: ignore[operator]
                hint = f"{guess(word, appearances or ())}see docs.getodk.org for the appearances of {kind}"
                yield subject.at(line, "appearance"), f"{word!r} is no appearance of {kind}; phones ignore it", hint


@rule("FORM061", "warning", "advice")
def image_size(subject: Subject) -> Iterator[Fault]:
    """An image has max-pixels: photos of 5 MB do not leave a village."""
    for line in subject.questions:
        if line.kind.kind == "image" and "max-pixels" not in parameters(line):
            yield (
                subject.at(line, "parameters"),
                f"{line.name!r} sends photos in full size",
                "write max-pixels=1280 (a signature: 640)",
            )


@rule("FORM062", "warning", "advice")
def lone_signature(subject: Subject) -> Iterator[Fault]:
    """signature, draw and annotate are the only appearance of their question (Collect opens the camera otherwise)."""
    for line in subject.questions:
        words = line.cells.get("appearance", "").split()
        strict = [word for word in words if word in _ALONE]
        if line.kind.kind == "image" and strict and len(words) > 1:
            yield (
                subject.at(line, "appearance"),
                f"{strict[0]!r} works only alone",
                f"write {strict[0]} and nothing else",
            )


# What no other server refuses or drops.
OF_KOBOTOOLBOX = frozenset({"FORM063", "FORM064", "FORM066", "FORM068"})


@rule("FORM063", "error", "loss")
def one_trigger(subject: Subject) -> Iterator[Fault]:
    """trigger names one question (KoboToolbox drops several without a word)."""
    for line in subject.questions:
        if len(re.findall(r"\$\{", line.cells.get("trigger", ""))) > 1:
            yield (
                subject.at(line, "trigger"),
                "several triggers are dropped by KoboToolbox",
                "name one; calculate the others from it",
                subject.refused,
            )


@rule("FORM064", "error", "kobotoolbox")
def refused_parameters(subject: Subject) -> Iterator[Fault]:
    """Parameters are those that KoboToolbox's pyxform 3.0.0 accepts, without blanks around =."""
    for line in subject.questions:
        text = line.cells.get("parameters", "")
        options = parameters(line)
        if re.search(r"\s=|=\s", text):
            yield (
                subject.at(line, "parameters"),
                "KoboToolbox refuses blanks around =",
                "write key=value",
                subject.refused,
            )
        refused = (
            _RANGE_REFUSED if line.kind.kind == "range" else _GEO_REFUSED if line.kind.kind.startswith("geo") else ()
        )
        for key in refused:
            if key in options:
                yield subject.at(line, "parameters"), f"KoboToolbox refuses {key}", "remove it", subject.refused


@rule("FORM065", "error", "pyxform")
def range_steps(subject: Subject) -> Iterator[Fault]:
    """A range's step leads from its start to its end."""
    for line in subject.questions:
        if line.kind.kind != "range":
            continue
        options = parameters(line)
        try:
            start, end, step = (
                float(options.get(key, usual)) for key, usual in (("start", "0"), ("end", "10"), ("step", "1"))
            )
        except ValueError:
            yield subject.at(line, "parameters"), "start, end and step are numbers", "write start=0 end=10 step=1"
            continue
        count = (end - start) / step if step else -1.0
        if count <= 0 or abs(count - round(count)) > 1e-9:
            yield (
                subject.at(line, "parameters"),
                f"a step of {step:g} does not lead from {start:g} to {end:g}",
                "write start=0 end=10 step=1",
                "warning" if step else "error",
            )


@rule("FORM066", "error", "kobotoolbox")
def unsupported_features(subject: Subject) -> Iterator[Fault]:
    """No feature that KoboToolbox refuses or drops: entities, loops, select_one_external, client_editable."""
    if (sheet := subject.book.sheet("entities")) and sheet.rows:
        yield (
            f"{subject.filename}, sheet entities",
            "KoboToolbox refuses entities",
            "remove the sheet; publish a CSV instead",
            subject.refused,
        )
    for line in subject.survey:
        if line.kind.kind == "begin_group" and line.kind.list_name:
            yield subject.at(line, "type"), "KoboToolbox knows no loop", "write one group per item", subject.refused
        if line.kind.kind == "select_one_external":
            message = "KoboToolbox refuses select_one_external"
            yield subject.at(line, "type"), message, "use select_one_from_file", subject.refused
    if subject.settings.cells.get("client_editable"):
        yield (
            subject.at(subject.settings, "client_editable"),
            "KoboToolbox drops client_editable",
            "remove the column",
            "warning",
        )


@rule("FORM067", "warning", "advice")
def no_encryption(subject: Subject) -> Iterator[Fault]:
    """The form is not encrypted: KoboToolbox could then hand out ciphertext only."""
    if subject.settings.cells.get("public_key"):
        message = "an encrypted form gives no data that can be read here"
        yield subject.at(subject.settings, "public_key"), message, "remove the key; rely on access rights and TLS"


@rule("FORM068", "warning", "advice")
def colon_headers(subject: Subject) -> Iterator[Fault]:
    """No survey header has a colon but a language or bind:: / body:: (KoboToolbox makes a language of the rest)."""
    sheet = subject.book.survey
    for header in sheet.header if sheet else ():
        head, colon, _ = header.partition(":")
        if colon and head.strip().lower() in ("instance", "control"):
            place = f"{subject.filename}, sheet survey, row 1, column {header}"
            yield place, f"KoboToolbox reads {header!r} as a translation", "use bind:: or body::, or remove the column"
