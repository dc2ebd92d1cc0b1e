"""A whole mission's set of papers, and everything that is printed in it, read without the product's help."""

from __future__ import annotations

import io
import json
import random
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
from docx import Document as open_docx
from invented_facts import NEEDS_CSV, TOML, make_facts, make_tables, with_phone

from kobo_sync.analysis.by_zone import zone_views
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.overview import dashboard
from kobo_sync.config.config import parse_config
from kobo_sync.deliverables import deliverable
from kobo_sync.deliverables.live_values import live_values
from kobo_sync.steps.sets import manifest_of_set
from kobo_sync.workspace.manifests import manifest_bytes

TEMPLATE = Path(__file__).parents[1] / "kobo_sync" / "starter" / "exports" / "templates" / "rapport-final.docx"
ZONE_PAPERS = ("evaluations", "needs", "road_map", "zone_sheet")
MISSION = "mission"
_PEOPLE = ("inscription", "presence", "besoins", "satisfaction")


def small_mission(seed: int, sizes: tuple[int, ...], *, one_walk_in: bool = False) -> Facts:
    """A mission with so many persons per zone; in the first zone one person alone is of a group, and one of a sex, among the needs.

    *one_walk_in*: she who is on no list is the same in all zones.
    """
    head, *_ = NEEDS_CSV.splitlines()
    assert head.startswith("code")
    names = [f"zone{letter}" for letter in "abcdef"][: len(sizes)]
    zones = "code,label_fr,province\n" + "".join(f"{name},{name.title()},Midelt\n" for name in names)
    config = parse_config(TOML, {"config/zones.csv": zones, "config/besoins.csv": NEEDS_CSV}, {})
    parts: dict[str, list[pd.DataFrame]] = {}
    draw = random.Random(seed)
    for number, (zone, n) in enumerate(zip(names, sizes, strict=True), 1):
        tables = make_tables(n, 100 * seed + number, zone)
        if number == 1:
            needs = tables["besoins"]
            needs["groupe"] = ["cld"] + [draw.choice(("ed", "sante")) for _ in range(len(needs) - 1)]
            needs["sexe"] = ["h"] + ["f"] * (len(needs) - 1)
        for name, made in tables.items():
            roots = made["root_uuid"].str[:1] + str(number) + made["root_uuid"].str[1:]
            own = made.replace(r"^BER-", f"Z{number}-", regex=True)
            if name == "presence" and not one_walk_in:
                own = with_phone(own, number)
            parts.setdefault(name, []).append(own.assign(root_uuid=roots))
    whole = {name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()}
    facts = replace(
        make_facts(0), config=config, zone=None, tables=whole, templates={TEMPLATE.name: TEMPLATE.read_bytes()}
    )
    return replace(facts, counts={name: len(whole[name]) for name in config.forms if name in whole})


def whole_set(facts: Facts) -> Iterator[tuple[str, str, bytes]]:
    """(place, path, content) of every aggregate file, manifest and page of the mission."""
    zones = zone_views(facts)
    places = {**{code: (here, ZONE_PAPERS) for code, here in zones.items()}, MISSION: (facts, ("final_report",))}
    for place, (here, papers) in places.items():
        documents = [(name, each) for name in papers for each in deliverable(name).build(here)]
        manifest = manifest_of_set(here, documents, "", live_values(here))
        for _, each in documents:
            yield place, each.path, each.content
        yield place, "MANIFEST.json", manifest_bytes(manifest, for_others=True)
    page = dashboard(facts, zones.values())
    for place in (page["mission"], *page["zones"]):
        # What a reader's page is made of; a page of before the plan shows the numbers themselves.
        seen = place.get("published", {"registered": str(place["n_registered"]), "present": str(place["n_present"])})
        yield place["code"] or MISSION, "page.json", json.dumps(seen).encode()


# ── reading ─────────────────────────────────────────────────────────────────


@dataclass
class Printed:
    """Everything printed of one place: tables by caption, running texts (alternative texts and properties too), sheets, figures."""

    tables: list[tuple[str, list[list[str]]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    sheets: dict[str, list[list[Any]]] = field(default_factory=dict)
    figures: dict[str, str] = field(default_factory=dict)
    submissions: dict[str, int] = field(default_factory=dict)
    page: dict[str, Any] = field(default_factory=dict)

    def table(self, words: str) -> list[list[str]]:
        """The rows of the first table whose caption holds *words*, the header first; nothing where there is none."""
        return next((rows for caption, rows in self.tables if words in caption), [])

    def caption(self, words: str) -> str:
        """The caption that holds *words*."""
        return next((caption for caption, _ in self.tables if words in caption), "")


def read_set(files: Iterator[tuple[str, str, bytes]]) -> dict[str, Printed]:
    """place → all that is printed of it."""
    printed: dict[str, Printed] = {}
    for place, path, content in files:
        _read(printed.setdefault(place, Printed()), path, content)
    return printed


def _read(into: Printed, path: str, content: bytes) -> None:
    if path.endswith(".docx"):
        _read_docx(into, content)
    elif path.endswith(".xlsx"):
        for sheet in openpyxl.load_workbook(io.BytesIO(content)):
            if sheet.title != "Scores":  # pseudonymised, a row a person: no aggregate
                into.sheets[sheet.title] = [list(row) for row in sheet.iter_rows(values_only=True)]
    elif path == "MANIFEST.json":
        said = json.loads(content)
        into.figures, into.submissions = said["figures"], said["submissions"]
    elif path == "page.json":
        into.page = json.loads(content)
    elif path.endswith(".pdf") and shutil.which("pdftotext"):
        done = subprocess.run(["pdftotext", "-layout", "-", "-"], input=content, capture_output=True, check=True)
        into.texts += done.stdout.decode().splitlines()


def _read_docx(into: Printed, content: bytes) -> None:
    body = open_docx(io.BytesIO(content)).element.body
    for table in body.iter("{*}tbl"):
        title = table.find(".//{*}tblCaption")
        caption = next(iter(title.attrib.values())) if title is not None else ""
        rows = [
            ["".join(t.text or "" for t in cell.iter("{*}t")) for cell in row.iter("{*}tc")]
            for row in table.iter("{*}tr")
        ]
        into.tables.append((caption.replace("\u00a0", " "), rows))
    into.texts += ["".join(t.text or "" for t in p.iter("{*}t")) for p in body.iter("{*}p")]
    into.texts += [picture.get("descr", "") for picture in body.iter("{*}docPr")]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            if name.startswith(("docProps/", "word/footer", "word/header")):
                into.texts.append(re.sub(r"<[^>]+>", " ", archive.read(name).decode()))


# ── what a printed number may stand for ─────────────────────────────────────


def plain(text: object) -> str:
    """Text with plain spaces, points and signs."""
    return re.sub(r"[\u00a0\u202f]", " ", str(text)).replace("−", "-").replace(",", ".").strip()


def interval(text: object, *, step: float = 0.0) -> tuple[float, float] | None:
    """Between what the number lies of which *text* is the print: its rounding, « ≈ » of *step*, or a band; None for no number."""
    said = plain(text)
    match = re.match(r"(?:n )?([≈<>≥≤=]?)\s*([+-]?\d[\d ]*(?:\.\d+)?)", said)
    if not match:
        return None
    sign, digits = match[1], match[2].replace(" ", "")
    value = float(digits)
    half = 0.5 * 10 ** -len(digits.partition(".")[2])
    if sign == "≈":
        return value - step / 2 - 1e-9, value + step / 2 + 1e-9
    if sign in "<≤" and sign:
        return 0.0, value - (1e-9 if sign == "<" else 0)
    if sign in ">≥" and sign:
        return value + (1e-9 if sign == ">" else 0), 1e9
    return value - half - 1e-9, value + half + 1e-9


def persons(text: object, most: int, *, spread: int = 2) -> set[int]:
    """The numbers of persons, up to *most*, that *text* may stand for; all of them for a dash."""
    said = plain(text)
    match = re.search(r"([≈≥≤]?)\s*(\d+)", said)
    if not match or said.startswith("–"):
        return set(range(most + 1))
    n = int(match[2])
    if match[1] == "≈":
        return {each for each in range(n - spread, n + spread + 1) if each != n and 0 <= each <= most}
    if match[1] == "≥":
        return set(range(n, most + 1))
    return set(range(n + 1)) if match[1] == "≤" else {n}
