"""The workbooks beside the evaluation and needs papers: the same numbers, to filter and reuse."""

from __future__ import annotations

from collections.abc import Sequence

from kobo_sync.analysis import labels, quoting
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.indicators import indicators
from kobo_sync.analysis.learning import Learning
from kobo_sync.analysis.needs import Needs, Rating
from kobo_sync.analysis.publication import mentions_hidden, sizes_hidden
from kobo_sync.analysis.satisfaction import Satisfaction
from kobo_sync.analysis.suppression import publishable
from kobo_sync.deliverables import letterhead
from kobo_sync.deliverables.pseudonyms import person_code
from kobo_sync.documents import french
from kobo_sync.documents.spreadsheets import excel

Row = list[excel.Value]


def evaluation_workbook(facts: Facts, learnt: Learning, judged: Satisfaction, form_ids: list[str]) -> bytes:
    """Indicators, test items, scores per participant code, satisfaction counts and comments; pseudonymised."""
    sheets = [
        _indicators(facts),
        _items(facts, learnt),
        _scores(facts, learnt),
        _scales(judged),
        _comments(facts, judged),
    ]
    return _workbook(facts, "Évaluations", sheets, form_ids)


def needs_workbook(facts: Facts, scores: Needs, form_ids: list[str]) -> bytes:
    """The ranking and the ranks per group and sex; aggregate: small groups are left blank."""
    return _workbook(facts, "Besoins prioritaires", [_ranking(facts, scores), _ranks(facts, scores)], form_ids)


def _workbook(facts: Facts, title: str, sheets: Sequence[excel.Sheet], form_ids: list[str]) -> bytes:
    provenance = letterhead.provenance(facts, form_ids)
    intro = (f"{title} – {letterhead.place_name(facts)}", letterhead.action(facts), provenance)
    first = sheets[0]
    with_intro = [excel.Sheet(first.name, first.columns, first.rows, intro=intro), *sheets[1:]]
    return excel.workbook(
        with_intro,
        title=intro[0],
        author=letterhead.organisers(facts),
        when=facts.as_of,
        comments=provenance,
        colour=letterhead.colour(facts),
    )


def _number(name: str, title: str = "") -> excel.Column:
    return excel.Column(name, title, kind="decimal", width=12)


def _count(name: str, title: str = "") -> excel.Column:
    return excel.Column(name, title, kind="integer", width=11)


_UNITS = {
    "persons": "personnes",
    "share": "part 0–1",
    "percent": "% 0–100",
    "points": "points",
    "index": "indice",
    "actions": "actions",
    "needs": "besoins",
}
_NAMES = {
    "present": "Personnes présentes",
    "full_day": "Présentes la journée entière",
    "refusals": "Refus de consentement",
    "quota_completion": "Taux de quota",
    "score_before": "Score avant, tous les tests",
    "score_after": "Score après, tous les tests",
    "attrition": "Attrition (testées avant, pas après)",
    "paired_before": "Score avant, tests appariés",
    "paired_after": "Score après, tests appariés",
    "change": "Évolution du score",
    "change_low": "Évolution, borne basse (95 %)",
    "change_high": "Évolution, borne haute (95 %)",
    "gain": "Gain de classe (Hake)",
    "effect_size": "Taille d’effet dz",
    "t_p": "p, test t apparié",
    "wilcoxon_p": "p, Wilcoxon-Pratt",
    "item_before": "Bonne réponse avant",
    "item_after": "Bonne réponse après",
    "response_rate": "Taux de réponse",
    "favourable": "Réponses favorables",
    "favourable_low": "Réponses favorables, borne basse (IC à 95 %)",
    "favourable_high": "Réponses favorables, borne haute (IC à 95 %)",
    "recommendation": "Recommandation",
    "recommendation_low": "Recommandation, borne basse (95 %)",
    "recommendation_high": "Recommandation, borne haute (95 %)",
    "need_score": "Score du besoin",
    "need_severity": "Gravité du besoin",
    "agreement": "Accord entre groupes (W de Kendall)",
    "common_priorities": "Priorités communes",
    "smart_share": "Actions complètes (SMART)",
    "overdue": "Actions en retard",
}
_FORMS = {"test_before": "test avant", "test_after": "test après", "satisfaction": "satisfaction", "needs": "besoins"}
_TRAITS = {"sex": "sexe", "group": "groupe", "age_band": "tranche d’âge", "commune": "commune"}


def _indicators(facts: Facts) -> excel.Sheet:
    columns = [
        excel.Column("Indicateur", width=58),
        excel.Column("Zone", width=20),
        _number("Valeur"),
        excel.Column("Unité", width=11),
    ]
    columns += [_count("n"), _count("Manquants"), excel.Column("Code", width=32)]
    zone = letterhead.place_name(facts)
    rows: list[Row] = [
        [french.typography(_named(facts, i.name)), zone, i.value, _UNITS[i.unit], i.n, i.n_missing, i.name]
        for i in indicators(facts)
    ]
    return excel.Sheet("Indicateurs", columns, rows)


def _named(facts: Facts, name: str) -> str:
    """An indicator's name in French: ``present:sex:f`` is « Personnes présentes – sexe : Femme »."""
    kind, _, code = name.partition(":")
    if not code:
        return _NAMES[kind]
    if kind == "present":
        trait, _, value = code.partition(":")
        return f"{_NAMES[kind]} – {_TRAITS[trait]} : {_trait(facts, trait, value)}"
    label_of = {"need_score": labels.need, "need_severity": labels.need, "quota_completion": labels.group}.get(kind)
    text = label_of(facts, code) if label_of else _FORMS[code] if kind == "response_rate" else _question(facts, code)
    return f"{_NAMES[kind]} – {text}"


def _trait(facts: Facts, trait: str, code: str) -> str:
    for form_id in facts.config.forms_with_role("registration"):
        question = facts.config.forms[form_id].fields.get(trait, "")
        return labels.choice(facts, form_id, question, code)
    return code


def _question(facts: Facts, name: str) -> str:
    for form_id, form in facts.forms.items():
        if form.question(name) is not None and facts.config.forms[form_id].role in ("test", "satisfaction"):
            return labels.question(facts, form_id, name)
    return name


def _items(facts: Facts, learnt: Learning) -> excel.Sheet:
    texts = {
        name: labels.question(facts, form_id, name)
        for form_id in facts.config.forms_with_role("test")
        for name in facts.config.forms[form_id].items
    }
    columns = [
        excel.Column("Question", width=10),
        excel.Column("Libellé", width=60),
        excel.Column("Thème", width=16),
        _count("n"),
    ]
    columns += [
        _count("Manquants"),
        _number("Avant"),
        _number("Après"),
        _count("Progrès"),
        _count("Reculs"),
        _number("p McNemar"),
    ]
    rows: list[Row] = [
        [
            i.name,
            texts.get(i.name, ""),
            i.theme,
            i.n,
            i.n_missing,
            i.before_share,
            i.after_share,
            i.n_gained,
            i.n_lost,
            i.p,
        ]
        for i in learnt.items
    ]
    return excel.Sheet("Questions du test", columns, rows)


def _scores(facts: Facts, learnt: Learning) -> excel.Sheet:
    columns = [
        excel.Column("Code du participant", width=20),
        _number("Avant (%)"),
        _number("Après (%)"),
        _number("Évolution"),
    ]
    rows: list[Row] = []
    for code, (before, after) in learnt.scores.items():
        change = after - before if before is not None and after is not None else None
        rows.append([person_code(facts, code), before, after, change])
    rows.sort(key=lambda row: str(row[0]))  # in another order than that of the list of persons
    return excel.Sheet("Scores", columns, rows)


def _scales(judged: Satisfaction) -> excel.Sheet:
    columns = [
        excel.Column("Critère", width=50),
        excel.Column("Réponse", width=28),
        _count("Réponses"),
        _number("Part"),
        _count("n"),
    ]
    columns += [_count("Manquants")]
    rows: list[Row] = []
    for scale in (*judged.scales, *([judged.intention] if judged.intention else [])):
        shares = scale.shares or (None,) * len(scale.levels)
        for level, count, share in zip(scale.levels, scale.counts, shares, strict=True):
            rows.append([scale.label, level, count, share, scale.n, scale.n_missing])
    return excel.Sheet("Satisfaction", columns, rows)


def _comments(facts: Facts, judged: Satisfaction) -> excel.Sheet:
    columns = [excel.Column("Question", width=40), excel.Column("Réponse, mot pour mot", width=90)]
    reader = quoting.reader_of(facts)
    rows: list[Row] = [
        [label, reader.quoted(text).text] for label, texts in judged.open_answers.items() for text in texts
    ]
    return excel.Sheet("Paroles", columns, rows)


def _ranking(facts: Facts, scores: Needs) -> excel.Sheet:
    columns = [
        _count("Rang"),
        excel.Column("Besoin", width=46),
        excel.Column("Domaine", width=14),
        _number("Score (0–3)"),
    ]
    columns += [_count("Mentions"), _number("Gravité"), _count("n gravité"), _number("Ménages"), _count("n ménages")]
    columns += [_number("Faisabilité"), _count("n faisabilité"), excel.Column("Priorité commune", width=12)]
    whole, compared, untold = publishable(scores.n), scores.groups_publishable, mentions_hidden(facts)
    rows: list[Row] = []
    for need in scores.needs:
        rated = [cell for rating in (need.severity, need.households, need.feasibility) for cell in _rating(rating)]
        common = (
            "" if scores.common is None or not (whole and compared) else "oui" if need.code in scores.common else "non"
        )
        mentions = None if need.code in untold else need.mentions
        votes: Row = [need.score, mentions] if whole else [None, None]
        rows.append([need.rank if whole else None, need.label, need.domain, *votes, *rated, common])
    return excel.Sheet("Classement", columns, rows)


def _rating(rating: Rating) -> Row:
    return [rating.value, rating.n] if publishable(rating.n) else [None, None]


def _ranks(facts: Facts, scores: Needs) -> excel.Sheet:
    codes = facts.config.codes
    columns = [excel.Column("Besoin", width=46)]
    rankings: list[tuple[str, str]] = []
    sexes = {codes.female: "Femmes", codes.male: "Hommes"}
    for attribute, sizes, untold in (
        ("rank_by_group", scores.n_by_group, sizes_hidden(facts, "group")),
        ("rank_by_sex", scores.n_by_sex, sizes_hidden(facts, "sex")),
    ):
        for code, n in sizes.items():
            if n and code not in untold:
                name = sexes.get(code) or labels.group(facts, code, short=True)
                columns.append(_count(f"{name} (n = {n})"))
                rankings.append((attribute, code))
    rows: list[Row] = [[need.label, *(getattr(need, name)[code] for name, code in rankings)] for need in scores.needs]
    return excel.Sheet("Rangs par groupe et sexe", columns, rows)
