"""Searches for better training options on the validation images."""
