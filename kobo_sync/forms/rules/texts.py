"""Rules on what people read: labels, hints, messages, languages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kobo_sync.config.languages import knows_language
from kobo_sync.config.languages import language_code as find_code
from kobo_sync.forms.headers import TRANSLATED, column
from kobo_sync.forms.rules.subject import REFERENCE, Fault, Subject, rule
from kobo_sync.model import Severity

_MEDIA = ("image", "big-image", "audio", "video")
_SHOWN = ("label", "hint", *_MEDIA)


@rule("FORM020", "warning", "advice")
def per_cell_translation(subject: Subject) -> Iterator[Fault]:
    """A text that stands in one language stands in all (phones show « - » in its place)."""
    languages = [language for language in subject.form.languages if language]
    if len(languages) < 2:
        return
    for line in (*subject.survey, *subject.choices):
        for name in dict.fromkeys(name for name, language in line.texts if language and name not in _MEDIA):
            for language in languages:
                if not line.texts.get((name, language)):
                    label = line.name or "the row"
                    place = subject.at(line, name, language)
                    message = f"{label!r} has no {name} in {language!r}; phones show a dash"
                    yield place, message, "translate the cell"


@rule("FORM021", "warning", "advice")
def plain_beside_translated(subject: Subject) -> Iterator[Fault]:
    """Where one column has a language, all text columns have one (Kobo makes a nameless language of the rest)."""
    for sheet, title in ((subject.book.survey, "survey"), (subject.book.sheet("choices"), "choices")):
        for col in map(column, dict.fromkeys(sheet.header if sheet else ())):
            if col.name in TRANSLATED and col.name not in _MEDIA and not col.language and any(subject.form.languages):
                place = f"{subject.filename}, sheet {title}, row 1, column {col.header}"
                first = next(language for language in subject.form.languages if language)
                yield (
                    place,
                    f"{col.header!r} has no language, other columns have one",
                    f"write {col.name}::<language> ({first})",
                )


@rule("FORM022", "error", "kobotoolbox")
def default_language(subject: Subject) -> Iterator[Fault]:
    """default_language is exactly the language of a column (KoboToolbox refuses a form of several languages otherwise)."""
    default = subject.settings.cells.get("default_language", "")
    written = _languages_as_written(subject)
    if default and written and default not in written:
        yield (
            subject.at(subject.settings, "default_language"),
            f"{default!r} is not the language of any column",
            f"write exactly one of: {', '.join(written)}",
            subject.refused if len(written) > 1 else "warning",
        )


@rule("FORM023", "warning", "advice")
def language_code(subject: Subject) -> Iterator[Fault]:
    """A language carries its code, Français (fr), or a name that is known to have one, French."""
    for name in _languages_as_written(subject):
        if re.search(r"\([A-Za-z]{2,3}(-[A-Za-z0-9]+)*\)$", name) or name.lower() == "default":
            continue
        place = f"{subject.filename}, sheet survey, row 1"
        if knows_language(name):
            code = find_code(name)
            yield place, f"the language {name!r} has no code; it is taken for {code}", f"write {name} ({code})", "info"
        else:
            message = f"the language {name!r} has no code: no document or export finds its labels by mission.languages"
            yield place, message, f"write {name} (xx), with its ISO code"


@rule("FORM024", "error", "pyxform")
def labelled(subject: Subject) -> Iterator[Fault]:
    """What people see has a label: questions, notes, choices."""
    for line in subject.questions:
        is_shown = any(name in _SHOWN and text for (name, _), text in line.texts.items())
        if line.is_visible and not is_shown and line.kind.kind.lower() not in ("range", "osm"):
            is_quiet = bool(line.cells.get("calculation") or line.cells.get("trigger") or line.cells.get("media"))
            severity: Severity = "warning" if is_quiet or ":" in line.kind.kind else "error"
            message = f"{line.name or line.kind.kind!r} has no label"
            yield subject.at(line, "label"), message, "write what is asked", severity
    for line in subject.choices:
        if line.name and not line.texts:
            message = f"the choice {line.name!r} has no label"
            yield subject.at(line, "label"), message, "write what people read", "warning"


@rule("FORM025", "warning", "advice")
def constraint_message(subject: Subject) -> Iterator[Fault]:
    """A constraint tells what is expected."""
    for line in subject.questions:
        if line.cells.get("constraint") and not any(name == "constraint_message" for name, _ in line.texts):
            message = f"{line.name!r} refuses answers without a word"
            yield subject.at(line, "constraint"), message, "fill constraint_message in every language"


@rule("FORM026", "warning", "advice")
def same_references(subject: Subject) -> Iterator[Fault]:
    """Every translation of a text uses the same ${…}."""
    for line in (*subject.survey, *subject.choices):
        for name in dict.fromkeys(name for name, _ in line.texts):
            used = {
                lang: sorted(set(REFERENCE.findall(text)))
                for (n, lang), text in line.texts.items()
                if n == name and text
            }
            if len({tuple(names) for names in used.values()}) > 1:
                by_language = "; ".join(
                    f"{lang or 'plain'}: {', '.join(names) or 'none'}" for lang, names in used.items()
                )
                yield (
                    subject.at(line, name),
                    f"the translations of {line.name!r} use different questions ({by_language})",
                    "use the same ${…} in each",
                )


def _languages_as_written(subject: Subject) -> list[str]:
    sheets = (subject.book.survey, subject.book.sheet("choices"))
    headers = [header for sheet in sheets for header in (sheet.header if sheet else ())]
    return list(dict.fromkeys(re.split(r"::?", header)[-1].strip() for header in headers if column(header).language))
