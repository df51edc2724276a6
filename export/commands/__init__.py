"""Reads the command line of `python -m export`, runs it and prints the results."""
