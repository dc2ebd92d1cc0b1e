"""Part 7, A2: marked names, phones, mails and identity numbers in every free text of the mission's own forms; no file but the nominative ones shows one."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sqlite3
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import REPO
from digests import without_digests

from kobo_sync.mission.mission import Mission
from kobo_sync.mission.question_classes import classes_of_mission
from kobo_sync.model import Report
from kobo_sync.steps.analyse import analyse
from kobo_sync.steps.build import build
from kobo_sync.steps.check import check
from kobo_sync.steps.deliver import deliver
from kobo_sync.steps.digest import digest
from kobo_sync.steps.export import SHAPES, export
from kobo_sync.steps.purging.places import texts_in
from kobo_sync.workspace.folders import Workspace, find

FAMILY, GIVEN, ARABIC = "El Qwortalub", "M’zzyxem", "امزقطور القورطلوب"
SENTENCES = (
    "Merci à M’zzyxem El Qwortalub.", "merci m'zzyxem el qwortalub", "MERCI QWORTALUB MZZYXEM", "Mzzyxem-Qwortalub a parlé", "voir QwortalubMzzyxem",
    "voir mzzyxemqwortalub", "A. Qwortalub et Qwortalub M.", "avec Mme Vexilmarg Qq et M. Plofontar", "شكرا لامزقطور القورطلوب وللقورطلوب",
    "قالَ اِمْزَقْطُور", "تحدث السيد فلكسمارغ", "Tél. 06 61 23 99 88", "tél +212661239988 ou 00212-661-23-99-88", "٠٦٦١٢٣٩٩٨٨", "0661.23.99.88 / 06 61 23 99 77 06 61 23 99 66",
    "zz.qq@exemple.ma et zz.qq (at) exemple.ma", "CIN AB129988", "cin ab 129988, A 129977, AB-129966", "voir Qwortalúb M’zzyxèm",
)  # fmt: skip
MARKS = re.compile(
    r"qwortalub|zzyxem|vexilmarg|plofontar|امزقطور|قورطلوب|فلكسمارغ|zz\.qq|(?:6\D{0,3}){0,1}6\D{0,3}1\D{0,3}2\D{0,3}3\D{0,3}9\D{0,3}9|1\D?2\D?9\D?9(?:\D?\d){2}"
)
NEEDS = {"parquet": "pyarrow", "sav": "pyreadstat"}
WRITTEN = ("text", "hidden", "string")


def plain(text: str) -> str:
    folded = unicodedata.normalize("NFKD", without_digests(text).casefold())
    letters = "".join(c for c in folded if not unicodedata.combining(c) and c != "ـ")
    return "".join(str(int(c)) if c.isdecimal() else c for c in letters)


def marked(state: Path) -> Mission:
    """The demo's mission with two of its registered persons renamed, and marks in all that people may have typed."""
    mission = Mission(Workspace(find(REPO).root, state, state / "out"), {})
    asked = classes_of_mission(mission)
    with sqlite3.connect(state / "mirror.sqlite") as db:
        n = 0
        for form_id, tables in mission.tables.items():
            by_name = {each.name: each for each in asked[form_id].values()}
            for table in tables:
                for column in table.columns:
                    mine = by_name.get(column.question)
                    if mine is None or mine.kind not in WRITTEN or mine.privacy not in ("free text", "sensitive"):
                        continue
                    for (row_id,) in db.execute(f'SELECT rowid FROM "data_{table.name}"').fetchall():
                        n += 1
                        texts = (SENTENCES[n % len(SENTENCES)], n, row_id)
                        db.execute(
                            f'UPDATE "data_{table.name}" SET "{column.name}" = ? || \' n° \' || ? WHERE rowid = ?',
                            texts,
                        )
        assert n > 1000
        first = "SELECT min(rowid) FROM data_inscription"
        db.execute(
            f"UPDATE data_inscription SET nom = ?, prenom = ?, nom_ar = ?, telephone = '+212661239988' WHERE rowid = ({first})",
            (FAMILY, GIVEN, ARABIC),
        )
        db.execute("UPDATE submissions SET content_sha256 = printf('%064d', rowid)")
    db.close()
    return mission


@pytest.fixture(scope="module")
def marked_mission(
    told: tuple[Path, Report, dict[str, Report]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mission]:
    state = tmp_path_factory.mktemp("marked") / "state"
    shutil.copytree(told[0] / ".kobo_sync", state, ignore=shutil.ignore_patterns("kept", "lock", "station*"))
    mission = marked(state)
    check(mission)
    build(mission)
    deliver(mission)
    for shape in SHAPES:
        if importlib.util.find_spec(NEEDS.get(shape, "json")):
            export(mission, shape)
    analyse(mission)
    digest(mission)
    yield mission
    mission.close()


def nominative(out: Path) -> set[Path]:
    files = {path for path in out.rglob("*") if "nominatif" in str(path.relative_to(out))}
    for manifest in out.rglob("MANIFEST.json"):
        for name, each in json.loads(manifest.read_bytes())["files"].items():
            if each["class"] == "nominative":
                files.add(manifest.parent / name)
    return files


def test_no_file_that_may_leave_names_anybody(marked_mission: Mission) -> None:
    out = marked_mission.workspace.out
    closed = nominative(out)
    open_files = [path for path in sorted(out.rglob("*")) if path.is_file() and path not in closed]
    suffixes = {path.suffix for path in open_files}
    assert {".docx", ".xlsx", ".pdf", ".zip", ".csv", ".dta", ".geojson", ".json"} <= suffixes
    found = {}
    n_masked = 0
    for path in open_files:
        for text in texts_in(path.name, path.read_bytes()):
            n_masked += text.count("masqu")
            if hit := MARKS.search(plain(text)):
                found.setdefault(str(path.relative_to(out)), hit[0] + " … " + text[:160])
    assert not found
    assert n_masked > 500
    assert any(
        MARKS.search(plain(text))
        for path in closed
        if path.is_file()
        for text in texts_in(path.name, path.read_bytes())
    )


def test_what_the_desk_keeps_for_pages_and_mails_names_nobody(marked_mission: Mission) -> None:
    desk = marked_mission.workspace.desk_database
    with sqlite3.connect(desk) as db:
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in db.execute(f'SELECT * FROM "{table}"').fetchall():
                for cell in row:
                    assert not isinstance(cell, str) or not MARKS.search(plain(cell)), (table, cell[:200])
    db.close()
