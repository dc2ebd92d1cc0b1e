"""The codes by which people of a room come in: its Wi-Fi, KoboCollect's settings, and each form in a browser."""

from __future__ import annotations

import re
from collections.abc import Callable

from kobo_sync.documents.pdf.barcodes import qr_svg
from kobo_sync.language.speaking import LANGUAGES
from kobo_sync.mission.mission import Mission
from kobo_sync.phones.enrolment import payload, settings
from kobo_sync.station.room.pages import Join, fixed_texts

_SPECIAL = re.compile(r'([\\;,":])')


class Ways:
    """The ways into the room, drawn once for each state of the mission's files: a screen asks for each by itself."""

    def __init__(self, mission: Callable[[], Mission], url: str) -> None:
        self._mission, self._url = mission, url
        self._drawn: tuple[object, list[Join]] = (None, [])

    def __call__(self) -> list[Join]:
        """The ways in, as the mission's files are now."""
        stamp = self._mission().workspace.stamp()
        if stamp != self._drawn[0]:
            self._drawn = (stamp, joins(self._mission(), self._url))
        return self._drawn[1]


def joins(mission: Mission, url: str) -> list[Join]:
    """The ways in, of a station that phones reach at *url*; no code holds a password but the Wi-Fi's own."""
    config, texts = mission.config, fixed_texts()
    ways = []
    if config.station.wifi:
        password = config.secret("STATION_WIFI_PASSWORD")
        kind = (
            f"T:WPA;S:{_quoted(config.station.wifi)};P:{_quoted(password)};"
            if password
            else f"T:nopass;S:{_quoted(config.station.wifi)};"
        )
        ways.append(Join(texts["wifi"], config.station.wifi, qr_svg(f"WIFI:{kind};")))
    chosen = settings(
        url, "", project=config.mission.programme or config.mission.title, language=config.mission.languages[0]
    )
    ways.append(Join(texts["collect"], url, qr_svg(payload(chosen))))
    for form_id, form in mission.forms.items():
        address = f"{url}/f/{form_id}"
        titles = config.forms[form_id].titles
        title: dict[str, str] = {language: titles.get(language) or form.title or form_id for language in LANGUAGES}
        ways.append(Join(title, address, qr_svg(address)))
    return ways


def _quoted(text: str) -> str:
    """A text in a Wi-Fi code, as phones read it."""
    return _SPECIAL.sub(r"\\\1", text)
