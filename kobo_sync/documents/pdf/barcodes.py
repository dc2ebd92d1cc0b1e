"""Codes that machines read, as SVG or PNG: QR codes, and Code 128 for badges; the only user of segno."""

from __future__ import annotations

import io

import segno

_QUIET = 10  # blank modules on each side of a Code 128 (ISO/IEC 15417)
_START_B, _STOP = 104, 106
# Widths of bar, space, bar, … of each of the 107 symbols (ISO/IEC 15417, table 1).
_WIDTHS = (
    "212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 113222 "
    "123122 123221 223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321 "
    "232121 111323 131123 131321 112313 132113 132311 211313 231113 231311 112133 112331 132131 113123 113321 133121 "
    "313121 211331 231131 213113 213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 "
    "111422 121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 241112 134111 "
    "111242 121142 121241 114212 124112 124211 411212 421112 421211 212141 214121 412121 111143 111341 131141 114113 "
    "114311 411113 411311 113141 114131 311141 411131 211412 211214 211232 2331112"
).split()


def qr_png(text: str, *, scale: int = 8) -> bytes:
    """*text* as a QR code in PNG, *scale* pixels a module, with its quiet zone."""
    out = io.BytesIO()
    _qr(text).save(out, kind="png", scale=scale, border=4)
    return out.getvalue()


def qr_svg(text: str) -> str:
    """*text* as a QR code in SVG, with its quiet zone."""
    out = io.BytesIO()
    _qr(text).save(out, kind="svg", border=4, xmldecl=False, light="#ffffff")
    return out.getvalue().decode("utf-8")


def code128_modules(text: str) -> int:
    """How many modules wide the Code 128 of *text* is, its quiet zones included; 0 when it cannot be coded."""
    if not text or any(not " " <= character <= "~" for character in text):
        return 0
    return sum(int(width) for symbol in _symbols(text) for width in symbol) + 2 * _QUIET


def code128_svg(text: str) -> str:
    """*text* (printable ASCII) as a Code 128 in SVG, one unit a module, to be stretched to any height.

    Raises: ValueError for an empty text, or characters that set B does not have.
    """
    width = code128_modules(text)
    if not width:
        raise ValueError(f"{text!r} is not printable ASCII")
    bars, at = [], _QUIET
    for symbol in _symbols(text):
        for index, step in enumerate(map(int, symbol)):
            if index % 2 == 0:
                bars.append(f"M{at} 0h{step}v1h-{step}z")
            at += step
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} 1" width="{width}" height="1" '
        f'preserveAspectRatio="none"><path d="{"".join(bars)}" fill="#000" shape-rendering="crispEdges"/></svg>'
    )


def _symbols(text: str) -> list[str]:
    values = [_START_B, *(ord(character) - 32 for character in text)]
    check = (values[0] + sum(place * value for place, value in enumerate(values[1:], 1))) % 103
    return [_WIDTHS[value] for value in (*values, check, _STOP)]


def _qr(text: str) -> segno.QRCode:
    return segno.make(text, error="m", micro=False, boost_error=False)
