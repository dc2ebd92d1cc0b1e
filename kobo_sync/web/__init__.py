"""Pages for staff and consultant over what the steps recorded: they read the desk, and wish for runs."""

from kobo_sync.web.app import create_app
from kobo_sync.web.site import Site

__all__ = ["Site", "create_app"]
