"""The zone's data as a workbook, pseudonymised: one sheet per form and repeat, the codebook, where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from kobo_sync.analysis import labels, meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.deliverables import letterhead, pseudonyms
from kobo_sync.deliverables.data_sheet import RETIRED, DataSheet, Told, lists_people
from kobo_sync.documents.spreadsheets import excel
from kobo_sync.language import typography
from kobo_sync.model import Class, Document, Question, Scope

NAME = "data_workbook"
TITLE = "Données"
SCOPE: Scope = "zone"
CLASS: Class = "pseudonymised"
PATH = "donnees.xlsx"

_NO_CHOICE_KINDS = frozenset(("note", "start", "end", "today", "calculate"))


def build(facts: Facts) -> list[Document]:
    """The workbook. Columns that name somebody are left out; persons and rows have codes of these files alone."""
    return [Document(PATH, data_workbook(facts), CLASS)]


def data_workbook(facts: Facts, *, nominative: bool = False) -> bytes:
    """The workbook's bytes; *nominative* keeps every column as it was answered."""
    sheets, told = data_sheets(facts, nominative=nominative)
    keys = [keys_sheet(facts)] if nominative else []
    return excel.workbook(
        [_read_me(facts, sheets, told, nominative=nominative), *sheets, codebook_sheet(facts, sheets), *keys],
        title=f"{TITLE} – {letterhead.place_name(facts)}",
        author=letterhead.organisers(facts),
        when=facts.as_of,
        colour=letterhead.colour(facts),
        comments=letterhead.provenance(facts, list(facts.config.forms)),
    )


def data_sheets(
    facts: Facts, *, nominative: bool = False, places: bool = False
) -> tuple[list[excel.Sheet], dict[str, Told]]:
    """A sheet per form and repeat, and per sheet what was done to it; *places* keeps positions that are not nominative."""
    left_out = meaning.excluded(facts)
    sheets, told = [], {}
    for form_id in facts.config.forms:
        for name in facts.tables_of(form_id) or [form_id]:
            table = facts.tables.get(name, pd.DataFrame())
            told[name] = Told()
            sheet = DataSheet(facts, form_id, name, table, told[name], nominative, places)
            rows = None
            if left_out and "root_uuid" in table:
                rows = ~table["root_uuid"].isin(left_out).to_numpy()
            sheets.append(sheet.made(rows))
    return sheets, told


def keys_sheet(facts: Facts) -> excel.Sheet:
    """Which code of pseudonymised files stands for whom and for which row: nominative."""
    columns = [
        excel.Column("code", width=18),
        excel.Column("formulaire", width=16),
        excel.Column("identifiant", width=40),
    ]
    rows: list[list[excel.Value]] = []
    for form_id in facts.config.forms:
        people = pseudonyms.participants(facts, form_id)
        rows += [[pseudonyms.person_code(facts, code), form_id, code] for code in sorted(set(people.values()))]
        table = facts.tables.get(form_id, pd.DataFrame())
        roots = table.get("root_uuid", ())
        rows += [[pseudonyms.row_code(facts, form_id, str(root)), form_id, str(root)] for root in roots]
    return excel.Sheet("Clés", columns, rows)


def codebook_sheet(facts: Facts, sheets: Sequence[excel.Sheet]) -> excel.Sheet:
    """The choices of every question that *sheets* show, with their labels; of lists of persons never any."""
    shown = {(facts.form_of(sheet.name), column.question) for sheet in sheets for column in sheet.columns}
    codebook = _codebook(facts, shown)
    retired = [
        [facts.form_of(sheet.name), column.name, "", column.title]
        for sheet in sheets
        for column in sheet.columns
        if column.title.endswith(f"({RETIRED})")
    ]
    blank = [""] * (len(codebook.columns) - 4)
    return excel.Sheet(codebook.name, codebook.columns, [*codebook.rows, *([*row, *blank] for row in retired)])


# ── sheets ──────────────────────────────────────────────────────────────────


def read_me_lines(facts: Facts, told: Mapping[str, Told], *, nominative: bool) -> list[str]:
    """What these data are, in sentences for their reader: what was done to them, sheet by sheet, and how cells are to be read."""
    as_of = typography.day(letterhead.local_day(facts, facts.as_of)) if facts.as_of else typography.NO_DATA
    lines = [
        f"Données {'nominatives : diffusion restreinte' if nominative else 'pseudonymisées'} – {letterhead.place_name(facts)}",
        letterhead.action(facts),
        f"{letterhead.place(facts)} · {letterhead.held_on(facts)}",
        f"Données au : {as_of} · empreinte {facts.fingerprint[:16] or typography.NOTHING}",
        *(["Toutes les colonnes sont gardées : ce fichier nomme des personnes. La liste des codes (« Clés ») dit qui est qui dans les fichiers "
           "pseudonymisés."] if nominative else _what_was_done(facts, told)),
        "Sur une ligne sans consentement, seuls la zone et le refus restent. Une cellule vide est une réponse manquante, jamais un zéro.",
        "Chaque question à choix a deux colonnes : le code, puis le libellé (s’il est connu) ; une échelle d’accord en a une troisième, sa valeur "
        "de 1 (la moins favorable) à 5. La feuille « Codes » donne les listes ; "
        "celles qui semblent nommer des personnes restent des codes.",
        "Excel ne connaît pas les jours avant mars 1900 : ces dates sont des textes sur fond jaune. Un texte de plus de 32 000 signes continue "
        "dans la colonne « (suite) ».",
        "CSV : une cellule qu’un tableur prendrait pour une formule commence par une apostrophe droite (U+0027) ; l’ôter rend la réponse "
        "telle quelle. "
        "Téléphones (+212…), nombres et tiret seul restent tels quels.",
    ]  # fmt: skip
    return [typography.spaced(line) for line in lines]


def _what_was_done(facts: Facts, told: Mapping[str, Told]) -> list[str]:
    """What was left out, masked, coded and made coarse, in general; `_steps` says it sheet by sheet."""
    keep = ", ".join(facts.config.privacy.keep) or typography.NOTHING
    lines = [
        "Les questions qui disent qui est quelqu’un sont retirées (noms, téléphones, adresses, numéros d’identité, signatures, photos, "
        "enregistrements, positions, appareil, compte), qu’un réglage le dise ou qu’on le devine au nom, au libellé ou au type de la question.",
        "Un code propre à ces fichiers remplace celui du participant (P-…) et les identifiants du serveur (L-…) : il est le même d’un envoi à "
        "l’autre ; la liste des codes n’est que dans l’export nominatif. Les lignes suivent l’ordre des codes, non celui d’arrivée.",
        "Dans les textes libres, noms inscrits, téléphones et adresses sont masqués. Les heures sont réduites au jour, les âges à des tranches "
        "de dix ans.",
        f"Ce qui, réuni, désigne une personne n’est gardé que si privacy.keep le dit : {keep}.",
    ]
    if facts.config.privacy.smallest_group > 1:
        lines.append(
            f"Une réponse qui laisserait moins de {facts.config.privacy.smallest_group} personnes ensemble est laissée vide : "
            f"{typography.count(sum(sum(t.blanked.values()) for t in told.values()), 'cellule', 'cellules')}."
        )
    lines.append("Ces données restent indirectement identifiantes : usage interne, ne pas publier ligne par ligne.")
    return lines


def steps_lines(told: Mapping[str, Told]) -> list[str]:
    """What was done to each table, in a line per kind: for files that have no sheet « Lisez-moi »."""
    return [
        typography.spaced(f"{name} – {title.lower()} : {text}")
        for name, done in told.items()
        for title, text in zip(_STEPS, _steps(done), strict=True)
        if text != typography.NOTHING
    ]


_STEPS = (
    "Colonnes retirées",
    "Textes masqués (cellules)",
    "Réduites au jour ou par tranches",
    "Codées",
    "Cellules laissées vides",
)


def _steps(done: Told) -> list[str]:
    masked = [f"{column} ({n})" for column, n in done.masked.items()]
    blanked = [f"{column} ({n})" for column, n in done.blanked.items()]
    parts = (done.left_out, masked, done.coarse, done.coded, blanked)
    return [", ".join(part) or typography.NOTHING for part in parts]


def _read_me(facts: Facts, sheets: list[excel.Sheet], told: Mapping[str, Told], *, nominative: bool) -> excel.Sheet:
    columns = [
        excel.Column("Feuille", width=30),
        excel.Column("Lignes", kind="integer", width=9),
        excel.Column("Version du formulaire", width=22),
        *(excel.Column(title, width=50 if at == 0 else 34) for at, title in enumerate(_STEPS)),
    ]
    rows: list[list[excel.Value]] = []
    for sheet in sheets:
        form_id = facts.form_of(sheet.name)
        rows.append([sheet.name, len(sheet.rows), facts.form_versions.get(form_id, ""), *_steps(told[sheet.name])])
    return excel.Sheet(
        "Lisez-moi", columns, rows, intro=read_me_lines(facts, told, nominative=nominative), filtered=False
    )


def _codebook(facts: Facts, shown: set[tuple[str, str]]) -> excel.Sheet:
    languages = facts.config.mission.languages
    columns = [excel.Column("Formulaire", width=16), excel.Column("Question", width=22), excel.Column("Type", width=16)]
    columns += [excel.Column("Libellé de la question", width=46), excel.Column("Code", width=20)]
    columns += [excel.Column(f"Libellé ({language})", width=34) for language in languages]
    rows: list[list[excel.Value]] = []
    for form_id in facts.config.forms:
        form = facts.forms.get(form_id)
        for question in form.questions if form else ():
            if (form_id, question.name) not in shown or question.kind in _NO_CHOICE_KINDS:
                continue
            start = [form_id, question.name, question.kind, labels.question(facts, form_id, question.name)]
            offered = _choices(facts, form_id, question)
            rows += [[*start, code, *texts] for code, texts in offered] or [[*start, "", *[""] * len(languages)]]
    return excel.Sheet("Codes", columns, rows)


def _choices(facts: Facts, form_id: str, question: Question) -> list[tuple[str, list[str]]]:
    """(code, label per language) of the question's choices; the mission's zones where the list is theirs."""
    languages = facts.config.mission.languages
    offered = () if lists_people(facts, form_id, question) else labels.all_choices(facts, form_id, question.name)
    if offered:
        first, *others = languages
        return [
            (item.name, [labels.pick(item.labels, [first], ""), *(item.labels.get(each, "") for each in others)])
            for item in offered
        ]
    if question.name == facts.config.forms[form_id].fields.get("zone"):
        return [(zone.code, [zone.labels.get(language, "") for language in languages]) for zone in facts.config.zones]
    return []
