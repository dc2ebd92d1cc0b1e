"""Entity lists of ODK Central: rows that phones pick from, brought to what they are to be by their difference, without a new form version."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kobo_sync.central.openrosa import CHECK_ADDRESS
from kobo_sync.central.phones import Phones
from kobo_sync.central.wire import protocol
from kobo_sync.errors import KoboRejected, KoboUnexpected
from kobo_sync.form_server import ListChange
from kobo_sync.rows.bodies import parse_object

AT_ONCE = 1000  # entities in one request [i19]
CODE = "code"


@dataclass(frozen=True)
class _Entity:
    label: str
    data: Mapping[str, str]


def uuid_of(project: int, name: str, code: str) -> str:
    """The uuid of the entity of a code in a list, the same on every machine, another in every project: the server takes each once.

    In the shape of version 4, which it asks for [i20].
    """
    digits = hashlib.sha256(f"{project}/{name}/{code}".encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:32]}"


class EntityLists(Phones):
    """What the account may do with entity lists: a project manager's right."""

    def list_codes(self, name: str) -> set[str] | None:
        """The codes on the list; None where there is no such list."""
        entities = self._entities(name)
        return None if entities is None else {each.data[CODE] for each in entities.values() if each.data.get(CODE)}

    def put_list(
        self, name: str, rows: Sequence[Mapping[str, str]], *, by_zone: bool = False, dry_run: bool = False
    ) -> ListChange:
        """Bring the list *name* to *rows* (``name``: the code, ``label``, and what else phones see of them).

        Only what differs is sent: phones have it at their next look, without a new version of their form. *by_zone*: a phone gets
        the rows of its own zone alone. Each step can be repeated; killed in between, the next run does the rest.
        """
        columns = sorted({key for row in rows for key in row} - {"name", "label"})
        there = self._entities(name)
        target = {
            uuid_of(self.project, name, row["name"]): _Entity(
                row["label"], {CODE: row["name"], **{key: row.get(key, "") for key in columns}}
            )
            for row in rows
        }
        new = sorted(target.keys() - (there or {}).keys())
        gone = sorted((there or {}).keys() - target.keys())
        changed = sorted(key for key in target.keys() & (there or {}).keys() if (there or {})[key] != target[key])
        if not dry_run:
            self._prepare(name, (CODE, *columns), by_zone=by_zone)
            self._add(name, {key: target[key] for key in new})
            for key in changed:
                self._change(name, key, target[key])
            for at in range(0, len(gone), AT_ONCE):
                self.send(
                    "POST", self._list_path(name, "entities", "bulk-delete"), json={"ids": gone[at : at + AT_ONCE]}
                )
        return ListChange(len(new), len(changed), len(gone))

    def _list_path(self, name: str, *parts: str) -> str:
        return protocol.project_path(self.project, "datasets", name, *parts)

    def _entities(self, name: str) -> dict[str, _Entity] | None:
        """The entities of a list by their uuid; None where there is no such list. Trusted whole: a transfer that breaks off is told."""
        try:
            text = self.get(f"{self._list_path(name)}/entities.csv", headers={"Accept": "*/*"}).body.decode("utf-8-sig")
        except KoboRejected as error:
            if error.status == 404:
                return None
            raise
        if not text.startswith("__id"):
            raise KoboUnexpected(
                "an HTML page came in place of the list"
                if text.lstrip().startswith("<")
                else "this is no list of entities",
                method="GET",
                url=f"{self.url}{self._list_path(name)}/entities.csv",
                hint=CHECK_ADDRESS,
            )
        entities = {}
        for row in csv.DictReader(io.StringIO(text)):
            data = {
                key: value or "" for key, value in row.items() if key and not key.startswith("__") and key != "label"
            }
            entities[str(row["__id"])] = _Entity(row.get("label") or "", data)
        return entities

    def _prepare(self, name: str, columns: Sequence[str], *, by_zone: bool) -> None:
        """The list with its columns, and who gets which of its rows."""
        try:
            settings = parse_object(self.get(self._list_path(name), headers=protocol.EXTENDED).body)
        except KoboRejected as error:
            if error.status != 404:
                raise
            self.post_once(protocol.project_path(self.project, "datasets"), {"name": name})
            settings = {}
        with protocol.known_shape():
            there = {str(each["name"]) for each in settings.get("properties") or ()}
        for column in columns:
            if column not in there:
                self.post_once(self._list_path(name, "properties"), {"name": column})
        rules = [{"datasetProperty": "zone", "actorProperty": "zone"}]
        access = {"type": "property", "rules": rules} if by_zone else None
        if (settings.get("accessFilter") is not None) != by_zone:
            if by_zone:  # a rule about a property that the project does not know is dropped without a word
                self.define_zone()
            self.send("PATCH", self._list_path(name), json={"accessFilter": access})

    def _add(self, name: str, entities: Mapping[str, _Entity]) -> None:
        """Add entities; those that lie in the trash are restored first and brought up to date: their uuids are taken [i07c]."""
        deleted = self._deleted(name) & entities.keys()
        for key in sorted(deleted):
            self.send("POST", self._list_path(name, "entities", key, "restore"))
            self._change(name, key, entities[key])
        keys = sorted(entities.keys() - deleted)
        for at in range(0, len(keys), AT_ONCE):
            some = [
                {"uuid": key, "label": entities[key].label, "data": dict(entities[key].data)}
                for key in keys[at : at + AT_ONCE]
            ]
            body = {"source": {"name": "kobo-sync"}, "entities": some}
            self.send("POST", self._list_path(name, "entities"), json=body)

    def _deleted(self, name: str) -> set[str]:
        where = protocol.quoted("__system/deletedAt ne null")
        path = f"{self._list_path(name)}.svc/Entities?$filter={where}&$select=__id"
        deleted: set[str] = set()
        while path:
            page = parse_object(self.get(path).body)
            with protocol.known_shape():
                deleted |= {str(row["__id"]) for row in page["value"]}
                link = page.get("@odata.nextLink") if page["value"] else None
            path = protocol.path_of(str(link)) if link else ""
        return deleted

    def _change(self, name: str, key: str, entity: _Entity) -> None:
        body = {"label": entity.label, "data": dict(entity.data)}
        self.send("PATCH", f"{self._list_path(name, 'entities', key)}?force=true", json=body)
