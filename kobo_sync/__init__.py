"""Forms to KoboToolbox, submissions to a local mirror, deliverables per zone."""

__version__ = "0.2.0"
