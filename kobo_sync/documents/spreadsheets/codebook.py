"""A codebook as an Excel workbook: one sheet of questions, one of choices."""

from __future__ import annotations

from collections.abc import Sequence

from kobo_sync.documents.spreadsheets.excel import Column, Sheet, workbook
from kobo_sync.forms.codebook import Codebook
from kobo_sync.language.catalogue import later, t

_NAMES = {"fr": later("French"), "ar": later("Arabic"), "en": later("English"), "zgh": later("Tamazight")}


def codebook_workbook(codebook: Codebook, *, author: str = "") -> bytes:
    """The .xlsx file; the same codebook gives the same bytes."""
    form = t("Form {form_id}", form_id=codebook.form_id)
    if codebook.version:
        form = t("Form {form_id}, version {version}", form_id=codebook.form_id, version=codebook.version)
    intro = (t("{form} – codebook", form=codebook.title), form)
    sheets = (_questions(codebook, intro), _choices(codebook, intro))
    return workbook(sheets, title=intro[0], author=author, when=None, comments=intro[1])


def _questions(codebook: Codebook, intro: Sequence[str]) -> Sheet:
    texts = [*_texts(t("Label"), codebook), *_texts(t("Hint"), codebook)]
    columns = (
        Column(t("Path"), width=28), Column(t("Data table"), width=18), Column(t("Name"), width=20), Column(t("Type"), width=15),
        Column(t("Choice list"), width=16), *texts, Column(t("Required"), width=11), Column(t("If"), width=30),
        Column(t("Constraint"), width=30), *_texts(t("Message"), codebook), Column(t("Calculation"), width=30),
        Column(t("Meaning"), width=18), Column(t("Indicators"), width=30), Column(t("Deliverables"), width=26),
    )  # fmt: skip
    rows = [
        (
            entry.path, entry.table, entry.name, entry.kind, entry.options,
            *(entry.labels.get(language, "") for language in codebook.languages),
            *(entry.hints.get(language, "") for language in codebook.languages),
            t("yes") if entry.required else "", entry.relevant, entry.constraint,
            *(entry.messages.get(language, "") for language in codebook.languages),
            entry.calculation, entry.meaning, entry.indicators, entry.deliverables,
        )
        for entry in codebook.entries
    ]  # fmt: skip
    return Sheet(t("Questions"), columns, rows, intro)


def _choices(codebook: Codebook, intro: Sequence[str]) -> Sheet:
    columns = (
        Column(t("Choice list"), width=20),
        Column(t("Code"), width=20),
        *_texts(t("Label"), codebook),
        Column(t("Other columns"), width=26),
        Column(t("Questions"), width=36),
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
    return Sheet(t("Choices"), columns, rows, intro)


def _texts(what: str, codebook: Codebook) -> list[Column]:
    """A column per language."""
    return [
        Column(f"{what} ({t(_NAMES.get(language, language))})" if language else what, width=36)
        for language in codebook.languages
    ]
