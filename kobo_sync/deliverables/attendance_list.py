"""The attendance sheet of a zone: who is expected, who was there at each session by what proves it, totals against quota."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import date, time

from docx.document import Document as WordDocument

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import half_days, labels, quotas, turnout
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.half_days import HalfDay
from kobo_sync.config.config import Role, Session
from kobo_sync.config.file_names import FileName
from kobo_sync.deliverables import letterhead
from kobo_sync.documents import pictures
from kobo_sync.documents.pdf.attendance_sheet import AttendanceSheet, SignedTable, attendance_sheet
from kobo_sync.documents.word import writer
from kobo_sync.language import typography
from kobo_sync.language.catalogue import later, later_n, t, tc, tn
from kobo_sync.model import Class, Document, Scope

NAME = "attendance_list"
TITLE = later("Attendance list")
SCOPE: Scope = "zone"
CLASS: Class = "nominative"
ROLES: tuple[Role, ...] = ("attendance",)
PATH = FileName("liste-presence.docx", "attendance-list.docx")
PDF_PATH = FileName("liste-presence.pdf", "attendance-list.pdf")

BLANK_ROWS = 2
_NOT_COUNTED = {  # what is set aside, by whether presence is signed
    True: {
        "no_session": later_n(
            "{n} sign-in of an unknown half-day, not counted", "{n} sign-ins of an unknown half-day, not counted"
        ),
        "repeated": later_n("{n} repeated sign-in, counted once", "{n} repeated sign-ins, counted once"),
    },
    False: {
        "no_session": later_n(
            "{n} entry of an unknown session, not counted", "{n} entries of an unknown session, not counted"
        ),
        "repeated": later_n("{n} repeated entry, counted once", "{n} repeated entries, counted once"),
    },
}
_MOST_COLUMNS = 4  # half-days side by side
_HEADING = later("Sign-in sheet")
_CERTIFIED = (later("Certified correct by the trainer"), later("Approved by the organiser"))
_CERTIFIED_ELSEWHERE = (later("Certified correct by the person in charge"), _CERTIFIED[1])  # where nobody trains
_DECLARED = later_n(
    "{n} attendance declared without a signature, the form asks for none",
    "{n} attendances declared without a signature, the form asks for none",
)
_DOTS = "…………………………………"
_TRAITS = (  # of the columns before the half-days: the trait, the title, the width in cm
    ("sex", later("Sex"), 1.2),
    ("organisation", later("Organisation"), 4.7),
    ("group", later("Group"), 2.1),
    ("commune", later("Commune"), 2.7),
    ("phone", later("Phone"), 2.9),
)
_NUMBER_CM, _NAME_CM = 1.0, 5.2
_PAGE_CM = 26.7


def build(facts: Facts) -> list[Document]:
    """The zone's attendance sheet, with what proves presence in place; registered persons who were not there keep empty cells.

    Of persons it has the columns that the mission asks.
    """
    form_ids = letterhead.forms_of(facts, "registration", "attendance")
    listed = present.attendance(facts)
    tables = _tables(facts, listed)
    document = letterhead.open_paper(facts, t(TITLE), form_ids, landscape=True)
    writer.footer_note(document, _protection(facts))
    heading = t(_HEADING) if present.is_signed(facts) else t(TITLE)
    writer.title(document, heading)
    writer.facing(document, _heading_grid(facts))
    alt = _in_short(len(listed.people), len(listed.present), signed=present.is_signed(facts))
    for title, head, widths, rows in tables:
        content = writer.Table(
            head, rows, widths, caption=title, alt=alt, right=(0,), row_cm=0.78, size=8.5, keep_whole=False
        )
        writer.table(document, content)
    writer.note(document, _remarks(facts, listed), keep_with_next=True)
    totals = _totals(facts, listed)
    widths = [6.5] + [14.0 / 6] * (len(totals[0]) - 1) if len(totals[0]) < 7 else [6.5, 2.2, 2.2, 2.6, 2.6, 2.2, 2.2]
    caption = _totals_caption(facts)
    content = writer.Table(totals[0], totals[1:], widths, caption=caption, right=range(1, len(totals[0])), totals=1)
    writer.table(document, content)
    _certification(document, facts)
    sheet = AttendanceSheet(
        title=f"{t(TITLE)} – {letterhead.place_name(facts)}",
        heading=heading,
        dated=letterhead.as_of(facts),
        author=letterhead.organisers(facts),
        facing=[(label, typography.spaced(text)) for label, text in _heading_grid(facts)],
        tables=[
            SignedTable(title, head, widths, [[_pdf_cell(cell) for cell in row] for row in rows])
            for title, head, widths, rows in tables
        ],
        remarks=typography.spaced(_remarks(facts, listed)),
        totals=totals,
        certification=_certified(facts),
        protection=typography.spaced(_protection(facts)),
        draft=not facts.final,
        colour=letterhead.colour(facts),
        logos=letterhead.page_logos(facts),
    )
    return [
        letterhead.close_paper(facts, document, PATH.of(facts.config), CLASS),
        Document(PDF_PATH.of(facts.config), attendance_sheet(sheet), CLASS),
    ]


def _in_short(n: int, n_present: int, *, signed: bool) -> str:
    """The table for those who do not see it."""
    who = tn("{n} person", "{n} persons", n) if n else t("no person")
    came = tn("{n} of them present", "{n} of them present", n_present) if n_present else t("none of them present")
    if signed:
        return t("Sign-in sheet: {persons}, {present}", persons=who, present=came)
    return t("Attendance list: {persons}, {present}", persons=who, present=came)


def _pdf_cell(cell: str | writer.Cell) -> str | bytes:
    if isinstance(cell, str):
        return cell
    if cell.picture is not None:
        return cell.picture.content
    return "\n".join(filter(None, (cell.text, cell.below)))


def masked_phone(text: str) -> str:
    """A phone number of which only the first two and last two digits show; Arabic digits become Latin ones.

    ``+212 6 61 23 45 67`` and ``٠٦٦١٢٣٤٥٦٧`` both give ``06 •• •• •• 67``.
    """
    digits = "".join(str(unicodedata.digit(c)) for c in text if c.isdigit())
    if re.match(r"\s*(\+|00)", text) and len(digits) > 9:
        digits = "0" + digits[-9:]
    if len(digits) < 6:
        return "••" if digits else ""
    return typography.NBSP.join((digits[:2], "••", "••", "••", digits[-2:]))


def _certified(facts: Facts) -> tuple[str, str]:
    """Above the two signatures at the end."""
    trained, approved = _CERTIFIED if facts.config.has_trainer else _CERTIFIED_ELSEWHERE
    return t(trained), t(approved)


def _heading_grid(facts: Facts) -> list[tuple[str, str]]:
    return [
        (t("Activity"), letterhead.action(facts)),
        (t("Date"), letterhead.held_on(facts)),
        (t("Place"), letterhead.place(facts)),
        *([(t("Hours"), _all_hours(facts))] if facts.config.sessions else []),
        *([(t("Trainer"), facts.config.mission.trainer or _DOTS)] if facts.config.has_trainer else []),
        (t("Organisers"), letterhead.organisers(facts)),
    ]


def _all_hours(facts: Facts) -> str:
    """Each session's hours, and how long all of them last, over all days of the zone."""
    sessions = {session.code: session for session in facts.config.sessions}
    hours = " · ".join(_hours(facts, session) for session in sessions.values())
    due = half_days.due(facts.config, facts.zone) if facts.zone else []  # without regard to what a form asks
    minutes = sum(sessions[half.session].minutes for half in due)
    n_days = len({half.day for half in due})
    if not minutes:
        return hours or _DOTS
    lasting = typography.duration(minutes)
    if n_days > 1:
        lasting = tn("{duration} over {n} day", "{duration} over {n} days", n_days, duration=lasting)
    return f"{hours} ({lasting})"


def _hours(facts: Facts, session: Session) -> str:
    label = labels.session(facts, session.code)
    if session.starts is None or session.ends is None:
        return label
    starts, ends = typography.hour(session.starts), typography.hour(session.ends)
    return t("{session} {starts} – {ends}", session=label, starts=starts, ends=ends)


_Rows = list[list[str | writer.Cell]]
_SignedTable = tuple[str, list[str], list[float], _Rows]  # title, header, widths in cm, rows


def _tables(facts: Facts, listed: present.Attendance) -> list[_SignedTable]:
    """All half-days side by side as far as they fit, else a table per day."""
    by_day: dict[str, list[HalfDay]] = {}
    for half in listed.half_days:
        by_day.setdefault(half.day, []).append(half)
    if len(listed.half_days) <= _MOST_COLUMNS or len(by_day) < 2:
        return [("", *_signatures(facts, listed, listed.half_days))]
    return [
        (typography.day(date.fromisoformat(day), weekday=True).capitalize(), *_signatures(facts, listed, halves))
        for day, halves in by_day.items()
    ]


def _signatures(
    facts: Facts, listed: present.Attendance, halves: Sequence[HalfDay]
) -> tuple[list[str], list[float], _Rows]:
    """Header, widths in cm, and a row per person, then blank ones for those who are expected or come unannounced."""
    dated = len({half.day for half in listed.half_days}) > 1 and len({half.day for half in halves}) > 1
    halves = halves or [HalfDay("", "")]  # a form that asks no session, before anybody came
    asked = [(t(title), width) for trait, title, width in _TRAITS if present.asks(facts, trait)]
    head = [t("No."), t("Surname and first name"), *(title for title, _ in asked)]
    head += [_proof_head(facts, half, dated=dated) for half in halves]
    texts = [_NUMBER_CM, _NAME_CM, *(width for _, width in asked)]
    signature_cm = max(2.2, min(3.6, (_PAGE_CM - sum(texts)) / len(halves)))
    scale = (_PAGE_CM - signature_cm * len(halves)) / sum(texts)
    widths = [width * scale for width in texts] + [signature_cm] * len(halves)
    rows = [_person_row(facts, number, person, halves, signature_cm) for number, person in enumerate(listed.people, 1)]
    if not rows:
        rows = [["", writer.Cell(_nobody(facts), italic=True), *[""] * (len(head) - 2)]]
    # As long as nobody has signed, it is a sheet to sign on paper: a line for each person expected.
    expected = 0 if listed.present else sum(zone.target for zone in present.zones_of(facts))
    blank = BLANK_ROWS if present.is_signed(facts) or not listed.present else 0
    rows += [[writer.Cell("")] * len(head)] * (blank + max(0, expected - len(listed.people)))
    return head, widths, rows


def _nobody(facts: Facts) -> str:
    if not present.is_signed(facts):
        return t("No data: no presence was received")
    if not facts.config.has_role("registration"):
        return t("No data: no sign-in was received")
    return t("No data: neither registration nor sign-in was received")


def _proof_head(facts: Facts, half: HalfDay, *, dated: bool) -> str:
    """The head of a half-day's column: of signatures, or of who is marked as present."""
    name = _half_day(facts, half, dated=dated)
    if present.is_signed(facts):
        return t("Signature {half_day}", half_day=name) if name else t("Signature")
    return f"{name[:1].upper()}{name[1:]}" if name else t("Present")


def _half_day(facts: Facts, half: HalfDay, *, dated: bool) -> str:
    label = labels.session(facts, half.session).lower() if half.session else ""
    return f"{label} {date.fromisoformat(half.day):%d/%m}".strip() if dated else label


def _person_row(
    facts: Facts, number: int, person: present.Person, halves: Sequence[HalfDay], width_cm: float
) -> list[str | writer.Cell]:
    traits = person.traits
    below = traits["name_ar"] if traits["name_ar"] != person.name else ""
    note = "" if person.registered else _not_of_the_list(facts, person)
    name = f"{person.name} ({note})" if note else person.name
    shown = {
        **traits,
        "sex": _sex(facts, traits["sex"]),
        "group": labels.group(facts, traits["group"], short=True) if traits["group"] else "",
        "phone": masked_phone(traits["phone"]),
    }
    cells: list[str | writer.Cell] = [typography.number(number), writer.Cell(name, below=below)]
    cells += [shown[trait] for trait, _, _ in _TRAITS if present.asks(facts, trait)]
    return cells + [_proof(facts, person, half, width_cm) for half in halves]


def _not_of_the_list(facts: Facts, person: present.Person) -> str:
    if not person.is_visitor:
        return t("not on the list") if facts.config.forms_with_role("registration") else ""
    if not person.home:
        return t("registered without a zone")
    return t("registered in: {zone}", zone=labels.zone(facts, person.home))


def _proof(facts: Facts, person: present.Person, half: HalfDay, width_cm: float) -> writer.Cell:
    """What proves that the person was there: the signature, that the list says so, or the row with its hour."""
    where = person.signatures.get(half.key)
    if where is None:
        return writer.Cell("")
    if not where.filename:
        if where.answered:
            return writer.Cell(t("present"))
        hour = typography.hour(time.fromisoformat(where.begun_at)) if where.begun_at else ""
        return writer.Cell(t("declared present"), below=hour, italic=True)
    content = facts.attachment(where.root_uuid, where.filename)
    drawn = pictures.signature(content) if content else None
    if drawn is None:
        text = t("signed (picture not received)") if content is None else t("signed (picture cannot be read)")
        return writer.Cell(text, italic=True)
    alt = t(
        "Signature of {name}, {half_day}",
        name=person.name,
        half_day=_half_day(facts, half, dated=bool(half.day)),
    )
    return writer.Cell(picture=writer.Picture(drawn, alt, width_cm=width_cm - 0.6, height_cm=0.62))


def _sex(facts: Facts, code: str) -> str:
    female, male = tc("a person's sex", "F"), tc("a person's sex", "M")
    return {facts.config.codes.female: female, facts.config.codes.male: male}.get(code, code)


def _all_of_it(n: int, n_all: int, whole: present.Whole) -> str:
    """How many of *n_all* persons present were there at every session of several days, or on every day."""
    if whole == "sessions":
        if n == n_all:
            return t(", at all sessions") if n == 1 else t(", all of them at all sessions")
        part = tn(", {n} of them at all sessions", ", {n} of them at all sessions", n)
        return part if n else t(", none of them at all sessions")
    if n == n_all:
        return t(", every day") if n == 1 else t(", all of them every day")
    return tn(", {n} of them every day", ", {n} of them every day", n) if n else t(", none of them every day")


def _whole_day(n: int, n_all: int, *, several: bool) -> str:
    """How many of *n_all* persons present signed every half-day, of one of *several* days or of the only one."""
    if n == n_all == 1:
        return t(", a whole day") if several else t(", the whole day")
    if n == n_all:
        return t(", all of them a whole day") if several else t(", all of them the whole day")
    if not n:
        return t(", none of them a whole day") if several else t(", none of them the whole day")
    if several:
        return tn(", {n} of them a whole day", ", {n} of them a whole day", n)
    return tn(", {n} of them the whole day", ", {n} of them the whole day", n)


def _remarks(facts: Facts, listed: present.Attendance) -> str:
    visitors = [person for person in listed.present if person.is_visitor]
    walk_ins = [person for person in listed.present if not person.registered and not person.is_visitor]
    absent = [person for person in listed.people if not person.present]
    has_list = bool(facts.config.forms_with_role("registration"))
    if not listed.n_rows:
        n = listed.n_registered
        registered = tn("{n} person registered", "{n} persons registered", n) if n else t("nobody registered")
        waiting = (
            t("no sign-in received: a sheet to be signed")
            if present.is_signed(facts)
            else t("no presence received: a sheet to be filled in")
        )
        return _told([*([registered] if has_list else []), waiting])
    n = len(listed.present)
    remarks = [tn("{n} person present", "{n} persons present", n) if n else t("nobody present")]
    if listed.present and present.has_full_day(facts):
        several = len({half.day for half in listed.half_days}) > 1
        n_full, whole = len(listed.full_day), present.whole(facts)
        remarks[0] += _whole_day(n_full, n, several=several) if whole == "day" else _all_of_it(n_full, n, whole)
    if has_list:
        n = len(absent)
        remarks.append(
            tn("{n} registered person absent", "{n} registered persons absent", n)
            if n
            else t("no registered person absent")
        )
    target = facts.zone.target if facts.zone else sum(zone.target for zone in facts.config.zones)
    words = _NOT_COUNTED[present.is_signed(facts)]
    counted = (
        (len(walk_ins) if has_list else 0, later_n("{n} person not on the list", "{n} persons not on the list")),
        (len(visitors), later_n("{n} person registered in another zone", "{n} persons registered in another zone")),
        (listed.n_declared if present.proof_of(facts) == "row" else 0, _DECLARED),
        (listed.n_no_session, words["no_session"]),
        (listed.n_repeated, words["repeated"]),
        (
            listed.n_unanswered,
            later_n("{n} entry without an answer, not counted", "{n} entries without an answer, not counted"),
        ),
        (
            listed.n_unsigned,
            later_n("{n} sign-in without a signature, not counted", "{n} sign-ins without a signature, not counted"),
        ),
        (
            len(listed.present) - target if target else 0,
            later_n("{n} person above the quota", "{n} persons above the quota"),
        ),
    )
    return _told([*remarks, *(tn(*told, n) for n, told in counted if n > 0)])


def _told(remarks: Sequence[str]) -> str:
    text = t("; ").join(remarks)
    return f"{text[:1].upper()}{text[1:]}."


def _totals(facts: Facts, listed: present.Attendance) -> list[list[str]]:
    zones, codes = present.zones_of(facts), present.group_codes(facts)
    has_sex, quota = present.asks(facts, "sex"), sum(zone.target for zone in zones)
    came = turnout.counted(listed)
    by_group = quotas.completion_by_group(came, zones, codes)
    rows = [_total_row(facts, labels.group(facts, code), listed, by_group[code], (code,)) for code in codes]
    others = sorted(set(listed.counts("group")) - set(codes))
    if others and codes:
        rows.append(_total_row(facts, t("Other or not specified"), listed, None, tuple(others)))
    if has_sex and (by_sex := quotas.completion_by_sex(came, zones)):
        sexes = (facts.config.codes.female, facts.config.codes.male)
        cells = [typography.number(by_sex[sex].quota) if sex in by_sex else typography.NOTHING for sex in sexes]
        rows.append([t("Quota"), *cells, *[typography.NOTHING] * 4])
    rows.append(_total_row(facts, t("Total"), listed, quotas.completion(came, zones), None))
    head = [t("Group") if codes else t("Persons"), t("Women"), t("Men"), t("Not specified"), t("Present")]
    head += [t("Quota"), t("Rate")]
    shown = [0, *((1, 2, 3) if has_sex else ()), 4, *((5, 6) if quota else ())]
    return [[row[at] for at in shown] for row in [head, *rows]]


def _totals_caption(facts: Facts) -> str:
    has_sex, has_groups = present.asks(facts, "sex"), bool(present.group_codes(facts))
    if has_groups:
        return t("Attendance by group and by sex") if has_sex else t("Attendance by group")
    return t("Attendance by sex") if has_sex else t("Attendance")


def _total_row(
    facts: Facts, label: str, listed: present.Attendance, done: quotas.Completion | None, codes: tuple[str, ...] | None
) -> list[str]:
    people = [person for person in listed.present if codes is None or person.traits["group"] in codes]
    sexes = [person.traits["sex"] for person in people]
    women, men = sexes.count(facts.config.codes.female), sexes.count(facts.config.codes.male)
    quota = typography.number(done.quota) if done and done.quota else typography.NOTHING
    share = typography.percent(done.share) if done else typography.NOTHING
    counts = (women, men, len(people) - women - men, len(people))
    return [label, *map(typography.number, counts), quota, share]


def _certification(document: WordDocument, facts: Facts) -> None:
    blank = t("Name, date and signature:")
    rows = [[writer.Cell("\n\n".join((line, blank))) for line in _certified(facts)]]
    content = writer.Table((), rows, [_PAGE_CM / 2] * 2, alt=t("Certification and approval"), row_cm=2.0, size=9.5)
    writer.table(document, content)


def _protection(facts: Facts) -> str:
    law = f" ({facts.config.mission.data_law})" if facts.config.mission.data_law else ""
    owners = t(" and ").join(organisation.name for organisation in facts.config.organisations) or t("the organiser")
    return t(
        "Data protection: list of names reserved for {owners} and for the donor's controls, drawn up with the persons' consent to attest "
        "their presence. Each of them may see their data and have them corrected or deleted by the organiser{law}. Do not circulate, do not "
        "attach to the public report.",
        owners=owners,
        law=law,
    )
