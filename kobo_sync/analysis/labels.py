"""What codes are called in the documents' language: groups, zones, choices, questions; what no list knows somebody wrote, and is masked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import memo_of_lists
from kobo_sync.analysis.quoting import shown
from kobo_sync.analysis.words import ARABIC
from kobo_sync.language.catalogue import later, t
from kobo_sync.model import Choice

UNKNOWN = later("not specified")
_DOMAINS = {"education": later("Education"), "health": later("Health")}  # of any catalogue of needs


def pick(labels: Mapping[str, str], languages: Iterable[str], default: str) -> str:
    """The first non-empty label in *languages*, else the unnamed language's, else the first one there is, else *default*.

    A region is no matter: ``fr-MA`` is ``fr``.
    """
    for language in languages:
        near = (label for code, label in labels.items() if code.partition("-")[0] == language)
        for label in (labels.get(language, ""), *near):
            if label.strip():
                return label.strip()
    return next((label.strip() for label in (labels.get("", ""), *labels.values()) if label.strip()), default)


def language_of(labels: Mapping[str, str], languages: Iterable[str]) -> str:
    """The language of the label that `pick` takes; empty where it has none by name."""
    chosen = pick(labels, languages, "")
    ordered = [code for language in languages for code in labels if code.partition("-")[0] == language]
    return next((code.partition("-")[0] for code in [*ordered, *labels] if labels[code].strip() == chosen), "")


def group(facts: Facts, code: str, *, short: bool = False) -> str:
    """A group's label, or its *short* name, unless that is in another writing than the documents' language, which has a label."""
    settings = facts.config.group(code)
    if settings is None:
        return shown(facts, code) or t(UNKNOWN)
    languages = facts.config.mission.label_languages
    own = settings.label.get(languages[0], "")
    name = pick(settings.short, languages, "") if short else ""
    is_foreign = bool(own) and bool(ARABIC.search(own)) != bool(ARABIC.search(name))
    return ("" if is_foreign else name) or pick(settings.label, languages, settings.name)


def zone(facts: Facts, code: str) -> str:
    """A zone's label; the code itself when the config does not know it."""
    settings = facts.config.zone(code)
    return (
        pick(settings.labels, facts.config.mission.label_languages, settings.name)
        if settings
        else shown(facts, code) or t(UNKNOWN)
    )


def session(facts: Facts, code: str) -> str:
    """A half-day's label."""
    settings = next((item for item in facts.config.sessions if item.code == code), None)
    return pick(settings.label, facts.config.mission.label_languages, code) if settings else shown(facts, code)


def question(facts: Facts, form_id: str, name: str) -> str:
    """A question's label; its name when the form is absent or the label empty."""
    form = facts.forms.get(form_id)
    asked_as = form.question(name) if form else None
    return pick(asked_as.labels, facts.config.mission.label_languages, name) if asked_as else name


def choices(facts: Facts, form_id: str, name: str) -> tuple[Choice, ...]:
    """The choices of a question in their order: its own list, or the published list it reads."""
    form = facts.forms.get(form_id)
    asked_as = form.question(name) if form else None
    if form is None or asked_as is None:
        return ()
    return form.choices.get(asked_as.list_name, ()) or facts.catalogues.get(asked_as.file_name, ())


@memo_of_lists
def all_choices(facts: Facts, form_id: str, name: str) -> tuple[Choice, ...]:
    """`choices`, then those that earlier versions of the form offered, with their last labels."""
    offered = choices(facts, form_id, name)
    codes = {item.name for item in offered}
    return offered + tuple(c for c in facts.earlier_choices.get((form_id, name), ()) if c.name not in codes)


@memo_of_lists
def choices_by_code(facts: Facts, form_id: str, name: str) -> Mapping[str, Choice]:
    """`all_choices` by their codes; of two with one code the first."""
    return {item.name: item for item in reversed(all_choices(facts, form_id, name))}


@memo_of_lists
def list_columns(facts: Facts) -> Mapping[str, frozenset[str]]:
    """The columns beside codes and labels of each list that phones get, by file."""
    return {
        file: frozenset(chain.from_iterable(item.extra for item in items)) for file, items in facts.catalogues.items()
    }


@memo_of_lists
def choice_languages(facts: Facts, form_id: str, name: str) -> frozenset[str]:
    """The languages in which the choices that have a label are called (`language_of`)."""
    languages = facts.config.mission.label_languages
    return frozenset(language_of(item.labels, languages) for item in all_choices(facts, form_id, name) if item.labels)


def choice(facts: Facts, form_id: str, name: str, code: str) -> str:
    """The label of answer *code* to question *name*; the code when unknown, or when phones fill the label in."""
    item = choices_by_code(facts, form_id, name).get(code)
    if item is not None:
        label = pick(item.labels, facts.config.mission.label_languages, code)
        return code if "${" in label else label
    if facts.config.group(code) is not None:
        return group(facts, code)
    return zone(facts, code)


def needs(facts: Facts) -> dict[str, Choice]:
    """Needs by code, in the catalogue's order: the needs forms' published list, else their own choices."""
    catalogue: dict[str, Choice] = {}
    for form_id in facts.config.forms_with_role("needs"):
        settings = facts.config.forms[form_id]
        items = facts.catalogues.get(settings.catalogue or "", ())
        if not items:
            names = [settings.fields.get(meaning, "") for meaning in ("ranking", "need")]
            items = next(filter(None, (choices(facts, form_id, name) for name in names if name)), ())
        catalogue.update({item.name: item for item in items})
    return catalogue


def need(facts: Facts, code: str) -> str:
    """A need's label; the code when the catalogue does not know it."""
    choice = needs(facts).get(code)
    if choice is None:
        return shown(facts, code) or t(UNKNOWN)
    return pick(choice.labels, facts.config.mission.label_languages, code)


def need_domain(facts: Facts, code: str) -> str:
    """The code of a need's domain, or an empty string."""
    choice = needs(facts).get(code)
    return choice.extra.get("domain", "") if choice else ""


def domain(facts: Facts, need: str, code: str) -> str:
    """A domain's label: the catalogue's column ``domain_<language>`` of its *need*, else a choice of the needs forms, else nothing."""
    languages = facts.config.mission.label_languages
    item = needs(facts).get(need)
    named = next(filter(None, (item.extra.get(f"domain_{language}", "") for language in languages)), "") if item else ""
    if named or not code:
        return named
    for form_id in facts.config.forms_with_role("needs"):
        form = facts.forms.get(form_id)
        for choices in form.choices.values() if form else ():
            for choice in choices:
                if choice.name == code and choice.labels:
                    return pick(choice.labels, languages, "")
    return ""


def in_words(code: str) -> str:
    """A code that nobody gave a label, as a reader may read it: the two domains of any catalogue, or its words."""
    return t(_DOMAINS[code]) if code in _DOMAINS else code.replace("_", " ").capitalize()


def form(facts: Facts, form_id: str) -> str:
    """A form's title, in the documents' language where that is another than its own; its id where it is absent or has none."""
    mission, asked = facts.config.mission, facts.forms.get(form_id)
    language = mission.document_language.code
    titles = facts.config.forms[form_id].titles if form_id in facts.config.forms else {}
    title = titles.get(language, "") if language != mission.languages[0] else ""
    return title.strip() or (asked.title if asked and asked.title.strip() else form_id)
