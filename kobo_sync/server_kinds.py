"""The kinds of servers that hold forms and their submissions, and what each of them has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Features:
    """What a kind of server has; what it lacks the job does otherwise, or tells."""

    name: str  # as people know it
    secrets: tuple[str, ...]  # that its account needs, as config/secrets.env calls them
    signs_in: bool = False  # a program does so with an e-mail and a password, in place of a token
    has_one_address: bool = False  # for programs, people and phones alike
    has_hooks: bool = True
    compiles_forms: bool = True  # by a pyxform of its own, which refuses and drops what others take
    forms_have_own_ids: bool = False  # a form is called there what its XLSForm calls it
    numbers_rows: bool = True  # people know a row by a number of the server's
    knows_phones: bool = False  # each by itself, with a secret of its own
    keeps_lists: bool = False  # by themselves, so that a change of theirs needs no new version of a form
    counts_doubles: bool = True  # a submission that is listed twice counts twice
    replaces_files: bool = False  # other bytes may come under a file's name
    trash_days: int = 0  # how long what is deleted can be brought back


KOBOTOOLBOX = Features("KoboToolbox", ("KOBO_TOKEN",))  # a field station as well
ODK_CENTRAL = Features(
    "ODK Central",
    ("CENTRAL_EMAIL", "CENTRAL_PASSWORD"),
    signs_in=True,
    has_one_address=True,
    has_hooks=False,
    compiles_forms=False,
    forms_have_own_ids=True,
    numbers_rows=False,
    knows_phones=True,
    keeps_lists=True,
    counts_doubles=False,
    replaces_files=True,
    trash_days=30,
)
