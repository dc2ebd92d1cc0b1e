"""XLSForm workbook → XForm, by pyxform and ODK Validate: the only module that knows them, loaded when they are needed."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath
from typing import Any

from kobo_sync.errors import FormError
from kobo_sync.forms.complaints import in_our_words, lines_of
from kobo_sync.forms.headers import SELECTS, TYPE_ALIASES
from kobo_sync.forms.kobo_types import written_out
from kobo_sync.forms.sheets import Book, read_book
from kobo_sync.forms.xlsform import read_form
from kobo_sync.model import Finding, Form

COMPILE_RULE = "FORM000"
_ROW = re.compile(r"\[row : (\d+)\]")
_SHEET = re.compile(r"'(survey|choices|settings|entities|external_choices)' sheet")
_TOKEN = re.compile(r"\$\{([^}]+)\}|survey element named '([^']+)'")


@dataclass(frozen=True)
class Compiled:
    """A form with the XForm that phones read, and what pyxform and ODK Validate warned about."""

    form: Form
    xform: str
    warnings: tuple[str, ...]


@lru_cache(maxsize=1)
def known_types() -> frozenset[str]:
    """Every type of row that pyxform knows, in lower case."""
    from pyxform.question_type_dictionary import QUESTION_TYPE_DICT  # half a second to load, for lint alone

    return frozenset(
        {name.lower() for name in QUESTION_TYPE_DICT}
        | {*SELECTS, *(kind.lower() for kind in TYPE_ALIASES.values())}
        | {"csv-external", "xml-external", "begin_loop", "end_loop", "note", "range", "hidden", "image", "email", "osm"}
    )


def compile_form(content: bytes, filename: str, *, validate: bool) -> Compiled:
    """The form with its XForm; *validate* also runs ODK Validate, which needs Java.

    Raises: FormError with one finding per complaint, naming sheet and row where pyxform or Validate tells them.
    """
    # Half a second to load: what only reads a form does without.
    from pyxform.errors import PyXFormError
    from pyxform.validators.odk_validate import ODKValidateError
    from pyxform.xls2json_backends import Definition
    from pyxform.xls2xform import convert

    form = read_form(content, filename)
    path = PurePath(filename)
    book = read_book(content, filename)
    plain = written_out(book)
    is_plain = plain is book
    definition: Any = Definition(data=io.BytesIO(content), file_type=None, file_path_stem=path.stem)
    numbers = {} if is_plain else {s.name.lower(): [row.number for row in s.rows] for s in plain.sheets}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # openpyxl tells of Excel features that hold no text
            result = (
                convert(definition, validate=validate, file_type=path.suffix.lower())
                if is_plain
                else convert(_as_rows(plain), validate=validate, form_name="data")
            )
    except OSError as error:
        raise FormError(
            "ODK Validate cannot run: Java is missing",
            form=filename,
            hint="install default-jre-headless, or compile without Validate",
        ) from error
    except (PyXFormError, ODKValidateError) as error:
        speaker = "ODK Validate" if isinstance(error, ODKValidateError) else "pyxform"
        findings = _complaints(str(error), speaker, getattr(error, "context", {}), form, filename, numbers)
        raise FormError(
            findings[0].message, form=findings[0].where, findings=findings, hint=findings[0].hint
        ) from error
    except Exception as error:  # pyxform answers some odd cells with a bare TypeError, KeyError or RecursionError
        raise FormError(
            f"pyxform cannot compile it ({type(error).__name__})",
            form=filename,
            hint="run kobo-sync lint and mend what it finds",
        ) from error
    late = [text for text in result.warnings if "took to long" in text or "Bad return code" in text]
    if late:
        raise FormError(
            "ODK Validate did not finish", form=filename, hint="try again on an idle machine; split a very large form"
        )
    return Compiled(form, result.xform, tuple(result.warnings))


def _as_rows(book: Book) -> dict[str, list[dict[str, str]]]:
    """The book as pyxform takes sheets that no file holds."""
    sheets: dict[str, list[dict[str, str]]] = {}
    for sheet in book.sheets:
        sheets[sheet.name.strip().lower()] = [dict(row.cells) for row in sheet.rows]
        sheets[f"{sheet.name.strip().lower()}_header"] = [dict.fromkeys(sheet.header, "")]
    return sheets


def _complaints(
    text: str,
    speaker: str,
    context: Mapping[str, Any],
    form: Form,
    filename: str,
    numbers: Mapping[str, Sequence[int]],
) -> list[Finding]:
    """One finding per complaint of *speaker*, pyxform or Validate, whose answer is *text*; a question's name leads to its row.

    *numbers* are the rows' places in the workbook, by sheet, where pyxform was given others than it holds.
    """
    findings = []
    for line in lines_of(text):
        row, sheet = _ROW.search(line), _SHEET.search(line)
        number = row[1] if row else str(context.get("row", "") or "")
        place = sheet[1] if sheet else str(context.get("sheet", "") or ("survey" if number else ""))
        if number and place in numbers and 2 <= int(number) < len(numbers[place]) + 2:
            number = str(numbers[place][int(number) - 2])
        name = _TOKEN.search(line)
        question = form.question(name[1] or name[2]) if name and not number else None
        if question:
            number, place = str(question.sheet_row), "survey"
        where = ", ".join([filename, *([f"sheet {place}"] if place else []), *([f"row {number}"] if number else [])])
        message, hint = in_our_words(_ROW.sub("", line).strip(), speaker)
        findings.append(Finding(COMPILE_RULE, "error", where, message, hint, form_id=form.form_id))
    return findings
