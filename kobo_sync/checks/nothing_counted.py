"""Rows that enter no figure because of how they, or the config, are written: no zero without a word."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np
import pandas as pd

from kobo_sync.analysis import labels, meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.needs import ballot, needs
from kobo_sync.analysis.persons import identified, names
from kobo_sync.analysis.receipts import Reason, Receipt, receipts_of
from kobo_sync.analysis.satisfaction import scale_codes
from kobo_sync.checks.sheet import Mask, Sheet, digest, sheets
from kobo_sync.config.config import Role
from kobo_sync.config.files import MISSION_FILE
from kobo_sync.model import Finding, Severity

CODE = "DATA025"
TITLE = "Rows that count for nothing"
# What the figures of a role are made of: without these meanings there are none.
NEEDED: Mapping[Role, tuple[str, ...]] = {
    "registration": ("zone", "group", "sex"),
    "attendance": ("zone", "person", "session"),
    "test": ("zone", "moment", "person"),
    "satisfaction": ("zone",),
    "needs": ("zone", "group", "ranking"),
    "focus_group": ("zone", "women", "men", "themes"),
    "road_map": ("zone", "objective", "action"),
}
_REASONS: Mapping[Reason, tuple[str, str]] = {  # one, many
    "rejected": ("écartée par son statut", "écartées par leur statut"),
    "refused": ("refus de consentement", "refus de consentement"),
    "unsigned": ("sans signature", "sans signature"),
    "no_session": ("d’une demi-journée inconnue", "d’une demi-journée inconnue"),
    "no_moment": ("ni d’avant ni d’après", "ni d’avant ni d’après"),
    "unanswered": ("sans réponse qui se compte", "sans réponse qui se compte"),
    "repeated": (
        "répétée par la même personne, la première compte",
        "répétées par la même personne, la première compte",
    ),
}
_FIELD: Mapping[Reason, str] = {
    "refused": "fields.consent",
    "unsigned": "fields.signature",
    "no_session": "fields.session",
    "no_moment": "fields.moment",
}
_CURE: Mapping[Reason, str] = {
    "refused": "écrire dans [codes] yes le code d’accord que le formulaire enregistre ; rien à faire si tout le monde a refusé",
    "unsigned": "faire signer, ou retirer la clé si le formulaire ne demande pas de signature : la présence est alors déclarée",
    "no_session": "écrire dans [[sessions]] les codes que le formulaire enregistre, ou corriger les soumissions",
    "no_moment": "écrire dans [codes] before et after les codes que le formulaire enregistre, ou corriger les soumissions",
    "unanswered": "vérifier que les clés de [forms] nomment les questions qui portent les réponses",
}
_SEX_CURE = "écrire dans [codes] female et male les codes que le formulaire enregistre, ou corriger les soumissions"
_GROUP_CURE = "écrire dans [[groups]] les codes que le formulaire enregistre, ou corriger les soumissions"
RATINGS = ("severity", "households", "feasibility")
_TOLD_ELSEWHERE = frozenset[Reason](("rejected", "refused", "repeated"))  # people decided it, or DATA006 names each row


def check(facts: Facts) -> Iterator[Finding]:
    """Per form: a meaning that its role needs and nothing carries, a reason that sets rows aside, rows that all yield nothing."""
    for sheet in sheets(facts):
        yield from in_form(facts, sheet)


def in_form(facts: Facts, sheet: Sheet) -> Iterator[Finding]:
    """The findings of one form."""
    for each in receipts_of(facts, sheet.form_id):
        if not each.received:
            continue
        yield from _unasked(facts, each)
        for reason, n in each.set_aside.items():
            nobody_agrees = reason == "refused" and n == each.received > 1
            if nobody_agrees or (reason not in _TOLD_ELSEWHERE and (reason != "unsigned" or not each.used)):
                yield _set_aside(each, reason, n)
        if each.used and each.table == each.form_id:
            yield from _without_zone(facts, each)
            yield from _silent(facts, each)


def _unasked(facts: Facts, each: Receipt) -> Iterator[Finding]:
    """Meanings that the config gives to no question, or to one that the form's table does not have."""
    if each.table != each.form_id:
        return
    settings, columns = facts.config.forms[each.form_id], set[str]()
    for name in facts.tables_of(each.form_id):
        columns |= {str(column) for column in facts.tables[name]}
    for name in NEEDED.get(settings.role, ()):
        question = settings.fields.get(name, "")
        if question in columns or (name == "session" and not facts.config.sessions):
            continue
        is_named = bool(question)
        yield _finding(
            each,
            f"fields.{name}",
            "error" if is_named else "warning",
            f"« {question} » n’a pas de réponses" if is_named else f"aucune question ne porte « {name} »",
            "ce que la réponse aurait dit manque à tous les chiffres qui en dépendent",
            f"nommer dans forms.{each.form_id}.fields la question du formulaire qui porte « {name} »",
        )


def _set_aside(each: Receipt, reason: Reason, n: int) -> Finding:
    unit = "soumission" if each.table == each.form_id else "action"
    singular, plural = _REASONS[reason]
    counted = f"{n} {unit}{'s' if n > 1 else ''} {plural if n > 1 else singular}"
    whole = "aucune ne compte" if not each.used else f"n’entre{'nt' if n > 1 else ''} dans aucun chiffre"
    return _finding(
        each,
        _FIELD.get(reason, ""),
        "error" if not each.used else "warning",
        f"{counted}, sur {each.received} : {whole}",
        "ce qui ne compte pas manque à tous les livrables",
        _CURE.get(reason, "corriger les soumissions sur le serveur"),
        subject=f"{each.table}/{reason}",
    )


def _without_zone(facts: Facts, each: Receipt) -> Iterator[Finding]:
    """All rows lie in no zone of the mission: each zone's papers say zero."""
    codes = {zone.code for zone in facts.config.zones}
    rows = meaning.rows(facts, facts.config.forms[each.form_id].role).table
    zones = rows.loc[rows["form_id"].eq(each.form_id), "zone"]
    if codes and len(zones) and not any(meaning.text(zone) in codes for zone in zones):
        yield _finding(
            each,
            "fields.zone",
            "error",
            f"aucune zone de la mission n’est dite ({len(zones)} soumission{'s' * (len(zones) > 1)}) : les livrables des zones disent zéro",
            "une soumission entre dans les livrables de la zone qu’elle dit",
            "demander la zone (liste zones.csv) dans le formulaire, et la nommer dans la clé ; ou corriger les codes",
        )


def _silent(facts: Facts, each: Receipt) -> Iterator[Finding]:
    """Rows that are counted, but whose answers yield nothing."""
    settings = facts.config.forms[each.form_id]
    if settings.role == "registration":
        sexes = {facts.config.codes.female, facts.config.codes.male}
        groups = {group.code for group in facts.config.groups}
        yield from _unknown_codes(facts, each, "sex", sexes, _SEX_CURE)
        yield from _unknown_codes(facts, each, "group", groups, _GROUP_CURE)
    if settings.role == "attendance":
        yield from _nameless(facts, each)
    if settings.role == "needs":
        ranked, catalogue = needs(facts), labels.needs(facts)
        listed = {code for value in _answers(facts, each, "ranking") for code in ballot(value)}
        if catalogue and listed and not listed & set(catalogue):
            yield _finding(
                each,
                "fields.ranking",
                "error",
                "aucun besoin classé n’est dans la liste des besoins : ni libellé ni domaine dans les livrables",
                "les livrables nomment les besoins par cette liste",
                f"écrire dans {settings.catalogue} les codes que le formulaire enregistre",
            )
        yield from _rated_nothing(facts, each)
        if ranked.n_no_group:
            yield _finding(
                each,
                "fields.group",
                "error" if ranked.n_no_group == ranked.n else "warning",
                f"classements sans groupe de la mission : {ranked.n_no_group} sur {ranked.n}, qui n’entrent dans aucun score",
                "le score est la moyenne des groupes",
                _GROUP_CURE,
            )
    if settings.role == "satisfaction":
        table = facts.tables[each.form_id]
        asked = [
            *settings.likert,
            *filter(None, (settings.fields.get(name, "") for name in ("intention", "recommend"))),
        ]
        empty = [name for name in asked if name not in table or not _answered(table[name]).any()]
        if asked and len(empty) == len(asked):
            yield _finding(
                each,
                "likert",
                "error",
                f"aucune question notée n’a de réponse ({each.used} soumission{'s' * (each.used > 1)}) : aucune part n’est calculée",
                "les parts de satisfaction viennent de ces questions",
                "nommer dans likert, fields.intention et fields.recommend les questions du formulaire",
            )
        yield from _off_the_scale(facts, each)


def _rated_nothing(facts: Facts, each: Receipt) -> Iterator[Finding]:
    """Ratings whose need is none of the mission's: no need's mean has them."""
    catalogue, fields = labels.needs(facts), facts.config.forms[each.form_id].fields
    table = _usable(facts, each, f"{each.form_id}__{fields.get('detail', '')}")
    if not catalogue or fields.get("need", "") not in table:
        return
    rated = [fields[name] for name in RATINGS if fields.get(name, "") in table]
    answered = (_answered(table[name]) for name in rated)
    items = np.logical_or.reduce([*answered]) if rated else np.zeros(0, dtype=bool)
    codes = (
        [meaning.text(code) for code in table[fields["need"]].to_numpy(dtype=object)[items].tolist()] if rated else []
    )
    n = sum(code not in catalogue for code in codes)
    if n:
        yield _finding(
            each,
            "fields.need",
            "error" if n == len(codes) else "warning",
            f"évaluations sans besoin de la liste : {n} sur {len(codes)}, qui n’entrent dans aucune moyenne",
            "gravité, ménages touchés et faisabilité se comptent par besoin",
            "nommer dans la clé la question qui dit le besoin, avec les codes de la liste des besoins ; ou corriger les soumissions",
        )


def _off_the_scale(facts: Facts, each: Receipt) -> Iterator[Finding]:
    """Answers to scaled questions in codes that the form's list no longer has: they enter no share."""
    settings = facts.config.forms[each.form_id]
    asked, table = [*settings.likert, settings.fields.get("intention", "")], _usable(facts, each, each.form_id)
    for name in dict.fromkeys(asked):
        codes = scale_codes(facts, each.form_id, name)
        if name not in table or not codes:
            continue
        answers = [text for text in map(meaning.text, table[name].tolist()) if text]
        n = sum(answer not in codes for answer in answers)
        if n:
            yield _finding(
                each,
                name,
                "error" if n == len(answers) else "warning",
                f"réponses hors de la liste du formulaire : {n} sur {len(answers)}, qui n’entrent dans aucune part",
                "les parts de satisfaction viennent de ces questions",
                "remettre dans la liste du formulaire les codes qui manquent, ou corriger les soumissions",
            )


def _answered(column: pd.Series) -> Mask:
    """The cells that hold something."""
    if pd.api.types.is_numeric_dtype(column):
        return np.asarray(column.notna())
    return np.array([bool(meaning.text(value)) for value in column.tolist()], dtype=bool)


def _usable(facts: Facts, each: Receipt, name: str) -> pd.DataFrame:
    """The rows of a table of the form that belong to submissions which count; none where there is no such table."""
    table = facts.tables.get(name)
    if table is None:
        return pd.DataFrame()
    counted = meaning.rows(facts, facts.config.forms[each.form_id].role).table
    return table[table["root_uuid"].isin(counted.loc[counted["form_id"].eq(each.form_id), "root_uuid"])]


def _answers(facts: Facts, each: Receipt, name: str) -> list[str]:
    """What the usable rows of the form answer to the question that carries *name*, empty answers left out."""
    rows = meaning.rows(facts, facts.config.forms[each.form_id].role).table
    return [text for text in map(meaning.text, rows.loc[rows["form_id"].eq(each.form_id), name]) if text]


def _unknown_codes(facts: Facts, each: Receipt, name: str, codes: Collection[str], hint: str) -> Iterator[Finding]:
    """All who answered did so with codes that the mission does not have: every count by *name* would say zero."""
    answers = _answers(facts, each, name)
    if len(answers) > 1 and codes and not set(answers) & set(codes):
        yield _finding(
            each,
            f"fields.{name}",
            "error",
            f"aucune des {len(answers)} réponses n’est un code de la mission : toutes sont comptées « non précisé »",
            "les tableaux par groupe et par sexe viennent de ces codes",
            hint,
        )


def _nameless(facts: Facts, each: Receipt) -> Iterator[Finding]:
    """Attendance that tells nobody apart: each such row is one person more."""
    known, rows = identified(facts), meaning.rows(facts, "attendance").table
    roots = rows.loc[rows["form_id"].eq(each.form_id), "root_uuid"].map(meaning.text)
    people = (known.people[known.rows[root]] for root in roots)
    n = sum(not person.code and person.home is None and not names(person.traits) for person in people)
    if n:
        yield _finding(
            each,
            "fields.person",
            "error" if n == len(roots) else "warning",
            f"{n} passage{'s' * (n > 1)} sans code ni nom, sur {len(roots)} : une personne de plus à chaque fois",
            "la même personne est comptée à chaque demi-journée",
            "nommer dans la clé, family_name et given_name les questions qui disent qui est là ; ou corriger les soumissions",
        )


def _finding(
    each: Receipt, key: str, severity: Severity, message: str, why: str, hint: str, *, subject: str = ""
) -> Finding:
    where = f"{MISSION_FILE}, forms.{each.form_id}{f'.{key}' if key else ''}"
    return Finding(
        CODE,
        severity,
        where,
        message,
        hint,
        form_id=each.form_id,
        why=why,
        subject=subject or key,
        evidence=digest(message),
    )
