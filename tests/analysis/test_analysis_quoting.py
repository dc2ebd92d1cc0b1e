"""Names of the roster and phone numbers in what people wrote: masked and told, and nothing else."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from docx import Document as open_docx
from docx.oxml.ns import qn
from invented_facts import make_facts, table

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.quoting import MAIL, NAME, PHONE, Reader, review
from kobo_sync.deliverables import deliverable
from kobo_sync.steps.build import NOT_BUILT


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
    quoted = Reader(facts()).quoted(said)
    assert quoted.text == (shown or said)
    assert bool(quoted.masked) == (shown is not None)


def test_review_counts_per_place() -> None:
    found = review(facts(), [("points forts", ["Khadija explique bien", "Rien"]), ("suites", ["Un suivi"])])
    assert found == [("points forts", 1, ("nom",))]


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
