"""XLSForms: read, compiled, judged, compared."""
