"""One file per deliverable; a small registry."""
