"""What was received, left out, missing or doubtful, and where each number comes from; for the team only."""

from __future__ import annotations

from docx.document import Document as WordDocument

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import labels, meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.learning import learning
from kobo_sync.analysis.quoting import shown
from kobo_sync.analysis.receipts import REASONS, Receipt, receipts
from kobo_sync.checks.enumerators import statistics
from kobo_sync.config.file_names import FileName
from kobo_sync.deliverables import letterhead
from kobo_sync.deliverables.pseudonyms import ENOUGH, groups
from kobo_sync.deliverables.treatment import classes_of
from kobo_sync.documents.word import writer
from kobo_sync.language import typography
from kobo_sync.language.catalogue import later, t, tc, tn
from kobo_sync.language.sentences import translated
from kobo_sync.language.speaking import spoken
from kobo_sync.lazy import pd
from kobo_sync.model import Class, Document, Finding, Scope

NAME = "data_quality"
TITLE = later("Data quality")
SCOPE: Scope = "zone"
CLASS: Class = "internal"
PATH = FileName("qualite-donnees.docx", "data-quality.docx")

_SEVERITIES = {"error": later("Error"), "warning": later("To be checked"), "info": later("Information")}
_MOST_FINDINGS = 200
# Meanings that are often empty by design: not asked of everybody.
_OPTIONAL = frozenset(
    ("consent", "note", "name_ar", "phone", "photo_consent", "day", "sex", "detail", *meaning.DETAIL, *meaning.IDENTITY)
)


def build(facts: Facts) -> list[Document]:
    """The data-quality paper: receipts per form, findings of the checks, missing answers and files, provenance."""
    form_ids = list(facts.config.forms)
    document = letterhead.open_paper(facts, t(TITLE), form_ids)
    subtitle = t("{action} · internal document", action=letterhead.action(facts))
    writer.title(document, f"{t(TITLE)} – {letterhead.place_name(facts)}", subtitle)
    awaited = _awaited_files(facts)
    by_severity = [sum(finding.severity == severity for finding in facts.findings) for severity in ("error", "warning")]
    figures = [
        (typography.number(letterhead.n_submissions(facts, form_ids)), t("submissions received")),
        (typography.number(by_severity[0]), tn("error", "errors", by_severity[0])),
        (typography.number(by_severity[1]), t("to be checked")),
        (typography.number(sum(awaited.values())), t("files expected, not received")),
    ]
    writer.key_figures(document, figures)
    _received(document, facts)
    _findings(document, facts)
    _missing(document, facts, awaited)
    _enumerators(document, facts)
    _personal(document, facts)
    _provenance(document, facts)
    return [letterhead.close_paper(facts, document, PATH.of(facts.config), CLASS)]


def _states() -> dict[str, str]:
    """How far the work on a finding is."""
    return {
        "new": tc("a finding", "new"),
        "seen": tc("a finding", "seen"),
        "accepted": tc("a finding", "accepted"),
        "corrected": tc("a finding", "corrected"),
        "false_alarm": tc("a finding", "false alarm"),
    }


def _statuses() -> dict[str, str]:
    """What whoever validates says of submissions, at the head of a column."""
    return {
        "approved": tc("submissions", "Approved"),
        "on_hold": tc("submissions", "On hold"),
        "not_approved": tc("submissions", "Not approved"),
    }


def _received(document: WordDocument, facts: Facts) -> None:
    writer.heading(document, t("What was received, what was set aside"))
    rows = []
    by_form = {each.table: each for each in receipts(facts)}
    for form_id in facts.config.forms:
        table, each = facts.tables.get(form_id), by_form.get(form_id)
        cells = [typography.NOTHING] * 3
        if each is not None:
            others = sum(n for reason, n in each.set_aside.items() if reason != "refused")
            cells = [typography.number(n) for n in (each.set_aside.get("refused", 0), others, each.used)]
        version = facts.form_versions.get(form_id, "") or typography.NOTHING
        n = typography.number(0 if table is None else len(table))
        rows.append([labels.form(facts, form_id), n, *cells, *_by_status(table), version])
    head = [t("Form"), tc("submissions", "Received"), tc("submissions", "Refusals"), tc("submissions", "Set aside")]
    head += [tc("submissions", "Used"), *_statuses().values(), t("Version")]
    caption = t("Submissions by form: received = refusals + set aside + used; and their validation statuses")
    widths = [2.5, 1.7, 1.7, 1.7, 1.7, 2.0, 1.6, 2.0, 2.1]
    writer.table(document, writer.Table(head, rows, widths, caption=caption, right=tuple(range(1, 8)), size=8.5))
    words = {
        "approved": tc("submissions", "approved"),
        "on_hold": tc("submissions", "on hold"),
        "not_approved": tc("submissions", "not approved"),
    }
    left_out = [words[status] for status in facts.config.checks.exclude]
    writer.paragraph(
        document,
        t("Left out of the deliverables by their status: {statuses}.", statuses=typography.listing(left_out))
        if left_out
        else t("No validation status leaves a submission out of the deliverables."),
    )
    texts = [text for each in by_form.values() if (text := _reasons(each))]
    if texts:
        writer.paragraph(document, t("Set aside, in no figure – {forms}.", forms=t("; ").join(texts)))
    texts = _remarks(facts)
    if texts:
        writer.paragraph(document, t("Also: {remarks}.", remarks=t("; ").join(texts)))


def _remarks(facts: Facts) -> list[str]:
    """What was used although something is missing in it."""
    remarks = []
    if (n := present.attendance(facts).n_declared) and present.proof_of(facts) == "row":
        declared = tn(
            "{n} presence declared without a signature (the form asks for none)",
            "{n} presences declared without a signature (the form asks for none)",
            n,
        )
        remarks.append(declared)
    if n := learning(facts).n_unmatched:
        remarks.append(tn("{n} test used without a code, not paired", "{n} tests used without a code, not paired", n))
    return remarks


def _reasons(each: Receipt) -> str:
    """Why rows (or actions) of a form are set aside besides refusals, with their numbers; empty where none is."""
    counts = [(n, REASONS[reason]) for reason, n in each.set_aside.items() if reason != "refused"]
    if not counts:
        return ""
    reasons = typography.listing([f"{typography.number(n)} {tn(*reason, n)}" for n, reason in counts])
    if each.table == each.form_id:
        return t("{form}: {reasons}", form=each.form_id, reasons=reasons)
    return t("{form}, actions: {reasons}", form=each.form_id, reasons=reasons)


def _by_status(table: pd.DataFrame | None) -> list[str]:
    """How many rows have each validation status."""
    statuses = table["validation"] if table is not None and "validation" in table else pd.Series(dtype=object)
    return [typography.number(int(statuses.eq(status).sum())) for status in _statuses()]


def _follow_up(document: WordDocument, facts: Facts) -> None:
    """How many findings are in each state of the worklist."""
    totals = {state: sum(counts.get(state, 0) for counts in facts.triage.values()) for state in _states()}
    if any(totals.values()):
        counts = [t("{state}: {n}", state=label, n=totals[state]) for state, label in _states().items()]
        text = t("Follow-up of the findings – {counts}. False alarms are not listed.", counts=" · ".join(counts))
        writer.paragraph(document, text)


def _findings(document: WordDocument, facts: Facts) -> None:
    writer.heading(document, t("Findings of the checks"))
    _follow_up(document, facts)
    if not facts.findings:
        writer.paragraph(document, t("No finding."))
        return
    order = list(_SEVERITIES)
    ordered = sorted(facts.findings, key=lambda f: (order.index(f.severity), f.rule, f.form_id, f.where, f.message))
    rows = [_finding(finding) for finding in ordered[:_MOST_FINDINGS]]
    head = [t("Rule"), t("Severity"), t("Follow-up"), t("Where"), t("Finding"), t("Cure")]
    caption = t("Findings ({n})", n=len(ordered))
    if len(ordered) > _MOST_FINDINGS:
        caption = t("Findings ({n}), the first {most}", n=len(ordered), most=_MOST_FINDINGS)
    writer.table(document, writer.Table(head, rows, [1.8, 2.2, 1.7, 3.0, 4.5, 3.8], caption=caption, size=8.5))


def _finding(finding: Finding) -> list[str | writer.Cell]:
    fill = "FBE3D6" if finding.severity == "error" else ""
    return [
        finding.rule,
        writer.Cell(t(_SEVERITIES[finding.severity]), fill=fill),
        _states().get(finding.state, typography.NOTHING),
        *(translated(text, spoken().code) for text in (finding.where, finding.message, finding.hint)),
    ]


def _missing(document: WordDocument, facts: Facts, awaited: dict[str, int]) -> None:
    writer.heading(document, t("What is missing"))
    rows = []
    for form_id, settings in facts.config.forms.items():
        table = meaning.rows(facts, settings.role).table
        mine = table[table["form_id"].eq(form_id)]
        for name, question in settings.fields.items():
            if name not in mine or name in _OPTIONAL:
                continue
            n_missing = int(mine[name].isna().sum())
            if n_missing:
                share = typography.percent(n_missing / len(mine))
                rows.append(
                    [
                        labels.form(facts, form_id),
                        labels.question(facts, form_id, question),
                        typography.number(n_missing),
                        typography.number(len(mine)),
                        share,
                    ]
                )
    rows += [
        [labels.form(facts, form_id), t("Files (photos, signatures)"), typography.number(n), *[typography.NOTHING] * 2]
        for form_id, n in awaited.items()
        if n
    ]
    if not rows:
        writer.paragraph(document, t("No expected answer is missing among the submissions used."))
        return
    head = [t("Form"), t("Question"), tc("answers", "Missing"), tc("answers", "Out of"), tc("statistics", "Share")]
    caption = t("Missing answers and files, among the submissions used")
    writer.table(document, writer.Table(head, rows, [3.6, 7.4, 2.2, 1.8, 2.0], caption=caption, right=(2, 3, 4)))


def _enumerators(document: WordDocument, facts: Facts) -> None:
    """How each enumerator worked, form by form."""
    works = statistics(facts)
    if not works:
        return
    writer.heading(document, t("Enumerators"))
    rows = [
        [
            shown(facts, work.enumerator, asks_who=True),
            labels.form(facts, work.form_id),
            typography.number(work.n),
            typography.number(work.n_days),
            typography.number(work.busiest),
            typography.NOTHING if work.minutes is None else typography.number(work.minutes, 1),
            typography.percent(work.missing_share),
        ]
        for work in sorted(works, key=lambda work: (work.enumerator, facts.config.forms[work.form_id].file))
    ]
    head = [t("Enumerator"), t("Form"), t("Submissions"), t("Days"), t("Most in a day"), t("Minutes (median)")]
    head += [t("No answer")]
    caption = t(
        "Work of each enumerator; “no answer” is of all questions, those that did not have to be asked included"
    )
    widths = [3.0, 3.0, 2.2, 1.6, 2.4, 2.6, 2.2]
    writer.table(document, writer.Table(head, rows, widths, caption=caption, right=(2, 3, 4, 5, 6), size=8.5))


_CLASSES = {
    "nominative": later("Nominative"),
    "sensitive": later("Sensitive"),
    "free text": later("Free text"),
    "ordinary": later("Ordinary"),
}


def _personal(document: WordDocument, facts: Facts) -> None:
    """The class of each question, what was guessed marked, and how small the groups are that pseudonymised files leave."""
    writer.heading(document, t("Personal data"))
    rows = []
    for form_id, asked in classes_of(facts).items():
        for privacy, title in _CLASSES.items():
            mine = [each for each in asked.values() if each.privacy == privacy and each.kind != "server"]
            if mine:
                rows.append(
                    [
                        labels.form(facts, form_id),
                        t(title),
                        ", ".join(f"{each.path}{'*' * each.is_guessed}" for each in mine),
                    ]
                )
    caption = t("Class of each question; *: guessed, a setting privacy.classes decides it")
    head = [t("Form"), t("Class"), t("Questions")]
    writer.table(document, writer.Table(head, rows, [3.2, 2.4, 11.4], caption=caption, size=8.5))
    for each in groups(facts).smallest:
        if set(each.traits) <= {"zone"}:
            continue  # a place is nobody
        traits = t(", ").join(t(letterhead.TRAITS.get(trait, trait)) for trait in each.traits) or typography.NOTHING
        values = {"tables": ", ".join(each.tables), "k": each.k, "total": each.n, "traits": traits}
        text = (
            tn(
                "Pseudonymised files, {tables}: k = {k} of {total} ({traits}), after {n} answer left blank.",
                "Pseudonymised files, {tables}: k = {k} of {total} ({traits}), after {n} answers left blank.",
                each.n_blanked,
                **values,
            )
            if each.n_blanked
            else t("Pseudonymised files, {tables}: k = {k} of {total} ({traits}), no answer left blank.", **values)
        )
        writer.paragraph(document, text)
        if each.k < ENOUGH:
            text = tn(
                "Note: {n} row or person is in a group of fewer than {enough}; keep fewer answers (privacy.keep), or raise privacy.smallest_group.",
                "Note: {n} rows or persons are in a group of fewer than {enough}; keep fewer answers (privacy.keep), or raise privacy.smallest_group.",
                each.n_small,
                enough=ENOUGH,
            )
            writer.note(document, text)


def _awaited_files(facts: Facts) -> dict[str, int]:
    """Per form, the files that an answer names and that are not here yet."""
    n_missing: dict[str, int] = {}
    for form_id, form in facts.forms.items():
        kinds = {question.name for question in form.questions if question.kind in ("image", "audio", "video", "file")}
        for table in map(facts.tables.__getitem__, facts.tables_of(form_id)):
            for column in sorted(kinds & set(table.columns)):
                named = table[["root_uuid", column]].dropna()
                missing = sum(
                    facts.attachment(str(uuid), str(file)) is None for uuid, file in named.itertuples(index=False)
                )
                n_missing[form_id] = n_missing.get(form_id, 0) + missing
    return n_missing


def _provenance(document: WordDocument, facts: Facts) -> None:
    writer.heading(document, t("Provenance"))
    digest = facts.fingerprint or typography.NOTHING
    told = t("No data was received; fingerprint of the contents: {digest}.", digest=digest)
    if facts.as_of:
        told = t(
            "Data as of {day}, the last submission or validation received; fingerprint of the contents: {digest}.",
            day=typography.day(letterhead.local_day(facts, facts.as_of), weekday=True),
            digest=digest,
        )
    same = t("The same data, the same bytes: two folders of the same fingerprint are identical.")
    writer.paragraph(document, f"{told} {same}")
    writer.note(
        document,
        t(
            "A submission that was refused or not approved is kept and counted; it enters no indicator. A missing answer stays missing: it is "
            "never counted as zero."
        ),
    )
