"""Forms in any browser: ``/f/``, through Enketo's form engine, with no Internet and nothing to install."""
