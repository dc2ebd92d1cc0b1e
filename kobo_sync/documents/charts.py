"""Charts as PNG bytes: readable in black and white, safe for the colour-blind, the same bytes each time."""

from __future__ import annotations

import io
import logging
import textwrap
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from kobo_sync.documents import french
from kobo_sync.documents.script import clean

# The first installed of each line; matplotlib shapes Arabic itself and takes each glyph where it finds it.
_FAMILIES = (
    ("Carlito", "Calibri", "Liberation Sans", "Arial"),
    ("Noto Naskh Arabic", "Amiri", "Noto Sans Arabic", "Sakkal Majalla", "Arial"),
    ("Noto Sans Tifinagh", "Ebrima"),
    ("DejaVu Sans",),
)
INK, MUTED, GRID = "#222222", "#5b6670", "#d9dee2"
BLUE, PALE_BLUE, ORANGE = "#2166ac", "#a9c6de", "#f1a340"
# From brown to blue through grey: apart for every colour vision; the hatches keep the ends apart in print.
_LEVELS = ("#b35806", "#f1a340", "#e3e3e3", "#92c5de", "#2166ac")
_HATCHES = ("////", "//", "", "", "")
_MOST_DRAWN = 16
P = ParamSpec("P")
_WIDTH_IN, _DPI, _LEFT = 6.7, 150, 0.36


@dataclass(frozen=True)
class Bar:
    """One bar: *label*, *value*, an optional second line *below*, and whether it stands out."""

    label: str
    value: float
    below: str = ""
    strong: bool = False
    target: float | None = None


def drawn_once(draw: Callable[P, bytes]) -> Callable[P, bytes]:
    """*draw*, remembered for its last arguments: a report draws each figure to compare it, then to show it."""
    made: OrderedDict[str, bytes] = OrderedDict()

    @wraps(draw)
    def remembered(*args: P.args, **kwargs: P.kwargs) -> bytes:
        key = repr((args, kwargs))
        if key not in made:
            made[key] = draw(*args, **kwargs)
            if len(made) > _MOST_DRAWN:
                made.popitem(last=False)
        return made[key]

    return remembered


@drawn_once
def likert(rows: Sequence[tuple[str, Sequence[float], int]], levels: Sequence[str]) -> bytes:
    """100 % bars, one per question: (label, shares 0..1 from the least favourable, n)."""
    figure, axes, places = _canvas(len(rows), 0.4, bottom_in=0.62)
    colors, hatches = ramp(len(levels))
    for place, (_, shares, _) in zip(places, rows, strict=True):
        left = 0.0
        for level, share in enumerate(shares):
            width = 100 * share
            axes.barh(
                place,
                width,
                left=left,
                height=0.7,
                color=colors[level],
                hatch=hatches[level],
                edgecolor="white",
                lw=0.6,
            )
            if width >= 6:
                color = "white" if colors[level] in (_LEVELS[0], _LEVELS[-1]) else INK
                pad = {"boxstyle": "round,pad=0.12", "fc": colors[level], "ec": "none"}
                axes.text(
                    left + width / 2,
                    place,
                    french.number(width),
                    ha="center",
                    va="center",
                    fontsize=8.5,
                    color=color,
                    bbox=pad,
                )
            left += width
        if not shares:
            axes.text(1, place, french.NO_DATA.lower(), va="center", fontsize=8.5, color=MUTED)
    _finish(axes, places, [f"{label} (n{french.NBSP}={french.NBSP}{n})" for label, _, n in rows])
    axes.set_xlim(0, 100)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: french.points(value)))
    patches = [mpl.patches.Patch(facecolor=c, hatch=h, edgecolor="white") for c, h in zip(colors, hatches, strict=True)]
    figure.legend(
        patches, [_wrapped(level, 22) for level in levels], loc="lower center", ncols=max(1, len(levels)), **_LEGEND
    )
    return _png(figure)


@drawn_once
def dumbbell(rows: Sequence[tuple[str, float, float]]) -> bytes:
    """Before and after per line: (label, before, after), in percent 0..100."""
    figure, axes, places = _canvas(len(rows), 0.23 if len(rows) > 8 else 0.36, top_in=0.36)
    for place, (_, before, after) in zip(places, rows, strict=True):
        axes.plot([before, after], [place, place], color="#b9c2ca", lw=3.5, zorder=1, solid_capstyle="round")
        axes.scatter([before], [place], s=48, facecolor="white", edgecolor="#b35806", lw=2, zorder=2)
        axes.scatter([after], [place], s=48, color=BLUE, zorder=3)
        change = f"{french.signed(after - before)}{french.NNBSP}pts"
        axes.text(max(before, after) + 2.5, place, change, va="center", fontsize=8.5, color=MUTED)
    _finish(axes, places, [label for label, _, _ in rows])
    axes.set_xlim(0, 114)
    axes.set_xticks(range(0, 101, 20))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: french.points(value)))
    axes.grid(axis="x", color=GRID, lw=0.5)
    axes.set_axisbelow(True)
    handles = [
        axes.scatter([], [], s=48, facecolor="white", edgecolor="#b35806", lw=2),
        axes.scatter([], [], s=48, color=BLUE),
    ]
    figure.legend(handles, ["Avant", "Après"], loc="upper right", ncols=2, **_LEGEND)
    return _png(figure)


@drawn_once
def ranking(bars: Sequence[Bar], *, digits: int = 2) -> bytes:
    """Horizontal bars from the first to the last, the strong ones darker and hatched."""
    figure, axes, places = _canvas(len(bars), 0.46 if any(bar.below for bar in bars) else 0.38, bottom_in=0.1)
    longest = max((bar.value for bar in bars), default=0) or 1
    for place, bar in zip(places, bars, strict=True):
        face, hatch = (BLUE, "") if bar.strong else (PALE_BLUE, "...")
        axes.barh(place, bar.value, height=0.64, color=face, hatch=hatch, edgecolor="white", lw=0)
        axes.text(bar.value + longest * 0.015, place, french.number(bar.value, digits), va="center", fontsize=9)
    _finish(axes, places, [bar.label for bar in bars], [bar.below for bar in bars])
    axes.set_xlim(0, longest * 1.12)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    return _png(figure)


@drawn_once
def quota(bars: Sequence[Bar]) -> bytes:
    """Persons present against their *target*, drawn as an outline."""
    figure, axes, places = _canvas(len(bars), 0.42, top_in=0.36, bottom_in=0.1)
    longest = max((max(bar.value, bar.target or 0) for bar in bars), default=0) or 1
    for place, bar in zip(places, bars, strict=True):
        axes.barh(place, bar.value, height=0.5, color=BLUE)
        if bar.target is not None:
            axes.barh(place, bar.target, height=0.72, facecolor="none", edgecolor=INK, lw=1.2, ls="--")
        shown = f"{french.number(bar.value)}{french.NNBSP}/{french.NNBSP}{french.number(bar.target)}"
        axes.text(max(bar.value, bar.target or 0) + longest * 0.015, place, shown, va="center", fontsize=9)
    _finish(axes, places, [bar.label for bar in bars])
    axes.set_xlim(0, longest * 1.18)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    outline = mpl.patches.Patch(facecolor="none", edgecolor=INK, ls="--")
    figure.legend(
        [mpl.patches.Patch(color=BLUE), outline], ["Présent·e·s", "Quota"], loc="upper right", ncols=2, **_LEGEND
    )
    return _png(figure)


_LEGEND: dict[str, Any] = {"frameon": False, "fontsize": 8.5, "handlelength": 1.2, "columnspacing": 1.2}


def families() -> list[str]:
    """The installed font families to draw with; DejaVu Sans, which matplotlib brings, is always last."""
    installed = set(font_manager.get_font_names())
    found = [next((name for name in line if name in installed), None) for line in _FAMILIES]
    return [name for name in dict.fromkeys(found) if name]


def _canvas(n: int, row_in: float, *, top_in: float = 0.1, bottom_in: float = 0.34) -> tuple[Figure, Any, list[int]]:
    height = max(1, n) * row_in + top_in + bottom_in
    figure = Figure(figsize=(_WIDTH_IN, height))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((_LEFT, bottom_in / height, 0.955 - _LEFT, 1 - (top_in + bottom_in) / height))
    axes.set_ylim(-0.6, max(1, n) - 0.4)
    return figure, axes, list(range(n - 1, -1, -1))


def _finish(axes: Any, places: Sequence[int], names: Sequence[str], below: Sequence[str] = ()) -> None:
    second = below or [""] * len(names)
    shown = [
        _wrapped(name, 42) + (f"\n{clean(line)}" if line else "") for name, line in zip(names, second, strict=True)
    ]
    axes.set_yticks(places, shown, fontsize=8.5, color=INK)
    axes.tick_params(length=0, labelsize=8.5)
    axes.tick_params(axis="x", labelcolor=MUTED)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(GRID)


def _wrapped(text: str, width: int) -> str:
    lines = textwrap.wrap(french.typography(clean(text)), width, break_long_words=False) or [""]
    return "\n".join(lines if len(lines) < 3 else [lines[0], lines[1].rstrip(" ,;") + "…"])


def ramp(n: int) -> tuple[list[str], list[str]]:
    """n colours and hatches over the scale, ends kept."""
    if n == 1:
        return [_LEVELS[-1]], [""]
    steps = [round(index * (len(_LEVELS) - 1) / max(1, n - 1)) for index in range(n)]
    return [_LEVELS[step] for step in steps], [_HATCHES[step] for step in steps]


def _png(figure: Figure) -> bytes:
    """Draws under our fonts only; fonts or glyphs that are not installed are no reason to complain."""
    logging.getLogger("matplotlib.font_manager").setLevel(logging.CRITICAL)
    fonts = families()
    for text in figure.findobj(mpl.text.Text):
        text.set_fontfamily(fonts)
    out = io.BytesIO()
    with mpl.rc_context({"hatch.color": "white", "hatch.linewidth": 0.7}), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure.savefig(out, format="png", dpi=_DPI, metadata={"Software": None})
    return out.getvalue()
