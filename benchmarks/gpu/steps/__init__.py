"""The steps of the kit: one module each, with run(options, emit)."""
