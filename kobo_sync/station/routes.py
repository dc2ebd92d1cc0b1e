"""Which view answers at which address, to which methods, in which formats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Response

from kobo_sync.station import (
    about,
    assets,
    creating,
    data,
    exports,
    history,
    hooks,
    openrosa,
    publishing,
    reports,
    rows,
)
from kobo_sync.station.browser import pages as browser
from kobo_sync.station.formats import JSON_OR_PAGE
from kobo_sync.station.room import pages as room
from kobo_sync.station.wire import Refused, no_such_page, not_found

View = Callable[..., Response]
_READ, _POST = ("GET", "HEAD"), ("POST",)
_LIST = ("GET", "POST", "HEAD")  # the order is that of a real server's Allow
_ITEM = ("GET", "PATCH", "DELETE", "HEAD")
_FORMS = (*JSON_OR_PAGE, "application/xml")


_A = "/api/v2/assets/<uid>/"
# What is said below an asset that there is not: a page [a13], or the name of what was looked for.
_BELOW_PAGE = ("files", "permission-assignments", "hooks", "exports", "data")
_BELOW_NAME = ("versions", "history", "counts", "export-settings", "attachments")


@dataclass(frozen=True)
class Route:
    """One address. *kinds* are the media types it answers with, the preferred first; none: the view decides."""

    path: str
    view: View
    methods: Sequence[str]
    kinds: Sequence[str] = JSON_OR_PAGE
    is_phone: bool = False
    is_room: bool = False

    def unknown_asset(self) -> Refused:
        """What is said when the asset in the address is none."""
        section = self.path.removeprefix(_A).partition("/")[0].partition(".")[0]
        if section in _BELOW_PAGE:
            return no_such_page()
        return Refused(404, {"detail": "No Asset matches the given query."}) if section in _BELOW_NAME else not_found()


_API: tuple[tuple[Any, ...], ...] = (
    ("/token/", about.token, _READ),
    ("/me/", about.me, _READ),
    ("/api/v2/", about.root, _READ),
    ("/api/v2/environment/", about.environment, _READ),
    ("/api/v2/users/", about.users, _READ),
    ("/api/v2/users/<name>/", about.one_user, _READ),
    ("/api/v2/permissions/", about.permissions, _READ),
    ("/api/v2/permissions/<codename>/", about.one_permission, _READ),
    ("/api/v2/tags/", about.tags, _READ),
    ("/api/v2/organizations/", about.organizations, _READ),
    ("/api/v2/asset_usage/", about.asset_usage, _READ),
    ("/api/v2/service_usage/", about.service_usage, _READ),
    ("/api/v2/imports/", assets.imports, _LIST),
    ("/api/v2/imports/<uid>/", assets.poll, _READ),
    ("/api/v2/assets/", creating.listing, _LIST),
    (_A, creating.one_asset, ("GET", "PUT", "PATCH", "DELETE", "HEAD"), _FORMS),
    ("/api/v2/assets/<uid>.<any(xls, xml):kind>", publishing.given_back, _READ, ()),
    (f"{_A}content/", publishing.content, _READ),
    (f"{_A}valid_content/", creating.valid_content, _READ),
    (f"{_A}reports/", reports.listing, _READ),
    (f"{_A}files/", publishing.files, _LIST),
    (f"{_A}files/<file_uid>/", publishing.one_file, ("GET", "PUT", "PATCH", "DELETE", "HEAD")),
    (f"{_A}files/<file_uid>/content/", publishing.file_content, _READ, ()),
    (f"{_A}deployment/", publishing.deployment, ("GET", "POST", "PATCH", "HEAD")),
    (f"{_A}versions/", publishing.versions, _READ),
    (f"{_A}versions/<version_uid>/", publishing.one_version, _READ),
    (f"{_A}permission-assignments/", assets.permissions, _LIST),
    (f"{_A}permission-assignments/<permission_uid>/", assets.one_permission, ("GET", "DELETE", "HEAD")),
    (f"{_A}history/", history.listing, _READ),
    (f"{_A}history/actions/", history.actions, _READ),
    (f"{_A}hooks/", hooks.listing, _LIST),
    (f"{_A}hooks/<hook_uid>/", hooks.one_hook, _ITEM),
    (f"{_A}counts/", data.counts, _READ),
    (f"{_A}exports/", exports.listing, _LIST),
    (f"{_A}exports/<export_uid>/", exports.one_export, ("GET", "DELETE", "HEAD")),
    (f"{_A}export-settings/", exports.settings, _LIST),
    (f"{_A}export-settings/<settings_uid>/", exports.one_settings, _ITEM),
    (f"{_A}export-settings/<settings_uid>/data.<any(csv, xlsx):suffix>", exports.settings_data, _READ, ()),
    ("/private-media/<owner>/exports/<uid>/<filename>", exports.result, _READ, ()),
    (f"{_A}data/", data.listing, _READ, ()),
    (f"{_A[:-1]}/data.<any(xml, geojson):suffix>", data.listing, _READ, ()),
    (f"{_A}data/bulk/", rows.bulk, ("PATCH", "DELETE")),
    (f"{_A}data/validation_statuses/", rows.validations, ("PATCH", "DELETE")),
    (f"{_A}data/<key>.<any(xml, geojson):suffix>", data.one_row, _READ, ()),
    (f"{_A}data/<key>/", data.one_row, ("GET", "DELETE", "HEAD"), ()),
    (f"{_A}data/<key>/validation_status/", rows.validation, _ITEM),
    (f"{_A}data/<key>/duplicate/", rows.duplicate, _POST),
    (f"{_A}data/<key>/attachments/", rows.attachments, _READ, ()),
    (f"{_A}data/<key>/attachments/<attachment_uid>/", rows.attachment, _READ, ()),
    (f"{_A}data/<key>/attachments/<attachment_uid>/<any(large, medium, small):size>/", rows.attachment, _READ, ()),
    (f"{_A}attachments/<attachment_uid>/", rows.delete_attachment, ("DELETE",)),
)
_PHONES: tuple[tuple[str, View, Sequence[str]], ...] = (
    ("/formList", openrosa.form_list, _READ),
    ("/submission", openrosa.submission, ("POST", "HEAD")),
    ("/forms/<int:pk>/form.xml", openrosa.form_xml, _READ),
    ("/xformsManifest/<int:pk>", openrosa.manifest, _READ),
    ("/xformsMedia/<int:pk>/<int:media_id>.<ext>", openrosa.media, _READ),
)
_ALL = (
    *(Route(*each) for each in _API),
    *(Route(path, view, (*_READ, "POST"), (), is_room=True) for path, view in room.VIEWS),
    *(Route(path, view, (*_READ, "POST"), ()) for path, view in browser.ROUTES),
    Route("/certificate.crt", about.authority, _READ, (), is_phone=True),
    *(Route(path, view, methods, (), is_phone=True) for path, view, methods in _PHONES),
    *(Route(f"/<user>{path}", view, methods, (), is_phone=True) for path, view, methods in _PHONES),
)
ROUTES = {route.path: route for route in _ALL}
MAP = Map([Rule(path, endpoint=path) for path in ROUTES], merge_slashes=False)
