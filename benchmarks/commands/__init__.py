"""Holds the verbs of `python -m benchmarks`; a new one is a file here and a row in table.py."""
