"""Holds the options of a training and resolves their defaults."""
