"""Holds scripts that make a peer's own model file."""
