"""ODK Central as it really answers."""
