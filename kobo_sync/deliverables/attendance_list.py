"""The attendance sheet of a zone: who is expected, who signed each half-day, totals against quota."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import date

from docx.document import Document as WordDocument

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import labels
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.half_days import HalfDay
from kobo_sync.config.config import Session
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
PATH = "liste-presence.docx"
PDF_PATH = "liste-presence.pdf"

BLANK_ROWS = 2
NO_SESSION = later_n(
    "{n} sign-in of an unknown half-day, not counted", "{n} sign-ins of an unknown half-day, not counted"
)
REPEATED = later_n("{n} repeated sign-in, counted once", "{n} repeated sign-ins, counted once")
_MOST_COLUMNS = 4  # half-days side by side
_HEADING = later("Sign-in sheet")
_CERTIFIED = (later("Certified correct by the trainer"), later("Approved by the organiser"))
_DECLARED = later_n(
    "{n} attendance declared without a signature, the form asks for none",
    "{n} attendances declared without a signature, the form asks for none",
)
_DOTS = "…………………………………"
_TEXT_WIDTHS = (1.0, 5.2, 1.2, 4.7, 2.1, 2.7, 2.9)
_PAGE_CM = 26.7


def build(facts: Facts) -> list[Document]:
    """The zone's attendance sheet, signatures in place; registered persons who did not sign keep empty cells."""
    form_ids = letterhead.forms_of(facts, "registration", "attendance")
    listed = present.attendance(facts)
    tables = _tables(facts, listed)
    document = letterhead.open_paper(facts, t(TITLE), form_ids, landscape=True)
    writer.footer_note(document, _protection(facts))
    writer.title(document, t(_HEADING))
    writer.facing(document, _heading_grid(facts))
    alt = _in_short(len(listed.people), len(listed.present))
    for title, head, widths, rows in tables:
        content = writer.Table(
            head, rows, widths, caption=title, alt=alt, right=(0,), row_cm=0.78, size=8.5, keep_whole=False
        )
        writer.table(document, content)
    writer.note(document, _remarks(facts, listed), keep_with_next=True)
    totals = _totals(facts, listed)
    content = writer.Table(
        totals[0],
        totals[1:],
        [6.5, 2.2, 2.2, 2.6, 2.6, 2.2, 2.2],
        caption=t("Attendance by group and by sex"),
        right=range(1, 7),
        totals=1,
    )
    writer.table(document, content)
    _certification(document, facts)
    sheet = AttendanceSheet(
        title=f"{t(TITLE)} – {letterhead.place_name(facts)}",
        heading=t(_HEADING),
        dated=letterhead.as_of(facts),
        author=letterhead.organisers(facts),
        facing=[(label, typography.spaced(text)) for label, text in _heading_grid(facts)],
        tables=[
            SignedTable(title, head, widths, [[_pdf_cell(cell) for cell in row] for row in rows])
            for title, head, widths, rows in tables
        ],
        remarks=typography.spaced(_remarks(facts, listed)),
        totals=totals,
        certification=(t(_CERTIFIED[0]), t(_CERTIFIED[1])),
        protection=typography.spaced(_protection(facts)),
        draft=not facts.final,
        colour=letterhead.colour(facts),
        logos=letterhead.page_logos(facts),
    )
    return [
        letterhead.close_paper(facts, document, PATH, CLASS),
        Document(PDF_PATH, attendance_sheet(sheet), CLASS),
    ]


def _in_short(n: int, n_present: int) -> str:
    """The table for those who do not see it."""
    who = tn("{n} person", "{n} persons", n) if n else t("no person")
    came = tn("{n} of them present", "{n} of them present", n_present) if n_present else t("none of them present")
    return t("Sign-in sheet: {persons}, {present}", persons=who, present=came)


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


def _heading_grid(facts: Facts) -> list[tuple[str, str]]:
    sessions = facts.config.sessions
    hours = " · ".join(_hours(facts, session) for session in sessions)
    minutes = sum(_minutes(session) for session in sessions)
    return [
        (t("Activity"), letterhead.action(facts)),
        (t("Date"), letterhead.held_on(facts)),
        (t("Place"), letterhead.place(facts)),
        (t("Hours"), f"{hours} ({typography.duration(minutes)})" if minutes else hours or _DOTS),
        (t("Trainer"), facts.config.mission.trainer or _DOTS),
        (t("Organisers"), letterhead.organisers(facts)),
    ]


def _hours(facts: Facts, session: Session) -> str:
    label = labels.session(facts, session.code)
    if session.starts is None or session.ends is None:
        return label
    starts, ends = typography.hour(session.starts), typography.hour(session.ends)
    return t("{session} {starts} – {ends}", session=label, starts=starts, ends=ends)


def _minutes(session: Session) -> int:
    if session.starts is None or session.ends is None:
        return 0
    return max(0, (session.ends.hour - session.starts.hour) * 60 + session.ends.minute - session.starts.minute)


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
    facts: Facts, listed: present.Attendance, half_days: Sequence[HalfDay]
) -> tuple[list[str], list[float], _Rows]:
    """Header, widths in cm, and a row per person, then blank ones for those who are expected or come unannounced."""
    dated = len({half.day for half in listed.half_days}) > 1 and len({half.day for half in half_days}) > 1
    head = [t("No."), t("Surname and first name"), t("Sex"), t("Organisation"), t("Group"), t("Commune"), t("Phone")]
    head += [_signature_head(_half_day(facts, half, dated=dated)) for half in half_days]
    signature_cm = max(2.2, min(3.6, (_PAGE_CM - sum(_TEXT_WIDTHS)) / max(1, len(half_days))))
    scale = (_PAGE_CM - signature_cm * len(half_days)) / sum(_TEXT_WIDTHS)
    widths = [width * scale for width in _TEXT_WIDTHS] + [signature_cm] * len(half_days)
    rows = [
        _person_row(facts, number, person, half_days, signature_cm) for number, person in enumerate(listed.people, 1)
    ]
    if not rows:
        empty = writer.Cell(t("No data: neither registration nor sign-in was received"), italic=True)
        rows = [["", empty, *[""] * (len(head) - 2)]]
    # As long as nobody has signed, it is a sheet to sign on paper: a line for each person expected.
    expected = 0 if listed.present else sum(zone.target for zone in present.zones_of(facts))
    rows += [[writer.Cell("")] * len(head)] * (BLANK_ROWS + max(0, expected - len(listed.people)))
    return head, widths, rows


def _signature_head(half_day: str) -> str:
    return t("Signature {half_day}", half_day=half_day) if half_day else t("Signature")


def _half_day(facts: Facts, half: HalfDay, *, dated: bool) -> str:
    label = labels.session(facts, half.session).lower() if half.session else ""
    return f"{label} {date.fromisoformat(half.day):%d/%m}".strip() if dated else label


def _person_row(
    facts: Facts, number: int, person: present.Person, half_days: Sequence[HalfDay], width_cm: float
) -> list[str | writer.Cell]:
    traits = person.traits
    below = traits["name_ar"] if traits["name_ar"] != person.name else ""
    note = "" if person.registered else _not_of_the_list(facts, person)
    name = f"{person.name} ({note})" if note else person.name
    group = labels.group(facts, traits["group"], short=True) if traits["group"] else ""
    cells: list[str | writer.Cell] = [
        typography.number(number),
        writer.Cell(name, below=below),
        _sex(facts, traits["sex"]),
    ]
    cells += [traits["organisation"], group, traits["commune"], masked_phone(traits["phone"])]
    return cells + [_signature(facts, person, half, width_cm) for half in half_days]


def _not_of_the_list(facts: Facts, person: present.Person) -> str:
    if not person.is_visitor:
        return t("not on the list") if facts.config.forms_with_role("registration") else ""
    if not person.home:
        return t("registered without a zone")
    return t("registered in: {zone}", zone=labels.zone(facts, person.home))


def _signature(facts: Facts, person: present.Person, half: HalfDay, width_cm: float) -> writer.Cell:
    where = person.signatures.get(half.key)
    if where is None:
        return writer.Cell("")
    if not where.filename:
        return writer.Cell(t("declared present"), italic=True)
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
        return _told([*([registered] if has_list else []), t("no sign-in received: a sheet to be signed")])
    n = len(listed.present)
    remarks = [tn("{n} person present", "{n} persons present", n) if n else t("nobody present")]
    if len(listed.sessions) > 1 and listed.present and present.is_by_half_day(facts):
        several = len({half.day for half in listed.half_days}) > 1
        remarks[0] += _whole_day(len(listed.full_day), n, several=several)
    if has_list:
        n = len(absent)
        remarks.append(
            tn("{n} registered person absent", "{n} registered persons absent", n)
            if n
            else t("no registered person absent")
        )
    target = facts.zone.target if facts.zone else sum(zone.target for zone in facts.config.zones)
    counted = (
        (len(walk_ins) if has_list else 0, later_n("{n} person not on the list", "{n} persons not on the list")),
        (len(visitors), later_n("{n} person registered in another zone", "{n} persons registered in another zone")),
        (listed.n_declared, _DECLARED),
        (listed.n_no_session, NO_SESSION),
        (listed.n_repeated, REPEATED),
        (
            listed.n_unsigned,
            later_n("{n} sign-in without a signature, not counted", "{n} sign-ins without a signature, not counted"),
        ),
        (
            len(listed.present) - target if target else 0,
            later_n("{n} person above the quota", "{n} persons above the quota"),
        ),
    )
    return _told([*remarks, *(tn(*words, n) for n, words in counted if n > 0)])


def _told(remarks: Sequence[str]) -> str:
    text = t("; ").join(remarks)
    return f"{text[:1].upper()}{text[1:]}."


def _totals(facts: Facts, listed: present.Attendance) -> list[list[str]]:
    zones = present.zones_of(facts)
    codes = [group.code for group in facts.config.groups]
    by_group = present.completion_by_group(listed, zones, codes)
    rows = [_total_row(facts, labels.group(facts, code), listed, by_group[code], (code,)) for code in codes]
    others = sorted(set(listed.counts("group")) - set(codes))
    if others:
        rows.append(_total_row(facts, t("Other or not specified"), listed, None, tuple(others)))
    rows.append(_total_row(facts, t("Total"), listed, present.completion(listed, zones), None))
    head = [t("Group"), t("Women"), t("Men"), t("Not specified"), t("Present"), t("Quota"), t("Rate")]
    return [head, *rows]


def _total_row(
    facts: Facts, label: str, listed: present.Attendance, done: present.Completion | None, codes: tuple[str, ...] | None
) -> list[str]:
    people = [person for person in listed.present if codes is None or person.traits["group"] in codes]
    sexes = [person.traits["sex"] for person in people]
    women, men = sexes.count(facts.config.codes.female), sexes.count(facts.config.codes.male)
    quota = typography.number(done.quota) if done else typography.NOTHING
    share = typography.percent(done.share) if done else typography.NOTHING
    counts = (women, men, len(people) - women - men, len(people))
    return [label, *map(typography.number, counts), quota, share]


def _certification(document: WordDocument, facts: Facts) -> None:
    blank = t("Name, date and signature:")
    rows = [[writer.Cell("\n\n".join((t(line), blank))) for line in _CERTIFIED]]
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
