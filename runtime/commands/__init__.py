"""Contains the commands of `python -m runtime`; a new one is one file and one row in table.py."""
