"""A server that refuses, is away, slow, breaks off or is none: what it says is kept, nothing is lost, the others go on (part 9, 3)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from relay_field import JPEG, VISIT, Both, Gate, both_in, rows_of

from kobo_sync.errors import KoboRefused, KoboUnexpected, KoboUnreachable
from kobo_sync.mission.mission import Mission
from kobo_sync.steps.pull import pull
from kobo_sync.steps.relay import Wish, relay
from kobo_sync.steps.relaying.posting import Pace


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    with both_in(tmp_path) as made:
        yield made


@pytest.fixture
def gate(both: Both) -> Iterator[Gate]:
    with Gate(both.kobo.url) as made:
        yield made


def _codes(both: Both) -> list[str]:
    return [row["code"] for row in rows_of(both.kobo, "personnes")]


@pytest.mark.parametrize(
    ("status", "words", "cure"),
    [
        (400, "cannot read it", "enter its answers anew"),
        (402, "used up what the plan allows", "larger plan"),
        (403, "may not submit it", "rights to add"),
        (404, "no such form", "station pair"),
        (405, "archived", "activate it"),
        (409, "another submission, or another file", "compare both"),
        (410, "corrected it on KoboToolbox", "compare both"),
        (413, "larger than KoboToolbox lets in", "raise the limit"),
        (418, "KoboToolbox refuses it (418)", "do what it says"),
    ],
)
def test_a_refusal_is_kept_with_its_own_words_and_the_others_go_on(
    both: Both, gate: Gate, status: int, words: str, cure: str
) -> None:
    for code in ("NOR-01", "NOR-02", "NOR-03"):
        both.room.person(code)
    gate.rule = lambda method, _path, _n, body: status if method == "POST" and b"NOR-02" in body else None
    report = both.relay(gate.url)
    (finding,) = report.findings
    assert finding.rule == "RELAY001" and words in finding.message and cure in finding.hint and report.has_errors
    assert finding.message.endswith("as told") and "Nom NOR-02" not in str(finding)
    assert _codes(both) == ["NOR-01", "NOR-03"] and both.sums() == (3, 2, 1, 0)
    n_posts = len(gate.posts)
    assert both.relay(gate.url).findings == (finding,) and len(gate.posts) == n_posts  # not tried by itself
    gate.rule = lambda *_: None
    report = both.relay(gate.url, again=True)
    assert report.findings == () and both.sums() == (3, 3, 0, 0) and _codes(both)[-1] == "NOR-02"


def test_corrections_wait_for_what_they_correct_and_are_told_with_it(both: Both, gate: Gate) -> None:
    first = both.room.person("NOR-01")
    answers = {"zone": "nord", "accord": "oui", "groupe": "a", "nom": "X"}
    second = both.room.submit("personnes", {**answers, "code": "NOR-11"}, edits=first)
    both.room.submit("personnes", {**answers, "code": "NOR-12"}, edits=second)
    both.room.person("NOR-02")
    gate.rule = lambda method, _path, _n, body: 400 if method == "POST" and b"NOR-01" in body else None
    (finding,) = both.relay(gate.url).findings
    assert finding.message.endswith("; 2 corrections of it wait with it")
    assert both.sums() == (4, 1, 1, 2) and _codes(both) == ["NOR-02"]
    gate.rule = lambda *_: None
    both.relay(gate.url, again=True)
    assert both.sums() == (4, 4, 0, 0) and _codes(both) == ["NOR-02", "NOR-12"]


def test_a_token_that_is_not_known_ends_the_relay_and_nothing_is_refused(both: Both, gate: Gate) -> None:
    both.room.person("NOR-01")
    gate.rule = lambda method, *_: 401 if method == "POST" else None
    with pytest.raises(KoboRefused) as caught:
        both.relay(gate.url)
    assert caught.value.status == 401 and "KOBO_TOKEN" in caught.value.hint and both.sums() == (1, 0, 0, 1)
    mission = Mission(both.workspace, {"KOBO_TOKEN": "x" * 40}, both.clock, server=(both.kobo.url, both.kobo.url))
    both.opened.append(mission)
    with pytest.raises(KoboRefused):
        relay(mission)
    assert both.sums() == (1, 0, 0, 1)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 423, 425])
def test_what_the_server_cannot_take_now_waits_with_a_backoff_in_the_ledger(
    both: Both, gate: Gate, status: int
) -> None:
    for code in ("NOR-01", "NOR-02"):
        both.room.person(code)
    gate.rule = lambda method, _path, _n, body: status if method == "POST" and b"NOR-01" in body else None
    report = both.relay(gate.url)
    assert not report.has_errors and both.sums() == (2, 1, 0, 1) and _codes(both) == ["NOR-02"]
    waits = []
    for _ in range(3):
        with both.outbox() as outbox:
            record = outbox.waiting()
        assert record and record.next_try_at and record.status == status
        waits.append((record.next_try_at - both.clock.now).total_seconds())
        n_posts = len(gate.posts)
        assert both.relay(gate.url, by_itself=True).counts["sent"] == 0 and len(gate.posts) == n_posts  # not due
        both.clock.now = record.next_try_at
        both.relay(gate.url, by_itself=True)
    assert waits == [30, 60, 120]
    gate.rule = lambda *_: None
    assert both.relay(gate.url).counts["sent"] == 1  # by hand: at once


def test_an_answer_that_is_lost_or_does_not_come_doubles_nothing(both: Both, gate: Gate) -> None:
    for code in ("NOR-01", "NOR-02", "NOR-03"):
        both.room.person(code)
    gate.rule = lambda method, _path, n, _body: "reset" if method == "POST" and n == 1 else None
    assert both.relay(gate.url).counts["sent"] == 2
    assert sorted(_codes(both)) == ["NOR-01", "NOR-02", "NOR-03"] and both.sums() == (3, 2, 0, 1)
    assert both.relay(gate.url).counts["sent"] == 1  # 202: it had it
    assert len(_codes(both)) == 3 and both.sums() == (3, 3, 0, 0)


def test_a_server_that_hangs_is_left_after_its_time(both: Both, gate: Gate) -> None:
    path = both.workspace.root / "config" / "mission.toml"
    path.write_text(path.read_text("utf-8").replace("timeout_s = 5", "timeout_s = 0.5"), "utf-8")
    both.room.person("NOR-01")
    both.room.person("NOR-02")
    gate.rule = lambda method, _path, n, _body: "hang" if method == "POST" and n == 1 else None
    report = both.relay(gate.url)
    assert report.counts["sent"] == 1 and both.sums() == (2, 1, 0, 1)


def test_a_server_that_is_away_ends_the_run_early_and_says_what_waits(both: Both, gate: Gate) -> None:
    for n in range(5):
        both.room.person(f"NOR-{n}")
    with pytest.raises(KoboUnreachable) as caught:
        both.relay("http://127.0.0.1:1")
    assert "5 submissions wait at the station, nothing is lost" in caught.value.hint and both.sums() == (5, 0, 0, 5)
    gate.rule = lambda method, _path, n, _body: 503 if n > 2 else None  # it goes away in the middle
    report = both.relay(gate.url)
    assert both.sums() == (5, 2, 0, 3) and len(gate.posts) == 3  # the others were not tried
    (finding,) = report.findings
    assert finding.rule == "RELAY003" and "3 submissions wait" in finding.hint


def test_a_server_at_fault_with_everything_is_left_after_a_few(both: Both, gate: Gate) -> None:
    for n in range(10):
        both.room.person(f"NOR-{n}")
    gate.rule = lambda method, *_: 500 if method == "POST" else None
    with pytest.raises(KoboUnreachable):
        both.relay(gate.url)
    assert len(gate.posts) == 3 and both.sums() == (10, 0, 0, 10)


def test_a_server_that_asks_to_wait_is_obeyed(both: Both, gate: Gate) -> None:
    both.room.person("NOR-01")
    both.room.person("NOR-02")
    gate.rule = lambda method, *_: (429, {"Retry-After": "600"}) if method == "POST" else None
    with pytest.raises(KoboUnreachable):
        both.relay(gate.url)
    assert len(gate.posts) == 1
    gate.rule = lambda *_: None
    both.clock.forward(seconds=599)
    with pytest.raises(KoboUnreachable, match="asked not to be asked before"):
        both.relay(gate.url)
    assert len(gate.posts) == 1 and both.sums() == (2, 0, 0, 2)
    both.clock.forward(seconds=1)
    assert both.relay(gate.url).counts["sent"] == 2
    gate.rule = lambda method, _path, n, _body: (429, {"Retry-After": "0"}) if method == "POST" and n == 4 else None
    both.room.person("NOR-03")
    assert both.relay(gate.url).counts["sent"] == 1  # a short wait is waited


def test_a_portal_that_answers_for_the_server_takes_nothing(both: Both, gate: Gate) -> None:
    """A hotel's Wi-Fi says 200 to everything: that is no receipt."""
    both.room.person("NOR-01")
    for rule in (lambda *_: 200, lambda method, *_: 200 if method == "POST" else None, lambda *_: 302):
        gate.rule = rule
        with pytest.raises(KoboUnexpected):
            both.relay(gate.url)
        assert both.sums() == (1, 0, 0, 1)


def test_a_post_that_is_too_long_for_the_server_is_halved(both: Both, gate: Gate) -> None:
    files = {f"p{n}.jpg": (JPEG + bytes([n]) * 1000, "image/jpeg") for n in range(5)}
    both.room.submit("visites", {**VISIT, "membre": [{"prenom": name} for name in files]}, files=files)
    gate.rule = lambda method, _path, _n, body: 413 if method == "POST" and body.count(JPEG) > 2 else None
    assert both.relay(gate.url).findings == () and both.sums() == (1, 1, 0, 0)
    assert rows_of(both.room, "visites") == rows_of(both.kobo, "visites")
    taken = [body for body in gate.posts if body.count(JPEG) <= 2]
    assert [b"*isIncomplete*" in body for body in taken] == [True, True, False]


def test_what_kobotoolbox_has_already_is_no_refusal(both: Both, gate: Gate) -> None:
    """The ledger of a backup begins anew: originals whose corrections are there are 409 to KoboToolbox [e44b], corrections 202."""
    first = both.room.person("NOR-01")
    answers = {"zone": "nord", "accord": "oui", "groupe": "a", "nom": "X", "code": "NOR-01"}
    both.room.submit("personnes", answers, edits=first)
    both.relay(gate.url)
    with both.room.station.db.writing() as connection:
        connection.execute("UPDATE ledger SET state = 'waiting', relayed_at = NULL, settled_at = NULL")
    report = both.relay(gate.url)
    assert report.findings == () and report.counts["sent"] == 2 and both.sums() == (2, 2, 0, 0)
    assert len(gate.posts) == 4 and len(_codes(both)) == 1


def test_a_token_that_is_no_good_any_more_refuses_nothing(both: Both, gate: Gate) -> None:
    """Whether KoboToolbox has it already was answered with no: the submission was refused for good."""
    both.room.person("NOR-01")
    gate.rule = lambda method, path, _n, _body: 409 if method == "POST" else 401 if "/data/" in path else None
    with pytest.raises(KoboRefused):
        both.relay(gate.url)
    assert both.sums() == (1, 0, 0, 1)
    gate.rule = lambda *_: None
    assert both.relay(gate.url).findings == () and both.sums() == (1, 1, 0, 0)


def test_another_submission_under_the_same_id_is_a_refusal(both: Both) -> None:
    key = both.room.person("NOR-01")
    answers = {"zone": "sud", "accord": "oui", "groupe": "b", "nom": "Autre", "code": "SUD-01"}
    both.kobo.submit("personnes", answers, instance_id=key)
    (finding,) = both.relay().findings
    assert "(409)" in finding.message and both.sums() == (1, 0, 1, 0) and _codes(both) == ["SUD-01"]


def test_another_picture_under_the_same_name_is_a_refusal(both: Both) -> None:
    """As KoboToolbox has it for any submission, not for corrections alone (save_attachments)."""
    key = both.room.new_id()
    answers = {**VISIT, "photo": "p.jpg"}
    both.room.submit("visites", answers, instance_id=key, files={"p.jpg": (JPEG + b"1", "image/jpeg")})
    both.kobo.submit("visites", answers, instance_id=key, files={"p.jpg": (JPEG + b"2", "image/jpeg")})
    (finding,) = both.relay().findings
    assert "Attachment with same name" in finding.message and both.sums() == (1, 0, 1, 0)


def test_corrections_that_somebody_made_on_kobotoolbox_are_not_overwritten(both: Both) -> None:
    first = both.room.person("NOR-01")
    both.relay()
    answers = {"zone": "nord", "accord": "oui", "groupe": "a", "code": "NOR-01"}
    both.kobo.submit("personnes", {**answers, "nom": "Là-bas"}, edits=first, instance_id="99999999-0000-4000-8000-000000000001")  # fmt: skip
    both.room.submit("personnes", {**answers, "nom": "Ici"}, edits=first)
    (finding,) = both.relay().findings
    assert "(410)" in finding.message and rows_of(both.kobo, "personnes")[0]["nom"] == "Là-bas"


def test_a_correction_of_what_was_deleted_there_has_words_of_its_own(both: Both) -> None:
    first = both.room.person("NOR-01")
    both.relay()
    both.kobo.mission.deployer().delete_submission(both.kobo.uid("personnes"), str(first))
    both.room.submit("personnes", {"zone": "nord", "accord": "oui", "groupe": "a", "code": "NOR-01", "nom": "Y"}, edits=first)  # fmt: skip
    (finding,) = both.relay().findings
    assert "it was deleted there (404)" in finding.message and both.sums() == (2, 1, 1, 0)


def test_a_correction_of_before_the_ledger_goes_on_its_own_under_the_same_root(both: Both) -> None:
    """Its original's bytes are lost: as it is, KoboToolbox answers 404 to it."""
    first = both.room.person("NOR-01")
    answers = {"zone": "nord", "accord": "oui", "groupe": "a", "code": "NOR-01"}
    second = both.room.submit("personnes", {**answers, "nom": "Corrigée"}, edits=first)
    with both.room.station.db.writing() as connection:
        connection.execute("DELETE FROM ledger WHERE kind = 'new'")
        connection.execute("UPDATE ledger SET kind = 'adopted'")
        connection.execute("UPDATE retired SET in_ledger = 0")
    third = both.room.submit("personnes", {**answers, "nom": "Encore"}, edits=second)
    assert both.relay().findings == () and both.sums() == (2, 2, 0, 0)
    (row,) = rows_of(both.kobo, "personnes")
    assert (row["_uuid"], row["meta/rootUuid"], row["nom"]) == (third, f"uuid:{first}", "Encore")
    assert both.relay(again=True).counts["sent"] == 0


def test_a_failing_relay_never_fails_the_pull(both: Both, gate: Gate) -> None:
    answers = {"zone": "sud", "accord": "oui", "groupe": "b", "nom": "Autre", "code": "SUD-01"}
    both.kobo.submit("personnes", answers, instance_id="99999999-0000-4000-8000-000000000001")
    both.room.person("NOR-01")
    for fault, rule in ((400, "RELAY001"), (503, "RELAY003"), (401, "RELAY003"), (200, "RELAY003")):
        gate.rule = lambda method, _path, _n, _body, fault=fault: fault if method in ("POST", "HEAD") else None
        if fault == 400:
            gate.rule = lambda method, *_: 400 if method == "POST" else None
        report = pull(both.mission(gate.url))
        assert rule in {finding.rule for finding in report.findings}, fault
        assert any("personnes: server 1 = local 1" in line for line in report.lines)
        relay(both.mission("http://127.0.0.1:1"), Wish(again=True, dry_run=True))
        with both.outbox() as outbox:
            outbox.put_back([both.room.uid("personnes")])
            outbox_record = outbox.waiting()
        assert outbox_record is not None
    gate.rule = lambda *_: None
    both.clock.forward(hours=2)
    assert "RELAY" not in str(pull(both.mission(gate.url)).findings) and both.sums() == (1, 1, 0, 0)


def test_posts_keep_the_pace_that_is_set() -> None:
    now, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    pace = Pace(30, sleep, lambda: now[0])
    for spent in (0, 0.5, 3, 0):
        now[0] += spent
        pace.keep()
    assert slept == [1.5, 2.0]
