"""Other people's forms in a browser: every kind of question, lists of every kind, and what KoboCollect does with them. Part 9, 4."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from browser_room import Open, Room, book, is_sent, signed_in
from browser_walker import Walker, flattened
from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
SURVEY = [
    {"type": "today", "name": "jour"},
    {"type": "calculate", "name": "cle", "calculation": "once(uuid())"},
    {"type": "text", "name": "sigle", "label": "Sigle", "constraint": "regex(., '[A-Z]{3}')", "hint": "*trois* lettres"},
    {"type": "integer", "name": "organisation", "label": "Taille, **en toutes lettres** & <moins> de 9"},
    {"type": "decimal", "name": "surface", "label": "Surface de ${sigle}", "appearance": "thousands-sep"},
    {"type": "range", "name": "note", "label": "Note", "parameters": "start=0 end=10 step=2"},
    {"type": "select_one avis", "name": "avis", "label": "Avis", "appearance": "likert"},
    {"type": "select_one avis", "name": "colonnes", "label": "Avis", "appearance": "columns-pack"},
    {"type": "select_one avis", "name": "vite", "label": "Avis", "appearance": "quick"},
    {"type": "select_multiple avis", "name": "plusieurs", "label": "Plusieurs"},
    {"type": "select_multiple avis", "name": "menu", "label": "Plusieurs", "appearance": "minimal"},
    {"type": "rank avis", "name": "ordre", "label": "Ordre"},
    {"type": "calculate", "name": "avis_dit", "calculation": "jr:choice-name(${avis}, '${avis}')"},
    {"type": "select_one avis", "name": "melange", "label": "Mélange", "parameters": "randomize=true seed=42"},
    {"type": "select_one_from_file communes.csv", "name": "commune", "label": "Commune", "choice_filter": "order < 3 and modele = 'x'"},
    {"type": "select_one_from_file longue.csv", "name": "personne", "label": "Personne"},
    {"type": "select_one_from_file ecoles.xml", "name": "ecole", "label": "École", "appearance": "minimal"},
    {"type": "select_one_from_file sites.geojson", "name": "site", "label": "Site", "parameters": "value=id label=nom"},
    {"type": "calculate", "name": "chef_lieu", "calculation": "pulldata('communes', 'chef', 'name', ${commune})"},
    {"type": "date", "name": "le", "label": "Le"},
    {"type": "time", "name": "heure", "label": "Heure"},
    {"type": "dateTime", "name": "moment", "label": "Moment"},
    {"type": "geopoint", "name": "lieu", "label": "Lieu"},
    {"type": "barcode", "name": "badge", "label": "Badge"},
    {"type": "text", "name": "longue", "label": "Longue", "appearance": "multiline"},
    {"type": "image", "name": "croquis", "label": "Croquis", "appearance": "draw"},
    {"type": "file", "name": "piece", "label": "Pièce"},
    {"type": "acknowledge", "name": "lu", "label": "Lu"},
    {"type": "begin_group", "name": "si", "label": "Si", "relevant": "${organisation} = 3"},
    {"type": "text", "name": "seulement", "label": "Seulement si 3"},
    {"type": "end_group", "name": ""},
    {"type": "calculate", "name": "longueur", "calculation": "string-length(${seulement})"},
    {"type": "begin_repeat", "name": "membre", "label": "Membre"},
    {"type": "text", "name": "prenom", "label": "Prénom"},
    {"type": "begin_repeat", "name": "enfant", "label": "Enfant"},
    {"type": "integer", "name": "age", "label": "Âge"},
    {"type": "end_repeat", "name": ""},
    {"type": "end_repeat", "name": ""},
]  # fmt: skip
CHOICES = [{"list_name": "avis", "name": name, "label": name.title()} for name in ("oui", "non", "or", "and_so")]
PLACES = {
    "type": "FeatureCollection",
    "features": [
        {"type": "Feature", "id": f"s{n}", "properties": {"nom": f"Site {n}"}, "geometry": {"type": "Point", "coordinates": [-5, 32]}}
        for n in (1, 2)
    ],
}  # fmt: skip
MEDIA = {
    "communes.csv": "\ufeffname,label,order,modele,chef\r\na,\"Aït, \"\"A\"\"\",1,x,Amina\r\nb,B,2,y,Brahim\r\nc,C,3,x,Chama\r\n".encode(),
    "longue.csv": ("name,label\n" + "".join(f"p{n},Amina Alaoui\n" for n in range(300))).encode(),
    "ecoles.xml": "<root><item><name>e1</name><label>École</label></item></root>".encode(),
    "sites.geojson": json.dumps(PLACES).encode(),
}  # fmt: skip


@pytest.mark.parametrize(("style", "size"), [("", "desktop"), ("pages", "phone"), ("theme-grid", "phone")])
def test_every_kind_of_question(room: Room, open_form: Open, photo: Path, style: str, size: str) -> None:
    uid = room.publish(book(SURVEY, CHOICES, form_id="tout", style=style), MEDIA)
    page = open_form(room, "tout", size=size)
    assert not page.locator("main [role=alert]").count(), page.inner_text("main")
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    walker = Walker(page, {"sigle": ["ABCD", "ABC"], "personne": "p250"}, [photo])
    entered = walker.fill()
    assert {re.sub(r"\[\d+\]", "", path).rpartition("/")[2] for path in entered} >= {
        each["name"] for each in SURVEY if each.get("label") and each["type"] not in ("begin_group", "begin_repeat")
    }
    assert "membre[2]/prenom" in entered and entered["sigle"] == "ABC" and entered["commune"] == "a"
    walker.finish()
    is_sent(page, 1)
    (stored,) = room.rows(uid)
    row = flattened(stored)
    row["lieu"] = " ".join(row["lieu"].split()[:2])
    for path in ("heure", "moment"):  # the browser adds seconds and its own time zone
        row[path] = row[path][: len(entered[path])]
    assert {path: row.get(path) for path in entered} == entered
    assert (row["chef_lieu"], row["longueur"]) == ("Amina", str(len(entered["si/seulement"])))
    assert row["avis_dit"] == row["avis"].title() and len(row["cle"]) > 30
    assert room.file_of(stored, row["piece"]) == photo.read_bytes()


def test_what_is_not_asked_any_more_is_left_out_and_counts_as_blank(room: Room, open_form: Open) -> None:
    uid = room.publish(book(SURVEY, CHOICES, form_id="tout"), MEDIA)
    page = open_form(room, "tout")
    page.fill("input[name$='/organisation']", "3")
    page.press("input[name$='/organisation']", "Tab")
    page.fill("input[name$='/seulement']", "abc")
    page.press("input[name$='/seulement']", "Tab")
    page.fill("input[name$='/organisation']", "4")
    page.press("input[name$='/organisation']", "Tab")
    page.click(".finish")
    is_sent(page, 1)
    row = flattened(room.rows(uid)[0])
    assert "si/seulement" not in row and row["longueur"] == "0"


def test_the_xml_is_what_a_phone_would_send(room: Room, open_form: Open) -> None:
    uid = room.publish(book(SURVEY, CHOICES, form_id="tout", version="7"), MEDIA)
    page = open_form(room, "tout")
    sent: list[bytes] = []
    page.route(
        "**/f/-/submission", lambda route: (sent.append(route.request.post_data_buffer or b""), route.continue_())
    )
    page.click(".finish")
    is_sent(page, 1)
    (xml,) = re.findall(rb"(<%b[ >].*</%b>)" % (uid.encode(), uid.encode()), sent[0], re.S)
    xform = room.station.db.reader.execute("SELECT xform FROM deployments").fetchone()[0].decode()
    version = re.search(rf'<{uid}[^>]* version="([^"]+)"', xform)
    assert version and f'id="{uid}"'.encode() in xml and f'version="{version[1]}"'.encode() in xml
    assert b"<formhub><uuid>" in xml and re.search(rb"<(orx:)?instanceID>uuid:[0-9a-f-]{36}</", xml)
    assert b"template" not in xml and b"<!--" not in xml and b"data-xmlns" not in xml


def test_a_form_that_enketo_cannot_load_says_so_in_plain_words(room: Room, open_form: Open) -> None:
    survey = [{"type": "select_one_from_file absente.csv", "name": "qui", "label": "Qui ?"}]
    room.publish(book(survey, form_id="sans_liste"))
    page = open_form(room, "sans_liste")
    assert "KoboCollect" in page.inner_text("main [role=alert]")
    page.click("summary")
    assert "absente.csv" in page.inner_text("main [role=alert]")


def test_a_form_that_only_kobocollect_can_show_says_so(room: Room, open_form: Open) -> None:
    survey = [{"type": "select_one avis", "name": "qui", "label": "Qui ?", "appearance": "search('liste')"}]
    room.publish(book(survey, CHOICES, form_id="recherche"))
    page = open_form(room, "recherche")
    assert "KoboCollect" in page.inner_text("main [role=alert]")


def test_a_browser_that_keeps_nothing_is_told(room: Room, open_form: Open, chromium: Browser) -> None:
    room.publish(book([{"type": "text", "name": "nom", "label": "Nom"}], form_id="essai"))
    context = chromium.new_context()
    context.add_init_script("Object.defineProperty(window, 'indexedDB', {value: undefined})")
    signed_in(context, room)
    page = context.new_page()
    for path in ("/f/", "/f/essai"):
        page.goto(f"{room.url}{path}?lang=fr")
        page.wait_for_selector("main [role=alert]:has-text('navigation privée')")
    context.close()


def test_a_language_that_the_pages_do_not_speak(room: Room, open_form: Open) -> None:
    survey = [{"type": "text", "name": "nom", "label::Español (es)": "Nombre", "label::Kurdî (ku)": "ناو"}]
    room.publish(book(survey, form_id="en", default_language="Español (es)"))
    page = open_form(room, "en", lang="ar")
    assert "Nombre" in page.inner_text("form.or") and page.get_attribute("html", "lang") == "ar"
    page.locator("#form-languages").select_option("ku")
    assert page.get_attribute("form.or", "dir") == "rtl" and page.get_attribute("html", "lang") == "ar"
    assert page.locator(".languages button").count() == 3


def test_a_list_that_changes_reaches_the_open_form(room: Room, open_form: Open) -> None:
    """Part 9, 7: a browser form sees it at once; what is being filled is kept."""
    survey = [
        {"type": "text", "name": "nom", "label": "Nom"},
        {"type": "select_one_from_file liste.csv", "name": "qui", "label": "Qui ?"},
    ]
    uid = room.publish(book(survey, form_id="essai"), {"liste.csv": b"name,label\na,Amina\n"})
    page = open_form(room, "essai")

    def publish(content: bytes) -> None:
        with room.station.db.writing() as connection:
            from kobo_sync.station.database import store_blob

            blob = store_blob(connection, content)
            connection.execute("UPDATE published SET blob = ?, md5 = ? WHERE asset = ?", (blob, blob[:32], uid))

    publish(b"name,label\na,Amina\nb,Brahim\n")
    page.evaluate("() => window.dispatchEvent(new Event('focus'))")
    page.wait_for_selector("label:has-text('Brahim')")
    page.fill("input[name$='/nom']", "En cours")
    page.press("input[name$='/nom']", "Tab")
    publish(b"name,label\na,Amina\nb,Brahim\nc,Chama\n")
    page.evaluate("() => window.dispatchEvent(new Event('focus'))")
    page.click(".notice button:has-text('Mettre à jour')")
    page.wait_for_selector("label:has-text('Chama')")
    assert page.input_value("input[name$='/nom']") == "En cours"
