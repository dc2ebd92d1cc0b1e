"""The stand-in ODK Central, held against the recordings of a real one: same status, code, keys and types."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import requests
from central_office import ADMIN, PASSWORD, central
from central_recordings import PHOTO, Replay, differences, form_xml, recording, steps

MEDIA = {"zones.csv": b"name,label\nz1,Zone 1\n"}
ROW = "uuid:3221d776-a6fb-4cf2-a7c6-7614e544bb9f"
EDITED = "uuid:8015761c-c903-4a39-8eb9-57e07c6e8ae9"


# ── the scenes ──────────────────────────────────────────────────────────────


def accounts(replay: Replay) -> None:
    office = replay.office
    office.add_user("viewer@example.org", "secret", "viewer")
    office.add_user("manager@example.org", "secret", "manager")
    office.add_user("norole@example.org", "secret")
    for name in ("viewer", "manager", "norole"):
        replay.tokens[name] = replay.sign_in(f"{name}@example.org", "secret")
    replay.send("a03", "a03b", "a03c")
    replay.swap = {"<password>": PASSWORD}
    replay.send("a04", "a06", "a07", "a08", "a12", "a14b", "a14c", "n11", "n20", "m11b", "m14", "w02", "w03")
    replay.tokens["second"] = replay.sign_in(ADMIN, PASSWORD)
    replay.send("a09", "a09b")
    replay.tokens["old"] = replay.tokens["admin"]
    office.skew = timedelta(hours=25)
    replay.send("a20")


def forms(replay: Replay) -> None:
    office = replay.office
    office.add_user("viewer@example.org", "secret", "viewer")
    replay.tokens["viewer"] = replay.sign_in("viewer@example.org", "secret")
    replay.send("b01", "b02", "b05", "b07b", "b09")
    _draft(replay, "menage")
    replay.send("b10b", "b10c", "b12", "b13", "b14")
    _post(replay, "menage/draft/publish?version=3")
    replay.send("b21", "b21b", "b14c", "b15", "b15c", "b15d", "b16", "b16b", "b16c")
    office.deploy(form_xml("sansversion", None))
    _draft(replay, "sansversion")
    replay.send("b17c")
    replay.swap = {"/forms/3/": f"/forms/{office.deploy(form_xml('sanstype', '1')).id}/"}
    replay.send("b19", "b19c", "b22b", "b22c", "b19i")
    office.deploy(form_xml("excel", "1"))
    _draft(replay, "excel")
    replay.send("b34", "b37", "b37b", "b37d")
    _ask(replay, "POST", "forms", form_xml("gros", "1"))
    replay.send("b36")
    more = (
        recording("r01d")["request_body"]
        .replace("<a/>", "<a/><b/><rep><x/></rep>")
        .replace('version="2"', 'version="1"')
    )
    office.deploy(more)
    replay.send("r01d", "r01e")


def media(replay: Replay) -> None:
    office = replay.office
    office.deploy(form_xml("menage", "1"))
    _ask(replay, "POST", "forms", form_xml("enquete", "2026110101"))
    replay.send("c02", "c03", "c04", "c06", "c07", "c09", "c09b", "c03")
    _post(replay, "enquete/draft/publish")
    replay.send("c12", "c14g")
    _draft(replay, "enquete")
    replay.send("c14b")
    _post(replay, "enquete/draft/publish?version=2026110102")
    _draft(replay, "enquete")
    replay.send("c15c", "c15d")


def phones(replay: Replay) -> None:
    office = replay.office
    office.deploy(form_xml("enquete", "2026110103"), MEDIA)
    office.deploy(form_xml("menage", "2026110103"))
    replay.send("e01", "e01c", "e02")
    phone = replay.answers["e01"].json()
    replay.swap = {
        "<app-user-token-4>": phone["token"],
        "<app-user-token>": phone["token"],
        "app-user/43": f"app-user/{phone['id']}",
    }
    replay.send("e03", "e03b", "e03c", "e04", "e04b", "e05", "e05b", "e05c", "e05d", "e07", "e07b")
    replay.send("e08", "e08b", "e08c", "e08g", "e09", "e10", "e70")
    replay.send(
        "e20", "e21", "e22", "e22b", "e22c", "e23", "e25", "e26", "e27", "e28", "e28b", "e28d", "e28e", "e29b", "e29c"
    )
    office.submit("enquete", {"nom": "Binta"}, instance_id=EDITED)
    replay.send("e40", "e41b", "e41c", "e41", "e42", "e43", "e44", "e61", "e65", "e68", "e54")
    office.form("enquete").state = "closed"
    replay.send("j02b", "j02c", "j02e")
    replay.swap = {"<app-user-token-2>": phone["token"], "app-users/40": f"app-users/{phone['id']}"}
    replay.send("e50", "e50b")


def reading(replay: Replay) -> None:
    office = replay.office
    office.deploy(form_xml("enquete", "2026110103"))
    office.deploy(form_xml("grand", "1"))
    replay.swap = {"<app-user-token>": office.phone().token}
    office.submit("enquete", {"nom": "Binta"}, instance_id=EDITED)
    replay.send("e20", "e40")
    office.submit("enquete", {"nom": "Awa", "photo": "photo.jpg"}, {"photo.jpg": PHOTO}, instance_id=ROW)
    office.submit("enquete", _xml("e20").replace(b"e236aa75", b"e236aa76"))  # the newest: every question answered
    replay.send("f01", "f04", "f07e", "f07f", "f07h", "f07i", "f08c", "f08d", "f08e", "f08h", "f08l", "f08m", "n18")
    replay.send("f10", "f10d", "f12d", "f13", "f30b", "f31", "f32", "q01d", "q02")
    replay.send("g03", "g04", "g04c", "g05", "g05b", "g06")


def reviews(replay: Replay) -> None:
    replay.office.deploy(form_xml("enquete", "2026110103"))
    replay.swap = {"<app-user-token>": replay.office.phone().token}
    replay.send("h01", "h01b", "h02", "h02b", "h02c", "h03", "h03b", "h03f", "h03g", "h03h", "h03i", "h04b")
    replay.send("h05", "h05b", "h05d", "h06", "h07", "h07b", "h07d", "h07f", "h07h", "h07i", "h08", "h08b")


def broken_rows(replay: Replay) -> None:
    office = replay.office
    office.deploy(form_xml("grand", "1"))
    replay.swap = {"<app-user-token>": office.phone().token}
    for root_id in ("uuid:50fa34af-3a39-4634-ab0d-eab1e41c4af1", "uuid:08f76a7c-edad-4327-ac38-a08527511034"):
        row = office.submit("grand", {"nom": "Base"}, instance_id=root_id)
        office.break_row("grand", row, {"nom": "Edit 1"})
    replay.send("r05b", "r05c", "r05d", "r05e", "r05f", "r05g", "r05h", "r05i", "r05k")
    sent = _xml("r06").decode()
    replay.swap[sent.partition("<deprecatedID>")[2].partition("<")[0]] = row.versions[1].instance_id
    replay.send("r06", "r06b")


def lists(replay: Replay) -> None:
    office = replay.office
    replay.send("i01", "i01c", "i01d", "i02", "i02c", "i02e")
    for name in ("sexe", "prénom"):
        _ask(replay, "POST", "datasets/participants/properties", f'{{"name": "{name}"}}')
    awa = "1895d15e-d90f-4a55-aadb-49e2b00373ab"
    _ask(
        replay,
        "POST",
        "datasets/participants/entities",
        f'{{"uuid": "{awa}", "label": "Awa", "data": {{"sexe": "F"}}}}',
    )
    replay.send("i03e", "i03f", "i04", "i04b", "i04c", "i05b", "i05d", "i06b", "i06c", "i06d", "i20", "i20b", "i20c")
    _ask(replay, "DELETE", f"datasets/participants/entities/{awa}")
    replay.send("i07c", "i07d", "i08")
    presence = form_xml("presence", "1").replace("zones.csv", "participants.csv")
    _ask(replay, "POST", "forms", presence)
    replay.send("i10b", "i10c", "i10d")
    _post(replay, "presence/draft/publish")
    replay.swap = {"<app-user-token>": office.phone().token}
    replay.send("i11", "i11b")


def storage(replay: Replay) -> None:
    replay.office.deploy(form_xml("enquete", "1"), MEDIA)
    row_id = recording("u03")["path"].partition("/submissions/")[2].partition("/")[0]
    replay.office.submit("enquete", {"photo": "photo.jpg"}, {"photo.jpg": PHOTO}, instance_id=row_id)
    replay.office.on_storage = True
    replay.send("u03", "u04")


SCENES: list[Callable[[Replay], None]] = [accounts, forms, media, phones, reading, reviews, broken_rows, lists, storage]


def _xml(step: str) -> bytes:
    parts = recording(step)["request_body"]["multipart"]
    return next(iter(parts.values())).encode()  # type: ignore[no-any-return]


def _ask(replay: Replay, method: str, path: str, body: str | None = None) -> None:
    """A step between the recorded ones."""
    url = f"{replay.office.address}/v1/projects/1/{path}"
    headers = {"Authorization": f"Bearer {replay.tokens['admin']}", **({"Content-Type": "text/xml"} if body else {})}
    answer = requests.request(method, url, data=body.encode() if body else None, headers=headers)
    assert answer.status_code == 200, answer.text


def _post(replay: Replay, path: str) -> None:
    _ask(replay, "POST", f"forms/{path}")


def _draft(replay: Replay, form_id: str) -> None:
    _post(replay, f"{form_id}/draft")


# ── the tests ───────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def answers() -> dict[str, requests.Response]:
    given: dict[str, requests.Response] = {}
    for scene in SCENES:
        with central() as office:
            replay = Replay(office)
            scene(replay)
        given |= replay.answers
    return given


@pytest.mark.parametrize("step", steps())
def test_the_stand_in_answers_as_the_real_server(step: str, answers: dict[str, requests.Response]) -> None:
    assert differences(step, answers[step]) == []


def test_a_row_remembers_who_did_what(answers: dict[str, requests.Response]) -> None:
    def told(entries: list[dict[str, object]]) -> list[tuple[object, object, object]]:
        return [(one["action"], one["details"].get("reviewState"), one["notes"]) for one in entries]  # type: ignore[attr-defined]

    ours, theirs = told(answers["h06"].json()), told(recording("h06")["body"])
    assert ours[0] == theirs[0] == ("submission.update", "hasIssues", "revoir le nom")
    assert ours[-1] == theirs[-1] == ("submission.create", None, None)
    assert set(ours) <= set(theirs)
