"""What questions and their choices are called, those of earlier form versions included: labels only ever come or change."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from kobo_sync.model import Choice, Form
from kobo_sync.store.database import Store
from kobo_sync.store.schema import labels


def write_labels(connection: sa.Connection, form: Form) -> None:
    """Put the form's labels beside those of questions and choices that it has no more."""
    now: dict[tuple[str, str], Mapping[str, str]] = {}
    for question in form.questions:
        now[question.name, ""] = question.labels
        now |= {(question.name, choice.name): choice.labels for choice in form.choices.get(question.list_name, ())}
    mine = labels.c.form_id == form.form_id
    rows = {
        (row.question, row.code, row.language): row.label
        for row in connection.execute(sa.select(labels).where(mine))
        if (row.question, row.code) not in now
    }
    rows |= {(*key, language): label for key, texts in now.items() for language, label in texts.items()}
    connection.execute(labels.delete().where(mine))
    if rows:
        connection.execute(
            labels.insert(),
            [
                {"form_id": form.form_id, "question": question, "code": code, "language": language, "label": label}
                for (question, code, language), label in rows.items()
            ],
        )


def earlier_choices(store: Store, forms: Mapping[str, Form]) -> dict[tuple[str, str], tuple[Choice, ...]]:
    """(form_id, question) → the choices that its form offers no more, by code, with their last labels."""
    texts: dict[tuple[str, str], dict[str, dict[str, str]]] = {}
    query = sa.select(labels).where(labels.c.code != "").order_by(labels.c.form_id, labels.c.question, labels.c.code)
    with store.read() as connection:
        for row in connection.execute(query):
            texts.setdefault((row.form_id, row.question), {}).setdefault(row.code, {})[row.language] = row.label
    earlier = {}
    for (form_id, name), codes in texts.items():
        form = forms.get(form_id)
        question = form.question(name) if form else None
        offered = {choice.name for choice in form.choices.get(question.list_name, ())} if form and question else set()
        if gone := tuple(Choice(code, by_language) for code, by_language in codes.items() if code not in offered):
            earlier[form_id, name] = gone
    return earlier
