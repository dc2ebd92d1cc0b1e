"""One suite for both servers: what the job asks of a `FormServer`, asked of a field station and of the stand-in ODK Central."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from central_field import PERSON, central_field_in
from conftest import field_in

from kobo_sync.errors import KoboError, KoboRefused
from kobo_sync.form_server import FormServer
from kobo_sync.mission.mission import Mission
from kobo_sync.rows.listing import parse_head, parse_submission


@dataclass
class Place:
    """A server with the small mission's two forms; *submit* gives the root uuid of what a phone sent."""

    server: FormServer
    mission: Mission
    uid: Callable[[str], str]
    submit: Callable[..., str]
    edit: Callable[[str, Mapping[str, Any]], object]
    stranger: Callable[[], FormServer]
    account: str


SECRET_NAMES = {
    "KoboToolbox": ("KOBO_TOKEN",),
    "ODK Central": ("CENTRAL_EMAIL", "CENTRAL_PASSWORD"),
}  # what a refused account is told to look at


@pytest.fixture(params=["station", "central"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "station":
        with field_in(tmp_path) as field:

            def edit(root: str, answers: Mapping[str, Any]) -> object:
                return field.submit("personnes", answers, edits=root)

            def submit(answers: Mapping[str, Any]) -> str:
                return field.submit("personnes", answers)

            def stranger() -> FormServer:
                mission = Mission(field.mission.workspace, {"KOBO_TOKEN": "x"}, server=(field.url, field.url))
                return mission.reader()

            yield Place(field.mission.reader(), field.mission, field.uid, submit, edit, stranger, "maha")
        return
    with central_field_in(tmp_path) as there:

        def edit_row(root: str, answers: Mapping[str, Any]) -> object:
            return there.office.edit("personnes", there.office.form("personnes").rows[f"uuid:{root}"], answers)

        def submit_row(answers: Mapping[str, Any]) -> str:
            return there.office.submit("personnes", answers).root_id.removeprefix("uuid:")

        yield Place(
            there.mission.reader(),
            there.mission,
            lambda form_id: form_id,
            submit_row,
            edit_row,
            lambda: there.reopen(CENTRAL_PASSWORD="x").reader(),
            "admin@example.org",
        )


@pytest.fixture
def filled(place: Place) -> list[str]:
    """The roots of five persons."""
    return [place.submit({**PERSON, "code": f"N{n}"}) for n in range(5)]


def light(place: Place) -> dict[str, Any]:
    pages = place.server.light_pages(place.uid("personnes"))
    return {row.root_uuid: row for page in pages for row in page}


def keys(place: Place, roots: list[str]) -> list[str]:
    rows = light(place)
    return [rows[root].server_key for root in roots]


def test_the_account_is_named_and_a_wrong_secret_is_refused(place: Place) -> None:
    assert place.server.me() == place.account
    with pytest.raises(KoboRefused) as refusal:
        place.stranger().me()
    assert refusal.value.hint and all(name in refusal.value.hint for name in SECRET_NAMES[place.server.features.name])
    assert place.server.server_time() is not None
    assert [each for each in place.server.examine() if each.cure and each.severe] == []


def test_requests_are_counted(place: Place) -> None:
    before = place.server.traffic()
    place.server.me()
    after = place.server.traffic()
    assert after[0] > before[0] and after[1] > before[1]


def test_forms_are_listed_and_looked_at_with_their_media(place: Place) -> None:
    names = {asset.name: asset for asset in place.server.assets()}
    assert names.keys() == {"Personnes", "Visites"}
    asset, media = place.server.asset(place.uid("visites"))
    assert asset.is_deployed and asset.is_active and asset.version_id == asset.deployed_version
    assert {each.filename for each in media} == {"zones.csv", "participants.csv"}
    assert all(len(each.md5) == 32 for each in media)
    assert place.server.manifest(asset.asset_uid) == {each.filename: each.md5 for each in media}
    assert b"nord" in (place.server.phone_file(asset.asset_uid, "zones.csv") or b"")
    assert place.server.phone_file(asset.asset_uid, "none.csv") is None
    (zones,) = [each for each in media if each.filename == "zones.csv"]
    assert place.server.medium(asset.asset_uid, zones) == place.server.phone_file(asset.asset_uid, "zones.csv")
    assert place.server.medium(asset.asset_uid, replace(zones, uid="none", filename="none.csv")) is None
    with pytest.raises(KoboError) as gone:
        place.server.asset("nothing")
    assert gone.value.status == 404


def test_the_workbook_there_asks_what_ours_asks(place: Place) -> None:
    from kobo_sync.forms.compare import compare
    from kobo_sync.forms.xlsform import read_form

    for form_id, form in place.mission.forms.items():
        there = read_form(place.server.workbook(place.uid(form_id)), f"{form_id}.xlsx")
        assert compare(there, form) == ()


def test_rows_are_counted_paged_and_read_again_by_their_numbers(place: Place, filled: list[str]) -> None:
    uid = place.uid("personnes")
    assert place.server.count(uid) == 5
    pages = list(place.server.pages(uid, above=-1, limit=2))
    rows = [row for page in pages for row in page.rows]
    heads = [parse_head(raw) for _, raw in rows]
    assert [head.submission_id for head in heads] == [number for number, _ in rows] == sorted(n for n, _ in rows)
    assert {head.root_uuid for head in heads} == set(filled)
    seen = light(place)
    assert {root: (row.submission_id, row.signature, row.server_key) for root, row in seen.items()} == {
        head.root_uuid: (head.submission_id, head.signature, head.server_key) for head in heads
    }
    answers = {
        parse_submission(raw, "personnes").root_uuid: parse_submission(raw, "personnes").answers for _, raw in rows
    }
    assert sorted(each["code"] for each in answers.values()) == [f"N{n}" for n in range(5)]
    above = rows[2][0]
    assert [n for page in place.server.pages(uid, above=above, limit=9) for n, _ in page.rows] == [
        n for n, _ in rows[3:]
    ]
    some = [rows[1][0], rows[4][0]]
    assert [n for page in place.server.rows(uid, some) for n, _ in page.rows] == some
    empty = place.server.pages(place.uid("visites"), above=-1, limit=9)
    assert [row for page in empty for row in page.rows] == []


def test_an_edit_changes_the_signature_and_nothing_of_the_identity(place: Place, filled: list[str]) -> None:
    before = light(place)
    place.edit(filled[2], {**PERSON, "code": "N2", "nom": "Autre"})
    after = light(place)
    assert {root for root in after if after[root].signature != before[root].signature} == {filled[2]}
    assert {root: row.server_key for root, row in after.items()} == {
        root: row.server_key for root, row in before.items()
    }


def test_it_tells_who_edited_a_row(place: Place, filled: list[str]) -> None:
    uid, (first, second) = place.uid("personnes"), keys(place, filled[:2])
    since = place.mission.clock() - timedelta(days=1)
    place.server.set_validations(uid, [second], "approved")  # no edit
    place.edit(filled[0], {**PERSON, "code": "N0", "nom": "Autre"})
    (edit,) = place.server.edits(uid, first, filled[0], since)
    assert edit.by and edit.at > since
    assert place.server.edits(uid, second, filled[1], since) == []


def test_rows_are_there_until_they_are_deleted(place: Place, filled: list[str]) -> None:
    uid, (first, second) = place.uid("personnes"), keys(place, filled[:2])
    # Of two rows that came in one millisecond nothing says which was first.
    assert {row.root_uuid for row in place.server.listed(uid, [first, second])} == set(filled[:2])
    assert place.server.exists(uid, first, filled[0])
    for _ in range(2):  # one that is gone already is no fault
        place.server.delete_submission(uid, first)
    assert not place.server.exists(uid, first, filled[0])
    assert [row.root_uuid for row in place.server.listed(uid, [first, second])] == filled[1:2]
    assert place.server.count(uid) == 4 and filled[0] not in light(place)


def test_statuses_are_set_told_with_who_set_them_and_cleared(place: Place, filled: list[str]) -> None:
    uid, server_keys = place.uid("personnes"), keys(place, filled[:4])
    place.server.delete_submission(uid, server_keys[3])
    for key, status in zip(server_keys, ("approved", "not_approved", "on_hold"), strict=False):
        assert place.server.set_validations(uid, [key], status) == []  # type: ignore[arg-type]
    assert place.server.set_validations(uid, [server_keys[3], server_keys[0]], "approved") == [server_keys[3]]
    statuses = place.server.statuses(uid, server_keys)
    assert {key: (each.validation, each.by) for key, each in statuses.items()} == {
        server_keys[0]: ("approved", place.account),
        server_keys[1]: ("not_approved", place.account),
        server_keys[2]: ("on_hold", place.account),
    }
    place.server.set_validations(uid, server_keys[:1], "")
    assert not getattr(place.server.statuses(uid, server_keys[:1]).get(server_keys[0]), "validation", "")
