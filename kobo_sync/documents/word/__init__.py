"""Word files: written, filled from templates, and kept alive where people write in them."""
