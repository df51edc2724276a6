"""Measures other programs beside Quince.

A new peer is one file in adapters/ and a row in registry.py. The folder stays in the repository; it
is not installed on a device.
"""
