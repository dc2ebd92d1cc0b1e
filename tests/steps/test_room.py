"""The room's screen: counted against the quota, told without names, and a list that reaches the other phones (part 9, 6 and 7)."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from conftest import MISSION, TOKEN, Field, field_in, write_workspace

from kobo_sync.errors import StoreError
from kobo_sync.language.speaking import LANGUAGES
from kobo_sync.mission.mission import Mission
from kobo_sync.station.room.pages import fixed_texts
from kobo_sync.steps.pull import pull
from kobo_sync.steps.room import MENDED_IN_THE_ROOM, Room
from kobo_sync.steps.room_watch import RoomWatch
from kobo_sync.workspace.folders import Workspace

PRESENCE = """
| survey |                                       |           |                      |                     |
|        | type                                  | name      | label::Français (fr) | label::العربية (ar) |
|        | start                                 | start     |                      |                     |
|        | select_one_from_file zones.csv        | zone      | Zone                 | المنطقة             |
|        | select_one seance                     | seance    | Séance               | الحصة               |
|        | select_one_from_file participants.csv | personne  | Personne             | الشخص               |
|        | image                                 | signature | Signature            | التوقيع             |
| choices |
|        | list_name | name  | label::Français (fr) | label::العربية (ar) |
|        | seance    | matin | Matin                | الصباح              |
| settings |
|        | form_title | form_id  | version | default_language |
|        | Présence   | presence | 1       | Français (fr)    |
"""
WITH_PRESENCE = (
    MISSION.replace(
        "[roster]",
        """[forms.presence]
role = "attendance"
file = "presence.md"
titles = { ar = "الحضور" }
[forms.presence.fields]
zone = "zone"
session = "seance"
person = "personne"
signature = "signature"

[roster]""",
    ).replace('media_of = ["visites"]', 'media_of = ["visites", "presence"]')
    + '\n[[sessions]]\ncode = "matin"\nlabel = { fr = "Matin", ar = "الصباح" }\nstarts = "09:00"\nends = "12:30"\n'
)


def _write(root: Path) -> Workspace:
    workspace = write_workspace(root, WITH_PRESENCE)
    (root / "forms" / "presence.md").write_text(PRESENCE, "utf-8")
    return workspace


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with field_in(tmp_path, _write) as made:
        yield made


def _room(field: Field, paired: bytes | None = None, main: Mission | None = None) -> Room:
    elsewhere = main or Mission(field.mission.workspace, {}, field.clock)
    return Room(lambda: elsewhere, field.url, TOKEN, paired_list=lambda _file: paired)


def _listed(field: Field) -> bytes:
    """The list of participants as phones get it now."""
    form = next(each for each in field.phone.forms() if each.asset_uid == field.uid("presence"))
    return field.phone.media(form)["participants.csv"]


def _sign(field: Field, code: str, zone: str = "nord", signature: str = "s.png", **more: Any) -> str:
    given = {"zone": zone, "seance": "matin", "personne": code, "signature": signature or None, **more}
    return field.submit("presence", given, files={signature: (b"\x89PNG", "image/png")} if signature else {})


def test_who_came_is_counted_against_the_quota_by_zone_group_and_session(field: Field) -> None:
    for code, group in (("N1", "a"), ("N2", "a"), ("N3", "b")):
        field.person(code, group=group)
    for code in ("N1", "N3"):
        _sign(field, code)
    board = _room(field).look()
    (nord,) = board["zones"]  # Sud has sent nothing
    assert nord["name"] == {"fr": "Nord", "en": "Nord", "ar": "الشمال"}
    assert (nord["n_present"], nord["target"]) == (2, 3)
    assert [(group["n"], group["quota"]) for group in nord["groups"]] == [(1, 2), (1, 1)]
    assert [(session["name"]["ar"], session["n"]) for session in nord["sessions"]] == [("الصباح", 2)]
    assert board["n"] == 5 and {form["title"]["ar"]: form["n"] for form in board["forms"]} == {
        "Personnes": 3, "Visites": 0, "الحضور": 2,
    }  # fmt: skip
    assert board["checks"] == [] and len(board["arrivals"]) == 5


def test_mornings_of_two_days_are_two_half_days(field: Field) -> None:
    """Part 9, 6: as one sum, a second morning showed more signatures than persons."""
    codes = ("N1", "N2", "N3")
    for code in codes:
        field.person(code)
    for day, signers in (("2025-02-11", codes), ("2025-02-12", codes[:2])):
        for code in signers:
            _sign(field, code, signature=f"{day}.png", start=f"{day}T09:05:00.000+01:00")
    (nord,) = _room(field).look()["zones"]
    assert nord["n_present"] == 3
    assert [(each["name"]["fr"], each["n"]) for each in nord["sessions"]] == [("Matin 11/02", 3), ("Matin 12/02", 2)]


def test_no_name_nor_answer_reaches_the_screen(field: Field) -> None:
    field.person("N1", nom="Zohra Bentaleb", note="un secret")
    _sign(field, "N1", signature="")
    text = json.dumps(_room(field).look(), ensure_ascii=False)
    assert "Bentaleb" not in text and "secret" not in text and "matin" not in text


def test_what_can_still_be_mended_is_told_with_what_to_do(field: Field) -> None:
    field.person("N1")
    _sign(field, "N1", signature="")
    _sign(field, "N9")
    field.person("N2")
    _sign(field, "N2")
    _sign(field, "N2", signature="s2.png")
    board = _room(field).look()
    titles = [check["title"]["fr"] for check in board["checks"]]
    assert len(board["checks"]) == board["n_checks"] == 3
    assert {"Signature manquante", "Présence sans inscription"} <= set(titles)
    for check in board["checks"]:
        assert check["message"]["ar"] != check["message"]["fr"]
        assert check["at"] == "09:00" and check["zone"]["fr"] == "Nord"


def test_a_registration_is_on_the_list_of_the_other_phones(field: Field) -> None:
    """Phones see by formList's hash and the manifest's that there is something new."""
    room = _room(field)
    field.person("N1")
    room.look()
    assert b"N1" in _listed(field) and b"N2" not in _listed(field)
    before = {form.asset_uid: form.hash for form in field.phone.forms()}
    field.person("N2")
    room.look()
    assert b"N1" in _listed(field) and b"N2" in _listed(field)
    after = {form.asset_uid: form.hash for form in field.phone.forms()}
    assert {uid for uid in after if after[uid] != before[uid]} == {field.uid("presence"), field.uid("visites")}
    room.look()
    assert {form.asset_uid: form.hash for form in field.phone.forms()} == after  # nothing new: nothing published


def test_who_was_on_the_paired_list_stays_and_is_no_stranger(field: Field) -> None:
    paired = b"name,label,zone,group,sex,consent\nK7,Une Personne (K7),nord,a,,oui\n"
    room = _room(field, paired)
    field.person("N1")
    _sign(field, "K7")
    board = room.look()
    assert b"K7,Une Personne (K7),nord,a,,oui" in _listed(field) and b"N1" in _listed(field)
    assert board["checks"] == []


def test_what_the_missions_mirror_holds_counts_too_and_each_row_once(field: Field) -> None:
    """Registered last week on the server; and what was relayed already is in both mirrors."""
    field.person("N1")
    pull(field.mission)
    room = _room(field, main=field.reopen())
    _sign(field, "N1")
    before = room.look()
    assert before["zones"][0]["n_present"] == 1 and before["checks"] == []
    pull(field.mission)
    assert room.look() == before


def test_the_room_leaves_the_missions_own_mirror_alone(field: Field) -> None:
    field.person("N1")
    _room(field).look()
    assert len(field.mission.store.read_table(field.mission.tables["personnes"][0])) == 0
    assert (field.mission.workspace.state / "room" / "mirror.sqlite").is_file()
    assert not list((field.mission.workspace.state / "room").glob("attachments/*"))


def test_the_watch_looks_again_at_a_change_and_survives_a_failure() -> None:
    marks, looked, told = [0], [threading.Event() for _ in range(3)], []

    def look() -> dict[str, Any]:
        told.append(len(told))
        looked[len(told) - 1].set()
        if len(told) == 2:
            raise StoreError("the disk is full", hint="make room")
        return {"n": len(told)}

    watch = RoomWatch(look, lambda: marks[0], every_s=0.01, retry_s=3600)
    watch.start()
    for n, each in enumerate(looked):
        marks[0] = n
        assert each.wait(timeout=20)
    watch.stop()
    assert watch.board() == {"n": 3} and told == [0, 1, 2]


def test_each_rule_that_is_shown_says_what_to_do_and_every_text_is_in_each_language() -> None:
    texts = fixed_texts()
    assert {key for key in texts if key.startswith("todo_")} == {f"todo_{rule}" for rule in MENDED_IN_THE_ROOM}
    for key, languages in texts.items():
        assert languages.keys() == set(LANGUAGES) and all(languages.values()), key
        assert re.search("[\u0600-\u06ff]", languages["ar"]) and not re.search("[éèêàç«»]", languages["en"]), key
    script = (resources.files("kobo_sync.station.room") / "static" / "room.js").read_text("utf-8")
    used = set(re.findall(r'\b(?:t|counted)\("(\w+)"', script)) | {
        "checks",
        "arrivals",
        "forms",
        "join",
        "wifi",
        "collect",
    }
    forms = {key for key in texts if key.rpartition("_")[2] in ("one", "few") and key.rpartition("_")[0] in used}
    assert used | forms | {key for key in texts if key.startswith("todo_")} == texts.keys()
