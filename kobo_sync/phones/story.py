"""A mission's training days as they might go: who comes, what they answer, and what goes wrong on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from kobo_sync.config.config import Config
from kobo_sync.model import Choice, Zone
from kobo_sync.phones.drawing import photo_jpeg, signature_png
from kobo_sync.phones.vocabulary import Pair, Vocabulary

_PEOPLE = 12  # of a zone that expects no number


@dataclass(frozen=True)
class Person:
    """An invented participant; *comes* is the share of sessions attended."""

    code: str
    zone: Zone
    group: str
    is_woman: bool
    family: Pair
    forename: Pair
    organisation: str
    function: str
    commune: str
    phone: str


@dataclass(frozen=True)
class Visit:
    """One thing that happens: a submission, an edit of *edits*, or with *deletes* its removal on the server.

    *inputs* is by question name; *files* by question name: file name, bytes, media type. A name in
    *late* is sent in a later post, as from a phone that lost the network. *key* names the visit.
    """

    key: str
    form_id: str
    at: datetime
    inputs: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, tuple[str, bytes, str]] = field(default_factory=dict)
    late: bool = False
    edits: str = ""
    deletes: str = ""


class Story:
    """The visits of one mission; the same seed tells the same story."""

    def __init__(
        self, config: Config, vocabulary: Vocabulary, catalogues: Mapping[str, Sequence[Choice]], seed: int
    ) -> None:
        self.config, self.words, self.catalogues = config, vocabulary, catalogues
        self._rng = Random(seed)
        self._tz = ZoneInfo(config.mission.timezone)
        # A mission without zones is one place that has no code: its forms ask for none.
        self.zones = config.zones or (Zone("", {}, 0, {}),)
        self.people = [person for at, zone in enumerate(self.zones) for person in self._zone_people(zone, at)]

    # ── who ──

    def _zone_people(self, zone: Zone, at: int) -> Iterator[Person]:
        """The zone's quota, short of one person per zone after the first: no mission is ever complete. Without quotas a dozen persons."""
        groups = [code for code, n in zone.quotas.items() for _ in range(n)]
        if not groups:
            codes = [group.code for group in self.config.groups] or [""]
            groups = [codes[at % len(codes)] for at in range(zone.target or _PEOPLE)]
        prefix = zone.extra.get("prefix") or zone.code[:3].upper()
        for number, group in enumerate(groups[: len(groups) - at] if at < len(groups) else groups, 1):
            yield self._person(f"{prefix}-{number:02}", zone, group)

    def _person(self, code: str, zone: Zone, group: str) -> Person:
        rng, people = self._rng, self.words.people
        is_woman = rng.random() < 0.48
        return Person(
            code,
            zone,
            group,
            is_woman,
            rng.choice(people.families),
            rng.choice(people.women if is_woman else people.men),
            rng.choice(people.organisations),
            rng.choice(people.functions),
            rng.choice(people.communes),
            f"06{rng.randint(10_000_000, 99_999_999)}",
        )

    # ── registration ──

    def registrations(self) -> list[Visit]:
        """Everybody's registration, one refusal of consent, one duplicate, one edit; in order of time."""
        visits: list[Visit] = []
        for form_id in self.config.forms_with_role("registration"):
            for n, person in enumerate(self.people):
                at = self._at(self._day(person.zone) - timedelta(days=3), time(10), minutes=4 * n)
                visits.append(self._registration(form_id, f"registration-{person.code}", person, at))
            if visits and self.people:
                visits += self._mishaps(form_id, visits)
        return sorted(visits, key=lambda visit: visit.at)

    def _registration(self, form_id: str, key: str, person: Person, at: datetime) -> Visit:
        return Visit(
            key,
            form_id,
            at,
            self.named(
                form_id,
                {
                    **self._identity(person),
                    "zone": person.zone.code,
                    "consent": self.config.codes.yes,
                    "person": person.code,
                    "phone": self._as_typed(person.phone),
                },
            ),
        )

    def _mishaps(self, form_id: str, visits: Sequence[Visit]) -> Iterator[Visit]:
        first, last = self.people[0], self.people[-1]
        end = max(visit.at for visit in visits)
        yield Visit(
            "refusal",
            form_id,
            end + timedelta(minutes=20),
            self.named(form_id, {"zone": last.zone.code, "consent": _other(self.config.codes.yes)}),
        )
        twin = replace(first, code=f"{first.code[:-2]}{98:02}")
        yield self._registration(form_id, "duplicate", twin, end + timedelta(minutes=30))
        elsewhere = replace(last, commune=self._rng.choice(self.words.people.communes), function="")
        edited = self._registration(form_id, "edit-registration", elsewhere, end + timedelta(minutes=40))
        yield replace(edited, edits=f"registration-{last.code}")

    def _identity(self, person: Person) -> dict[str, str]:
        codes = self.config.codes
        return {
            "family_name": person.family[0],
            "given_name": person.forename[0],
            "name_ar": " ".join(part for part in (person.forename[1], person.family[1]) if part),
            "sex": codes.female if person.is_woman else codes.male,
            "group": person.group,
            "organisation": person.organisation,
            "function": person.function,
            "commune": person.commune,
            "phone": person.phone,
        }

    def _as_typed(self, phone: str) -> str:
        """Now and then a phone's keyboard is Arabic."""
        return phone.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")) if self._rng.random() < 0.1 else phone

    # ── the training days ──

    def training_days(self) -> list[Visit]:
        """Attendance, tests, satisfaction, needs, focus groups, road map and other forms of every zone, then corrections."""
        visits: list[Visit] = []
        for zone in self.zones:
            people = [person for person in self.people if person.zone is zone]
            present = [person for person in people if self._rng.random() > 0.03]
            visits += self._attendance(zone, present)
            visits += self._tests(zone, present)
            visits += self._satisfaction(zone, present)
            visits += self._needs(zone, present)
            visits += self._others(zone)
            visits += self._surveys(zone, present)
        visits.sort(key=lambda visit: (visit.at, visit.key))
        return visits + self._corrections(visits)

    def _attendance(self, zone: Zone, present: Sequence[Person]) -> Iterator[Visit]:
        walk_in = self._person(
            self.config.codes.not_listed, zone, self._rng.choice([g.code for g in self.config.groups] or [""])
        )
        for form_id in self.config.forms_with_role("attendance"):
            question = self.config.forms[form_id].fields.get("signature", "")
            for day, session, starts in self._held(zone):
                for n, person in enumerate([*present, walk_in]):
                    if self._rng.random() < 0.05:
                        continue
                    key = f"{form_id}-{zone.code}-{session}-{n:02}"
                    key = key if len(zone.days) < 2 else f"{key}-{day}"
                    inputs = {
                        "zone": zone.code,
                        "session": session,
                        "person": person.code,
                        "consent": self.config.codes.yes,
                        "day": day.isoformat(),
                        "present": next(iter(sorted(self.config.present_codes))),
                    }
                    if person is walk_in:
                        inputs |= self._identity(person)
                    signature = (
                        f"signature-{key}.png",
                        signature_png(Random(person.code + person.phone), self._rng),
                        "image/png",
                    )
                    yield Visit(
                        key,
                        form_id,
                        starts + timedelta(seconds=50 * n),
                        self.named(form_id, inputs),
                        {question: signature} if question else {},
                    )

    def _held(self, zone: Zone) -> Iterator[tuple[date, str, datetime]]:
        """The sessions of the zone's days: the day, the session's code (empty in a mission without), when it starts."""
        for number, day in enumerate(zone.days or (self._day(zone),), 1):
            sessions = self.config.sessions_on(number)
            for at, session in enumerate(sessions):
                yield day, session.code, self._at(day, session.starts or time(min(9 + 5 * at, 20)))
            if not sessions:
                yield day, "", self._at(day, time(9))

    def _tests(self, zone: Zone, present: Sequence[Person]) -> Iterator[Visit]:
        codes = self.config.codes
        for form_id in self.config.forms_with_role("test"):
            settings = self.config.forms[form_id]
            for moment, starts, right in ((codes.before, time(9, 30), 0.42), (codes.after, time(17), 0.74)):
                for n, person in enumerate(present):
                    if self._rng.random() < 0.06:
                        continue
                    inputs = self.named(
                        form_id, {"zone": zone.code, "moment": moment, "person": person.code, "consent": codes.yes}
                    )
                    inputs |= {name: item.answer for name, item in settings.items.items() if self._rng.random() < right}
                    yield Visit(
                        f"{form_id}-{zone.code}-{moment}-{n:02}",
                        form_id,
                        self._at(
                            self._day(zone) if moment == codes.before else self._last_day(zone), starts, minutes=n
                        ),
                        inputs,
                    )

    def _satisfaction(self, zone: Zone, present: Sequence[Person]) -> Iterator[Visit]:
        for form_id in self.config.forms_with_role("satisfaction"):
            for n, person in enumerate(present[:-1]):
                score = min(10, max(0, round(self._rng.gauss(8.2, 1.8))))
                inputs = {
                    "zone": zone.code,
                    "group": person.group,
                    "recommend": score,
                    "consent": self.config.codes.yes,
                }
                yield Visit(
                    f"{form_id}-{zone.code}-{n:02}",
                    form_id,
                    self._at(self._last_day(zone), time(17, 40), minutes=n),
                    self.named(form_id, inputs),
                )

    def _needs(self, zone: Zone, present: Sequence[Person]) -> Iterator[Visit]:
        for form_id in self.config.forms_with_role("needs"):
            settings = self.config.forms[form_id]
            needs = list(self.catalogues.get(settings.catalogue or "", ()))
            liking = [self._rng.uniform(0.5, 3) for _ in needs]
            for n, person in enumerate(
                self._rng.sample(list(present), max(min(10, len(present)), len(present) * 4 // 5))
            ):
                hurry = [(self._rng.expovariate(weight), need.name) for need, weight in zip(needs, liking, strict=True)]
                order = [name for _, name in sorted(hurry)]
                inputs = self.named(
                    form_id,
                    {
                        "zone": zone.code,
                        "group": person.group,
                        "sex": self._identity(person)["sex"],
                        "consent": self.config.codes.yes,
                        "shortlist": " ".join(order[:3]),
                        "ranking": " ".join(order[:3]),
                    },
                )
                inputs |= self._ratings(form_id, needs, order)
                yield Visit(
                    f"{form_id}-{zone.code}-{n:02}",
                    form_id,
                    self._at(self._day(zone), time(10, 30), minutes=2 * n),
                    inputs,
                )

    def _ratings(self, form_id: str, needs: Sequence[Choice], order: Sequence[str]) -> dict[str, Any]:
        """One item of the repeat per need: the higher it is ranked, the graver it is said to be."""
        fields = self.config.forms[form_id].fields
        if "detail" not in fields:
            return {}
        items = []
        for need in needs:
            grave = 5 - order.index(need.name) * 4 // len(order)
            items.append(
                self.named(
                    form_id,
                    {
                        "need": need.name,
                        "severity": min(5, max(1, grave + self._rng.choice((-1, 0, 0, 1)))),
                        "households": self._rng.randint(3, 60) * 5,
                        "feasibility": self._rng.randint(1, 5),
                    },
                )
            )
        return {fields["detail"]: items}

    def _others(self, zone: Zone) -> Iterator[Visit]:
        for form_id in self.config.forms_with_role("focus_group"):
            photo = self.config.forms[form_id].fields.get("photo", "")
            for n, group in enumerate(self.config.groups):
                inputs = {
                    "zone": zone.code,
                    "group": group.code,
                    "groups": group.code,
                    "women": self._rng.randint(2, 5),
                    "men": self._rng.randint(2, 5),
                    "consent": self.config.codes.yes,
                }
                files = {photo: (f"photo-{zone.code}-{n}.jpg", photo_jpeg(self._rng), "image/jpeg")} if photo else {}
                yield Visit(
                    f"{form_id}-{zone.code}-{n}",
                    form_id,
                    self._at(self._day(zone), time(11, 30), minutes=10 * n),
                    self.named(form_id, inputs),
                    files,
                    late=zone is self.zones[-1],
                )
        for form_id in self.config.forms_with_role("road_map"):
            fields = self.config.forms[form_id].fields
            needs = [need.name for catalogue in self._need_lists() for need in catalogue]
            actions = [self._action(form_id, zone, needs) for _ in range(4)]
            inputs = self.named(form_id, {"zone": zone.code, "consent": self.config.codes.yes}) | {
                fields.get("actions", "actions"): actions
            }
            yield Visit(f"{form_id}-{zone.code}", form_id, self._at(self._last_day(zone), time(16, 15)), inputs)

    def _surveys(self, zone: Zone, people: Sequence[Person]) -> Iterator[Visit]:
        """An interview with each of *people* by every form of no role, what it asks drawn by chance."""
        for form_id in self.config.forms_with_role("other"):
            for n, person in enumerate(people):
                inputs = {**self._identity(person), "zone": zone.code, "consent": self.config.codes.yes}
                at = self._at(self._day(zone), time(9, 30), minutes=12 * n)
                yield Visit(f"{form_id}-{zone.code}-{n:02}", form_id, at, self.named(form_id, inputs))

    def _need_lists(self) -> list[Sequence[Choice]]:
        names = [self.config.forms[form_id].catalogue for form_id in self.config.forms_with_role("needs")]
        return [self.catalogues[name] for name in names if name and name in self.catalogues]

    def _action(self, form_id: str, zone: Zone, needs: Sequence[str]) -> dict[str, Any]:
        """One action of a road map, most of it filled in; objective and action go together in the words."""
        deadline = self._day(zone) + timedelta(days=self._rng.choice((-10, 30, 60, 120, 200)))
        inputs: dict[str, Any] = {"deadline": deadline.isoformat()}
        if needs:
            inputs["need"] = self._rng.choice(needs)
        fields, at = self.config.forms[form_id].fields, self._rng.randrange(1000)
        required = ("objective", "responsible_function")
        for meaning in ("objective", "action", "target", "responsible_function", "indicator", "verification", "allies"):
            sentences = self.words.texts.get(fields.get(meaning, ""))
            if sentences:
                inputs[meaning] = (
                    sentences[at % len(sentences)] if self._rng.random() < 0.88 or meaning in required else None
                )
        return self.named(form_id, inputs)

    def _corrections(self, visits: Sequence[Visit]) -> list[Visit]:
        """An edit that blanks an answer, and a row that is deleted on the server."""
        if not visits:
            return []
        end = visits[-1].at + timedelta(hours=1)
        optional = {"note", "proposal", "steps"}
        corrections = []
        for visit in reversed(visits):
            fields = self.config.forms[visit.form_id].fields
            blanks = {fields[meaning]: None for meaning in sorted(optional & fields.keys())}
            if blanks and not visit.files:
                corrections.append(
                    replace(visit, key="edit-answer", at=end, inputs={**visit.inputs, **blanks}, edits=visit.key)
                )
                break
        anonymous = [visit for visit in visits if self.config.forms[visit.form_id].role == "satisfaction"] or list(
            visits
        )
        corrections.append(
            Visit("deletion", anonymous[-1].form_id, end + timedelta(minutes=5), deletes=anonymous[-1].key)
        )
        return corrections

    # ── words and times ──

    def named(self, form_id: str, meant: Mapping[str, Any]) -> dict[str, Any]:
        """Answers by meaning become answers by question name; meanings that the form lacks are left out."""
        fields = self.config.forms[form_id].fields
        inputs = {fields[meaning]: value for meaning, value in meant.items() if meaning in fields}
        is_listed = meant.get("person") != self.config.codes.not_listed
        templates = self.words.inputs.get(form_id, {}) | ({} if is_listed else self.words.walk_ins.get(form_id, {}))
        texts = {meaning: "" if value is None else str(value) for meaning, value in meant.items()}
        number = texts.get("person", "").rpartition("-")[2].lstrip("0")
        typed = {name: _filled(template, {**texts, "number": number}) for name, template in templates.items()}
        return inputs | {name: value for name, value in typed.items() if value}

    def _day(self, zone: Zone) -> date:
        return zone.days[0] if zone.days else self.config.mission.starts_on

    def _last_day(self, zone: Zone) -> date:
        return zone.days[-1] if zone.days else self._day(zone)

    def _at(self, day: date, hour: time, *, minutes: int = 0) -> datetime:
        local = datetime.combine(day, hour, self._tz) + timedelta(minutes=minutes, seconds=self._rng.randint(0, 40))
        return local.astimezone(UTC)


def _filled(template: str, texts: Mapping[str, str]) -> str:
    """The template with its ``{meaning}`` replaced; empty when one of them is not known."""
    try:
        return template.format_map(texts)
    except (KeyError, ValueError, IndexError):
        return ""


def _other(code: str) -> str:
    return {"oui": "non", "yes": "no"}.get(code, f"not_{code}")
