"""The register of processing that a law on personal data asks for (in Morocco law 09-08, for the CNDP), made of the mission's settings and forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from docx.document import Document as WordDocument

from kobo_sync.config.config import Config
from kobo_sync.config.file_names import FileName
from kobo_sync.documents.word import writer
from kobo_sync.forms.classes import Asked
from kobo_sync.language.catalogue import later, t, tn
from kobo_sync.language.speaking import speaking
from kobo_sync.language.typography import short_day
from kobo_sync.mission.mission import Mission
from kobo_sync.mission.question_classes import classes_of_mission
from kobo_sync.model import Form, Report
from kobo_sync.workspace.writing import write_atomic

NAME = FileName("registre.docx", "register.docx")  # below exports/out/
_BLANK = "…………………………………………"
_PURPOSES: Mapping[str, str] = {
    "registration": later("to know who takes part, to invite and to tell participants apart"),
    "attendance": later("to prove who was there, by a signature where the form asks for one"),
    "test": later("to measure what participants learnt, before and after"),
    "satisfaction": later("to know how participants judge the mission"),
    "needs": later("to gather needs and put them in order"),
    "focus_group": later("to keep what groups said"),
    "road_map": later("to follow the actions that were agreed on"),
    "other": later("to collect the answers of the survey"),
}
_WORDS: Mapping[str, str] = {
    "nominative": later("say who somebody is"),
    "sensitive": later("can tell somebody apart, beside others"),
    "free text": later("own words, in which somebody may be named"),
}
_KINDS: Mapping[str, str] = {
    "image": later("pictures and signatures"),
    "audio": later("recordings"),
    "video": later("recordings"),
    "geopoint": later("positions"),
    "geotrace": later("positions"),
    "geoshape": later("positions"),
}


def register(mission: Mission, *, output: Path | None = None) -> Report:
    """Write the register as a Word document in the documents' language; what no setting knows is left to be filled in.

    Raises: ConfigError, FormError, StoreError.
    """
    started_at = mission.clock()
    classes = classes_of_mission(mission)
    with speaking(mission.config.mission.document_language):
        content = _document(mission.config, mission.forms, classes, mission)
    path = output or mission.workspace.out / NAME.of(mission.config)
    write_atomic(path, content)
    n = sum(
        asked.privacy != "ordinary" for each in classes.values() for asked in each.values() if asked.kind != "server"
    )
    counts = {"forms": len(classes), "questions": n}
    lines = [f"{path}: {len(content)} bytes", "read it, and fill in what stands on dotted lines"]
    return mission.report("register", started_at, counts, [], lines)


def _document(
    config: Config, forms: Mapping[str, Form], classes: Mapping[str, Mapping[str, Asked]], mission: Mission
) -> bytes:
    title = t("Register of processing of personal data")
    about = config.mission
    document = writer.new_document(title, provenance="", author="", subject=about.document_title)
    writer.title(document, title, about.document_title)
    _facts(document, _who(config))
    writer.heading(document, t("Purposes"))
    for form_id, form in forms.items():
        purpose = t(_PURPOSES[config.forms[form_id].role])
        writer.paragraph(document, t("**{form}**: {purpose}.", form=form.title, purpose=purpose))
    writer.heading(document, t("Persons and data"))
    _data(document, config, forms, classes)
    for heading, sentences in (
        (t("Recipients"), _recipients(config)),
        (t("How long data are kept"), _retention(config, forms)),
        (t("Security"), _security(config, mission)),
        (t("Where data lie, and transfers"), _places(config, mission)),
        (t("Rights of persons"), _rights()),
    ):
        writer.heading(document, heading)
        for sentence in sentences:
            writer.paragraph(document, sentence)
    return writer.to_bytes(document, mission.clock())


def _facts(document: WordDocument, pairs: Sequence[tuple[str, str]]) -> None:
    content = writer.Table([], [list(pair) for pair in pairs], (6.0, 11.0), explained=False)
    writer.table(document, content)


def _who(config: Config) -> list[tuple[str, str]]:
    about = config.mission
    organisations = ", ".join(item.name for item in config.organisations)
    days = t("{first} to {last}", first=short_day(about.starts_on), last=short_day(about.ends_on))
    return [
        (t("Controller"), organisations or _BLANK),
        (t("Person to write to"), _BLANK),
        (t("Number of the notification or authorisation"), _BLANK),
        (t("Law"), about.data_law or _BLANK),
        (t("Processing"), " – ".join(filter(None, (about.programme, about.document_title)))),
        (t("Days of collection"), days),
    ]


def _data(
    document: WordDocument,
    config: Config,
    forms: Mapping[str, Form],
    classes: Mapping[str, Mapping[str, Asked]],
) -> None:
    languages = config.mission.label_languages
    rows = []
    for form_id, asked in classes.items():
        form = forms[form_id]
        persons = (
            t("participants")
            if config.forms[form_id].role in ("registration", "attendance", "test")
            else t("respondents")
        )
        for privacy, words in _WORDS.items():
            questions = [each for each in asked.values() if each.privacy == privacy and each.kind != "server"]
            told = {t(_KINDS[each.kind]) for each in questions if each.kind in _KINDS}
            told |= {_label(form, each, languages) for each in questions if each.kind not in _KINDS}
            if told:
                rows.append([form.title, persons, ", ".join(sorted(told)), t(words)])
    rows.append(
        [t("all forms"), t("enumerators"), t("account, phone, hours of each submission"), t(_WORDS["nominative"])]
    )
    rows.append([t("pages of this program"), t("staff"), t("name, role, what was done when"), t(_WORDS["nominative"])])
    head = [t("Form"), t("Persons"), t("Data"), t("What they are")]
    writer.table(document, writer.Table(head, rows, (3.2, 2.6, 7.2, 4.0), explained=False, keep_whole=False))


def _label(form: Form, asked: Asked, languages: Sequence[str]) -> str:
    question = form.question(asked.name)
    labels = question.labels if question else {}
    return " ".join(next((labels[code] for code in languages if labels.get(code)), asked.name).split())


def _recipients(config: Config) -> list[str]:
    n_mails = len({*config.notices.deliverables_to, *config.notices.deliverables_cc})
    sentences = [
        t(
            "Administrators and staff of the mission, and consultants who were given that right, see answers with names; every look is noted in the journal."
        ),
        t("Readers see aggregate and public documents alone."),
        t("Documents with names lie in archives of their own, which no link and no mail takes anywhere."),
    ]
    if n_mails:
        sentences.append(
            tn(
                "{n} address receives the other documents by mail.",
                "{n} addresses receive the other documents by mail.",
                n_mails,
            )
        )
    return sentences


def _retention(config: Config, forms: Mapping[str, Form]) -> list[str]:
    keeping, ends_on = config.retention, short_day(config.mission.ends_on)
    terms = [] if keeping is None else [
        (t("pictures, signatures and other files"), keeping.files_months),
        (t("answers that say who somebody is, and documents with names"), keeping.personal_months),
        *((t("all answers of {form}", form=forms[form_id].title if form_id in forms else form_id), n) for form_id, n in keeping.answers_months.items()),
    ]  # fmt: skip
    sentences = [
        tn("{what}: erased {n} month after {day}.", "{what}: erased {n} months after {day}.", n, what=what, day=ends_on)
        for what, n in terms
        if n is not None
    ]
    return sentences or [t("No setting says yet how long: {blank}", blank=_BLANK)]


def _security(config: Config, mission: Mission) -> list[str]:
    is_https = config.service.public_url.startswith("https://")
    return [
        t("State, files and documents with names can be read by the account of this program alone; secrets lie apart, in a file of that account's."),
        t("Pages ask for an account each, with a role, a password of at least 12 characters that is kept as a salted hash, and waits that grow with wrong ones.")
        + (" " + t("They are reached over an encrypted connection.") if is_https else ""),
        t(
            "Data for analysts are pseudonymised: at least {n} persons share what such a file tells of one.", n=config.privacy.smallest_group),
        t("A journal says who did what when; each entry is bound to the one before it, so that a change of it shows."),
        t("Backups are compared with their hashes before they are put back."),
        *([t("Archives with names, and backups made with `--encrypt`, are encrypted (age) for the keys that the settings name.")] if config.encryption.recipients else []),
    ]  # fmt: skip


def _places(config: Config, mission: Mission) -> list[str]:
    places = [(t("Server of the forms"), config.server.url or config.server.kf)]
    if mission.shared_databases:
        places.append((t("Database"), t("a server that the machines of the mission share")))
    else:
        places.append((t("Database"), t("the machine of the mission")))
    if config.files.url:
        places.append((t("Attached files"), config.files.url))
    sentences = [
        t("{what}: {place} (country: {blank})", what=what, place=urlsplit(place).hostname or place, blank=_BLANK)
        for what, place in places
    ]
    return [*sentences, t("Transfers to another country, and what allows them: {blank}", blank=_BLANK)]


def _rights() -> list[str]:
    return [
        t(
            "Whoever asks is given all that is held about them (`kobo-sync person CODE --show`), and is erased from answers, files, lists and documents (`kobo-sync person CODE --erase`); a receipt without names remains."
        ),
        t("They are told of these rights, and of whom to write to, before they answer: {blank}", blank=_BLANK),
    ]
