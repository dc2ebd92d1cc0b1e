"""Positions that lie far from the zone that the row names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from kobo_sync.analysis.facts import Facts
from kobo_sync.checks.sheet import Sheet, numbers, sheets, texts
from kobo_sync.lazy import np, pd
from kobo_sync.model import Finding, Zone
from kobo_sync.numbers import number_of

if TYPE_CHECKING:
    import numpy.typing as npt

CODE = "DATA014"
TITLE = "GPS outside the zone's radius"
ALONE = True
EARTH_KM = 6371.0
LATITUDE, LONGITUDE = ("lat", "latitude"), ("lon", "lng", "longitude")


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per geopoint beyond its zone's ``radius_km`` (zones.csv, else the config's); needs lat and lon there."""
    centres = {zone.code: centre for zone in facts.config.zones if (centre := _centre(zone, facts))}
    if not centres:
        return
    for sheet in sheets(facts):
        for repeat, table in {"": sheet.table, **sheet.repeats}.items():
            for question in _geopoints(table):
                yield from _far(sheet, repeat, table, question, centres)


def _far(
    sheet: Sheet, repeat: str, table: pd.DataFrame, question: str, centres: Mapping[str, tuple[float, float, float]]
) -> Iterator[Finding]:
    places = [sheet.places.get(root, -1) for root in texts(table, "root_uuid")]
    nowhere = (np.nan, np.nan, np.nan)
    zones = [centres.get(sheet.zones[at], nowhere) if at >= 0 else nowhere for at in places]
    lat, lon, radius = np.array(zones, dtype=np.float64).reshape(-1, 3).T
    away = distance_km(numbers(table, f"{question}_lat"), numbers(table, f"{question}_lon"), lat, lon)
    positions = texts(table, "position") if repeat else []
    for row in np.flatnonzero(away > radius):
        yield sheet.finding(
            places[row],
            CODE,
            "warning",
            f"“{question}” is {away[row]:.0f} km from the zone's centre (radius: {radius[row]:g} km)",
            why="the submission was entered elsewhere, or its zone is wrong",
            hint="check the zone that was chosen; ask the enumerator from where it was sent",
            subject=f"{repeat}/{question}/{positions[row]}" if repeat else question,
            evidence=[round(float(away[row]))],
        )


def distance_km(
    lat: npt.NDArray[np.float64],
    lon: npt.NDArray[np.float64],
    other_lat: npt.NDArray[np.float64],
    other_lon: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Great-circle distances (haversine), element by element; NaN where a position is missing."""
    a, b, c, d = (np.radians(degrees) for degrees in (lat, lon, other_lat, other_lon))
    part = np.sin((c - a) / 2) ** 2 + np.cos(a) * np.cos(c) * np.sin((d - b) / 2) ** 2
    return np.asarray(2 * EARTH_KM * np.arcsin(np.sqrt(np.clip(part, 0, 1))), dtype=np.float64)


def _geopoints(table: pd.DataFrame) -> list[str]:
    names = [str(name) for name in table.columns]
    return [name[:-4] for name in names if name.endswith("_lat") and f"{name[:-4]}_lon" in names]


def _centre(zone: Zone, facts: Facts) -> tuple[float, float, float] | None:
    """(latitude, longitude, radius in km) of a zone that zones.csv gives them for."""

    def cell(*names: str) -> float | None:
        text = next((zone.extra[name] for name in names if zone.extra.get(name)), "")
        return number_of(text.replace(",", "."))  # degrees have no thousands

    lat, lon = cell(*LATITUDE), cell(*LONGITUDE)
    if lat is None or lon is None:
        return None
    return lat, lon, cell("radius_km") or facts.config.checks.radius_km
