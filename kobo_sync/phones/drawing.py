"""Pictures that a simulated phone sends: a signature, a photograph of sorts; seeded, in memory."""

from __future__ import annotations

import io
import math
from random import Random

from PIL import Image, ImageDraw


def signature_png(hand: Random, rng: Random, size: tuple[int, int] = (320, 120)) -> bytes:
    """A scribble: *hand* is the person's way of signing, *rng* the moment's trembling."""
    waves = [(hand.uniform(0.5, 4), hand.uniform(0, 6), hand.uniform(6, 22)) for _ in range(4)]
    tremble = rng.uniform(-0.3, 0.3)
    image = Image.new("L", size, 255)
    points = []
    for step in range(160):
        t = step / 159
        x = 30 + t * (size[0] - 60) + 8 * math.sin(9 * t + waves[0][1])
        y = size[1] / 2 + sum(a * math.sin(2 * math.pi * f * t + p + tremble) for f, p, a in waves) * (1 - 0.5 * t)
        points.append((x, y))
    ImageDraw.Draw(image).line(points, fill=20, width=3)
    return _encoded(image.quantize(8), "PNG")


def photo_jpeg(rng: Random, size: tuple[int, int] = (640, 420)) -> bytes:
    """A landscape of sorts, in place of a photograph."""
    image = Image.new("RGB", size, (190, 214, 235))
    draw = ImageDraw.Draw(image)
    for layer in range(4):
        base = size[1] * (0.45 + 0.14 * layer)
        ridge = [(x, base - 60 * abs(math.sin(x / rng.uniform(60, 140)))) for x in range(0, size[0] + 20, 20)]
        shade = 150 - 30 * layer
        draw.polygon([(0, size[1]), *ridge, (size[0], size[1])], fill=(shade, shade - 15, shade - 40))
    return _encoded(image, "JPEG")


def _encoded(image: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()
