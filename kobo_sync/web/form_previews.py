"""A form, or its draft, as people will see it: its questionnaire page by page, and the form itself in the browser, on trial."""

from __future__ import annotations

import json

from flask import Flask, Response, abort, jsonify, render_template, request, url_for

from kobo_sync.errors import KoboSyncError
from kobo_sync.language.speaking import spoken
from kobo_sync.steps import drafts, form_preview
from kobo_sync.web.form_drafts import in_one, known_draft
from kobo_sync.web.previews import n_pages, preview
from kobo_sync.web.site import Answer, actors, form_title, person, site
from kobo_sync.web.words import LANGUAGES
from kobo_sync.workspace.form_drafts import Draft

PAGE_PX = 900
MOST_PAGES = 60


def add_to(app: Flask) -> None:
    """Add these pages."""
    below = "/formulaires/<form_id>"
    app.add_url_rule(f"{below}/papier", "paper", paper)
    app.add_url_rule(f"{below}/papier.pdf", "paper_pdf", paper_pdf)
    app.add_url_rule(f"{below}/papier/<int(max={MOST_PAGES}):page>.png", "paper_page", paper_page)
    app.add_url_rule(f"{below}/essai", "trial", trial)
    app.add_url_rule(f"{below}/essai/papier.json", "trial_paper", trial_paper)
    app.add_url_rule(f"{below}/essai/media/<name>", "trial_medium", trial_medium)
    app.add_url_rule("/formulaires/essai/<edition>/<name>", "trial_static", trial_static)


def _shown(form_id: str) -> Draft:
    """The draft, or the form as it lies here as a draft that changes nothing."""
    return known_draft(form_id) or Draft(form_id, person().username, site().clock())


# ── on paper ──


@actors
def paper(form_id: str) -> Answer:
    """The questionnaire's pages as pictures, in one of the form's languages."""
    draft, mission = _shown(form_id), site().mission
    languages: tuple[str, ...] = ()
    chosen, n, fault = "", 0, ""
    try:
        form = drafts.form_of_draft(mission, draft)
        languages = tuple(filter(None, form.languages))
        asked = request.args.get("langue", "") or spoken().code
        chosen = asked if asked in languages else form.default_language or next(iter(languages), "")
        n = n_pages(form_preview.paper_pdf(mission, draft, chosen))
    except KoboSyncError as error:
        fault = in_one(error)
    return render_template(
        "paper.html",
        form_id=form_id,
        title=form_title(form_id),
        written_in=languages,
        names=LANGUAGES,
        chosen=chosen,
        n=n,
        shown=min(n, MOST_PAGES),
        fault=fault,
        width=PAGE_PX,
    )


def _pdf(form_id: str) -> bytes:
    try:
        return form_preview.paper_pdf(site().mission, _shown(form_id), request.args.get("langue", ""))
    except KoboSyncError:
        abort(404)


@actors
def paper_pdf(form_id: str) -> Answer:
    """The questionnaire itself, to print."""
    headers = {"Content-Disposition": f'inline; filename="{form_id}.pdf"'}
    return Response(_pdf(form_id), mimetype="application/pdf", headers=headers)


@actors
def paper_page(form_id: str, page: int) -> Answer:
    """One page of it as a picture; the first is 1."""
    folder = site().mission.workspace.state_folder() / "previews"
    picture = preview(folder, _pdf(form_id), page - 1, PAGE_PX) if page else None
    if picture is None:
        abort(404)
    return Response(picture, mimetype="image/png")


# ── in the browser ──


@actors
def trial(form_id: str) -> Answer:
    """The form as the station's browsers show it: it can be filled, and goes nowhere."""
    _shown(form_id)
    about = {
        "trial": True,
        "title": form_title(form_id),
        "language": spoken().code,
        "paper": url_for("trial_paper", form_id=form_id),
        "back": url_for("form", form_id=form_id),
    }
    static = url_for("trial_static", edition=form_preview.edition(), name="form.js").rpartition("/")[0]
    page = render_template("trial.html", about=json.dumps(about, ensure_ascii=False), static=static)
    return Response(page, headers={"Content-Security-Policy": form_preview.POLICY})


@actors
def trial_paper(form_id: str) -> Answer:
    """What its page makes a form of; 422 for one that cannot be shown."""
    draft = _shown(form_id)
    try:
        return jsonify(
            form_preview.trial(
                site().mission,
                draft,
                lambda name: url_for("trial_medium", form_id=form_id, name=name, v=draft.mark[:16]),
            )
        )
    except KoboSyncError as error:
        answer = jsonify({"fault": in_one(error)})
        answer.status_code = 422
        return answer


@actors
def trial_medium(form_id: str, name: str) -> Answer:
    """A picture, sound or list that the form names."""
    try:
        file = form_preview.trial_file(site().mission, _shown(form_id), name)
    except KoboSyncError:
        file = None
    if file is None:
        abort(404)
    answer = Response(file[0], mimetype=file[1])
    answer.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    return answer


@actors
def trial_static(edition: str, name: str) -> Answer:
    """A script or style sheet of the browser form."""
    file = form_preview.built_file(name)
    if file is None:
        abort(404)
    content, mimetype = file
    answer = Response(content, content_type=f"{mimetype}; charset=utf-8")
    is_current = edition == form_preview.edition()
    answer.headers["Cache-Control"] = "private, max-age=31536000, immutable" if is_current else "no-store"
    return answer
