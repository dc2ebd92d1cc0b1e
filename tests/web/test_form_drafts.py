"""Forms on the page: uploaded as drafts, judged and compared, taken over, deployed, rolled back; what is refused says so."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from conftest import PERSONNES, VISITES
from web_office import post, token_of
from web_workshop import Workshop, upload, workbook

from kobo_sync.desk import changes, runs, schedules
from kobo_sync.workspace.form_drafts import Draft

PAGE = "/formulaires/visites"
BROKEN = VISITES.replace("| geopoint ", "| geopiont ").replace("gps      |", "gps      |")
WITHOUT_PHOTO = "\n".join(line for line in VISITES.splitlines() if "| photo " not in line)
WITHOUT_NAME = PERSONNES.replace("|        | text                           | nom    | Nom                    | الاسم               | yes      | ${accord} = 'oui' |\n", "")  # fmt: skip


def _draft(workshop: Workshop, form_id: str = "visites") -> Draft | None:
    return workshop.field.mission.workspace.form_drafts.get(form_id)


def _files(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() for path in sorted((root / "forms").rglob("*")) if path.is_file()
    }


def test_a_broken_form_is_a_draft_with_places_and_nothing_is_changed(workshop: Workshop) -> None:
    before, client = _files(workshop.root), workshop.client("amina")
    text = upload(client, f"{PAGE}/fichier", PAGE, workbook(BROKEN))
    assert "survey" in text and "geopiont" in text and "Prendre le brouillon" not in text
    assert "ligne 5" in text or "row 5" in text
    draft = _draft(workshop)
    assert draft is not None and draft.by == "amina" and _files(workshop.root) == before
    answer = post(client, f"{PAGE}/reprendre", PAGE, mark=draft.mark)
    assert answer.status_code == 302 and _files(workshop.root) == before, "deploy would refuse it: it cannot be forced"


def test_a_form_goes_from_a_draft_to_the_phones_and_back(workshop: Workshop) -> None:
    client, mission = workshop.client("amina"), workshop.field.mission
    original = (workshop.root / "forms" / "visites.md").read_bytes()
    upload(client, f"{PAGE}/fichier", PAGE, workbook(VISITES.replace("| Visites ", "| Tournées ")))
    draft = _draft(workshop)
    assert draft is not None
    post(client, f"{PAGE}/reprendre", PAGE, mark=draft.mark)
    assert _draft(workshop) is None and not (workshop.root / "forms" / "visites.md").exists()
    assert 'file = "visites.xlsx"' in (workshop.root / "config" / "mission.toml").read_text("utf-8")
    post(client, f"{PAGE}/deployer", PAGE)
    workshop.carry_out_all()
    run = runs.last_runs(mission.desk, 1)[0]
    assert (run.job, run.status, run.asked_by) == ("deploy", "done", "amina"), run.report
    assert any(form.name == "Tournées" for form in workshop.field.phone.forms())
    assert "Les téléphones reçoivent" in client.get(PAGE).text
    (earlier,) = changes.changes(mission.desk, path="forms/visites.md")
    post(client, f"{PAGE}/revenir", PAGE, path="forms/visites.md", sha256=earlier.before_sha256)
    draft = _draft(workshop)
    assert draft is not None and draft.file == "visites.md"
    post(client, f"{PAGE}/reprendre", PAGE, mark=draft.mark)
    assert (workshop.root / "forms" / "visites.md").read_bytes() == original
    post(client, f"{PAGE}/deployer", PAGE)
    workshop.carry_out_all()
    assert runs.last_runs(mission.desk, 1)[0].status == "done"
    assert any(form.name == "Visites" for form in workshop.field.phone.forms())


def test_answers_that_would_be_lost_are_counted_and_their_code_must_be_ticked(workshop: Workshop) -> None:
    from kobo_sync.steps.pull import pull

    workshop.field.person("NOR-01")
    pull(workshop.field.reopen())
    page, client, desk = "/formulaires/personnes", workshop.client("amina"), workshop.field.mission.desk
    text = upload(client, f"{page}/fichier", page, workbook(WITHOUT_NAME.replace("nom | ", "nom | ")), "personnes.xlsx")
    assert "DIFF001" in text and "nom" in text
    draft = _draft(workshop, "personnes")
    assert draft is not None
    post(client, f"{page}/reprendre", page, mark=draft.mark)
    post(client, f"{page}/deployer", page)
    workshop.carry_out_all()
    text = client.get(page).text
    assert 'value="DEPLOY006"' in text and "perdent leur question" in text
    assert post(client, f"{page}/deployer", page, despite="DEPLOY999").status_code == 400
    post(client, f"{page}/deployer", page, despite="DEPLOY006")
    workshop.carry_out_all()
    run = runs.last_runs(desk, 1)[0]
    assert run.status == "done" and "personnes: DEPLOY006 was overridden by amina" in run.report["lines"]
    post(client, f"{page}/deployer", page)
    workshop.carry_out_all()
    assert not any("overridden" in line for line in runs.last_runs(desk, 1)[0].report["lines"]), "once, not for ever"


def test_a_draft_that_changed_meanwhile_is_not_taken_over(workshop: Workshop) -> None:
    client, before = workshop.client("amina"), _files(workshop.root)
    upload(client, f"{PAGE}/fichier", PAGE, workbook(VISITES))
    seen = _draft(workshop)
    assert seen is not None
    upload(client, f"{PAGE}/fichier", PAGE, workbook(VISITES.replace("Visites ", "Autres  ")))
    post(client, f"{PAGE}/reprendre", PAGE, mark=seen.mark)
    assert _files(workshop.root) == before and _draft(workshop) is not None


def _bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"<row/>" * 8_000_000)
    return out.getvalue()


def test_what_is_no_form_is_told_and_changes_nothing(workshop: Workshop) -> None:
    client, before = workshop.client("amina"), _files(workshop.root)
    for content in (b"", b"no workbook", b"PK\x03\x04 cut", _bomb()):
        for to, page in (("/formulaires/fichier", "/formulaires"), (f"{PAGE}/fichier", PAGE)):
            text = upload(client, to, page, content)
            assert 'class="tag bad"' in text or 'role="alert"' in text, content[:20]
            assert "Traceback" not in text and "zipfile" not in text
        assert client.get(f"{PAGE}/papier").status_code == 200 and client.get("/formulaires").status_code == 200
    assert _files(workshop.root) == before


def test_other_names_and_other_forms_are_refused(workshop: Workshop) -> None:
    client = workshop.client("amina")
    assert 'role="alert"' in upload(client, f"{PAGE}/fichier", PAGE, b"x", "../../visites.py")
    text = upload(client, f"{PAGE}/fichier", PAGE, workbook(PERSONNES))
    assert "DRAFT001" in text and "personnes" in text
    assert 'role="alert"' in upload(client, f"{PAGE}/medias/fichier", PAGE, b"x", "a/../..")
    assert 'role="alert"' in upload(client, f"{PAGE}/medias/fichier", PAGE, b"code", "zones.csv")


def test_a_new_form_gets_its_settings_when_it_is_taken_over(workshop: Workshop) -> None:
    client = workshop.client("amina")
    new = VISITES.replace("| visites | 1", "| suivi   | 1").replace("| Visites ", "| Suivi   ")
    text = upload(client, "/formulaires/fichier", "/formulaires", workbook(new), "suivi.xlsx")
    draft = _draft(workshop, "suivi")
    assert draft is not None and "nouveau" in text
    assert "suivi" in client.get("/formulaires").text
    answer = post(client, "/formulaires/suivi/reprendre", "/formulaires/suivi", mark=draft.mark)
    assert answer.status_code == 302
    assert "[forms.suivi]" in (workshop.root / "config" / "mission.toml").read_text("utf-8")
    assert client.get("/formulaires/suivi").status_code == 200
    post(client, "/formulaires/suivi/deployer", "/formulaires/suivi")
    workshop.carry_out_all()
    assert any(form.name == "Suivi" for form in workshop.field.phone.forms())


def test_media_are_added_replaced_removed_and_brought_back(workshop: Workshop) -> None:
    client, folder = workshop.client("amina"), workshop.root / "forms" / "media"
    with_picture = (
        VISITES.replace("| label::Français (fr) ", "| label::Français (fr) ")
        .replace("| parameters |", "| parameters | media::image |")
        .replace("max-pixels=640 |", "max-pixels=640 | but.png |")
    )
    text = upload(client, f"{PAGE}/fichier", PAGE, workbook(with_picture))
    assert "but.png" in text and "manque" in text
    text = upload(client, f"{PAGE}/medias/fichier", PAGE, b"\x89PNG one", "autre-nom.png", name="but.png")
    assert not (folder / "but.png").exists(), "a draft changes nothing"
    draft = _draft(workshop)
    assert draft is not None
    post(client, f"{PAGE}/reprendre", PAGE, mark=draft.mark)
    assert (folder / "but.png").read_bytes() == b"\x89PNG one"
    post(client, f"{PAGE}/medias", PAGE, name="but.png", act="remove")
    draft = _draft(workshop)
    assert draft is not None and (folder / "but.png").exists() and draft.file == ""
    post(client, f"{PAGE}/reprendre", PAGE, mark=draft.mark)
    assert not (folder / "but.png").exists()
    (kept, _) = changes.changes(workshop.field.mission.desk, path="forms/media/but.png")
    post(client, f"{PAGE}/revenir", PAGE, path="forms/media/but.png", sha256=kept.before_sha256)
    draft = _draft(workshop)
    assert draft is not None
    post(client, f"{PAGE}/reprendre", PAGE, mark=draft.mark)
    assert (folder / "but.png").read_bytes() == b"\x89PNG one"


def test_a_draft_is_seen_on_paper_and_in_the_browser(workshop: Workshop) -> None:
    client = workshop.client("lea")
    upload(workshop.client("amina"), f"{PAGE}/fichier", PAGE, workbook(VISITES.replace("Photo ", "Image ")))
    assert "papier/1.png" in client.get(f"{PAGE}/papier?langue=ar").text
    assert client.get(f"{PAGE}/papier.pdf?langue=fr").data[:4] == b"%PDF"
    assert client.get(f"{PAGE}/papier/1.png?langue=fr").data[:4] == b"\x89PNG"
    assert client.get(f"{PAGE}/papier/0.png?langue=fr").status_code == 404
    paper = client.get(f"{PAGE}/essai/papier.json").get_json()
    assert "Image" in paper["form"] and "zones.csv" in paper["media"]
    assert b"Nord" in client.get(paper["media"]["zones.csv"]).data
    assert client.get(f"{PAGE}/essai/media/secrets.env").status_code == 404


def test_only_administrators_change_forms(workshop: Workshop) -> None:
    for username, may_look in (("maha", True), ("lea", True), ("rachid", False)):
        client = workshop.client(username)
        assert client.get(PAGE).status_code == (200 if may_look else 403)
        assert '<input id="workbook"' not in client.get(PAGE).text
        for path in (
            "fichier",
            "medias/fichier",
            "medias",
            "comparer",
            "reprendre",
            "abandonner",
            "revenir",
            "deployer",
        ):
            answer = client.post(f"{PAGE}/{path}", data={"csrf_token": token_of(client, "/formulaires")})
            assert answer.status_code == 403, (username, path)
        assert client.post("/formulaires/fichier", data={"csrf_token": token_of(client, "/")}).status_code == 403
        for job in ("deploy", "adopt"):
            forced = client.post("/synchronisations/lancer", data={"job": job, "csrf_token": token_of(client, "/")})
            assert forced.status_code in (400, 403)
    assert schedules.wishes(workshop.field.mission.desk) == []


def test_unknown_forms_are_no_pages(workshop: Workshop) -> None:
    client = workshop.client("amina")
    for path in ("/formulaires/inconnu", "/formulaires/inconnu/papier", "/formulaires/inconnu/essai"):
        assert client.get(path).status_code == 404
    for path in ("deployer", "reprendre", "comparer"):
        assert post(client, f"/formulaires/inconnu/{path}", "/").status_code == 404
