"""Rows put under another form of the station than they were filed under; the bytes stay as phones sent them."""

from __future__ import annotations

from datetime import datetime

from kobo_sync.rows.instance import Instance, Malformed, leaves, read_instance
from kobo_sync.station import submissions
from kobo_sync.station.database import TO_REFILE, Connection, Database, Row, one


def file_under(connection: Connection, form: Row, row: Row, instance: Instance) -> None:
    """Make a row of `submissions`, which *instance* is read from, one of the deployed *form*: answers and files named by its shape."""
    created = datetime.fromisoformat(row["created_at"])
    head = submissions.head_of(form, instance, row["root_uuid"], created, row["submitted_by"])
    connection.execute("UPDATE submissions SET asset = ?, head = ? WHERE id = ?", (form["asset"], head, row["id"]))
    repeats = submissions.form_shape(form["md5"], form["xform"]).repeats
    submissions.list_files(connection, form["asset"], row["id"], leaves(instance, repeats))


def refile(db: Database) -> None:
    """Put what an older program filed wrongly under the form that it names: once, when the file was brought up."""
    if one(db.reader, "SELECT 1 FROM secrets WHERE name = ?", TO_REFILE):
        with db.writing() as connection:
            _refile(connection)
            connection.execute("DELETE FROM secrets WHERE name = ?", (TO_REFILE,))


def _refile(connection: Connection) -> None:
    """Rows that stand under a form of ODK Central, but name another one that the station serves.

    Forms of that server have no uuid: one without matched them all, and the first got everybody's rows.
    """
    sql = (
        "SELECT deployments.*, assets.owner FROM deployments JOIN assets ON assets.uid = deployments.asset"
        " WHERE deployments.uuid = ''"
    )
    forms = {form["asset"]: form for form in connection.execute(sql).fetchall()}
    keys = [(key, asset) for key, asset in connection.execute("SELECT id, asset FROM submissions") if asset in forms]
    for key, asset in keys if len(forms) > 1 else []:
        row = one(connection, "SELECT * FROM submissions WHERE id = ?", key)
        assert row is not None
        try:
            instance = read_instance(bytes(row["xml"]))
        except Malformed:  # it stays where it is: nothing says better
            continue
        form = forms.get(instance.form_id)
        twin = "SELECT 1 FROM submissions WHERE asset = ? AND uuid = ?"
        if form is None or form["asset"] == asset or one(connection, twin, form["asset"], row["uuid"]):
            continue
        file_under(connection, form, row, instance)
        connection.execute("UPDATE retired SET asset = ? WHERE submission_id = ?", (form["asset"], key))
        connection.execute(
            "UPDATE ledger SET asset = :form, address = CASE address WHEN :first THEN :form ELSE address END"
            " WHERE submission_id = :row",
            {"form": form["asset"], "first": asset, "row": key},
        )
