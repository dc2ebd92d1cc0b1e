"""Livrables: per zone a preview, every file, the zips; what changed, who took what, and links to share."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, Response, abort, flash, redirect, render_template, request, url_for
from itsdangerous import BadSignature, URLSafeSerializer

from kobo_sync.config.file_names import NOMINATIVE
from kobo_sync.desk import access_log, share_links
from kobo_sync.desk.accounts import User
from kobo_sync.errors import KoboSyncError
from kobo_sync.language import typography
from kobo_sync.language.catalogue import t
from kobo_sync.model import Manifest
from kobo_sync.web.previews import preview
from kobo_sync.web.site import Answer, actors, members, person, site
from kobo_sync.web.words import CLASSES
from kobo_sync.workspace.encryption import SUFFIX
from kobo_sync.workspace.manifests import MANIFEST, class_of_zip, manifest_of

READERS_SEE = ("aggregate", "public")
TYPES = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "zip": "application/zip",
    "json": "application/json",
}
MISSION = "mission"


@dataclass(frozen=True)
class File:
    """A file that can be taken: *path* is below exports/out/, *classification* as in its manifest."""

    path: str
    name: str
    classification: str
    n_bytes: int

    def may_be_seen_by(self, user: User) -> bool:
        """Whether *user* may take it: names only by staff and named consultants, tables not by readers."""
        if self.classification == "nominative":
            return user.may_see_names and user.may_act
        return user.may_act or self.classification in READERS_SEE


def add_to(app: Flask) -> None:
    """Add these pages."""
    app.add_url_rule("/livrables", "deliverables", deliverables)
    app.add_url_rule("/livrables/fichier/<path:path>", "take_file", take_file)
    app.add_url_rule("/livrables/apercu/<path:path>", "show_preview", show_preview)
    app.add_url_rule("/livrables/lien", "make_link", make_link, methods=["POST"])
    app.add_url_rule("/livrables/lien/revoquer", "revoke_link", revoke_link, methods=["POST"])


@members
def deliverables() -> Answer:
    """A card per zone and one for the mission."""
    mission = site().mission
    places = [{"code": zone.code, "labels": zone.labels} for zone in mission.config.zones]
    places.append({"code": MISSION, "labels": {}})
    cards = [_card(place) for place in places]
    signer = link_signer()
    links = (
        [(link, signer.dumps(link.share_id)) for link in share_links.shares(mission.desk)] if person().may_act else []
    )
    return render_template(
        "deliverables.html",
        cards=cards,
        classes=CLASSES,
        taken=access_log.downloads(mission.desk, 30) if person().is_staff else [],
        links=[(link, _address(token), _is_open(link), _ends_at(link)) for link, token in links],
        share_days=mission.config.service.share_days,
        may_be_shared=_may_be_shared,
        public_url=site().public_url,
        has_report="final_report" in mission.config.mission_papers,
    )


@members
def take_file(path: str) -> Answer:
    """Hand a file out, and note who took it first."""
    file = find_file(path)
    if file is None:
        abort(404)
    if not file.may_be_seen_by(person()):
        abort(403)
    content = read_file(file)
    if request.method == "GET":  # who asks for the head alone takes nothing
        access_log.log_download(
            site().mission.desk,
            file.path,
            file.classification,
            hashlib.sha256(content).hexdigest(),
            site().clock(),
            username=person().username,
        )
    return sent(file, content)


@members
def show_preview(path: str) -> Answer:
    """A small picture of a PDF's first page."""
    file = find_file(path)
    if file is None or not file.path.endswith(".pdf"):
        abort(404)
    if not file.may_be_seen_by(person()):
        abort(403)
    picture = preview(site().mission.workspace.state_folder() / "previews", read_file(file))
    if picture is None:
        abort(404)
    return Response(picture, mimetype="image/png", headers={"Cache-Control": "private, max-age=3600"})


@actors
def make_link(path: str = "") -> Answer:
    """A link to one file for somebody without an account; never to a nominative or internal one."""
    mission, now = site().mission, site().clock()
    file = find_file(request.form.get("path", ""))
    days = request.form.get("days", type=int) or mission.config.service.share_days
    if file is None or not 1 <= days <= mission.config.service.longest_share_days:
        abort(400)
    if file.classification == "nominative" or not file.may_be_seen_by(person()):
        flash(t("A file with names is not shared by a link."), "error")
        return redirect(url_for("deliverables"))
    if file.classification == "internal":
        flash(t("An internal document is not shared by a link."), "error")
        return redirect(url_for("deliverables"))
    if not _may_be_shared(file):
        flash(t("A pseudonymised file is not shared by a link, unless the settings allow it."), "error")
        return redirect(url_for("deliverables"))
    link = share_links.share(mission.desk, file.path, person().username, now, now + timedelta(days=days))
    flash(t("Link to {name} made: copy it below.", name=file.name))
    return redirect(url_for("deliverables", _anchor=f"lien-{link.share_id}"))


@actors
def revoke_link() -> Answer:
    """End a link at once."""
    ended = share_links.revoke(site().mission.desk, request.form.get("share_id", ""), person().username, site().clock())
    flash(t("Link revoked.") if ended else t("This link was closed already."))
    return redirect(url_for("deliverables"))


# ── files ──


def _address(token: str) -> str:
    """What a link is given on as; never by the Host header: whoever asks writes it."""
    path, public_url = url_for("shared", token=token), site().public_url
    return public_url + path.removeprefix(request.script_root) if public_url else path


def link_signer() -> URLSafeSerializer:
    """What signs share links: one that was not made here is refused before the desk is asked."""
    return URLSafeSerializer(site().mission.desk.signing_key(), salt="share")


def shared_file(token: str) -> tuple[share_links.Share, File] | None:
    """The open link and its file behind *token*; None for a forged, ended or revoked one."""
    try:
        share_id = str(link_signer().loads(token))
    except BadSignature:
        return None
    link = share_links.find_share(site().mission.desk, share_id)
    if link is None or not _is_open(link):
        return None
    file = find_file(link.path)
    return (link, file) if file and _may_be_shared(file) else None


def _may_be_shared(file: File) -> bool:
    allowed = site().mission.config.privacy.share_pseudonymised
    return share_links.may_be_shared(file.classification, pseudonymised=allowed)


def _is_open(link: share_links.Share) -> bool:
    """Whether a link leads to its file: within the longest life that the config gives now, and of one who may share now."""
    now = site().clock()
    maker = site().user(link.created_by)
    is_owned = maker is not None and maker.disabled_at is None and maker.may_act
    return is_owned and link.is_open(now) and now < _ends_at(link)


def _ends_at(link: share_links.Share) -> datetime:
    """When a link ends: as it was made, and no later than the longest life allows."""
    longest = timedelta(days=site().mission.config.service.longest_share_days)
    return min(link.expires_at, link.created_at + longest)


def find_file(path: str) -> File | None:
    """The deliverable at *path*, looked up in the manifests: a path that no manifest names is no file."""
    place, _, name = path.partition("/")
    codes = [zone.code for zone in site().mission.config.zones] + [MISSION]
    if not name:
        return next((file for code in codes for file in _zips(code) if file.path == path), None)
    if place not in codes:
        return None
    entry = _manifest(place).files.get(name)
    if entry is None or not (site().mission.workspace.out / place / name).is_file():
        return None
    return File(f"{place}/{name}", name, entry.classification, entry.n_bytes)


def read_file(file: File) -> bytes:
    """The bytes of a deliverable. Raises: KoboSyncError when it vanished meanwhile."""
    try:
        return (site().mission.workspace.out / file.path).read_bytes()
    except OSError as error:
        raise KoboSyncError(f"{file.name} is being made anew", hint="try again in a minute") from error


def sent(file: File, content: bytes) -> Response:
    """The file as a download."""
    kind = TYPES.get(file.name.rpartition(".")[2], "application/octet-stream")
    answer = Response(content, mimetype=kind)
    answer.headers.set("Content-Disposition", "attachment", filename=file.path.replace("/", "-"))
    return answer


def _manifest(place: str) -> Manifest:
    """What is built there; an empty manifest where nothing is."""
    try:
        return manifest_of((site().mission.workspace.out / place / MANIFEST).read_bytes()) or Manifest()
    except OSError:
        return Manifest()


def _zips(place: str) -> list[File]:
    out = site().mission.workspace.out
    bundles = []
    endings = ((each, ending) for each in NOMINATIVE for ending in ("", SUFFIX))
    for suffix, ending in (("", ""), *endings):
        path = out / f"{place}{suffix}.zip{ending}"
        if path.is_file():
            classification: str = "nominative" if suffix else class_of_zip(path)
            bundles.append(File(path.name, path.name, classification, path.stat().st_size))
    return bundles


def _card(place: dict[str, Any]) -> dict[str, Any]:
    code = place["code"]
    manifest, viewer = _manifest(code), person()
    files = [
        File(f"{code}/{name}", name, entry.classification, entry.n_bytes)
        for name, entry in sorted(manifest.files.items())
    ]
    visible = [file for file in files if file.may_be_seen_by(viewer)]
    main = [file for file in visible if "/" not in file.name]
    makers = {file.path: manifest.files[file.name].maker for file in main}
    pdfs = [path for path, maker in makers.items() if path.endswith(".pdf") and maker in ("zone_sheet", "final_report")]
    folders: dict[str, list[File]] = {}
    for file in visible:
        if "/" in file.name:
            folders.setdefault(file.name.partition("/")[0], []).append(file)
    return {
        **place,
        "as_of": manifest.as_of,
        "n_submissions": f"≤ {typography.number(sum(manifest.submissions.values()))}",  # each form's is to the ten above
        "fingerprint": manifest.fingerprint,
        "preview": pdfs[0] if pdfs else None,
        "changes": next((path for path, maker in makers.items() if maker == "changes"), None),
        "files": main,
        "folders": folders,
        "zips": [file for file in _zips(code) if file.may_be_seen_by(viewer)],
        "n_hidden": len(files) - len(visible),
        "is_built": bool(manifest.files),
    }
