"""Delivers images. A new source is one file here and one row in base.py."""
