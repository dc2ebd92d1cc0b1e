"""Forms of an ODK Central project: versions, media, publication and our mark on it; what doctor looks at."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from kobo_sync.central.asking import Asking
from kobo_sync.central.wire import protocol
from kobo_sync.errors import FormError, KoboError, KoboRefused, KoboRejected, KoboUnexpected
from kobo_sync.form_server import OWN_LIST, TRASHED, Examined, Release
from kobo_sync.forms.xform_workbook import workbook_of
from kobo_sync.lazy import cached_property
from kobo_sync.model import Asset, BlankForm, DownloadedForm, Hook, MediaFile
from kobo_sync.rows.bodies import held_against, parse_object

NEEDED_VERBS = (
    "submission.list",
    "form.update",
    "submission.update",
    "field_key.create",
)  # to pull, deploy, hold, enrol
IN_TRASH = "it was deleted on the server: restore it there (Project → Forms → trash), within 30 days"
STRUCTURE, TYPE, USED = "400.16", "400.17", "409.6"


class Projects(Asking):
    """What the account may do with the project's forms."""

    def _form(self, form_id: str, *parts: str) -> str:
        return protocol.form_path(self.project, form_id, *parts)

    @cached_property
    def _project(self) -> dict[str, Any]:
        return protocol.parse_project(self.get(protocol.project_path(self.project), headers=protocol.EXTENDED).body)

    @property
    def rights(self) -> frozenset[str]:
        """What the account may do in the project, in the words of the model."""
        return protocol.rights_of(self._project["verbs"])

    # ── doctor ──

    def examine(self) -> Iterator[Examined]:
        """The server's age, and the project: whether it is this one, archived, encrypted, and what the account may do there."""
        yield self._version()
        what = f"project {self.project}"
        try:
            project = self._project
        except KoboError as error:
            cure = "check server.project, and that this account has a role there (viewer; project manager to deploy)"
            yield Examined(what, f"this account cannot see it ({error.status or error.message})", cure)
            return
        if project["is_encrypted"]:
            cure = "take another project: encryption cannot be taken back, and what is encrypted cannot be checked"
            yield Examined(what, "it is encrypted: its submissions cannot be read here", cure)
            return
        lacking = [verb for verb in NEEDED_VERBS if verb not in project["verbs"]]
        cure = "let an administrator give this account the role project manager" if lacking else ""
        verdict = (
            f"{project['name']}: lacks {', '.join(lacking)}" if lacking else f"{project['name']}: rights are complete"
        )
        yield Examined(what, verdict, cure, severe="submission.list" not in project["verbs"])
        if project["is_archived"]:
            cure = "have it taken out of the archive; submissions go on meanwhile"
            yield Examined(what, "it is archived", cure, severe=False)

    def _version(self) -> Examined:
        what, year_number = "ODK Central", None
        with suppress(KoboError):
            year_number = protocol.parse_version(self.get(protocol.VERSION_FILE).body.decode("utf-8", "replace"))
        if year_number is None:
            return Examined(
                what,
                "the server does not tell its version",
                "look at /version.txt; kobo-sync needs v2024.3 or later",
                False,
            )
        said = f"v{year_number[0]}.{year_number[1]}"
        if year_number < protocol.OLDEST:
            return Examined(
                what, f"version {said} is too old", "have it brought to v2024.3 or later: deletions are not told before"
            )
        if year_number < protocol.OLD:
            return Examined(what, f"version {said} is old", "v2025.3 tells of deleted forms as well", severe=False)
        return Examined(what, f"version {said}")

    # ── forms, as they stand ──

    def projects(self) -> list[tuple[int, str]]:
        """Number and name of each project of the server that the account sees."""
        return protocol.parse_projects(self.get(protocol.PROJECTS).body)

    def assets(self) -> list[Asset]:
        """Every form of the project [b18]; without our mark, which only a form by itself tells."""
        answer = self.get(protocol.project_path(self.project, "forms"), headers=protocol.EXTENDED)
        forms = protocol.parse_list(answer.body)
        return [protocol.parse_form(form, self.rights) for form in forms]

    def asset(self, asset_uid: str) -> tuple[Asset, list[MediaFile]]:
        """A form with our mark, and its published media. Raises: KoboRejected with what became of it when it is not there."""
        form = self._described(asset_uid)
        if form.get("keyId") is not None:
            raise KoboUnexpected(
                "the form is encrypted: what it collects cannot be read",
                url=self._form(asset_uid),
                hint="take another project: encryption cannot be taken back",
            )
        asset = protocol.parse_form(form, self.rights)
        if asset.is_deployed and not asset.fingerprint:
            asset = replace(asset, fingerprint=self._last_mark(asset_uid))
        media = protocol.parse_media(self.get(self._form(asset_uid, "attachments")).body) if asset.is_deployed else []
        return asset, media

    def _described(self, form_id: str) -> dict[str, Any]:
        """What the server tells of a form. Raises: KoboRejected with what became of it when it is not there."""
        try:
            described: dict[str, Any] = parse_object(self.get(self._form(form_id), headers=protocol.EXTENDED).body)
            return described
        except KoboRejected as error:
            if error.status == 404:
                error.hint = self._whereabouts(form_id) or error.hint
                if error.hint == IN_TRASH:
                    error.code = TRASHED
            raise

    def _last_mark(self, form_id: str) -> dict[str, str]:
        """Our mark of the newest version that has one: what was published since without it was changed there."""
        versions = protocol.parse_list(self.get(self._form(form_id, "versions"), headers=protocol.EXTENDED).body)
        with protocol.known_shape():
            marks = (protocol.parse_mark(version.get("publishNotes")) for version in versions)  # newest first [b12]
            return next((mark for mark in marks if mark), {})

    def _whereabouts(self, form_id: str) -> str:
        """Why the server has no such form: it lies in the trash, or there is no such project; empty where nothing tells."""
        try:
            forms = protocol.parse_list(self.get(f"{protocol.project_path(self.project, 'forms')}?deleted=true").body)
        except KoboRejected as error:
            return error.hint
        except KoboError:
            return ""
        return IN_TRASH if any(isinstance(form, dict) and form.get("xmlFormId") == form_id for form in forms) else ""

    def workbook(self, asset_uid: str) -> bytes:
        """The published form as an XLSForm: as it was uploaded, where it was one, else written out of its XForm."""
        form = self._described(asset_uid)
        if form.get("excelContentType"):
            return self.get(f"{self._form(asset_uid)}.xlsx", headers={"Accept": "*/*"}).body
        xform = self.get(f"{self._form(asset_uid)}.xml", headers={"Accept": "*/*"}).body
        return workbook_of(xform, asset_uid)

    def unpublished(self, asset: Asset) -> bytes | None:
        """The XForm of the draft; None where there is none, or it and its files are as published, or this account may not see it."""
        try:
            form_id = asset.asset_uid
            draft = self.get(f"{self._form(form_id, 'draft')}.xml", headers={"Accept": "*/*"}).body
            # Of a form that was never published the address without /draft gives the draft as well.
            if not asset.is_deployed or draft != self.get(f"{self._form(form_id)}.xml", headers={"Accept": "*/*"}).body:
                return draft
            published = protocol.parse_media(self.get(self._form(form_id, "attachments")).body)
            return draft if self._draft_media(form_id) != published else None
        except KoboRefused:  # that it may not publish either is told there
            return None
        except KoboRejected as error:
            if error.status != 404:
                raise
            return None

    def manifest(self, asset_uid: str) -> dict[str, str] | None:
        """File name → md5 of the media that phones get now; None when the form is not offered."""
        asset, media = self.asset(asset_uid)
        return {each.filename: each.md5 for each in media} if asset.is_deployed and asset.is_active else None

    def phone_file(self, asset_uid: str, filename: str) -> bytes | None:
        """A medium as phones get it now; None when there is none of that name."""
        try:
            return self.get(self._form(asset_uid, "attachments", filename), headers={"Accept": "*/*"}).body
        except KoboRejected as error:
            if error.status == 404:
                return None
            raise

    def medium(self, asset_uid: str, medium: MediaFile) -> bytes | None:
        """A file of the published form; None when there is none of that name."""
        return self.phone_file(asset_uid, medium.filename)

    def write_fingerprint(self, asset_uid: str, mark: Mapping[str, str]) -> None:
        """Our mark is kept with each publication, and cannot be written afterwards: nothing to do."""

    def hooks(self, asset_uid: str) -> list[Hook]:
        """None: this server calls nobody."""
        return []

    def put_hook(self, asset_uid: str, endpoint: str, hook_uid: str = "") -> None:
        """Nothing to do: this server calls nobody."""

    # ── forms as phones download them ──

    def blank_forms(self) -> dict[str, BlankForm]:
        """The forms that take submissions, by form id; the version and the hash of what is published [b18]."""
        forms = protocol.parse_list(self.get(protocol.project_path(self.project, "forms")).body)
        with protocol.known_shape():
            return {
                str(form["xmlFormId"]): BlankForm(
                    str(form["xmlFormId"]),
                    str(form.get("name") or form["xmlFormId"]),
                    str(form["version"] or ""),
                    str(form["hash"]),
                    f"{self._form(str(form['xmlFormId']))}.xml",
                    self._form(str(form["xmlFormId"]), "attachments"),
                )
                for form in forms
                if form.get("publishedAt") and form.get("state") == "open"
            }

    def download_form(self, form: BlankForm) -> DownloadedForm:
        """A form with its media. Raises: KoboUnexpected when bytes are not what was announced."""
        xform = self.get(form.path, headers={"Accept": "*/*"}).body
        held_against(form.hash, xform, form.path)
        media = {}
        for each in protocol.parse_media(self.get(form.manifest).body):
            path = f"{form.manifest}/{protocol.quoted(each.filename)}"
            media[each.filename] = self.get(path, headers={"Accept": "*/*"}).body
            held_against(each.md5, media[each.filename], path)
        # A version is called otherwise in no two forms: the form's own name makes it one.
        return DownloadedForm(xform, media, "", f"{form.form_id} {form.version}")

    # ── publication ──

    def publish(self, asset: Asset | None, release: Release, begun: Callable[[str], None]) -> str:
        """Draft, media, publication: the form's version gets a mark of its content, for no version can be published twice [b10b].

        Nothing reaches phones before the last step; a draft that a kill left behind is replaced by the next run.
        Raises: FormError when the server finds fault with the form: what was published before is still live.
        """
        form_id = release.form_id
        begun(form_id)
        xform = release.xform() if release.is_new_form else b""
        self._draft(asset, release, xform)
        draft = {media.filename: media.md5 for media in self._draft_media(form_id)}
        for name, md5 in release.media.items():
            if draft.get(name) == md5:
                continue
            if name in release.new_media:
                self._upload(form_id, name, release.new_media[name])
            elif md5 == OWN_LIST:  # a draft carries an earlier file over [c14b], which hides the server's own list
                self.send("PATCH", self._form(form_id, "draft", "attachments", name), json={"dataset": True})
        draft = {media.filename: media.md5 for media in self._draft_media(form_id)}
        missing = sorted(name for name, md5 in release.media.items() if draft.get(name) != md5)
        if missing:
            raise KoboUnexpected(
                f"the server does not have these files as they were sent: {', '.join(missing)}",
                url=self._form(form_id, "draft"),
                hint="run `kobo-sync deploy` again; nothing was published",
            )
        version = _version_of(release, asset.version_id if asset else "", xform)
        mark = protocol.render_mark(release.mark(form_id, version, release.media))
        path = f"{self._form(form_id, 'draft', 'publish')}?version={protocol.quoted(version)}"
        try:
            self.send("POST", path, headers=mark, retry=False)
        except KoboRejected as error:
            raise self._fault(error, release) from error
        if asset is not None and asset.is_deployed and not asset.is_active:
            self.send("PATCH", self._form(form_id), json={"state": "open"})  # publishing leaves a closed form closed
        return form_id

    def publish_again(self, asset_uid: str) -> None:
        """Nothing to do: what is published reaches phones at once."""

    def _draft(self, asset: Asset | None, release: Release, xform: bytes) -> None:
        """Make the draft: of a new form, of another version, or of the published one for the sake of its media."""
        headers = {"Content-Type": "application/xml"}
        try:
            if asset is None:
                try:
                    path = protocol.project_path(self.project, "forms")
                    self.send("POST", path, data=xform, headers=headers, retry=False)
                    return
                except KoboRejected as error:
                    if error.code != protocol.EXISTS:  # left by a run that was cut short before its publication
                        raise
            path = self._form(release.form_id, "draft")
            try:
                self.send("POST", path, data=xform, headers=headers if xform else {})
            except KoboRejected as error:
                # Our own comparison, crossed with stored answers, has judged what is taken out: else nobody would be here.
                if error.code != STRUCTURE:
                    raise
                self.send("POST", f"{path}?ignoreWarnings=true", data=xform, headers=headers if xform else {})
        except KoboRejected as error:
            raise self._fault(error, release) from error

    def _draft_media(self, form_id: str) -> list[MediaFile]:
        return protocol.parse_media(self.get(self._form(form_id, "draft", "attachments")).body)

    def _upload(self, form_id: str, name: str, content: bytes) -> None:
        headers = {"Content-Type": "application/octet-stream"}
        self.send("POST", self._form(form_id, "draft", "attachments", name), data=content, headers=headers)

    def _fault(self, error: KoboRejected, release: Release) -> FormError:
        """What the server finds wrong with a form, in our words."""
        message = f"the server does not take it: {error.excerpt}"
        hint = "mend the form; what was published before is still live"
        if error.code == TYPE:
            message = f"a question of an earlier version had another type, and keeps it for ever: {error.excerpt}"
            hint = "give the question another name, or its earlier type; what was published before is still live"
        elif error.code == USED:
            message = "a version of this name was published before"
            hint = "raise the version on the sheet settings; what was published before is still live"
        elif error.code == STRUCTURE:
            message, hint = "a form of this id lies in the server's trash", IN_TRASH
        return FormError(message, form=release.workbook[1], hint=hint)


def _version_of(release: Release, previous: str, xform: bytes) -> str:
    """The version to publish: the XLSForm's, with a mark of its content and of what it follows.

    The same deployment made again after a kill has the same, and going back to an earlier content has one of its own.
    """
    seen = json.dumps([previous, dict(release.media)], sort_keys=True).encode()
    digest = hashlib.sha256(xform + b"\0" + seen).hexdigest()[:8]
    stem = release.version if release.is_new_form else previous.rpartition("-")[0] or previous
    return f"{stem}-{digest}" if stem else digest
