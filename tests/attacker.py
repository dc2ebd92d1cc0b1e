"""An attacker who has everything that is printed of a mission, knows how papers are made, and wants numbers of one or two persons.

Each number of persons is a set of what it may be; sums, parts of one another, rounded shares, means and scores cut the sets
down until nothing moves (`Guesses`). What is left with one value is recovered; only right values count (`Truth`).
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from printed_set import MISSION, Printed, interval, persons, plain
from scipy.optimize import linprog

from kobo_sync.analysis.attendance import attendance
from kobo_sync.analysis.by_zone import zone_views
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.learning import learning, mcnemar_exact
from kobo_sync.analysis.meaning import rows
from kobo_sync.analysis.needs import needs
from kobo_sync.analysis.satisfaction import recommendation, satisfaction

Name = tuple[str, ...]
HEADS = {
    "presents": "present",
    "tests_apparies": "pairs",
    "reponses_satisfaction": "satisfaction",
    "reponses_besoins": "needs",
    "journee_entiere": "full_day",
}
ROWS = {
    "Test avant la formation": "before",
    "Test après la formation": "after",
    "Tests appariés (avant et après)": "pairs",
    "Satisfaction (anonyme)": "satisfaction",
    "Besoins": "needs_rows",
}
PARTS = (
    ("pairs", "before"),
    ("pairs", "after"),
    ("pairs", "present"),
    ("before", "present"),
    ("after", "present"),
    ("satisfaction", "present"),
    ("needs_rows", "present"),
    ("needs", "needs_rows"),
    ("needs", "present"),
    ("full_day", "present"),
)
_TOLD_ONLY = "ne portent que sur les zones dont l’effectif est publié"


class Guesses:
    """What each number may be, cut down by what is known of several together."""

    def __init__(self) -> None:
        self.sets: dict[Name, set[int]] = {}
        self.rules: list[Callable[[], None]] = []

    def know(self, name: Name, values: Iterable[int]) -> None:
        """*name* is one of *values*; knowledge that contradicts what is known already is not believed."""
        both = set(values) & self.sets.get(name, set(values))
        if both:
            self.sets[name] = both

    def related(self, a: Name, b: Name, holds: Callable[[int, int], bool]) -> None:
        """*a* and *b* go together only where *holds*."""

        def cut() -> None:
            if a in self.sets and b in self.sets:
                pairs = [(x, y) for x in self.sets[a] for y in self.sets[b] if holds(x, y)]
                self.know(a, (x for x, _ in pairs))
                self.know(b, (y for _, y in pairs))

        self.rules.append(cut)

    def sums(self, names: Sequence[Name], total: Callable[[], Iterable[int]], whole: Name | None = None) -> None:
        """*names* add up to one of *total*, which *whole* is."""

        def cut() -> None:
            if not names or not all(name in self.sets for name in names):
                return
            totals = set(total())
            before = [{0}]
            for name in names:
                before.append({s + v for s in before[-1] for v in self.sets[name]})
            after = [{0}]
            for name in reversed(names):
                after.append({s + v for s in after[-1] for v in self.sets[name]})
            for at, name in enumerate(names):
                rest = {a + b for a in before[at] for b in after[len(names) - 1 - at]}
                self.know(name, (v for v in self.sets[name] if any(t - v in rest for t in totals)))
            if whole is not None:
                self.know(whole, before[-1])

        self.rules.append(cut)

    def settle(self) -> None:
        """Apply the rules until nothing moves."""
        for _ in range(12):
            size = sum(map(len, self.sets.values()))
            for rule in self.rules:
                rule()
            if sum(map(len, self.sets.values())) == size:
                return


@dataclass
class Truth:
    """The numbers themselves, by the names that the attacker gives them."""

    numbers: dict[Name, int] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    themes: Mapping[str, str] = field(default_factory=dict)
    questions: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


def truth_of(facts: Facts) -> Truth:
    """What the rows say, zone by zone."""
    truth = Truth(groups=tuple(group.code for group in facts.config.groups))
    for code, here in zone_views(facts).items():
        learnt, judged, ranked, listed = learning(here), satisfaction(here), needs(here), attendance(here)
        numbers = {
            "present": listed.n_present,
            "pairs": learnt.n_pairs,
            "before": learnt.n_before,
            "after": learnt.n_after,
            "satisfaction": judged.n,
            "needs_rows": len(rows(here, "needs").table),
            "needs": ranked.n,
            "full_day": len({person.key for person in listed.full_day}),
        }
        truth.numbers |= {(code, what): n for what, n in numbers.items()}
        for item in learnt.items:
            for moment, share in (("before", item.before_share), ("after", item.after_share)):
                truth.numbers[code, moment, item.name] = round((share or 0) * item.n)
            truth.numbers[code, "lost", item.name] = item.n_lost
        for scale in (*judged.scales, *([judged.intention] if judged.intention else [])):
            truth.numbers[code, "favourable", scale.label] = sum(scale.counts[(len(scale.counts) + 1) // 2 :])
        marks = [int(mark) for mark in rows(here, "satisfaction").table["recommend"]]
        advice = recommendation(marks)
        truth.numbers[code, "promoters"], truth.numbers[code, "detractors"] = advice.n_promoters, advice.n_detractors
        for need in ranked.needs:
            truth.numbers[code, "mentions", need.label] = need.mentions
        for group, sex in itertools.product(truth.groups, ("f", "h")):
            truth.numbers[code, "cell", group, sex] = sum(
                p.traits["group"] == group and p.traits["sex"] == sex for p in listed.distinct
            )
        truth.themes = {item.name: item.theme for item in learnt.items}
        truth.questions = tuple(
            scale.label for scale in (*judged.scales, *([judged.intention] if judged.intention else []))
        )
        truth.needs = tuple(need.label for need in ranked.needs)
    return truth


class Attack:
    """One attack on what is printed; `recovered` lists what it found and is right."""

    def __init__(self, printed: Mapping[str, Printed], truth: Truth) -> None:
        self.printed, self.truth, self.guesses = printed, truth, Guesses()
        self.zones = [place for place in printed if place != MISSION]
        self.most = 1 + max(n for name, n in truth.numbers.items() if name[1] == "present") + 4
        self.told_only = any(_TOLD_ONLY in text for text in printed[MISSION].texts)

    def most_of(self, place: str) -> int:
        return self.most * (len(self.zones) if place == MISSION else 1)

    def part_of_mission(self, what: str) -> list[str]:
        """The zones whose persons the mission's figures are about."""
        if not self.told_only:
            return self.zones
        return [zone for zone in self.zones if "–" not in self.texts(zone, what)]

    def texts(self, place: str, what: str) -> list[str]:
        """All prints of a number of persons."""
        printed = self.printed[place]
        said = [printed.figures[name] for name, each in HEADS.items() if each == what and name in printed.figures]
        said += [row[1] for row in printed.table("Réponses reçues") if ROWS.get(row[0]) == what]
        if what == "present":
            said += [row[2] for row in printed.table("Réponses reçues")[1:]]
            said += [str(printed.page["present"])] if "present" in printed.page else []
        for row in printed.sheets.get("Indicateurs", []):
            if row[-1] == what and len(row) > 3 and row[2] is not None:
                said.append(str(row[2]))
            if row[-1] and str(row[-1]).startswith("item_") and what == "pairs" and row[4] is not None:
                said.append(str(row[4]))
        return said

    # ── numbers of persons ──

    def heads(self) -> None:
        know, spread = self.guesses.know, 2 * len(self.zones)
        for place in self.printed:
            for what in {*HEADS.values(), *ROWS.values()}:
                know((place, what), range(self.most_of(place) + 1))
                for text in self.texts(place, what):
                    know((place, what), persons(text, self.most_of(place), spread=spread if place == MISSION else 2))
            for a, b in PARTS:
                self.guesses.related((place, a), (place, b), lambda x, y: x <= y)
            self.rates(place)
            for form_id, what in (("satisfaction", "satisfaction"), ("besoins", "needs_rows")):
                n = self.printed[place].submissions.get(form_id, 10)
                if n % 10:  # to the ten above it tells nothing more than that
                    know((place, what), {n})
        for what in {*HEADS.values(), *ROWS.values()}:
            zones = [(zone, what) for zone in self.part_of_mission(what)]
            if any(plain(text).startswith("≥") for text in self.texts(MISSION, what)) and not self.told_only:
                continue
            self.guesses.sums(zones, lambda what=what: self.guesses.sets[MISSION, what], (MISSION, what))

    def rates(self, place: str) -> None:
        printed = self.printed[place]
        prints = [(ROWS[row[0]], row[3], 1.0) for row in printed.table("Réponses reçues") if row[0] in ROWS]
        names = {"test_before": "before", "test_after": "after", "satisfaction": "satisfaction", "needs": "needs_rows"}
        for row in printed.sheets.get("Indicateurs", []):
            kind, _, name = str(row[-1]).partition(":")
            if kind == "response_rate" and row[2] is not None:
                prints.append((names[name], str(row[2]), 1.0 if "%" in str(row[2]) else 100.0))
        for what, text, scale in prints:
            bounds = interval(text, step=5)
            if bounds:
                low, high = bounds[0] * scale, bounds[1] * scale
                self.guesses.related(
                    (place, what), (place, "present"), lambda a, b, lo=low, hi=high: b > 0 and lo <= 100 * a / b <= hi
                )

    # ── shares ──

    def share(self, place: str, what: str, name: Name, texts: Iterable[object]) -> None:
        """The number behind a share of those of *what*: from its prints, and back to how many there are in all."""
        n = (place, what)
        self.guesses.know(name, range(self.most_of(place) + 1))
        self.guesses.related(name, n, lambda k, all_: k <= all_)
        for text in texts:
            if text is None:
                continue
            least = max(1, min(self.guesses.sets[n]))
            step = next((s for s in (5, 10, 20, 50) if s >= 100 / least), 50)
            bounds = interval(text, step=step)
            if bounds:
                scale = 1 if "%" in str(text) else 100
                low, high = bounds[0] * scale, bounds[1] * scale
                self.guesses.related(
                    name, n, lambda k, m, lo=low, hi=high: m > 0 and lo - 1e-6 <= 100 * k / m <= hi + 1e-6
                )

    def tests(self) -> None:
        for place, printed in self.printed.items():
            table = printed.table("Bonnes réponses par question")[1:]
            sheet = {(str(row[-1])): row[2] for row in printed.sheets.get("Indicateurs", [])}
            for at, item in enumerate(self.truth.themes):
                for moment, column in (("before", 4), ("after", 5)):
                    said = [table[at][column]] if at < len(table) else []
                    said.append(sheet.get(f"item_{moment}:{item}"))
                    self.share(place, "pairs", (place, moment, item), said)
            self.themes(place)
        for moment, item in itertools.product(("before", "after"), self.truth.themes):
            zones = [(zone, moment, item) for zone in self.part_of_mission("pairs")]
            whole = (MISSION, moment, item)
            self.guesses.sums(zones, lambda whole=whole: self.guesses.sets[whole], whole)

    def gained_and_lost(self) -> list[str]:
        """Who gained and who lost an item, from the shares before and after and McNemar's p, where one square alone gives them."""
        found = []
        for place in self.zones:
            table = self.printed[place].table("Bonnes réponses par question")[1:]
            for row, item in zip(table, self.truth.themes, strict=False):
                sets = [
                    self.guesses.sets[name]
                    for name in ((place, "pairs"), (place, "before", item), (place, "after", item))
                ]
                bounds = interval(row[7]) if all(len(each) == 1 for each in sets) else None
                if bounds is None:
                    continue
                n, before, after = (next(iter(each)) for each in sets)
                squares = []
                for lost in range(before + 1):
                    square = (after - before + lost, lost, before - lost, n - after - lost)
                    p = mcnemar_exact(square[0], square[1]) if min(square) >= 0 else None
                    if min(square) >= 0 and bounds[0] <= (1.0 if p is None else p) <= bounds[1]:
                        squares.append(square)
                if (
                    len(squares) == 1
                    and {1, 2} & set(squares[0])
                    and squares[0][1] == self.truth.numbers[place, "lost", item]
                ):
                    found.append(f"{place}, {item}: gained and lost {squares[0]}")
        return found

    def levels(self) -> list[str]:
        """Answers to a level of a question, from its share."""
        found = []
        for place in self.zones:
            head, label = [], ""
            for row in self.printed[place].sheets.get("Satisfaction", []):
                head = [str(cell) for cell in row] if "Part" in map(str, row) else head
                n = self.guesses.sets[place, "satisfaction"]
                if not head or len(n) != 1 or not isinstance(row[head.index("Part")], int | float):
                    continue
                label, share = str(row[head.index("Réponse")]), float(row[head.index("Part")])
                k = [k for k in range(max(n) + 1) if abs(k / max(n) - share) <= 0.005 + 1e-9]
                if len(k) == 1 and (k[0] in (1, 2) or max(n) - k[0] in (1, 2)):
                    found.append(f"{place}: {row[0]}, {label}: {k[0]}")
        return found

    def themes(self, place: str) -> None:
        for theme, row in zip(
            dict.fromkeys(self.truth.themes.values()),
            self.printed[place].table("Évolution par thème")[1:],
            strict=False,
        ):
            items = [item for item, each in self.truth.themes.items() if each == theme]
            for moment, column in (("before", 2), ("after", 3)):
                self.mean(place, [(place, moment, item) for item in items], row[column])

    def mean(self, place: str, names: list[Name], text: str) -> None:
        def totals() -> set[int]:
            least = max(1, min(self.guesses.sets[place, "pairs"]))
            step = next((each for each in (1, 2, 5, 10, 20) if each >= 100 / (least * len(names))), 20)
            bounds = interval(text, step=step)
            if bounds is None or (place == MISSION and len(self.guesses.sets[place, "pairs"]) > 1):
                return set(range(len(names) * self.most_of(place) + 1))
            low, high = bounds
            return {
                s
                for n in self.guesses.sets[place, "pairs"]
                for s in range(
                    math.ceil(low * n * len(names) / 100 - 1e-9), math.floor(high * n * len(names) / 100 + 1e-9) + 1
                )
            }

        self.guesses.sums(names, totals)

    def answers(self) -> None:
        for place, printed in self.printed.items():
            table = {row[0]: row for row in printed.table("Satisfaction par critère")[1:]}
            for label in self.truth.questions:
                said: list[object] = [next((c for c in table[label] if "%" in c), None)] if label in table else []
                for row in printed.sheets.get("Indicateurs", []):
                    if str(row[-1]).startswith("favourable:") and label in str(row[0]):
                        said.append(row[2])
                self.share(place, "satisfaction", (place, "favourable", label), said)
        for label in self.truth.questions:
            zones = [(zone, "favourable", label) for zone in self.part_of_mission("satisfaction")]
            whole = (MISSION, "favourable", label)
            self.guesses.sums(zones, lambda whole=whole: self.guesses.sets[whole], whole)

    def advice(self) -> None:
        """Promoters and detractors from the score and its interval, where one pair alone gives them."""
        for place, printed in self.printed.items():
            said = next((text for text in map(plain, printed.texts) if text.startswith("Recommandation : ")), "")
            match = re.match(r"Recommandation : (≈? ?[+-]?\d+)", said)
            if not match:
                continue
            spread = re.search(r"95 % : ([+-]?\d+) à ([+-]?\d+)", said)
            score = interval(match[1], step=5)
            possible = []
            for n in self.guesses.sets[place, "satisfaction"]:
                for p, d in itertools.product(range(n + 1), repeat=2):
                    if p + d > n or not n or score is None or not score[0] <= 100 * (p - d) / n <= score[1]:
                        continue
                    found = recommendation([10] * p + [8] * (n - p - d) + [0] * d) if spread else None
                    if (
                        spread
                        and found
                        and (
                            abs((found.low or 0) - float(spread[1])) > 0.51
                            or abs((found.high or 0) - float(spread[2])) > 0.51
                        )
                    ):
                        continue
                    possible.append((p, d))
            self.guesses.know((place, "promoters"), {p for p, _ in possible} or range(self.most_of(place)))
            self.guesses.know((place, "detractors"), {d for _, d in possible} or range(self.most_of(place)))

    # ── needs ──

    def mentions(self) -> None:
        for place, printed in self.printed.items():
            table = {row[1]: row for row in printed.table("Besoins classés")[1:]}
            sheet = {row[1]: row for row in printed.sheets.get("Classement", []) if len(row) > 4}
            sizes = self.sizes(printed)
            for need in self.truth.needs:
                name = (place, "mentions", need)
                self.guesses.know(name, range(self.most_of(place) + 1))
                scores: list[object] = []
                if need in table:
                    self.guesses.know(name, persons(table[need][-4], self.most_of(place)))
                    scores.append(table[need][-5])
                if need in sheet and isinstance(sheet[need][4], int):
                    self.guesses.know(name, {sheet[need][4]})
                if need in sheet and sheet[need][3] is not None:
                    scores.append(sheet[need][3])
                for score in scores if sizes and place != MISSION else []:
                    self.guesses.know(name, _mentioning(interval(score), sizes))
            names = [(place, "mentions", need) for need in self.truth.needs]
            self.guesses.sums(names, lambda place=place: {3 * n for n in self.guesses.sets[place, "needs"]})
        for need in self.truth.needs:
            zones = [(zone, "mentions", need) for zone in self.part_of_mission("needs")]
            whole = (MISSION, "mentions", need)
            self.guesses.sums(zones, lambda whole=whole: self.guesses.sets[whole], whole)

    def sizes(self, printed: Printed) -> list[int]:
        """Respondents of each group, where all of them are printed."""
        head = printed.table("Rang de chaque besoin")[:1]
        numbers = [
            re.search(r"n = (\d+)", plain(cell)) for cell in (head[0][2 : 2 + len(self.truth.groups)] if head else [])
        ]
        return [int(n[1]) for n in numbers if n] if numbers and all(numbers) else []

    # ── persons by group and sex ──

    def cells(self) -> list[Name]:
        """The cells of the tables by group and sex that linear programming pins."""
        places = list(itertools.product(self.zones, self.truth.groups, ("f", "h")))
        at = {place: number for number, place in enumerate(places)}
        known, sums = [], []
        for place, printed in self.printed.items():
            table = printed.table("par groupe et par sexe")
            if len(table) != len(self.truth.groups) + 2:
                continue
            zones = [place] if place != MISSION else self.part_of_mission("present")
            for i, row in enumerate(table[1:]):
                for j, text in enumerate((row[1], row[2], row[-1])):
                    if not text.isdigit():
                        continue
                    groups = self.truth.groups if i == len(self.truth.groups) else self.truth.groups[i : i + 1]
                    line = np.zeros(len(places))
                    line[
                        [at[cell] for cell in itertools.product(zones, groups, ("f", "h") if j == 2 else ("fh"[j],))]
                    ] = 1
                    known.append(line)
                    sums.append(float(text))
        found: list[Name] = []
        for place, number in at.items():
            line = np.zeros(len(places))
            line[number] = 1
            if known and self.truth.numbers[place[0], "cell", place[1], place[2]] in (1, 2):
                low = linprog(line, A_eq=np.array(known), b_eq=sums, bounds=(0, None))
                high = linprog(-line, A_eq=np.array(known), b_eq=sums, bounds=(0, None))
                if low.status == high.status == 0 and -high.fun - low.fun < 0.5:
                    found.append((place[0], "cell", *place[1:]))
        return found

    # ── all of it ──

    def recovered(self) -> list[str]:
        """The numbers of one or two persons that were found, and are right."""
        self.heads()
        self.guesses.settle()
        self.tests()
        self.answers()
        self.mentions()
        self.advice()
        self.guesses.settle()
        found = [*map(str, self.cells()), *self.seen(), *self.gained_and_lost(), *self.levels()]
        for name, values in self.guesses.sets.items():
            others = self.others(name, values)
            if len(values) == 1 and self.right(name, *values) and (next(iter(values)) in (1, 2) or others):
                found.append(f"{name} = {values}")
        for place in self.printed:
            for a, b in PARTS:
                gaps = {y - x for x in self.guesses.sets[place, a] for y in self.guesses.sets[place, b]}
                if len(gaps) == 1 and gaps & {1, 2} and self.right((place, a), *self.guesses.sets[place, a]):
                    found.append(f"{place}: {b} − {a} = {gaps}")
        return found

    def others(self, name: Name, values: set[int]) -> bool:
        """Whether those of a share who are not in it are one or two."""
        what = (
            {"before": "pairs", "after": "pairs", "favourable": "satisfaction"}.get(name[1]) if len(name) > 2 else None
        )
        totals = self.guesses.sets.get((name[0], what or ""), set())
        return len(values) == len(totals) == 1 and next(iter(totals)) - next(iter(values)) in (1, 2)

    def right(self, name: Name, value: int) -> bool:
        numbers, place = self.truth.numbers, name[0]
        if place != MISSION:
            return numbers.get(name) == value
        what = {"before": "pairs", "after": "pairs", "favourable": "satisfaction", "mentions": "needs"}.get(
            name[1], name[1]
        )
        zones = self.part_of_mission(what if what in PARTS_OF else "present")
        return sum(numbers.get((zone, *name[1:]), 0) for zone in zones) == value

    def seen(self) -> list[str]:
        """Numbers of one or two persons that simply stand there."""
        found = []
        for place, printed in self.printed.items():
            for title, sheet in printed.sheets.items():
                head = next((row for row in sheet if row and any(str(cell) in ("Mentions", "n") for cell in row)), None)
                at = [
                    k
                    for k, cell in enumerate(head or [])
                    if re.match(r"n\b|Mentions|Manquants|Réponses|Progrès|Reculs", str(cell))
                ]
                found += [
                    f"{place}, {title}: {row[0]}, {row[k]}"
                    for row in sheet
                    for k in at
                    if row[k] in (1, 2) and row is not head and "ction" not in str(row[0])
                ]
                found += [
                    f"{place}, {title}: {row[0]}"
                    for row in sheet
                    if len(row) > 3 and row[3] == "personnes" and row[2] in (1, 2)
                ]
        return found


PARTS_OF = {*HEADS.values(), *ROWS.values()}


def _mentioning(score: tuple[float, float] | None, sizes: Sequence[int]) -> set[int]:
    """By how many persons a need may be put first to third whose *score* is the mean over groups of so many respondents."""
    most = sum(sizes)
    if score is None or math.prod(3 * n + 1 for n in sizes) > 400_000:
        return set(range(most + 1))
    points = np.meshgrid(*(np.arange(3 * n + 1) for n in sizes), indexing="ij")
    means = sum(p / n for p, n in zip(points, sizes, strict=True)) / len(sizes)
    fitting = (means >= score[0] - 1e-9) & (means <= score[1] + 1e-9)
    fewest = sum(-(-p // 3) for p in points)[fitting]
    largest = sum(np.minimum(p, n) for p, n in zip(points, sizes, strict=True))[fitting]
    return {m for low, high in set(zip(fewest.tolist(), largest.tolist(), strict=True)) for m in range(low, high + 1)}
