"""Measures what Quince claims. A new claim is one file in scripts/.

The folder stays in the repository; it is not installed on a device.
"""
