"""Codes that machines read: Code 128 as the standard says, settings codes that decode."""

from __future__ import annotations

import base64
import json
import re
import zlib

import pypdfium2
import pytest

from kobo_sync.documents.pdf.badges import Badge, badges_pdf, enrolment_pdf, has_room
from kobo_sync.documents.pdf.barcodes import _WIDTHS, code128_modules, code128_svg, qr_png
from kobo_sync.language.speaking import Code
from kobo_sync.phones.enrolment import payload, settings


def _read(svg: str) -> str:
    """What a scanner reads: the bars of the drawing, back to characters, with the check character proved."""
    bars = [(int(at), int(width)) for at, width in re.findall(r"M(\d+) 0h(\d+)v", svg)]
    steps = [
        str(width)
        for (at, bar), (following, _) in zip(bars, [*bars[1:], (0, 0)], strict=True)
        for width in (bar, following - at - bar)
    ]
    text = "".join(steps[:-1])
    values = [_WIDTHS.index(text[at : at + 6]) for at in range(0, len(text) - 7, 6)]
    assert text.endswith(_WIDTHS[106]) and bars[0][0] == 10
    start, *data, check = values
    assert start == 104 and check == (start + sum(n * value for n, value in enumerate(data, 1))) % 103
    return "".join(chr(value + 32) for value in data)


@pytest.mark.parametrize("text", ["BER-07", "ZSH-100", "a b~!", "0"])
def test_code_128_reads_back(text: str) -> None:
    assert _read(code128_svg(text)) == text


def test_the_table_of_widths_is_whole() -> None:
    assert len(set(_WIDTHS)) == 107
    assert all(sum(map(int, widths)) == 11 for widths in _WIDTHS[:-1])


def test_what_has_no_bar_code() -> None:
    assert code128_modules("برطات") == code128_modules("") == 0
    with pytest.raises(ValueError, match="ASCII"):
        code128_svg("é")
    assert has_room("OUM-123") and not has_room("X" * 30)
    assert badges_pdf([Badge("X" * 30, "Nom"), Badge("BER-01")], title="Essai").startswith(b"%PDF")


def test_a_settings_code_decodes_and_holds_no_password() -> None:
    chosen = settings("https://kc.example.org/", "agent_01", project="Ensemble", language="ar")
    code = payload(chosen)
    assert code == payload(chosen)
    read = json.loads(zlib.decompress(base64.b64decode(code)))
    assert read["general"]["server_url"] == "https://kc.example.org" and read["general"]["username"] == "agent_01"
    assert read["general"]["app_language"] == "ar" and read["general"]["autosend"] == "wifi_and_cellular"
    assert read["admin"] == {} and read["project"]["icon"] == "E" and "password" not in read["general"]
    assert settings("x", "y", project="", password="hush")["general"]["password"] == "hush"
    assert qr_png(code) == qr_png(code) and qr_png(code).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("languages", "first", "others"),
    [
        (("fr", "ar"), "Configurer le téléphone", "Play"),
        (("en",), "Set up the phone", "Install KoboCollect from the Play Store"),
        (("en", "fr"), "Set up the phone", "Installez KoboCollect"),
    ],
)
def test_the_sheet_of_a_phone_speaks_the_languages_of_those_who_read_it(
    languages: tuple[Code, ...], first: str, others: str
) -> None:
    sheet = enrolment_pdf("code", user="maha", name="", mission="M", server="https://x", languages=languages)
    text = pypdfium2.PdfDocument(sheet)[0].get_textpage().get_text_range().replace("\r\n", " ")
    assert first in text and others in text
    if "fr" not in languages:
        assert "Installez" not in text and "Compte" not in text
