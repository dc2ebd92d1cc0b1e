"""The parts of what is done for a person who asks: what is held about them, as a file, and its erasure."""
