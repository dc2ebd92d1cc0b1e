"""The page of results, made of records alone: medians, spreads, ratios within a run, exponents of growth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

Record = Mapping[str, Any]

INTRODUCTION = """\
Made by `make bench`{quick}; `README.md` beside this page tells what each line is. **Read the ratios**: what is compared ran in turn
in one run, and a ratio is the median of those within a round, with the lowest and the highest of them. Times are medians with
their spread. *Load* is the machine's while it was measured: with more at work than there are processors, times on the clock say
little, and the ratios of processor time are the ones to read. Processor time of lines with PostgreSQL counts the server's; memory is the
program's own, its second process included.
"""


def page(records: Sequence[Record], absent: Mapping[str, str], *, quick: bool = False) -> str:
    """The page in Markdown.

    *records* are those of a run (see `run`): one with ``machine``, then a record per measure; *absent* maps a part's title to why
    it was not measured.
    """
    measures = [record for record in records if "what" in record]
    lines = ["# Results", "", INTRODUCTION.format(quick=" --quick" if quick else "")]
    for record in records:
        if "machine" in record:
            lines += _machine(record["machine"], measures)
    for part in dict.fromkeys(record["part"] for record in measures):
        mine = [record for record in measures if record["part"] == part]
        took = [record["took_s"] for record in records if record.get("part") == part and record.get("done")]
        lines += ["", f"## {mine[0]['title']}", "", *_table(mine)]
        lines += ["", f"The part took {took[0]} s."] if took else ["", "The part was not measured to its end."]
    lines += _growth(measures)
    lines += [f"\n{title}: {reason}." for title, reason in absent.items()]
    return "\n".join(lines) + "\n"


def _machine(machine: Mapping[str, Any], measures: Sequence[Record]) -> list[str]:
    loads = [record["load"] for record in measures]
    versions = {**machine["programs"], **machine["libraries"]}
    lines = [
        f"- Commit `{machine['commit']}`, begun {machine['at']}.",
        f"- {machine['processor']}, {machine['memory']}, {machine['system']}, Python {machine['python']}.",
        f"- {', '.join(f'{name} {number}' for name, number in versions.items())}.",
    ]
    if machine["peers"]:
        lines.append(f"- Peers: {', '.join(f'{name} {number}' for name, number in machine['peers'].items())}.")
    if loads:
        lines.append(f"- Load: {min(loads):.1f} to {max(loads):.1f}.")
    return lines


HEADS = ("measure", "runs", "clock", "processor", "MB", "ratio, clock", "ratio, processor", "÷", "goal", "load")


def _table(records: Sequence[Record]) -> list[str]:
    """A line per measure; one more for each further measure that it is compared with."""
    by_name: dict[str, list[Record]] = {}
    for record in records:
        by_name.setdefault(record["what"], []).append(record)
    lines, notes = [_row(HEADS), _row(["---", *["---:"] * 6, "---", "---", "---:"])], []
    for what, runs in by_name.items():
        notes += _notes(what, runs)
        timed = [run for run in runs if "s" in run]
        if not timed:
            continue
        loads = [run["load"] for run in timed]
        own = [what, str(len(timed)), _spread([run["s"] for run in timed], seconds), _cpu(timed), _peak(timed)]
        compared = list((timed[0].get("against") or {}).items()) or [("", _limit(timed))]
        for at, (base, goal) in enumerate(compared):
            ratios = [_ratios(timed, by_name.get(base, []), key) for key in ("s", "cpu")]
            cells = [_spread(each, lambda ratio: f"{ratio:.2f}") for each in ratios]
            load = f"{min(loads):.1f}–{max(loads):.1f}" if at == 0 else ""
            lines.append(_row([*(own if at == 0 else [""] * len(own)), *cells, base, goal, load]))
    return [*lines, *([""] if notes else []), *notes]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _notes(what: str, runs: Sequence[Record]) -> list[str]:
    """What a record says besides its figures: rows that came, whether they are right, why it could not be measured."""
    last, said = runs[-1], []
    if last.get("error"):
        said.append(f"could not be measured: {last['error']}")
    if "right" in last:
        said.append(
            f"rows {last.get('rows')}, of them blank {last.get('blank')}; true is {last['right'][0]}, {last['right'][1]}"
        )
    elif "rows" in last and last["rows"] < last.get("n", 0):
        said.append(f"gives {last['rows']} of {last['n']} rows")
    if "alone" in last:
        said.append(f"asked once it gives {last['alone']} of {last['n']} rows")
    said += [note for note in dict.fromkeys(run.get("note", "") for run in runs) if note]
    return [f"- {what}: {'; '.join(said)}." for _ in said[:1]]


def _limit(runs: Sequence[Record]) -> str:
    return f"≤ {seconds(runs[0]['limit_s'])}" if "limit_s" in runs[0] else ""


def _ratios(runs: Sequence[Record], bases: Sequence[Record], key: str) -> list[float]:
    """Each run's figure as a multiple of that of the same round."""
    by_run = {base["run"]: base[key] for base in bases if base.get(key)}
    return [run[key] / by_run[run["run"]] for run in runs if key in run and run["run"] in by_run]


def seconds(value: float) -> str:
    """A time as people read it."""
    return f"{1000 * value:.0f} ms" if value < 1 else f"{value:.2f} s" if value < 10 else f"{value:.0f} s"


def _spread(values: Sequence[float], shown: Any) -> str:
    """The median, and when there are several the lowest and the highest."""
    if not values:
        return ""
    middle = f"**{shown(median(values))}**"
    return middle if len(values) == 1 else f"{middle} ({shown(min(values))}–{shown(max(values))})"


def _cpu(runs: Sequence[Record]) -> str:
    times = [run["cpu"] for run in runs if "cpu" in run]
    return seconds(median(times)) if times else ""


def _peak(runs: Sequence[Record]) -> str:
    peaks = [run["mb"] for run in runs if "mb" in run]
    return f"{max(peaks):.0f}" if peaks else ""


# ── growth ──


def exponent(sizes: Mapping[int, float]) -> float:
    """k of cost ~ sizeᵏ, by least squares over the logarithms of two sizes or more."""
    xs, ys = [math.log(n) for n in sizes], [math.log(cost) for cost in sizes.values()]
    middle, level = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - middle) * (y - level) for x, y in zip(xs, ys, strict=True)) / sum((x - middle) ** 2 for x in xs)


def _growth(measures: Sequence[Record]) -> list[str]:
    """How processor time and memory grow over the sizes of a family; 1 is as the size, 0 not at all."""
    by_name: dict[tuple[str, str], dict[int, list[Record]]] = {}
    for record in measures:
        if record.get("family") and record.get("cpu"):
            sizes = by_name.setdefault((record["family"], record["what"]), {})
            sizes.setdefault(record["n"], []).append(record)
    lines = []
    for (family, what), sizes in by_name.items():
        if len(sizes) < 2:
            continue
        cpu = {n: median(run["cpu"] for run in runs) for n, runs in sizes.items()}
        mb = {n: max(run["mb"] for run in runs) for n, runs in sizes.items() if all("mb" in run for run in runs)}
        memory = f"{exponent(mb):.2f}" if len(mb) > 1 else ""
        shown = ", ".join(f"{n:,}" for n in sizes)
        lines.append(_row([family, what, shown, f"{exponent(cpu):.2f}", memory]))
    head = [
        _row(["of", "measure", "sizes", "processor time ~ sizeᵏ, k", "memory ~ sizeᵏ, k"]),
        _row(["---"] * 3 + ["---:"] * 2),
    ]
    return ["", "## Growth", "", *head, *lines] if lines else []
