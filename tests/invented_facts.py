"""An invented mission's facts, seeded: config, forms, tables of so many persons; for the tests of analyses and papers."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
from PIL import Image, ImageDraw

from kobo_sync.analysis.facts import Facts
from kobo_sync.config.config import Config, parse_config
from kobo_sync.model import Choice, Form, Question, Section

TOML = """
[mission]
code = "essai"
title = "Formation en techniques de plaidoyer"
programme = "Ensemble, Avançons"
languages = ["fr", "ar"]
timezone = "Africa/Casablanca"
starts_on = 2025-02-11
ends_on = 2025-02-13
[[organisations]]
name = "Karama Solidarity"
[[organisations]]
name = "ATDC"
[[sessions]]
code = "matin"
label = { fr = "Matin", ar = "الصباح" }
starts = "09:00"
ends = "12:30"
[[sessions]]
code = "apres_midi"
label = { fr = "Après-midi" }
starts = "14:00"
ends = "17:30"
[[groups]]
code = "ed"
short = "OSC ED"
label = { fr = "OSC éducation" }
[[groups]]
code = "sante"
short = "OSC santé"
label = { fr = "OSC santé" }
[[groups]]
code = "cld"
short = "CLD"
label = { fr = "Comités locaux de développement" }
[quotas.default]
ed = 9
sante = 8
cld = 8
[codes]
"yes" = "oui"
female = "f"
male = "h"
before = "avant"
after = "apres"
not_listed = "hors_liste"
[forms.inscription]
role = "registration"
file = "inscription.xlsx"
[forms.inscription.fields]
zone = "zone"
consent = "consentement"
person = "code_participant"
family_name = "nom"
given_name = "prenom"
name_ar = "nom_ar"
sex = "sexe"
age_band = "tranche_age"
group = "groupe"
organisation = "organisation"
function = "fonction"
commune = "commune"
phone = "telephone"
photo_consent = "accord_photo"
[forms.presence]
role = "attendance"
file = "presence.xlsx"
[forms.presence.fields]
zone = "zone"
session = "demi_journee"
person = "participant"
family_name = "nom"
given_name = "prenom"
name_ar = "nom_ar"
sex = "sexe"
group = "groupe"
organisation = "organisation"
commune = "commune"
phone = "telephone"
consent = "consentement"
signature = "signature"
note = "remarque"
[forms.test]
role = "test"
file = "test.xlsx"
[forms.test.fields]
zone = "zone"
moment = "moment"
person = "participant"
[forms.test.themes]
plaidoyer = "Plaidoyer"
lobbying = "Lobbying"
negociation = "Négociation"
[forms.test.items]
q01 = { theme = "plaidoyer", answer = "b" }
q02 = { theme = "plaidoyer", answer = "c" }
q03 = { theme = "plaidoyer", answer = "a" }
q04 = { theme = "plaidoyer", answer = "d" }
q05 = { theme = "lobbying", answer = "a" }
q06 = { theme = "lobbying", answer = "c" }
q07 = { theme = "lobbying", answer = "b" }
q08 = { theme = "negociation", answer = "d" }
q09 = { theme = "negociation", answer = "b" }
q10 = { theme = "negociation", answer = "a" }
[forms.satisfaction]
role = "satisfaction"
file = "satisfaction.xlsx"
likert = ["objectifs", "contenu", "methodes", "langue"]
open_questions = ["points_forts", "a_ameliorer"]
[forms.satisfaction.fields]
zone = "zone"
group = "groupe"
intention = "intention"
recommend = "recommandation"
[forms.besoins]
role = "needs"
file = "besoins.xlsx"
catalogue = "besoins.csv"
[forms.besoins.fields]
zone = "zone"
group = "groupe"
sex = "sexe"
ranking = "classement"
detail = "evaluation"
need = "besoin"
severity = "gravite"
households = "menages"
feasibility = "faisabilite"
steps = "demarches"
proposal = "proposition"
[forms.route]
role = "road_map"
file = "route.xlsx"
catalogue = "besoins.csv"
[forms.route.fields]
zone = "zone"
actions = "actions"
need = "besoin"
objective = "objectif"
action = "action"
kind = "type_action"
target = "cible"
level = "niveau"
allies = "allies"
responsible_group = "groupe_responsable"
responsible_function = "fonction_responsable"
deadline = "echeance"
indicator = "indicateur"
verification = "verification"
resources = "ressources"
risk = "risque"
status = "statut"
[forms.focus]
role = "focus_group"
file = "focus.xlsx"
catalogue = "besoins.csv"
[forms.focus.fields]
zone = "zone"
groups = "groupes"
women = "femmes"
men = "hommes"
consent = "consentement"
themes = "themes"
agreements = "accords"
disagreements = "desaccords"
quotations = "citations"
[server]
kf = "https://kf.example.org"
kc = "https://kc.example.org"
"""
ZONES = """code,label_fr,label_ar,province,region,training_on
bertat,Bertat,برطات,Midelt,Drâa-Tafilalet,2025-02-11
oumjniba,Oumjniba,أم جنيبة,Boulemane,Fès-Meknès,2025-02-13
"""
NEEDS_CSV = """code,label_fr,label_ar,domain
transport,Transport scolaire,النقل المدرسي,education
internat,Internat et cantine pour les élèves éloignés,الداخلية,education
classes,Salles de classe en bon état,أقسام في حالة جيدة,education
eau_ecole,Eau et sanitaires à l’école,الماء بالمدرسة,education
sage_femme,Sage-femme et suivi des grossesses,قابلة,health
ambulance,Ambulance et transport des urgences,سيارة إسعاف,health
medicaments,Médicaments disponibles,الأدوية,health
"""
AGREE = ("pas_du_tout", "plutot_pas", "neutre", "plutot", "tout_a_fait")
AGREE_FR = (
    "Pas du tout d’accord",
    "Plutôt pas d’accord",
    "Ni l’un ni l’autre",
    "Plutôt d’accord",
    "Tout à fait d’accord",
)
FAMILIES = (
    "EL AMRANI",
    "Ou-Hamza",
    "Bennani",
    "El Fassi",
    "Oubella",
    "Idrissi",
    "Haddou",
    "Tazi",
    "Azzaoui",
    "Aït Ouali",
)
WOMEN = (
    ("Khadija", "خديجة"),
    ("Hind", "هند"),
    ("Rachida", "رشيدة"),
    ("Fatima", "فاطمة"),
    ("Naïma", "نعيمة"),
    ("Touda", "تودة"),
)
MEN = (("Hamid", "حميد"), ("Moha", "موحى"), ("Omar", "عمر"), ("Abdellah", "عبد الله"), ("Driss", "إدريس"))
GROUPS = ("ed", "sante", "cld")
ITEMS = tuple(f"q{i:02d}" for i in range(1, 11))
COMMENTS = (
    "Prévoir la traduction en tamazight",
    "أعجبني العمل في مجموعات، ونريد تكوينا آخر في الترافع",
    "ⴰⵣⵓⵍ ⴼⵍⵍⴰⵡⵏ, ⵜⴰⵏⵎⵎⵉⵔⵜ",
    '=HYPERLINK("http://x","clic") : 50 % à revoir ?',
    "Le module « négociation » : شكرا جزيلا au formateur",
    None,
)
START = datetime(2025, 2, 11, 8, 0, tzinfo=UTC)


def make_config(toml: str = TOML) -> Config:
    return parse_config(toml, {"config/zones.csv": ZONES, "config/besoins.csv": NEEDS_CSV}, {})


def choice(name: str, label: str, **extra: str) -> Choice:
    return Choice(name, {"fr": label}, extra)


def make_form(
    form_id: str, questions: list[Question], choices: Mapping[str, tuple[Choice, ...]], repeat: str = ""
) -> Form:
    sections = (Section(repeat, repeat, "repeat", {"fr": "Évaluation des besoins"}),) if repeat else ()
    return Form(
        form_id, "2025021001", form_id.title(), "fr", ("fr", "ar"), tuple(questions), sections, choices, (), "0" * 64
    )


def make_forms() -> dict[str, Form]:
    def q(
        name: str, kind: str = "text", label: str = "", list_name: str = "", repeat: str = "", file_name: str = ""
    ) -> Question:
        path = f"{repeat}/{name}" if repeat else name
        return Question(
            path, name, kind, {"fr": label or name}, list_name=list_name, repeat=repeat, file_name=file_name
        )

    sexes = (choice("f", "Femme"), choice("h", "Homme"))
    groups = (choice("ed", "OSC éducation"), choice("sante", "OSC santé"), choice("cld", "CLD"))
    agree = tuple(choice(code, text) for code, text in zip(AGREE, AGREE_FR, strict=True))
    abcd = tuple(choice(code, f"Réponse {code}") for code in "abcd")
    ages = tuple(
        choice(code, text)
        for code, text in (("a24", "24 ans ou moins"), ("a34", "25 à 34 ans"), ("a49", "35 à 49 ans"))
    )
    lists = {"sexe": sexes, "groupe": groups, "accord": agree, "abcd": abcd, "age": ages}
    person = [q("nom", label="Nom"), q("prenom", label="Prénom"), q("nom_ar", label="Nom en arabe")]
    person += [
        q("sexe", "select_one", "Sexe", "sexe"),
        q("groupe", "select_one", "Groupe", "groupe"),
        q("organisation", label="Organisation"),
    ]
    person += [q("commune", label="Commune"), q("telephone", label="Téléphone")]
    zone = q("zone", "select_one_from_file", "Zone", "zones", file_name="zones.csv")
    inscription = [
        q("deviceid", "deviceid"),
        q("username", "username"),
        zone,
        q("consentement", "select_one", "Consentement", "oui_non"),
    ]
    inscription += [
        q("code_participant", label="Code"),
        *person,
        q("tranche_age", "select_one", "Âge", "age"),
        q("fonction", label="Fonction"),
    ]
    presence = [
        zone,
        q("demi_journee", "select_one", "Demi-journée", "session"),
        q("participant", label="Participant·e"),
        *person,
    ]
    presence += [q("signature", "image", "Signature"), q("remarque", label="Remarque")]
    test = [zone, q("moment", "select_one", "Moment", "moment"), q("participant", label="Participant·e")]
    test += [
        q(
            name,
            "select_one",
            f"Question {name[1:]} : que faire d’abord pour obtenir l’appui du conseil communal ?",
            "abcd",
        )
        for name in ITEMS
    ]
    likert_texts = (
        "Les objectifs étaient clairs",
        "Le contenu est utile à mon organisation",
        "Les méthodes étaient participatives",
        "La langue",
    )
    satisfaction = [zone, q("groupe", "select_one", "Groupe", "groupe")]
    satisfaction += [
        q(n, "select_one", t, "accord")
        for n, t in zip(("objectifs", "contenu", "methodes", "langue"), likert_texts, strict=True)
    ]
    satisfaction += [
        q("intention", "select_one", "Je compte m’en servir", "accord"),
        q("recommandation", "range", "Recommandation (0 à 10)"),
    ]
    satisfaction += [q("points_forts", label="Points forts"), q("a_ameliorer", label="À améliorer")]
    needs = [zone, q("groupe", "select_one", "Groupe", "groupe"), q("sexe", "select_one", "Sexe", "sexe")]
    needs += [
        q("classement", "rank", "Classement", "besoins", file_name="besoins.csv"),
        q("proposition", label="Proposition"),
    ]
    needs += [
        q("besoin", "text", "Besoin", repeat="evaluation"),
        q("gravite", "integer", "Gravité", repeat="evaluation"),
    ]
    needs += [
        q("menages", "integer", "Ménages touchés", repeat="evaluation"),
        q("faisabilite", "integer", "Faisabilité", repeat="evaluation"),
    ]
    return {
        "inscription": make_form("inscription", inscription, lists),
        "presence": make_form("presence", presence, lists),
        "test": make_form("test", test, lists),
        "satisfaction": make_form("satisfaction", satisfaction, lists),
        "besoins": make_form("besoins", needs, lists, "evaluation"),
        "route": make_route(q),
    }


def make_route(q: Callable[..., Question]) -> Form:
    statuses = (choice("a_faire", "À faire"), choice("en_cours", "En cours"), choice("fait", "Fait"))
    levels = (choice("commune", "Commune"), choice("province", "Province"))
    kinds = (choice("plaidoyer", "Plaidoyer"), choice("lobbying", "Lobbying"))
    questions = [q("besoin", "select_one_from_file", "Besoin", "besoins", "actions", "besoins.csv")]
    questions += [q(name, repeat="actions") for name in ACTION_TEXTS]
    questions += [
        q("type_action", "select_one", "Type", "type", "actions"),
        q("niveau", "select_one", "Niveau", "niveau", "actions"),
    ]
    questions += [
        q("echeance", "date", "Échéance", repeat="actions"),
        q("statut", "select_one", "Statut", "statut", "actions"),
    ]
    return make_form("route", questions, {"statut": statuses, "niveau": levels, "type": kinds}, "actions")


ACTION_TEXTS = (
    "objectif",
    "action",
    "cible",
    "allies",
    "groupe_responsable",
    "fonction_responsable",
    "indicateur",
    "verification",
)


def table(rows: list[dict[str, Any]], columns: list[str], *, repeat: bool = False) -> pd.DataFrame:
    """Rows with the system columns before *columns*, as the store hands them over."""
    if repeat:
        return pd.DataFrame(rows, columns=["root_uuid", "parent_position", "position", *columns])
    system = ["root_uuid", "submission_id", "submitted_at", "submitted_by", "form_version", "validation"]
    filled = []
    for number, row in enumerate(rows, 1):
        base = {
            "root_uuid": f"u{number:04d}",
            "submission_id": number,
            "submitted_at": pd.Timestamp(START + timedelta(minutes=number)),
        }
        filled.append(base | {"submitted_by": "agent", "form_version": "2025021001", "validation": ""} | row)
    return pd.DataFrame(filled, columns=[*system, *columns])


def signature_png(seed: int) -> bytes:
    draw_random = random.Random(seed)
    image = Image.new("RGB", (600, 300), "white")
    points = [(60 + 24 * i, 150 + draw_random.randint(-70, 70)) for i in range(20)]
    ImageDraw.Draw(image).line(points, fill="black", width=6, joint="curve")
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def make_facts(
    n: int = 25, *, seed: int = 1, zone: str = "bertat", tables: Mapping[str, pd.DataFrame] | None = None
) -> Facts:
    """A zone where *n* persons are registered; with *tables* those instead of the made-up ones."""
    config = make_config()
    if tables is None:
        tables = make_tables(n, seed, zone)
    newest = max(
        (t["submitted_at"].max().to_pydatetime() for t in tables.values() if "submitted_at" in t and len(t)),
        default=None,
    )
    needs = tuple(
        Choice(code, {"fr": fr, "ar": ar}, {"domain": domain})
        for code, fr, ar, domain in (line.split(",") for line in NEEDS_CSV.splitlines()[1:])
    )
    return Facts(
        config=config,
        zone=config.zone(zone),
        as_of=newest,
        forms=make_forms(),
        tables=tables,
        attachment=lambda root_uuid, filename: signature_png(int(root_uuid[1:])) if filename.endswith(".png") else None,
        catalogues={"besoins.csv": needs},
        form_versions=dict.fromkeys(config.forms, "2025021001"),
        fingerprint="179aed82" * 8,
    )


def make_tables(n: int, seed: int, zone: str) -> dict[str, pd.DataFrame]:
    rng = random.Random(seed)
    people = [_registration(rng, i, zone) for i in range(n)]
    if n > 5:
        people.append({"zone": zone, "consentement": "non"})
    signed = [p for p in people if "nom" in p and not (n > 5 and p["code_participant"].endswith("-05"))]
    return {
        "inscription": table(
            people,
            ["zone", "consentement", "code_participant", *PERSON, "tranche_age", "fonction", "deviceid", "username"],
        ),
        "presence": _presence(rng, signed, zone, walk_in=n > 5),
        "test": _tests(rng, signed, zone),
        "satisfaction": _satisfaction(rng, signed, zone),
        **_needs(rng, signed, zone),
        **make_actions(min(n, 7), zone),
        "focus": _focus(zone, min(n, 3)),
    }


def with_phone(presence: pd.DataFrame, number: int) -> pd.DataFrame:
    """Attendance whose walk-in has a phone, which tells her from her namesake of another zone."""
    phones = [f"06000000{number:02d}" if who == "hors_liste" else None for who in presence["participant"]]
    return presence.assign(telephone=phones)


def make_actions(n: int, zone: str = "bertat") -> dict[str, pd.DataFrame]:
    """*n* actions, every third without indicator, deadlines around the day of the data."""
    rows = []
    for index in range(n):
        row = {
            "root_uuid": "u0001",
            "position": index + 1,
            "besoin": ("transport", "ambulance", "sage_femme")[index % 3],
        }
        row |= {
            "objectif": "Obtenir deux bus scolaires pour la rentrée",
            "action": "Audience auprès du président de la commune",
        }
        row |= {
            "cible": "Président du conseil communal",
            "niveau": ("commune", "province")[index % 2],
            "type_action": "plaidoyer",
        }
        row |= {
            "allies": "Associations de parents",
            "groupe_responsable": GROUPS[index % 3],
            "fonction_responsable": "Présidente",
        }
        row |= {"echeance": f"2025-0{1 + index % 4}-15", "indicateur": None if index % 3 == 2 else "Délibération votée"}
        row |= {
            "verification": "Procès-verbal",
            "statut": ("a_faire", "en_cours", "fait")[index % 3],
            "ressources": "Transport",
            "risque": "Report",
        }
        rows.append(row)
    columns = ["besoin", *ACTION_TEXTS, "type_action", "niveau", "echeance", "ressources", "risque", "statut"]
    return {
        "route": table([{"zone": zone}] if n else [], ["zone"]),
        "route__actions": table(rows, columns, repeat=True),
    }


def _focus(zone: str, n: int) -> pd.DataFrame:
    rows = []
    for index in range(n):
        row: dict[str, Any] = {
            "zone": zone,
            "groupes": GROUPS[index],
            "femmes": 4 + index,
            "hommes": 3,
            "consentement": "oui",
        }
        row |= {"themes": "transport ambulance" if index else "transport", "accords": "Le transport d’abord"}
        row |= {
            "desaccords": "Qui porte la demande" if index else None,
            "citations": "Sans bus, ma fille reste à la maison.",
        }
        rows.append(row)
    return table(
        rows, ["zone", "groupes", "femmes", "hommes", "consentement", "themes", "accords", "desaccords", "citations"]
    )


PERSON = ["nom", "prenom", "nom_ar", "sexe", "groupe", "organisation", "commune", "telephone"]


def _registration(rng: random.Random, index: int, zone: str) -> dict[str, Any]:
    sex = "f" if rng.random() < 0.55 else "h"
    given, arabic = rng.choice(WOMEN if sex == "f" else MEN)
    family = FAMILIES[index % len(FAMILIES)]
    return {
        "zone": zone,
        "consentement": "oui",
        "code_participant": f"BER-{index + 1:02d}",
        "nom": family,
        "prenom": given,
        "nom_ar": f"{arabic} الإدريسي" if index % 3 else None,
        "sexe": sex,
        "groupe": GROUPS[index % 3],
        "organisation": f"Association {family.title()} pour l’éducation" if index % 4 else "جمعية الأمل للتنمية",
        "commune": "Bertat",
        "telephone": f"06{rng.randint(10**7, 10**8 - 1)}",
        "tranche_age": rng.choice(("a24", "a34", "a49")),
        "fonction": "membre du bureau",
        "deviceid": "collect:abc",
        "username": "agent1",
    }


def _presence(rng: random.Random, people: list[dict[str, Any]], zone: str, *, walk_in: bool) -> pd.DataFrame:
    rows = []
    for session in ("matin", "apres_midi"):
        for person in people:
            if session == "matin" or rng.random() < 0.9:
                row = {
                    "zone": zone,
                    "demi_journee": session,
                    "participant": person["code_participant"],
                    "signature": "s.png",
                }
                rows.append(row)
        if walk_in:
            identity = {
                "nom": "Zaïdi",
                "prenom": "Itto",
                "nom_ar": "إيطو الزايدي",
                "sexe": "f",
                "groupe": "cld",
                "commune": "Aït Oum",
            }
            rows.append(
                {"zone": zone, "demi_journee": session, "participant": "hors_liste", "signature": "s.png"} | identity
            )
    return table(rows, ["zone", "demi_journee", "participant", *PERSON, "consentement", "signature", "remarque"])


def _tests(rng: random.Random, people: list[dict[str, Any]], zone: str) -> pd.DataFrame:
    key = {name: item.answer for name, item in make_config().forms["test"].items.items()}
    rows = []
    for moment, skill in (("avant", 0.42), ("apres", 0.74)):
        for person in people:
            if rng.random() < 0.95:
                answers = {name: right if rng.random() < skill else rng.choice("abcd") for name, right in key.items()}
                rows.append({"zone": zone, "moment": moment, "participant": person["code_participant"]} | answers)
    return table(rows, ["zone", "moment", "participant", *ITEMS])


def _satisfaction(rng: random.Random, people: list[dict[str, Any]], zone: str) -> pd.DataFrame:
    rows = []
    for index, person in enumerate(people):
        likert = {
            name: rng.choices(AGREE, (2, 6, 12, 40, 40))[0]
            for name in ("objectifs", "contenu", "methodes", "langue", "intention")
        }
        row = {
            "zone": zone,
            "groupe": person["groupe"],
            "recommandation": rng.choices(range(5, 11), (1, 1, 3, 4, 5, 6))[0],
        }
        row["points_forts"] = COMMENTS[index % len(COMMENTS)]
        row["a_ameliorer"] = COMMENTS[(index + 2) % len(COMMENTS)] if index % 2 else None
        rows.append(row | likert)
    columns = [
        "zone",
        "groupe",
        "objectifs",
        "contenu",
        "methodes",
        "langue",
        "intention",
        "recommandation",
        "points_forts",
        "a_ameliorer",
    ]
    return table(rows, columns)


def _needs(rng: random.Random, people: list[dict[str, Any]], zone: str) -> dict[str, pd.DataFrame]:
    codes = [line.split(",")[0] for line in NEEDS_CSV.splitlines()[1:]]
    rows, details = [], []
    for number, person in enumerate(people, 1):
        order = sorted(codes, key=lambda code: rng.random() * (codes.index(code) + 2))
        row = {"zone": zone, "groupe": person["groupe"], "sexe": person["sexe"], "classement": " ".join(order[:3])}
        rows.append(row | {"proposition": COMMENTS[number % len(COMMENTS)]})
        for position, code in enumerate(codes, 1):
            item = {"root_uuid": f"u{number:04d}", "parent_position": None, "position": position, "besoin": code}
            item |= {"gravite": rng.randint(1, 5), "menages": rng.randint(5, 200), "faisabilite": rng.randint(1, 5)}
            details.append(item)
    return {
        "besoins": table(rows, ["zone", "groupe", "sexe", "classement", "proposition"]),
        "besoins__evaluation": table(details, ["besoin", "gravite", "menages", "faisabilite"], repeat=True),
    }
