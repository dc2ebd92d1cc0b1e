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
from kobo_sync.model import Form

_BREAK = 15


class _Step(NamedTuple):
    """One line of the day; *minutes* 0 means a share of what is left."""

    minutes: int
    title: str
    aim: str
    method: str
    material: str


def kit_blocks(facts: Facts) -> dict[str, Block]:
    """Every block that a template of the kit may name."""
    return {
        "programme_du_jour": Block("programme du jour", partial(_programme, facts=facts)),
        "themes": Block("thèmes", partial(_themes, facts=facts)),
        "consentement": Block("textes de consentement", partial(_consent, facts=facts)),
        "corrige": Block("corrigé du test", partial(_key, facts=facts)),
        "besoins": Block("liste des besoins", partial(_needs, facts=facts)),
        "effectifs": Block("effectifs attendus", partial(_expected, facts=facts)),
    }


# ── the day ─────────────────────────────────────────────────────────────────


def _programme(document: WordDocument, facts: Facts) -> None:
    sessions = facts.config.sessions
    if not sessions:
        writer.paragraph(document, "Aucune demi-journée n’est réglée dans config/mission.toml ([[sessions]]).")
        return
    for session, steps in zip(sessions, _spread(facts, sessions), strict=True):
        hours = ""
        if session.starts and session.ends:
            hours = f" ({typography.hour(session.starts)} – {typography.hour(session.ends)})"
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
        head = ["Heure", "Durée", "Séquence", "Objectif", "Méthode", "Matériel"]
        caption = f"{labels.session(facts, session.code)}{hours}"
        writer.table(document, writer.Table(head, rows, [1.7, 1.6, 3.6, 4.2, 3.4, 2.5], caption=caption, size=8.5))


# What opens and closes the day: the role of the form that each needs (none: always).
_OPENING: tuple[tuple[Role | None, _Step], ...] = (
    (None, _Step(20, "Accueil, émargement, consentement", "Chacun·e sait à quoi servent ses réponses", "Tour de table", "Badges, téléphone")),
    ("test", _Step(20, "Test avant", "Situer les acquis de départ", "Individuel, lu à voix haute au besoin", "Téléphone ou papier")),
    ("needs", _Step(40, "Besoins de la communauté", "Classer les trois premiers besoins", "Individuel, puis par groupe", "Formulaire besoins")),
)  # fmt: skip
_TALK = _Step(
    0, "Groupes de discussion", "Dire accords et désaccords entre groupes", "Groupe de 6 à 10", "Fiche d’animation"
)
_CLOSING: tuple[tuple[Role | None, _Step], ...] = (
    ("road_map", _Step(60, "Feuille de route", "Décider d’actions complètes : qui, quoi, quand", "Plénière", "Formulaire feuille de route")),
    ("test", _Step(20, "Test après", "Mesurer l’évolution", "Individuel", "Téléphone ou papier")),
    ("satisfaction", _Step(15, "Satisfaction", "Recueillir l’avis de chacun·e, sans nom", "Individuel, anonyme", "Téléphone ou papier")),
    (None, _Step(10, "Clôture", "Rappeler les suites", "Plénière", "")),
)  # fmt: skip


def _steps(facts: Facts) -> tuple[list[_Step], list[_Step], list[_Step]]:
    """What opens the day, its themes, what closes it, after the forms that the mission has."""
    roles = {None, *(form.role for form in facts.config.forms.values())}
    aim, method = "Comprendre, puis s’exercer sur un cas de la zone", "Apport court, jeu de rôle, retour"
    names = [typography.spaced(f"Thème : {name}") for name in _theme_names(facts)]
    themes = [_Step(0, name, aim, method, "Fiches, papier, feutres") for name in names]
    if "focus_group" in roles:
        themes.append(_TALK)
    opening = [step for role, step in _OPENING if role in roles]
    return opening, themes, [step for role, step in _CLOSING if role in roles]


def _spread(facts: Facts, sessions: Sequence[Session]) -> list[list[_Step]]:
    """The steps of each session: opening in the first, closing in the last, the themes shared out between."""
    opening, themes, closing = _steps(facts)
    days: list[list[_Step]] = [[] for _ in sessions]
    days[0] += opening
    free = [
        max(1, _minutes(s)) - sum(step.minutes for step in (opening if k == 0 else [])) for k, s in enumerate(sessions)
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
    left = _minutes(session) - sum(step.minutes for step in steps)
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
                yield _clock(now), pause, _Step(pause, "Pause", "", "", "")
                now = now + pause if now is not None else None
        yield _clock(now), minutes, step
        now = now + minutes if now is not None else None


def _length(minutes: int) -> str:
    if minutes <= 0:
        return typography.NOTHING
    return typography.duration(minutes) if minutes >= 60 else f"{minutes}{typography.NNBSP}min"


def _clock(minutes: int | None) -> str:
    return typography.NOTHING if minutes is None else typography.hour(time(minutes // 60 % 24, minutes % 60))


def _minutes(session: Session) -> int:
    if session.starts is None or session.ends is None:
        return 0
    return max(0, (session.ends.hour - session.starts.hour) * 60 + session.ends.minute - session.starts.minute)


def _theme_names(facts: Facts) -> list[str]:
    theme_names: dict[str, str] = {}
    for form_id in letterhead.forms_of(facts, "test"):
        theme_names |= facts.config.forms[form_id].themes
    return list(theme_names.values())


def _themes(document: WordDocument, facts: Facts) -> None:
    names = _theme_names(facts)
    counts: dict[str, int] = {}
    for form_id in letterhead.forms_of(facts, "test"):
        for item in facts.config.forms[form_id].items.values():
            name = letterhead.theme(facts, item.theme)
            counts[name] = counts.get(name, 0) + 1
    rows = [[name, str(counts.get(name, 0))] for name in names] or [[typography.NO_DATA, typography.NOTHING]]
    writer.table(
        document,
        writer.Table(["Thème", "Questions au test"], rows, [11, 6], caption="Thèmes de la journée", right=(1,)),
    )


# ── from the forms ──────────────────────────────────────────────────────────


def _consent(document: WordDocument, facts: Facts) -> None:
    forms_by_text: dict[tuple[str, ...], list[str]] = {}
    for form_id, form in facts.forms.items():
        texts = tuple(_consent_texts(form, facts.config.forms[form_id].fields.get("consent", "")))
        if texts:
            forms_by_text.setdefault(texts, []).append(form.title or form_id)
    if not forms_by_text:
        writer.paragraph(document, f"{typography.NO_DATA} : aucun formulaire ne demande le consentement.")
    for texts, titles in forms_by_text.items():
        writer.heading(document, typography.listing(titles), 2)
        # The languages side by side, a form's text never cut by a page: in one column its title was left behind on the page before.
        sides = ["\n".join(t for t in texts if is_arabic(t) == arabic) for arabic in (False, True)]
        cells = [side for side in sides if side]
        alt = f"Texte de consentement : {typography.listing(titles)}"
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
            for language in (form.languages if form else ("",))[:2]:
                question = form.question(name) if form else None
                text = without_number(plain(question.labels.get(language, name))) if question else name
                answer = next((c for c in labels.choices(facts, form_id, name) if c.name == item.answer), None)
                answer_text = plain(answer.labels.get(language, item.answer)) if answer else item.answer
                first = not is_arabic(text)
                rows.append(
                    [
                        called.get(name, str(number)) if first else "",
                        text,
                        answer_text,  # no letter: phones shuffle the choices, and paper shows none
                        letterhead.theme(facts, item.theme) if first else "",
                    ]
                )
    if not rows:
        writer.paragraph(document, f"{typography.NO_DATA} : la mission n’a pas de test.")
        return
    head = ["N°", "Question", "Bonne réponse", "Thème"]
    writer.table(
        document,
        writer.Table(
            head,
            rows,
            [1.0, 7.6, 5.8, 2.6],
            caption="Corrigé : à ne pas distribuer avant le test final",
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
        writer.paragraph(document, f"{typography.NO_DATA} : la mission n’a pas de liste de besoins.")
        return
    writer.table(
        document, writer.Table(["Besoin", "Autre langue"], rows, [9, 8], caption="Besoins proposés au classement")
    )


def _expected(document: WordDocument, facts: Facts) -> None:
    zone = facts.zone
    quotas = zone.quotas if zone else facts.config.quotas.default
    rows = [[labels.group(facts, group.code), str(quotas.get(group.code, 0))] for group in facts.config.groups]
    rows.append(["Total", str(sum(quotas.values()))])
    writer.table(
        document,
        writer.Table(["Groupe", "Personnes attendues"], rows, [11, 6], caption="Effectifs", right=(1,), totals=1),
    )
