"""Data checks, one file each, with stable codes."""
