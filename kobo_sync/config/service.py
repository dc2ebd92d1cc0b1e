"""The settings of the long-running service: hours, pages, mails."""

from __future__ import annotations

from datetime import time
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from kobo_sync.config.checks_and_keeping import Settings

JOB_NAMES = ("run", "relay", "pull", "reconcile", "check", "build", "deliver", "digest", "purge", "backup")
PAGES_ADDRESS = r"^(https?://[^/?#\s]+(/[A-Za-z0-9_-]+)*)?$"
ADDRESS = r"^[^@\s,;<>]+@[^@\s,;<>]+$"
Address = Annotated[str, Field(pattern=ADDRESS, max_length=254)]


class Schedule(Settings):
    """When each job runs: cron expressions (five fields, the mission's time zone) or ``every 15 min``.

    *jitter_s* spreads the starts, so that not all missions ask the server in the same second;
    *grace_minutes* is how late a job may still be made up for, once, after a sleep of the machine.
    """

    run: list[str] = []
    relay: list[str] = []
    pull: list[str] = []
    reconcile: list[str] = []
    check: list[str] = []
    build: list[str] = []
    deliver: list[str] = []
    digest: list[str] = []
    purge: list[str] = []
    backup: list[str] = []
    jitter_s: float = Field(default=20, ge=0, le=3600)
    grace_minutes: float = Field(default=720, ge=1, le=60 * 24 * 366)

    @field_validator(*JOB_NAMES)
    @classmethod
    def _readable(cls, value: list[str]) -> list[str]:
        from kobo_sync.config.timetable import checked  # a verb without a schedule does not wait for it

        for expression in value:
            try:
                checked(expression)
            except ValueError as error:
                raise ValueError(
                    f"{expression!r} is no schedule ({error}); write '0 6 * * *' (every day at six) or 'every 15 min'"
                ) from error
        return value

    def of(self, job: str) -> tuple[str, ...]:
        """The expressions of *job*."""
        return tuple(getattr(self, job, ()))


class Service(Settings):
    """The pages: where they listen, how people reach them, how long a browser stays signed in.

    A share link lives *share_days*, never more than *longest_share_days*.
    *trusted_proxies* is how many reverse proxies of yours stand in front (0: none, their headers are not believed).
    *at_once* is how many jobs of several missions work on this machine side by side (0: as many as it has processors).
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    public_url: Annotated[str, Field(pattern=PAGES_ADDRESS)] = ""
    trusted_proxies: int = Field(default=0, ge=0, le=5)
    idle_minutes: float = Field(default=30, gt=0)
    session_hours: float = Field(default=12, gt=0)
    share_days: int = Field(default=14, ge=1, le=365)
    longest_share_days: int = Field(default=30, ge=1, le=365)
    log_format: Literal["plain", "json"] = "plain"
    at_once: int = Field(default=0, ge=0, le=256)

    @model_validator(mode="after")
    def _no_longer_than_the_longest(self) -> Service:
        if self.share_days > self.longest_share_days:
            raise ValueError("share_days is more than longest_share_days; lower the one or raise the other")
        return self


class Engine(Settings):
    """The queue that several machines work from; its database is the secret ENGINE_URL, or STORE_URL where it is *enabled*.

    A piece of work that takes longer than *most_hours* is ended. *zones_at_once* are built in one piece; 0: as many as take some
    seconds, for each piece looks at the mission first. *per_server* is the older name of ``server.at_once``.
    """

    enabled: bool = False
    per_server: int | None = Field(default=None, ge=1, le=64)
    most_hours: float = Field(default=6, gt=0, le=168)
    zones_at_once: int = Field(default=0, ge=0, le=100)


class Smtp(Settings):
    """The mail server; its password is the secret SMTP_PASSWORD. *ca_file* trusts a certificate of your own."""

    host: str
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    sender: Address
    ca_file: str = ""
    plain_password: bool = False  # let it go unencrypted to another machine


class Notices(Settings):
    """Who is told what by mail; *quota_hour* is when a zone that falls short on its training day is told."""

    smtp: Smtp | None = None
    staff: list[Address] = []
    deliverables_to: list[Address] = []
    deliverables_cc: list[Address] = []
    attach: bool = False
    quota_hour: time = time(11, 0)
    endangered_below: float = Field(default=0.8, ge=0, le=1)
