"""Converts Keras models to model files.

A new format is one folder here and one row in registry.py. A device runs its files with a row in
runtime/backends/base.py, and an emulated device with a row in export/emulation/devices.py.
"""
