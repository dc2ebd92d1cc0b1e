"""Findings as staff read them on French pages: what they say is English where it is kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from kobo_sync.language.sentences import translated
from kobo_sync.model import Finding


def in_french(findings: Iterable[Finding]) -> list[Finding]:
    """The findings with their words translated."""
    return [
        replace(each, **{name: translated(getattr(each, name), "fr") for name in ("where", "message", "why", "hint")})
        for each in findings
    ]
