"""The parts of a purge: what people wrote, and files."""
