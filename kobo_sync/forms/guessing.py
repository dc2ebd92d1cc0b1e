"""What a form of somebody else's making seems to be: its role in a mission, and which question carries which meaning.

Guesses rest on types, names, choices and labels in French, English, Spanish and Arabic. Each has a confidence; nothing is
certain, so whoever adopts a form reads them before the first document is signed.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from kobo_sync.config.config import Role
from kobo_sync.model import Form, Question

SURE_ENOUGH = 0.6  # of a guess that is written as a setting; a weaker one is written as a comment
_IS_NAME, _IN_NAME, _IN_LABEL = 0.95, 0.75, 0.6
_SCALE = range(3, 8)  # choices of a scale
_LONGEST_LABEL = 8  # words; a longer one asks for more than its keyword says

# meaning: (kinds that can carry it; words of names and labels, accents and case apart)
_CHOSEN, _TEXT, _NUMBER = (
    ("select_one", "select_one_from_file", "calculate"),
    ("text", "calculate"),
    ("integer", "decimal"),
)
_WORDS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "zone": ((*_CHOSEN, "text"), "zone zones zona area site village district commune localite location المنطقة منطقه"),
    "consent": (_CHOSEN, "consentement consent consentez consentimiento accord acceptez accepte agree accept acepta موافقة الموافقة توافق توافقون توافقين"),
    "photo_consent": (_CHOSEN, "accord_photo photo_consent consentement_photo photo_agreement"),
    "person": ((*_TEXT, *_CHOSEN, "barcode"), "code_participant participant participant_id participant_code person_id id_personne codigo المشارك"),
    "family_name": (_TEXT, "nom nom_famille family_name last_name surname apellido apellidos النسب"),
    "given_name": (_TEXT, "prenom first_name given_name nombre forename الاسم"),
    "name_ar": (_TEXT, "nom_ar name_ar nom_arabe name_arabic"),
    "sex": (_CHOSEN, "sexe sex genre gender sexo genero الجنس"),
    "age_band": (_CHOSEN, "tranche_age age_band age_group classe_age grupo_edad الفئة_العمرية"),
    "group": (_CHOSEN, "groupe group categorie category grupo المجموعة"),
    "organisation": ((*_TEXT, *_CHOSEN), "organisation organization association structure ngo ong organizacion الجمعية الهيئة"),
    "function": ((*_TEXT, *_CHOSEN), "fonction function position poste cargo job role_in الوظيفة"),
    "commune": ((*_TEXT, *_CHOSEN), "commune municipality municipio الجماعة"),
    "phone": ((*_TEXT, "integer"), "telephone phone tel mobile phone_number telefono الهاتف"),
    "signature": (("image", "signature"), "signature sign firma التوقيع"),
    "present": (_CHOSEN, "present presence presente attended attendance حاضر الحضور"),
    "session": (_CHOSEN, "session demi_journee half_day sesion period الحصة"),
    "day": ((*_CHOSEN, "date"), "jour day date dia training_date اليوم التاريخ"),
    "moment": (_CHOSEN, "moment before_after avant_apres pre_post momento phase"),
    "recommend": ((*_NUMBER, *_CHOSEN, "range"), "recommandation recommend recommendation nps recomendacion recomendar"),
    "intention": (_CHOSEN, "intention intencion"),
    "ranking": (("rank", "select_multiple", *_TEXT), "classement ranking rank priorites priorities prioridades الأولويات"),
    "need": (_CHOSEN, "besoin need necesidad الحاجة"),
    "severity": ((*_CHOSEN, *_NUMBER), "gravite severity gravedad"),
    "households": (_NUMBER, "menages households hogares الأسر"),
    "feasibility": ((*_CHOSEN, *_NUMBER), "faisabilite feasibility viabilidad"),
    "women": (_NUMBER, "femmes women mujeres النساء"),
    "men": (_NUMBER, "hommes men hombres الرجال"),
    "groups": (("select_multiple",), "groupes groups grupos"),
    "themes": (("select_multiple",), "themes topics temas المواضيع"),
    "agreements": (_TEXT, "accords agreements acuerdos"),
    "disagreements": (_TEXT, "desaccords disagreements desacuerdos"),
    "quotations": (_TEXT, "citations quotes quotations citas"),
    "action": (_TEXT, "action accion activity activite"),
    "objective": (_TEXT, "objectif objective objetivo goal"),
    "target": (_TEXT, "cible target destinatario"),
    "responsible_function": (_TEXT, "responsable responsible fonction_responsable"),
    "deadline": (("date", "text"), "echeance deadline due_date plazo due"),
    "indicator": (_TEXT, "indicateur indicator indicador"),
    "note": (_TEXT, "remarque remarques note notes comment comments observation ملاحظات"),
}  # fmt: skip
_TITLES: Mapping[Role, str] = {
    "registration": "inscription enregistrement registration enrolment register registro تسجيل",
    "attendance": "presence emargement attendance asistencia الحضور",
    "test": "test quiz pretest posttest evaluation_connaissances knowledge اختبار",
    "satisfaction": "satisfaction feedback evaluation_formation evaluation satisfaccion الرضا",
    "needs": "besoins needs necesidades priorities الحاجيات الحاجات",
    "focus_group": "focus discussion_group groupe_discussion fgd grupo_focal نقاش",
    "road_map": "feuille_route road_map roadmap action_plan plan_action plan_accion خارطة",
}
_OF_A_PERSON = ("family_name", "given_name", "name_ar", "sex", "age_band", "organisation", "function", "phone")
# What a form of each role has, and a survey of another kind seldom has all of.
_EVIDENCE: Mapping[Role, tuple[str, ...]] = {
    "registration": ("family_name", "given_name", "sex", "organisation", "phone"),
    "attendance": ("signature", "session", "present", "person"),
    "test": ("moment", "person"),
    "satisfaction": ("recommend", "scales"),
    "needs": ("ranking", "need", "severity"),
    "focus_group": ("women", "men", "agreements", "quotations"),
    "road_map": ("action", "deadline", "responsible_function", "indicator"),
}


@dataclass(frozen=True)
class Guess:
    """What a form seems to be: *role* with its *confidence* (0..1); *fields* maps a meaning to (question, confidence).

    *scales* are the questions that share a list of three to seven choices; *open_questions* those that people answer in words.
    """

    role: Role
    confidence: float
    fields: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    scales: tuple[str, ...] = ()
    open_questions: tuple[str, ...] = ()


def guess(form: Form) -> Guess:
    """What *form* seems to be; the role ``other`` where nothing speaks for one."""
    named = _best(form, "family_name") or _best(form, "given_name")
    where = {each.name: each.repeat for each in form.questions}
    fields = {
        meaning: best
        for meaning in _WORDS
        if (best := _best(form, meaning, where[named[0]] if named and meaning in _OF_A_PERSON else None)) is not None
    }
    fields = _told_apart(fields)
    scales = _scales(form)
    role, confidence = _role(form, set(fields) | ({"scales"} if len(scales) >= 3 else set()))
    written = tuple(
        q.name for q in form.questions if q.kind == "text" and not q.repeat and q.name not in _names(fields)
    )
    return Guess(role, confidence, fields, scales, written)


def _best(form: Form, meaning: str, repeat: str | None = None) -> tuple[str, float] | None:
    """The question that carries *meaning* best, with its score; with *repeat* one of that repeat, empty: of the form itself.

    The names of a household's members are not the name of the person that the record is about.
    """
    kinds, words = _WORDS[meaning]
    consent = (
        _WORDS["consent"][1].split() if meaning == "present" else []
    )  # « acceptez-vous d’être présent … » asks no presence
    scored = [
        (_score(question, words.split()), -number, question.name)
        for number, question in enumerate(form.questions)
        if question.kind in kinds and not _score(question, consent) and repeat in (None, question.repeat)
    ]
    score, _, name = max(scored, default=(0.0, 0, ""))
    return (name, score) if score else None


def _score(question: Question, words: list[str]) -> float:
    name = folded(question.name)
    parts = f"_{name}_"
    score = 0.0
    for word in map(folded, words):
        if name == word:
            return _IS_NAME
        if f"_{word}_" in parts:
            score = max(score, _IN_NAME)
        elif any(word in _spoken(label) for label in question.labels.values()):
            score = max(score, _IN_LABEL)
    return score


def _spoken(label: str) -> list[str]:
    """The words of a short label; of a long one none."""
    words = folded(label).split("_")
    return words if len(words) <= _LONGEST_LABEL else []


def _told_apart(fields: Mapping[str, tuple[str, float]]) -> dict[str, tuple[str, float]]:
    """Each question carries one meaning: the one that it fits best, the first named among equals."""
    by_question: dict[str, str] = {}
    for meaning, (question, score) in fields.items():
        other = by_question.get(question)
        if other is None or fields[other][1] < score:
            by_question[question] = meaning
    return {meaning: best for meaning, best in fields.items() if by_question[best[0]] == meaning}


def _scales(form: Form) -> tuple[str, ...]:
    lists = Counter(q.list_name for q in form.questions if q.kind == "select_one")
    return tuple(
        q.name
        for q in form.questions
        if q.kind == "select_one" and lists[q.list_name] >= 2 and len(form.choices.get(q.list_name, ())) in _SCALE
    )


def _role(form: Form, present: set[str]) -> tuple[Role, float]:
    """The role for which most speaks: half is what the form asks, half what it is called."""
    called = f"_{folded(form.title)}_{folded(form.form_id)}_"
    scored: list[tuple[float, Role]] = []
    for role, evidence in _EVIDENCE.items():
        asked = len(present & set(evidence)) / len(evidence)
        named = any(f"_{folded(word)}_" in called for word in _TITLES[role].split())
        scored.append((round(0.5 * asked + 0.5 * named, 2), role))
    confidence, role = max(scored, key=lambda each: each[0])
    return (role, confidence) if confidence >= 0.3 else ("other", 0.0)


def _names(fields: Mapping[str, tuple[str, float]]) -> set[str]:
    return {question for question, _ in fields.values()}


def folded(text: str) -> str:
    """*text* without case, accents and vowel signs, its words joined by underscores."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return re.sub(r"[\W_]+", "_", plain).strip("_")
