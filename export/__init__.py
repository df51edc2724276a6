"""Converts a trained run to model files for devices, and publishes none that was not compared with the Keras model first."""
