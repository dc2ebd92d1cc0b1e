"""The zone's data as a workbook, pseudonymised: one sheet per form and repeat, the codebook, where it comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pandas as pd

from kobo_sync.analysis import attendance, labels, meaning, quoting
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import memo_in_process
from kobo_sync.config.config import FormSettings
from kobo_sync.deliverables import letterhead
from kobo_sync.documents import french
from kobo_sync.documents.spreadsheets import excel
from kobo_sync.model import Class, Document, Form, Question, Scope
from kobo_sync.store.tables.layout import REPEAT_SYSTEM, SYSTEM, flat_tables, free_name

NAME = "data_workbook"
TITLE = "Données"
SCOPE: Scope = "zone"
CLASS: Class = "pseudonymised"
PATH = "donnees.xlsx"

# Meanings that say who somebody is; the participant code stands for them.
NOMINATIVE = ("family_name", "given_name", "name_ar", "phone", "signature", "photo", "email", "name")
_NOMINATIVE_KINDS = frozenset(
    "image audio video file audit deviceid username phonenumber email subscriberid simserial background-audio "
    "geopoint geotrace geoshape start-geopoint".split()
)
_WRITTEN = ("note", "proposal", "steps", "other", "agreements", "disagreements", "quotations", "themes_other")
_NO_CHOICE_KINDS = frozenset(("note", "start", "end", "today", "calculate"))
_COORDINATE = re.compile(r"_(?:lat|lon|alt|acc)(?:_\d+)?$")  # of a geopoint, with the number of a name that was taken
_PHONE_FROM = 10_000_000
RETIRED = "question retirée du formulaire"
_UNSHOWN = ("submitted_by",)  # of the columns that every table has
_SYSTEM_TITLES = {
    "root_uuid": "Identifiant technique de la soumission",
    "submission_id": "Numéro de la soumission",
    "submitted_at": "Reçue le (heure locale)",
    "form_version": "Version du formulaire",
    "submitted_by": "Compte qui a envoyé la soumission",
    "validation": "Validation",
    "parent_position": "Position dans la boucle parente",
    "position": "Position dans la boucle",
}


def build(facts: Facts) -> list[Document]:
    """The workbook. Columns that name somebody are dropped; walk-ins get a code of their own."""
    return [Document(PATH, data_workbook(facts), CLASS)]


def data_workbook(facts: Facts, *, nominative: bool = False) -> bytes:
    """The workbook's bytes; *nominative* keeps every column as it was answered."""
    sheets, removed = data_sheets(facts, nominative=nominative)
    return excel.workbook(
        [_read_me(facts, sheets, removed, nominative=nominative), *sheets, codebook_sheet(facts, sheets)],
        title=f"{TITLE} – {letterhead.place_name(facts)}",
        author=letterhead.organisers(facts),
        when=facts.as_of,
        colour=letterhead.colour(facts),
        comments=letterhead.provenance(facts, list(facts.config.forms)),
    )


def data_sheets(facts: Facts, *, nominative: bool = False) -> tuple[list[excel.Sheet], dict[str, list[str]]]:
    """A sheet per form and repeat, and per sheet the columns left out because they could name somebody."""
    names, left_out = _registered_names(facts), meaning.excluded(facts)
    sheets, removed = [], {}
    for form_id in facts.config.forms:
        tables = facts.tables_of(form_id)
        for name in tables or [form_id]:
            table = facts.tables.get(name, pd.DataFrame())
            if left_out and "root_uuid" in table:
                table = table[~table["root_uuid"].isin(left_out)]
            shown_columns, dropped = _split_columns(facts, form_id, name, table, names)
            if nominative:
                system = set(_system(facts, form_id, name)) - set(_UNSHOWN)
                shown_columns, dropped = [str(column) for column in table.columns if column not in system], []
            sheets.append(_data_sheet(facts, form_id, name, table, shown_columns, nominative=nominative))
            removed[name] = dropped
    return sheets, removed


def codebook_sheet(facts: Facts, sheets: list[excel.Sheet]) -> excel.Sheet:
    """The choices of every question that *sheets* show, with their labels."""
    codebook = _codebook(facts, {column.question for sheet in sheets for column in sheet.columns})
    retired = [
        [facts.form_of(sheet.name), column.name, "", column.title]
        for sheet in sheets
        for column in sheet.columns
        if column.title.endswith(f"({RETIRED})")
    ]
    blank = [""] * (len(codebook.columns) - 4)
    return excel.Sheet(codebook.name, codebook.columns, [*codebook.rows, *([*row, *blank] for row in retired)])


# ── what may be shown ───────────────────────────────────────────────────────


def _questions(facts: Facts, form_id: str, name: str) -> dict[str, Question]:
    """Column → question, of the table *name*: of what the form asks now. No name of a question is the columns' own."""
    form = facts.forms.get(form_id)
    if form is None:
        return {}
    by_path = {question.path: question for question in form.questions}
    return {
        column.name: question
        for table in flat_tables(form)
        if table.name == name
        for column in table.columns
        if (question := by_path.get(column.path) or form.question(column.question)) is not None
    }


def _system(facts: Facts, form_id: str, name: str) -> list[str]:
    """The columns of the table *name* that hold no answer."""
    return [column for column, _ in (SYSTEM if name == form_id else REPEAT_SYSTEM)]


def _split_columns(
    facts: Facts, form_id: str, name: str, table: pd.DataFrame, names: set[str]
) -> tuple[list[str], list[str]]:
    """The question columns of *table* to keep, and those to drop because they could name somebody."""
    settings, form = facts.config.forms[form_id], facts.forms.get(form_id)
    system, questions = set(_system(facts, form_id, name)), _questions(facts, form_id, name)
    banned = nominative_questions(settings, form)
    shown_columns, dropped = [], []
    for column in (str(each) for each in table.columns if each not in system):
        question = questions[column].name if column in questions else _COORDINATE.sub("", column)
        # Of a question that is asked no more nothing tells whether its words name somebody; its small numbers do not.
        is_known = form is None or column in questions or _is_small_number(column, table[column])
        if (
            question in banned
            or not is_known
            or _holds_names(table[column], names)
            or (form is None and column not in _declared(settings))
        ):
            dropped.append(column)
        else:
            shown_columns.append(column)
    return shown_columns, dropped


def nominative_questions(settings: FormSettings, form: Form | None) -> set[str]:
    """The questions of a form that could say who somebody is.

    By meaning (names, phone, signature) with the questions they are calculated from, by kind (pictures,
    device, position), and calculations made of them or looked up in a published list; but never a
    question whose meaning is declared and harmless.
    """
    banned = {settings.fields[key] for key in NOMINATIVE if settings.fields.get(key)}
    if form is None:
        return banned
    # Pictures, devices and places say who, whatever they were asked for; a bar code only when nothing says it is the code.
    banned |= {question.name for question in form.questions if question.kind in _NOMINATIVE_KINDS}
    harmless = _declared(settings) - banned
    pending = list(banned)
    while pending:
        question = form.question(pending.pop())
        sources = _uses(question) - banned - harmless if question else set()
        banned |= sources
        pending += sources
    banned |= {question.name for question in form.questions if question.kind == "barcode"} - harmless
    grew = True
    while grew:
        more = {q.name for q in form.questions if q.name not in banned | harmless and _derived(q, banned)}
        grew = bool(more)
        banned |= more
    return banned - harmless


def _is_small_number(column: str, values: pd.Series) -> bool:
    """Numbers that are no position and no phone number."""
    if not pd.api.types.is_numeric_dtype(values) or _COORDINATE.search(column):
        return False
    return bool((values.dropna().astype(float).abs() < _PHONE_FROM).all())


def _derived(question: Question, banned: set[str]) -> bool:
    text = question.calculation
    return bool(_uses(question) & banned) or "pulldata(" in text or "instance(" in text


def _uses(question: Question) -> set[str]:
    return set(re.findall(r"\$\{\s*([^}\s]+)\s*\}", question.calculation))


def _declared(settings: FormSettings) -> set[str]:
    return {*settings.fields.values(), *settings.items, *settings.likert, *settings.open_questions}


@memo_in_process
def _registered_names(facts: Facts) -> set[str]:
    table = meaning.rows(facts, "registration").table
    full = {meaning.normal_name(a, b) for a, b in zip(table["family_name"], table["given_name"], strict=True)}
    arabic = {meaning.normal_name(name) for name in table["name_ar"]}
    return {name for name in full | arabic if " " in name}


def _holds_names(values: pd.Series, names: set[str]) -> bool:
    """Whether a column holds nothing but the full names of registered persons in some cell."""
    return any(isinstance(value, str) and meaning.normal_name(value) in names for value in values)


# ── sheets ──────────────────────────────────────────────────────────────────


def _data_sheet(
    facts: Facts, form_id: str, name: str, table: pd.DataFrame, shown_columns: list[str], *, nominative: bool = False
) -> excel.Sheet:
    settings = facts.config.forms[form_id]
    questions = _questions(facts, form_id, name)
    system = [c for c in _system(facts, form_id, name) if c in table and c not in _UNSHOWN]
    columns = [excel.Column(column, _SYSTEM_TITLES[column], _system_kind(column)) for column in system]
    values: list[list[excel.Value]] = [
        [_plain(facts, value, _system_kind(column)) for value in table[column]] for column in system
    ]
    refused = _refusals(facts, settings, table)
    written = _written(settings)
    reader = quoting.reader_of(facts) if written & set(shown_columns) and not nominative else None
    pseudonyms = attendance.walk_in_codes(facts) if settings.role == "attendance" and not nominative else {}
    headers = {str(column).lower() for column in table.columns}
    for column in shown_columns:
        question = questions.get(column)
        named = question.name if question else column
        kind = _kind(question, table[column])
        cells = [
            None if no and named not in _always(settings) else _plain(facts, value, kind)
            for value, no in zip(table[column], refused, strict=True)
        ]
        if named == settings.fields.get("person") and "root_uuid" in table:
            cells = [pseudonyms.get(str(uuid), cell) for uuid, cell in zip(table["root_uuid"], cells, strict=True)]
        if reader is not None and named in written:
            cells = [reader.quoted(cell).text if isinstance(cell, str) else cell for cell in cells]
        columns.append(excel.Column(column, _title(facts, form_id, column, question), kind, question=named))
        values.append(cells)
        if (labelled := _labels(facts, form_id, question, cells)) is not None:
            header = free_name(f"{column}_libelle", headers)
            columns.append(excel.Column(header, "Libellé en français", width=24, question=named, labels_of=column))
            values.append(labelled)
    if not columns:
        columns, values = [excel.Column("aucune_donnee", french.NO_DATA)], [[]]
    return excel.Sheet(name, columns, list(zip(*values, strict=True)))


def _labels(
    facts: Facts, form_id: str, question: Question | None, cells: list[excel.Value]
) -> list[excel.Value] | None:
    """The labels of *cells*; None when the question has no choices, or none whose labels are at hand."""
    settings = facts.config.forms[form_id]
    if question is None:
        return None
    if question.kind.startswith(("select", "rank")):
        if lists_people(facts, question) or (
            question.file_name and not any(c.labels for c in labels.all_choices(facts, form_id, question.name))
        ):
            return None
        return [_labelled(facts, form_id, question, cell) for cell in cells]
    if question.name == settings.fields.get("need"):
        return [labels.need(facts, str(cell)) if cell else None for cell in cells]
    return None


def _title(facts: Facts, form_id: str, column: str, question: Question | None) -> str:
    """The question's label; one that is asked no more says so."""
    if question is None and column in _UNSHOWN:
        return _SYSTEM_TITLES[column]
    if question is None and form_id in facts.forms:
        return f"{column} ({RETIRED})"
    return labels.question(facts, form_id, question.name if question else column)


def _written(settings: FormSettings) -> set[str]:
    """The questions in which people write sentences: names and numbers in them are masked."""
    return {*settings.open_questions, *(settings.fields.get(meaning_, "") for meaning_ in _WRITTEN)} - {""}


def _always(settings: FormSettings) -> set[str]:
    """The columns that stay readable on a row without consent."""
    return {settings.fields.get("zone", ""), settings.fields.get("consent", "")}


def _refusals(facts: Facts, settings: FormSettings, table: pd.DataFrame) -> list[bool]:
    column = settings.fields.get("consent", "")
    if column not in table:
        return [False] * len(table)
    return [meaning.text(value) not in ("", facts.config.codes.yes) for value in table[column]]


def _labelled(facts: Facts, form_id: str, question: Question, cell: excel.Value) -> str | None:
    if cell is None:
        return None
    if question.name == facts.config.forms[form_id].fields.get("session"):
        return labels.session(facts, str(cell))
    codes = [str(cell)] if question.kind.startswith("select_one") else str(cell).split()
    return " ; ".join(labels.choice(facts, form_id, question.name, code) for code in codes)


def lists_people(facts: Facts, question: Question) -> bool:
    """Whether the question's choices are the roster, or a file with the name of somebody registered: their labels are names."""
    if not question.file_name:
        return False
    if facts.config.roster is not None and question.file_name == facts.config.roster.file:
        return True
    names = _registered_names(facts)
    offered = facts.catalogues.get(question.file_name, ())
    return any(meaning.normal_name(text) in names for choice in offered for text in choice.labels.values())


def _kind(question: Question | None, values: pd.Series) -> excel.Kind:
    kind = question.kind if question else ""
    if kind in ("date", "today"):
        return "date"
    if kind in ("start", "end", "datetime", "dateTime"):
        return "datetime"
    if pd.api.types.is_integer_dtype(values):
        return "integer"
    return "decimal" if pd.api.types.is_float_dtype(values) or kind in ("decimal", "range") else "text"


def _system_kind(column: str) -> excel.Kind:
    if column == "submitted_at":
        return "datetime"
    return "integer" if column in ("submission_id", "position", "parent_position") else "text"


def _plain(facts: Facts, value: object, kind: excel.Kind) -> excel.Value:
    """A cell's value for Excel: times local and naive, missing as None; a date that is none stays text."""
    if meaning.is_missing(value):
        return None
    if isinstance(value, str) and kind in ("date", "datetime"):
        try:
            value = date.fromisoformat(value) if kind == "date" else datetime.fromisoformat(value)
        except ValueError:
            return value
    if isinstance(value, datetime):
        aware = value.tzinfo is not None
        local = value.astimezone(ZoneInfo(facts.config.mission.timezone)) if aware else value
        return local.replace(tzinfo=None, microsecond=0)
    if isinstance(value, str | date):
        return value
    number = float(str(value))
    return int(number) if number.is_integer() else number


# ── what it is ──────────────────────────────────────────────────────────────


def read_me_lines(facts: Facts, *, nominative: bool) -> list[str]:
    """What these data are, in sentences for their reader: what was left out, and how cells are to be read."""
    as_of = french.day(letterhead.local_day(facts, facts.as_of)) if facts.as_of else french.NO_DATA
    lines = [
        f"Données {'nominatives : diffusion restreinte' if nominative else 'pseudonymisées'} – {letterhead.place_name(facts)}",
        letterhead.action(facts),
        f"{letterhead.place(facts)} · {letterhead.held_on(facts)}",
        f"Données au : {as_of} · empreinte {facts.fingerprint[:16] or french.NOTHING}",
        "Toutes les colonnes sont gardées : ce fichier nomme des personnes."
        if nominative
        else "Les noms, téléphones, signatures, photos, positions et identifiants d’appareil sont retirés ; le code du participant les remplace "
        "(HL-01, HL-02… pour les personnes hors liste).",
        "Sur une ligne sans consentement, seuls la zone et le refus restent. Une cellule vide est une réponse manquante, jamais un zéro.",
        "Chaque question à choix a deux colonnes : le code, puis le libellé (s’il est connu). La feuille « Codes » donne les listes ; "
        "celles qui semblent nommer des personnes restent des codes.",
        "Excel ne connaît pas les jours avant mars 1900 : ces dates sont des textes sur fond jaune. Un texte de plus de 32 000 signes continue "
        "dans la colonne « (suite) ».",
        "CSV : une cellule qu’un tableur prendrait pour une formule commence par une apostrophe droite (U+0027) ; l’ôter rend la réponse "
        "telle quelle. "
        "Téléphones (+212…), nombres et tiret seul restent tels quels.",
    ]
    if not nominative:
        lines.append("Ces données restent indirectement identifiantes : usage interne, ne pas publier ligne par ligne.")
    return [french.typography(line) for line in lines]


def _read_me(
    facts: Facts, sheets: list[excel.Sheet], removed: Mapping[str, list[str]], *, nominative: bool
) -> excel.Sheet:
    columns = [
        excel.Column("Feuille", width=30),
        excel.Column("Lignes", kind="integer", width=9),
        excel.Column("Version du formulaire", width=22),
        excel.Column("Colonnes retirées", width=70),
    ]
    rows: list[list[excel.Value]] = []
    for sheet in sheets:
        form_id = facts.form_of(sheet.name)
        dropped = ", ".join(removed[sheet.name]) or french.NOTHING
        rows.append([sheet.name, len(sheet.rows), facts.form_versions.get(form_id, ""), dropped])
    return excel.Sheet("Lisez-moi", columns, rows, intro=read_me_lines(facts, nominative=nominative), filtered=False)


def _codebook(facts: Facts, question_names: set[str]) -> excel.Sheet:
    languages = facts.config.mission.languages
    columns = [excel.Column("Formulaire", width=16), excel.Column("Question", width=22), excel.Column("Type", width=16)]
    columns += [excel.Column("Libellé de la question", width=46), excel.Column("Code", width=20)]
    columns += [excel.Column(f"Libellé ({language})", width=34) for language in languages]
    rows: list[list[excel.Value]] = []
    for form_id in facts.config.forms:
        form = facts.forms.get(form_id)
        for question in form.questions if form else ():
            if question.name not in question_names or question.kind in _NO_CHOICE_KINDS:
                continue
            start = [form_id, question.name, question.kind, labels.question(facts, form_id, question.name)]
            offered = _choices(facts, form_id, question)
            rows += [[*start, code, *texts] for code, texts in offered] or [[*start, "", *[""] * len(languages)]]
    return excel.Sheet("Codes", columns, rows)


def _choices(facts: Facts, form_id: str, question: Question) -> list[tuple[str, list[str]]]:
    """(code, label per language) of the question's choices; the mission's zones where the list is theirs."""
    languages = facts.config.mission.languages
    offered = () if lists_people(facts, question) else labels.all_choices(facts, form_id, question.name)
    if offered:
        others = languages[1:]
        return [
            (item.name, [labels.pick(item.labels, languages[:1], ""), *(item.labels.get(each, "") for each in others)])
            for item in offered
        ]
    if question.name == facts.config.forms[form_id].fields.get("zone"):
        return [(zone.code, [zone.labels.get(language, "") for language in languages]) for zone in facts.config.zones]
    return []
