"""Holds a script for each quantizer; it runs in an environment of its own without Quince."""
