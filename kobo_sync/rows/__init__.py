"""Submissions as the mirror keeps them: KoboToolbox's row, whatever server they came from; pages of them, and XML that becomes one."""
