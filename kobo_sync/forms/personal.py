"""Words of names, labels, columns and lists that tell of persons, in French, English, Spanish, Arabic and its Latin spellings."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from kobo_sync.model import Choice


def _any_of(*words: str) -> re.Pattern[str]:
    """One of *words* as a whole word of a folded text."""
    return re.compile(rf"(?:^|_)(?:{'|'.join(words)})(?=_|$)")


def _arabic(*words: str) -> str:
    """Arabic words with the article, the small words written before them and the pronouns behind."""
    return rf"(?:[وفبلك]?ال|لل|[وبلك])?(?:{'|'.join(map(_plain, words))})(?:ك|كم|كن|ه|ها|هم|ي|نا)?"


def _plain(text: str) -> str:
    """*text* without accents, vowel signs and hamzas."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).replace("\u0640", "")


# A village or a school has a name too: only persons' names count.
_A_NAME = _any_of(
    "noms?", "names?", "nombres?", "ism", "al_ism", "alism", "isem", "smiy?a", _arabic("اسم", "أسماء", "اسماء")
)
_OWN_NAME = _any_of(
    "prenoms?", "surnoms?", "sobriquets?", "pseudo(?:nyme)?", "patronyme", "surname", "forename", "nickname", "(?:first|last|full|family|middle)names?",
    "(?:first|last|full|family|given|middle|maiden|your)_names?", "nom_(?:complet|famille|ar|jeune_fille|naissance)", "nomcomplet",
    "apellidos?", "apodo", "alias", "iniciales", "initiales?", "initials", "ism_\\w*kamil", "ism_\\w*a2?ila", "ismi", "ismok", "appelez_vous", "t_appelles?", "se_llama", "te_llamas", "chkoun", "smiy(?:t\\w*)", "[ck]?kniya",
    "knya", "kunya", "laqab", "lqab", "laq9ab", "nasab", "nisba", "who_are_you", "qui_etes_vous", "qui_es_tu", "quien_eres", _arabic("لقب", "كنية", "نسب", "الاسم_الكامل", "اسم_العائلة"), "من_انت(?:م|ي)?",
)  # fmt: skip
_THING = _any_of(
    "villages?", "douars?", "villes?", "city", "town", "quartier", "neighbou?rhood", "communes?", "provinces?", "regions?", "cercle", "caidat", "zones?",
    "sites?", "lieux?", "place", "location", "localites?", "localidad", "comunidad", "community", "pueblo", "aldea", "municipio", "barrio", "camp",
    "districts?", "country", "pays", "pais", "ecoles?", "schools?", "escuelas?", "etablissements?", "colleges?", "lycees?", "hopita(?:l|ux)", "hospital",
    "cent(?:re|er|ro)s?", "cliniques?", "clinics?", "organi[sz]ations?", "organizacion", "associations?", "asociacion", "ong", "ngo", "entreprises?",
    "compan(?:y|ies)", "empresas?", "societes?", "cooperativ[ea]s?", "groupes?", "groups?", "grupos?", "projets?", "projects?", "proyectos?", "program(?:me)?s?",
    "activites?", "activity", "actividad", "formations?", "training", "produits?", "products?", "productos?", "cultures?", "crops?", "cultivos?", "especes?",
    "species", "varietes?", "marches?", "markets?", "mercados?", "puits", "wells?", "pozos?", "source", "riviere", "river", "fichiers?", "files?", "form",
    "formulaires?", "formularios?", "maladies?", "diseases?", "medicaments?", "drugs?", "langues?", "languages?", "idiomas?", "bureau", "office", "oficina",
    "services?", "departe?ments?", "structures?", "institutions?", "banques?", "banks?", "partenaires?", "partners?", "donors?", "bailleurs?", "routes?",
    "roads?", "machines?", "equipements?", "events?", "evenements?", "sessions?", "modules?", "cours", "courses?", "qar[iy]a", "madrasa", "jam[3i]*ya",
    _arabic("قرية", "دوار", "مدرسة", "مؤسسة", "جمعية", "منظمة", "مشروع", "منتج", "جماعة", "مدينة", "حي", "إقليم", "اقليم", "منطقة", "مركز", "مستشفى", "شركة", "تعاونية", "مكان",
            "برنامج", "نشاط"),
)  # fmt: skip
_ROLE = (
    "chefs?", "heads?", "jef[ea]s?", "president[ea]?s?", "responsables?", "direct(?:eur|rice|or|ora)s?", "meres?", "peres?", "mothers?", "fathers?", "madres?",
    "padres?", "fils", "filles?", "sons?", "daughters?", "hij[oa]s?", "epou(?:x|se)s?", "maris?", "conjoint[es]*", "spouses?", "husband", "wife", "marido",
    "esposa", "enqueteu(?:r|se)s?", "enquetrice", "enumerat(?:or|eur)s?", "encuestador[ae]?s?", "interviewers?", "investigators?", "contacts?", "represent\\w+",
    "beneficia\\w+", "respondents?", "repondant\\w*", "enquete[es]+", "encuestad[oa]s?", "informants?", "informateurs?", "participant[es]*", "teachers?",
    "enseignant\\w*", "maestr[oa]s?", "profesor\\w*", "students?", "eleves?", "alumn[oa]s?", "patient[es]*", "pacientes?", "medecins?", "doctors?", "nurses?",
    "infirmier\\w*", "formateurs?", "formatrice", "trainers?", "animat(?:eur|rice)s?", "facilitat\\w+", "supervis\\w+", "chauffeurs?", "drivers?", "proprietaires?",
    "owners?", "duen[oa]s?", "tuteurs?", "tutrice", "guardians?", "tutor\\w*", "temoins?", "witness\\w*", "testigos?", "victimes?", "victims?", "leaders?",
    "lider\\w*", "cheikhs?", "sheikhs?", "imams?", "caids?", "maires?", "mayors?", "alcaldes?", "voisin\\w*", "neighbo\\w+", "vecin[oa]s?", "agents?",
    "moqaddem", "mokaddem", "ra[ei]s", "oum", "walid\\w*",
    _arabic("رب_\\w*", "رئيس(?!ي)", "رئيسة", "شخص", "والد", "والدة", "أب", "أم", "زوج", "زوجة", "مستفيد", "مستفيدة", "مشارك", "مشاركة", "مسؤول", "مسؤولة", "عضو", "باحث", "باحثة", "منشط"),
)  # fmt: skip
_A_ROLE = _any_of(*_ROLE)
# A question that asks for somebody by what they are: « Chef de ménage », « jefa_hogar »; not what they think or do.
_SOMEBODY = re.compile(
    rf"(?:(?:l|le|la|el|the|al|votre|your|su|quel|quelle|qui|who|quien|est|is|es)_)*(?:{'|'.join(_ROLE)})"
    r"(?:_(?:d|de|du|des|del|la|le|l|of|the|menages?|familles?|family|household|hogar|familia|villages?|douars?|zone|groupe|group|ecole|school|1|2|3))*"
)
# One that begins with « Qui est… » asks for somebody, too.
_WHO = re.compile(r"(?:who_(?:is|are)|qui_est|qui_sont|quien(?:es)?_(?:es|son)|من_ه(?:و|ي|م))(?=_|$)")
# Names of questions are often written without parting: nomchef, telmobile, hhname.
_GLUED = re.compile(
    r"(?:^|_)(?:(?:pre)?nom(?:de|du|d|dela|des)?(?:chef|resp|mere|pere|enf|benef|enq|participant|menage|famille|mari|epou|conjoint|patient|eleve|complet|contact)\w*"
    r"|(?:hh|head|resp|child|member|mother|father|spouse|student|patient|full|first|last|given|family|user|owner|enum|benef|contact)\w{0,8}names?"
    r"|(?:numero|num|nro|no|n)(?:de|du)?(?:tel(?:ephone|efono)?|gsm|phone|mobile|cin|cnie?)"
    r"|(?:tel(?:ephone)?|gsm|phone|mobile|cin)(?:mobile|portable|fixe|resp|chef|mere|pere|benef|num|no|nbr)\w*)(?=_|$)"
)
_CONTACT = _any_of(
    "tel", "tels", "telephones?(?:_\\w+)?", "phones?", "telefonos?", "tfno", "mobiles?", "portables?", "gsm", "cell", "cell?phones?", "cellulaires?", "celulares?", "celular",
    "movil", "whats?_?app?", "fax", "hatif", "hatef", "haatif", "til[ie]fo[u]?n\\w*", "telifon", "tilifun", "jaww?al", "naqqal", "imei", "msisdn", "telegram",
    "facebook", "instagram", "twitter", "contact_(?:number|no|tel|num\\w*)", "num\\w*_contact", "e_?mails?", "courriels?", "mails?", "correos?", "baridi?",
    "adresses?", "address(?:es)?", "direccion(?:es)?", "domiciles?", "domicilio", "rue", "street", "calle", "house_n\\w+", "numero_maison", "3?[ou]?n[wu]?[wu]an",
    _arabic("هاتف", "هواتف", "جوال", "محمول", "موبايل", "تلفون", "تليفون", "نقال", "واتساب", "بريد", "ايميل", "إيميل", "عنوان", "سكن"),
)  # fmt: skip
IDENTITY = _any_of(
    "cin", "cine", "cnie", "cni", "nin", "nni", "dni", "nie", "curp", "rfc", "cedulas?", "pasaportes?", "passeports?", "passports?", "ssn", "nss", "cnss", "id_cards?",
    "(?:national|voter|beneficiary|patient|household|hh|case|unhcr|progres)_id", "id_(?:number|no|nat\\w*|menage|beneficiaire|patient|hogar)",
    "(?:code|numero|num|no|n)_(?:(?:de|du|d|del)_(?:la_|l_)?)?(?:menage|beneficiaire|patient|dossier|hogar|compte|carte|cuenta)", "identity_(?:card|number)", "cartes?_(?:d_)?identite", "carte_nationale",
    "pieces?_(?:d_)?identite", "num\\w*_(?:d_)?identi\\w+", "identificacion", "matricules?", "immatriculation", "permis", "licen[cs]e_(?:no|number|plate)", "plaque",
    "iban", "rib", "bank_account", "compte_bancaire", "cuenta_bancaria", "account_number", "numero_compte", "bita[q9]a\\w*", "ba?t[q9]a", "lakart",
    "raqm_\\w*watani\\w*", "hawiyy?a", "ب_ت_و", _arabic("بطاقة", "البطاقة_الوطنية", "هوية", "جواز", "رقم_وطني", "الرقم_الوطني", "رقم_التعريف"),
)  # fmt: skip
_BIRTH = _any_of(
    "naissances?", "nee?_le", "date_nais\\w*", "ddn", "dob", "birth\\w*", "date_of_birth", "born", "nacimiento", "fecha_nac\\w*", "cumpleanos", "milad\\w*", "mawlid",
    "[ia]zdiyad", _arabic("ميلاد", "ازدياد", "مولد"),
)  # fmt: skip
_SIGNED = _any_of("signatures?", "firmas?", "emargements?", "taw[q9]i3?i?", _arabic("توقيع", "امضاء", "إمضاء"))
AGE = _any_of("ages?", "edad(?:es)?", "[3ou]?mr", "omor", "3omor", "annees_d_age", "how_old", _arabic("عمر", "سن"))
_TRAIT = _any_of(
    "sexe?s?", "sexo", "genre", "gender", "genero", "jins", "tranches?_(?:d_)?age", "age_(?:band|group|range)", "organi[sz]ations?", "organizacion", "associations?",
    "asociacion", "employ(?:eu|e)r", "empleador", "empresa", "entreprise", "fonctions?", "postes?", "professions?", "profesion", "metiers?", "jobs?", "occupations?",
    "ocupacion", "cargo", "communes?", "villages?", "douars?", "quartiers?", "villes?", "city", "town", "barrio", "municipio", "localites?", "localidad", "aldea",
    "pueblo", "ecoles?", "schools?", "escuela", "etablissement", "nationalites?", "nationality", "nacionalidad", "ethni\\w*", "etnia", "tribu", "tribe", "religi\\w+",
    "handicap\\w*", "disab\\w*", "discapac\\w*", "maladies?", "illness", "diseases?", "enfermedad\\w*", "vih", "hiv", "sida", "enceinte", "grossesse", "pregnan\\w*",
    "embaraz\\w*", "marital\\w*", "matrimonial\\w*", "etat_civil", "estado_civil", "civil_status", "refugi\\w+", "refugee", "deplace[es]*", "idp", "desplazad[oa]s?",
    "latitudes?", "longitudes?", "lat", "lon", "long", "lng", "gps\\w*", "latitud", "longitud", "revenus?", "income", "ingresos?", "salaires?", "salary", "salario", "langue_maternelle", "mother_tongue",
    "النوع", _arabic("جنس", "جنسية", "إعاقة", "اعاقة", "مرض", "دين", "قبيلة", "مهنة", "وظيفة", "دوار", "قرية", "جماعة", "حي", "حالة_عائلية", "دخل"),
)  # fmt: skip
_COUNTED = _any_of("combien", "how_many", "number_of", "no_of", "nombres?", "nbr?e?", "n(?!_(?:(?:de|du|d|del?)_)?(?:(?:la|l)_)?(?:tel|gsm|cin|cni|phone|mobile|id|compte|carte|cuenta|passeport))", "effectifs?", "cuant[oa]s", "cantidad", "count", "total",
                   "كم(?!_عمر)", _arabic("عدد"))  # fmt: skip
# French counts with « nombre », Spanish names with it.
_COUNT_OR_NAME = _any_of("nombres?")
_PEOPLE = re.compile(
    r"(?:^|_)(?:personn?es?|people|persons?|personas?|participant\w*|benef\w*|membr\w*|members?|miembros?|menages?|households?|"
    r"hogar\w*|familles?|famil(?:y|ies|ias?)|chefs?|heads?|jef[ea]s?|patient\w*|pacientes?|malades?|eleves?|etudiant\w*|students?|pupils?|"
    r"estudiantes?|enseignant\w*|teachers?|agents?|agentes?|enquet\w*|enumerat\w*|repondant\w*|respondents?|contact\w*|noms?|names?|"
    r"nombres?|roster\w*|femmes?|wom[ae]n|hommes?|m[ae]n|enfants?|child|children|nin[oa]s?|staff|equipes?|teams?|equipos?|volunt\w*|volont\w*|relais)(?:_|$)|"
    + _plain("أسر|أشخاص|شخص|مشارك|مستفيد|أعضاء|عضو|أفراد|نساء|رجال|أطفال|تلاميذ|أسماء|اسم")
)
_SHORT_TRAIT = 4  # words
_TWO_CAPITALS = re.compile(r"[^\W\d_][\w'’.-]*(?: [^\W\d_][\w'’.-]*){1,3}")


def names_person(text: str, *, is_number: bool = False, language: str = "") -> bool:
    """Whether a question called *text* (a name, or a label in *language*) asks who somebody is: name, contact, identity number, birth.

    *is_number*: the answer is a number, so that « nombre », « nb » and « combien » count.
    """
    words = folded(text)
    if is_number and _COUNTED.search(words):
        return False
    if any(pattern.search(words) for pattern in (_OWN_NAME, IDENTITY, _CONTACT, _BIRTH, _SIGNED, _GLUED)):
        return True
    if (_SOMEBODY.fullmatch(words) or _WHO.match(words)) and not is_number:
        return True
    named = _A_NAME.search(words)
    if named is None or (_COUNT_OR_NAME.match(named[0]) and (is_number or language == "fr")):
        return False
    return bool(_A_ROLE.search(words)) or not _THING.search(words)


def names_trait(text: str) -> bool:
    """Whether a question called *text* asks what, with other answers, could tell who somebody is, or what harms when it is known."""
    words = folded(text)
    return bool(_TRAIT.search(words) or AGE.search(words)) or bool(_A_NAME.search(words) and _THING.search(words))


def counts(text: str) -> bool:
    """Whether a question called *text*, whose answer is a number, asks how many."""
    return bool(_COUNTED.search(folded(text)))


def asks_trait(label: str) -> bool:
    """Whether a question with choices, of this label, asks for a trait: only short labels say what they ask (« Quel est votre sexe ? »)."""
    return len(folded(label).split("_")) <= _SHORT_TRAIT and names_trait(label)


def names_age(text: str) -> bool:
    """Whether a question called *text* asks an age."""
    return bool(AGE.search(folded(text)))


def choices_are_people(names: Iterable[str], choices: Sequence[Choice]) -> bool:
    """Whether *choices* of a list that *names* (of the list, of the question, its labels) call after a role or persons look like names of persons."""
    if not any(_A_ROLE.search(words) or _PEOPLE.search(words) for words in map(folded, names)):
        return False
    shown = [next(iter(choice.labels.values()), "") for choice in choices]
    alike = [
        text
        for text in shown
        if _TWO_CAPITALS.fullmatch(text.strip()) and all(w[0].isupper() or w[0] > "\u0590" for w in text.split())
    ]
    return len(alike) * 2 > len(shown)


def lists_people(file: str, question: str, columns: Iterable[str]) -> bool:
    """Whether a list that phones show is one of persons: told by its *file*, the *question* that shows it, or its other *columns*.

    A guess that closes rather than opens: the labels of such a list leave no export and no printed form.
    """
    names = (folded(file.rpartition(".")[0]), folded(question))
    return any(map(_PEOPLE.search, names)) or any(names_person(column) for column in columns)


def folded(name: str) -> str:
    """A text in small letters without accents, its words parted by ``_`` (``NomChef`` → ``nom_chef``)."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    words = re.sub(r"[\W_]+", "_", _plain(parted.casefold())).strip("_")
    return re.sub(r"(?<=[^\W\d_])(?=\d+(?:_|$))", "_", words)
