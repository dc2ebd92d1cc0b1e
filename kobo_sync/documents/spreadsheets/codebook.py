"""A codebook as an Excel workbook: one sheet of questions, one of choices."""

from __future__ import annotations

from collections.abc import Sequence

from kobo_sync.documents.spreadsheets.excel import Column, Sheet, workbook
from kobo_sync.forms.codebook import Codebook

_NAMES = {"fr": "français", "ar": "arabe", "en": "anglais", "zgh": "tamazight", "": ""}


def codebook_workbook(codebook: Codebook, *, author: str = "") -> bytes:
    """The .xlsx file; the same codebook gives the same bytes."""
    version = f", version {codebook.version}" if codebook.version else ""
    intro = (f"{codebook.title} – livre des codes", f"Formulaire {codebook.form_id}{version}")
    sheets = (_questions(codebook, intro), _choices(codebook, intro))
    return workbook(sheets, title=intro[0], author=author, when=None, comments=intro[1])


def _questions(codebook: Codebook, intro: Sequence[str]) -> Sheet:
    texts = [*_texts("Libellé", codebook), *_texts("Aide", codebook)]
    columns = (
        Column("Chemin", width=28), Column("Table", width=18), Column("Nom", width=20), Column("Type", width=15),
        Column("Liste", width=16), *texts, Column("Obligatoire", width=11), Column("Si", width=30),
        Column("Contrainte", width=30), *_texts("Message", codebook), Column("Calcul", width=30),
        Column("Sens", width=18), Column("Indicateurs", width=30), Column("Livrables", width=26),
    )  # fmt: skip
    rows = [
        (
            entry.path, entry.table, entry.name, entry.kind, entry.options,
            *(entry.labels.get(language, "") for language in codebook.languages),
            *(entry.hints.get(language, "") for language in codebook.languages),
            "oui" if entry.required else "", entry.relevant, entry.constraint,
            *(entry.messages.get(language, "") for language in codebook.languages),
            entry.calculation, entry.meaning, entry.indicators, entry.deliverables,
        )
        for entry in codebook.entries
    ]  # fmt: skip
    return Sheet("Questions", columns, rows, intro)


def _choices(codebook: Codebook, intro: Sequence[str]) -> Sheet:
    columns = (
        Column("Liste", width=20),
        Column("Code", width=20),
        *_texts("Libellé", codebook),
        Column("Autres colonnes", width=26),
        Column("Questions", width=36),
    )
    rows = [
        (
            option.list_name,
            option.name,
            *(option.labels.get(language, "") for language in codebook.languages),
            option.extra,
            option.questions,
        )
        for option in codebook.options
    ]
    return Sheet("Choix", columns, rows, intro)


def _texts(what: str, codebook: Codebook) -> list[Column]:
    """A column per language."""
    return [
        Column(f"{what} ({_NAMES.get(language, language)})" if language else what, width=36)
        for language in codebook.languages
    ]
