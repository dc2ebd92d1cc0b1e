"""The final report on the page: brought back, checked, taken over, the earlier kept; the final delivery; what is printed."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import Clock
from docx import Document as open_docx
from flask.testing import FlaskClient
from web_office import Office, post, token_of

from kobo_sync.desk import access_log, changes, runs, schedules
from kobo_sync.desk.runs import Order
from kobo_sync.documents.word.report_parts import parts_of
from kobo_sync.documents.word.report_state import put_state, read_state
from kobo_sync.errors import DocumentError
from kobo_sync.mission.mission import CurrentMission, Mission
from kobo_sync.mission.run_log import recorded
from kobo_sync.service.jobs import JOBS
from kobo_sync.steps.build import build
from kobo_sync.steps.report_upload import FILE
from kobo_sync.workspace.folders import find

PAGE = "/livrables/rapport"
NAME = "rapport-final.docx"


@pytest.fixture(scope="session")
def made_once(made_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The office's mission with a final report."""
    root = tmp_path_factory.mktemp("reported") / "mission"
    shutil.copytree(made_once, root)
    settings = root / "config" / "mission.toml"
    settings.write_text(
        settings.read_text("utf-8").replace("[deliverables]\n", '[deliverables]\nmission = ["final_report"]\n')
    )
    mission = Mission(find(root), {"KOBO_TOKEN": "t" * 40}, Clock())
    recorded(mission, "build", build)
    mission.close()
    return root


def place(office: Office) -> Path:
    return office.field.mission.workspace.out / "mission" / NAME


def upload(client: FlaskClient, content: bytes, name: str = NAME) -> str:
    data = {"report": (io.BytesIO(content), name), "csrf_token": token_of(client, PAGE)}
    return client.post(f"{PAGE}/fichier", data=data, content_type="multipart/form-data", follow_redirects=True).text


def mark_of(client: FlaskClient) -> str:
    return client.get(PAGE).text.partition('name="mark" value="')[2].partition('"')[0]


def take_over(client: FlaskClient, **data: str) -> str:
    data = {"mark": mark_of(client), "csrf_token": token_of(client, PAGE), **data}
    return client.post(f"{PAGE}/prendre", data=data, follow_redirects=True).text


def with_paragraph(content: bytes, text: str) -> bytes:
    """The report with a paragraph of somebody's at its end."""
    document = open_docx(io.BytesIO(content))
    document.add_paragraph(text)
    document.save(out := io.BytesIO())
    return out.getvalue()


def without_a_block(content: bytes) -> tuple[bytes, str]:
    """The report without its first block, and the title of that."""
    document = open_docx(io.BytesIO(content))
    control = next(
        each
        for each in document.element.body.iter("{*}sdt")
        if (tag := each.find("{*}sdtPr/{*}tag")) is not None and "bloc:" in str(tag.values())
    )
    title = str(control.find("{*}sdtPr/{*}alias").values()[0])
    for mark in (control.getprevious(), control.getnext()):
        if mark is not None and "bookmark" in str(mark.tag):
            mark.getparent().remove(mark)
    control.getparent().remove(control)
    document.save(out := io.BytesIO())
    return out.getvalue(), title


def test_an_edited_report_is_checked_takes_its_place_and_is_what_the_next_build_patches(office: Office) -> None:
    client, before = office.client("lea"), place(office).read_bytes()
    edited = with_paragraph(before, "Ce que la consultante a écrit.")
    text = upload(client, edited)
    assert "Aucune ne manque" in text
    assert place(office).read_bytes() == before, "nothing is replaced by an upload"
    text = take_over(client)
    assert place(office).read_bytes() == edited and "modifié depuis" in text
    mission = office.field.reopen()
    (change,) = changes.changes(mission.desk, path=FILE)
    assert change.by == "lea" and mission.workspace.earlier_files.get(change.before_sha256) == before
    assert runs.last_runs(mission.desk, 1)[0].job == "report"
    recorded(mission, "build", build)
    built = parts_of(place(office).read_bytes(), NAME)
    assert built and "Ce que la consultante a écrit." in built.paragraphs
    assert "modifié depuis" not in client.get(PAGE).text


def of_another_mission(content: bytes, mission: str, title: str = "") -> bytes:
    """The report as a mission of that id would have made it, under the same title or another; empty: as an older program did."""
    document = open_docx(io.BytesIO(content))
    state = read_state(document)
    assert state and state.mission
    state.mission = mission
    state.values["mission"] = title or state.values["mission"]
    put_state(document, state)
    document.save(out := io.BytesIO())
    return out.getvalue()


def test_the_report_of_another_mission_of_the_same_title_is_told_apart(office: Office) -> None:
    client, before = office.client("lea"), place(office).read_bytes()
    refusal = "c’est le rapport d’une autre mission"
    assert refusal in upload(client, of_another_mission(before, "another0"))
    assert refusal in upload(client, of_another_mission(before, "", "Une autre mission"))
    assert refusal not in upload(client, of_another_mission(before, ""))  # of an older program: its title tells


def test_a_mission_that_was_renamed_knows_its_report_by_the_id(office: Office) -> None:
    client, before = office.client("lea"), place(office).read_bytes()
    mission = office.field.mission
    own = mission.config.mission.id or mission.config.mission.code
    assert parts_of(before, NAME).mission == own  # type: ignore[union-attr]
    renamed = of_another_mission(before, own, "Un titre d’avant")
    assert ("c’est le rapport d’une autre mission" in upload(client, renamed)) != bool(mission.config.mission.id)


def test_an_earlier_report_is_brought_back_by_the_same_way(office: Office) -> None:
    client, before = office.client("lea"), place(office).read_bytes()
    upload(client, with_paragraph(before, "Un."))
    take_over(client)
    (change,) = changes.changes(office.field.mission.desk, path=FILE)
    assert post(client, f"{PAGE}/revenir", PAGE, sha256="0" * 64).status_code == 302
    assert not mark_of(client), "what this page never had is not brought back"
    post(client, f"{PAGE}/revenir", PAGE, sha256=change.before_sha256)
    assert place(office).read_bytes() != before
    take_over(client)
    assert place(office).read_bytes() == before
    assert len(changes.changes(office.field.mission.desk, path=FILE)) == 2


def test_a_missing_part_is_told_and_needs_a_tick(office: Office) -> None:
    client, before = office.client("lea"), place(office).read_bytes()
    poorer, title = without_a_block(before)
    text = upload(client, poorer)
    assert title.replace("’", "&#8217;") in text or title in text
    assert "Bloc calculé" in text and 'name="knowingly"' in text
    assert 'role="alert"' in take_over(client) and place(office).read_bytes() == before
    take_over(client, knowingly="1")
    assert place(office).read_bytes() == poorer


def test_what_others_wrote_meanwhile_is_not_lost_unseen(office: Office) -> None:
    first, second, before = office.client("lea"), office.client("nora"), place(office).read_bytes()
    upload(first, with_paragraph(before, "Les mots de Léa."))
    take_over(first)
    text = upload(second, with_paragraph(before, "Les mots de Nora."))
    assert "Les mots de Léa." in text and 'name="knowingly"' in text
    assert 'role="alert"' in take_over(second)
    parts = parts_of(place(office).read_bytes(), NAME)
    assert parts and "Les mots de Léa." in parts.paragraphs


def test_a_report_that_waits_is_taken_over_as_it_was_seen_or_not_at_all(office: Office) -> None:
    client, before = office.client("lea"), place(office).read_bytes()
    upload(client, with_paragraph(before, "Vu."))
    seen = mark_of(client)
    upload(office.client("nora"), with_paragraph(before, "Un autre."))
    assert 'role="alert"' in take_over(client, mark=seen) and place(office).read_bytes() == before
    post(client, f"{PAGE}/abandonner", PAGE)
    assert not mark_of(client) and 'role="alert"' in take_over(client, mark=seen)


def test_while_a_run_is_at_work_nothing_is_replaced(office: Office) -> None:
    client, before = office.client("lea"), place(office).read_bytes()
    upload(client, with_paragraph(before, "Un."))
    with office.field.mission.workspace.exclusive():
        assert 'role="alert"' in take_over(client)
    assert place(office).read_bytes() == before and mark_of(client), "it waits on"


def _bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"<w:p/>" * 8_000_000)
    return out.getvalue()


def _other_word_file() -> bytes:
    open_docx().save(out := io.BytesIO())
    return out.getvalue()


def test_what_is_no_report_of_this_mission_is_told_and_replaces_nothing(office: Office) -> None:
    client, before = office.client("lea"), place(office).read_bytes()
    title = "Mission d’essai"
    with zipfile.ZipFile(io.BytesIO(before)) as source:
        parts = {name: source.read(name) for name in source.namelist()}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        for name, content in parts.items():
            escaped = title.encode("unicode_escape").replace(b"\\x", b"\\u00")
            swapped = content.replace(b"Mission d\\u2019essai", b"Mission d\\u2019ailleurs").replace(escaped, b"Autre")
            target.writestr(name, swapped.replace(b"Mission\\u00a0d\\u2019essai", b"Autre"))
    for content in (
        b"",
        b"no Word file",
        b"PK\x03\x04 cut",
        before[: len(before) // 2],
        _bomb(),
        _other_word_file(),
        out.getvalue(),
        (office.field.mission.workspace.out / "nord" / "fiche-zone.pdf").read_bytes(),
    ):
        text = upload(client, content)
        assert 'role="alert"' in text and "Traceback" not in text and "zipfile" not in text, content[:20]
        assert not mark_of(client)
    assert "autre mission" in upload(client, out.getvalue())
    assert place(office).read_bytes() == before and not changes.changes(office.field.mission.desk, path=FILE)


def _carry_out(office: Office, job: str) -> runs.Run:
    mission = office.field.reopen()
    with suppress(DocumentError):  # the ledger tells
        recorded(mission, job, lambda opened: JOBS[job].act(opened, ""), Order("person", "lea"))
    return runs.last_runs(mission.desk, 1)[0]


def test_the_final_delivery_goes_by_the_checklist(office: Office) -> None:
    client, desk = office.client("lea"), office.field.mission.desk
    text = client.get(PAGE).text
    assert 'value="REPORT002"' in text and "REPORT003" in text and "REPORT004" in text
    post(client, f"{PAGE}/livrer", PAGE)
    assert [wish.job for wish in schedules.wishes(desk)] == ["final"] and office.woken
    run = _carry_out(office, "final")
    assert run.status == "failed" and "REPORT002" in run.report["error"]
    assert "n’est pas fini" in client.get(PAGE).text
    assert post(client, f"{PAGE}/livrer", PAGE, despite="REPORT999").status_code == 400
    post(client, f"{PAGE}/livrer", PAGE, despite=["REPORT002", "REPORT003", "REPORT004"])
    run = _carry_out(office, "final")
    assert run.status in ("done", "findings") and "final: REPORT002 was overridden by lea" in run.report["lines"], (
        run.report
    )
    with zipfile.ZipFile(office.field.mission.workspace.out / "mission.zip") as archive:
        assert NAME in archive.namelist()
    assert "parmi les livrables" in client.get(PAGE).text


def test_an_edited_report_is_built_before_it_is_delivered(office: Office) -> None:
    client = office.client("lea")
    upload(client, with_paragraph(place(office).read_bytes(), "Un."))
    take_over(client)
    post(client, f"{PAGE}/livrer", PAGE)
    assert schedules.wishes(office.field.mission.desk) == []


def test_readers_neither_see_nor_change_the_report(office: Office) -> None:
    client = office.client("rachid")
    assert client.get(PAGE).status_code == 403 and client.get("/livrables/imprimer").status_code == 403
    assert PAGE not in client.get("/livrables").text
    for path in ("fichier", "prendre", "abandonner", "revenir", "livrer"):
        assert client.post(f"{PAGE}/{path}", data={"csrf_token": token_of(client, "/")}).status_code == 403
    forced = client.post("/synchronisations/lancer", data={"job": "final", "csrf_token": token_of(client, "/")})
    assert forced.status_code == 403
    assert post(office.client("maha"), "/synchronisations/lancer", "/", job="final").status_code == 400


def test_badges_questionnaires_and_phone_pages_are_handed_out_and_noted(office: Office) -> None:
    below, desk = "/livrables/imprimer", office.field.mission.desk
    named = f"{below}/badges.pdf?zone=nord"
    assert office.client("lea").get(named).status_code == 403, "her account may not see names"
    assert office.client("lea").get(f"{below}/badges-vierges.pdf?zone=nord&n=12").data[:4] == b"%PDF"
    client = office.client("nora")
    assert client.get(named).data[:4] == b"%PDF"
    newest = access_log.downloads(desk, 1)[0]
    assert (newest.username, newest.classification) == ("nora", "nominative") and "badges-nord" in newest.path
    assert 'role="alert"' in client.get(f"{below}/badges.pdf?zone=sud", follow_redirects=True).text, "nobody is there"
    for path in ("badges.pdf?zone=nulle", "badges-vierges.pdf?zone=nulle&n=2", "questionnaire?formulaire=x&sorte=pdf"):
        assert client.get(f"{below}/{path}").status_code == 404, path
    for n in ("0", "-1", "501", "x"):
        assert client.get(f"{below}/badges-vierges.pdf?zone=nord&n={n}").status_code == 400
    for kind, head in (("pdf", b"%PDF"), ("docx", b"PK\x03\x04")):
        answer = client.get(f"{below}/questionnaire?formulaire=visites&langue=ar&sorte={kind}")
        assert answer.data[:4] == head and "attachment" in answer.headers["Content-Disposition"]
    text = client.get(f"{below}/questionnaire?formulaire=visites&langue=zz&sorte=pdf", follow_redirects=True).text
    assert 'role="alert"' in text
    text = client.get(f"{below}/telephone.pdf?compte=fatima", follow_redirects=True).text
    assert 'role="alert"' in text, "this mission's server is this machine: a phone would speak to itself"


@pytest.fixture
def reached(office: Office) -> Iterator[Office]:
    """The office with a server that phones reach."""
    path = office.field.mission.workspace.root / "config" / "mission.toml"
    text = path.read_text("utf-8").replace('kc = "http://127.0.0.1:1"', 'kc = "https://kc.kobo.example"')
    path.write_text(text.replace('kf = "http://127.0.0.1:1"', 'kf = "https://kf.kobo.example"'), "utf-8")
    site = office.app.extensions["kobo_sync"]
    site.current = CurrentMission(office.field.reopen)
    yield office


def test_a_page_that_sets_a_phone_up_holds_no_password_and_is_for_an_account(reached: Office) -> None:
    client = reached.client("lea")
    assert client.get("/livrables/imprimer/telephone.pdf?compte=fatima").data[:4] == b"%PDF"
    text = client.get("/livrables/imprimer/telephone.pdf?compte=a/b", follow_redirects=True).text
    assert 'role="alert"' in text
