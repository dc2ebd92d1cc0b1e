"""KoboToolbox's own rows at deployment: matrix, score and rank become groups, notes and selects before pyxform sees them.

Source: kpi/utils/xlsform_preprocessors (read, not recorded): kobomatrix_handler, koboscore_handler, koborank_handler.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

Row = dict[str, str]
MATRIX_LIST, SCORE_LIST = "kobo--matrix_list", "kobo--score-choices"
RANK_LIST, RANK_MESSAGE = "kobo--rank-items", "kobo--rank-constraint-message"
_TYPE = re.compile(r"^(begin|end)[ _](kobomatrix|score|rank)$")
_WIDTH = re.compile(r"^w(\d+)$")


def is_own(kind: str) -> bool:
    """Whether the importer knows *kind* as KoboToolbox's own."""
    return bool(_TYPE.match(kind)) or kind in ("score__row", "rank__level")


def written_out(sheets: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """The sheets with these rows as plain ones. Raises: KeyError or TypeError, as the server's compiler does."""
    if not any(is_own(row.get("type", "")) for row in sheets["survey"]):
        return sheets
    rows = iter([{re.sub("^kobo[–—]", "kobo--", key): text for key, text in row.items()} for row in sheets["survey"]])
    survey: list[Row] = []
    writers: dict[str, Callable[[Row, list[Row], list[Row]], Iterator[Row]]]
    writers = {"kobomatrix": _matrix, "score": _score, "rank": _rank}
    for row in rows:
        begun = _TYPE.match(row.get("type", ""))
        if not begun or begun[1] == "end":
            survey.append(row)
            continue
        inside: list[Row] = []
        for inner in rows:
            ended = _TYPE.match(inner.get("type", ""))
            if ended and ended[1] == "end" and ended[2] == begun[2]:
                survey += writers[begun[2]](row, inside, sheets.get("choices", []))
                break
            inside.append(inner)
    return {**sheets, "survey": survey}


def _labels(row: Row, wrap: str = "{}") -> Row:
    return {key: wrap.format(text) for key, text in row.items() if key.partition(":")[0].strip() == "label"}


def _matrix(begin: Row, columns: Sequence[Row], choices: Sequence[Row]) -> Iterator[Row]:
    name = begin["name"]
    items = [row for row in choices if row.get("list_name", row.get("list name")) == begin[MATRIX_LIST]]
    widths = [int(match[1]) if (match := _WIDTH.match(row.get("appearance", ""))) else 2 for row in columns]
    group = {"type": "begin_group", "appearance": f"w{1 + sum(widths)}"}
    note = {"type": "note", "required": "false"}
    yield {**group, "name": f"{name}_header"}
    yield {**note, "name": f"{name}_header_note", "appearance": "w1", **_labels(begin, "**{}**")}
    for row, width in zip(columns, widths, strict=True):
        yield {**note, "name": f"{name}_header_{row['name']}", "appearance": f"w{width}", **_labels(row, "**{}**")}
    yield {"type": "end_group"}
    for item in items:
        base = f"{name}_{item['name']}"
        yield {**group, "name": base}
        yield {**note, "name": f"{base}_note", "appearance": "w1", **_labels(item, "##### {}")}
        for row, width in zip(columns, widths, strict=True):
            yield _cell(row, width, base, item["name"], [column["name"] for column in columns])
        yield {"type": "end_group"}


def _cell(row: Row, width: int, base: str, item: str, names: Sequence[str]) -> Row:
    is_select = row["type"].split()[0] in ("select_one", "select_multiple")
    cell = {
        "type": re.sub(r"\s+or.other$", "", row["type"]),
        "name": f"{base}_{row['name']}",
        "appearance": f"w{width} {'horizontal-compact' if is_select else 'no-label'}",
        **_labels(row, f'<span style="display:none">{item}-{{}}</span>'),
    }
    for key in ("relevant", "constraint", "required"):
        if row.get(key):
            cell[key] = row[key]
            for name in names:
                cell[key] = cell[key].replace(f"${{{name}}}", f"${{{base}_{name}}}")
    return cell


def _opened(begin: Row) -> Row:
    group = {"type": "begin_group", "name": begin["name"], "appearance": "field-list"}
    return {**group, "relevant": begin["relevant"]} if begin.get("relevant") else group


def _score(begin: Row, rows: Sequence[Row], _: Sequence[Row]) -> Iterator[Row]:
    kind = f"select_one {begin[SCORE_LIST]}"
    yield _opened(begin)
    yield {"type": kind, "name": f"{begin['name']}_header", "appearance": "label", **_labels(begin)}
    for row in rows:
        if row.get("type") != "score__row":
            raise TypeError(f"'{row.get('type')}': KoboScore groups can only contain rows with type='score__row'")
        select = {**row, "type": kind, "appearance": row.get("appearance") or "list-nolabel"}
        yield {**select, "required": "true"} if begin.get("required") else select
    yield {"type": "end_group"}


def _rank(begin: Row, rows: Sequence[Row], _: Sequence[Row]) -> Iterator[Row]:
    kind, message = f"select_one {begin[RANK_LIST]}", begin[RANK_MESSAGE]
    yield _opened(begin)
    yield {"type": "note", "name": f"{begin['name']}_label", **_labels(begin)}
    before: list[str] = []
    for row in rows:
        if row.get("type") != "rank__level":
            raise TypeError("KoboRank groups can only contain rows with type='rank__level' (or 'end_rank')")
        level = {**row, "type": kind, "required": "true", "constraint_message": message}
        level["appearance"] = row.get("appearance") or "minimal"
        if before:
            level["constraint"] = " and ".join(f"${{{row['name']}}} != ${{{other}}}" for other in before)
        before.append(row["name"])
        yield level
    yield {"type": "end_group"}
