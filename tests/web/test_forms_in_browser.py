"""Forms and the server's projects in a real browser: the journeys of an administrator, each width and language, axe, no request abroad."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import TOKEN, VISITES
from playwright.sync_api import Browser, Page
from test_browser import CUT, PICTURES, SHOWN, Scheme, _complaints, _signed_in, browser, pytestmark  # noqa: F401
from web_office import post
from web_workshop import Workshop, upload, workbook

from kobo_sync.desk import runs

BROKEN = VISITES.replace("| geopoint ", "| geopiont ")
OTHER = VISITES.replace("| Visites ", "| Tournées ").replace("| Photo  ", "| Image  ")
PATIENCE_MS = 60_000  # of a deployment, which ODK Validate judges


def _look(page: Page, name: str, size: str, language: str) -> None:
    """The page fits, is complained of by nobody, and is kept where pictures are wanted."""
    page.wait_for_load_state("networkidle")
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"forms-{name}-{size}-{language}.png"), full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0, name
    assert page.evaluate(CUT) == [], name
    assert _complaints(page) == [], name


def _chosen(content: bytes) -> list[dict[str, object]]:
    mimetype = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return [{"name": "visites.xlsx", "mimeType": mimetype, "buffer": content}]


def _upload(page: Page, content: bytes) -> None:
    page.set_input_files("#workbook", _chosen(content))  # type: ignore[arg-type]
    page.click("section[aria-labelledby=upload-title] button")
    page.wait_for_selector("#draft-title", timeout=PATIENCE_MS)


def test_a_form_goes_from_the_desk_to_the_phones_and_back(workshop: Workshop, browser: Browser) -> None:  # noqa: F811
    page = _signed_in(browser, workshop.url, "amina")
    abroad: list[str] = []
    page.on(
        "request",
        lambda asked: None if asked.url.startswith((workshop.url, "data:", "blob:")) else abroad.append(asked.url),
    )
    page.click("nav >> text=Formulaires")
    _upload(page, workbook(BROKEN))
    text = page.inner_text("section[aria-labelledby=draft-title]")
    assert "geopiont" in text and "ligne 5" in text and page.query_selector("text=Installer le brouillon") is None
    _upload(page, workbook(OTHER))
    text = page.inner_text("section[aria-labelledby=draft-title]")
    assert "Aucune réponse enregistrée ne perd sa place" in text
    page.click("text=Sur papier")
    page.wait_for_selector("img.sheet")
    assert page.evaluate("document.querySelector('img.sheet').naturalWidth > 0 || 'lazy'")
    page.go_back()
    page.click("text=Dans le navigateur")
    page.wait_for_selector("body[data-ready]", timeout=PATIENCE_MS)
    assert "rien n’est envoyé" in page.inner_text(".trial") and "Image" in page.inner_text("form.or")
    page.click(".finish")
    page.wait_for_selector(".notice:has-text('rien n’est envoyé')")
    assert workshop.mission.store.holdings(["visites"])[0].n_live == 0
    page.click("a.back")
    page.click("button:text-is('Installer le brouillon')")
    page.click("button:text-is('Publier vers les téléphones')")
    assert "est demandée" in page.inner_text("[role=status]")
    workshop.service.start()
    page.wait_for_selector("text=Les téléphones reçoivent le formulaire tel qu’il est ici", timeout=PATIENCE_MS)
    assert any(form.name == "Tournées" for form in workshop.field.phone.forms())
    page.click("button:has-text('En refaire un brouillon')")
    page.wait_for_selector("#draft-title", timeout=PATIENCE_MS)
    page.click("button:text-is('Installer le brouillon')")
    page.click("button:text-is('Publier vers les téléphones')")
    # The page may say at once that it is done, or still what was true before: phones themselves are asked.
    for _ in range(PATIENCE_MS // 200):
        if any(form.name == "Visites" for form in workshop.field.phone.forms()):
            break
        page.wait_for_timeout(200)
    assert any(form.name == "Visites" for form in workshop.field.phone.forms())
    assert abroad == []
    page.context.close()


def test_a_server_is_tried_kept_and_its_projects_adopted_by_keyboard(newcomer: Workshop, browser: Browser) -> None:  # noqa: F811
    page = _signed_in(browser, newcomer.url, "amina", "phone")

    def go_to(selector: str) -> None:
        for _ in range(120):
            if page.evaluate("s => document.activeElement.matches(s)", selector):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"the keyboard does not reach {selector}")

    page.goto(f"{newcomer.url}/formulaires")
    go_to("a[href='/serveur']")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{newcomer.url}/serveur")
    for field, text in (("#kf", newcomer.field.url), ("#kc", newcomer.field.url), ("#token", TOKEN)):
        go_to(field)
        page.keyboard.press("Control+A")
        page.keyboard.type(text)
    go_to("button[value=try]")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Le serveur connaît le compte")
    assert page.input_value("#token") == "" and TOKEN not in page.content()
    go_to("#token")
    page.keyboard.type(TOKEN)
    go_to("button[value=keep]")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=sont gardés")
    page.click("text=Projets du serveur")
    go_to(f"input[value={newcomer.field.uid('personnes')}]")
    page.keyboard.press("Space")
    go_to("form[action$=adopter] button")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=est demandée")
    newcomer.service.start()
    page.wait_for_selector("text=Ce qui a été reconnu", timeout=PATIENCE_MS)
    assert "personnes" in page.inner_text("main") and runs.last_runs(newcomer.mission.desk, 1)[0].status == "done"
    page.context.close()


@pytest.mark.parametrize(("size", "language", "scheme"), SHOWN)
def test_the_pages_of_forms_fit_and_axe_has_no_complaint(
    workshop: Workshop, browser: Browser, size: str, language: str, scheme: Scheme  # noqa: F811
) -> None:  # fmt: skip
    client, at = workshop.client(), "/formulaires/visites"
    upload(client, f"{at}/fichier", at, workbook(BROKEN))
    page = _signed_in(browser, workshop.url, "amina", size, language, scheme)

    def look(path: str, name: str) -> None:
        page.goto(workshop.url + path)
        for closed in page.query_selector_all("details:not([open]) > summary"):
            closed.click()
        _look(page, name, size, language)

    look("/formulaires", "list")
    look(at, "errors")
    upload(
        client,
        f"{at}/fichier",
        at,
        workbook(OTHER.replace("| image ", "| text  ").replace("max-pixels=640", "              ")),
    )
    look(at, "draft")
    look(f"{at}/papier", "paper")
    mark = workshop.mission.workspace.form_drafts.get("visites").mark  # type: ignore[union-attr]
    post(client, f"{at}/reprendre", at, mark=mark)
    post(client, f"{at}/deployer", at)
    look(at, "requested")
    page.goto("about:blank")  # it would load itself anew as soon as the run is over
    workshop.carry_out_all()
    look(at, "deployed")
    look("/serveur", "server")
    look("/serveur/projets", "projects")
    page.goto(f"{workshop.url}{at}/essai")
    page.wait_for_selector("body[data-ready]", timeout=PATIENCE_MS)
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"forms-trial-{size}-{language}.png"), full_page=True)
    assert _complaints(page) == [], "trial"
    page.context.close()
