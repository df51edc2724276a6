"""Writes the report of a training run."""
