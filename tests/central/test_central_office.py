"""What tests do to the stand-in ODK Central beside HTTP: faults, its clock, rows as phones and reviewers treat them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests
from central_office import ADMIN, PASSWORD, Fault, Office, central
from central_recordings import form_xml

ROWS = "/v1/projects/1/forms/enquete.svc/Submissions"
FORM = "/v1/projects/1/forms/enquete"


class Client:
    """A web user who signs in again at each 401."""

    def __init__(self, office: Office):
        self.office = office
        self.token = ""

    def sign_in(self) -> requests.Response:
        answer = requests.post(f"{self.office.address}/v1/sessions", json={"email": ADMIN, "password": PASSWORD})
        self.token = answer.json().get("token", "")
        return answer

    def get(self, path: str, **headers: str) -> requests.Response:
        told = {"Authorization": f"Bearer {self.token}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        return requests.get(self.office.address + path, headers=told, allow_redirects=False)


@pytest.fixture
def client() -> Iterator[Client]:
    with central() as office:
        office.deploy(form_xml("enquete", "1"))
        client = Client(office)
        client.sign_in()
        yield client


def ids(answer: requests.Response) -> list[str]:
    return [row["__id"] for row in answer.json()["value"]]


def test_requests_are_counted_and_what_tests_do_beside_is_not(client: Client) -> None:
    client.office.requests.clear()
    client.office.submit("enquete", {"nom": "Awa"})
    client.get(f"{ROWS}?$top=1")
    assert client.office.requests == [("GET", f"{ROWS}?$top=1")]


def test_a_session_ends_in_the_middle_of_the_pages(client: Client) -> None:
    for _ in range(5):
        client.office.submit("enquete", {"nom": "Awa"})
    client.office.faults.append(Fault("skiptoken", "expired", skip=1))
    link = f"{ROWS}?$top=2&$select=__id"
    seen, statuses = [], []
    while link:
        answer = client.get(link)
        statuses.append(answer.status_code)
        if answer.status_code == 401:
            client.sign_in()
            continue
        seen += ids(answer)
        link = answer.json().get("@odata.nextLink", "").removeprefix(client.office.domain)
    assert statuses == [200, 200, 401, 200]
    assert len(set(seen)) == 5


def test_faults_cut_a_body_break_a_row_and_show_a_page(client: Client) -> None:
    row = client.office.submit("enquete", {"nom": "Awa"})
    client.office.faults += [
        Fault("Submissions", "cut"),
        Fault(f"{row.root_id}.xml", "error"),
        Fault("/forms$", "html"),
    ]
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        client.get(ROWS)
    assert client.get(f"{FORM}/submissions/{row.root_id}.xml").json() == {"message": "Internal Server Error"}
    assert client.get("/v1/projects/1/forms").text.startswith("<!DOCTYPE html>")
    assert client.get(f"{FORM}/submissions/{row.root_id}.xml").status_code == 200  # once


def test_the_clock_is_the_servers_own(client: Client) -> None:
    client.office.skew = timedelta(hours=-3)
    row = client.office.submit("enquete", {"nom": "Awa"})
    told = parsedate_to_datetime(client.get("/v1/projects").headers["Date"])
    assert told < datetime.now(UTC) - timedelta(hours=2)
    assert row.created_at < datetime.now(UTC) - timedelta(hours=2)
    client.office.skew = timedelta(hours=25)
    assert client.get("/v1/projects").json()["code"] == 401.2


def test_a_server_with_single_sign_on_lets_no_password_in(client: Client) -> None:
    client.office.sso = True
    assert client.sign_in().status_code == 404
    answer = requests.get(f"{client.office.address}/v1/users/current", auth=(ADMIN, PASSWORD))
    assert answer.json()["code"] == 401.5


def test_rows_arrive_late_are_deleted_restored_and_purged(client: Client) -> None:
    office = client.office
    old, new = office.submit("enquete", {"nom": "Awa"}), office.submit("enquete", {"nom": "Ali"})
    late = office.submit("enquete", {"nom": "Tard"}, at=old.created_at - timedelta(seconds=4))
    assert ids(client.get(ROWS)) == [new.root_id, old.root_id, late.root_id]
    first = client.get(f"{ROWS}?$top=1").json()
    office.delete("enquete", new)
    everything = (
        f"{ROWS}?$filter=__system/submissionDate ge 2000-01-01T00:00:00Z or __system/deletedAt ne null&$count=true"
    )
    assert client.get(everything).json()["@odata.count"] == 3
    assert client.get(f"{ROWS}?$top=0&$count=true").json()["@odata.count"] == 2
    office.restore("enquete", new)
    assert client.get(f"{ROWS}?$top=0&$count=true").json()["@odata.count"] == 3
    office.purge("enquete", new)
    assert client.get(first["@odata.nextLink"].removeprefix(office.domain)).json()["value"] == []
    assert client.get(f"{FORM}/submissions/{new.root_id}").json()["code"] == 404.1


def test_reviews_edits_and_files(client: Client) -> None:
    office = client.office
    row = office.submit("enquete", {"nom": "Awa", "photo": "a.jpg", "membre": [{"prenom": "Ali"}]})
    viewer = office.add_user("viewer@example.org", "secret", "viewer")
    office.review("enquete", row, "approved", "vu", by=viewer)
    entry = client.get(f"{FORM}/submissions/{row.root_id}/audits", X_Extended_Metadata="true").json()[0]
    assert (entry["actor"]["displayName"], entry["notes"]) == ("viewer@example.org", "vu")
    office.put_file(row, "a.jpg", b"one")
    address = f"{FORM}/submissions/{row.root_id}/attachments/a.jpg"
    etag = client.get(address).headers["ETag"]
    assert client.get(address, If_None_Match=etag).status_code == 304
    office.put_file(row, "a.jpg", b"two")
    assert client.get(address, If_None_Match=etag).content == b"two"
    office.edit("enquete", row, {"nom": "Binta", "photo": "a.jpg"})
    system: dict[str, Any] = client.get(ROWS).json()["value"][0]["__system"]
    assert (system["reviewState"], system["edits"], system["attachmentsPresent"]) == ("edited", 1, 1)


def test_files_in_a_storage_are_given_without_the_token(client: Client) -> None:
    row = client.office.submit("enquete", {"photo": "a.jpg"}, {"a.jpg": b"bytes"})
    client.office.on_storage = True
    there = client.get(f"{FORM}/submissions/{row.root_id}/attachments/a.jpg")
    assert there.status_code == 307
    assert requests.get(there.headers["Location"]).content == b"bytes"
    assert requests.get(there.headers["Location"], headers={"Authorization": "Bearer x"}).status_code == 400
    assert [sorted(h).count("Authorization") for _, h in client.office.storage_requests] == [0, 1]


def test_a_broken_row_hides_those_behind_it_from_pages(client: Client) -> None:
    """Tried on the real server: pages of 3 end before the oldest row, and only the total tells."""
    office = client.office
    oldest, broken, newest = (office.submit("enquete", {"nom": name}) for name in ("Awa", "Ali", "Binta"))
    office.break_row("enquete", broken, {"nom": "Autre"})
    paged = client.get(f"{ROWS}?$top=3&$count=true")
    assert ids(paged) == [newest.root_id, broken.root_id, broken.root_id]
    assert "@odata.nextLink" not in paged.json()
    assert paged.json()["@odata.count"] == 3
    whole = client.get(f"{ROWS}?$count=true")
    assert ids(whole) == [newest.root_id, broken.root_id, broken.root_id, oldest.root_id]
    assert whole.json()["@odata.count"] == 4
    assert client.get(f"{FORM}/submissions/{broken.root_id}.xml").status_code == 500
    office.edit("enquete", broken, {"nom": "Réparé"})
    assert client.get(f"{FORM}/submissions/{broken.root_id}.xml").status_code == 200
