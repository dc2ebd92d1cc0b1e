"""What the evaluations say of the test and of the answers, in sentences that the figures choose."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kobo_sync.language import typography
from kobo_sync.language.catalogue import later_n, t, tn

_FEW_ANSWERS = 30  # of fewer, the interval of a recommendation is some 35 points wide or more
_CHANGE = later_n("a change of **{moved} point**", "a change of **{moved} points**")
_DECLINE = later_n("a decline of **{moved} point**", "a decline of **{moved} points**")


def attrition_words(n_before: int, n_pairs: int) -> str:
    """How many of those tested before have a test after."""
    tests = tn("{n} test", "{n} tests", n_before)
    lost = typography.percent((n_before - n_pairs) / n_before)
    if not n_pairs:
        return t("Of {tests} before the training, none has a test after by the same person.", tests=tests)
    if n_pairs == n_before:
        return t(
            "Each person tested before the training was tested after it too ({tests}, attrition: {lost}).",
            tests=tests,
            lost=lost,
        )
    return tn(
        "Of {tests} before the training, only one has a test after by the same person (attrition: {lost}).",
        "Of {tests} before the training, {n} have a test after by the same person (attrition: {lost}).",
        n_pairs,
        tests=tests,
        lost=lost,
    )


def rates_words(rates: Sequence[float]) -> str:
    """A word on rates (0..) that exceed one; nothing where none does."""
    if not any(rate > 1 for rate in rates):
        return ""
    return t(
        "A rate above 100%: more answers than persons present were received. Presences were not signed, or persons answered several "
        "times: to be checked before this rate is quoted."
    )


def evolution_words(before: str, after: str, moved: str, n: str) -> str:
    """The mean score and by how many points it moved, as printed; *n* as ``n = 24``."""
    if before == after and not any(digit in moved for digit in "123456789١٢٣٤٥٦٧٨٩"):
        return t("Mean score: **{after}** before and after alike ({n} paired tests), no change", after=after, n=n)
    falls = "\u2212" in moved
    shown = moved.replace("\u2212", "")  # a decline of so much: “a decline of −20” would be a rise
    whole = re.sub(r"[^\d,.٫]", "", shown).replace(",", ".").replace("٫", ".")
    words = _DECLINE if falls else _CHANGE
    change = tn(*words, float(whole or 0), moved=shown)
    return t(
        "Mean score: **{before}** before, **{after}** after ({n} paired tests), {change}",
        before=before,
        after=after,
        n=n,
        change=change,
    )


def gain_words(gain: float | None, change: float, shown: str) -> str:
    """Hake's gain as *shown*, with its band; there is none where the score falls, stays, or was full before.

    Source: Hake (1998): below 0.3 low, up to 0.7 medium, above high.
    """
    if change < 0:
        return t("The score declines: there is no gain to measure")
    if gain is None:
        return t("All was right before the training: there is no gain to measure")
    if not any(digit in shown for digit in "123456789١٢٣٤٥٦٧٨٩"):
        return t("Class gain: {gain} (none)", gain=shown)
    if gain < 0.3:
        return t("Class gain: {gain} (low by Hake's marks)", gain=shown)
    return (
        t("Class gain: {gain} (medium by Hake's marks)", gain=shown)
        if gain <= 0.7
        else t("Class gain: {gain} (high by Hake's marks)", gain=shown)
    )


def moves_words(n_up: int, n_down: int, n_same: int) -> str:
    """How many persons rose, fell and stayed; groups of nobody are left out."""
    parts = [
        tn("{n} person rises", "{n} persons rise", n_up) if n_up else "",
        tn("{n} person falls", "{n} persons fall", n_down) if n_down else "",
        tn("{n} person keeps the same score", "{n} persons keep the same score", n_same) if n_same else "",
    ]
    return typography.listing([part for part in parts if part])


def uncertainty_words(n: int) -> str:
    """What must stand beside a recommendation of *n* answers."""
    if n < _FEW_ANSWERS:
        return t("With so few answers the uncertainty is large: the index never serves to rank zones.")
    return t("The index never serves to rank zones.")
