"""The field station: OpenRosa and the part of KoboToolbox's API that we use, as one WSGI app."""

from kobo_sync.station.app import Station
from kobo_sync.station.auth import Account
from kobo_sync.station.server import serve

__all__ = ["Account", "Station", "serve"]
