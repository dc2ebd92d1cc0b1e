"""Names of questions, columns and lists that tell of persons: what they hold could say who somebody is."""

from __future__ import annotations

import re
import unicodedata

# A village or a school has a name too: only persons' names count.
PERSONAL = re.compile(
    r"^(?:nom|noms|name|mobile)$|^nom_(?:famille|complet|prenom|personne|participante?|enquetee?|ar)$|"
    r"(?:^|_)(?:first|last|full|family|given|middle|your|respondent|person|participant|patient|head|mother|father|child)_?name$|"
    r"(?:^|_)(?:prenoms?|surname|phone|telephone|tel|gsm|whatsapp|email|courriel|adresse|birth|naissance|dob|signature)(?:_|$)"
)
IDENTITY = re.compile(r"(?:^|_)(?:cin|cnie|nin|passport|passeport|ssn|id_card|national_id|carte_identite)(?:_|$)")
_PEOPLE = re.compile(
    r"(?:^|_)(?:personn?es?|people|persons?|personas?|participant\w*|benef\w*|membr\w*|members?|miembros?|menages?|households?|"
    r"hogar\w*|familles?|famil(?:y|ies|ias?)|chefs?|heads?|jef[ea]s?|patient\w*|pacientes?|malades?|eleves?|etudiant\w*|students?|pupils?|"
    r"estudiantes?|enseignant\w*|teachers?|agents?|agentes?|enquet\w*|enumerat\w*|repondant\w*|respondents?|contact\w*|noms?|names?|"
    r"nombres?|roster\w*|femmes?|wom[ae]n|hommes?|m[ae]n|enfants?|child|children|nin[oa]s?|staff|volunt\w*|volont\w*|relais)(?:_|$)|"
    "أسر|أشخاص|شخص|مشارك|مستفيد|أعضاء|عضو|أفراد|نساء|رجال|أطفال|تلاميذ|أسماء|اسم"
)


def lists_people(file: str, question: str, columns: set[str]) -> bool:
    """Whether a list that phones show is one of persons: told by its *file*, the *question* that shows it, or its other *columns*.

    A guess that closes rather than opens: the labels of such a list leave no export and no printed form.
    """
    names = (_folded(file.rpartition(".")[0]), _folded(question))
    others = [_folded(column) for column in columns]
    return any(map(_PEOPLE.search, names)) or any(PERSONAL.search(name) or IDENTITY.search(name) for name in others)


def _folded(name: str) -> str:
    """A name in small letters without accents, its words parted by ``_`` (``NomChef`` → ``nom_chef``)."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    plain = "".join(c for c in unicodedata.normalize("NFD", parted.casefold()) if not unicodedata.combining(c))
    return re.sub(r"\W+", "_", plain)
