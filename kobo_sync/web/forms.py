"""Formulaires: what phones have against what lies here, drafts, the last comparison, codes that set phones up."""

from __future__ import annotations

import re
from typing import Any

from flask import Flask, Response, abort, render_template, request

from kobo_sync.config.doors import leads_here
from kobo_sync.desk import runs
from kobo_sync.documents.pdf.barcodes import qr_png
from kobo_sync.errors import KoboSyncError
from kobo_sync.forms.sheets import cells_sha256
from kobo_sync.phones.enrolment import payload, settings
from kobo_sync.web.site import Answer, actors, members, person, site
from kobo_sync.web.uploads import MOST_FILE
from kobo_sync.web.words import FORM_STATES, LANGUAGES

_ACCOUNT = re.compile(r"[\w.@+-]{1,64}")


def add_to(app: Flask) -> None:
    """Add these pages."""
    app.add_url_rule("/formulaires", "forms", forms)
    app.add_url_rule("/formulaires/code.png", "phone_code", phone_code)


@members
def forms() -> Answer:
    """Every form: deployed, changed since, or never; and what the last comparison found."""
    mission = site().mission
    deployed = mission.store.deployments()
    compared = next(iter(runs.last_runs(mission.desk, 1, job="diff")), None)
    lines = (
        [line for line in compared.report.get("lines", ()) if not line.endswith(": no difference")] if compared else []
    )
    drafted = mission.workspace.form_drafts.form_ids() if person().may_act else []
    entries: list[dict[str, Any]] = []
    for form_id, form in mission.forms.items():
        deployment = deployed.get(form_id)
        entries.append(
            {
                "form": form,
                "n_questions": sum(question.kind != "note" for question in form.questions),
                "deployment": deployment,
                "state": state_of_form(form_id),
                "has_draft": form_id in drafted,
                "changes": [line.removeprefix(f"{form_id}: ") for line in lines if line.startswith(f"{form_id}: ")],
            }
        )
    account = request.args.get("compte", "").strip()
    return render_template(
        "forms.html",
        forms=entries,
        new_drafts=[form_id for form_id in drafted if form_id not in mission.forms],
        most_mb=MOST_FILE // 1024**2,
        compared=compared,
        harm=compared.report.get("findings", ()) if compared else (),
        account=account if _ACCOUNT.fullmatch(account) and person().may_act else "",
        is_wrong=bool(account) and not _ACCOUNT.fullmatch(account),
        states=FORM_STATES,
        names=LANGUAGES,
        server=mission.kc,
        knows_phones=mission.features.knows_phones,
        leads_here=leads_here(mission.kc),
    )


@actors
def phone_code() -> Answer:
    """The QR code that sets KoboCollect up for an account; it holds no password, and none leads a phone to itself."""
    account = request.args.get("compte", "")
    if not _ACCOUNT.fullmatch(account):
        abort(400)
    mission = site().mission
    if leads_here(mission.kc):
        abort(404)
    config = mission.config.mission
    project = config.programme or config.title
    code = payload(settings(mission.kc, account, project=project, language=config.languages[0]))
    return Response(qr_png(code), mimetype="image/png")


def state_of_form(form_id: str) -> str:
    """How the form here stands to what was deployed, as a key of `FORM_STATES`."""
    mission = site().mission
    deployment = mission.store.deployments().get(form_id)
    if deployment is None:
        return "adopted" if form_id in mission.adopted else "never"
    if deployment.deployed_at is None:
        return "unfinished"
    file = mission.config.forms[form_id].file
    try:
        here = cells_sha256(mission.workspace.form_bytes(file), file)
    except KoboSyncError:
        return "changed"
    return "same" if here == deployment.form_sha256 else "changed"
