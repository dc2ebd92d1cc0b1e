"""Forms filled by the engine that is inside KoboCollect, posted, pulled, and held against what was entered (part 9, 5)."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import requests
from conftest import REPO, TOKEN, Field, field_in
from defusedxml.ElementTree import parse
from javarosa_engine import Job, Leaf, compiled, fill, leaves
from openpyxl import load_workbook

from kobo_sync.errors import KoboSyncError
from kobo_sync.forms.xlsform import read_form
from kobo_sync.mission.mission import Mission
from kobo_sync.steps.pull import pull
from kobo_sync.store.tables.layout import PHONES
from kobo_sync.workspace.folders import Workspace

pytestmark = [
    pytest.mark.java,
    pytest.mark.skipif(not shutil.which("javac"), reason="no JDK (apt install default-jdk-headless)"),
]
SEEDS = (1, 2, 3)
LANGUAGES = ("Français (fr)", "العربية (ar)")
PNG = b"\x89PNG\r\n\x1a\n"
OTHER_FORMS = os.environ.get("KOBO_SYNC_OTHER_FORMS", "")  # a folder of other people's XLSForms
EVERY_KIND = """
| survey |
|        | type | name | label::Français (fr) | label::العربية (ar) | relevant | constraint | constraint_message::Français (fr) | constraint_message::العربية (ar) | required | required_message::Français (fr) | required_message::العربية (ar) | calculation | choice_filter | parameters | appearance | repeat_count |
|        | start | start | | | | | | | | | | | | | | |
|        | end | end | | | | | | | | | | | | | | |
|        | today | today | | | | | | | | | | | | | | |
|        | deviceid | deviceid | | | | | | | | | | | | | | |
|        | username | username | | | | | | | | | | | | | | |
|        | text | nom | Nom | الاسم | | regex(., '^.{2,}$') | Deux lettres au moins | حرفان على الأقل | yes | Le nom est obligatoire | الاسم إلزامي | | | | | |
|        | integer | age | Âge | السن | | . >= 0 and . <= 300 | Entre 0 et 300 | بين 0 و300 | | | | | | | | |
|        | decimal | surface | Surface | المساحة | | . >= 0 | Positive | موجبة | | | | | | | | |
|        | date | jour | Jour | اليوم | | . > date('1990-01-01') and . < date('2090-01-01') | Pas ce jour | ليس هذا اليوم | | | | | | | | |
|        | time | heure | Heure | الساعة | | | | | | | | | | | | |
|        | dateTime | moment | Moment | اللحظة | | | | | | | | | | | | |
|        | geopoint | lieu | Lieu | المكان | | | | | | | | | | | | |
|        | geotrace | chemin | Chemin | الطريق | | | | | | | | | | | | |
|        | geoshape | champ | Champ | الحقل | | | | | | | | | | | | |
|        | range | note | Note | النقطة | | | | | | | | | | start=1 end=5 step=0.5 | | |
|        | select_one region | region | Région | الجهة | | | | | yes | Choisir | اختاروا | | | | | |
|        | select_one commune | commune | Commune | الجماعة | | | | | | | | | region = ${region} | | minimal | |
|        | select_multiple besoin | besoins | Besoins | الحاجيات | | count-selected(.) <= 2 | Deux au plus | اثنان على الأكثر | | | | | | | | |
|        | rank besoin | ordre | Ordre | الترتيب | | | | | | | | | | | | |
|        | select_one_from_file lieux.csv | site | Site | الموقع | | | | | | | | | region = ${region} | | autocomplete | |
|        | calculate | site_nom | | | | | | | | | | instance('lieux')/root/item[name = ${site}]/label | | | | |
|        | calculate | site_habitants | | | | | | | | | | pulldata('lieux', 'habitants', 'name', ${site}) | | | | |
|        | calculate | double | | | | | | | | | | ${age} * 2 | | | | |
|        | calculate | cle | | | | | | | | | | once(uuid()) | | | | |
|        | image | signature | Signature | التوقيع | | | | | | | | | | max-pixels=640 | signature | |
|        | image | photo | Photo | صورة | | | | | | | | | | max-pixels=640 | | |
|        | acknowledge | vu | Lu | قرئ | | | | | | | | | | | | |
|        | begin_group | adulte | Adulte | بالغ | ${age} >= 18 | | | | | | | | | | | |
|        | text | metier | Métier | المهنة | | | | | | | | | | | | |
|        | end_group | | | | | | | | | | | | | | | |
|        | begin_repeat | membre | Membre | فرد | | | | | | | | | | | | |
|        | text | prenom | Prénom | الاسم الشخصي | | | | | | | | | | | | |
|        | integer | annees | Années | السنوات | | . >= 0 | Positif | موجب | | | | | | | | |
|        | calculate | rang | | | | | | | | | | position(..) | | | | |
|        | begin_repeat | visite | Visite | زيارة | | | | | | | | | | | | |
|        | date | quand | Quand | متى | | | | | | | | | | | | |
|        | image | preuve | Preuve | دليل | | | | | | | | | | max-pixels=640 | | |
|        | end_repeat | | | | | | | | | | | | | | | |
|        | end_repeat | | | | | | | | | | | | | | | |
|        | calculate | n_membres | | | | | | | | | | count(${membre}) | | | | |
|        | begin_repeat | trois | Trois | ثلاثة | | | | | | | | | | | | 3 |
|        | text | quoi | Quoi | ماذا | | | | | | | | | | | | |
|        | end_repeat | | | | | | | | | | | | | | | |
| choices |
|        | list_name | name | label::Français (fr) | label::العربية (ar) | region |
|        | region | r1 | Nord | الشمال | |
|        | region | r2 | Sud | الجنوب | |
|        | commune | c1 | Une | الأولى | r1 |
|        | commune | c2 | Deux | الثانية | r2 |
|        | commune | c3 | Trois | الثالثة | r2 |
|        | besoin | eau | Eau | الماء | |
|        | besoin | route | Route | الطريق | |
|        | besoin | ecole | École | المدرسة | |
| settings |
|        | form_title | form_id | version | default_language |
|        | Tout | tout | 1 | Français (fr) |
"""
LIEUX = 'name,label,region,habitants\nl1,Aït Bouguemez,r1,1200\nl2,"Zaouiat, la petite",r2,350\nl3,أومجنيبة,r2,77\n'


@pytest.fixture(scope="session")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("classes"))


def _own_mission(root: Path) -> Workspace:
    for folder in ("config", "forms"):
        shutil.copytree(REPO / folder, root / folder)
    workspace = Workspace(root, root / ".kobo_sync", root / "exports" / "out")
    config = workspace.config({})
    rows = [
        {"name": f"{zone.extra['prefix']}-{n:02}", "label": f"Nom {n}", "zone": zone.code, "group": group.code, "sex": "f", "consent": ""}
        for zone in config.zones
        for n, group in enumerate(config.groups, 1)
    ]  # fmt: skip
    workspace.state_folder()
    workspace.expected_roster.write_text(json.dumps(rows), "utf-8")
    return workspace


def _mission_of(root: Path, forms: Mapping[str, tuple[str, bytes]], media: Mapping[str, bytes]) -> Workspace:
    """A mission of these forms and nothing else: form_id → (file, content)."""
    (root / "config").mkdir(parents=True)
    (root / "forms" / "media").mkdir(parents=True)
    tables = "".join(f'[forms."{form_id}"]\nfile = "{file}"\n' for form_id, (file, _) in forms.items())
    head = '[mission]\ncode = "autre"\ntitle = "Autre"\nlanguages = ["fr", "ar"]\ntimezone = "UTC"\nstarts_on = 2025-02-11\nends_on = 2025-02-12\n'
    rest = '[[groups]]\ncode = "a"\nlabel = { fr = "A" }\n[quotas.default]\na = 1\n[server]\nkf = "http://127.0.0.1:1"\nkc = "http://127.0.0.1:1"\n'
    (root / "config" / "mission.toml").write_text(head + rest + tables, "utf-8")
    (root / "config" / "zones.csv").write_text("code,label_fr,label_ar\nz,Z,Z\n", "utf-8")
    for file, content in forms.values():
        (root / "forms" / file).write_bytes(content)
    for name, content in media.items():
        (root / "forms" / "media" / name).write_bytes(content)
    return Workspace(root, root / ".kobo_sync", root / "exports" / "out")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """The repository's own mission on a station, with a list of participants."""
    with field_in(tmp_path_factory.mktemp("own"), _own_mission) as field:
        yield field


def _jobs(
    field: Field, folder: Path, form_id: str, languages: Sequence[str], words: Mapping[str, Sequence[str]]
) -> list[Job]:
    """Form and media as the station offers them to phones, in *folder*; a job per language and seed."""
    offered = next(form for form in field.phone.forms() if form.asset_uid == field.uid(form_id))
    media = folder / "media"
    media.mkdir()
    (folder / "form.xml").write_text(field.phone.xform(offered), "utf-8")
    for name, content in (field.phone.media(offered) if offered.manifest_path else {}).items():
        (media / name).write_bytes(content)
    return [
        Job(folder / "form.xml", media, folder / f"{n}-{seed}.xml", language, seed, words)
        for n, language in enumerate(languages)
        for seed in SEEDS
    ]


def _posted(field: Field, job: Job, report: Mapping[str, Any]) -> str:
    """The filled form sent with its files; returns its uuid."""
    files = {text: (PNG + text.encode(), "image/png") for text in report["entered"].values() if text.endswith(".png")}
    assert field.phone.send(job.out.read_bytes(), files) == 201
    meta = {element.tag.rpartition("}")[2]: element.text for element in parse(job.out).getroot().iter()}
    return str(meta["instanceID"]).removeprefix("uuid:")


def _row(field: Field, form_id: str, uuid: str) -> dict[str, Any]:
    """The submission as KoboToolbox's API gives it."""
    url = f"{field.url}/api/v2/assets/{field.uid(form_id)}/data/{uuid}/"
    answer = requests.get(url, headers={"Authorization": f"Token {TOKEN}"}, timeout=20)
    row: dict[str, Any] = answer.json()
    return row


def _as_row(row: Mapping[str, Any], leaf: Leaf) -> str:
    """What KoboToolbox's data say at a place."""
    level: Any = row
    for repeat, turn in leaf.turns:
        level = level[repeat][turn]
    return str(level[leaf.path])


def _hold_against(field: Field, form_id: str, jobs: Sequence[Job], reports: Sequence[Mapping[str, Any]]) -> int:
    """Post all, pull, compare every answer with the station's data and the mirror's tables; returns how many were."""
    uuids = [_posted(field, job, report) for job, report in zip(jobs, reports, strict=True)]
    pull(field.mission)
    tables = {table.repeat: table for table in field.mission.store.tables(field.mission.forms[form_id])}
    frames = {repeat: field.mission.store.read_table(table) for repeat, table in tables.items()}
    form = field.mission.forms[form_id]
    questions = {question.path: question for question in form.questions}
    refuses = bool(form.consent)
    n = 0
    for uuid, report in zip(uuids, reports, strict=True):
        row = _row(field, form_id, uuid)
        for leaf, text in leaves(report).items():
            assert _as_row(row, leaf) == text, leaf
            question = questions.get(leaf.path)
            if question is None or question.kind in ("note", "audit"):
                continue
            if question.kind in PHONES and refuses and "non" in report["entered"].values():
                continue  # of who refuses, nothing says whose phone it was
            frame = frames[question.repeat]
            mine = frame[frame["root_uuid"] == uuid]
            if leaf.turns:
                mine = mine[mine["position"] == _position(frames, tables, uuid, leaf)]
            assert len(mine) == 1, leaf
            columns = [
                c for c in tables[question.repeat].columns if (c.path or c.question) in (question.path, question.name)
            ]
            for column in columns:
                value = mine.iloc[0][column.name]
                expected = text.split()[column.part] if column.part >= 0 else text
                assert value == (expected if column.kind == "text" else float(expected)), leaf
            n += 1
    return n


def _position(frames: Mapping[str, Any], tables: Mapping[str, Any], uuid: str, leaf: Leaf) -> int:
    """The position of a turn in its table: the turns of one parent are numbered together with those of the others."""
    position = 0
    for depth, (repeat, turn) in enumerate(leaf.turns):
        frame = frames[repeat]
        mine = frame[frame["root_uuid"] == uuid]
        if depth:
            mine = mine[mine["parent_position"] == position]
        position = sorted(mine["position"])[turn]
    return position


def _words(field: Field, form_id: str) -> dict[str, Sequence[str]]:
    """Consent mostly given, so that there is something to answer; codes and phones as the forms' constraints want them."""
    settings = field.mission.config.forms[form_id].fields
    badges = [f"{zone.extra['prefix']}-{n:02}" for zone in field.mission.config.zones for n in (1, 7, 12)]
    words = {"badge": badges, "telephone": ["0612345678"], "telephone_saisi": ["0612345678", "٠٦١٢٣٤٥٦٧٨"]}
    consent = {settings["consent"]: ["oui", "oui", "oui", "oui", "non"]} if "consent" in settings else {}
    return words | consent


@pytest.mark.parametrize("form_id", sorted(path.stem for path in (REPO / "forms").glob("*.xlsx")))
def test_the_mirror_holds_what_was_entered_in_the_missions_forms(
    own: Field, classes: Path, tmp_path: Path, form_id: str
) -> None:
    jobs = _jobs(own, tmp_path, form_id, LANGUAGES, _words(own, form_id))
    reports = fill(classes, jobs)
    _all_went_well(reports)
    assert _hold_against(own, form_id, jobs, reports) >= 10 * len(jobs)


def _all_went_well(reports: Sequence[Mapping[str, Any]]) -> None:
    for report in reports:
        assert "fault" not in report, report
        assert report["invalid"] is None
        assert [each for each in report["refused"] if each["kind"] == "unanswerable"] == []


@pytest.mark.parametrize("form_id", sorted(path.stem for path in (REPO / "forms").glob("*.xlsx")))
def test_wrong_answers_are_refused_in_the_forms_own_words(
    own: Field, classes: Path, tmp_path: Path, form_id: str
) -> None:
    jobs = _jobs(own, tmp_path, form_id, LANGUAGES, _words(own, form_id))
    texts = _refusals_of(own.mission, form_id)
    n = 0
    for job, report in zip(jobs, fill(classes, jobs), strict=True):
        for refusal in report["refused"]:
            name = refusal["path"].rpartition("/")[2].partition("[")[0]
            text = re.escape(texts[name, refusal["kind"], job.language])
            pattern = re.sub(r"\\\$\\\{\w+\\\}", ".+", text)  # what another question answers stands in it
            assert re.fullmatch(pattern, refusal["message"]), refusal["path"]
            n += 1
    assert n >= 2 * len(jobs)


def _refusals_of(mission: Mission, form_id: str) -> dict[tuple[str, str, str], str]:
    """(question, required or constraint, language) → the message, straight from the workbook's cells."""
    path = mission.workspace.root / "forms" / mission.config.forms[form_id].file
    header, *rows = load_workbook(path)["survey"].iter_rows(values_only=True)
    texts = {}
    for row in rows:
        cells = dict(zip(header, row, strict=False))
        for kind, column in (("required", "required_message"), ("constraint", "constraint_message")):
            for language in LANGUAGES:
                text = str(cells.get(f"{column}::{language}") or "")
                texts[str(cells.get("name")), kind, language] = text.replace("’", "'")  # as pyxform writes it
    return texts


def test_every_kind_of_question_arrives_as_it_was_entered(classes: Path, tmp_path: Path) -> None:
    forms = {"tout": ("tout.md", EVERY_KIND.encode())}
    with field_in(tmp_path, lambda root: _mission_of(root, forms, {"lieux.csv": LIEUX.encode()})) as field:
        folder = tmp_path / "phone"
        folder.mkdir()
        jobs = _jobs(field, folder, "tout", LANGUAGES, {})
        reports = fill(classes, jobs)
        _all_went_well(reports)
        kinds = {refusal["kind"] for report in reports for refusal in report["refused"]}
        assert kinds == {"required", "constraint"}
        messages = {refusal["message"] for report in reports for refusal in report["refused"]}
        assert {"Le nom est obligatoire", "الاسم إلزامي", "Deux lettres au moins", "اثنان على الأكثر"} <= messages
        assert any("visite[2]" in path for report in reports for path in report["entered"])
        assert _hold_against(field, "tout", jobs, reports) > 20 * len(jobs)


@pytest.mark.skipif(not OTHER_FORMS, reason="KOBO_SYNC_OTHER_FORMS names no folder of other people's XLSForms")
def test_other_peoples_forms_arrive_as_they_were_entered(classes: Path, tmp_path: Path) -> None:
    """Each that compiles and whose media are there; the counts are printed (-s)."""
    counts: Counter[str] = Counter()
    faults: dict[str, str] = {}
    for path in sorted(Path(OTHER_FORMS).rglob("*.xls*")):
        try:
            counts["answers"] += _play_one(path, classes, tmp_path / f"{counts['forms']}")
            counts["filled"] += 1
        except (KoboSyncError, KeyError, StopIteration) as error:
            counts["not deployable"] += 1
            faults[path.name] = str(error)[:200]
        except AssertionError as error:
            faults[path.name] = f"FAILED {str(error)[:400]}"
        counts["forms"] += 1
    print(dict(counts), *(f"{name}: {why}" for name, why in faults.items()), sep="\n")
    assert not [name for name, why in faults.items() if why.startswith("FAILED")]


def _play_one(path: Path, classes: Path, folder: Path) -> int:
    form = read_form(path.read_bytes(), path.name)
    media = {
        each.name: each.read_bytes() for each in path.parent.iterdir() if each.suffix in (".csv", ".xml", ".geojson")
    }
    forms = {form.form_id: (path.name, path.read_bytes())}
    with field_in(folder, lambda root: _mission_of(root, forms, media)) as field:
        phone = folder / "phone"
        phone.mkdir()
        jobs = _jobs(field, phone, form.form_id, [""], {})
        reports = fill(classes, jobs)
        for report in reports:
            assert "fault" not in report, report
        return _hold_against(field, form.form_id, jobs, reports)
