"""The command's entry: all verbs, and what their failures look like."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

import click

from kobo_sync.cli import (
    beginning,
    collection,
    data,
    documents,
    forms,
    keeping,
    keys,
    mission,
    opening,
    service,
    station,
    worker,
)
from kobo_sync.cli.verb import cli
from kobo_sync.errors import KoboSyncError, Terminated, disk_error

__all__ = [
    "beginning",
    "cli",
    "collection",
    "data",
    "documents",
    "forms",
    "keeping",
    "keys",
    "main",
    "mission",
    "opening",
    "service",
    "station",
    "worker",
]


CTRL_C, SIGTERM, SIGPIPE = 130, 143, 141  # as shells say it: 128 and the signal's number
_AGAIN_S = 0.05


def main() -> None:
    """Run a verb: a failure becomes one message with its cure, and an exit code that is never 1."""
    signal.signal(signal.SIGTERM, _terminate)
    sys.unraisablehook = _come_again
    try:
        code = cli(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except SystemExit:
        if "PacifyFlushWrapper" in type(sys.stdout).__name__:  # click met a closed pipe: `… | head`
            sys.exit(SIGPIPE)
        raise
    except click.ClickException as error:
        from kobo_sync.cli.console import print_usage

        print_usage(error)
        sys.exit(error.exit_code if isinstance(error, click.UsageError) else 2)
    except (click.Abort, KeyboardInterrupt, EOFError) as error:
        _interrupted(error.__cause__ or (error.__context__ if isinstance(error, click.Abort) else None) or error)
    except KoboSyncError as error:
        _failed(error)
    except OSError as error:
        if os.environ.get("KOBO_SYNC_DEBUG"):
            raise
        _failed(disk_error(error))
    except Exception as error:
        if os.environ.get("KOBO_SYNC_DEBUG"):
            raise
        from kobo_sync.cli.console import print_error

        print_error(
            f"the program itself is at fault ({type(error).__name__}); what was stored is safe",
            "set KOBO_SYNC_DEBUG=1, run it again, and report what it prints",
        )
        sys.exit(70)


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated


def _come_again(lost: sys.UnraisableHookArgs) -> None:
    """A signal that came where no exception can leave (a callback of C code, a finalizer) comes once more, a moment later."""
    if not isinstance(lost.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    import threading

    number = signal.SIGTERM if isinstance(lost.exc_value, Terminated) else signal.SIGINT
    again = threading.Timer(_AGAIN_S, os.kill, [os.getpid(), number])
    again.daemon = True
    again.start()


def _failed(error: KoboSyncError) -> NoReturn:
    from kobo_sync.cli.console import print_error, print_finding

    print_error(error.message, error.hint or "")
    for finding in getattr(error, "findings", ()):
        print_finding(finding)
    sys.exit(error.exit_code)


def _interrupted(cause: BaseException) -> NoReturn:
    from kobo_sync.cli.console import print_error

    if isinstance(cause, EOFError):
        print_error(
            "a question had no answer: the input ended", "answer it, or give --yes, or what else --help names for it"
        )
        sys.exit(2)
    by_ctrl_c = not isinstance(cause, Terminated)
    print_error(
        f"ended by {'Ctrl-C' if by_ctrl_c else 'SIGTERM'}; what was stored is safe",
        "run it again: it goes on from there",
    )
    sys.exit(CTRL_C if by_ctrl_c else SIGTERM)
