"""One page that a governor would read: who came, what is needed, what was learnt, what will be done."""

from __future__ import annotations

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import labels
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.learning import Learning, learning
from kobo_sync.analysis.needs import Needs, needs
from kobo_sync.analysis.publication import UNKNOWN, present_by_sex, women_share
from kobo_sync.analysis.roadmap import RoadMap, road_map
from kobo_sync.analysis.satisfaction import Satisfaction, satisfaction
from kobo_sync.analysis.suppression import THRESHOLD, publishable
from kobo_sync.deliverables import letterhead
from kobo_sync.documents import french
from kobo_sync.documents.pdf.zone_sheet import ZoneSheet
from kobo_sync.documents.pdf.zone_sheet import zone_sheet as set_sheet
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
    listed, learnt, judged = present.attendance(facts), learning(facts), satisfaction(facts)
    ranked, plan = needs(facts), road_map(facts)
    languages = facts.config.mission.languages
    names = [facts.zone.labels.get(language, "") for language in languages[1:]] if facts.zone else []
    sheet = ZoneSheet(
        title=f"{TITLE} – {letterhead.place_name(facts)}",
        subtitle=french.typography(
            f"{letterhead.action(facts)} · {letterhead.place(facts)} · {letterhead.held_on(facts)}"
        ),
        names=[name for name in names if name],
        provenance=letterhead.provenance(facts, _forms(facts)),
        author=letterhead.organisers(facts),
        figures=_figures(facts, listed, learnt, plan),
        needs=_needs(facts, ranked),
        common=_common(facts, ranked),
        learnt=_learnt(facts, learnt),
        levels=_scales(judged)[0],
        judged=_scales(judged)[1],
        present=_present(facts),
        actions=_actions(facts, plan),
        note=_note(facts, ranked, learnt, judged),
        draft=not facts.final,
        colour=letterhead.colour(facts),
        logos=letterhead.page_logos(facts),
        missing={
            "needs": _missing(ranked.n, "aucun classement de besoins n’a été reçu."),
            "learnt": _missing(learnt.n_pairs, "aucun test apparié (avant et après) n’a été reçu."),
            "judged": _missing(judged.n, "aucun questionnaire de satisfaction n’a été reçu."),
            "actions": french.typography(f"{french.NO_DATA} : aucune action n’a été reçue."),
        },
    )
    return [Document(PATH, set_sheet(sheet), CLASS)]


def _forms(facts: Facts) -> list[str]:
    return letterhead.forms_of(facts, "registration", "attendance", "test", "satisfaction", "needs", "road_map")


def _missing(n: int, text: str) -> str:
    return french.typography(_TOO_FEW if n else f"{french.NO_DATA} : {text}")


def _figures(facts: Facts, listed: present.Attendance, learnt: Learning, plan: RoadMap) -> list[tuple[str, str]]:
    done = present.completion(listed, present.zones_of(facts))
    n = listed.n_present
    slash = f"{french.NNBSP}/{french.NNBSP}"
    rate = f" ({french.percent(done.share)} du quota)" if publishable(n) or n == 0 else ""
    change = learnt.change
    is_publishable = publishable(change.n)
    test = f"{french.number(change.before)} → {french.points(change.after)}" if is_publishable else french.NOTHING
    return [
        (letterhead.printable(n) + slash + french.number(done.quota), f"participant·e·s{rate}"),
        (french.percent(women_share(facts)), "de femmes parmi les présent·e·s"),
        (test, f"bonnes réponses, avant → après (n = {letterhead.printable(change.n)})"),
        (french.number(len(plan.actions)), "action prévue" if len(plan.actions) < 2 else "actions prévues"),
    ]


def _needs(facts: Facts, ranked: Needs) -> list[tuple[str, str, float, str]]:
    first = [need for need in ranked.needs if need.rank is not None and need.score][:_NEEDS]
    if not publishable(ranked.n) or not first:
        return []
    longest = first[0].score or 1
    other = facts.config.mission.languages[1:2]
    catalogue = labels.needs(facts)
    rows = []
    for need in first:
        below = catalogue[need.code].labels.get(other[0], "") if other and need.code in catalogue else ""
        rows.append((_short(need.label), _short(below), (need.score or 0) / longest, french.number(need.score, 2)))
    return rows


def _common(facts: Facts, ranked: Needs) -> str:
    if not publishable(ranked.n) or ranked.common is None or not ranked.groups_publishable:
        return ""
    if not ranked.common:
        return "Aucun besoin n’est parmi les cinq premiers de tous les groupes."
    names = french.listing([labels.need(facts, code) for code in ranked.common])
    return french.typography(f"Priorités communes à tous les groupes : {names}.")


def _learnt(facts: Facts, learnt: Learning) -> list[tuple[str, float, float, str]]:
    rows = []
    for theme, change in learnt.themes.items():
        if publishable(change.n) and change.before is not None and change.after is not None:
            change_text = f"{french.number(change.before)} → {french.points(change.after)}"
            rows.append((letterhead.theme(facts, theme), change.before / 100, change.after / 100, change_text))
    return rows


def _scales(judged: Satisfaction) -> tuple[tuple[str, ...], list[tuple[str, tuple[float, ...]]]]:
    """The levels of the first scale, and each scale with the same levels; shares of a few answers are empty."""
    scales = [*judged.scales, *([judged.intention] if judged.intention else [])]
    scales = [scale for scale in scales if scale.levels]
    if not publishable(judged.n) or not scales:
        return (), []
    levels = scales[0].levels
    rows = [(_short(s.label), s.shares if publishable(s.n) else ()) for s in scales if s.levels == levels]
    return levels, rows


def _present(facts: Facts) -> list[list[str]]:
    crosstab = present_by_sex(facts, "group", tuple(group.code for group in facts.config.groups))
    names = [labels.group(facts, code) if code else "Autre ou non précisé" for code in crosstab.rows] + ["Total"]
    head = ["Groupe", "Femmes", "Hommes", *(["Non précisé"] if UNKNOWN in crosstab.columns else []), "Total", "Quota"]
    zones = present.zones_of(facts)
    quotas = [str(sum(z.quotas.get(code, 0) for z in zones)) if code else french.NOTHING for code in crosstab.rows]
    quotas.append(str(sum(zone.target for zone in zones)))
    return [head, *([name, *line, quota] for name, line, quota in zip(names, crosstab.cells(), quotas, strict=True))]


def _actions(facts: Facts, plan: RoadMap) -> list[list[str]]:
    rows = [["N°", "Action", "Cible", "Responsable", "Échéance", "Indicateur"]]
    for number, action in enumerate(plan.actions[:_ACTIONS], 1):
        values = action.values
        group = labels.group(facts, values["responsible_group"], short=True) if values["responsible_group"] else ""
        responsible = "\n".join(filter(None, (values["responsible_function"], group)))
        due = french.day(action.deadline) if action.deadline else french.NOTHING
        texts = (values["action"] or values["objective"], values["target"], responsible)
        rows.append([str(number), *(_short(text) for text in texts), due, _short(values["indicator"])])
    return rows


def _note(facts: Facts, ranked: Needs, learnt: Learning, judged: Satisfaction) -> str:
    parts = [
        f"Besoins : score de Borda de 0 à 3 (3 points au premier choix, 2 au deuxième, 1 au troisième), moyenne des groupes, "
        f"n = {letterhead.printable(ranked.n)}. Acquis : mêmes personnes avant et après, n = {letterhead.printable(learnt.n_pairs)} ; "
        f"une évolution, pas un impact. Satisfaction : n = {letterhead.printable(judged.n)}.",
        letterhead.SUPPRESSION_NOTE,
    ]
    more = len(road_map(facts).actions) - _ACTIONS
    if more > 0:
        parts.append(f"{french.count(more, 'autre action', 'autres actions')} dans la feuille de route.")
    return french.typography(" ".join(parts)).replace("n = ", f"n{french.NBSP}={french.NBSP}")


def _short(text: str) -> str:
    text = " ".join(text.split()) if "\n" not in text else text
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip(" ,;.") + "…"
