"""Projects of KoboToolbox: their forms, media, deployments, marks and REST services."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from kobo_sync.errors import FormError, KoboRejected, KoboUnreachable
from kobo_sync.form_server import Release
from kobo_sync.forms.media import mimetype
from kobo_sync.kobo.asking import Asking
from kobo_sync.kobo.paging import repeats
from kobo_sync.kobo.wire import protocol
from kobo_sync.model import Asset, BlankForm, DownloadedForm, Hook, MediaFile
from kobo_sync.rows.bodies import held_against


class Projects(Asking):
    """What the account may do with projects."""

    def asset(self, asset_uid: str) -> tuple[Asset, list[MediaFile]]:
        """A project and its form media, in one request."""
        body = self.get(protocol.asset_path(asset_uid)).body
        return protocol.parse_asset(body), protocol.parse_media(body)

    def projects(self) -> list[tuple[int, str]]:
        """None: here each form is a project."""
        return []

    def assets(self) -> list[Asset]:
        """Every survey that the account sees."""
        assets: list[Asset] = []
        limit = 100
        for start in range(0, 1_000_000, limit):
            path = protocol.assets_path("asset_type:survey", limit, start)
            page, more = protocol.parse_assets(self.get(path).body)
            if assets and page and page[0] in assets:
                raise repeats("the next projects were asked for, and the same came", path)
            assets += page
            if not more:
                break
        return assets

    def import_form(self, content: bytes, filename: str, *, name: str, into: str = "") -> str:
        """Import an XLSForm as a new project, or *into* an asset uid; returns the asset uid.

        Raises: KoboRejected with the server's reason when it refuses the form.
        """
        fields = {"name": name, "library": "false"}  # without library=false it becomes a library block [b05]
        if into:
            fields["destination"] = self.kf + protocol.asset_path(into)
        answer = self._send(
            "POST", self.kf + protocol.IMPORTS, data=fields, files={"file": (filename, content)}, retry=False
        )
        path = f"{protocol.IMPORTS}{protocol.parse_import_uid(answer.body)}/"
        for pause in self._polls():
            state = protocol.parse_import(self.get(path).body)
            if state.error:
                raise KoboRejected(
                    "the server refuses the form",
                    method="POST",
                    url=protocol.IMPORTS,
                    excerpt=state.error,
                    hint="mend the form as it says; `kobo-sync lint` finds most causes beforehand",
                )
            if state.asset_uid:
                return state.asset_uid
            self._transport.sleep(pause)
        raise KoboUnreachable("the import did not end", method="GET", url=path, hint="try again later")

    def upload_media(self, asset_uid: str, filename: str, content: bytes, mimetype: str) -> None:
        """Add a form media file; the same name must not exist [c05]."""
        fields = {
            "description": "default",  # required, any text [c10]
            "file_type": "form_media",
            "metadata": json.dumps({"filename": filename}),  # its absence is a 500 [c09]
        }
        url = self.kf + protocol.asset_path(asset_uid, "files")
        self._send("POST", url, data=fields, files={"content": (filename, content, mimetype)}, retry=False)

    def delete_media(self, asset_uid: str, file_uid: str) -> None:
        """Remove a form media file; one that is gone already is no fault."""
        self._delete(protocol.asset_path(asset_uid, "files", file_uid))

    def deploy(self, asset: Asset) -> None:
        """Publish the newest content and media to phones: a first or a real redeployment."""
        url = self.kf + protocol.asset_path(asset.asset_uid, "deployment")
        if asset.is_deployed:
            # Without version_id the server only (un)archives [c25]; with it media are published too [c31].
            self._send("PATCH", url, json={"active": True, "version_id": asset.version_id})
        else:
            self._send("POST", url, json={"active": True}, retry=False)  # active defaults to false [d08]

    def hooks(self, asset_uid: str) -> list[Hook]:
        """The project's REST services [i14]."""
        return protocol.parse_hooks(self._send("GET", self.kf + protocol.asset_path(asset_uid, "hooks")).body)

    def put_hook(self, asset_uid: str, endpoint: str, hook_uid: str = "") -> None:
        """Make our REST service of a project, or mend the one called *hook_uid* [i02]."""
        path = protocol.asset_path(asset_uid, "hooks", *([hook_uid] if hook_uid else []))
        method = "PATCH" if hook_uid else "POST"
        self._send(method, self.kf + path, json=protocol.hook_body(endpoint), retry=bool(hook_uid))

    def write_fingerprint(self, asset_uid: str, mark: Mapping[str, str]) -> None:
        """Keep *mark* in the project's settings, where it makes no new version."""
        settings = {"extra_metadata": {protocol.FINGERPRINT_KEY: dict(mark)}}
        self._send("PATCH", self.kf + protocol.asset_path(asset_uid), json={"settings": settings})

    def workbook(self, asset_uid: str) -> bytes:
        """The project's newest content as a workbook [b21]."""
        path = protocol.asset_path(asset_uid).removesuffix("/") + ".xls"
        return self._send("GET", self.kf + path, headers={"Accept": "*/*"}).body

    def manifest(self, asset_uid: str) -> dict[str, str] | None:
        """File name → md5 of the media that phones download now; None when the form is not offered."""
        path = f"{protocol.FORM_LIST}?formID={asset_uid}"
        listed = protocol.parse_manifest_path(self.phone_file_at(path), asset_uid)
        return protocol.parse_manifest(self.phone_file_at(listed)) if listed else None

    def phone_file(self, asset_uid: str, filename: str) -> bytes | None:
        """A form media file as phones download it now; None when they are offered none of that name [e14]."""
        listed = protocol.parse_manifest_path(self.phone_file_at(f"{protocol.FORM_LIST}?formID={asset_uid}"), asset_uid)
        path = protocol.parse_manifest_links(self.phone_file_at(listed)).get(filename) if listed else None
        return self.phone_file_at(path) if path else None

    def medium(self, asset_uid: str, medium: MediaFile) -> bytes | None:
        """A file of the project as the API gives it: whoever may view the project may read it, draft or archived [c04]."""
        path = protocol.asset_path(asset_uid, "files", medium.uid, "content")
        try:
            return self._send("GET", self.kf + path, headers={"Accept": "*/*"}).body
        except KoboRejected as error:
            if error.status == 404:
                return None
            raise

    def phone_file_at(self, path: str) -> bytes:
        """What phones get at a path of the server's: formList, a form, a manifest, a medium."""
        headers = {**protocol.OPENROSA_HEADERS, "Accept": "*/*"}
        return self._send("GET", self.kc + path, headers=headers).body

    # ── publication ──

    def n_not_sent(self, asset_uid: str) -> int:
        """0: KoboToolbox lists the files that came, not those that are due."""
        return 0

    def unpublished(self, asset: Asset) -> bytes | None:
        """None: content that was saved and not deployed is the project's newest version, by which it is told."""
        return None

    def publish(self, asset: Asset | None, release: Release, begun: Callable[[str], None]) -> str:
        """Bring a form and its media to phones; returns the asset uid.

        *begun* is told the project before anything of it changes. Each step can be cut short and the next run finishes it: the mark
        tells what was deployed, its media being confirmed later.
        Raises: FormError when the server finds the content undeployable: what was deployed before is live again.
        """
        uid, previous = asset.asset_uid if asset else "", b""
        if asset is None:
            uid = self.import_form(*release.workbook, name=release.title)
            begun(uid)
        elif release.is_new_form:
            previous = self.workbook(uid) if asset.is_deployed else b""
            begun(uid)
            self.import_form(*release.workbook, name=release.title, into=uid)
        for media in release.stale_media:
            self.delete_media(uid, media.uid)
        for name, content in release.new_media.items():
            self.upload_media(uid, name, content, mimetype(name))
        newest, _ = self.asset(uid)
        self._deploy(newest, release, previous)
        self.write_fingerprint(uid, release.mark(uid, newest.version_id, {}))
        return uid

    def _deploy(self, asset: Asset, release: Release, previous: bytes) -> None:
        """Deploy; if the server finds the content undeployable, put the previous content back first [b43-b49]."""
        try:
            self.deploy(asset)
        except KoboRejected as error:
            if previous:
                self.import_form(previous, "previous.xlsx", name=asset.name, into=asset.asset_uid)
                self.publish_again(asset.asset_uid)
            raise FormError(
                f"the server cannot deploy it: {error.excerpt}",
                form=release.workbook[1],
                hint="mend the form; what was deployed before is still live",
            ) from error

    def publish_again(self, asset_uid: str) -> None:
        """Deploy once more what stands in the project: the task that brings media to phones may be lost."""
        self.deploy(self.asset(asset_uid)[0])

    # ── forms as phones download them ──

    def blank_forms(self) -> dict[str, BlankForm]:
        """The forms that phones of the account are offered, by asset uid [e02]."""
        return protocol.parse_form_list(self.phone_file_at(protocol.FORM_LIST))

    def download_form(self, form: BlankForm) -> DownloadedForm:
        """A form with its media [e12, e15]. Raises: KoboUnexpected when bytes are not what formList or manifest announced."""
        xform = self.phone_file_at(form.path)
        held_against(form.hash, xform, form.path)
        media = {}
        if form.manifest:
            manifest = self.phone_file_at(form.manifest)
            md5s = protocol.parse_manifest(manifest)
            for name, path in protocol.parse_manifest_links(manifest).items():
                media[name] = self.phone_file_at(path)
                held_against(md5s[name], media[name], path)
        marks = protocol.parse_xform_marks(xform)
        return DownloadedForm(xform, media, marks.form_uuid, marks.version_uid)
