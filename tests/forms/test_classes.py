"""What each question tells of persons (part 7, A1): config, meanings, words of four languages, types, and what follows from others."""

from __future__ import annotations

import pytest
from conftest import MISSION, ZONES

from kobo_sync.config.config import Config, parse_config
from kobo_sync.errors import ConfigError
from kobo_sync.forms.anonymity import is_anonymous
from kobo_sync.forms.classes import Asked, Lists, check_names, classes, in_lines, lists_of, names_of
from kobo_sync.forms.personal import choices_are_people
from kobo_sync.forms.xlsform import read_form
from kobo_sync.model import Choice, Form

HEAD = "| survey |\n|  | type | name | label::Français (fr) | calculation | relevant | appearance | constraint |\n"
CHOICES = """| choices |
| | list_name | name | label::Français (fr) |
| | oui_non | oui | Oui |
| | oui_non | non | Non |
| | equipe | e1 | Awa Diallo |
| | equipe | e2 | Moussa Ba |
| | profil | benevole | Bénévole |
| | profil | salarie | Salarié de l’agence |
"""


def form(*rows: str, choices: str = CHOICES, settings: str = "Essai | essai | 1") -> Form:
    lines = "".join(f"| | {row}{' |' * (7 - row.count('|'))}\n" for row in rows)
    text = f"{HEAD}{lines}{choices}| settings |\n| | form_title | form_id | version |\n| | {settings} |\n"
    return read_form(text.encode(), "essai.md")


def config(more: str = "", fields: str = "") -> Config:
    text = MISSION.replace("[forms.visites]", f'[forms.essai]\nfile = "essai.md"\n{fields}\n[forms.visites]')
    return parse_config(text + more, {"config/zones.csv": ZONES}, {})


def one(*rows: str) -> Asked:
    """The class of the last row's question."""
    asked = classes(form(*rows), None)
    name = [cell.strip() for cell in rows[-1].split("|")][1]
    return next(each for each in asked.values() if each.name == name)


@pytest.mark.parametrize(
    "row",
    [
        "text | nom_chef | Qui dirige ?", "text | telephone | ", "text | numero_cin | ", "integer | telephone2 | ", "text | nombre_jefe | ",
        "text | q1 | Nom et prénom du chef de ménage", "text | q1 | رقم الهاتف", "text | q1 | اسم رب الأسرة", "text | q1 | Full name", "text | q1 | Apellidos",
        "text | q1 | Número de teléfono", "text | ism | ", "text | raqm_hatif | ", "text | bita9a | ", "text | laqab | ", "date | q1 | Date de naissance",
        "date | fecha_nacimiento | ", "text | q1 | الاسم الكامل", "text | jefa_hogar | ", "text | q1 | Chef de ménage", "text | q1 | عنوان السكن",
        "text | q1 | Comment vous appelez-vous ?", "integer | num_tel | Numéro", "text | NomEnqueteur | ", "text | matricule | ", "text | email | ", "image | x | X",
        "barcode | x | X", "audio | x | X", "video | x | X", "file | x | X", "username | username | ", "deviceid | deviceid | ", "text | x | X | | | numbers",
        "integer | x | X | | | | regex(., '^0[67][0-9]{8}$')", "select_one equipe | enqueteur | Enquêteur",
        "text | nomchef | ", "text | nomduchef | ", "text | hhname | ", "integer | numtel | ", "integer | telmobile | ", "integer | ncin | ", "text | q1 | Who are you?",
        "text | q1 | Qui est le président de l’association ?", "text | q1 | من هو رئيس الجمعية؟", "integer | q1 | N° CNIE", "integer | q1 | N° de tél.",
        "integer | q1 | Numéro de compte", "integer | q1 | رقم ب.ت.و", "select_one equipe | q1 | Choisir",
    ],
)  # fmt: skip
def test_what_says_who_somebody_is(row: str) -> None:
    assert one(row).privacy == "nominative"


@pytest.mark.parametrize(
    ("row", "privacy"),
    [
        ("text | q1 | Que proposez-vous ?", "free text"), ("hidden | h | ", "free text"), ("text | nom_projet | ", "sensitive"), ("text | village | ", "sensitive"),
        ("geopoint | g | Où ?", "sensitive"), ("geotrace | g | Où ?", "sensitive"), ("integer | age | Âge", "sensitive"), ("time | t | Heure", "sensitive"),
        ("start | start | ", "sensitive"), ("select_one oui_non | sexe | Sexe", "sensitive"), ("calculate | id2 | | once(uuid())", "sensitive"),
        ("select_one oui_non | tel | Avez-vous un téléphone ?", "ordinary"), ("integer | nb_telephones | ", "ordinary"), ("integer | nombre_naissances | ", "ordinary"),
        ("integer | q1 | Combien de personnes ont un nom berbère ?", "ordinary"), ("select_one profil | type_enqueteur | Enquêteur", "ordinary"),
        ("integer | q1 | Nombre de chefs de ménage", "ordinary"), ("decimal | surface | Surface", "ordinary"), ("date | jour | Jour", "ordinary"),
        ("decimal | latitude | Latitude", "sensitive"), ("select_one oui_non | q1 | Quel est votre sexe ?", "sensitive"), ("integer | q1 | كم عمرك؟", "sensitive"),
        ("select_one oui_non | q1 | نوع الإجراء", "ordinary"), ("integer | n_actions | N° de l’action", "ordinary"), ("integer | nombre_telephones | ", "ordinary"),
        ("calculate | total | | 1 + 1", "ordinary"), ("today | today | ", "ordinary"),
    ],
)  # fmt: skip
def test_what_does_not(row: str, privacy: str) -> None:
    asked = one(row)
    assert asked.privacy == privacy and asked.is_guessed


def test_what_is_made_of_a_name_is_a_name_and_so_is_what_goes_into_one() -> None:
    asked = classes(
        form(
            "text | q1 | Nom de famille",
            "calculate | mot | | concat('M. ', ${q1})",
            "calculate | mot2 | | string-length(${mot})",
            "calculate | mot3 | | substr(/data/mot, 0, 3)",
            "calculate | lu | | pulldata('gens', 'label', 'name', ${q9})",
            "calculate | place | | instance('lieux')/root/item[name = ${q9}]/label",
            "text | saisie | Saisie",
            "calculate | telephone | | translate(${saisie}, ' ', '')",
            "text | q9 | Avis",
            "calculate | echo | | ${q9}",
            "select_one equipe | agent | Agent",
            "text | lequel | Lequel ? | | ${agent} = 'autre'",
            "begin_repeat | membres | Membres",
            "text | prenom | Prénom",
            "end_repeat | | ",
            "select_one ${prenom} | choisi | Qui répond ?",
            "calculate | age | | int((today() - ${ddn}) div 365)",
            "date | ddn | Date de naissance",
        ),
        None,
        Lists((), ("lieux.csv",)),
    )
    told = {each.name: each.privacy for each in asked.values()}
    assert {name for name in told if told[name] == "nominative" and not name.startswith(("_", "meta"))} == {
        "q1", "mot", "mot3", "lu", "saisie", "telephone", "agent", "lequel", "prenom", "choisi", "ddn",
    }  # fmt: skip
    assert (told["mot2"], told["place"], told["q9"], told["echo"]) == (
        "ordinary",
        "free text",
        "free text",
        "free text",
    )
    assert told["age"] == "sensitive" and asked["membres/prenom"].source == "name"


def test_the_participant_code_and_what_it_is_made_of() -> None:
    fields = '[forms.essai.fields]\nperson = "code"\nzone = "nom_zone"'
    asked = classes(
        form(
            "text | nom_zone | Nom",
            "select_one oui_non | mode | Mode",
            "integer | numero | Numéro",
            "calculate | code | | if(${mode} = 'oui', ${numero}, '')",
            "calculate | copie | | concat('x', ${code})",
        ),
        config(fields=fields),
    )
    told = {path: (each.privacy, each.trait, each.is_guessed) for path, each in asked.items()}
    assert told["code"] == ("nominative", "person", False) and told["numero"] == ("nominative", "", True)
    assert told["copie"][0] == "nominative" and told["mode"][0] == "ordinary"
    assert told["nom_zone"] == ("ordinary", "", False), "a meaning that the config gives wins over a name's words"


def test_the_config_wins_both_ways_by_name_or_by_path() -> None:
    more = (
        '\n[privacy.classes]\n"essai.telephone" = "ordinary"\n"essai.g/avis" = "nominative"\n"essai.note" = "free_text"\n'
        '[retention]\npersonal_months = 1\npersonal = ["essai.score"]\n'
    )
    rows = [
        "text | telephone | ",
        "begin_group | g | G",
        "text | avis | Avis",
        "end_group | | ",
        "integer | note | ",
        "integer | score | ",
    ]
    asked = classes(form(*rows), config(more))
    told = {path: (each.privacy, each.source) for path, each in asked.items()}
    assert told["telephone"] == ("ordinary", "config") and told["g/avis"] == ("nominative", "config")
    assert told["note"] == ("free text", "config") and told["score"] == ("nominative", "retention")
    assert names_of(asked, "nominative") == {"avis", "score"}
    assert "g/avis" in next(in_lines("essai", asked)) and "?" not in next(in_lines("essai", asked))


@pytest.mark.parametrize(
    ("more", "key", "message"),
    [
        ('[privacy.classes]\n"essai.tele" = "ordinary"', "privacy.classes", "'tele' is no question of essai"),
        ('[privacy]\nkeep = ["essai.metier"]', "privacy.keep", "'metier' is no question"),
        ('[privacy]\nkeep = ["zone", "family_name"]', "privacy.keep", "'family_name' says who somebody is"),
        ('[privacy]\nkeep = ["fonctoin"]', "privacy.keep", "'fonctoin' is the meaning of no question"),
        ('[retention]\npersonal_months = 1\npersonal = ["essai.rien"]', "retention.personal", "'rien' is no question"),
        ('[privacy.classes]\n"essai.telephone" = "ordinary"\n[retention]\npersonal_months = 1\npersonal = ["essai.telephone"]', "privacy.classes", "is ordinary here and personal"),
    ],
)  # fmt: skip
def test_a_name_that_does_not_exist_is_refused_with_its_key(more: str, key: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        check_names(config(f"\n{more}\n"), {"essai": form("text | telephone | ")}, {"essai": {"ancien"}})
    assert key in str(refused.value) and "mission.toml" in str(refused.value) and refused.value.hint


def test_a_form_that_does_not_exist_or_a_class_is_refused_at_once() -> None:
    for more in ('"rien.telephone" = "ordinary"', '"telephone" = "ordinary"', '"essai.telephone" = "public"'):
        with pytest.raises(ConfigError) as refused:
            config(f"\n[privacy.classes]\n{more}\n")
        assert "privacy" in str(refused.value)
    check_names(
        config('\n[privacy.classes]\n"essai.ancien" = "nominative"\n'),
        {"essai": form("text | x | ")},
        {"essai": {"ancien"}},
    )


def test_lists_of_persons_and_lists_that_nobody_could_read() -> None:
    asks = form(
        "select_one_from_file villages.csv | v | Lieu",
        "select_one_from_file agents.csv | a | Qui",
        "select_one_from_file loin.csv | l | Où",
    )
    asked = classes(asks, None, lists_of([asks], {"villages.csv": ["district"], "agents.csv": []}))
    assert [asked[path].privacy for path in "val"] == ["ordinary", "nominative", "nominative"]


def test_the_main_source_of_water_is_no_president() -> None:
    """In Arabic both are written with the same letters but for the last."""
    people = [Choice(name, {"ar": text}) for name, text in (("a", "صنبور البيت"), ("b", "بئر القرية"))]
    assert not choices_are_people(["source_eau", "المصدر الرئيسي لمياه الشرب"], people)
    assert choices_are_people(["chef", "رئيس الجمعية"], people)


@pytest.mark.parametrize(
    ("row", "title", "promised"),
    [
        ("note | n | Ce questionnaire est anonyme : ni nom, ni code.", "Essai", True), ("note | n | هذا الاستبيان مجهول الهوية", "Essai", True),
        ("note | n | This survey is anonymous.", "Essai", True), ("note | n | La encuesta es anónima.", "Essai", True), ("text | n | Avis", "Avis anonymes", True),
        ("note | n | Ce questionnaire n’est pas anonyme.", "Essai", False), ("note | n | La encuesta no es anónima.", "Essai", False),
        ("note | n | Your answers are not anonymous.", "Essai", False), ("text | n | Avis", "Essai", False),
    ],
)  # fmt: skip
def test_a_promise_of_anonymity_is_understood(row: str, title: str, promised: bool) -> None:
    """Part 7, A6: satisfaction promised it and recorded the phone."""
    assert is_anonymous(form(row, settings=f"{title} | essai | 1")) == promised
