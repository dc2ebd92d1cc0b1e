"""Each page whole in the browser's language, whichever of three that is, and how it comes to be that one. Part 11, A5 and B16."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from test_words import OTHERS
from web_office import PAGES as OFFICE_PAGES
from web_office import Office, post

from kobo_sync.desk import runs, share_links, worklist
from kobo_sync.desk.runs import Order
from kobo_sync.language.catalogue import DOMAINS, texts_of
from kobo_sync.language.speaking import LANGUAGES, NAMES, Code, Language, speaking, spoken
from kobo_sync.mission.run_log import recorded
from kobo_sync.model import Report
from kobo_sync.steps.doctor import doctor
from kobo_sync.web.texts import translate

PAGES = (*OFFICE_PAGES, "/absent")
ACCENTS = re.compile("[éèêàçùô]")
AMISS = {code: others if code == "fr" else (*others, ACCENTS) for code, others in OTHERS.items()}
WEB = Path(__file__).parents[2] / "kobo_sync" / "web"


def _words(html: str) -> str:
    """What people see or hear of a page, but for what it quotes: codes, names of files and accounts, answers, languages' names."""
    told = re.findall(r'(?:aria-label|alt|title|data-label)="([^"]*)"', html)
    html = re.sub(
        r"<(script|style|head)\b.*?</\1>|<bdi[^>]*>[^<]*</bdi>|<button[^>]* lang=.*?</button>", " ", html, flags=re.S
    )
    html = html.replace("Mission d’essai", " ")  # its own title
    return " | ".join(" ".join(unescape(text).split()) for text in (*told, *re.split(r"<[^>]+>", html)) if text.strip())


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_has_a_word_of_another_language(office: Office, language: Code) -> None:
    desk, now = office.field.mission.desk, office.field.clock()
    failed = runs.start_run(desk, "pull", Order("schedule"), now, "here", 1)
    runs.end_run(desk, failed, now, "failed", {"error": "the program was interrupted", "hint": ""})
    recorded(office.field.mission, "doctor", doctor)
    share_links.share(desk, "nord/fiche-zone.pdf", "maha", now, now.replace(year=2030))
    key = worklist.page(desk, states=()).items[0].key
    amiss = {}
    for username, pages in (
        ("", ("/connexion", "/lien/absent")),
        ("maha", (*PAGES, f"/synchronisations/{failed}", f"/qualite/{key}")),
        ("rachid", (*PAGES, "/reglages")),
    ):
        client = office.client(username)
        with client.session_transaction() as kept:
            kept["language"] = language
        for path in pages:
            text = client.get(path).text
            assert f'<html lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}">' in text, path
            assert [code for code in NAMES if f'value="{code}" lang="{code}"' in text] == [
                code for code in NAMES if code != language
            ]
            words = _words(text)
            if found := [match[0] for other in AMISS[language] for match in other.finditer(words)]:
                amiss[username, path] = (found, words)
    assert amiss == {}


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("en-GB,en;q=0.9", "en"),
        ("ar-MA,ar;q=0.9,fr;q=0.8", "ar"),
        ("es-ES,es;q=0.9,en;q=0.3,ar;q=0.2", "en"),
        ("en;q=0.2,ar;q=0.7", "ar"),
        ("en;q=0,ar;q=0.1", "ar"),
        ("zgh,es", "fr"),
        ("*", "fr"),
        ("", "fr"),
        (";;q=,=\x7f", "fr"),
    ],
)
def test_a_browser_is_answered_in_the_language_that_it_would_rather_read(
    office: Office, accepted: str, language: str
) -> None:
    page = office.client().get("/connexion", headers={"Accept-Language": accepted})
    assert f'<html lang="{language}"' in page.text


def test_one_that_reads_none_of_ours_gets_the_documents_language(office: Office) -> None:
    path = office.field.mission.workspace.root / "config" / "mission.toml"
    path.write_text(path.read_text("utf-8").replace("[mission]\n", '[mission]\ndocuments = "en"\n', 1), "utf-8")
    client = office.client()
    for accepted, language in (("es", "en"), ("fr", "fr")):
        assert f'<html lang="{language}"' in client.get("/connexion", headers={"Accept-Language": accepted}).text


def test_what_a_person_chose_goes_before_what_the_browser_says_and_outlives_the_session(office: Office) -> None:
    client = office.client("maha")
    english = {"Accept-Language": "en"}
    assert '<html lang="en"' in client.get("/", headers=english).text
    post(client, "/langue", "/", language="ar")
    assert '<html lang="ar"' in client.get("/", headers=english).text
    post(client, "/deconnexion", "/")
    assert '<html lang="ar"' in client.get("/connexion", headers=english).text
    post(client, "/langue", "/connexion", language="es")
    assert '<html lang="ar"' in client.get("/connexion", headers=english).text


@pytest.mark.parametrize(
    ("path", "data"), [("/synchronisations/lancer", {}), ("/absent", {}), ("/connexion", {"csrf_token": "x"})]
)
def test_refusals_are_told_in_it_too(office: Office, path: str, data: dict[str, str]) -> None:
    answer = office.client("maha").post(path, data=data, headers={"Accept-Language": "en"})
    assert answer.status_code >= 400 and '<html lang="en"' in answer.text
    assert not [match for other in AMISS["en"] for match in other.finditer(_words(answer.text))]


def test_what_is_of_the_settings_runs_its_own_way_in_an_arabic_sentence() -> None:
    """A bracket or an underline that stands before a Latin word belongs to it, or it ends up on the other side."""
    with speaking("ar"):
        text = translate('write id = "x" under [mission], the same on every machine of this mission')
    assert '<bdi dir="ltr">[mission]</bdi>' in text


def test_a_form_without_differences_is_listed_with_none(office: Office) -> None:
    now = office.field.clock()
    recorded(office.field.mission, "diff", lambda mission: Report("diff", now, now, lines=("visites: no difference",)))
    text = office.client("maha").get("/formulaires").text
    assert "Dernière comparaison" in text and "Différences" not in text and "difference" not in text


def test_a_request_leaves_its_thread_as_it_was(office: Office) -> None:
    """Threads answer one browser after another, and what is no page says nothing about its language."""
    client = office.client("maha")
    for path in ("/", "/absent", "/health", "/static/pages.css"):
        with speaking("ar"):
            client.get(path, headers={"Accept-Language": "en"}).close()
            assert spoken().code == "ar", path


def test_a_page_that_breaks_leaves_it_too(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(runs, "last_runs", broken)
    answer = office.client("maha").get("/synchronisations", headers={"Accept-Language": "en"})
    assert answer.status_code == 500 and "The program is at fault" in answer.text and spoken().code == "fr"


@pytest.mark.parametrize("language", ["fr", "ar"])
def test_what_the_pages_say_the_mails_and_papers_say_so_too(language: Code) -> None:
    """A text of several domains is told by the first of them: another translation in ``pages`` would never be read."""
    own = texts_of(language, "pages")
    for domain in DOMAINS:
        others = texts_of(language, domain)
        assert {text: others[text] for text in own if others.get(text, own[text]) != own[text]} == {}, domain


def test_templates_have_no_text_outside_the_catalogue() -> None:
    """Words that stand bare in a template would be the same in each language."""
    for path in (WEB / "templates").glob("*.html"):
        bare = re.sub(
            r"{#.*?#}|{%.*?%}|[a-z-]+=\"[^\"]*\"|{{.*?}}|<[^>]*>|zones\.csv|kobo-sync( user add)?",
            " ",
            path.read_text("utf-8"),
            flags=re.S,
        )
        assert re.findall(r"[^\W\d_]{2,}", bare) == [], path.name


def test_arabic_pages_are_written_with_the_digits_of_the_settings(office: Office) -> None:
    """Part 11, A5: hours, days, numbers, and those in what the program says; codes, addresses and other languages keep theirs."""
    path = office.field.mission.workspace.root / "config" / "mission.toml"
    path.write_text(path.read_text("utf-8").replace("[mission]\n", '[mission]\ndigits = "arabic"\n', 1), "utf-8")
    client = office.client("rachid")
    seen = {}
    for language in ("ar", "fr"):
        with client.session_transaction() as kept:
            kept["language"] = language
        seen[language] = {page: _words(client.get(page).text) for page in ("/", "/synchronisations", "/collecte")}
    eastern = re.compile("[٠-٩]")
    assert all(eastern.search(text) for text in seen["ar"].values())
    assert not any(eastern.search(text) for text in seen["fr"].values())
    assert [hour for text in seen["ar"].values() for hour in re.findall(r"[0-9]{2}:[0-9]{2}", text)] == [], "hours too"
    with speaking(Language("ar", "arabic")):
        assert "NOR-03" in translate("config/zones.csv, row 3, code: 'NOR-03' cannot be a code")
        assert "٣" in translate("config/zones.csv, row 3, code: 'NOR-03' cannot be a code")
    with speaking("ar"):
        assert not eastern.search(translate("config/zones.csv, row 3, code: 'NOR-03' cannot be a code"))


def test_lists_are_joined_in_the_language_of_the_page_and_no_key_of_settings_is_torn(office: Office) -> None:
    client = office.client("amina")
    path = office.field.mission.workspace.root / "config" / "mission.toml"
    text = path.read_text("utf-8").replace('[[groups]]\ncode = "a"\n', '[[groups]]\ncode = "a"\nshort = "GA"\n', 1)
    assert 'short = "GA"' in text
    path.write_text(text, "utf-8")
    for page in ("/qualite", "/qualite?etat=all"):
        shown = re.sub(r"<[^>]+>", "", unescape(client.get(page, headers={"Accept-Language": "ar"}).text))
        assert "Sud، Groupe B" in shown and not re.search(r"\w, \w", shown)
    settings = client.get("/reglages", headers={"Accept-Language": "ar"}).text
    assert "groups[1].short<" in settings and "short.<" not in settings
