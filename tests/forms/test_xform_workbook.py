"""An XForm written back as an XLSForm: compiled again it is the same form."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from conftest import PERSONNES, REPO, VISITES

from kobo_sync.errors import FormError
from kobo_sync.forms.compare import compare
from kobo_sync.forms.compiler import compile_form
from kobo_sync.forms.xform_workbook import workbook_of
from kobo_sync.forms.xlsform import read_form

FORMS = sorted((REPO / "forms").glob("*.xlsx")) + sorted((REPO / "kobo_sync" / "starter").rglob("forms/*.xlsx"))
TEXTS = {"personnes.md": PERSONNES, "visites.md": VISITES}

ALL_KINDS = """
| survey |
| | type | name | label::Français (fr) | label::العربية (ar) | hint::Français (fr) | required | relevant | constraint | constraint_message::Français (fr) | calculation | appearance | default | choice_filter | parameters | repeat_count | read_only | trigger |
| | start | debut | | | | | | | | | | | | | | | |
| | audit | audit | | | | | | | | | | | | location-priority=balanced location-min-interval=60 location-max-age=120 | | | |
| | username | qui | | | | | | | | | | | | | | | |
| | begin_group | page | Page | صفحة | | | | | | | field-list | | | | | | |
| | note | mot | Bonjour ${nom} | مرحبا | | | | | | | | | | | | | |
| | text | nom | Nom <b>de famille</b> | الاسم | en lettres | yes | | regex(., '^[^0-9]+$') | Pas de chiffres | | multiline | | | | | | |
| | integer | age | Âge | السن | | | | . >= 0 and . < 120 | | | | 18 | | | | | |
| | decimal | poids | Poids | الوزن | | | ${age} > 5 | | | | | | | | | | |
| | range | note_sur | Note | تقييم | | | | | | | | | | start=0 end=10 step=2 | | | |
| | date | jour | Jour | اليوم | | | | | | | | today() | | | | | |
| | time | heure | Heure | الساعة | | | | | | | | | | | | | |
| | datetime | moment | Moment | الوقت | | | | | | | | | | | | | |
| | geopoint | lieu | Lieu | المكان | | | | | | | | | | | | | |
| | geotrace | trace | Trace | المسار | | | | | | | | | | | | | |
| | geoshape | aire | Aire | المساحة | | | | | | | | | | | | | |
| | barcode | badge | Badge | الشارة | | | | | | | | | | | | | |
| | acknowledge | vu | Vu | تم | | | | | | | | | | | | | |
| | end_group | | | | | | | | | | | | | | | | |
| | select_one region | region | Région | الجهة | | | | | | | minimal | | | | | | |
| | select_one ville | ville | Ville | المدينة | | | | | | | | | region = ${region} | | | | |
| | select_multiple besoin | besoins | Besoins | الاحتياجات | | | | | | | | | | randomize=true | | | |
| | select_one ville | tiree | Tirée | مسحوبة | | | | | | | | | contains(region, 'n,') or region = ${region} | randomize=true seed=${age} | | | |
| | rank besoin | ordre | Ordre | الترتيب | | | | | | | | | | | | | |
| | select_one_from_file lieux.csv | site | Site | الموقع | | | | | | | | | region = ${region} | value=code label=nom | | | |
| | image | photo | Photo | صورة | | | | | | | | | | max-pixels=1024 | | | |
| | audio | son | Son | صوت | | | | | | | | | | | | | |
| | video | film | Film | فيديو | | | | | | | | | | | | | |
| | file | piece | Pièce | ملف | | | | | | | | | | | | | |
| | calculate | double | | | | | | | | ${age} * 2 | | | | | | | |
| | integer | n | Combien ? | كم؟ | | | | | | | | | | | | | |
| | begin_repeat | membre | Membre | فرد | | | ${n} > 0 | | | | | | | | ${n} | | |
| | text | prenom | Prénom | الاسم | | | | | | | | | | | | | |
| | integer | annees | Années de ${prenom} | سنوات | | | | . <= ${age} | | | | | | | | | |
| | begin_repeat | soin | Soin | علاج | | | | | | | | | | | | | |
| | text | acte | Acte | عمل | | | ${annees} > 1 | | | | | | | | | | |
| | end_repeat | | | | | | | | | | | | | | | | |
| | end_repeat | | | | | | | | | | | | | | | | |
| | calculate | somme | | | | | | | | sum(${annees}) + count(${membre}) | | | | | | | |
| | text | fixe | Fixe | ثابت | | | | | | | | abc | | | | yes | |
| | hidden | cache | | | | | | | | | | zz | | | | | |
| choices |
| | list_name | name | label::Français (fr) | label::العربية (ar) | region | image::Français (fr) |
| | region | n | Nord | الشمال | | nord.png |
| | region | s | Sud | الجنوب | | |
| | ville | v1 | Ville 1 | مدينة 1 | n | |
| | ville | v2 | Ville 2 | مدينة 2 | s | |
| | besoin | 01 | Eau | ماء | | |
| | besoin | 02 | Pain & lait | خبز | | |
| settings |
| | form_title | form_id | version | default_language | style | instance_name |
| | Tout | tout | 7 | Français (fr) | pages | concat(${nom}, ' - ', ${age}) |
"""


def canonical(xform: str | bytes) -> list[str]:
    """What an XForm says, without the order of attributes, and of what the compiler lists by name."""
    root = ElementTree.fromstring(xform)
    lines: list[str] = []

    def walk(element: ElementTree.Element, path: str) -> None:
        here = f"{path}/{element.tag.rpartition('}')[2]}"
        named = {k.rpartition("}")[2]: " ".join(v.split()) for k, v in element.attrib.items()}
        text = " ".join((element.text or "").split())
        tail = " ".join((element.tail or "").split())
        lines.append(f"{here} {sorted(named.items())} {text} {tail}")
        children = list(element)
        if here.endswith(("/itext", "/translation", "/model")):  # their order says nothing
            children.sort(key=ElementTree.tostring)
        for child in children:
            walk(child, here)

    walk(root, "")
    return lines


def assert_comes_back(content: bytes, name: str) -> None:
    before = compile_form(content, name, validate=False)
    form_id = read_form(content, name).form_id
    written = workbook_of(before.xform.encode(), form_id)
    assert compare(read_form(content, name), read_form(written, "back.xlsx")) == ()
    again = compile_form(written, "back.xlsx", validate=False)
    assert canonical(again.xform) == canonical(before.xform)
    assert workbook_of(again.xform.encode(), form_id) == written  # and again: a deployment sees no change


@pytest.mark.parametrize("path", FORMS, ids=lambda path: f"{path.parent.parent.name}-{path.name}")
def test_our_own_forms_come_back(path: Path) -> None:
    assert_comes_back(path.read_bytes(), path.name)


@pytest.mark.parametrize("name", TEXTS)
def test_small_forms_come_back(name: str) -> None:
    assert_comes_back(TEXTS[name].encode(), name)


def test_a_form_of_all_kinds_comes_back() -> None:
    assert_comes_back(ALL_KINDS.encode(), "tout.md")


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"no xml",
        b"<html/>",
        b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        b"<h:html xmlns:h='http://www.w3.org/1999/xhtml'><h:head/></h:html>",
        b"\xff\xfe",
    ],
)
def test_what_is_no_xform_is_told(bad: bytes) -> None:
    with pytest.raises(FormError) as refusal:
        workbook_of(bad, "personnes")
    assert "personnes" in str(refusal.value) and refusal.value.hint
