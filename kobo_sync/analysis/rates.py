"""How far a share of few persons may be from that of all."""

from __future__ import annotations

import math

_Z = 1.959963984540054  # 97.5 % of the normal distribution


def wilson(k: int, n: int) -> tuple[float, float] | None:
    """Wilson's 95 % interval of *k* among *n*, 0..1, without continuity correction; None when n is 0.

    Source: Wilson (1927); Newcombe (1998), method 3.
    """
    if not n:
        return None
    share, spread = k / n, _Z**2 / n
    middle = (share + spread / 2) / (1 + spread)
    half = _Z * math.sqrt((share * (1 - share) + spread / 4) / n) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)
