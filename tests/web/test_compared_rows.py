"""A finding leads to its row, and shows the one it is compared with beside it. Part 8, B31."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from web_office import Office

from kobo_sync.desk import access_log, worklist
from kobo_sync.model import Finding
from kobo_sync.store import schema


def _roots(office: Office) -> list[tuple[str, int]]:
    table = schema.submissions
    query = sa.select(table.c.root_uuid, table.c.submission_id).where(table.c.form_id == "personnes")
    with office.field.mission.store.read() as connection:
        return [(row.root_uuid, row.submission_id) for row in connection.execute(query.order_by(table.c.submission_id))]


def _finding(office: Office, root: str, other: str) -> str:
    finding = Finding(
        "DATA002", "warning", "personnes, soumission 2", "même téléphone", form_id="personnes", root_uuid=root,
        other_row=f"personnes/{other}",
    )  # fmt: skip
    worklist.refresh(office.field.mission.desk, [finding], office.field.clock())
    return worklist.key_of(finding)


def test_both_rows_stand_beside_each_other_with_their_place_on_the_server(office: Office) -> None:
    (first, n_first), (second, n_second) = _roots(office)[:2]
    key = _finding(office, second, first)
    text = office.client("maha").get(f"/qualite/{key}").text
    asset = office.field.mission.store.deployments()["personnes"].asset_uid
    for n in (n_first, n_second):
        assert f"/api/v2/assets/{asset}/data/{n}/enketo/redirect/view/" in text
        assert f"/api/v2/assets/{asset}/data/{n}/enketo/redirect/edit/" in text
    assert text.index(f">{'NOR-01'}<") < text.index(f">{'NOR-00'}<"), "the finding's own row stands first"
    assert "<bdi>A</bdi>" in text and "<bdi>B</bdi>" in text and "différent" in text
    assert access_log.downloads(office.field.mission.desk)[0].path == f"qualite/{key}"


@pytest.mark.parametrize(
    ("username", "sees_rows", "sees_names"), [("nora", True, True), ("lea", True, False), ("rachid", False, False)]
)
def test_names_are_for_those_who_may_see_them(office: Office, username: str, sees_rows: bool, sees_names: bool) -> None:
    (first, _), (second, _) = _roots(office)[:2]
    key = _finding(office, second, first)
    client = office.client(username)
    n_logged = len(access_log.downloads(office.field.mission.desk))
    text = client.get(f"/qualite/{key}").text
    assert ("l’une à côté de l’autre" in text) == sees_rows
    assert ("<bdi>NOR-01</bdi>" in text) == sees_names
    assert ("réservé" in text) == (sees_rows and not sees_names)
    assert len(access_log.downloads(office.field.mission.desk)) - n_logged == sees_names


def test_a_row_that_is_gone_is_said_to_be_gone(office: Office) -> None:
    (first, _) = _roots(office)[0]
    key = _finding(office, first, "00000000-0000-0000-0000-000000000000")
    text = office.client("maha").get(f"/qualite/{key}").text
    assert "n’est plus ici" in text and "<bdi>NOR-00</bdi>" in text
    assert (
        f"/lignes/personnes/{first}" in text and "/lignes/personnes/00000000-0000-0000-0000-000000000000" not in text
    ), "no link to a page that is not"


def test_a_desk_of_before_gets_its_rows_by_the_next_check(office: Office) -> None:
    (first, _), (second, _) = _roots(office)[:2]
    desk = office.field.mission.desk
    bare = Finding(
        "DATA002", "warning", "personnes, soumission 2", "même téléphone", form_id="personnes", root_uuid=second
    )
    worklist.refresh(desk, [bare], office.field.clock())
    item = worklist.get(desk, worklist.key_of(bare))
    assert item is not None and item[0].other_row == ""
    key = _finding(office, second, first)
    item = worklist.get(desk, key)
    assert item is not None and item[0].other_row == f"personnes/{first}"


@pytest.mark.parametrize(("username", "sees_positions"), [("nora", True), ("lea", False)])
def test_a_position_is_for_those_who_may_see_names(office: Office, username: str, sees_positions: bool) -> None:
    """Rows of people are closed by default: all but ordinary answers."""
    table = schema.submissions
    with office.field.mission.store.read() as connection:
        root = connection.execute(sa.select(table.c.root_uuid).where(table.c.form_id == "visites")).scalars().first()
    finding = Finding("DATA013", "warning", "visites, soumission 1", "loin", form_id="visites", root_uuid=str(root))
    worklist.refresh(office.field.mission.desk, [finding], office.field.clock())
    text = office.client(username).get(f"/qualite/{worklist.key_of(finding)}").text
    assert ("32.5 -4.7" in text) == sees_positions and "Nord" in text
