"""Rows that enter no figure because of how they, or the config, are written: no zero without a word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kobo_sync.analysis import meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.needs import needs
from kobo_sync.analysis.receipts import REASONS, Reason, Receipt, receipts_of
from kobo_sync.checks.sheet import Sheet, digest, sheets
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
_FIELD: Mapping[Reason, str] = {
    "unsigned": "fields.signature",
    "no_session": "fields.session",
    "no_moment": "fields.moment",
}
_CURE: Mapping[Reason, str] = {
    "unsigned": "faire signer, ou retirer la clé si le formulaire ne demande pas de signature : la présence est alors déclarée",
    "no_session": "écrire dans [[sessions]] les codes que le formulaire enregistre, ou corriger les soumissions",
    "no_moment": "écrire dans [codes] before et after les codes que le formulaire enregistre, ou corriger les soumissions",
    "unanswered": "vérifier que les clés de [forms] nomment les questions qui portent les réponses",
}
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
            if reason not in _TOLD_ELSEWHERE and (reason != "unsigned" or not each.used):
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
    singular, plural = REASONS[reason]
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
    if settings.role == "needs":
        ranked = needs(facts)
        if ranked.n_no_group:
            yield _finding(
                each,
                "fields.group",
                "error" if ranked.n_no_group == ranked.n else "warning",
                f"classements sans groupe de la mission : {ranked.n_no_group} sur {ranked.n}, qui n’entrent dans aucun score",
                "le score est la moyenne des groupes",
                "écrire dans [[groups]] les codes que le formulaire enregistre, ou corriger les soumissions",
            )
    if settings.role == "satisfaction":
        table = facts.tables[each.form_id]
        asked = [
            *settings.likert,
            *filter(None, (settings.fields.get(name, "") for name in ("intention", "recommend"))),
        ]
        empty = [name for name in asked if name not in table or not any(map(meaning.text, table[name]))]
        if asked and len(empty) == len(asked):
            yield _finding(
                each,
                "likert",
                "error",
                f"aucune question notée n’a de réponse ({each.used} soumission{'s' * (each.used > 1)}) : aucune part n’est calculée",
                "les parts de satisfaction viennent de ces questions",
                "nommer dans likert, fields.intention et fields.recommend les questions du formulaire",
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
