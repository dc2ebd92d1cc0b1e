"""The figures for Prometheus: of one mission, or of several under the label *mission*."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from kobo_sync.service.states import State

Rows = Iterable[tuple[Sequence[str], float]]


def exposition(states: Mapping[str, State], now: datetime, up: Mapping[str, bool] | None = None) -> bytes:
    """The figures as Prometheus reads them; with *up* (mission → whether it is served) each has the label *mission*."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(states, now, up))
    return generate_latest(registry)


class _Figures:
    def __init__(self, states: Mapping[str, State], now: datetime, up: Mapping[str, bool] | None) -> None:
        self._states, self._now, self._up = states, now, up

    def collect(self) -> list[Metric]:
        if self._up is None:
            return [self._gauge(*each) for each in FIGURES]
        up = GaugeMetricFamily("kobo_sync_up", "Whether the mission is served", labels=["mission"])
        for name, is_served in self._up.items():
            up.add_metric([name], float(is_served))
        return [up, *(self._gauge(*each) for each in FIGURES)]

    def _gauge(self, name: str, text: str, labels: Sequence[str], rows: Callable[[State, datetime], Rows]) -> Metric:
        more = [] if self._up is None else ["mission"]
        family = GaugeMetricFamily(f"kobo_sync_{name}", text, labels=[*more, *labels])
        for mission, state in self._states.items():
            for values, value in rows(state, self._now):
                family.add_metric([*([mission] if more else []), *values], value)
        return family


def _age(moment: datetime | None, now: datetime) -> list[float]:
    return [(now - moment).total_seconds()] if moment else []


FIGURES: tuple[tuple[str, str, Sequence[str], Callable[[State, datetime], Rows]], ...] = (
    (
        "submissions",
        "Live submissions in the mirror",
        ["form"],
        lambda state, _: [([form.form_id], form.n_live) for form in state.forms],
    ),
    (
        "server_submissions",
        "Submissions that the server counted last",
        ["form"],
        lambda state, _: [([form.form_id], form.server_n) for form in state.forms if form.server_n is not None],
    ),
    (
        "files_missing",
        "Files not received yet",
        ["form"],
        lambda state, _: [([form.form_id], form.n_files_missing) for form in state.forms],
    ),
    (
        "quarantined",
        "Rows that could not be understood",
        ["form"],
        lambda state, _: [([form.form_id], form.n_quarantined) for form in state.forms],
    ),
    (
        "pull_age_seconds",
        "Seconds since the last pull",
        ["form"],
        lambda state, now: [([form.form_id], age) for form in state.forms for age in _age(form.pulled_at, now)],
    ),
    (
        "runs",
        "Runs by job and how they ended",
        ["job", "status"],
        lambda state, _: [([job, status], float(n)) for (job, status), n in sorted(state.runs.items())],
    ),
    (
        "findings",
        "Findings of the worklist by state",
        ["state"],
        lambda state, _: [([name], float(n)) for name, n in state.findings.items()],
    ),
    (
        "last_success_age_seconds",
        "Seconds since a pull ended well",
        [],
        lambda state, now: [([], age) for age in _age(state.last_success, now)],
    ),
    ("running", "Whether a run is at work", [], lambda state, _: [([], float(state.is_running))]),
)
