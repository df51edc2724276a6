"""Measures value ranges and prepares a model for integers."""
