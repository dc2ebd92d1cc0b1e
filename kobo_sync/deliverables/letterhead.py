"""What every paper of a mission carries: where, when, by whom, from which data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from docx.document import Document as WordDocument

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import labels, meaning, quoting
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.populations import Told, What, coarse, told_number
from kobo_sync.analysis.published import PrintedChange
from kobo_sync.analysis.shares import Share, rounded
from kobo_sync.config.config import Identity, Role
from kobo_sync.documents import pictures
from kobo_sync.documents.colours import readable
from kobo_sync.documents.pdf.pages import Logo
from kobo_sync.documents.word import watermark, writer
from kobo_sync.language import typography
from kobo_sync.language.catalogue import later, t, tn
from kobo_sync.model import Class, Document, Finding, Zone

SUPPRESSION_NOTE = later(
    "“–”: not applicable, fewer than 3 persons, or masked so that such a number cannot be derived from the rest. “> 85%”, “< 15%”: "
    "fewer than 3 persons are on the other side, or none. “≈”: rounded, because the exact number would point to one or two persons "
    "by difference. The mission's figures cover only the zones whose number of persons is published."
)
MOST_ZONES = 12  # of more the papers say how many
_MOST_QUOTED = 100
_PERCENT = 0.01
# Columns of zones.csv that say where a zone lies, smallest first.
_LEVELS = {
    "commune": later("commune of {name}"),
    "cercle": later("district of {name}"),
    "province": later("province of {name}"),
    "region": later("{name} region"),
}

# What papers call a person's traits.
TRAITS = {
    "zone": later("zone"),
    "sex": later("sex"),
    "group": later("group"),
    "age": later("age"),
    "age_band": later("age band"),
    "organisation": later("organisation"),
    "function": later("function"),
    "commune": later("commune"),
}


def forms_of(facts: Facts, *roles: Role) -> list[str]:
    """The form_ids of *roles*, in the order given."""
    return [form_id for role in roles for form_id in facts.config.forms_with_role(role)]


def organisers(facts: Facts) -> str:
    """The organisations that sign, on one line."""
    return " · ".join(organisation.name for organisation in facts.config.organisations) or "…………………………"


def action(facts: Facts) -> str:
    """What the mission is called on every paper."""
    mission = facts.config.mission
    title = mission.document_title
    return (
        t("{mission} – Programme “{programme}”", mission=title, programme=mission.programme)
        if mission.programme
        else title
    )


def place_name(facts: Facts) -> str:
    """The zone's name, or that all are meant; of a mission of no zones, that it is meant as a whole."""
    if facts.zone is None:
        return t("All zones") if facts.config.zones else t("Whole mission")
    return labels.zone(facts, facts.zone.code)


def place(facts: Facts) -> str:
    """The zone and where it lies: ``Bertat, province de Midelt, région Drâa-Tafilalet``."""
    if facts.zone is None:
        return zones_of_mission(facts) or place_name(facts)
    parts = [place_name(facts)]
    for column, level in _LEVELS.items():
        name = facts.zone.extra.get(column, "")
        if name:
            parts.append(t(level, name=name))
    return t(", ").join(parts)


def zones_of_mission(facts: Facts) -> str:
    """The mission's zones by name; of many how many they are, for the names would fill pages."""
    zones = facts.config.zones
    if len(zones) > MOST_ZONES:
        return tn("{n} zone", "{n} zones", len(zones))
    return typography.listing([labels.zone(facts, zone.code) for zone in zones])


def held_on(facts: Facts) -> str:
    """The day or days of the zone, else the mission's dates."""
    mission = facts.config.mission
    return (
        days_of(facts.zone, weekday=True)
        if facts.zone and facts.zone.days
        else typography.span(mission.starts_on, mission.ends_on)
    )


def days_of(zone: Zone, *, weekday: bool = False) -> str:
    """A zone's day (with its *weekday*, if wished), its days from the first to the last where they follow each other, else each of them."""
    first, last = zone.days[0], zone.days[-1]
    if first == last:
        return typography.day(first, weekday=weekday)
    if (last - first).days == len(zone.days) - 1:
        return typography.span(first, last)
    return typography.listing([typography.day(day) for day in zone.days])


def by_days(facts: Facts, one: str, several: str) -> str:
    """The one of two texts that goes with the zone's days, or the mission's."""
    return t(several if present.spans_days(facts) else one)


def local_day(facts: Facts, moment: datetime) -> date:
    """The day of *moment* in the mission's time zone."""
    return moment.astimezone(ZoneInfo(facts.config.mission.timezone)).date()


def n_submissions(facts: Facts, form_ids: Iterable[str]) -> int:
    """Submissions received of *form_ids*."""
    return sum(meaning.n_received(facts, form_id) for form_id in form_ids)


def received(n: int) -> str:
    """How many submissions came, to the ten above: most are one a person, and their exact number would tell who did not answer."""
    return typography.number(0) if not n else f"≤{typography.NBSP}{typography.number(coarse(n))}"


def counted(facts: Facts, what: What) -> str:
    """How many persons *what* counts, as every paper of the mission says it: ``25``, ``≈ 25``, ``≥ 48`` where zones are left out."""
    told = told_number(facts, what)
    if told.partial and not told.hidden:
        return f"≥{typography.NBSP}{typography.number(min(told.candidates))}" if told.shown else typography.NOTHING
    return denominator(told)


def nobody_told(facts: Facts) -> bool:
    """Whether people came, but to zones alone that are too small to be counted in the mission's papers: nought would be false."""
    number = told_number(facts, "present")
    return number.partial and not number.n


def denominator(told: Told) -> str:
    """The number of persons that a figure rests on."""
    if told.hidden:
        return typography.NOTHING
    return typography.number(told.n) if told.near is None else f"≈{typography.NBSP}{typography.number(told.near)}"


def n_is(told: str) -> str:
    """``n = 25``, ``n ≈ 25``, ``n ≥ 48``, ``n non publié``."""
    if told == typography.NOTHING:
        return t("n not published")
    return f"n {told}" if told[:1] in "≈≥" else f"n = {told}"


def share(printed: Share) -> str:
    """``76 %``; ``≈ 75 %`` or a band, ``> 85 %``; « – »."""
    if printed.sign == "–":
        return typography.NOTHING
    return (
        f"{printed.sign}{typography.NBSP}{typography.percent(printed.value)}"
        if printed.sign
        else typography.percent(printed.value)
    )


def points(value: float | None, told: Told, marks: int) -> str:
    """A score in percent over persons of *marks* marks each, as finely as their number may be told."""
    if value is None or not told.shown:
        return typography.NOTHING
    step = told.step(marks)
    about = f"≈{typography.NBSP}" if step > _PERCENT else ""
    return typography.points(value) if told.exact else about + typography.points(100 * rounded(value / 100, step))


def score(printed: PrintedChange | None) -> str:
    """``59 → 85 %``."""
    if printed is None:
        return typography.NOTHING
    about = f"≈{typography.NBSP}" if printed.about else ""
    before, after = about + typography.number(printed.before), about + typography.points(printed.after)
    return t("{before} → {after}", before=before, after=after)


def scores(printed: PrintedChange | None) -> tuple[str, str, str, str]:
    """Before, after, the change in points, the class gain: « recul » where the score falls."""
    if printed is None:
        return (typography.NOTHING,) * 4
    about = f"≈{typography.NBSP}" if printed.about else ""
    return (
        about + typography.points(printed.before),
        about + typography.points(printed.after),
        about + typography.signed(printed.change, 1 if printed.exact else 0),
        t("decline") if printed.change < 0 else typography.number(printed.gain, 2 if printed.exact else 1),
    )


def distinct(texts: Iterable[str]) -> list[str]:
    """Texts without those already said in the same words (case and spaces apart), in order."""
    n_by_key: dict[str, str] = {}
    for text in texts:
        n_by_key.setdefault(" ".join(text.casefold().split()), text)
    return list(n_by_key.values())


def themes(facts: Facts) -> dict[str, str]:
    """The label of each theme of the tests, by its code: in the documents' language, else in the one that there is."""
    languages = facts.config.mission.label_languages
    tests = [facts.config.forms[form_id] for form_id in facts.config.forms_with_role("test")]
    return {code: labels.pick(texts, languages, code) for form in tests for code, texts in form.themes.items()}


def theme(facts: Facts, code: str) -> str:
    """A test theme's label; the code itself when the config does not know it."""
    return themes(facts).get(code, code)


def logos(facts: Facts) -> list[writer.Picture]:
    """The mission's logos that lie among the templates and are pictures."""
    return [writer.Picture(content, alt, height_cm=1.3) for alt, content in page_logos(facts)]


def page_logos(facts: Facts) -> list[Logo]:
    """The same for a PDF."""
    return known_logos(facts.config.identity, facts.templates)


def known_logos(identity: Identity, templates: Mapping[str, bytes]) -> list[Logo]:
    """The logos of *identity* that lie among *templates* and are pictures, each with the text that stands for it."""
    logos_read = [(name, pictures.logo(templates.get(name, b""))) for name in identity.logos]
    return [(t("Logo: {name}", name=name), content) for name, content in logos_read if content]


def colour(facts: Facts) -> str:
    """The mission's colour as ``#1F4E79``, dark enough to be read."""
    return readable(facts.config.identity.colour)


def quotable(facts: Facts, texts: Iterable[str]) -> list[str]:
    """What people wrote, as an aggregate paper may show it: once each, names and numbers masked and marked for review.

    A mission of many zones shows the first hundred; each zone's own paper has its all.
    """
    reader = quoting.reader_of(facts)
    chosen = distinct(texts)
    quotations = chosen if facts.zone else chosen[:_MOST_QUOTED]
    quoted = [
        t("{text} (to be reviewed)", text=item.text) if item.masked else item.text
        for item in map(reader.quoted, quotations)
    ]
    more = len(chosen) - len(quotations)
    others = tn("… and {n} other, in the zones' documents.", "… and {n} others, in the zones' documents.", more)
    return [*quoted, others] if more else quoted


def review_findings(facts: Facts, path: str, texts: Iterable[tuple[str, Sequence[str]]]) -> tuple[Finding, ...]:
    """A finding for each question in whose answers a name of the roster, a number or an address stands."""
    zone = facts.zone.code if facts.zone else ""
    return tuple(
        Finding(
            "BUILD002",
            "warning",
            f"{zone or 'mission'}/{path}, {where}",
            f"{n} {'answer contains' if n == 1 else 'answers contain'}: {', '.join(kinds)}; masked in the document",
            "review these answers before they are circulated: a person may be recognised in them otherwise",
            zone=zone,
        )
        for where, n, kinds in quoting.review(facts, texts)
    )


def as_of(facts: Facts) -> str:
    """``Data as of 13 February 2025``, or that none came."""
    return t("Data as of {day}", day=local_day(facts, facts.as_of)) if facts.as_of else t("No data received")


def provenance(facts: Facts, form_ids: list[str]) -> str:
    """``Data as of … · n submissions · form v… · fingerprint …`` for the forms a paper reads."""
    n = n_submissions(facts, form_ids)
    parts = [as_of(facts), tn("{n} submission", "{n} submissions", 0 if not n else received(n))]
    versions = {form_id: facts.form_versions.get(form_id, "") for form_id in form_ids}
    versions = {form_id: version for form_id, version in versions.items() if version}
    if len(set(versions.values())) == 1:
        version = next(iter(versions.values()))
        parts.append(
            t("form v{version}", version=version) if len(versions) == 1 else t("forms v{version}", version=version)
        )
    elif versions:
        each = ", ".join(f"{form_id} v{version}" for form_id, version in versions.items())
        parts.append(t("forms {forms_and_versions}", forms_and_versions=each))
    if facts.fingerprint:
        parts.append(t("fingerprint {digest}", digest=facts.fingerprint[:8]))
    return " · ".join(parts)


def open_paper(facts: Facts, title: str, form_ids: list[str], *, landscape: bool = False) -> WordDocument:
    """A document with the mission's styles, header « title – zone »; the footer dates the data.

    Counts, versions and the data's hash are in the file's properties and the set's manifest: readers do without them.
    """
    document = writer.new_document(
        f"{title} – {place_name(facts)}",
        provenance=provenance(facts, form_ids),
        author=organisers(facts) if facts.config.organisations else "",
        landscape=landscape,
        subject=action(facts),
        footer_text=as_of(facts),
    )
    if not facts.final:
        watermark.mark(document)
    logos_read = logos(facts)
    if logos_read:
        writer.logos(document, logos_read)
    return document


def close_paper(
    facts: Facts, document: WordDocument, path: str, classification: Class, findings: tuple[Finding, ...] = ()
) -> Document:
    """The finished Word file."""
    content = writer.coloured(writer.to_bytes(document, facts.as_of), colour(facts))
    return Document(path, content, classification, findings)
