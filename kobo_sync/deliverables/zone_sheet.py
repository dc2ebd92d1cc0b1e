"""One page that a governor would read: who came, what is needed, what was learnt, what will be done."""

from __future__ import annotations

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import labels
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.needs import first_shown
from kobo_sync.analysis.populations import told_number
from kobo_sync.analysis.publication import UNKNOWN, present_by_sex
from kobo_sync.analysis.published import learnt, printed_change
from kobo_sync.analysis.published_answers import printed_scales
from kobo_sync.analysis.published_needs import PrintedNeeds, printed_needs
from kobo_sync.analysis.roadmap import RoadMap, road_map
from kobo_sync.analysis.suppression import THRESHOLD
from kobo_sync.deliverables import letterhead, sentences
from kobo_sync.documents.pdf.zone_sheet import ZoneSheet
from kobo_sync.documents.pdf.zone_sheet import zone_sheet as set_sheet
from kobo_sync.language import typography
from kobo_sync.model import Class, Document, Scope

NAME = "zone_sheet"
TITLE = "Fiche de zone"
SCOPE: Scope = "zone"
CLASS: Class = "aggregate"
PATH = "fiche-zone.pdf"

_NEEDS, _ACTIONS = 6, 5
_LONGEST = 90
_TOO_FEW = f"Effectif inférieur à {THRESHOLD} : résultats non publiés."


def build(facts: Facts) -> list[Document]:
    """The sheet as a PDF of one page; a part without data says so, small counts are not printed."""
    ranked, plan = printed_needs(facts), road_map(facts)
    levels, judged = _scales(facts)
    others = facts.config.mission.other_languages
    names = [facts.zone.labels.get(language, "") for language in others] if facts.zone else []
    sheet = ZoneSheet(
        title=f"{TITLE} – {letterhead.place_name(facts)}",
        subtitle=typography.spaced(
            f"{letterhead.action(facts)} · {letterhead.place(facts)} · {letterhead.held_on(facts)}"
        ),
        names=[name for name in names if name],
        dated=letterhead.as_of(facts),
        author=letterhead.organisers(facts),
        figures=_figures(facts, plan),
        needs=_needs(facts, ranked),
        common=_common(facts, ranked),
        learnt=_learnt(facts),
        levels=levels,
        judged=judged,
        present=_present(facts),
        actions=_actions(facts, plan),
        note=_note(facts),
        draft=not facts.final,
        colour=letterhead.colour(facts),
        logos=letterhead.page_logos(facts),
        missing={
            "needs": _missing(int(ranked.received), "aucun classement de besoins n’a été reçu."),
            "learnt": _missing(told_number(facts, "pairs").n, "aucun test apparié (avant et après) n’a été reçu."),
            "judged": _missing(
                told_number(facts, "satisfaction").n, "aucun questionnaire de satisfaction n’a été reçu."
            ),
            "actions": typography.spaced(f"{typography.NO_DATA} : aucune action n’a été reçue."),
        },
    )
    return [Document(PATH, set_sheet(sheet), CLASS)]


def _missing(n: int, text: str) -> str:
    return typography.spaced(_TOO_FEW if n else f"{typography.NO_DATA} : {text}")


def _figures(facts: Facts, plan: RoadMap) -> list[tuple[str, str]]:
    quota = present.completion(present.attendance(facts), present.zones_of(facts)).quota
    slash = f"{typography.NNBSP}/{typography.NNBSP}"
    came, rate = letterhead.counted(facts, "present"), sentences.quota_words(facts)
    return [
        (
            came + slash + typography.number(quota) if quota else came,
            f"participant·e·s ({rate})" if rate else "participant·e·s",
        ),
        (typography.percent(sentences.women_share(facts)), sentences.women_share_label(facts)),
        (
            letterhead.score(printed_change(facts)),
            f"bonnes réponses, avant → après ({letterhead.n_is(letterhead.counted(facts, 'pairs'))})",
        ),
        (typography.number(len(plan.actions)), "action prévue" if len(plan.actions) < 2 else "actions prévues"),
    ]


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
        rows.append((_short(need.label), _short(below), score / longest, typography.number(score, ranked.digits)))
    return rows


def _common(facts: Facts, ranked: PrintedNeeds) -> str:
    shared = ranked.ranked.common
    if not ranked.needs or shared is None:
        return ""
    if not shared:
        return "Aucun besoin n’est parmi les cinq premiers de tous les groupes."
    names = typography.listing([labels.need(facts, code) for code in shared])
    what = "Priorité commune" if len(shared) == 1 else "Priorités communes"
    tied = f" {sentences.TIED_FIFTH}" if ranked.ranked.common_is_tied else ""
    return typography.spaced(f"{what} à tous les groupes : {names}.{tied}")


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


def _present(facts: Facts) -> list[list[str]]:
    crosstab = present_by_sex(facts, "group", tuple(group.code for group in facts.config.groups))
    names = [labels.group(facts, code) if code else "Autre ou non précisé" for code in crosstab.rows] + ["Total"]
    head = ["Groupe", "Femmes", "Hommes", *(["Non précisé"] if UNKNOWN in crosstab.columns else []), "Total", "Quota"]
    zones = present.zones_of(facts)
    quotas = [str(sum(z.quotas.get(code, 0) for z in zones)) if code else typography.NOTHING for code in crosstab.rows]
    quotas.append(str(sum(zone.target for zone in zones)))
    return [head, *([name, *line, quota] for name, line, quota in zip(names, crosstab.cells(), quotas, strict=True))]


def _actions(facts: Facts, plan: RoadMap) -> list[list[str]]:
    rows = [["N°", "Action", "Cible", "Responsable", "Échéance", "Indicateur"]]
    for number, action in enumerate(plan.actions[:_ACTIONS], 1):
        values = action.values
        group = labels.group(facts, values["responsible_group"], short=True) if values["responsible_group"] else ""
        responsible = "\n".join(filter(None, (values["responsible_function"], group)))
        due = _short(sentences.due_words(action)) if values["deadline"] else typography.NOTHING
        texts = (values["action"] or values["objective"], values["target"], responsible)
        rows.append([str(number), *(_short(text) for text in texts), due, _short(values["indicator"])])
    return rows


def _note(facts: Facts) -> str:
    n_needs, n_pairs, n_judged = (letterhead.counted(facts, what) for what in ("needs", "pairs", "satisfaction"))
    parts = [
        f"Besoins : score de Borda de 0 à 3 (3 points au premier choix, 2 au deuxième, 1 au troisième), moyenne des groupes, "
        f"{letterhead.n_is(n_needs)}. Acquis : mêmes personnes avant et après, {letterhead.n_is(n_pairs)} ; "
        f"une évolution, pas un impact. Satisfaction : {letterhead.n_is(n_judged)}.",
        "« – » : masqué, moins de 3 personnes ; « ≈ » : arrondi pour la même raison.",
    ]
    more = len(road_map(facts).actions) - _ACTIONS
    if more > 0:
        parts.append(f"{typography.count(more, 'autre action', 'autres actions')} dans la feuille de route.")
    return typography.spaced(" ".join(parts)).replace("n = ", f"n{typography.NBSP}={typography.NBSP}")


def _short(text: str) -> str:
    text = " ".join(text.split()) if "\n" not in text else text
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip(" ,;.") + "…"
