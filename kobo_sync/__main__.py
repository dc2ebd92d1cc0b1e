"""python -m kobo_sync."""

from kobo_sync.cli import main

main()
