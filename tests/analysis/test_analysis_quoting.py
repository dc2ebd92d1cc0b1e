"""Names of the roster and phone numbers in what people wrote: masked and told, and nothing else."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from docx import Document as open_docx
from docx.oxml.ns import qn
from invented_facts import make_facts, table

from kobo_sync.analysis import quoting
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.quoting import reader_of, review, shown
from kobo_sync.deliverables import deliverable
from kobo_sync.language.catalogue import t
from kobo_sync.steps.sets import NOT_BUILT

CODE, MAIL, NAME = t(quoting.CODE), t(quoting.MAIL), t(quoting.NAME)
NUMBER, PHONE = t(quoting.NUMBER), t(quoting.PHONE)


def facts() -> Facts:
    people = [("EL AMRANI", "Khadija", "خديجة العمراني"), ("Aït Ouali", "Amal", "أمل آيت والي"), ("Midelt", "Omar", "")]
    people += [("Ou-Hamza", "Ali", "علي أوحمزة"), ("El Alaoui", "Fatima-Zahra", "فاطمة الزهراء العلوي")]
    rows = [
        {"zone": "bertat", "consentement": "oui", "code_participant": f"BER-{k}", "nom": f, "prenom": g, "nom_ar": a}
        | {"telephone": f"+21276543210{k}"}
        for k, (f, g, a) in enumerate(people)
    ]
    columns = ["zone", "consentement", "code_participant", "nom", "prenom", "nom_ar", "telephone"]
    return make_facts(tables={"inscription": table(rows, columns)})


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Merci à Khadija El Amrani pour tout", f"Merci à {NAME} pour tout"),
        ("merci KHADIJA !", f"merci {NAME} !"),
        ("شكرا خديجة العمراني", f"شكرا {NAME}"),
        ("Appelez le 06 61 23 45 67 ou +212661234567", f"Appelez le {PHONE} ou {PHONE}"),
        ("٠٦٦١٢٣٤٥٦٧", PHONE),
        ("écrire à a.b@exemple.ma", f"écrire à {MAIL}"),
        ("Le 11/02/2025 à Midelt, 25 000 habitants, de 2023 à 2024", None),
        ("aux omars et à l’amal (espoir) de 1 500 000 personnes", None),
        ("Aït Bennou est loin", None),
        ("merci à khadija el amrani", f"merci à {NAME}"),
        ("amrani khadija, ali ou hamza", f"{NAME}, {NAME}"),
        ("ali ait ouali et Ali", f"{NAME} et {NAME}"),
        ("la voix d’Omar", f"la voix d’{NAME}"),
        ("fatima zahra el alaoui puis Fatimazahra", f"{NAME} puis {NAME}"),
        ("شكرا لخديجه وللعمراني", f"شكرا {NAME}"),
        ("قال علي اوحمزة إن الماء علي بعد", f"قال {NAME} إن الماء علي بعد"),
        ("خَدِيجَة", NAME),
        ("06_61_23_45_67, 06 – 61 – 23 – 45 – 67", f"{PHONE}, {PHONE}"),
        ("٠٦\u200f ٦١ ٢٣ ٤٥ ٦٧", PHONE),
        ("212 661 234 567 et 765 432 101", f"{PHONE} et {PHONE}"),
        ("de 2023-2024, 2023 2024 2025 : 150 000 000 dirhams", None),
        ("du 11.02.2025 au 13.02.2025", None),
    ],
)
def test_what_is_masked(said: str, shown: str | None) -> None:
    quoted = reader_of(facts()).quoted(said)
    assert quoted.text == (shown or said)
    assert bool(quoted.masked) == (shown is not None)


def test_review_counts_per_place() -> None:
    found = review(facts(), [("points forts", ["Khadija explique bien", "Rien"]), ("suites", ["Un suivi"])])
    assert found == [("points forts", 1, ("name",))]


@pytest.mark.parametrize(
    ("name", "form", "column"), [("evaluations", "satisfaction", "points_forts"), ("needs", "besoins", "proposition")]
)
def test_papers_mask_and_report(name: str, form: str, column: str) -> None:
    whole = make_facts(25)
    person = whole.tables["inscription"].iloc[0]
    said = f"{person['prenom']} {person['nom']} au 0661 23 45 67"
    changed = replace(whole, tables={**whole.tables, form: whole.tables[form].assign(**{column: said})})
    paper = deliverable(name).build(changed)[0]
    body = open_docx(io.BytesIO(paper.content)).element.body
    text = "".join(node.text or "" for node in body.iter(qn("w:t")))
    assert "0661" not in text and str(person["prenom"]) not in text
    assert "(à relire)" in text
    rules = {finding.rule for finding in paper.findings}
    # Part 7, C14: one code for both kept every set with a masked answer from being zipped.
    assert "BUILD002" in rules and NOT_BUILT not in rules
    assert not any("0661" in finding.message or str(person["nom"]) in finding.message for finding in paper.findings)


def spelt() -> Facts:
    """People whose names are spelt in many ways (part 7, A2)."""
    people = [
        ("Tazi", "Fatima", "فاطمة التازي"),
        ("El Amrani", "M’hamed", "امحمد العمراني"),
        ("Ouchrif", "Mohammed", "محمد أوشريف"),
    ]
    people += [
        ("Aït Lahcen", "Fatima-Zahra", ""),
        ("Benjelloun", "Abd Allah", "عبد الله بنجلون"),
        ("Haddou", "Rkia", "رقية حدو"),
    ]
    rows = [
        {
            "zone": "bertat",
            "consentement": "oui" if k else "non",
            "code_participant": f"BER-{k:02}",
            "nom": f,
            "prenom": g,
            "nom_ar": a,
        }
        | {"telephone": f"+21266123450{k}"}
        for k, (f, g, a) in enumerate(people)
    ]
    columns = ["zone", "consentement", "code_participant", "nom", "prenom", "nom_ar", "telephone"]
    return make_facts(tables={"inscription": table(rows, columns)})


@pytest.mark.parametrize(
    ("said", "shown_as"),
    [
        ("FatimaTazi, fatimatazi, TaziFatima", f"{NAME}, {NAME}, {NAME}"),
        ("Fatima-Tazi, fatima_tazi, TAZI FATIMA", f"{NAME}, {NAME}, {NAME}"),
        ("A. Tazi, Tazi F. et F.-Z. Aït Lahcen", f"{NAME}, {NAME}. et {NAME}"),
        ("M’hamed, M'hamed, m’hamed, MHAMED", f"{NAME}, {NAME}, {NAME}, {NAME}"),
        ("El-Amrani, elamrani, el amrani", f"{NAME}, {NAME}, {NAME}"),
        ("Mohamed Ouchrif, mohamed ouchrif, Mouhammad Ouchrif", f"{NAME}, {NAME}, {NAME}"),
        ("Fatíma Tázi, fatima aït lahcen", f"{NAME}, {NAME}"),
        ("Fa\u0301tima, Fat\u00adima Tazi", f"{NAME}, {NAME}"),
        ("abd allah benjelloun, Abdellah Benjelloun, عبدالله بنجلون", f"{NAME}, {NAME}, {NAME}"),
        ("وفاطمة وللتازي، فَاطِمَةُ، لفاطـــمة", f"{NAME} {NAME}، {NAME}، {NAME}".replace(f"{NAME} {NAME}", NAME)),
        ("Merci Fatima Ouzzine", f"Merci {NAME}"),
        ("Mme Salma Qadiri, M. X, M. Karim B.", f"Mme {NAME}, M. {NAME}, M. {NAME}."),
        ("السيد كريم بنعلي والسيدة نادية", f"السيد {NAME} والسيدة {NAME}"),
        ("Si Brahim, Lalla Khadouj, Hajj Omar", f"Si {NAME}, Lalla {NAME}, Hajj {NAME}"),
        ("AB123456, A 123456, AB-123456, ab 123456", f"{NUMBER}, {NUMBER}, {NUMBER}, ab 123456"),
        (
            "CIN AB 12 34 56, cin ١٢٣٤٥٦, carte nationale n° 123456",
            f"CIN {NUMBER}, cin {NUMBER}, carte nationale n° {NUMBER}",
        ),
        ("06 12 34 56 78 06 98 76 54 32", PHONE),
        ("00212612345678, +212 (0)6-12-34-56-78", f"{PHONE}, {PHONE}"),
        ("x.y@gmail.com, x.y (at) gmail.com, @fatima.tazi", f"{MAIL}, {MAIL}, {MAIL}"),
        ("BER-01 parle", f"{CODE} parle"),
    ],
)
def test_names_however_they_are_spelt(said: str, shown_as: str) -> None:
    assert shown(spelt(), said) == shown_as
    assert shown(spelt(), shown_as) == shown_as, "what is masked stays as it is"


ORDINARY = """Le conseil communal de Midelt a promis une ambulance avant la fin du mois de mars.
Monsieur le Président, Madame la Directrice et M. le Maire étaient invités ; le Délégué de la Santé aussi.
La commune de Sidi Kacem, le douar Aït Ayache et l’hôpital Moulay Ali Chérif sont loin.
Avenue Mohammed V à Rabat, boulevard Hassan II à Fès, quartier Hay Salam.
Association Fatima Fihria, Coopérative Tighanimine, Karama Solidarity et ATDC ont signé.
Lundi 11 février, mardi et mercredi ; Ramadan commence en mars, l’Aïd en avril.
De 2023 à 2024, 25 000 habitants, 150 000 DH, 1 500 000 personnes, le 11/02/2025 à 9 h 30, le 2025-02-11.
DH 150000, BP 54350, RN 13, km 12, 40 élèves sur 120, 3,5 km, 12 345 678 dirhams.
Si le transport ne vient pas, les filles arrêtent. Si Midelt paie, nous suivons. Sans eau, rien.
Grâce à la formation, nous savons négocier. Bonne salle, petit groupe, beau temps.
طلب شفوي للسيد القائد والسيد المندوب الإقليمي ورئيس الجماعة.
الحاجة إلى الماء والنقل المدرسي، والأستاذ الجديد لم يحضر يوم الجمعة.
لقاء مع المجلس الجماعي بحضور الجمعيات الثلاث قبل نهاية السنة.
نحتاج إلى سيارة إسعاف دائمة بالمركز الصحي وقابلة مرتين في الأسبوع.
El lunes hablamos con la señora Directora y el Señor Alcalde de la comunidad.
The Ministry of Health and the Governor met in May; thanks to the training team.
ⴰⵙⵉⵏⴰⴳ ⵉⵖⵓⴷⴰ ⴰⵟⵟⴰⵙ.
Le Ministère de l’Éducation, l’INDH, l’ONEE et le CLD ; CM2, Groupe A, 2e étage, salle B 12.""".splitlines()


@pytest.mark.parametrize("said", ORDINARY)
def test_ordinary_sentences_stay_as_they_are(said: str) -> None:
    assert shown(spelt(), said) == said


def test_what_the_demo_s_people_write_stays_as_it_is() -> None:
    import tomllib
    from pathlib import Path

    texts = tomllib.loads((Path(__file__).parents[2] / "config" / "demo.toml").read_text("utf-8"))["texts"]
    said = [text for answers in texts.values() for text in answers]
    assert len(said) > 50 and [text for text in said if shown(make_facts(25), text) != text] == []


@pytest.mark.parametrize(
    ("said", "shown_as"),
    [
        ("Karim Alaoui, président", f"{NAME}, président"),
        ("Brahim", NAME),
        ("Said Ouhaddou (CLD)", f"{NAME} (CLD)"),
        ("Présidente de l’association", None),
        ("Coordinateur du comité", None),
        ("Association Tifaouine", None),
        ("La Trésorière Générale", None),
        ("ATDC", None),
        ("رئيسة اللجنة", None),
        ("Direction provinciale de l’éducation", None),
    ],
)
def test_who_is_responsible_is_a_function_never_a_name(said: str, shown_as: str | None) -> None:
    assert shown(spelt(), said, asks_who=True) == (shown_as or said)


@pytest.mark.parametrize(
    ("text", "is_masked"),
    [
        ("a" * 200_000, False),
        ("A. " * 20_000, False),
        ("a.b+" * 40_000, False),
        ("0612345678 " * 5_000, True),
        ("Tazi " * 5_000, True),
    ],
)
def test_long_answers_end_and_are_masked_as_short_ones_are(text: str, is_masked: bool) -> None:
    """A pattern that tries each letter anew would not end here."""
    told = shown(spelt(), text)
    assert ("0612345678" in told or "Tazi" in told) is False
    assert ("masqué" in told) == is_masked and (is_masked or told == text)
