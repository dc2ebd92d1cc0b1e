"""What was received, left out, missing or doubtful, and where each number comes from; for the team only."""

from __future__ import annotations

import pandas as pd
from docx.document import Document as WordDocument

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import labels, meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.learning import learning
from kobo_sync.analysis.quoting import shown
from kobo_sync.analysis.receipts import REASONS, Receipt, receipts
from kobo_sync.checks.enumerators import statistics
from kobo_sync.deliverables import letterhead
from kobo_sync.deliverables.pseudonyms import ENOUGH, groups
from kobo_sync.deliverables.treatment import classes_of
from kobo_sync.documents.word import writer
from kobo_sync.language import typography
from kobo_sync.language.catalogue import t
from kobo_sync.model import Class, Document, Finding, Scope

NAME = "data_quality"
TITLE = "Qualité des données"
SCOPE: Scope = "zone"
CLASS: Class = "internal"
PATH = "qualite-donnees.docx"

_SEVERITIES = {"error": "Erreur", "warning": "À vérifier", "info": "Information"}
_STATES = {
    "new": "nouveau",
    "seen": "vu",
    "accepted": "accepté",
    "corrected": "corrigé",
    "false_alarm": "fausse alerte",
}
_STATUSES = {"approved": "Approuvées", "on_hold": "En attente", "not_approved": "Non approuvées"}
_MOST_FINDINGS = 200
# Meanings that are often empty by design: not asked of everybody.
_OPTIONAL = frozenset(
    ("consent", "note", "name_ar", "phone", "photo_consent", "day", "sex", "detail", *meaning.DETAIL, *meaning.IDENTITY)
)


def build(facts: Facts) -> list[Document]:
    """The data-quality paper: receipts per form, findings of the checks, missing answers and files, provenance."""
    form_ids = list(facts.config.forms)
    document = letterhead.open_paper(facts, TITLE, form_ids)
    writer.title(
        document, f"{TITLE} – {letterhead.place_name(facts)}", f"{letterhead.action(facts)} · document interne"
    )
    awaited = _awaited_files(facts)
    by_severity = [sum(finding.severity == severity for finding in facts.findings) for severity in ("error", "warning")]
    figures = [
        (typography.number(letterhead.n_submissions(facts, form_ids)), "soumissions reçues"),
        (typography.number(by_severity[0]), "erreur" if by_severity[0] < 2 else "erreurs"),
        (typography.number(by_severity[1]), "à vérifier"),
        (typography.number(sum(awaited.values())), "fichiers attendus, non reçus"),
    ]
    writer.key_figures(document, figures)
    _received(document, facts)
    _findings(document, facts)
    _missing(document, facts, awaited)
    _enumerators(document, facts)
    _personal(document, facts)
    _provenance(document, facts)
    return [letterhead.close_paper(facts, document, PATH, CLASS)]


def _received(document: WordDocument, facts: Facts) -> None:
    writer.heading(document, "Ce qui a été reçu, ce qui a été écarté")
    rows = []
    by_form = {each.table: each for each in receipts(facts)}
    for form_id in facts.config.forms:
        table, each = facts.tables.get(form_id), by_form.get(form_id)
        cells = [typography.NOTHING] * 3
        if each is not None:
            others = sum(n for reason, n in each.set_aside.items() if reason != "refused")
            cells = [str(each.set_aside.get("refused", 0)), str(others), str(each.used)]
        version = facts.form_versions.get(form_id, "") or typography.NOTHING
        n = str(0 if table is None else len(table))
        rows.append([labels.form(facts, form_id), n, *cells, *_by_status(table), version])
    head = ["Formulaire", "Reçues", "Refus", "Écartées", "Utilisées", *_STATUSES.values(), "Version"]
    caption = "Soumissions par formulaire : reçues = refus + écartées + utilisées ; et leurs statuts de validation"
    widths = [3.0, 1.5, 1.3, 1.7, 1.7, 2.0, 1.7, 2.0, 2.1]
    writer.table(document, writer.Table(head, rows, widths, caption=caption, right=tuple(range(1, 8)), size=8.5))
    left_out = [_STATUSES[status].lower() for status in facts.config.checks.exclude]
    writer.paragraph(
        document,
        f"Écartées des livrables par leur statut : {' et '.join(left_out)}."
        if left_out
        else "Aucun statut de validation n’écarte une soumission des livrables.",
    )
    texts = [text for each in by_form.values() if (text := _reasons(each))]
    if texts:
        writer.paragraph(document, "Écartées, n’entrent dans aucun chiffre – " + " ; ".join(texts) + ".")
    listed, learnt = present.attendance(facts), learning(facts)
    cells_counted = [
        (
            listed.n_declared,
            "présence déclarée sans signature (le formulaire n’en demande pas)",
            "présences déclarées sans signature (le formulaire n’en demande pas)",
        ),
        (learnt.n_unmatched, "test utilisé sans code, non apparié", "tests utilisés sans code, non appariés"),
    ]
    texts = [typography.count(n, one, many) for n, one, many in cells_counted if n]
    if texts:
        writer.paragraph(document, "Aussi : " + " ; ".join(texts) + ".")


def _reasons(each: Receipt) -> str:
    """Why rows (or actions) of a form are set aside besides refusals, with their numbers; empty where none is."""
    reasons = [(n, *REASONS[reason]) for reason, n in each.set_aside.items() if reason != "refused"]
    if not reasons:
        return ""
    what = each.form_id if each.table == each.form_id else f"{each.form_id}, actions"
    return f"{what} : {typography.listing([typography.count(n, one, many) for n, one, many in reasons])}"


def _by_status(table: pd.DataFrame | None) -> list[str]:
    """How many rows have each validation status."""
    statuses = table["validation"] if table is not None and "validation" in table else pd.Series(dtype=object)
    return [str(int(statuses.eq(status).sum())) for status in _STATUSES]


def _follow_up(document: WordDocument, facts: Facts) -> None:
    """How many findings are in each state of the worklist."""
    totals = {state: sum(counts.get(state, 0) for counts in facts.triage.values()) for state in _STATES}
    if any(totals.values()):
        counts_text = " · ".join(f"{label} : {typography.number(totals[state])}" for state, label in _STATES.items())
        writer.paragraph(document, f"Suivi des constats – {counts_text}. Les fausses alertes ne sont pas listées.")


def _findings(document: WordDocument, facts: Facts) -> None:
    writer.heading(document, "Constats des contrôles")
    _follow_up(document, facts)
    if not facts.findings:
        writer.paragraph(document, "Aucun constat.")
        return
    order = list(_SEVERITIES)
    ordered = sorted(facts.findings, key=lambda f: (order.index(f.severity), f.rule, f.form_id, f.where, f.message))
    rows = [_finding(finding) for finding in ordered[:_MOST_FINDINGS]]
    head = ["Règle", "Gravité", "Suivi", "Où", "Constat", "Remède"]
    caption = f"Constats ({len(ordered)})" + (
        f", les {_MOST_FINDINGS} premiers" if len(ordered) > _MOST_FINDINGS else ""
    )
    writer.table(document, writer.Table(head, rows, [1.8, 2.2, 1.7, 3.0, 4.5, 3.8], caption=caption, size=8.5))


def _finding(finding: Finding) -> list[str | writer.Cell]:
    fill = "FBE3D6" if finding.severity == "error" else ""
    return [
        finding.rule,
        writer.Cell(_SEVERITIES[finding.severity], fill=fill),
        _STATES.get(finding.state, typography.NOTHING),
        finding.where,
        finding.message,
        finding.hint,
    ]


def _missing(document: WordDocument, facts: Facts, awaited: dict[str, int]) -> None:
    writer.heading(document, "Ce qui manque")
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
                        str(n_missing),
                        str(len(mine)),
                        share,
                    ]
                )
    rows += [
        [labels.form(facts, form_id), "Fichiers (photos, signatures)", str(n), typography.NOTHING, typography.NOTHING]
        for form_id, n in awaited.items()
        if n
    ]
    if not rows:
        writer.paragraph(document, "Aucune réponse attendue ne manque parmi les soumissions utilisées.")
        return
    head = ["Formulaire", "Question", "Manquantes", "Sur", "Part"]
    caption = "Réponses et fichiers manquants, parmi les soumissions utilisées"
    writer.table(document, writer.Table(head, rows, [3.6, 7.4, 2.2, 1.8, 2.0], caption=caption, right=(2, 3, 4)))


def _enumerators(document: WordDocument, facts: Facts) -> None:
    """How each enumerator worked, form by form."""
    works = statistics(facts)
    if not works:
        return
    writer.heading(document, "Enquêteurs")
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
    head = ["Enquêteur", "Formulaire", "Soumissions", "Jours", "Au plus par jour", "Minutes (médiane)", "Sans réponse"]
    caption = "Travail de chaque enquêteur ; « sans réponse » sur toutes les questions, celles qui ne lui étaient pas posées comprises"
    widths = [3.0, 3.0, 2.2, 1.6, 2.4, 2.6, 2.2]
    writer.table(document, writer.Table(head, rows, widths, caption=caption, right=(2, 3, 4, 5, 6), size=8.5))


_CLASSES = {"nominative": "Nominative", "sensitive": "Sensible", "free text": "Texte libre", "ordinary": "Ordinaire"}


def _personal(document: WordDocument, facts: Facts) -> None:
    """The class of each question, what was guessed marked, and how small the groups are that pseudonymised files leave."""
    writer.heading(document, "Données personnelles")
    rows = []
    for form_id, asked in classes_of(facts).items():
        for privacy, title in _CLASSES.items():
            mine = [each for each in asked.values() if each.privacy == privacy and each.kind != "server"]
            if mine:
                rows.append(
                    [
                        labels.form(facts, form_id),
                        title,
                        ", ".join(f"{each.path}{'*' * each.is_guessed}" for each in mine),
                    ]
                )
    caption = "Classe de chaque question ; * : devinée, un réglage privacy.classes en décide"
    head = ["Formulaire", "Classe", "Questions"]
    writer.table(document, writer.Table(head, rows, [3.2, 2.4, 11.4], caption=caption, size=8.5))
    for each in groups(facts).smallest:
        if set(each.traits) <= {"zone"}:
            continue  # a place is nobody
        traits = t(", ").join(t(letterhead.TRAITS.get(trait, trait)) for trait in each.traits) or typography.NOTHING
        blanked = typography.count(each.n_blanked, "réponse laissée vide", "réponses laissées vides")
        after = f"après {blanked}" if each.n_blanked else "sans réponse laissée vide"
        text = (
            f"Fichiers pseudonymisés, {', '.join(each.tables)} : k = {each.k} sur {typography.number(each.n)} "
            f"({traits}), {after}."
        )
        writer.paragraph(document, text)
        if each.k < ENOUGH:
            text = (
                f"Attention : {typography.count(each.n_small, 'ligne ou personne est', 'lignes ou personnes sont')} dans un groupe de moins de "
                f"{ENOUGH} ; garder moins de réponses (privacy.keep), ou relever privacy.smallest_group."
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
    writer.heading(document, "Provenance")
    told = "Aucune donnée n’a été reçue"
    if facts.as_of:
        day = typography.day(letterhead.local_day(facts, facts.as_of), weekday=True)
        told = f"Données arrêtées au {day}, dernière soumission ou validation reçue"
    writer.paragraph(
        document,
        f"{told} ; empreinte du contenu : {facts.fingerprint or typography.NOTHING}. "
        "Mêmes données, mêmes octets : deux dossiers de même empreinte sont identiques.",
    )
    writer.note(
        document,
        "Une soumission refusée ou non approuvée reste conservée et comptée ; elle n’entre dans aucun indicateur. Une réponse manquante reste "
        "manquante : elle n’est jamais comptée comme zéro.",
    )
