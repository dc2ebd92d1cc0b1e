"""The queue that several machines work from: procrastinate on PostgreSQL. It knows pieces of work, not what they do."""
