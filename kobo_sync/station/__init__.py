"""The field station: OpenRosa and the part of KoboToolbox's API that we use, as one WSGI app."""
