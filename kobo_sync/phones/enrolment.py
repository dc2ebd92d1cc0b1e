"""The settings code that KoboCollect and ODK Collect scan: JSON, compressed, as base64 text.

Keys and values are those of Collect's client-settings schema; what a code leaves out, the app resets to its default.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

_COLOR = "#1F4E79"


def settings(
    server_url: str, username: str, *, project: str, language: str = "", password: str = "", metadata_username: str = ""
) -> dict[str, dict[str, Any]]:
    """What a phone is to be set to: *server_url* is the server's address for phones; no password by default.

    With *metadata_username* the address itself says who the phone is (ODK Central), and nobody signs in.

    Forms follow the server exactly, so that a new roster reaches phones by itself; sending is automatic.
    """
    general: dict[str, Any] = {
        "protocol": "odk_default",
        "server_url": server_url.rstrip("/"),
        "metadata_username": metadata_username or username,
        "form_update_mode": "match_exactly",
        "periodic_form_updates_check": "every_fifteen_minutes",
        "automatic_update": True,
        "hide_old_form_versions": True,
        "autosend": "wifi_and_cellular",
        "delete_send": False,
    }
    if username:
        general["username"] = username
    if language:
        general["app_language"] = language
    if password:
        general["password"] = password
    icon = next((character for character in project if character.isalnum()), "K").upper()
    return {"general": general, "admin": {}, "project": {"name": project, "icon": icon, "color": _COLOR}}


def payload(chosen: Mapping[str, Any]) -> str:
    """The text of the QR code: *chosen* as JSON, zlib, base64; the same settings give the same text."""
    text = json.dumps(chosen, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return base64.b64encode(zlib.compress(text.encode("utf-8"), 9)).decode("ascii")
