"""Rows that enter no figure because of how they, or the config, are written: no zero without a word."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from kobo_sync.analysis import labels, meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.needs import ballot, needs
from kobo_sync.analysis.persons import identified, names
from kobo_sync.analysis.receipts import Reason, Receipt, receipts_of
from kobo_sync.analysis.satisfaction import scale_codes
from kobo_sync.checks.sheet import Mask, Sheet, digest, sheets
from kobo_sync.config.config import Role
from kobo_sync.config.files import MISSION_FILE
from kobo_sync.lazy import np, pd
from kobo_sync.model import Finding, Severity

CODE = "DATA025"
TITLE = "Rows that count for nothing"
# What the figures of a role are made of: without these meanings there are none. A group and a session are needed where the
# mission has such; a sex is not: without it nothing is said of it.
NEEDED: Mapping[Role, tuple[str, ...]] = {
    "registration": ("zone", "group"),
    "attendance": ("zone", "person", "session"),
    "test": ("zone", "moment", "person"),
    "satisfaction": ("zone",),
    "needs": ("zone", "group", "ranking"),
    "focus_group": ("zone", "women", "men", "themes"),
    "road_map": ("zone", "objective", "action"),
}
_TOLD: Mapping[Reason, str] = {
    "refused": "without consent",
    "absent": "who were absent",
    "unsigned": "without a signature",
    "no_session": "of an unknown half-day",
    "no_moment": "neither before nor after",
    "unanswered": "without an answer that counts",
}
_FIELD: Mapping[Reason, str] = {
    "refused": "fields.consent",
    "absent": "fields.present",
    "unsigned": "fields.signature",
    "no_session": "fields.session",
    "no_moment": "fields.moment",
}
_CURE: Mapping[Reason, str] = {
    "refused": "write in [codes] yes the code of consent that the form records; nothing to do if everybody refused",
    "absent": "write in [codes] present the codes of those who are there, as the form records them; nothing to do if nobody came",
    "unsigned": "have people sign, or take the key out if the form asks for no signature: presence is then declared",
    "no_session": "write in [[sessions]] the codes that the form records, or correct the submissions",
    "no_moment": "write in [codes] before and after the codes that the form records, or correct the submissions",
    "unanswered": "see that the keys of [forms] name the questions that hold the answers",
}
_SEX_CURE = "write in [codes] female and male the codes that the form records, or correct the submissions"
_GROUP_CURE = "write in [[groups]] the codes that the form records, or correct the submissions"
RATINGS = ("severity", "households", "feasibility")
# People decided it, the form says it, or DATA006 names each row.
_TOLD_ELSEWHERE = frozenset[Reason](("rejected", "refused", "absent", "repeated"))


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
            nobody_agrees = reason in ("refused", "absent") and n == each.received > 1
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
        if question in columns or not _is_due(facts, settings.role, name):
            continue
        is_named = bool(question)
        yield _finding(
            each,
            f"fields.{name}",
            "error" if is_named else "warning",
            f"“{question}” has no answers" if is_named else f"no question carries “{name}”",
            "what the answer would have told is missing in all figures that rest on it",
            f"name in forms.{each.form_id}.fields the form's question that carries “{name}”",
        )


def _is_due(facts: Facts, role: Role, name: str) -> bool:
    """Whether the mission has what the meaning tells: sessions, groups."""
    config = facts.config
    if name == "group":  # of who registers, where they come it may be asked as well
        elsewhere = role == "registration" and config.asks("group", "attendance")
        return bool(config.groups) and (config.asks("group", role) or not elsewhere)
    return name != "session" or bool(config.sessions)


def _set_aside(each: Receipt, reason: Reason, n: int) -> Finding:
    is_whole, told = each.table == each.form_id, _TOLD[reason]
    if each.used:
        message = f"{n} of {each.received} {'submissions' if is_whole else 'actions'} {'count' if n > 1 else 'counts'} in no figure: {told}"
    else:
        message = f"none of {each.received} {'submissions' if is_whole else 'actions'} counts: {n} {told}"
    return _finding(
        each,
        _FIELD.get(reason, ""),
        "error" if not each.used else "warning",
        message,
        "what does not count is missing in all deliverables",
        _CURE.get(reason, "correct the submissions on the server"),
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
            f"no zone of the mission is named ({len(zones)} submission{'s' * (len(zones) > 1)}): the zones' deliverables say zero",
            "a submission enters the deliverables of the zone that it names",
            "ask for the zone (the list of zones.csv) in the form, and name that question in the key; or correct the codes",
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
                "no ranked need is in the list of needs: neither label nor domain in the deliverables",
                "the deliverables name the needs by this list",
                f"write in {settings.catalogue} the codes that the form records",
            )
        yield from _rated_nothing(facts, each)
        if ranked.n_no_group:
            yield _finding(
                each,
                "fields.group",
                "error" if ranked.n_no_group == ranked.n else "warning",
                f"rankings without a group of the mission: {ranked.n_no_group} of {ranked.n}, which enter no score",
                "the score is the mean of the groups",
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
                f"no rated question has an answer ({each.used} submission{'s' * (each.used > 1)}): no share is computed",
                "the shares of satisfaction come from these questions",
                "name in likert, fields.intention and fields.recommend the form's questions",
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
            f"ratings without a need of the list: {n} of {len(codes)}, which enter no mean",
            "severity, households concerned and feasibility are counted by need",
            "name in the key the question that tells the need, with the codes of the list of needs; or correct the submissions",
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
                f"answers outside the form's list: {n} of {len(answers)}, which enter no share",
                "the shares of satisfaction come from these questions",
                "put the missing codes back into the form's list, or correct the submissions",
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
            f"none of the {len(answers)} answers is a code of the mission: all are counted as “not given”",
            "the tables by group and by sex come from these codes",
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
            f"{n} record{'s' * (n > 1)} without a code or a name, of {len(roots)}: one person more each time",
            "the same person is counted at each half-day",
            "name in the key, family_name and given_name the questions that tell who is there; or correct the submissions",
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
