"""The zone's data as a workbook, pseudonymised: one sheet per form and repeat, the codebook, where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence

from kobo_sync.analysis import labels, meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.config.file_names import FileName
from kobo_sync.deliverables import letterhead, pseudonyms
from kobo_sync.deliverables.data_sheet import RETIRED, DataSheet, Told, lists_people
from kobo_sync.documents.spreadsheets import excel
from kobo_sync.language import typography
from kobo_sync.language.catalogue import later, t, tn
from kobo_sync.lazy import pd
from kobo_sync.model import Choice, Class, Document, Question, Scope

NAME = "data_workbook"
TITLE = later("Data")
SCOPE: Scope = "zone"
CLASS: Class = "pseudonymised"
PATH = FileName("donnees.xlsx", "data.xlsx")

_CODES, _KEYS = later("Codes"), later("Keys")  # names of sheets
# Of a list that the codebook gives whole: of 1,500 communes each zone's would be ten times its data.
_MOST_CHOICES = 200
_NO_CHOICE_KINDS = frozenset(("note", "start", "end", "today", "calculate"))


def build(facts: Facts) -> list[Document]:
    """The workbook. Columns that name somebody are left out; persons and rows have codes of these files alone."""
    return [Document(PATH.of(facts.config), data_workbook(facts), CLASS)]


def data_workbook(facts: Facts, *, nominative: bool = False) -> bytes:
    """The workbook's bytes; *nominative* keeps every column as it was answered."""
    sheets, told = data_sheets(facts, nominative=nominative)
    keys = [keys_sheet(facts)] if nominative else []
    return excel.workbook(
        [_read_me(facts, sheets, told, nominative=nominative), *sheets, codebook_sheet(facts, sheets), *keys],
        title=f"{t(TITLE)} – {letterhead.place_name(facts)}",
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
        excel.Column(t("code"), width=18),
        excel.Column(t("form"), width=16),
        excel.Column(t("identifier"), width=40),
    ]
    rows: list[list[excel.Value]] = []
    for form_id in facts.config.forms:
        people = pseudonyms.participants(facts, form_id)
        rows += [[pseudonyms.person_code(facts, code), form_id, code] for code in sorted(set(people.values()))]
        table = facts.tables.get(form_id, pd.DataFrame())
        roots = table.get("root_uuid", ())
        rows += [[pseudonyms.row_code(facts, form_id, str(root)), form_id, str(root)] for root in roots]
    return excel.Sheet(t(_KEYS), columns, rows)


def codebook_sheet(facts: Facts, sheets: Sequence[excel.Sheet]) -> excel.Sheet:
    """The choices of every question that *sheets* show, with their labels; of lists of persons never any, of long ones those that are answered."""
    shown = {(facts.form_of(sheet.name), column.question) for sheet in sheets for column in sheet.columns}
    codebook = _codebook(facts, shown, lambda form_id, question: _answered(facts, sheets, form_id, question))
    retired = [
        [facts.form_of(sheet.name), column.name, "", column.title]
        for sheet in sheets
        for column in sheet.columns
        if column.title.endswith(f"({t(RETIRED)})")
    ]
    blank = [""] * (len(codebook.columns) - 4)
    return excel.Sheet(codebook.name, codebook.columns, [*codebook.rows, *([*row, *blank] for row in retired)])


# ── sheets ──────────────────────────────────────────────────────────────────


def read_me_lines(facts: Facts, told: Mapping[str, Told], *, nominative: bool) -> list[str]:
    """What these data are, in sentences for their reader: what was done to them, sheet by sheet, and how cells are to be read."""
    place, kept = letterhead.place_name(facts), [_ALL_KEPT] if nominative else []
    lines = [
        t("Nominative data: restricted circulation – {place}", place=place)
        if nominative
        else t("Pseudonymised data – {place}", place=place),
        letterhead.action(facts),
        f"{letterhead.place(facts)} · {letterhead.held_on(facts)}",
        t(
            "Data as of: {day} · fingerprint {digest}",
            day=letterhead.local_day(facts, facts.as_of) if facts.as_of else t("No data"),
            digest=facts.fingerprint[:16] or typography.NOTHING,
        ),
        *([] if nominative else _what_was_done(facts, told)),
        *(t(line, keys=t(_KEYS), codes=t(_CODES), next_part=t(excel.NEXT_PART)) for line in (*kept, *_HOW_TO_READ)),
        *([t(_LONG_LISTS, codes=t(_CODES), n=_MOST_CHOICES)] if _has_long_lists(facts) else ()),
    ]
    return [typography.spaced(line) for line in lines]


_ALL_KEPT = later(
    "All columns are kept: this file names persons. The list of codes (“{keys}”) says who is who in the pseudonymised files."
)
_LONG_LISTS = later("Of lists of more than {n} choices, “{codes}” has those that are answered in these data.")
_HOW_TO_READ = (
    later(
        "In a row without consent only the zone and the refusal remain. An empty cell is a missing answer, never a zero."
    ),
    later(
        "Each question with choices has two columns: the code, then the label (where it is known); a scale of agreement has a third one, its "
        "value from 1 (the least favourable) to 5. The sheet “{codes}” gives the lists; those that seem to name persons stay codes."
    ),
    later(
        "Excel knows no days before March 1900: such dates are texts on a yellow ground. A text of more than 32,000 characters goes on in the "
        "column “{next_part}”."
    ),
    later(
        "CSV: a cell that a spreadsheet would take for a formula begins with a straight apostrophe (U+0027); without it the answer is as it "
        "was given. Phone numbers (+212…), numbers and a lone dash stay as they are."
    ),
)


def _what_was_done(facts: Facts, told: Mapping[str, Told]) -> list[str]:
    """What was left out, masked, coded and made coarse, in general; `_steps` says it sheet by sheet."""
    keep = ", ".join(facts.config.privacy.keep) or typography.NOTHING
    forms = facts.config.forms.values()
    has_codes = any("person" in form.fields for form in forms) or any(each.coded for each in told.values())
    has_names = any(form.role == "registration" for form in forms)
    lines = [
        t(
            "Questions that say who somebody is are removed (names, phone numbers, addresses, identity numbers, signatures, photos, recordings, "
            "positions, device, account), whether a setting says so or it is guessed by the question's name, label or type."
        ),
        t(
            "A code of these files alone stands for that of the participant (P-…) and for the server's identifiers (L-…): it is the same in every "
            "delivery; the list of codes is in the nominative export only. The rows follow the order of the codes, not that of arrival."
        )
        if has_codes
        else t(
            "A code of these files alone stands for the server's identifiers (L-…): it is the same in every delivery; the list of codes is in "
            "the nominative export only. The rows follow the order of the codes, not that of arrival."
        ),
        t(
            "In free texts registered names, phone numbers and addresses are masked. Hours are reduced to the day, ages to bands of ten years."
        )
        if has_names
        else t(
            "In free texts phone numbers and addresses are masked. Hours are reduced to the day, ages to bands of ten years."
        ),
        t("What, taken together, points to a person is kept only if privacy.keep says so: {traits}.", traits=keep),
    ]
    if facts.config.privacy.smallest_group > 1:
        lines.append(
            tn(
                "An answer that would leave fewer than {least} persons together is left blank: {n} cell.",
                "An answer that would leave fewer than {least} persons together is left blank: {n} cells.",
                sum(sum(each.blanked.values()) for each in told.values()),
                least=facts.config.privacy.smallest_group,
            )
        )
    lines.append(t("These data may still identify somebody indirectly: internal use, not to be published row by row."))
    return lines


def steps_lines(told: Mapping[str, Told]) -> list[str]:
    """What was done to each table, in a line per kind: for files that have no sheet “Read me”."""
    return [
        typography.spaced(t("{table} – {what}: {columns}", table=name, what=t(title).lower(), columns=text))
        for name, done in told.items()
        for title, text in zip(_STEPS, _steps(done), strict=True)
        if text != typography.NOTHING
    ]


_STEPS = (
    later("Columns removed"),
    later("Texts masked (cells)"),
    later("Reduced to the day or to bands"),
    later("Coded"),
    later("Cells left blank"),
)


def _steps(done: Told) -> list[str]:
    masked = [f"{column} ({n})" for column, n in done.masked.items()]
    blanked = [f"{column} ({n})" for column, n in done.blanked.items()]
    parts = (done.left_out, masked, done.coarse, done.coded, blanked)
    return [", ".join(part) or typography.NOTHING for part in parts]


def _read_me(facts: Facts, sheets: list[excel.Sheet], told: Mapping[str, Told], *, nominative: bool) -> excel.Sheet:
    columns = [
        excel.Column(t("Sheet"), width=30),
        excel.Column(t("Rows"), kind="integer", width=9),
        excel.Column(t("Version of the form"), width=22),
        *(excel.Column(t(title), width=50 if at == 0 else 34) for at, title in enumerate(_STEPS)),
    ]
    rows: list[list[excel.Value]] = []
    for sheet in sheets:
        form_id = facts.form_of(sheet.name)
        rows.append([sheet.name, len(sheet.rows), facts.form_versions.get(form_id, ""), *_steps(told[sheet.name])])
    intro = read_me_lines(facts, told, nominative=nominative)
    return excel.Sheet(t("Read me"), columns, rows, intro=intro, filtered=False)


def _answered(facts: Facts, sheets: Sequence[excel.Sheet], form_id: str, question: Question) -> frozenset[str]:
    """The codes that *sheets* have of *question*; of a cell that holds several each of them."""
    cells = {
        str(row[at])
        for sheet in sheets
        if facts.form_of(sheet.name) == form_id
        for at, column in enumerate(sheet.columns)
        if column.question == question.name and not column.labels_of
        for row in sheet.rows
    }
    return frozenset(code for cell in cells for code in (cell, *cell.split()))


def _has_long_lists(facts: Facts) -> bool:
    """Whether a codebook leaves out what is not answered."""
    return any(
        len(_offered(facts, form_id, question)) > _MOST_CHOICES
        for form_id, form in facts.forms.items()
        for question in form.questions
        if question.kind not in _NO_CHOICE_KINDS
    )


def _codebook(
    facts: Facts, shown: set[tuple[str, str]], answered: Callable[[str, Question], Container[str]]
) -> excel.Sheet:
    languages = facts.config.mission.languages
    first, *others = languages
    columns = [excel.Column(t("Form"), width=16), excel.Column(t("Question"), width=22)]
    columns += [excel.Column(t("Type"), width=16), excel.Column(t("Label of the question"), width=46)]
    columns += [excel.Column(t("Code"), width=20)]
    columns += [excel.Column(t("Label ({language})", language=language), width=34) for language in languages]
    rows: list[list[excel.Value]] = []
    for form_id in facts.config.forms:
        form = facts.forms.get(form_id)
        for question in form.questions if form else ():
            if (form_id, question.name) not in shown or question.kind in _NO_CHOICE_KINDS:
                continue
            start = [form_id, question.name, question.kind, labels.question(facts, form_id, question.name)]
            offered = _offered(facts, form_id, question)
            if len(offered) > _MOST_CHOICES:
                codes = answered(form_id, question)
                offered = [item for item in offered if item.name in codes]
            rows += [
                [
                    *start,
                    item.name,
                    labels.pick(item.labels, [first], ""),
                    *(item.labels.get(each, "") for each in others),
                ]
                for item in offered
            ] or [[*start, "", *[""] * len(languages)]]
    return excel.Sheet(t(_CODES), columns, rows)


def _offered(facts: Facts, form_id: str, question: Question) -> Sequence[Choice]:
    """The question's choices, none where they are persons; the mission's zones where the list is theirs."""
    offered = () if lists_people(facts, form_id, question) else labels.all_choices(facts, form_id, question.name)
    if not offered and question.name == facts.config.forms[form_id].fields.get("zone"):
        return [Choice(zone.code, zone.labels) for zone in facts.config.zones]
    return offered
