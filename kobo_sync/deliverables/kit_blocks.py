"""The computed blocks of the kit's templates: programme of the day, consent texts, key of the test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import time
from functools import partial
from itertools import accumulate
from typing import NamedTuple

from docx.document import Document as WordDocument

from kobo_sync.analysis import labels
from kobo_sync.analysis.facts import Facts
from kobo_sync.config.config import Role, Session
from kobo_sync.deliverables import letterhead
from kobo_sync.documents.script import is_arabic
from kobo_sync.documents.word import writer
from kobo_sync.documents.word.template import Block
from kobo_sync.forms.paper import paper_numbers, plain
from kobo_sync.forms.paper_numbers import without_number
from kobo_sync.forms.wording import references
from kobo_sync.language import typography
from kobo_sync.language.catalogue import later, t, tn
from kobo_sync.language.speaking import spoken
from kobo_sync.model import Form

_BREAK = 15


class _Step(NamedTuple):
    """One line of the day; *minutes* 0 means a share of what is left. Texts are English until they are `told`."""

    minutes: int
    title: str
    aim: str
    method: str
    material: str

    def told(self) -> _Step:
        """The same in the spoken language."""
        texts = (self.title, self.aim, self.method, self.material)
        return _Step(self.minutes, *(t(text) if text else "" for text in texts))


def kit_blocks(facts: Facts) -> dict[str, Block]:
    """Every block that a template of the kit may name, of what the mission has."""
    blocks = {
        "programme_du_jour": Block(t("programme of the day"), partial(_programme, facts=facts)),
        "themes": Block(t("themes"), partial(_themes, facts=facts)),
        "consentement": Block(t("consent texts"), partial(_consent, facts=facts)),
        "corrige": Block(t("key of the test"), partial(_key, facts=facts)),
        "besoins": Block(t("list of needs"), partial(_needs, facts=facts)),
        "effectifs": Block(t("persons expected"), partial(_expected, facts=facts)),
    }
    return {name: block for name, block in blocks.items() if f"bloc:{name}" not in needless(facts)}


def needless(facts: Facts) -> frozenset[str]:
    """The marks of the kit's templates that are about what the mission has not: sessions, a test, needs, groups, quotas."""
    config = facts.config
    there = {
        "bloc:programme_du_jour": bool(config.sessions),
        **dict.fromkeys(("bloc:themes", "themes"), bool(_theme_names(facts))),
        "bloc:corrige": config.has_role("test"),
        "bloc:besoins": bool(labels.needs(facts)),
        "bloc:effectifs": any(zone.target for zone in config.zones),
        "groupes": bool(config.groups),
    }
    return frozenset(mark for mark, is_there in there.items() if not is_there)


# ── the day ─────────────────────────────────────────────────────────────────


def _programme(document: WordDocument, facts: Facts) -> None:
    n_days = max(1, len(facts.zone.days)) if facts.zone else 1
    held = [(day, session) for day in range(1, n_days + 1) for session in facts.config.sessions_on(day)]
    for (day, session), steps in zip(held, _spread(facts, [session for _, session in held]), strict=True):
        caption = labels.session(facts, session.code)
        if n_days > 1:
            caption = t("Day {n}, {session}", n=day, session=caption)
        if session.starts and session.ends:
            start, end = typography.hour(session.starts), typography.hour(session.ends)
            caption = t("{session} ({start} – {end})", session=caption, start=start, end=end)
        rows = [
            [
                when,
                _length(minutes),
                step.title,
                step.aim,
                step.method,
                step.material,
            ]
            for when, minutes, step in _timed(session, steps)
        ]
        head = [t("Time"), t("Duration"), t("Sequence"), t("Objective"), t("Method"), t("Material")]
        writer.table(document, writer.Table(head, rows, [1.7, 1.6, 3.6, 4.2, 3.4, 2.5], caption=caption, size=8.5))


# What opens and closes the day: the role of the form that each needs (none: always).
_OPENING: tuple[tuple[Role | None, _Step], ...] = (
    (None, _Step(20, later("Welcome, signing in, consent"), later("Everybody knows what the answers are for"), later("Round of introductions"), later("Badges, phone"))),
    ("test", _Step(20, later("Test before"), later("See what is known at the start"), later("Each alone, read aloud where needed"), later("Phone or paper"))),
    ("needs", _Step(40, later("Needs of the community"), later("Rank the first three needs"), later("Each alone, then by group"), later("Form on needs"))),
)  # fmt: skip
_TALK = _Step(
    0,
    later("Focus groups"),
    later("Say where the groups agree and disagree"),
    later("Group of 6 to 10"),
    later("Facilitation sheet"),
)
_CLOSING: tuple[tuple[Role | None, _Step], ...] = (
    ("road_map", _Step(60, later("Road map"), later("Decide on complete actions: who, what, when"), later("Plenary"), later("Form of the road map"))),
    ("test", _Step(20, later("Test after"), later("Measure the change"), later("Each alone"), later("Phone or paper"))),
    ("satisfaction", _Step(15, later("Satisfaction"), later("Hear what everybody thinks, without names"), later("Each alone, anonymous"), later("Phone or paper"))),
    (None, _Step(10, later("Closing"), later("Recall what comes next"), later("Plenary"), "")),
)  # fmt: skip


def _steps(facts: Facts) -> tuple[list[_Step], list[_Step], list[_Step]]:
    """What opens the day, its themes, what closes it, after the forms that the mission has."""
    roles = {None, *(form.role for form in facts.config.forms.values())}
    aim, method = t("Understand, then practise on a case of the zone"), t("Short input, role play, feedback")
    names = [typography.spaced(t("Theme: {name}", name=name)) for name in _theme_names(facts)]
    themes = [_Step(0, name, aim, method, t("Sheets, paper, markers")) for name in names]
    if "focus_group" in roles:
        themes.append(_TALK.told())
    opening = [step.told() for role, step in _OPENING if role in roles]
    if "attendance" not in roles:
        opening[0] = _Step(*_OPENING[0][1][:1], t("Welcome"), *opening[0][2:])
    return opening, themes, [step.told() for role, step in _CLOSING if role in roles]


def _spread(facts: Facts, sessions: Sequence[Session]) -> list[list[_Step]]:
    """The steps of each session: opening in the first, closing in the last, the themes shared out between."""
    opening, themes, closing = _steps(facts)
    days: list[list[_Step]] = [[] for _ in sessions]
    days[0] += opening
    free = [
        max(1, s.minutes) - sum(step.minutes for step in (opening if k == 0 else [])) for k, s in enumerate(sessions)
    ]
    free[-1] -= sum(step.minutes for step in closing)
    total = max(1, sum(max(0, minutes) for minutes in free))
    ends = list(accumulate(max(0, minutes) / total for minutes in free))
    for number, step in enumerate(themes):
        middle = (number + 0.5) / len(themes)
        days[next((at for at, end in enumerate(ends) if middle <= end), len(ends) - 1)].append(step)
    days[-1] += closing
    return days


def _timed(session: Session, steps: Sequence[_Step]) -> Iterator[tuple[str, int, _Step]]:
    """(hour, minutes, step): shared steps take what the others leave, a break in their middle."""
    left = session.minutes - sum(step.minutes for step in steps)
    shared = sum(step.minutes == 0 for step in steps)
    pause = _BREAK if left > 90 else 0
    each = max(0, left - pause) // shared // 5 * 5 if shared else 0
    rest = max(0, left - pause - each * shared) if shared else 0
    now = session.starts.hour * 60 + session.starts.minute if session.starts else None
    elapsed = 0
    for step in steps:
        minutes = step.minutes or each
        if step.minutes == 0:
            elapsed += 1
            minutes += rest if elapsed == shared else 0
            if pause and elapsed == shared // 2 + 1:
                yield _clock(now), pause, _Step(pause, t("Break"), "", "", "")
                now = now + pause if now is not None else None
        yield _clock(now), minutes, step
        now = now + minutes if now is not None else None


def _length(minutes: int) -> str:
    if minutes <= 0:
        return typography.NOTHING
    return typography.duration(minutes) if minutes >= 60 else tn("{n} min", "{n} min", minutes)


def _clock(minutes: int | None) -> str:
    return typography.NOTHING if minutes is None else typography.hour(time(minutes // 60 % 24, minutes % 60))


def _theme_names(facts: Facts) -> list[str]:
    return list(letterhead.themes(facts).values())


def _themes(document: WordDocument, facts: Facts) -> None:
    names = _theme_names(facts)
    counts: dict[str, int] = {}
    for form_id in letterhead.forms_of(facts, "test"):
        for item in facts.config.forms[form_id].items.values():
            name = letterhead.theme(facts, item.theme)
            counts[name] = counts.get(name, 0) + 1
    rows = [[name, typography.number(counts.get(name, 0))] for name in names] or [[t("No data"), typography.NOTHING]]
    head = [t("Theme"), t("Questions in the test")]
    caption = letterhead.by_days(facts, later("Themes of the day"), later("Themes of the training"))
    writer.table(document, writer.Table(head, rows, [11, 6], caption=caption, right=(1,)))


# ── from the forms ──────────────────────────────────────────────────────────


def _consent(document: WordDocument, facts: Facts) -> None:
    forms_by_text: dict[tuple[str, ...], list[str]] = {}
    for form_id, form in facts.forms.items():
        texts = tuple(_consent_texts(form, facts.config.forms[form_id].fields.get("consent", "")))
        if texts:
            forms_by_text.setdefault(texts, []).append(labels.form(facts, form_id))
    if not forms_by_text:
        writer.paragraph(document, t("No data: no form asks for consent."))
    for texts, titles in forms_by_text.items():
        writer.heading(document, typography.listing(titles), 2)
        # The languages side by side, a form's text never cut by a page: in one column its title was left behind on the page before.
        sides = ["\n".join(text for text in texts if is_arabic(text) == arabic) for arabic in (False, True)]
        cells = [side for side in sides if side]
        alt = t("Consent text: {forms}", forms=typography.listing(titles))
        widths = [17.0 / len(cells)] * len(cells)
        writer.table(document, writer.Table((), [cells], widths, alt=alt, size=10, explained=False))


def _consent_texts(form: Form, name: str) -> Iterator[str]:
    """What is read out before the consent question: the notes of its section, then the question, per language.

    A consent that the phone fills in is read out where it is asked: of those whose registration gave none.
    """
    consent_question = form.question(name) if name else None
    if consent_question and consent_question.calculation:
        sources = (form.question(each) for each in references(consent_question.calculation))
        lists = consent_question.list_name
        consent_question = next((q for q in sources if q and q.list_name == lists and not q.calculation), None)
    if consent_question is None:
        return
    section = consent_question.path.rpartition("/")[0]
    place = form.questions.index(consent_question)
    notes = [
        q for q in form.questions[:place] if q.kind == "note" and (q.path.rpartition("/")[0] == section or not section)
    ]
    for language in form.languages:
        for question in (*notes, consent_question):
            for text in (question.labels.get(language, ""), question.hints.get(language, "")):
                if text.strip():
                    yield plain(text)


def _key(document: WordDocument, facts: Facts) -> None:
    rows: list[list[str]] = []
    for form_id in letterhead.forms_of(facts, "test"):
        form = facts.forms.get(form_id)
        book = facts.books.get(facts.config.forms[form_id].file)
        called = paper_numbers(form, book, form.languages[0]) if form and book and form.languages else {}
        for number, (name, item) in enumerate(facts.config.forms[form_id].items.items(), 1):
            question = form.question(name) if form else None
            answer = next((c for c in labels.choices(facts, form_id, name) if c.name == item.answer), None)
            texts = []
            for language in (form.languages if form else ("",))[:2]:
                text = without_number(plain(question.labels.get(language, name))) if question else name
                # No letter: phones shuffle the choices, and paper shows none.
                texts.append((text, plain(answer.labels.get(language, item.answer)) if answer else item.answer))
            ours = [is_arabic(text) == spoken().runs_right_to_left for text, _ in texts]
            numbered = [called.get(name, typography.number(number)), letterhead.theme(facts, item.theme)]
            for at, (text, answer_text) in enumerate(texts):
                first, last = numbered if ours[at] or (at == 0 and not any(ours)) else ("", "")
                rows.append([first, text, answer_text, last])
    if not rows:
        writer.paragraph(document, t("No data: the mission has no test."))
        return
    head = [t("No."), t("Question"), t("Right answer"), t("Theme")]
    writer.table(
        document,
        writer.Table(
            head,
            rows,
            [1.0, 7.6, 5.8, 2.6],
            caption=t("Key: not to be handed out before the final test"),
            right=(0,),
            size=9,
        ),
    )


def _needs(document: WordDocument, facts: Facts) -> None:
    catalogue = labels.needs(facts)
    other = facts.config.mission.other_languages[:1]
    rows: list[list[str | writer.Cell]] = [
        [labels.need(facts, code), choice.labels.get(other[0], "") if other else ""]
        for code, choice in catalogue.items()
    ]
    if not rows:
        writer.paragraph(document, t("No data: the mission has no list of needs."))
        return
    head = [t("Need"), t("Other language")]
    writer.table(document, writer.Table(head, rows, [9, 8], caption=t("Needs offered for ranking")))


def _expected(document: WordDocument, facts: Facts) -> None:
    quotas = facts.zone.quotas if facts.zone else facts.config.quotas.default
    total = facts.zone.target if facts.zone else sum(facts.config.quotas.default.values())
    number = typography.number
    groups = facts.config.groups if any(quotas.get(group.code) for group in facts.config.groups) else []
    rows = [[labels.group(facts, group.code), number(quotas.get(group.code, 0))] for group in groups]
    rows.append([t("Total"), number(total)])
    head = [t("Group") if groups else t("Persons"), t("Persons expected")]
    writer.table(document, writer.Table(head, rows, [11, 6], caption=t("Numbers of persons"), right=(1,), totals=1))
