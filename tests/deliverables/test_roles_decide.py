"""Part 11, A1: what a mission has no form for leaves no trace in papers, figures, pages or checks; nothing is ever a silent zero."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace

import openpyxl
import pypdfium2
import pytest
from docx import Document as open_docx
from invented_facts import NEEDS_CSV, TOML, ZONES, make_facts, make_tables
from test_deliverables_identity import templates
from test_papers_in_three_languages import told_in

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.indicators import indicators
from kobo_sync.analysis.overview import place
from kobo_sync.checks import run_checks
from kobo_sync.config.config import parse_config
from kobo_sync.deliverables import deliverable
from kobo_sync.deliverables.figures import printed_figures
from kobo_sync.deliverables.live_values import live_values
from kobo_sync.model import Document

FORMS = {
    "registration": "inscription",
    "attendance": "presence",
    "test": "test",
    "satisfaction": "satisfaction",
    "needs": "besoins",
    "focus_group": "focus",
    "road_map": "route",
}
PAPERS = ("attendance_list", "evaluations", "needs", "road_map", "data_workbook", "data_quality", "training_kit")
# What only papers with a form of the role say; of the road map and focus groups, which speak of needs too, no ranking.
WORDS = {
    "registration": r"registered|registrations?\b|not on the list",
    "attendance": r"persons? present|presence|attendance|sign-in|signature|signed|response rate|quota\b|whole day",
    "test": r"\btests?\b|tested|right answers|class gain|McNemar|learning:|learning by",
    "satisfaction": r"satisfaction|recommendation index|recommendation:|favourable|opinions on",
    "needs": r"borda|priority needs|common priorit|mentions|ranked|ranking|rankings",
    "focus_group": r"focus group",
    "road_map": r"road map|planned action|smart\b|late as of",
}
KEYS = {
    "registration": r"refus",
    "attendance": r"present|full_day|quota|response_rate|taux|femmes|hommes|journee",
    "test": r"^score|paired|gain|item_|attrition|evolution|tests_|test_",
    "satisfaction": r"favourable|recommend|recommandation|satisfaction",
    "needs": r"need_|agreement|common_priorities|besoin|priorites|accord|:needs",
    "focus_group": r"focus",
    "road_map": r"smart|overdue|^actions",
}
NO_TRACE = re.compile(r"(?<![\d.,])0\s?%|n = 0\b")


def toml_without(*roles: str, toml: str = TOML) -> str:
    """The invented settings without the forms of *roles*; where nobody is asked, without consent to it."""
    gone = tuple(f"[forms.{FORMS[role]}" for role in roles)
    return "".join(part for part in re.split(r"(?m)(?=^\[)", toml) if not part.startswith(gone))


def facts_of(toml: str, n: int = 25, zones: str = ZONES) -> Facts:
    """A zone of *n* persons under the settings *toml*, told in English."""
    config = parse_config(toml, {"config/zones.csv": zones, "config/besoins.csv": NEEDS_CSV}, {})
    kept = {name: t for name, t in make_tables(n, 1, "bertat").items() if name.split("__")[0] in config.forms}
    facts = make_facts(n, tables=kept)
    forms = {name: form for name, form in facts.forms.items() if name in config.forms}
    facts = replace(facts, config=config, zone=config.zone("bertat"), forms=forms, templates=templates())
    return told_in(facts, "en")


def papers(facts: Facts) -> Iterator[Document]:
    """All papers of the zone, and the mission's report."""
    for name in PAPERS:
        yield from deliverable(name).build(facts)
    yield from deliverable("final_report").build(replace(facts, zone=None, zone_sets={}))


def text_of(document: Document) -> str:
    """What a reader sees."""
    kind = document.path.rpartition(".")[2]
    if kind == "docx":
        opened = open_docx(io.BytesIO(document.content))
        parts = [
            opened.element.body,
            *(s.header._element for s in opened.sections),
            *(s.footer._element for s in opened.sections),
        ]
        lines = ("".join(t.text or "" for t in p.iter("{*}t")) for part in parts for p in part.iter("{*}p"))
    elif kind == "xlsx":
        sheets = openpyxl.load_workbook(io.BytesIO(document.content)).worksheets
        lines = (
            str(cell.value) for sheet in sheets for row in sheet.iter_rows() for cell in row if cell.value is not None
        )
    elif kind == "pdf":
        lines = (page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(document.content))
    else:
        return ""
    return re.sub(r"[\u00a0\u202f]", " ", "\n".join(lines))


def computed(facts: Facts) -> dict[str, str]:
    """The text of each paper but those that are the forms themselves, printed or as rows, or staff's own prose; hints to write it are not of it."""
    ours = ("data.xlsx", "questionnaires", "data-quality", "tools/")
    texts = {d.path: text_of(d) for d in papers(facts) if not any(part in d.path for part in ours)}
    return {path: "\n".join(line for line in text.splitlines() if "✍" not in line) for path, text in texts.items()}


@pytest.mark.parametrize("role", FORMS)
def test_a_role_that_the_mission_has_not_leaves_no_word(role: str) -> None:
    facts = facts_of(toml_without(role))
    for path, text in computed(facts).items():
        lines = [line for line in text.splitlines() if re.search(WORDS[role], line, re.I)]
        assert not lines, (path, lines[:5])


@pytest.mark.parametrize("role", FORMS)
def test_a_role_that_the_mission_has_not_leaves_no_figure(role: str) -> None:
    facts = facts_of(toml_without(role))
    for here in (facts, replace(facts, zone=None)):
        values = set(live_values(here)) - {"attendu"}
        names = {each.name for each in indicators(here)} | {name for name, _, _ in printed_figures(here)} | values
        assert not {name for name in names if re.search(KEYS[role], name)}, role
        shown = place(here)
        gone = {"attendance": ("present", "full_day"), "registration": ("registered",), "needs": ("needs",)}.get(
            role, ()
        )
        assert not set(gone) & set(shown["asked"])
        assert not any(re.search(KEYS[role], f"response_rate:{rate['name']}") for rate in shown["rates"])


@pytest.mark.parametrize("role", FORMS)
def test_chapters_and_annexes_are_numbered_without_what_is_left_out(role: str) -> None:
    text = computed(facts_of(toml_without(role)))["final-report.docx"]
    heads = [line for line in text.splitlines() if re.match(r"(?:\d+\. |\d+\.\d+ |Annex \d+\. )[A-Z]", line)]
    chapters = list(dict.fromkeys(int(m[1]) for line in heads if (m := re.match(r"(\d+)\. ", line))))
    annexes = list(dict.fromkeys(int(m[1]) for line in heads if (m := re.match(r"Annex (\d+)\. ", line))))
    assert chapters == list(range(1, len(chapters) + 1)) and annexes == list(range(1, len(annexes) + 1))
    for chapter in chapters:
        sections = [int(m[1]) for line in heads if (m := re.match(rf"{chapter}\.(\d+) ", line))]
        assert list(dict.fromkeys(sections)) == list(range(1, len(set(sections)) + 1)), heads


def test_forms_of_no_role_make_a_mission_of_data_alone() -> None:
    toml = re.sub(r'(?m)^role = ".*"$', 'role = "other"', toml_without("focus_group"))
    toml = re.sub(r"(?ms)^\[quotas.default\].*?(?=^\[codes\])", "", toml)
    toml = re.sub(r"(?ms)^\[\[(?:sessions|groups)\]\].*?(?=^\[(?:\[groups|\[sessions|codes))", "", toml)
    facts = facts_of(toml)
    assert not facts.config.groups and not facts.config.sessions
    made = {d.path for d in papers(facts)}
    assert {"data.xlsx", "data-quality.docx", "final-report.docx"} <= made
    assert not {"attendance-list.docx", "evaluations.docx", "priority-needs.docx", "road-map.docx"} & made
    text = computed(facts)["final-report.docx"]
    ours = "\n".join(
        line for line in text.splitlines() if line not in ("Presence", "Test", "Satisfaction")
    )  # the forms' own names
    assert not re.search("|".join(WORDS.values()), ours, re.I)
    assert not NO_TRACE.search(text) and not re.search(r"\bgroups\b", text, re.I)
    assert not indicators(facts) and not list(printed_figures(facts))
    assert not any(
        f.rule in ("DATA001", "DATA009", "DATA025", "DATA026") for f in run_checks(replace(facts, zone=None))
    )


def groups_toml(n: int) -> str:
    """The invented settings with *n* groups."""
    head, _, rest = TOML.partition("[[groups]]")
    _, _, tail = rest.partition("[quotas.default]")
    _, _, codes = tail.partition("[codes]")
    groups = "".join(f'[[groups]]\ncode = "{code}"\nlabel = {{ fr = "Groupe {code}" }}\n' for code in NAMES[:n])
    quotas = "[quotas.default]\n" + "".join(f"{code} = 2\n" for code in NAMES[:n]) if n else ""
    return f"{head}{groups}{quotas}[codes]{codes}"


NAMES = ("ed", "sante", "cld", *(f"g{n}" for n in range(9)))


@pytest.mark.parametrize("n", [0, 1, 12])
def test_any_number_of_groups(n: int) -> None:
    facts = facts_of(groups_toml(n))
    texts = computed(facts)
    everything = "\n".join(texts.values())
    assert "25" in texts["attendance-list.docx"]
    if n == 0:
        assert not re.search(r"\bgroups?\b(?! of)", re.sub(r"(?i)focus groups?|control group", "", everything), re.I), [
            line for line in everything.splitlines() if re.search(r"\bgroups?\b", line, re.I)
        ][:8]
        assert not re.search(r"quota\b|\brate\b(?! above)", re.sub(r"(?i)response rate", "", everything), re.I)
    if n < 2:
        assert not re.search(r"common priorit|agreement between|Kendall", everything, re.I)
        assert "Borda" in texts["priority-needs.docx"] and "known group" not in everything
    if n == 12:
        assert "Groupe g8" in texts["attendance-list.docx"]


def test_a_mission_that_asks_no_sex_says_nothing_of_women_and_men() -> None:
    toml = "".join(line for line in TOML.splitlines(keepends=True) if not line.startswith("sex = "))
    facts = facts_of(toml_without("focus_group", toml=toml))
    everything = "\n".join(computed(facts).values())
    assert not re.search(r"\bwom[ae]n\b|\bm[ae]n\b|\bsex\b", everything, re.I)
    assert not any("sex" in name or "femmes" in name for name in live_values(facts))
    assert not any(f.where.endswith(".sex") for f in run_checks(replace(facts, zone=None)))
    assert "sex" not in place(facts)["asked"]


@pytest.mark.parametrize(
    ("quotas", "target", "split"),
    [
        ("", 0, {}),
        ("[quotas]\ndefault = 30\n", 30, {}),
        ("[quotas]\nzones = { bertat = 28 }\n", 28, {}),
        ("[quotas.default]\ned = 9\nsante = 8\ncld = 8\n", 25, {"ed": 9, "sante": 8, "cld": 8}),
        ("[quotas.sexes]\nf = 14\nh = 11\n", 25, {}),
    ],
)
def test_quotas_per_zone_group_or_sex_or_none(quotas: str, target: int, split: dict[str, int]) -> None:
    toml = re.sub(r"(?ms)^\[quotas.default\].*?(?=^\[codes\])", quotas, TOML)
    facts = facts_of(toml)
    assert facts.zone is not None and (facts.zone.target, dict(facts.zone.quotas)) == (target, split)
    texts = computed(facts)
    names = {each.name for each in indicators(facts)}
    assert ("quota_completion" in names) is bool(target)
    assert {name for name in names if name.startswith("quota_completion:")} == {
        f"quota_completion:{code}" for code in (split or (["sex:f", "sex:h"] if "sexes" in quotas else []))
    }
    everything = "\n".join(texts.values())
    assert bool(re.search(r"\bquotas?\b|planned place", everything, re.I)) is bool(target)
    if "sexes" in quotas:
        codes = [f for f in run_checks(replace(facts, zone=None)) if f.rule == "DATA001"]
        assert any("women" in f.where for f in codes) or any("men" in f.where for f in codes)


def test_what_the_config_leaves_out_is_named_with_its_key() -> None:
    toml = TOML.replace('session = "demi_journee"\n', "", 1)
    findings = [f for f in run_checks(replace(facts_of(toml), zone=None)) if f.rule == "DATA025"]
    assert any(f.where.endswith("forms.presence.fields.session") and "session" in f.hint for f in findings)
