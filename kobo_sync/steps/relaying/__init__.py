"""The parts of `relay`."""
