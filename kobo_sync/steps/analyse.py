"""The figures that pages show, worked out once per change of the data, so that looking at them costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import forget
from kobo_sync.analysis.overview import collection, dashboard_of
from kobo_sync.errors import KoboSyncError, RunStopped
from kobo_sync.language.speaking import speaking
from kobo_sync.mission.facts import Marks, gather_facts, gather_marks, rests_on
from kobo_sync.mission.inputs_hash import Inputs
from kobo_sync.mission.mission import Mission
from kobo_sync.mission.zone_figures import figures_of_zone
from kobo_sync.model import ELSEWHERE, Finding, Report
from kobo_sync.workspace.result_cache import hashed, program


def analyse(mission: Mission) -> Report:
    """Keep the dashboard and the collection's figures on the desk; nothing to do where nothing changed.

    Raises: StoreError, ConfigError, FormError.
    """
    marks = gather_marks(mission)
    whole = gather_facts(mission, marks=marks)
    report = figures_of(mission, marks, whole, lambda: gather_facts(mission, marks=marks, named_only=True))
    forget()
    return report


def figures_of(
    mission: Mission, marks: Marks, whole: Facts, compared: Callable[[], Facts], inputs: Inputs | None = None
) -> Report:
    """`analyse`, of what is read already: *whole* of all columns, *compared* gives those that zones are compared by.

    Zones whose figures are kept are not read; what *inputs* has hashed, where somebody has it, is not hashed again.
    """
    started_at = mission.clock()
    stamp = hashed([program(), whole.fingerprint, rests_on(mission, whole)])[:32]
    snapshots = [mission.desk.snapshot(name) for name in ("dashboard", "collection")]
    if all(snapshot and snapshot[1] == stamp for snapshot in snapshots):
        return mission.report("analyse", started_at, {"zones": 0}, [], ["figures: unchanged"])
    inputs = inputs or Inputs(mission, whole)
    places, parts = [], {}
    with speaking(mission.config.mission.document_language):  # what is kept has one language, whoever works it out
        for zone in (*whole.config.zones, None):
            figures = figures_of_zone(mission, whole, zone, marks, inputs)
            parts[zone.code if zone else ELSEWHERE] = figures.forms
            if zone:
                places.append(figures.place)
        dashboard = dashboard_of(compared(), places)
    now = mission.clock()
    mission.desk.put_snapshot("dashboard", dashboard, stamp, now)
    n_gone = {snapshots.form_id: snapshots.n_gone for snapshots in mission.store.holdings(list(mission.config.forms))}
    mission.desk.put_snapshot("collection", collection(whole, parts, n_gone), stamp, now)
    n = len(whole.config.zones)
    return mission.report("analyse", started_at, {"zones": n}, [], [f"figures: {n} zones worked out"])


def then_figures(mission: Mission, report: Report, work_out: Callable[[], Report] | None = None) -> Report:
    """*report* of a step that somebody ran by hand, once the pages' figures follow it; what hinders these is a finding.

    *work_out* is `analyse` by whoever has read what it needs.

    Raises: RunStopped.
    """
    try:
        _ = work_out() if work_out else analyse(mission)
    except RunStopped:
        raise
    except KoboSyncError as error:
        message = f"the figures of the pages could not be worked out: {error.message}"
        finding = Finding("PAGES001", "warning", "pages", message, error.hint)
        return replace(report, findings=(*report.findings, finding))
    return report
