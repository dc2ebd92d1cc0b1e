"""The local mirror: one schema, rows and cursor in one transaction."""
