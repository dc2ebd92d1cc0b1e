"""The command's entry: all verbs, and what their failures look like."""

from __future__ import annotations

import os
import sys

from kobo_sync.cli import collection, data, documents, forms, keeping, mission, service
from kobo_sync.cli.verb import cli
from kobo_sync.errors import KoboSyncError

__all__ = ["cli", "collection", "data", "documents", "forms", "keeping", "main", "mission", "service"]


def main() -> None:
    """Run a verb: a failure becomes one message with its cure, and an exit code."""
    try:
        cli(standalone_mode=True)
    except KoboSyncError as error:
        from kobo_sync.cli.console import print_error, print_finding

        print_error(error.message, error.hint or "")
        for finding in getattr(error, "findings", ()):
            print_finding(finding)
        sys.exit(error.exit_code)
    except Exception as error:
        if os.environ.get("KOBO_SYNC_DEBUG"):
            raise
        from kobo_sync.cli.console import print_error

        print_error(
            f"the program itself is at fault ({type(error).__name__}); what was stored is safe",
            "set KOBO_SYNC_DEBUG=1, run it again, and report what it prints",
        )
        sys.exit(70)
