"""The failure of one form, kept from the others: a finding that names the form, the kind of error and its place."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kobo_sync.errors import (
    ConfigError,
    KoboError,
    KoboSyncError,
    KoboUnreachable,
    RunStopped,
    StoreError,
    place_of,
)
from kobo_sync.model import Finding
from kobo_sync.store.database import is_about_the_file

CURE = "the other forms are complete; set KOBO_SYNC_DEBUG=1, run it again for this form, and report what it prints"


@contextmanager
def one_form(
    form_id: str,
    findings: list[Finding],
    lines: list[str],
    outcome: str,
    server_lives: Callable[[], bool] = lambda: False,
) -> Iterator[None]:
    """Work on *form_id*: what goes wrong with it alone is added to *findings*, and a line with the *outcome* to *lines*.

    Raises: what concerns every form alike (no network, a refused token, a full or damaged disk, a run that is to stop).
    """
    try:
        yield
    except RunStopped:
        raise
    except ConfigError as error:
        if not error.key.startswith("forms"):  # the mission's other settings concern every form
            raise
        findings.append(_finding("PULL011", form_id, error.message, error.hint or CURE))
    except KoboError as error:
        # A project may time out for ever while its server answers all else: the forms after it are pulled all the same.
        is_alone = server_lives() if isinstance(error, KoboUnreachable) else True
        if not is_alone or error.status == 401:  # no server, or a token that is wrong for every form alike
            raise
        findings.append(_finding("PULL001", form_id, error.message, error.hint))
    except StoreError as error:
        if is_about_the_file(error):
            raise
        findings.append(_finding("PULL011", form_id, error.message, CURE))
    except KoboSyncError as error:
        findings.append(_finding("PULL011", form_id, error.message, error.hint or CURE))
    except OSError:
        raise  # of the disk or of the network: no fault of a form
    except Exception as error:
        if os.environ.get("KOBO_SYNC_DEBUG"):
            raise
        # The error's own words may quote an answer: its kind and its place do not.
        message = (
            f"the program itself is at fault ({type(error).__name__} in {place_of(error)}); what was stored is safe"
        )
        findings.append(_finding("PULL011", form_id, message, CURE))
    else:
        return
    lines.append(f"{form_id}: {outcome}")


def _finding(rule: str, form_id: str, message: str, hint: str) -> Finding:
    return Finding(rule, "error", form_id, message, hint, form_id=form_id)
