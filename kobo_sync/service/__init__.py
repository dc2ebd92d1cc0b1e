"""The process that runs for weeks: jobs by the clock, and the pages beside them."""
