"""Rewrites Keras graphs before conversion."""
