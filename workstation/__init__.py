"""Holds what train and export share: run folders, Keras files, Keras set-up, plots.

The device never needs it.
"""
