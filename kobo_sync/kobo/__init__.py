"""KoboToolbox as it really answers."""
