"""Holds written back to ODK Central row by row, and the phones that it knows each by itself."""

from __future__ import annotations

import base64
import json
import stat
import zlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from central_field import PERSON, CentralField, assert_same, central_field_in
from central_office import Fault
from central_state import Row
from conftest import MISSION

from kobo_sync.desk.holds import holds_of
from kobo_sync.errors import ConfigError, KoboUnexpected
from kobo_sync.phones.enrolment import payload, settings
from kobo_sync.steps import enrol as enrolling
from kobo_sync.steps.check import check
from kobo_sync.steps.doctor import doctor
from kobo_sync.steps.enrol import enrol
from kobo_sync.steps.phones import phones


@pytest.fixture
def there(tmp_path: Path) -> Iterator[CentralField]:
    with central_field_in(tmp_path) as field:
        yield field


# ── holds ──


@pytest.fixture
def twin(there: CentralField) -> Row:
    """A second registration of one person: a rule that asks for a hold; the first stands on its own."""
    earlier = there.office.now() - timedelta(seconds=5)  # two rows of one millisecond have no order
    there.office.submit("personnes", {**PERSON, "nom": "Tazi"}, at=earlier)
    there.person("N2", nom="Bennani", groupe="b")
    row = there.person("N3", nom="Tazi")
    there.pull()
    return row


def written_back(there: CentralField) -> tuple[int, int, int]:
    counts = check(there.mission, write_back=True).counts
    return counts["held"], counts["released"], counts["left"]


def states(there: CentralField) -> list[str]:
    return [hold.state for hold in holds_of(there.mission.desk, "personnes")]


def test_a_hold_is_placed_with_its_reason_once(there: CentralField, twin: Row) -> None:
    assert written_back(there) == (1, 0, 0)
    assert twin.review == "hasIssues" and states(there) == ["placed"]
    assert "DATA002" in [entry["notes"] for entry in twin.audits if entry["action"] == "submission.update"][-1]
    there.pull(quick=True)
    assert_same(there)
    assert written_back(there) == (0, 0, 0)
    assert [row.review for row in there.office.form("personnes").live] == [None, None, "hasIssues"]


def test_a_hold_is_released_when_nothing_asks_for_it(there: CentralField, twin: Row) -> None:
    written_back(there)
    first = next(iter(there.office.form("personnes").live))
    there.office.delete("personnes", first)
    there.pull(quick=True)
    assert written_back(there) == (0, 1, 0)
    assert twin.review is None and states(there) == []


@pytest.mark.parametrize("decision", ["approved", "rejected", "hasIssues", None])
def test_what_a_person_decided_stays(there: CentralField, twin: Row, decision: str | None) -> None:
    written_back(there)
    chief = there.office.add_user("chef@example.org", "a long secret", "manager")
    there.office.review("personnes", twin, decision, by=chief)
    for _ in range(2):
        there.pull(quick=True)
        assert written_back(there)[:2] == (0, 0)
    assert twin.review == decision


def test_a_person_decides_before_the_first_look(there: CentralField, twin: Row) -> None:
    chief = there.office.add_user("chef@example.org", "a long secret", "manager")
    there.office.review("personnes", twin, "approved", by=chief)
    assert written_back(there) == (0, 0, 1)
    assert twin.review == "approved"


def test_an_edit_of_a_held_row_is_looked_at_anew(there: CentralField, twin: Row) -> None:
    written_back(there)
    there.office.edit("personnes", twin, {**PERSON, "code": "N3", "nom": "Alaoui"})
    there.pull(quick=True)
    assert twin.review == "edited"
    assert written_back(there)[0] == 0  # nothing asks for it any more
    assert_same(there)
    there.office.edit("personnes", twin, {**PERSON, "code": "N3", "nom": "Tazi"})
    there.pull(quick=True)
    written_back(there)
    assert twin.review in ("edited", "hasIssues")  # never approved, never cleared by a program


def test_a_held_row_that_is_deleted_or_cannot_be_given(there: CentralField, twin: Row) -> None:
    written_back(there)
    there.office.delete("personnes", twin)
    assert written_back(there)[0] == 0
    there.pull(quick=True)
    assert written_back(there)[0] == 0


def test_a_web_page_in_place_of_the_server_is_no_receipt_of_a_hold(there: CentralField, twin: Row) -> None:
    """Part 12: a portal's page with 200 counted as a hold, which was never placed again."""
    there.office.faults.append(Fault("PATCH .*submissions", "html"))
    report = check(there.mission, write_back=True)
    (fault,) = [finding for finding in report.findings if finding.rule == "CHECK003"]
    assert "web page" in fault.message and "portal" in fault.hint and report.counts["held"] == 0
    assert twin.review is None and "placed" not in states(there)
    assert written_back(there) == (1, 0, 0) and twin.review == "hasIssues"


def test_a_phone_is_not_revoked_by_a_web_page(there: CentralField, reachable: None) -> None:
    enrol(there.mission, user="tablette")
    there.office.faults.append(Fault("DELETE .*app-users", "html"))
    with pytest.raises(KoboUnexpected, match="web page"):
        phones(there.mission, revoke=["tablette"])
    assert phones(there.mission, revoke=["tablette"]).counts["revoked"] == 1


def test_a_write_back_that_is_cut_short_is_repeated(there: CentralField, twin: Row) -> None:
    there.office.faults.append(Fault("PATCH .*submissions", "expired"))
    assert written_back(there) == (1, 0, 0)
    assert twin.review == "hasIssues" and states(there) == ["placed"]


def test_a_viewer_puts_nothing_on_hold(there: CentralField, twin: Row) -> None:
    there.office.add_user("viewer@example.org", "a long secret", "viewer")
    there.mission = there.reopen(CENTRAL_EMAIL="viewer@example.org", CENTRAL_PASSWORD="a long secret")
    report = check(there.mission, write_back=True)
    assert [(each.form_id, "403" in each.message) for each in report.findings if each.rule == "CHECK003"] == [
        ("personnes", True)
    ]
    assert report.counts["held"] == 0 and twin.review is None


# ── phones ──


@pytest.fixture
def reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in's address counts as one that phones reach."""
    monkeypatch.setattr(enrolling, "leads_here", lambda _: False)


def forms_of(server_url: str) -> str:
    answer = requests.get(f"{server_url}/formList", headers={"X-OpenRosa-Version": "1.0"}, timeout=5)
    return answer.text if answer.ok else str(answer.status_code)


def test_each_phone_has_a_door_of_its_own_until_it_is_revoked(there: CentralField) -> None:
    server = there.mission.deployer()
    one, two = server.add_phone("tablette-1"), server.add_phone("tablette-2")
    assert one == server.add_phone("tablette-1")  # printed once more
    assert one.server_url.startswith(f"{there.office.address}/v1/key/") and one.server_url.endswith("/projects/1")
    assert "personnes" in forms_of(one.server_url) and "visites" in forms_of(two.server_url)
    assert [phone.name for phone in server.phones()] == ["tablette-1", "tablette-2"]
    report = phones(there.mission, revoke=["tablette-1"])
    assert report.counts == {"phones": 1, "revoked": 1}
    assert forms_of(one.server_url) in ("401", "403") and "visites" in forms_of(two.server_url)
    assert not any(one.server_url in line or two.server_url in line for line in report.lines)
    server.revoke_phone(one.key)  # gone already
    again = server.add_phone("tablette-1")
    assert again.server_url != one.server_url
    with pytest.raises(ConfigError, match="no phone called 'tablette-9'"):
        phones(there.mission, revoke=["tablette-9"])
    assert [phone.name for phone in server.phones()] == ["tablette-1", "tablette-2"]


def test_no_phone_is_enrolled_yet(there: CentralField) -> None:
    assert phones(there.mission).lines == ("no phone is enrolled yet",)


def test_a_sheet_for_each_phone_holds_its_secret_and_nobody_else_reads_it(
    there: CentralField, reachable: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes: list[bytes] = []
    draw = enrolling.qr_png

    def drawn(code: str, *args: object, **options: object) -> bytes:
        codes.append(zlib.decompress(base64.b64decode(code)))
        return draw(code, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(enrolling, "qr_png", drawn)
    report = enrol(there.mission, user="tablette-1", name="Awa")
    (phone,) = there.mission.deployer().phones()
    given = json.loads(codes[0])
    assert given["general"]["server_url"] == phone.server_url
    assert not given["general"].get("password") and not given["general"].get("username")
    assert given["general"]["metadata_username"] == "tablette-1"
    files = sorted((there.workspace.out / "enrolment").iterdir())
    assert [path.name for path in files] == ["tablette-1.pdf", "tablette-1.png"]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
    token = phone.server_url.split("/")[5]
    assert token and not any(token in line for line in report.lines)
    assert payload(settings(phone.server_url, "", project="p"))


def test_zones_that_have_no_effect_are_told(there: CentralField, reachable: None) -> None:
    """Only `roster.by_zone` gives each phone the persons of its own zone."""
    report = enrol(there.mission, user="tablette-1", zone="nord")
    assert any("have no effect" in line and "`roster.by_zone`" in line for line in report.lines)
    assert not any("have no effect" in line for line in enrol(there.mission, user="tablette-2").lines)


BY_ZONE = MISSION.replace("[roster]\n", "[roster]\nentities = true\nby_zone = true\n")


def test_phones_without_a_zone_are_told_wherever_phones_are_looked_at(tmp_path: Path, reachable: None) -> None:
    """Of a list by zone they get no row at all, and show an empty list without a word."""
    with central_field_in(tmp_path, text=BY_ZONE) as there:
        there.office.knows_zones = True
        mission, server = there.mission, there.mission.deployer()
        people = [{"name": "N1", "label": "Awa", "zone": "nord"}, {"name": "S1", "label": "Idir", "zone": "sud"}]
        early = server.add_phone("tablette-0")  # before lists went by zone
        server.put_list("participants", people, by_zone=True)
        assert phones(mission).findings[0].rule == "PHONE001" and "tablette-0" in phones(mission).findings[0].message
        report = enrol(mission, user="tablette-1", zone="nord")
        assert [(each.rule, "1 phones" in each.message) for each in report.findings] == [("PHONE001", True)]
        told = [each for each in doctor(mission).findings if each.where == "phones"]
        assert told and told[0].severity == "warning" and "enrol NAME --zone" in told[0].hint
        lines = phones(mission).lines
        assert lines[0].startswith("tablette-0 (–): since") and lines[1].startswith("tablette-1 (nord): since")
        again = server.add_phone("tablette-0", "sud")
        assert again.server_url == early.server_url and again.zone == "sud"  # the same code
        assert not phones(mission).findings and "✓ phones: 2 phones, each with its zone" in doctor(mission).lines
        server.add_phone("tablette-1", "a-zone-of-before")
        assert "tablette-1" in phones(mission).findings[0].message


def test_an_address_of_this_machine_reaches_no_phone(there: CentralField) -> None:
    with pytest.raises(ConfigError, match="this machine's own address"):
        enrol(there.mission, user="tablette-1")
    assert there.mission.deployer().phones() == []
