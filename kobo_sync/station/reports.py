"""A project's report: how each question was answered [r17, v02]."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from werkzeug.wrappers import Response

from kobo_sync.station import access, data
from kobo_sync.station.database import one
from kobo_sync.station.wire import Asked, Context, Refused, json_answer

_COUNTED = ("text", "select_one", "select_multiple", "select_one_from_file", "select_multiple_from_file", "image", "date", "time", "dateTime", "today")  # fmt: skip
_MOST = 100  # different answers of one question


def listing(context: Context, request: Asked, uid: str) -> Response:
    """``…/reports/``: per question, of all rows that the account may see."""
    data.form_of(context, request, uid)
    if access.row_filters(context, request, uid) is not None:
        raise Refused(403, {"detail": "You do not have permission to perform this action."})
    version = one(
        context.db.reader,
        "SELECT content FROM versions JOIN deployments ON deployments.version_id = versions.uid"
        " WHERE deployments.asset = ?",
        uid,
    )
    content = json.loads(version["content"]) if version else {"survey": []}
    questions = [
        row
        for row in content["survey"]
        if "$xpath" in row and not str(row.get("type", "note")).startswith(("begin_", "end_"))
    ]
    if split := request.args.get("split_by"):
        is_select = any(row["name"] == split and row.get("type") == "select_one" for row in questions)
        reason = "cannot be split by at a field station" if is_select else "is not a select one question"
        raise Refused(400, {"split_by": f"`{split}` {reason}."})
    names = request.args.getlist("names")
    questions = [row for row in questions if row.get("type", "note") != "note" and (not names or row["name"] in names)]
    answers: dict[str, Counter[str]] = {row["$xpath"]: Counter() for row in questions}
    n_rows = 0
    for stored in context.db.reader.execute("SELECT * FROM submissions WHERE asset = ?", (uid,)):
        n_rows += 1
        for path, answer in data.parsed(stored).items():
            if path in answers and isinstance(answer, str):
                answers[path][answer] += 1
    labels = {(row.get("list_name"), row["name"]): (row.get("label") or [None])[0] for row in content.get("choices", []) if "name" in row}  # fmt: skip
    listed = [
        {
            "name": row["name"],
            "row": {"type": row["type"]},
            "data": _of(row, answers[row["$xpath"]], n_rows, labels),
            "kuid": row["$kuid"],
            "style": {},
        }
        for row in questions
    ]
    return json_answer({"url": request.here, "count": len(listed), "list": listed})


def _of(row: Mapping[str, Any], answers: Counter[str], n_rows: int, labels: Mapping[Any, Any]) -> dict[str, Any]:
    provided, kind = answers.total(), row["type"]
    facts = {
        "total_count": n_rows,
        "not_provided": n_rows - provided,
        "provided": provided,
        "show_graph": kind.startswith("select_"),
    }
    if kind in ("integer", "decimal", "range"):
        return {**facts, **_numbers([*answers.elements()])}
    if kind not in _COUNTED:
        return facts
    if kind.startswith("select_multiple"):
        answers = Counter(name for answer in answers.elements() for name in answer.split())
    if not answers:
        return {**facts, "percentage": []}
    common = answers.most_common(_MOST)
    named = [labels.get((row.get("select_from_list_name"), name)) or name for name, _ in common]
    shares = [round(n * 100 / n_rows, 2) for _, n in common]
    return {**facts, "responses": named, "frequencies": [n for _, n in common], "percentages": shares}


def _numbers(texts: list[str]) -> dict[str, Any]:
    """Median, mean, mode and deviation; a star where there is none."""
    numbers = [*_read(texts)]
    modes = statistics.multimode(numbers)
    return {
        "median": statistics.median(numbers) if numbers else "*",
        "mean": statistics.fmean(numbers) if numbers else "*",
        "mode": modes[0] if len(modes) == 1 and len(numbers) > 1 else "*",
        "stdev": statistics.stdev(numbers) if len(numbers) > 1 else "*",
    }


def _read(texts: list[str]) -> Iterator[float]:
    for text in texts:
        try:
            number = float(text)
        except ValueError:
            continue
        if abs(number) < 1e15:
            yield int(number) if number.is_integer() else number
