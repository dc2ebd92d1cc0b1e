"""How ODK Central spells things: addresses, and answers as values; pure."""
