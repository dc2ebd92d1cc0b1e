"""The job, in order: the verb is the file."""
