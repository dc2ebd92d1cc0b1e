"""Identity, photos and small zones: the mission's colour and logos everywhere, photos without their data, nothing deducible."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from docx import Document as open_docx
from invented_facts import make_facts, make_tables, signature_png, with_phone
from PIL import Image
from test_deliverables_zone import built, cells, words

from kobo_sync.analysis.by_zone import zone_views
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.focus import photos
from kobo_sync.config.config import Identity
from kobo_sync.deliverables import deliverable

TEMPLATES = Path(__file__).parents[2] / "kobo_sync" / "starter" / "exports" / "templates"


def templates() -> dict[str, bytes]:
    return {str(p.relative_to(TEMPLATES)): p.read_bytes() for p in sorted(TEMPLATES.rglob("*.docx"))}


def mission_facts(*sizes: int) -> Facts:
    """The mission with so many persons in each of its zones."""
    facts = replace(make_facts(0), zone=None, templates=templates())
    parts: dict[str, list[pd.DataFrame]] = {}
    for number, (zone, n) in enumerate(zip(facts.config.zones, sizes, strict=True), 1):
        for name, made in make_tables(n, number, zone.code).items():
            roots = made["root_uuid"].str[:1] + str(number) + made["root_uuid"].str[1:]
            own = made.replace(r"^BER-", f"Z{number}-", regex=True)  # a code is one person over all zones
            own = with_phone(own, number) if name == "presence" else own
            parts.setdefault(name, []).append(own.assign(root_uuid=roots))
    return replace(facts, tables={name: pd.concat(found, ignore_index=True) for name, found in parts.items()})


def camera_photo() -> bytes:
    """A photo as a phone takes it: large, with its position and maker."""
    exif = Image.Exif()
    exif[0x010F] = "Fabricant"
    exif.get_ifd(0x8825)[1] = "N"
    out = io.BytesIO()
    Image.new("RGB", (2400, 1800), "teal").save(out, "JPEG", exif=exif)
    return out.getvalue()


def pictures_of(content: bytes) -> list[bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [archive.read(name) for name in archive.namelist() if name.startswith("word/media/")]


@pytest.mark.parametrize("name", ["training_kit", "evaluations", "attendance_list", "zone_sheet"])
def test_colour_and_logos_are_on_every_paper(name: str) -> None:
    facts = replace(make_facts(25), templates={**templates(), "logo.png": signature_png(1)})
    identity = Identity(colour="#7A1F3D", logos=["logo.png", "absent.png"])
    dressed = replace(facts, config=facts.config.model_copy(update={"identity": identity}))
    plain = built(name, facts)
    for path, content in built(name, dressed).items():
        if path.endswith(".docx"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                said = archive.read("word/document.xml") + archive.read("word/styles.xml")
            assert b"7A1F3D" in said and b"1F4E79" not in said, path
            assert said.count(b"Logo : logo.png") == 1, path
        elif path.endswith(".xlsx"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                assert b"7A1F3D" in archive.read("xl/styles.xml")
        else:
            assert content != plain[path]


def test_the_report_has_them_too_and_keeps_its_bytes() -> None:
    facts = replace(mission_facts(25, 25), templates={**templates(), "logo.png": signature_png(1)})
    identity = Identity(colour="#7A1F3D", logos=["logo.png"])
    dressed = replace(facts, config=facts.config.model_copy(update={"identity": identity}))
    first = built("final_report", dressed)["rapport-final.docx"]
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        said = archive.read("word/document.xml")
    assert b"7A1F3D" in said and b"1F4E79" not in said and said.count(b"Logo : logo.png") == 1
    held = replace(dressed, previous_files={"rapport-final.docx": first})
    assert built("final_report", held)["rapport-final.docx"] == first


def test_photos_are_shown_small_without_their_data_and_only_where_allowed() -> None:
    facts = make_facts(25)
    table = facts.tables["focus"].assign(photo="p.jpg", accord_photo=["oui", "non", None])
    fields = facts.config.forms["focus"].fields | {"photo": "photo", "photo_consent": "accord_photo"}
    form = facts.config.forms["focus"].model_copy(update={"fields": fields})
    config = facts.config.model_copy(update={"forms": {**facts.config.forms, "focus": form}})
    shown = replace(
        facts, config=config, tables={**facts.tables, "focus": table}, attachment=lambda _root, _name: camera_photo()
    )
    assert len(photos(shown)) == 1
    content = built("needs", shown)["besoins-prioritaires.docx"]
    (photo,) = [picture for picture in pictures_of(content) if picture.startswith(b"\xff\xd8")]
    image = Image.open(io.BytesIO(photo))
    assert max(image.size) == 1000 and not image.getexif() and b"Fabricant" not in photo
    assert "Photo – groupe de discussion" in words(content)
    lost = replace(shown, attachment=lambda _root, _name: b"cut short")
    assert "Photo – groupe" not in words(built("needs", lost)["besoins-prioritaires.docx"])


def rows_of(content: bytes, caption: str) -> list[list[str]]:
    document = open_docx(io.BytesIO(content))
    for table in document.element.body.iter("{*}tbl"):
        title = table.find(".//{*}tblCaption")
        if title is not None and caption in next(iter(title.attrib.values())):
            return [
                ["".join(t.text or "" for t in cell.iter("{*}t")) for cell in row.iter("{*}tc")]
                for row in table.iter("{*}tr")
            ]
    raise AssertionError(caption)


def zone_facts(whole: Facts, place: int) -> Facts:
    """What the papers of the mission's *place*-th zone are made from."""
    return zone_views(whole)[whole.config.zones[place].code]


def test_a_small_zone_cannot_be_worked_out_from_the_others_and_the_total() -> None:
    """Two persons in one of two zones: the other zone's own papers say 25, so the mission's may not say 27."""
    facts = mission_facts(25, 2)
    report = built("final_report", facts)["rapport-final.docx"]
    rows = rows_of(report, "Zones, dates et participation")
    assert [row[3] for row in rows[1:]] == ["25", "–", "≥\u00a025"]
    assert [row[5] for row in rows[1:]] == ["100\u202f%", "–", "–"]
    learnt = rows_of(report, "Évolution par zone")
    assert all(cell == "–" for cell in learnt[2][1:]) and learnt[3][1].startswith("≥")
    said = words(report)
    assert "2 sur 25" not in said and "27" not in said.split("\n")
    whole = rows_of(built("final_report", mission_facts(25, 24))["rapport-final.docx"], "Zones, dates et participation")
    assert [row[3] for row in whole[1:]] == ["25", "24", "49"]


def test_what_zones_hide_is_not_had_by_taking_the_others_from_the_missions() -> None:
    """Group by sex, mentions, sizes of groups: the same cell of all zones and of the report, side by side."""
    facts = mission_facts(25, 13)
    report = built("final_report", facts)["rapport-final.docx"]
    papers = [
        (built("evaluations", here), built("needs", here)) for here in (zone_facts(facts, 0), zone_facts(facts, 1))
    ]
    n_hidden = 0
    for caption, of_papers in (("par groupe et par sexe", 0), ("Besoins classés", 1)):
        wholes = {row[0 if of_papers == 0 else 1]: row for row in rows_of(report, caption)}
        zones = []
        for documents in papers:
            path = ("evaluations.docx", "besoins-prioritaires.docx")[of_papers]
            zones.append({row[0 if of_papers == 0 else 1]: row for row in rows_of(documents[of_papers][path], caption)})
        places = range(1, 4) if of_papers == 0 else (4,)
        for name, row in wholes.items():
            for place in places:
                hiding = [zone for zone in zones if name in zone and zone[name][place] == "–"]
                n_hidden += len(hiding)
                assert len(hiding) != 1 or row[place] == "–", (caption, name, place)
    assert n_hidden > 3


def test_a_person_who_came_to_two_zones_counts_once_in_the_missions_tables() -> None:
    facts = mission_facts(25, 25)
    presence = facts.tables["presence"]
    again = presence[presence["participant"].eq("Z1-01")].assign(zone=facts.config.zones[1].code, root_uuid="twice")
    both = pd.concat([presence, again], ignore_index=True)
    doubled = replace(facts, tables={**facts.tables, "presence": both})
    before, after = (built("final_report", each)["rapport-final.docx"] for each in (facts, doubled))
    for caption in ("par groupe et par sexe", "par tranche d’âge et par sexe"):
        assert rows_of(after, caption) == rows_of(before, caption)
    assert rows_of(after, "Zones, dates")[-1][3] == rows_of(before, "Zones, dates")[-1][3]


def test_a_question_that_is_asked_no_more_keeps_its_numbers_and_is_told() -> None:
    facts = make_facts(3)
    old = facts.tables["satisfaction"].assign(ancienne_note=[7, 8, 9], ancien_nom=["Ali", "Zineb", "Hakim"])
    workbook = built("data_workbook", replace(facts, tables={**facts.tables, "satisfaction": old}))["donnees.xlsx"]
    said = cells(workbook)
    assert "ancienne_note" in said and 9 in said and "Zineb" not in said
    assert any("ancien_nom" in str(cell) for cell in said), "the sheet « Lisez-moi » names what was left out"
    assert deliverable("data_workbook").classification == "pseudonymised"


def test_a_person_without_group_is_in_the_table_and_not_between_two_totals() -> None:
    facts = mission_facts(25, 25)
    registered = facts.tables["inscription"].copy()
    registered.loc[registered["code_participant"].eq("Z1-01"), ["groupe", "tranche_age"]] = None
    report = built("final_report", replace(facts, tables={**facts.tables, "inscription": registered}))[
        "rapport-final.docx"
    ]
    whole = rows_of(report, "Zones, dates et participation")[-1][3]
    for caption, others in (("par groupe et par sexe", "–"), ("par tranche d’âge et par sexe", "3")):
        rows = rows_of(report, caption)
        assert rows[-1][-1] == whole, caption
        assert rows[-2][0] == "Autre ou non précisé" and rows[-2][-1] == others, caption
