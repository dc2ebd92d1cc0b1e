"""What the pages show at a form_statuses, as plain JSON values: the dashboard per zone, and the collection per form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from zoneinfo import ZoneInfo

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import labels, quotas
from kobo_sync.analysis.chosen import results
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.indicators import response_rates
from kobo_sync.analysis.needs import first_with_ties, is_tied, needs
from kobo_sync.analysis.populations import Told, What, told_number
from kobo_sync.analysis.published import response_rate
from kobo_sync.analysis.published_needs import printed_needs
from kobo_sync.analysis.row_zones import says_zone
from kobo_sync.analysis.turnout import Turnout, turnout
from kobo_sync.config.config import Role
from kobo_sync.lazy import np, pd
from kobo_sync.numbers import half_away

TOP_NEEDS = 5
_PERSONS: tuple[What, ...] = ("present", "registered", "full_day", "refused")
MOST_SENDERS, MOST_DAYS = 200, 120
GRID = 60  # points of the map are counted in so many columns and rows: a page stays small, and nobody's door is shown
_RATES: Mapping[str, tuple[What, Role]] = {
    "test_before": ("before", "test"),
    "test_after": ("after", "test"),
    "satisfaction": ("satisfaction", "satisfaction"),
    "needs": ("needs_rows", "needs"),
}


def dashboard(whole: Facts, zones: Iterable[Facts]) -> dict[str, Any]:
    """The mission's figures and each zone's: quota by group and sex, presence, response rates, first needs; of what its forms ask alone.

    Shape: ``{"as_of", "mission": place, "zones": [place, …]}``, moments as ISO text. Raises: nothing.
    """
    return dashboard_of(whole, map(place, zones))


def dashboard_of(whole: Facts, places: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The same of zones whose figures (`place`) are there already."""
    return {
        "as_of": whole.as_of.isoformat() if whole.as_of else None,
        "mission": place(whole),
        "zones": list(places),
    }


def place(facts: Facts) -> dict[str, Any]:
    """The figures of a zone, or of the mission, as `dashboard` has them; *asked* names those that the mission's forms can tell."""
    zone = facts.zone
    listed, ranked = turnout(facts), needs(facts)
    attends, zones = facts.config.has_role("attendance"), present.zones_of(facts)
    values = {rate.name.partition(":")[2]: rate for rate in (response_rates(facts) if attends else [])}
    rates = {name: values[name] for name in _RATES if name in values}
    catalogue = labels.needs(facts)
    first = first_with_ties(ranked.needs, TOP_NEEDS)
    return {
        "code": zone.code if zone else "",
        "labels": dict(zone.labels) if zone else {},
        "days": [day.isoformat() for day in zone.days] if zone else [],
        "as_of": facts.as_of.isoformat() if facts.as_of else None,
        "asked": asked(facts),
        "n_registered": listed.n_registered,
        "n_refused": listed.n_refused,
        "n_present": listed.n_present,
        "n_full_day": listed.n_full_day,
        "quota": sum(each.target for each in zones),
        "quota_share": quotas.completion(listed, zones).share if attends else None,
        "groups": _groups(facts, listed) if attends and present.group_codes(facts) else [],
        "rates": [{"name": name, "value": rate.value, "n": rate.n} for name, rate in rates.items()],
        "needs": [
            {
                "labels": dict(catalogue[need.code].labels) if need.code in catalogue else {},
                "label": need.label,
                "rank": need.rank,
                "tied": is_tied(ranked.needs, need),
                "score": need.score,
                "mentions": need.mentions,
            }
            for need in first
        ],
        "n_needs": ranked.n,
        "chosen": _chosen(facts),
        "published": _published(facts),
    }


def asked(facts: Facts) -> list[str]:
    """Which figures of persons the mission's forms can tell, of ``present, registered, full_day, refused, sex``; and ``needs``."""
    config = facts.config
    told = {
        "present": config.has_role("attendance"),
        "registered": config.has_role("registration"),
        "full_day": present.has_full_day(facts),
        "refused": config.asks("consent", "registration"),
        "sex": present.asks(facts, "sex"),
        "needs": config.has_role("needs"),
    }
    return [name for name, is_told in told.items() if is_told]


def _published(facts: Facts) -> dict[str, Any]:
    """The same as the mission's papers may print it, for those who may read no more than these.

    Shape: numbers of persons as text, shares as ``[sign, value]``.
    """
    printed, came = printed_needs(facts), told_number(facts, "present")
    rate, figures = None, asked(facts)
    if came.exact and not came.partial and "present" in figures:
        rate = quotas.completion(turnout(facts), present.zones_of(facts)).share
    has = facts.config.has_role
    rates = {name: what for name, (what, role) in _RATES.items() if has(role) and has("attendance")}
    catalogue = labels.needs(facts)
    top = {need.code for need in first_with_ties((each.need for each in printed.needs), TOP_NEEDS)}
    first = [each for each in printed.needs if each.need.code in top and each.score]
    return {
        **{what: _said(told_number(facts, what)) for what in _PERSONS if what in figures},
        "n_needs": _said(told_number(facts, "needs")),
        "quota_share": rate,
        "rates": {
            name: [share.sign, share.value] for name, what in rates.items() if (share := response_rate(facts, what))
        },
        "needs": [
            {
                "labels": dict(catalogue[each.need.code].labels) if each.need.code in catalogue else {},
                "label": each.need.label,
                "rank": each.need.rank,
                "tied": is_tied((other.need for other in printed.needs), each.need),
                "score": float(half_away(each.score or 0, printed.digits)),
            }
            for each in first
        ],
    }


def _chosen(facts: Facts) -> list[dict[str, Any]]:
    """The questions of the zone sheet as it prints them, one by one; of a mission with zones its zones alone have them.

    Shape: *n* as text; one of *numbers*, *yes* and *bars*, if anything may be told; shares as ``[sign, value]``.
    """
    if facts.zone is None and facts.config.zones:
        return []
    return [
        {
            "question": each.question,
            "labels": dict(each.labels),
            "repeat": each.repeat,
            "repeat_labels": dict(each.repeat_labels),
            "n": _said(each.told),
            "numbers": asdict(each.numbers) if each.numbers else None,
            "yes": [each.yes.sign, each.yes.value] if each.yes else None,
            "bars": [
                {"labels": dict(bar.labels), "code": bar.code, "share": [bar.share.sign, bar.share.value]}
                for bar in each.bars
            ],
            "more": each.more,
        }
        for each in results(facts)
    ]


def _said(told: Told) -> str:
    if told.hidden or (told.partial and not told.shown):
        return "–"
    if told.partial:
        return f"≥\u00a0{min(told.candidates)}"
    return str(told.n) if told.near is None else f"≈\u00a0{told.near}"


def _groups(facts: Facts, listed: Turnout) -> list[dict[str, Any]]:
    """Present persons per group and sex, against the quota; the last row holds those of no known group."""
    codes = facts.config.codes
    cells = listed.persons["group"]
    counts = Counter({(group, sex): n for group, by in cells.items() for sex, n in by.items()})
    group_codes = [group.code for group in facts.config.groups]
    zones = present.zones_of(facts)
    rows = []
    for group in facts.config.groups:
        women, men = counts[group.code, codes.female], counts[group.code, codes.male]
        total = sum(n for (code, _), n in counts.items() if code == group.code)
        rows.append(
            {
                "code": group.code,
                "labels": dict(group.label),
                "quota": sum(zone.quotas.get(group.code, 0) for zone in zones),
                "registered": listed.registered_by_group.get(group.code, 0),
                "women": women,
                "men": men,
                "other": total - women - men,
            }
        )
    others = sum(n for (code, _), n in counts.items() if code not in group_codes)
    if others:
        women = sum(n for (code, sex), n in counts.items() if code not in group_codes and sex == codes.female)
        men = sum(n for (code, sex), n in counts.items() if code not in group_codes and sex == codes.male)
        rows.append(
            {
                "code": "",
                "labels": {},
                "quota": 0,
                "registered": 0,
                "women": women,
                "men": men,
                "other": others - women - men,
            }
        )
    return rows


# ── collection ──────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class FormPart:
    """What some rows of a form say of its collection: *days* (ISO) and *senders* with their rows, the newest moments as ISO text.

    *points*: (longitude, latitude, rows). *says_zone*: whether the form asks for the zone.
    """

    n: int
    newest_at: str
    days: Mapping[str, int]
    senders: Mapping[str, tuple[int, str]]
    points: tuple[tuple[float, float, int], ...]
    says_zone: bool


def collected(facts: Facts) -> dict[str, FormPart]:
    """What the rows of *facts*, those of a zone or of none, say of the collection, form by form."""
    zone = ZoneInfo(facts.config.mission.timezone)
    parts = {}
    for form_id in facts.forms:
        table = facts.tables[form_id]
        parts[form_id] = FormPart(
            n=len(table),
            newest_at=table["submitted_at"].max().isoformat() if len(table) else "",
            days=_days(table, zone),
            senders=_senders(table),
            points=_points(form_id, facts),
            says_zone=says_zone(facts, form_id),
        )
    return parts


def collection(whole: Facts, parts: Mapping[str, Mapping[str, FormPart]], n_gone: Mapping[str, int]) -> dict[str, Any]:
    """Per form: rows, per local day, per account that sent them, per zone, and where they were taken.

    *parts*: what each zone's rows say of it, and those of no zone (under an empty code), by `collected`; the tables of *whole* are
    not read. *n_gone* are the rows deleted per form. Positions are counted on a grid, never one by one. Raises: nothing.
    """
    forms = []
    for form_id, form in whole.forms.items():
        mine = {code: part[form_id] for code, part in parts.items() if form_id in part}
        days: Counter[str] = Counter()
        for part in mine.values():
            days.update(part.days)
        forms.append(
            {
                "form_id": form_id,
                "title": form.title,
                "role": whole.config.forms[form_id].role,
                "version": whole.form_versions.get(form_id, ""),
                "n": sum(part.n for part in mine.values()),
                "n_gone": n_gone.get(form_id, 0),
                "newest_at": max((part.newest_at for part in mine.values()), default="") or None,
                "days": dict(sorted(days.items())[-MOST_DAYS:]),
                "senders": _all_senders(mine.values()),
                "zones": _zones(whole, mine),
                "points": _grid(point for part in mine.values() for point in part.points),
            }
        )
    return {"forms": forms}


def _days(table: pd.DataFrame, zone: ZoneInfo) -> dict[str, int]:
    if table.empty:
        return {}
    local = table["submitted_at"].dt.tz_convert(zone).dt.date.value_counts()
    return {day.isoformat(): int(n) for day, n in local.items()}


def _senders(table: pd.DataFrame) -> dict[str, tuple[int, str]]:
    if table.empty:
        return {}
    grouped = table.groupby(table["submitted_by"].fillna(""), sort=False)["submitted_at"].agg(["size", "max"])
    return {str(name): (int(row["size"]), row["max"].isoformat()) for name, row in grouped.iterrows()}


def _all_senders(parts: Iterable[FormPart]) -> list[dict[str, Any]]:
    senders: dict[str, tuple[int, str]] = {}
    for part in parts:
        for name, (n, newest_at) in part.senders.items():
            before = senders.get(name, (0, ""))
            senders[name] = (before[0] + n, max(before[1], newest_at))
    ordered = sorted(senders.items(), key=lambda pair: (-pair[1][0], pair[0]))
    return [{"name": name, "n": n, "newest_at": newest_at} for name, (n, newest_at) in ordered[:MOST_SENDERS]]


def _zones(whole: Facts, parts: Mapping[str, FormPart]) -> dict[str, int]:
    if not any(part.says_zone for part in parts.values()):
        return {}
    n_by_zone = {zone.code: parts[zone.code].n if zone.code in parts else 0 for zone in whole.config.zones}
    unknown = sum(part.n for code, part in parts.items() if code not in n_by_zone)
    return n_by_zone | ({"": unknown} if unknown else {})


def _points(form_id: str, facts: Facts) -> tuple[tuple[float, float, int], ...]:
    """(longitude, latitude, rows) of the positions of the form's first geopoint question."""
    form, table = facts.forms[form_id], facts.tables[form_id]
    questions = [
        q.name for q in form.questions if q.kind in ("geopoint", "start-geopoint") and f"{q.name}_lat" in table
    ]
    if not questions or table.empty:
        return ()
    positions = table[[f"{questions[0]}_lon", f"{questions[0]}_lat"]].dropna().astype(float)
    counts = Counter(zip(*(positions[name].tolist() for name in positions), strict=True))
    return tuple(sorted((lon, lat, n) for (lon, lat), n in counts.items()))


def _grid(points: Iterable[tuple[float, float, int]]) -> list[list[float]]:
    """[longitude, latitude, rows] of the grid's cells that hold *points*."""
    positions = np.array([*points], dtype=np.float64).reshape(-1, 3)
    if not len(positions):
        return []
    cells = []
    for axis in positions[:, :2].T:
        low, high = axis.min(), axis.max()
        step = max((high - low) / GRID, 0.001)  # about 100 m at least
        cells.append((low + ((axis - low) // step + 0.5) * step).round(5))
    counts: Counter[tuple[float, float]] = Counter()
    for lon, lat, n in zip(*(axis.tolist() for axis in cells), positions[:, 2].tolist(), strict=True):
        counts[lon, lat] += int(n)
    return sorted([lon, lat, n] for (lon, lat), n in counts.items())
