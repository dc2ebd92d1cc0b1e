"""Whatever the server, the network and the pulls do in whatever order, the last complete pull says what the server says."""

from __future__ import annotations

import contextlib
from itertools import count
from pathlib import Path

from conftest import TOKEN, Field
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from mirror_truth import mirror_state, server_state
from page_size import ask_for

from kobo_sync.errors import KoboUnexpected, KoboUnreachable
from kobo_sync.mission.mission import Mission
from kobo_sync.steps.pull import pull
from kobo_sync.workspace.folders import Workspace

PHOTO = b"\x89PNG\r\n\x1a\nabc"
FAULTS = (KoboUnreachable("reset"), KoboUnexpected("half a body"), KeyboardInterrupt())
which = st.integers(0, 20)


def test_any_order_of_changes_faults_and_pulls(field_team: Field, tmp_path: Path) -> None:
    folders = count(1)
    ended = 0

    class Interleaved(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            with field_team.station.db.writing() as connection:
                for table in ("submissions", "attachments", "retired"):
                    connection.execute(f"DELETE FROM {table}")
            state = tmp_path / f"state{next(folders)}"
            workspace = Workspace(field_team.mission.workspace.root, state, state / "out")
            server = (field_team.url, field_team.url)
            self.mission = Mission(workspace, {"KOBO_TOKEN": TOKEN}, field_team.clock, server=server)
            ask_for(self.mission, 2)
            self.mission.reader()._transport.sleep = lambda _seconds: None

        def ids(self) -> list[int]:
            pages = field_team.mission.reader().light_pages(field_team.uid("visites"))
            return [row.submission_id for page in pages for row in page]

        @rule(members=st.integers(0, 3), with_photo=st.booleans())
        def send(self, members: int, with_photo: bool) -> None:
            given = {"zone": "nord", "membre": [{"prenom": f"P{n}"} for n in range(members)]}
            files = {"a.png": (PHOTO, "image/png")} if with_photo else None
            field_team.submit("visites", {**given, "photo": "a.png" if with_photo else None}, files=files)

        @rule(at=which, zone=st.sampled_from(["nord", "sud", ""]))
        def edit(self, at: int, zone: str) -> None:
            if ids := self.ids():
                client, uid = field_team.mission.reader(), field_team.uid("visites")
                payload = {"submission_ids": [ids[at % len(ids)]], "data": {"zone": zone}}
                url = f"{field_team.url}/api/v2/assets/{uid}/data/bulk/"
                client._send("PATCH", url, json={"payload": payload})

        @rule(at=which)
        def delete(self, at: int) -> None:
            if ids := self.ids():
                field_team.mission.reader().delete_submission(field_team.uid("visites"), str(ids[at % len(ids)]))

        @rule(at=which, status=st.sampled_from(["approved", "on_hold", ""]))
        def validate(self, at: int, status: str) -> None:
            if ids := self.ids():
                client, uid = field_team.mission.reader(), field_team.uid("visites")
                client.set_validations(uid, [str(ids[at % len(ids)])], status)  # type: ignore[arg-type]

        @rule(minutes=st.sampled_from([1, 90, 1500]))
        def wait(self, minutes: int) -> None:
            field_team.clock.forward(minutes=minutes)

        @rule(quick=st.booleans(), at=st.integers(1, 12), fault=st.sampled_from(FAULTS))
        def pull_that_fails(self, quick: bool, at: int, fault: BaseException) -> None:
            client = self.mission.reader()
            get, left = client.get, iter(range(at, -10_000, -1))

            def failing(path: str, **options: int) -> object:
                if "/data/" in path and next(left) <= 0:
                    raise fault
                return get(path, **options)

            client.get = failing  # type: ignore[method-assign,assignment]
            with contextlib.suppress(KoboUnreachable, KeyboardInterrupt):
                pull(self.mission, quick=quick)
            client.get = get  # type: ignore[method-assign]

        @rule()
        def pull_quick(self) -> None:
            pull(self.mission, quick=True)

        @rule()
        def pull_complete(self) -> None:
            report = pull(self.mission, accept_deletions=True)
            assert not {finding.rule for finding in report.findings} - {"PULL003"}
            assert mirror_state(self.mission) == server_state(field_team, self.mission)

        def teardown(self) -> None:
            nonlocal ended
            ended += 1
            try:
                self.pull_complete()
            finally:
                self.mission.close()

    run_state_machine_as_test(
        Interleaved,
        settings=settings(
            max_examples=6,
            stateful_step_count=14,
            deadline=None,
            derandomize=True,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert ended >= 6
