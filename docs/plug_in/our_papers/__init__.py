"""Checks and deliverables of our own for kobo-sync."""
