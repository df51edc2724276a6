"""Converts a trained run to model files for devices, each compared with the Keras model first."""
