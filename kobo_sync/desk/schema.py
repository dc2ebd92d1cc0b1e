"""The desk's tables, the same on SQLite and PostgreSQL: one MetaData, one version."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

from kobo_sync.store.schema import Utc

VERSION = 6  # every change of a table raises it, with a step in `migrations`

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
    Column("slot_at", Utc),
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
    Column("role", String(16), nullable=False),  # administrator, staff, consultant, reader
    Column("may_see_names", Boolean, nullable=False),
    Column("password", String(255), nullable=False),  # scrypt, salted
    Column("n_failures", Integer, nullable=False, default=0),  # nor this nor the next is used any more
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

attempts = Table(  # wrong passwords under a hash of name and address, address, or browser; *since_at*: the last one
    "attempts",
    metadata,
    Column("key", String(128), primary_key=True),
    Column("n", Integer, nullable=False),
    Column("since_at", Utc, nullable=False),
)

one_time_links = Table(  # by the hash of its token: lets one person make the first account, or choose a password, once
    "one_time_links",
    metadata,
    Column("token_sha256", String(64), primary_key=True),
    Column("username", String(64), nullable=False),  # empty: the first account
    Column("made_by", String(64), nullable=False),
    Column("made_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False),
    Column("used_at", Utc),
)

changes = Table(  # what was changed on a page: settings, lists, forms, the report; both states lie in the workspace by their hash
    "changes",
    metadata,
    Column("change_id", Integer, primary_key=True, autoincrement=True),
    Column("at", Utc, nullable=False),
    Column("by", String(64), nullable=False),
    Column("path", String(255), nullable=False),  # of the file, from the mission's folder
    Column("keys", Text, nullable=False),  # JSON list: what in it
    Column("before_sha256", String(64), nullable=False),  # empty: there was no file
    Column("after_sha256", String(64), nullable=False),  # empty: there is none any more
    Column("undoes", Integer),  # the change that this one takes back
)
Index("changes_by_path", changes.c.path, changes.c.change_id)

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

journal = Table(  # who did what when; each entry's hash covers the one before it (`chain`), and none is ever changed
    "journal",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),  # from 1, without a gap
    Column("at", Utc, nullable=False),
    Column("by", Text, nullable=False),
    Column("act", String(32), nullable=False),
    Column("subject", Text, nullable=False),
    Column("details", Text, nullable=False),  # JSON, or empty
    Column("sha256", String(64), nullable=False),
)

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

findings = Table(  # the worklist: each thing that a check ever found, and what became of it
    "findings",
    metadata,
    Column("item_id", Integer, primary_key=True, autoincrement=True),
    Column("key", String(40), nullable=False, unique=True),
    Column("rule", String(64), nullable=False),
    Column("form_id", String(64), nullable=False),
    Column("root_uuid", String(64), nullable=False),
    Column("zone", String(64), nullable=False),
    Column("enumerator", String(128), nullable=False),
    Column("severity", String(8), nullable=False),
    Column("rank", Integer, nullable=False),  # of the severity, errors first
    Column("state", String(16), nullable=False),  # new, seen, accepted, corrected, false_alarm
    Column("is_found", Boolean, nullable=False),  # by the last run of the checks
    Column("place", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("hint", Text, nullable=False),
    Column("evidence", String(64), nullable=False),
    Column("said", String(64), nullable=False),  # a digest of what is shown
    Column("note", Text, nullable=False),
    Column("other_row", String(160), nullable=False, server_default=""),  # form_id/root_uuid that it is compared with
    Column("found_at", Utc, nullable=False),
    Column("changed_at", Utc, nullable=False),
    Column("changed_by", String(64), nullable=False),
)
for _column in ("state", "rule", "zone", "enumerator"):
    Index(f"findings_by_{_column}", findings.c[_column], findings.c.rank, findings.c.item_id)

finding_events = Table(  # who did what to an item when; that it was found stands in the item itself
    "finding_events",
    metadata,
    Column("event_id", Integer, primary_key=True, autoincrement=True),
    Column("key", String(40), nullable=False),
    Column("at", Utc, nullable=False),
    Column("by", String(64), nullable=False),
    Column("kind", String(16), nullable=False),  # set, closed, reopened
    Column("before", String(16), nullable=False),
    Column("after", String(16), nullable=False),
    Column("note", Text, nullable=False),
)
Index("finding_events_by_key", finding_events.c.key, finding_events.c.event_id)

finding_counts = Table(  # how many items each combination has, so that pages need not count 100,000 of them
    "finding_counts",
    metadata,
    Column("rule", String(64), primary_key=True),
    Column("form_id", String(64), primary_key=True),
    Column("zone", String(64), primary_key=True),
    Column("enumerator", String(128), primary_key=True),
    Column("severity", String(8), primary_key=True),
    Column("state", String(16), primary_key=True),
    Column("n", Integer, nullable=False),
)

holds = Table(  # rows that we put on hold on the server, and why: a status there has no text
    "holds",
    metadata,
    Column("form_id", String(64), primary_key=True),
    Column("root_uuid", String(64), primary_key=True),
    Column("server_key", String(255), nullable=False),  # what the server calls the row
    Column("state", String(16), nullable=False),  # placing, placed, releasing, released, overruled
    Column("reason", Text, nullable=False),
    Column("evidence", String(64), nullable=False),
    Column("changed_at", Utc, nullable=False),
)
