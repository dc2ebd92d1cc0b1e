"""What can happen on a server: scenes that a station plays, and a real KoboToolbox where one is named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from conftest import PERSONNES, VISITES, Field
from mirror_truth import mirror_state

from kobo_sync.errors import KoboRejected
from kobo_sync.model import Report
from kobo_sync.phones.simulate import Sample, draw_answers, instance_xml
from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.deploy_plan import REFUSALS

PHOTO, OTHER = b"\x89PNG\r\n\x1a\nabc", b"\xff\xd8\xff\xe0def"
VISIT = {"zone": "nord", "gps": "31.5 -5.1 1200 4"}
Steps = Iterator[
    str
]  # "" compares with the server; "blind": only a complete pull can see it; "held": nothing may go, "some": no look at all


@dataclass
class Scene:
    """The field with short names for what scenarios do."""

    field: Field
    report: Report = field(init=False)
    token: str = ""

    def visit(self, **more: object) -> str:
        files = more.pop("files", None)
        return self.field.submit("visites", {**VISIT, **more}, files=files)  # type: ignore[arg-type]

    def edit(self, before: str, form_id: str = "visites", **more: object) -> str:
        files = more.pop("files", None)
        self.field.clock.forward(minutes=10)
        base = VISIT if form_id == "visites" else {"zone": "nord", "accord": "oui", "code": "N1", "groupe": "a"}
        return self.field.submit(form_id, {**base, **more}, files=files, edits=before)  # type: ignore[arg-type]

    def call(self, method: str, form_id: str, *parts: str, **body: object) -> None:
        path = "/".join(("/api/v2/assets", self.field.uid(form_id), *parts)) + "/"
        self.field.mission.reader()._send(method, self.field.url + path, json=body or None)

    def ids(self, form_id: str) -> list[int]:
        listing = self.field.mission.reader().light_pages(self.field.uid(form_id))
        return [row.submission_id for page in listing for row in page]

    def sql(self, statement: str, *values: object) -> None:
        with self.field.station.db.writing() as connection:
            connection.execute(statement, values)

    def redeploy(self, file: str, text: str) -> None:
        (self.field.mission.workspace.root / "forms" / file).write_text(text, "utf-8")
        self.field.clock.forward(hours=1)
        mission = self.field.reopen()
        deploy(mission, despite=REFUSALS)
        self.field.mission = mission


def new_rows(s: Scene) -> Steps:
    yield ""
    s.field.person("NOR-01", age=41)
    s.visit(membre=[{"prenom": "Awa", "annees": 3}])
    yield ""
    s.field.person("SUD-01", zone="sud")
    yield ""


def several_edits_between_two_pulls(s: Scene) -> Steps:
    first = s.field.person("N1")
    yield ""
    second = s.edit(first, "personnes", nom="B")
    s.edit(second, "personnes", nom="C")
    yield ""
    assert s.report.counts["edited"] == 1


def bulk_edits(s: Scene) -> Steps:
    for n in range(4):
        s.field.person(f"NOR-{n}")
    yield ""
    ids = s.ids("personnes")[:3]
    s.call("PATCH", "personnes", "data", "bulk", payload={"submission_ids": ids, "data": {"nom": "Ensemble"}})
    yield ""
    assert s.report.counts["edited"] == 3


def an_edit_that_blanks(s: Scene) -> Steps:
    first = s.field.person("N1", note="à effacer", age=30)
    yield ""
    s.edit(first, "personnes", nom="N", note=None, age=None)
    yield ""


def repeats_shrink_and_vanish(s: Scene) -> Steps:
    first = s.visit(membre=[{"prenom": "Awa", "annees": 3}, {"prenom": "علي"}, {"prenom": "Zoé"}])
    yield ""
    second = s.edit(first, membre=[{"prenom": "Zoé"}])
    yield ""
    s.edit(second, membre=[])
    yield ""


def files_replaced_and_dropped(s: Scene) -> Steps:
    first = s.visit(photo="a.png", files={"a.png": (PHOTO, "image/png")})
    yield ""
    second = s.edit(first, photo="b.jpg", files={"b.jpg": (OTHER, "image/jpeg")})
    yield ""
    s.edit(second, photo=None)
    yield ""


def files_that_come_late(s: Scene) -> Steps:
    given = {**VISIT, "photo": "été 1.png"}
    root = s.field.submit("visites", given)
    yield ""
    s.field.submit("visites", given, files={"été 1.png": (PHOTO, "image/png")}, instance_id=root)
    s.field.clock.forward(hours=9)
    s.visit()
    yield "blind"


def files_deleted_on_the_server(s: Scene) -> Steps:
    s.visit(photo="a.png", files={"a.png": (PHOTO, "image/png")})
    yield ""
    ((_, attachment_uid),) = mirror_state(s.field.mission)["visites"]["files"]
    s.call("DELETE", "visites", "attachments", attachment_uid)
    s.field.clock.forward(hours=9)
    yield "blind"


def deletions(s: Scene) -> Steps:
    for n in range(4):
        s.field.person(f"NOR-{n}")
    yield ""
    first, second, *_ = s.ids("personnes")
    s.call("DELETE", "personnes", "data", str(first))
    yield ""
    s.call("DELETE", "personnes", "data", "bulk", payload={"submission_ids": [second]})
    s.field.person("NOR-9")  # as many rows as before
    yield ""


def restored_by_sending_again(s: Scene) -> Steps:
    root = s.visit()
    s.visit()
    yield ""
    s.call("DELETE", "visites", "data", root)
    yield ""
    s.field.submit("visites", VISIT, instance_id=root)
    yield ""
    assert s.report.counts["restored"] == 1


def duplicated(s: Scene) -> Steps:
    root = s.visit(photo="a.png", files={"a.png": (PHOTO, "image/png")})
    yield ""
    s.call("POST", "visites", "data", root, "duplicate")
    yield ""
    assert s.report.counts["new"] == 1


def validated_and_cleared(s: Scene) -> Steps:
    for n in range(3):
        s.field.person(f"NOR-{n}")
    yield ""
    ids = s.ids("personnes")
    client, uid = s.field.mission.reader(), s.field.uid("personnes")
    client.set_validations(uid, [str(ids[0])], "on_hold")
    client.set_validations(uid, [str(ids[1])], "approved")
    yield ""
    assert s.report.counts["validated"] == 2
    s.field.clock.forward(hours=5)
    client.set_validations(uid, [str(ids[0])], "not_approved")
    client.set_validations(uid, [str(ids[1])], "")
    yield ""


def phantoms_and_doubles(s: Scene) -> Steps:
    """A failed request's row stays listed with a second under one root uuid; the higher id is the true one."""
    s.field.person("NOR-1")
    s.field.person("NOR-2")
    yield ""
    s.sql("DROP INDEX submissions_uuid")
    columns = "asset, uuid, root_uuid, sha, attachments, validation, submission_time, created_at, submitted_by, xml"
    s.sql(
        f"INSERT INTO submissions (head, {columns}) SELECT replace(head, 'NOR-1', 'NOR-1 bis'), {columns}"
        " FROM submissions ORDER BY id LIMIT 1"
    )
    yield ""
    assert {finding.rule for finding in s.report.findings} == {"PULL008"}
    s.sql("DELETE FROM submissions WHERE id = (SELECT max(id) FROM submissions)")
    yield ""
    assert not s.report.findings


def visible_out_of_order(s: Scene) -> Steps:
    s.field.person("NOR-1")
    s.field.person("NOR-2")
    uid, (first, _) = s.field.uid("personnes"), s.ids("personnes")
    s.sql("UPDATE submissions SET asset = 'not yet' WHERE id = ?", first)
    yield ""
    s.sql("UPDATE submissions SET asset = ? WHERE id = ?", uid, first)
    s.field.clock.forward(minutes=20)
    yield ""
    assert s.report.counts["new"] == 1


def backdated(s: Scene) -> Steps:
    s.field.person("NOR-1")
    yield ""
    offered = next(form for form in s.field.phone.forms() if form.asset_uid == s.field.uid("personnes"))
    answers = draw_answers(s.field.mission.forms["personnes"], Random(3), Sample({"zone": "nord"}))
    xml = instance_xml(s.field.phone.xform(offered), answers, instance_id=s.field.new_id())
    s.field.phone.send(xml.replace(b"<data ", b'<data submissionDate="2020-01-01T00:00:00Z" ', 1), {})
    s.field.clock.forward(hours=8)
    s.field.person("NOR-2")
    yield ""


def a_newer_form(s: Scene) -> Steps:
    """A question more and one less; rows of both versions keep their answers."""
    s.field.person("NOR-1", note="ancienne")
    yield ""
    s.redeploy("personnes.md", PERSONNES.replace("text                           | note   ", "text | remarque "))
    s.field.person("NOR-2", remarque="nouvelle")
    yield ""
    store = s.field.mission.store
    with store.begin() as connection:
        notes = connection.exec_driver_sql('SELECT note, remarque FROM "data_personnes" ORDER BY submission_id').all()
    assert [tuple(row) for row in notes] == [("ancienne", None), (None, "nouvelle")]


def an_old_phone(s: Scene) -> Steps:
    """A row of the version before comes after the newer one is deployed, and is edited in it."""
    s.field.person("NOR-1", note="x")
    yield ""
    old = s.field._xforms["personnes"][1]
    s.redeploy("personnes.md", PERSONNES.replace("text                           | note   ", "text | remarque "))
    s.field.person("NOR-2", remarque="nouvelle")
    answers = draw_answers(s.field.mission.forms["personnes"], Random(4), Sample({"zone": "nord", "remarque": None}))
    root = s.field.new_id()
    late = instance_xml(old, answers, instance_id=root).replace(b"</code>", b"</code><note>tardive</note>", 1)
    s.field.phone.send(late, {})
    yield ""
    s.edit(root, "personnes", remarque="corrigée")
    yield ""


def a_group_moves(s: Scene) -> Steps:
    s.visit()
    yield ""
    s.redeploy("visites.md", VISITES.replace("| lieu     |", "| endroit  |"))
    s.visit(gps="30 -6 100 5")
    yield ""
    assert [row["gps_lat"] for row in s.field.mission.store.read_table(_tables(s)[0]).to_dict("records")] == [31.5, 30]


def a_repeat_becomes_a_group_and_one_again(s: Scene) -> Steps:
    s.visit(membre=[{"prenom": "Awa", "annees": 3}, {"prenom": "Zoé"}])
    yield ""
    s.redeploy("visites.md", VISITES.replace("begin_repeat", "begin_group").replace("end_repeat", "end_group"))
    s.visit(prenom="Ali", annees="4")
    yield ""
    store = s.field.mission.store
    with store.begin() as connection:
        members = connection.exec_driver_sql('SELECT prenom FROM "data_visites__membre" ORDER BY position').scalars()
        assert list(members) == ["Awa", "Zoé"]
        assert connection.exec_driver_sql('SELECT max(prenom) FROM "data_visites"').scalar() == "Ali"
    s.redeploy("visites.md", VISITES)
    s.visit(membre=[{"prenom": "Eva"}])
    yield ""


def a_question_changes_its_type(s: Scene) -> Steps:
    s.field.person("NOR-1", age=7)
    yield ""
    s.redeploy("personnes.md", PERSONNES.replace("| integer                        | age ", "| text | age "))
    s.field.person("NOR-2", age="007")
    yield ""
    assert "PULL010" in {finding.rule for finding in s.report.findings}


def rights_shrink(s: Scene) -> Steps:
    """Absence is not deletion: an account that now sees some rows only must not bury the others."""
    uid = s.field.uid("personnes")
    for each in (uid, s.field.uid("visites")):
        _grant(s, each, "view_asset")
        _grant(s, each, "view_submissions")
    for n in range(4):
        s.field.person(f"NOR-{n}")
    s.token = s.field.reader[1]
    yield ""
    _revoke(s, uid, "view_submissions")
    _grant(s, uid, "partial_submissions", partial_permissions=[_partial(s, "nobody")])
    yield "held"
    assert "PULL009" in {finding.rule for finding in s.report.findings}
    yield "held"
    for each in (uid, s.field.uid("visites")):
        _revoke(s, each, "")
    yield "held"
    assert "PULL001" in {finding.rule for finding in s.report.findings}
    for each in (uid, s.field.uid("visites")):
        _grant(s, each, "view_asset")
        _grant(s, each, "view_submissions")
    s.field.person("NOR-9")
    yield ""
    assert not s.report.has_errors


def ownership_passes(s: Scene) -> Steps:
    """While documents are keyed anew some rows are not listed: they are kept until they come back."""
    uid = s.field.uid("personnes")
    for n in range(3):
        s.field.person(f"NOR-{n}")
    s.visit(photo="a.png", files={"a.png": (PHOTO, "image/png")})
    yield ""
    first = s.ids("personnes")[0]
    s.sql("UPDATE assets SET owner = 'autre' WHERE uid = ?", uid)
    s.sql("UPDATE submissions SET asset = 'on the way' WHERE id = ?", first)
    yield "held"
    s.sql("UPDATE submissions SET asset = ? WHERE id = ?", uid, first)
    yield ""
    assert not s.report.has_errors
    s.sql("""UPDATE submissions SET attachments = replace(attachments, '"maha/', '"autre/')""")
    yield "blind"
    assert not s.report.counts.get("files")


def archived(s: Scene) -> Steps:
    s.visit()
    yield ""
    s.call("PATCH", "visites", "deployment", active=False)
    s.call("DELETE", "visites", "data", str(s.ids("visites")[0]))
    yield ""


def another_server_under_the_same_name(s: Scene) -> Steps:
    """A server set up again from a copy: the same addresses, other ids; some lower, some higher."""
    for n in range(4):
        s.field.person(f"NOR-{n}")
    yield ""
    s.sql("UPDATE submissions SET id = id + 1000")
    yield ""
    s.sql("UPDATE submissions SET id = id - 900")
    yield ""
    s.sql("UPDATE sqlite_sequence SET seq = 0 WHERE name = 'submissions'")
    s.sql("UPDATE submissions SET id = id - 90")
    s.field.person("NOR-9")
    yield ""


def one_file_kept_another_replaced(s: Scene) -> Steps:
    """An edit names a file that is not sent again; a copy of the row has files of its own."""
    first = s.visit(photo="a.png", files={"a.png": (PHOTO, "image/png")})
    second = s.edit(first, photo="a.png", gps="30 -6 100 5")
    yield ""
    s.edit(second, photo="b.jpg", files={"b.jpg": (OTHER, "image/jpeg")})
    s.call("POST", "visites", "data", first, "duplicate")
    yield ""
    s.call("DELETE", "visites", "data", first)
    yield ""


def statuses_in_bulk_and_edits_after(s: Scene) -> Steps:
    """An edit keeps the status; statuses are set and cleared for many rows, among them edited and deleted ones."""
    roots = [s.field.person(f"NOR-{n}") for n in range(4)]
    yield ""
    ids = s.ids("personnes")
    s.call("PATCH", "personnes", "data", "validation_statuses", payload=_status(ids, "validation_status_approved"))
    s.edit(roots[0], "personnes", nom="après")
    yield ""
    assert s.report.counts["edited"] >= 1
    s.call("DELETE", "personnes", "data", str(ids[1]))
    some = [ids[0], *ids[2:]]
    s.call("PATCH", "personnes", "data", "validation_statuses", payload=_status(some, "validation_status_on_hold"))
    yield ""
    s.call("DELETE", "personnes", "data", "validation_statuses", payload=_status(some, ""))
    yield ""


def all_deleted_and_new_ones(s: Scene) -> Steps:
    for n in range(4):
        s.field.person(f"NOR-{n}")
    yield ""
    s.call("DELETE", "personnes", "data", "bulk", payload={"confirm": True, "query": {}})
    yield ""
    s.field.person("NOR-9")
    yield ""


def edited_deleted_and_sent_again(s: Scene) -> Steps:
    """The first state comes back after a later one was deleted."""
    root = s.visit(membre=[{"prenom": "Awa"}])
    yield ""
    s.edit(root, membre=[{"prenom": "Zoé"}, {"prenom": "Eva"}])
    yield ""
    s.call("DELETE", "visites", "data", root)
    s.field.submit("visites", {**VISIT, "membre": [{"prenom": "Awa"}]}, instance_id=root)
    yield ""


def rights_grow(s: Scene) -> Steps:
    """A reader of some rows comes to see all of them."""
    uid = s.field.uid("personnes")
    _grant(s, s.field.uid("visites"), "view_submissions")
    for n in range(3):
        s.field.person(f"NOR-{n}")
    _grant(s, uid, "partial_submissions", partial_permissions=[_partial(s, "nobody")])
    s.token = s.field.reader[1]
    yield "some"
    assert [(finding.rule, finding.form_id) for finding in s.report.findings] == [("PULL018", "personnes")]
    _revoke(s, uid, "partial_submissions")
    _grant(s, uid, "view_submissions")
    yield ""
    assert not s.report.findings


def put_back_from_a_backup(s: Scene) -> Steps:
    """The server forgets what came since its backup and gives the same ids to other rows."""
    for n in range(4):
        s.field.person(f"NOR-{n}")
    yield ""
    lost = [s.field.person(f"SUD-{n}", zone="sud") for n in range(2)]
    yield ""
    ids = s.ids("personnes")[-2:]
    for root in lost:
        s.call("DELETE", "personnes", "data", root)
    s.sql("UPDATE sqlite_sequence SET seq = ? WHERE name = 'submissions'", ids[0] - 1)
    s.field.person("NOR-9")
    yield ""
    s.field.person("NOR-10")
    assert s.ids("personnes")[-2:] == ids
    yield ""


def many_things_at_once(s: Scene) -> Steps:
    roots = [s.field.person(f"NOR-{n}", note="x") for n in range(8)]
    first = s.visit(photo="a.png", files={"a.png": (PHOTO, "image/png")}, membre=[{"prenom": "A"}, {"prenom": "B"}])
    yield ""
    s.edit(roots[0], "personnes", nom="edited")
    s.call("DELETE", "personnes", "data", roots[1])
    s.field.mission.reader().set_validations(s.field.uid("personnes"), [str(s.ids("personnes")[2])], "approved")
    s.call("POST", "personnes", "data", roots[3], "duplicate")
    s.edit(first, photo="b.jpg", files={"b.jpg": (OTHER, "image/jpeg")}, membre=[{"prenom": "B"}])
    s.field.person("SUD-1", zone="sud")
    yield ""


ANYWHERE: tuple[Callable[[Scene], Steps], ...] = (
    new_rows,
    several_edits_between_two_pulls,
    bulk_edits,
    an_edit_that_blanks,
    repeats_shrink_and_vanish,
    files_replaced_and_dropped,
    files_that_come_late,
    files_deleted_on_the_server,
    deletions,
    restored_by_sending_again,
    duplicated,
    validated_and_cleared,
    backdated,
    a_newer_form,
    an_old_phone,
    a_group_moves,
    a_repeat_becomes_a_group_and_one_again,
    a_question_changes_its_type,
    rights_shrink,
    archived,
    one_file_kept_another_replaced,
    statuses_in_bulk_and_edits_after,
    all_deleted_and_new_ones,
    edited_deleted_and_sent_again,
    rights_grow,
    many_things_at_once,
)
# What only a hand in the server's database can bring about.
INSIDE: tuple[Callable[[Scene], Steps], ...] = (
    phantoms_and_doubles,
    visible_out_of_order,
    ownership_passes,
    another_server_under_the_same_name,
    put_back_from_a_backup,
)


def _tables(s: Scene) -> tuple[object, ...]:
    from kobo_sync.store.tables.layout import flat_tables

    return flat_tables(s.field.mission.forms["visites"])


def _grant(s: Scene, uid: str, codename: str, **more: object) -> None:
    kf = s.field.url + "/api/v2"
    body = {"user": f"{kf}/users/{s.field.reader[0]}/", "permission": f"{kf}/permissions/{codename}/", **more}
    url = f"{kf}/assets/{uid}/permission-assignments/"
    s.field.mission.reader()._send("POST", url, json=body, retry=False)


def _revoke(s: Scene, uid: str, codename: str) -> None:
    """Take *codename* from the reader, or all it has; taking one may take others with it."""
    client = s.field.mission.reader()
    for given in json.loads(client.get(f"/api/v2/assets/{uid}/permission-assignments/").body):
        user, permission = (given[key].rstrip("/").rpartition("/")[2] for key in ("user", "permission"))
        if user == s.field.reader[0] and permission.startswith(codename):
            with suppress(KoboRejected):
                client._send("DELETE", given["url"])


def _status(ids: list[int], uid: str) -> dict[str, object]:
    return {"submission_ids": ids, "validation_status.uid": uid}


def _partial(s: Scene, who: str) -> dict[str, object]:
    url = f"{s.field.url}/api/v2/permissions/view_submissions/"
    return {"url": url, "filters": [{"_submitted_by": who}]}
