"""What the server finds wrong with one form, kept from the others: told, and they go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from kobo_sync.errors import FormError, KoboError, KoboRefused, KoboUnreachable
from kobo_sync.form_server import FormServer
from kobo_sync.model import Finding

CURE = "look at the form on the server, and at the account's rights; the other forms went on"


def lives(client: FormServer) -> bool:
    """Whether the server answers a plain question."""
    with suppress(KoboError):
        client.me()
        return True
    return False


def is_of_one_form(error: KoboError, client: FormServer) -> bool:
    """Whether the fault may be a single form's: the server answers all else, and knows the account."""
    if isinstance(error, KoboUnreachable):
        return lives(client)
    return not isinstance(error, KoboRefused) or error.status == 403


@contextmanager
def one_at_a_time(form_id: str, rule: str, findings: list[Finding], client: FormServer) -> Iterator[None]:
    """Do something about *form_id* on the server: what is wrong with this form alone is added to *findings* under *rule*.

    Raises: what concerns every form alike: no server, a refused account, a setting, the disk.
    """
    try:
        yield
    except KoboError as error:
        if not is_of_one_form(error, client):
            raise
        findings.append(Finding(rule, "error", form_id, error.message, error.hint or CURE, form_id=form_id))
    except FormError as error:
        findings.append(Finding(rule, "error", form_id, error.message, error.hint or CURE, form_id=form_id))
