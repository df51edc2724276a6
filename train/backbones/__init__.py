"""Builds networks. A new backbone is one file here and one row in registry.py."""
