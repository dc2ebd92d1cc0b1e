"""The CSV files that phones show: published lists and the roster."""

from __future__ import annotations

import pytest

from kobo_sync.errors import ConfigError
from kobo_sync.forms.media import list_csv, roster_csv


def test_list_joins_the_languages_and_keeps_its_columns() -> None:
    text = "code,label_fr,label_ar,prefix\nber,Bertat,برطات,BER\noum,Oumjniba,,OUM\n"
    assert list_csv(text, "config/zones.csv", ["fr", "ar"]).decode() == (
        "name,label,prefix\nber,Bertat / برطات,BER\noum,Oumjniba,OUM\n"
    )


def test_list_with_semicolons_is_published_with_commas() -> None:
    assert list_csv("code;label_fr\nx;Un, deux\n", "config/l.csv", ["fr"]) == b'name,label\nx,"Un, deux"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("code,nom\nx,X\n", "label_fr"),
        ("code,label_fr\n", "no row"),
        ("code,label_fr\nx,X\nx,Y\n", "row 2"),
        ("code,label_fr\nété,X\n", "cannot be a code"),
        ("code,label_fr\nx,\n", "no label"),
        ("code,label_fr,name\nx,X,Y\n", "name"),
    ],
)
def test_faulty_lists_name_file_and_cure(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        list_csv(text, "config/l.csv", ["fr", "ar"])
    assert caught.value.file == "config/l.csv"
    assert caught.value.hint


def test_roster_is_sorted_and_holds_nothing_else() -> None:
    one = {"name": "OUM-01", "label": "Zaki Ali", "zone": "oumjniba", "group": "cld", "sex": "h", "phone": "0612345678"}
    two = {"name": "BER-02", "label": "Alaoui, Amina", "zone": "bertat", "group": "osc_ed", "sex": "f"}
    two["consent"] = "oui"  # carried to the forms that show the roster (part 8, B28)
    roster = roster_csv([one, two])
    assert (
        roster
        == b'name,label,zone,group,sex,consent\nBER-02,"Alaoui, Amina",bertat,osc_ed,f,oui\nOUM-01,Zaki Ali,oumjniba,cld,h,\n'
    )
    assert roster == roster_csv([two, one])
