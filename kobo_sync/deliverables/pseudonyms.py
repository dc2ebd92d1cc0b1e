"""Codes that stand for persons and rows in pseudonymised files, and which answers are left blank there so that no group is too small."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from kobo_sync.analysis import attendance, meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import memo_in_process
from kobo_sync.deliverables.treatment import Treatment, treatments
from kobo_sync.lazy import pd

Subject = tuple[str, str]  # whose rows are compared with each other (empty: persons by their code), and who of them
ENOUGH = 3  # persons or rows that show the same, for nobody to be told from them
_LENGTH = 12
_LIKE_A_CODE = re.compile(r"[^\W\d_][\w-]*\d")  # a letter, then a number at the end: BER-01


def code_of(facts: Facts, what: str, *parts: str) -> str:
    """A code of the mission's own for *parts*, the same in every file and at every time; *what* (``P`` person, ``L`` row) begins it.

    Nobody can go back from it, nor make it for a person, without the key in the state folder.
    """
    text = "\x1f".join((what, *parts))
    digest = hmac.new(facts.pseudonym_key(), text.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
    return f"{what}-{base64.b32encode(digest).decode()[:_LENGTH]}"


def person_code(facts: Facts, participant: str) -> str:
    """The code that stands for a participant code, or for a person who has none."""
    return code_of(facts, "P", participant)


def row_code(facts: Facts, form_id: str, root_uuid: str) -> str:
    """The code that stands for a submission; the rows of its repeats have the same."""
    return code_of(facts, "L", form_id, root_uuid)


@memo_in_process
def participants(facts: Facts, form_id: str) -> dict[str, str]:
    """Who a form's rows are about: root_uuid → participant code, or what stands for one who is not on the list; others are left out."""
    settings, table = facts.config.forms[form_id], facts.tables.get(form_id)
    question = settings.fields.get("person", "")
    if table is None or question not in table:
        return {}
    codes = dict(zip(table["root_uuid"].map(meaning.text), table[question].map(meaning.text), strict=True))
    people = {root: code for root, code in codes.items() if code and code != facts.config.codes.not_listed}
    return people | (attendance.walk_in_keys(facts) if settings.role == "attendance" else {})


@memo_in_process
def participant_codes(facts: Facts) -> dict[str, str]:
    """The participant codes that no other number or word is taken for: in small letters → as they are."""
    codes = {code for form_id in facts.config.forms for code in participants(facts, form_id).values()}
    return {code.casefold(): code for code in codes if _LIKE_A_CODE.fullmatch(code)}


# ── groups that are large enough ────────────────────────────────────────────


@dataclass(frozen=True)
class Smallest:
    """The smallest of the groups that share *traits*: of *n* persons or rows of *tables*, in a group of *k* at least.

    *n_small* of them are in groups below 3; *n_blanked* answers were left blank for it.
    """

    tables: tuple[str, ...]
    traits: tuple[str, ...]
    n: int
    k: int
    n_small: int
    n_blanked: int


@dataclass(frozen=True)
class Groups:
    """Per table the subject of each row in its order, per subject the traits that are left blank, and how small groups are."""

    subjects: Mapping[str, Sequence[Subject | None]]
    blanked: Mapping[Subject, frozenset[str]]
    smallest: tuple[Smallest, ...]


@memo_in_process
def groups(facts: Facts) -> Groups:
    """The groups of all tables together: a person's rows in several forms tell the same traits or none."""
    subjects: dict[str, list[Subject | None]] = {}
    traits: dict[Subject, dict[str, str]] = {}
    tables_of: dict[str, dict[str, None]] = {}
    for form_id in facts.config.forms:
        for name in facts.tables_of(form_id):
            columns = {each.trait: column for column, each in treatments(facts, name).items() if each.trait}
            if not columns:
                continue
            table = facts.tables[name]
            subjects[name] = _subjects(facts, form_id, name, table)
            cells = {
                trait: _texts(facts, treatments(facts, name)[column], table[column])
                for trait, column in columns.items()
            }
            for at, subject in enumerate(subjects[name]):
                if subject is not None:
                    tables_of.setdefault(subject[0], {})[name] = None
                    mine = traits.setdefault(subject, {})
                    for trait, texts in cells.items():
                        if texts[at]:
                            mine.setdefault(trait, texts[at])
    order = {trait: at for at, trait in enumerate(["zone", *facts.config.privacy.keep])}
    blanked: dict[Subject, frozenset[str]] = {}
    smallest = []
    for pool, names in tables_of.items():
        members = {subject: known for subject, known in traits.items() if subject[0] == pool}
        asked = sorted(
            {trait for known in members.values() for trait in known}, key=lambda t: (order.get(t, len(order)), t)
        )
        blank = _blanked(members, asked, facts.config.privacy.smallest_group)
        blanked |= blank
        smallest.append(_smallest(members, asked, blank, tuple(names)))
    return Groups(subjects, blanked, tuple(smallest))


def _subjects(facts: Facts, form_id: str, name: str, table: pd.DataFrame) -> list[Subject | None]:
    """Who each row is about; None for one that is not shown, or without consent, of which nothing is told."""
    people = participants(facts, form_id)
    unseen = refusals(facts, form_id) | meaning.excluded(facts)
    positions = table["position"].tolist() if name != form_id else [""] * len(table)
    rows: list[Subject | None] = []
    for root, position in zip(table["root_uuid"].map(meaning.text), positions, strict=True):
        if root in unseen:
            rows.append(None)
        elif name == form_id and root in people:
            rows.append(("", people[root]))
        else:
            rows.append((name, f"{root} {position}"))
    return rows


@memo_in_process
def refusals(facts: Facts, form_id: str) -> frozenset[str]:
    """The root_uuids of the form's rows whose consent was refused."""
    table, question = facts.tables.get(form_id), facts.config.forms[form_id].fields.get("consent", "")
    if table is None or question not in table:
        return frozenset()
    no = [meaning.text(value) not in ("", facts.config.codes.yes) for value in table[question]]
    return frozenset(table.loc[no, "root_uuid"])


def _texts(facts: Facts, treatment: Treatment, values: Iterable[object]) -> list[str]:
    return [meaning.text(treatment.coarse(value)) for value in values]


def _blanked(
    traits: Mapping[Subject, Mapping[str, str]], order: Sequence[str], smallest: int
) -> dict[Subject, frozenset[str]]:
    """Per subject the traits to leave blank so that at least *smallest* subjects show the same; the zone always stays."""
    blanked: dict[Subject, frozenset[str]] = {}
    first = 1 if order[:1] == ["zone"] else 0

    def settle(subjects: list[Subject], depth: int) -> None:
        if depth == len(order) or smallest < 2:
            return
        by_value: dict[str, list[Subject]] = {}
        for subject in subjects:
            by_value.setdefault(traits[subject].get(order[depth], ""), []).append(subject)
        children = sorted(by_value.items(), key=lambda item: (len(item[1]), item[0]))
        rest: list[Subject] = []
        while children and (len(children[0][1]) < smallest or 0 < len(rest) < smallest):
            rest += children.pop(0)[1]
        for subject in rest:
            blanked[subject] = frozenset(trait for trait in order[depth:] if traits[subject].get(trait))
        for _, child in children:
            settle(child, depth + 1)

    zones: dict[Hashable, list[Subject]] = {}
    for subject, known in traits.items():
        zones.setdefault(known.get("zone", "") if first else "", []).append(subject)
    for subjects in zones.values():
        settle(subjects, first)
    return blanked


def _smallest(
    traits: Mapping[Subject, Mapping[str, str]],
    order: Sequence[str],
    blanked: Mapping[Subject, frozenset[str]],
    tables: tuple[str, ...],
) -> Smallest:
    shown = [
        tuple("" if trait in blanked.get(subject, ()) else known.get(trait, "") for trait in order)
        for subject, known in traits.items()
    ]
    sizes = Counter(shown)
    n_small = sum(n for n in sizes.values() if n < ENOUGH)
    n_blanked = sum(map(len, blanked.values()))
    return Smallest(tables, tuple(order), len(shown), min(sizes.values(), default=0), n_small, n_blanked)
