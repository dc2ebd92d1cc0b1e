"""How KoboToolbox spells things: addresses, and answers as values; pure."""
