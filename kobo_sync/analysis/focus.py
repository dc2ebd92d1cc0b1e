"""What focus groups said: sessions, persons, themes, agreements, disagreements, words."""

from __future__ import annotations

from dataclasses import dataclass

from kobo_sync.analysis import meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import memo_over_runs
from kobo_sync.lazy import pd


@dataclass(frozen=True)
class FocusGroups:
    """The sessions that consented. *themes*: need code → sessions that spoke of it, most frequent first.

    *n_women*, *n_men*: persons over all sessions (one who sat in two counts twice); *n_refused*: sessions
    without consent. Texts are word for word, in the order received.
    """

    n_sessions: int
    n_refused: int
    n_women: int
    n_men: int
    groups: tuple[str, ...]
    themes: dict[str, int]
    agreements: tuple[str, ...]
    disagreements: tuple[str, ...]
    quotations: tuple[str, ...]


@memo_over_runs
def focus_groups(facts: Facts) -> FocusGroups:
    """The synthesis of all sessions. Raises: nothing; no rows give zeros."""
    rows = meaning.rows(facts, "focus_group")
    table = rows.table
    themes: dict[str, int] = {}
    for value in table["themes"]:
        for code in dict.fromkeys(meaning.text(value).split()):
            themes[code] = themes.get(code, 0) + 1
    groups = [code for value in table["groups"] for code in meaning.text(value).split()]
    return FocusGroups(
        n_sessions=len(table),
        n_refused=rows.n_refused,
        n_women=_total(table["women"]),
        n_men=_total(table["men"]),
        groups=tuple(dict.fromkeys(groups)),
        themes=dict(sorted(themes.items(), key=lambda item: (-item[1], item[0]))),
        agreements=_texts(table["agreements"]),
        disagreements=_texts(table["disagreements"]),
        quotations=_texts(table["quotations"]),
    )


@dataclass(frozen=True)
class Photo:
    """A photo or sketch that a session allows to be shown: `Facts.attachment` takes *root_uuid* and *filename*."""

    root_uuid: str
    filename: str
    zone: str
    groups: tuple[str, ...]
    is_sketch: bool


@memo_over_runs
def photos(facts: Facts) -> tuple[Photo, ...]:
    """The pictures of the sessions that consented, to photos too where the form asks; photos before sketches."""
    table = meaning.rows(facts, "focus_group", ("photo", "sketch", "photo_consent")).table
    needs_consent = any(
        "photo_consent" in facts.config.forms[f].fields for f in facts.config.forms_with_role("focus_group")
    )
    photos_shown = []
    for row in meaning.records(table):
        if needs_consent and meaning.text(row["photo_consent"]) != facts.config.codes.yes:
            continue
        groups = tuple(meaning.text(row["groups"]).split())
        for kind in ("photo", "sketch"):
            name = meaning.text(row[kind])
            if name:
                root, zone = meaning.text(row["root_uuid"]), meaning.text(row["zone"])
                photos_shown.append(Photo(root, name, zone, groups, kind == "sketch"))
    return tuple(sorted(photos_shown, key=lambda photo: photo.is_sketch))


def _total(values: pd.Series) -> int:
    return int(sum(meaning.number(value) or 0 for value in values))


def _texts(values: pd.Series) -> tuple[str, ...]:
    return tuple(filter(None, (meaning.text(value) for value in values)))
