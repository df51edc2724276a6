"""Holds the verbs of `python -m train`."""
