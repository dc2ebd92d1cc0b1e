"""PDF files, charts and codes, set by Typst."""
