"""Numbers with their n, by the definitions of the mission."""
