"""The desk's tables, the same on SQLite and PostgreSQL: one MetaData, one version."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

from kobo_sync.store.schema import Utc

VERSION = 1

metadata = MetaData()

facts = Table(  # what the desk knows of itself: schema version, the key that signs links and cookies
    "desk_facts",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

runs = Table(  # every run of a step or job; (job, slot) is unique, so that a slot runs once over all processes
    "runs",
    metadata,
    Column("run_id", Integer, primary_key=True, autoincrement=True),
    Column("job", String(32), nullable=False),
    Column("slot", String(32)),  # local wall time of the schedule that asked; None for a person or a command
    Column("origin", String(16), nullable=False),  # command, schedule, catch_up, person, hook
    Column("asked_by", String(64), nullable=False),
    Column("started_at", Utc, nullable=False),
    Column("ended_at", Utc),
    Column("status", String(16), nullable=False),  # running, done, findings, failed, stopped, lost, missed
    Column("progress", Text, nullable=False),  # JSON: what, done, total
    Column("report", Text, nullable=False),  # JSON
    Column("host", String(255), nullable=False),
    Column("pid", Integer, nullable=False),
    UniqueConstraint("job", "slot", name="one_run_per_slot"),
)
Index("runs_by_job", runs.c.job, runs.c.run_id)

leases = Table(  # who is at work, over processes and machines; a holder adds to *beat* while it lives
    "leases",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("host", String(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("beat", BigInteger, nullable=False),
    Column("taken_at", Utc, nullable=False),
)

schedules = Table(  # what staff set on the page, in place of [schedule] in the config; and pauses
    "schedules",
    metadata,
    Column("job", String(32), primary_key=True),
    Column("expressions", Text),  # JSON list; None: as the config says
    Column("paused", Boolean, nullable=False),
    Column("changed_by", String(64), nullable=False),
    Column("changed_at", Utc, nullable=False),
)

wishes = Table(  # runs asked for by a person or a hook and not begun yet; the same wish stands once
    "wishes",
    metadata,
    Column("job", String(32), primary_key=True),
    Column("form_id", String(64), primary_key=True),  # empty: all forms
    Column("origin", String(16), nullable=False),
    Column("asked_by", String(64), nullable=False),
    Column("asked_at", Utc, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("username", String(64), primary_key=True),
    Column("name", String(255), nullable=False),
    Column("role", String(16), nullable=False),  # staff, consultant, reader
    Column("may_see_names", Boolean, nullable=False),
    Column("password", String(255), nullable=False),  # scrypt, salted
    Column("n_failures", Integer, nullable=False),
    Column("locked_until", Utc),
    Column("created_at", Utc, nullable=False),
    Column("disabled_at", Utc),
)

sessions = Table(  # signed-in browsers, by the hash of their cookie's token
    "sessions",
    metadata,
    Column("token_sha256", String(64), primary_key=True),
    Column("username", String(64), nullable=False),
    Column("began_at", Utc, nullable=False),
    Column("seen_at", Utc, nullable=False),
)

attempts = Table(  # failed sign-ins per address and window, so that a restart forgets none
    "attempts",
    metadata,
    Column("key", String(128), primary_key=True),
    Column("n", Integer, nullable=False),
    Column("since_at", Utc, nullable=False),
)

shares = Table(  # links to one deliverable for people without an account
    "shares",
    metadata,
    Column("share_id", String(32), primary_key=True),
    Column("path", String(255), nullable=False),
    Column("created_by", String(64), nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False),
    Column("revoked_at", Utc),
    Column("revoked_by", String(64), nullable=False),
)

downloads = Table(  # who took which file when
    "downloads",
    metadata,
    Column("download_id", Integer, primary_key=True, autoincrement=True),
    Column("at", Utc, nullable=False),
    Column("username", String(64), nullable=False),  # empty for a share link
    Column("share_id", String(32), nullable=False),
    Column("path", String(255), nullable=False),
    Column("classification", String(16), nullable=False),
    Column("sha256", String(64), nullable=False),
)
Index("downloads_by_path", downloads.c.path, downloads.c.download_id)

notices = Table(  # one row per event that was, or will be, told by mail: an event is told once
    "notices",
    metadata,
    Column("event", String(128), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("body", Text, nullable=False),
    Column("recipients", Text, nullable=False),  # JSON: to, cc
    Column("files", Text, nullable=False),  # JSON list of paths below exports/out/
    Column("raised_at", Utc, nullable=False),
    Column("sent_at", Utc),
    Column("n_tries", Integer, nullable=False),
    Column("next_try_at", Utc),
    Column("error", Text, nullable=False),
)

snapshots = Table(  # what pages show, worked out once per change of the data: reading them costs nothing
    "snapshots",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("made_at", Utc, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("content", Text, nullable=False),  # JSON
)
