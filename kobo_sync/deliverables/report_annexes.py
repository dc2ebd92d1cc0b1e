"""The annexes of the final report: technical measures with what they mean, the terms of reference, the acronyms."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping

from docx import Document as open_docx
from docx.document import Document as WordDocument
from docx.opc.exceptions import PackageNotFoundError

from kobo_sync.analysis import labels
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.populations import told_number
from kobo_sync.deliverables import evaluations, figures
from kobo_sync.documents.word import writer
from kobo_sync.language import typography

# What our own papers shorten; a mission adds its own.
_ACRONYMS = {
    "IC": "intervalle de confiance",
    "ONG": "organisation non gouvernementale",
    "SMART": "spécifique, mesurable, atteignable, réaliste, daté",
    "TdR": "termes de référence",
}
_ACRONYM = re.compile(r"\b[A-ZÀÂÇÉÈÊÎÔÛ]{2,6}\b")
_ROMAN = re.compile(r"[IVXLC]+")
_TERMS = re.compile(r"(?:termes|terms|tdr|tor)(?![^\W_])", re.IGNORECASE)
_TEXTS = (".txt", ".md", ".docx")
_LINES_OF_TERMS = 2_000  # of a longer file the rest stays in the file


def measures(document: WordDocument, facts: Facts) -> None:
    """Adds what readers of statistics look for, each measure with its definition, then the tables by theme, question and criterion."""
    rows = [[title, text, n, typography.spaced(meaning)] for title, text, n, meaning in _measures(facts)]
    if not rows:
        writer.paragraph(document, f"{typography.NO_DATA} : aucune mesure ne peut se calculer ou se publier.")
        return
    head = ["Mesure", "Valeur", "n", "Ce qu’elle dit"]
    content = writer.Table(
        head, rows, [4.6, 2.6, 1.6, 8.2], caption="Mesures techniques", right=(1, 2), size=8.5, keep_whole=False
    )
    writer.table(document, content)
    if told_number(facts, "pairs").shown:
        evaluations.learning_tables(document, facts)
    if told_number(facts, "satisfaction").shown:
        evaluations.scales(document, facts)


_SIGNED = "signed"
# The measures of the annex: name of the figure → title, decimals (« signed » ones with their sign), what it says.
_MEANINGS: Mapping[str, tuple[str, str, int, str]] = {
    "gain": ("Gain de classe ⟨g⟩", "", 2, "(après − avant) / (100 − avant), Hake 1998 : part du chemin qui restait et qui a été parcourue ; sans objet quand le score recule."),
    "change": ("Évolution moyenne, en points", _SIGNED, 1, "Différence des scores des mêmes personnes, après moins avant."),
    "change_low": ("Borne basse (IC à 95 %)", _SIGNED, 1, "Avec d’autres personnes semblables, l’évolution aurait pu être aussi faible."),
    "change_high": ("Borne haute (IC à 95 %)", _SIGNED, 1, "… ou aussi forte."),
    "t_p": ("p, test t apparié", "p", 3, "Chance d’une évolution au moins aussi grande si rien n’avait changé ; petit, l’évolution n’est guère un hasard."),
    "wilcoxon_p": ("p, Wilcoxon-Pratt", "p", 3, "Le même, par les rangs : ne suppose pas que les écarts suivent une loi normale."),
    "effect_size": ("Taille d’effet dz", "", 2, "Évolution divisée par son écart-type : 0,2 faible, 0,5 moyenne, 0,8 forte (Cohen)."),
    "attrition": ("Attrition", "share", 0, "Part des personnes testées avant qui ne l’ont pas été après."),
    "recommendation": ("Indice de recommandation", _SIGNED, 0, "% de notes 9–10 moins % de notes 0–6, de −100 à +100."),
    "recommendation_low": ("Borne basse (IC à 95 %)", _SIGNED, 0, "Intervalle de Wald ajusté autour de l’indice."),
    "recommendation_high": ("Borne haute (IC à 95 %)", _SIGNED, 0, "Intervalle de Wald ajusté autour de l’indice."),
    "agreement": ("Accord entre groupes, W de Kendall", "", 2, "0 : aucun accord entre les classements des groupes ; 1 : classements identiques."),
}  # fmt: skip


def _measures(facts: Facts) -> list[tuple[str, str, str, str]]:
    rows = []
    for name, value, n in figures.printed_figures(facts):
        if name in _MEANINGS and value is not None:
            title, kind, digits, meaning = _MEANINGS[name]
            rows.append((title, _shown(value, kind, digits), _n(n), meaning))
    return rows


def _shown(value: float | str, kind: str, digits: int) -> str:
    if isinstance(value, str):
        return value
    if kind == "p":
        return typography.p_value(value).removeprefix(f"p{typography.NNBSP}").removeprefix(f"={typography.NNBSP}")
    if kind == "share":
        return typography.percent(value)
    return typography.signed(value, digits) if kind == _SIGNED else typography.number(value, digits)


def _n(n: figures.Cell) -> str:
    return typography.NOTHING if n is None else n if isinstance(n, str) else typography.number(n)


# ── the terms of reference ──────────────────────────────────────────────────


def terms(document: WordDocument, facts: Facts) -> None:
    """Adds the terms of reference as text, from the file that the mission's folder holds; says so where it holds none."""
    name = terms_file(facts)
    content = facts.annexes.get(name)
    if content is None:
        writer.paragraph(document, "Les termes de référence ne sont pas dans le dossier de la mission.")
        return
    lines = terms_lines(name, content)
    if not lines:
        writer.paragraph(document, f"Les termes de référence sont joints : {name}.")
        return
    for line in lines[:_LINES_OF_TERMS]:
        bullet = re.match(r"[·•*–-]\s+", line)
        writer.verbatim(document, line[bullet.end() :] if bullet else line, style="List Bullet" if bullet else "Normal")
    if len(lines) > _LINES_OF_TERMS:
        writer.note(document, f"La suite est dans le fichier joint : {name}.")


def terms_file(facts: Facts) -> str:
    """The annex that holds the terms of reference: the one that the settings name, else one that is called so; nothing without."""
    if facts.config.report.terms_of_reference:
        return facts.config.report.terms_of_reference
    called_so = [name for name in facts.annexes if _TERMS.match(name)]
    return min(called_so, key=lambda name: (not name.lower().endswith(_TEXTS), name), default="")


def terms_lines(name: str, content: bytes) -> list[str]:
    """The lines of a text or Word file, empty ones left out; nothing of a file of another kind."""
    kind = name.rpartition(".")[2].lower()
    if kind == "docx":
        try:
            texts = [paragraph.text for paragraph in open_docx(io.BytesIO(content)).paragraphs]
        except (PackageNotFoundError, zipfile.BadZipFile, KeyError, ValueError, SyntaxError):
            return []
    elif kind in ("txt", "md"):
        texts = _decoded(content).splitlines()
    else:
        return []
    return [text.strip() for text in texts if text.strip()]


def _decoded(content: bytes) -> str:
    """Text as Windows and others write it."""
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")


# ── acronyms ────────────────────────────────────────────────────────────────


def acronyms(facts: Facts) -> dict[str, str]:
    """What each acronym that the mission explains stands for; a group's short name stands for its label."""
    groups = {
        group.short: labels.group(facts, group.code)
        for group in facts.config.groups
        if group.short.isupper()
        and " " not in group.short
        and len(group.short) > 1  # « A » is a letter, as in « Zone A »
    }
    return {**_ACRONYMS, **groups, **facts.config.report.acronyms}


def acronym_list(document: WordDocument, words: str, explained: Mapping[str, str]) -> None:
    """Adds those of the *explained* acronyms that stand in *words*."""
    used = [
        name for name in sorted(explained, key=str.casefold) if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", words)
    ]
    if not used:
        writer.paragraph(document, "Ce rapport n’emploie aucun sigle.")
        return
    rows: list[list[str | writer.Cell]] = [
        [writer.Cell(name, bold=True), typography.spaced(explained[name])] for name in used
    ]
    writer.table(document, writer.Table((), rows, [3.2, 13.8], alt="Sigles et acronymes employés dans ce rapport"))


def unexplained(facts: Facts, prose: str) -> list[str]:
    """The acronyms in what people wrote in the report, and in the labels of its tables, that nobody explains, each once."""
    names = " ".join(
        [organisation.name for organisation in facts.config.organisations] + [facts.config.mission.programme]
    )
    known = set(acronyms(facts)) | {word for name in acronyms(facts) for word in name.split()} | set(names.split())
    titles = [facts.config.mission.title, *(labels.group(facts, group.code) for group in facts.config.groups)]
    lines = [line for line in (*prose.splitlines(), *titles) if any(letter.islower() for letter in line)]
    used = dict.fromkeys(word for line in lines for word in _ACRONYM.findall(line))
    return [word for word in used if word not in known and not _ROMAN.fullmatch(word)]
