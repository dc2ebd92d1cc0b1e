"""Which answer of a list means yes, present, a woman, before: guessed from labels and codes in French, English, Spanish and Arabic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kobo_sync.forms.guessing import folded
from kobo_sync.model import Choice, Form

_IS_LABEL_AND_CODE, _IS_LABEL, _IS_CODE, _BEGINS_LABEL = 0.95, 0.9, 0.6, 0.55
_YES = "oui yes si نعم accepte agree agreed acepto موافق موافقة أوافق"
_NO = frozenset(map(folded, "non no not pas refuse refus nunca لا غير".split()))
# meaning of the question: key of [codes]: what its answer is called
_ANSWERS: Mapping[str, Mapping[str, str]] = {
    "consent": {"yes": _YES},
    "present": {"present": f"{_YES} present presente presents attended حاضر حاضرة"},
    "sex": {
        "female": "f w femme feminin feminine woman women female mujer femenino أنثى امرأة مؤنث نساء",
        "male": "h m homme masculin masculine man men male hombre masculino ذكر رجل مذكر رجال",
    },
    "moment": {
        "before": "avant before pre pretest antes قبل",
        "after": "apres after post posttest despues بعد",
    },
}
MEANINGS = {key: meaning for meaning, answers in _ANSWERS.items() for key in answers}  # key of [codes] → whose answer


def guess_codes(form: Form, fields: Mapping[str, str]) -> dict[str, tuple[str, float]]:
    """Key of ``[codes]`` → (code, confidence 0..1), by the choices of the questions that carry a meaning (*fields*: meaning → question).

    An answer that two choices could be is none.
    """
    codes: dict[str, tuple[str, float]] = {}
    for meaning, answers in _ANSWERS.items():
        question = form.question(fields.get(meaning, ""))
        choices = form.choices.get(question.list_name, ()) if question else ()
        for key, words in answers.items():
            if best := _best(choices, frozenset(map(folded, words.split()))):
                codes[key] = best
    return codes


def _best(choices: Iterable[Choice], words: frozenset[str]) -> tuple[str, float] | None:
    scores = sorted(((_score(choice, words), choice.name) for choice in choices), reverse=True)
    if not scores or not scores[0][0] or (len(scores) > 1 and scores[0][0] == scores[1][0]):
        return None
    return scores[0][1], scores[0][0]


def _score(choice: Choice, words: frozenset[str]) -> float:
    labels = [folded(label).split("_") for label in choice.labels.values() if label.strip()]
    if any(_NO & set(label) for label in labels) or folded(choice.name) in _NO:
        return 0.0
    is_code, is_label = folded(choice.name) in words, any(len(label) == 1 and label[0] in words for label in labels)
    if is_code or is_label:
        return _IS_LABEL_AND_CODE if is_code and is_label else _IS_LABEL if is_label else _IS_CODE
    return _BEGINS_LABEL if any(label[0] in words for label in labels) else 0.0
