"""Several machines, accounts and projects on one server: what one does must not undo what another did. Part 7, B12 and C12b."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import Field

from kobo_sync.config.config import parse_config
from kobo_sync.desk import worklist
from kobo_sync.errors import KoboRejected, RunStopped
from kobo_sync.kobo.server import KoboServer
from kobo_sync.mission.freshness import last_collected
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Report
from kobo_sync.steps.build import build
from kobo_sync.steps.check import check
from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.export import export
from kobo_sync.steps.init import init
from kobo_sync.steps.pull import pull
from kobo_sync.steps.roster import refresh_roster
from kobo_sync.steps.status import status
from kobo_sync.workspace.folders import Workspace


@contextmanager
def another_machine(field: Field, folder: Path, *, mission_id: str | None = None) -> Iterator[Mission]:
    """A fresh clone of the mission's folder on another machine, against the same server."""
    root = field.mission.workspace.root
    for name in ("config", "forms"):
        shutil.copytree(root / name, folder / name)
    if mission_id is not None:
        path = folder / "config" / "mission.toml"
        path.write_text(path.read_text("utf-8").replace("[mission]\n", f'[mission]\nid = "{mission_id}"\n', 1), "utf-8")
    workspace = Workspace(folder, folder / ".kobo_sync", folder / "exports" / "out")
    mission = Mission(workspace, field.mission.environ, field.clock, server=field.mission.server)
    yield mission
    mission.close()


def _rules(report: Report) -> list[str]:
    return sorted(finding.rule for finding in report.findings)


def _list_file(field: Field) -> str:
    visites = next(form for form in field.phone.forms() if form.name == "Visites")
    return field.phone.media(visites)["participants.csv"].decode()


def _list_on_phones(field: Field) -> list[str]:
    return [line.partition(",")[0] for line in _list_file(field).splitlines()[1:]]


def _published(field: Field, *codes: str) -> None:
    for code in codes:
        field.person(code)
    pull(field.mission)
    field.clock.forward(minutes=30)
    refresh_roster(field.mission)
    assert set(codes) <= set(_list_on_phones(field))


def test_a_fresh_clone_that_deploys_before_it_pulls_leaves_phones_their_list(field_team: Field, tmp_path: Path) -> None:
    _published(field_team, "NOR-01", "NOR-02")
    with another_machine(field_team, tmp_path / "clone") as clone:
        report = deploy(clone)
        assert _rules(report) == ["DEPLOY010"] and "never pulled here completely" in report.findings[0].message
        assert _list_on_phones(field_team) == ["NOR-01", "NOR-02"]
        assert deploy(clone).counts["skip"] == 2
        pull(clone)
        assert deploy(clone).counts["skip"] == 2 and not deploy(clone).findings


def test_a_mirror_that_is_behind_republishes_no_older_list_and_the_main_machine_sees_the_server_s(
    field_team: Field, tmp_path: Path
) -> None:
    field_team.person("NOR-01")
    with another_machine(field_team, tmp_path / "clone") as clone:
        pull(clone)
        deploy(clone)
        _published(field_team, "NOR-02", "NOR-03")
        report = refresh_roster(clone, force=True)
        assert "DEPLOY010" in _rules(report) and "the server lists 3 registrations, 1 are here" in str(report.findings)
        assert _list_on_phones(field_team) == ["NOR-01", "NOR-02", "NOR-03"]
        # Somebody empties the list by hand: the main machine compares with the server, not with its own memory.
        uid = field_team.uid("visites")
        client = clone.deployer()
        (media,) = [each for each in client.asset(uid)[1] if each.filename == "participants.csv"]
        client.delete_media(uid, media.uid)
        client.upload_media(uid, "participants.csv", b"name,label,zone,group,sex\n", "text/csv")
        client.deploy(client.asset(uid)[0])
    assert _list_on_phones(field_team) == []
    field_team.clock.forward(minutes=30)
    assert refresh_roster(field_team.reopen()).counts["published"] == 1
    assert _list_on_phones(field_team) == ["NOR-01", "NOR-02", "NOR-03"]


@pytest.mark.parametrize("change", ["a correction", "one deleted and another registered"])
def test_a_mirror_with_as_many_rows_as_the_server_may_be_behind_all_the_same(
    field_team: Field, tmp_path: Path, change: str
) -> None:
    first = field_team.person("NOR-01")
    _published(field_team, "NOR-02")
    with another_machine(field_team, tmp_path / "clone") as clone:
        pull(clone)
        deploy(clone)
        field_team.clock.forward(hours=5)
        if change == "a correction":
            more = {"zone": "nord", "accord": "oui", "code": "NOR-01", "nom": "Corrigé", "groupe": "a"}
            field_team.submit("personnes", more, edits=first)
        else:
            field_team.mission.deployer().delete_submission(field_team.uid("personnes"), str(first))
            field_team.person("NOR-03")
        pull(field_team.reopen())
        refresh_roster(field_team.reopen())
        newest = _list_file(field_team)
        assert ("Corrigé" in newest) == (change == "a correction")
        field_team.clock.forward(hours=5)
        report = refresh_roster(clone, force=True)
        assert _rules(report) == ["DEPLOY010"] and "not here as the server has them" in str(report.findings)
        assert _list_file(field_team) == newest
        pull(clone)
        assert _rules(refresh_roster(clone, force=True)) == [] and _list_file(field_team) == newest


def test_a_list_that_loses_people_says_so_and_many_only_with_consent(field_team: Field) -> None:
    codes = [f"NOR-{n:02}" for n in range(1, 11)]
    _published(field_team, *codes)
    mission, uid = field_team.mission, field_team.uid("personnes")
    rows = {row[1]: row[0] for row in _ids(mission)}
    mission.deployer().delete_submission(uid, str(rows["NOR-01"]))
    pull(mission)
    field_team.clock.forward(minutes=30)
    report = refresh_roster(field_team.reopen())
    assert _rules(report) == ["DEPLOY011"] and not report.has_errors and "1 of the 10" in str(report.findings)
    assert len(_list_on_phones(field_team)) == 9
    for code in codes[1:8]:
        mission.deployer().delete_submission(uid, str(rows[code]))
    pull(field_team.reopen(), accept_deletions=True)
    field_team.clock.forward(minutes=30)
    refused = refresh_roster(field_team.reopen())
    assert refused.has_errors and "7 of the 9" in str(refused.findings) and len(_list_on_phones(field_team)) == 9
    deploy(field_team.reopen(), despite=["DEPLOY011"])
    assert _list_on_phones(field_team) == ["NOR-09", "NOR-10"]


def _ids(mission: Mission) -> list[tuple[str, str]]:
    from kobo_sync.store.tables.layout import flat_tables

    table = mission.store.read_table(flat_tables(mission.forms["personnes"])[0])
    return list(zip(table["root_uuid"], table["code"], strict=True))


def _cloned(field: Field, form_id: str, *, with_asset: bool) -> str:
    """A copy of a project as KoboToolbox makes it: mark and all, no submissions; without *with_asset* an old mark."""
    client, uid = field.mission.deployer(), field.uid(form_id)
    mark = dict(client.asset(uid)[0].fingerprint)
    if not with_asset:
        mark.pop("asset")
        client.write_fingerprint(uid, mark)
    copy = client.import_form(client.workbook(uid), "copy.xlsx", name="Copie de Personnes")
    client.write_fingerprint(copy, mark)
    client.deploy(client.asset(copy)[0])
    return copy


def test_a_copy_of_a_project_is_none_of_ours(field_team: Field, tmp_path: Path) -> None:
    for code in ("NOR-01", "NOR-02"):
        field_team.person(code)
    _cloned(field_team, "personnes", with_asset=True)
    with another_machine(field_team, tmp_path / "clone") as clone:
        assert "personnes: server 2 = local 2" in pull(clone).lines[0]
        assert _rules(deploy(clone)) == []


def test_two_projects_with_one_mark_are_refused_by_name_and_the_one_read_is_remembered(
    field_team: Field, tmp_path: Path
) -> None:
    for code in ("NOR-01", "NOR-02"):
        field_team.person(code)
    field_team.submit("visites", {"zone": "nord"})
    with another_machine(field_team, tmp_path / "reader") as reader:
        pull(reader)  # this machine only pulls: nothing tells it which project but what it read
        uid, copy = field_team.uid("personnes"), _cloned(field_team, "personnes", with_asset=False)
        assert "personnes: server 2 = local 2" in pull(reader).lines[0]
    with another_machine(field_team, tmp_path / "fresh") as fresh:
        report = pull(fresh)
        assert _rules(report) == ["PULL012"] and uid in str(report.findings) and copy in str(report.findings)
        assert "visites: server 1 = local 1" in report.lines[1]
        assert "accept-deletions" not in str(report)


def test_a_workspace_replaces_nothing_that_another_one_deployed(field_team: Field, tmp_path: Path) -> None:
    """The starter's code was one for all: two missions on one account overwrote each other's projects, exit 0."""
    _forget_identity(field_team)
    with another_machine(field_team, tmp_path / "one", mission_id="aaaa") as one:
        assert _rules(deploy(one)) == []  # a mark of before is signed by the first that deploys
        text = (one.workspace.root / "forms" / "personnes.md").read_text("utf-8")
    with another_machine(field_team, tmp_path / "same", mission_id="aaaa") as same:
        assert deploy(same).counts["skip"] == 2
    with another_machine(field_team, tmp_path / "two", mission_id="bbbb") as two:
        path = two.workspace.root / "forms" / "personnes.md"
        path.write_text(text.replace("Zone    ", "La zone "), "utf-8")
        report = deploy(two)
        assert report.counts["create"] == 2 and report.counts["replace"] == 0
    assert field_team.mission.deployer().asset(field_team.uid("personnes"))[0].fingerprint["workspace"] == "aaaa"


def test_an_adopted_project_of_another_workspace_is_skipped_unchanged_and_refused_by_name_else(
    field_team: Field, tmp_path: Path
) -> None:
    _forget_identity(field_team)
    with another_machine(field_team, tmp_path / "one", mission_id="aaaa") as one:
        deploy(one)
    with another_machine(field_team, tmp_path / "two", mission_id="bbbb") as two:
        two.__class__ = _Adopting
        two.__dict__["adopted_uids"] = {"personnes": field_team.uid("personnes")}
        mark = dict(two.deployer().asset(field_team.uid("personnes"))[0].fingerprint)
        for dry_run in (True, False):
            report = deploy(two, form_ids=["personnes"], dry_run=dry_run)
            assert (_rules(report), report.counts["skip"]) == ([], 1) and "(aaaa)" in report.lines[0]
        assert dict(two.deployer().asset(field_team.uid("personnes"))[0].fingerprint) == mark
    with another_machine(field_team, tmp_path / "three", mission_id="bbbb") as three:
        path = three.workspace.root / "forms" / "personnes.md"
        path.write_text(path.read_text("utf-8").replace("Zone    ", "La zone "), "utf-8")
        three.__class__ = _Adopting
        three.__dict__["adopted_uids"] = {"personnes": field_team.uid("personnes")}
        report = deploy(three, form_ids=["personnes"])
        assert _rules(report) == ["DEPLOY008"] and "aaaa" in str(report.findings)
        assert deploy(three, form_ids=["personnes"], despite=["DEPLOY008"]).counts["refuse"] == 0


def _forget_identity(field: Field) -> None:
    """Let the marks be those of before: without a workspace, and without the project that they were written for."""
    client = field.mission.deployer()
    for form_id in ("personnes", "visites"):
        mark = client.asset(field.uid(form_id))[0].fingerprint
        client.write_fingerprint(field.uid(form_id), {k: v for k, v in mark.items() if k not in ("workspace", "asset")})


class _Adopting(Mission):
    @property
    def adopted(self) -> dict[str, str]:
        return dict(self.__dict__["adopted_uids"])


def test_two_new_missions_have_codes_and_ids_of_their_own(tmp_path: Path) -> None:
    identities = set()
    for name in ("Santé rurale 2", "بني ملال", "x" * 80):
        init(tmp_path / name)
        text = (tmp_path / name / "config" / "mission.toml").read_text("utf-8")
        config = parse_config(
            text, {"config/zones.csv": (tmp_path / name / "config" / "zones.csv").read_text("utf-8")}, {}
        )
        identities |= {config.mission.code, config.mission.id}
    assert len(identities) == 6 and "" not in identities and "ma-mission" not in identities


def test_an_account_that_sees_some_projects_is_told_so_and_makes_no_second_ones(
    field_team: Field, tmp_path: Path
) -> None:
    client = field_team.mission.deployer()
    url = f"{field_team.url}/api/v2/assets/{field_team.uid('visites')}/permission-assignments/"
    for right in ("view_asset", "view_submissions"):
        body = {
            "user": f"{field_team.url}/api/v2/users/lecteur/",
            "permission": f"{field_team.url}/api/v2/permissions/{right}/",
        }
        client._send("POST", url, json=body)
    with another_machine(field_team, tmp_path / "viewer") as viewer:
        viewer.environ = {**viewer.environ, "KOBO_TOKEN": field_team.reader[1], "KOBO_DEPLOY_TOKEN": ""}
        lines = pull(viewer).lines
        assert "sees 1 of the mission's 2 projects" in lines[0] and "kobo-sync deploy" not in lines[0], lines
        report = deploy(viewer)
        assert "DEPLOY009" in _rules(report) and report.counts["create"] == 0
    assert len([asset for asset in client.assets() if asset.fingerprint]) == 2


def test_what_a_killed_pull_noticed_is_told_by_the_next_and_status_knows_its_rows(
    field_team: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(6):
        field_team.person(f"NOR-{n:02}", age="beaucoup" if n == 0 else n)
    mission = field_team.mission
    stopped = []

    def stop(what: str, done: int, _total: int | None) -> None:
        if what == "personnes" and done:
            stopped.append(done)
            raise RunStopped("stopped")

    monkeypatch.setattr(mission, "progress", stop)
    with pytest.raises(RunStopped):
        pull(mission)
    assert stopped
    (line, *_) = status(field_team.reopen()).lines
    assert line.startswith(f"personnes: {stopped[0]} rows, its first pull was cut short"), line
    assert "PULL006" in _rules(pull(field_team.reopen()))
    assert "PULL006" not in _rules(pull(field_team.reopen()))


def test_files_that_did_not_come_are_one_finding_with_their_names_and_why(
    field_team: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(7):
        name = f"photo-{n}.jpg"
        field_team.submit(
            "visites", {"zone": "nord", "photo": name}, files={name: (b"\xff\xd8\xff" + bytes([n]), "image/jpeg")}
        )

    def refuse(*_: object) -> None:
        raise KoboRejected("there is no such file", method="GET", url="/x", status=404)

    monkeypatch.setattr(KoboServer, "download", refuse)
    (finding,) = [each for each in pull(field_team.mission).findings if each.rule == "PULL003"]
    assert finding.message.startswith("7 attached files") and finding.message.endswith("and 2 more")
    assert "photo-0.jpg (" in finding.message and "404" in finding.message


def test_a_received_file_that_the_disk_refuses_is_told(field_team: Field) -> None:
    field_team.submit("visites", {"zone": "nord", "photo": "p.jpg"}, files={"p.jpg": (b"\xff\xd8\xff1", "image/jpeg")})
    pull(field_team.mission)
    (file,) = [path for path in field_team.mission.workspace.attachments.rglob("*") if path.is_file()]
    file.unlink()
    file.mkdir()
    report = pull(field_team.mission)
    assert _rules(report) == ["PULL013"] or (file.is_dir() and "PULL013" in _rules(report))


def test_tables_follow_the_version_that_phones_have(field_team: Field, tmp_path: Path) -> None:
    """A workbook that `deploy` refused, or that is not published yet, took columns and answers away: 123 of 138 were NULL."""
    for n, age in enumerate((31, 42, 53)):
        field_team.person(f"NOR-{n}", age=age, note=f"remarque {n}")
    root = field_team.mission.workspace.root
    path = root / "forms" / "personnes.md"
    lines = [line for line in path.read_text("utf-8").splitlines() if "| note   " not in line]
    assert len(lines) == len(path.read_text("utf-8").splitlines()) - 1
    path.write_text(
        "\n".join(lines).replace("| integer                        | age ", "| text                           | age ")
        + "\n",
        "utf-8",
    )
    with another_machine(
        field_team, tmp_path / "fresh"
    ) as fresh:  # its mirror is empty, and its forms/ newer than phones
        for mission in (field_team.reopen(), fresh):
            report = pull(mission)
            assert "PULL005" not in _rules(report), report.findings
            table = mission.store.read_table(mission.store.tables(mission.forms["personnes"])[0])
            assert sorted(table["note"]) == ["remarque 0", "remarque 1", "remarque 2"]
            assert sorted(table["age"].astype(str)) == ["31", "42", "53"]


def test_a_retyped_question_loses_nothing_it_held(field_team: Field) -> None:
    """A decimal turned integer made a sum of 22,665 into 15."""
    path = field_team.mission.workspace.root / "forms" / "personnes.md"
    text = path.read_text("utf-8")
    for kind, answers in (("decimal", ("1.5", "22.25")), ("integer", ("3",)), ("text", ("beaucoup",))):
        path.write_text(text.replace("| integer                        | age ", f"| {kind:<30} | age "), "utf-8")
        mission = field_team.reopen()
        deploy(mission, despite=["DEPLOY006"])
        field_team.mission = mission
        for answer in answers:
            field_team.person(f"{kind}-{answer}", age=answer)
        pull(mission)
    table = mission.store.read_table(mission.store.tables(mission.forms["personnes"])[0])
    assert sorted(table["age"]) == ["1.5", "22.25", "3", "beaucoup"]
    for kind in ("integer", "decimal"):  # whatever the question is now, checks, papers and exports go on
        path.write_text(text.replace("| integer                        | age ", f"| {kind:<30} | age "), "utf-8")
        mission = field_team.reopen()
        pull(mission)
        assert not {"CHECK001", "BUILD002"} & {*_rules(check(mission)), *_rules(build(mission))}
        assert export(mission, "csv").counts["files"] and export(mission, "xlsx").counts["files"]


@pytest.mark.postgres
@pytest.mark.one_database
def test_a_mirror_that_is_behind_closes_no_finding_of_another(field_team: Field, tmp_path: Path, postgres: str) -> None:
    """Part 10, 2: two machines share the desk, each has a mirror; /health of one is not the other's success."""
    field_team.mission.environ["DESK_URL"] = postgres  # type: ignore[index]
    field_team.person("NOR-001")
    field_team.person("NOR-001")  # one code twice: a finding
    with another_machine(field_team, tmp_path / "other") as other:
        here = field_team.reopen()
        here.environ["DESK_URL"] = postgres  # type: ignore[index]
        pull(other)
        assert last_collected(here) is None and last_collected(other) == field_team.clock()
        check(other)
        listed = worklist.counts(here.desk)
        report = check(here)  # nothing was pulled here yet
        assert "CHECK002" in _rules(report) and sum(listed.values())
        assert worklist.counts(here.desk) == listed
        field_team.clock.forward(hours=1)
        pull(here)
        assert "CHECK002" not in _rules(check(here))
        assert worklist.counts(here.desk) == listed
