"""Photos and signatures made fit to print: turned upright, cropped, small, without the camera's metadata."""

from __future__ import annotations

import io
from functools import lru_cache

from PIL import Image, ImageOps

_PHOTO_PX, _LOGO_PX = 1600, 600
_SIGNATURE_PX = (300, 90)
_INK_BELOW = 200
_WHITE_FROM = 250
_EIGHT = [round(level * 7 / 255) for level in range(256)]


def signature(content: bytes) -> bytes | None:
    """The drawn strokes as a small PNG on white, cropped to the ink; None when there is no image or no ink."""
    opened = _open(content)
    if opened is None:
        return None
    grey = _on_white(opened).convert("L")
    box = grey.point(lambda level: 255 if level < _INK_BELOW else 0).getbbox()
    if box is None:
        return None
    margin = 4
    left, top, right, bottom = box
    grey = grey.crop(
        (
            max(0, left - margin),
            max(0, top - margin),
            min(grey.width, right + margin),
            min(grey.height, bottom + margin),
        )
    )
    grey.thumbnail(_SIGNATURE_PX, Image.Resampling.LANCZOS)
    few = grey.point(_EIGHT)  # eight greys: four bits a point
    few.putpalette([level for place in range(8) for level in [place * 255 // 7] * 3])
    return _png(few)


@lru_cache(maxsize=16)
def photo(content: bytes, px: int = _PHOTO_PX, frame: tuple[int, int] = (0, 0)) -> bytes | None:
    """The photo upright as a JPEG of at most *px* pixels, without EXIF (GPS, device); None when there is no image.

    *frame* (width, height): cut around its middle to these proportions, so that it fills its frame; blank borders go first.
    """
    opened = _open(content)
    if opened is None:
        return None
    upright = _on_white(ImageOps.exif_transpose(opened))
    if all(frame):
        whole = _without_border(upright)
        width = min(whole.width, round(whole.height * frame[0] / frame[1]))
        height = min(whole.height, round(whole.width * frame[1] / frame[0]))
        upright = ImageOps.fit(whole, (max(1, width), max(1, height)), method=Image.Resampling.LANCZOS)
    upright.thumbnail((px, px), Image.Resampling.LANCZOS)
    clean = Image.new("RGB", upright.size)
    clean.paste(upright)
    out = io.BytesIO()
    clean.save(out, format="JPEG", quality=85)
    return out.getvalue()


@lru_cache(maxsize=16)
def logo(content: bytes) -> bytes | None:
    """A logo as a PNG on white of at most 600 pixels, without metadata; None when there is no image."""
    opened = _open(content)
    if opened is None:
        return None
    plain = _on_white(opened)
    plain.thumbnail((_LOGO_PX, _LOGO_PX), Image.Resampling.LANCZOS)
    return _png(plain)


def _without_border(image: Image.Image) -> Image.Image:
    """The image without the white strips at its edges; a picture that is all white stays."""
    ink = image.convert("L").point(lambda level: 255 if level < _WHITE_FROM else 0).getbbox()
    return image.crop(ink) if ink and min(ink[2] - ink[0], ink[3] - ink[1]) > min(image.size) // 2 else image


def _open(content: bytes) -> Image.Image | None:
    try:
        opened = Image.open(io.BytesIO(content))
        opened.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return opened


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode in ("1", "L", "RGB") and "transparency" not in image.info:
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    ground = Image.new("RGBA", rgba.size, "white")
    ground.alpha_composite(rgba)
    return ground.convert("RGB")


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, format="PNG")
    return out.getvalue()
