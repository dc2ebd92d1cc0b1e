"""The page of the rights of persons: administrators alone, the code typed twice, nothing of it in an address."""

from __future__ import annotations

import io
import zipfile

import pytest
from web_office import Office, post, token_of

from kobo_sync.desk import journal, schedules
from kobo_sync.desk.runs import last_runs


@pytest.mark.parametrize(("username", "code"), [("", 302), ("amina", 200), ("maha", 403), ("nora", 403), ("rachid", 403)])  # fmt: skip
def test_it_is_for_administrators(office: Office, username: str, code: int) -> None:
    client = office.client(username)
    assert client.get("/personnes").status_code == code
    for act in ("donnees", "effacer"):
        page = "/personnes" if username == "amina" else "/connexion" if not username else "/compte"
        data = {"code": "NOR-99", "again": "NOR-99", "csrf_token": token_of(client, page)}
        assert (
            client.post(f"/personnes/{act}", data=data).status_code in {302: (401,), 403: (403,), 200: (400, 409)}[code]
        )


def test_a_forged_request_erases_nobody(office: Office) -> None:
    client = office.client("amina")
    assert client.post("/personnes/effacer", data={"code": "NOR-01", "again": "NOR-01"}).status_code == 400
    assert any(row["code"] == "NOR-01" for row in _rows(office))


def test_all_that_is_held_is_taken_and_noted(office: Office) -> None:
    answer = post(office.client("amina"), "/personnes/donnees", "/personnes", code="NOR-01")
    assert answer.status_code == 200 and "attachment" in answer.headers["Content-Disposition"]
    names = zipfile.ZipFile(io.BytesIO(answer.data)).namelist()
    assert any(name.endswith(".docx") for name in names) and sum(name.startswith("rows/") for name in names) == 4
    (entry,) = journal.entries(office.field.mission.desk, acts=["person_shown"])
    assert entry.by == "amina"


def test_the_code_is_typed_twice_and_the_person_is_gone(office: Office) -> None:
    amina = office.client("amina")
    refused = post(amina, "/personnes/effacer", "/personnes", code="NOR-01", again="NOR-02")
    assert refused.status_code == 400 and "rien n’a été effacé" in refused.text
    erased = post(amina, "/personnes/effacer", "/personnes", code="NOR-01", again="NOR-01")
    assert erased.status_code == 200 and "PERSON002" in erased.text
    mission = office.field.reopen()
    assert sorted(row["code"] for row in _rows(office)) == ["NOR-00", "NOR-02", "NOR-03", "NOR-04"]
    (entry,) = journal.entries(mission.desk, acts=["person_erased"])
    assert entry.by == "amina" and "NOR-01" not in entry.subject
    (run,) = (each for each in last_runs(mission.desk) if each.job == "person")
    assert run.asked_by == "amina" and "NOR-01" not in str(run.report)
    assert {"build", "deliver"} <= {wish.job for wish in schedules.wishes(mission.desk)}
    assert post(amina, "/personnes/effacer", "/personnes", code="NOR-01", again="NOR-01").status_code == 409


def _rows(office: Office) -> list[dict[str, str]]:
    mission = office.field.reopen()
    return list(mission.store.read_table(mission.tables["personnes"][0]).to_dict("records"))  # type: ignore[arg-type]
