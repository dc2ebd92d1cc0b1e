"""What staff write in config/, as one checked value."""
