"""The columns of the version that phones have, where the workbook here is another: its answers have a place all the same."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from kobo_sync.errors import FormError, KoboRefused, KoboRejected, KoboUnexpected
from kobo_sync.forms.sheets import cells_sha256
from kobo_sync.forms.xlsform import read_form
from kobo_sync.model import Form
from kobo_sync.steps.pulling.form_pull import Work
from kobo_sync.store.mirror import Mirror
from kobo_sync.store.tables.layout import flat_tables
from kobo_sync.workspace.result_cache import digest


def lay_out_deployed(work: Work) -> None:
    """Give the tables the columns of the deployed form, when they lack some: forms/ may hold a version not published yet.

    A form that the server does not give, or that cannot be read, changes nothing: the pull tells what it cannot place.
    Raises: StoreError, KoboUnreachable.
    """
    if _deployed_sha256(work) in ("", _local_sha256(work)):
        return
    with suppress(FormError, KoboRefused, KoboRejected, KoboUnexpected):
        form = _deployed(work)
        mission = work.mission
        columns = {
            (table.name, column.name) for table in mission.store.tables(work.mirror.form) for column in table.columns
        }
        if {(table.name, column.name) for table in flat_tables(form) for column in table.columns} <= columns:
            return
        work.why.append("the tables get the columns of the deployed form, which forms/ has no more")
        Mirror(mission.store, form, work.mirror.tally).prepare()


def _deployed_sha256(work: Work) -> str:
    """What the deployed form's cells say, as a hash; empty when neither this machine nor our mark on the project knows."""
    deployment = work.mission.store.deployments().get(work.form_id)
    if deployment and deployment.asset_uid == work.asset_uid:
        return deployment.form_sha256
    if work.mirror.cursor().last_id >= 0:
        return ""  # a form that another machine publishes: its mark is looked at once, before the first row
    return work.client.asset(work.asset_uid)[0].fingerprint.get("sha256", "")


def _local_sha256(work: Work) -> str:
    file = work.mission.config.forms[work.form_id].file
    content, cache = work.mission.workspace.form_bytes(file), work.mission.workspace.cache
    sha256 = cache.get(f"cells-{file}", digest(content), str)
    if sha256 is None:
        sha256 = cells_sha256(content, file)
        cache.put(f"cells-{file}", digest(content), sha256)
    return sha256


def _deployed(work: Work) -> Form:
    form = read_form(work.client.workbook(work.asset_uid), f"{work.form_id}.xlsx")
    return replace(form, form_id=work.form_id, consent=work.mirror.form.consent)
