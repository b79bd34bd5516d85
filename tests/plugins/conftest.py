"""The example is run by ``nox -s plugins``; that a fresh copy passes its tests is tested in ``tests/testing``."""

collect_ignore = ["example_model"]
