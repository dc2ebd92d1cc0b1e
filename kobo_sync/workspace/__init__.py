"""A mission's folder on disk: the only code that knows folder and file names."""
