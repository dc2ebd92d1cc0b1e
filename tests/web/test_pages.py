"""The pages without a browser: who may see and do what, and every bad request answered with words."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from web_office import Office, made, post, token_of

from kobo_sync.desk import access_log, accounts, runs, schedules, share_links, worklist
from kobo_sync.desk import schema as desk_schema
from kobo_sync.desk.runs import Order
from kobo_sync.language.catalogue import texts_of, tn
from kobo_sync.language.speaking import speaking
from kobo_sync.model import Finding
from kobo_sync.steps.analyse import analyse
from kobo_sync.steps.build import build
from kobo_sync.steps.deliver import deliver
from kobo_sync.steps.export import export
from kobo_sync.web.sign_in import local_address

PAGES = ("/", "/collecte", "/qualite", "/synchronisations", "/livrables", "/formulaires", "/compte")
WEB = Path(__file__).parents[2] / "kobo_sync" / "web"


IMPERATIVES = {
    "accepter": "اقبل",
    "ajouter": "أضف",
    "aller": "انتقل",
    "calculer": "احسب",
    "changer": "غيّر",
    "chercher": "ابحث",
    "choisir": "اختر",
    "cocher": "حدّد",
    "comparer": "قارن",
    "contrôler": "راقب",
    "corriger": "صحّح",
    "créer": "أنشئ",
    "enregistrer": "احفظ",
    "fabriquer": "أعدّ",
    "faire": "أنجز",
    "fermer": "أغلق",
    "filtrer": "صفِّ",
    "lancer": "أجرِ",
    "livrer": "سلّم",
    "mettre": "أوقف",
    "montrer": "أظهر",
    "ouvrir": "افتح",
    "préparer": "أعدّ",
    "recompter": "أعد",
    "relever": "اجلب",
    "reprendre": "استأنف",
    "revenir": "ارجع",
    "rouvrir": "أعد",
    "révoquer": "ألغِ",
    "connecter": "سجّل",
    "déconnecter": "سجّل",
    "voir": "اعرض",
    "défaire": "تراجع",
    "envoyer": "أرسل",
    "essayer": "جرّب",
    "installer": "اعتمد",
    "prendre": "خذ",
    "publier": "انشر",
    "remplacer": "استبدل",
    "retirer": "احذف",
}


def test_what_a_button_asks_for_is_a_verb_in_arabic_too() -> None:
    """Part 8, B31: one kind of form throughout, the imperative; a verbal noun names, and asks for nothing."""
    french, arabic = texts_of("fr", "pages"), texts_of("ar", "pages")
    for text, translation in arabic.items():
        verb = re.match(r"(?:Se |Tout )?(\w+)(?!\w|,)", french[text])
        if verb and verb[1].lower() in IMPERATIVES:
            word = "جهّز" if text == "Set up a phone" else IMPERATIVES[verb[1].lower()]
            assert translation.split()[0] == word, text
    asked = {
        text
        for path in WEB.glob("templates/*.html")
        for text in re.findall(r"(?:<button[^>]*>{{ |run_now\('\w+', )t\('([^']+)'", path.read_text("utf-8"))
    }
    assert len(asked) > 8
    otherwise = {
        "جهّز",
        "حمّل",
        "استرجع",
        "تخلَّ",
        "امحُ",
        "تحقق",
    }  # for what French says by a noun, or by a pronoun and a verb
    for text in asked - {"link"}:  # a noun in French too
        assert arabic[text].split()[0] in {*IMPERATIVES.values(), *otherwise}, text
    assert [text for text in arabic.values() if "« " in text or " »" in text or "مشاركون منشورون" in text] == []


def test_a_count_is_singular_below_two_and_has_six_forms_in_arabic() -> None:
    """Part 8, B31."""
    texts = [tn("{n} finding", "{n} findings", n) for n in (0, 1, 2, 1200, "1", "≤ 10")]
    assert texts == ["0 constat", "1 constat", "2 constats", "1\u202f200 constats", "1 constat", "≤ 10 constats"]
    with speaking("ar"):
        texts = [tn("{n} finding", "{n} findings", n) for n in (0, 1, 2, 3, 11, 100, 103)]
    assert texts == [
        "لا ملاحظات",
        "ملاحظة واحدة",
        "ملاحظتان",
        "3 ملاحظات",
        "11 ملاحظة",
        "100 ملاحظة",
        "103 ملاحظات",
    ]


@pytest.mark.parametrize("page", PAGES)
def test_nobody_looks_without_signing_in(office: Office, page: str) -> None:
    answer = office.client().get(page)
    assert answer.status_code == 302 and answer.location.startswith("/connexion")


@pytest.mark.parametrize("username", ["amina", "maha", "lea", "rachid"])
def test_every_page_answers_for_every_role(office: Office, username: str) -> None:
    client = office.client(username)
    for page in PAGES:
        assert client.get(page).status_code == 200, page
    assert client.get("/reglages").status_code == (403 if username == "rachid" else 200)
    assert client.get("/comptes").status_code == (200 if username == "amina" else 403)


def test_answers_of_people_are_inert(office: Office) -> None:
    desk = office.field.mission.desk
    worklist.refresh(
        desk, [Finding("DATA002", "warning", "<b>x</b>", "<script>alert(1)</script>")], office.field.clock()
    )
    text = office.client("maha").get("/qualite").text
    assert "<script>alert" not in text and "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_headers_guard_every_answer(office: Office) -> None:
    client = office.client("maha")
    for page in ("/", "/absent", "/static/pages.css", "/health"):
        answer = client.get(page)
        headers = answer.headers
        answer.close()
        assert (
            "unsafe-inline" not in headers["Content-Security-Policy"]
            and "default-src 'none'" in headers["Content-Security-Policy"]
        )
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "DENY"
    assert client.get("/").headers["Cache-Control"] == "no-store"
    cookie = office.app.test_client().get("/connexion").headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie


def test_no_page_asks_anything_from_outside() -> None:
    for path in (*WEB.glob("templates/*"), *WEB.glob("static/*")):
        text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text and "https://" not in text and "style=" not in text and "onclick" not in text, path


# ── signing in ──


def test_a_wrong_password_is_not_told_from_a_wrong_name(office: Office) -> None:
    said = set()
    for username in ("maha", "personne"):
        client = office.client()
        answer: Any = post(client, "/connexion", "/connexion", username=username, password="fausse phrase ici")
        assert answer.status_code == 401
        said.add(answer.text.partition('role="alert"')[2].partition("</p>")[0])
    assert len(said) == 1


def test_an_idle_browser_is_signed_out_and_so_is_an_old_one(office: Office) -> None:
    client = office.client("maha")
    office.field.clock.forward(minutes=29)
    assert client.get("/").status_code == 200
    office.field.clock.forward(minutes=31)
    assert client.get("/").status_code == 302
    busy = office.client("maha")
    for _ in range(25):
        office.field.clock.forward(minutes=29)
        busy.get("/")
    assert busy.get("/").status_code == 302
    back = office.client("maha")
    office.field.clock.forward(days=-2)
    assert back.get("/").status_code == 302


def test_a_copied_cookie_is_worth_nothing_after_signing_out(office: Office) -> None:
    client = office.client("maha")
    name = str(office.app.config["SESSION_COOKIE_NAME"])
    cookie = client.get_cookie(name)
    assert cookie is not None
    post(
        client,
        "/deconnexion",
        "/",
    )
    thief = office.app.test_client()
    thief.set_cookie(name, cookie.value)
    assert thief.get("/").status_code == 302


def test_a_closed_account_is_out_at_once(office: Office) -> None:
    client = office.client("lea")
    accounts.close_user(office.field.mission.desk, "lea", office.field.clock(), "amina")
    assert client.get("/").status_code == 302


def test_nobody_is_sent_elsewhere_after_signing_in(office: Office) -> None:
    with office.app.test_request_context():
        for bad in ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "\\\\evil"):
            assert local_address(bad) == "/"
        assert local_address("/qualite?zone=nord") == "/qualite?zone=nord"


def test_one_s_own_password(office: Office) -> None:
    client = office.client("lea")
    wrong: Any = post(client, "/compte", "/compte", old="x", new="une autre phrase encore")
    weak: Any = post(client, "/compte", "/compte", old="une phrase assez longue", new="court")
    assert (wrong.status_code, weak.status_code) == (400, 400)
    changed: Any = post(client, "/compte", "/compte", old="une phrase assez longue", new="une autre phrase encore")
    assert changed.status_code == 302 and client.get("/").status_code == 302


# ── forged, huge, crooked ──


def test_a_forged_request_changes_nothing(office: Office) -> None:
    client = office.client("maha")
    for data in ({}, {"csrf_token": "x"}, {"csrf_token": token_of(office.client("lea"), "/")}):
        answer = client.post("/synchronisations/lancer", data={"job": "pull", **data})
        assert answer.status_code == 400 and "périmé" in answer.text
    assert schedules.wishes(office.field.mission.desk) == []


def test_a_huge_form_is_refused(office: Office) -> None:
    client = office.client("maha")
    answer = client.post("/qualite", data={"csrf_token": "x", "note": "x" * 400_000})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "../mirror.sqlite",
        "nord/../../../config/secrets.env",
        "nord/%2e%2e/%2e%2e/config/mission.toml",
        "/etc/passwd",
        "nord/MANIFEST.json",
        "nord//etc/passwd",
        "nord/liste-presence.docx\x00.pdf",
        "..\\..\\config",
        "nulle-part/liste-presence.docx",
    ],
)
def test_a_path_that_no_manifest_names_is_no_file(office: Office, path: str) -> None:
    client = office.client("maha")
    for door in ("fichier", "apercu"):
        assert client.get(f"/livrables/{door}/{path}").status_code == (400 if "\x00" in path else 404)
    post(client, "/livrables/lien", "/livrables", path=path)
    assert share_links.shares(office.field.mission.desk) == []


# ── who may take what ──


@pytest.mark.parametrize(
    ("username", "nominative", "internal", "aggregate"),
    [
        ("amina", 200, 200, 200),
        ("maha", 200, 200, 200),
        ("nora", 200, 200, 200),
        ("lea", 403, 200, 200),
        ("rachid", 403, 403, 200),
    ],
)
def test_nominative_files_only_for_staff_and_named_consultants(
    office: Office, username: str, nominative: int, internal: int, aggregate: int
) -> None:
    client = office.client(username)
    assert client.get("/livrables/fichier/nord/liste-presence.docx").status_code == nominative
    assert client.get("/livrables/fichier/nord-nominatif.zip").status_code == nominative
    assert client.get("/livrables/apercu/nord/liste-presence.pdf").status_code == nominative
    assert client.get("/livrables/fichier/nord/qualite-donnees.docx").status_code == internal
    assert client.get("/livrables/fichier/nord/fiche-zone.pdf").status_code == aggregate
    shown = client.get("/livrables").text
    assert ("liste-presence.docx" in shown) == (nominative == 200)


def test_each_download_is_noted_with_its_hash(office: Office) -> None:
    answer = office.client("maha").get("/livrables/fichier/nord/liste-presence.docx")
    assert answer.data == made(office, "nord/liste-presence.docx").read_bytes()
    assert "attachment" in answer.headers["Content-Disposition"]
    (noted,) = access_log.downloads(office.field.mission.desk)
    assert (noted.username, noted.path, noted.classification) == ("maha", "nord/liste-presence.docx", "nominative")
    assert "liste-presence.docx" in office.client("maha").get("/livrables").text


def test_a_preview_is_a_small_picture(office: Office) -> None:
    answer = office.client("rachid").get("/livrables/apercu/nord/fiche-zone.pdf")
    assert answer.mimetype == "image/png" and answer.data.startswith(b"\x89PNG") and len(answer.data) < 150_000


# ── share links ──


def _link(office: Office, path: str = "nord/fiche-zone.pdf") -> str:
    client = office.client("lea")
    post(client, "/livrables/lien", "/livrables", path=path)
    text = client.get("/livrables").text
    return "/lien/" + text.partition("/lien/")[2].partition('"')[0]


def test_a_link_opens_one_file_without_an_account_until_it_ends(office: Office) -> None:
    link = _link(office)
    stranger = office.client()
    answer = stranger.get(link)
    assert (
        answer.status_code == 200
        and answer.data.startswith(b"%PDF")
        and answer.headers["Referrer-Policy"] == "no-referrer"
    )
    assert access_log.downloads(office.field.mission.desk)[0].share_id
    assert stranger.get(link[:-2] + "xx").status_code == 410
    office.field.clock.forward(days=15)
    ended = stranger.get(link)
    assert ended.status_code == 410 and "expiré" in ended.text


def test_a_revoked_link_is_closed_at_once(office: Office) -> None:
    link = _link(office)
    (share,) = share_links.shares(office.field.mission.desk)
    client = office.client("maha")
    post(client, "/livrables/lien/revoquer", "/livrables", share_id=share.share_id)
    assert office.client().get(link).status_code == 410


def test_nothing_nominative_or_internal_is_shared(office: Office) -> None:
    client = office.client("maha")
    for path in ("nord/liste-presence.docx", "nord-nominatif.zip", "nord/qualite-donnees.docx"):
        post(client, "/livrables/lien", "/livrables", path=path)
    assert share_links.shares(office.field.mission.desk) == []


def test_rows_of_people_are_shared_only_where_the_config_says_so(office: Office) -> None:
    """Part 7, A4: a link asks for no account; a link made while it was allowed closes with the setting, too."""
    settings = office.field.mission.workspace.root / "config" / "mission.toml"
    text = settings.read_text("utf-8").replace('"zone_sheet"]', '"zone_sheet", "data_workbook"]')
    settings.write_text(text, "utf-8")
    mission = office.field.reopen()
    build(mission)
    deliver(mission)
    client = office.client("maha")
    for path in ("nord/donnees.xlsx", "nord.zip"):
        post(client, "/livrables/lien", "/livrables", path=path)
        assert client.get(f"/livrables/fichier/{path}").status_code == 200
    assert share_links.shares(mission.desk) == [] and "ne se partage pas par lien" in client.get("/livrables").text
    settings.write_text(f"{text}\n[privacy]\nshare_pseudonymised = true\n", "utf-8")
    link = _link(office, "nord.zip")
    assert office.client().get(link).status_code == 200
    settings.write_text(text, "utf-8")
    assert office.client().get(link).status_code == 410


def test_a_nominative_export_is_seen_by_who_reads_the_log(office: Office) -> None:
    """Part 7, A6."""
    export(office.field.mission, "csv", nominative=True, asked_by="nora")
    page = office.client("maha").get("/livrables").text
    assert "nora" in page and "export csv · personnes, visites · nord, sud" in page


def test_a_reader_sees_no_account_of_those_who_sent_nor_what_people_noted(office: Office) -> None:
    """Part 7, A1: the account that sent a row is nominative, a note is free text."""
    desk = office.field.mission.desk
    (item, *_) = worklist.page(desk).items
    worklist.set_state(desk, [item.key], "seen", "maha", "demander à Zineb", office.field.clock())
    for username, sees in (("maha", True), ("rachid", False)):
        client = office.client(username)
        pages = [client.get(path).text for path in ("/qualite?etat=all", f"/qualite/{item.key}", "/collecte/personnes")]
        assert ["demander à Zineb" in page for page in pages[:2]] == [sees, sees]
        assert ('name="enumerator"' in pages[0]) == sees and ("<bdi>maha</bdi></a></th>" in pages[2]) == sees


def test_a_reader_shares_and_starts_nothing(office: Office) -> None:
    client = office.client("rachid")
    for path, data in (
        ("/livrables/lien", {"path": "nord/fiche-zone.pdf"}),
        ("/synchronisations/lancer", {"job": "pull"}),
        ("/synchronisations/pause", {"job": "pull", "paused": "1"}),
        ("/qualite", {"state": "accepted", "key": "x"}),
    ):
        answer: Any = post(client, path, "/", **data)
        assert answer.status_code == 403, path
    consultant: Any = post(office.client("lea"), "/synchronisations/pause", "/", job="pull", paused="1")
    assert consultant.status_code == 403


# ── acting ──


def test_two_browsers_that_start_a_run_make_one(office: Office) -> None:
    one, two = office.client("maha"), office.client("lea")
    post(one, "/synchronisations/lancer", "/synchronisations", job="pull")
    post(two, "/synchronisations/lancer", "/synchronisations", job="pull")
    assert [wish.asked_by for wish in schedules.wishes(office.field.mission.desk)] == ["maha"]
    assert "déjà demandé" in two.get("/synchronisations").text and office.woken


def test_hours_are_set_paused_and_put_back(office: Office) -> None:
    client, desk = office.client("maha"), office.field.mission.desk
    post(client, "/synchronisations/horaires", "/synchronisations", job="pull", kind="every", minutes="30")
    assert schedules.settings(desk)["pull"].expressions == ("every 30 min",)
    assert "toutes les 30 minutes" in client.get("/synchronisations").text
    post(client, "/synchronisations/horaires", "/synchronisations", job="build", kind="daily", at="06:05", weekday="1")
    assert schedules.settings(desk)["build"].expressions == ("5 6 * * 1",)
    assert "chaque lundi à 06:05" in client.get("/synchronisations").text
    post(client, "/synchronisations/pause", "/synchronisations", job="pull", paused="1")
    assert "en pause" in client.get("/synchronisations").text
    post(client, "/synchronisations/horaires", "/synchronisations", job="pull", kind="config")
    assert schedules.settings(desk)["pull"].expressions is None
    post(client, "/synchronisations/horaires", "/synchronisations", job="pull", kind="daily", at="25:99")
    assert "pas comprise" in client.get("/synchronisations").text
    for data in (
        {"job": "pull", "kind": "every", "minutes": "1"},
        {"job": "rm", "kind": "config"},
        {"job": "pull", "kind": "x"},
    ):
        refused: Any = post(client, "/synchronisations/horaires", "/synchronisations", **data)
        assert refused.status_code == 400


def test_a_run_at_work_is_shown_live(office: Office) -> None:
    desk, client = office.field.mission.desk, office.client("rachid")
    before = client.get("/synchronisations/etat.json").json
    assert before is not None and (before["run_id"], before["waiting"]) == (None, 0)
    runs.take_lease(desk, "me", "here", 1, office.field.clock())
    run_id = runs.start_run(desk, "pull", Order("person", "maha"), office.field.clock(), "here", 1)
    runs.beat(desk, "me", run_id, {"what": "visites", "done": 40, "total": 100})
    now = client.get("/synchronisations/etat.json").json
    assert now is not None and (now["run_id"], now["done"], now["total"]) == (run_id, 40, 100)
    assert "40 / 100" in client.get("/synchronisations").text
    assert office.client().get("/synchronisations/etat.json").status_code == 401


def test_a_failed_run_says_what_and_what_to_do(office: Office) -> None:
    desk = office.field.mission.desk
    run_id = runs.start_run(desk, "pull", Order(), office.field.clock(), "here", 1)
    runs.end_run(desk, run_id, office.field.clock(), "failed", {"error": "no network", "hint": "plug it in"})
    client = office.client("lea")
    assert "a échoué" in client.get("/").text
    text = client.get(f"/synchronisations/{run_id}").text
    assert "no network" in text and "plug it in" in text
    for unknown in ("99999", "9" * 30):
        assert client.get(f"/synchronisations/{unknown}").status_code == 404
    assert client.get(f"/synchronisations?avant={'9' * 30}").status_code == 200
    assert client.get("/synchronisations?avant=-" + "9" * 30).status_code == 200


def test_findings_are_judged_with_a_note_and_their_story_is_kept(office: Office) -> None:
    desk, client = office.field.mission.desk, office.client("lea")
    worklist.refresh(
        desk,
        [Finding("DATA002", "warning", "nord", f"m{n}", root_uuid=f"r{n}") for n in range(3)],
        office.field.clock(),
    )
    keys = [item.key for item in worklist.page(desk).items]
    post(client, "/qualite", "/qualite", state="false_alarm", key=keys[:2], note="vérifié au téléphone")
    assert worklist.counts(desk)["false_alarm"] == 2
    story = client.get(f"/qualite/{keys[0]}").text
    assert "vérifié au téléphone" in story and "lea" in story
    assert (
        "Cochez"
        in client.get(
            client.post("/qualite", data={"state": "seen", "csrf_token": token_of(client, "/")}).location
        ).text
    )
    gone: Any = post(client, "/qualite", "/qualite", state="seen", key="unknown")
    assert "a changé" in client.get(gone.location).text
    wrong: Any = post(client, "/qualite", "/qualite", state="x", key=keys[0])
    assert wrong.status_code == 400 and client.get("/qualite/absent").status_code == 404
    assert client.get("/qualite?zone=%27%22%3E&etat=x&apres=1.x&severity=zz").status_code == 200


# ── language ──


def test_arabic_turns_the_page_round(office: Office) -> None:
    client: FlaskClient = office.client("maha")
    post(client, "/langue", "/", language="ar")
    for page in PAGES:
        text = client.get(page).text
        assert '<html lang="ar" dir="rtl">' in text, page
    assert "لوحة القيادة" in client.get("/").text
    post(client, "/langue", "/", language="xx")
    assert 'dir="rtl"' in client.get("/").text


def test_what_the_mission_names_in_arabic_is_arabic_on_arabic_pages(office: Office) -> None:
    """Part 8, B31: French titles of mission and forms, and arrows that point back."""
    path = office.field.mission.workspace.root / "config" / "mission.toml"
    text = path.read_text("utf-8").replace('code = "essai"', 'code = "essai"\ntitles = { ar = "مهمة تجريبية" }')
    path.write_text(text.replace("[forms.visites]\n", '[forms.visites]\ntitles = { ar = "الزيارات" }\n'), "utf-8")
    client = office.client("maha")
    assert "مهمة تجريبية" not in client.get("/").text and "الزيارات" not in client.get("/collecte").text
    post(client, "/langue", "/", language="ar")
    assert "مهمة تجريبية" in client.get("/").text
    for page in ("/collecte", "/collecte/visites", "/formulaires"):
        assert "الزيارات" in client.get(page).text, page
    quality = client.get("/qualite?etat=all").text
    assert "←" in quality and "→" not in quality


# ── small counts ──


def test_readers_see_no_count_that_points_at_somebody(office: Office) -> None:
    snapshot = office.field.mission.desk.snapshot("dashboard")
    assert snapshot is not None
    content = snapshot[0]
    for place in (content["mission"], *content["zones"]):
        place["groups"][0] |= {"women": 1, "men": 6}
        place["n_present"] = 7
    office.field.mission.desk.put_snapshot("dashboard", content, "x", office.field.clock())
    assert '<td class="n">6</td>' in office.client("lea").get("/").text
    seen = office.client("rachid").get("/").text
    assert '<td class="n">6</td>' not in seen and '<td class="n">–</td>' in seen


def test_readers_see_rows_to_the_ten_above(office: Office) -> None:
    """Part 7, A5: a form's rows are one a person; their exact number tells who did not answer."""
    for page in ("/collecte", "/collecte/personnes"):
        exact, seen = (office.client(who).get(page).text for who in ("lea", "rachid"))
        assert "≤ 10" in seen and "≤" not in exact, page
    assert '<td class="n">5</td>' in exact and '<td class="n">5</td>' not in seen


def test_positions_are_for_staff_and_consultants(office: Office) -> None:
    assert "<circle" in office.client("lea").get("/collecte/visites").text
    assert "<circle" not in office.client("rachid").get("/collecte/visites").text
    assert office.client("lea").get("/collecte/absent").status_code == 404


# ── settings and forms ──


def test_no_secret_is_on_the_settings_page(office: Office) -> None:
    text = office.client("maha").get("/reglages").text
    assert "t" * 40 not in text and "KOBO_TOKEN" in text and "mission" in text


def test_forms_say_whether_phones_have_them(office: Office) -> None:
    client = office.client("lea")
    assert "à jour" in client.get("/formulaires").text
    path = office.field.mission.workspace.root / "forms" / "visites.md"
    path.write_text(path.read_text("utf-8").replace("Prénom", "Petit nom"), "utf-8")
    assert "modifié depuis la publication" in client.get("/formulaires").text
    # Part 8, B31: the office's server is this machine's own address, which a phone cannot reach.
    assert client.get("/formulaires/code.png?compte=fatima").status_code == 404
    assert "s’y parlerait à lui-même" in client.get("/formulaires?compte=fatima").text
    config = office.field.mission.workspace.root / "config" / "mission.toml"
    config.write_text(config.read_text("utf-8").replace('kc = "http://127.0.0.1:1"', 'kc = "https://kc.example.org"'))
    assert "s’y parlerait à lui-même" not in client.get("/formulaires?compte=fatima").text
    code = client.get("/formulaires/code.png?compte=fatima")
    assert code.mimetype == "image/png" and client.get("/formulaires/code.png?compte=a%20b").status_code == 400
    assert "nom de compte" in client.get("/formulaires?compte=a%20b%3C").text


def test_a_broken_setting_is_shown_and_the_pages_go_on(office: Office) -> None:
    client = office.client("maha")
    path = office.field.mission.workspace.root / "config" / "mission.toml"
    path.write_text("[mission\n", "utf-8")
    assert "réglages est en faute" in client.get("/").text


# ── doors ──


def test_the_hook_wakes_a_pull_of_its_form(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, client = office.field.mission.desk, office.client()
    assert client.post("/hook/anything").status_code == 404
    secrets = office.field.mission.workspace.root / "config" / "secrets.env"
    secrets.write_text("HOOK_SECRET=un-long-mot-de-passe\n", "utf-8")
    secrets.chmod(0o600)
    uid = office.field.uid("visites")
    assert client.post("/hook/wrong", json={}).status_code == 404
    assert client.get("/hook/un-long-mot-de-passe").status_code == 405
    answer = client.post("/hook/un-long-mot-de-passe", json={"_id": 3, "_xform_id_string": uid, "nom": "x"})
    assert answer.status_code == 202 and answer.data == b""
    client.post("/hook/un-long-mot-de-passe/personnes", data=b"not json")
    client.post("/hook/un-long-mot-de-passe/personnes", data=b"not json")
    client.post("/hook/un-long-mot-de-passe", data=b"[" * 5000)
    assert client.post("/hook/un-long-mot-de-passe", data=b"x" * 200_000).status_code == 413
    assert {(wish.job, wish.form_id, wish.origin) for wish in schedules.wishes(desk)} == {
        ("pull", "visites", "hook"),
        ("pull", "personnes", "hook"),
        ("pull", "", "hook"),
    }
    assert office.woken


def test_health_and_metrics(office: Office) -> None:
    client = office.client()
    said = client.get("/health").json
    assert said is not None and said["ready"] is True and said["last_success_age_s"] == 0
    text = client.get("/metrics").text
    assert 'kobo_sync_submissions{form="personnes"} 5.0' in text and 'kobo_sync_runs{job="run",status="' in text
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 404


def test_no_proxy_header_is_believed(office: Office) -> None:
    answer = office.client().get(
        "/metrics", headers={"X-Forwarded-For": "127.0.0.1"}, environ_base={"REMOTE_ADDR": "192.0.2.7"}
    )
    assert answer.status_code == 404


def test_a_request_has_a_number_and_no_log_line_holds_a_secret(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "kobo_sync.web")
    client = office.client()
    assert client.get("/health", headers={"X-Request-ID": "abc-1"}).headers["X-Request-ID"] == "abc-1"
    assert (
        client.get("/health", headers={"X-Request-ID": "a b\nc".replace("\n", " ")}).headers["X-Request-ID"] != "a b c"
    )
    client.post("/hook/canari-dans-une-adresse")
    client.get("/lien/canari-dans-une-adresse")
    assert "canari" not in caplog.text and "/hook/<secret>" in caplog.text


def test_json_logs_hide_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    import logging

    from kobo_sync.service.logs import Hiding, JsonLines

    record = logging.LogRecord("kobo_sync", logging.ERROR, "", 1, "refused: %s", ("canary-token é",), None)
    record.request_id = "r1"
    line = json.loads(Hiding(JsonLines(), ["canary-token", ""]).format(record))
    assert line["message"] == "refused: ••• é" and line["request_id"] == "r1" and line["level"] == "error"


def test_an_unknown_share_age_is_refused(office: Office) -> None:
    client = office.client("lea")
    refused: Any = post(client, "/livrables/lien", "/livrables", path="nord/fiche-zone.pdf", days="4000")
    assert refused.status_code == 400
    assert timedelta(days=office.field.mission.config.service.share_days) == timedelta(days=14)


def test_figures_that_an_older_program_kept_are_not_shown_but_worked_out_again(office: Office) -> None:
    desk = office.field.mission.desk
    with desk.begin() as connection:  # as version 0.1.0 wrote it, before collections counted what is gone
        old = {"fingerprint": "0" * 32, "content": '{"forms": [{"form_id": "visites"}], "zones": []}'}
        connection.execute(desk_schema.snapshots.update().values(**old))
    browser = office.client("maha")
    assert desk.snapshot("dashboard") is None
    for path in ("/", "/collecte"):
        assert browser.get(path).status_code == 200
    analyse(office.field.mission)
    snapshot = desk.snapshot("collection")
    assert snapshot is not None and {form["form_id"] for form in snapshot[0]["forms"]} == {"personnes", "visites"}
