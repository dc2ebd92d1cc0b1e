"""Settings of the checks, of backups and of retention; `config` has those that describe the mission."""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Months = Annotated[int, Field(ge=1, le=1200)]  # none would erase what phones still send on the last day
Range = Annotated[tuple[float, float], Field(description="lowest, highest")]


class Settings(BaseModel):
    """Base of all settings: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Checks(Settings):
    """What the data checks look for, from which threshold on, and what follows from it.

    *minutes* are lowest and highest durations by form_id; *bounds* lowest and highest values by
    ``form_id.question``. *hold* names the rules whose findings `check --write-back` puts on hold.
    """

    exclude: list[Literal["not_approved", "on_hold"]] = ["not_approved"]
    extra: list[str] = []
    off: list[str] = []
    hold: list[str] = ["DATA002", "DATA003", "DATA005", "DATA006", "DATA008", "DATA019"]
    write_back: bool = False
    days_before: int = Field(default=90, ge=0)
    days_late: int = Field(default=7, ge=0)
    min_minutes: float = Field(default=1, ge=0)
    max_minutes: float = Field(default=240, gt=0)
    minutes: dict[str, Range] = {}
    night_from: time = time(22)
    night_to: time = time(5)
    radius_km: float = Field(default=30, gt=0)
    outlier_iqr: float = Field(default=3, gt=0)
    outlier_min_n: int = Field(default=20, ge=4)
    straight_items: int = Field(default=5, ge=2)
    bounds: dict[str, Range] = {}
    other_codes: list[str] = ["autre", "autres", "other"]
    enumerator_min_n: int = Field(default=10, ge=1)
    enumerator_factor: float = Field(default=3, gt=1)

    @field_validator("minutes", "bounds")
    @classmethod
    def _lowest_first(cls, value: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        for name, (low, high) in value.items():
            if low > high:
                raise ValueError(f"{name}: the lowest value stands first")
        return value

    @field_validator("extra")
    @classmethod
    def _dotted(cls, value: list[str]) -> list[str]:
        for name in value:
            if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", name):
                raise ValueError(f"{name!r} is no dotted name, such as my_package.my_check")
        return value


class Backup(Settings):
    """Where backups go (a folder, from the mission's on; empty: the state folder), and how many stay."""

    folder: str = ""
    daily: int = Field(default=7, ge=0)
    weekly: int = Field(default=8, ge=0)


class Encryption(Settings):
    """Who can open what is encrypted: *recipients* are public keys (``age1…``, ``ssh-ed25519 …``).

    *nominative*: nominative zips are encrypted as soon as there is a recipient. *backups*: every backup, those by the clock too.
    """

    recipients: list[str] = []
    nominative: bool = True
    backups: bool = False

    @field_validator("recipients")
    @classmethod
    def _public(cls, recipients: list[str]) -> list[str]:
        for place, each in enumerate(recipients, 1):
            if "SECRET-KEY" in each.upper() or "PRIVATE KEY" in each.upper():
                raise ValueError(
                    f"entry {place} is a private key: take it out, make a new one, and write its public key"
                )
            if not each.startswith(("age1", "ssh-ed25519 ", "ssh-rsa ")):
                raise ValueError(f"entry {place} is no public key: it begins with age1, ssh-ed25519 or ssh-rsa")
        return recipients

    @property
    def seals_nominative(self) -> bool:
        """Whether nominative zips are encrypted."""
        return self.nominative and bool(self.recipients)


class Files(Settings):
    """Where attached files are kept: nothing is the state folder, else a folder's path, or storage as ``s3://bucket/folder``.

    *endpoint* is the address of storage that is not Amazon's.
    """

    url: str = ""
    endpoint: str = ""


class Retention(Settings):
    """What `purge` erases, in months after the mission's last day; what no key names is kept.

    *files_months*: the files of submissions. *personal_months*: answers that say who somebody is, the imported
    roster, nominative documents; *personal* adds questions as ``form_id.question``. *answers_months*: all answers
    of these forms.
    """

    files_months: Months | None = None
    personal_months: Months | None = None
    answers_months: dict[str, Months] = {}
    personal: list[str] = []
