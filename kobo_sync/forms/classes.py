"""What each question of a form tells of persons: its class, where that comes from, and whether it was guessed. One place for all."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from kobo_sync.config.config import Config, FormSettings
from kobo_sync.config.files import MISSION_FILE
from kobo_sync.config.privacy import KEPT, PrivacyClass, named_questions
from kobo_sync.errors import ConfigError
from kobo_sync.forms.personal import (
    asks_trait,
    choices_are_people,
    counts,
    lists_people,
    names_age,
    names_person,
    names_trait,
)
from kobo_sync.model import Form, Question

Source = Literal["config", "retention", "meaning", "name", "label", "list", "derived", "type", "server"]
SURE = frozenset({"config", "retention", "meaning", "server"})
ORDER: tuple[PrivacyClass, ...] = ("nominative", "sensitive", "free text", "ordinary")
# Meanings by class; what people wrote is free text only where it is text.
NAMING = frozenset("family_name given_name name_ar phone signature photo email name sketch enumerator person".split())
TRAITS = frozenset("sex age_band age organisation function commune".split())
WRITTEN = frozenset(
    "note proposal steps other agreements disagreements quotations themes_other objective action target allies responsible "
    "responsible_function indicator verification resources risk".split()
)
PLAIN = frozenset(
    "zone consent photo_consent session present moment day group groups women men themes need severity households feasibility ranking intention recommend "
    "number kind level responsible_group deadline impact status".split()
)
METADATA = frozenset("deviceid username phonenumber email subscriberid simserial audit".split())
FACES = frozenset("image audio video file background-audio barcode".split())
PLACES = frozenset(
    "geopoint geotrace geoshape start-geopoint start-geotrace start-geoshape background-geopoint osm".split()
)
MOMENTS = frozenset("start end dateTime datetime".split())
_TEXT = frozenset("text hidden string".split())
_NUMBERS = frozenset("integer decimal range".split())
_HARMLESS = frozenset(
    "integer decimal range select_one select_multiple select_one_external rank acknowledge trigger date today start end dateTime datetime calculate".split()
)
_NO_ANSWER = frozenset("note csv-external xml-external".split())
SERVER: tuple[tuple[str, PrivacyClass, str], ...] = (
    ("_submitted_by", "nominative", "the account that sent the row"),
    ("_geolocation", "sensitive", "a position"),
    ("_id", "sensitive", "the server's number of the row"),
    ("_uuid", "sensitive", "the server's id of the row"),
    ("_submission_time", "sensitive", "a moment"),
    ("_notes", "free text", "written on the server"),
    ("_tags", "free text", "written on the server"),
    ("formhub/uuid", "sensitive", "an id"),
    ("meta/instanceID", "sensitive", "the phone's id of the row"),
    ("meta/rootUuid", "sensitive", "the server's id of the row"),
    ("meta/deprecatedID", "sensitive", "the phone's id of the row before an edit"),
    ("meta/instanceName", "nominative", "a title made of answers"),
    ("_supplementalDetails", "free text", "what was said on recordings"),
    ("_validation_status", "ordinary", "the reviewers' decision"),
    ("_status", "ordinary", "how the row came"),
    ("_xform_id_string", "ordinary", "the project"),
    ("__version__", "ordinary", "the form's version"),
)  # fmt: skip
_REFERENCE = re.compile(r"\$\{\s*(?:last-saved#)?\s*([^}\s]+)\s*\}")
_STEP = re.compile(r"/([\w.-]+)(?![\w./(-])")  # the end of a path: /data/identite/nom, ../nom
_LOOKED_UP = re.compile(r"(?:instance|pulldata)\(\s*['\"]([^'\"]+)['\"]")
_COUNTING = re.compile(r"\b(?:count|count-non-empty|count-selected|sum|position|string-length|min|max)\([^()]*\)")
_OWN_ID = re.compile(r"\b(?:uuid|random|digest|property)\(")
_SHORT = 6  # words of a label that can be taken for what it asks
_DIGITS = re.compile(r"regex\(.*(?:\\d|\[0-9\]|0-9)|string-length\(")


@dataclass(frozen=True)
class Asked:
    """A question's class; *source* says what told it, *reason* the same in words.

    *trait*: ``person`` is the participant code, ``listed`` a code on a list of persons, ``age`` an age."""

    form_id: str
    path: str
    name: str
    kind: str
    privacy: PrivacyClass
    source: Source
    reason: str
    trait: str = ""

    @property
    def is_guessed(self) -> bool:
        """Whether neither the config nor a meaning says it."""
        return self.source not in SURE


@dataclass(frozen=True)
class Lists:
    """What is known of the files that selects and lookups read: those of *people*, and *others*; of the rest nothing is."""

    people: Container[str] = ()
    others: Container[str] = ()

    def names_people(self, file: str) -> bool:
        """Whether its rows are persons, for all that is known: a list that nobody could read counts as one of them."""
        return file in self.people or file not in self.others


def classes(form: Form, config: Config | None, lists: Lists = Lists()) -> dict[str, Asked]:
    """Every question of *form* by its path (repeats, metadata and calculations included; notes have no answer), then the server's fields.

    The config decides, then the meanings that it maps, then the words of names and labels, then types; what is calculated
    from an answer, or goes into a name, is as its sources are. Raises: nothing; `check_names` refuses unknown names.
    """
    key = (id(form), id(config), lists)
    judged = _judged.get(key)
    if judged is None:
        # Holding form and config keeps their ids from being given to others.
        judged = _judged[key] = form, config, _judgement(form, config, lists)
        if len(_judged) > _MOST_JUDGED:
            _judged.popitem(last=False)
    return dict(judged[-1])


# Zone after zone asks for the same: words of names and labels are looked for in each question.
_judged: OrderedDict[tuple[int, int, Lists], tuple[Form, Config | None, dict[str, Asked]]] = OrderedDict()
_MOST_JUDGED = 50  # forms


def _judgement(form: Form, config: Config | None, lists: Lists) -> dict[str, Asked]:
    judge = _Judge(form, config, lists)
    asked = {q.path: judge.of(q) for q in form.questions if q.kind not in _NO_ANSWER}
    judge.follow(asked)
    for name, privacy, reason in SERVER:
        asked.setdefault(name, Asked(form.form_id, name, name, "server", privacy, "server", reason))
    return asked


class _Judge:
    """One form under judgement."""

    def __init__(self, form: Form, config: Config | None, lists: Lists) -> None:
        self.form, self.lists = form, lists
        self.settings = config.forms.get(form.form_id, FormSettings(file="x")) if config else FormSettings(file="x")
        self.set = config.privacy.of_form(form.form_id) if config else {}
        retention = config.retention if config else None
        self.retained = {
            name.partition(".")[2]
            for name in (retention.personal if retention else ())
            if name.startswith(f"{form.form_id}.")
        }
        self.roster = config.roster.file if config and config.roster else ""
        self.meanings: dict[str, list[str]] = {}
        for meaning, name in self.settings.fields.items():
            self.meanings.setdefault(name, []).append(meaning)
        self.by_name = {question.name: question for question in reversed(form.questions)}

    def of(self, question: Question) -> Asked:
        """The class of *question* by itself."""
        privacy, source, reason, trait = next(
            verdict
            for verdict in (
                self._by_config(question), self._by_meaning(question), self._by_words(question), self._by_type(question)
            )
            if verdict
        )  # fmt: skip
        return Asked(self.form.form_id, question.path, question.name, question.kind, privacy, source, reason, trait)

    def _by_config(self, question: Question) -> tuple[PrivacyClass, Source, str, str] | None:
        for key in (question.path, question.name):
            trait = "person" if "person" in self.meanings.get(question.name, ()) else ""
            if key in self.set:
                return self.set[key], "config", "privacy.classes", trait
            if key in self.retained:
                return "nominative", "retention", "retention.personal", trait
        return None

    def _by_meaning(self, question: Question) -> tuple[PrivacyClass, Source, str, str] | None:
        meanings = self.meanings.get(question.name, [])
        is_written = question.name in self.settings.open_questions
        named = next((each for each in meanings if each in NAMING), "")
        if named:
            return "nominative", "meaning", named, "person" if named == "person" else ""
        if question.kind in METADATA | FACES | PLACES:
            return None  # pictures, devices and places say who, whatever they were asked for
        trait = next((each for each in meanings if each in TRAITS), "")
        if trait:
            return "sensitive", "meaning", trait, "age" if trait == "age" else ""
        written = "open_question" if is_written else next((each for each in meanings if each in WRITTEN), "")
        if written and (question.kind in _TEXT or question.kind == "calculate"):
            return "free text", "meaning", written, ""
        plain = next((each for each in meanings if each in PLAIN | WRITTEN), "")
        plain = plain or next(
            (key for key in ("likert", "items") if question.name in getattr(self.settings, key)), "open_question" * is_written
        )  # fmt: skip
        return ("ordinary", "meaning", plain, "") if plain else None

    def _by_words(self, question: Question) -> tuple[PrivacyClass, Source, str, str] | None:
        kind, is_number = question.kind, question.kind in _NUMBERS | {"calculate"}
        if kind in METADATA | FACES | PLACES | MOMENTS | {"today"}:
            return None
        if kind.startswith(("select", "rank")):
            return self._by_list(question)
        spoken: list[tuple[Source, str, str]] = [("name", question.name, "")]
        spoken += [("label", text, code.partition("-")[0]) for code, text in question.labels.items() if text]
        short = [(source, text) for source, text, _ in spoken if source == "name" or len(text.split()) <= _SHORT]
        if (
            is_number
            and any(names_age(text) for _, text in short)
            and not any(map(counts, (text for _, text in short)))
        ):
            return "sensitive", "name", "an age", "age"
        for source, text, language in spoken:
            if names_person(text, is_number=is_number, language=language):
                return "nominative", source, "asks who somebody is", ""
        for source, text in short:
            if (kind in _TEXT or source == "name") and names_trait(text) and not (is_number and counts(text)):
                return "sensitive", source, "tells who, with other answers", ""
        return None

    def _by_list(self, question: Question) -> tuple[PrivacyClass, Source, str, str] | None:
        names = [question.name, question.list_name, *question.labels.values()]
        if question.file_name:
            if question.file_name == self.roster or self.lists.names_people(question.file_name):
                return "nominative", "list", f"{question.file_name} may list persons", "listed"
        elif choices_are_people(names, self.form.choices.get(question.list_name, ())):
            return "nominative", "list", f"the choices of {question.list_name} may be persons", "listed"
        if len(re.split(r"[\W_]+", question.name)) <= 2 and names_trait(question.name):
            return "sensitive", "name", "tells who, with other answers", ""
        if any(map(asks_trait, question.labels.values())):
            return "sensitive", "label", "tells who, with other answers", ""
        return None

    def _by_type(self, question: Question) -> tuple[PrivacyClass, Source, str, str]:
        kind = question.kind
        if kind in METADATA | FACES or "signature" in question.appearance.split():
            return "nominative", "server" if kind in METADATA else "type", f"type {kind}", ""
        if kind in PLACES:
            return "sensitive", "type", "a position", ""
        if kind in MOMENTS or kind == "time":
            return "sensitive", "type", "a moment", ""
        if kind in _TEXT | _NUMBERS and self._is_phone_like(question):
            return "nominative", "type", "digits of a fixed number, as of a phone or a card", ""
        if _OWN_ID.search(question.calculation):
            return "sensitive", "type", "an id of the row or the phone", ""
        if kind in _TEXT:
            return "free text", "type", f"type {kind}", ""
        if kind in _HARMLESS:
            return "ordinary", "type", f"type {kind}", ""
        return "sensitive", "type", f"type {kind}, which is not known", ""

    def _is_phone_like(self, question: Question) -> bool:
        if question.kind in _TEXT:
            return "numbers" in question.appearance.split() or bool(_DIGITS.search(question.constraint))
        return bool(_DIGITS.search(question.constraint))

    # ── what follows from other questions ──

    def follow(self, asked: dict[str, Asked]) -> None:
        """Let calculations be as what they are made of, and what goes into a name be as the name, until nothing changes."""
        paths: dict[str, list[str]] = {}
        for path, each in asked.items():
            paths.setdefault(each.name, []).append(path)
        questions = {question.path: question for question in self.form.questions}
        grew = True
        while grew:
            before = dict(asked)
            for path in before:
                self._from_sources(questions[path], asked, paths)
                self._into_sources(questions[path], asked, paths)
            grew = asked != before

    def _from_sources(self, question: Question, asked: dict[str, Asked], paths: Mapping[str, list[str]]) -> None:
        mine = asked[question.path]
        if not mine.is_guessed or mine.privacy == "nominative" or mine.trait == "age":
            return
        sources = [asked[path] for name in uses(question) for path in paths.get(name, ())]
        if question.kind == "text" and not question.calculation:
            sources = [s for s in sources if s.kind.startswith("select") and s.privacy == "nominative"]  # other: who?
        worst = min((ORDER.index(each.privacy) for each in sources), default=len(ORDER))
        if any(each.trait == "person" for each in sources):
            worst = 0
        looked_up = [
            file for file in _LOOKED_UP.findall(question.calculation) if self._is_of_people(file, asked, paths)
        ]
        if looked_up:
            worst = 0
        if worst < ORDER.index(mine.privacy):
            reason = (
                f"looked up in {looked_up[0]}"
                if looked_up
                else f"made of {', '.join(sorted({s.name for s in sources}))}"
            )
            asked[question.path] = replace(mine, privacy=ORDER[worst], source="derived", reason=reason)

    def _is_of_people(self, name: str, asked: Mapping[str, Asked], paths: Mapping[str, list[str]]) -> bool:
        if name in self.form.choices:
            users = [q for q in self.form.questions if q.list_name == name]
            return any(asked[q.path].privacy == "nominative" for q in users if q.path in asked)
        if name.startswith("__"):
            return True  # the last saved row, the session
        files = [name] if "." in name else [f"{name}.csv", f"{name}.geojson", f"{name}.xml", name]
        return all(self.lists.names_people(file) for file in files) or any(file == self.roster for file in files)

    def _into_sources(self, question: Question, asked: dict[str, Asked], paths: Mapping[str, list[str]]) -> None:
        mine = asked[question.path]
        if mine.privacy != "nominative" or not question.calculation or mine.source == "derived":
            return
        for source in (asked[path] for name in uses(question) for path in paths.get(name, ())):
            asks_it = source.kind in _TEXT | _NUMBERS | {"barcode"} or (
                source.kind == "calculate" and mine.trait != "person"
            )
            if asks_it and source.is_guessed and source.privacy != "nominative":
                asked[source.path] = replace(
                    source, privacy="nominative", source="derived", reason=f"{question.name} is made of it"
                )


def uses(question: Question) -> set[str]:
    """The names of the questions that *question* is calculated from, chosen among, or (a text) asked because of."""
    text = question.calculation
    while (shorter := _COUNTING.sub("", text)) != text:
        text = shorter
    named = {*_REFERENCE.findall(text), *_STEP.findall(text), *_REFERENCE.findall(question.list_name)}
    if question.kind == "text" and not question.calculation:
        named |= set(_REFERENCE.findall(question.relevant))
    return named | ({question.origin} if question.origin and question.kind == "text" else set())


SERVER_LINE = "every form, of the server: " + "; ".join(
    f"{privacy} {', '.join(name for name, each, _ in SERVER if each == privacy)}" for privacy in ORDER
)
SERVER_LINE += " (?: guessed; [privacy.classes] in config/mission.toml decides)"


# ── asked of the classes ────────────────────────────────────────────────────


def names_of(asked: Mapping[str, Asked], *wanted: PrivacyClass) -> set[str]:
    """The names of the questions of these classes."""
    return {each.name for each in asked.values() if each.privacy in wanted and each.kind != "server"}


def erased(asked: Mapping[str, Asked]) -> set[str]:
    """The questions whose answers say who somebody is: what `purge` takes out; the participant code stays, it counts people."""
    return {
        each.name
        for each in asked.values()
        if each.kind != "server"
        and (each.privacy == "nominative" or each.kind in PLACES)
        and each.privacy != "ordinary"
        and each.trait != "person"
    }


def in_lines(form_id: str, asked: Mapping[str, Asked]) -> Iterator[str]:
    """The table of classes as lines, a class each; ``?`` marks what was guessed. `SERVER_LINE` says the rest, of every form."""
    for privacy in ORDER:
        mine = [
            f"{each.path}{'?' * each.is_guessed}"
            for each in asked.values()
            if each.privacy == privacy and each.kind != "server"
        ]
        if mine:
            yield f"{form_id}, {privacy}: {', '.join(mine)}"


def check_names(config: Config, forms: Mapping[str, Form], retired: Mapping[str, Iterable[str]]) -> None:
    """Refuse settings that name a question which no form asks nor asked, or that say two things of one.

    *retired*: form_id → names of columns that the mirror holds of earlier versions. Raises: ConfigError.
    """
    settings, meanings = config.privacy, {each for form in config.forms.values() for each in form.fields}
    for name in settings.keep:
        if "." not in name and name not in KEPT and name not in meanings:
            hint = f"meanings are: {', '.join(sorted(meanings))}; a question is written form_id.question"
            raise ConfigError(
                f"{name!r} is the meaning of no question", file=MISSION_FILE, key="privacy.keep", hint=hint
            )
    for name in settings.keep:
        form_id, _, question = name.rpartition(".")
        asked = (
            [each for each, q in config.forms[form_id].fields.items() if q == question.rpartition("/")[2]]
            if form_id in config.forms
            else [name]
        )
        if NAMING & set(asked) and name not in settings.classes:
            raise ConfigError(
                f"{name!r} says who somebody is: pseudonymised files never keep it",
                file=MISSION_FILE,
                key="privacy.keep",
                hint="remove it; `kobo-sync export --nominative` has names",
            )
    check_questions(config, forms, retired)


def check_questions(config: Config, forms: Mapping[str, Form], retired: Mapping[str, Iterable[str]]) -> None:
    """Refuse questions that ``[privacy]`` and ``[retention]`` name and no form has, or of which both say another thing. Raises: ConfigError."""
    for key, form_id, question in named_questions(config.privacy, config.retention):
        form = forms.get(form_id)
        names = {each for q in form.questions for each in (q.name, q.path)} if form else set()
        names |= set(retired.get(form_id, ()))
        if form is not None and question not in names:
            hint = "write form_id.question, or form_id.path/of/question, as the workbook calls it; or remove the entry"
            raise ConfigError(f"{question!r} is no question of {form_id}", file=MISSION_FILE, key=key, hint=hint)
    for name in config.retention.personal if config.retention else ():
        if config.privacy.classes.get(name, "nominative") != "nominative":
            message = f"{name} is {config.privacy.classes[name]} here and personal under [retention]"
            hint = "remove one of the two"
            raise ConfigError(message, file=MISSION_FILE, key="privacy.classes", hint=hint)


def lists_of(forms: Iterable[Form], columns: Mapping[str, Iterable[str]]) -> Lists:
    """What is known of the lists that *forms* show: *columns* are those beside codes and labels, by file, of each that can be read."""
    people = {
        q.file_name
        for form in forms
        for q in form.questions
        if q.file_name in columns and lists_people(q.file_name, q.name, columns[q.file_name])
    }
    return Lists(frozenset(people), frozenset(columns))
