"""Charts and pictures: equal bytes, every writing, no complaint about fonts, no metadata."""

from __future__ import annotations

import io
from itertools import pairwise

import pytest
from invented_facts import signature_png
from PIL import Image

from kobo_sync.documents import pictures
from kobo_sync.documents.colours import contrast_with_white, ramp, readable
from kobo_sync.documents.pdf import charts, typeset
from kobo_sync.documents.pdf.charts import Bar

LEVELS = ["Non", "Plutôt non", "Neutre", "Plutôt oui", "Oui"]


def draw_all() -> list[bytes]:
    return [
        charts.likert([("Objectifs clairs", [0.04, 0.08, 0.12, 0.36, 0.4], 25), ("الأهداف واضحة", [], 0)], LEVELS),
        charts.dumbbell([("Plaidoyer", 44, 76), ("ⴰⵣⵓⵍ", 60, 50)]),
        charts.ranking([Bar("Transport", 2.3, "النقل", strong=True), Bar("Internat", 1.2)]),
        charts.quota([Bar("OSC", 9, target=9), Bar("CLD", 6, target=8)]),
    ]


def test_charts_are_the_same_bytes_each_time() -> None:
    assert draw_all() == draw_all()


def test_charts_of_nothing_are_drawn() -> None:
    for content in (charts.likert([], LEVELS), charts.dumbbell([]), charts.ranking([]), charts.quota([])):
        assert Image.open(io.BytesIO(content)).format == "PNG"


def test_missing_fonts_make_no_noise(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(typeset, "FONTS", ("Police absente",))
    assert charts.ranking([Bar("ⴰⵣⵓⵍ 漢字", 1, "النقل")])
    assert not caplog.records


@pytest.mark.parametrize("colour", ["#1F4E79", "#B35806", "#FFE000", "#7B1FA2", "#2E7D32", "#000000"])
def test_levels_stay_apart_without_colour(colour: str) -> None:
    """In grey, no two levels that touch look alike: their lightness differs, or a hatch does."""
    steps = [(contrast_with_white(shade), hatch) for shade, hatch in ramp(5, readable(colour))]
    for (light, hatch), (other, other_hatch) in pairwise(steps):
        assert hatch != other_hatch or max(light, other) / min(light, other) > 1.3, colour
    assert contrast_with_white(readable(colour)) >= 4.5
    assert charts.likert([("q", [0.2] * 5, 25)], LEVELS, colour=readable(colour)) != charts.likert(
        [("q", [0.2] * 5, 25)], LEVELS, colour="#123456"
    )


def test_a_label_is_never_markup() -> None:
    assert charts.ranking([Bar("#panic() $x$ *gras* @ref <b>", 1, '[#read("/etc/passwd")]')])


def test_any_number_of_levels() -> None:
    for n in (1, 2, 3, 7):
        assert charts.likert([("q", [1 / n] * n, n)], [str(i) for i in range(n)])


def test_signatures_are_cropped_to_the_ink() -> None:
    drawn = pictures.signature(signature_png(3))
    assert drawn is not None
    image = Image.open(io.BytesIO(drawn))
    assert image.width <= 300
    assert image.convert("L").getextrema()[0] < 100
    assert len(drawn) < 6_000


def test_no_ink_and_no_image_are_none() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(out, "PNG")
    assert pictures.signature(out.getvalue()) is None
    assert pictures.signature(b"broken") is None
    assert pictures.photo(b"") is None


def test_photos_lose_their_metadata_and_stand_upright() -> None:
    image = Image.new("RGB", (2400, 1200), "grey")
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8825)[1] = "N"
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif)
    assert b"Maker" in out.getvalue()
    content = pictures.photo(out.getvalue())
    assert content is not None
    result = Image.open(io.BytesIO(content))
    assert (result.size, len(result.getexif())) == ((800, 1600), 0)
    assert b"Maker" not in content


def test_what_typst_forgets_it_makes_again() -> None:
    before = typeset.pdf("#data.name", {"name": "Élève"}, title="Essai")
    typeset.forget()
    assert typeset.pdf("#data.name", {"name": "Élève"}, title="Essai") == before
