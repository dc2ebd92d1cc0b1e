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
from kobo_sync.language.catalogue import later, t

# What our own papers shorten; a mission adds its own.
_ACRONYMS = {
    later("CI"): later("confidence interval"),
    later("NGO"): later("non-governmental organisation"),
    later("SMART"): later("specific, measurable, achievable, realistic, time-bound"),
    later("ToR"): later("terms of reference"),
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
        writer.paragraph(document, t("No data: no measure can be computed or published."))
        return
    head = [t("Measure"), t("Value"), "n", t("What it says")]
    content = writer.Table(
        head, rows, [4.6, 2.6, 1.6, 8.2], caption=t("Technical measures"), right=(1, 2), size=8.5, keep_whole=False
    )
    writer.table(document, content)
    if told_number(facts, "pairs").shown:
        evaluations.learning_tables(document, facts)
    if told_number(facts, "satisfaction").shown:
        evaluations.scales(document, facts)


_SIGNED = "signed"
# The measures of the annex: name of the figure → title, decimals (« signed » ones with their sign), what it says.
_MEANINGS: Mapping[str, tuple[str, str, int, str]] = {
    "gain": (later("Class gain ⟨g⟩"), "", 2, later("(after − before) / (100 − before), Hake 1998: the share covered of the way that was left; not applicable when the score declines.")),
    "change": (later("Mean change, in points"), _SIGNED, 1, later("Difference between the scores of the same persons, after minus before.")),
    "change_low": (later("Lower bound (95% CI)"), _SIGNED, 1, later("With other similar persons, the change could have been as small.")),
    "change_high": (later("Upper bound (95% CI)"), _SIGNED, 1, later("… or as large.")),
    "t_p": (later("p, paired t test"), "p", 3, later("Chance of a change at least as large had nothing changed; where it is small, the change is hardly due to chance.")),
    "wilcoxon_p": (later("p, Wilcoxon-Pratt"), "p", 3, later("The same by ranks: it does not assume that the differences follow a normal law.")),
    "effect_size": (later("Effect size dz"), "", 2, later("The change divided by its standard deviation: 0.2 small, 0.5 medium, 0.8 large (Cohen).")),
    "attrition": (later("Attrition"), "share", 0, later("Share of the persons tested before who were not tested after.")),
    "recommendation": (later("Recommendation index"), _SIGNED, 0, later("% of marks 9–10 minus % of marks 0–6, from −100 to +100.")),
    "recommendation_low": (later("Lower bound (95% CI)"), _SIGNED, 0, later("Adjusted Wald interval around the index.")),
    "recommendation_high": (later("Upper bound (95% CI)"), _SIGNED, 0, later("Adjusted Wald interval around the index.")),
    "agreement": (later("Agreement between groups, Kendall W"), "", 2, later("0: no agreement between the groups' rankings; 1: identical rankings.")),
}  # fmt: skip


def _measures(facts: Facts) -> list[tuple[str, str, str, str]]:
    rows = []
    for name, value, n in figures.printed_figures(facts):
        if name in _MEANINGS and value is not None:
            title, kind, digits, meaning = _MEANINGS[name]
            rows.append((t(title), _shown(value, kind, digits), _n(n), t(meaning)))
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
        writer.paragraph(document, t("The terms of reference are not in the mission's folder."))
        return
    lines = terms_lines(name, content)
    if not lines:
        writer.paragraph(document, t("The terms of reference are attached: {name}.", name=name))
        return
    for line in lines[:_LINES_OF_TERMS]:
        bullet = re.match(r"[·•*–-]\s+", line)
        writer.verbatim(document, line[bullet.end() :] if bullet else line, style="List Bullet" if bullet else "Normal")
    if len(lines) > _LINES_OF_TERMS:
        writer.note(document, t("The rest is in the attached file: {name}.", name=name))


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
        name: labels.group(facts, group.code)
        for group in facts.config.groups
        if (name := labels.group(facts, group.code, short=True)).isupper()
        and " " not in name
        and len(name) > 1  # « A » is a letter, as in « Zone A »
    }
    ours = {t(name): t(meaning) for name, meaning in _ACRONYMS.items()}
    return {**ours, **groups, **facts.config.report.acronyms}


def acronym_list(document: WordDocument, words: str, explained: Mapping[str, str]) -> None:
    """Adds those of the *explained* acronyms that stand in *words*."""
    used = [
        name for name in sorted(explained, key=str.casefold) if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", words)
    ]
    if not used:
        writer.paragraph(document, t("This report uses no acronym."))
        return
    rows: list[list[str | writer.Cell]] = [
        [writer.Cell(name, bold=True), typography.spaced(explained[name])] for name in used
    ]
    writer.table(document, writer.Table((), rows, [3.2, 13.8], alt=t("Acronyms used in this report")))


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
