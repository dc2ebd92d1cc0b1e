"""One page that a governor would read: who came, what is needed, what was learnt, what will be done."""

from __future__ import annotations

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import labels, quotas
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.needs import first_shown
from kobo_sync.analysis.populations import told_number
from kobo_sync.analysis.publication import UNKNOWN, present_by_sex
from kobo_sync.analysis.published import learnt, printed_change
from kobo_sync.analysis.published_answers import printed_scales
from kobo_sync.analysis.published_needs import PrintedNeeds, printed_needs
from kobo_sync.analysis.roadmap import RoadMap, road_map
from kobo_sync.analysis.suppression import THRESHOLD
from kobo_sync.analysis.turnout import turnout
from kobo_sync.config.file_names import FileName
from kobo_sync.deliverables import chosen_questions, letterhead, sentences
from kobo_sync.documents.pdf.zone_sheet import ZoneSheet
from kobo_sync.documents.pdf.zone_sheet import zone_sheet as set_sheet
from kobo_sync.language import typography
from kobo_sync.language.catalogue import later, t, tn
from kobo_sync.model import Class, Document, Scope

NAME = "zone_sheet"
TITLE = later("Zone sheet")
SCOPE: Scope = "zone"
CLASS: Class = "aggregate"
PATH = FileName("fiche-zone.pdf", "zone-sheet.pdf")

_NEEDS, _ACTIONS, _FIGURES = 6, 5, 5
_LONGEST = 90


def build(facts: Facts) -> list[Document]:
    """The sheet as a PDF of one page: the parts of the roles that the mission has, and its chosen questions.

    A part without data says so, small counts are not printed. A mission of no zones has one sheet of its whole.
    """
    asks = _Asks(facts)
    ranked, plan = printed_needs(facts), road_map(facts)
    levels, judged = _scales(facts)
    others = facts.config.mission.other_languages
    names = [facts.zone.labels.get(language, "") for language in others] if facts.zone else []
    where = [letterhead.place(facts)] if facts.config.zones else []
    sheet = ZoneSheet(
        title=f"{t(TITLE)} – {letterhead.place_name(facts)}" if facts.config.zones else t("Summary"),
        subtitle=typography.spaced(" · ".join([letterhead.action(facts), *where, letterhead.held_on(facts)])),
        names=[name for name in names if name],
        dated=letterhead.as_of(facts),
        author=letterhead.organisers(facts),
        figures=[*_figures(facts, asks, plan), *chosen_questions.figures(facts)][:_FIGURES],
        needs=_needs(facts, ranked) if asks.needs else None,
        common=_common(facts, ranked),
        learnt=_learnt(facts) if asks.test else None,
        levels=levels,
        judged=judged if asks.satisfaction else None,
        present=_present(facts, asks) if asks.attendance else None,
        actions=_actions(facts, plan) if asks.road_map else None,
        chosen=chosen_questions.cards(facts),
        note=_note(facts, asks),
        draft=not facts.final,
        colour=letterhead.colour(facts),
        logos=letterhead.page_logos(facts),
        missing={
            "needs": _missing(int(ranked.received), t("No data: no ranking of needs was received.")),
            "learnt": _missing(
                told_number(facts, "pairs").n, t("No data: no paired test (before and after) was received.")
            ),
            "judged": _missing(
                told_number(facts, "satisfaction").n, t("No data: no satisfaction questionnaire was received.")
            ),
            "actions": typography.spaced(t("No data: no action was received.")),
        },
    )
    return [Document(PATH.of(facts.config), set_sheet(sheet), CLASS)]


class _Asks:
    """What the mission's forms ask for, by role, and whether they tell women and men, and groups, apart."""

    def __init__(self, facts: Facts) -> None:
        forms = facts.config.forms.values()
        roles = {form.role for form in forms}
        self.needs, self.test, self.satisfaction = ("needs" in roles, "test" in roles, "satisfaction" in roles)
        self.attendance, self.road_map = "attendance" in roles, "road_map" in roles
        people = [form for form in forms if form.role in ("registration", "attendance")]
        self.sex = any("sex" in form.fields for form in people)
        self.groups = bool(facts.config.groups)


def _missing(n: int, nothing_received: str) -> str:
    too_few = t("Fewer than {threshold} persons: results not published.", threshold=THRESHOLD)
    return typography.spaced(too_few if n else nothing_received)


def _figures(facts: Facts, asks: _Asks, plan: RoadMap) -> list[tuple[str, str]]:
    figures = []
    if asks.attendance:
        quota = quotas.completion(turnout(facts), present.zones_of(facts)).quota
        came, rate = letterhead.counted(facts, "present"), sentences.quota_words(facts)
        figures.append(
            (
                t("{n} / {quota}", n=came, quota=quota) if quota else came,
                t("participants ({rate})", rate=rate) if rate else t("participants"),
            )
        )
    if asks.attendance and asks.sex:
        figures.append((typography.percent(sentences.women_share(facts)), sentences.women_share_label(facts)))
    if asks.test:
        pairs = letterhead.n_is(letterhead.counted(facts, "pairs"))
        figures.append((letterhead.score(printed_change(facts)), t("right answers, before → after ({n})", n=pairs)))
    if asks.road_map:
        n_actions = len(plan.actions)
        figures.append((typography.number(n_actions), tn("planned action", "planned actions", n_actions)))
    return figures


def _needs(facts: Facts, ranked: PrintedNeeds) -> list[tuple[str, str, float, str]]:
    scores = {
        each.need.code: typography.rounded(each.score, ranked.digits) or 0.0 for each in ranked.needs if each.score
    }
    first = first_shown((each.need for each in ranked.needs if each.need.code in scores), _NEEDS)
    if not first:
        return []
    longest = scores[first[0].code] or 1
    other = facts.config.mission.other_languages[:1]
    catalogue = labels.needs(facts)
    rows = []
    for need in first:
        below = catalogue[need.code].labels.get(other[0], "") if other and need.code in catalogue else ""
        score = scores[need.code]
        below = "" if below == need.label else below  # a label that one language alone has
        rows.append((_short(need.label), _short(below), score / longest, typography.number(score, ranked.digits)))
    return rows


def _common(facts: Facts, ranked: PrintedNeeds) -> str:
    shared = ranked.ranked.common
    if not ranked.needs or shared is None:
        return ""
    if not shared:
        return t("No need is among the first five of every group.")
    names = typography.listing([labels.need(facts, code) for code in shared])
    common = tn(
        "Priority common to all groups: {needs}.", "Priorities common to all groups: {needs}.", len(shared), needs=names
    )
    tied = f" {t(sentences.TIED_FIFTH)}" if ranked.ranked.common_is_tied else ""
    return typography.spaced(common + tied)


def _learnt(facts: Facts) -> list[tuple[str, float, float, str]]:
    rows = []
    for theme in learnt(facts).themes:
        printed = printed_change(facts, theme)
        if printed is not None:
            name = letterhead.theme(facts, theme)
            rows.append((name, printed.before / 100, printed.after / 100, letterhead.score(printed)))
    return rows


def _scales(facts: Facts) -> tuple[tuple[str, ...], list[tuple[str, tuple[float, ...]]]]:
    """The parts that most scales print, and each scale's shares of them; a scale of other parts, or of a band, is empty."""
    printed = printed_scales(facts)
    parts = [each.levels for each in printed if each.levels]
    if not parts:
        return (), []
    levels = max(dict.fromkeys(parts), key=parts.count)
    return levels, [(_short(each.scale.label), each.shares) for each in printed if each.levels == levels]


def _present(facts: Facts, asks: _Asks) -> list[list[str]] | None:
    """Who came, by group and sex, as far as forms tell them apart, beside the quota where there is one."""
    if not (asks.groups or asks.sex):
        return None
    crosstab = present_by_sex(facts, "group", tuple(group.code for group in facts.config.groups))
    other = t("Other or not specified") if asks.groups else t("Participants")
    names = [labels.group(facts, code) if code else other for code in crosstab.rows] + [t("Total")]
    head = [t("Group") if asks.groups else ""]
    n_sexes = 2 + (UNKNOWN in crosstab.columns)
    head += [t("Women"), t("Men"), t("Not specified")][:n_sexes] if asks.sex else []
    zones = present.zones_of(facts)
    target = sum(zone.target for zone in zones)
    head += [t("Total"), *([t("Quota")] if target else [])]
    quotas = [str(sum(z.quotas.get(code, 0) for z in zones)) if code else typography.NOTHING for code in crosstab.rows]
    rows = [head]
    for name, cells, quota in zip(names, crosstab.cells(), [*quotas, str(target)], strict=True):
        rows.append([name, *(cells if asks.sex else cells[-1:]), *([quota] if target else [])])
    return rows


def _actions(facts: Facts, plan: RoadMap) -> list[list[str]]:
    rows = [[t("No."), t("Action"), t("Target"), t("Responsible"), t("Due"), t("Indicator")]]
    for number, action in enumerate(plan.actions[:_ACTIONS], 1):
        values = action.values
        group = labels.group(facts, values["responsible_group"], short=True) if values["responsible_group"] else ""
        responsible = "\n".join(filter(None, (values["responsible_function"], group)))
        due = _short(sentences.due_words(action)) if values["deadline"] else typography.NOTHING
        texts = (values["action"] or values["objective"], values["target"], responsible)
        rows.append([str(number), *(_short(text) for text in texts), due, _short(values["indicator"])])
    return rows


def _note(facts: Facts, asks: _Asks) -> str:
    n_needs, n_pairs, n_judged = (
        letterhead.n_is(letterhead.counted(facts, what)) for what in ("needs", "pairs", "satisfaction")
    )
    needs = t(
        "Needs: Borda score from 0 to 3 (3 points for a first choice, 2 for a second, 1 for a third), mean of the groups, {n_needs}.",
        n_needs=n_needs,
    )
    learning = t("Learning: the same persons before and after, {n_pairs}; a change, not an impact.", n_pairs=n_pairs)
    parts = [
        *([needs] if asks.needs else []),
        *([learning] if asks.test else []),
        *([t("Satisfaction: {n_judged}.", n_judged=n_judged)] if asks.satisfaction else []),
        *chosen_questions.notes(facts),
        t("“–”: masked, fewer than 3 persons; “≈”: rounded for the same reason."),
    ]
    more = len(road_map(facts).actions) - _ACTIONS
    if more > 0:
        parts.append(tn("{n} other action in the road map.", "{n} other actions in the road map.", more))
    return typography.spaced(" ".join(parts)).replace("n = ", f"n{typography.NBSP}={typography.NBSP}")


def _short(text: str) -> str:
    text = " ".join(text.split()) if "\n" not in text else text
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip(" ,;.") + "…"
