"""Holds one script per claim; the scripts may import all packages."""
