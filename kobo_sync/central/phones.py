"""Phones on ODK Central: an app user each, whose address holds its secret; made, listed, revoked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kobo_sync.central.projects import Projects
from kobo_sync.central.wire import protocol
from kobo_sync.errors import KoboRejected
from kobo_sync.model import Phone
from kobo_sync.rows.bodies import parse_object


class Phones(Projects):
    """What the account may do with phones: a project manager's right."""

    def phones(self) -> list[Phone]:
        """The phones that may submit, by name, then by age; revoked ones are listed no more [e02]."""
        path = protocol.project_path(self.project, "app-users")
        rows = protocol.parse_list(self.get(path, headers=protocol.EXTENDED).body)
        with protocol.known_shape():
            phones = [self._phone(row) for row in rows if row.get("token")]
        return sorted(phones, key=lambda phone: (phone.name, int(phone.key)))

    def add_phone(self, name: str, zone: str = "") -> Phone:
        """The phone called *name*, made where there is none: it may fill all forms of the project, those to come too [e53b].

        Asked again it is the same: its sheet can be printed once more, until it is revoked. *zone*: of lists by zone it gets the
        rows of that one [i18b], from v2026.2 on.
        """
        phone = next((each for each in self.phones() if each.name == name), None)
        if phone is None:
            path = protocol.project_path(self.project, "app-users")
            phone = self._phone(parse_object(self.send("POST", path, json={"displayName": name}, retry=False).body))
        self.post_once(protocol.project_path(self.project, "assignments", "app-user", phone.key))
        if zone:
            self.define_zone()
            path = protocol.project_path(self.project, "app-users", phone.key)
            self.send("PATCH", path, json={"properties": {"zone": zone}})
            phone = replace(phone, zone=zone)
        return phone

    def define_zone(self) -> None:
        """Let phones of the project have a zone, by which lists are shared out; from v2026.2 on."""
        try:
            self.post_once(protocol.project_path(self.project, "actor-properties"), {"name": "zone"})
        except KoboRejected as error:
            if error.status == 404:
                error.hint = (
                    "lists by zone need ODK Central v2026.2 or later: have it updated, or set roster.by_zone = false"
                )
            raise

    def revoke_phone(self, key: str) -> None:
        """Take a phone's right away, at once and for good [e50]; what it sent stays. One that is gone already is no fault."""
        try:
            self.send("DELETE", protocol.project_path(self.project, "app-users", key))
        except KoboRejected as error:
            if error.status != 404:
                raise

    def _phone(self, row: Any) -> Phone:
        with protocol.known_shape():
            token = str(row["token"])
            return Phone(
                key=str(int(row["id"])),
                name=str(row["displayName"]),
                added_at=str(row["createdAt"]),
                last_used_at=str(row.get("lastUsed") or ""),
                server_url=f"{self.url}{protocol.API}/key/{token}/projects/{self.project}",
                zone=str((row.get("properties") or {}).get("zone") or ""),
            )
