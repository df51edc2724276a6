"""Writes benchmark results as files, tables and pages."""
