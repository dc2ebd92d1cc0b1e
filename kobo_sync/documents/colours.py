"""Colours of a mission's identity: readable on white, tinted, and scales that print and every eye keep apart."""

from __future__ import annotations

import colorsys

BLUE = "#2166ac"
_READABLE = 4.5  # contrast of text on its ground, by WCAG 2.2 AA
_BROWNS, _GREYS = ("#b35806", "#f1a340"), ("#4d4d4d", "#b3b3b3")
_NEUTRAL = "#e6e6e6"


def readable(colour: str) -> str:
    """*colour* (``#RRGGBB``), darkened as far as white text on it, or it on white, needs to be read."""
    hue, light, saturation = colorsys.rgb_to_hls(*_parts(colour))
    while contrast_with_white(colour) < _READABLE:
        light -= 0.02
        colour = _hex(colorsys.hls_to_rgb(hue, max(0.0, light), saturation))
    return colour


def contrast_with_white(colour: str) -> float:
    """The contrast ratio 1..21 of *colour* and white. Source: WCAG 2.2, relative luminance."""
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in _parts(colour))
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


def tint(colour: str, share: float) -> str:
    """*colour* mixed with white, 0 (unchanged) to 1 (white)."""
    return _hex(tuple(part + (1 - part) * share for part in _parts(colour)))


def ramp(n: int, colour: str = BLUE) -> list[tuple[str, str]]:
    """(colour, hatch) of n levels from the least favourable: hatched and warm, grey, then plain tints of *colour*.

    The hatches keep the ends apart in print and for every colour vision; a mission whose colour is
    warm itself has greys in place of browns. *hatch* is ``"dense"``, ``"wide"`` or empty.
    """
    low = _GREYS if _is_warm(colour) else _BROWNS
    scale = [(low[0], "dense"), (low[1], "wide"), (_NEUTRAL, ""), (tint(colour, 0.55), ""), (colour, "")]
    if n == 1:
        return [scale[-1]]
    return [scale[round(index * (len(scale) - 1) / max(1, n - 1))] for index in range(n)]


def _is_warm(colour: str) -> bool:
    hue, _, saturation = colorsys.rgb_to_hls(*_parts(colour))
    return saturation > 0.15 and not 0.2 < hue < 0.92


def _parts(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    return red, green, blue


def _hex(parts: tuple[float, ...]) -> str:
    return "#" + "".join(f"{round(255 * part):02X}" for part in parts)
