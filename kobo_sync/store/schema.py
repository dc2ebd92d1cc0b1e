"""The mirror's fixed tables: one MetaData, one version, aware UTC times only."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    VARCHAR,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    TypeDecorator,
)
from sqlalchemy import Text as _Text

VERSION = 5  # older files are brought up by `migrations`

# Texts sort on PostgreSQL as they do on SQLite and in Python, whatever the database's language is.
Name = VARCHAR().with_variant(VARCHAR(collation="C"), "postgresql")
Text = _Text().with_variant(_Text(collation="C"), "postgresql")
RowId = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only where the type is this one


class Utc(TypeDecorator[datetime]):
    """A moment, stored as ISO text in UTC so that it sorts; naive times are refused."""

    impl = VARCHAR(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """The moment as text. Raises: ValueError for a naive time."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """The text as an aware moment."""
        return None if value is None else datetime.fromisoformat(value)


metadata = MetaData()

facts = Table(  # what the mirror knows of itself: schema version, server of each form, …
    "facts",
    metadata,
    Column("name", Name, primary_key=True),
    Column("value", Text, nullable=False),
)

submissions = Table(  # the live rows and, with gone_at, the tombstones; identity is root_uuid
    "submissions",
    metadata,
    Column("row_id", RowId, primary_key=True),
    Column("form_id", Name, nullable=False),
    Column("root_uuid", Name, nullable=False),
    Column("submission_id", BigInteger, nullable=False),  # its place in the server's listing
    Column("server_key", Name, nullable=False, server_default=""),  # what the server calls it
    Column("uuid", Name, nullable=False),
    Column("submitted_at", Utc, nullable=False),
    Column("submitted_by", Name, nullable=False),
    Column("form_version", Name, nullable=False),
    Column("validation", Name, nullable=False),
    Column("validated_at", BigInteger, nullable=False),
    Column("signature", Name, nullable=False),  # what a light scan would show
    Column("raw_sha256", LargeBinary(32), nullable=False),  # of the bytes last seen: key order and addresses count
    Column("content_sha256", Name, nullable=False, server_default=""),  # empty until asked for
    Column("body_id", RowId, nullable=False),  # where its JSON lies: in bodies, from byte body_at on
    Column("body_at", Integer, nullable=False),
    Column("body_n", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("first_seen_at", Utc, nullable=False),
    Column("changed_at", Utc, nullable=False),
    Column("missed_at", Utc),  # absent from a complete scan, not yet proved gone
    Column("gone_at", Utc),
)
Index("submissions_by_id", submissions.c.form_id, submissions.c.submission_id)
# These two are taken away while a form is loaded for the first time (see `bulk_load`): uuids are random, and a row
# in such an index costs a page of the disk, where all of them at once cost a sort.
by_root = Index("submissions_by_root", submissions.c.form_id, submissions.c.root_uuid, unique=True)

bodies = Table(  # rows as received, a page or some rows together, gzip: whole pages are kept as the server packed them
    "bodies",
    metadata,
    Column("body_id", RowId, primary_key=True, autoincrement=True),
    Column("packed", LargeBinary, nullable=False),
)

revisions = Table(  # every state of the submissions that changed; one never changed is its own only revision
    "revisions",
    metadata,
    Column("form_id", Name, primary_key=True),
    Column("root_uuid", Name, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("kind", Name, nullable=False),  # new, edited, validated, files, deleted, restored
    Column("seen_at", Utc, nullable=False),
    Column("uuid", Name, nullable=False),
    Column("body_id", RowId),  # as in submissions; empty for a deletion: the revision before it holds the content
    Column("body_at", Integer),
    Column("body_n", Integer),
)

attachments = Table(
    "attachments",
    metadata,
    Column("row_id", RowId, primary_key=True),
    Column("form_id", Name, nullable=False),
    Column("root_uuid", Name, nullable=False),
    Column("attachment_uid", Name, nullable=False),
    Column("filename", Name, nullable=False),
    Column("question_path", Name, nullable=False),
    Column("mimetype", Name, nullable=False),
    Column("url", Name, nullable=False),
    Column("is_deleted", Boolean, nullable=False),  # trashed on the server; our copy is kept
    Column("is_current", Boolean, nullable=False),  # named by the newest revision
    Column("sha256", Name),  # None until the bytes are here
    Column("sniffed", Name),  # the media type that the bytes themselves show
    Column("n_bytes", BigInteger),
    Column("stored_at", Utc),
    Column("error", Text),
)

by_file = Index(
    "attachments_by_file",
    attachments.c.form_id,
    attachments.c.root_uuid,
    attachments.c.attachment_uid,
    unique=True,
)
Index("attachments_wanted", attachments.c.form_id, sqlite_where=attachments.c.sha256.is_(None)).ddl_if(dialect="sqlite")
# PostgreSQL's is made by `migrations`: named here, it would load that whole dialect for those who have SQLite.

quarantine = Table(  # rows that could not be understood: kept, reported, tried again
    "quarantine",
    metadata,
    Column("form_id", Name, primary_key=True),
    Column("submission_id", BigInteger, primary_key=True),
    Column("raw", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    Column("seen_at", Utc, nullable=False),
)

cursors = Table(  # how far a form was read, from which project, and what its last complete scan saw
    "cursors",
    metadata,
    Column("form_id", Name, primary_key=True),
    Column("last_id", BigInteger, nullable=False),
    Column("asset_uid", Name, nullable=False, server_default=""),
    Column("server", Name, nullable=False, server_default=""),
    Column("owner", Name, nullable=False, server_default=""),  # owner and rights when nothing was amiss
    Column("rights", Text, nullable=False, server_default=""),  # JSON list
    Column("server_n", BigInteger),
    Column("doubles", BigInteger, nullable=False, server_default="0"),  # rows listed beyond one per submission
    Column("n_live", BigInteger, nullable=False, server_default="0"),
    Column("modified", Name, nullable=False, server_default=""),  # the newest modification date, where rows have one
    Column("read_at", Utc),  # when the last reading began
    Column("pulled_at", Utc),
    Column("reconciled_at", Utc),  # when the last complete scan began
)

deployments = Table(
    "deployments",
    metadata,
    Column("form_id", Name, primary_key=True),
    Column("asset_uid", Name, nullable=False),
    Column("server", Name, nullable=False),
    Column("form_sha256", Name, nullable=False),
    Column("media", Text, nullable=False),  # JSON: file name → md5
    Column("version_id", Name, nullable=False),
    Column("deployed_at", Utc),
)

flat_layouts = Table(  # the tables of each form over all its versions so far, and the version they follow
    "flat_layouts",
    metadata,
    Column("form_id", Name, primary_key=True),
    Column("form_sha256", Name, nullable=False),
    Column("layout", Text, nullable=False, server_default=""),  # JSON, see store.tables.layout
)

labels = Table(  # what questions (code "") and their choices are called
    "labels",
    metadata,
    Column("form_id", Name, primary_key=True),
    Column("question", Name, primary_key=True),
    Column("code", Name, primary_key=True),
    Column("language", Name, primary_key=True),
    Column("label", Text, nullable=False),
)
