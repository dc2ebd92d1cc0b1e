"""Numbers far outside what the others answer, by the interquartile range."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from kobo_sync.analysis.facts import Facts
from kobo_sync.checks.sheet import Sheet, numbers, sheets, texts
from kobo_sync.forms.personal import counts, folded
from kobo_sync.lazy import np, pd
from kobo_sync.model import Finding, Question

if TYPE_CHECKING:
    import numpy.typing as npt

CODE = "DATA016"
TITLE = "Numeric outlier"
KINDS = ("integer", "decimal", "range")
# A number that names a thing (printed on a badge, the order of a list, a phone) is neither high nor low.
_THINGS = (
    r"numero|num|number|numer[oa]|code|codigo|id|identifiant|identifier|badge|ref|reference|referencia|matricule|rang|rank|"
    r"ordre|order|orden|serie|serial|tel|telephone|telefono|phone|mobile|gsm|cin|cni|nif|postal|zip|(?:ال)?رقم|(?:ال)?رمز|(?:ال)?ترتيب|(?:ال)?هاتف"
)
_NAMES_A_THING = re.compile(rf"(?:^|_)(?:{_THINGS})(?:_|$)")
# Before such a word, or behind it in English, a sum or a length stands: « Dépense de téléphone », « Prix de référence ».
_MEASURE = (
    r"depenses?|couts?|prix|montants?|revenus?|salaires?|durees?|temps|distances?|surfaces?|superficies?|poids|taux|ages?|"
    r"gastos?|costos?|costes?|precios?|montos?|importes?|ingresos?|duracion|tiempo|distancia|superficie|peso|edad|"
    r"costs?|prices?|amounts?|spending|expens\w+|spent|income|fees?|duration|time|distance|area|weight|(?:ال)?(?:ثمن|مبلغ|مصاريف|مدة|دخل|مسافة|مساحة|وزن|عمر)"
)
_MEASURES = re.compile(
    rf"(?:^|_)(?:{_MEASURE})_(?:.*_)?(?:{_THINGS})(?:_|$)|(?:^|_)(?:costs?|prices?|amounts?|spending|expenses?|fees?|value)$"
)
# « N° du puits », « No du puits », not « N° de ménages »
_NUMBER_SIGN = re.compile(r"\bn\s*[°º](?!\s*(?:de\s+|d['’]\s*)\w+s\b)|^\s*no\.?\s+d(?:u|e\s+l[a’'])", re.I)


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per answer beyond ``checks.outlier_iqr`` times the range between the quartiles, repeats included."""
    for sheet in sheets(facts):
        yield from in_form(facts, sheet)


def in_form(_facts: Facts, sheet: Sheet) -> Iterator[Finding]:
    """The findings of one form."""
    yield from _far(sheet, sheet.table, np.arange(len(sheet)), "")
    for name, table in sheet.repeats.items():
        at = np.array([sheet.places.get(root, -1) for root in texts(table, "root_uuid")], dtype=np.intp)
        yield from _far(sheet, table, at, name)


def _far(sheet: Sheet, table: pd.DataFrame, at: npt.NDArray[np.intp], repeat: str) -> Iterator[Finding]:
    for question in _numeric(sheet, table, repeat):
        answers = numbers(table, question)
        values = np.where((at < 0) | ~np.isfinite(answers), np.nan, answers)
        present = values[~np.isnan(values)]
        if len(present) < sheet.config.checks.outlier_min_n:
            continue
        low, high = np.percentile(present, (25, 75))
        reach = (high - low) * sheet.config.checks.outlier_iqr
        if not reach:
            continue
        positions = texts(table, "position") if repeat else []
        for row in np.flatnonzero((values < low - reach) | (values > high + reach)):
            above = values[row] > high
            item = f", no. {positions[row]}" if repeat and positions[row] else ""
            yield sheet.finding(
                int(at[row]),
                CODE,
                "warning",
                f"“{question}”{item}: a value far higher than the others (more than {high + reach:.4g})"
                if above
                else f"“{question}”{item}: a value far lower than the others (less than {low - reach:.4g})",
                why="a slip of the finger (one zero too many) is enough to distort a mean",
                hint="ask the enumerator; correct it, or accept it if the value is true",
                subject=f"{repeat}/{question}/{positions[row]}" if repeat else question,
                evidence=[values[row]],
            )


def _numeric(sheet: Sheet, table: pd.DataFrame, repeat: str) -> list[str]:
    """The numeric questions of the table: those of the form, or its number columns where the form is not at hand."""
    if sheet.form is not None:
        names = [q.name for q in sheet.form.questions if q.kind in KINDS and not _names_a_thing(q)]
        return [name for name in names if name in table]
    numeric = table.select_dtypes("number").columns
    ours = {"submission_id", "position", "parent_position"}
    return [
        str(name)
        for name in numeric
        if name not in ours
        and not _NAMES_A_THING.search(folded(str(name)))
        and not str(name).endswith(("_lat", "_lon", "_alt", "_acc"))
    ]


def _names_a_thing(question: Question) -> bool:
    texts = [question.name, *question.labels.values()]
    if any(map(_NUMBER_SIGN.search, texts)):
        return True
    words = [folded(text) for text in texts]
    measures = any(map(counts, texts)) or any(map(_MEASURES.search, words))
    return any(map(_NAMES_A_THING.search, words)) and not measures
