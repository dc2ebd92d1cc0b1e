"""A mission opened: its config, store, clock and server; its facts, findings and recorded runs."""
