"""What the mirror, the desk and the station's file have in common: a version, steps from older ones, a look that changes nothing."""
