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
from kobo_sync.model import Class, Document, Scope

NAME = "attendance_list"
TITLE = "Liste de présence"
SCOPE: Scope = "zone"
CLASS: Class = "nominative"
PATH = "liste-presence.docx"
PDF_PATH = "liste-presence.pdf"

BLANK_ROWS = 2
NO_SESSION = ("passage d’une demi-journée inconnue, non compté", "passages d’une demi-journée inconnue, non comptés")
REPEATED = ("passage répété, compté une fois", "passages répétés, comptés une fois")
_MOST_COLUMNS = 4  # half-days side by side
_HEADING = "Feuille d’émargement"
_CERTIFIED = ("Certifié exact, le ou la formateur·rice", "Visa de l’organisateur")
_DOTS = "…………………………………"
_TEXT_WIDTHS = (1.0, 5.2, 1.2, 4.7, 2.1, 2.7, 2.9)
_PAGE_CM = 26.7


def build(facts: Facts) -> list[Document]:
    """The zone's attendance sheet, signatures in place; registered persons who did not sign keep empty cells."""
    form_ids = letterhead.forms_of(facts, "registration", "attendance")
    listed = present.attendance(facts)
    tables = _tables(facts, listed)
    document = letterhead.open_paper(facts, TITLE, form_ids, landscape=True)
    writer.footer_note(document, _protection(facts))
    writer.title(document, _HEADING)
    writer.facing(document, _heading_grid(facts))
    who = typography.none_or(len(listed.people), "personne", none="aucune")
    alt = f"Émargement : {who}, dont {typography.none_or(len(listed.present), 'présente', none='aucune')}"
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
        caption="Présences par groupe et par sexe",
        right=range(1, 7),
        totals=1,
    )
    writer.table(document, content)
    _certification(document, facts)
    sheet = AttendanceSheet(
        title=f"{TITLE} – {letterhead.place_name(facts)}",
        heading=_HEADING,
        dated=letterhead.as_of(facts),
        author=letterhead.organisers(facts),
        facing=[(label, typography.spaced(text)) for label, text in _heading_grid(facts)],
        tables=[
            SignedTable(title, head, widths, [[_pdf_cell(cell) for cell in row] for row in rows])
            for title, head, widths, rows in tables
        ],
        remarks=typography.spaced(_remarks(facts, listed)),
        totals=totals,
        certification=_CERTIFIED,
        protection=typography.spaced(_protection(facts)),
        draft=not facts.final,
        colour=letterhead.colour(facts),
        logos=letterhead.page_logos(facts),
    )
    return [
        letterhead.close_paper(facts, document, PATH, CLASS),
        Document(PDF_PATH, attendance_sheet(sheet), CLASS),
    ]


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
        ("Action", letterhead.action(facts)),
        ("Date", letterhead.held_on(facts)),
        ("Lieu", letterhead.place(facts)),
        ("Horaires", f"{hours} ({typography.duration(minutes)})" if minutes else hours or _DOTS),
        ("Formateur·rice", facts.config.mission.trainer or _DOTS),
        ("Organisateurs", letterhead.organisers(facts)),
    ]


def _hours(facts: Facts, session: Session) -> str:
    label = labels.session(facts, session.code)
    if session.starts is None or session.ends is None:
        return label
    return f"{label} {typography.hour(session.starts)} – {typography.hour(session.ends)}"


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
    head = ["N°", "Nom et prénom", "Sexe", "Organisation", "Groupe", "Commune", "Téléphone"]
    head += [f"Signature {_half_day(facts, half, dated=dated)}".rstrip() for half in half_days]
    signature_cm = max(2.2, min(3.6, (_PAGE_CM - sum(_TEXT_WIDTHS)) / max(1, len(half_days))))
    scale = (_PAGE_CM - signature_cm * len(half_days)) / sum(_TEXT_WIDTHS)
    widths = [width * scale for width in _TEXT_WIDTHS] + [signature_cm] * len(half_days)
    rows = [
        _person_row(facts, number, person, half_days, signature_cm) for number, person in enumerate(listed.people, 1)
    ]
    if not rows:
        empty = writer.Cell(f"{typography.NO_DATA} : ni inscription ni émargement reçus", italic=True)
        rows = [["", empty, *[""] * (len(head) - 2)]]
    # As long as nobody has signed, it is a sheet to sign on paper: a line for each person expected.
    expected = 0 if listed.present else sum(zone.target for zone in present.zones_of(facts))
    rows += [[writer.Cell("")] * len(head)] * (BLANK_ROWS + max(0, expected - len(listed.people)))
    return head, widths, rows


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
    cells: list[str | writer.Cell] = [str(number), writer.Cell(name, below=below), _sex(facts, traits["sex"])]
    cells += [traits["organisation"], group, traits["commune"], masked_phone(traits["phone"])]
    return cells + [_signature(facts, person, half, width_cm) for half in half_days]


def _not_of_the_list(facts: Facts, person: present.Person) -> str:
    if not person.is_visitor:
        return "hors liste" if facts.config.forms_with_role("registration") else ""
    return f"inscription : {labels.zone(facts, person.home)}" if person.home else "inscription sans zone"


def _signature(facts: Facts, person: present.Person, half: HalfDay, width_cm: float) -> writer.Cell:
    where = person.signatures.get(half.key)
    if where is None:
        return writer.Cell("")
    if not where.filename:
        return writer.Cell("présence déclarée", italic=True)
    content = facts.attachment(where.root_uuid, where.filename)
    drawn = pictures.signature(content) if content else None
    if drawn is None:
        return writer.Cell("signé (image non reçue)" if content is None else "signé (image illisible)", italic=True)
    alt = f"Signature de {person.name}, {_half_day(facts, half, dated=bool(half.day))}"
    return writer.Cell(picture=writer.Picture(drawn, alt, width_cm=width_cm - 0.6, height_cm=0.62))


def _sex(facts: Facts, code: str) -> str:
    return {facts.config.codes.female: "F", facts.config.codes.male: "H"}.get(code, code)


def _of_them(n: int, n_all: int) -> str:
    """``dont 9 ``, ``toutes ``, ``aucune ``; nothing of one person who is all there are."""
    if n == n_all:
        return "toutes " if n > 1 else ""
    return f"dont {typography.number(n)} " if n else "aucune "


def _remarks(facts: Facts, listed: present.Attendance) -> str:
    visitors = [person for person in listed.present if person.is_visitor]
    walk_ins = [person for person in listed.present if not person.registered and not person.is_visitor]
    absent = [person for person in listed.people if not person.present]
    if not listed.n_rows:
        registered = typography.none_or(listed.n_registered, "personne inscrite", "personnes inscrites", none="aucune")
        parts = [registered] if facts.config.forms_with_role("registration") else []
        text = " ; ".join([*parts, "aucune présence reçue : feuille à signer"])
        return f"{text[:1].upper()}{text[1:]}."
    remarks = [typography.none_or(len(listed.present), "personne présente", "personnes présentes", none="aucune")]
    if len(listed.sessions) > 1 and listed.present and present.is_by_half_day(facts):
        several = len({half.day for half in listed.half_days}) > 1
        whole = f"{'une' if several else 'la'} journée entière"
        remarks[0] += f", {_of_them(len(listed.full_day), len(listed.present))}{whole}"
    has_list = bool(facts.config.forms_with_role("registration"))
    if has_list:
        remarks.append(
            typography.none_or(len(absent), "personne inscrite absente", "personnes inscrites absentes", none="aucune")
        )
    if walk_ins and has_list:
        remarks.append(f"{typography.count(len(walk_ins), 'personne')} hors liste")
    if visitors:
        who = typography.count(len(visitors), "personne inscrite", "personnes inscrites")
        remarks.append(f"{who} dans une autre zone")
    if listed.n_declared:
        declared = typography.count(listed.n_declared, "présence déclarée", "présences déclarées")
        remarks.append(f"{declared} sans signature, le formulaire n’en demande pas")
    if listed.n_no_session:
        remarks.append(typography.count(listed.n_no_session, *NO_SESSION))
    if listed.n_repeated:
        remarks.append(typography.count(listed.n_repeated, *REPEATED))
    if listed.n_unsigned:
        remarks.append(
            typography.count(
                listed.n_unsigned, "passage sans signature, non compté", "passages sans signature, non comptés"
            )
        )
    target = facts.zone.target if facts.zone else sum(zone.target for zone in facts.config.zones)
    over = len(listed.present) - target
    if target and over > 0:
        remarks.append(f"{typography.count(over, 'personne')} au-delà du quota")
    text = " ; ".join(remarks)
    return f"{text[:1].upper()}{text[1:]}."


def _totals(facts: Facts, listed: present.Attendance) -> list[list[str]]:
    zones = present.zones_of(facts)
    codes = [group.code for group in facts.config.groups]
    by_group = present.completion_by_group(listed, zones, codes)
    rows = [_total_row(facts, labels.group(facts, code), listed, by_group[code], (code,)) for code in codes]
    others = sorted(set(listed.counts("group")) - set(codes))
    if others:
        rows.append(_total_row(facts, "Autre ou non précisé", listed, None, tuple(others)))
    rows.append(_total_row(facts, "Total", listed, present.completion(listed, zones), None))
    return [["Groupe", "Femmes", "Hommes", "Non précisé", "Présent·e·s", "Quota", "Taux"], *rows]


def _total_row(
    facts: Facts, label: str, listed: present.Attendance, done: present.Completion | None, codes: tuple[str, ...] | None
) -> list[str]:
    people = [person for person in listed.present if codes is None or person.traits["group"] in codes]
    sexes = [person.traits["sex"] for person in people]
    women, men = sexes.count(facts.config.codes.female), sexes.count(facts.config.codes.male)
    quota = typography.number(done.quota) if done else typography.NOTHING
    share = typography.percent(done.share) if done else typography.NOTHING
    return [label, str(women), str(men), str(len(people) - women - men), str(len(people)), quota, share]


def _certification(document: WordDocument, facts: Facts) -> None:
    blank = "\n\nNom, date et signature :"
    rows = [[writer.Cell(line + blank) for line in _CERTIFIED]]
    content = writer.Table((), rows, [_PAGE_CM / 2] * 2, alt="Certification et visa", row_cm=2.0, size=9.5)
    writer.table(document, content)


def _protection(facts: Facts) -> str:
    law = facts.config.mission.data_law
    owners = " et ".join(organisation.name for organisation in facts.config.organisations) or "l’organisateur"
    return (
        f"Protection des données : liste nominative réservée à {owners} et aux contrôles du bailleur, établie avec le consentement des "
        "personnes pour attester de leur présence. Chacune peut consulter, faire rectifier ou supprimer ses données auprès de "
        f"l’organisateur{f' ({law})' if law else ''}. Ne pas diffuser, ne pas joindre au rapport public."
    )
